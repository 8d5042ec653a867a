"""Attachments of a case: encrypted on disk, verified against the log, erasable."""

import os
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import httpx
import pytest

from iku.app import App, open_app
from iku.commands import decision
from iku.ledger.appender import Unavailable
from iku.ledger.integrity_check import check_ledger
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.settings import Settings
from iku.vault import quarantine
from iku.vault.files import MOST, QUARANTINE, UPLOADING_S, FilesError
from iku.vault.quarantine import SweepResult
from iku.web.api import attachments
from tests.conftest import SETTINGS, copy_keys
from tests.restoring import Restored
from tests.web.conftest import CASE, ORGANISATION, Client, client_of, problem
from tests.web.test_erasures import DECIDED, ERASED, live_rows

PDF = b"%PDF-1.7 Berita acara Pak Tono " + os.urandom(5_000)
NAME = "Berita acara — Pak Tono.pdf"
HEADERS = {"Iku-File-Name": quote(NAME), "Content-Type": "application/pdf"}
PATH = "/conflicts/K14/attachments"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def settings(home: Path) -> Settings:
    copy_keys(home / "keys")
    return replace(SETTINGS, home=home)


@pytest.fixture
async def case(client: Client) -> Client:
    await client.records("/conflicts", CASE)
    return client


async def attach(client: Client, content: bytes = PDF, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post(PATH, content=content, headers=HEADERS | named)
    assert answer.status_code == 201, answer.text
    return answer


def files(home: Path) -> list[Path]:
    return sorted((home / "attachments").glob("*.sealed"))


def quarantined(home: Path) -> list[Path]:
    return sorted((home / "attachments" / QUARANTINE).glob("*"))


def age(*paths: Path) -> None:
    """Make those files older than any upload in progress."""
    for path in paths:
        os.utime(path, (0, path.stat().st_mtime - UPLOADING_S - 1))


async def sweep(app: App) -> SweepResult:
    """Sweep the files as the server does when it starts."""
    async with app.pool.acquire() as connection:
        return await quarantine.sweep(app.vault, connection)


async def forget_attachment(owner: Plain) -> None:
    """Delete a file's row, which an older dump would lack."""
    await owner.execute(
        """
        create table public.later as select * from vault.segment where file is not null;
        delete from vault.segment where file is not null;
        """
    )


async def remember_attachment(owner: Plain) -> None:
    await owner.execute("insert into vault.segment select * from public.later")


async def test_a_file_is_given_back_as_it_was_attached(
    case: Client, app: App, owner: Plain, home: Path
) -> None:
    """ASVS 5.4.1: the answer names the file and offers to save it."""
    answer = await attach(case)
    assert answer.headers["Location"] == f"/api/v1{PATH}/2"
    got = await case.get(f"{PATH}/2")
    assert (got.status_code, got.content) == (200, PDF)
    assert got.headers["Content-Type"] == "application/pdf"
    named = (
        'attachment; filename="Berita acara _ Pak Tono.pdf"; '
        f"filename*=UTF-8''{quote(NAME)}"
    )
    assert got.headers["Content-Disposition"] == named
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    event = (await case.history("/conflicts/K14"))[1]
    assert event["type"] == "attached"
    assert event["data"] == {"length": len(PDF), "media_type": "application/pdf"}
    assert event["text"] == {"file_name": NAME, "sha256": sha256(PDF).hexdigest()}
    assert await check_ledger(owner) == []
    # Outside the vault there is no trace of the file, its name or its hash.
    [path] = files(home)
    assert b"Pak Tono" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    rows = await live_rows(owner)
    for trace in ("Pak Tono", sha256(PDF).hexdigest()):
        assert trace not in rows
    assert app.pool is not None


async def test_a_file_of_an_organisation_is_kept_like_that_of_a_case(
    client: Client, app: App, owner: Plain, home: Path
) -> None:
    await client.records("/organisations", ORGANISATION)
    path = "/organisations/O41/attachments"
    answer = await client.post(path, content=PDF, headers=HEADERS)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1{path}/2"
    twice = await client.post(path, content=PDF, headers=HEADERS)
    assert "already recorded, at version 2" in problem(twice, 409)["detail"]
    assert (await client.get(f"{path}/2")).content == PDF
    event = (await client.history("/organisations/O41"))[1]
    assert event["text"] == {"file_name": NAME, "sha256": sha256(PDF).hexdigest()}
    assert await check_ledger(owner) == []
    # A case and an organisation with the same number have separate versions.
    problem(await client.get("/conflicts/O41/attachments/2"), 404)
    # It survives a start over an older dump, and is deleted by an erasure.
    age(*files(home))
    await forget_attachment(owner)
    assert await sweep(app) == SweepResult(quarantined=1)
    await remember_attachment(owner)
    assert await sweep(app) == SweepResult(restored=1)
    await client.records("/subjects/organisation-O41/erasure", DECIDED)
    assert files(home) == []
    gone = problem(await client.get(f"{path}/2"), 410)
    assert "attachment 2 of O41" in gone["detail"]
    assert "erased (B/12/2022)" in gone["detail"]


async def test_erasing_the_case_erases_its_files_and_tells_by_which_decision(
    case: Client, home: Path
) -> None:
    await attach(case)
    await case.records("/subjects/conflict-K14/erasure", DECIDED)
    assert files(home) == []
    gone = problem(await case.get(f"{PATH}/2"), 410)
    assert "erased (B/12/2022)" in gone["detail"]
    event = (await case.history("/conflicts/K14"))[1]
    assert event["withheld"] == {"file_name": ERASED, "sha256": ERASED}


async def test_a_file_name_with_characters_that_reorder_it_is_refused(
    case: Client, home: Path
) -> None:
    named = HEADERS | {"Iku-File-Name": quote("surat\u202efdp.exe")}
    answer = await case.post(PATH, content=PDF, headers=named)
    assert "file_name contains U+202E" in problem(answer, 400, "file_name")["detail"]
    assert files(home) == []


async def test_a_repeated_upload_is_one_file(case: Client, home: Path) -> None:
    first = await attach(case, Idempotency_Key="f-1")
    again = await attach(case, Idempotency_Key="f-1")
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(files(home)) == 1
    other = await case.post(
        PATH, content=b"x", headers=HEADERS | {"Idempotency-Key": "f-1"}
    )
    problem(other, 422)
    twice = await case.post(PATH, content=PDF, headers=HEADERS)
    assert "attached is already recorded, at version 2" in problem(twice, 409)["detail"]
    assert len(files(home)) == 1


@pytest.mark.parametrize(
    ("content", "headers", "status", "paths"),
    [
        (b"", {}, 400, ("",)),
        (b"x", {"Iku-File-Name": "%ff"}, 400, ("Iku-File-Name",)),
        (b"x", {"Iku-File-Name": "%20"}, 400, ("Iku-File-Name",)),
        (b"x", {"Iku-File-Name": "a%0Ab"}, 400, ("Iku-File-Name",)),
        (b"x", {"Iku-File-Name": "a" * 501}, 400, ("Iku-File-Name",)),
        (b"x", {"Content-Type": "pdf"}, 415, ()),
        (b"x", {"Content-Type": ""}, 415, ()),
        (b"x", {"Content-Encoding": "gzip"}, 415, ()),
        (b"x" * (MOST + 1), {}, 413, ()),
    ],
)
async def test_what_is_no_file_is_refused_and_leaves_nothing(  # noqa: PLR0917 - a table
    case: Client,
    home: Path,
    content: bytes,
    headers: dict[str, str],
    status: int,
    paths: tuple[str, ...],
) -> None:
    """ASVS 5.2.1."""
    answer = await case.post(PATH, content=content, headers=HEADERS | headers)
    problem(answer, status, *paths)
    assert files(home) == []
    assert (await case.says("/conflicts/K14"))["version"] == 1


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("berita acara.pdf", "berita acara.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\cmd.exe", "cmd.exe"),
        ("/", "lampiran"),
        ("..", "lampiran"),
        (" . ", "lampiran"),
        (".bashrc", "bashrc"),
        ("surat\u202efdp.exe", "surat_fdp.exe"),
        ("a\u2066b\u200bc\ufeffd.pdf", "a_b_c_d.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "a__Set-Cookie_ x=1.pdf"),
        ("a\x00\x1b[31m\x9bb.pdf", "a__[31m_b.pdf"),
        ('a";filename="b.exe', "a_;filename=_b.exe"),
        ("a%2fb%22.pdf", "a%2fb%22.pdf"),
        ("nul", "_nul"),
        ("COM1.txt", "_COM1.txt"),
        ("console.txt", "console.txt"),
        ("a" * 400 + ".pdf", "a" * 200 + ".pdf"),
        ("\xe9" * 300 + ".pdf", "\xe9" * 100 + ".pdf"),
        ("\u0643\u062a\u0627\u0628.pdf", "\u0643\u062a\u0627\u0628.pdf"),
    ],
)
def test_a_name_offers_to_save_a_file_in_one_folder_and_under_what_is_seen(
    name: str, offered: str
) -> None:
    """ASVS 5.4.1, 5.4.2."""
    header = attachments.disposition(name)
    assert header.isascii()
    assert header.isprintable()
    plain, _, spelt = header.partition("; filename*=UTF-8''")
    assert unquote(spelt) == offered
    assert re.fullmatch(r"[A-Za-z0-9!#$&+.^_`|~%-]+", spelt)  # RFC 8187, value-chars
    quoted = re.fullmatch(r'attachment; filename="([^"%\\]*)"', plain)
    assert quoted
    assert len(quoted[1]) == len(offered)
    for character in "/\\":
        assert character not in offered


async def test_a_hostile_name_of_an_older_record_does_no_harm(
    case: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 5.4.1, 5.4.2."""
    with monkeypatch.context() as older:
        older.setattr(decision, "refuse_hidden_characters", lambda _: None)
        await attach(case, Iku_File_Name=quote("../surat\u202efdp.exe", safe=""))
    got = await case.get(f"{PATH}/2")
    assert got.content == PDF
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"surat_fdp.exe\"; filename*=UTF-8''surat_fdp.exe"
    )


async def test_a_file_needs_a_name_and_a_case(case: Client, home: Path) -> None:
    unnamed = {"Content-Type": "application/pdf"}
    problem(await case.post(PATH, content=b"x", headers=unnamed), 400, "Iku-File-Name")
    elsewhere = PATH.replace("K14", "K99")
    problem(await case.post(elsewhere, content=b"x", headers=HEADERS), 404)
    assert files(home) == []


async def test_the_largest_file_fits(case: Client) -> None:
    """ASVS 5.2.1."""
    content = os.urandom(MOST)
    await attach(case, content)
    assert (await case.get(f"{PATH}/2")).content == content


@pytest.mark.parametrize("version", ["1", "3", "2147483647"])
async def test_an_event_that_attached_nothing_has_no_file(
    case: Client, version: str
) -> None:
    await attach(case)
    problem(await case.get(f"{PATH}/{version}"), 404)


@pytest.mark.parametrize("version", ["0", "2147483648", "-1"])
async def test_a_version_that_cannot_be_is_refused(case: Client, version: str) -> None:
    answer = await case.get(f"{PATH}/{version}")
    assert answer.status_code in {400, 404}


@pytest.mark.parametrize("damage", ["bit", "short", "lost", "other"])
async def test_a_file_that_is_not_what_was_attached_is_not_given_out(
    case: Client, home: Path, damage: str
) -> None:
    await attach(case)
    [path] = files(home)
    sealed = bytearray(path.read_bytes())
    match damage:
        case "bit":
            sealed[100] ^= 1
            path.write_bytes(sealed)
        case "short":
            path.write_bytes(sealed[:10])
        case "lost":
            path.unlink()
        case _:
            await attach(case, b"another file")
            [other] = [one for one in files(home) if one != path]
            path.write_bytes(other.read_bytes())
    gone = problem(await case.get(f"{PATH}/2"), 410)
    assert "damaged" in gone["detail"]
    # The rest of the case is still readable.
    assert (await case.history("/conflicts/K14"))[1]["text"]["file_name"] == NAME


async def test_swapped_keys_of_files_are_found(
    case: Client, owner: Plain, home: Path
) -> None:
    await attach(case)
    await attach(case, b"another file")
    await owner.execute(
        """
        update vault.segment s set file = gen_random_uuid() where file is not null;
        """
    )
    problem(await case.get(f"{PATH}/2"), 410)
    await owner.execute("delete from vault.segment where file is not null")
    assert "missing" in problem(await case.get(f"{PATH}/2"), 410)["detail"]
    assert len(files(home)) == 2


async def test_without_its_key_a_file_is_locked_and_said_to_be(
    case: Client, app: App, shared: Restored, home: Path, tmp_path: Path
) -> None:
    await attach(case)
    other = replace(SETTINGS, home=home, keys=tmp_path / "other")
    async with shared.another(other) as there, client_of(there) as client:
        locked = problem(await client.get(f"{PATH}/2"), 503)
        assert locked["type"].endswith(":locked")
    assert app.settings.home == home


async def test_a_file_whose_event_was_not_recorded_is_removed_or_quarantined(
    case: Client,
    app: App,
    shared: Restored,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(type(app.commands.appender), "submit", away)
        problem(await case.post(PATH, content=PDF, headers=HEADERS), 503)
    assert files(home) == []
    await attach(case)
    [kept] = files(home)
    stale, fresh = (kept.with_name(f"{uuid4()}.sealed") for _ in range(2))
    for path in (stale, fresh):
        path.write_bytes(b"left behind")
    age(stale, kept)
    # Opening the register, as each command does, moves no file.
    async with shared.another(replace(SETTINGS, home=home)):
        assert set(files(home)) == {kept, stale, fresh}
    swept = await sweep(app)
    assert swept == SweepResult(quarantined=1)
    assert set(files(home)) == {kept, fresh}
    [aside] = quarantined(home)
    assert (aside.name, aside.read_bytes()) == (stale.name, b"left behind")
    assert (await case.get(f"{PATH}/2")).content == PDF


async def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_recorded(
    case: Client, home: Path
) -> None:
    (home / "attachments").write_text("no folder")
    answer: httpx.Response = await case.post(PATH, content=PDF, headers=HEADERS)
    assert problem(answer, 503)["type"].endswith(":locked")
    (home / "attachments").unlink()
    await attach(case)


async def test_a_file_in_quarantine_is_found_and_put_back_once_its_event_is_known(
    case: Client, app: App, owner: Plain, home: Path
) -> None:
    await attach(case)
    [kept] = files(home)
    age(kept)
    await forget_attachment(owner)
    assert await sweep(app) == SweepResult(quarantined=1)
    assert files(home) == []
    shown = (await case.says("/health/ready"))["quarantine"]
    assert (shown["files"], shown["bytes"]) == (1, len(PDF) + 28)
    assert "iku_attachments_quarantined 1.0" in (await case.get("/metrics")).text
    # With the right dump restored, the file is readable even in quarantine.
    await remember_attachment(owner)
    assert (await case.get(f"{PATH}/2")).content == PDF
    assert files(home) == []
    assert await sweep(app) == SweepResult(restored=1)
    assert files(home) == [kept]
    assert quarantined(home) == []
    assert (await case.get(f"{PATH}/2")).content == PDF
    assert (await case.says("/health/ready"))["quarantine"]["files"] == 0


async def test_a_file_in_quarantine_that_is_another_is_not_given_out(
    case: Client, home: Path
) -> None:
    await attach(case)
    [kept] = files(home)
    aside = home / "attachments" / QUARANTINE / kept.name
    aside.parent.mkdir()
    aside.write_bytes(kept.read_bytes()[:-1] + b"x")
    assert (await case.get(f"{PATH}/2")).content == PDF
    kept.unlink()
    assert "damaged" in problem(await case.get(f"{PATH}/2"), 410)["detail"]


async def test_erasing_reaches_a_file_in_quarantine(
    case: Client, app: App, owner: Plain, home: Path
) -> None:
    await attach(case)
    age(*files(home))
    await forget_attachment(owner)
    await sweep(app)
    await remember_attachment(owner)
    assert len(quarantined(home)) == 1
    await case.records("/subjects/conflict-K14/erasure", DECIDED)
    assert (files(home), quarantined(home)) == ([], [])


@pytest.mark.parametrize("place", [".", QUARANTINE])
async def test_an_erased_file_that_comes_back_is_destroyed_and_not_quarantined(
    case: Client, app: App, home: Path, place: str
) -> None:
    await attach(case)
    [path] = files(home)
    copy = path.read_bytes()
    await case.records("/subjects/conflict-K14/erasure", DECIDED)
    back = home / "attachments" / place / path.name
    back.parent.mkdir(exist_ok=True)
    back.write_bytes(copy)
    assert await sweep(app) == SweepResult(destroyed=1)
    assert (files(home), quarantined(home)) == ([], [])


async def test_files_of_texts_that_an_older_dump_brought_back_are_destroyed_at_once(
    case: Client, database: Database, owner: Plain, home: Path
) -> None:
    await attach(case)
    [path] = files(home)
    copy = path.read_bytes()
    await owner.execute(
        """
        create table public.segments as select * from vault.segment;
        create table public.deks as select * from vault.dek;
        """
    )
    await case.records("/subjects/conflict-K14/erasure", DECIDED)
    path.write_bytes(copy)
    await owner.execute(
        """
        insert into vault.dek select * from public.deks;
        insert into vault.segment select * from public.segments;
        delete from vault.erased_file;
        """
    )
    async with open_app(replace(SETTINGS, home=home), database) as app:
        assert app.reconciled.texts == 4
    assert files(home) == []


async def test_the_server_starts_over_a_folder_that_it_cannot_use(
    case: Client, app: App, home: Path
) -> None:
    (home / "attachments").write_text("no folder")
    with pytest.raises(FilesError, match="Not a directory"):
        await sweep(app)
    shown = await case.says("/health/ready")
    assert shown["quarantine"] == {"files": 0, "bytes": 0, "oldest": None}
