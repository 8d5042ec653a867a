"""Every paper of the registry, made from the example register and printed."""

import importlib
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iku.exchange.papers.registry import ARCHIVES, PAPERS, PaperScope
from iku.queries.figure_parameters import Moment
from tests.exchange.papers.conftest import Make
from tests.exchange.papers.printing import pdf, pictures

AT = Moment(date(2021, 12, 31), date(2022, 6, 30))
ASKED: dict[PaperScope, dict[str, Any]] = {
    PaperScope.PUBLICATION: {"publication": "2021"},
    PaperScope.COORDINATES: {"moment": AT},
    PaperScope.CASE: {"subject": "K01", "moment": AT},
}
SEEN = "IKU_PAPERS_SEEN"  # a folder for pictures of the pages


def errors(printed: bytes, file: Path) -> list[tuple[str, str]]:
    """The errors that the checker of PDF/UA finds."""
    file.write_bytes(printed)
    outloud = importlib.import_module("outloud")  # it brings no types
    found = outloud.check(str(file)).findings
    return [
        (one.rule, f"{one.message}: {one.evidence}")
        for one in found
        if one.severity == "error"
    ]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", PAPERS)
async def test_a_paper_is_accessible_and_printed_twice_alike(
    name: str, make: Make, tmp_path: Path
) -> None:
    document = await make(name, **ASKED[PAPERS[name].scope])

    printed = await pdf(document)

    assert document.name == name
    assert await pdf(document) == printed
    assert errors(printed, tmp_path / "paper.pdf") == []
    if folder := os.environ.get(SEEN):
        pictures(printed, f"{folder}/{name}")


def test_each_paper_is_documented_with_a_picture() -> None:
    docs = Path(__file__).parents[3] / "docs"
    text = (docs / "papers.md").read_text()
    for name in (*PAPERS, *ARCHIVES):
        assert f"`{name}`" in text
    for name in PAPERS:
        assert f"(pictures/naskah-{name}.png)" in text
        assert (docs / "pictures" / f"naskah-{name}.png").is_file()
