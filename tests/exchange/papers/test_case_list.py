"""The annex that lists the cases behind a publication's figures."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import pytest

from iku.domain.question import Question
from iku.exchange.papers.document import Document, Paragraph
from iku.queries import case_annex
from tests.exchange.papers.conftest import YEAR_END, Make
from tests.registers.world import World


def question(indicator: str, size: int = 147) -> Question:
    return Question(indicator, YEAR_END, date(2022, 1, 15), size)


@pytest.mark.usefixtures("published")
async def test_the_events_of_cases_are_read_once_for_all_indicators(
    world: World, make: Make
) -> None:
    run = list[str]()
    with world.connection.query_logger(lambda record: run.append(record.query)):
        document = await make("daftar-konflik", publication="2021")
    await asyncio.sleep(0)  # the last statement is logged by a callback
    assert len([*document.tables]) == 2
    assert sum("stream < $3 || '.'" in query for query in run) == 1


async def test_cases_of_several_indicators_are_those_of_each_alone(
    world: World,
) -> None:
    asked = [question(one) for one in ("IKU-1", "IKU-3")]
    together = await case_annex.cases(world.view, asked, with_titles=True)
    alone = [
        *await case_annex.cases(world.view, asked[:1], with_titles=True),
        *await case_annex.cases(world.view, asked[1:], with_titles=True),
    ]
    assert together == alone
    assert all(together)
    assert await case_annex.cases(world.view, [], with_titles=True) == []


async def test_questions_with_two_cut_offs_are_refused(world: World) -> None:
    asked = [question("IKU-1"), question("IKU-3", 146)]
    with pytest.raises(ValueError, match="cut-offs"):
        await case_annex.cases(world.view, asked, with_titles=False)


@pytest.mark.usefixtures("published")
async def test_of_what_only_the_internal_edition_lists_the_public_one_has_manners_only(
    make: Make,
) -> None:
    public = await make("daftar-konflik", publication="2021")
    internal = await make("daftar-konflik-internal", publication="2021")
    text = " ".join(texts(public))
    listed, hidden = titles(public), titles(internal) - titles(public)
    found = defaultdict[str, set[bool]](set)
    for table in internal.tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if column.title in hidden and cell is not None:
                    found[column.title].add(str(cell) in text)
    assert listed <= titles(internal)
    assert hidden == {"Pokok", "Tempat", "Jenis", "Upaya", "Cara", "Sumber"}
    assert found.pop("Cara") == {True}
    assert {*found} == {"Pokok", "Tempat", "Jenis", "Sumber"}  # no case was handled
    assert all(said == {False} for said in found.values())


@pytest.mark.usefixtures("published")
async def test_the_public_edition_says_that_its_rules_name_the_manner(
    make: Make,
) -> None:
    closing = (await make("daftar-konflik", publication="2021")).sections[-1].blocks[0]
    assert isinstance(closing, Paragraph)
    assert "Cara penyelesaian disebut dalam aturan" in closing.text


def texts(document: Document) -> Iterator[str]:
    """The texts of all cells in the rows of *document*."""
    for table in document.tables:
        for row in table.rows:
            yield from (str(cell) for cell in row.cells if cell is not None)


def titles(document: Document) -> set[str]:
    """The titles of the columns of all tables."""
    return {column.title for table in document.tables for column in table.columns}
