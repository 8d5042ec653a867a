"""A log that lost signed events continues under a new name."""

from typing import Any

import pytest
from msgspec import structs

from iku.domain.continuation import Continued, decider, successor
from tests.domain.story import given, on, recorded, refused

LOST = Continued(
    effective_on=on("2021-03-01"),
    origin="iku.test/log",
    successor="iku.test/log/2",
    kept=100,
    root="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    lost_to=150,
    signed="iku.test/log\n150\n…\n",
    approver="Kepala Badan",
    reason="Cakram rusak",
)


def lost(**fields: Any) -> Continued:
    return structs.replace(LOST, **fields)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("iku.test/log", "iku.test/log/2"),
        ("iku.test/log/2", "iku.test/log/3"),
        ("iku.test/log/9", "iku.test/log/10"),
        ("iku.test/log/1", "iku.test/log/1/2"),
        ("iku.test", "iku.test/2"),
        ("iku.test/2021x", "iku.test/2021x/2"),
    ],
)
def test_each_log_that_continues_another_has_the_next_number(
    origin: str, expected: str
) -> None:
    assert successor(origin) == expected


def test_the_log_goes_by_the_last_of_its_names() -> None:
    names = recorded(decider, None, LOST)
    assert names.present_name == "iku.test/log/2"
    again = lost(origin="iku.test/log/2", successor="iku.test/log/3")
    assert recorded(decider, names, again).present_name == "iku.test/log/3"


def test_a_log_that_lost_nothing_is_not_continued() -> None:
    for kept in (150, 151):
        sides = (f"{kept} events", "the last signed size is 150")
        refused(decider, None, lost(kept=kept), "no event is lost", *sides)


def test_a_name_that_was_given_up_is_not_continued_again() -> None:
    sides = ("named iku.test/log/2 since 2021-03-01", "not iku.test/log")
    refused(decider, given(decider, LOST), lost(kept=90), *sides)


def test_a_log_is_not_continued_under_a_name_of_ones_choice() -> None:
    other = lost(successor="iku.test/other")
    refused(decider, None, other, "must be named iku.test/log/2", "not iku.test/other")


def test_a_log_is_not_continued_tomorrow() -> None:
    refused(
        decider,
        None,
        lost(effective_on=on("2199-01-01")),
        "but must not be after today,",
    )


def test_no_other_subject_is_named() -> None:
    assert decider.premises_of(LOST, "", None).related_subjects == ()
