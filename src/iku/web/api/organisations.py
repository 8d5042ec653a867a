"""Organisations: register, record events, list, read, and read the history."""

from datetime import date
from typing import Any

from litestar import Response
from msgspec import Struct

from iku.app import App
from iku.connection import open_view
from iku.domain import organisation
from iku.domain.access import Action
from iku.domain.decider import subject_id
from iku.domain.withheld_text import Withheld
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries import lists, subjects
from iku.queries.figure_parameters import SubjectId
from iku.queries.list_questions import OrganisationsQuestion
from iku.queries.subjects import (
    EventPage,
    OrganisationHistoryQuestion,
    OrganisationQuestion,
)
from iku.queries.view import Viewer
from iku.web.api.list_downloads import list_download
from iku.web.commands import receipt_response
from iku.web.headers import AnyRequest
from iku.web.routes import get, post
from iku.web.table_downloads import CsvDelimiter, CsvMark, accepted_format

TAGS = ["Organisations"]


class OrganisationPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below an organisation."""

    organisation_id: SubjectId


class OrganisationItem(Struct, frozen=True):
    """The state of an organisation on a day, as an item of a list.

    Attributes:
        status: active, suspended, dissolved, revoked, moved_out, rejected, merged
            or annulled.
        area: Code of the area of its seat.
        name: The latest name; a placeholder where the text is withheld.
        expired: Whether its registration certificate had expired on that day.
        merged_into: Number of the organisation into which this one was merged.
        withheld: The texts that are not shown, by name, each with the reason.
    """

    id: str
    number: str
    status: str
    kind: organisation.OrganisationKind
    name: str
    area: str | None
    legal_basis: organisation.LegalBasis
    valid_until: date | None
    expired: bool
    registered_on: date
    merged_into: str | None
    withheld: dict[str, Withheld]


class OrganisationListQuestion(OrganisationsQuestion, frozen=True, kw_only=True):
    """The parameters of the list of organisations, and the options of CSV."""

    delimiter: CsvDelimiter = None
    bom: CsvMark = None


class OrganisationPage(Struct, frozen=True):
    """A page of the list of organisations.

    Attributes:
        items: The organisations, ordered by identifier.
        next: The cursor of the next page; null on the last page.
        total: Number of matching organisations on all pages; null where it is not
            known.
        by_status: Number of matching organisations by status; null where it is not
            known.
    """

    items: tuple[OrganisationItem, ...]
    next: str | None
    total: int | None
    by_status: dict[str, int] | None


class OrganisationDetail(OrganisationItem, frozen=True, kw_only=True):
    """The state of an organisation on a day.

    Attributes:
        version: The version of its history at the knowledge cut-off.
    """

    version: int


@post(
    "/organisations",
    operation_id="registerOrganisation",
    summary="Register an organisation",
    tags=TAGS,
)
async def register(
    command: organisation.Registration, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Registers an organisation.

    Without a number it receives the register's next one.
    """
    subject = subject_id(command.number or "")
    outcome = await command_gateway.handle("organisation", subject, command.to_event())
    shown = receipt(outcome, command_gateway.language)
    return receipt_response(
        outcome, shown, _location(outcome.subject), command_gateway.language
    )


@post(
    "/organisations/{organisation_id:str}/events",
    operation_id="recordOrganisationEvent",
    summary="Record an event of an organisation",
    tags=TAGS,
)
async def record(
    about: OrganisationPath,
    command: organisation.Later,
    command_gateway: CommandGateway,
) -> Response[EntryReceipt]:
    """Records a dated change, a participation, a correction or an annulment.

    An event that would not change the register is refused with 409.
    """
    subject = subject_id(about.organisation_id)
    outcome = await command_gateway.handle("organisation", subject, command)
    shown = receipt(outcome, command_gateway.language)
    return receipt_response(
        outcome, shown, _location(outcome.subject), command_gateway.language
    )


@get(
    "/organisations",
    Action.READ_REGISTER,
    operation_id="listOrganisations",
    summary="List organisations as of a day",
    tags=TAGS,
)
async def search(
    question: OrganisationListQuestion, request: AnyRequest, app: App, viewer: Viewer
) -> Response[OrganisationPage]:
    """The organisations as of a day, from the facts known by the cut-off, in pages.

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
    "/organisations/{organisation_id:str}",
    Action.READ_REGISTER,
    operation_id="getOrganisation",
    summary="Get an organisation",
    tags=TAGS,
)
async def show(
    question: OrganisationQuestion, app: App, viewer: Viewer
) -> Response[OrganisationDetail]:
    """The state of the organisation as of a day, from facts known by the cut-off."""
    at = question.moment(app.commands.today())
    subject = subject_id(question.organisation_id)
    async with open_view(app, viewer) as view:
        seen = await subjects.state(view, "organisation", subject, at)
    shown = OrganisationDetail(**seen.shown, version=seen.version)
    return Response(shown, headers={"ETag": f'"{seen.version}"'})


@get(
    "/organisations/{organisation_id:str}/events",
    Action.READ_HISTORY,
    operation_id="listOrganisationEvents",
    summary="List the events of an organisation",
    tags=TAGS,
)
async def history(
    question: OrganisationHistoryQuestion, app: App, viewer: Viewer
) -> EventPage:
    """Every event of the organisation, corrections and annulments included.

    The oldest event comes first. Each has the fields that it changed and its effect on
    each figure. The history is returned in pages.
    """
    subject = subject_id(question.organisation_id)
    async with open_view(app, viewer) as view:
        return await subjects.history(
            view, "organisation", subject, question.cursor, question.limit
        )


def _location(subject: str) -> str:
    return f"/api/v1/organisations/{subject}"


HANDLERS: list[Any] = [register, record, search, show, history]
