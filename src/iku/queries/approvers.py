"""The accounts that approved the proposals by which events were recorded."""

from collections.abc import Mapping

from iku.domain import fact, proposal
from iku.domain.proposal import Approved
from iku.ledger import log
from iku.ledger.log import Reader


async def approvers(reader: Reader) -> Mapping[tuple[str, int], str]:
    """By stream and version of the last event of a proposed command, who approved it.

    Proposals are few, so there is no projection.
    """
    decider = proposal.decider
    found: dict[tuple[str, int], str] = {}
    for one in await log.read_categories(reader, (decider.category,)):
        event = fact.decode_recorded(one, decider.event_type)
        if isinstance(event, Approved) and event.recorded is not None:
            found[event.recorded.stream, event.recorded.version] = event.by
    return found
