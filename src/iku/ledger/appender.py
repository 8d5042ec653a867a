"""Appending from one process: many requests, one transaction.

A commit costs a write to disk whatever it holds, and the log takes one transaction at
a time. So those who append while one transaction is under way wait together for the
next: each alone pays what all pay at once (group commit).
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self, TypeAlias

import asyncpg
from msgspec import Struct

from iku import messages
from iku.ledger import log
from iku.ledger.log import (
    EncodedRequest,
    KeyReused,
    Receipt,
    Request,
    UnnumberedRequest,
    Verdict,
)
from iku.messages import message

_logger = logging.getLogger(__name__)

Connection: TypeAlias = asyncpg.Connection
Connect: TypeAlias = Callable[[], Awaitable[Connection]]

RECONNECT_S = 3.0  # how long a batch waits for a database that is away
RETRY_S = 0.1  # between two attempts at connecting
HALF = 100  # requests; two transactions of fewer cost more than working at once gains

# Somebody holds the log's lock, and for longer than the settings let us wait.
_BUSY = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


class AcceptedRequest(Struct, frozen=True):
    """A request that the transaction under way appends, and what came of it."""

    request: Request
    receipt: Receipt

    @property
    def first(self) -> int:
        """The position of its first event; the others follow without a gap."""
        return self.receipt.position - self.receipt.count + 1

    def attached(self) -> Iterator[tuple[int, Any]]:
        """The position of each event, and what was attached to it."""
        return enumerate(self.request.attachments, self.first)

    def positions(self) -> dict[str, int]:
        """By stream, the position that the stream's version 0 would have.

        To be added to the version of an event that was just appended.
        """
        places, position = {}, self.first
        for part in self.request.parts:
            places[part.stream] = position - part.expected_version - 1
            position += len(part.drafts)
        return places


Project: TypeAlias = Callable[
    [log.Connection, Sequence[AcceptedRequest]], Awaitable[None]
]
Asked: TypeAlias = EncodedRequest | UnnumberedRequest
# Each request as it may be appended, or why not; it may take the log's lock.
Admit: TypeAlias = Callable[
    [log.Connection, Sequence[Asked]], Awaitable[Sequence[EncodedRequest | Exception]]
]


# Receipts of all requests, appended in one go; None where nothing was written.
AtOnce: TypeAlias = Callable[
    [log.Connection, Sequence[Asked]], Awaitable[Sequence[Receipt] | None]
]


class Unavailable(Exception):
    """The database is away. Whether the request was recorded is not known.

    Sending the same command again is safe, and tells.
    """


class Overloaded(Unavailable):
    """Too many requests wait already; this one was not taken in."""


class OutOfSpace(Unavailable):
    """The database has no room, on its disk or in its memory; nothing was recorded."""


class _Waiting:
    """A request in the queue, and the future its submitter waits for."""

    __slots__ = ("answered", "asked")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answered: asyncio.Future[Receipt] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def command_id(self) -> str:
        asked = self.asked
        return (
            asked if isinstance(asked, UnnumberedRequest) else asked.request
        ).command_id

    @property
    def appends_to(self) -> Iterator[str]:
        """Its streams and categories; an unnamed one's stream nobody else can have."""
        asked = self.asked
        if isinstance(asked, UnnumberedRequest):
            yield asked.category
            return
        for part in asked.request.parts:
            yield part.stream
            yield part.stream.partition("-")[0]

    @property
    def rests_on(self) -> Iterator[str]:
        """The streams and categories that must be as its author knew them."""
        asked = self.asked
        if isinstance(asked, EncodedRequest):
            for part in asked.request.parts:
                yield part.stream
        request = asked if isinstance(asked, UnnumberedRequest) else asked.request
        for stream, _ in request.premises:
            yield stream
        if request.condition is not None:
            yield from request.condition.categories

    def answer(self, verdict: Verdict | Exception) -> None:
        if self.answered.done():
            return  # its submitter was cancelled: the batch goes on without a reader
        if isinstance(verdict, Receipt):
            self.answered.set_result(verdict)
        else:
            self.answered.set_exception(verdict)


class _NumbersLost(Exception):
    """Requests drew a number but were not appended.

    Attributes:
        verdicts: What was said of each, by its place among those asked for.
    """

    def __init__(self, verdicts: dict[int, Verdict | Exception]) -> None:
        super().__init__(f"{len(verdicts)} numbers were drawn in vain")
        self.verdicts = verdicts


class _Batch(NamedTuple):
    """What one transaction appends."""

    waiting: list[_Waiting]
    persisted: asyncio.Task[list[Verdict | Exception]]


class Appender:
    """The one queue of a process before the log.

    Takes a *connect* that opens a connection of the appender's own; a *project* that
    writes, in the append's transaction, what is derived from the events; and an *admit*
    that names and refuses requests in that transaction, before they are appended. An
    *at_once* is tried before these steps, and does all of them where it can.

    Attributes:
        capacity: Requests that may wait; one more is Overloaded.
        batch: The most requests of one transaction.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        zone: str,
        project: Project | None = None,
        admit: Admit | None = None,
        at_once: AtOnce | None = None,
        capacity: int = 4096,
        batch: int = 512,
    ) -> None:
        self.capacity = capacity
        self.batch = batch
        self._connect = connect
        self._zone = zone
        self._project = project
        self._admit = admit or _admit_named
        self._at_once = at_once
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for a transaction."""
        return len(self._queue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def submit(self, request: Request | UnnumberedRequest) -> Receipt:
        """Append *request* together with whatever else waits; its receipt.

        Raises what *admit* refuses it with, and:
            Conflicted, Reused, KnowledgeFell, KnowledgeAhead: The verdict on it.
            Unrecordable: It cannot be encoded.
            Unavailable: The database is away, or too much waits (Overloaded).
        """
        waiting = _Waiting(
            request if isinstance(request, UnnumberedRequest) else log.frame(request)
        )
        if self._closing:
            raise Unavailable(message("the appender is closed"))
        if len(self._queue) >= self.capacity:
            raise Overloaded(
                message("{capacity} requests wait already", capacity=self.capacity)
            )
        self._queue.append(waiting)
        self._arrived.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await waiting.answered

    async def aclose(self) -> None:
        """Answer all that was taken in, then close."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await _close(self._connection)

    async def _run(self) -> None:
        under_way: _Batch | None = None
        try:
            while under_way or await self._more():
                batch = under_way or self._begin(self._share())
                under_way = batch
                verdicts = await self._verdicts(batch)
                # What waits already goes to the database first, which works on it
                # while we answer.
                under_way = self._begin(self.batch) if self._queue else None
                for waiting, verdict in zip(batch.waiting, verdicts, strict=True):
                    waiting.answer(verdict)
                # Whoever was just answered and asks again comes into the next batch.
                await asyncio.sleep(0)
        finally:
            # Reached by cancellation, too: nobody may be left waiting for ever.
            left = under_way.waiting if under_way else ()
            _refuse((*left, *self._queue), Unavailable(message("the appender stopped")))
            self._queue.clear()
            if under_way:
                under_way.persisted.cancel()

    def _share(self) -> int:
        """How many to begin with: of a crowd one half, so that the other waits.

        Then one half is with the database while the other is answered and asks again.
        """
        crowd = len(self._queue)
        return min(self.batch, crowd // 2 if crowd >= 2 * HALF else crowd)

    def _begin(self, most: int) -> _Batch:
        """Take the next batch, and send it to the database."""
        waiting = self._take(most)
        asked = [one.asked for one in waiting]
        return _Batch(waiting, asyncio.create_task(self._persist(asked)))

    async def _more(self) -> bool:
        """Wait until something is queued; False once closed and empty."""
        while not self._queue:
            if self._closing:
                return False
            self._arrived.clear()
            await self._arrived.wait()
        return True

    def _take(self, most: int) -> list[_Waiting]:
        """The next batch; what must come after another request of it stays queued.

        One request a stream and one a command id, so that each is judged by what is
        recorded and not by a neighbour that may yet fail; nor may a request rest on
        a stream, or on a category, that an earlier one of the batch appends to.
        """
        batch: list[_Waiting] = []
        left: list[_Waiting] = []
        taken: set[str] = set()  # streams, and categories, which have no hyphen
        commands: set[str] = set()
        while self._queue and len(batch) < most:
            waiting = self._queue.popleft()
            if waiting.answered.done():
                continue  # cancelled before its turn
            command_id = waiting.command_id
            free = taken.isdisjoint(waiting.rests_on) and command_id not in commands
            (batch if free else left).append(waiting)
            # One that stays holds its stream, too, or a later one would overtake it.
            taken.update(waiting.appends_to)
            commands.add(command_id)
        self._queue.extendleft(reversed(left))
        return batch

    async def _verdicts(self, batch: _Batch) -> list[Verdict | Exception]:
        """The answer to everyone in *batch*, one each; nothing else is under way."""
        try:
            return [*await batch.persisted]
        except Unavailable as error:
            return self._give_up(batch.waiting, error)
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            if len(batch.waiting) == 1:
                return [error]
        return await self._each_alone(batch.waiting)

    async def _each_alone(self, batch: Sequence[_Waiting]) -> list[Verdict | Exception]:
        """The answers to a batch that failed as a whole: only the guilty fails."""
        _logger.warning("a batch of %d failed; each is tried alone", len(batch))
        verdicts: list[Verdict | Exception] = []
        for index, waiting in enumerate(batch):
            try:
                verdicts += await self._persist([waiting.asked])
            except Unavailable as error:
                return verdicts + self._give_up(batch[index:], error)
            except Exception as error:  # noqa: BLE001 - handed to the one who asked
                verdicts.append(error)
        return verdicts

    def _give_up(
        self, batch: Sequence[_Waiting], error: Unavailable
    ) -> list[Verdict | Exception]:
        # Whoever waits behind would wait as long again, and in vain.
        _refuse(self._queue, error)
        self._queue.clear()
        return [_as_own(error) for _ in batch]

    async def _persist(self, asked: Sequence[Asked]) -> list[Verdict | Exception]:
        """Append in one transaction; a second attempt if the connection is lost."""
        for attempt in (1, 2):
            connection = await self._connected()
            try:
                return await self._transact(connection, asked)
            except _BUSY as error:
                raise Unavailable(
                    message(
                        "the log is held by another: {error}", error=messages.of(error)
                    )
                ) from error
            except asyncpg.InsufficientResourcesError as error:
                # No disk, no memory: nothing was recorded, nor would the next be. It
                # does not mend by itself, as the other reasons do.
                _logger.error("the database has no room: %s", error)  # noqa: TRY400
                raise OutOfSpace(
                    message(
                        "the database has no room: {error}", error=messages.of(error)
                    )
                ) from error
            except Exception as error:
                if not log.is_away(error, connection):
                    raise
                # The commit may have been done before its answer was lost. Trying
                # again is right all the same: a command that was recorded gets its
                # first receipt, one that was not is appended now.
                _logger.warning("connection lost in attempt %d: %r", attempt, error)
                connection.terminate()
                self._connection = None
        raise Unavailable(
            message("the database went away twice; send the command again")
        )

    async def _transact(
        self, connection: Connection, asked: Sequence[Asked]
    ) -> list[Verdict | Exception]:
        if self._project is None and self._admit is _admit_named:
            return await self._append(connection, asked)  # commits by itself
        if self._at_once is not None:
            receipts = await self._at_once(connection, asked)
            if receipts is not None:
                return [*receipts]
        settled: dict[int, Verdict | Exception] = {}
        while True:
            left = [n for n in range(len(asked)) if n not in settled]
            try:
                async with connection.transaction():
                    verdicts = await self._append(connection, [asked[n] for n in left])
            except _NumbersLost as lost:
                settled |= {left[n]: verdict for n, verdict in lost.verdicts.items()}
            else:
                settled |= zip(left, verdicts, strict=True)
                return [settled[n] for n in range(len(asked))]

    async def _append(
        self, connection: Connection, asked: Sequence[Asked]
    ) -> list[Verdict | Exception]:
        """Admit, append and project; within a transaction.

        Raises:
            _NumbersLost: Of those that drew a number some were not appended. All is to
                be done again without them, or their numbers would be missing for ever.
        """
        admitted = await self._admit(connection, asked)
        framed = [one for one in admitted if isinstance(one, EncodedRequest)]
        verdicts = iter(await log.append_framed(connection, framed, zone=self._zone))
        found = [
            next(verdicts) if isinstance(one, EncodedRequest) else one
            for one in admitted
        ]
        lost: dict[int, Verdict | Exception] = {
            n: verdict
            for n, verdict in enumerate(found)
            if isinstance(asked[n], UnnumberedRequest)
            and isinstance(admitted[n], EncodedRequest)
            # One that was recorded before drew none.
            if not isinstance(verdict, Receipt | KeyReused)
        }
        if lost:
            raise _NumbersLost(lost)
        accepted = [
            AcceptedRequest(one.request, verdict)
            for one, verdict in zip(admitted, found, strict=True)
            # A repeated request was projected when it was recorded.
            if isinstance(one, EncodedRequest)
            and isinstance(verdict, Receipt)
            and not verdict.repeated
        ]
        if accepted and self._project is not None:
            await self._project(connection, accepted)
        return found

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await _connect_within(self._connect, RECONNECT_S)
        return self._connection


async def _admit_named(
    _connection: log.Connection, asked: Sequence[Asked]
) -> Sequence[EncodedRequest | Exception]:
    """Every request that has a name; nobody is there to give one to the others."""
    return [
        one if isinstance(one, EncodedRequest) else TypeError("a stream without a name")
        for one in asked
    ]


async def _connect_within(connect: Connect, limit_s: float) -> Connection:
    """A connection, tried for again and again until *limit_s* have passed."""
    try:
        async with asyncio.timeout(limit_s):
            return await _connect_at_last(connect)
    except TimeoutError as error:
        raise Unavailable(
            message("no database within {limit_s} s", limit_s=limit_s)
        ) from error


async def _connect_at_last(connect: Connect) -> Connection:
    while True:
        try:
            return await connect()
        except Exception as error:  # noqa: BLE001 - whatever it is, it may pass
            _logger.warning("cannot connect: %r", error)
        await asyncio.sleep(RETRY_S)


async def _close(connection: Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):  # nothing is left to be lost
            await connection.close(timeout=RECONNECT_S)


def _refuse(waiting: Iterable[_Waiting], reason: Unavailable) -> None:
    for one in waiting:
        one.answer(_as_own(reason))


def _as_own(reason: Unavailable) -> Unavailable:
    """Each gets its own error: raised, it takes on the steps of whoever waited."""
    return type(reason)(str(reason))
