"""Comparison of definitions, and a new definition, on the command line."""

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("reading")

YEAR_END = ("--as-of", "2021-12-31")
STRICTER = (
    *("define", "IKU-2", "--effective-on", "2022-01-01", "--basis", "SK (contoh)"),
    *("--reason", "Sekali hadir belum aktif", "--option", "participation_threshold=2"),
)


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_row_a_definition_and_a_column_for_whoever_differs(iku: Any) -> None:
    asked = ("compare", "IKU-2", *YEAR_END, "--definition", 1)
    options = ("--option", "participation_threshold=2", "--option", "kinds=lsm,ormas")
    said = iku(*asked, *options, "--limit", 5)
    assert (said.code, said.err) == (0, "")
    assert "kinds=ormas,lsm; participation_threshold=2" in said.out
    assert "86,84%" in said.out
    assert "percobaan" in said.out
    found = iku(*asked, *options, "--json").json
    assert len(found["items"]) == found["differing"] == 28
    assert "yang dihitung berbeda: 28." in said.out
    cursor = said.out.split("--cursor ")[1].strip()
    rest = iku(*asked, *options, "--cursor", cursor, "--json").json
    assert rest["items"] == found["items"][5:]


@pytest.mark.usefixtures("register")
@pytest.mark.usefixtures("writing")
def test_a_definition_is_recorded_once_its_effect_was_seen_and_accepted(
    iku: Any,
) -> None:
    seen = iku(*STRICTER, "--preview")
    assert (seen.code, seen.err) == (0, "")
    assert "proposed definition version 2, in force from 2022-01-01" in seen.out
    assert seen.out.count("Proposed") == 8
    refused = iku(*STRICTER, typed="n\n")
    assert (refused.code, refused.err) == (1, "iku: nothing was recorded\n")
    assert iku(*STRICTER).code == 130  # not interactive
    asked = ("compare", "IKU-2", *YEAR_END, "--json")
    assert iku(*asked).json["columns"][0]["definition"] == 1
    assert iku(*asked, "--definition", 2).code == 1
    done = iku(*STRICTER, typed="y\n")
    assert done.code == 0
    assert "Recorded: definition version 2 of IKU-2, event 147." in done.out
    assert iku(*asked, "--definition", 2).json["columns"][0]["numerator"] < 33
    again = iku(*STRICTER, "--yes")
    assert (again.code, again.out) == (1, "")
    assert "equals definition 2, in force since 2022-01-01" in again.err


@pytest.mark.usefixtures("register")
@pytest.mark.usefixtures("writing")
def test_for_programs_the_effect_and_the_receipt_are_given(iku: Any) -> None:
    effect = iku(*STRICTER, "--preview", "--json").json
    assert [len(year["points"]) for year in effect["years"]] == [4, 4]
    done = iku(*STRICTER, "--yes", "--json", "--actor", "siti").json
    assert done["effect"] == effect
    assert (done["definition"], done["position"], done["size"]) == (2, 147, 147)
    moved = iku(
        *("difference", "IKU-2", *YEAR_END, "--json"),
        *("--definition", 2, "--against-definition", 1),
    ).json
    assert {item["cause"] for item in moved["items"]} == {"definition"}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("compare", "IKU-9"), 1, "indicator IKU-9 does not exist"),
        (("compare", "IKU-1", "--definition", 2), 1, "definition is 2, but"),
        (("compare", "IKU-1", "--option", "kinds=lsm"), 1, "kinds is not an option"),
        (
            ("compare", "IKU-1", "--option", "colour=red"),
            1,
            "colour is unknown",
        ),
        (
            ("compare", "IKU-1", "--option", "empty=x"),
            1,
            "empty must be one of",
        ),
        (
            ("compare", "IKU-1", "--option", "kinds"),
            2,
            "does not have the form name=value",
        ),
        (("compare", "IKU-1", "--definition", 0), 2, "--definition"),
        (
            ("compare", "IKU-1", *("--definition", 1) * 2),
            2,
            "--definition contains 1 more",
        ),
        (("define", "IKU-1"), 2, "Missing option"),
        ((*STRICTER[:5], " ", *STRICTER[6:]), 2, "--basis"),
        ((*STRICTER[:7], "x" * 2001, *STRICTER[8:]), 2, "1 to 2000 characters"),
        ((*STRICTER[:-1], "participation_threshold=x"), 1, "participation_threshold"),
        (
            ("define", "IKU-1", *STRICTER[2:]),
            1,
            "participation_threshold is not an option",
        ),
        (("define", "IKU-9", *STRICTER[2:]), 1, "indicator IKU-9 does not exist"),
        ((*STRICTER[:3], "2999-01-01", *STRICTER[4:]), 1, "effective_on is 2999-01-01"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(
    iku: Any, arguments: tuple[Any, ...], code: int, sentence: str
) -> None:
    said = iku(*arguments)
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1
