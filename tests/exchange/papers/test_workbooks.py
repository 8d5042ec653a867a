"""Every paper as a workbook: its tables, with the values of the printed paper."""

import io
from typing import Any

from python_calamine import load_workbook

from iku.exchange import workbook
from iku.exchange.papers import registry
from iku.exchange.papers.registry import PaperScope
from tests.exchange.workbooks import cells


async def test_each_paper_of_a_publication_is_a_workbook(
    make: Any, published: str
) -> None:
    for paper in registry.PAPERS.values():
        if paper.scope is not PaperScope.PUBLICATION:
            continue
        of = await make(paper.name, publication=published)
        content = workbook.document(of)
        assert content == workbook.document(of)
        names = load_workbook(io.BytesIO(content)).sheet_names
        assert len(names) >= len([*of.tables])
        for name, table in zip(names, of.tables, strict=False):
            flat = [cell for row in cells(content, name) for cell in row]
            for row in table.rows:
                texts = [one for one in row.cells if isinstance(one, str)]
                assert all(
                    any(str(cell).startswith(text) for cell in flat) for text in texts
                ), paper.name


async def test_the_counts_of_the_report_are_in_its_workbook(
    make: Any, published: str
) -> None:
    of = await make("lkjip", publication=published)
    rows = cells(workbook.document(of), "perhitungan")
    [first] = [row for row in rows if str(row[0]).startswith("IKU-1 ")]
    assert first[1:4] == [8, 9, 0.8889]
