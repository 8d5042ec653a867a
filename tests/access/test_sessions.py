import asyncio
import re
from uuid import uuid4

import asyncpg
import pytest

from iku.access import sessions, token
from iku.access.sessions import Stage
from iku.postgres.pool import Plain, Pool
from tests.access.enrolling import Office


async def test_a_session_names_the_version_of_its_accounts_stream(
    office: Office,
) -> None:
    opened = await sessions.open_session(
        office.connection, account := str(uuid4()), method="passkey", device="Firefox"
    )
    found = await sessions.find(office.connection, opened)
    assert found is not None
    assert (found.account, found.method, found.device) == (
        *(account, "passkey", "Firefox"),
    )
    assert (found.account_version, found.fresh, found.approve_after) == (0, True, None)
    assert found.has_second_factor
    await office.owner.execute(
        "insert into ledger.stream values ($1, 7, '2026-11-27')", f"account-{account}"
    )
    found = await sessions.find(office.connection, opened)
    assert found is not None
    assert found.account_version == 7


async def test_a_session_is_found_by_one_select_through_indexes(
    office: Office,
) -> None:
    """The statement of `access.valid_sessions`, explained over 3,000 sessions."""
    owner = office.owner
    await owner.execute(
        """
        insert into access.account (account)
        select gen_random_uuid() from generate_series(1, 3000);
        insert into access.session
               (token, account, epoch, stage, method, device, expires_at)
        select sha256(account::text::bytea), account, 1, 'full', 'x', '',
               now() + interval '1 hour'
          from access.account;
        insert into ledger.stream (stream, version, known_on)
        select 'account-' || account, 1, current_date from access.account;
        analyze access.account, access.session, ledger.stream;
        """
    )
    body = await owner.fetchval(
        "select prosrc from pg_proc where oid = 'access.valid_sessions'::regproc"
    )
    statement = body.replace("_tokens", "array[sha256('')]").rstrip(" ;\n")
    assert ";" not in statement
    rows = await owner.fetch(f"explain (costs off) {statement}")
    plan = "\n".join(row[0] for row in rows)
    for index in ("session_token_key", "account_pkey", "stream_pkey"):
        assert re.search(rf"Index (Only )?Scan using {index} ", plan), plan
    assert "Seq Scan" not in plan
    assert len(re.findall("Index (?:Only )?Scan", plan)) == 3, plan


@pytest.mark.parametrize("stage", [Stage.INVITED, Stage.PARTIAL])
async def test_a_session_that_is_not_complete_is_none_but_for_its_factor(
    office: Office, stage: Stage
) -> None:
    """ASVS 6.3.3."""
    opened = await sessions.open_session(
        office.connection, str(uuid4()), method="password", stage=stage
    )
    assert await sessions.find(office.connection, opened) is None
    assert await sessions.renew(office.connection, opened) is None
    found = await sessions.find_partial(office.connection, opened)
    assert found is not None
    assert (found.stage, found.has_second_factor) == (stage, False)
    assert await sessions.of_account(office.connection, found.account) == []


async def test_a_full_session_is_not_half_open(office: Office) -> None:
    opened = await sessions.open_session(
        office.connection, str(uuid4()), method="passkey"
    )
    assert await sessions.find_partial(office.connection, opened) is None
    assert await sessions.complete(office.connection, opened, "passkey") is None


async def test_a_new_token_replaces_the_one_before(office: Office) -> None:
    """ASVS 7.2.4: neither sign-in nor step-up keeps a token (session fixation)."""
    half = await sessions.open_session(
        office.connection, str(uuid4()), method="password", stage=Stage.PARTIAL
    )
    full = await sessions.complete(office.connection, half, "password+totp")
    assert full is not None
    assert await sessions.find_partial(office.connection, half) is None
    assert await sessions.complete(office.connection, half, "password+totp") is None
    before = await sessions.find(office.connection, full)
    await office.later("10 minutes")
    stale = await sessions.find(office.connection, full)
    assert stale is not None
    assert not stale.fresh
    renewed = await sessions.renew(office.connection, full)
    assert renewed is not None
    assert await sessions.find(office.connection, full) is None
    assert await sessions.renew(office.connection, full) is None
    after = await sessions.find(office.connection, renewed)
    assert before is not None
    assert after is not None
    assert (after.id, after.fresh) == (before.id, True)
    assert after.expires_at == stale.expires_at  # the absolute end stays


async def test_a_token_is_replaced_once_also_in_parallel(pool: Pool) -> None:
    """ASVS 7.2.4."""
    async with pool.acquire() as connection:
        opened = await sessions.open_session(connection, str(uuid4()), method="x")

    async def renew() -> str | None:
        async with pool.acquire() as connection:
            return await sessions.renew(connection, opened)

    renewed = await asyncio.gather(*(renew() for _ in range(10)))
    assert sum(one is not None for one in renewed) == 1


async def test_of_two_renewals_at_once_the_later_one_fails(
    connection: Plain, pool: Pool
) -> None:
    """ASVS 7.2.4: the token of the earlier one is not replaced in turn."""
    opened = await sessions.open_session(connection, str(uuid4()), method="x")
    async with pool.acquire() as other:
        async with connection.transaction():
            first = await sessions.renew(connection, opened)
            later = asyncio.ensure_future(sessions.renew(other, opened))
            await asyncio.sleep(0.3)  # it waits for the row
            assert not later.done()
        assert await later is None
    assert first is not None
    assert await sessions.find(connection, first) is not None


@pytest.mark.parametrize(
    ("idle", "valid"), [("29 minutes", True), ("31 minutes", False)]
)
async def test_an_idle_session_ends_after_half_an_hour(
    office: Office, idle: str, *, valid: bool
) -> None:
    """ASVS 7.3.1."""
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    await office.later(idle)
    assert (await sessions.find(office.connection, opened) is not None) == valid


async def test_a_session_in_use_ends_after_twelve_hours(office: Office) -> None:
    """ASVS 7.1.1, 7.3.2."""
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    for _ in range(29):
        await office.later("25 minutes")  # 12 h 5 min in all
        found = await sessions.find(office.connection, opened)
        if found is None:
            break
    assert found is None
    hours = await office.owner.fetchval(
        "select extract(epoch from now() - created_at) / 3600 from access.session"
    )
    assert 11.9 < hours < 12.2


async def test_a_use_is_recorded_once_a_minute(office: Office) -> None:
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    first = await sessions.find(office.connection, opened)
    again = await sessions.find(office.connection, opened)
    assert first is not None
    assert again is not None
    assert again.seen_at == first.seen_at
    await office.later("2 minutes")
    await sessions.find(office.connection, opened)
    seen = await sessions.find(office.connection, opened)
    assert seen is not None
    assert seen.seen_at > first.seen_at


async def test_a_factor_is_fresh_for_five_minutes(office: Office) -> None:
    """ASVS 7.5.3."""
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    for moved, fresh in (("4 minutes", True), ("2 minutes", False)):
        await office.later(moved)
        found = await sessions.find(office.connection, opened)
        assert found is not None
        assert found.fresh == fresh


async def test_signing_out_ends_the_session(office: Office) -> None:
    """ASVS 7.4.1."""
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    assert await sessions.end(office.connection, opened)
    assert await sessions.find(office.connection, opened) is None
    assert not await sessions.end(office.connection, opened)


async def test_a_holder_sees_and_ends_single_sessions(office: Office) -> None:
    """ASVS 7.5.2."""
    account, other = str(uuid4()), str(uuid4())
    tokens = [
        await sessions.open_session(
            office.connection, account, method="x", device=device
        )
        for device in ("telephone", "laptop" + "x" * 100)
    ]
    await sessions.open_session(office.connection, other, method="x")
    listed = await sessions.of_account(office.connection, account)
    assert {one.device[:6] for one in listed} == {"teleph", "laptop"}
    [phone] = [one for one in listed if one.device == "telephone"]
    assert not await sessions.end_one(office.connection, other, phone.id)
    assert await sessions.end_one(office.connection, account, phone.id)
    assert await sessions.find(office.connection, tokens[0]) is None
    assert await sessions.find(office.connection, tokens[1]) is not None


async def test_a_thousand_sessions_of_an_account_end_at_once(office: Office) -> None:
    """ASVS 7.4.2, 7.4.5."""
    account, other = str(uuid4()), str(uuid4())
    tokens = [
        await sessions.open_session(office.connection, account, method="x")
        for _ in range(1_000)
    ]
    kept = await sessions.open_session(office.connection, other, method="x")
    assert await sessions.end_all(office.connection, account) == 1_000
    for one in tokens:
        assert await sessions.find(office.connection, one) is None
    assert await sessions.find(office.connection, kept) is not None
    assert await sessions.end_all(office.connection, None) == 1
    assert await sessions.find(office.connection, kept) is None


async def test_a_session_opened_while_all_are_ended_is_not_valid(
    connection: Plain, pool: Pool
) -> None:
    """ASVS 7.4.2: the epoch ends a session that the deletion does not see."""
    account = str(uuid4())
    await sessions.open_session(connection, account, method="x")
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        opened = await sessions.open_session(other, account, method="x")
        await sessions.end_all(connection, account)
        await transaction.commit()
    rows = await connection.fetch("select * from access.sessions($1)", account)
    assert rows == []
    assert await sessions.find(connection, opened) is None


async def test_only_hashes_of_tokens_are_stored(office: Office) -> None:
    """ASVS 7.2.3."""
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    [row] = await office.owner.fetch("select * from access.session")
    assert row["token"] == token.digest(opened)
    assert opened not in repr(tuple(row))


async def test_a_replica_finds_sessions_without_recording_their_use(
    office: Office,
) -> None:
    opened = await sessions.open_session(office.connection, str(uuid4()), method="x")
    await office.later("2 minutes")
    async with office.connection.transaction(readonly=True):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with office.connection.transaction():
                await office.connection.execute("select access.see_session(null)")
        found = await office.connection.fetch(
            "select * from access.valid_sessions(array[$1::bytea])",
            token.digest(opened),
        )
    assert found[0]["stale"]
    await office.connection.execute("set default_transaction_read_only = on")
    assert await sessions.find(office.connection, opened) is not None
