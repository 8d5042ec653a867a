"""Verification of a printed figure by its number.

The figure comes from the projections, the recounted values from the log alone.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from iku import messages
from iku.domain.figure import Figure
from iku.domain.question import InvalidQuestion, from_number
from iku.ledger.log import Reader
from iku.queries.figures import Figures
from iku.queries.recount import recount


class VerificationQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The figure to verify."""

    number: Annotated[
        str,
        Meta(
            description="The figure's number as printed; spaces and letter case are "
            "ignored."
        ),
    ]


class Recounted(Struct, frozen=True):
    """The counts found by reading the log from its first event.

    Attributes:
        percentage: Per cent, two decimals; None if the denominator is empty.
        expired: Number of expired certificates, as in the figure.
    """

    numerator: int
    denominator: int
    percentage: Decimal | None
    expired: int | None


class VerifiedFigure(Figure, frozen=True, kw_only=True):
    """The figure with a number, and its recount from the log.

    Attributes:
        verdict: ``same`` if the recount gives the same figure, else ``differs``.
    """

    verdict: Literal["same", "differs"]
    recounted: Recounted


async def verify(
    reader: Reader, figures: Figures, number: str, today: date
) -> VerifiedFigure:
    """The figure with the number *number*, and its recount from the whole log.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: No figure has this number, or its coordinates do not exist yet.
    """
    question = from_number(number)
    try:
        (found,) = await figures.answer(reader, [question], today)
    except InvalidQuestion as error:
        raise InvalidQuestion("number", messages.error_message(error)) from error
    counted = await recount(reader, question, today)
    return VerifiedFigure(
        *structs.astuple(found),
        verdict="same" if counted == found else "differs",
        recounted=Recounted(
            counted.numerator, counted.denominator, counted.percentage, counted.expired
        ),
    )
