"""Conflict cases: reported, changed, listed, looked at, and their history."""

from datetime import date
from typing import Any

from litestar import Response
from msgspec import Struct

from iku.app import App
from iku.connection import open_view
from iku.domain import conflict
from iku.domain.decider import subject_id
from iku.domain.fact import Person
from iku.domain.withheld import Withheld
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries import lists, subjects
from iku.queries.list_questions import ConflictsQuestion
from iku.queries.parameters import SubjectId
from iku.queries.subjects import (
    ConflictHistory,
    ConflictQuestion,
    EventPage,
)
from iku.web.commands import answer
from iku.web.routes import get, post

TAGS = ["Conflict cases"]


class AboutConflict(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which case something is recorded."""

    conflict_id: SubjectId


class ConflictItem(Struct, frozen=True):
    """A case on a day, in a list.

    Attributes:
        status: open, returned, resolved, rejected, merged or annulled.
        verified: Whether the office had made sure of it; only then does it count.
        title: As it was last worded; a word in its place where it is not shown.
        reference: The number that the source gave it.
        merged_into: Number of the case that counts in its stead.
        withheld: By name of a text, why it is not shown.
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


class ConflictPage(Struct, frozen=True):
    """Part of the list of cases.

    Attributes:
        items: The cases, ordered by identifier.
        next: The cursor of the page after this one; null at the end.
        total: How many cases match, on all pages; null where it is not known.
        by_status: The same of each status; null where it is not known.
    """

    items: tuple[ConflictItem, ...]
    next: str | None
    total: int | None
    by_status: dict[str, int] | None


class ConflictDetail(ConflictItem, frozen=True, kw_only=True):
    """A case on a day.

    Attributes:
        reporter: Who told the office.
        parties: Whom it is between.
        version: Of its history, by the knowledge asked for.
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
    command: conflict.Report, gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Enters a case. Without a number it is given the register's next one."""
    subject = subject_id(command.number or "")
    outcome = await gateway.handle("conflict", subject, command.fact())
    shown = receipt(outcome, gateway.language)
    return answer(outcome, shown, _location(outcome.subject), gateway.language)


@post(
    "/conflicts/{conflict_id:str}/events",
    operation_id="recordConflictEvent",
    summary="Record what happened to a case",
    tags=TAGS,
)
async def record(
    about: AboutConflict, command: conflict.Later, gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Records a dated change, a correction or an annulment.

    What the register says already is not recorded again: 409.
    """
    subject = subject_id(about.conflict_id)
    outcome = await gateway.handle("conflict", subject, command)
    shown = receipt(outcome, gateway.language)
    return answer(outcome, shown, _location(outcome.subject), gateway.language)


@get(
    "/conflicts",
    operation_id="listConflicts",
    summary="List the cases of a day",
    tags=TAGS,
)
async def search(question: ConflictsQuestion, app: App) -> Response[ConflictPage]:
    """Cases as they were on a day, as known on another, page by page."""
    today = app.commands.today()
    async with open_view(app) as view:
        page = await lists.listing(view, question, today)
    shown: Response[Any] = Response(page)
    return shown


@get(
    "/conflicts/{conflict_id:str}",
    operation_id="getConflict",
    summary="Look at a case",
    tags=TAGS,
)
async def show(question: ConflictQuestion, app: App) -> Response[ConflictDetail]:
    """What the case was on a day, as known on another."""
    at = question.at(app.commands.today())
    subject = subject_id(question.conflict_id)
    async with open_view(app) as view:
        seen = await subjects.standing(view, "conflict", subject, at)
    shown = ConflictDetail(**seen.shown, version=seen.version)
    return Response(shown, headers={"ETag": f'"{seen.version}"'})


@get(
    "/conflicts/{conflict_id:str}/events",
    operation_id="listConflictEvents",
    summary="Read the history of a case",
    tags=TAGS,
)
async def history(question: ConflictHistory, app: App) -> EventPage:
    """Every fact ever recorded of the case, corrections and annulments included.

    Each says what it left other than it was, and how it moved each figure. The first
    recorded comes first, page by page.
    """
    subject = subject_id(question.conflict_id)
    async with open_view(app) as view:
        return await subjects.history(
            view, "conflict", subject, question.cursor, question.limit
        )


def _location(subject: str) -> str:
    return f"/api/v1/conflicts/{subject}"


HANDLERS: list[Any] = [report, record, search, show, history]
