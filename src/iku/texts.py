"""The texts that records commit to, read for people.

Whatever folds the log leaves texts sealed. What it finds is then *revealed*: each text
named in it is opened, all of them at once.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec import Struct, structs

from iku.domain import erasure, fact
from iku.domain.deciders import DECIDERS
from iku.domain.erasure import Erased
from iku.domain.withheld import NONE, Decision, Texts, Why, Withheld
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.vault.sealing import Opened
from iku.vault.store import Trouble, Vault

T = TypeVar("T")
Event: TypeAlias = tuple[str, int]  # stream and version
Fate: TypeAlias = Opened | Withheld  # of a text


class File(NamedTuple):
    """A file as it was attached."""

    name: str
    media_type: str
    content: bytes


class Worded(NamedTuple):
    """A field of text as it is shown, and why parts of it are not.

    Attributes:
        value: A text, a person, or several.
    """

    value: "str | fact.Person | tuple[fact.Person, ...]"
    withheld: dict[str, Withheld]


async def read(
    reader: Reader, vault: Vault, recorded: Sequence[Recorded]
) -> dict[Event, Texts]:
    """The texts of each event; events without texts are left out."""
    found = await fates(reader, vault, recorded)
    return {event: _apart(named) for event, named in found.items()}


async def fates(
    reader: Reader, vault: Vault, recorded: Sequence[Recorded]
) -> dict[Event, dict[str, Fate]]:
    """The same with the salt of each text, by its name in the record."""
    found = await vault.read(reader, recorded)
    missing = [
        one
        for one in recorded
        if Trouble.MISSING in found.get((one.stream, one.version), {}).values()
    ]
    erased = await _erasures(reader, missing)
    return {
        (one.stream, one.version): _fates(one, found[one.stream, one.version], erased)
        for one in recorded
        if (one.stream, one.version) in found
    }


async def worded(
    reader: Reader, vault: Vault, wordings: Sequence[tuple[str, Mapping[str, int]]]
) -> list[dict[str, Worded]]:
    """Of each stream, the fields that its wording names, by the version given."""
    events = {
        (stream, version)
        for stream, wording in wordings
        for version in wording.values()
    }
    recorded = await log.read_events(reader, events)
    found = await read(reader, vault, recorded)
    by_event = {(one.stream, one.version): one for one in recorded}
    return [
        {
            field: _worded(by_event[stream, v], found.get((stream, v), NONE), field)
            for field, v in wording.items()
        }
        for stream, wording in wordings
    ]


async def reveal(reader: Reader, vault: Vault, found: T) -> T:
    """*found* with every text opened that is sealed in it, at any depth."""
    sealed: dict[str, tuple[str, int, str]] = {}
    _mapped(found, lambda text: _gather(text, sealed))
    if not sealed:
        return found
    events = {(stream, version) for stream, version, _ in sealed.values()}
    opened = await read(reader, vault, await log.read_events(reader, events))
    words = {
        text: opened[stream, version].all[name]
        for text, (stream, version, name) in sealed.items()
    }
    revealed: T = _mapped(found, lambda text: words.get(text, text))
    return revealed


def _gather(text: str, sealed: dict[str, tuple[str, int, str]]) -> str:
    if text.startswith(fact.SEAL):
        sealed[text] = fact.named(text)
    return text


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """*value* with *change* applied to every string in it."""
    match value:
        case str():
            return change(value)
        case Struct():
            fields = structs.asdict(value)
            changed = {name: _mapped(one, change) for name, one in fields.items()}
            same = all(changed[name] is fields[name] for name in fields)
            return value if same else structs.replace(value, **changed)
        case tuple() | list() if value and not hasattr(value, "_fields"):
            return type(value)(_mapped(one, change) for one in value)
        case dict():
            return {key: _mapped(one, change) for key, one in value.items()}
        case _:
            return value


class Standing(Protocol):
    """What a subject was on a day, as a list holds it."""

    @property
    def subject(self) -> str:
        """Its identifier."""

    @property
    def standing(self) -> dict[str, Any]:
        """The rest, its ``wording`` among it."""


def naming(
    reader: Reader, vault: Vault, category: str, field: str
) -> Callable[[Sequence[Standing]], Awaitable[list[str]]]:
    """What gives the title or name, the text *field*, of each standing of a list."""
    stream = DECIDERS[category].stream

    async def names(found: Sequence[Standing]) -> list[str]:
        wordings = [
            (stream(one.subject), {field: one.standing["wording"][field]})
            for one in found
        ]
        return [str(of[field].value) for of in await worded(reader, vault, wordings)]

    return names


def _worded(recorded: Recorded, texts: Texts, field: str) -> Worded:
    committed = recorded.body().text
    names = [name for name in committed if name.partition(".")[0] == field]
    parts = {
        name: fact.Text(texts.all[name], fact.person(name, committed[name].s))
        for name in names
    }
    withheld = {name: texts.withheld[name] for name in names if name in texts.withheld}
    return Worded(fact.together(parts)[field], withheld)


async def _erasures(
    reader: Reader, missing: Iterable[Recorded]
) -> dict[str, dict[int, Recorded]]:
    """Decisions on the subjects of what is missing, by position in the log."""
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


def _apart(named: Mapping[str, Fate]) -> Texts:
    """Those that were opened, and the others."""
    plain = {name: one.text for name, one in named.items() if isinstance(one, Opened)}
    withheld = {n: one for n, one in named.items() if isinstance(one, Withheld)}
    return Texts(plain, withheld)


def _fates(
    recorded: Recorded,
    found: Mapping[str, Opened | Trouble],
    erased: Mapping[str, dict[int, Recorded]],
) -> dict[str, Fate]:
    committed, position = recorded.body().text, recorded.position
    return {
        name: _withheld(one, position, erased.get(committed[name].s, {}))
        if isinstance(one, Trouble)
        else one
        for name, one in found.items()
    }


def _withheld(
    trouble: Trouble, position: int, erased: Mapping[int, Recorded]
) -> Withheld:
    if trouble is not Trouble.MISSING:
        return Withheld(Why(trouble.value))
    facts = {place: fact.of(one, Erased) for place, one in erased.items()}
    covering = erasure.covering(position, facts)
    if covering is None:
        return Withheld(Why.MISSING)
    decided, recorded = facts[covering], erased[covering]
    on = decided.effective_on or recorded.known_on
    return Withheld(Why.ERASED, Decision(decided.decision, decided.legal_basis, on))
