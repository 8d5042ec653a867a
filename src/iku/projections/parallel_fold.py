"""Folding of whole subjects into rows, on several processors.

The rebuild and the backfill use it. A fold needs no database, so worker processes run
it: the caller reads histories and copies rows, and its event loop is not blocked. A
short log is folded in a thread, since a process takes as long to start as it takes to
fold some thousand events.
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
from iku.projections.rows import FOREVER, CountedDefinition, Rows, TransitionFold

BATCH = 1_000  # events that are folded in one call
FEW = 20_000  # events; no process is started for a smaller log
WORKERS = 4  # most processes
COUNTED = (
    *("definition", "subject", "part", "district", "valid", "since", "known_from"),
    *("known_to", "position", "superseded", "numerator", "denominator", "expired"),
)


class CopyRows(NamedTuple):
    """Rows of some subjects, in the text format of PostgreSQL's COPY.

    Attributes:
        events: Number of events that were folded.
    """

    events: int
    contributions: bytes
    states: bytes
    numbers: bytes


def fold(
    histories: Sequence[Sequence[Recorded]], counted: Sequence[CountedDefinition]
) -> CopyRows:
    """All rows of these *histories*, one for each subject, for empty tables."""
    rows, events = Rows(), 0
    for history in histories:
        turns = TransitionFold()
        for recorded in history:
            rows.add(turns.apply(recorded), counted)
        events += len(history)
    return copy_lines(rows, events)


def count(
    histories: Sequence[Sequence[Recorded]], counted: Sequence[CountedDefinition]
) -> CopyRows:
    """The contributions of these *histories*, without states and numbers."""
    rows, events = Rows(), 0
    for history in histories:
        turns = TransitionFold()
        for recorded in history:
            entry = turns.apply(recorded)
            for definition in counted:
                rows.count(entry, definition)
        events += len(history)
    return copy_lines(rows, events)


def copy_lines(rows: Rows, events: int) -> CopyRows:
    """The new rows of *rows*, from *events* events, in the format of COPY."""
    return CopyRows(
        events,
        _encode_lines(map(_contribution_line, rows.begun)),
        _encode_lines(map(_state_line, rows.stated)),
        _encode_lines(_name_line(*name, *use) for name, use in rows.names.items()),
    )


async def fold_in_parallel(
    histories: AsyncIterator[list[Recorded]],
    counted: Sequence[CountedDefinition],
    size: int,
    do: Any = fold,
) -> AsyncIterator[CopyRows]:
    """`fold` all *histories*, which have *size* events in total, in order.

    Holds at most one batch more in memory than there are workers (backpressure).
    """
    loop = asyncio.get_running_loop()
    with executor_for(size) as (executor, workers):
        waiting: deque[asyncio.Future[CopyRows]] = deque()
        async for batch in log.batch_streams(histories, BATCH):
            if len(waiting) > workers:
                yield await waiting.popleft()
            waiting.append(loop.run_in_executor(executor, do, batch, counted))
        while waiting:
            yield await waiting.popleft()


async def copy(connection: Connection, rows: CopyRows) -> None:
    """Insert *rows* by COPY; they supersede no existing row."""
    await _copy(connection, "contribution", rows.contributions, COUNTED)
    await _copy(connection, "state", rows.states)
    await _copy(connection, "number", rows.numbers)


async def _copy(
    connection: Connection,
    table: str,
    lines: bytes,
    columns: Sequence[str] | None = None,
) -> None:
    if not lines:
        return
    # Closed to free the lines: the driver leaves a reference cycle that holds the file,
    # and an import runs without the cyclic garbage collector.
    with BytesIO(lines) as source:
        await connection.copy_to_table(table, source=source, columns=columns)


@contextmanager
def executor_for(size: int, most: int = WORKERS) -> Iterator[tuple[Executor, int]]:
    """An executor for a log of *size* events, and its number of workers.

    There are at most *most* workers. The first process starts at once, while the caller
    still reads histories.
    """
    processors, workers = os.cpu_count() or 1, 1
    executor: Executor = ThreadPoolExecutor(1)
    if size > FEW and processors > 1:
        workers = min(processors, most)
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(workers, context, _initialise_worker)
        executor.submit(int)
    try:
        yield executor, workers
    finally:
        executor.shutdown(cancel_futures=True)


def _initialise_worker() -> None:
    """Initialise a worker process, which exits when its parent does.

    A fold creates no reference cycles, so the cyclic garbage collector is disabled.
    """
    gc.disable()
    Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


# Rows in COPY's text format: one on each line, columns separated by tabs.


def _encode_lines(spelt: Iterable[str]) -> bytes:
    return "".join(spelt).encode()


def _contribution_line(row: Sequence[Any]) -> str:
    number, subject, part, district, start, end, since, *known = row
    known_from, known_to, position, superseded, numerator, denominator, expired = known
    return (
        f"{number}\t{_escape(subject)}\t{_escape(part)}\t{_escape(district)}"
        f"\t[{start},{end or ''})\t{since or _NULL}\t{known_from}"
        f"\t{_format_date(known_to)}\t{position}\t{superseded}"
        f"\t{numerator}\t{denominator}\t{expired}\n"
    )


def _state_line(row: Sequence[Any]) -> str:
    position, superseded, known_from, known_to, entered_on, level, *rest = row
    verified, expired, start, end, *texts = rest
    return (
        f"{position}\t{superseded}\t{known_from}\t{_format_date(known_to)}\t{entered_on}"
        f"\t{level}\t{verified}\t{expired}\t[{start},{end or ''})"
        f"\t{_tab_separated(texts)}\n"
    )


def _name_line(
    category: str,
    folded: str,
    subject: str,
    held: bool,  # noqa: FBT001 - a column
    *automatic: int | None,
) -> str:
    year, serial = (_NULL if one is None else one for one in automatic)
    return f"{_tab_separated((category, folded, subject))}\t{held}\t{year}\t{serial}\n"


_NULL = "\\N"


def _format_date(day: date) -> str:
    return "infinity" if day is FOREVER else str(day)


def _tab_separated(texts: Sequence[str]) -> str:
    """*texts*, separated by tabs."""
    if _MARKED.isdisjoint("".join(texts)):
        return "\t".join(texts)
    return "\t".join(map(_escape, texts))


def _escape(text: str) -> str:
    return text if _MARKED.isdisjoint(text) else text.translate(_ESCAPES)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_MARKED = frozenset("\\\t\n\r")
