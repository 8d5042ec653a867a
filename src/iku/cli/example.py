"""`iku example`: import the example register and show its figures."""

from collections.abc import Sequence

import click
from msgspec import Struct

from iku.app import App
from iku.cli import figure_table, import_, tables, terminal
from iku.cli.import_outcome import ImportedFile
from iku.cli.tables import unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.commands import accounts
from iku.domain.access import LOCAL_ACTOR, Mode
from iku.domain.figure import Figure
from iku.domain.question import Question
from iku.exchange import example as files
from iku.exchange.journal_import import Importer
from iku.messages import message
from iku.queries import log_records

NOW = message("today")  # not a date, so that the output equals the README's on any day
ACTOR = "contoh"
COLUMNS = (
    figure_table.COLUMNS[0],
    unwrapped_column(message("Known on")),
    *figure_table.COLUMNS[1:],
)


class ExampleResult(Struct, frozen=True):
    """The imported files, and two figures of each indicator.

    The first of the two is the figure as known now, the second as known at
    `files.KNOWN_ON`.
    """

    files: tuple[ImportedFile, ...]
    figures: tuple[Figure, ...]


@click.command(short_help="Import the example register and show its figures.")
@terminal.as_json
def example(*, json: bool) -> None:
    """Import the example register into an empty database; show its figures of 2021.

    The register is then permanently a demonstration, with eight people who can sign in.
    A register that holds other data is not changed.
    """

    async def execute() -> tuple[list[ImportedFile], list[Figure]]:
        async with terminal.opened_app(terminal.settings()) as app:
            done = await _import_example(app, quiet=json)
            return done, await _compare_knowledge(app)

    done, found = terminal.run(execute())
    if json:
        terminal.emit(ExampleResult(tuple(done), tuple(found)))
    else:
        _show(found)


async def _import_example(app: App, *, quiet: bool) -> list[ImportedFile]:
    contents = files.read_journals()
    async with app.pool.acquire() as connection:
        mode = (await app.commands.access.cached(connection)).value.mode
        importer = Importer(connection, app.commands, ACTOR)
        ours = [
            i
            for content in contents.values()
            for i in await importer.command_ids(content)
        ]
        # The import skips rows of the example that are recorded already.
        alone = not await log_records.has_subjects_besides(connection, ours)
    if alone and mode is not Mode.ACCOUNTS:
        actor = ACTOR if mode is Mode.LOCAL else LOCAL_ACTOR
        done = await import_.import_files(app, contents, actor, quiet=quiet)
        await _open_demonstration(app, ours, mode)
        return done
    if not quiet:
        said = message(
            "The register contains other data, so the example is not imported."
        )
        tables.say(said)
    return []


async def _open_demonstration(app: App, ours: Sequence[str], mode: Mode) -> None:
    """Make the register a demonstration, if it holds nothing but the example."""
    async with app.pool.acquire() as connection:
        only = await log_records.has_only_commands(connection, ours)
        if only or mode is Mode.DEMONSTRATION:
            await accounts.open_demonstration(
                app.commands, connection, files.PEOPLE, app.agency.division_ownership
            )
            await files.state_paper_data(app.commands, connection)


async def _compare_knowledge(app: App) -> list[Figure]:
    """The figures of 2021 of each indicator: as known now, then as known before."""
    async with app.pool.acquire() as connection:
        codes = list(await app.figures.indicators(connection))
    return await figure_table.compute_figures(
        app,
        [
            Question(c, files.AS_OF, known_on=k)
            for c in codes
            for k in (None, files.KNOWN_ON)
        ],
    )


def _show(found: Sequence[Figure]) -> None:
    out = tables.Printer()
    pairs = list(zip(found[::2], found[1::2], strict=True))
    heading = message("Year 2021, as of {day}", day=formats.day(files.AS_OF))
    out.say(f"\n{translated(heading)}")
    rows = [
        (row[0], known, *row[1:])
        for pair in pairs
        for figure, known in zip(pair, (NOW, formats.day(files.KNOWN_ON)), strict=True)
        for row in [figure_table.cells(figure)]
    ]
    out.table(COLUMNS, rows)
    for now, then in pairs:
        out.say(_difference_message(now, then))


def _difference_message(now: Figure, then: Figure) -> str:
    """A sentence on whether the figure has changed, with both values."""
    if figure_table.counts(now) == figure_table.counts(then):
        return message(
            "{indicator} unchanged: {counts}.",
            indicator=now.indicator,
            counts=figure_table.counts(now),
        )
    return message(
        "{indicator} changed: {then} as known on {day}, now {now}.",
        indicator=now.indicator,
        then=figure_table.counts(then),
        day=formats.day(files.KNOWN_ON),
        now=figure_table.counts(now),
    )
