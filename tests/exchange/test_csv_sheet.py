from io import BytesIO

import pytest

from iku.exchange import csv_sheet, spreadsheet
from iku.exchange.csv_sheet import CsvSheet
from iku.exchange.spreadsheet import RowPlace, SheetRow, UnreadableSheet

LAYOUTS = {"one": ("a", "b", "c"), "two": ("x", "y")}


def rows(content: bytes) -> list[SheetRow]:
    return list(CsvSheet(BytesIO(content), LAYOUTS).rows())


def faults(content: bytes) -> list[tuple[int, str | None, str]]:
    with pytest.raises(UnreadableSheet) as caught:
        rows(content)
    return [(f.row, f.column, f.message) for f in caught.value.faults]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_spreadsheets_write_the_same_file_in_many_ways(
    mark: bytes, end: str, delimiter: str
) -> None:
    lines = ("a,b,c", "1,2,3", '4,"5",')
    text = "".join(line.replace(",", delimiter) + end for line in lines)
    assert rows(mark + text.encode()) == [
        SheetRow(RowPlace(2), {"a": "1", "b": "2", "c": "3"}),
        SheetRow(RowPlace(3), {"a": "4", "b": "5"}),
    ]


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends() -> None:
    content = b'a,b,c\n1,"x, ""y""\nz",3\n4,5,6\n'
    assert rows(content)[0].cells["b"] == 'x, "y"\nz'
    assert [row.place.row for row in rows(content)] == [2, 4]


def test_blank_lines_and_lines_of_empty_cells_say_nothing() -> None:
    assert [row.place.row for row in rows(b"\n,,\na,b,c\n\n ,, \n1,2,3\n\n")] == [6]


def test_headings_may_stand_in_any_order_and_in_capitals() -> None:
    assert rows(b"Y, X\n1,2\n")[0].cells == {"y": "1", "x": "2"}


def test_cells_are_taken_in_composed_form_without_the_blanks_around_them() -> None:
    assert rows("a,b,c\n  e\u0301 ,2,3\n".encode())[0].cells["a"] == "\u00e9"


def test_a_row_of_another_width_is_at_fault_but_the_file_goes_on() -> None:
    short, long, good = rows(b"a,b,c\n1,2\n1,2,3,4\n1,2,3\n")
    assert short.fault is not None
    assert short.fault.message == "has 2 cells, but the file has 3 headings"
    assert long.fault is not None
    assert "has 4 cells" in long.fault.message
    assert good.fault is None


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_to_be_empty(content: bytes) -> None:
    assert faults(content) == [(1, None, "the file is empty")]


def test_bytes_that_are_not_utf_8_are_told_by_their_position() -> None:
    [(row, _, message)] = faults(b"a,b,c\n1,\xe9,3\n")
    assert row == 2
    assert message.startswith("the file is not UTF-8 at byte 9")
    assert "CSV UTF-8" in message


@pytest.mark.parametrize("before", range(1, 8))
def test_a_character_may_lie_across_two_blocks(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(csv_sheet, "BLOCK", 4)
    good = "a,b,c\n" + "x" * before + "\u20ac\u00e9\U0001f600,2,3\n"
    assert rows(good.encode())[0].cells["b"] == "2"
    [(row, _, message)] = faults(good.encode() + b"4,\xff,6\n")
    assert row == 3
    assert message.startswith(
        f"the file is not UTF-8 at byte {len(good.encode()) + 3}:"
    )
    [(row, _, message)] = faults(good.encode() + b"\xe2\x82")
    assert message.startswith(
        f"the file is not UTF-8 at byte {len(good.encode()) + 1}:"
    )


def test_headings_of_no_journal_get_to_know_what_headings_there_are() -> None:
    [(row, _, message)] = faults(b"\nfoo,bar\n1,2\n")
    assert row == 2
    assert message.endswith("the known journals are: a,b,c; x,y")


def test_every_heading_that_is_unknown_missing_or_twice_is_named() -> None:
    assert [(row, column) for row, column, _ in faults(b"a,b,b,d\n")] == [
        (1, "b"),
        (1, None),
        (1, "c"),
    ]
    assert 'unknown heading "d"; the headings of journal one are a, b, c' in str(
        faults(b"a,b,b,d\n")
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'a,b,c\n1,"2,3\n', "has no closing one; a row that begins on this line runs"),
        (b'a,b,c\n1,"2"2,3\n', 'a quotation mark is written twice ("")'),
        (b"a,b,c\n" + b"1" * 140_000, "a cell holds more than 131,072 characters"),
        (
            b'a,b,c\n1,"' + b"1\n" * 80_000,
            "perhaps a closing quotation mark is missing",
        ),
    ],
)
def test_what_is_no_csv_is_refused_where_it_begins_to_be_none(
    content: bytes, why: str
) -> None:
    [(row, _, message)] = faults(content)
    assert row == 2
    assert message.startswith("the file is not valid CSV: ")
    assert why in message


def test_a_long_wrong_cell_is_shown_cut() -> None:
    assert len(spreadsheet.quoted("x" * 500)) == 42


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    cell = "\x1b[2J\0\u202eK1"
    assert spreadsheet.quoted(cell) == '"\\u001b[2J\\u0000\\u202eK1"'


def test_of_many_wrong_headings_the_first_are_named_and_all_are_counted() -> None:
    with pytest.raises(UnreadableSheet) as caught:
        CsvSheet(BytesIO(b"a,b,c" + b",b" * 50_000 + b",d" * 50_000), LAYOUTS)
    assert caught.value.count == 100_000
    assert len(caught.value.faults) == spreadsheet.MOST


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_whatever_ends_them(end: bytes) -> None:
    [(row, _, message)] = faults(end.join([b"a,b,c", b"1,2,3", b"1,\xe9,3", b""]))
    assert row == 3
    assert "is not UTF-8" in message
