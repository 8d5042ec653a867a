"""A cache of the unverified participations of organisations.

No projection holds them, because no figure counts them. The organisations are folded
once; then only those with new events are folded again.
"""

from iku import streams
from iku.domain.organisation import Participation
from iku.ledger import log
from iku.ledger.log import Reader

CATEGORY = "organisation"


class UnverifiedParticipations:
    """The unverified participations by organisation, kept in memory."""

    def __init__(self) -> None:
        self._position = 0
        self._found: dict[str, tuple[Participation, ...]] = {}

    async def by_organisation(
        self, reader: Reader
    ) -> dict[str, tuple[Participation, ...]]:
        """The unverified participations by organisation, oldest first.

        Only events after the last call are read.
        """
        after = self._position
        recorded = await log.read_categories(reader, (CATEGORY,), after=after)
        changed = {one.stream for one in recorded}
        for stream, whole in (await log.read_streams(reader, sorted(changed))).items():
            state = streams.fold(whole).state
            left = tuple(one for one in state.participations if not one.verified)
            subject = stream.partition("-")[2]
            if left and state.effective_creation_event is not None:
                self._found[subject] = left
            else:
                self._found.pop(subject, None)
        if recorded:
            self._position = max(self._position, recorded[-1].position)
        return dict(self._found)
