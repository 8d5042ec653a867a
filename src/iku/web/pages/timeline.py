"""The timeline of a subject: its events with their effects, actors and times."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from iku.domain.decider import subject_number
from iku.exchange.field_format import FieldFormat
from iku.messages import message
from iku.queries.event_history import EventView
from iku.web import page_rendering
from iku.web.pages.page_context import PageContext
from iku.web.subject_paths import PATHS

RETROACTIVE = frozenset({"corrected", "annulled", "rejected", "merged"})


class ShownField(NamedTuple):
    """A field of an event.

    Attributes:
        path: The page of the subject that it names; empty if it names none.
        withheld: Whether words stand in place of the text.
    """

    label: str
    value: str
    path: str = ""
    withheld: bool = False


class ShownReplacement(NamedTuple):
    """A field of an earlier event that a correction or annulment changed."""

    version: int
    label: str
    before: str
    after: str


class TimelineEntry(NamedTuple):
    """An event in a timeline.

    Attributes:
        retroactive: Whether it corrects or annuls an earlier event.
        annulled_by: Version of the event that annuls it; None if it is in effect.
        later: Whether it is effective only after the as-of day of the page.
        actor: The name of who recorded it.
        sentence: Who recorded it, and when it was known.
        effects: Its effects on the figures, one by one.
        also: Which other subjects it affects; empty if none.
    """

    event: EventView
    retroactive: bool
    annulled_by: int | None
    later: bool
    actor: str
    fields: tuple[ShownField, ...]
    replaced: tuple[ShownReplacement, ...]
    sentence: str
    effects: tuple[str, ...]
    also: str


def entries(
    frame: PageContext,
    events: tuple[EventView, ...],
    annulments: Mapping[int, int],
    actors: Mapping[str, str],
) -> list[TimelineEntry]:
    """The events as a timeline shows them."""
    fields = frame.field_format
    day = frame.time.day
    return [
        TimelineEntry(
            event=one,
            retroactive=one.type in RETROACTIVE or "corrects" in one.data,
            annulled_by=annulments.get(one.version),
            later=one.effective_on is not None and one.effective_on > day,
            actor=frame.visitor.page.text(actors[one.actor]),
            fields=tuple(_fields(one, fields)),
            replaced=tuple(_replacements(one, fields)),
            sentence=_sentence(frame, one, actors[one.actor]),
            effects=tuple(map(fields.movement, one.movements)),
            also=_merged_subjects(frame, one),
        )
        for one in events
    ]


def _fields(event: EventView, fields: FieldFormat) -> Iterator[ShownField]:
    for name, value in event.data.items():
        shown = fields.value(name, value)
        yield ShownField(fields.label(name), shown, _path(name, value))
    for name, text in event.text.items():
        label = fields.label(name.partition(".")[0])
        yield ShownField(label, text, withheld=name in event.withheld)


def _path(name: str, value: Any) -> str:
    """The page of the subject that the field names; empty if it names none."""
    match name, value:
        case "origin", {"stream": str(stream)}:
            category, _, subject = stream.partition("-")
            return f"{PATHS[category]}/{subject}"
        case _:
            return ""


def _replacements(event: EventView, fields: FieldFormat) -> Iterator[ShownReplacement]:
    for one in event.replaced:
        before, after = (
            fields.value(one.field, value) for value in (one.before, one.after)
        )
        yield ShownReplacement(one.version, fields.label(one.field), before, after)


def _sentence(frame: PageContext, event: EventView, actor: str) -> str:
    """A sentence on who recorded an event, and on which day it became known."""
    values = {
        "day": event.known_on,
        "moment": page_rendering.format_instant(frame.visitor, event.recorded_at),
        "actor": actor,
    }
    if event.declared:
        said = message(
            "Known on {day:digits} according to the imported journal; recorded on "
            "{moment} by {actor}.",
            **values,
        )
    else:
        said = message("Recorded on {moment} by {actor}.", **values)
    return frame.visitor.page.text(said)


def _merged_subjects(frame: PageContext, event: EventView) -> str:
    if not event.takes_along:
        return ""
    numbers = [*map(subject_number, event.takes_along)]
    return frame.visitor.page.text(
        message(
            "also no longer counted: {numbers}, merged into this case or organisation",
            numbers=numbers,
        )
    )
