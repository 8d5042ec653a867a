"""Writing all projections, in the transaction that appends the events.

The rows of a batch are written by one statement, which writes nothing if this process
does not have all current definitions.
"""

from collections.abc import Sequence
from typing import Any

from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection
from iku.projections import backfill, number_index, rows
from iku.projections.rows import CountedDefinition, ProjectedEvent, Rows


class ProjectionWriter:
    """Keeps all projections up to date with the log."""

    def __init__(self) -> None:
        self._definitions: list[CountedDefinition] = []

    async def project(
        self, connection: Connection, accepted: Sequence[AcceptedRequest]
    ) -> None:
        """Project the appended events; runs within the append's transaction."""
        size = max(one.receipt.size for one in accepted)
        await self.write(connection, _projected_events(accepted), size)

    def arguments(
        self, accepted: Sequence[AcceptedRequest]
    ) -> tuple[Sequence[Any] | None, ...]:
        """The arguments of `write_contributions`, `write_states` and `write_numbers`.

        The requests must not define an indicator.
        """
        entries = _projected_events(accepted)
        written = rows.arguments(self._rows(entries), self._definitions)
        return (*written, *number_index.columns(_changed_names(entries)))

    async def write(
        self, connection: Connection, entries: Sequence[ProjectedEvent], size: int
    ) -> None:
        """Project *entries*, which are in log order, in a log of this *size*."""
        while not await rows.write(connection, self._rows(entries), self._definitions):
            self._definitions = await rows.definitions(connection)
        await number_index.write(connection, _changed_names(entries))
        for entry in entries:
            await backfill.count_new_definitions(connection, entry, size)

    def _rows(self, entries: Sequence[ProjectedEvent]) -> Rows:
        found = Rows()
        for entry in entries:
            found.add(entry, self._definitions)
        return found


def _projected_events(accepted: Sequence[AcceptedRequest]) -> list[ProjectedEvent]:
    return [
        ProjectedEvent(position, one.receipt.known_on, transition)
        for one in accepted
        for position, transition in one.attachments_by_position()
    ]


def _changed_names(entries: Sequence[ProjectedEvent]) -> number_index.Names:
    names: number_index.Names = {}
    for entry in entries:
        names |= number_index.changed_rows(entry.transition)
    return names
