"""Perubahan setelah terbit: what became known after a publication was closed.

The public edition has no texts and no actors; the internal edition has both.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from iku.exchange.papers import agency_cells, frozen_figures
from iku.exchange.papers.document import (
    FORMATS,
    UNDEFINED,
    Cell,
    CellKind,
    Column,
    Document,
    Paragraph,
    Ratio,
    Row,
    Section,
    Table,
)
from iku.exchange.papers.frozen_figures import FrozenPublication
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say, word
from iku.labels import CAUSES, EVENTS, SUBJECTS
from iku.messages import message
from iku.queries import actor_names, approvers, publications
from iku.queries.publication_changes import (
    ChangesPageRequest,
    FigureChange,
    FigureValue,
    FrozenFigure,
    PublicationChange,
    PublicationChanges,
    read_page,
)

PUBLIC, INTERNAL = "perubahan", "perubahan-internal"
PAGE = 200  # events read at a time


class _KnownLate(NamedTuple):
    """An event that became known after the closing.

    Attributes:
        recorded_on: The day of its recording, in the time zone of the agency.
        actor: Who recorded it; empty in the public edition.
        approver: Who approved it; None if it needed no approval.
    """

    change: PublicationChange
    recorded_on: date
    actor: str
    approver: str | None


async def make_public(sources: Sources, request: PaperRequest) -> Document:
    """The public edition (raises as `frozen_figures.read`)."""
    return await _make(sources, request, internal=False)


async def make_internal(sources: Sources, request: PaperRequest) -> Document:
    """The internal edition (raises as `frozen_figures.read`)."""
    return await _make(sources, request, internal=True)


async def _make(sources: Sources, request: PaperRequest, *, internal: bool) -> Document:
    of = await frozen_figures.read(sources, request.publication)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    found = await _all_changes(sources, of.publication.id)
    late = await _known_late(sources, found.items, internal=internal)
    rows = [row for one in late for row in _event_rows(one, found, internal=internal)]
    events = Table(
        name="peristiwa",
        caption=say(message("Table 2. Events that became known after the closing")),
        columns=_event_columns(internal=internal),
        rows=tuple(Row((place, *cells)) for place, cells in enumerate(rows, start=1)),
    )
    edition = "edisi internal" if internal else "edisi publik"
    return Document(
        name=INTERNAL if internal else PUBLIC,
        title="Perubahan Setelah Terbit",
        subtitle=f"Publikasi {of.publication.id}, {edition}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=say(
            message(
                "{coordinates}; compared at the log size {size}",
                coordinates=of.coordinates,
                size=found.size,
            )
        ),
        sections=(Section(None, (_figures(found), events, _source(of, found))),),
        signatures=agency_cells.signatures(agency, request),
        figures=of.numbers,
        draft=(*of.missing, *agency_cells.missing_signers(agency)),
        landscape=True,
        internal=internal,
    )


async def _known_late(
    sources: Sources, changes: Sequence[PublicationChange], *, internal: bool
) -> list[_KnownLate]:
    """The changes; for the internal edition, with the names of their actors."""
    view = sources.view
    approved = await approvers.approvers(view.reader) if internal else {}
    by = [
        approved.get((f"{one.category}-{one.subject}", one.event.version))
        for one in changes
    ]
    actors = {one.event.actor for one in changes} | {one for one in by if one}
    names = await actor_names.recorded_names(view, actors) if internal else {}
    return [
        _KnownLate(
            one,
            one.event.recorded_at.astimezone(sources.zone).date(),
            say(names.get(one.event.actor, "")),
            say(names[approver]) if approver else None,
        )
        for one, approver in zip(changes, by, strict=True)
    ]


async def _all_changes(sources: Sources, identifier: str) -> PublicationChanges:
    """All changes, in one answer."""
    found: PublicationChanges | None = None
    items: list[PublicationChange] = []
    page: ChangesPageRequest | None = ChangesPageRequest(limit=PAGE)
    while page is not None:
        found = await publications.changes(
            sources.view, sources.figures, identifier, page, sources.today
        )
        items += found.items
        page = read_page(found.next, PAGE) if found.next else None
    if found is None:
        raise AssertionError("the first page is always read")
    return PublicationChanges(
        found.publication, found.size, found.figures, tuple(items), None
    )


def _figures(found: PublicationChanges) -> Table:
    return Table(
        name="figur",
        caption=say(
            message(
                "Table 1. The published figures, and the same figures by present "
                "knowledge"
            )
        ),
        columns=(
            Column("No", CellKind.COUNT, 10),
            Column("Figur", width=70),
            Column("Nilai terbit", CellKind.RATIO, 26),
            Column("Nilai kini", CellKind.RATIO, 26),
            Column("Selisih pembilang / penyebut", CellKind.COUNT, 36),
            Column("Selisih (poin persen)", CellKind.NUMBER, 30),
            Column(say(message("Value by the definition now in force")), width=44),
        ),
        rows=tuple(
            Row((place, *_figure_cells(one)))
            for place, one in enumerate(found.figures, start=1)
        ),
    )


def _figure_cells(one: FrozenFigure) -> tuple[Cell, ...]:
    published, present = one.published, one.present
    return (
        f"{one.indicator}\n{published.number}",
        _ratio(published),
        _ratio(present),
        _signed_counts(one.difference),
        _points(published.percentage, present.percentage),
        None
        if one.in_force is None
        else f"{_value(one.in_force)} (versi {one.in_force.definition})",
    )


def _ratio(of: FigureValue) -> Ratio:
    return Ratio(of.numerator, of.denominator, of.percentage)


def _value(of: FigureValue) -> str:
    counts = FORMATS.fraction(of.numerator, of.denominator)
    return f"{counts} = {FORMATS.percent(of.percentage)}"


def _signed_counts(change: FigureChange) -> str:
    signed = FORMATS.signed_number
    if not (change.numerator or change.denominator):
        return "nihil"
    return f"{signed(change.numerator)} / {signed(change.denominator)}"


def _points(published: Decimal | None, present: Decimal | None) -> Cell:
    """The difference of the two percentages as printed."""
    if published is None or present is None:
        return UNDEFINED
    return present - published


def _event_columns(*, internal: bool) -> tuple[Column, ...]:
    return (
        Column("No", CellKind.COUNT, 12),
        Column("Figur", width=17),
        Column("Nilai terbit", CellKind.RATIO, 29),
        Column("Nilai kini", CellKind.RATIO, 29),
        Column("Selisih", CellKind.COUNT, 18),
        Column("Sebab", width=22),
        Column("Perkara/organisasi", width=28),
        Column("Peristiwa", width=26),
        Column("Berlaku tgl", CellKind.DAY, 20),
        Column("Dicatat tgl", CellKind.DAY, 20),
        *(
            (
                Column("Oleh", width=20),
                Column(say(message("Approved by")), width=22),
                Column("Alasan", width=44),
            )
            if internal
            else ()
        ),
    )


def _event_rows(
    late: _KnownLate, found: PublicationChanges, *, internal: bool
) -> list[tuple[Cell, ...]]:
    """A row for each figure that the event changed, or one if it changed none."""
    values = {figure.indicator: figure for figure in found.figures}
    one, cells = late.change, _event_cells(late, internal=internal)
    if not one.effects:
        return [(UNDEFINED, UNDEFINED, UNDEFINED, "nihil", *cells)]
    return [
        (
            effect.indicator,
            _value(values[effect.indicator].published),
            _value(values[effect.indicator].present),
            _signed_counts(effect),
            *cells,
        )
        for effect in one.effects
    ]


def _event_cells(late: _KnownLate, *, internal: bool) -> tuple[Cell, ...]:
    one = late.change
    event = one.event
    subject = f"{word(SUBJECTS, one.category)} {one.number}"
    if internal and one.title:
        subject += f"\n{one.title}"
    told = (late.actor, late.approver, event.reason) if internal else ()
    return (
        word(CAUSES, one.cause),
        subject,
        f"{word(EVENTS, event.type)} (peristiwa {event.position})",
        event.effective_on,
        late.recorded_on,
        *told,
    )


def _source(of: FrozenPublication, found: PublicationChanges) -> Paragraph:
    changed = [one.indicator for one in found.figures if _has_changed(one)]
    said = say(message("No figure changed."))
    if changed:
        said = say(message("Figures that changed: {figures}.", figures=changed))
    rule = say(
        message(
            "A published value never changes; a restatement is an edition of its own."
        )
    )
    source = f"Sumber: register iku, publikasi {of.publication.id}."
    return Paragraph(f"{source} {said} {rule}")


def _has_changed(one: FrozenFigure) -> bool:
    return bool(one.difference.numerator or one.difference.denominator)
