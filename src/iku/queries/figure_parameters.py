"""Parameters that several questions share, and the questions about one figure.

A question is a frozen Struct; None is the default. Routes, their description and the
options of the command line are derived from its fields
(`iku.parsing`).
"""

from datetime import date
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, structs

from iku.domain.coordinates import LARGEST
from iku.domain.period import Kind
from iku.domain.question import Question, refuse_future

LARGEST_VERSION = 2**31 - 1

Code: TypeAlias = Annotated[str, Meta(description="Code of the indicator.")]
AsOf: TypeAlias = Annotated[
    date | None, Meta(description="As-of day; today if omitted.")
]
KnownOn: TypeAlias = Annotated[
    date | None,
    Meta(
        description="Knowledge cut-off: count only facts known by the end of this "
        "day; all if omitted."
    ),
]
SizeNumber: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST)]
Size: TypeAlias = Annotated[
    SizeNumber | None,
    Meta(
        description="Log size: count only this many events from the start of the log; "
        "all if omitted."
    ),
]
PeriodKind: TypeAlias = Annotated[
    Kind,
    Meta(
        description="Kind of period; the period that contains the as-of day is counted."
    ),
]
VersionNumber: TypeAlias = Annotated[int, Meta(ge=1, le=LARGEST_VERSION)]
Definition: TypeAlias = Annotated[
    VersionNumber | None,
    Meta(
        description="Version of the definition; the one in force at the start of the "
        "period if omitted."
    ),
]
Limit: TypeAlias = Annotated[
    int, Meta(ge=1, le=200, description="Maximum number of items on a page.")
]
Cursor: TypeAlias = Annotated[
    Annotated[
        str,
        Meta(
            max_length=144,
            pattern=r"^[A-Za-z0-9_-]*$(?!\n)",
            extra_json_schema={"x-expects": "the value of next from an earlier page"},
        ),
    ]
    | None,
    Meta(description="Cursor: the value of next from an earlier page."),
]
_AREA = r"^[0-9.]*$(?!\n)"
AreaCode: TypeAlias = Annotated[
    str,
    Meta(
        max_length=13,
        pattern=_AREA,
        extra_json_schema={
            "x-expects": "the code of an area or a district, such as 35.76.02"
        },
    ),
]
DistrictCode: TypeAlias = Annotated[
    str,
    Meta(
        max_length=8,
        pattern=_AREA,
        extra_json_schema={"x-expects": "the code of a district, such as 35.76.02"},
    ),
]
SubjectId: TypeAlias = Annotated[
    str,
    Meta(
        description="Identifier, or the number in the register. In an identifier, ~ "
        "replaces the / of the number."
    ),
]
Breakdown: TypeAlias = Annotated[
    Literal["dimension", "district"] | None,
    Meta(
        description="Also show the breakdown: by dimension (for organisations: by "
        "kind) or by district."
    ),
]


class Moment(Struct, frozen=True):
    """The day, the knowledge cut-off and the log size; None means no cut-off."""

    as_of: date
    known_on: date | None = None
    size: int | None = None


class MomentQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requested day and knowledge cut-off."""

    as_of: AsOf = None
    known_on: KnownOn = None
    size: Size = None

    def moment(self, today: date) -> Moment:
        """The day (default: today) and the knowledge cut-off.

        Raises:
            InvalidQuestion: A day is after *today*.
        """
        refuse_future(self.as_of, today, self.known_on)
        return Moment(self.as_of or today, self.known_on, self.size)


class MomentParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requested day, period and knowledge cut-off."""

    as_of: AsOf = None
    known_on: KnownOn = None
    size: Size = None
    period: PeriodKind = Kind.YEAR

    def question_for(self, code: str, today: date) -> Question:
        """The `Question` about the indicator *code*; *today* is the default day.

        Raises:
            InvalidQuestion: A day is after *today*.
        """
        refuse_future(self.as_of, today, self.known_on)
        return Question(
            code,
            self.as_of or today,
            known_on=self.known_on,
            size=self.size,
            period=self.period,
        )


class CoordinateParameters(MomentParameters, frozen=True, kw_only=True):
    """The requested coordinates of a figure, without the indicator."""

    definition: Definition = None

    def question_for(self, code: str, today: date) -> Question:
        """As `MomentParameters.question_for`, with the requested definition."""
        asked = super().question_for(code, today)
        return structs.replace(asked, definition=self.definition)


class IndicatorQuestion(CoordinateParameters, frozen=True, kw_only=True):
    """A question about one figure of an indicator."""

    code: Code

    def question(self, today: date) -> Question:
        """The `Question`; *today* is the default day (raises as `question_for`)."""
        return self.question_for(self.code, today)


class FigureQuestion(IndicatorQuestion, frozen=True, kw_only=True):
    """A question about one figure and its breakdown."""

    breakdown: Breakdown = None

    def question_for(self, code: str, today: date) -> Question:
        """As `CoordinateParameters.question_for`, with the requested breakdown."""
        return structs.replace(
            super().question_for(code, today), breakdown=breakdown_name(self.breakdown)
        )


class FiguresQuestion(MomentParameters, frozen=True, kw_only=True):
    """Figures of all indicators, by the definitions in force."""

    breakdown: Breakdown = None

    def question_for(self, code: str, today: date) -> Question:
        """As `MomentParameters.question_for`, with the requested breakdown."""
        return structs.replace(
            super().question_for(code, today), breakdown=breakdown_name(self.breakdown)
        )


def breakdown_name(breakdown: Breakdown) -> Literal["part", "district"] | None:
    """The breakdown in the form of `Question.breakdown`."""
    return "part" if breakdown == "dimension" else breakdown
