"""Archives and sheets that exceed the limits are refused before they are read."""

import io
import random
import struct
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from typing import Any
from xml.parsers import expat
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from iku.exchange import workbook_parts, workbook_sheets
from iku.exchange.journals import read_journals
from iku.exchange.spreadsheet import UnreadableSheet
from iku.exchange.workbook_parts import column_index, column_letters
from tests.exchange.test_workbook_sheets import HEADINGS, REPORT, SCOPE
from tests.exchange.workbooks import table, workbook

BOOK = workbook(Konflik=table(HEADINGS, REPORT, REPORT | {"nomor": "K2"}))
SHEET = "xl/worksheets/sheet1.xml"
TEXTS = "xl/sharedStrings.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def changed(method: int = ZIP_DEFLATED, /, **parts: bytes) -> bytes:
    """The workbook with other parts; `sheet` and `texts` are its usual ones."""
    given = {SHEET: parts.pop("sheet", None), TEXTS: parts.pop("texts", None)}
    file = io.BytesIO()
    with ZipFile(io.BytesIO(BOOK)) as old, ZipFile(file, "w", method) as new:
        for info in old.infolist():
            content = given.get(info.filename)
            new.writestr(info.filename, content or old.read(info))
    return file.getvalue()


def sheet(rows: str) -> bytes:
    data = f"<sheetData>{rows}</sheetData>"
    return f'<worksheet xmlns="{MAIN}">{data}</worksheet>'.encode()


def refusal(content: bytes) -> str:
    with pytest.raises(UnreadableSheet) as caught:
        workbook_sheets.journals(io.BytesIO(content))
    [fault] = caught.value.faults
    return fault.message


def test_letters_name_columns() -> None:
    for index, letters in ((0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")):
        assert (column_letters(index), column_index(letters)) == (letters, index)


def test_a_zip_bomb_is_refused_before_it_unpacks() -> None:
    bomb = changed(sheet=b" " * (65 << 20))
    assert len(bomb) < 100_000
    tracemalloc.start()
    assert "larger than 64 MiB when unpacked" in refusal(bomb)
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size_does_not_unpack() -> None:
    size = 65 << 20
    bomb = bytearray(changed(sheet=b" " * size))
    for place in range(len(bomb) - 4):
        if bomb[place : place + 4] == struct.pack("<I", size):
            bomb[place : place + 4] = struct.pack("<I", 1000)
    tracemalloc.start()
    assert refusal(bytes(bomb)) == workbook_parts.BROKEN
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()


def test_pictures_and_other_parts_are_neither_unpacked_nor_counted() -> None:
    file = io.BytesIO(BOOK)
    with ZipFile(file, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.png", b" " * (65 << 20))
        archive.writestr("xl/externalLinks/externalLink1.xml", b"<broken")
    [journal] = workbook_sheets.journals(file).journals
    assert len([*journal.rows()]) == 2


def test_two_cells_at_the_corners_of_a_sheet_are_refused() -> None:
    corners = sheet(
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    assert "more than 600,000 cells" in refusal(changed(sheet=corners))


def test_a_workbook_of_too_many_cells_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = "".join(f'<c r="{column_letters(i)}%d"><v>1</v></c>' for i in range(10))
    rows = "".join(f'<row r="{n}">{row % ((n,) * 10)}</row>' for n in range(1, 601))
    content = changed(sheet=sheet(rows))
    monkeypatch.setattr(workbook_parts, "MOST_CELLS", 6_000)
    assert "headings of a journal" in refusal(content)
    monkeypatch.setattr(workbook_parts, "MOST_CELLS", 5_999)
    assert refusal(content) == workbook_parts.TOO_LARGE


def test_a_long_text_that_many_cells_share_is_refused() -> None:
    text = "x" * 30_000
    texts = f'<sst xmlns="{MAIN}"><si><t>{text}</t></si></sst>'.encode()
    cells = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 2001)
    )
    assert "characters" in refusal(changed(texts=texts, sheet=sheet(cells)))


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c><v>1</v></c></row>',
        '<row r="1"><c r="A0"><v>1</v></c></row>',
        '<row r="1"><c r="AAAA1"><v>1</v></c></row>',
        '<row r="1"><c r="XFE1"><v>1</v></c></row>',
        '<row r="x"><c><v>1</v></c></row>',
        '<row r="-3"><c><v>1</v></c></row>',
        '<row r="9999999"><c><v>1</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>99</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>x</v></c></row>',
        '<row r="1"><c r="A1"><v>1</c></row>',
    ],
)
def test_a_sheet_whose_cells_are_out_of_place_is_refused(rows: str) -> None:
    assert refusal(changed(sheet=sheet(rows))) == workbook_parts.BROKEN


def test_entities_are_refused() -> None:
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sheet(
        "<row><c><v>&a;</v></c></row>"
    )
    assert refusal(changed(sheet=entity)) == workbook_parts.BROKEN


@pytest.mark.parametrize("encoding", ["utf-16", "cp037"])
def test_a_sheet_is_read_as_utf_8_only(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    content = (head + sheet("").decode()).encode(encoding)
    assert refusal(changed(sheet=content)) == workbook_parts.BROKEN


def test_archives_of_other_kinds_are_refused() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert "older format, or one with a password" in refusal(ole)
    assert refusal(changed(ZIP_BZIP2)) == workbook_parts.BROKEN
    other = io.BytesIO()
    with ZipFile(other, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    assert refusal(other.getvalue()) == workbook_parts.BROKEN
    twice = io.BytesIO(BOOK)
    with (
        ZipFile(twice, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr(SHEET, "<a/>")
    assert refusal(twice.getvalue()) == workbook_parts.BROKEN
    many = io.BytesIO()
    with ZipFile(many, "w") as archive:
        for number in range(20):
            info = ZipInfo(str(number))
            info.comment = bytes(60_000)
            archive.writestr(info, b"")
    assert refusal(many.getvalue()) == workbook_parts.BROKEN


def test_a_damaged_workbook_is_read_or_refused() -> None:
    """Never an exception of another kind, and never a crash."""
    chance = random.Random(16)
    with ZipFile(io.BytesIO(BOOK)) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    for turn in range(200):
        part = chance.choice([SHEET, TEXTS, "xl/workbook.xml", "xl/styles.xml"])
        content = bytearray(parts[part])
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(content))
            content[place : place + chance.randint(0, 3)] = chance.randbytes(turn % 3)
        damaged = BOOK[: chance.randrange(len(BOOK))]
        if turn % 4:
            file = io.BytesIO()
            with ZipFile(file, "w", ZIP_DEFLATED) as archive:
                for name, old in parts.items():
                    archive.writestr(name, bytes(content) if name == part else old)
            damaged = file.getvalue()
        with suppress(UnreadableSheet):
            for journal in workbook_sheets.journals(io.BytesIO(damaged)).journals:
                assert all(row.place.sheet for row in journal.rows())


def test_texts_and_elements_of_a_workbook_are_counted_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Texts that no cell shows, and elements without content, take memory and time.
    texts = f'<sst xmlns="{MAIN}">{"<si><t>xx</t></si>" * 600}</sst>'.encode()
    elements = sheet("<row/>" * 600)
    assert "headings of a journal" in refusal(changed(texts=texts, sheet=elements))
    for name, most in (("LARGEST_TEXT", 1000), ("MOST_CELLS", 500)):
        with monkeypatch.context() as limited:
            limited.setattr(workbook_parts, name, most)
            assert refusal(changed(texts=texts)) == workbook_parts.TOO_LARGE
    monkeypatch.setattr(workbook_parts, "MOST_ELEMENTS", 500)
    assert refusal(changed(sheet=elements)) == workbook_parts.TOO_LARGE


def attributes(count: int, value: str = "") -> str:
    return "".join(f' a{n:x}="{value}"' for n in range(count))


@pytest.mark.parametrize("value", ["", ">"])
def test_a_tag_of_many_attributes_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    parsed: list[int] = []

    create = expat.ParserCreate

    def recording(*given: Any) -> Any:
        parsed.append(len(parsed))
        return create(*given)

    monkeypatch.setattr(expat, "ParserCreate", recording)
    workbook_sheets.journals(io.BytesIO(BOOK))
    usual = len(parsed)
    parsed.clear()
    hostile = changed(sheet=sheet(f"<row{attributes(200_000, value)}/>"))
    assert refusal(hostile) == workbook_parts.BROKEN
    assert len(parsed) < usual  # the parts before the sheet


def test_an_element_of_more_attributes_than_a_workbook_has_is_refused() -> None:
    most = workbook_parts.MOST_ATTRIBUTES
    few = changed(sheet=sheet(f"<row{attributes(most)}/>"))
    assert "headings of a journal" in refusal(few)
    many = changed(sheet=sheet(f"<row{attributes(most + 1)}/>"))
    assert refusal(many) == workbook_parts.BROKEN


def test_the_longest_text_of_a_cell_is_read_in_its_longest_spelling() -> None:
    text = "&#x10FFFD;" * 32_767
    cell = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>'
    assert "headings of a journal" in refusal(changed(sheet=sheet(cell)))


def rewritten(**parts: tuple[bytes, bytes]) -> bytes:
    """The workbook with a text replaced in some of its parts."""
    file = io.BytesIO()
    with ZipFile(io.BytesIO(BOOK)) as old, ZipFile(file, "w", ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            stem = info.filename.rpartition("/")[2].partition(".")[0].strip("[]_")
            if stem in parts and not info.filename.endswith(".rels"):
                before, after = parts[stem]
                assert before in content
                content = content.replace(before, after)
            new.writestr(info.filename, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        rewritten(sheet1=(b'ref="A1:', b'ref="A1:XFD1048576" x="')),
        rewritten(Content_Types=(b"spreadsheetml.sheet.main", b"x")),
        rewritten(Content_Types=(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")),
    ],
    ids=["extent that is wrong", "type that is wrong", "macros"],
)
def test_what_a_workbook_says_of_itself_does_not_matter(content: bytes) -> None:
    [journal] = workbook_sheets.journals(io.BytesIO(content)).journals
    assert [row.cells["nomor"] for row in journal.rows()] == ["K1", "K2"]


def test_days_are_those_of_the_date_system_of_the_workbook() -> None:
    content = rewritten(workbook=(b"<workbookPr ", b'<workbookPr date1904="1" '))
    [journal] = workbook_sheets.journals(io.BytesIO(content)).journals
    later = REPORT["tanggal"] + timedelta(days=1462)
    assert {row.cells["tanggal"] for row in journal.rows()} == {later.isoformat()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbf <html><table>", "HTML or XML"),
        (b'<?xml version="1.0"?><Workbook>', "HTML or XML"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_a_file_of_another_format_is_named(content: bytes, said: str) -> None:
    with pytest.raises(
        UnreadableSheet, match=f"the file is {said}, neither a workbook"
    ):
        read_journals(io.BytesIO(content), SCOPE.digest)
