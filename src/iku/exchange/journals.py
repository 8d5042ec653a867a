"""The rows of a journal as facts to be recorded, each under an id of its own.

The id is made of what the row says and of how many rows before it said the same; so a
row that was imported once is known again, wherever in whichever file it stands.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from iku import handling
from iku.domain.decider import Invalid
from iku.domain.deciders import DECIDERS
from iku.domain.fact import Fact
from iku.exchange import sheet
from iku.exchange.layouts import LAYOUTS, REMARK, Layout, Statement
from iku.exchange.reading import Reading, Scope
from iku.exchange.sheet import Fault


class Aim(Struct, frozen=True):
    """A correction or annulment of the fact that its day, and more, tells.

    Attributes:
        statement: What the row states.
        given: Fields of the correction or annulment, save the version it is about.
        found_by: Fields of the fact that was wrong.
    """

    statement: Statement
    given: dict[str, Any]
    found_by: dict[str, Any]

    def fact(self, subject: Any) -> Fact:
        """The fact to be recorded, *subject* being what its stream holds.

        Raises:
            Invalid: There is no such fact.
        """
        naming = "annuls" if "annuls" in self._names else "corrects"
        found: Fact = self.statement.fact(
            **{naming: self._version(subject)}, **self.given
        )
        return found

    @property
    def _names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self.statement.fact.__struct_fields__
        return names

    def _version(self, subject: Any) -> int:
        """Of several the last; of those that stand, or else of those that once did."""
        if stands := [v for v, event in subject.facts if self._hits(event)]:
            return int(stands[-1])
        history = enumerate(subject.history, start=1)
        if stood := [v for v, event in history if self._hits(event)]:
            return stood[-1]
        raise Invalid("effective_on", self._missing(subject))

    def _hits(self, event: Any) -> bool:
        return isinstance(event, self.statement.about) and all(
            getattr(event, name) == value for name, value in self.found_by.items()
        )

    def _missing(self, subject: Any) -> str:
        kinds = " or ".join(_tag(about) for about in self.statement.about)
        wanted = ", ".join(map(str, self.found_by.values()))
        days = [
            str(event.effective_on)
            for _, event in subject.facts
            if isinstance(event, self.statement.about)
        ]
        stands = f"only of {', '.join(days)}" if days else "nor any other"
        return f"is no day of a fact {kinds!r}: there is none of {wanted}, {stands}"


class Entry(Struct, frozen=True):
    """One row, understood as far as it can be.

    Attributes:
        subject: Identifier of its subject; empty where the row does not tell.
        known_on: The day the office came to know, as the row declares it.
        fact: What is to be recorded; None where *faults* stand in the way.
        columns: Headings by field, to say where a refusal belongs.
        remark: What it says beside; None where it says nothing.
    """

    line: int
    command_id: str
    subject: str
    known_on: date
    fact: Fact | Aim | None
    columns: Mapping[str, str]
    remark: str | None = None
    faults: tuple[Fault, ...] = ()

    def peers(self, category: str) -> tuple[str, ...]:
        """Identifiers of the other subjects it names."""
        if self.fact is None or isinstance(self.fact, Aim):
            return ()
        return DECIDERS[category].peers(self.fact)

    def streams(self, category: str) -> list[str]:
        """The streams that deciding it rests on."""
        stream = DECIDERS[category].stream
        return [
            stream(self.subject),
            *map(stream, self.peers(category)),
            *handling.closings(category, self.fact),
        ]


class Journal(Struct, frozen=True):
    """A file as entries, in the order of its rows."""

    name: str
    layout: Layout
    entries: list[Entry]


def read(content: bytes, scope: Scope) -> Journal:
    """The entries of a file, whichever of the journals it is.

    Raises:
        Faulty: It is none of them.
    """
    headings = {name: layout.headings for name, layout in LAYOUTS.items()}
    found = sheet.read(content, headings)
    layout = LAYOUTS[found.layout]
    before: Counter[bytes] = Counter()
    entries = []
    for row in found.rows:
        said = msgspec.json.encode(
            (found.layout, [row.cells.get(heading) for heading in layout.headings])
        )
        before[said] += 1
        numbered = said + str(before[said]).encode()
        command_id = f"import:{scope.digest(numbered).hex()}"
        entries.append(_entry(Reading(layout, row, scope), command_id))
    return Journal(found.layout, layout, entries)


def _entry(reading: Reading, command_id: str) -> Entry:
    """The entry that a row makes; its cells are all read, whatever is wrong first."""
    subject = reading.subject()
    known_on = reading.known_on()
    statement = reading.statement()
    fact = None if statement is None else _fact(reading, statement)
    return Entry(
        line=reading.row.line,
        command_id=command_id,
        subject=subject,
        known_on=known_on,
        fact=None if reading.faults else fact,
        columns=reading.layout.columns(statement) if statement else {},
        remark=reading.row.cells.get(REMARK),
        faults=tuple(reading.faults),
    )


def _fact(reading: Reading, statement: Statement) -> Fact | Aim | None:
    day = reading.day(reading.layout.day, required=True)
    given = reading.fields(statement)
    found_by = {"effective_on": day, **reading.found_by(statement)}
    reading.refuse_strays(statement)
    if reading.faults:
        return None
    if statement.about:
        return Aim(statement, given, found_by)
    fact: Fact = statement.fact(**given)
    return fact


def _tag(fact: type[Any]) -> str:
    return str(fact.__struct_config__.tag).replace("_", " ")
