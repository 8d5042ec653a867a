"""Publications, Publikasi: calendar, steps, editions, and changes since the closing.

The list and the page of a publication obey the coordinates; drafting and the steps are
of today.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from litestar import Response
from msgspec import Meta, structs

from iku import labels, parsing
from iku.connection import acquire_connection
from iku.domain import publication
from iku.domain.access import Action
from iku.domain.decider import Refused
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, PublicationState, TakeStep
from iku.exchange import formats
from iku.messages import message
from iku.parsing import ParseError
from iku.queries import (
    actor_names,
    agency_data,
    publication_changes,
    publication_choices,
    publications,
)
from iku.queries.figure_parameters import MomentQuestion
from iku.queries.publication_changes import ChangesPageRequest, PublicationChanges
from iku.queries.publications import (
    ListedPublication,
    PublicationId,
    PublicationRecord,
    ShownPublication,
)
from iku.queries.view import View
from iku.web.page_failures import form_faults
from iku.web.page_forms import Form, iso_day
from iku.web.page_rendering import redirect
from iku.web.pages import paper_data, papers
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, reading, sending

CATEGORY = publication.decider.category
DRAFT_FIELDS = ("period", "as_of", "title", "reason", "restates")
STEP_FIELDS = ("type", "reason", "known_on", "indicator")
DAYS = frozenset({"as_of", "known_on"})
KINDS = {**formats.PERIODS, Kind.MONTH: message("Month")}


class CalendarYear(NamedTuple):
    """The publications of a year.

    Attributes:
        quarters: The last edition of the year up to the end of each quarter, if any.
    """

    year: int
    quarters: tuple[tuple[date, ListedPublication | None], ...]
    publications: tuple[ListedPublication, ...]


class PublicationListQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The parameters of the list of publications."""

    state: PublicationState | None = None


class PublicationQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The publication in the path, and the page of its changes."""

    publication_id: PublicationId
    cursor: Annotated[str, Meta(max_length=144)] | None = None


class DraftQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The edition that a draft restates; None for a first edition."""

    restates: Annotated[str, Meta(max_length=40)] | None = None


@reading("/publikasi", Action.READ_FIGURES, PublicationListQuestion)
async def show_publications(frame: PageContext) -> Response[bytes]:
    """The publications by year, the newest year first."""
    async with frame.view() as view:
        found = await publications.listing(
            view, state=frame.question.state, at=frame.time.moment
        )
    years = {frame.time.day.year, *(one.as_of.year for one in found.publications)}
    return frame.show(
        "publications.html",
        years=[
            _calendar_year(year, found.publications)
            for year in sorted(years, reverse=True)
        ],
        states=list(PublicationState),
        why=frame.refusal(Action.DRAFT_PUBLICATION),
    )


def _calendar_year(year: int, of: Sequence[ListedPublication]) -> CalendarYear:
    own = tuple(one for one in of if one.as_of.year == year)
    ends = [date(year, 3, 31), date(year, 6, 30), date(year, 9, 30), date(year, 12, 31)]
    whole = {one.as_of: one for one in own if one.period.kind is Kind.YEAR}
    return CalendarYear(year, tuple((end, whole.get(end)) for end in ends), own)


@present("/publikasi/baru", Action.DRAFT_PUBLICATION, DraftQuestion)
async def show_draft_form(frame: PageContext) -> Response[bytes]:
    """The form of a draft."""
    restates = frame.question.restates
    usual = {"period": Kind.YEAR.value, "restates": restates or ""}
    if restates is not None:
        async with frame.view() as view:
            before = (await publications.find(view.reader, restates)).publication
        usual["period"] = before.period.kind.value
        usual["as_of"] = frame.visitor.page.day(before.as_of)
        usual["title"] = before.title or ""
    return _draft_form(frame, usual, {})


@sending("/publikasi/baru", Action.DRAFT_PUBLICATION)
async def draft(frame: PageContext, form: Form) -> Response[bytes]:
    """Draft a publication."""
    try:
        command = parsing.parse_texts(Draft, _filled_fields(frame, form, DRAFT_FIELDS))
        await frame.gateway(form).handle(
            CATEGORY, publication.stream_year(command.publication), command
        )
    except (ParseError, Refused) as error:
        return _draft_form(frame, form.values, form_faults(error), status=422)
    return redirect(frame.address(f"/publikasi/{command.publication}"))


@reading("/publikasi/{publication_id:str}", Action.READ_FIGURES, PublicationQuestion)
async def show_publication(frame: PageContext) -> Response[bytes]:
    """A publication: its figures, steps and editions, and the changes since."""
    return await _publication_page(frame, frame.question.publication_id)


@sending("/publikasi/{publication_id:str}", Action.READ_FIGURES)
async def take_step(frame: PageContext, form: Form) -> Response[bytes]:
    """Take the next step of a publication."""
    identifier, app = frame.path["publication_id"], frame.app
    try:
        step = parsing.parse_texts(NextStep, _filled_fields(frame, form, STEP_FIELDS))
        async with acquire_connection(app) as connection:
            frozen = await publications.snapshot(
                connection, app.figures, identifier, step, frame.time.today
            )
        await frame.gateway(form).handle(
            CATEGORY,
            publication.stream_year(identifier),
            TakeStep(identifier, step, frozen),
        )
    except (ParseError, Refused) as error:
        return await _publication_page(
            frame, identifier, form.values, form_faults(error), status=422
        )
    return redirect(frame.address(f"/publikasi/{identifier}"))


async def _publication_page(
    frame: PageContext,
    identifier: str,
    values: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    at, today = frame.time.moment, frame.time.today
    figures, register = frame.app.figures, frame.visitor.register
    text = frame.visitor.page.text
    cursor = getattr(frame.question, "cursor", None)
    page = publication_changes.read_page(cursor, frame.rows(50))
    async with frame.view() as view:
        now = await _present_record(frame, view, identifier)
        found = (
            now
            if frame.time.is_present
            else await publications.find(view.reader, identifier, at)
        )
        assurance = await frame.app.assurance(view.reader)
        shown = await publications.shown(view, figures, found, today, assurance)
        codes = sorted(await figures.indicators(view.reader))
        choices = await publication_choices.step_choices(view, now.publication, codes)
        names = await actor_names.names(view, register, _actors(shown))
        stated = await agency_data.read(view.reader)
        data = await paper_data.of_publication(frame, view, shown, codes, stated)
        offered = await papers.of_publication(frame, view, shown, assurance, stated)
        changes, later = None, {}
        if shown.figures is not None and frame.refusal(Action.READ_HISTORY) is None:
            page = structs.replace(page, size=page.size or frame.time.size)
            changes = await publication_changes.changes(
                view, figures, now.publication, page, today
            )
            while frame.visitor.asks_workbook and changes.next and not changes.items:
                page = publication_changes.read_page(changes.next, page.limit)
                changes = await publication_changes.changes(
                    view, figures, now.publication, page, today
                )
            later = {"change_rows.html": _later_changes(frame, now, page, changes)}
    return frame.show(
        "publication.html",
        status=status,
        shown=shown,
        codes=codes,
        choices=choices,
        remaining=publication_choices.remaining_steps(shown.state),
        editions=publication_choices.editions(found),
        names=names,
        changes=changes,
        data=data,
        papers=offered,
        values=values or {},
        faults=faults or {},
        coverage="" if shown.coverage is None else labels.COVERAGES[shown.coverage],
        step_labels={
            step: text(label) for step, label in labels.PUBLICATION_STEPS.items()
        },
        cause=lambda one: text(labels.CAUSES[one]),
        why_new=frame.refusal(Action.DRAFT_PUBLICATION),
        rest=later,
    )


async def _later_changes(
    frame: PageContext,
    of: PublicationRecord,
    page: ChangesPageRequest,
    found: PublicationChanges,
) -> AsyncGenerator[dict[str, Any], None]:
    """The pages of the changes of a publication after *found*."""
    while found.next is not None:
        page = publication_changes.read_page(found.next, page.limit)
        async with frame.view() as view:
            found = await publication_changes.changes(
                view, frame.app.figures, of.publication, page, frame.time.today
            )
        yield {"changes": found}


async def _present_record(
    frame: PageContext, view: View, identifier: str
) -> PublicationRecord:
    """The publication by all present steps, which a page has read already.

    Raises:
        UnknownReference: The publication does not exist.
    """
    for one in frame.publications:
        if one.publication.id == identifier:
            return one
    return await publications.find(view.reader, identifier)


def _actors(shown: ShownPublication) -> set[str]:
    return {one.actor for one in shown.steps}


def _draft_form(
    frame: PageContext,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    status: int = 200,
) -> Response[bytes]:
    return frame.show(
        "publication_draft.html",
        status=status,
        values=values,
        faults=faults,
        kinds=[(kind.value, frame.visitor.page.text(KINDS[kind])) for kind in Kind],
    )


def _filled_fields(
    frame: PageContext, form: Form, names: Iterable[str]
) -> Iterable[tuple[str, str]]:
    """The fields that were filled in, with days as the Struct takes them.

    Raises:
        ParseError: A day is malformed.
    """
    for name, text in form.filled(names):
        yield name, iso_day(name, text, frame.time.today) if name in DAYS else text


HANDLERS: list[Any] = [
    *(show_publications, show_draft_form, draft),
    *(show_publication, take_step),
]
