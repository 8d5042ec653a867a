"""A printed figure held against the log, by nothing but its number.

The figure itself comes from the projections; the counts beside it from reading the log,
which knows none of them.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from iku.domain.figure import Figure
from iku.domain.question import Unanswerable, numbered
from iku.ledger.log import Reader
from iku.queries.figures import Figures
from iku.queries.replay import recount


class VerificationQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """Which figure is to be verified."""

    number: Annotated[
        str,
        Meta(
            description="The figure's number as printed; blanks and lower case do not "
            "matter."
        ),
    ]


class Recounted(Struct, frozen=True):
    """What counting the log from its first event on gives.

    Attributes:
        percentage: Per cent, two decimals; None where there is nothing to count.
        expired: As the figure's.
    """

    numerator: int
    denominator: int
    percentage: Decimal | None
    expired: int | None


class VerifiedFigure(Figure, frozen=True, kw_only=True):
    """The figure that bears a number, and what the log alone gives in its place.

    Attributes:
        verdict: ``same`` where the log gives this very figure, else ``differs``.
    """

    verdict: Literal["same", "differs"]
    recounted: Recounted


async def verify(
    reader: Reader, figures: Figures, number: str, today: date
) -> VerifiedFigure:
    """The figure of that *number*, recounted; it takes as long as reading the log.

    Raises:
        Unknown: There is no such indicator.
        Unanswerable: No figure bears the number, or none can yet.
    """
    question = numbered(number)
    try:
        (found,) = await figures.answer(reader, [question], today)
    except Unanswerable as error:
        raise Unanswerable("number", str(error)) from error
    counted = await recount(reader, question, today)
    return VerifiedFigure(
        *structs.astuple(found),
        verdict="same" if counted == found else "differs",
        recounted=Recounted(
            counted.numerator, counted.denominator, counted.percentage, counted.expired
        ),
    )
