"""Writing all projections, in the transaction that appends the events."""

from collections.abc import Sequence

from iku.ledger.log import Connection
from iku.projections import backfill, rows
from iku.projections.rows import CountedDefinition, ProjectedEvent


async def write(
    connection: Connection,
    entries: Sequence[ProjectedEvent],
    size: int,
    counted: Sequence[CountedDefinition],
) -> Sequence[CountedDefinition]:
    """Project *entries*, which are in log order, in a log of this *size*.

    *counted* are the known definitions. Returns those by which the entries were
    counted: all that were recorded before.
    """
    while not await rows.write(connection, rows.rows_of(entries, counted), counted):
        counted = await rows.definitions(connection)
    for entry in entries:
        await backfill.count_new_definitions(connection, entry, size)
    return counted
