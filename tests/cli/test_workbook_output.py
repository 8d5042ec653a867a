"""Every command that prints a table can write it as a workbook."""

import types
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from iku.cli import commands
from iku.exchange import journal_columns
from iku.exchange.workbook_parts import column_letters
from tests.cli.conftest import Type
from tests.exchange.workbooks import cells, table, workbook

pytestmark = pytest.mark.usefixtures("reading")

# Commands that print a table and write no workbook, and why.
WITHOUT = {
    "example": "records the example register",
    "define": "records; the table is the preview before the confirmation",
    "target": "records; the table is the preview before the confirmation",
    "erase": "records; the table is the preview before the confirmation",
}
# A step of a publication is recorded; `publication show` prints the same tables.
STEPS = ("draft", "confirm", "close", "return", "review", "publish", "withdraw")
PRINTS = {"Listing", "table"}  # names by which a table is printed


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, one in group.commands.items():
        named = f"{path} {name}".strip()
        if isinstance(one, click.Group):
            yield from leaves(one, named)
        else:
            yield named, one


def prints_table(function: Callable[..., Any], seen: set[Any]) -> bool:
    """Whether a function of the command line, or one that it names, prints a table."""
    function = getattr(function, "__wrapped__", function)
    if function in seen:
        return False
    seen.add(function)
    names = {*_names(function.__code__)}
    if names & PRINTS:
        return True
    cells = [one.cell_contents for one in function.__closure__ or ()]
    known = [function.__globals__[n] for n in names if n in function.__globals__]
    modules = [one for one in known if isinstance(one, types.ModuleType)]
    known += [getattr(m, n) for m in modules for n in names if hasattr(m, n)]
    return any(
        prints_table(one, seen)
        for one in (*known, *cells)
        if isinstance(one, types.FunctionType) and one.__module__.startswith("iku.cli")
        if one.__module__ != "iku.cli.tables"
    )


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _names(one)


def test_every_command_that_prints_a_table_writes_a_workbook() -> None:
    printing, writing = set(), set()
    for name, one in leaves(commands):
        assert one.callback is not None
        if prints_table(one.callback, set()):
            printing.add(name)
        if any(parameter.name == "xlsx" for parameter in one.params):
            writing.add(name)
    recording = {f"publication {step}" for step in STEPS}
    assert printing - writing == {*WITHOUT} | recording
    assert {"figure", "replay", "history", "difference"} <= printing & writing
    assert len(printing) > 20


@pytest.mark.usefixtures("indonesian")
def test_a_workbook_has_the_values_that_the_command_prints(register: Type) -> None:
    asked = ("figure", "IKU-1", "--as-of", "2021-12-31")
    figure = register(*asked, "--json").json
    rows = rows_of(register, *asked)
    assert rows[0][0] == "iku figure IKU-1 --as-of 2021-12-31"
    assert any("per 31-12-2021" in str(row[0]) for row in rows[:4])
    [counted] = [row for row in rows if row[0] == "IKU-1"]
    assert counted[1:3] == [figure["numerator"], figure["denominator"]]
    assert counted[3] == pytest.approx(float(figure["percentage"]) / 100)
    assert any(figure["number"] in str(row[0]) for row in rows)


def test_a_replay_and_a_history_are_written_with_all_rows(register: Type) -> None:
    asked = ("replay", "IKU-1", "--as-of", "2021-12-31")
    lines = register(*asked, "--json").out.splitlines()
    steps = [row for row in rows_of(register, *asked) if isinstance(row[0], float)]
    assert len(steps) == len(lines)
    events = register("history", "K05", "--json").json
    rows = [r for r in rows_of(register, "history", "K05") if isinstance(r[0], float)]
    assert [row[1] for row in rows] == [one["position"] for one in events]
    assert all(isinstance(row[3], datetime) or row[3].year for row in rows)


def test_an_answer_without_a_table_is_written_as_sentences(register: Type) -> None:
    rows = rows_of(register, "proposal", "list")
    assert any("no proposals" in str(row[0]) for row in rows)


@pytest.mark.usefixtures("indonesian")
def test_the_faults_of_a_file_are_written_by_sheet_row_and_column(
    register: Type, tmp_path: Path
) -> None:
    day = date(2022, 3, 1)
    row = {"diketahui_pada": day, "nomor": "Q1", "peristiwa": "dilaporkan"}
    faulty = row | {"tanggal": day, "kategori": "sara", "dimensi": "=1+1", "judul": "x"}
    headings = journal_columns.headings("konflik")
    book = tmp_path / "buku.xlsx"
    book.write_bytes(workbook(Konflik=table(headings, *[faulty] * 201)))
    said = register("import", book, "--dry-run", "--xlsx")
    assert said.code == 1
    assert "buku.xlsx" in said.err
    rows = cells(said.out.encode(errors="surrogateescape"))
    found = [row for row in rows if row[0] == "Konflik"]
    column = column_letters(headings.index("dimensi"))
    assert [row[:4] for row in found] == [
        ["Konflik", float(n), f"{column}{n}", "dimensi"] for n in range(2, 203)
    ]
    assert all("=1+1" in row[4] for row in found)
    refused = register("import", tmp_path / "tidak-ada.xlsx", "--xlsx")
    assert refused.code != 0
    assert refused.out == ""


def test_the_outcome_of_an_import_is_written(register: Type, tmp_path: Path) -> None:
    file = tmp_path / "konflik.csv"
    file.write_text(",".join(journal_columns.headings("konflik")) + "\n")
    rows = rows_of(register, "import", str(file), "--dry-run")
    assert any("has headings but no rows" in str(row[0]) for row in rows)


def test_a_workbook_excludes_json(register: Type) -> None:
    said = register("figure", "--xlsx", "--json")
    assert said.code == 2
    assert "--xlsx and --json exclude each other" in said.err


def rows_of(register: Type, *asked: str) -> list[list[Any]]:
    """The rows of the first sheet of a workbook that a command writes."""
    said = register(*asked, "--xlsx")
    assert said.code == 0, said.err
    found = cells(said.out.encode(errors="surrogateescape"))
    return [row for row in found if any(cell != "" for cell in row)]
