"""Conflict cases: report, record events, list, read, and read the history."""

from datetime import date
from typing import Any

from litestar import Response
from msgspec import Struct

from iku.app import App
from iku.connection import open_view
from iku.domain import conflict
from iku.domain.access import Action
from iku.domain.decider import subject_id
from iku.domain.fact import Person
from iku.domain.withheld_text import Withheld
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries import lists, subjects
from iku.queries.figure_parameters import SubjectId
from iku.queries.list_questions import ConflictsQuestion
from iku.queries.subjects import (
    ConflictHistoryQuestion,
    ConflictQuestion,
    EventPage,
)
from iku.queries.view import Viewer
from iku.web.api.list_downloads import list_download
from iku.web.commands import receipt_response
from iku.web.headers import AnyRequest
from iku.web.routes import get, post
from iku.web.table_downloads import CsvDelimiter, CsvMark, accepted_format

TAGS = ["Conflict cases"]


class ConflictPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below a case."""

    conflict_id: SubjectId


class ConflictItem(Struct, frozen=True):
    """The state of a case on a day, as an item of a list.

    Attributes:
        status: open, returned, resolved, rejected, merged or annulled.
        verified: Whether the office has verified the case; only verified cases count.
        title: The latest title; a placeholder where the text is withheld.
        reference: The case's number at its source.
        merged_into: Number of the case into which this one was merged.
        withheld: The texts that are not shown, by name, each with the reason.
    """

    id: str
    number: str
    status: str
    verified: bool
    category: conflict.Category
    dimension: conflict.Dimension
    level: conflict.Level
    title: str
    area: str | None
    source: conflict.Source | None
    reference: str | None
    reported_on: date
    occurred_on: date | None
    resolved_on: date | None
    manner: conflict.Manner | None
    merged_into: str | None
    withheld: dict[str, Withheld]


class ConflictListQuestion(ConflictsQuestion, frozen=True, kw_only=True):
    """The parameters of the list of cases, and the options of CSV."""

    delimiter: CsvDelimiter = None
    bom: CsvMark = None


class ConflictPage(Struct, frozen=True):
    """A page of the list of cases.

    Attributes:
        items: The cases, ordered by identifier.
        next: The cursor of the next page; null on the last page.
        total: Number of matching cases on all pages; null where it is not known.
        by_status: Number of matching cases by status; null where it is not known.
    """

    items: tuple[ConflictItem, ...]
    next: str | None
    total: int | None
    by_status: dict[str, int] | None


class ConflictDetail(ConflictItem, frozen=True, kw_only=True):
    """The state of a case on a day.

    Attributes:
        reporter: The person who reported the conflict.
        parties: The parties to the conflict.
        version: The version of the case's history at the knowledge cut-off.
    """

    reporter: Person | None
    parties: tuple[Person, ...] | None
    version: int


@post(
    "/conflicts",
    operation_id="reportConflict",
    summary="Report a conflict",
    tags=TAGS,
)
async def report(
    command: conflict.Report, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Registers a case. Without a number it receives the register's next one."""
    subject = subject_id(command.number or "")
    outcome = await command_gateway.handle("conflict", subject, command.to_event())
    shown = receipt(outcome, command_gateway.language)
    return receipt_response(
        outcome, shown, _location(outcome.subject), command_gateway.language
    )


@post(
    "/conflicts/{conflict_id:str}/events",
    operation_id="recordConflictEvent",
    summary="Record an event of a case",
    tags=TAGS,
)
async def record(
    about: ConflictPath, command: conflict.Later, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Records a dated change, a correction or an annulment.

    An event that would not change the register is refused with 409.
    """
    subject = subject_id(about.conflict_id)
    outcome = await command_gateway.handle("conflict", subject, command)
    shown = receipt(outcome, command_gateway.language)
    return receipt_response(
        outcome, shown, _location(outcome.subject), command_gateway.language
    )


@get(
    "/conflicts",
    Action.READ_REGISTER,
    operation_id="listConflicts",
    summary="List cases as of a day",
    tags=TAGS,
)
async def search(
    question: ConflictListQuestion, request: AnyRequest, app: App, viewer: Viewer
) -> Response[ConflictPage]:
    """The cases as of a day, counting only facts known by the cut-off, in pages.

    If Accept names the media type of CSV or XLSX, the response is a file of all pages.
    """
    form = accepted_format(request, question)
    if form is not None:
        return await list_download(request, app, viewer, question, form)
    today = app.commands.today()
    async with open_view(app, viewer) as view:
        page = await lists.listing(view, question, today)
    shown: Response[Any] = Response(page)
    return shown


@get(
    "/conflicts/{conflict_id:str}",
    Action.READ_REGISTER,
    operation_id="getConflict",
    summary="Get a case",
    tags=TAGS,
)
async def show(
    question: ConflictQuestion, app: App, viewer: Viewer
) -> Response[ConflictDetail]:
    """The state of the case as of a day, from the facts known by the cut-off."""
    at = question.moment(app.commands.today())
    subject = subject_id(question.conflict_id)
    async with open_view(app, viewer) as view:
        seen = await subjects.state(view, "conflict", subject, at)
    shown = ConflictDetail(**seen.shown, version=seen.version)
    return Response(shown, headers={"ETag": f'"{seen.version}"'})


@get(
    "/conflicts/{conflict_id:str}/events",
    Action.READ_HISTORY,
    operation_id="listConflictEvents",
    summary="List the events of a case",
    tags=TAGS,
)
async def history(
    question: ConflictHistoryQuestion, app: App, viewer: Viewer
) -> EventPage:
    """Every event of the case, corrections and annulments included, oldest first.

    Each event has the fields that it changed and its effect on each figure. The history
    is returned in pages.
    """
    subject = subject_id(question.conflict_id)
    async with open_view(app, viewer) as view:
        return await subjects.history(
            view, "conflict", subject, question.cursor, question.limit
        )


def _location(subject: str) -> str:
    return f"/api/v1/conflicts/{subject}"


HANDLERS: list[Any] = [report, record, search, show, history]
