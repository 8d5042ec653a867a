from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from iku.domain.period import Kind, containing
from iku.exchange.formats import Formats
from iku.language import Language

JAKARTA = ZoneInfo("Asia/Jakarta")
formats = Formats(lambda: Language.INDONESIAN)
english = Formats(lambda: Language.ENGLISH)


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


def test_a_day_begins_with_the_day_and_is_of_one_width() -> None:
    assert formats.day(date(2021, 12, 31)) == "31-12-2021"
    assert formats.day(date(2021, 1, 9)) == "09-01-2021"
    assert formats.day(date(999, 2, 3)) == "03-02-0999"
    assert formats.day(None) == "–"


def test_an_instant_is_of_the_agencys_clocks_and_names_their_zone() -> None:
    recorded_at = datetime(2021, 12, 31, 17, 5, 9, 999_999, tzinfo=UTC)
    assert formats.instant(recorded_at, JAKARTA) == "01-01-2022 00.05.09 WIB"
    east = ZoneInfo("Asia/Jayapura")
    assert formats.instant(recorded_at, east) == "01-01-2022 02.05.09 WIT"
    assert formats.instant(None, JAKARTA) == "–"


def test_a_movement_has_a_sign_unless_it_is_none() -> None:
    signed = [formats.signed_number(value) for value in (1_234, -1_234, 0)]
    assert signed == ["+1.234", "-1.234", "0"]
    assert formats.fraction(1_033, 1_238) == "1.033/1.238"


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


def test_english_has_a_decimal_point_and_iso_days() -> None:
    recorded_at = datetime(2021, 12, 31, 17, 5, 9, tzinfo=UTC)

    assert english.number(Decimal("1234567.50")) == "1,234,567.50"
    assert english.percent(Decimal("77.78")) == "77.78%"
    assert english.day(date(999, 2, 3)) == "0999-02-03"
    assert english.instant(recorded_at, JAKARTA) == "2022-01-01 00:05:09 WIB"
    assert english.fraction(1_033, 1_238) == "1,033/1,238"


@pytest.mark.parametrize(
    ("kind", "printed"),
    [
        (Kind.YEAR, "Year 2021"),
        (Kind.QUARTER, "Quarter IV 2021"),
        (Kind.MONTH, "2021-12"),
    ],
)
def test_periods_have_english_names(kind: Kind, printed: str) -> None:
    assert english.period(containing(date(2021, 12, 31), kind)) == printed
