"""Corrections and annulments of definitions and targets, and targets themselves.

What they would change is shown before it is recorded.
"""

from collections.abc import Callable, Mapping
from typing import Any

import click
from msgspec import Struct, structs

from iku.app import App
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import exact, number, text
from iku.commands.command import Command, CommandResult
from iku.domain.comparison import EvaluatedFigure, RevisedPoint, RevisionPreview
from iku.domain.fact import Annulled
from iku.domain.indicator import Revision
from iku.exchange import formats
from iku.queries import definition_comparison, indicators

COLUMNS = (
    *(exact("Per"), exact("Keadaan"), number("Definisi"), number("Target")),
    *(exact("Realisasi"), number("Capaian"), text("Predikat")),
)
MOST = 2_147_483_647  # of a version


class RecordedRevision(Struct, frozen=True):
    """What was recorded, and the effect that was shown before.

    Attributes:
        version: Of the indicator's history, which it stands at the end of.
        position: Of its last event in the log.
        size: Of the log once the event was in it.
    """

    indicator: str
    version: int
    position: int
    size: int
    effect: RevisionPreview


def revision(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* the options that name what was recorded wrongly."""
    kind = click.IntRange(1, MOST)
    for option in (
        click.option(
            "--annuls",
            type=kind,
            metavar="VERSION",
            help="Annul what stands at this version of the history.",
        ),
        click.option(
            "--corrects",
            type=kind,
            metavar="VERSION",
            help="Correct what stands at this version of the history.",
        ),
    ):
        command = option(command)
    return command


def accepted(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* the options of what is shown before it is recorded."""
    for option in (
        click.option("--yes", is_flag=True, help="Record it without asking."),
        click.option(
            "--preview", is_flag=True, help="Show the effect, and record nothing."
        ),
    ):
        command = option(command)
    return command


def proposed(
    corrects: int | None, annuls: int | None, reason: str, fields: Mapping[str, Any]
) -> Revision | Annulled:
    """The correction with these *fields*, None where not given; or the annulment.

    Raises:
        UsageError: Both are asked for, or an annulment is given a field.
    """
    if corrects is not None and annuls is not None:
        raise click.UsageError("--corrects and --annuls exclude each other.")
    if corrects is not None:
        return Revision(corrects=corrects, reason=reason, **fields)
    if any(value is not None for value in fields.values()):
        raise click.UsageError("--annuls takes --reason, and changes no field.")
    return Annulled(annuls=annuls or 0, reason=reason)


def revise(command: Command, *, preview: bool, yes: bool, json: bool) -> None:
    """Show what the *command* would change, and record it once that is accepted."""

    async def work() -> tuple[RevisionPreview, CommandResult | None]:
        async with terminal.opened_app(terminal.settings()) as app:
            # What is recorded must be what was shown.
            pinned = structs.replace(command, expected=await version(app, command))
            effect = await _preview(app, pinned)
            if not json:
                show(effect)
            if preview:
                return effect, None
            if not yes and not click.confirm("Catat perubahan ini?", err=json):
                raise CommandFailed("nothing was recorded")
            async with app.pool.acquire() as connection:
                return effect, await app.commands.handle(connection, pinned)

    effect, done = terminal.run(work())
    if done is not None:
        _tell(effect, done, json=json)
    elif json:
        terminal.emit(effect)


async def version(app: App, command: Command) -> int:
    """Where the history of the indicator stands."""
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
    """Print the days whose figure would change, before and after."""
    out = tables.Printer()
    out.say(
        f"{effect.indicator}: angka tahun berjalan pada akhir tiap triwulan dua tahun "
        f"terakhir dan hari ini, dari {formats.number(effect.size)} peristiwa"
    )
    changed = [point for point in effect.points if point.before != point.after]
    if changed:
        out.table(COLUMNS, [row for point in changed for row in _rows(point)])
    else:
        out.say("Tidak ada yang berubah.")


def _rows(point: RevisedPoint) -> list[tuple[str, ...]]:
    day = formats.day(point.as_of)
    return [
        (day, "kini", *_cells(point.before)),
        (day, "menjadi", *_cells(point.after)),
    ]


def _cells(one: EvaluatedFigure) -> tuple[str, ...]:
    counts = formats.share(one.numerator, one.denominator)
    return (
        formats.number(one.definition),
        formats.percent(one.target),
        f"{counts} = {formats.percent(one.percentage)}",
        formats.percent(one.achievement),
        one.rating or formats.NOTHING,
    )


def _tell(effect: RevisionPreview, done: CommandResult, *, json: bool) -> None:
    given = done.receipt
    if json:
        at = (given.version, given.position, given.size)
        terminal.emit(RecordedRevision(effect.indicator, *at, effect))
    else:
        tables.say(
            f"Dicatat: {effect.indicator}, versi {formats.number(given.version)} dari "
            f"riwayatnya, peristiwa {formats.number(given.position)}."
        )
