"""`iku history`: all events of a case, organisation or indicator."""

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import click

from iku import labels
from iku.cli import ambiguous_number, field_format, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.cli.workbook_output import workbook_option
from iku.domain import indicator, subject_kinds
from iku.domain.decider import subject_number
from iku.messages import message
from iku.queries import event_history
from iku.queries.event_history import EventView
from iku.queries.subject_lookup import SubjectMatch, identify

COLUMNS = (
    *(
        number_column(message("Version")),
        number_column(message("Position")),
        text_column(message("Event")),
        unwrapped_column(message("Effective on")),
    ),
    *(
        unwrapped_column(message("Known on")),
        unwrapped_column(message("Recorded")),
        text_column(message("Actor")),
    ),
    *(
        text_column(message("Content")),
        text_column(message("Replaces")),
        text_column(message("Effect")),
    ),
)
DECLARED = " *"
CATEGORIES = (*subject_kinds.categories(), indicator.decider.category)


@click.command(short_help="Show all events of a case, organisation or indicator.")
@click.argument("subject", metavar="NUMBER", type=terminal.SubjectNumberType())
@click.option(
    "--kind",
    type=click.Choice(CATEGORIES),
    help="Kind of subject, if several have this number.",
)
@workbook_option
@terminal.as_json
def history(subject: str, kind: str | None, *, json: bool) -> None:
    """Show all events of the case, organisation or indicator NUMBER.

    NUMBER is its number or its identifier; conflict-K14 is always an identifier. If
    several subjects match, they are listed.

    Each event is shown with the values that it corrected or annulled, and with its
    effect on each figure.
    """

    async def execute() -> tuple[Sequence[EventView], ZoneInfo]:
        async with terminal.opened_view() as (app, view):
            among = CATEGORIES if kind is None else [kind]
            found = {
                one: await event_history.history(view, one.category, one.subject)
                for one in await identify(view, subject, among)
            }
            return _only_history(found, subject), app.settings.timezone

    events, zone = terminal.run(execute())
    if json:
        terminal.emit(events)
    else:
        show_events(events, zone)


def show_events(events: Sequence[EventView], zone: ZoneInfo) -> None:
    """Print a table of events."""
    out = tables.Printer()
    out.table(COLUMNS, [_cells(event, zone) for event in events])
    if any(event.declared for event in events):
        said = message("as the imported journal states")
        out.say(f"{DECLARED.strip()} {translated(said)}")


def _only_history(
    found: Mapping[SubjectMatch, Sequence[EventView]], typed: str
) -> Sequence[EventView]:
    """The only history in *found*.

    Raises:
        CommandFailed: No subject matches, or several do.
    """
    there = {one: events for one, events in found.items() if events}
    if not there:
        number = subject_number(typed)
        raise CommandFailed(
            message(
                "no case, organisation or indicator has the number {number}",
                number=number,
            )
        )
    ambiguous_number.refuse_ambiguous([*there], typed)
    [events] = there.values()
    return events


def _cells(event: EventView, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        formats.number(event.version),
        formats.number(event.position),
        translated(labels.EVENTS[event.type]),
        formats.day(event.effective_on),
        f"{formats.day(event.known_on)}{DECLARED if event.declared else ''}",
        formats.instant(event.recorded_at, zone),
        event.actor,
        "\n".join(_field_lines(event)),
        "\n".join(_replaced_lines(event)),
        "\n".join(map(field_format.movement, event.movements)),
    )


def _field_lines(event: EventView) -> Iterator[str]:
    for name, value in (event.data | event.text).items():
        field = name.partition(".")[0]
        yield f"{translated(labels.FIELDS[field])}: {field_format.value(field, value)}"


def _replaced_lines(event: EventView) -> Iterator[str]:
    for one in event.replaced:
        before, after = (
            field_format.value(one.field, v) for v in (one.before, one.after)
        )
        field = translated(labels.FIELDS[one.field])
        version = message("version {version}", version=one.version)
        yield f"{translated(version)}, {field}: {before} → {after}"
    if event.takes_along:
        numbers = [*map(subject_number, event.takes_along)]
        yield translated(
            message(
                "also no longer counted: {numbers}, merged into this case or "
                "organisation",
                numbers=numbers,
            )
        )
