"""Numbers and identifiers on the command line: ambiguous ones are refused."""

from datetime import date
from typing import Any

import pytest

from iku.app import open_app
from iku.commands.command import Command
from iku.domain import conflict
from iku.postgres.database import Database
from tests.conftest import SETTINGS
from tests.web.conftest import CASE


@pytest.fixture
async def renumbered(database: Database) -> None:
    """K14 was corrected to K15; then a new K14 was reported as K14.2."""
    first = conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.EKONOMI,
        title=CASE["title"],
        effective_on=date(2021, 2, 9),
    )
    second = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title="Kedua",
        effective_on=date(2021, 3, 9),
    )
    corrected = conflict.Corrected(corrects=1, number="K15", reason="Salah tulis")
    async with open_app(SETTINGS, database) as app:
        for number, proposed in (("K14", first), ("K14", corrected), ("K14", second)):
            command = Command("conflict", number, proposed, "uji")
            await app.commands.handle(app.pool, command)


@pytest.mark.usefixtures("renumbered")
def test_a_number_finds_the_case_that_has_it_and_several_are_listed(iku: Any) -> None:
    for typed, events in (("k15", 2), ("K14.2", 1), ("conflict-K14", 2)):
        said = iku("history", typed, "--json")
        assert (said.code, len(said.json)) == (0, events), said
    assert "number: K15" in iku("history", "K15").out
    said = iku("history", "K14")
    assert said.code == 1
    assert "K14 is the number or identifier of conflict-K14, conflict-K14.2" in said.err
    assert iku("history", "K16").code == 1
    assert iku("history", "conflict-K16").code == 1


@pytest.mark.usefixtures("renumbered")
def test_an_explanation_is_asked_for_by_number_or_identifier(iku: Any) -> None:
    for typed, found in (("k15", ["K14"]), ("conflict-K14", ["K14"]), ("K16", [])):
        said = iku("explain", "IKU-1", "--subject", typed, "--json")
        assert [item["id"] for item in said.json["items"]] == found
    said = iku("explain", "IKU-1", "--subject", "K14", "--json")
    assert said.code == 1
    assert "conflict-K14, conflict-K14.2" in said.err


@pytest.mark.usefixtures("renumbered")
def test_an_erasure_takes_identifiers_only(iku: Any) -> None:
    decided = ("--decision", "B/1", "--legal-basis", "UU", "--yes")
    said = iku("erase", "conflict-K15", *decided)
    assert said.code == 1
    assert "does not exist" in said.err
    assert "conflict-K15" in said.err
