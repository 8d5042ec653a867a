"""Organisations: registered, changed, listed, looked at, and their history."""

from datetime import date
from typing import Any

from litestar import Response
from msgspec import Struct

from iku.app import App
from iku.connection import open_view
from iku.domain import organisation
from iku.domain.decider import subject_id
from iku.domain.withheld import Withheld
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries import lists, subjects
from iku.queries.list_questions import OrganisationsQuestion
from iku.queries.parameters import SubjectId
from iku.queries.subjects import (
    EventPage,
    OrganisationHistory,
    OrganisationQuestion,
)
from iku.web.commands import answer
from iku.web.routes import get, post

TAGS = ["Organisations"]


class AboutOrganisation(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which organisation something is recorded."""

    organisation_id: SubjectId


class OrganisationItem(Struct, frozen=True):
    """An organisation on a day, in a list.

    Attributes:
        status: active, suspended, dissolved, revoked, moved_out, rejected, merged
            or annulled.
        area: Code of the area of its seat.
        name: As it was last worded; a word in its place where it is not shown.
        expired: Whether its certificate was out of date.
        merged_into: Number of the organisation that counts in its stead.
        withheld: By name of a text, why it is not shown.
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


class OrganisationPage(Struct, frozen=True):
    """Part of the list of organisations.

    Attributes:
        items: The organisations, ordered by identifier.
        next: The cursor of the page after this one; null at the end.
        total: How many organisations match, on all pages; null where it is not known.
        by_status: The same of each status; null where it is not known.
    """

    items: tuple[OrganisationItem, ...]
    next: str | None
    total: int | None
    by_status: dict[str, int] | None


class OrganisationDetail(OrganisationItem, frozen=True, kw_only=True):
    """An organisation on a day.

    Attributes:
        version: Of its history, by the knowledge asked for.
    """

    version: int


@post(
    "/organisations",
    operation_id="registerOrganisation",
    summary="Register an organisation",
    tags=TAGS,
)
async def register(
    command: organisation.Registration, gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Enters an organisation. Without a number it is given the register's next one."""
    subject = subject_id(command.number or "")
    outcome = await gateway.handle("organisation", subject, command.fact())
    shown = receipt(outcome, gateway.language)
    return answer(outcome, shown, _location(outcome.subject), gateway.language)


@post(
    "/organisations/{organisation_id:str}/events",
    operation_id="recordOrganisationEvent",
    summary="Record what happened to an organisation",
    tags=TAGS,
)
async def record(
    about: AboutOrganisation, command: organisation.Later, gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Records a dated change, a participation, a correction or an annulment.

    What the register says already is not recorded again: 409.
    """
    subject = subject_id(about.organisation_id)
    outcome = await gateway.handle("organisation", subject, command)
    shown = receipt(outcome, gateway.language)
    return answer(outcome, shown, _location(outcome.subject), gateway.language)


@get(
    "/organisations",
    operation_id="listOrganisations",
    summary="List the organisations of a day",
    tags=TAGS,
)
async def search(
    question: OrganisationsQuestion, app: App
) -> Response[OrganisationPage]:
    """Organisations as they were on a day, as known on another, page by page."""
    today = app.commands.today()
    async with open_view(app) as view:
        page = await lists.listing(view, question, today)
    shown: Response[Any] = Response(page)
    return shown


@get(
    "/organisations/{organisation_id:str}",
    operation_id="getOrganisation",
    summary="Look at an organisation",
    tags=TAGS,
)
async def show(
    question: OrganisationQuestion, app: App
) -> Response[OrganisationDetail]:
    """What the organisation was on a day, as known on another."""
    at = question.at(app.commands.today())
    subject = subject_id(question.organisation_id)
    async with open_view(app) as view:
        seen = await subjects.standing(view, "organisation", subject, at)
    shown = OrganisationDetail(**seen.shown, version=seen.version)
    return Response(shown, headers={"ETag": f'"{seen.version}"'})


@get(
    "/organisations/{organisation_id:str}/events",
    operation_id="listOrganisationEvents",
    summary="Read the history of an organisation",
    tags=TAGS,
)
async def history(question: OrganisationHistory, app: App) -> EventPage:
    """Every fact ever recorded of it, corrections and annulments included.

    Each says what it left other than it was, and how it moved each figure. The first
    recorded comes first, page by page.
    """
    subject = subject_id(question.organisation_id)
    async with open_view(app) as view:
        return await subjects.history(
            view, "organisation", subject, question.cursor, question.limit
        )


def _location(subject: str) -> str:
    return f"/api/v1/organisations/{subject}"


HANDLERS: list[Any] = [register, record, search, show, history]
