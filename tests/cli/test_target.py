"""Targets, and corrections and annulments, on the command line."""

from typing import Any

import pytest

SET = (
    *("target", "IKU-3", "--year", 2022, "--target", "57"),
    *("--effective-on", "2022-01-01", "--basis", "PK 2022 (contoh)"),
)
WHY = ("--reason", "Salah ketik")
STRICTER = (
    *("define", "IKU-2", "--effective-on", "2021-01-01", "--basis", "SK (contoh)"),
    *("--reason", "Sekali hadir belum aktif", "--option", "participation_threshold=2"),
)

pytestmark = pytest.mark.usefixtures("register")


def held(iku: Any, code: str, day: str, name: str) -> Any:
    figures = iku("figure", "--as-of", day, "--json").json
    [figure] = [one for one in figures["figures"] if one["indicator"] == code]
    return figure[name]


def test_a_target_is_set_corrected_and_annulled(iku: Any) -> None:
    seen = iku(*SET, "--preview")
    assert (seen.code, seen.err) == (0, "")
    assert "Nothing changes." in seen.out
    refused = iku(*SET, typed="n\n")
    assert (refused.code, refused.err) == (1, "iku: nothing was recorded\n")
    done = iku(*SET, "--yes", "--json", "--actor", "siti").json
    version = done["version"]
    assert len(done["effect"]["points"]) == 9
    assert held(iku, "IKU-3", "2022-12-31", "target") == "57.00"
    again = iku(*SET, "--yes")
    assert (again.code, again.out) == (1, "")
    assert f"already recorded, at version {version}" in again.err
    fixed = iku(
        "target", "IKU-3", "--corrects", version, "--target", "75", *WHY, "--yes"
    )
    assert f"Recorded: IKU-3, version {version + 1} of its history" in fixed.out
    assert held(iku, "IKU-3", "2022-12-31", "target") == "75.00"
    assert iku("target", "IKU-3", "--annuls", version, *WHY, "--yes").code == 0
    assert held(iku, "IKU-3", "2022-12-31", "target") is None
    # Wide enough for any user name.
    told = iku("history", "IKU-3", COLUMNS="300").out
    assert "target set" in told
    assert f"version {version}, target: 57 → 75" in told
    assert "reason: Salah ketik" in told
    events = iku("history", "IKU-3", "--kind", "indicator", "--json").json
    assert [one["type"] for one in events[-3:]] == ["targeted", "corrected", "annulled"]


def test_a_definition_is_corrected_and_annulled(iku: Any) -> None:
    added = iku(*STRICTER, "--yes", "--json").json
    version = added["version"]
    assert held(iku, "IKU-2", "2021-12-31", "definition") == 2
    moved = ("define", "IKU-2", "--corrects", version, "--effective-on", "2022-01-01")
    assert iku(*moved, *WHY, "--yes").code == 0
    assert held(iku, "IKU-2", "2021-12-31", "definition") == 1
    assert held(iku, "IKU-2", "2022-12-31", "definition") == 3
    assert "definition 3" in iku(*moved, *WHY, "--yes").err
    gone = ("define", "IKU-2", "--annuls", version + 1, *WHY)
    shown = iku(*gone, "--preview", "--json").json
    assert {one["after"]["definition"] for one in shown["points"]} == {1}
    told = iku(*gone, typed="y\n")
    assert "after" in told.out
    assert held(iku, "IKU-2", "2022-12-31", "definition") == 1
    assert "participation_threshold=2" in iku("history", "IKU-2").out


@pytest.mark.usefixtures("indonesian")
def test_the_definition_in_force_stands_beside_the_published_one(iku: Any) -> None:
    step = ("--reason", "LKjIP", "--actor")
    assert iku("publication", "draft", "--as-of", "2021-12-31", *step, "ani").code == 0
    assert iku("publication", "close", "2021", *step, "ani").code == 0
    assert "yang berlaku" not in iku("publication", "changes", "2021").out
    assert iku(*STRICTER, "--yes").code == 0
    told = iku("publication", "changes", "2021").out
    assert "menurut definisi 2 yang berlaku; capaian" in " ".join(told.split())
    assert "sebab: definisi" in told
    found = iku("publication", "changes", "2021", "--json").json
    [_, changed, _] = found["figures"]
    assert changed["present"]["numerator"] == changed["published"]["numerator"]
    assert changed["in_force"]["cause"] == "definition"
    assert changed["in_force"]["numerator"] < changed["present"]["numerator"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("target", "IKU-3"), 2, "Missing option '--year'"),
        (SET[:-2], 2, "Missing option '--basis'"),
        (("target", "IKU-3", "--corrects", 1), 2, "Missing option '--reason'"),
        (
            ("target", "IKU-3", "--annuls", 1, "--year", 2022, *WHY),
            2,
            "does not change any field",
        ),
        (("target", "IKU-3", "--annuls", 1, "--corrects", 1, *WHY), 2, "exclude"),
        (("define", "IKU-3", *WHY), 2, "Missing option '--effective-on'"),
        (("define", "IKU-3", "--effective-on", "2022-01-01", *WHY), 2, "'--basis'"),
        (("target", "IKU-3", "--annuls", 99, *WHY), 1, "annuls is 99, but the last"),
        (("target", "IKU-9", *SET[2:]), 1, "indicator IKU-9 does not exist"),
        ((*SET[:5], "101", *SET[6:]), 1, "above 100 per cent"),
        ((*SET[:5], "80,5", *SET[6:]), 2, "--target"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(
    iku: Any, arguments: tuple[Any, ...], code: int, sentence: str
) -> None:
    said = iku(*arguments, "--yes")
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
