"""`iku define`: add, correct or annul a version of a definition, after a preview."""

from datetime import date

import click
from msgspec import Struct, structs

from iku.app import App
from iku.cli import revision, tables, terminal
from iku.cli.comparison_table import COUNTS, cells, show_subjects
from iku.cli.options import trial_option
from iku.cli.tables import text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.commands.command import Command, CommandResult
from iku.domain import comparison
from iku.domain.comparison import RedefinitionEffect, YearEffect
from iku.domain.fact import Line, Reason
from iku.domain.indicator import Amendment, Redefinition
from iku.messages import message
from iku.queries import definition_comparison

NAMES = (message("In force"), message("Proposed"))
COLUMNS = (
    unwrapped_column(message("As-of day")),
    unwrapped_column(message("Definition")),
    *COUNTS,
    text_column(message("Rating")),
)


class RecordedDefinition(Struct, frozen=True):
    """A recorded definition, and the effect that was previewed.

    Attributes:
        definition: Number of the new version of the definition.
        version: Version of the indicator's stream after the event.
        position: Position of the event in the log.
        size: Size of the log after the event.
    """

    indicator: str
    definition: int
    version: int
    position: int
    size: int
    effect: RedefinitionEffect


@click.command(short_help="Add, correct or annul a version of a definition.")
@click.argument("code", metavar="CODE")
@click.option(
    "--effective-on",
    type=terminal.DayType(),
    help="First day in force: the definition applies to periods that start on this "
    "day or later.",
)
@click.option(
    "--basis",
    type=terminal.LineType("text", Line, 500),
    help="Decree that sets the definition.",
)
@click.option(
    "--reason",
    type=terminal.LineType("text", Reason, 2000),
    required=True,
    help="Reason for the change, correction or annulment.",
)
@trial_option
@revision.revision_options
@revision.preview_options
@terminal.actor
@terminal.as_json
def define(
    code: str,
    effective_on: date | None,
    basis: str | None,
    reason: str,
    amendment: Amendment,
    *,
    corrects: int | None,
    annuls: int | None,
    preview: bool,
    yes: bool,
    because: str | None,
    actor: str,
    json: bool,
) -> None:
    """Add a version of the definition of CODE, after a preview of its effect.

    Omitted options keep their values from the version in force on the effective day.
    The preview shows the effect on the last two complete years, as known today.

    With --corrects, a wrongly recorded version is replaced by a new one; with --annuls,
    it is no longer in force. Both options take the version that `iku history CODE`
    shows.
    """
    amended = structs.asdict(amendment)
    given = {"effective_on": effective_on, "basis": basis, **amended}
    if corrects is not None or annuls is not None:
        proposed = revision.build_revision(corrects, annuls, reason, given)
        command = Command("indicator", code, proposed, actor)
        revision.revise(command, because, preview=preview, yes=yes, json=json)
        return
    if effective_on is None or basis is None:
        missing = "--effective-on" if effective_on is None else "--basis"
        raise click.UsageError(message("Missing option {name!r}.", name=missing))
    redefinition = Redefinition(
        **amended, effective_on=effective_on, basis=basis, reason=reason
    )
    command = Command("indicator", code, redefinition, actor)
    question = message("Record this definition?")
    change = revision.PreviewedChange(_preview, show, question, _report)
    revision.record_after_preview(
        command, change, because, preview=preview, yes=yes, json=json
    )


def _report(effect: RedefinitionEffect, done: CommandResult, *, json: bool) -> None:
    given = done.receipt
    if json:
        at = (given.version, given.position, given.size)
        terminal.emit(
            RecordedDefinition(effect.indicator, effect.definition, *at, effect)
        )
    else:
        tables.say(
            message(
                "Recorded: definition version {version} of {indicator}, event "
                "{position}.",
                version=effect.definition,
                indicator=effect.indicator,
                position=formats.number(given.position),
            )
        )


async def _preview(app: App, command: Command) -> RedefinitionEffect:
    """The effect that the new definition would have.

    Raises:
        Refused: The rules do not allow it, or it would change nothing.
    """
    today = app.commands.today()
    async with app.pool.acquire() as connection:
        [proposed] = await app.commands.preview(connection, command)
        code = command.subject
        return await definition_comparison.preview_definition(
            terminal.view(app, connection), code, proposed, today
        )


def show(effect: RedefinitionEffect) -> None:
    """Print the changes in each year, and the subjects that count differently."""
    out = tables.Printer()
    out.say(
        message(
            "{indicator}: proposed definition version {version}, in force from {day}; "
            "counted from {size} events",
            indicator=effect.indicator,
            version=effect.definition,
            day=formats.day(effect.effective_on),
            size=formats.number(effect.size),
        )
    )
    for year in effect.years:
        now = message(
            "Year {year}, at present by definition version {version}",
            year=year.year,
            version=year.definition,
        )
        out.say(f"\n{translated(now)}")
        rows = [row for point in year.points for row in _rows(point)]
        out.table(COLUMNS, rows)
        out.say(_differing_message(year))
        if year.items:
            show_subjects(out, NAMES, year.items)
        if year.more:
            out.say(message("Further rows: GET …/comparison?{query}", query=year.more))


def _rows(point: comparison.ComparedPoint) -> list[tuple[str, ...]]:
    outcomes = zip(NAMES, (point.in_force, point.proposed), strict=True)
    day = formats.day(point.as_of)
    return [(day, name, *cells(outcome)) for name, outcome in outcomes]


def _differing_message(year: YearEffect) -> str:
    return message(
        "Cases or organisations that count differently at the end of the year: "
        "{count}.",
        count=formats.number(year.differing),
    )
