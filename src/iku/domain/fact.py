"""Facts: what they are made of, and what corrections and annulments leave of them.

A *change* is dated and holds from its `effective_on` on. A *correction* restates
fields of an earlier fact of the same stream, an *annulment* takes one away; both
reach back to the beginning, for everyone who knows of them. So the history of a
subject is kept whole, and `standing` gives the facts that are left.
"""

import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec import Meta, Struct, ValidationError, convert, json
from msgspec.structs import force_setattr, replace

EARLIEST = date(1945, 8, 17)  # nothing this register holds is older than the republic

# A line of text that says something: no control characters, not only blanks. To
# Python `$` also lies before a line feed at the very end, hence the `(?!\n)`.
LINE = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$(?!\n)"
# A text of several lines: line feeds and tabs may stand in it, nothing else unseen.
LINES = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"

NUMBER = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$(?!\n)"

Number: TypeAlias = Annotated[
    str,
    Meta(
        pattern=NUMBER,
        description="Number in the register: letters, digits, and . _ - / within.",
        examples=["K14"],
    ),
]
Line: TypeAlias = Annotated[str, Meta(pattern=LINE, min_length=1, max_length=500)]
Reason: TypeAlias = Annotated[str, Meta(pattern=LINE, min_length=1, max_length=2000)]
Note: TypeAlias = Annotated[str, Meta(pattern=LINES, max_length=4000)]
Version: TypeAlias = Annotated[int, Meta(ge=1, le=2_147_483_647)]

# Free text stands in a part of the record of its own, apart from what is counted.
FREE_TEXT = frozenset(
    {"title", "name", "reason", "note", "evidence", "reference", "by"}
)


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all facts. Text is kept in Unicode's NFC, as searching needs it."""

    def __post_init__(self) -> None:
        changed = False
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if (composed := _composed(value)) != value:
                force_setattr(self, name, composed)
                changed = True
        if changed:
            # NFC makes some texts longer (U+0958): refuse what `read` would not read.
            json.decode(json.encode(self), type=type(self))


def _composed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_composed, value))
    if isinstance(value, str) and not unicodedata.is_normalized("NFC", value):
        return unicodedata.normalize("NFC", value)
    return value


class Annulled(Fact, frozen=True, tag="annulled"):
    """The fact at version *annuls* of this stream never was."""

    annuls: Version
    reason: Reason


class Merger(Fact, frozen=True):
    """Base of `Merged`: the subject is the same as *into*, which alone counts.

    Its *effective_on*, like a rejection's, is the day of the decision: a note.
    """

    into: Number
    reason: Reason
    effective_on: date | None = None


class Rejection(Fact, frozen=True):
    """Base of `Rejected`: the subject should never have been entered."""

    reason: Reason
    effective_on: date | None = None


class Correction(Fact, frozen=True):
    """Base of `Corrected`: the fact at version *corrects* was recorded wrongly.

    Every further field restates the field of that name; None leaves it as it was.
    """

    corrects: Version
    reason: Reason
    effective_on: date | None = None

    def restated(self) -> dict[str, Any]:
        """The fields that are restated, with their right values."""
        names = (n for n in self.__struct_fields__ if n not in {"corrects", "reason"})
        return {n: v for n in names if (v := getattr(self, n)) is not None}


class Standing(NamedTuple):
    """A fact as it stands: its place in the stream, and itself as last corrected."""

    version: int
    event: Any


F = TypeVar("F", bound=Fact)


def standing(history: Sequence[Fact]) -> list[Standing]:
    """The facts left of *history* after its corrections and annulments, in order.

    Of several corrections of a field the last counts. An annulment may itself be
    annulled, and so may a correction: what it named is then as it was.
    """
    void = annulled_versions(history)
    facts = {
        version: event
        for version, event in enumerate(history, start=1)
        if version not in void
    }
    for event in [e for e in facts.values() if isinstance(e, Correction)]:
        if event.corrects in facts:
            facts[event.corrects] = replace(facts[event.corrects], **event.restated())
    return [
        Standing(version, event)
        for version, event in facts.items()
        if not isinstance(event, Correction | Annulled)
    ]


def annulled_versions(history: Sequence[Fact]) -> frozenset[int]:
    """Versions whose fact never was. Later annulments are heard first."""
    void: set[int] = set()
    for version in range(len(history), 0, -1):
        event = history[version - 1]
        if isinstance(event, Annulled) and version not in void:
            void.add(event.annuls)
    return frozenset(void)


class Written(NamedTuple):
    """A fact as the ledger takes it, its free text apart."""

    type: str
    effective_on: date | None
    data: dict[str, Any]
    text: dict[str, str]


def write(event: Fact) -> Written:
    """*event* in the parts a record holds; what is None is left out."""
    plain = json.decode(json.encode(event))  # JSON's own types, and no others
    fields = {k: v for k, v in plain.items() if v is not None}
    fields.pop("effective_on", None)
    return Written(
        type=fields.pop("type"),
        effective_on=getattr(event, "effective_on", None),
        data={k: v for k, v in fields.items() if k not in FREE_TEXT},
        text={k: v for k, v in fields.items() if k in FREE_TEXT},
    )


class Body(Protocol):
    """The parts of a record that are the fact's own."""

    @property
    def data(self) -> dict[str, Any]:
        """What is counted."""

    @property
    def text(self) -> dict[str, str]:
        """Free text."""


class Recorded(Protocol):
    """An event as it was recorded, as far as a fact is made of it."""

    @property
    def type(self) -> str:
        """Tag of the fact."""

    @property
    def effective_on(self) -> date | None:
        """The day it holds from."""

    def body(self) -> Body:
        """The rest of it."""


def of(recorded: Recorded, event_type: Any) -> Any:
    """The fact, one of the union *event_type*, that was recorded.

    Raises:
        ValueError: The record is of a type, or has fields, this program cannot read.
    """
    body = recorded.body()
    written = Written(recorded.type, recorded.effective_on, body.data, body.text)
    return read(written, event_type)


def read(written: Written, event_type: Any) -> Any:
    """The fact, one of the union *event_type*, that `write` took apart.

    Raises:
        ValueError: The record is of a type, or has fields, this program cannot read.
    """
    fields: dict[str, Any] = {**written.data, **written.text, "type": written.type}
    if written.effective_on is not None:
        fields["effective_on"] = written.effective_on
    try:
        return convert(fields, event_type)
    except ValidationError as error:
        raise ValueError(f"unreadable {written.type!r} fact: {error}") from error
