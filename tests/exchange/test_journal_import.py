import asyncio
import csv
import io
import os
import random
from datetime import date
from typing import Any

import pytest

from iku import streams
from iku.app import App
from iku.commands.command import Command
from iku.domain import conflict
from iku.domain.question import Question
from iku.exchange import example, journal_import
from iku.exchange.journal_import import Importer
from iku.exchange.spreadsheet import MOST
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Connection, VersionConflict
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.projections import number_index, parallel_fold
from iku.projections.rebuild import rebuild
from iku.queries import recount
from tests.domain.register import FIGURES
from tests.samples import examples

BROUGHT = 4  # events that the program brings along: three definitions and a scale

REOPENED = (
    "the case has been open since 2022-03-01, so it cannot be reopened on 2022-03-01"
)


async def size(connection: Plain) -> int:
    return (await log.head(connection)).size


def said(report: Any) -> list[tuple[int, str | None, str]]:
    return [(fault.row, fault.column, fault.message) for fault in report.faults]


async def live(app: App, connection: Connection, number: str, event: Any) -> Any:
    command = Command("conflict", number, event, "u/live")
    return await app.commands.handle(connection, command)


@pytest.mark.usefixtures("register")
async def test_the_register_comes_out_as_it_was_counted_by_hand(
    app: App, connection: Plain, today: date
) -> None:
    for code, as_of, known_on, numerator, denominator, percentage, achieved in FIGURES:
        as_of_day, known_day = map(date.fromisoformat, (as_of, known_on))
        question = Question(code, as_of_day, known_day)
        [figure] = await app.figures.answer(connection, [question], today)
        assert (figure.numerator, figure.denominator) == (numerator, denominator)
        assert str(figure.percentage) == str(percentage)
        assert str(figure.achievement) == str(achieved)
        assert await recount.recount(connection, question, today) == figure


async def test_events_stand_in_the_order_of_the_file_and_their_day_is_declared(
    bring: Any, connection: Plain
) -> None:
    await bring(example.read_journals()["konflik.csv"])
    recorded = [r async for r in log.read_log(connection, after=BROUGHT)]
    lines = example.read_journals()["konflik.csv"].decode().splitlines()[1:]
    rows = [
        r for r in recorded if r.type != "absorbed"
    ]  # recorded in the survivor of a merger
    assert len(rows) == len(recorded) - 1
    assert [(str(r.known_on), r.subject) for r in rows] == [
        tuple(line.split(",")[:2]) for line in lines
    ]
    assert all(r.declared and r.body().actor == "u/siti" for r in recorded)


@pytest.mark.usefixtures("register")
async def test_the_same_file_twice_changes_nothing_and_says_so(
    bring: Any, connection: Plain
) -> None:
    before = await size(connection)
    for content in example.read_journals().values():
        report = await bring(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
        assert (report.added, report.repeated) == (0, report.rows)
        assert report.size == before == await size(connection)


async def test_a_longer_file_adds_only_what_is_new(
    bring: Any, make: Any, connection: Plain
) -> None:
    rows = [make.report("K1"), make.row("K1", "diverifikasi")]
    assert (await bring(make("konflik", *rows))).added == 2
    rows += [make.row("K1", "diselesaikan", cara="islah"), make.report("K2")]
    report = await bring(make("konflik", *rows))
    assert (report.added, report.repeated, report.size) == (2, 2, BROUGHT + 4)
    rows.insert(0, make.report("K0"))
    assert (await bring(make("konflik", *rows))).added == 1


async def test_a_row_that_was_entered_live_before_stands(
    bring: Any, make: Any, app: App, connection: Plain, today: date
) -> None:
    day = today.isoformat()
    await bring(make("konflik", make.report("K1", day)))
    await live(app, connection, "K1", conflict.Verified(effective_on=today))
    report = await bring(make("konflik", make.row("K1", "diverifikasi", day)))
    assert (report.added, report.standing) == (0, 1)


def skipped(report: Any) -> list[tuple[int, str]]:
    return [(one.row, one.message) for one in report.skipped]


async def test_identical_rows_of_handling_and_referral_are_as_many_facts(
    bring: Any, make: Any, connection: Plain
) -> None:
    rows = [
        make.report("K1"),
        make.row("K1", "diverifikasi"),
        *[make.row("K1", "ditangani", cara="penghentian")] * 3,
        *[make.row("K1", "dilimpahkan", keterangan="Polres")] * 2,
    ]
    report = await bring(make("konflik", *rows))
    assert (report.added, report.identical, report.skipped) == (7, 0, ())
    types = [r.type async for r in log.read_log(connection, after=BROUGHT)]
    assert types[2:] == ["handled"] * 3 + ["referred"] * 2
    # A row inserted above changes no command id; a further equal row is a new fact.
    more = [make.report("K0"), *rows, rows[-1]]
    again = await bring(make("konflik", *more))
    assert (again.added, again.repeated, again.identical) == (2, 7, 0)
    last = await bring(make("konflik", *reversed(more)))
    assert (last.added, last.repeated) == (0, 9)


async def test_any_other_identical_row_is_skipped_and_named(
    bring: Any, make: Any
) -> None:
    rows = [
        *[make.report("K1")] * 2,
        *[make.row("K1", "diverifikasi")] * 2,
        make.row("K1", "diselesaikan", cara="islah"),
        make.row("K1", "diselesaikan", cara="islah"),
    ]
    same = [(3, "identical to row 2"), (5, "identical to row 4")]
    report = await bring(make("konflik", *rows))
    assert (report.rows, report.added, report.identical) == (6, 3, 3)
    assert skipped(report) == [*same, (7, "identical to row 6")]
    again = await bring(make("konflik", *rows))
    assert (again.added, again.repeated, again.identical) == (0, 3, 3)
    assert skipped(again) == skipped(report)


async def test_an_identical_row_that_changes_the_state_once_more_is_recorded(
    bring: Any, make: Any
) -> None:
    closing = make.row("K1", "diselesaikan", cara="islah")
    opening = make.row("K1", "dibuka_kembali")
    rows = [make.report("K1"), make.row("K1", "diverifikasi")]
    rows += [closing, opening, closing, opening]
    report = await bring(make("konflik", *rows))
    assert (report.added, report.identical) == (6, 0)
    again = await bring(make("konflik", *rows))
    assert (again.added, again.repeated) == (0, 6)


async def test_an_identical_row_that_was_skipped_is_not_recorded_by_a_later_import(
    bring: Any, make: Any, app: App, connection: Plain, today: date
) -> None:
    day = today.isoformat()
    closing = make.row("K1", "diselesaikan", day, cara="islah")
    rows = [make.report("K1", day), make.row("K1", "diverifikasi", day)]
    rows += [closing, closing]
    assert (await bring(make("konflik", *rows))).added == 3
    await live(app, connection, "K1", conflict.Reopened(effective_on=today))
    again = await bring(make("konflik", *rows))
    assert (again.added, again.repeated, again.identical) == (0, 3, 1)
    assert skipped(again) == [(5, "identical to row 4")]


async def test_a_row_that_the_register_holds_is_named_with_the_version_that_holds_it(
    bring: Any, make: Any, app: App, connection: Plain, today: date
) -> None:
    day = today.isoformat()
    await bring(make("konflik", make.report("K1", day)))
    await live(app, connection, "K1", conflict.Verified(effective_on=today))
    report = await bring(make("konflik", make.row("K1", "diverifikasi", day)))
    message = f"verified on {day} is already recorded, at version 2"
    assert skipped(report) == [(2, message)]


async def test_of_many_faults_the_first_are_told_and_all_are_counted(
    bring: Any, make: Any
) -> None:
    rows = [make.row(f"K{n}", "diverifikasi") for n in range(MOST + 50)]
    late = make.row("K240", "diselesaikan", cara="islah")  # its subject is ambiguous
    for dry_run in (True, False):
        report = await bring(make("konflik", *rows, late), dry_run=dry_run)
        assert report.faulted == MOST + 50
        assert [fault.row for fault in report.faults] == list(range(2, MOST + 2))


async def test_of_many_skipped_rows_the_first_are_named_and_all_are_counted(
    bring: Any, make: Any
) -> None:
    report = await bring(make("konflik", *[make.report("K1")] * (MOST + 51)))
    assert (report.added, report.identical) == (1, MOST + 50)
    assert [one.row for one in report.skipped] == list(range(3, MOST + 3))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_a_journal_of_headings_only_has_no_rows_and_no_faults(
    bring: Any, make: Any, end: str
) -> None:
    report = await bring(make("konflik", end=end))
    assert (report.journal, report.rows, report.faults) == ("konflik", 0, ())


async def test_a_file_that_is_spoilt_while_it_is_read_is_refused_as_changed(
    importer: Importer, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO(make("konflik", *[make.report(f"K{n}") for n in range(9)]))
    before = importer._previous_import

    async def spoil(*given: Any) -> Any:
        found = await before(*given)
        length = len(file.getvalue())
        file.seek(length // 2)
        file.write(b"\xff" * (length - length // 2))
        return found

    monkeypatch.setattr(importer, "_previous_import", spoil)
    report = await importer.run(file)
    [(_, _, message)] = said(report)
    assert message == "the file was modified during the import; import it again"
    assert report.added == 0


async def test_a_row_that_stood_does_not_come_up_again_once_it_was_taken_back(
    bring: Any, make: Any, app: App, connection: Plain, today: date
) -> None:
    day = today.isoformat()
    await bring(make("konflik", make.report("K1", day)))
    await live(app, connection, "K1", conflict.Verified(effective_on=today))
    both = make(
        "konflik",
        make.row("K1", "diverifikasi", day),
        make.row("K1", "verifikasi_dibatalkan", day, keterangan="keliru"),
    )
    first = await bring(both)
    assert (first.added, first.standing) == (1, 1)
    again = await bring(both)
    assert (again.added, again.standing, again.repeated) == (0, 1, 1)


async def test_a_dry_run_does_all_but_record(
    bring: Any, make: Any, connection: Plain
) -> None:
    good = make("konflik", make.report("K1"), make.row("K1", "diverifikasi"))
    report = await bring(good, dry_run=True)
    assert (report.added, report.size) == (2, BROUGHT)
    bad = await bring(make("konflik", make.row("K9", "diverifikasi")), dry_run=True)
    assert bad.faults
    assert await size(connection) == BROUGHT


async def test_in_a_dry_run_a_file_may_go_on_where_an_earlier_one_ended(
    bring: Any, make: Any, connection: Plain
) -> None:
    await bring(make("konflik", make.report("K1")), dry_run=True)
    more = make("konflik", make.row("K1", "diverifikasi"))
    assert (await bring(more, dry_run=True)).added == 1
    assert (await bring(more, dry_run=True)).repeated == 1
    assert (await bring(more)).faults, "a dry run leaves nothing behind"
    assert await size(connection) == BROUGHT


async def test_one_fault_keeps_the_whole_file_out(
    bring: Any, make: Any, connection: Plain
) -> None:
    rows = [make.report(f"K{n}") for n in range(50)]
    report = await bring(make("konflik", *rows, make.row("K1", "dibuka_kembali")))
    assert said(report) == [
        (
            52,
            "peristiwa",
            REOPENED,
        )
    ]
    assert report.added == 0
    assert await size(connection) == BROUGHT


async def test_a_cell_with_characters_that_hide_or_reorder_text_is_a_fault(
    bring: Any, make: Any
) -> None:
    rows = [make.report("K1"), make.report("K2", judul="Pasar\u202e Kliwon")]
    assert said(await bring(make("konflik", *rows))) == [
        (
            3,
            "judul",
            (
                "contains U+202E (RIGHT-TO-LEFT OVERRIDE) at character 6, but "
                "characters "
                "that hide or reorder text are not allowed"
            ),
        )
    ]


async def test_a_fault_of_the_rules_is_told_with_its_row_and_column(
    bring: Any, make: Any
) -> None:
    await bring(make("konflik", make.report("K1"), make.report("K2")))
    rows = [
        make.report("K1", "2022-03-02"),
        make.report("K3", dimensi="sosial"),
        make.row("K4", "diverifikasi"),
        make.row("K2", "digabung", ke_nomor="K5", keterangan="n"),
    ]
    assert said(await bring(make("konflik", *rows))) == [
        (
            2,
            "nomor",
            (
                "this number is already used by the case reported on 2022-03-01, so "
                "no case can be reported under it on 2022-03-02"
            ),
        ),
        (
            3,
            "dimensi",
            (
                "is sosial, but for category sara it must be one of suku, agama, ras, "
                "antargolongan"
            ),
        ),
        (4, "nomor", "case K4 does not exist"),
        (5, "ke_nomor", "K5 does not exist, so nothing can be merged into K5"),
    ]


async def test_knowledge_does_not_go_back_within_a_stream(
    bring: Any, make: Any
) -> None:
    rows = [
        make.report("K1", known="2022-03-05"),
        make.row("K1", "diverifikasi", "2022-03-01", known="2022-03-04"),
    ]
    [(row, column, message)] = said(await bring(make("konflik", *rows)))
    assert (row, column) == (3, "diketahui_pada")
    assert "is 2022-03-04, but K1 already has an event known on 2022-03-05" in message


async def test_a_target_older_than_its_indicator_is_refused_with_both_days(
    bring: Any,
) -> None:
    content = (
        b"indikator,tahun,target,berlaku_mulai,dasar\nIKU-1,2020,80,2020-01-01,PK\n"
    )
    [(row, column, message)] = said(await bring(content))
    assert (row, column) == (2, "berlaku_mulai")
    assert (
        "is 2020-01-01, but IKU-1 already has an event known on 2021-01-01" in message
    )


@pytest.mark.parametrize("opening", [{"kategori": "x"}, {"dimensi": "sosial"}, None])
async def test_a_faulty_opening_is_said_once_not_with_each_row_that_follows(
    bring: Any, make: Any, opening: dict[str, str] | None
) -> None:
    first = [] if opening is None else [{**make.report("K1"), **opening}]
    later = [
        make.row("K1", "diverifikasi"),
        make.row("K1", "ditangani", cara="pemulihan"),
    ]
    other = [
        make.report("K2"),
        make.row("K2", "digabung", ke_nomor="K1", keterangan="n"),
    ]
    report = await bring(make("konflik", *first, *later, *other))
    [(row, _, message)] = said(report)
    assert row == 2
    unjudged = 2 if opening is None else 3
    assert message.endswith(
        f"({unjudged} later rows about K1 were therefore not checked)"
    )


async def test_a_row_of_a_wrong_width_does_not_fault_those_that_follow(
    bring: Any, make: Any
) -> None:
    content = make("konflik", make.report("K1"), make.row("K1", "diverifikasi"))
    broken = content.replace(b"Perselisihan", b"Perselisihan, lagi")
    assert [(row, column) for row, column, _ in said(await bring(broken))] == [
        (2, None)
    ]


async def test_wrong_cells_are_told_even_on_rows_that_are_not_judged(
    bring: Any, make: Any
) -> None:
    rows = [make.report("K1", kategori="x"), make.row("K1", "diselesaikan", cara="y")]
    assert [row for row, _, _ in said(await bring(make("konflik", *rows)))] == [2, 3]


async def test_a_file_of_another_kind_is_refused_as_a_whole(bring: Any) -> None:
    report = await bring(b"foo,bar\n1,2\n")
    assert (report.journal, report.rows) == (None, 0)
    assert len(report.faults) == 1


async def test_corrections_and_annulments_find_the_fact_by_its_day(
    bring: Any, make: Any, importer: Importer, connection: Plain
) -> None:
    rows = [
        make.report("K1", "2022-03-01"),
        make.row("K1", "diselesaikan", "2022-03-02", cara="islah"),
        make.row("K1", "dibuka_kembali", "2022-03-03"),
        make.row("K1", "diselesaikan", "2022-03-04", cara="islah"),
        make.row(
            "K1", "penutupan_dikoreksi", "2022-03-02", cara="mediasi", keterangan="n"
        ),
        make.row("K1", "penutupan_dibatalkan", "2022-03-04", keterangan="n"),
        make.row("K1", "laporan_dikoreksi", "2022-03-01", judul="Lain", keterangan="n"),
        make.row("K1", "pembukaan_dibatalkan", "2022-03-03", keterangan="n"),
    ]
    rows = [{**row, "diketahui_pada": "2022-03-09"} for row in rows]
    assert (await bring(make("konflik", *rows))).added == 8
    found = await streams.read(connection, importer.commands.vault, ["conflict-K1"])
    case = found["conflict-K1"].state
    assert case.report.title == "Lain"
    assert [(c.effective_on.day, c.manner) for c in case.closings] == [(2, "mediasi")]
    assert case.reopenings == []


async def test_a_dash_clears_what_the_corrected_fact_states_in_its_column(
    bring: Any, make: Any, importer: Importer, connection: Plain
) -> None:
    what, why = "laporan_dikoreksi", "Salah tulis"
    first = make.report("K1", sumber="polres", tanggal_kejadian="2022-02-01")
    cleared = make.row("K1", what, sumber="-", judul="Lain", keterangan=why)
    assert (await bring(make("konflik", first, cleared))).added == 2
    found = await streams.read(connection, importer.commands.vault, ["conflict-K1"])
    reported = found["conflict-K1"].state.report
    assert (reported.source, reported.title) == (None, "Lain")
    assert reported.occurred_on is not None
    wrong = [
        make.row("K1", what, wilayah="-", keterangan=why),
        make.report("K2"),
        make.row("K2", what, judul="-", keterangan=why),
        make.report("K3", sumber="-"),
    ]
    faults = said(await bring(make("konflik", *wrong)))
    assert [fault[:2] for fault in faults] == [
        (2, "wilayah"),
        (4, "judul"),
        (5, "sumber"),
    ]
    assert faults[0][2] == "is cleared, but it has no value in version 1, reported"
    assert faults[1][2] == "is cleared, but it is required in version 1, reported"


async def test_a_certificate_becomes_a_legal_entity_by_one_row(
    bring: Any, make: Any, importer: Importer, connection: Plain
) -> None:
    rows = [
        make.row(
            "O1",
            "didaftar",
            jenis="lsm",
            nama="LSM Contoh",
            dasar_hukum="skt",
            berlaku_sampai="2023-01-01",
        ),
        make.row(
            "O1",
            "pendaftaran_dikoreksi",
            dasar_hukum="badan_hukum",
            berlaku_sampai="-",
            keterangan="Ternyata berbadan hukum",
        ),
    ]
    assert (await bring(make("organisasi", *rows))).faults == ()
    found = await streams.read(connection, importer.commands.vault, ["organisation-O1"])
    registered = found["organisation-O1"].state.registration
    assert (registered.legal_basis, registered.valid_until) == ("badan_hukum", None)


async def test_a_correction_of_a_fact_that_is_not_there_names_those_that_are(
    bring: Any, make: Any
) -> None:
    rows = [
        make.report("K1", "2022-03-01"),
        make.row("K1", "diselesaikan", "2022-03-02", cara="islah"),
        make.row("K1", "penutupan_dibatalkan", "2022-03-03", keterangan="n"),
    ]
    [(row, column, message)] = said(await bring(make("konflik", *rows)))
    assert (row, column) == (4, "tanggal")
    assert message.endswith("on 2022-03-02")


async def test_an_annulment_that_stands_already_adds_nothing(
    bring: Any, make: Any
) -> None:
    rows = [
        make.report("K1", "2022-03-01"),
        make.row("K1", "diverifikasi", "2022-03-02"),
        make.row("K1", "verifikasi_dibatalkan", "2022-03-02", keterangan="n"),
        make.row("K1", "verifikasi_dibatalkan", "2022-03-02", keterangan="lagi"),
    ]
    report = await bring(make("konflik", *rows))
    assert (report.added, report.standing) == (3, 1)


async def test_participations_are_corrected_and_annulled_by_their_reference(
    bring: Any, make: Any, importer: Importer, connection: Plain
) -> None:
    took_part = {"kegiatan": "musrenbang", "terverifikasi": "ya"}
    rows = [
        make.registration("O1"),
        make.row("O1", "berpartisipasi", rujukan="P1", **took_part),
        make.row("O1", "berpartisipasi", rujukan="P2", **took_part),
        make.row(
            "O1",
            "partisipasi_dikoreksi",
            rujukan="P1",
            terverifikasi="tidak",
            keterangan="n",
        ),
        make.row("O1", "partisipasi_diverifikasi", rujukan="P1"),
        make.row("O1", "verifikasi_dibatalkan", rujukan="P1", keterangan="n"),
        make.row("O1", "partisipasi_dibatalkan", rujukan="P2", keterangan="n"),
    ]
    assert (await bring(make("organisasi", *rows))).faults == ()
    vault = importer.commands.vault
    found = await streams.read(connection, vault, ["organisation-O1"])
    participations = found["organisation-O1"].state.participations
    assert [(p.reference, p.verified) for p in participations] == [("P1", False)]


async def test_a_number_with_a_slash_names_the_same_case_as_in_the_api(
    bring: Any, make: Any, connection: Plain
) -> None:
    await bring(make("konflik", make.report("K/1/2022")))
    assert (await log.read_stream(connection, "conflict-K~1~2022"))[0].version == 1


async def test_progress_counts_each_row_once(
    importer: Importer, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_import, "CHUNK", 3)
    told: list[tuple[int, int]] = []
    content = make("konflik", *[make.report(f"K{n}") for n in range(10)])
    await importer.run(content, lambda done, total: told.append((done, total)))
    assert told == [(3, 10), (6, 10), (9, 10), (10, 10)]
    told.clear()
    await importer.run(content, lambda done, total: told.append((done, total)))
    assert told == [(3, 10), (6, 10), (9, 10), (10, 10)]


@pytest.mark.parametrize("processes", [False, True])
async def test_what_is_projected_chunk_by_chunk_is_what_a_rebuild_makes(
    bring: Any, app: App, monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    monkeypatch.setattr(journal_import, "CHUNK", 7)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(parallel_fold, "FEW", 0 if processes else 10_000)
    for content in example.read_journals().values():
        assert (await bring(content)).faults == ()
    owner = await pools.connect_as_owner(app.database.owner_dsn)
    assert await rebuild(owner, lambda *_: None) == []
    await owner.close()


async def test_rows_are_looked_up_only_once_something_was_imported(
    bring: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded, asked = log.recorded_commands, []

    async def spy(connection: Any, ids: Any) -> Any:
        asked.append(len(ids))
        return await recorded(connection, ids)

    monkeypatch.setattr(log, "recorded_commands", spy)
    content = make("konflik", *[make.report(f"K{n}") for n in range(5)])
    assert ((await bring(content)).added, asked) == (5, [])
    again = await bring(content)
    assert (again.added, again.repeated, asked) == (0, 5, [5])


async def test_a_file_of_many_chunks_is_recorded_in_one_transaction(
    bring: Any, make: Any, connection: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_import, "CHUNK", 3)
    await bring(make("konflik", *[make.report(f"K{n}") for n in range(20)]))
    assert await size(connection) == BROUGHT + 20
    assert len(await connection.fetch("select distinct xmin from ledger.event")) <= 5


async def test_subjects_that_have_no_room_in_memory_are_not_forgotten(
    bring: Any,
    make: Any,
    connection: Plain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_import, "CHUNK", 3)
    monkeypatch.setattr(journal_import, "ROOM", 3)
    numbers = [f"K{n}" for n in range(20)]
    renumbered = {"ke_nomor": "K51", "keterangan": "Salah tulis"}
    rows = [make.report("K50"), make.row("K50", "nomor_dikoreksi", **renumbered)]
    rows += [make.report(number) for number in numbers]
    for event in ("diverifikasi", "diselesaikan", "dibuka_kembali"):
        cells = {"cara": "islah"} if event == "diselesaikan" else {}
        rows += [make.row(number, event, **cells) for number in numbers]
    rows.append(make.row("K51", "diverifikasi"))
    twice = make.row("K7", "dibuka_kembali", keterangan="lagi")
    faulty = make("konflik", *rows, twice)
    sentence = REOPENED
    for dry_run in (True, False):
        report = await bring(faulty, dry_run=dry_run)
        assert said(report) == [(85, "peristiwa", sentence)]
    assert await size(connection) == BROUGHT
    good = make("konflik", *rows)
    assert (await bring(good, dry_run=True)).added == 83
    assert (await bring(faulty, dry_run=True)).faults
    assert (await bring(good, dry_run=True)).repeated == 83
    assert (await bring(good)).added == 83


async def test_a_fault_undoes_what_was_recorded_and_all_others_are_told(
    bring: Any, make: Any, connection: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_import, "CHUNK", 3)
    rows = [make.report(f"K{n}") for n in range(20)]
    rows[10] = make.report("K3", tanggal="kemarin")
    rows[19] = make.row("K9", "dibuka_kembali")
    report = await bring(make("konflik", *rows))
    assert [fault.row for fault in report.faults] == [12, 21]
    assert await size(connection) == BROUGHT
    assert not await connection.fetch("select from projection.state")


async def test_rows_that_others_imported_meanwhile_are_not_at_fault(
    importer: Importer,
    make: Any,
    app: App,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    what, why = "laporan_dikoreksi", "Salah tulis"
    corrected = [
        make.report("K1"),
        make.row("K1", what, judul="Satu", known="2022-03-05", keterangan=why),
        make.row("K1", what, judul="Dua", known="2022-03-06", keterangan=why),
    ]
    content, before = make("konflik", *corrected), Importer._previous_import
    calls = 0

    async def overtaken(self: Importer, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        found = await before(self, *arguments)
        if calls == 1:
            async with app.pool.acquire() as other:
                twin = Importer(other, app.commands, "u/twin")
                assert (await twin.run(content)).added == 3
        return found

    monkeypatch.setattr(Importer, "_previous_import", overtaken)
    report = await importer.run(content)
    assert (report.faults, report.added, report.repeated) == ((), 0, 3)
    assert calls == 3


async def test_an_import_that_fails_half_way_leaves_nothing(
    importer: Importer, make: Any, connection: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_import, "CHUNK", 3)
    record, calls = importer._record, 0

    async def fail(*arguments: Any, **named: Any) -> bool:
        nonlocal calls
        calls += 1
        found = await record(*arguments, **named)
        if calls == 3:
            raise RuntimeError("power cut")
        return found

    monkeypatch.setattr(importer, "_record", fail)
    with pytest.raises(RuntimeError):
        await importer.run(make("konflik", *[make.report(f"K{n}") for n in range(20)]))
    assert await size(connection) == BROUGHT
    assert await check_ledger(connection) == []


async def test_after_a_version_conflict_all_rows_are_decided_again(
    importer: Importer, make: Any, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = app.commands.today()
    day = today.isoformat()
    await importer.run(make("konflik", make.report("K1", day)))
    record, calls = importer._record, 0

    async def slow(*arguments: Any, **named: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            async with app.pool.acquire() as other:
                await live(app, other, "K1", conflict.Verified(effective_on=today))
        return await record(*arguments, **named)

    monkeypatch.setattr(importer, "_record", slow)
    closing = make.row("K1", "diselesaikan", day, cara="islah")
    assert (await importer.run(make("konflik", closing))).added == 1
    assert calls == 2
    assert await check_ledger(importer.connection) == []


async def test_others_that_are_always_faster_win_in_the_end(
    importer: Importer, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def beaten(*_: Any, **__: Any) -> None:
        nonlocal calls
        calls += 1
        raise VersionConflict("conflict-K1", 1, 2)

    monkeypatch.setattr(importer, "_record", beaten)
    with pytest.raises(VersionConflict):
        await importer.run(make("konflik", make.report("K1")))
    assert calls == 5


async def test_the_same_file_from_two_at_once_is_recorded_once(
    app: App, database: Database, connection: Plain, make: Any
) -> None:
    content = make("konflik", *[make.report(f"K{n}") for n in range(300)])

    async def one() -> Any:
        own = await pools.connect(database.application_dsn)
        try:
            return await Importer(own, app.commands, "u").run(content)
        finally:
            await own.close()

    reports = await asyncio.gather(one(), one(), one())
    assert sorted((r.added, r.repeated) for r in reports) == [(0, 300)] * 2 + [(300, 0)]
    assert await size(connection) == BROUGHT + 300
    assert await check_ledger(connection) == []


async def test_the_office_goes_on_working_while_a_file_is_imported(
    importer: Importer, app: App, connection: Plain, make: Any, today: date
) -> None:
    day, chance = today.isoformat(), random.Random(4)
    content = make("konflik", *[make.report(f"K{n}", day) for n in range(1_500)])

    async def enter(number: int) -> None:
        await asyncio.sleep(chance.random())
        event = conflict.Reported(
            category=conflict.Category.SARA,
            dimension=conflict.Dimension.RAS,
            title="Live",
            effective_on=today,
        )
        async with app.pool.acquire() as own:
            await live(app, own, f"L{number}", event)

    running = asyncio.create_task(importer.run(content))
    await asyncio.gather(*map(enter, range(40)))
    assert (await running).added == 1_500
    assert await size(connection) == BROUGHT + 1_540
    assert await check_ledger(connection) == []
    question = Question("IKU-3", today, breakdown="part")
    [figure] = await app.figures.answer(connection, [question], today)
    assert figure == await recount.recount(connection, question, today)


ODD = [
    *("", "x", "-", "2021-02-30", "9999-12-31", "0001-01-01", "2021-03-05", "ya"),
    *("K01", "O01", "K99", "sara", "agama", "mediasi", "=1+1", "\u0958" * 300, "\x00"),
    *("x" * 5000, "1e9", "IKU-1", "\u202e", "a\nb", "penutupan_dibatalkan", "digabung"),
    *("direklasifikasi", "partisipasi_dikoreksi", "1" * 80, "pendaftaran_dikoreksi"),
]


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """The file with a few changed cells, rows or bytes."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(chance.randint(1, 6)):
        row = chance.choice(rows[1:])
        row[chance.randrange(len(row))] = chance.choice(ODD)
    if chance.random() < 0.3:
        rows.insert(
            chance.randrange(1, len(rows)), chance.choice(rows)[: chance.randint(0, 14)]
        )
    if chance.random() < 0.3:
        rows.pop(chance.randrange(1, len(rows)))
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    written = bytearray(out.getvalue().encode())
    if chance.random() < 0.1:
        written[chance.randrange(len(written))] = chance.randrange(256)
    return bytes(written)


@pytest.mark.usefixtures("register")
@pytest.mark.parametrize("seed", range(2))
async def test_no_spoilt_file_does_more_than_be_refused(
    app: App, connection: Plain, seed: int
) -> None:
    chance, before = random.Random(seed), await size(connection)
    for _ in range(examples(60, 20)):
        importer = Importer(connection, app.commands, "u", dry_run=True)
        content = chance.choice([*example.read_journals().values()])
        report = await importer.run(spoilt(content, chance))
        assert bool(report.faults) <= (report.added == 0)
        assert all(fault.row >= 1 and fault.message for fault in report.faults)
    assert await size(connection) == before


async def test_a_file_that_a_dry_run_finds_good_can_be_recorded(
    bring: Any, app: App, connection: Plain
) -> None:
    chance, good = random.Random(0), 0
    for _ in range(examples(120, 40)):
        content = spoilt(chance.choice([*example.read_journals().values()]), chance)
        if (await bring(content, dry_run=True)).faults:
            continue
        good += 1
        assert (await bring(content)).faults == ()
        again = await bring(content)
        assert (again.added, again.faults) == (0, ())
    assert good
    today = app.commands.today()
    for code in ("IKU-1", "IKU-2", "IKU-3"):
        question = Question(code, date(2021, 12, 31), breakdown="district")
        [figure] = await app.figures.answer(connection, [question], today)
        assert figure == await recount.recount(connection, question, today)


# Rows name their subjects by number.


async def numbers_of(connection: Connection) -> dict[str, str]:
    """The number of each case in today's list, by identifier."""
    rows = await connection.fetch(
        "select subject, folded from number where category = 'conflict' and held"
    )
    return {row["subject"]: row["folded"] for row in rows}


async def test_a_number_corrected_in_a_file_is_another_cases_further_down(
    bring: Any, make: Any, app: App, connection: Plain
) -> None:
    rows = [
        make.report("K14", judul="Satu"),
        make.row("k14", "diverifikasi"),
        make.row("K14", "nomor_dikoreksi", ke_nomor="K15", keterangan="Salah tulis"),
        make.row("K15", "diselesaikan", cara="islah"),
        make.report("K14", judul="Dua"),
        make.row("K14", "diverifikasi"),
        make.report("K16", judul="Tiga"),
        make.row("K16", "digabung", ke_nomor="k14", keterangan="Sama"),
    ]
    for dry in (True, False):
        report = await bring(make("konflik", *rows), dry_run=dry)
        assert said(report) == []
        assert report.added == 9  # a merger is recorded in both cases
    assert await numbers_of(connection) == {
        "K14": "k15",
        "K14.2": "k14",
        "K16": "k16",
    }
    named = ["conflict-K14", "conflict-K14.2", "conflict-K16"]
    found = await streams.read(connection, app.vault, named)
    assert [found[stream].version for stream in named] == [4, 3, 2]
    assert found["conflict-K16"].state.exclusion_status == "merged into K14.2"
    again = await bring(make("konflik", *rows))
    assert (again.added, again.repeated) == (0, 8)


async def test_a_merger_in_a_file_is_recorded_in_both_streams_and_undone_in_both(
    bring: Any, make: Any, app: App, connection: Plain
) -> None:
    musrenbang = {"kegiatan": "musrenbang", "terverifikasi": "ya"}
    kept = [
        make.registration("O1"),
        make.registration("O2"),
        make.row("O1", "berpartisipasi", "2022-03-02", rujukan="P1", **musrenbang),
        make.row("O1", "berpartisipasi", "2022-03-03", rujukan="P2", **musrenbang),
        make.row("O2", "berpartisipasi", "2022-03-03", rujukan="P9", **musrenbang),
        make.row("O1", "digabung", "2022-03-04", rujukan="O2", keterangan="Sama"),
    ]
    for dry in (True, False):
        report = await bring(make("organisasi", *kept), dry_run=dry)
        assert said(report) == []
        assert report.added == 8
        assert [(one.row, one.message) for one in report.remarks] == [
            (
                7,
                (
                    "participation P2 is not taken over: O2 already took part in "
                    "musrenbang on 2022-03-03"
                ),
            )
        ]
    named = ["organisation-O1", "organisation-O2"]
    found = await streams.read(connection, app.vault, named)
    assert found["organisation-O1"].state.exclusion_status == "merged into O2"
    taken = found["organisation-O2"].state.participations
    assert [one.reference for one in taken] == ["P1", "P9"]
    # In another file, whose rows do not name the survivor.
    undo = make.row("O1", "penggabungan_dibatalkan", "2022-03-04", keterangan="Keliru")
    assert (await bring(make("organisasi", undo))).added == 3
    found = await streams.read(connection, app.vault, named)
    assert found["organisation-O1"].state.exclusion_status is None
    taken = found["organisation-O2"].state.participations
    assert [one.reference for one in taken] == ["P9"]


async def test_a_merger_is_not_known_before_what_its_survivor_holds(
    bring: Any, make: Any
) -> None:
    rows = [
        make.report("K1"),
        make.report("K2"),
        make.row("K2", "diverifikasi", known="2022-04-05"),
        make.row("K1", "digabung", ke_nomor="K2", keterangan="Sama"),
    ]
    [(row, _, message)] = said(await bring(make("konflik", *rows)))
    assert row == 5
    assert "but K2 already has an event known on 2022-04-05" in message


async def test_a_number_that_is_another_cases_is_a_fault_of_its_row(
    bring: Any, make: Any, connection: Plain
) -> None:
    before = await size(connection)
    rows = [
        make.report("K14"),
        make.report("K15"),
        make.report("k14", judul="Lain"),
        make.row("K15", "nomor_dikoreksi", ke_nomor="k14", keterangan="Salah tulis"),
        make.row("K15", "diverifikasi"),
    ]
    report = await bring(make("konflik", *rows))
    assert [(row, column) for row, column, _ in said(report)] == [
        (4, "nomor"),
        (5, "ke_nomor"),
    ]
    assert "this number is already used by the case" in said(report)[0][2]
    assert (
        "is k14, but case K14 already has this number (1 later row"
        in said(report)[1][2]
    )
    assert await size(connection) == before


async def test_rows_on_a_case_whose_new_number_is_in_doubt_are_not_judged(
    bring: Any, make: Any
) -> None:
    rows = [
        make.report("K14"),
        make.row("K14", "diselesaikan", "2020-01-01", cara="islah"),
        make.row("K14", "nomor_dikoreksi", ke_nomor="K15", keterangan="Salah tulis"),
        make.row("K15", "diverifikasi"),
    ]
    report = await bring(make("konflik", *rows))
    [(row, _, message)] = said(report)
    assert row == 3
    assert "2 later rows about K14 were therefore not checked" in message


async def test_an_annulled_report_in_a_file_frees_its_number(
    bring: Any, make: Any, connection: Plain
) -> None:
    rows = [
        make.report("K14", judul="Satu"),
        make.row("K14", "laporan_dibatalkan", keterangan="Salah"),
        make.report("K14", judul="Dua"),
        make.row("K14", "diverifikasi"),
    ]
    assert (await bring(make("konflik", *rows))).added == 4
    assert await numbers_of(connection) == {"K14.2": "k14"}


async def test_a_row_names_a_case_that_was_renumbered_live_by_either_name(
    bring: Any, make: Any, app: App, connection: Plain, today: date
) -> None:
    day = today.isoformat()
    await bring(make("konflik", make.report("K14", day)))
    corrected = conflict.Corrected(corrects=1, number="K15", reason="Salah tulis")
    await live(app, connection, "K14", corrected)
    rows = [
        make.row("K14", "diverifikasi", day),
        make.row("k15", "ditangani", day, cara="penghentian"),
        make.row("K16", "diverifikasi", day),
    ]
    report = await bring(make("konflik", *rows))
    assert [(row, column) for row, column, _ in said(report)] == [(4, "nomor")]
    assert (await bring(make("konflik", *rows[:2]))).added == 2


async def test_a_row_is_decided_again_if_another_writer_has_taken_its_number(
    bring: Any,
    make: Any,
    app: App,
    connection: Plain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, calls = number_index.assign_numbers, 0

    async def admit(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            async with app.pool.acquire() as other:
                corrected = conflict.Corrected(
                    corrects=1, number="K15", reason="Salah tulis"
                )
                await live(app, other, "K1", corrected)
        return await original(*args, **named)

    await live(app, connection, "K1", lived())
    monkeypatch.setattr(number_index, "assign_numbers", admit)
    report = await bring(make("konflik", make.report("K15")))
    assert [(row, column) for row, column, _ in said(report)] == [(2, "nomor")]
    assert calls == 1


def lived() -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title="Langsung",
        effective_on=date(2021, 1, 5),
    )
