"""Streams, read and folded into the state of their subjects."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from iku import text_reading
from iku.domain import fact
from iku.domain.decider_registry import DECIDERS
from iku.domain.withheld_text import NONE, Texts
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.vault.store import Vault


class FoldedStream(Struct, frozen=True):
    """The state of a stream's subject, folded from its events.

    Attributes:
        state: None for a new stream.
        version: Version of the last event; 0 for a new stream.
        last: The last event; None for a new stream.
    """

    state: Any = None
    version: int = 0
    last: Recorded | None = None


def fold(
    recorded: Sequence[Recorded],
    opened: Mapping[text_reading.Event, Texts] = MappingProxyType({}),
) -> FoldedStream:
    """The state of a stream, from all its events and their *opened* texts."""
    decider = DECIDERS[recorded[0].category]
    events = (
        fact.decode_recorded(
            one,
            decider.event_type,
            opened.get((one.stream, one.version), NONE).plain,
        )
        for one in recorded
    )
    return FoldedStream(decider.fold(events), len(recorded), recorded[-1])


async def read(
    reader: Reader,
    vault: Vault,
    streams: Sequence[str],
    opens: Callable[[Recorded], bool] = lambda _recorded: True,
) -> dict[str, FoldedStream]:
    """The folded streams by name; streams without events are omitted.

    The texts of the events that *opens* accepts are decrypted.
    """
    found = await log.read_streams(reader, list(dict.fromkeys(streams)))
    selected = [one for recorded in found.values() for one in recorded if opens(one)]
    opened = await text_reading.read(reader, vault, selected)
    return {
        stream: fold(recorded, opened) for stream, recorded in found.items() if recorded
    }
