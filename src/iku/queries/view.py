"""The viewer, and the only place where texts are opened for people.

Projections and folds leave texts sealed. An answer passes through a viewer's `View`,
which opens its texts. Texts that a viewer may not read are masked here only.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct, structs

from iku import text_reading
from iku.domain import access, fact
from iku.domain.access import (
    AGENCY_WIDE,
    Action,
    Actor,
    Allowed,
    Place,
    Unauthenticated,
)
from iku.domain.access_policy import DivisionOwns
from iku.domain.withheld_text import NONE, Texts, Withheld, WithheldReason
from iku.language import Language, translate
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.text_reading import Event, Fate
from iku.vault.sealing import TextDamaged
from iku.vault.store import Vault, VaultFault

T = TypeVar("T")
Sealed = dict[str, tuple[str, int, str]]  # stream, version and name of a text, by seal


class Viewer(Struct, frozen=True):
    """The person or program that asks a question.

    Attributes:
        name: The account's identifier; ``lokal`` while the register has no accounts.
        language: Language of the words in place of withheld texts.
        actor: The account with its rights; None if the viewer may read everything.
        divisions: What each division owns.
    """

    name: str
    language: Language = Language.INDONESIAN
    actor: Actor | None = None
    divisions: tuple[DivisionOwns, ...] = ()

    def may(self, action: Action, place: Place = AGENCY_WIDE) -> bool:
        """Whether the viewer may take *action* on a subject at *place*."""
        if self.actor is None:
            return True
        return isinstance(access.may(self.actor, action, place), Allowed)

    def require(self, action: Action, place: Place = AGENCY_WIDE) -> None:
        """Refuse *action* on a subject at *place* if the viewer may not.

        Raises:
            Unauthenticated: The viewer has not signed in.
            Forbidden: The message names the roles that may.
        """
        if self.actor is None or self.may(action, place):
            return
        if self.actor == NOBODY:
            raise Unauthenticated
        access.require(self.actor, action, place)


LOCAL = Viewer("lokal")
NOBODY = Actor("umum", "umum", ())  # has not signed in, and reads what is public
PUBLIC = Viewer("umum", actor=NOBODY)


class ShownText(NamedTuple):
    """A text field as shown, and why parts of it are not shown.

    Attributes:
        value: A text, a person, or several.
    """

    value: "str | fact.Person | tuple[fact.Person, ...]"
    withheld: dict[str, Withheld]


class View(NamedTuple):
    """Read access of one viewer.

    Attributes:
        reader: A connection, or a reader that acquires one for each query.
        vault: The sealed texts and files.
    """

    viewer: Viewer
    reader: Reader
    vault: Vault

    async def outcomes(
        self, recorded: Sequence[Recorded]
    ) -> dict[Event, dict[str, Fate]]:
        """Each text of the events *recorded*, opened, or why it is not shown.

        Every text in an answer comes from here.
        """
        return await text_reading.outcomes(self.reader, self.vault, recorded)

    async def file(self, recorded: Recorded) -> bytes | WithheldReason:
        """The content of the file that *recorded* attached, or why there is none."""
        filed = await self.vault.file(self.reader, recorded)
        if isinstance(filed, VaultFault):
            return WithheldReason(filed.value)
        try:
            return await asyncio.to_thread(self.vault.files.get, filed)
        except TextDamaged:
            return WithheldReason.DAMAGED

    async def texts(self, recorded: Sequence[Recorded]) -> dict[Event, Texts]:
        """The texts of each event; events without texts are left out."""
        found = await self.outcomes(recorded)
        return {
            event: text_reading.split_withheld(named) for event, named in found.items()
        }

    def texts_in_words(self, found: Texts) -> dict[str, str]:
        """Every text by name, or the words in its place, in the viewer's language."""
        language = self.viewer.language
        return {name: translate(one, language) for name, one in found.shown.items()}

    async def reveal(self, found: T) -> T:
        """*found* with all sealed texts opened, at any depth."""
        sealed: Sealed = {}
        _map_strings(found, lambda text: _collect_placeholders(text, sealed))
        if not sealed:
            return found
        events = {(stream, version) for stream, version, _ in sealed.values()}
        opened = await self.texts(await log.read_events(self.reader, events))
        words = {
            text: self.texts_in_words(opened[stream, version])[name]
            for text, (stream, version, name) in sealed.items()
        }
        revealed: T = _map_strings(found, lambda text: words.get(text, text))
        return revealed

    async def text_fields(
        self, wordings: Sequence[tuple[str, Mapping[str, int]]]
    ) -> list[dict[str, ShownText]]:
        """The text fields of each stream, from the events at the given versions."""
        events = {
            (stream, version)
            for stream, wording in wordings
            for version in wording.values()
        }
        recorded = await log.read_events(self.reader, events)
        found = await self.texts(recorded)
        by_event = {(one.stream, one.version): one for one in recorded}
        return [
            {
                field: self._shown_text(
                    by_event[stream, v], found.get((stream, v), NONE), field
                )
                for field, v in wording.items()
            }
            for stream, wording in wordings
        ]

    def _shown_text(self, recorded: Recorded, found: Texts, field: str) -> ShownText:
        committed = recorded.body().text
        shown = self.texts_in_words(found)
        names = [name for name in committed if name.partition(".")[0] == field]
        parts = {
            name: fact.Text(shown[name], fact.person_of_text(name, committed[name].s))
            for name in names
        }
        withheld = {
            name: found.withheld[name] for name in names if name in found.withheld
        }
        return ShownText(fact.join_texts(parts)[field], withheld)


def _collect_placeholders(text: str, sealed: Sealed) -> str:
    if text.startswith(fact.SEAL):
        sealed[text] = fact.parse_placeholder(text)
    return text


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """*value* with *change* applied to every string in it."""
    match value:
        case str():
            return change(value)
        case Struct():
            fields = structs.asdict(value)
            changed = {name: _map_strings(one, change) for name, one in fields.items()}
            same = all(changed[name] is fields[name] for name in fields)
            return value if same else structs.replace(value, **changed)
        case tuple() | list() if value and not hasattr(value, "_fields"):
            return type(value)(_map_strings(one, change) for one in value)
        case dict():
            return {key: _map_strings(one, change) for key, one in value.items()}
        case _:
            return value
