"""Publications as tables."""

from zoneinfo import ZoneInfo

from iku import labels
from iku.cli import tables
from iku.cli.figure_table import COLUMNS, COUNTS, cells, indicator_and_number
from iku.cli.tables import Printer, number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.domain.publication import PublicationState
from iku.messages import message
from iku.queries.publication_changes import (
    FigureChange,
    FigureInForce,
    FigureValue,
    FrozenFigure,
    PublicationChange,
    PublicationChanges,
)
from iku.queries.publications import (
    ListedPublication,
    Publications,
    ShownPublication,
    ShownStep,
)

LISTED = (
    *(
        unwrapped_column(message("Publication")),
        text_column(message("Period")),
        unwrapped_column(message("As-of day")),
        number_column(message("Edition")),
    ),
    *(
        unwrapped_column(message("Status")),
        unwrapped_column(message("Since")),
        text_column(message("Title")),
    ),
)
TAKEN = (
    *(
        unwrapped_column(message("Step")),
        unwrapped_column(message("Date")),
        text_column(message("Actor")),
    ),
    *(text_column(message("Reason")), number_column(message("Event"))),
)
SIDES = (
    *(
        unwrapped_column(message("Indicator")),
        number_column(message("Published")),
        number_column(message("Present")),
        *COUNTS,
    ),
    *(
        number_column(message("Published achievement")),
        number_column(message("Present achievement")),
    ),
)
CHANGED = (
    *(
        text_column(message("Cause")),
        unwrapped_column(message("Number")),
        text_column(message("Title")),
        text_column(message("Effect")),
    ),
    *(
        number_column(message("Event")),
        unwrapped_column(message("Effective on")),
        unwrapped_column(message("Known on")),
    ),
    *(
        unwrapped_column(message("Recorded")),
        text_column(message("Actor")),
        text_column(message("Reason")),
    ),
)


def show_list(found: Publications) -> None:
    """Print a table of publications."""
    out = tables.Printer()
    rows = [_list_row(one) for one in found.publications]
    if rows:
        out.table(LISTED, rows)
    else:
        out.say(message("There are no publications yet."))


def _list_row(one: ListedPublication) -> tuple[str, ...]:
    return (
        one.id,
        formats.period(one.period),
        formats.day(one.as_of),
        formats.number(one.edition),
        _state_label(one.state),
        formats.day(one.since),
        one.title or "",
    )


def _state_label(state: PublicationState) -> str:
    return translated(labels.PUBLICATION_STATES[state])


def show(found: ShownPublication) -> None:
    """Print a publication: its coordinates, figures, steps and editions."""
    out = tables.Printer()
    if found.title:
        out.say(found.title)
    out.say(
        message(
            "Publication {publication}: {period}, as of {day}, {state} since {since}",
            publication=found.id,
            period=formats.period(found.period),
            day=formats.day(found.as_of),
            state=_state_label(found.state),
            since=formats.day(found.since),
        )
    )
    if found.figures is not None:
        _show_frozen(out, found)
    if found.live is not None:
        out.say(
            message("Draft: the figures are not frozen yet. If it were closed now:")
        )
        out.table(COLUMNS, map(cells, found.live))
    out.table(TAKEN, map(_step_row, found.steps))
    if len(found.editions) > 1:
        told = [f"{one.id} ({_state_label(one.state)})" for one in found.editions]
        out.say(message("Editions: {editions}", editions=told))


def _show_frozen(out: Printer, found: ShownPublication) -> None:
    if found.known_on is not None and found.size is not None:
        out.say(
            message(
                "Frozen as known on {known}, from {size} events",
                known=formats.day(found.known_on),
                size=formats.number(found.size),
            )
        )
    frozen = found.figures or ()
    out.table(COLUMNS, map(cells, frozen))
    for one in frozen:
        out.say(indicator_and_number(one))
    if found.coverage is not None:
        out.say(translated(labels.COVERAGES[found.coverage]))


def _step_row(step: ShownStep) -> tuple[str, ...]:
    return (
        translated(labels.EVENTS[step.type]),
        formats.day(step.effective_on),
        step.actor,
        step.reason,
        formats.number(step.position),
    )


def show_changes(found: PublicationChanges, zone: ZoneInfo) -> None:
    """Print the published and present values, and the events between them."""
    out = tables.Printer()
    out.say(
        message(
            "Changes since publication {publication}, compared with {size} events",
            publication=found.publication,
            size=formats.number(found.size),
        )
    )
    out.table(SIDES, map(_comparison_row, found.figures))
    for one in found.figures:
        if one.in_force is not None:
            out.say(_in_force_message(one, one.in_force))
    if found.items:
        out.table(CHANGED, [_change_row(item, zone) for item in found.items])
    else:
        out.say(message("Nothing was recorded since."))
    if found.next:
        out.say(message("More results: --cursor {cursor}", cursor=found.next))


def _comparison_row(one: FrozenFigure) -> tuple[str, ...]:
    then, now = one.published, one.present
    return (
        one.indicator,
        _figure_text(then),
        _figure_text(now),
        formats.signed_number(one.difference.numerator),
        formats.signed_number(one.difference.denominator),
        formats.percent(then.achievement),
        formats.percent(now.achievement),
    )


def _in_force_message(one: FrozenFigure, now: FigureInForce) -> str:
    """The present value under the definition in force, if that is another one."""
    return message(
        "{indicator}: now {value} by definition {definition}, which is in force; "
        "achievement {achievement}; cause: {cause} (published by definition "
        "{published}).",
        indicator=one.indicator,
        definition=now.definition,
        value=_figure_text(now),
        achievement=formats.percent(now.achievement),
        cause=translated(labels.CAUSES[now.cause]),
        published=one.definition,
    )


def _figure_text(one: FigureValue) -> str:
    """The counts and percentage of a figure, such as ``7/9 = 77,78%``."""
    counts = formats.fraction(one.numerator, one.denominator)
    return f"{counts} = {formats.percent(one.percentage)}"


def _change_row(item: PublicationChange, zone: ZoneInfo) -> tuple[str, ...]:
    event = item.event
    return (
        translated(labels.CAUSES[item.cause]),
        item.number,
        item.title or "",
        "; ".join(map(_effect_text, item.effects)) or translated(message("none")),
        formats.number(event.position),
        formats.day(event.effective_on),
        formats.day(event.known_on),
        formats.instant(event.recorded_at, zone),
        event.actor,
        event.reason or formats.NOTHING,
    )


def _effect_text(effect: FigureChange) -> str:
    """The change of one figure, such as ``IKU-1: numerator -1``."""
    parts = (
        (message("numerator"), effect.numerator),
        (message("denominator"), effect.denominator),
    )
    told = [
        f"{translated(name)} {formats.signed_number(moved)}"
        for name, moved in parts
        if moved
    ]
    return f"{effect.indicator}: {', '.join(told)}"
