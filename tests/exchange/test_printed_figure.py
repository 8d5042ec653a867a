from decimal import Decimal
from typing import NamedTuple

import pytest

from iku.exchange import printed_figure
from iku.exchange.cells import InvalidCell
from iku.exchange.printed_figure import Printed, PrintedCounts, PrintedPercentage


class Result(NamedTuple):
    numerator: int
    denominator: int
    percentage: Decimal | None


EIGHT_NINTHS = Result(8, 9, Decimal("88.89"))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("8/9", PrintedCounts(8, 9)),
        (" 8 / 9 ", PrintedCounts(8, 9)),
        ("0/0", PrintedCounts(0, 0)),
        ("1.033/1.238", PrintedCounts(1_033, 1_238)),
        ("1033/1238", PrintedCounts(1_033, 1_238)),
        ("88,89%", PrintedPercentage(Decimal("88.89"))),
        ("88.89 %", PrintedPercentage(Decimal("88.89"))),
        ("88,89", PrintedPercentage(Decimal("88.89"))),
        ("100%", PrintedPercentage(Decimal(100))),
    ],
)
def test_what_is_printed_is_read_in_either_form(typed: str, read: Printed) -> None:
    assert printed_figure.parse(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        *("", "8", "88", "8/", "/9", "8/9/10", "-8/9", "8,5/9", "1.03/9", "a/b", "%"),
        *("88,%", ",89%", "88,8.9%", "1.088,89%", "88,89%%", "８/９", "8/9\n8/9"),
    ],
)
def test_anything_else_is_no_value(typed: str) -> None:
    with pytest.raises(
        InvalidCell, match="must be counts, such as 8/9, or a percentage"
    ):
        printed_figure.parse(typed)


@pytest.mark.parametrize("typed", ["8/9", "88,89%", "88.89", "88,890%"])
def test_a_value_fits_what_is_displayed(typed: str) -> None:
    assert printed_figure.parse(typed).matches(EIGHT_NINTHS)


@pytest.mark.parametrize(
    "typed", ["16/18", "9/8", "88,9%", "88,88%", "89%", "88,8889%"]
)
def test_a_value_that_is_displayed_otherwise_does_not_fit(typed: str) -> None:
    assert not printed_figure.parse(typed).matches(EIGHT_NINTHS)


def test_what_stands_in_its_place_is_of_the_same_kind() -> None:
    assert PrintedCounts(7, 9).format_result(EIGHT_NINTHS) == "8/9"
    seven = PrintedPercentage(Decimal("77.78"))
    assert (str(seven), seven.format_result(EIGHT_NINTHS)) == ("77.78%", "88.89% (8/9)")
    nothing = Result(0, 0, None)
    assert seven.format_result(nothing) == "undefined (0/0)"
    assert not PrintedPercentage(Decimal(0)).matches(nothing)
    assert PrintedCounts(0, 0).matches(nothing)
