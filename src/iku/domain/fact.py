"""Facts: what they are made of, and what corrections and annulments leave of them.

A *change* is dated and holds from its `effective_on` on. A *correction* restates
fields of an earlier fact of the same stream, an *annulment* takes one away; both
reach back to the beginning, for everyone who knows of them. So the history of a
subject is kept whole, and `standing` gives the facts that are left.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    get_args,
)

from msgspec import (
    UNSET,
    Meta,
    Struct,
    UnsetType,
    ValidationError,
    convert,
    defstruct,
    json,
    to_builtins,
)
from msgspec.structs import fields, force_setattr, replace

EARLIEST = date(1945, 8, 17)  # nothing this register holds is older than the republic

# A line of text that says something: no control characters, not only blanks. To
# Python `$` also lies before a line feed at the very end, hence the `(?!\n)`.
LINE = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$(?!\n)"
# A text of several lines: line feeds and tabs may stand in it, nothing else unseen.
LINES = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"

# In words what a pattern asks for stands in its schema, under "x-expects".
NUMBER = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$(?!\n)"

Number: TypeAlias = Annotated[
    str,
    Meta(
        pattern=NUMBER,
        description="Number in the register: letters, digits, and . _ - / within.",
        examples=["K14"],
        extra_json_schema={
            "x-expects": "1 to 64 letters, digits and . _ - / and begin with a letter "
            "or digit"
        },
    ),
]
_LINE = {"x-expects": "one line of text, not blank, without control characters"}
Line: TypeAlias = Annotated[
    str, Meta(pattern=LINE, min_length=1, max_length=500, extra_json_schema=_LINE)
]
Reason: TypeAlias = Annotated[
    str,
    Meta(
        pattern=LINE,
        min_length=1,
        max_length=2000,
        extra_json_schema=_LINE,
    ),
]
Note: TypeAlias = Annotated[
    str,
    Meta(
        pattern=LINES,
        max_length=4000,
        extra_json_schema={
            "x-expects": "text without control characters other than line feeds and "
            "tabs"
        },
    ),
]
Version: TypeAlias = Annotated[int, Meta(ge=1, le=2_147_483_647)]

# Of these fields a record holds only a commitment: the text itself may be erased.
FREE_TEXT = frozenset(
    {
        *("title", "name", "reason", "note", "evidence", "reference", "missing"),
        *("reporter", "parties", "file_name", "sha256"),
    }
)
PERSONS = frozenset({"reporter", "parties"})  # of those, the ones that name people
# Begins what stands where a text has not been opened. No text that can be entered
# holds this character.
SEAL = "\x1a"

PERSON = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)"


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody whom a fact names.

    Attributes:
        subject: Under which the register knows this person, and forgets them; the same
            person in several cases has one. None: somebody it did not know before.
    """

    name: Line
    subject: (
        Annotated[
            str,
            Meta(
                pattern=PERSON,
                description="Identifier of a person, as an earlier entry gave it.",
                examples=["0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"],
                extra_json_schema={
                    "x-expects": "the identifier of a person as an earlier entry gave "
                    "it, such as 0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10; it is left out "
                    "for a person who is new"
                },
            ),
        ]
        | None
    ) = None


Persons: TypeAlias = Annotated[tuple[Person, ...], Meta(min_length=1, max_length=50)]


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all facts. Text is kept in Unicode's NFC, as searching needs it.

    Attributes:
        RECURS: Whether two facts that are alike are two facts: each command records
            one, and only a retry of the same command is a repetition.
    """

    RECURS: ClassVar[bool] = False

    def __post_init__(self) -> None:
        changed = False
        for name in self.__struct_fields__:
            value = getattr(self, name)
            # Most fields are days and choices; looking no further halves the cost.
            if type(value) not in _WORDY:
                continue
            if (composed := _composed(value)) != value:
                force_setattr(self, name, composed)
                changed = True
        if changed:
            # NFC makes some texts longer (U+0958): refuse what `read` would not read.
            json.decode(json.encode(self), type=type(self), dec_hook=of_its_own)


_WORDY = frozenset({str, tuple, Person})


def _composed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_composed, value))
    if isinstance(value, Person):
        return replace(value, name=_composed(value.name))
    if isinstance(value, str) and not unicodedata.is_normalized("NFC", value):
        return unicodedata.normalize("NFC", value)
    return value


class Annulled(Fact, frozen=True, tag="annulled"):
    """The fact at version *annuls* of this stream never was.

    Attributes:
        annuls: Version of the fact in the history.
    """

    annuls: Version
    reason: Reason


class Merger(Fact, frozen=True):
    """Base of `Merged`: the subject is the same as *into*, which alone counts.

    Its *effective_on*, like a rejection's, is the day of the decision: a note.

    Attributes:
        into: Identifier of the subject that counts instead.
    """

    into: Number
    reason: Reason
    effective_on: date | None = None


class EventId(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of another stream, from which something was taken over."""

    stream: str
    version: Version

    def __str__(self) -> str:
        return f"{self.stream}/{self.version}"

    @property
    def subject(self) -> str:
        """Identifier of the subject of that stream."""
        return self.stream.partition("-")[2]


class Absorption(Fact, frozen=True):
    """Base of `Absorbed`: by the merger *origin*, this subject counts for both."""

    origin: EventId


class Rejection(Fact, frozen=True):
    """Base of `Rejected`: the subject should never have been entered."""

    reason: Reason
    effective_on: date | None = None


T = TypeVar("T")
# Of a correction: the right value, None where the field is cleared, UNSET where it
# stays as it was.
Restated: TypeAlias = T | UnsetType | None


class Correction(Fact, frozen=True):
    """Base of `Corrected`: the fact at version *corrects* was recorded wrongly.

    Every further field restates the field of that name: None clears it, UNSET leaves
    it as it was.

    Attributes:
        corrects: Version of the fact in the history.
    """

    corrects: Version
    reason: Reason
    effective_on: Restated[date] = UNSET

    def restated(self) -> dict[str, Any]:
        """The fields that are restated, with their right values; None: cleared."""
        names = (n for n in self.__struct_fields__ if n not in {"corrects", "reason"})
        return {n: v for n in names if (v := getattr(self, n)) is not UNSET}


def stated(event: Fact, field: str) -> Any:
    """What *event* states in *field*; None where it has no such field or no value."""
    value = getattr(event, field, None)
    return None if value is UNSET else value


def owner(event: Fact, stream: str) -> str:
    """Whose the texts of *event* are, if it was proposed for *stream*.

    Those of a copy remain its origin's: one erasure covers them all.
    """
    origin = stated(event, "origin")
    return origin.stream if isinstance(origin, EventId) else stream


class StandingFact(NamedTuple):
    """A fact as it stands: its place in the stream, and itself as last corrected."""

    version: int
    event: Any


F = TypeVar("F", bound=Fact)


def standing(history: Sequence[Fact]) -> list[StandingFact]:
    """The facts left of *history* after its corrections and annulments, in order.

    Of several corrections of a field the last counts. An annulment may itself be
    annulled, and so may a correction: what it named is then as it was.
    """
    if not reaching_back(history):
        return [*map(StandingFact._make, enumerate(history, start=1))]
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
        StandingFact(version, event)
        for version, event in facts.items()
        if not isinstance(event, _REACHES_BACK)
    ]


_REACHES_BACK = (Correction, Annulled)


def reaching_back(history: Sequence[Fact]) -> list[Fact]:
    """Those of *history* that say something of the other facts, not of the subject."""
    return [event for event in history if _reaches_back(type(event))]


@cache
def _reaches_back(of_type: type[Fact]) -> bool:
    return issubclass(of_type, _REACHES_BACK)


def annulled_versions(history: Sequence[Fact]) -> frozenset[int]:
    """Versions whose fact never was. Later annulments are heard first."""
    void: set[int] = set()
    for version in range(len(history), 0, -1):
        event = history[version - 1]
        if isinstance(event, Annulled) and version not in void:
            void.add(event.annuls)
    return frozenset(void)


def identified(event: F, new: Callable[[], str]) -> F:
    """*event* with a *new* subject for every person whom it names without one."""
    changes: dict[str, Any] = {}
    for name in event.__struct_fields__:
        match getattr(event, name):
            case Person(subject=None) as somebody:
                changes[name] = replace(somebody, subject=new())
            case tuple() as several if any(
                p == Person(p.name) for p in several if isinstance(p, Person)
            ):
                changes[name] = tuple(
                    p if p.subject else replace(p, subject=new()) for p in several
                )
            case _:
                continue
    return replace(event, **changes) if changes else event


class Text(NamedTuple):
    """A text of a fact. *person* is whom it names; None: it is the subject's own."""

    plain: str
    person: str | None = None


CLEARED = "cleared"  # in a correction's record: the fields that it clears


class EncodedFact(NamedTuple):
    """A fact as the ledger takes it, its free text apart."""

    type: str
    effective_on: date | None
    data: dict[str, Any]
    text: dict[str, Text]

    @property
    def schema(self) -> int:
        """Schema number of its record: 3 where it clears fields, or else 2.

        A program that does not know the number cannot pass over what it means.
        """
        return 3 if CLEARED in self.data else 2


def write(event: Fact) -> EncodedFact:
    """*event* in the parts a record is made of.

    What is None is left out; of a correction it is named among the fields `CLEARED`.
    """
    plain = json.decode(json.encode(event))  # JSON's own types, and no others
    fields = {k: v for k, v in plain.items() if v is not None}
    if len(fields) < len(plain) and isinstance(event, Correction):
        fields[CLEARED] = sorted(plain.keys() - fields.keys())
    fields.pop("effective_on", None)
    return EncodedFact(
        type=fields.pop("type"),
        effective_on=stated(event, "effective_on"),
        data={k: v for k, v in fields.items() if k not in FREE_TEXT},
        text={
            name: text
            for field in sorted(fields.keys() & FREE_TEXT)
            for name, text in _apart(field, fields[field])
        },
    )


def _apart(field: str, value: Any) -> Iterator[tuple[str, Text]]:
    """Each text by a name of its own: ``title``, ``reporter``, ``parties.0``."""
    match value:
        case str():
            yield field, Text(value)
        case dict():
            yield field, Text(value["name"], value["subject"])
        case _:
            for index, person in enumerate(value):
                yield from _apart(f"{field}.{index}", person)


def together(text: Mapping[str, Text]) -> dict[str, Any]:
    """Texts, by name, as the fields they were taken from."""
    fields: dict[str, Any] = {}
    lists: dict[str, dict[int, Person]] = {}
    for name, (plain, person) in text.items():
        field, _, index = name.partition(".")
        if index:
            lists.setdefault(field, {})[int(index)] = Person(plain, person)
        else:
            fields[field] = plain if person is None else Person(plain, person)
    return fields | {
        field: tuple(people[index] for index in sorted(people))
        for field, people in lists.items()
    }


class TextCommitment(Protocol):
    """What a record holds of a text."""

    @property
    def s(self) -> str:
        """The subject whose text it is."""


class FactBody(Protocol):
    """The parts of a record that are the fact's own."""

    @property
    def schema(self) -> int:
        """Version of the shape of what it holds."""

    @property
    def data(self) -> dict[str, Any]:
        """What is counted."""

    @property
    def text(self) -> Mapping[str, TextCommitment]:
        """What it is held to of each free text."""


class RecordedFact(Protocol):
    """An event as it was recorded, as far as a fact is made of it."""

    @property
    def stream(self) -> str:
        """The stream it is in."""

    @property
    def version(self) -> int:
        """Its place there."""

    @property
    def type(self) -> str:
        """Tag of the fact."""

    @property
    def effective_on(self) -> date | None:
        """The day it holds from."""

    def body(self) -> FactBody:
        """The rest of it."""


NOTHING_OPENED: Mapping[str, str] = {}


def of(
    recorded: RecordedFact, event_type: Any, opened: Mapping[str, str] = NOTHING_OPENED
) -> Any:
    """The fact, one of the union *event_type*, that was recorded.

    Its texts are those that were *opened*, by name; the others stay `sealed`. Nothing
    that is counted depends on them.

    Raises:
        ValueError: The record is of a type, or has fields, this program cannot read.
    """
    body = recorded.body()
    if body.schema != (known := 3 if CLEARED in body.data else 2):
        raise ValueError(
            f"the record of {recorded.type!r} has schema number {body.schema}, but "
            f"this program reads it as {known}"
        )
    if not opened:
        event = _unopened(recorded, body, event_type)
        if event is not None:
            return event
    text = {
        name: Text(
            opened.get(name) or sealed(recorded.stream, recorded.version, name),
            person(name, committed.s),
        )
        for name, committed in body.text.items()
    }
    written = EncodedFact(recorded.type, recorded.effective_on, body.data, text)
    return read(written, event_type)


class _Form(Struct, frozen=True):
    """How a fact of one type is put together from a record without a closer look.

    Attributes:
        blank: A fact of the type that says nothing, to be copied.
        said: Its fields that are neither text nor the day it holds from.
        needed: Names of texts that it must have.
        texts: Names of all texts it may have, save those of persons.
        days: Whether it may, and may not, hold from a day.
    """

    blank: Any
    said: type[Struct]
    needed: frozenset[str]
    texts: frozenset[str]
    days: frozenset[bool]


@cache
def _forms(event_type: Any) -> dict[str, _Form]:
    """By tag, the form of each fact of the union *event_type*."""
    return {tag: _form(of_type) for tag, of_type in _types(event_type).items()}


@cache
def _types(event_type: Any) -> dict[str, type[Fact]]:
    """By tag, each type of the union *event_type*."""
    facts = get_args(event_type) or (event_type,)
    return {str(f.__struct_config__.tag): f for f in facts}


def _form(of_type: Any) -> _Form:
    every = {field.name: field for field in fields(of_type)}
    day = every.get("effective_on")
    words = [f for f in every.values() if f.name in FREE_TEXT]
    said = [f for f in every.values() if f not in words and f is not day]
    return _Form(
        blank=of_type(**{f.name: None for f in every.values() if f.required}),
        said=defstruct(
            of_type.__name__,
            [(f.name, f.type) if f.required else (f.name, f.type, None) for f in said],
            kw_only=True,
            forbid_unknown_fields=True,
        ),
        needed=frozenset(f.name for f in words if f.required),
        texts=frozenset(f.name for f in words if not PERSONS.intersection({f.name})),
        days=frozenset({day is not None, day is not None and day.required}),
    )


def _unopened(recorded: RecordedFact, body: FactBody, event_type: Any) -> Any:
    """The fact with all its texts sealed; None where `read` must look at it.

    What `read` gives, at a tenth of its cost: what stands in place of a text need not
    be held against the text's pattern.
    """
    form = _forms(event_type).get(recorded.type)
    if form is None or not form.needed <= body.text.keys() <= form.texts:
        return None
    if (recorded.effective_on is not None) not in form.days:
        return None
    try:
        said = convert(body.data, form.said, dec_hook=of_its_own)
    except ValidationError:
        return None  # `read` says what is wrong
    event = form.blank.__copy__()
    for name in body.data:
        force_setattr(event, name, getattr(said, name))
    for name in body.text:
        force_setattr(event, name, sealed(recorded.stream, recorded.version, name))
    if recorded.effective_on is not None:
        force_setattr(event, "effective_on", recorded.effective_on)
    return event


def of_its_own(of: Any, given: Any) -> Any:
    """A value of a type that reads its values itself, such as `indicator.Options`."""
    return of.read(given)


def sealed(stream: str, version: int, name: str) -> str:
    """What stands in place of the text of that name in that event."""
    return f"{SEAL}{stream}/{version} {name}"


def is_sealed(text: str | None) -> bool:
    """Whether it stands in place of a text that has not been opened."""
    return text is not None and text.startswith(SEAL)


def named(sealed_text: str) -> tuple[str, int, str]:
    """Stream, version and name of a text that is `sealed`."""
    event, _, name = sealed_text.removeprefix(SEAL).rpartition(" ")
    stream, _, version = event.rpartition("/")
    return stream, int(version), name


def person(name: str, subject: str) -> str | None:
    """The person whose the text of that name is; None where it is no person's."""
    return subject if name.partition(".")[0] in PERSONS else None


def read(written: EncodedFact, event_type: Any) -> Any:
    """The fact, one of the union *event_type*, that `write` took apart.

    Raises:
        ValueError: The record is of a type, or has fields, this program cannot read.
    """
    legal = {
        name: text._replace(plain=_STANDS_IN.get(name, "-"))
        if text.plain.startswith(SEAL)
        else text
        for name, text in written.text.items()
    }
    fields: dict[str, Any] = {
        **written.data,
        **to_builtins(together(legal)),
        "type": written.type,
    }
    if written.effective_on is not None:
        fields["effective_on"] = written.effective_on
    fields |= _cleared(fields, event_type)
    try:
        event = convert(fields, event_type, dec_hook=of_its_own)
    except ValidationError as error:
        raise ValueError(f"unreadable {written.type!r} fact: {error}") from error
    if legal != written.text:
        for name, value in together(written.text).items():
            force_setattr(event, name, value)
    return event


def _cleared(fields: dict[str, Any], event_type: Any) -> dict[str, None]:
    """The fields that a correction clears, as None, taken from `CLEARED`.

    Raises:
        ValueError: They are not named as `write` names them.
    """
    of_type = _types(event_type).get(fields["type"], Fact)
    if CLEARED not in fields or not issubclass(of_type, Correction):
        return {}
    names = fields.pop(CLEARED)
    try:
        sound = names and names == sorted({*names}) and not fields.keys() & {*names}
    except TypeError:
        sound = False
    if not sound:
        raise ValueError(f"unreadable {fields['type']!r} fact: cleared is {names}")
    return dict.fromkeys(names)


_STANDS_IN = {"sha256": "0" * 64}  # a legal value while the fact is read
