"""Workbooks of papers, recalculated by LibreOffice, show what is printed.

LibreOffice is started once for all workbooks, because a start costs more than they do.
"""

import asyncio
import io
import os
import re
import signal
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from python_calamine import load_workbook

from iku.domain.period import Kind
from iku.domain.publication import Draft
from iku.exchange import workbook
from iku.exchange.papers.registry import PAPERS
from tests.exchange.papers.conftest import YEAR
from tests.exchange.papers.paper_pictures import DATA
from tests.exchange.papers.test_documents import ASKED
from tests.exchange.papers.test_published_tables import state
from tests.exchange.test_document_stream import ROWS, streamed
from tests.exchange.test_workbook import PAPER
from tests.exchange.workbooks import cells
from tests.programs import program
from tests.queries.test_publications import publish
from tests.registers.world import World

FORMULA = re.compile(rb"(<c r=\"[A-Z]+\d+\"[^>]*>)<f>(.*?)</f><v>.*?</v></c>")
TIMEOUT_S = 240


def without_values(content: bytes) -> bytes:
    """The workbook whose formulas have no values, so that they must be calculated."""
    file = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as old, ZipFile(file, "w", ZIP_DEFLATED) as new:
        for info in old.infolist():
            part = old.read(info)
            if info.filename.startswith("xl/worksheets/"):
                part = FORMULA.sub(rb"\1<f>\2</f></c>", part)
                part = re.sub(rb'(<c [^>]*) t="str"([^>]*><f>)', rb"\1\2", part)
            new.writestr(info.filename, part)
    return file.getvalue()


@pytest.fixture
def office() -> str:
    """The path of LibreOffice."""
    return program("soffice")


async def recalculated(
    office: str, books: Mapping[str, bytes], folder: Path
) -> dict[str, bytes]:
    """The workbooks as LibreOffice saves them after it has calculated all formulas."""
    (folder / "out").mkdir()
    for name, content in books.items():
        (folder / f"{name}.xlsx").write_bytes(without_values(content))
    # A profile of its own, so that another running LibreOffice does not take the files.
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    to = ("--headless", "--convert-to", "xlsx", "--outdir", str(folder / "out"))
    files = [str(folder / f"{name}.xlsx") for name in books]
    process = await asyncio.create_subprocess_exec(
        office, profile, *to, *files, stdout=-3, stderr=-3, start_new_session=True
    )
    try:
        await asyncio.wait_for(process.wait(), TIMEOUT_S)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # it starts a second process
    return {name: (folder / "out" / f"{name}.xlsx").read_bytes() for name in books}


def values(content: bytes) -> dict[str, list[list[Any]]]:
    """The rows of each sheet, without empty cells and rows at their ends."""
    names = load_workbook(io.BytesIO(content)).sheet_names
    return {name: [_trimmed(row) for row in cells(content, name)] for name in names}


def _trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] == "":
        row = row[:-1]
    return [round(cell, 9) if isinstance(cell, float) else cell for cell in row]


QUARTERS = (date(2021, 3, 31), date(2021, 6, 30), date(2021, 9, 30), YEAR.as_of)
# The first row of E.81, by the number of a column: the place of its cell K.
LAST_QUARTER = {f"e81-{n}": 4 + 2 * (7 + n - 5) for n in (1, 2, 3, 4)}
COLUMN_12 = 4 + 2 * (12 - 5)


async def papers(make: Any, world: World, published: str) -> dict[str, bytes]:
    """Each paper as a workbook, and E.81 at the end of each quarter."""
    await state(world, *DATA)
    books = {"contoh": workbook.document(PAPER)}
    for name, paper in PAPERS.items():
        books[name] = workbook.document(await make(name, **ASKED[paper.scope]))
    for name, end in zip(LAST_QUARTER, QUARTERS, strict=True):
        of = published
        if end != YEAR.as_of:
            of = await publish(world, Draft(Kind.YEAR, end, "Triwulan"))
        books[name] = workbook.document(await make("e81", publication=of))
    return books


async def test_every_formula_of_every_paper_gives_what_is_printed(
    office: str, make: Any, world: World, published: str, tmp_path: Path
) -> None:
    books = await papers(make, world, published)
    # A value that its formula does not give, by which this test is known to see one.
    books["salah"] = with_value(books["contoh"], b"0.7778", b"0.7779")
    # Another program than the one that reads all other tests' workbooks opens it.
    books["lanjutan"] = streamed(2, ROWS, "Catatan")
    found = await recalculated(office, books, tmp_path)
    assert values(found["lanjutan"]) == values(books["lanjutan"])
    wrong = {
        name: [
            pair
            for sheet, rows in values(content).items()
            for pair in zip(rows, values(found[name])[sheet], strict=False)
            if pair[0] != pair[1]
        ]
        for name, content in books.items()
    }
    assert wrong.pop("salah")
    assert not any(wrong.values()), wrong
    assert formulas(books) > 20
    for name, place in LAST_QUARTER.items():
        [sheet, *_] = values(found[name]).values()
        first = next(row for row in sheet if row[:1] == [1])
        assert first[COLUMN_12] == first[place] > 0


def with_value(content: bytes, before: bytes, after: bytes) -> bytes:
    """The workbook with another value of a formula."""
    file = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as old, ZipFile(file, "w", ZIP_DEFLATED) as new:
        for info in old.infolist():
            part = old.read(info).replace(b"<v>%b</v>" % before, b"<v>%b</v>" % after)
            new.writestr(info.filename, part)
    return file.getvalue()


def formulas(books: Mapping[str, bytes]) -> int:
    """The number of formulas in the workbooks."""
    parts = (
        archive.read(part)
        for archive in (ZipFile(io.BytesIO(one)) for one in books.values())
        for part in archive.namelist()
        if part.startswith("xl/worksheets/")
    )
    return sum(len(FORMULA.findall(part)) for part in parts)
