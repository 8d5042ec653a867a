"""The steps with an identity provider, over the database."""

import asyncio
from typing import Any

from iku.access import (
    identities,
    invitations,
    oidc_sign_in,
    passkey_sign_in,
    sessions,
    sign_in,
)
from iku.access.oidc import FinishedFlow, Identity, OidcFlow
from iku.access.passkeys import Passkeys
from iku.access.sessions import Stage
from iku.access.sign_in import FailedStep, PartialSession, SignedIn
from iku.postgres.pool import Pool
from tests.access.authenticator import ORIGIN
from tests.access.enrolling import Office, code

ISSUER = "https://sso.example.go.id"


def finished(
    account: str | None = None,
    *,
    subject: str = "198503122010011001",
    fresh: bool = False,
    multi_factor: bool = False,
) -> FinishedFlow:
    """What a user brought back from the provider."""
    flow = OidcFlow(ISSUER, bytes(32), 0.0, "/", account, fresh)
    return FinishedFlow(Identity(ISSUER, subject, None, multi_factor), flow)


def why(done: Any) -> str:
    assert isinstance(done, FailedStep), done
    return str(done.reason)


async def linked(office: Office, name: str = "siti", **identity: Any) -> Any:
    """An enrolled account that linked the identity."""
    holder = await office.enrolled(name)
    done = await oidc_sign_in.link(
        office.connection, finished(holder.account, **identity), holder.token
    )
    assert isinstance(done, str), done
    holder.token = done
    return holder


async def test_a_provider_proves_one_factor_unless_it_names_several(
    office: Office,
) -> None:
    """ASVS 6.8.4: the weakest strength is assumed."""
    holder = await linked(office)
    done = await oidc_sign_in.start(office.connection, finished(), device="Chromium")
    assert isinstance(done, PartialSession)
    assert done.factors.totp
    assert await sessions.find(office.connection, done.token) is None
    await office.forget_codes()
    full = await sign_in.verify_second_factor(
        office.connection, office.secrets, done.token, code(holder.seed)
    )
    assert isinstance(full, SignedIn)
    session = await sessions.find(office.connection, full.token)
    assert session is not None
    assert (session.account, session.method) == (holder.account, "oidc+totp")

    strong = await oidc_sign_in.start(office.connection, finished(multi_factor=True))
    assert isinstance(strong, SignedIn)
    session = await sessions.find(office.connection, strong.token)
    assert session is not None
    assert (session.stage, session.method) == (Stage.FULL, "oidc")


async def test_an_identity_without_an_account_opens_nothing(office: Office) -> None:
    await linked(office)

    done = await oidc_sign_in.start(
        office.connection, finished(subject="lain", multi_factor=True)
    )
    assert f"your identity at {ISSUER} is not linked to an account" in why(done)


async def test_a_flow_of_another_purpose_opens_nothing(office: Office) -> None:
    """A link that was begun in one session is no sign-in, and the other way round."""
    holder = await linked(office)
    other = await office.enrolled("budi")

    said = "was started for another purpose or account"
    account, token = holder.account, holder.token
    for done in (
        await oidc_sign_in.start(office.connection, finished(account)),
        await oidc_sign_in.link(office.connection, finished(), token),
        await oidc_sign_in.link(office.connection, finished(other.account), token),
        await oidc_sign_in.step_up(office.connection, finished(fresh=True), token),
        await oidc_sign_in.step_up(office.connection, finished(account), token),
        await oidc_sign_in.step_up(
            office.connection, finished(other.account, fresh=True), token
        ),
    ):
        assert said in why(done)


async def test_an_identity_makes_the_session_of_its_account_fresh(
    office: Office,
) -> None:
    """ASVS 7.5.1, 7.5.3; the old token is dead (7.2.4)."""
    holder = await linked(office)
    await office.later("6 minutes")
    done = await oidc_sign_in.step_up(
        office.connection, finished(holder.account, fresh=True), holder.token
    )
    assert isinstance(done, SignedIn)
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert session.fresh
    assert await sessions.find(office.connection, holder.token) is None


async def test_the_identity_of_another_account_makes_no_session_fresh(
    office: Office,
) -> None:
    holder = await linked(office)
    await linked(office, "budi", subject="budi")
    for subject in ("budi", "unlinked"):
        done = await oidc_sign_in.step_up(
            office.connection,
            finished(holder.account, subject=subject, fresh=True),
            holder.token,
        )
        assert why(done) == "this identity belongs to another account"


async def test_an_identity_of_another_account_is_not_linked(office: Office) -> None:
    await linked(office)
    other = await office.enrolled("budi")

    done = await oidc_sign_in.link(
        office.connection, finished(other.account), other.token
    )
    assert why(done) == "this identity belongs to another account"
    assert await sessions.find(office.connection, other.token) is not None


async def test_linking_needs_a_fresh_factor(office: Office) -> None:
    """ASVS 7.5.1; a password alone links nothing where a second factor exists."""
    holder = await office.enrolled()
    done = finished(holder.account)
    half = await office.half_open()
    refused = await oidc_sign_in.link(office.connection, done, half)
    assert "sign in with it first" in why(refused)
    await office.later("6 minutes")
    for token, said in ((holder.token, "last five minutes"), ("x", "has expired")):
        assert said in why(await oidc_sign_in.link(office.connection, done, token))
    assert await identities.of_account(office.connection, holder.account) == []


async def test_an_invited_account_links_an_identity_instead_of_a_password(
    office: Office,
) -> None:
    """It still enrols a second factor before it opens anything (ASVS 6.3.3)."""
    token = await office.invited()
    session = await sessions.find_partial(office.connection, token)
    assert session is not None
    done = await oidc_sign_in.link(office.connection, finished(session.account), token)
    assert done == token
    assert await sessions.find(office.connection, token) is None
    asked = await passkey_sign_in.begin_registration(
        office.connection, Passkeys(ORIGIN, "Bakesbangpol"), token
    )
    assert not isinstance(asked, FailedStep)
    seed = await office.begin_enrolment(token)
    full = await sign_in.confirm_enrolment(
        office.connection, office.secrets, token, code(seed)
    )

    assert isinstance(full, SignedIn)
    begun = await oidc_sign_in.start(office.connection, finished())
    assert isinstance(begun, PartialSession)


async def test_a_session_that_ended_links_and_proves_nothing(office: Office) -> None:
    holder = await linked(office)
    await sessions.end_all(office.connection, holder.account)
    done = finished(holder.account, fresh=True)

    for answer in (
        await oidc_sign_in.step_up(office.connection, done, holder.token),
        await oidc_sign_in.link(office.connection, done, holder.token),
    ):
        assert "has expired" in why(answer)


async def test_an_identity_is_linked_or_removed_by_a_recovery_at_the_same_time(
    office: Office, pool: Pool
) -> None:
    """ASVS 6.4.4: no identity of before survives it."""
    holder = await office.enrolled()
    issued = await invitations.issue(office.connection, holder.account)

    async def link() -> None:
        async with pool.acquire() as connection:
            await oidc_sign_in.link(connection, finished(holder.account), holder.token)

    async def recover() -> None:
        async with pool.acquire() as connection:
            await invitations.redeem(connection, issued.token)

    await asyncio.gather(link(), recover())
    assert await identities.of_account(office.connection, holder.account) == []
