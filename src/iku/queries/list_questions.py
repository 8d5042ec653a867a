"""Questions for lists of cases and organisations: filters, order, page."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, structs

from iku.domain import conflict, fact, organisation
from iku.domain.conflict import DIMENSIONS
from iku.domain.question import InvalidQuestion
from iku.domain.subject_states import RANKS
from iku.messages import message
from iku.queries.figure_parameters import AreaCode, Cursor, Limit, MomentQuestion
from iku.queries.search import Search, Sort

ConflictStatus: TypeAlias = Literal[
    "open", "returned", "resolved", "rejected", "merged", "annulled"
]
OrganisationStatus: TypeAlias = Literal[
    "active",
    "suspended",
    "dissolved",
    "revoked",
    "moved_out",
    "rejected",
    "merged",
    "annulled",
]
# The fields of an item by which its list can be ordered.
ConflictSort: TypeAlias = Literal[
    "id", "number", "reported_on", "status", "level", "title"
]
OrganisationSort: TypeAlias = Literal["id", "number", "registered_on", "status", "name"]
SORTS: dict[str, Sort] = {
    **{sort.value: sort for sort in Sort},
    "reported_on": Sort.ENTERED,
    "registered_on": Sort.ENTERED,
    "name": Sort.TITLE,
}


class Direction(StrEnum):
    """Ascending or descending order."""

    ASC = "asc"
    DESC = "desc"


class ListQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The common parameters of lists of cases and of organisations.

    An item matches a filter if it has one of its values; it must match all filters.
    """

    CATEGORY: ClassVar[Literal["conflict", "organisation"]]

    area: Annotated[
        AreaCode | None,
        Meta(description="Code of an area, or of a district with all its areas."),
    ] = None
    number: Annotated[
        fact.Number | None,
        Meta(
            description="Only those with this number (case-insensitive), as known by "
            "the cut-off."
        ),
    ] = None
    text: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)] | None,
        Meta(description="Part of the title, name or number (case-insensitive)."),
    ] = None
    order: Annotated[
        Direction, Meta(description="Sort direction: ascending or descending.")
    ] = Direction.ASC
    limit: Limit = 50
    cursor: Cursor = None

    def search(self, today: date) -> Search:
        """The search by the common parameters.

        Raises:
            InvalidQuestion: A day is after *today*, or two filters exclude each other.
        """
        at = self.moment(today)
        return Search(
            category=self.CATEGORY,
            as_of=at.as_of,
            known_on=at.known_on,
            size=at.size,
            area=self.area or "",
            number=self.number,
            text=self.text,
            descending=self.order is Direction.DESC,
            limit=self.limit,
        )


class ConflictsQuestion(ListQuestion, frozen=True, kw_only=True):
    """The parameters of a list of cases."""

    CATEGORY = "conflict"

    status: Annotated[
        tuple[ConflictStatus, ...],
        Meta(description="Only cases that had one of these statuses on the day."),
    ] = ()
    verified: Annotated[
        bool | None,
        Meta(description="Only cases that were verified (true) or not (false)."),
    ] = None
    category: Annotated[
        tuple[conflict.Category, ...],
        Meta(description="Only cases of one of these categories on the day."),
    ] = ()
    dimension: Annotated[
        tuple[conflict.Dimension, ...],
        Meta(description="Only cases of one of these dimensions on the day."),
    ] = ()
    level: Annotated[
        tuple[conflict.Level, ...],
        Meta(description="Only cases of one of these levels on the day."),
    ] = ()
    source: Annotated[
        tuple[conflict.Source, ...],
        Meta(description="Only cases reported by one of these sources."),
    ] = ()
    reported_from: Annotated[
        date | None, Meta(description="Only cases reported on this day or later.")
    ] = None
    reported_to: Annotated[
        date | None, Meta(description="Only cases reported on this day or earlier.")
    ] = None
    sort: Annotated[
        ConflictSort,
        Meta(
            description="Sort field; cases with equal values are sorted by "
            "identifier. At most 2,000 cases can be sorted by title."
        ),
    ] = "id"

    def search(self, today: date) -> Search:
        """The search (raises as `ListQuestion.search`)."""
        _refuse_empty_span(
            "reported_from", self.reported_from, "reported_to", self.reported_to
        )
        self._refuse_mismatched_dimension()
        return structs.replace(
            super().search(today),
            statuses=self.status,
            kinds=self.category,
            dimensions=self.dimension,
            levels=tuple(RANKS[level] for level in self.level),
            sources=self.source,
            verified=self.verified,
            first=self.reported_from,
            last=self.reported_to,
            sort=SORTS[self.sort],
        )

    def _refuse_mismatched_dimension(self) -> None:
        of = [one for category in self.category for one in DIMENSIONS[category]]
        for dimension in self.dimension:
            if self.category and dimension not in of:
                raise InvalidQuestion(
                    "dimension",
                    message(
                        "dimension is {dimension}, but for category {category} it "
                        "must be one of {dimensions}",
                        dimension=dimension,
                        category=[*self.category],
                        dimensions=[*of],
                    ),
                )


class OrganisationsQuestion(ListQuestion, frozen=True, kw_only=True):
    """The parameters of a list of organisations."""

    CATEGORY = "organisation"

    status: Annotated[
        tuple[OrganisationStatus, ...],
        Meta(
            description="Only organisations that had one of these statuses on the day."
        ),
    ] = ()
    kind: Annotated[
        tuple[organisation.OrganisationKind, ...],
        Meta(description="Only organisations of one of these kinds."),
    ] = ()
    expired: Annotated[
        bool | None,
        Meta(
            description="Only organisations whose certificate (SKT) was out of date on "
            "the day (true), or was not (false)."
        ),
    ] = None
    registered_from: Annotated[
        date | None,
        Meta(description="Only organisations registered on this day or later."),
    ] = None
    registered_to: Annotated[
        date | None,
        Meta(description="Only organisations registered on this day or earlier."),
    ] = None
    sort: Annotated[
        OrganisationSort,
        Meta(
            description="Sort field; organisations with equal values are sorted by "
            "identifier. At most 2,000 organisations can be sorted by "
            "name."
        ),
    ] = "id"

    def search(self, today: date) -> Search:
        """The search (raises as `ListQuestion.search`)."""
        _refuse_empty_span(
            "registered_from", self.registered_from, "registered_to", self.registered_to
        )
        return structs.replace(
            super().search(today),
            statuses=self.status,
            kinds=self.kind,
            expired=self.expired,
            first=self.registered_from,
            last=self.registered_to,
            sort=SORTS[self.sort],
        )


def _refuse_empty_span(
    begin: str, first: date | None, end: str, last: date | None
) -> None:
    if first is not None and last is not None and first > last:
        raise InvalidQuestion(
            end,
            message(
                "{end} is {last}, but must not be before {begin}, {first}",
                end=end,
                last=last,
                begin=begin,
                first=first,
            ),
        )
