"""`iku history`: all events of a case, organisation or indicator."""

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import click

from iku import labels
from iku.cli import ambiguity, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import exact, number, text
from iku.domain import indicator, subject_kinds
from iku.domain.decider import subject_number
from iku.exchange import field_format, formats
from iku.messages import message
from iku.queries import event_history
from iku.queries.event_history import EventView, Movement
from iku.queries.subject_lookup import SubjectMatch, identify

COLUMNS = (
    *(number("Versi"), number("Posisi"), text("Peristiwa"), exact("Berlaku")),
    *(exact("Diketahui"), exact("Dicatat"), text("Oleh")),
    *(text("Isi"), text("Menggantikan"), text("Menggerakkan")),
)
DECLARED = " *"
CATEGORIES = (*subject_kinds.categories(), indicator.decider.category)


@click.command(short_help="Show all that was recorded of a subject or indicator.")
@click.argument("subject", metavar="NUMBER", type=terminal.SubjectNumberType())
@click.option(
    "--kind",
    type=click.Choice(CATEGORIES),
    help="Which it is, where several share the number.",
)
@terminal.as_json
def history(subject: str, kind: str | None, *, json: bool) -> None:
    """Show all events of the case, organisation or indicator NUMBER.

    NUMBER is its number or its identifier; conflict-K14 is always an identifier. If
    several subjects match, they are listed.

    Each event is shown with the values that it corrected or annulled, and with its
    effect on each figure.
    """

    async def work() -> tuple[Sequence[EventView], ZoneInfo]:
        async with terminal.opened_view() as (app, view):
            among = CATEGORIES if kind is None else [kind]
            found = {
                one: await event_history.history(view, one.category, one.subject)
                for one in await identify(view, subject, among)
            }
            return _single(found, subject), app.settings.timezone

    events, zone = terminal.run(work())
    if json:
        terminal.emit(events)
    else:
        out = tables.Printer()
        out.table(COLUMNS, [_cells(event, zone) for event in events])
        if any(event.declared for event in events):
            out.say(f"{DECLARED.strip()} sebagaimana dinyatakan jurnal yang diimpor")


def _single(
    found: Mapping[SubjectMatch, Sequence[EventView]], typed: str
) -> Sequence[EventView]:
    """The only history in *found*.

    Raises:
        CommandFailed: There is none, or there are several.
    """
    there = {one: events for one, events in found.items() if events}
    if not there:
        number = subject_number(typed)
        raise CommandFailed(
            message(
                "there is no case, organisation or indicator {number}", number=number
            )
        )
    ambiguity.refuse_several([*there], typed)
    [events] = there.values()
    return events


def _cells(event: EventView, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        formats.number(event.version),
        formats.number(event.position),
        labels.EVENTS[event.type].id,
        formats.day(event.effective_on),
        f"{formats.day(event.known_on)}{DECLARED if event.declared else ''}",
        formats.instant(event.recorded_at, zone),
        event.actor,
        "\n".join(_content(event)),
        "\n".join(_replaced(event)),
        "\n".join(map(_movement, event.movements)),
    )


def _content(event: EventView) -> Iterator[str]:
    for name, value in (event.data | event.text).items():
        field = name.partition(".")[0]
        yield f"{labels.FIELDS[field].id}: {field_format.value(field, value)}"


def _replaced(event: EventView) -> Iterator[str]:
    for one in event.replaced:
        before, after = (
            field_format.value(one.field, v) for v in (one.before, one.after)
        )
        field = labels.FIELDS[one.field].id
        yield f"versi {one.version}, {field}: {before} → {after}"
    if event.takes_along:
        numbers = ", ".join(map(subject_number, event.takes_along))
        yield f"ikut tidak dihitung: {numbers}, yang digabung ke sini"


def _movement(moved: Movement) -> str:
    counts = {
        "pembilang": moved.numerator,
        "penyebut": moved.denominator,
        "kedaluwarsa": moved.expired,
    }
    told = ", ".join(
        f"{name} {formats.signed(count)}" for name, count in counts.items() if count
    )
    by = f"{moved.indicator} (definisi {moved.definition})"
    until = f" dalam periode yang mulai s.d. {formats.day(moved.since)}"
    day = formats.day(moved.effective_on)
    return f"{by} sejak {day}{until if moved.since else ''}: {told}"
