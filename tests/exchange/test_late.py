"""Rows that change a closed period: their remark is the reason."""

from datetime import date
from typing import Any

import pytest

from iku.app import App
from iku.commands.command import Command
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, TakeStep
from iku.domain.withheld_text import NONE
from iku.exchange.journal_import import Importer
from iku.ledger import log
from iku.postgres.pool import Plain
from iku.queries import publications
from iku.text_reading import read
from tests.domain.story import step

WHY = "Laporan baru diterima"


async def hand_in(app: App, connection: Plain, proposed: Any) -> None:
    command = Command("publication", "2022", proposed, "u/ani")
    assert (await app.commands.handle(connection, command)).added


async def take(app: App, connection: Plain, step: NextStep) -> None:
    frozen = await publications.snapshot(
        connection, app.figures, "2022-W1", step, app.commands.today()
    )
    await hand_in(app, connection, TakeStep("2022-W1", step, frozen))


@pytest.fixture
async def closed(app: App, connection: Plain) -> None:
    """The first quarter of 2022 is closed."""
    draft = Draft(period=Kind.QUARTER, as_of=date(2022, 3, 31), reason="TW I")
    await hand_in(app, connection, draft)
    await take(app, connection, step("closed", "Tutup buku"))


async def texts(app: App, connection: Plain, stream: str) -> list[dict[str, str]]:
    recorded = await log.read_stream(connection, stream)
    found = await read(connection, app.vault, recorded)
    return [found.get((one.stream, one.version), NONE).plain for one in recorded]


def missing(app: App, code: str, change: str) -> str:
    today = app.commands.today()
    return (
        f"is missing: {code} of publication 2022-W1 (2022-01-01 to 2022-03-31, closed "
        f"on {today}) would change from {change}"
    )


@pytest.mark.usefixtures("closed")
async def test_a_late_row_without_a_remark_is_at_fault(
    bring: Any, make: Any, app: App
) -> None:
    rows = [make.registration(f"O{n}") for n in (1, 2)]
    report = await bring(make("organisasi", *rows))
    assert [(f.row, f.column, f.message) for f in report.faults] == [
        (line, "keterangan", missing(app, "IKU-2", "0/0 to 0/1")) for line in (2, 3)
    ]


@pytest.mark.usefixtures("closed")
async def test_only_the_row_that_changes_a_figure_is_at_fault(
    bring: Any, make: Any, app: App
) -> None:
    """A report counts once it is verified, by a later row of the same file."""
    verified = [make.row(f"K{n}", "diverifikasi") for n in (1, 2)]
    reports = [make.report(f"K{n}") for n in (1, 2)]
    report = await bring(make("konflik", *reports, *verified))
    assert [(f.row, f.column, f.message) for f in report.faults] == [
        (line, "keterangan", missing(app, "IKU-3", "0/0 to 0/1")) for line in (4, 5)
    ]
    assert (await bring(make("konflik", *reports))).added == 2
    # The effect is relative to the log before the file, without its other rows.
    rows = [make.row("K1", "diverifikasi", keterangan=WHY), verified[1]]
    [fault] = (await bring(make("konflik", *rows))).faults
    assert fault.message == missing(app, "IKU-3", "0/0 to 0/1")
    assert (await bring(make("konflik", rows[0]))).added == 1
    [fault] = (await bring(make("konflik", verified[1]))).faults
    assert fault.message == missing(app, "IKU-3", "0/1 to 0/2")


@pytest.mark.usefixtures("closed")
async def test_the_remark_of_a_late_row_is_its_reason_whatever_else_it_says(
    bring: Any, make: Any, app: App, connection: Plain
) -> None:
    rows = [
        make.report("K1", keterangan=WHY),
        make.row("K1", "diverifikasi", keterangan=f'"{WHY}\nlewat FKDM"'),
        make.row("K1", "diselesaikan", "2022-04-01", cara="islah"),
    ]
    report = await bring(make("konflik", *rows))
    assert (report.added, report.faults) == (3, ())
    assert await texts(app, connection, "conflict-K1") == [
        {"title": "Perselisihan", "reference": WHY},
        {"note": f"{WHY}\nlewat FKDM", "reason": f"{WHY} lewat FKDM"},
        {},
    ]
    again = await bring(make("konflik", *rows))
    assert (again.added, again.repeated) == (0, 3)


@pytest.mark.usefixtures("closed")
async def test_a_registration_has_no_other_use_for_its_remark(
    bring: Any, make: Any, app: App, connection: Plain
) -> None:
    rows = [
        make.registration("O1", keterangan=WHY),
        make.registration("O2", "2022-04-01", keterangan="Pindahan"),
        make.registration("O3", "2022-04-01"),
    ]
    assert (await bring(make("organisasi", *rows))).added == 3
    told = [await texts(app, connection, f"organisation-O{n}") for n in (1, 2, 3)]
    assert [one.get("reason") for [one] in told] == [WHY, "Pindahan", None]


@pytest.mark.usefixtures("closed")
async def test_a_remark_too_long_for_a_reason_is_told(bring: Any, make: Any) -> None:
    registered = make.report("K1", keterangan=WHY)
    row = make.row("K1", "diverifikasi", keterangan="x" * 2001)
    [fault] = (await bring(make("konflik", registered, row))).faults
    assert (fault.row, fault.column) == (3, "keterangan")
    assert "one line of at most 2000 characters" in fault.message


@pytest.mark.usefixtures("closed")
async def test_corrections_have_their_reason_already(
    bring: Any, make: Any, app: App, connection: Plain
) -> None:
    late = [
        make.report("K1", keterangan=WHY),
        make.row("K1", "laporan_dibatalkan", keterangan="Salah catat"),
    ]
    assert (await bring(make("konflik", *late))).faults == ()
    assert (await texts(app, connection, "conflict-K1"))[1] == {"reason": "Salah catat"}


async def test_a_closing_while_a_file_is_read_is_heard(
    app: App,
    connection: Plain,
    importer: Importer,
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows were decided from an earlier state, so they are decided again."""
    draft = Draft(period=Kind.QUARTER, as_of=date(2022, 3, 31), reason="TW I")
    await hand_in(app, connection, draft)
    rows = make("organisasi", make.registration("O1"))
    original = Importer._record
    times = []

    async def record(self: Importer, *args: Any, **named: Any) -> bool:
        times.append(args)
        if len(times) == 1:
            await take(app, connection, step("closed", "Tutup buku"))
        return await original(self, *args, **named)

    monkeypatch.setattr(Importer, "_record", record)
    report = await importer.run(rows)
    assert [fault.column for fault in report.faults] == ["keterangan"]
    assert len(times) == 1
    await take(app, connection, step("returned", "Buka"))
    assert (await importer.run(rows)).added == 1


@pytest.mark.usefixtures("closed")
async def test_a_dry_run_says_the_same(bring: Any, make: Any, app: App) -> None:
    late = make("organisasi", make.registration("O1"))
    [fault] = (await bring(late, dry_run=True)).faults
    assert fault.message == missing(app, "IKU-2", "0/0 to 0/1")
    told = make("organisasi", make.registration("O1", keterangan=WHY))
    assert (await bring(told, dry_run=True)).added == 1


@pytest.mark.usefixtures("closed")
async def test_a_late_target_needs_a_remark(
    bring: Any, app: App, connection: Plain
) -> None:
    headings = "indikator,tahun,target,berlaku_mulai,dasar"
    row = "IKU-2,2022,80,2022-03-01,PK 2022"
    [fault] = (await bring(f"{headings}\n{row}\n".encode())).faults
    assert fault.column == "keterangan"
    assert fault.message == (
        "is missing: the target of IKU-2 of publication 2022-W1 (2022-01-01 to "
        f"2022-03-31, closed on {app.commands.today()}) would change from none to 80.00"
    )
    other = "IKU-2,2022,85,2022-04-01,PK Perubahan"
    rows = f"{headings},keterangan\n{row},{WHY}\n{other},\n".encode()
    report = await bring(rows)
    assert (report.added, report.faults) == (2, ())
    told = await texts(app, connection, "indicator-IKU-2")
    assert [one.get("reason") for one in told[-2:]] == [WHY, None]
    # A row without a remark has the same id in a file without that column.
    again = await bring(f"{headings}\n{other}\n".encode())
    assert (again.added, again.repeated) == (0, 1)
    assert (await bring(rows)).repeated == 2
