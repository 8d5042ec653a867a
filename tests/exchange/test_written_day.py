"""Days as people write them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.exchange import written_day
from iku.exchange.written_day import MalformedDay
from iku.language import Language, day, day_in_digits

TODAY = date(2022, 3, 3)


@pytest.mark.parametrize(
    "text",
    [
        "2022-03-02",
        "2022-3-2",
        "02-03-2022",
        "2-3-2022",
        "2/3/2022",
        "2.3.2022",
        "2 3 2022",
        "2 Maret 2022",
        " 2  maret 2022 ",
        "2 Mar 2022",
        "2 mar. 2022",
        "2-Mar-2022",
        "2 March 2022",
        "kemarin",
        "Kemarin",
        "yesterday",
    ],
)
def test_the_usual_forms_of_a_day_name_it(text: str) -> None:
    assert written_day.parse(text, TODAY) == date(2022, 3, 2)


@pytest.mark.parametrize(
    ("text", "month"),
    [("1 Agustus 2021", 8), ("1 Agt 2021", 8), ("1 Mei 2021", 5), ("1 Des 2021", 12)],
)
def test_months_are_named_or_abbreviated(text: str, month: int) -> None:
    assert written_day.parse(text, TODAY) == date(2021, month, 1)


def test_the_day_comes_before_the_month() -> None:
    assert written_day.parse("04/03/2021", TODAY) == date(2021, 3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "30-02-2021",
        "31-12-21",
        "20211231",
        "12-31-2021",
        "1 Ju 2021",
        "1 M 2021",
        "1 Foo 2021",
        "2021",
        "besok",
        "1-1-0000",
        "１-１-2021",
        "1" * 5000,
        "<b>1-1-2021</b>",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(MalformedDay, match="is not a day"):
        written_day.parse(text, TODAY)


@given(st.dates(min_value=date(1945, 8, 17)), st.sampled_from(Language))
def test_what_a_page_shows_is_read_back(one: date, language: Language) -> None:
    for written in (day(one, language), day_in_digits(one, language), one.isoformat()):
        assert written_day.parse(written, TODAY) == one


def test_relative_days_are_counted_from_today() -> None:
    assert written_day.parse("hari ini", TODAY) == TODAY
    assert written_day.parse("kemarin lusa", TODAY) == TODAY - timedelta(days=2)
