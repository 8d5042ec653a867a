import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from iku.access import accounts, api_keys, invitations, sessions, sign_in, token
from iku.access.sign_in import FailedStep, SignedIn
from iku.postgres.pool import Pool
from tests.access.enrolling import PASSWORD, Office, code


async def test_an_invitation_is_valid_once_for_24_hours(office: Office) -> None:
    """ASVS 6.4.1."""
    issued = await invitations.issue(office.connection, account := str(uuid4()))
    day = issued.expires_at - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < day <= timedelta(hours=24)
    [pending] = await invitations.pending(office.connection)
    assert (pending.account, pending.expires_at) == (account, issued.expires_at)
    redeemed = await invitations.redeem(office.connection, issued.token)
    assert redeemed is not None
    assert redeemed.account == account
    assert await invitations.redeem(office.connection, issued.token) is None
    assert await invitations.pending(office.connection) == []


async def test_an_expired_invitation_opens_nothing(office: Office) -> None:
    """ASVS 6.4.1."""
    issued = await invitations.issue(office.connection, str(uuid4()))
    await office.later("24 hours 1 second")
    assert await invitations.redeem(office.connection, issued.token) is None
    assert await invitations.pending(office.connection) == []


async def test_a_new_invitation_makes_the_earlier_one_invalid(office: Office) -> None:
    """ASVS 6.4.1."""
    first = await invitations.issue(office.connection, account := str(uuid4()))
    second = await invitations.issue(office.connection, account)
    assert await invitations.redeem(office.connection, first.token) is None
    assert await invitations.redeem(office.connection, second.token) is not None


async def test_an_invitation_is_redeemed_once_in_parallel(pool: Pool) -> None:
    """ASVS 6.4.1."""
    async with pool.acquire() as connection:
        issued = await invitations.issue(connection, str(uuid4()))

    async def redeem() -> object:
        async with pool.acquire() as connection:
            return await invitations.redeem(connection, issued.token)

    redeemed = await asyncio.gather(*(redeem() for _ in range(20)))
    assert sum(one is not None for one in redeemed) == 1


async def test_a_cancelled_invitation_opens_nothing(office: Office) -> None:
    issued = await invitations.issue(office.connection, account := str(uuid4()))
    assert await invitations.cancel(office.connection, account)
    assert not await invitations.cancel(office.connection, account)
    assert await invitations.redeem(office.connection, issued.token) is None


async def test_an_invitation_is_stored_as_a_hash(office: Office) -> None:
    """ASVS 7.2.3."""
    issued = await invitations.issue(office.connection, str(uuid4()))
    [row] = await office.owner.fetch("select * from access.invitation")
    assert row["token"] == token.digest(issued.token)


async def test_an_invitation_opens_enrolment_only(office: Office) -> None:
    """ASVS 6.4.6: the holder sets the password; the link signs nobody in."""
    opened = await office.invited()
    assert await sessions.find(office.connection, opened) is None
    refused = await sign_in.begin_enrolment(
        office.connection, office.secrets, opened, issuer="Bakesbangpol"
    )
    assert isinstance(refused, FailedStep)
    assert "password first" in refused.reason
    assert await office.set_password(opened) is None
    assert await sessions.find(office.connection, opened) is None
    seed = await office.begin_enrolment(opened)
    done = await sign_in.confirm_enrolment(
        office.connection, office.secrets, opened, code(seed)
    )
    assert isinstance(done, SignedIn)
    found = await sessions.find(office.connection, done.token)
    assert found is not None
    assert found.method == "password+totp"
    assert await sessions.find_partial(office.connection, opened) is None


async def test_an_enrolment_has_half_an_hour(office: Office) -> None:
    opened = await office.invited()
    await office.later("31 minutes")
    refused = await office.set_password(opened)
    assert refused is not None
    assert "expired" in refused.reason


async def test_a_recovery_removes_the_factors_and_ends_what_is_open(
    office: Office,
) -> None:
    """ASVS 6.4.4."""
    holder = await office.enrolled()
    await office.connection.execute(
        "select access.add_passkey($1, 'c', 'k', 0, 'laptop', '{}')", holder.account
    )
    await office.connection.execute(
        "select access.add_identity($1, 'https://sso.example', 's')", holder.account
    )
    key = await api_keys.create(
        office.connection,
        holder.account,
        name="monitor",
        roles=(),
        rights=("log",),
        held=(),
        lifetime=timedelta(days=30),
    )
    issued = await invitations.recover(office.connection, holder.account)
    found = await accounts.factors(office.connection, holder.account)
    assert found == accounts.Factors(login_name="siti")
    assert await sessions.find(office.connection, holder.token) is None
    assert await api_keys.find(office.connection, key.key) is None
    assert isinstance(await office.password("siti"), FailedStep)
    redeemed = await invitations.redeem(office.connection, issued.token)
    assert redeemed is not None
    assert await office.set_password(redeemed.token, "siti") is None


async def test_an_invitation_of_an_enrolled_account_is_a_recovery_too(
    office: Office,
) -> None:
    """ASVS 6.4.4: the second link does not add a factor unseen."""
    holder = await office.enrolled()
    token = await office.invited(holder.account)
    assert await sessions.find(office.connection, holder.token) is None
    assert isinstance(await office.password("siti"), FailedStep)
    assert await office.set_password(token, "siti", PASSWORD + "!") is None


async def test_redeeming_blocks_an_approving_role_for_24_hours(
    office: Office,
) -> None:
    """ASVS 6.4.4: from the redemption, not from the invitation."""
    issued = await invitations.issue(
        office.connection, account := str(uuid4()), blocks_approving=True
    )
    found = await accounts.factors(office.connection, account)
    assert found.approve_after is None
    await office.later("23 hours 59 minutes")
    assert await invitations.redeem(office.connection, issued.token) is not None
    full = await sessions.open_session(office.connection, account, method="x")
    session = await sessions.find(office.connection, full)
    found = await accounts.factors(office.connection, account)
    assert session is not None
    assert session.approve_after == found.approve_after
    assert found.approve_after is not None
    left = found.approve_after - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    await office.later("24 hours 1 second")
    assert (await accounts.factors(office.connection, account)).approve_after is None


async def test_other_invitations_block_nothing(office: Office) -> None:
    holder = await office.enrolled()
    found = await accounts.factors(office.connection, holder.account)
    assert found.approve_after is None
