"""Reading the texts of records: each is decrypted, or withheld with a reason."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from iku.domain import erasure, fact
from iku.domain.erasure import Erased
from iku.domain.withheld_text import ErasureDecision, Texts, Withheld, WithheldReason
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.vault.sealing import Opened
from iku.vault.store import Vault, VaultFault

Event: TypeAlias = tuple[str, int]  # stream and version
Fate: TypeAlias = Opened | Withheld  # outcome of reading a text


class File(NamedTuple):
    """An attached file."""

    name: str
    media_type: str
    content: bytes


async def read(
    reader: Reader, vault: Vault, recorded: Sequence[Recorded]
) -> dict[Event, Texts]:
    """The texts of each event; events without texts are omitted."""
    found = await outcomes(reader, vault, recorded)
    return {event: split_withheld(named) for event, named in found.items()}


async def outcomes(
    reader: Reader,
    vault: Vault,
    recorded: Sequence[Recorded],
    fields: Collection[str] | None = None,
) -> dict[Event, dict[str, Fate]]:
    """The outcome of reading each text of *fields*, by its name in the record.

    None means all fields. A decrypted text has its salt.
    """
    found = await vault.read(reader, recorded, fields)
    missing = [
        one
        for one in recorded
        if VaultFault.MISSING in found.get((one.stream, one.version), {}).values()
    ]
    erased = await _erasures(reader, missing)
    return {
        (one.stream, one.version): _outcomes_of_event(
            one, found[one.stream, one.version], erased
        )
        for one in recorded
        if (one.stream, one.version) in found
    }


async def _erasures(
    reader: Reader, missing: Iterable[Recorded]
) -> dict[str, dict[int, Recorded]]:
    """The erasures of the subjects of missing texts, by position in the log."""
    subjects = {
        committed.s for one in missing for committed in one.body().text.values()
    }
    if not subjects:
        return {}
    streams = {erasure.decider.stream(subject): subject for subject in subjects}
    found = await log.read_streams(reader, list(streams))
    return {
        streams[stream]: {one.position: one for one in recorded}
        for stream, recorded in found.items()
    }


def split_withheld(named: Mapping[str, Fate]) -> Texts:
    """The decrypted texts and the withheld ones."""
    plain = {name: one.text for name, one in named.items() if isinstance(one, Opened)}
    withheld = {n: one for n, one in named.items() if isinstance(one, Withheld)}
    return Texts(plain, withheld)


def _outcomes_of_event(
    recorded: Recorded,
    found: Mapping[str, Opened | VaultFault],
    erased: Mapping[str, dict[int, Recorded]],
) -> dict[str, Fate]:
    committed, position = recorded.body().text, recorded.position
    return {
        name: _withheld_reason(one, position, erased.get(committed[name].s, {}))
        if isinstance(one, VaultFault)
        else one
        for name, one in found.items()
    }


def _withheld_reason(
    vault_fault: VaultFault, position: int, erased: Mapping[int, Recorded]
) -> Withheld:
    if vault_fault is not VaultFault.MISSING:
        return Withheld(WithheldReason(vault_fault.value))
    facts = {place: fact.decode_recorded(one, Erased) for place, one in erased.items()}
    covering = erasure.covering_decision(position, facts)
    if covering is None:
        return Withheld(WithheldReason.MISSING)
    decided, recorded = facts[covering], erased[covering]
    on = decided.effective_on or recorded.known_on
    return Withheld(
        WithheldReason.ERASED,
        ErasureDecision(decided.decision, decided.legal_basis, on),
    )
