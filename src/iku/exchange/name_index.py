"""Index of subjects' numbers, as they are after the preceding rows of a file.

Rows name their subjects by number, as the older register does. Letter case is ignored.
A number that a correction in the file frees may be assigned again in a later row.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from iku.domain import numbering
from iku.domain.decider import Refused, subject_id, subject_number
from iku.exchange.spill_file import SpillFile
from iku.messages import Term, message
from iku.projections.number_index import NumberKey, NumberUse

Held = dict[str, bool]  # by subject that has or had a name: whether it has it now
_Key = tuple[str, str]  # category and folded name


class NameIndex:
    """The numbers of subjects, as read from the database and as planned to change.

    The names planned last are in memory, the others in the *spill_file*.
    """

    def __init__(self, spill_file: SpillFile) -> None:
        self._spill_file = spill_file
        self._read: dict[_Key, Held] = {}
        self._planned: dict[_Key, Held] = {}
        self._spilled: dict[_Key, Held] = {}  # as read from the file; empty if absent

    def forget(self) -> None:
        """Discard the names that were read; they are read again when needed."""
        self._read.clear()
        self._spilled.clear()

    def spill(self, room: int) -> None:
        """Spill planned names until at most *room* remain in memory."""
        surplus = list(islice(self._planned, max(len(self._planned) - room, 0)))
        self._spill_file.put({_name(key): self._planned.pop(key) for key in surplus})
        self._spilled.clear()

    def add_recorded(self, rows: Iterable[tuple[NumberKey, bool]]) -> None:
        """Add names read from the database, each with whether it is in use."""
        for (category, folded, subject), held in rows:
            self._read.setdefault((category, folded), {})[subject] = held

    def plan(self, names: Mapping[NumberKey, NumberUse]) -> None:
        """Apply the changes of a planned event."""
        for (category, folded, subject), use in names.items():
            key = category, folded
            before = self._planned_subjects(key)
            # Moved to the end: the names planned first come first.
            self._planned.pop(key, None)
            self._planned[key] = {**before, subject: use.held}

    def all_subjects(self, category: str, number: str) -> Iterator[str]:
        """The subjects that have the number *number*, or had it before a correction."""
        yield from self._subjects_named(category, number)

    def holder(self, category: str, number: str) -> str | None:
        """The subject with the number *number*; None if the number is free.

        Raises:
            Refused: Several subjects have it, which earlier logs allow.
        """
        held = [
            s for s, holds in self._subjects_named(category, number).items() if holds
        ]
        if len(held) > 1 and subject_id(number) in held:
            return subject_id(number)
        if len(held) > 1:
            several = [
                message(
                    "{category} {subject}",
                    category=Term("category", category),
                    subject=subject,
                )
                for subject in sorted(held)
            ]
            raise Refused(
                message(
                    "number {number} belongs to several subjects: {several}",
                    number=number,
                    several=several,
                )
            )
        return held[0] if held else None

    def subject_identified_by(self, category: str, number: str) -> str | None:
        """The subject whose identifier is formed from *number*, even if renumbered."""
        wanted = numbering.casefold(subject_id(number))
        subjects = sorted(
            self._subjects_named(category, number), key=lambda s: s != number
        )
        return next((s for s in subjects if numbering.casefold(s) == wanted), None)

    def free_identifier(self, category: str, number: str) -> str:
        """The identifier of a new subject with the number *number*.

        Raises:
            Refused: The identifier would be too long.
        """
        found = numbering.free_identifier(number, _UsedIdentifiers(self, category))
        if found is None:
            most = numbering.LONGEST
            raise Refused(
                message(
                    "the identifier {number}.2 has more than {most} characters",
                    number=number,
                    most=most,
                )
            )
        return found

    def _subjects_named(self, category: str, number: str) -> Held:
        key = category, numbering.casefold(number)
        return {**self._read.get(key, {}), **self._planned_subjects(key)}

    def _planned_subjects(self, key: _Key) -> Held:
        if (planned := self._planned.get(key)) is not None:
            return planned
        if (spilled := self._spilled.get(key)) is None:
            spilled = self._spilled[key] = self._spill_file.get(_name(key)) or {}
        return spilled


def _name(key: _Key) -> str:
    """The name of a key in the spill file, where a stream has no space."""
    return " ".join(key)


@dataclass(frozen=True, slots=True)
class _UsedIdentifiers:
    """The existing identifiers of a category, folded by `numbering.casefold`."""

    names: NameIndex
    category: str

    def __contains__(self, identifier: object) -> bool:
        number = subject_number(str(identifier))
        return self.names.subject_identified_by(self.category, number) is not None
