"""Previewed changes of an indicator: targets, corrections and annulments.

The effect is shown before the change is recorded.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import click
from msgspec import Struct, structs

from iku.app import App
from iku.cli import proposing, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.commands.command import Command, CommandResult
from iku.domain.comparison import EvaluatedFigure, RevisedPoint, RevisionPreview
from iku.domain.fact import Annulled
from iku.domain.indicator import Revision
from iku.messages import Message, message
from iku.queries import definition_comparison, indicators

COLUMNS = (
    *(
        unwrapped_column(message("As-of day")),
        unwrapped_column(message("State")),
        number_column(message("Definition")),
        number_column(message("Target")),
    ),
    *(
        unwrapped_column(message("Actual")),
        number_column(message("Achievement")),
        text_column(message("Rating")),
    ),
)
MOST = 2_147_483_647  # the largest version
E = TypeVar("E")


class RecordedRevision(Struct, frozen=True):
    """A recorded change, and the effect that was previewed.

    Attributes:
        version: Version of the indicator's stream after the change.
        position: Position of the change's last event in the log.
        size: Size of the log after the change.
    """

    indicator: str
    version: int
    position: int
    size: int
    effect: RevisionPreview


def revision_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the options that name the event to correct or annul."""
    kind = click.IntRange(1, MOST)
    for option in (
        click.option(
            "--annuls",
            type=kind,
            metavar="VERSION",
            help="Annul the event with this version in the history.",
        ),
        click.option(
            "--corrects",
            type=kind,
            metavar="VERSION",
            help="Correct the event with this version in the history.",
        ),
    ):
        command = option(command)
    return command


def preview_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the options of a previewed change."""
    for option in (
        click.option(
            "--yes", is_flag=True, help="Record without asking for confirmation."
        ),
        click.option(
            "--preview", is_flag=True, help="Show the effect, and record nothing."
        ),
        proposing.option,
    ):
        command = option(command)
    return command


def build_revision(
    corrects: int | None, annuls: int | None, reason: str, fields: Mapping[str, Any]
) -> Revision | Annulled:
    """The correction with these *fields*, or the annulment.

    A field that is not given is None.

    Raises:
        UsageError: Both options are given, or an annulment has a field.
    """
    if corrects is not None and annuls is not None:
        raise click.UsageError(message("--corrects and --annuls exclude each other."))
    if corrects is not None:
        return Revision(corrects=corrects, reason=reason, **fields)
    if any(value is not None for value in fields.values()):
        raise click.UsageError(
            message("--annuls requires --reason and does not change any field.")
        )
    return Annulled(annuls=annuls or 0, reason=reason)


class PreviewedChange(NamedTuple, Generic[E]):
    """How a command previews and reports a change with an effect of type E.

    Attributes:
        preview: Computes the effect, without recording anything.
        show: Prints the effect.
        question: The request for confirmation.
        report: Prints what was recorded; takes the effect, the result, and *json*.
    """

    preview: Callable[[App, Command], Awaitable[E]]
    show: Callable[[E], None]
    question: Message
    report: Callable[..., None]


def revise(
    command: Command, because: str | None, *, preview: bool, yes: bool, json: bool
) -> None:
    """Preview the effect of *command*, and record it after confirmation.

    With *because* it is proposed instead.
    """
    change = PreviewedChange(_preview, show, message("Record this change?"), _report)
    record_after_preview(command, change, because, preview=preview, yes=yes, json=json)


def record_after_preview(
    command: Command,
    change: PreviewedChange[E],
    because: str | None,
    *,
    preview: bool,
    yes: bool,
    json: bool,
) -> None:
    """Preview the effect of *command*, and record it after confirmation.

    With *because* it is proposed instead, for approval by another person.

    Raises:
        CommandFailed: The user does not confirm.
    """

    async def execute() -> tuple[E, CommandResult | None]:
        async with terminal.opened_app(terminal.settings()) as app:
            # The expected version ensures that the recorded effect is the one shown.
            pinned = structs.replace(
                command,
                expected=await _version(app, command),
                credentials=app.credentials,
            )
            # Those who may only propose it may see its effect.
            tried = structs.replace(pinned, proposing=True)
            effect = await change.preview(app, tried)
            if not json:
                change.show(effect)
            if preview:
                return effect, None
            if not yes and not terminal.confirm(change.question, err=json):
                raise CommandFailed(message("nothing was recorded"))
            if because is not None:
                return effect, await proposing.propose(app, pinned, because)
            async with app.pool.acquire() as connection:
                return effect, await app.commands.handle(connection, pinned)

    effect, done = terminal.run(execute())
    if done is not None and because is not None:
        proposing.report(done, json=json)
    elif done is not None:
        change.report(effect, done, json=json)
    elif json:
        terminal.emit(effect)


async def _version(app: App, command: Command) -> int:
    """The present version of the indicator's stream."""
    async with app.pool.acquire() as connection:
        return await indicators.version(connection, command.subject)


async def _preview(app: App, command: Command) -> RevisionPreview:
    today = app.commands.today()
    async with app.pool.acquire() as connection:
        facts = await app.commands.preview(connection, command)
        return await definition_comparison.preview_revision(
            connection, command.subject, facts, today
        )


def show(effect: RevisionPreview) -> None:
    """Print the days whose figure would change, with the values before and after."""
    out = tables.Printer()
    out.say(
        message(
            "{indicator}: year-to-date figures at the end of each quarter of the last "
            "two years and today, from {size} events",
            indicator=effect.indicator,
            size=formats.number(effect.size),
        )
    )
    changed = [point for point in effect.points if point.before != point.after]
    if changed:
        out.table(COLUMNS, [row for point in changed for row in _rows(point)])
    else:
        out.say(message("Nothing changes."))


def _rows(point: RevisedPoint) -> list[tuple[str, ...]]:
    day = formats.day(point.as_of)
    return [
        (day, message("now"), *_figure_cells(point.before)),
        (day, message("after"), *_figure_cells(point.after)),
    ]


def _figure_cells(one: EvaluatedFigure) -> tuple[str, ...]:
    counts = formats.fraction(one.numerator, one.denominator)
    return (
        formats.number(one.definition),
        formats.percent(one.target),
        f"{counts} = {formats.percent(one.percentage)}",
        formats.percent(one.achievement),
        one.rating or formats.NOTHING,
    )


def _report(effect: RevisionPreview, done: CommandResult, *, json: bool) -> None:
    given = done.receipt
    if json:
        at = (given.version, given.position, given.size)
        terminal.emit(RecordedRevision(effect.indicator, *at, effect))
    else:
        tables.say(
            message(
                "Recorded: {indicator}, version {version} of its history, event "
                "{position}.",
                indicator=effect.indicator,
                version=formats.number(given.version),
                position=formats.number(given.position),
            )
        )
