"""Data of the agency: what papers print and the register cannot count."""

from typing import Any

from litestar import Response
from msgspec import Struct

from iku.app import App
from iku.connection import open_view
from iku.domain import fact, paper_data
from iku.domain.access import Action
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries import paper_statements, subjects
from iku.queries.paper_statements import (
    StatementHistoryQuestion,
    Statements,
    StatementsQuestion,
    StatementSubject,
)
from iku.queries.subjects import EventPage
from iku.queries.view import Viewer
from iku.web.commands import receipt_response
from iku.web.routes import get, post

TAGS = ["Papers"]
CATEGORY = paper_data.decider.category


class StatementPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below the statements about one thing."""

    statement_id: StatementSubject


@get(
    "/paper-data",
    Action.READ_FIGURES,
    operation_id="listPaperData",
    summary="List the data of the agency",
    tags=TAGS,
)
async def index(question: StatementsQuestion, app: App, viewer: Viewer) -> Statements:
    """What is stated about the agency for its papers, at the requested coordinates."""
    async with open_view(app, viewer) as view:
        at = question.moment(app.commands.today())
        return await paper_statements.listing(view, at, question.kind)


@post(
    "/paper-data",
    operation_id="statePaperData",
    summary="State or correct data of the agency",
    tags=TAGS,
)
async def state(
    command: paper_data.AnyStatement, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Records a statement; it replaces the one before it as a whole.

    With `corrects` it replaces the statement with that version from the beginning.
    Names of signers and narratives are printed in published papers and cannot be
    erased.
    """
    outcome = await command_gateway.handle(CATEGORY, command.subject, command)
    where = _location(outcome.subject)
    return receipt_response(outcome, receipt(outcome), where)


@post(
    "/paper-data/{statement_id:str}/events",
    operation_id="annulPaperData",
    summary="Annul a statement about the agency",
    tags=TAGS,
)
async def annul(
    about: StatementPath, command: fact.Annulled, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Annuls the statement, correction or annulment at a version of the history."""
    outcome = await command_gateway.handle(CATEGORY, about.statement_id, command)
    where = _location(outcome.subject)
    return receipt_response(outcome, receipt(outcome), where)


@get(
    "/paper-data/{statement_id:str}/events",
    Action.READ_FIGURES,
    operation_id="listPaperDataEvents",
    summary="List the events of a statement about the agency",
    tags=TAGS,
)
async def history(
    question: StatementHistoryQuestion, app: App, viewer: Viewer
) -> EventPage:
    """Every statement, correction and annulment about one thing, oldest first."""
    async with open_view(app, viewer) as view:
        return await subjects.history(
            view, CATEGORY, question.statement_id, question.cursor, question.limit
        )


def _location(subject: str) -> str:
    return f"/api/v1/paper-data/{subject}/events"


HANDLERS: list[Any] = [index, state, annul, history]
