"""`iku publication`, from the draft to what changed since, on the example register."""

from pathlib import Path

import pytest

from tests.cli.conftest import Type

DRAFT = ("publication", "draft", "--as-of", "2021-12-31", "--reason", "LKjIP 2021")


@pytest.fixture
def register(iku: Type, files: dict[str, Path]) -> Type:
    """The command line over the example register."""
    assert iku("import", *files.values()).code == 0
    return iku


def take(iku: Type, step: str, actor: str, *more: str, of: str = "2021") -> None:
    said = iku("publication", step, of, "--reason", "Uji", "--actor", actor, *more)
    assert said.code == 0, said.err


def test_a_year_is_published_and_its_changes_told(register: Type) -> None:
    iku = register
    drafted = iku(*DRAFT, "--title", "LKjIP 2021", "--actor", "ani")
    assert drafted.code == 0, drafted.err
    print(drafted.out)
    take(iku, "close", "ani", "--known-on", "2022-01-15")
    take(iku, "return", "ani")
    take(iku, "close", "ani", "--known-on", "2022-01-15")
    take(iku, "review", "siti")
    refused = iku("publication", "publish", "2021", "--reason", "x", "--actor", "siti")
    print(refused.err)
    take(iku, "publish", "budi")
    print(iku("publication", "show", "2021").out)
    print(iku("publication", "changes", "2021").out)
    print(iku("publication", "list").out)
    print(iku("publication", "changes", "2021", "--json").out)
