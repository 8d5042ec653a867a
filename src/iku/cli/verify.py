"""`iku verify`: verify a printed figure, the log or its texts."""

from typing import Any, assert_never

import click
from msgspec import Struct, structs

from iku import labels, messages
from iku.app import App
from iku.cli import figure_table, standard_streams, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.terminal_language import formats, translated
from iku.domain.withheld_text import WithheldReason
from iku.exchange import printed_figure
from iku.exchange.cells import InvalidCell
from iku.exchange.printed_figure import Printed, PrintedCounts, PrintedPercentage
from iku.ledger.integrity_check import check_ledger
from iku.messages import message, plural
from iku.postgres import migrations
from iku.postgres.pool import Connection
from iku.queries import log_records, text_check
from iku.queries.figure_verification import VerifiedFigure
from iku.queries.figure_verification import verify as recounting
from iku.queries.text_check import TextCheckResult, TextCounts, TextScope

VERDICTS = {"same": message("same"), "differs": message("different")}


class PrintedValueParameter(click.ParamType[Printed]):
    """Counts or a percentage, in the printed notation."""

    name = "value"  # as the help shows it, in capitals

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Printed:
        """*value* as counts or a percentage, or a usage error."""
        try:
            return printed_figure.parse(str(value))
        except InvalidCell as error:
            self.fail(translated(messages.error_message(error)), param, ctx)


@click.group(short_help="Verify a figure, the log or texts against the records.")
def verify() -> None:
    """Verify a printed figure, the log or its texts against the records."""


@verify.command("figure", short_help="Recount a printed figure.")
@click.argument("number")
@click.option(
    "--expect",
    type=PrintedValueParameter(),
    help="Expected value as printed: 8/9, or the percentage as 88,89% or 88.89%. The "
    "exit code is 1 if the log gives another value.",
)
@terminal.as_json
def figure(number: str, *, expect: Printed | None, json: bool) -> None:
    """Recount the figure with this NUMBER from the log alone.

    Spaces and letter case in NUMBER are ignored. The exit code is 1 if the recount
    differs from the figure, or from --expect.
    """

    async def execute() -> VerifiedFigure:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            today = app.commands.today()
            return await recounting(connection, app.figures, number, today)

    found = terminal.run(execute())
    kept = expect is None or expect.matches(found.recounted)
    if not json:
        _show(found, expect, kept=kept)
    elif expect is None:
        terminal.emit(found)
    else:
        verdict = "same" if kept else "differs"
        told = {"expected": str(expect), "expected_verdict": verdict}
        terminal.emit(structs.asdict(found) | told)
    if found.verdict == "differs":
        raise CommandFailed(
            message("the figure differs from its recount from the log; run iku rebuild")
        )
    if expect is not None and not kept:
        raise CommandFailed(
            message(
                "figure {number} is {counted} according to the log, not {expected}",
                number=found.number,
                counted=str(expect.format_result(found.recounted)),
                expected=str(expect),
            )
        )


def _show(found: VerifiedFigure, expect: Printed | None, *, kept: bool) -> None:
    tables.say(f"{found.indicator}, {figure_table.coordinates_in_words(found)}")
    values = [
        (message("this figure"), figure_table.counts(found)),
        (message("recounted from the log"), figure_table.counts(found.recounted)),
    ]
    if expect is not None:
        values.append((message("as printed on paper"), _printed_text(expect)))
    for name, value in values:
        tables.say(f"  {translated(name):13}  {value}")
    tables.say(VERDICTS[found.verdict if kept else "differs"])


def _printed_text(expect: Printed) -> str:
    match expect:
        case PrintedCounts(numerator=numerator, denominator=denominator):
            return formats.fraction(numerator, denominator)
        case PrintedPercentage(value=value):
            return formats.percent(value)
        case _:
            assert_never(expect)


@verify.command("log", short_help="Verify every record of the log.")
@terminal.as_json
def log(*, json: bool) -> None:
    """Verify every record of the log against the rules of the ledger.

    If a record breaks a rule, its position is printed, and the exit code is 1.
    """

    async def execute() -> tuple[int, list[str]]:
        async with terminal.owner_connection(terminal.settings()) as connection:
            if await migrations.pending_migrations(connection):
                raise CommandFailed(
                    message("the schema has pending migrations; run iku migrate")
                )
            size = await log_records.size(connection)
            return size, await check_with_progress(connection)

    size, findings = terminal.run(execute())
    if json:
        terminal.emit({"size": size, "findings": findings})
    else:
        for finding in findings:
            tables.say(finding)
    if findings:
        raise CommandFailed(
            message(
                "the verification of the ledger failed; the first findings are listed "
                "above"
            )
        )
    if not json:
        tables.say(
            plural(
                "{size} event verified, no findings.",
                "{size} events verified, no findings.",
                count=size,
                size=formats.number(size),
            )
        )


async def check_with_progress(connection: Connection) -> list[str]:
    """The findings of a check of the ledger, with a progress bar."""
    with terminal.progress(message("events")) as tell:
        return await check_ledger(connection, tell)


class TextsReport(Struct, frozen=True):
    """The counts of verified texts and files in the log's first *size* events."""

    size: int
    texts: TextCounts
    files: TextCounts

    @property
    def unavailable(self) -> int:
        """The number of texts and files that are locked, damaged or missing."""
        return self.texts.unavailable + self.files.unavailable


@verify.command("texts", short_help="Decrypt and verify every text and file.")
@terminal.subjects
@terminal.as_json
def texts(*, subjects: tuple[str, ...], json: bool) -> None:
    """Decrypt every text and attached file, and verify it against its record.

    No content is shown. A text or file is reported, and the exit code is 1, if it does
    not match its commitment, if its key is lost, or if it is missing without an erasure
    decision.
    """

    async def execute() -> TextsReport:
        async with terminal.opened_app(terminal.settings()) as app:
            return await verify_texts(app, frozenset(subjects))

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        tables.say(message("Texts: {counts}.", counts=counts_in_words(found.texts)))
        tables.say(message("Files: {counts}.", counts=counts_in_words(found.files)))
    if found.unavailable:
        raise CommandFailed(
            message(
                "texts or files that do not match their records, listed above: {count}",
                count=found.unavailable,
            )
        )
    if not json:
        tables.say(
            plural(
                "Texts and files of {size} event verified, no findings.",
                "Texts and files of {size} events verified, no findings.",
                count=found.size,
                size=formats.number(found.size),
            )
        )


async def verify_texts(app: App, subjects: frozenset[str]) -> TextsReport:
    """The report of `iku verify texts`; findings are printed as they occur."""
    texts, files = TextCounts(), TextCounts()
    async with app.pool.acquire() as connection:
        view = app.view(connection)  # of all texts, because none is shown
        scope = TextScope(await log_records.size(connection), subjects)
        with terminal.progress(message("texts")) as tell:
            async for held in text_check.check_texts(view, scope, tell):
                texts = texts.with_one(held)
                print_finding(held)
        with terminal.progress(message("files")) as tell:
            async for held in text_check.check_files(view, scope, tell):
                files = files.with_one(held)
                print_finding(held)
    return TextsReport(scope.size, texts, files)


def print_finding(held: TextCheckResult) -> None:
    """Print the finding on a text or file, if there is one, on standard error."""
    if held.finding:
        standard_streams.say(translated(held.finding))


def counts_in_words(tally: TextCounts) -> str:
    """The numbers of decrypted and of unavailable texts, by reason.

    Texts that the reader may not see are mentioned only if there are any.
    """
    counts = (
        (tally.opened, translated(message("decrypted"))),
        *(
            (getattr(tally, why.value), translated(labels.WITHHELD[why]))
            for why in WithheldReason
            if why is not WithheldReason.FORBIDDEN or tally.forbidden
        ),
    )
    return ", ".join(f"{formats.number(count)} {word}" for count, word in counts)
