"""Folding whole subjects into rows, on all processors, for a rebuild and a backfill.

Folding needs no database, so it is given away: the caller reads histories and copies
rows, and neither its event loop nor its processor is held up meanwhile. A short log is
folded by a thread, since starting a process takes as long as some thousand events.
"""

import asyncio
import gc
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from threading import Thread
from typing import Any, NamedTuple

from iku.ledger import log
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.projections import number_index
from iku.projections.rows import FOREVER, CountedDefinition, Rows, TransitionFold

BATCH = 1_000  # events that are folded at a time
FEW = 20_000  # events; a process is not started for fewer
WORKERS = 4  # processes at most
COUNTED = (
    *("definition", "subject", "part", "district", "valid", "since", "known_from"),
    *("known_to", "position", "superseded", "numerator", "denominator", "expired"),
)


class CopyRows(NamedTuple):
    """Rows of some subjects, in the text format of PostgreSQL's COPY.

    Attributes:
        events: How many events they come from.
    """

    events: int
    contributions: bytes
    states: bytes
    numbers: bytes


def fold(
    histories: Sequence[Sequence[Recorded]], counted: Sequence[CountedDefinition]
) -> CopyRows:
    """All rows that these *histories*, each of one subject, leave in empty tables."""
    rows, events = Rows(), 0
    for history in histories:
        turns = TransitionFold()
        for recorded in history:
            entry = turns.entry(recorded)
            rows.add(entry, counted)
            rows.names |= number_index.changed(entry.turn)
        events += len(history)
    return CopyRows(
        events,
        _lines(_ranged(row, 4) for row in rows.begun),
        _lines(_ranged(row, 8) for row in rows.stated),
        _lines((*name, *use) for name, use in rows.names.items()),
    )


def count(
    histories: Sequence[Sequence[Recorded]], counted: Sequence[CountedDefinition]
) -> CopyRows:
    """The same, but only what the subjects contribute."""
    rows, events = Rows(), 0
    for history in histories:
        turns = TransitionFold()
        for recorded in history:
            entry = turns.entry(recorded)
            for definition in counted:
                rows.count(entry, definition)
        events += len(history)
    return CopyRows(events, _lines(_ranged(row, 4) for row in rows.begun), b"", b"")


async def folded(
    histories: AsyncIterator[list[Recorded]],
    counted: Sequence[CountedDefinition],
    size: int,
    do: Any = fold,
) -> AsyncIterator[CopyRows]:
    """`fold` of all *histories*, of some *size* events in all, in their order.

    At most so many batches are in memory as there are workers, and one more.
    """
    loop = asyncio.get_running_loop()
    with _executor(size) as (executor, workers):
        waiting: deque[asyncio.Future[CopyRows]] = deque()
        async for batch in log.batched(histories, BATCH):
            if len(waiting) > workers:
                yield await waiting.popleft()
            waiting.append(loop.run_in_executor(executor, do, batch, counted))
        while waiting:
            yield await waiting.popleft()


async def copy(connection: Connection, rows: CopyRows) -> None:
    """Write *rows* into tables that hold none of these subjects."""
    await _copy(connection, "contribution", rows.contributions, COUNTED)
    await _copy(connection, "state", rows.states)
    await _copy(connection, "number", rows.numbers)


async def _copy(
    connection: Connection,
    table: str,
    lines: bytes,
    columns: Sequence[str] | None = None,
) -> None:
    if lines:
        source = BytesIO(lines)
        await connection.copy_to_table(table, source=source, columns=columns)


@contextmanager
def _executor(size: int) -> Iterator[tuple[Executor, int]]:
    """What folds so many events, and how many batches it works on at once."""
    workers = min(os.cpu_count() or 1, WORKERS)
    executor: Executor = ThreadPoolExecutor(1)
    if size > FEW and workers > 1:
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(workers, context, _begin)
    else:
        workers = 1
    try:
        yield executor, workers
    finally:
        executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Begin a worker, which ends with the process that started it, however that ends.

    Nothing that folding makes refers to itself, so no cycles need to be looked for.
    """
    gc.disable()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _ranged(row: Sequence[Any], place: int) -> tuple[Any, ...]:
    """The row with its two days at *place* as one range."""
    start, end = row[place : place + 2]
    return (*row[:place], _range(start, end), *row[place + 2 :])


def _range(start: date, end: date | None) -> str:
    return f"[{start},{end or ''})"


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as COPY reads them: a line each, tabs between the columns."""
    return "".join("\t".join(map(_column, row)) + "\n" for row in rows).encode()


def _column(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if value is None:
        return "\\N"
    if value is FOREVER:
        return "infinity"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _MARKED.intersection(value) else value
    return str(value)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_MARKED = frozenset("\\\t\n\r")
