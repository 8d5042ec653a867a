"""Publications, folded from their streams on each request.

There is one stream a year, so no projection is needed. The figures that a closing
freezes are counted here, in one snapshot.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

from iku.domain import fact, publication, subject_name
from iku.domain.access import Action
from iku.domain.figure import ComputedFigure, Figure
from iku.domain.period import Kind, Period
from iku.domain.publication import (
    Event,
    FrozenValue,
    NextStep,
    Publication,
    PublicationState,
    PublicationYear,
    Snapshot,
    StepType,
)
from iku.domain.question import Question, UnknownReference
from iku.domain.scale import Scale
from iku.ledger import log
from iku.ledger.checkpoint_store import Assurance, Coverage
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.messages import message
from iku.queries import publication_changes
from iku.queries.figure_parameters import Cursor, Limit, Moment
from iku.queries.figures import Figures
from iku.queries.publication_changes import PublicationChanges
from iku.queries.view import View

PublicationId: TypeAlias = Annotated[
    str, Meta(description="Identifier of the publication, such as 2021-W3.")
]


class PublicationsQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a list of publications."""

    year: Annotated[
        Annotated[int, Meta(ge=1945, le=9999)] | None,
        Meta(description="Only publications whose as-of day is in this year."),
    ] = None
    state: Annotated[
        PublicationState | None,
        Meta(description="Only publications that are now in this state."),
    ] = None


class ChangesQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The requested page of the changes after a publication."""

    publication_id: PublicationId
    limit: Limit = 50
    cursor: Cursor = None


class PublicationRecord(Struct, frozen=True):
    """A publication and its records.

    Attributes:
        steps: The record of each step, in order.
        editions: All editions of the same period and day, in order, including itself.
        version: Version of the stream of all publications of its year.
    """

    publication: Publication
    steps: tuple[Recorded, ...]
    editions: tuple[Publication, ...]
    version: int


class FirstPublished(Struct, frozen=True):
    """The first publication of a figure of a day.

    Attributes:
        publication: Identifier of the publication.
        position: Position of its event `published`.
    """

    publication: str
    published_on: date
    position: int
    figure: FrozenValue


class PublicationEdition(Struct, frozen=True):
    """An edition of a publication.

    Attributes:
        edition: From 1; each later one restates the previous one.
    """

    id: str
    edition: int
    state: PublicationState


class ListedPublication(Struct, frozen=True):
    """A publication in the list.

    Attributes:
        as_of: The day of its figures.
        edition: From 1; each later one restates the previous one.
        restates: Identifier of the previous edition; None for the first.
        title: Title of the printed report.
        since: Day of its last step.
    """

    id: str
    period: Period
    as_of: date
    edition: int
    restates: str | None
    title: str | None
    state: PublicationState
    since: date


class Publications(Struct, frozen=True):
    """A list of publications."""

    publications: tuple[ListedPublication, ...]


class ShownStep(Struct, frozen=True):
    """A step of a publication.

    Attributes:
        version: Version in the history of the year's publications, from 1.
        position: Position in the log, from 1.
        recorded_at: The database's clock, UTC.
        actor: Who recorded it.
        reason: The reason.
    """

    type: str
    version: int
    position: int
    effective_on: date
    recorded_at: datetime
    actor: str
    reason: str


class ShownPublication(ListedPublication, frozen=True, kw_only=True):
    """A publication.

    Attributes:
        version: Version of the history of the year's publications, for If-Match.
        known_on: Knowledge cut-off of the frozen figures: the end of this day; None for
            a draft.
        size: Size of the log of the frozen figures; None for a draft.
        figures: The frozen figures; None for a draft.
        live: The figures that a draft would freeze now; None otherwise.
        coverage: Proof of the frozen figures: none yet (pending), signed by the log's
            key (signed), or cosigned by a quorum of witnesses (witnessed); None for a
            draft.
        steps: All steps, in order.
        editions: All editions of the same period and day, including this one.
    """

    version: int
    known_on: date | None
    size: int | None
    figures: tuple[FrozenValue, ...] | None
    live: tuple[Figure, ...] | None
    coverage: Coverage | None
    steps: tuple[ShownStep, ...]
    editions: tuple[PublicationEdition, ...]


async def listing(
    view: View,
    year: int | None = None,
    state: PublicationState | None = None,
    at: Moment | None = None,
) -> Publications:
    """Publications, optionally of one year or in one state, by the steps known *at*.

    A viewer who has not signed in sees only published editions.
    """
    records = await all_publications(view.reader, at)
    found = tuple(
        ListedPublication(**_list_fields(one.publication))
        for one in records
        if year in {None, one.publication.as_of.year}
        and state in {None, one.publication.state}
        and _may_see(view, one.publication)
    )
    read = [step for one in records for step in one.steps]
    return await view.reveal(Publications(found), read)


async def read_publication(
    view: View,
    figures: Figures,
    identifier: str,
    today: date,
    assurance: Assurance,
    *,
    at: Moment | None = None,
) -> ShownPublication:
    """The publication *identifier* by the steps known *at*, and its *assurance*.

    Raises:
        UnknownReference: The publication does not exist.
        Unauthenticated: The publication is not published, and the viewer has not signed
            in.
    """
    found = await find(view.reader, identifier, at)
    return await shown(view, figures, found, today, assurance)


async def shown(
    view: View,
    figures: Figures,
    found: PublicationRecord,
    today: date,
    assurance: Assurance,
) -> ShownPublication:
    """The publication *found*, and the *assurance* of its figures.

    Raises:
        Unauthenticated: The publication is not published, and the viewer has not signed
            in.
    """
    of, live = found.publication, None
    if not _may_see(view, of):
        view.viewer.require(Action.READ_FIGURES)
    if of.state is PublicationState.DRAFT:
        made = await _present_figures(view.reader, figures, of, None, today)
        live = tuple(one.figure for one in made)
    closing = of.closing
    one = ShownPublication(
        **_list_fields(of),
        version=found.version,
        known_on=closing.known_on if closing else None,
        size=closing.size if closing else None,
        figures=closing.figures if closing else None,
        live=live,
        coverage=_coverage(found, assurance),
        steps=tuple(map(_shown_step, found.steps, of.steps)),
        editions=tuple(
            PublicationEdition(one.id, one.edition, one.state)
            for one in found.editions
            if _may_see(view, one)
        ),
    )
    return await view.reveal(one, found.steps)


def _may_see(view: View, of: Publication) -> bool:
    """Whether the viewer may see the publication: a published one is public."""
    published = of.state is PublicationState.PUBLISHED
    return published or view.viewer.may(Action.READ_FIGURES)


async def changes(
    view: View,
    figures: Figures,
    identifier: str,
    page: publication_changes.ChangesPageRequest,
    today: date,
) -> PublicationChanges:
    """The changes since the publication *identifier* was closed.

    Raises:
        UnknownReference: The publication does not exist or is not frozen.
        InvalidQuestion: The requested size does not exist.
    """
    of = (await find(view.reader, identifier)).publication
    return await publication_changes.changes(view, figures, of, page, today)


def _coverage(found: PublicationRecord, assurance: Assurance) -> Coverage | None:
    """The coverage of the event that froze the figures."""
    closing = found.publication.closing
    taken = zip(found.steps, found.publication.steps, strict=True)
    closed = [one.position for one, step in taken if step is closing]
    return assurance.coverage_of(closed[-1]) if closed else None


def _list_fields(of: Publication) -> dict[str, Any]:
    names = ListedPublication.__struct_fields__
    fields = {name: getattr(of, name) for name in names if name != "since"}
    return {**fields, "since": of.last_step.effective_on}


def _shown_step(recorded: Recorded, step: Event) -> ShownStep:
    return ShownStep(
        type=recorded.type,
        version=recorded.version,
        position=recorded.position,
        effective_on=step.effective_on,
        recorded_at=recorded.recorded_at,
        actor=recorded.body().actor,
        reason=step.reason,
    )


async def all_publications(
    connection: Reader, at: Moment | None = None
) -> list[PublicationRecord]:
    """All publications, by year, kind of period, day and edition.

    *at* limits the steps to those taken by that day, and known by its cut-off.
    """
    streams = await connection.fetch(
        """
        select stream
          from ledger.stream
         where stream like 'publication-%'
         order by stream
        """
    )
    found = await _read(connection, [row["stream"] for row in streams], at)
    return [one for recorded in found for one in _records_of_year(recorded)]


async def _read(
    connection: Reader, streams: Sequence[str], at: Moment | None
) -> list[list[Recorded]]:
    """The steps in each of *streams* that were known *at*."""
    if at is None:
        return list((await log.read_streams(connection, streams)).values())
    found = await log.read_streams(
        connection, streams, size=at.size, known_on=at.known_on
    )
    return [
        [one for one in recorded if (one.effective_on or at.as_of) <= at.as_of]
        for recorded in found.values()
    ]


async def find(
    connection: Reader, identifier: str, at: Moment | None = None
) -> PublicationRecord:
    """The publication with the identifier *identifier*, by the steps known *at*.

    Raises:
        UnknownReference: The publication does not exist.
    """
    if not re.fullmatch(publication.IDENTIFIER, identifier):
        raise UnknownReference(
            subject_name.not_found_message("publication", identifier)
        )
    stream = publication.decider.stream(publication.stream_year(identifier))
    (recorded,) = await _read(connection, [stream], at)
    for one in _records_of_year(recorded):
        if one.publication.id == identifier:
            return one
    raise UnknownReference(
        message("publication {publication} does not exist", publication=identifier)
    )


def _records_of_year(recorded: Sequence[Recorded]) -> list[PublicationRecord]:
    decider = publication.decider
    facts = [fact.decode_recorded(one, decider.event_type) for one in recorded]
    year: PublicationYear | None = decider.fold(facts)
    ordered = sorted(year.publications.values(), key=_sort_key) if year else []
    return [
        PublicationRecord(
            one,
            tuple(
                step
                for step, event in zip(recorded, facts, strict=True)
                if event.publication == one.id
            ),
            tuple(
                other
                for other in ordered
                if _period_and_day(other) == _period_and_day(one)
            ),
            len(recorded),
        )
        for one in ordered
    ]


def _period_and_day(of: Publication) -> tuple[Kind, date]:
    return of.period.kind, of.as_of


def _sort_key(of: Publication) -> tuple[int, date, int]:
    return list(Kind).index(of.period.kind), of.as_of, of.edition


async def snapshot(
    reader: Reader, figures: Figures, identifier: str, step: NextStep, today: date
) -> Snapshot | None:
    """The figures that the *step* freezes; None if it is not a closing.

    Raises:
        UnknownReference: The publication does not exist.
        Invalid: The knowledge cut-off is not between the day of the figures and today.
    """
    of = (await find(reader, identifier)).publication
    if step.type is not StepType.CLOSED:
        return None
    if step.known_on is not None:
        publication.refuse_bad_cutoff(step.known_on, of, today)
    made = await _present_figures(reader, figures, of, step.known_on, today)
    rated_by = await figures.scale(reader)
    first = made[0].figure
    frozen = tuple(_freeze(one, rated_by) for one in made)
    return Snapshot(first.known_on, first.size, frozen)


async def _present_figures(
    connection: Reader,
    figures: Figures,
    of: Publication,
    known_on: date | None,
    today: date,
) -> list[ComputedFigure]:
    """The present figures of the publication's day; *known_on* is the cut-off."""
    codes = sorted(await figures.indicators(connection))
    questions = [
        Question(code, of.as_of, known_on=known_on, period=of.period.kind)
        for code in codes
    ]
    return await figures.compute(connection, questions, today)


def _freeze(made: ComputedFigure, rated_by: Scale | None) -> FrozenValue:
    shown = made.figure
    scales = rated_by.history if rated_by else ()
    return FrozenValue(
        indicator=shown.indicator,
        definition=shown.definition,
        scale=scales.index(made.made_with.scale) + 1,
        numerator=shown.numerator,
        denominator=shown.denominator,
        expired=shown.expired,
        percentage=shown.percentage,
        target=shown.target,
        achievement=shown.achievement,
        rating=shown.rating,
        number=shown.number,
    )


async def first_published(
    connection: Reader, code: str, kind: Kind
) -> dict[date, FirstPublished]:
    """The first published figures of indicator *code*, by day."""
    return first_of(await all_publications(connection), code, kind)


def first_of(
    records: Sequence[PublicationRecord], code: str, kind: Kind
) -> dict[date, FirstPublished]:
    """The first published figures among *records*, by day (see `first_published`)."""
    found: dict[date, FirstPublished] = {}
    for one in records:
        of = one.publication
        # Editions are ordered; each is drafted after the previous one was published.
        if of.period.kind is not kind or of.state is not PublicationState.PUBLISHED:
            continue
        for frozen in of.figures:
            if frozen.indicator == code and of.as_of not in found:
                found[of.as_of] = FirstPublished(
                    of.id, of.last_step.effective_on, one.steps[-1].position, frozen
                )
    return found
