"""Corrections and annulments: the event that a form corrects, and its values."""

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from msgspec import structs

from iku.domain import conflict, organisation
from iku.domain.fact import Person
from iku.queries.event_history import EventView
from iku.web.page_language import PageLanguage
from iku.web.pages import entry_values
from iku.web.pages.entry_fields import EntryField
from iku.web.pages.entry_forms import EntryForm

_EVENTS = {
    category: {str(one.__struct_config__.tag): one for one in get_args(union)}
    for category, union in (
        ("conflict", conflict.Event),
        ("organisation", organisation.Event),
    )
}
_DERIVED = frozenset({"corrected", "annulled", "absorbed", "attached"})


class CorrectedEvent(NamedTuple):
    """The event that a form corrects, as the form shows it.

    Attributes:
        fields: The fields that the event has.
        original: The recorded values of the fields, in words.
    """

    fields: tuple[EntryField, ...]
    original: dict[str, str]


def correctable(form: EntryForm, events: Sequence[EventView]) -> tuple[EventView, ...]:
    """The events that can be corrected or annulled."""
    excluded = _DERIVED if form.event == "corrected" else {"annulled"}
    return tuple(one for one in events if one.type not in excluded)


def corrected_event(
    form: EntryForm,
    fields: Sequence[EntryField],
    event: EventView,
    page: PageLanguage,
) -> CorrectedEvent:
    """The fields of the form about *event*, and the event's values."""
    names = {"corrects", "annuls", "reason"}
    if form.event == "corrected":
        names |= {*_EVENTS[form.category][event.type].__struct_fields__}
    return CorrectedEvent(
        tuple(one for one in fields if one.name in names), _original(event, page)
    )


def _original(event: EventView, page: PageLanguage) -> dict[str, str]:
    values: dict[str, Any] = {**event.data, "effective_on": event.effective_on}
    for name, text in event.text.items():
        values.setdefault(name.partition(".")[0], []).append(text)
    return {
        name: entry_values.in_words(page, name, value)
        for name, value in values.items()
        if value is not None and not isinstance(value, dict)
    }


def with_known_persons(command: Any, event: EventView) -> Any:
    """The correction with the identifiers of the persons in the corrected *event*.

    A corrected name keeps the person's identifier, so that an erasure finds all texts
    about the person. Parties are matched by name; one without a match is matched by its
    index, if the number of parties is unchanged and the old name is gone.
    """
    if not isinstance(command, conflict.Corrected):
        return command
    changes: dict[str, Any] = {}
    reporter, parties = command.reporter, command.parties
    if isinstance(reporter, Person) and reporter.subject is None:
        subject = event.subjects.get("reporter")
        changes["reporter"] = structs.replace(reporter, subject=subject)
    if isinstance(parties, tuple):
        known = [n for n in event.subjects if n.startswith("parties.")]
        places = sorted(known, key=lambda n: int(n.partition(".")[2]))
        changes["parties"] = _known_parties(parties, places, event)
    return structs.replace(command, **changes) if changes else command


def _known_parties(
    several: tuple[Person, ...], places: Sequence[str], event: EventView
) -> tuple[Person, ...]:
    by_name = {event.text[place]: event.subjects[place] for place in places}
    same = len(places) == len(several)
    found = []
    for index, one in enumerate(several):
        subject = one.subject or by_name.get(one.name)
        if subject is None and same:
            # A corrected name in the place of another that is gone.
            before = places[index]
            gone = event.text[before] not in {other.name for other in several}
            subject = event.subjects[before] if gone else None
        found.append(Person(one.name, subject))
    return tuple(found)
