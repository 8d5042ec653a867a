"""Following the log as it grows.

Positions run in the order of commits and without gaps, so a follower needs nothing but
the last position it saw: there is nothing below it that might still appear. (Stores
that number events before they commit skip some under load; Marten waits at gaps.)
"""

import asyncio
import logging
from collections.abc import AsyncGenerator

from iku.ledger import log
from iku.ledger.appender import Connect, Connection
from iku.ledger.record import Recorded

_logger = logging.getLogger(__name__)


async def subscribe(
    connect: Connect,
    *,
    after: int,
    poll_s: float = 1.0,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Recorded, None]:
    """Every event from *after* + 1 on, once and in order, until *stop* is set.

    A notification only makes it look sooner; what makes it right is looking every
    *poll_s*. A lost connection is opened anew, and reading goes on where it was.
    """
    stop = stop or asyncio.Event()
    wake = asyncio.Event()
    connection: Connection | None = None
    try:
        while not stop.is_set():
            try:
                if connection is None:
                    connection = await connect()
                    await connection.add_listener(log.CHANNEL, lambda *_: wake.set())
                wake.clear()  # before reading, or an event between the two would wait
                async for recorded in log.read_log(connection, after=after):
                    after = recorded.position
                    yield recorded
                    if stop.is_set():
                        return
            except Exception as error:
                if not log.is_away(error, connection):
                    raise
                _logger.warning("following from %d, connection lost: %r", after, error)
                _abandon(connection)
                connection = None
            await _first_of(wake, stop, within_s=poll_s)
    finally:
        _abandon(connection)


def _abandon(connection: Connection | None) -> None:
    if connection is not None:
        connection.terminate()


async def _first_of(*events: asyncio.Event, within_s: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
