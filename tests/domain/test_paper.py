"""Papers are issued once for the same bytes, and signed copies name their issue."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import structs

from iku.domain import paper
from iku.domain.decider import Invalid
from iku.domain.paper import Issued, PaperCoordinates, Signed, Toolchain, decider
from tests.domain.story import HERE, assert_nothing_to_add, given, refused

ANNUAL = structs.replace(HERE, subject="lkjip.2021")
ISSUED = Issued(
    paper="lkjip",
    effective_on=HERE.today,
    digest="0a" * 32,
    length=40_000,
    data_size=160,
    made_with=Toolchain("1.0", "0.15.2", "0b" * 32, "0c" * 32),
    publication="2021",
)
SIGNED = Signed(effective_on=HERE.today, issued=1, digest="0d" * 32, length=60_000)


def test_the_last_issue_is_in_force_and_has_its_own_signed_copies() -> None:
    again = structs.replace(ISSUED, digest="0e" * 32)
    later = structs.replace(SIGNED, issued=3)
    found = given(decider, ISSUED, SIGNED, again, context=ANNUAL)
    assert found.issued == again
    assert found.signed == ()
    found = decider.evolve(found, later)
    assert found.issues == ((1, ISSUED), (3, again))
    assert found.signed == ((4, later),)


def test_equal_bytes_are_issued_once() -> None:
    found = given(decider, ISSUED, context=ANNUAL)
    repeated = structs.replace(ISSUED, effective_on=HERE.today - timedelta(days=1))
    assert_nothing_to_add(decider, found, ISSUED, ANNUAL)
    assert_nothing_to_add(decider, found, repeated, ANNUAL)


def test_a_paper_is_not_issued_on_a_day_to_come() -> None:
    tomorrow = HERE.today + timedelta(days=1)
    wrong = structs.replace(ISSUED, effective_on=tomorrow)
    refused(decider, None, wrong, str(tomorrow), str(HERE.today), context=ANNUAL)


def test_an_issue_belongs_to_the_stream_of_its_paper() -> None:
    other = structs.replace(ISSUED, publication="2020")
    refusal = refused(decider, None, other, "lkjip.2020", "lkjip.2021", context=ANNUAL)
    assert isinstance(refusal, Invalid)


AT = {"as_of": date(2021, 12, 31), "known_on": date(2022, 1, 15), "size": 145}


def test_a_paper_without_a_publication_is_named_by_its_coordinates() -> None:
    name = "rekap-ormas.20211231.20220115.145"
    of = structs.replace(ISSUED, paper="rekap-ormas", publication=None, **AT)
    context = structs.replace(HERE, subject=name)
    assert given(decider, of, context=context).issued == of
    at = PaperCoordinates(AT["as_of"], AT["known_on"], 145)  # type: ignore[arg-type]
    assert paper.identifier("rekap-ormas", None, at) == name
    assert paper.identifier("lkjip", "2021") == "lkjip.2021"
    with pytest.raises(ValueError, match="neither a publication nor coordinates"):
        paper.identifier("lkjip", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"publication": None},
        {"publication": None, **AT, "size": None},
        {"publication": "2021", **AT},
    ],
)
def test_a_paper_has_either_a_publication_or_coordinates(
    changes: dict[str, Any],
) -> None:
    wrong = structs.replace(ISSUED, **changes)
    refused(decider, None, wrong, "either a publication or as_of", context=ANNUAL)


def test_a_signed_copy_is_taken_up_once() -> None:
    found = given(decider, ISSUED, SIGNED, context=ANNUAL)
    assert_nothing_to_add(decider, found, SIGNED, ANNUAL)


def test_a_signed_copy_names_an_issue() -> None:
    found = given(decider, ISSUED, SIGNED, context=ANNUAL)
    for version in (2, 7):
        wrong = structs.replace(SIGNED, issued=version, digest="0f" * 32)
        refused(decider, found, wrong, f"version {version}", context=ANNUAL)
    refused(decider, None, SIGNED, "version 1", context=ANNUAL)


def test_a_signed_copy_is_longer_than_the_issued_paper() -> None:
    found = given(decider, ISSUED, context=ANNUAL)
    short = structs.replace(SIGNED, length=ISSUED.length)
    refused(decider, found, short, "40000", context=ANNUAL)
