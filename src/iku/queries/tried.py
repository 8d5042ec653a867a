"""Which definitions are to be compared, and which options are tried out with them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, structs

from iku.domain import place
from iku.domain.indicator import Amendment
from iku.domain.period import Kind
from iku.domain.place import Place
from iku.domain.question import Question
from iku.queries.parameters import (
    AsOf,
    Code,
    Cursor,
    KnownOn,
    Limit,
    OpenMoment,
    PeriodKind,
    Size,
    VersionNumber,
)

MOST = 8  # definitions side by side
LETTER = "s"  # marks a place among subjects

Definitions: TypeAlias = Annotated[
    Annotated[tuple[VersionNumber, ...], Meta(max_length=MOST)] | None,
    Meta(
        description="Version of the definition; repeated, one column each. The one in "
        "force at the start of the period if it is left out."
    ),
]


class Tried(Struct, frozen=True):
    """Definitions to be compared on one day.

    Attributes:
        question: The day, the period and the knowledge.
        definitions: Versions, in the order of the columns; none: the one in force.
        amendment: Options to be tried out on top of the last of them; None: none are.
        after: Where the page before ended; None for the first page.
        limit: The most subjects of the page.
    """

    question: Question
    definitions: Sequence[int] = ()
    amendment: Amendment | None = None
    after: Place | None = None
    limit: int = 50


class ComparisonQuestion(OpenMoment, frozen=True, kw_only=True):
    """Which definitions of an indicator are to be compared."""

    code: Code
    definition: Definitions = None
    limit: Limit = 50
    cursor: Cursor = None

    def tried(self, amendment: Amendment, today: date) -> Tried:
        """What is to be compared, with the options of *amendment* tried out.

        Raises:
            Unanswerable: A day lies after *today*, or no page gave the cursor.
        """
        after = place.read(self.cursor, LETTER)
        return Tried(
            place.resume(self.of(self.code, today), after, today),
            self.definition or (),
            None if amendment == Amendment() else amendment,
            after,
            self.limit,
        )


class TryingQuestion(Amendment, frozen=True, kw_only=True):
    """A comparison, and the options that are tried out with it."""

    code: Code
    as_of: AsOf = None
    known_on: KnownOn = None
    size: Size = None
    period: PeriodKind = Kind.YEAR
    definition: Definitions = None
    limit: Limit = 50
    cursor: Cursor = None

    def tried(self, today: date) -> Tried:
        """What is to be compared (raises as `ComparisonQuestion.tried` does)."""
        given = structs.asdict(self)
        amendment = Amendment(**{n: given[n] for n in Amendment.__struct_fields__})
        names = ComparisonQuestion.__struct_fields__
        question = ComparisonQuestion(**{n: given[n] for n in names})
        return question.tried(amendment, today)
