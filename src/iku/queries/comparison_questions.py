"""Questions that compare definitions, or options to try."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, structs

from iku.domain import page_cursor
from iku.domain.indicator import Amendment
from iku.domain.page_cursor import PageCursor
from iku.domain.period import Kind
from iku.domain.question import Question
from iku.queries.figure_parameters import (
    AsOf,
    Code,
    Cursor,
    KnownOn,
    Limit,
    MomentParameters,
    PeriodKind,
    Size,
    VersionNumber,
)

MOST = 8  # maximum number of definitions
LETTER = "s"  # marks a cursor of subjects

Definitions: TypeAlias = Annotated[
    Annotated[tuple[VersionNumber, ...], Meta(max_length=MOST)] | None,
    Meta(
        description="Version of the definition; repeatable, one column each. The one "
        "in force at the start of the period if omitted."
    ),
]


class ComparisonRequest(Struct, frozen=True):
    """The definitions and options of an indicator to compare on one day.

    Attributes:
        question: The day, the period and the knowledge cut-off.
        definitions: Versions in the order of the columns; empty means the one in force.
        amendment: Options to try on top of the last definition; None means none.
        after: End of the previous page; None on the first page.
        limit: Maximum number of subjects on the page.
    """

    question: Question
    definitions: Sequence[int] = ()
    amendment: Amendment | None = None
    after: PageCursor | None = None
    limit: int = 50


class ComparisonQuestion(MomentParameters, frozen=True, kw_only=True):
    """The definitions of an indicator to compare."""

    code: Code
    definition: Definitions = None
    limit: Limit = 50
    cursor: Cursor = None

    def comparison_request(
        self, amendment: Amendment, today: date
    ) -> ComparisonRequest:
        """The comparison, including the options of *amendment*.

        Raises:
            InvalidQuestion: A day is after *today*, or the cursor is invalid.
        """
        after = page_cursor.parse(self.cursor, LETTER)
        return ComparisonRequest(
            page_cursor.resume(self.question_for(self.code, today), after, today),
            self.definition or (),
            None if amendment == Amendment() else amendment,
            after,
            self.limit,
        )


class TrialQuestion(Amendment, frozen=True, kw_only=True):
    """A comparison with options to try."""

    code: Code
    as_of: AsOf = None
    known_on: KnownOn = None
    size: Size = None
    period: PeriodKind = Kind.YEAR
    definition: Definitions = None
    limit: Limit = 50
    cursor: Cursor = None

    def comparison_request(self, today: date) -> ComparisonRequest:
        """The comparison (raises as `ComparisonQuestion.comparison_request`)."""
        given = structs.asdict(self)
        amendment = Amendment(**{n: given[n] for n in Amendment.__struct_fields__})
        names = ComparisonQuestion.__struct_fields__
        question = ComparisonQuestion(**{n: given[n] for n in names})
        return question.comparison_request(amendment, today)
