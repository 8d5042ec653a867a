"""`iku paper NAME`: prints, issues and signs the papers of the registry."""

from pathlib import Path
from typing import Any

import click
from msgspec import structs

from iku.app import App
from iku.cli import api_key, proposing, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.options import options
from iku.commands import papers as paper_commands
from iku.commands.command import Command, CommandResult
from iku.domain.access import Credentials
from iku.exchange import workbook
from iku.exchange.papers import issuing, registry, signed_copies, table_csv
from iku.exchange.papers.missing import Missing
from iku.exchange.papers.registry import Paper, PaperArchive, PaperScope
from iku.exchange.papers.sources import PaperRequest, Participants
from iku.gateway import receipt
from iku.messages import Message, message
from iku.queries.figure_parameters import MomentQuestion
from iku.queries.papers import PaperRecord
from iku.queries.view import View
from iku.web import paper_sources
from iku.web.paper_sources import CATEGORY


def _command(kind: Paper) -> click.Command:
    """The command that prints a paper."""

    @click.command(kind.name, help=str(kind.label))
    @_arguments(kind)  # type: ignore[untyped-decorator]
    @_participants(kind)  # type: ignore[untyped-decorator]
    @click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File to write; without it, NAME-ABOUT.pdf in the working directory.",
    )
    @click.option("--csv", is_flag=True, help="Write the tables as CSV.")
    @click.option("--xlsx", is_flag=True, help="Write the tables as a workbook (XLSX).")
    @click.option("--issue", is_flag=True, help="Issue the paper.")
    @click.option(
        "--signed",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Accept this signed copy of the issued paper.",
    )
    @proposing.option
    @terminal.actor
    @terminal.as_json
    def run(**given: Any) -> None:
        _run(kind, given)

    command: click.Command = run
    return command


def _arguments(kind: Paper) -> Any:
    match kind.scope:
        case PaperScope.PUBLICATION:
            return click.argument("about", metavar="PUBLICATION")
        case PaperScope.CASE:
            return click.argument("about", metavar="NUMBER")
        case PaperScope.COORDINATES:
            return options(MomentQuestion)


_PARTICIPANTS = {
    "present": click.option(
        "--present",
        multiple=True,
        metavar="NAME",
        help="Name of a person who is present; repeat it for each. It is printed, "
        "not stored.",
    ),
    "mediator": click.option(
        "--mediator", metavar="NAME", help="Name of the mediator; printed, not stored."
    ),
    "witnesses": click.option(
        "--witness",
        "witnesses",
        multiple=True,
        metavar="NAME",
        help="Name of a witness; repeat it for each. It is printed, not stored.",
    ),
    "place": click.option(
        "--place", metavar="PLACE", help="Where it is signed; printed, not stored."
    ),
}


def _participants(kind: Paper) -> Any:
    """The options of the people and the place that minutes print."""

    def decorate(command: Any) -> Any:
        for name in reversed(kind.participants):
            command = _PARTICIPANTS[name](command)
        return command

    return decorate


def _run(kind: Paper, given: dict[str, Any]) -> None:
    if given["csv"] and given["xlsx"]:
        raise click.UsageError(message("--csv and --xlsx exclude each other"))
    issues = given["issue"] or given["because"] is not None
    if given["signed"] is not None:
        outcome = terminal.run(_take_signed(kind, given))
        _report(outcome, message("The signed copy was accepted."), json=given["json"])
    elif issues:
        outcome = terminal.run(_issue(kind, given))
        if given["because"] is not None:
            proposing.report(outcome, json=given["json"])
        else:
            _report(outcome, message("The paper was issued."), json=given["json"])
    else:
        path, content, lacks = terminal.run(_print(kind, given))
        path.write_bytes(content)
        written = message("Written: {path}", path=path)
        drafted = message("Written: {path}; it is a draft (KONSEP)", path=path)
        tables.say(drafted if lacks else written)
        for one in lacks:
            tables.say(
                message("Missing: {what}. {remedy}", what=one.what, remedy=one.remedy)
            )


def _report(outcome: CommandResult, said: Message, *, json: bool) -> None:
    if json:
        terminal.emit(receipt(outcome))
    else:
        tables.say(said)


def _request(app: App, kind: Paper, given: dict[str, Any]) -> PaperRequest:
    people = Participants(**{name: given[name] for name in kind.participants})
    match kind.scope:
        case PaperScope.PUBLICATION:
            return PaperRequest(publication=given["about"], participants=people)
        case PaperScope.CASE:
            return PaperRequest(subject=given["about"], participants=people)
        case PaperScope.COORDINATES:
            question: MomentQuestion = given["question"]
            return PaperRequest(moment=question.moment(app.commands.today()))


async def _print(
    kind: Paper, given: dict[str, Any]
) -> tuple[Path, bytes, tuple[Missing, ...]]:
    """The path of the paper, its content, and what it lacks as a PDF."""
    async with terminal.opened_view() as (app, view):
        request, sources = _request(app, kind, given), paper_sources.sources(app, view)
        lacks: tuple[Missing, ...] = ()
        suffix = "csv" if given["csv"] else "xlsx" if given["xlsx"] else "pdf"
        if suffix != "pdf":
            made = await registry.make(sources, kind.name, request)
            is_csv = suffix == "csv"
            content = (
                table_csv.document(made).encode() if is_csv else workbook.document(made)
            )
        else:
            site = paper_sources.site(app)
            printed = await issuing.print_paper(sources, kind.name, request, site)
            content, lacks = printed.content, printed.missing
        name = issuing.file_name(kind.name, request, suffix)
    return given["output"] or Path(name), content, lacks


async def _issue(kind: Paper, given: dict[str, Any]) -> CommandResult:
    async with terminal.opened_app(terminal.settings()) as app:
        async with app.pool.acquire() as connection:
            view = terminal.view(app, connection)
            request = _request(app, kind, given)
            made = await paper_sources.prepare(app, view, kind.name, request)
        command = Command(CATEGORY, made.subject, made.event, given["actor"])
        if given["because"] is not None:
            return await proposing.propose(app, command, given["because"])
        return await _submit(app, command)


async def _submit(app: App, command: Command) -> CommandResult:
    async def submit(credentials: Credentials | None) -> CommandResult:
        authenticated = structs.replace(command, credentials=credentials)
        async with app.pool.acquire() as connection:
            return await app.commands.handle(connection, authenticated)

    outcome = await api_key.with_step_up(app, submit)
    if not outcome.added:
        raise CommandFailed(
            message(
                "paper {paper} is already issued with these contents; nothing was "
                "recorded",
                paper=command.subject,
            )
        )
    return outcome


async def _take_signed(kind: Paper, given: dict[str, Any]) -> CommandResult:
    copy = given["signed"].read_bytes()
    async with terminal.opened_view() as (app, view):
        found = await _issued(app, view, kind, _request(app, kind, given))
        site, sources = paper_sources.site(app), paper_sources.sources(app, view)
        event = await signed_copies.checked(sources, found, site, copy)
        command = Command(
            CATEGORY, found.subject, event, given["actor"], credentials=app.credentials
        )
        return await paper_commands.take_signed(
            app.commands, view.reader, command, copy
        )


async def _issued(
    app: App, view: View, kind: Paper, request: PaperRequest
) -> PaperRecord:
    found = await issuing.find(paper_sources.sources(app, view), kind, request)
    if found is None:
        raise CommandFailed(message("paper {paper} is not issued", paper=kind.name))
    return found


def _archive_command(archive: PaperArchive) -> click.Command:
    """The command that writes an archive about a publication."""

    @click.command(archive.name, help=str(archive.label))
    @click.argument("publication")
    @click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File to write; without it, NAME-ABOUT.zip in the working directory.",
    )
    def run(publication: str, output: Path | None) -> None:
        request = PaperRequest(publication=publication)
        path = output or Path(issuing.file_name(archive.name, request, "zip"))
        path.write_bytes(terminal.run(_pack(archive, request)))
        tables.say(message("Written: {path}", path=path))

    command: click.Command = run
    return command


async def _pack(archive: PaperArchive, request: PaperRequest) -> bytes:
    async with terminal.opened_view() as (app, view):
        sources = paper_sources.sources(app, view)
        return await registry.pack(sources, archive.name, request)


COMMANDS = (
    *(_command(kind) for kind in registry.PAPERS.values()),
    *(_archive_command(archive) for archive in registry.ARCHIVES.values()),
)
