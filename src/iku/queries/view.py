"""The view of one viewer, which is the only code that reads texts for people.

Projections and folds hold placeholders instead of texts. The `View` replaces them in a
response. Texts that a viewer may not read are masked only here.
"""

import asyncio
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from datetime import date
from typing import Any, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct, structs

from iku import text_reading
from iku.domain import access, fact
from iku.domain.access import (
    AGENCY_WIDE,
    Action,
    Actor,
    Allowed,
    Scope,
    Unauthenticated,
)
from iku.domain.access_policy import DivisionOwnership
from iku.domain.withheld_text import NONE, Texts, Withheld, WithheldReason
from iku.language import Language, translate
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries import scopes, text_rights
from iku.queries.text_rights import PERSONAL, Principal
from iku.text_reading import Event, Fate
from iku.vault.sealing import Opened, TextDamaged
from iku.vault.store import Vault, VaultFault

T = TypeVar("T")
Sealed = dict[str, tuple[str, int, str]]  # stream, version and name of a text, by seal
# Records that an account opened the texts of these events.
Recorder: TypeAlias = Callable[[Reader, str, Collection[Event]], Awaitable[None]]
FORBIDDEN = Withheld(WithheldReason.FORBIDDEN)


class Viewer(Struct, frozen=True):
    """The person or program that sends a query.

    Attributes:
        name: The account's identifier; ``lokal`` while the register has no accounts.
        language: Language of the words in place of withheld texts.
        actor: The account with its rights; None if the viewer may read everything.
        divisions: What each division owns.
        masked: Whether personal texts are withheld whatever the rights are.
    """

    name: str
    language: Language = Language.INDONESIAN
    actor: Actor | None = None
    divisions: tuple[DivisionOwnership, ...] = ()
    masked: bool = False

    def may(self, action: Action, scope: Scope = AGENCY_WIDE) -> bool:
        """Whether the viewer may take *action* on a subject in *scope*."""
        if self.actor is None:
            return True
        return isinstance(access.may(self.actor, action, scope), Allowed)

    def require(self, action: Action, scope: Scope = AGENCY_WIDE) -> None:
        """Refuse a viewer without the right to *action* on a subject in *scope*.

        Raises:
            Unauthenticated: The viewer has not signed in.
            Forbidden: No role of the viewer allows it; the message names the roles that
                do.
        """
        if self.actor is None or self.may(action, scope):
            return
        if self.actor == NOBODY:
            raise Unauthenticated
        access.require(self.actor, action, scope)

    def covered(self, action: Action) -> tuple[Scope, ...]:
        """The scopes in which the viewer may take *action* (see `covered_scopes`)."""
        if self.actor is None:
            return (AGENCY_WIDE,)
        return access.covered_scopes(self.actor, action)

    def require_somewhere(self, action: Action) -> None:
        """Refuse a viewer who may neither take nor propose *action* on any subject.

        Raises:
            Unauthenticated: The viewer has not signed in.
            Forbidden: No role of the viewer allows it; the message names the roles that
                do.
        """
        if self.actor is None or self.covered(action):
            return
        if not access.covered_scopes(self.actor, action, proposing=True):
            self.require(action)


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
        vault: The encrypted texts and files.
        today: The day for which the rights of the viewer are evaluated.
        record: Writes the access log of personal texts; None if it is not written.
    """

    viewer: Viewer
    reader: Reader
    vault: Vault
    today: date
    record: Recorder | None = None

    @property
    def without_access_log(self) -> "View":
        """The same view without the access log, for texts that are only compared."""
        return self._replace(record=None)

    async def require(self, action: Action, stream: str) -> None:
        """Refuse a viewer without the right to *action* on the subject of *stream*.

        No error is raised if the subject does not exist.

        Raises:
            Unauthenticated: The viewer has not signed in.
            Forbidden: No role of the viewer allows it; the message names the roles that
                do.
        """
        self.viewer.require_somewhere(action)
        if AGENCY_WIDE in self.viewer.covered(action):
            return
        at = await self.scopes([stream])
        if stream in at:
            self.viewer.require(action, at[stream])

    async def require_indicator(self, action: Action, code: str) -> None:
        """Refuse a viewer without the right to *action* on subjects of an indicator.

        Raises:
            Unauthenticated: The viewer has not signed in.
            Forbidden: No role of the viewer allows it; the message names the roles that
                do.
        """
        self.viewer.require_somewhere(action)
        if AGENCY_WIDE in self.viewer.covered(action):
            return
        at = await scopes.of_indicator(self.reader, code, self.viewer.divisions)
        if at is not None:
            self.viewer.require(action, at)

    async def scopes(self, streams: Collection[str]) -> dict[str, Scope]:
        """The scopes of cases and organisations today (`scopes.of_subjects`)."""
        divisions = self.viewer.divisions
        return await scopes.of_subjects(self.reader, streams, divisions, self.today)

    async def inaccessible_streams(
        self, action: Action, streams: Collection[str]
    ) -> set[str]:
        """The cases and organisations on which the viewer may not take *action*."""
        if AGENCY_WIDE in self.viewer.covered(action):
            return set()
        at = await self.scopes(streams)
        return {one for one in at if not self.viewer.may(action, at[one])}

    async def outcomes(
        self, recorded: Sequence[Recorded], fields: Collection[str] | None = None
    ) -> dict[Event, dict[str, Fate]]:
        """Each text of the events *recorded*: decrypted, or why it is withheld.

        Every text in a response is read here. Only the texts of *fields* are decrypted;
        None means all.
        """
        forbidden = await self._forbidden(recorded)
        permitted = [one for one in recorded if one.stream not in forbidden]
        found = await text_reading.outcomes(self.reader, self.vault, permitted, fields)
        if self.viewer.actor == NOBODY:
            found = {event: _published_texts(named) for event, named in found.items()}
        if self.record is not None:
            name = self.viewer.name
            opened = [
                e for e in _decrypted_personal_texts(found) if e[0] != f"account-{name}"
            ]
            await self.record(self.reader, name, opened)
        return found | {
            (one.stream, one.version): dict.fromkeys(text, FORBIDDEN)
            for one in recorded
            if one.stream in forbidden and (text := one.body().text)
        }

    async def _forbidden(self, recorded: Sequence[Recorded]) -> set[str]:
        """The streams whose texts the viewer may not read."""
        viewer = self.viewer
        if viewer.masked:
            return {one.stream for one in recorded if one.category in PERSONAL}
        if viewer.actor is None:
            return set()
        if viewer.actor == NOBODY:
            return {one.stream for one in recorded if one.category != "publication"}
        principal = Principal(viewer.actor, viewer.divisions, self.today)
        return await text_rights.forbidden_streams(self.reader, principal, recorded)

    async def file(self, recorded: Recorded) -> bytes | WithheldReason:
        """The content of the file that *recorded* attached, or why it is withheld."""
        if await self._forbidden([recorded]):
            return WithheldReason.FORBIDDEN
        filed = await self.vault.file(self.reader, recorded)
        if isinstance(filed, VaultFault):
            return WithheldReason(filed.value)
        try:
            return await asyncio.to_thread(self.vault.files.get, filed)
        except TextDamaged:
            return WithheldReason.DAMAGED

    async def texts(
        self, recorded: Sequence[Recorded], fields: Collection[str] | None = None
    ) -> dict[Event, Texts]:
        """The texts of each event, of *fields* as `outcomes` gives them.

        Events without texts are left out.
        """
        found = await self.outcomes(recorded, fields)
        return {
            event: text_reading.split_withheld(named) for event, named in found.items()
        }

    def texts_in_words(self, found: Texts) -> dict[str, str]:
        """Every text by name, or its replacement in the viewer's language."""
        language = self.viewer.language
        return {
            name: translate(one, language) for name, one in found.display_texts.items()
        }

    async def reveal(self, found: T, recorded: Iterable[Recorded] = ()) -> T:
        """*found* with every placeholder replaced by its text, at any depth.

        *recorded* are events that were read already; the others are read here.
        """
        sealed: Sealed = {}
        _map_strings(found, lambda text: _collect_placeholders(text, sealed))
        if not sealed:
            return found
        events = {(stream, version) for stream, version, _ in sealed.values()}
        known = [one for one in recorded if (one.stream, one.version) in events]
        events -= {(one.stream, one.version) for one in known}
        opened = await self.texts([*known, *await log.read_events(self.reader, events)])
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
        fields = {field for _, wording in wordings for field in wording}
        found = await self.texts(recorded, fields)
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


def _decrypted_personal_texts(found: Mapping[Event, Mapping[str, Fate]]) -> list[Event]:
    """The events of which a personal text was decrypted."""
    return [
        event
        for event, named in found.items()
        if event[0].partition("-")[0] in PERSONAL
        and any(isinstance(one, Opened) for one in named.values())
    ]


def _published_texts(named: dict[str, Fate]) -> dict[str, Fate]:
    """The texts of a published edition; only the title is public."""
    return {name: one if name == "title" else FORBIDDEN for name, one in named.items()}


def _collect_placeholders(text: str, sealed: Sealed) -> str:
    if text.startswith(fact.SEAL):
        sealed[text] = fact.parse_placeholder(text)
    return text


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """*value* with *change* applied to every string in it; *value* itself if equal."""
    match value:
        case str():
            return change(value)
        case Struct():
            fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
            changed = _changed_items(fields, change)
            return structs.replace(value, **changed) if changed else value
        case tuple() | list() if value and not hasattr(value, "_fields"):
            changed = _changed_items(enumerate(value), change)
            if not changed:
                return value
            return type(value)(changed.get(n, one) for n, one in enumerate(value))
        case dict():
            changed = _changed_items(value.items(), change)
            return {**value, **changed} if changed else value
        case _:
            return value


_PLAIN = frozenset({type(None), bool, int, date})  # types without strings, for speed


def _changed_items(
    items: Iterable[tuple[Any, Any]], change: Callable[[str], str]
) -> dict[Any, Any]:
    """The *items* that `_map_strings` changes."""
    return {
        key: after
        for key, one in items
        if type(one) not in _PLAIN and (after := _map_strings(one, change)) is not one
    }
