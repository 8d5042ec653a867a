"""The values of fields are shown in Indonesian."""

import json

import pytest

from iku import labels
from iku.cli import field_format
from iku.cli.terminal_language import translated

pytestmark = pytest.mark.usefixtures("reading")


@pytest.fixture(autouse=True)
def indonesian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IKU_LANGUAGE", "id")


def test_values_are_shown_in_indonesian() -> None:
    values = (True, False, None, "mediasi", 1_024)
    told = [field_format.value("manner", value) for value in values]
    assert told == ["ya", "tidak", "–", "mediasi", "1.024"]


def test_values_are_shown_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IKU_LANGUAGE", "en")

    told = [field_format.value("manner", value) for value in (True, "mediasi", 1_024)]

    assert told == ["yes", "mediation", "1,024"]
    assert field_format.value("occurred_on", "2021-08-30") == "2021-08-30"
    assert field_format.value("cleared", ["valid_until"]) == "valid until"


def test_a_year_and_the_options_of_a_definition_are_shown_as_they_are_typed() -> None:
    assert field_format.value("year", 2022) == "2022"
    told = {"kinds": ["lsm", "ormas"], "participation_threshold": 2}
    shown = "kinds=lsm,ormas; participation_threshold=2"
    assert field_format.value("options", told) == shown
    assert field_format.value("options", json.dumps(told)) == shown


def test_a_day_is_shown_as_one_and_a_text_as_it_was_written() -> None:
    assert field_format.value("occurred_on", "2021-08-30") == "30-08-2021"
    assert field_format.value("valid_until", None) == "–"
    assert field_format.value("title", "2021-08-30") == "2021-08-30"


def test_an_organisation_that_exists_by_nothing_is_told_in_indonesian() -> None:
    assert field_format.value("legal_basis", "none") == "tidak ada"
    assert field_format.value("legal_basis", "badan_hukum") == "badan hukum"
    assert field_format.value("source", "fkdm") == "FKDM"
    assert field_format.value("title", "none") == "none"


def test_the_fields_that_a_correction_clears_stand_in_words() -> None:
    assert translated(labels.FIELDS["cleared"]) == "dikosongkan"
    cleared = field_format.value("cleared", ["occurred_on", "valid_until"])
    assert cleared == "tanggal kejadian, berlaku sampai"


def test_what_a_merger_brought_is_shown_by_where_it_comes_from() -> None:
    origin = {"stream": "organisation-O1", "version": 3}
    assert field_format.value("origin", origin) == "organisation-O1/3"
    missing = [{"participation": p, "version": 2, "why": "ended"} for p in "AB"]
    assert field_format.value("not_carried", missing) == "A, B"
