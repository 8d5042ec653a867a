"""Imports with accounts: each row as the importer, and a permission for the file."""

import io

import pytest

from iku.domain.access import Forbidden
from iku.domain.account import Role
from iku.domain.import_permission import FileAllowed
from iku.exchange import example
from iku.exchange.journal_import import Importer, ImportReport, file_digest
from iku.ledger import log
from tests.commands.conftest import Desk, Desks
from tests.commands.conftest import desks as desks
from tests.commands.conftest import origin as origin
from tests.commands.conftest import place as place
from tests.commands.test_authorisation import staff
from tests.commands.test_proposals import Office, approved_invitation

LINES = example.read_journals()["konflik.csv"].decode().splitlines()
HEADINGS = LINES[0].split(",")


def journal(*rows: dict[str, str]) -> bytes:
    """A journal of cases with these rows."""
    lines = [",".join(row.get(name, "") for name in HEADINGS) for row in rows]
    return "\n".join([LINES[0], *lines, ""]).encode()


def reported(desk: Desk, number: str, known_on: str = "") -> dict[str, str]:
    today = desk.app.commands.today().isoformat()
    return {
        "nomor": number,
        "peristiwa": "dilaporkan",
        "tanggal": known_on or today,
        "diketahui_pada": known_on or today,
        "kategori": "ipoleksosbud",
        "dimensi": "politik",
        "judul": "Sengketa",
    }


def verified(desk: Desk, number: str) -> dict[str, str]:
    row = reported(desk, number) | {"peristiwa": "diverifikasi"}
    return {k: v for k, v in row.items() if k not in {"kategori", "dimensi", "judul"}}


@pytest.fixture
async def office(desks: Desks) -> Office:
    desk = await desks()
    people = await staff(desk)
    found = Office(desk, people)
    people["kepala-wasnas"] = await approved_invitation(
        found, Role.KEPALA_BIDANG, "Kepala", division="wasnas"
    )
    return found


async def bring(office: Office, by: str, content: bytes) -> ImportReport:
    async with office.desk.app.pool.acquire() as connection:
        importer = Importer(
            connection, office.desk.app.commands, "", credentials=office.people[by]
        )
        return await importer.run(content)


async def allow(office: Office, by: str, approver: str, content: bytes) -> None:
    allowed = FileAllowed(effective_on=office.desk.app.commands.today())
    identifier = await office.propose(by, allowed, "import", file_digest(content))
    await office.approve(approver, identifier)


async def test_rows_of_today_are_imported_by_a_verifier_as_by_hand(
    office: Office,
) -> None:
    report = await bring(
        office, "verifikator-wasnas", journal(reported(office.desk, "K1"))
    )
    assert (report.added, report.faults) == (1, ())
    async with office.desk.app.pool.acquire() as connection:
        [event] = await log.read_stream(connection, "conflict-K1")
    assert event.body().actor == office.people["verifikator-wasnas"].account


async def test_a_row_of_another_division_is_a_fault_of_the_row(office: Office) -> None:
    sara = reported(office.desk, "K1") | {"kategori": "sara", "dimensi": "agama"}
    report = await bring(office, "verifikator-wasnas", journal(sara))
    assert report.added == 0
    [fault] = report.faults
    assert "iwasbang" in fault.message


@pytest.mark.parametrize("kind", ["declared", "verified"])
async def test_a_file_that_declares_knowledge_or_verifies_needs_a_permission(
    office: Office, kind: str
) -> None:
    desk = office.desk
    content = (
        journal(reported(desk, "K1", "2022-01-10"))
        if kind == "declared"
        else journal(reported(desk, "K1"), verified(desk, "K1"))
    )
    with pytest.raises(Forbidden, match="approve the import") as refused:
        await bring(office, "verifikator-wasnas", content)
    assert refused.value.proposable
    assert await office.types("conflict-K1") == []
    await allow(office, "verifikator-wasnas", "kepala-wasnas", content)
    report = await bring(office, "verifikator-wasnas", content)
    assert report.faults == ()
    assert report.added == len(content.splitlines()) - 1


async def test_a_permission_is_for_one_content_alone(office: Office) -> None:
    content = journal(reported(office.desk, "K1", "2022-01-10"))
    await allow(office, "verifikator-wasnas", "kepala", content)
    with pytest.raises(Forbidden):
        await bring(office, "verifikator-wasnas", content + b"\n")


async def test_an_officer_imports_with_a_permission_only(office: Office) -> None:
    content = journal(reported(office.desk, "K1"))
    with pytest.raises(Forbidden) as refused:
        await bring(office, "petugas-wasnas", content)
    assert refused.value.proposable
    await allow(office, "petugas-wasnas", "kepala-wasnas", content)
    assert (await bring(office, "petugas-wasnas", content)).added == 1
    with pytest.raises(Forbidden):
        await bring(office, "admin", content)


def test_the_digest_of_an_open_file_is_that_of_its_bytes() -> None:
    content = bytes(range(256)) * 9_000
    assert file_digest(io.BytesIO(content)) == file_digest(content)
