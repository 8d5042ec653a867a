"""Every page with a table offers it as a workbook, which has what the page shows."""

import io
import re
from collections.abc import Callable
from datetime import date, datetime
from importlib import resources
from inspect import unwrap
from types import FunctionType
from typing import Any

import httpx
import pytest
from python_calamine import load_workbook

from iku.exchange import document_stream
from iku.exchange.table_output import XLSX
from iku.language import Language
from iku.web import page_workbook
from iku.web.pages import MODULES, definition, page_context
from tests.exchange.workbooks import cells
from tests.web.conftest import CASE, Client
from tests.web.pages.showing import addresses, read
from tests.web.people import Office
from tests.web.test_publications import THEN, YEAR, publish
from tests.web.test_rights import office

__all__ = ["office"]
SITE = "http://iku.test"
TABLES = re.compile(r'<(?:table|ol class="timeline")[^>]*>')
# Pages whose only tables are forms or links, and why they need no workbook.
WITHOUT = {
    "/impor": "links to the templates of the journals",
    "/impor/konflik/pemetaan": "fields of a form",
}
# Answers to forms with a table, and why they need no workbook.
ANSWERS_WITHOUT = {
    "overtaken.html": "compares what one person is typing with what was just recorded",
}
TEMPLATES = resources.files("iku.web") / "templates"
OF_LISTS = ("/daftar.xlsx", "/penjelasan.xlsx")  # whole lists, without pages


async def test_every_page_with_a_table_offers_it_as_a_workbook(reader: Client) -> None:
    wrong: list[str] = []
    seen = 0
    for path in addresses():
        page = await reader.get(f"{SITE}{path}")
        if page.status_code != 200 or "text/html" not in page.headers["Content-Type"]:
            continue
        tables = [t for t in TABLES.findall(page.text) if "data-isian" not in t]
        if not tables:
            has_table = bool(TABLES.findall(page.text))
            if has_table != (path in WITHOUT):
                wrong.append(f"{path}: {WITHOUT.get(path, 'a table of fields only')}")
            continue
        links = read(page.text).links
        files = [
            (to, query)
            for to, query in links
            if query.get("bentuk") == "xlsx" or to.endswith(OF_LISTS)
        ]
        if len(files) != 1:
            wrong.append(f"{path}: {files}")
            continue
        [(to, query)] = files
        book = await reader.get(f"{SITE}{to}", params=query)
        seen += 1
        sheets = (
            len(load_workbook(io.BytesIO(book.content)).sheet_names)
            if book.headers["Content-Type"] == XLSX
            else 0
        )
        if sheets < len(tables):
            wrong.append(f"{path}: {sheets} sheets for {len(tables)} tables")
    assert not wrong
    assert seen > 12


def templates(function: Callable[..., Any], seen: set[Any]) -> set[str]:
    """The templates of a handler, and of the functions of the pages that it names."""
    if function in seen:
        return set()
    seen.add(function)
    consts = [one for one in function.__code__.co_consts if isinstance(one, str)]
    found = {one for one in consts if one.endswith(".html")}
    known = [cell.cell_contents for cell in function.__closure__ or ()]
    known += map(function.__globals__.get, function.__code__.co_names)
    for one in known:
        if isinstance(one, FunctionType) and one.__module__.startswith("iku.web.pages"):
            found |= templates(one, seen)
    return found


def rendered(method: str) -> set[str]:
    """The templates of all handlers of a method."""
    handlers = (h for module in MODULES for h in module.HANDLERS)
    return {
        name
        for handler in handlers
        if method in handler.http_methods
        for name in templates(unwrap(handler.fn), set())
    }


def test_every_answer_to_a_form_with_a_table_offers_it_as_a_workbook() -> None:
    only_answers = rendered("POST") - rendered("GET")
    offered: set[str] = set()
    without: set[str] = set()
    for name in only_answers:
        text = (TEMPLATES / name).read_text()
        if re.search(r"c\.table\((?!.*is_form)|p\.rows\(", text):
            (offered if "block workbook" in text else without).add(name)
    assert without == {*ANSWERS_WITHOUT}
    assert offered == {"import_checked.html", "import_recorded.html"}


async def test_a_page_without_a_table_has_no_workbook(reader: Client) -> None:
    none = await reader.get(f"{SITE}/pintasan", params={"bentuk": "xlsx"})
    assert none.status_code == 404
    other = await reader.get(f"{SITE}/publikasi", params={"bentuk": "ods"})
    assert other.status_code == 400
    assert "xlsx" in other.text


async def test_the_workbook_has_the_values_and_the_coordinates_of_the_page(
    reader: Client,
) -> None:
    asked = {"per": "2021-12-31", "bentuk": "xlsx"}
    book = await reader.get(f"{SITE}/indikator/IKU-1/definisi", params=asked)
    disposition = book.headers["Content-Disposition"]
    assert disposition == 'attachment; filename="indikator-IKU-1-definisi.xlsx"'
    rows = [row for row in cells(book.content) if any(row)]
    assert any("31 Desember 2021" in str(row[0]) for row in rows[:4])
    [targets] = [row for row in rows if 0.8 in row]
    assert any(type(cell) in {date, datetime} for cell in targets)
    english = await reader.get(
        f"{SITE}/indikator/IKU-1/definisi", params=asked | {"bahasa": "en"}
    )
    assert any("2021-12-31" in str(row[0]) for row in cells(english.content)[:4])


async def test_the_workbook_of_a_case_has_its_events(loaded: Client) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K77", "title": "=1+1"})
    book = await loaded.get(f"{SITE}/konflik/K77", params={"bentuk": "xlsx"})
    [event] = [row for row in cells(book.content) if row[0] == 1.0]
    assert "=1+1" in "\n".join(map(str, event))
    with_formula = b"<f>" in book.content
    assert not with_formula


async def test_a_workbook_has_rows_beyond_the_first_page(loaded: Client) -> None:
    size = (await loaded.says("/log/events"))["size"]
    book = await loaded.get(f"{SITE}/bukti", params={"bentuk": "xlsx"})
    numbered = [row for row in cells(book.content) if isinstance(row[0], float)]
    assert [row[0] for row in numbered] == [*map(float, range(1, size + 1))]
    leaf = numbered[-1][-1]
    assert re.fullmatch(r"[0-9a-f]{64}", leaf)


def sheets(book: bytes) -> dict[str, list[list[Any]]]:
    """The rows of each sheet, without empty cells and rows at their ends."""
    names = load_workbook(io.BytesIO(book)).sheet_names
    found = {name: [trimmed(row) for row in cells(book, name)] for name in names}
    for rows in found.values():
        while rows and not rows[-1]:
            rows.pop()
    return found


def trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] == "":
        row = row[:-1]
    return row


# As on the page, the changes are those of steps if not all items are in the first part.
BY_STEP = ("Pembilang ", "Penyebut ")
IN_PARTS = (
    "/bukti",
    "/indikator/IKU-1/perbandingan?per=2021-12-31&lawan_per=2020-12-31",
    "/indikator/IKU-1/definisi?per=2021-12-31&carry_over=exclude",
    "/publikasi/2021",
)


async def test_a_workbook_that_is_read_in_parts_has_the_same_rows(
    loaded: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on=THEN)
    await loaded.records("/conflicts", CASE | {"number": "K77"})
    continued = set()
    for path in IN_PARTS:
        asked = {"bentuk": "xlsx"}
        address = httpx.URL(f"{SITE}{path}").copy_merge_params(asked)
        whole = await loaded.get(address)
        with monkeypatch.context() as limited:
            limited.setattr(page_context, "PART", 3)
            limited.setattr(definition, "PART", 1)
            limited.setattr(definition, "COMPARED", 2)
            parts = await loaded.get(address)
        assert "Content-Length" not in parts.headers, path
        found, expected = sheets(parts.content), sheets(whole.content)
        for sheet, rows in found.items():
            if not sheet.startswith(BY_STEP):
                assert rows == expected[sheet], (path, sheet)
        continued |= {len(rows) for rows in found.values()}
    assert max(continued) > 100


async def test_proposals_and_openings_are_read_in_parts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await office.ask("auditor", f"{SITE}/konflik/K14")
    for name, path, sheet, first in (
        ("auditor", "/bukti", "Pembukaan terbaru", "Dibuka"),
        ("kepala_badan", "/usulan", "Usulan", "Subjek"),
    ):
        whole = await office.ask(name, f"{SITE}{path}?bentuk=xlsx")
        with monkeypatch.context() as limited:
            limited.setattr(page_context, "PART", 1)
            parts = await office.ask(name, f"{SITE}{path}?bentuk=xlsx")
        one, other = sheets(whole.content), sheets(parts.content)
        # Each reading of a page opens texts, so the second one has more openings.
        assert len(other[sheet]) >= len(one[sheet])
        [headings] = [row for row in other[sheet] if row[:1] == [first]]
        begin = other[sheet].index(headings) + 1
        assert len(other[sheet]) - begin > 1
        assert other[sheet][-1] == one[sheet][-1]


async def test_a_sheet_that_is_full_says_so(
    loaded: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_context, "PART", 10)
    monkeypatch.setattr(document_stream, "MOST_ROWS", 45)
    book = await loaded.get(f"{SITE}/bukti", params={"bentuk": "xlsx"})
    rows = [row for row in cells(book.content) if any(row)]
    assert "lembar dengan format ini" in str(rows[-1][0])
    numbered = [row[0] for row in rows if isinstance(row[0], float)]
    assert numbered == [*map(float, range(1, len(numbered) + 1))]
    assert 30 < len(numbered) < 45


async def test_the_workbook_of_a_comparison_has_the_whole_replay(
    reader: Client,
) -> None:
    asked = {"per": "2021-12-31"}
    path = f"{SITE}/indikator/IKU-1/perbandingan"
    book = await reader.get(path, params=asked | {"bentuk": "xlsx"})
    figure = await reader.says("/indicators/IKU-1/figure", as_of="2021-12-31")
    rows = cells(book.content, "Semua langkah putar ulang")
    *_, last = [row for row in rows if isinstance(row[0], float)]
    assert (last[6], last[8]) == (figure["numerator"], figure["denominator"])


PAGE = """<!doctype html>
<html lang="id"><body><main data-koordinat="Keadaan per 31-12-2021."><h1>Judul</h1>
<p class="lead">Kalimat <em>pembuka</em>.</p>
<table data-isian><tbody><tr><td><input name="x"></td></tr></tbody></table>
<div aria-label="Sesi"><table>
<thead><tr><th>Nama</th><th class="number">N</th><td></td></tr></thead>
<tbody><tr><th>K10<br>A &amp; B</th><td class="number">1.234</td>
<td><form><button>Hapus</button></form></td></tr></tbody>
<tfoot><tr><th>Jumlah</th><td class="number">1.234</td><td></td></tr></tfoot>
</table></div>
<nav class="paging"><a href="?cursor=2" rel="next">Berikutnya</a></nav>
</main></body></html>"""


def test_a_page_is_read_without_its_fields_and_says_where_a_table_continues() -> None:
    found = page_workbook.document(PAGE, Language.INDONESIAN)
    assert (found.title, found.subtitle) == ("Judul", "Kalimat pembuka.")
    assert found.coordinates == "Keadaan per 31-12-2021."
    [table] = found.tables
    assert [one.title for one in table.columns] == ["Nama", "N"]
    assert [row.cells for row in table.rows] == [("K10\nA & B", 1234)]
    assert [row.cells for row in table.footer] == [("Jumlah", 1234)]
    assert table.caption == "Sesi"
    [note] = table.notes
    assert "hanya memuat baris-baris pertama" in note
