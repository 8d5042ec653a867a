"""The states of each case and organisation, as the API lists them."""

from abc import abstractmethod
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from iku.domain import conflict, numbering, organisation
from iku.domain.conflict import Conflict
from iku.domain.organisation import Organisation

CASE_TEXTS = ("title", "reference", "reporter", "parties")
SPANS = "spans"


class StateColumns(NamedTuple):
    """The columns of `projection.state` that hold the state of a subject.

    Attributes:
        entered_on: Day of the report or registration.
        level: Level of a case, from 1; 0 for an organisation.
        kind: Category of a case, or kind of an organisation.
        shown: JSON of the fields that have no column.
    """

    entered_on: date
    level: int
    verified: bool
    expired: bool
    number: str
    status: str
    kind: str
    dimension: str
    area: str
    source: str
    shown: str


class SubjectState(Struct, frozen=True):
    """The state of a subject of some kind on a day."""

    @property
    @abstractmethod
    def columns(self) -> StateColumns:
        """The state as columns."""


class ConflictState(SubjectState, frozen=True):
    """The state of a case on a day.

    Attributes:
        status: open, returned, resolved, rejected, merged or annulled.
        verified: Whether the case is verified; only then does it count.
        merged_into: Number of the case that counts for both.
        wording: For each free text, by field name, the version of the event that set
            it.
    """

    id: str
    number: str
    status: str
    verified: bool
    category: conflict.Category
    dimension: conflict.Dimension
    level: conflict.Level
    area: str | None
    source: conflict.Source | None
    reported_on: date
    occurred_on: date | None
    resolved_on: date | None
    manner: conflict.Manner | None
    merged_into: str | None
    wording: dict[str, int]

    @property
    def columns(self) -> StateColumns:
        """The case as columns."""
        return StateColumns(
            entered_on=self.reported_on,
            level=RANKS[self.level],
            verified=self.verified,
            expired=False,
            number=self.number,
            status=self.status,
            kind=self.category,
            dimension=self.dimension,
            area=self.area or "",
            source=self.source or "",
            shown=remaining_fields(self),
        )


class OrganisationState(SubjectState, frozen=True):
    """The state of an organisation on a day.

    Attributes:
        status: active, suspended, dissolved, revoked, moved_out, rejected, merged or
            annulled.
        area: Code of the area of its seat.
        expired: Whether its certificate had expired.
        merged_into: Number of the organisation that counts for both.
        wording: For each free text, by field name, the version of the event that set
            it.
    """

    id: str
    number: str
    status: str
    kind: organisation.OrganisationKind
    area: str | None
    legal_basis: organisation.LegalBasis
    valid_until: date | None
    expired: bool
    registered_on: date
    merged_into: str | None
    wording: dict[str, int]

    @property
    def columns(self) -> StateColumns:
        """The organisation as columns."""
        return StateColumns(
            entered_on=self.registered_on,
            level=0,
            verified=False,
            expired=self.expired,
            number=self.number,
            status=self.status,
            kind=self.kind,
            dimension="",
            area=self.area or "",
            source="",
            shown=remaining_fields(self),
        )


RANKS = {level: rank for rank, level in enumerate(conflict.Level, start=1)}


class StateInterval(NamedTuple):
    """A state in the days [*valid_from*, *valid_to*); *valid_to* None means no end."""

    valid_from: date
    valid_to: date | None
    state_of_subject: SubjectState


def remaining_fields(standing: Struct) -> str:
    """The fields of *standing* that are not None and have no column, as JSON.

    The fields include *wording*, by which the texts are found.
    """
    shown = msgspec.to_builtins(standing)
    uncolumned = {k: v for k, v in shown.items() if v is not None and k not in COLUMNS}
    return msgspec.json.encode(uncolumned).decode()


COLUMNS = frozenset(
    {
        *("id", "number", "status", "category", "kind", "dimension", "level"),
        *("area", "source", "verified", "expired", "reported_on", "registered_on"),
    }
)


def decode_columns(
    shape: type[Struct], subject: str, columns: StateColumns
) -> dict[str, Any]:
    """All fields of the state stored in *columns*, in JSON types."""
    levels, entered_on = tuple(conflict.Level), columns.entered_on.isoformat()
    given = {
        **msgspec.json.decode(columns.shown),
        "id": subject,
        "number": columns.number,
        "status": columns.status,
        "verified": columns.verified,
        "category": columns.kind,
        "kind": columns.kind,
        "dimension": columns.dimension,
        "level": levels[columns.level - 1].value,
        "expired": columns.expired,
        "area": columns.area or None,
        "source": columns.source or None,
        "reported_on": entered_on,
        "registered_on": entered_on,
    }
    return {name: given.get(name) for name in shape.__struct_fields__}


def case_states(subject: str, case: Conflict) -> Iterator[StateInterval]:
    """The states of a case, oldest first."""
    first = case.report or case.history[0]
    if not isinstance(first, conflict.Reported):
        return
    timeline = case.timeline or tuple(Conflict((first,)).timeline)
    if case.exclusion_status:
        timeline = (msgspec.structs.replace(timeline[-1], start=timeline[0].start),)
    wording = case.text_versions(*CASE_TEXTS)
    for start, end, segment, status in _segments_with_status(case, timeline):
        standing = ConflictState(
            id=subject,
            number=numbering.number(subject, case),
            status=_exclusion_status(case.exclusion_status) or status,
            verified=case.verified,
            category=segment.category,
            dimension=segment.dimension,
            level=segment.level,
            area=first.area,
            source=first.source,
            reported_on=first.effective_on,
            occurred_on=first.occurred_on,
            resolved_on=segment.resolved_on,
            manner=segment.manner,
            merged_into=_merged_into(case.exclusion_status),
            wording=wording,
        )
        yield StateInterval(start, end, standing)


def _segments_with_status(
    case: Conflict, timeline: tuple[conflict.CaseSegment, ...]
) -> Iterator[tuple[date, date | None, conflict.CaseSegment, str]]:
    """Each segment with its status; an open one is split at its return."""
    day = case.open_return.event.effective_on if case.open_return else None
    for segment in timeline:
        start, end = segment.start, segment.end
        if segment.resolved_on:
            yield start, end, segment, "resolved"
        elif day is None or (end is not None and end <= day):
            yield start, end, segment, "open"
        else:
            if start < day:
                yield start, day, segment, "open"
            yield max(start, day), end, segment, "returned"


def organisation_states(subject: str, state: Organisation) -> Iterator[StateInterval]:
    """The states of an organisation, oldest first."""
    first = state.registration or state.history[0]
    if not isinstance(first, organisation.Registered):
        return
    timeline = state.timeline or tuple(Organisation((first,)).timeline)
    if state.exclusion_status:
        timeline = (msgspec.structs.replace(timeline[-1], start=timeline[0].start),)
    wording = state.text_versions("name")
    for segment in timeline:
        for start, end, expired in _split_at_expiry(segment):
            standing = OrganisationState(
                id=subject,
                number=numbering.number(subject, state),
                status=_exclusion_status(state.exclusion_status) or segment.status,
                kind=first.kind,
                area=first.area,
                legal_basis=segment.legal_basis,
                valid_until=segment.valid_until,
                expired=expired,
                registered_on=first.effective_on,
                merged_into=_merged_into(state.exclusion_status),
                wording=wording,
            )
            yield StateInterval(start, end, standing)


def _split_at_expiry(
    segment: organisation.OrganisationSegment,
) -> Iterator[tuple[date, date | None, bool]]:
    """The segment, split at the expiry of the certificate."""
    start, end, until = segment.start, segment.end, segment.valid_until
    if until is None:
        yield start, end, False
        return
    runs_out = until + timedelta(days=1)
    if start < runs_out:
        yield start, runs_out if end is None else min(end, runs_out), False
    if end is None or runs_out < end:
        yield max(start, runs_out), end, True


def _exclusion_status(void: str | None) -> str | None:
    return void.split(" ")[0] if void else None


def _merged_into(void: str | None) -> str | None:
    prefix = "merged into "
    return void.removeprefix(prefix) if void and void.startswith(prefix) else None
