"""Group commit: the waiting requests of a process are appended in one transaction.

A commit costs a write to disk, whatever its size, and the log's lock admits one
transaction at a time. Requests that arrive during a transaction therefore wait for the
next one and share its commit.
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
    AppendRequest,
    EncodedRequest,
    KeyReused,
    Receipt,
    UnnumberedRequest,
    Verdict,
)
from iku.messages import message

_logger = logging.getLogger(__name__)

Connection: TypeAlias = asyncpg.Connection
Connect: TypeAlias = Callable[[], Awaitable[Connection]]

RECONNECT_S = 3.0  # how long a batch waits for an unavailable database
RETRY_S = 0.1  # between two attempts to connect
FEW = 64  # requests; splitting a smaller batch costs more flushes than overlap gains
SMALL = 16  # requests; a smaller batch is worth a turn of the event loop before it

# Another transaction held the log's lock for longer than the timeouts allow.
_BUSY = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


class AcceptedRequest(Struct, frozen=True):
    """A request that the current transaction appends, with its receipt."""

    request: AppendRequest
    receipt: Receipt

    @property
    def first_position(self) -> int:
        """The position of its first event; the others follow without gaps."""
        return self.receipt.position - self.receipt.count + 1

    def attachments_by_position(self) -> Iterator[tuple[int, Any]]:
        """Each event's position with its attachment."""
        return enumerate(self.request.attachments, self.first_position)

    def position_offsets(self) -> dict[str, int]:
        """For each stream, the position of its new events minus their version.

        The version of a new event plus this offset is the event's position.
        """
        places, position = {}, self.first_position
        for part in self.request.parts:
            places[part.stream] = position - part.expected_version - 1
            position += len(part.drafts)
        return places


Project: TypeAlias = Callable[
    [log.Connection, Sequence[AcceptedRequest]], Awaitable[None]
]
Asked: TypeAlias = EncodedRequest | UnnumberedRequest
# Admits each request or refuses it with a reason; may take the log's lock.
Admit: TypeAlias = Callable[
    [log.Connection, Sequence[Asked]], Awaitable[Sequence[EncodedRequest | Exception]]
]


# Appends all requests in one round trip; None if it could not, and wrote nothing.
AtOnce: TypeAlias = Callable[
    [log.Connection, Sequence[Asked]], Awaitable[Sequence[Receipt | Exception] | None]
]


class Unavailable(Exception):
    """The database is unavailable. Whether the request was recorded is unknown.

    It is safe to send the same command again: the command id makes it idempotent.
    """


class Overloaded(Unavailable):
    """The queue is full; the request was not accepted (backpressure)."""


class OutOfSpace(Unavailable):
    """The database has no disk space or memory left; nothing was recorded."""


class _QueuedRequest:
    """A queued request, and the future of its submitter."""

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
    def appended_streams(self) -> Iterator[str]:
        """The streams and categories to which the request appends."""
        asked = self.asked
        if isinstance(asked, UnnumberedRequest):
            yield asked.category
            return
        for part in asked.request.parts:
            yield part.stream
            yield part.stream.partition("-")[0]

    @property
    def required_streams(self) -> Iterator[str]:
        """The streams and categories that must be unchanged since they were read."""
        asked = self.asked
        if isinstance(asked, EncodedRequest):
            for part in asked.request.parts:
                yield part.stream
        request = asked if isinstance(asked, UnnumberedRequest) else asked.request
        for stream, _ in request.premises:
            yield stream
        for condition in request.conditions:
            yield from condition.categories

    def resolve(self, verdict: Verdict | Exception) -> None:
        if self.answered.done():
            return  # the submitter was cancelled; the batch does not depend on it
        if isinstance(verdict, Receipt):
            self.answered.set_result(verdict)
        else:
            self.answered.set_exception(verdict)


class _NumberGap(Exception):
    """Requests were given serial numbers but not appended.

    Attributes:
        verdicts: The verdict on each, by its index among the requests.
    """

    def __init__(self, verdicts: dict[int, Verdict | Exception]) -> None:
        super().__init__(f"{len(verdicts)} numbers were drawn in vain")
        self.verdicts = verdicts


class _Batch(NamedTuple):
    """The requests of one transaction, and the task that appends them."""

    waiting: list[_QueuedRequest]
    persisted: asyncio.Task[list[Verdict | Exception]]


class Appender:
    """Group commit: the queue of append requests of one process.

    *connect* opens the appender's own connection. *admit* numbers and refuses requests
    in the append's transaction, before they are appended. *project* writes the
    projections in the same transaction. *at_once* is tried first: it does all these
    steps in one statement, or nothing.

    Attributes:
        capacity: Maximum number of waiting requests; another one is refused as
            `Overloaded`.
        batch: Maximum number of requests in one transaction.
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
        self._admit = admit or _refuse_unnumbered
        self._at_once = at_once
        self._queue: deque[_QueuedRequest] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None

    @property
    def queue_length(self) -> int:
        """Number of requests in the queue."""
        return len(self._queue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def submit(self, request: AppendRequest | UnnumberedRequest) -> Receipt:
        """Append *request* by group commit, and return its receipt.

        Raises:
            VersionConflict, KeyReused, KnownOnDecreased, KnownOnInFuture: The ledger
                refused the request.
            LeafMismatch: The database recorded something other than what was sent.
            Unrecordable: The request cannot be encoded.
            Unavailable: The database is unavailable, or the queue is full (Overloaded).
            Exception: *admit* refused the request.
        """
        waiting = _QueuedRequest(
            request if isinstance(request, UnnumberedRequest) else log.encode(request)
        )
        if self._closing:
            raise Unavailable(
                message("the appender is shut down and accepts no more commands")
            )
        if len(self._queue) >= self.capacity:
            raise Overloaded(
                message(
                    "the append queue is full: {capacity} requests are waiting",
                    capacity=self.capacity,
                )
            )
        self._queue.append(waiting)
        self._arrived.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await waiting.answered

    async def aclose(self) -> None:
        """Finish all accepted requests, then close."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await _close(self._connection)

    async def _run(self) -> None:
        under_way: _Batch | None = None
        try:
            while under_way or await self._wait_for_request():
                batch = under_way or self._start_batch(0)
                under_way = batch
                verdicts = await self._verdicts(batch)
                if len(self._queue) < SMALL:
                    await asyncio.sleep(0)  # lets requests that have arrived join
                # The next batch is sent before the verdicts are delivered, so that the
                # database and the event loop overlap.
                under_way = (
                    self._start_batch(len(batch.waiting)) if self._queue else None
                )
                for waiting, verdict in zip(batch.waiting, verdicts, strict=True):
                    waiting.resolve(verdict)
                # Lets callers with a verdict submit their next request.
                await asyncio.sleep(0)
        finally:
            # Also reached by cancellation: no submitter may wait forever.
            left = under_way.waiting if under_way else ()
            _reject_all(
                (*left, *self._queue),
                Unavailable(
                    message("the appender stopped before it confirmed the command")
                ),
            )
            self._queue.clear()
            if under_way:
                under_way.persisted.cancel()

    def _start_batch(self, answered: int) -> _Batch:
        """Take the next batch from the queue and start to append it.

        It takes half of the requests in progress, which are those in the queue and
        those that the last batch has *answered*: the database works on one half while
        the event loop works on the other. If a batch took all waiting requests, small
        and large batches would alternate, and each would wait for the other.
        """
        half = (answered + len(self._queue) + 1) // 2
        waiting = self._next_batch(min(self.batch, max(FEW, half)))
        asked = [one.asked for one in waiting]
        return _Batch(waiting, asyncio.create_task(self._persist(asked)))

    async def _wait_for_request(self) -> bool:
        """Wait for a request; return False once closed with an empty queue."""
        while not self._queue:
            if self._closing:
                return False
            self._arrived.clear()
            await self._arrived.wait()
        return True

    def _next_batch(self, most: int) -> list[_QueuedRequest]:
        """The next batch; a request that depends on another one in it stays queued.

        A batch has one request for each stream and each command id, so that each is
        judged by recorded events, and not by a request that may still fail. A request
        does not join a batch in which an earlier one appends to a stream or a category
        that it depends on.
        """
        batch: list[_QueuedRequest] = []
        left: list[_QueuedRequest] = []
        taken: set[str] = set()  # streams, and categories, which have no hyphen
        commands: set[str] = set()
        while self._queue and len(batch) < most:
            waiting = self._queue.popleft()
            if waiting.answered.done():
                continue  # cancelled before its turn
            command_id = waiting.command_id
            free = (
                taken.isdisjoint(waiting.required_streams)
                and command_id not in commands
            )
            (batch if free else left).append(waiting)
            # A request that stays blocks its streams, or a later one would overtake it.
            taken.update(waiting.appended_streams)
            commands.add(command_id)
        self._queue.extendleft(reversed(left))
        return batch

    async def _verdicts(self, batch: _Batch) -> list[Verdict | Exception]:
        """The verdict on each request of *batch*, the batch in progress."""
        try:
            return [*await batch.persisted]
        except Unavailable as error:
            return self._fail_batch(batch.waiting, error)
        except Exception as error:  # noqa: BLE001 - passed to the caller
            if len(batch.waiting) == 1:
                return [error]
        return await self._append_individually(batch.waiting)

    async def _append_individually(
        self, batch: Sequence[_QueuedRequest]
    ) -> list[Verdict | Exception]:
        """Append each request alone after a failed batch: only the bad one fails."""
        _logger.warning("a batch of %d failed; each is tried alone", len(batch))
        verdicts: list[Verdict | Exception] = []
        for index, waiting in enumerate(batch):
            try:
                verdicts += await self._persist([waiting.asked])
            except Unavailable as error:
                return verdicts + self._fail_batch(batch[index:], error)
            except Exception as error:  # noqa: BLE001 - passed to the caller
                verdicts.append(error)
        return verdicts

    def _fail_batch(
        self, batch: Sequence[_QueuedRequest], error: Unavailable
    ) -> list[Verdict | Exception]:
        # The other queued requests would wait as long, and fail as well.
        _reject_all(self._queue, error)
        self._queue.clear()
        return [_copy_error(error) for _ in batch]

    async def _persist(self, asked: Sequence[Asked]) -> list[Verdict | Exception]:
        """Append in one transaction, and retry once if the connection is lost."""
        for attempt in (1, 2):
            connection = await self._open_connection()
            try:
                return await self._append_in_transaction(connection, asked)
            except _BUSY as error:
                raise Unavailable(
                    message(
                        "the log could not be locked, or the transaction timed out: "
                        "{error}",
                        error=messages.error_message(error),
                    )
                ) from error
            except asyncpg.InsufficientResourcesError as error:
                # No disk space or memory: nothing was recorded, and the next batch
                # would fail, too. Unlike the other errors, this needs an operator.
                _logger.error("the database has no room: %s", error)  # noqa: TRY400
                raise OutOfSpace(
                    message(
                        "the database is out of disk space or memory: {error}",
                        error=messages.error_message(error),
                    )
                ) from error
            except Exception as error:
                if not log.is_unavailable(error, connection):
                    raise
                # The commit may have succeeded before the connection was lost. A retry
                # is safe: a recorded command gets its first receipt, and one that was
                # not recorded is appended now.
                _logger.warning("connection lost in attempt %d: %r", attempt, error)
                connection.terminate()
                self._connection = None
        raise Unavailable(
            message("the database connection was lost twice; send the command again")
        )

    async def _append_in_transaction(
        self, connection: Connection, asked: Sequence[Asked]
    ) -> list[Verdict | Exception]:
        if self._project is None and self._admit is _refuse_unnumbered:
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
            except _NumberGap as lost:
                settled |= {left[n]: verdict for n, verdict in lost.verdicts.items()}
            else:
                settled |= zip(left, verdicts, strict=True)
                return [settled[n] for n in range(len(asked))]

    async def _append(
        self, connection: Connection, asked: Sequence[Asked]
    ) -> list[Verdict | Exception]:
        """Admit, append and project the requests; runs within a transaction.

        Raises:
            _NumberGap: Some requests that were given a serial number were not appended.
                The transaction is repeated without them, so that no number is skipped.
        """
        admitted = await self._admit(connection, asked)
        framed = [one for one in admitted if isinstance(one, EncodedRequest)]
        verdicts = iter(await log.append_encoded(connection, framed, zone=self._zone))
        found = [
            next(verdicts) if isinstance(one, EncodedRequest) else one
            for one in admitted
        ]
        lost: dict[int, Verdict | Exception] = {
            n: verdict
            for n, verdict in enumerate(found)
            if isinstance(asked[n], UnnumberedRequest)
            and isinstance(admitted[n], EncodedRequest)
            # A command that was recorded before was assigned none.
            if not isinstance(verdict, Receipt | KeyReused)
        }
        if lost:
            raise _NumberGap(lost)
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

    async def _open_connection(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await _connect_within(self._connect, RECONNECT_S)
        return self._connection


async def _refuse_unnumbered(
    _connection: log.Connection, asked: Sequence[Asked]
) -> Sequence[EncodedRequest | Exception]:
    """The default of *admit*: it refuses requests without a number."""
    return [
        one if isinstance(one, EncodedRequest) else TypeError("a stream without a name")
        for one in asked
    ]


async def _connect_within(connect: Connect, limit_s: float) -> Connection:
    """A connection, retried until *limit_s* have passed."""
    try:
        async with asyncio.timeout(limit_s):
            return await _reconnect(connect)
    except TimeoutError as error:
        raise Unavailable(
            message(
                "no database connection became available within {limit_s} seconds",
                limit_s=limit_s,
            )
        ) from error


async def _reconnect(connect: Connect) -> Connection:
    while True:
        try:
            return await connect()
        except Exception as error:  # noqa: BLE001 - any failure may be temporary
            _logger.warning("cannot connect: %r", error)
        await asyncio.sleep(RETRY_S)


async def _close(connection: Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):  # no data can be lost any more
            await connection.close(timeout=RECONNECT_S)


def _reject_all(waiting: Iterable[_QueuedRequest], reason: Unavailable) -> None:
    for one in waiting:
        one.resolve(_copy_error(reason))


def _copy_error(reason: Unavailable) -> Unavailable:
    """A copy of the error: each task that raises an error adds its traceback."""
    return type(reason)(str(reason))
