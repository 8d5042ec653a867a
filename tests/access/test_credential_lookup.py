"""Concurrent requests share the select that finds their sessions and API keys."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from iku.access import api_keys, sessions
from iku.access.credential_lookup import IN_A_ROW, CredentialLookup, SharedLookup
from iku.access.sessions import Stage
from iku.postgres.pool import Connection, Plain, Pool
from tests.access.enrolling import Office


class Store:
    """Values by key, found by calls that end when the test allows it."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.calls: list[set[str]] = []
        self.acquired = 0
        self.fault: Exception | None = None
        self.away: Exception | None = None
        self.allowed = asyncio.Event()
        self.allowed.set()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        if self.away is not None:
            raise self.away
        self.acquired += 1
        yield None

    async def find(
        self, _connection: Connection, keys: Collection[str]
    ) -> Mapping[str, int]:
        self.calls.append(set(keys))
        found = {key: self.held[key] for key in keys if key in self.held}
        await self.allowed.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return found

    def lookup(self) -> "Values":
        return Values(SharedLookup(self.acquire, self.find))


class Values:
    """The values that a shared look-up finds, by key."""

    def __init__(self, shared: SharedLookup[str, Mapping[str, int]]) -> None:
        self.shared = shared

    async def get(self, key: str) -> int | None:
        return (await self.shared.get(key)).get(key)


async def settled() -> None:
    """Let all tasks run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_asked_for_during_a_call_shares_the_next_one() -> None:
    store = Store()
    store.held = {str(n): n for n in range(100)}
    store.allowed.clear()
    lookup = store.lookup()
    first = asyncio.ensure_future(lookup.get("0"))
    await settled()
    others = [asyncio.ensure_future(lookup.get(str(n))) for n in range(1, 101)]
    await settled()
    store.allowed.set()
    assert await first == 0
    assert await asyncio.gather(*others) == [*range(1, 100), None]
    assert store.calls == [{"0"}, {str(n) for n in range(1, 101)}]


async def test_no_answer_is_older_than_its_question() -> None:
    """A call that has begun may have read what has ended since."""
    store = Store()
    store.held = {"key": 1}
    store.allowed.clear()
    lookup = store.lookup()
    earlier = asyncio.ensure_future(lookup.get("key"))
    await settled()
    del store.held["key"]
    later = asyncio.ensure_future(lookup.get("key"))
    await settled()
    store.allowed.set()
    assert (await earlier, await later) == (1, None)
    assert await lookup.get("key") is None
    store.held["key"] = 2
    assert await lookup.get("key") == 2


async def test_a_failed_call_fails_those_who_share_it_and_nobody_else() -> None:
    store = Store()
    store.held = {"key": 1}
    store.fault = OSError("lost")
    store.allowed.clear()
    lookup = store.lookup()
    failing = [asyncio.ensure_future(lookup.get("key")) for _ in range(3)]
    await settled()
    later = asyncio.ensure_future(lookup.get("key"))
    store.allowed.set()
    for one in failing:
        with pytest.raises(OSError, match="lost"):
            await one
    assert await later == 1


async def test_without_a_connection_all_fail_until_there_is_one() -> None:
    store = Store()
    store.held = {"key": 1}
    store.away = OSError("away")
    lookup = store.lookup()
    for found in await asyncio.gather(
        *(lookup.get("key") for _ in range(3)), return_exceptions=True
    ):
        assert isinstance(found, OSError)
    store.away = None
    assert await lookup.get("key") == 1
    assert len(store.calls) == 1


async def test_a_caller_that_gives_up_does_not_disturb_the_others() -> None:
    store = Store()
    store.held = {"key": 1, "other": 2}
    store.allowed.clear()
    lookup = store.lookup()
    leaving = asyncio.ensure_future(lookup.get("key"))
    staying = asyncio.ensure_future(lookup.get("other"))
    await settled()
    leaving.cancel()
    await settled()
    store.allowed.set()
    assert await staying == 2
    assert leaving.cancelled()
    assert await lookup.get("key") == 1


async def test_a_busy_lookup_returns_its_connection_from_time_to_time() -> None:
    """In a pool of one connection, others would otherwise never get it."""
    store, asking = Store(), IN_A_ROW * 3

    async def find(_connection: Connection, keys: Collection[str]) -> dict[str, int]:
        """Somebody asks again while this runs, as in a busy server."""
        nonlocal asking
        if asking:
            asking -= 1
            others.append(asyncio.ensure_future(lookup.get("key")))
            await settled()
        return dict.fromkeys(keys, 1)

    others: list[asyncio.Future[int | None]] = []
    lookup = Values(SharedLookup(store.acquire, find))
    assert await lookup.get("key") == 1
    while not all(one.done() for one in others):
        await settled()
    assert store.acquired == 4


class Counting:
    """A pool that counts the selects of credentials on its connections."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        async with self.pool.acquire() as connection:

            def count(logged: Any) -> None:
                self.statements += "access.valid_" in logged.query

            with connection.query_logger(count):
                yield connection


@pytest.fixture
def counting(pool: Pool) -> Counting:
    return Counting(pool)


@pytest.fixture
def lookup(counting: Counting) -> CredentialLookup:
    return CredentialLookup(counting.acquire)


async def key_of(connection: Connection, account: str) -> str:
    made = await api_keys.create(
        connection,
        account,
        name="monitor",
        roles=(),
        rights=("log",),
        held=(),
        lifetime=timedelta(days=1),
    )
    return made.key


async def test_many_requests_at_once_find_each_its_own_account_by_few_selects(
    connection: Plain, lookup: CredentialLookup, counting: Counting
) -> None:
    accounts = [str(uuid4()) for _ in range(100)]
    tokens = [
        await sessions.open_session(connection, one, method="x") for one in accounts
    ]
    keys = [await key_of(connection, one) for one in accounts]
    unknown = [token[::-1] for token in tokens]
    for key in keys:  # so that their use is recorded
        assert await api_keys.find(connection, key) is not None
    found = [
        one
        for one, _ in await asyncio.gather(*map(lookup.session, [*tokens, *unknown]))
    ]
    assert [one.account for one in found[:100] if one is not None] == accounts
    assert found[100:] == [None] * 100
    named = [
        one for one, _ in await asyncio.gather(*map(lookup.api_key, [*keys, "iku_0_x"]))
    ]
    assert [one.account for one in named[:100] if one is not None] == accounts
    assert named[100] is None
    assert counting.statements <= 4


async def test_a_thousand_sessions_that_end_at_once_authenticate_nothing_more(
    connection: Plain, lookup: CredentialLookup
) -> None:
    """ASVS 7.4.1, 7.4.2: requests are in progress meanwhile."""
    account, other = str(uuid4()), str(uuid4())
    tokens = [
        await sessions.open_session(connection, account, method="x")
        for _ in range(1_000)
    ]
    kept = await sessions.open_session(connection, other, method="x")
    ended = asyncio.Event()
    late: list[Any] = []

    async def keep_asking(mine: list[str]) -> None:
        """Ask in turns until after the end; note the answers to later requests."""
        asked_after = 0
        while asked_after < 50:
            for token in mine:
                is_late = ended.is_set()
                found, _ = await lookup.session(token)
                if is_late:
                    asked_after += 1
                    late.append(found)

    asking = [asyncio.create_task(keep_asking(tokens[n::20])) for n in range(20)]
    await asyncio.sleep(0.1)
    assert await sessions.end_all(connection, account) == 1_000
    ended.set()
    await asyncio.gather(*asking)
    assert len(late) >= 1_000
    assert set(late) == {None}
    for found, _ in await asyncio.gather(*map(lookup.session, tokens)):
        assert found is None
    assert (await lookup.session(kept))[0] is not None


@pytest.mark.parametrize("stage", [Stage.INVITED, Stage.PARTIAL])
async def test_a_session_that_is_not_complete_authenticates_no_request(
    connection: Plain, lookup: CredentialLookup, stage: Stage
) -> None:
    """ASVS 6.3.3."""
    token = await sessions.open_session(
        connection, str(uuid4()), method="password", stage=stage
    )
    assert (await lookup.session(token))[0] is None


async def test_what_ends_by_time_ends_for_the_next_request(
    office: Office, lookup: CredentialLookup
) -> None:
    """ASVS 7.3.1, 7.5.3."""
    connection, account = office.connection, str(uuid4())
    token = await sessions.open_session(connection, account, method="x")
    key = await key_of(connection, account)
    found, _ = await lookup.session(token)
    assert found is not None
    assert found.fresh
    await office.later("6 minutes")
    found, _ = await lookup.session(token)
    assert found is not None
    assert not found.fresh
    await office.later("29 minutes")  # the request before has been recorded
    assert (await lookup.session(token))[0] is not None
    await office.later("31 minutes")
    assert (await lookup.session(token))[0] is None
    assert (await lookup.api_key(key))[0] is not None
    await office.later("1 day")
    assert (await lookup.api_key(key))[0] is None


async def test_the_use_of_a_key_is_recorded(
    office: Office, lookup: CredentialLookup
) -> None:
    key = await key_of(office.connection, account := str(uuid4()))
    assert (await lookup.api_key(key))[0] is not None
    [listed] = await api_keys.of_account(office.connection, account)
    assert listed.last_used_at is not None


async def test_a_replica_authenticates_without_recording_the_use(
    office: Office, pool: Pool
) -> None:
    token = await sessions.open_session(office.connection, str(uuid4()), method="x")
    key = await key_of(office.connection, str(uuid4()))
    await office.later("2 minutes")

    @asynccontextmanager
    async def acquire() -> AsyncIterator[Connection]:
        async with pool.acquire() as connection:
            await connection.execute("set default_transaction_read_only = on")
            yield connection

    lookup = CredentialLookup(acquire)
    found, _ = await lookup.session(token)
    assert found is not None
    assert (await lookup.session(token))[0] == found
    assert (await lookup.api_key(key))[0] is not None
