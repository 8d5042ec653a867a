"""`iku publication` on the example register, from the draft to later changes."""

from pathlib import Path

import pytest

from tests.cli.conftest import Type

DRAFT = ("publication", "draft", "--as-of", "2021-12-31", "--reason", "LKjIP 2021")


@pytest.fixture
def register(iku: Type, files: dict[str, Path]) -> Type:
    """The command line over the example register."""
    assert iku("import", *files.values()).code == 0
    return iku


def take(iku: Type, step: str, actor: str, *more: str, of: str = "2021") -> str:
    said = iku("publication", step, of, "--reason", "Uji", "--actor", actor, *more)
    assert said.code == 0, said.err
    return said.out


def test_a_year_is_published_and_what_changed_since_is_told(register: Type) -> None:
    iku = register
    drafted = iku(*DRAFT, "--title", "LKjIP 2021", "--actor", "ani")
    assert drafted.out.startswith("LKjIP 2021\nPublication 2021: Year 2021, as of ")
    assert "77.78%" in drafted.out
    closed = take(iku, "close", "ani", "--known-on", "2022-01-15")
    assert "as known on 2022-01-15" in closed
    assert "88.89%" in closed
    take(iku, "review", "siti")
    refused = iku("publication", "publish", "2021", "--reason", "x", "--actor", "siti")
    assert refused.code == 1
    assert "was reviewed by siti, so it cannot be published by siti" in refused.err
    assert "published" in take(iku, "publish", "budi")
    changes = iku("publication", "changes", "2021").out
    assert "8/9 = 88.89%" in changes
    assert "7/9 = 77.78%" in changes
    [k10] = [line for line in changes.splitlines() if " K10 " in line]
    for told in ("annulment", "IKU-1: numerator -1", "belum ditandatangani semua"):
        assert told in k10
    listed = iku("publication", "list", "--year", "2021", "--state", "published").out
    assert "2021         Year 2021  2021-12-31        1  published" in listed
    _programs_get_the_same(iku)
    _restate(iku)


def _programs_get_the_same(iku: Type) -> None:
    shown = iku("publication", "show", "2021", "--json").json
    assert [step["actor"] for step in shown["steps"]] == ["ani", "ani", "siti", "budi"]
    changes = iku("publication", "changes", "2021", "--json").json
    assert [item["number"] for item in changes["items"]] == ["O35", "K10"]
    first = iku("publication", "changes", "2021", "--limit", "1")
    assert "More results: --cursor " in first.out
    cursor = first.out.split("--cursor ")[1].strip()
    rest = iku("publication", "changes", "2021", "--cursor", cursor, "--json").json
    assert [item["number"] for item in rest["items"]] == ["K10"]
    listed = iku("publication", "list", "--json").json
    assert [one["id"] for one in listed["publications"]] == ["2021"]


def _restate(iku: Type) -> None:
    again = iku(*DRAFT, "--restates", "2021", "--actor", "ani")
    assert "Editions: 2021 (published), 2021.2 (draft)" in again.out
    take(iku, "close", "ani", of="2021.2")
    nothing = iku("publication", "changes", "2021.2").out
    assert "Nothing was recorded since." in nothing
    assert "draf" in take(iku, "return", "ani", of="2021.2")
    assert "withdrawn" in take(iku, "withdraw", "ani", of="2021.2")


def test_what_cannot_be_is_told_in_a_sentence(iku: Type) -> None:
    assert "There are no publications yet." in iku("publication", "list").out
    missing = iku("publication", "show", "2021")
    assert (missing.code, missing.err) == (1, "iku: publication 2021 does not exist\n")
    for arguments in (
        ("publication", "draft", "--as-of", "2021-12-31"),
        (*DRAFT, "--restates", "x"),
        (*DRAFT[:-1], " "),
        (*DRAFT, "--period", "week"),
    ):
        assert iku(*arguments).code == 2
    assert iku(*DRAFT).code == 0
    again = iku(*DRAFT)
    assert (again.code, again.out) == (1, "")
    assert "publication 2021: this step is already recorded" in again.err
    step = ("publication", "publish", "2021", "--reason", "x")
    assert "has been draft since" in iku(*step).err
    draft = iku("publication", "changes", "2021")
    assert "publication 2021 is draft, so its figures are not frozen yet" in draft.err
