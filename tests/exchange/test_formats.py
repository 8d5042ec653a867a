from datetime import date
from decimal import Decimal

import pytest

from iku.domain.period import Kind, containing
from iku.exchange import formats


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (Decimal("77.78"), "77,78"),
        (Decimal("1234567.50"), "1.234.567,50"),
        (1_000, "1.000"),
        (0, "0"),
        (None, "–"),
    ],
)
def test_numbers_have_a_decimal_comma_and_a_thousands_point(
    value: Decimal | int | None, printed: str
) -> None:
    assert formats.number(value) == printed


def test_a_percentage_has_its_sign_right_behind_it() -> None:
    assert formats.percent(Decimal("77.78")) == "77,78%"
    assert formats.percent(None) == "–"


def test_days_name_their_month() -> None:
    assert formats.day(date(2021, 12, 31)) == "31 Desember 2021"
    assert formats.day(date(2021, 1, 1)) == "1 Januari 2021"
    assert formats.short_day(date(2021, 1, 9)) == "09-01-2021"


def test_days_in_a_table_are_digits() -> None:
    assert formats.short_day(date(2021, 1, 31)) == "31-01-2021"
    assert formats.short_day(date(999, 2, 3)) == "03-02-0999"
    assert formats.short_day(None) == "–"


@pytest.mark.parametrize(
    ("day", "kind", "printed"),
    [
        (date(2021, 5, 5), Kind.YEAR, "Tahun 2021"),
        (date(2021, 6, 30), Kind.HALF, "Semester I 2021"),
        (date(2021, 12, 31), Kind.HALF, "Semester II 2021"),
        (date(2021, 12, 31), Kind.QUADRIMESTER, "Caturwulan III 2021"),
        (date(2021, 3, 31), Kind.QUARTER, "Triwulan I 2021"),
        (date(2021, 10, 1), Kind.QUARTER, "Triwulan IV 2021"),
        (date(2021, 8, 17), Kind.MONTH, "Agustus 2021"),
    ],
)
def test_periods_are_counted_in_roman_numerals(
    day: date, kind: Kind, printed: str
) -> None:
    assert formats.period(containing(day, kind)) == printed
