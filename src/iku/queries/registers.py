"""Which cases or organisations of the register are asked for."""

from datetime import date
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from iku.domain import conflict, fact, organisation
from iku.queries.parameters import AreaCode, Cursor, Limit, MomentQuestion
from iku.queries.search import Search

Number: TypeAlias = Annotated[
    fact.Number | None,
    Meta(
        description="Only those with this number, without regard to case, by the "
        "knowledge asked for."
    ),
]
Text: TypeAlias = Annotated[
    Annotated[str, Meta(max_length=500)] | None,
    Meta(description="Part of the title, name or number, without regard to case."),
]


class ConflictsQuestion(MomentQuestion, frozen=True, kw_only=True):
    """Which cases are asked for."""

    status: Annotated[
        Literal["open", "returned", "resolved", "rejected", "merged", "annulled"]
        | None,
        Meta(description="Only cases that had this status on the day."),
    ] = None
    category: Annotated[
        conflict.Category | None,
        Meta(description="Only cases that were of this category on the day."),
    ] = None
    source: Annotated[
        conflict.Source | None,
        Meta(description="Only cases that the office heard of from here."),
    ] = None
    area: Annotated[
        AreaCode | None,
        Meta(description="Code of an area, or of a district with all its areas."),
    ] = None
    number: Number = None
    text: Text = None
    limit: Limit = 50
    cursor: Cursor = None

    def search(self, today: date) -> Search:
        """What is looked for.

        Raises:
            Unanswerable: A day lies after *today*.
        """
        at = self.at(today)
        return Search(
            category="conflict",
            as_of=at.as_of,
            known_on=at.known_on,
            size=at.size,
            statuses=(self.status,) if self.status else (),
            kinds=(self.category,) if self.category else (),
            area=self.area or "",
            sources=(self.source,) if self.source else (),
            number=self.number,
            text=self.text,
            limit=self.limit,
        )


class OrganisationsQuestion(MomentQuestion, frozen=True, kw_only=True):
    """Which organisations are asked for."""

    status: Annotated[
        Literal[
            "active",
            "suspended",
            "dissolved",
            "revoked",
            "moved_out",
            "rejected",
            "merged",
            "annulled",
        ]
        | None,
        Meta(description="Only organisations that had this status on the day."),
    ] = None
    kind: Annotated[
        organisation.Kind | None,
        Meta(description="Only organisations of this kind."),
    ] = None
    number: Number = None
    text: Text = None
    limit: Limit = 50
    cursor: Cursor = None

    def search(self, today: date) -> Search:
        """What is looked for.

        Raises:
            Unanswerable: A day lies after *today*.
        """
        at = self.at(today)
        return Search(
            category="organisation",
            as_of=at.as_of,
            known_on=at.known_on,
            size=at.size,
            statuses=(self.status,) if self.status else (),
            kinds=(self.kind,) if self.kind else (),
            number=self.number,
            text=self.text,
            limit=self.limit,
        )
