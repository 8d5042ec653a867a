"""Every event and field has a word on paper."""

import json
from typing import get_args

import pytest
from msgspec import Struct

from iku.domain import conflict, indicator, organisation
from iku.exchange import wording


@pytest.mark.parametrize(
    "event",
    [
        *get_args(conflict.Event),
        *get_args(organisation.Event),
        *get_args(indicator.Event),
    ],
)
def test_every_event_and_each_of_its_fields_has_a_word(event: type[Struct]) -> None:
    words = [wording.EVENTS[event.__struct_config__.tag]]
    words += [wording.FIELDS[name] for name in event.__struct_fields__]
    assert all(words)
    assert "_" not in "".join(words)


def test_words_are_those_of_the_journals() -> None:
    assert wording.EVENTS["reopened"] == "dibuka kembali"
    assert wording.EVENTS["participation_verified"] == "partisipasi diverifikasi"
    assert wording.FIELDS["legal_basis"] == "dasar hukum"


def test_values_are_shown_in_indonesian() -> None:
    values = (True, False, None, "mediasi", 1_024)
    told = [wording.value("manner", value) for value in values]
    assert told == ["ya", "tidak", "–", "mediasi", "1.024"]


def test_a_year_and_the_options_of_a_definition_are_shown_as_they_are_typed() -> None:
    assert wording.value("year", 2022) == "2022"
    told = {"kinds": ["lsm", "ormas"], "participation_threshold": 2}
    shown = "kinds=lsm,ormas; participation_threshold=2"
    assert wording.value("options", told) == shown
    assert wording.value("options", json.dumps(told)) == shown


def test_a_day_is_shown_as_one_and_a_text_as_it_was_written() -> None:
    assert wording.value("occurred_on", "2021-08-30") == "30-08-2021"
    assert wording.value("valid_until", None) == "–"
    assert wording.value("title", "2021-08-30") == "2021-08-30"


def test_an_organisation_that_exists_by_nothing_is_told_in_indonesian() -> None:
    assert wording.value("legal_basis", "none") == "tidak ada"
    assert wording.value("legal_basis", "badan_hukum") == "badan_hukum"
    assert wording.value("title", "none") == "none"


def test_the_fields_that_a_correction_clears_stand_in_words() -> None:
    assert wording.FIELDS["cleared"] == "dikosongkan"
    cleared = wording.value("cleared", ["occurred_on", "valid_until"])
    assert cleared == "tanggal kejadian, berlaku sampai"
