"""Numbers in Indonesian or plain spelling; what has two readings is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.domain.written_number import (
    MOST_DECIMALS,
    MOST_DIGITS,
    MalformedWrittenNumber,
    parse,
)
from iku.language import Language, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("141,92", "141.92"),
        ("141.92", "141.92"),
        ("1.234,5", "1234.5"),
        ("1234,5", "1234.5"),
        ("1,234", "1.234"),
        ("0.123", "0.123"),
        ("1234.567", "1234.567"),
        ("1.234.567", "1234567"),
        ("80", "80"),
        ("80,00", "80.00"),
        ("-0,5", "-0.5"),
        ("-0", "0"),
        ("007", "7"),
    ],
)
def test_a_comma_is_the_decimal_sign_and_so_is_a_single_point(
    text: str, value: str
) -> None:
    assert format(parse(text), "f") == value


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("1.234", "1.234 can be read as 1234 or as 1,234"),
        ("-12.345", "-12.345 can be read as -12345 or as -12,345"),
        ("1,234.56", "is not a number"),
        ("1.23,4", "is not a number"),
        ("1,2,3", "is not a number"),
        ("12.34.567", "is not a number"),
        (",5", "is not a number"),
        ("5,", "is not a number"),
        ("", "is not a number"),
        ("١٢", "is not a number"),
        ("80\n", "is not a number"),
        ("1e3", "is not a number"),
        ("NaN", "is not a number"),
        ("0,12345", "5 decimals, but at most 4"),
        ("1234567890123", "more than 12 digits"),
    ],
)
def test_a_spelling_without_one_reading_is_refused(text: str, part: str) -> None:
    with pytest.raises(MalformedWrittenNumber, match=part):
        parse(text)


@given(
    st.decimals(
        min_value=Decimal(f"-{'9' * MOST_DIGITS}"),
        max_value=Decimal("9" * MOST_DIGITS),
        places=MOST_DECIMALS,
    )
)
def test_a_number_as_the_pages_print_it_reads_as_itself(value: Decimal) -> None:
    assert parse(number(value, Language.INDONESIAN)) == value
    assert parse(format(value, "f")) == value
