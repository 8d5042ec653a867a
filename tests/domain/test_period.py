"""Periods: the boundaries within a year."""

from datetime import date, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import json

from iku.domain import period
from iku.domain.period import Kind, Period
from tests.domain.story import on


@pytest.mark.parametrize(
    ("day", "kind", "start", "end"),
    [
        ("2021-08-17", "year", "2021-01-01", "2021-12-31"),
        ("2021-06-30", "half", "2021-01-01", "2021-06-30"),
        ("2021-07-01", "half", "2021-07-01", "2021-12-31"),
        ("2021-04-30", "quadrimester", "2021-01-01", "2021-04-30"),
        ("2021-05-01", "quadrimester", "2021-05-01", "2021-08-31"),
        ("2021-12-31", "quadrimester", "2021-09-01", "2021-12-31"),
        ("2021-03-31", "quarter", "2021-01-01", "2021-03-31"),
        ("2021-04-01", "quarter", "2021-04-01", "2021-06-30"),
        ("2024-02-29", "month", "2024-02-01", "2024-02-29"),
        ("2021-02-01", "month", "2021-02-01", "2021-02-28"),
    ],
)
def test_a_day_lies_in_this_period(day: str, kind: str, start: str, end: str) -> None:
    found = period.containing(on(day), Kind(kind))
    assert found == Period(Kind(kind), on(start), on(end))


@for_all(st.dates(date(1945, 8, 17), date(9998, 12, 31)), st.sampled_from(Kind))
def test_periods_follow_each_other_without_gap_or_overlap(
    day: date, kind: Kind
) -> None:
    found = period.containing(day, kind)
    assert found.start <= day <= found.end
    assert period.containing(found.start, kind) == found
    assert period.containing(found.end, kind) == found
    following = period.containing(found.end + timedelta(days=1), kind)
    assert following.start == found.end + timedelta(days=1)


def test_a_period_is_shown_with_its_first_and_last_day() -> None:
    shown = json.decode(json.encode(period.containing(on("2021-05-01"), Kind.MONTH)))
    assert shown == {"kind": "month", "from": "2021-05-01", "to": "2021-05-31"}
