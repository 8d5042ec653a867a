"""Sessions and API keys of concurrent requests, found by one select for all of them.

Requests that arrive while a select runs wait for the next one and share it. The select
that authenticates a request therefore always begins after the request has arrived, and
finds what is valid then. Nothing is cached: what ended a session, in which process and
by which statement, makes no difference.

The select also reads the state of the log, which a figure that is cached would
otherwise read by a query of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import asyncpg

from iku.access import api_keys, sessions
from iku.access import token as tokens
from iku.access.api_keys import ApiKey
from iku.access.sessions import Session, Stage
from iku.postgres.pool import Connection
from iku.queries import figure_cache
from iku.queries.figure_cache import CacheValidator

K = TypeVar("K")
R = TypeVar("R")
Acquire: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]
# Looks up several keys; the result is for all of them.
Find: TypeAlias = Callable[[Connection, Collection[K]], Awaitable[R]]

IN_A_ROW = 32  # calls on one connection, before others may have it


class SharedLookup(Generic[K, R]):
    """Looks up keys; concurrent callers share the calls of *find*.

    One call runs at a time. It looks up all keys that were asked for before it began.
    """

    def __init__(self, acquire: Acquire, find: Find[K, R]) -> None:
        self._acquire = acquire
        self._find = find
        self._waiting: list[tuple[K, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: K) -> R:
        """Look up *key* in the next call, together with the keys of other callers.

        Raises any error of *acquire* or of the call.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((key, answer))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer_batches()
        finally:
            self._running = None

    async def _answer_batches(self) -> None:
        asked: list[tuple[K, asyncio.Future[R]]] = []
        try:
            async with self._acquire() as connection:
                for _ in range(IN_A_ROW):
                    asked = self._take_batch()
                    found = await self._find(connection, {key for key, _ in asked})
                    for _, answer in asked:
                        if not answer.done():  # as it is if its caller was cancelled
                            answer.set_result(found)
                    if not self._waiting:
                        break
        except Exception as error:  # noqa: BLE001 - the callers raise it
            # Without a connection none was taken, and all fail.
            for _, answer in asked or self._take_batch():
                if not answer.done():
                    answer.set_exception(error)

    def _take_batch(self) -> list[tuple[K, asyncio.Future[R]]]:
        taken, self._waiting = self._waiting, []
        return taken


class LookupResult(NamedTuple):
    """The result of one select.

    Attributes:
        rows: The rows of the valid sessions or API keys, by the key of the look-up.
        validator: The state of the log.
    """

    rows: Mapping[Any, asyncpg.Record]
    validator: CacheValidator


class CredentialLookup:
    """Finds sessions and API keys for the requests of a server."""

    def __init__(self, acquire: Acquire) -> None:
        self._acquire = acquire
        self._sessions = SharedLookup(acquire, _valid_sessions)
        self._keys = SharedLookup(acquire, _valid_api_keys)

    async def session(self, token: str) -> tuple[Session | None, CacheValidator]:
        """The session of a token, as in `sessions.find`, and the state of the log."""
        digest = tokens.digest(token)
        found = await self._sessions.get(digest)
        row = found.rows.get(digest)
        if row is None or row["stage"] != Stage.FULL:
            return None, found.validator
        if row["stale"]:
            async with self._acquire() as connection:
                await sessions.record_use(connection, row)
        return sessions.from_row(row), found.validator

    async def api_key(self, key: str) -> tuple[ApiKey | None, CacheValidator | None]:
        """The API key, as in `api_keys.find`, and the state of the log.

        A malformed key is not looked up, so that state is None.
        """
        named = api_keys.parse(key)
        if named is None:
            return None, None
        found = await self._keys.get(named)
        row = found.rows.get(named)
        if row is None:
            return None, found.validator
        if row["stale"]:
            async with self._acquire() as connection:
                await api_keys.record_use(connection, row)
        return api_keys.from_row(row), found.validator


async def _valid_sessions(
    connection: Connection, digests: Collection[bytes]
) -> LookupResult:
    rows = await connection.fetch(
        """
        select v.size, v.recorded_at, v.tables, s.*
          from projection.cache_validator() v
          left join access.valid_sessions($1) s on true
        """,
        digests,
    )
    by_token = {row["token"]: row for row in rows}
    return LookupResult(by_token, figure_cache.cache_validator(rows[0]))


async def _valid_api_keys(
    connection: Connection, named: Collection[tuple[str, bytes]]
) -> LookupResult:
    rows = await connection.fetch(
        """
        select v.size, v.recorded_at, v.tables, k.*
          from projection.cache_validator() v
          left join access.valid_api_keys($1, $2) k on true
        """,
        [key for key, _ in named],
        [secret for _, secret in named],
    )
    by_key = {(row["key"], row["secret"]): row for row in rows}
    return LookupResult(by_key, figure_cache.cache_validator(rows[0]))
