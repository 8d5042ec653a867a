import asyncio
import csv
import io
import json
import os
import re
import signal
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iku.exchange import column_mapping
from iku.ledger import log
from iku.postgres.pool import Plain
from tests.exchange.test_column_mapping import HEADINGS as OWN_HEADINGS
from tests.exchange.test_column_mapping import MAPPING, OPEN, ROW, csv_of
from tests.exchange.workbooks import filled, workbook
from tests.forked import Forker

HEADINGS = (
    "diketahui_pada,nomor,peristiwa,tanggal,kategori,dimensi,judul,"
    "tanggal_kejadian,sumber,wilayah,ke_nomor,cara,keterangan"
)
BROUGHT = 4
DAY = date(2022, 3, 1)
CASE = {
    "diketahui_pada": DAY,
    "nomor": "K1",
    "peristiwa": "dilaporkan",
    "tanggal": DAY,
    "kategori": "sara",
    "dimensi": "agama",
    "judul": "Perselisihan",
}


def size(iku: Any) -> int:
    found: int = iku("status", "--json").json["size"]
    return found


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADINGS, *rows, ""]), encoding="utf-8")
    return path


def report(number: str) -> str:
    return f"2022-03-01,{number},dilaporkan,2022-03-01,sara,agama,Perselisihan,,,,,,"


@pytest.mark.usefixtures("indonesian")
def test_each_file_is_told_of_in_a_sentence(iku: Any, files: dict[str, Path]) -> None:
    said = iku("import", *files.values())
    assert said.code == 0
    assert said.err == ""
    last = "konflik.csv: 49 baris jurnal konflik, 50 dicatat; log kini berisi 146 "
    assert last in said.out.splitlines()[-1]
    again = iku("import", *files.values())
    assert again.code == 0
    assert again.out.count("tidak ada yang baru: semuanya sudah ada dalam") == 3
    assert size(iku) == 146


@pytest.mark.usefixtures("indonesian")
def test_a_longer_file_records_its_new_rows(iku: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", report("K1"))
    iku("import", file)
    write(file, report("K1"), report("K2"))
    assert "1 dicatat, 1 sudah diimpor" in iku("import", file).out
    assert size(iku) == BROUGHT + 2


def test_whom_a_rejection_takes_along_is_told_with_its_row(
    iku: Any, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "a.csv",
        report("K1"),
        report("K2"),
        "2022-03-02,K1,digabung,2022-03-02,,,,,,,K2,,Sama",
        "2022-03-03,K2,ditolak,2022-03-03,,,,,,,,,Bukan konflik",
    )
    said = iku("import", file)
    assert "4 rows of journal konflik, 5 recorded" in said.out
    told = " ".join(said.out.split())
    assert "K1 is merged into this subject (version 2)" in told
    [shown] = iku("import", file, "--json").json["files"]
    assert (shown["repeated"], shown["remarks"]) == (4, [])
    history = " ".join(iku("history", "K2").out.split())
    assert "also no longer counted: K1, merged into this case" in history


@pytest.mark.usefixtures("indonesian")
def test_the_template_is_written_and_imported_when_filled(
    iku: Any, tmp_path: Path
) -> None:
    said = iku("template", "-o", tmp_path / "t.xlsx")
    assert (said.code, said.err) == (0, "")
    empty = (tmp_path / "t.xlsx").read_bytes()
    assert "0 baris" not in iku("import", tmp_path / "t.xlsx").out
    file = tmp_path / "isi.xlsx"
    file.write_bytes(filled(empty, Konflik=[CASE, CASE | {"nomor": "K2"}]))
    said = iku("import", file).out
    assert "2 baris jurnal konflik, organisasi, 2 dicatat" in said
    assert "Lembar yang dibaca: Konflik (konflik), Organisasi (organisasi)" in said
    assert "Lembar yang tidak dibaca: Daftar tersembunyi." in said
    assert size(iku) == BROUGHT + 2


def test_a_mapping_is_kept_and_imports_an_own_register(
    iku: Any, tmp_path: Path
) -> None:
    document = tmp_path / "p.json"
    document.write_bytes(column_mapping.encode(MAPPING))
    kept = iku("mapping", "set", "buku-konflik", document)
    assert (kept.code, kept.err) == (0, "")
    assert iku("mapping", "list").out == "buku-konflik\n"
    assert iku("mapping", "show", "buku-konflik").out == document.read_text()
    book = tmp_path / "buku.xlsx"
    book.write_bytes(workbook(Buku=[OWN_HEADINGS, ROW]))
    said = iku("import", "--mapping", "buku-konflik", book)
    assert (said.code, said.err) == (0, "")
    assert size(iku) == BROUGHT + 3
    as_csv = tmp_path / "buku.csv"
    as_csv.write_bytes(csv_of(ROW, OPEN))
    again = iku("import", "--mapping", "buku-konflik", as_csv, "--json")
    assert (again.code, again.json["files"][0]["repeated"]) == (0, 3)
    assert size(iku) == BROUGHT + 5
    unknown = iku("import", "--mapping", "lain", book)
    assert (unknown.code, "there is no mapping lain" in unknown.err) == (1, True)
    document.write_text("{}")
    assert iku("mapping", "set", "x", document).code == 1


def test_a_fault_of_a_workbook_is_shown_with_its_sheet_and_cell(
    iku: Any, tmp_path: Path
) -> None:
    iku("template", "-o", tmp_path / "t.xlsx")
    file = tmp_path / "isi.xlsx"
    wrong = [CASE, CASE | {"nomor": "K2", "kategori": "cuaca"}]
    file.write_bytes(filled((tmp_path / "t.xlsx").read_bytes(), Konflik=wrong))
    said = iku("import", file)
    assert said.code == 1
    assert re.search(r"^ *Konflik!E3 +kategori +is \"cuaca\"", said.err, re.MULTILINE)
    [shown] = iku("import", file, "--json").json["files"]
    [fault] = shown["faults"]
    assert (fault["sheet"], fault["cell"], fault["row"]) == ("Konflik", "E3", 3)
    assert size(iku) == BROUGHT


@pytest.mark.usefixtures("indonesian")
def test_a_dry_run_says_what_would_be_recorded(
    iku: Any, files: dict[str, Path]
) -> None:
    said = iku("import", files["konflik"], "--dry-run")
    assert said.code == 0
    assert "50 akan dicatat" in said.out
    assert size(iku) == BROUGHT


def test_all_faults_are_shown_and_nothing_is_recorded(iku: Any, tmp_path: Path) -> None:
    file = write(
        tmp_path / "bad.csv",
        report("K1"),
        report("K2").replace("sara", "agama"),
        "",
        "2022-03-01,K1,diselesaikan,1/3/2022,,,,,,,,mediasi,",
        "2022-03-01,K9,diverifikasi,2022-03-01,,,,,,,,,",
    )
    said = iku("import", file)
    assert said.code == 1
    assert said.out == ""
    for row, column, message in (
        ("3", "kategori", 'is "agama", but must be one of ipoleksosbud, sara'),
        ("5", "tanggal", 'is "1/3/2022", but must be a day in the form YYYY-MM-DD'),
        ("6", "nomor", "case K9 does not exist"),
    ):
        [line] = [line for line in said.err.splitlines() if message in line]
        assert line.split()[:2] == [row, column]
    assert said.err.splitlines()[-1] == (
        f"iku: {file} has faults; nothing of it was recorded"
    )
    assert size(iku) == BROUGHT


def test_of_two_files_the_good_one_is_recorded(
    iku: Any, tmp_path: Path, files: dict[str, Path]
) -> None:
    bad = write(tmp_path / "bad.csv", report("K1"), report("K1").replace("sara", ""))
    said = iku("import", bad, files["konflik"], "--json")
    assert said.code == 1
    first, second = said.json["files"]
    assert first["faults"] == [
        {"row": 3, "column": "kategori", "message": "is empty, but a value is required"}
    ]
    assert (first["added"], second["added"], second["faults"]) == (0, 50, [])
    assert size(iku) == BROUGHT + 50


async def test_the_actor_is_recorded(
    iku: Any, files: dict[str, Path], connection: Plain
) -> None:
    assert iku("import", files["target"], "--actor", "u/budi").code == 0
    assert iku("import", files["konflik"]).code == 0
    actors = [r.body().actor async for r in log.read_log(connection)]
    assert actors[BROUGHT : BROUGHT + 4] == ["u/budi"] * 4
    assert {*actors[BROUGHT + 4 :]} == {"lokal"}


@pytest.mark.parametrize("actor", ["", " ", "a\nb", "x" * 501])
def test_an_actor_must_be_a_name(iku: Any, files: dict[str, Path], actor: str) -> None:
    said = iku("import", files["konflik"], "--actor", actor)
    assert said.code == 2
    assert "'--actor'" in said.err


@pytest.mark.usefixtures("indonesian")
def test_an_empty_journal_says_that_it_is_empty(iku: Any, tmp_path: Path) -> None:
    said = iku("import", write(tmp_path / "a.csv"))
    assert (said.code, said.err) == (0, "")
    assert "a.csv: berkas jurnal konflik ini hanya berisi judul kolom" in said.out
    assert "sudah ada" not in said.out
    shown = iku("import", tmp_path / "a.csv", "--json").json["files"][0]
    assert (shown["journal"], shown["rows"], shown["added"]) == ("konflik", 0, 0)


def test_rows_that_are_skipped_are_named(iku: Any, tmp_path: Path) -> None:
    handled = "2022-03-01,K1,ditangani,2022-03-01,,,,,,,,penghentian,"
    verified = "2022-03-01,K1,diverifikasi,2022-03-01,,,,,,,,,"
    rows = [report("K1"), report("K1"), verified, handled, handled, verified]
    said = iku("import", write(tmp_path / "a.csv", *rows))
    assert said.code == 0
    assert "6 rows of journal konflik, 4 recorded, repeated rows skipped: 2" in said.out
    assert re.search(r"^ +3 +identical to row 2$", said.out, re.MULTILINE)
    assert re.search(r"^ +7 +identical to row 4$", said.out, re.MULTILINE)
    again = iku("import", tmp_path / "a.csv", "--json").json["files"][0]
    assert (again["added"], again["repeated"], again["identical"]) == (0, 4, 2)
    assert [one["row"] for one in again["skipped"]] == [3, 7]


def test_of_many_faults_the_first_are_shown_and_all_are_counted(
    iku: Any, tmp_path: Path
) -> None:
    verified = "2022-03-01,K{},diverifikasi,2022-03-01,,,,,,,,,"
    rows = [verified.format(n) for n in range(1_234)]
    said = iku("import", write(tmp_path / "a.csv", *rows))
    assert said.code == 1
    assert said.err.count(" does not exist") == 200
    assert "Problems shown: the first 200 of 1,234." in said.err
    shown = iku("import", tmp_path / "a.csv", "--json").json["files"][0]
    assert (shown["faulted"], len(shown["faults"])) == (1_234, 200)


@pytest.mark.usefixtures("indonesian")
def test_a_journal_may_come_through_a_pipe(iku: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    content = write(tmp_path / "a.csv", report("K1")).read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    said = iku("import", pipe)
    writer.join()
    assert said.code == 0
    assert "1 baris jurnal konflik, 1 dicatat" in said.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfea\x00", "the file is not UTF-8 at byte 1"),
        (b"a,b\n1,2\n", "the headings match no journal"),
        (HEADINGS.encode() + b"\n\x00", "has 1 cells, but the file has 13 headings"),
        (HEADINGS.encode() + b'\n"', "the file is not valid CSV"),
        (HEADINGS.removesuffix("n").encode(), 'unknown heading "keteranga"'),
        (bytes(range(256)), "is not UTF-8"),
    ],
)
def test_no_content_leads_to_more_than_a_fault(
    iku: Any, tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "odd.csv"
    file.write_bytes(content)
    said = iku("import", file)
    assert said.code == 1
    assert message in said.err


def test_a_file_that_cannot_be_read_keeps_the_others_out(
    iku: Any, tmp_path: Path, files: dict[str, Path]
) -> None:
    said = iku("import", files["konflik"], tmp_path / "none.csv")
    assert said.code == 1
    assert said.err == f"iku: {tmp_path / 'none.csv'}: No such file or directory\n"
    assert iku("import", tmp_path).code == 1
    assert size(iku) == BROUGHT


def test_an_import_needs_a_file(iku: Any) -> None:
    said = iku("import")
    assert said.code == 2
    assert "Missing argument 'FILE...'" in said.err


async def test_an_interrupted_import_says_so_and_leaves_nothing(
    iku: Any, forker: Forker, environ: dict[str, str], tmp_path: Path, owner: Plain
) -> None:
    iku("import", write(tmp_path / "a.csv", report("K1")))
    file = write(tmp_path / "many.csv", *[report(f"M{n}") for n in range(50)])
    async with owner.transaction():
        # Its events are written, and it waits to write the states of the cases.
        await owner.execute("lock table projection.state in exclusive mode")
        with forker.start(("import", str(file)), environ) as process:
            while not await owner.fetchval(
                """
                select count(*)
                  from pg_locks
                 where relation = 'ledger.event'::regclass
                   and mode = 'RowExclusiveLock'
                """
            ):
                assert process.poll() is None
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "\niku: interrupted; the unfinished operation was not recorded\n"
    assert size(iku) == BROUGHT + 1


def test_a_formula_that_a_journal_brings_stays_a_text_in_what_is_taken_away(
    iku: Any, tmp_path: Path
) -> None:
    """ASVS 1.2.10: the register keeps the title as it is, and no CSV starts with it."""
    title = "=cmd|' /C calc'!A0"
    row = f'2022-03-01,K1,dilaporkan,2022-03-01,sara,agama,"{title}",,,,,,'
    assert iku("import", write(tmp_path / "a.csv", row)).code == 0
    shown = iku("show", "conflict", "K1", "--json")
    assert json.loads(shown.out)["title"] == title
    for words in (
        ("list", "conflicts"),
        ("list", "conflicts", "--delimiter", "semicolon"),
    ):
        text = iku(*words, "--csv", "--as-of", "2022-12-31").out
        delimiter = ";" if "semicolon" in words else ","
        rows = [
            *csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
        ]
        assert rows[1][1] == f"'{title}"
        assert not any(cell.startswith("=") for row in rows for cell in row)
