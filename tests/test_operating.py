"""The procedures of docs/operating.md: its commands are run as they are written."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import pytest

from iku.app import open_app
from iku.exchange import example
from iku.ledger.signer_folder import SignerFolder
from iku.postgres import programs, schema_guard
from iku.postgres.database import Database
from iku.postgres.pool import Plain, connect_as_owner
from iku.vault.files import UPLOADING_S
from tests.conftest import SETTINGS, Clone, name_of
from tests.forked import Forker
from tests.web.conftest import CASE, client_of

DOCUMENT = Path(__file__).parents[1] / "docs" / "operating.md"
ORIGIN = "iku.test/log"
# The sections, and the number of command blocks in each; the tests run all of them.
SECTIONS = {
    "An auditor's login": 1,
    "The guard": 1,
    "Sealed texts and files": 1,
    "Backup": 5,
    "Restore": 2,
    "Attached files in quarantine": 3,
    "A restore that lost signed events": 2,
    "The signer's key or state is lost": 3,
    "After an erasure": 2,
    "The vault's keys are lost": 4,
    "Witnesses and their keys": 2,
    "A witness is lost": 2,
}


LOOKED = "Sealed texts and files"
SIGNER_LOST = "The signer's key or state is lost"
ADDRESSES = (
    *("IKU_DATABASE_URL", "IKU_OWNER_URL", "IKU_SIGNER_URL"),
    "IKU_SUPERUSER_URL",
)


def blocks() -> dict[str, list[str]]:
    """The command blocks of each section."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^#+ ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE):
        commands = re.findall(r"^```sh\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
        if commands:
            found[part.partition("\n")[0]] = commands
    return found


def test_every_block_of_commands_is_known_here() -> None:
    assert {name: len(found) for name, found in blocks().items()} == SECTIONS
    assert DOCUMENT.read_text("utf-8").count("```sh") == sum(SECTIONS.values())


class Ran(NamedTuple):
    code: int
    out: str


class Machine:
    """The environment of the commands: variables, folders, and the test's database."""

    FOLDERS = ("BACKUP", "KEYS", "AWAY")

    def __init__(self, folder: Path, database: Database, forker: Forker) -> None:
        name = name_of(database)
        self.folder = folder
        self.forker = forker
        self.restored = f"{name}_restored"
        clean = {
            n: v for n, v in os.environ.items() if not n.startswith(("IKU_", "PG"))
        }
        (folder / "bin").mkdir()
        forker.program(folder / "bin" / "iku")
        scripts = Path(sys.executable).parent
        places = (folder / "bin", scripts, programs.wheel_programs())
        self.environ = clean | {
            "PATH": ":".join([*map(str, places), clean["PATH"]]),
            "IKU_HOME": str(folder / "var"),
            "IKU_LANGUAGE": "en",
            "IKU_SIGNER_HOME": str(folder / "signer"),
            "IKU_WITNESS_HOME": str(folder / "witness"),
            "IKU_KEYS": str(folder / "texts"),
            "IKU_ATTACHMENTS": str(folder / "files"),
            "IKU_ORIGIN": ORIGIN,
        }
        dsns = (database.application_dsn, database.owner_dsn, database.signer_dsn)
        self._use(*dsns, database.owner_dsn)
        self.name = name
        for place in self.FOLDERS:
            (folder / place).mkdir()
            self.environ[place] = str(folder / place)

    def copied(self, folder: Path, database: Database, forker: Forker) -> "Machine":
        """A machine with copies of the folders, over that database."""
        ours = shutil.ignore_patterns(*Machine.FOLDERS, "bin")
        shutil.copytree(self.folder, folder, ignore=ours, dirs_exist_ok=True)
        return Machine(folder, database, forker)

    def address(self, dsn: str, name: str) -> str:
        return dsn.replace(f"@/{name}?", f"@/{self.restored}?")

    def _use(self, *addresses: str | None) -> None:
        for variable, address in zip(ADDRESSES, addresses, strict=True):
            self.environ[variable] = str(address)

    def point_to_restored(self) -> None:
        self._use(*(self.address(self.environ[n], self.name) for n in ADDRESSES))

    async def type(self, commands: str) -> Ran:
        """Run shell commands, up to the first that fails."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", commands),
            env=self.environ,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        said = out.decode()
        assert "Traceback" not in said
        return Ran(process.returncode or 0, said)

    async def done(self, commands: str) -> str:
        """The output of shell commands, none of which may fail."""
        ran = await self.type(commands)
        assert ran.code == 0, ran.out
        return ran.out

    async def follow(self, section: str, *numbers: int) -> str:
        """Run the numbered blocks of a section; without numbers, all of them."""
        chosen = numbers or range(SECTIONS[section])
        return await self.done("".join(blocks()[section][n] for n in chosen))

    async def verify(self, name: str, *options: str) -> Any:
        """The output of iku-verify on a bundle, with all keys of the log."""
        folders = sorted(self.folder.glob("signer*"))
        keys = [SignerFolder(folder).key().verifier for folder in folders]
        policy = "".join(f"log {key}\n" for key in keys) + "quorum none\n"
        (self.folder / "policy").write_text(policy)
        asked = f"iku-verify bundle {name} --policy policy --without-witness --json"
        ran = await self.type(" ".join([asked, *options]))
        return msgspec.json.decode(ran.out.splitlines()[-1])


@pytest.fixture(scope="module")
async def prepared(
    clone: Clone,
    template: str,
    forker: Forker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Machine:
    """A register with the cases of the example, and one signed checkpoint."""
    folder = tmp_path_factory.mktemp("prepared")
    machine = Machine(folder, await clone(template), forker)
    for name, content in example.read_journals().items():
        (folder / name).write_bytes(content)
    await machine.done(f"iku import {example.NAMES[0]}; iku signer key")
    await machine.done("iku signer once")
    return machine


@pytest.fixture(scope="module")
async def imported_all(
    clone: Clone,
    prepared: Machine,
    forker: Forker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Machine:
    """The same with all of the example."""
    folder = tmp_path_factory.mktemp("imported")
    machine = prepared.copied(folder, await clone(prepared.name), forker)
    await machine.done(f"iku import {' '.join(example.NAMES[1:])}")
    return machine


@pytest.fixture
def entire(imported_all: Machine) -> Machine:
    """The test copies the register with all of the example."""
    return imported_all


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Machine:
    """The register that the test copies."""
    name = "entire" if "entire" in request.fixturenames else "prepared"
    found: Machine = request.getfixturevalue(name)
    return found


@pytest.fixture
def origin(model: Machine) -> str:
    """The database of that register, of which each test has a copy."""
    return model.name


@pytest.fixture
async def machine(
    model: Machine,
    tmp_path: Path,
    database: Database,
    administrator: Plain,
    forker: Forker,
) -> AsyncIterator[Machine]:
    """A copy of the register and its folders, for this test alone."""
    machine = model.copied(tmp_path, database, forker)
    yield machine
    await administrator.execute(
        f"drop database if exists {machine.restored} with (force)"
    )


async def test_an_auditor_gets_a_login_that_reads(
    machine: Machine, administrator: Plain
) -> None:
    try:
        await machine.follow("An auditor's login")
        address = re.sub(
            "//.*?@",
            "//siti:to be changed at once@",
            machine.environ["IKU_SUPERUSER_URL"],
        )
        auditor = await connect_as_owner(address)
        assert await auditor.fetchval("select count(*) from ledger.event") > 0
        assert await auditor.fetchval("show default_transaction_read_only") == "on"
        await auditor.close()
    finally:
        await administrator.execute("drop role if exists siti")


async def test_a_superuser_puts_the_guard_in_place(
    machine: Machine, owner: Plain
) -> None:
    await owner.execute("drop schema guard cascade")
    assert not (await schema_guard.inspect(owner)).since
    said = await machine.follow("The guard")
    assert "Guard of the schema" in said
    assert (await schema_guard.inspect(owner)).findings == []


@pytest.mark.usefixtures("entire")
async def test_looking_at_the_texts_names_what_was_taken_until_its_row_is_back(
    machine: Machine, owner: Plain
) -> None:
    assert re.search(r"Texts: \d\d decrypted, 0 erased", await machine.follow(LOOKED))
    row = "stream = 'conflict-K01' and version = 1 and field = 'title'"
    await owner.execute(
        f"create table taken as select * from vault.segment where {row}"
    )
    await owner.execute(f"delete from vault.segment where {row}")
    ran = await machine.type(blocks()[LOOKED][0])
    assert ran.code == 1
    assert "title of conflict-K01/1: missing: it is not stored, and no" in ran.out
    await owner.execute("insert into vault.segment select * from taken")
    assert "no findings" in await machine.follow(LOOKED)


@pytest.mark.usefixtures("entire")
async def test_a_backup_holds_no_key_and_the_auditors_copy_verifies(
    machine: Machine,
) -> None:
    await machine.done("iku signer once")
    await machine.follow("Backup")
    secret = (machine.folder / "signer" / "key").read_bytes()
    assert (machine.folder / "KEYS" / "signer.key").read_bytes() == secret
    assert (machine.folder / "KEYS" / "signer.key").stat().st_mode & 0o077 == 0
    texts = [path.read_bytes() for path in (machine.folder / "texts").glob("*.key")]
    assert len(texts) == 2
    copies = (machine.folder / "KEYS" / "texts").glob("*.key")
    assert sorted(path.read_bytes() for path in copies) == sorted(texts)
    kept = [path for path in (machine.folder / "BACKUP").rglob("*") if path.is_file()]
    assert len(kept) > 100
    for key in (secret, *texts):
        assert not any(key.strip() in path.read_bytes() for path in kept)
    assert (await machine.verify("AWAY/bundle"))["exit"] == 0


async def test_what_was_backed_up_is_restored_verifies_and_is_guarded(
    machine: Machine,
) -> None:
    await machine.follow("Backup", 0)
    machine.point_to_restored()
    await machine.follow("Restore", 0)
    said = await machine.follow("Restore", 1)
    assert re.search(r"Verification +no findings", said)
    assert re.search(
        r"^Texts and files of \d+ events verified, no findings", said, re.MULTILINE
    )
    assert await machine.done("iku rebuild")
    restored = await connect_as_owner(machine.environ["IKU_SUPERUSER_URL"])
    guard = await schema_guard.inspect(restored)
    assert (guard.since is None, guard.findings) == (False, [])
    with pytest.raises(Exception, match="by migrations only"):
        await restored.execute("alter table ledger.event disable trigger all")
    await restored.close()


QUARANTINE = "Attached files in quarantine"


async def attach(machine: Machine, database: Database, content: bytes) -> None:
    """Attach a file to the first case, with an old modification time."""
    mine = replace(
        SETTINGS,
        keys=machine.folder / "texts",
        attachments=machine.folder / "files",
    )
    async with open_app(mine, database) as app, client_of(app) as client:
        case = CASE | {"number": "K900"}
        await client.post("/conflicts", json=case, headers={"Idempotency-Key": "c"})
        answer = await client.post(
            "/conflicts/K900/attachments",
            content=content,
            headers={"Iku-File-Name": "b.pdf", "Content-Type": "application/pdf"},
        )
        assert answer.status_code == 201, answer.text
    for path in (machine.folder / "files").glob("*.sealed"):
        os.utime(path, (0, path.stat().st_mtime - UPLOADING_S - 1))


async def start(machine: Machine) -> str:
    """Start the server, stop it once it is ready, and return its output."""
    words = ("serve", "--port", "0")
    with machine.forker.start(words, machine.environ, machine.folder) as process:
        line = await asyncio.to_thread(process.stdout.readline)
        assert "iku serves at" in line
        process.terminate()
        _, said = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    return said


async def test_an_older_dump_beside_the_live_folder_destroys_no_evidence(
    machine: Machine, database: Database
) -> None:
    await attach(machine, database, b"first")
    await machine.follow("Backup", 0)
    await attach(machine, database, b"second")
    live = {name: machine.environ[name] for name in machine.environ}
    before = {path.name: path.read_bytes() for path in files(machine)}
    assert len(before) == 2
    machine.point_to_restored()
    await machine.follow("Restore", 0)
    assert "Verification" in await machine.done("iku status; iku figure")
    assert {path.name: path.read_bytes() for path in files(machine)} == before
    assert "Quarantine of attachments: files: 1" in await start(machine)
    [kept] = files(machine)
    await machine.done("iku verify texts")  # decrypts the file that the database knows
    said = await machine.follow(QUARANTINE, 0)
    [aside] = before.keys() - {kept.name}
    assert re.search(rf"^{aside.removesuffix('.sealed')} .* no$", said, re.MULTILINE)
    assert "Files restored from quarantine: 0." in await machine.follow(QUARANTINE, 1)
    # Over the database that knows the file, it is found in quarantine and restored.
    machine.environ |= live
    await machine.done("iku verify texts")
    assert len(files(machine)) == 1
    said = await machine.follow(QUARANTINE, 1)
    assert "restored from quarantine: 1" in said
    assert {path.name: path.read_bytes() for path in files(machine)} == before


async def test_what_no_dump_knows_is_removed_from_quarantine_when_asked(
    machine: Machine, database: Database
) -> None:
    await attach(machine, database, b"first")
    [kept] = files(machine)
    copy = kept.with_name(f"{uuid4()}.sealed")
    copy.write_bytes(b"an upload that broke off")
    os.utime(copy, (0, 1_640_000_000))
    assert "Quarantine of attachments: files: 1" in await start(machine)
    assert "in quarantine deleted: 1" in await machine.follow(QUARANTINE, 2)
    assert files(machine) == [kept]
    assert "Quarantine: empty" in await machine.follow(QUARANTINE, 0)


def files(machine: Machine) -> list[Path]:
    return sorted((machine.folder / "files").glob("*.sealed"))


async def lose(machine: Machine) -> None:
    """Back up, record and sign further events, and restore the backup."""
    await machine.follow("Backup", 0)
    await machine.done(f"iku import {' '.join(example.NAMES[1:])}; iku signer once")
    await machine.follow("Backup", 4)
    machine.point_to_restored()
    await machine.follow("Restore", 0)


async def test_a_restore_that_lost_signed_events_goes_on_and_the_loss_is_told(
    machine: Machine,
) -> None:
    await lose(machine)
    alarmed = await machine.type(blocks()["Restore"][1])
    assert alarmed.code == 1
    assert re.search(
        r"the log has \d+ records, but a checkpoint of size \d+ was signed", alarmed.out
    )
    said = await machine.follow("A restore that lost signed events")
    assert f"set IKU_ORIGIN={ORIGIN}/2 before" in said
    known = "--known AWAY/bundle/checkpoint"
    assert (await machine.verify("AWAY/bundle-2", known))["exit"] == 3
    report = await machine.verify("AWAY/bundle-2", known, "--accept-loss")
    assert (report["exit"], report["known"]) == (0, 1)
    (lost,) = report["lost"]
    assert lost.startswith("events ")
    assert f"of the log {ORIGIN} are lost" in lost


async def test_nobody_signs_under_the_name_that_was_given_up(machine: Machine) -> None:
    await lose(machine)
    await machine.follow("A restore that lost signed events", 0)
    ran = await machine.type("iku signer key; iku signer once")
    assert ran.code == 1
    assert f"the log was continued under the name {ORIGIN}/2" in ran.out


async def test_a_lost_key_is_put_back_from_its_copy(machine: Machine) -> None:
    await machine.follow("Backup", 2)
    (machine.folder / "signer" / "key").unlink()
    await machine.follow(SIGNER_LOST, 0)


async def test_a_lost_state_is_replaced_by_a_checkpoint_from_outside(
    machine: Machine,
) -> None:
    await machine.follow("Backup", 2)
    await machine.follow("Backup", 4)
    await machine.done(f"iku import {example.NAMES[1]}; iku signer once")
    shutil.rmtree(machine.folder / "signer")
    restored = blocks()[SIGNER_LOST][1]
    ran = await machine.type(restored.replace("--known", "#"))
    assert ran.code == 1
    assert "does not hold the last signed checkpoint" in ran.out
    said = await machine.done(restored)
    assert "Signed: a checkpoint of size " in said


async def test_a_signer_that_lost_everything_does_not_sign_an_older_register(
    machine: Machine,
) -> None:
    await lose(machine)
    shutil.rmtree(machine.folder / "signer")
    ran = await machine.type(blocks()[SIGNER_LOST][2])
    assert ran.code == 1
    assert re.search(
        r"the log has \d+ records, but a checkpoint of size \d+ was", ran.out
    )


async def test_without_a_copy_a_new_key_goes_on_where_the_old_one_ended(
    machine: Machine,
) -> None:
    await machine.follow("Backup", 4)
    await machine.done(f"iku import {example.NAMES[1]}")
    key = machine.folder / "signer" / "key"
    old = key.read_bytes()
    key.unlink()
    await machine.follow(SIGNER_LOST, 2)
    # Only for the policy of the verifier; the office has lost the key.
    (machine.folder / "signer.lost" / "key").touch(0o600)
    (machine.folder / "signer.lost" / "key").write_bytes(old)
    await machine.done("iku export bundle AWAY/after")
    report = await machine.verify("AWAY/after", "--known AWAY/bundle/checkpoint")
    assert (report["exit"], report["known"]) == (0, 1)


AT = "--as-of 2021-12-31 --known-on 2022-06-30 --size 146 --json"
COUNTED = "".join(f"iku figure IKU-{n} {AT}; " for n in (1, 2, 3))
SECTION = "The vault's keys are lost"


@pytest.fixture
async def locked(entire: Machine, machine: Machine) -> str:
    """A register whose text keys are lost, and its figures before the loss."""
    assert machine.folder != entire.folder
    await machine.done("iku signer once")
    await machine.follow("Backup", 3)
    before = await machine.done(COUNTED)
    assert TITLE in await machine.done("iku history K01")
    (machine.folder / "texts").rename(machine.folder / "lost")
    return before


async def test_lost_keys_lock_texts_and_nothing_that_counts_or_proves(
    machine: Machine, locked: str
) -> None:
    assert re.search(
        r"Encryption keys of texts +LOST: \d{4}-\d\d;", await machine.done("iku status")
    )
    assert await machine.done(COUNTED) == locked
    said = await machine.follow(SECTION, 1)
    assert re.search(r"Verification +no findings", said)
    assert (await machine.verify("AWAY/bundle-locked"))["exit"] == 0
    history = await machine.done("iku history K01")
    assert "title: locked" in history
    assert TITLE not in history
    # Importing a journal again is refused; nothing is recorded twice.
    again = await machine.type(f"iku import {example.NAMES[2]}")
    assert (again.code, "nothing of it was recorded" in again.out) == (1, True)


TITLE = "Sengketa lapak pedagang pasar"
FROM_PAPER = (
    f"{example.read_journals()[example.NAMES[2]].decode().splitlines()[0]}\n"
    "2022-08-01,K01,laporan_dikoreksi,2020-11-10,,,Sengketa lapak,,,,,,Kunci hilang\n"
)


async def test_what_lost_keys_locked_is_entered_again_or_given_up_by_a_decision(
    machine: Machine, locked: str
) -> None:
    (machine.folder / "konflik-2.csv").write_text(FROM_PAPER)
    await machine.done("iku import konflik-2.csv")
    assert "title: Sengketa lapak" in await machine.done("iku history K01")
    await machine.follow(SECTION, 2)
    assert "erased (BA-1/2026)" in await machine.done("iku history K02")
    assert await machine.done(COUNTED) == locked


async def test_keys_that_come_back_open_everything_also_what_was_sealed_meanwhile(
    machine: Machine, locked: str
) -> None:
    (machine.folder / "konflik-2.csv").write_text(FROM_PAPER)
    await machine.done("iku import konflik-2.csv")
    said = await machine.follow(SECTION, 0)
    assert re.search(r"Encryption keys of texts +complete", said)
    history = await machine.done("iku history K01")
    assert TITLE in history
    assert "title: Sengketa lapak" in history
    assert "locked" not in history
    again = await machine.done(f"iku import {example.NAMES[2]}")
    assert "of which none is new: all are already in" in " ".join(again.split())


PUBLISHED = """
iku publication draft --as-of 2021-12-31 --reason LKjIP --actor ani
iku publication close 2021 --known-on 2022-01-15 --reason Data --actor ani
iku publication review 2021 --reason Diperiksa --actor siti
iku publication publish 2021 --reason Dicetak --actor budi
"""
# All output of the command line about cases and figures, and all exported files.
EVERYTHING = """
iku publication show 2021; iku publication changes 2021; iku history K01 --json
for code in IKU-1 IKU-2 IKU-3; do
  iku explain $code --as-of 2021-12-31 --csv; iku replay $code --as-of 2021-12-31
done
iku status --check
"""
DECIDED = '--decision B/12/2022 --legal-basis "UU 27/2022 Pasal 8"'


async def on_the_disk(owner: Plain, wanted: list[bytes]) -> int:
    """The number of *wanted* byte strings in the server's files, including its WAL.

    The files of other databases are not read: no statement of this one writes to them.
    """
    await owner.execute("checkpoint")
    folder = Path(await owner.fetchval("show data_directory")).parent
    ours = await owner.fetchval(
        "select oid::text from pg_database where datname = current_database()"
    )
    found: set[bytes] = set()
    for path in folder.rglob("*"):
        database = path.parent.name if path.parent.parent.name == "base" else ours
        if database.isdigit() and database != ours:
            continue
        with contextlib.suppress(FileNotFoundError):  # the server is running
            content = path.read_bytes() if path.is_file() else b""
            found |= {one for one in wanted if one in content}
    return len(found)


@pytest.mark.usefixtures("entire")
async def test_after_an_erasure_all_verifies_and_nothing_is_left_on_the_disk(
    machine: Machine, database: Database, owner: Plain
) -> None:
    await machine.done(f"{PUBLISHED}iku signer once")
    await machine.follow("Backup", 3)
    before = await machine.done(COUNTED + "iku publication show 2021")
    assert TITLE in await machine.done(EVERYTHING)
    rows = await owner.fetch(
        """
        select s.sealed, k.wrapped from vault.dek k join vault.segment s using (dek)
         where k.subject = 'conflict-K01'
        """
    )
    sealed = [bytes(row["sealed"])[20:52] for row in rows]
    wrapped = list({bytes(row["wrapped"])[20:52] for row in rows})
    assert len(sealed) > 1
    await owner.execute("analyze vault.dek, vault.segment")  # autovacuum is off
    assert await on_the_disk(owner, sealed + wrapped) == len(sealed + wrapped)

    await machine.done(f"iku erase conflict-K01 {DECIDED} --yes")
    [old] = [path.stem for path in (machine.folder / "texts").glob("2*.key")]
    machine.environ["OLD_EPOCH"] = old
    await machine.follow("After an erasure")

    assert await on_the_disk(owner, [*sealed, *wrapped, TITLE.encode()]) == 0
    assert await machine.done(COUNTED + "iku publication show 2021") == before
    told = await machine.done(EVERYTHING)
    assert TITLE not in told
    assert "erased (B/12/2022)" in told
    assert re.search(r"Verification +no findings", told)
    assert "Keributan antarpemuda" in told  # other texts are still readable
    await machine.done("iku signer once --full; iku export bundle AWAY/after")
    report = await machine.verify("AWAY/after")
    assert (report["exit"], report["figures"]) == (0, 3)
    assert report["texts"]["erased"] == len(sealed)
    files = [path for path in machine.folder.rglob("*") if path.is_file()]
    inputs = {machine.folder / name for name in example.NAMES}
    for path in set(files) - inputs:
        assert TITLE.encode() not in path.read_bytes(), path
    await prove(machine, database, owner)


async def prove(machine: Machine, database: Database, owner: Plain) -> None:
    """Verify the inclusion proof of a record with erased texts, without the server."""
    [(position, leaf)] = await owner.fetch(
        """
        select position, encode(leaf, 'hex') from ledger.event
         where stream = 'conflict-K01' and version = 1
        """
    )
    mine = replace(SETTINGS, keys=machine.folder / "texts")
    async with open_app(mine, database) as app, client_of(app) as client:
        proof = await client.get(f"/log/proof/inclusion/{position}")
    (machine.folder / "it.tlog-proof").write_text(proof.text)
    said = await machine.done(
        f"iku-verify proof it.tlog-proof --leaf {leaf} --policy policy"
        " --without-witness"
    )
    assert "VERIFIED" in said


@pytest.mark.usefixtures("entire")
async def test_stolen_keys_are_replaced_and_destroyed(machine: Machine) -> None:
    await machine.follow("Backup", 3)
    [old] = [path.stem for path in (machine.folder / "texts").glob("2*.key")]
    machine.environ["OLD_EPOCH"] = old
    await machine.follow(SECTION, 3)
    kept = (machine.folder / place for place in ("texts", "KEYS/texts"))
    assert not [one for folder in kept for one in folder.glob(f"{old}.key")]
    assert re.search(
        r"Encryption keys of texts +complete", await machine.done("iku status")
    )


async def test_a_new_witness_takes_the_place_of_a_lost_one(machine: Machine) -> None:
    key = SignerFolder(machine.folder / "signer").key().verifier
    machine.environ["VKEY"] = str(key)
    said = await machine.follow("A witness is lost", 0)
    lines = re.findall(r"^(?:witness|group) .*$", said, re.MULTILINE)
    assert len(lines) == 3
    spelt = "".join(f"{line.removesuffix(' URL')}\n" for line in lines)
    (machine.folder / "witnesses").write_text(spelt)
    machine.environ["IKU_WITNESSES"] = str(machine.folder / "witnesses")
    said = await machine.follow("A witness is lost", 1)
    assert "Cosigned by saksi.inspektorat.example" in said
    assert re.search(
        r"1 witness; cosigned by a quorum: up to size \d+",
        await machine.done("iku status"),
    )


async def test_a_witness_of_one_key_gets_a_second_one_and_cosigns_with_both(
    machine: Machine,
) -> None:
    key = SignerFolder(machine.folder / "signer").key().verifier
    machine.environ["VKEY"] = str(key)
    await machine.done("iku witness key saksi.kecamatan.example --kind ed25519")
    said = await machine.follow("Witnesses and their keys", 1)
    assert "was created in" in said
    assert "witness/key.ml-dsa-44" in said
    said = await machine.follow("Witnesses and their keys", 0)
    assert "was created in" not in said
    lines = re.findall(r"^(?:witness|group) .*$", said, re.MULTILINE)
    assert [line.split()[1].rpartition(".")[2] for line in lines] == [
        *("example-ed", "example-pq", "example"),
    ]
    await machine.done("iku signer request > request")
    answer = await machine.done("iku witness cosign request")
    assert answer.count("\u2014 saksi.kecamatan.example ") == 2
