"""Backup and restore of a register, on the command line."""

import asyncio
import re
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import pytest

from iku.app import open_app
from iku.exchange import archive
from iku.postgres import schema_guard
from iku.postgres.database import Database
from iku.postgres.pool import Plain, connect_as_owner
from tests.cli.conftest import Said, Type
from tests.conftest import SETTINGS
from tests.web.conftest import CASE, client_of

AT = ("figure", "--as-of", "2021-12-31", "--known-on", "2022-06-30", "--size", 146)


@pytest.fixture
def register(iku: Type, away: dict[str, str]) -> Type:
    """The example register, which can be backed up."""
    assert away
    return iku


@pytest.fixture
def signed(register: Type) -> None:
    """The register has a signed checkpoint."""
    assert register("signer", "key").code == 0
    assert register("signer", "once").code == 0


@pytest.fixture(scope="module")
def backups() -> list[bytes]:
    return []


@pytest.fixture
def saved(register: Type, backups: list[bytes], tmp_path: Path) -> None:
    """The file `b.iku`: a backup of the example register, made by the first test."""
    if backups:
        (tmp_path / "b.iku").write_bytes(backups[0])
    else:
        done(register("backup", "b.iku"))
        backups.append((tmp_path / "b.iku").read_bytes())


def done(said: Said) -> Said:
    assert said.code == 0, said.err
    return said


@pytest.mark.usefixtures("indonesian", "signed")
def test_a_register_comes_back_as_it_was(
    register: Type, away: dict[str, str], tmp_path: Path
) -> None:
    iku = register
    before = done(iku(*AT)).out, done(iku("history", "K10")).out
    said = done(iku("backup", "b.iku"))
    assert re.search(r"^Cadangan ditulis ke b\.iku: 146 peristiwa, 0 lamp", said.out)
    assert f"Cadangan TIDAK memuat kunci teks: salin {tmp_path}/var/keys" in said.out
    [digest] = re.findall(r"SHA-256 manifes: ([0-9a-f]{64})", said.out)
    assert (tmp_path / "b.iku").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))

    said = done(iku("restore", "b.iku", **away))
    assert "146 peristiwa, semuanya diperiksa; 0 lampiran." in said.out
    assert f"SHA-256 manifes: {digest}" in said.out
    assert "Kunci teks: lengkap." in said.out
    assert said.err == ""
    assert (done(iku(*AT, **away)).out, iku("history", "K10", **away).out) == before
    status = done(iku("status", "--check", **away)).out
    for line in (
        "Pemeriksaan +tanpa temuan",
        "Kunci teks +lengkap",
        "Penjaga skema .*, tanpa temuan",
    ):
        assert re.search(rf"^{line}$", status, re.MULTILINE), status
    assert done(iku("signer", "once", "--full", **away))
    assert done(iku("verify", "texts", **away))
    assert done(iku("rebuild", **away))


@pytest.mark.usefixtures("signed")
def test_for_programs_the_same_is_given(register: Type, away: dict[str, str]) -> None:
    saved = done(register("backup", "b.iku", "--json")).json
    assert (saved["file"], saved["size"], saved["attachments"]) == ("b.iku", 146, 0)
    told = done(register("restore", "b.iku", "--json", **away)).json
    assert told["known"] == 146
    assert told["restored"]["digest"] == saved["digest"]
    assert (told["restored"]["kept"], told["restored"]["lost_keys"]) == (None, [])


@pytest.mark.usefixtures("signed")
def test_no_key_and_nothing_of_the_signers_is_in_it(
    register: Type, tmp_path: Path
) -> None:
    done(register("backup", "b.iku"))
    with tarfile.open(tmp_path / "b.iku") as tar:
        assert tar.getnames() == [archive.MARK, archive.DUMP, archive.MANIFEST]
    raw = (tmp_path / "b.iku").read_bytes()
    secrets = [*(tmp_path / "var" / "keys").glob("*.key"), tmp_path / "var/signer/key"]
    assert len(secrets) == 3
    for path in secrets:
        assert path.read_bytes().strip() not in raw


async def test_no_session_and_no_invitation_comes_back(
    register: Type, away: dict[str, str], database: Database
) -> None:
    connection = await connect_as_owner(database.owner_dsn)
    await connection.execute(
        """
        select access.open_session(sha256('a'), gen_random_uuid(), 'full', 'x', ''),
               access.invite(gen_random_uuid(), sha256('b'), false)
        """
    )
    await connection.close()
    done(register("backup", "b.iku"))
    done(register("restore", "b.iku", **away))
    restored = await connect_as_owner(away["IKU_OWNER_URL"])
    assert await restored.fetchval("select accounts from access.counts()") == 2
    for table in ("session", "invitation"):
        assert await restored.fetchval(f"select count(*) from access.{table}") == 0
    await restored.close()


async def test_attached_files_come_back_those_in_quarantine_too(
    register: Type, away: dict[str, str], database: Database, tmp_path: Path
) -> None:
    iku = register
    mine = replace(SETTINGS, home=tmp_path / "var")
    async with open_app(mine, database) as app, client_of(app) as client:
        await client.post("/conflicts", json=CASE, headers={"Idempotency-Key": "a"})
        for content in (b"one", b"two"):
            answer = await client.post(
                "/conflicts/K14/attachments",
                content=content,
                headers={"Iku-File-Name": "b.pdf", "Content-Type": "application/pdf"},
            )
            assert answer.status_code == 201, answer.text
    folder = tmp_path / "var" / "attachments"
    first, second = sorted(folder.glob("*.sealed"))
    (folder / "quarantine").mkdir()
    aside = folder / "quarantine" / second.name
    second.rename(aside)
    (folder / "notes.txt").write_text("no attachment")
    kept = {path: path.read_bytes() for path in (first, aside)}
    assert "2 attachments" in done(iku("backup", "b.iku")).out

    shutil.rmtree(folder)
    assert "2 attachments" in done(iku("restore", "b.iku", **away)).out
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert {path: path.read_bytes() for path in found} == kept
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in found)
    texts = done(iku("verify", "texts", **away)).out
    assert "Files: 2 decrypted" in texts
    # Existing files remain, and a different file of the same name is not lost.
    later = folder / f"{uuid4()}.sealed"
    later.write_bytes(b"attached since")
    done(iku("restore", "b.iku", "--replace", **away))
    assert later.read_bytes() == b"attached since"
    first.write_bytes(b"another")
    refused = iku("restore", "b.iku", "--replace", **away)
    assert refused.code == 1
    assert f"{first} differs from the file of the same name" in refused.err
    assert first.read_bytes() == b"another"


@pytest.mark.usefixtures("saved")
def test_what_is_there_is_replaced_only_when_asked_and_kept(
    register: Type, away: dict[str, str], files: dict[str, Path]
) -> None:
    iku = register
    assert done(iku("publication", "draft", "--as-of", "2021-12-31", "--reason", "x"))
    done(iku("backup", "c.iku"))
    done(iku("restore", "c.iku", **away))
    refused = iku("restore", "b.iku", **away)
    assert refused.code == 1
    assert (
        "has 147 events: restore into an empty database, or add --replace"
        in refused.err
    )
    assert iku("status", "--json", **away).json["size"] == 147

    said = done(iku("restore", "b.iku", "--replace", **away))
    [kept] = re.findall(r"kept as (\S+) \(147 events\)", said.out)
    assert (
        "WARNING: the restored log has 146 events, but the previous database had 147."
        in said.err
    )
    assert iku("status", "--json", **away).json["size"] == 146
    names = {
        n: a.replace("_r?", f"{kept.partition('_r')[2]}?") for n, a in away.items()
    }
    older = {n: re.sub(r"@/[^?]*\?", f"@/{quote(kept)}?", a) for n, a in names.items()}
    assert iku("status", "--json", **older).json["size"] == 147


@pytest.mark.usefixtures("indonesian", "signed", "saved")
def test_a_restored_log_shorter_than_what_was_signed_is_told(
    register: Type, away: dict[str, str]
) -> None:
    iku = register
    done(iku("publication", "draft", "--as-of", "2021-12-31", "--reason", "x"))
    done(iku("signer", "once"))
    said = done(iku("restore", "b.iku", **away))
    assert (
        "PERINGATAN: log berisi 146 peristiwa, sedangkan checkpoint berukuran"
        in said.err
    )
    alarmed = iku("signer", "once", "--full", **away)
    assert (alarmed.code, "size 147 was signed" in alarmed.err) == (1, True)


@pytest.mark.usefixtures("indonesian", "saved")
def test_with_other_keys_it_counts_and_says_that_texts_cannot_be_opened(
    register: Type, away: dict[str, str], tmp_path: Path
) -> None:
    iku = register
    figures = done(iku(*AT)).out
    other = away | {"IKU_KEYS": str(tmp_path / "other")}
    said = done(iku("restore", "b.iku", **other))
    assert re.search(r"^Kunci teks: HILANG: \d{4}-\d\d; teks yang dienkripsi", said.err)
    assert "Kunci teks: lengkap." not in said.out
    assert re.search(r"Kunci teks +HILANG: ", done(iku("status", **other)).out)
    assert done(iku(*AT, **other)).out == figures
    assert "judul: terkunci" in done(iku("history", "K10", **other)).out


@pytest.mark.usefixtures("saved")
def test_a_damaged_or_foreign_file_changes_nothing(
    register: Type, away: dict[str, str], tmp_path: Path
) -> None:
    iku = register
    raw = (tmp_path / "b.iku").read_bytes()
    middle = len(raw) // 2
    damaged = (
        (raw[:middle], "truncated"),
        (
            raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
            "in the manifest",
        ),
        (b"PGDMP", "the file is not a backup of iku"),
        (b"", "the file is not a backup of iku"),
    )
    for content, sentence in damaged:
        (tmp_path / "d.iku").write_bytes(content)
        said = iku("restore", "d.iku", **away)
        assert (said.code, said.out) == (1, "")
        assert sentence in said.err
        assert said.err.count("\n") == 1
    missing = iku("status", **away)
    assert missing.code == 1
    assert iku("restore", "nowhere.iku", **away).code == 2


def rewritten(path: Path, **changes: Any) -> None:
    """The same backup with a changed manifest."""
    with path.open("rb") as file:
        found = archive.Archive(file)
        told = msgspec.structs.replace(found.manifest, **changes)
        content = [b"".join(found.blocks(name)) for name in told.members]
    with path.open("wb") as file:
        writer = archive.Writer(file)
        for name, one in zip(list(told.members)[1:], content[1:], strict=True):
            with writer.member(name) as take:
                take(one)
        writer.close(told)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"migrations": ["0001_ledger", "0002_other"]},
            "restore it with the version that made it",
        ),
        ({"server": "99.1"}, "the backup was made on PostgreSQL 99"),
        ({"size": 145}, "146 events, but the manifest of the backup states 145"),
    ],
)
@pytest.mark.usefixtures("saved")
async def test_a_backup_that_does_not_fit_leaves_everything_as_it_was(  # noqa: PLR0917 - fixtures
    register: Type,
    away: dict[str, str],
    administrator: Plain,
    tmp_path: Path,
    changes: dict[str, Any],
    sentence: str,
) -> None:
    def typed(*words: str) -> Said:
        return register(*words, **away)

    rewritten(tmp_path / "b.iku", **changes)
    said = await asyncio.to_thread(typed, "restore", "b.iku")
    assert said.code == 1
    assert sentence in said.err
    name = away["IKU_DATABASE_URL"].split("@/")[1].split("?")[0]
    there = "select count(*) from pg_database where datname = $1"
    assert await administrator.fetchval(there, name) == 0


@pytest.mark.usefixtures("saved")
async def test_a_restore_that_was_killed_can_be_started_again(
    register: Type, away: dict[str, str], administrator: Plain
) -> None:
    name = away["IKU_DATABASE_URL"].split("@/")[1].split("?")[0]
    await administrator.execute(f'create database "{name}.restore"')
    said = await asyncio.to_thread(lambda: register("restore", "b.iku", **away))
    assert said.code == 0, said.err
    left = "select count(*) from pg_database where datname like $1"
    assert await administrator.fetchval(left, f"{name}.%") == 0


@pytest.mark.usefixtures("saved")
async def test_nobody_may_use_the_database_meanwhile(
    register: Type, away: dict[str, str]
) -> None:
    done(await asyncio.to_thread(lambda: register("restore", "b.iku", **away)))
    connection = await connect_as_owner(away["IKU_DATABASE_URL"])
    try:
        said = await asyncio.to_thread(
            lambda: register("restore", "b.iku", "--replace", **away)
        )
    finally:
        await connection.close()
    assert said.code == 1
    assert "has other connections: stop" in said.err
    assert "stop the programs that use it, such as iku serve" in said.err


@pytest.mark.usefixtures("saved")
async def test_it_takes_a_superusers_login(
    register: Type, away: dict[str, str], database: Database, administrator: Plain
) -> None:
    await administrator.execute("create role few_rights login password 'x'")
    few = {
        name: re.sub("//.*?@", "//few_rights:x@", address)
        for name, address in (
            ("here", database.owner_dsn),
            ("away", away["IKU_SUPERUSER_URL"]),
        )
    }
    try:
        here = await asyncio.to_thread(
            lambda: register("backup", "c.iku", IKU_SUPERUSER_URL=few["here"])
        )
        there = await asyncio.to_thread(
            lambda: register(
                "restore", "b.iku", **away | {"IKU_SUPERUSER_URL": few["away"]}
            )
        )
    finally:
        await administrator.execute("drop role few_rights")
    for said in (here, there):
        assert said.code == 1
        assert "the login few_rights is not a superuser" in said.err
        assert "set IKU_SUPERUSER_URL" in said.err


async def test_the_owner_need_be_no_superuser(
    iku: Type,
    plain: Database,
    empty_database: Database,
    administrator: Plain,
    tmp_path: Path,
) -> None:
    name = plain.owner_dsn.split("@/")[1].split("?")[0]
    urls = {
        "IKU_DATABASE_URL": plain.application_dsn,
        "IKU_OWNER_URL": plain.owner_dsn,
        "IKU_SIGNER_URL": str(empty_database.signer_dsn),
        "IKU_SUPERUSER_URL": empty_database.owner_dsn,
    }
    superuser = await connect_as_owner(empty_database.owner_dsn)
    await superuser.execute(schema_guard.SQL)
    await superuser.close()

    def typed(*words: str, **variables: str) -> Said:
        return iku(*words, **variables)

    assert (await asyncio.to_thread(typed, "example", **urls)).code == 0
    done(await asyncio.to_thread(typed, "backup", "b.iku", **urls))
    new = {n: a.replace(f"@/{name}?", f"@/{name}_r?") for n, a in urls.items()}
    try:
        await administrator.execute("create role another_owner login password 'x'")
        other = re.sub("//.*?@", "//another_owner:x@", new["IKU_OWNER_URL"])
        refused = await asyncio.to_thread(
            lambda: typed("restore", "b.iku", **new | {"IKU_OWNER_URL": other})
        )
        assert "of which another_owner is not a member" in refused.err
        done(await asyncio.to_thread(typed, "restore", "b.iku", **new))
        status = done(await asyncio.to_thread(typed, "status", "--check", **new)).out
        assert re.search(r"Guard of the schema .*, no findings$", status, re.MULTILINE)
        done(await asyncio.to_thread(typed, "rebuild", **new))
        rights = "select has_database_privilege('another_owner', $1, 'connect')"
        assert not await administrator.fetchval(rights, f"{name}_r")
    finally:
        await administrator.execute(f'drop database if exists "{name}_r" with (force)')
        await administrator.execute(f'drop database if exists "{name}_r.restore"')
        await administrator.execute("drop role if exists another_owner")
    assert (tmp_path / "b.iku").exists()


@pytest.mark.usefixtures("saved")
def test_all_logins_name_the_database_that_is_restored(
    register: Type, away: dict[str, str], environ: dict[str, str]
) -> None:
    mixed = away | {"IKU_SUPERUSER_URL": environ["IKU_SUPERUSER_URL"]}
    said = register("restore", "b.iku", **mixed)
    assert said.code == 1
    assert "all must name the database to restore" in said.err


def test_a_file_that_is_there_is_written_over_only_when_asked(
    register: Type, tmp_path: Path
) -> None:
    (tmp_path / "b.iku").write_bytes(b"dear to somebody")
    refused = register("backup", "b.iku")
    assert refused.err == "iku: b.iku already exists; add --replace to overwrite it\n"
    assert (tmp_path / "b.iku").read_bytes() == b"dear to somebody"
    done(register("backup", "--replace", "b.iku"))
    assert (tmp_path / "b.iku").stat().st_size > 10_000
    kept = register("backup", tmp_path / "var" / "keys" / "b.iku")
    assert (kept.code, "a backup stored with the keys" in kept.err) == (1, True)
    nowhere = register("backup", "nowhere/b.iku")
    assert (nowhere.code, "No such file or directory" in nowhere.err) == (1, True)
    full = register("backup", "/dev/full/b.iku")
    assert (full.code, full.err.count("\n")) == (1, 1)


def test_there_must_be_a_register_to_back_up(
    iku: Type, empty_database: Database
) -> None:
    urls = {
        "IKU_DATABASE_URL": empty_database.application_dsn,
        "IKU_OWNER_URL": empty_database.owner_dsn,
    }
    said = iku("backup", "b.iku", **urls)
    assert said.err == (
        "iku: the database does not contain a register, so there is nothing to back "
        "up\n"
    )


def test_the_embedded_register_moves_to_another_folder(
    iku: Type, tmp_path: Path
) -> None:
    none = dict.fromkeys(("IKU_DATABASE_URL", "IKU_OWNER_URL", "IKU_SIGNER_URL"))
    done(iku("example", **none))
    before = done(iku(*AT, **none)).out
    done(iku("backup", "b.iku", **none))
    new = {
        **none,
        "IKU_HOME": str(tmp_path / "new"),
        "IKU_KEYS": str(tmp_path / "var/keys"),
    }
    assert (
        "Encryption keys of texts: complete."
        in done(iku("restore", "b.iku", **new)).out
    )
    assert done(iku(*AT, **new)).out == before
    assert re.search(
        r"Verification +no findings", done(iku("status", "--check", **new)).out
    )
    refused = iku("restore", "b.iku", **new)
    assert "the database iku has 207 events" in refused.err
    assert "iku_before_" in done(iku("restore", "b.iku", "--replace", **new)).out
    assert done(iku(*AT, **new)).out == before
    pid = tmp_path / "new" / "postgres" / "data" / "postmaster.pid"
    assert not pid.exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["postgres"]
