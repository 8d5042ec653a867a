"""Rows that reach into a closed period: their remark is their reason."""

from datetime import date
from typing import Any

import pytest

from iku.domain.period import Kind
from iku.domain.publication import Closing, Draft, Return
from iku.domain.withheld import NONE
from iku.exchange.importing import Importer
from iku.handling import Command
from iku.ledger import log
from iku.postgres.pool import Plain
from iku.projections import publications
from iku.texts import read
from iku.wiring import House

WHY = "Laporan baru diterima"


async def hand_in(house: House, connection: Plain, proposed: Any) -> None:
    command = Command("publication", "2022", proposed, "u/ani")
    assert (await house.office.handle(connection, command)).added


async def take(house: House, connection: Plain, asked: Any) -> None:
    taken = await publications.taken(
        connection, house.figures, "2022-W1", asked, house.office.today()
    )
    await hand_in(house, connection, taken)


@pytest.fixture
async def closed(house: House, connection: Plain) -> None:
    """The first quarter of 2022 is closed."""
    draft = Draft(period=Kind.QUARTER, as_of=date(2022, 3, 31), reason="TW I")
    await hand_in(house, connection, draft)
    await take(house, connection, Closing(reason="Tutup buku"))


async def texts(house: House, connection: Plain, stream: str) -> list[dict[str, str]]:
    recorded = await log.read_stream(connection, stream)
    found = await read(connection, house.vault, recorded)
    return [found.get((one.stream, one.version), NONE).plain for one in recorded]


@pytest.mark.usefixtures("closed")
async def test_a_late_row_without_a_remark_is_at_fault(
    bring: Any, make: Any, house: House
) -> None:
    report = await bring(make("konflik", make.report("K1"), make.report("K2")))
    today = house.office.today()
    assert [(f.row, f.column, f.message) for f in report.faults] == [
        (
            line,
            "keterangan",
            (
                "is missing: effective_on is 2022-03-01, but publication 2022-W1 "
                f"(2022-01-01 to 2022-03-31) was closed on {today}"
            ),
        )
        for line in (2, 3)
    ]


@pytest.mark.usefixtures("closed")
async def test_the_remark_of_a_late_row_is_its_reason_whatever_else_it_says(
    bring: Any, make: Any, house: House, connection: Plain
) -> None:
    rows = [
        make.report("K1", keterangan=WHY),
        make.row("K1", "diverifikasi", keterangan=f'"{WHY}\nlewat FKDM"'),
        make.row("K1", "diselesaikan", "2022-04-01", cara="islah"),
    ]
    report = await bring(make("konflik", *rows))
    assert (report.added, report.faults) == (3, ())
    assert await texts(house, connection, "conflict-K1") == [
        {"title": "Perselisihan", "reference": WHY, "reason": WHY},
        {"note": f"{WHY}\nlewat FKDM", "reason": f"{WHY} lewat FKDM"},
        {},
    ]
    again = await bring(make("konflik", *rows))
    assert (again.added, again.repeated) == (0, 3)


@pytest.mark.usefixtures("closed")
async def test_a_registration_has_no_other_use_for_its_remark(
    bring: Any, make: Any, house: House, connection: Plain
) -> None:
    rows = [
        make.registration("O1", keterangan=WHY),
        make.registration("O2", "2022-04-01", keterangan="Pindahan"),
        make.registration("O3", "2022-04-01"),
    ]
    assert (await bring(make("organisasi", *rows))).added == 3
    told = [await texts(house, connection, f"organisation-O{n}") for n in (1, 2, 3)]
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
    bring: Any, make: Any, house: House, connection: Plain
) -> None:
    late = [
        make.report("K1", keterangan=WHY),
        make.row("K1", "laporan_dibatalkan", keterangan="Salah catat"),
    ]
    assert (await bring(make("konflik", *late))).faults == ()
    assert (await texts(house, connection, "conflict-K1"))[1] == {
        "reason": "Salah catat"
    }


async def test_a_closing_while_a_file_is_read_is_heard(
    house: House,
    connection: Plain,
    importer: Importer,
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows were decided by what was so before; they are decided anew."""
    draft = Draft(period=Kind.QUARTER, as_of=date(2022, 3, 31), reason="TW I")
    await hand_in(house, connection, draft)
    original = Importer._record
    times = []

    async def record(self: Importer, *args: Any) -> None:
        times.append(args)
        if len(times) == 1:
            await take(house, connection, Closing(reason="Tutup buku"))
        await original(self, *args)

    monkeypatch.setattr(Importer, "_record", record)
    report = await importer.run(make("konflik", make.report("K1")))
    assert [fault.column for fault in report.faults] == ["keterangan"]
    assert len(times) == 1
    await take(house, connection, Return(reason="Buka"))
    assert (await importer.run(make("konflik", make.report("K1")))).added == 1


@pytest.mark.usefixtures("closed")
async def test_a_dry_run_says_the_same(bring: Any, make: Any) -> None:
    late = make("konflik", make.report("K1"))
    assert (await bring(late, dry_run=True)).faults
    told = make("konflik", make.report("K1", keterangan=WHY))
    assert (await bring(told, dry_run=True)).added == 1
