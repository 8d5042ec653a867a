"""Differences between two figures, on the command line."""

from typing import Any

import pytest

from iku import labels
from iku.language import Language, translate

pytestmark = pytest.mark.usefixtures("reading")

PRINTED = ("--as-of", "2021-12-31", "--against-known-on", "2022-01-15")


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_the_annulled_closing_is_named_with_its_cause_and_reason(iku: Any) -> None:
    said = iku("difference", "IKU-1", *PRINTED)
    assert (said.code, said.err) == (0, "")
    assert "Selisih: pembilang -1, penyebut 0" in said.out
    (row,) = [line for line in said.out.splitlines() if line.startswith("pembatalan")]
    for cell in ("K10", "-1", "1/1", "0/1", "145", "20-01-2022", "ditandatangani"):
        assert cell in row
    for step in labels.STEPS.values():
        assert f"\n{translate(step, Language.INDONESIAN)} " in said.out
    for cell in ("88,89%", "77,78%", "15-01-2022"):
        assert cell in said.out


@pytest.mark.usefixtures("register")
def test_for_programs_it_is_what_the_api_gives_and_adds_up(iku: Any) -> None:
    asked = ("difference", "IKU-2", "--as-of", "2021-12-31", "--json")
    found = iku(*asked, "--against-as-of", "2021-03-31").json
    assert list(found) == [
        *("indicator", "figure", "against", "numerator", "denominator"),
        *("steps", "items", "next"),
    ]
    figure, against = found["figure"], found["against"]
    for name in ("numerator", "denominator"):
        total = sum(item[name] for item in found["items"])
        assert total == figure[name] - against[name] == found[name]
    quarter = iku(*asked, "--against-period", "quarter").json
    assert quarter["against"]["period"]["from"] == "2021-10-01"
    assert {item["cause"] for item in quarter["items"]} == {"time"}


@pytest.mark.usefixtures("register")
def test_pages_go_on_with_the_cursor_that_is_shown(iku: Any) -> None:
    asked = ("difference", "IKU-2", "--as-of", "2021-12-31", "--against-size", 60)
    whole = iku(*asked, "--json").json["items"]
    first = iku(*asked, "--limit", len(whole) - 1)
    cursor = first.out.split("--cursor ")[1].strip()
    rest = iku(*asked, "--cursor", cursor, "--json").json
    assert rest["items"] == whole[-1:]
    assert "--cursor" not in iku(*asked).out


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_two_figures_that_do_not_differ_have_nothing_between_them(iku: Any) -> None:
    said = iku("difference", "IKU-1", "--as-of", "2021-12-31")
    assert "Selisih: pembilang 0, penyebut 0" in said.out
    assert "Tidak ada kasus atau organisasi yang berubah hitungannya." in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("IKU-9",), 1, "indicator IKU-9 does not exist"),
        (
            ("IKU-1", "--against-size", 999),
            1,
            "cannot be computed: size is 999, but the log",
        ),
        (("IKU-1", "--against-as-of", "2999-01-01"), 1, "against_as_of is 2999-01-01"),
        (("IKU-1", "--against-known-on", "2999-01-01"), 1, "against_known_on is 2999-"),
        (
            ("IKU-1", "--against-definition", 2),
            1,
            "cannot be computed: definition is 2, but",
        ),
        (
            ("IKU-1", "--cursor", "abc"),
            1,
            "cursor must be the value of next from an earlier page",
        ),
        ((), 2, "Missing argument 'CODE'"),
        (("IKU-1", "--against-as-of", "2021-13-01"), 2, "--against-as-of"),
        (("IKU-1", "--against-period", "week"), 2, "--against-period"),
        (("IKU-1", "--limit", 0), 2, "--limit"),
    ],
)
def test_what_cannot_be_compared_ends_with_a_sentence(
    iku: Any, arguments: tuple[Any, ...], code: int, sentence: str
) -> None:
    said = iku("difference", *arguments)
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1
