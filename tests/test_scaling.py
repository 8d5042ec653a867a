"""The procedure of docs/scaling.md: reading from a PostgreSQL replica."""

import asyncio
import os
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from iku.app import migrate_and_open
from iku.commands.command import ReadOnlyReplica
from iku.connection import acquire_connection
from iku.exchange import example
from iku.ledger import log
from iku.ledger.appender import Unavailable
from iku.ledger.integrity_check import check_ledger
from iku.postgres import pool as pools
from iku.postgres import programs
from iku.postgres.database import Database
from iku.postgres.embedded import Lease, lease
from iku.postgres.migrations import MigrationError
from iku.postgres.pool import Plain
from iku.postgres.programs import Programs
from iku.settings import Settings
from tests.conftest import FAST, copied, enter, within
from tests.forked import Done, Forker
from tests.web.conftest import CASE, ORGANISATION, RESOLVED, client_of, problem

DOCUMENT = (Path(__file__).parents[1] / "docs" / "scaling.md").read_text("utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
LOGIN, COPY, START, PROMOTE = range(4)
PATIENCE_S = 30
SENTENCE = "the database is a read-only replica; send the command to the primary"
KALIMAT = (
    "basis data ini adalah replika yang hanya dapat dibaca; kirim perintah ke server"
)
# Values that the document leaves to the operator.
PLACE = """
cat >> "$REPLICA/postgresql.auto.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$SOCKETS'
max_standby_streaming_delay = 100ms
CONF
"""
SHELL = "set -euo pipefail; export PATH={path}\n{variables}\n{lines}"


def test_every_block_of_commands_is_known_here() -> None:
    assert len(COMMANDS) == DOCUMENT.count("```sh") == PROMOTE + 1


@dataclass(frozen=True)
class Office:
    """A server, primary or replica, and the environment of programs that use it."""

    programs: Programs
    settings: Settings
    superuser: Plain
    variables: dict[str, str]

    def type(self, *lines: str) -> str:
        """The output of shell commands, run by the account that runs the server."""
        script = SHELL.format(
            path=f"{self.programs.folder}:$PATH",
            variables="\n".join(
                f"export {name}={shlex.quote(value)}"
                for name, value in self.variables.items()
            ),
            lines="\n".join(lines),
        )
        done = self.programs.account.run(["bash", "-c", script])
        assert done.returncode == 0, done.stdout
        return done.stdout

    async def size(self) -> int:
        return (await log.head(self.superuser)).size

    async def reaches(self, size: int) -> None:
        """Wait until the log on the server has *size* events."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.size() < size:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.02)

    def iku(self, forker: Forker, *words: object) -> Done:
        """The exit code and output of a command on this server."""
        mine = {n: v for n, v in os.environ.items() if not n.startswith("IKU_")}
        told = {
            "IKU_DATABASE_URL": self.settings.database_url,
            "IKU_OWNER_URL": self.settings.owner_url,
            "IKU_SIGNER_URL": self.settings.signer_url,
            "IKU_HOME": str(self.settings.home),
            "IKU_LANGUAGE": "id",
            "IKU_KEYS": str(self.settings.keys),
        }
        asked = mine | {name: str(value) for name, value in told.items()}
        done = forker.run([str(word) for word in words], asked, self.settings.home)
        assert "Traceback" not in done.out + done.err
        return done

    def answers(self, forker: Forker, *words: object) -> str:
        """The output of a command, which must succeed."""
        done = self.iku(forker, *words)
        assert done.code == 0, done.err
        return done.out


def told(database: Database, home: Path, keys: Path) -> Settings:
    home.mkdir()
    return Settings(
        home=home,
        keys=keys,
        database_url=database.application_dsn,
        owner_url=database.owner_dsn,
        signer_url=database.signer_dsn,
    )


@pytest.fixture(scope="module")
def followed(made: Path) -> Iterator[tuple[Path, Lease]]:
    """A server for this file alone, because a replica copies all its databases."""
    with copied(made) as folder, lease(folder, FAST) as held:
        yield folder, held


@pytest.fixture(scope="module")
async def primary(
    followed: tuple[Path, Lease], forker: Forker
) -> AsyncIterator[Office]:
    """The fictional register with a checkpoint, on a server that accepts a replica."""
    folder, held = followed
    database = within(held, "iku")
    settings = told(database, folder / "home", folder / "keys")
    async with migrate_and_open(settings) as app:
        await enter(app)
    superuser = await pools.connect_as_owner(database.owner_dsn)
    ran_by = programs.find(folder, folder / "postgres" / "data")
    commands = Office(
        ran_by, settings, superuser, {"IKU_SUPERUSER_URL": database.owner_dsn}
    )
    commands.type(COMMANDS[LOGIN])
    commands.answers(forker, "signer", "key")
    commands.answers(forker, "signer", "once")
    yield commands
    await superuser.close()


@asynccontextmanager
async def following(
    primary: Office, followed: Lease, folder: Path
) -> AsyncIterator[Office]:
    """A replica made as the document says, with a separate home folder.

    It has the keys, too, and has caught up with its primary.
    """
    followed_as = within(followed, "iku")
    ran_by = programs.find(folder, folder / "data")
    for place in ("data", "run"):
        (folder / place).mkdir(mode=0o700)
        ran_by.account.chown(folder / place)

    def here(dsn: str | None) -> str:
        host = quote(str(folder / "run"), safe="")
        return re.sub("host=[^&]+", f"host={host}", dsn or "")

    login = "//iku_replica:to%20be%20changed%20at%20once@"
    variables = {
        "REPLICA": str(folder / "data"),
        "REPLICATION_URL": re.sub("//.*?@", login, followed_as.owner_dsn),
        "SOCKETS": str(folder / "run"),
    }
    database = Database(
        here(followed_as.owner_dsn),
        here(followed_as.application_dsn),
        here(followed_as.signer_dsn),
    )
    keys = primary.settings.keys_folder
    settings = told(database, folder / "home", keys)
    Office(ran_by, settings, primary.superuser, variables).type(
        COMMANDS[COPY], PLACE, COMMANDS[START]
    )
    try:
        superuser = await pools.connect_as_owner(database.owner_dsn)
        commands = Office(ran_by, settings, superuser, variables)
        await caught_up(primary, commands)
        yield commands
        await superuser.close()
    finally:
        ran_by.run("pg_ctl", "-D", str(folder / "data"), "-m", "fast", "-w", "stop")


@pytest.fixture(scope="module")
async def shared(
    primary: Office,
    followed: tuple[Path, Lease],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Office]:
    """One replica for the tests that leave it a replica."""
    folder = tmp_path_factory.mktemp("replica")
    async with following(primary, followed[1], folder) as replica:
        yield replica


@pytest.fixture
async def replica(primary: Office, shared: Office, tmp_path: Path) -> Office:
    """The replica, caught up with its primary, with a home folder of this test."""
    await shared.superuser.execute("select pg_wal_replay_resume()")
    await caught_up(primary, shared)
    home = tmp_path / "home"
    home.mkdir()
    return replace(shared, settings=replace(shared.settings, home=home))


async def caught_up(primary: Office, replica: Office) -> None:
    """Wait until the replica has replayed the WAL of its primary."""
    written = await primary.superuser.fetchval("select pg_current_wal_lsn()::text")
    behind = "select pg_last_wal_replay_lsn() < $1::text::pg_lsn"
    async with asyncio.timeout(PATIENCE_S):
        while await replica.superuser.fetchval(behind, written):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.02)


async def grow(primary: Office, number: str) -> int:
    """The size of the primary's log after a further reported case."""
    async with migrate_and_open(primary.settings) as app, client_of(app) as client:
        receipt = await client.records("/conflicts", CASE | {"number": number})
    size: int = receipt["size"]
    return size


def kept(*folders: Path) -> dict[Path, bytes]:
    """All files in *folders*, with their contents."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return {path: path.read_bytes() for path in files if path.is_file()}


ASKED = (
    "figure --as-of 2021-12-31 --size {size} --json",
    "figure IKU-1 --as-of 2021-12-31 --known-on 2022-01-15 --size {size}",
    "figure IKU-2 --as-of 2021-12-31 --size {size} --breakdown dimension --replay",
    "figure --json",
    "series IKU-3 --from 2021-01-31 --to 2021-12-31 --step month --json",
    "replay IKU-1 --as-of 2021-12-31 --size {size} --json",
    "explain IKU-1 --as-of 2021-12-31 --csv",
    "history K01 --json",
    "verify log --json",
)


async def test_the_command_line_says_the_same_at_a_replica(
    primary: Office, replica: Office, forker: Forker
) -> None:
    size = await replica.size()
    for line in ASKED:
        words = line.format(size=size).split()
        assert replica.answers(forker, *words) == primary.answers(forker, *words), line
    bundles: list[dict[Path, bytes]] = []
    for commands in (primary, replica):
        folder = replica.settings.home / f"bundle-{len(bundles)}"
        commands.answers(forker, "export", "bundle", folder)
        bundles.append({p.relative_to(folder): c for p, c in kept(folder).items()})
    assert bundles[0] == bundles[1]
    assert Path("checkpoint") in bundles[0]
    assert "replika" in replica.answers(forker, "status")
    assert "replika" not in primary.answers(forker, "status")


READ = (
    *("/indicators", "/figures?as_of=2021-12-31&size={size}", "/indicators/IKU-1"),
    "/indicators/IKU-2/figure?as_of=2021-12-31&size={size}&breakdown=district",
    "/indicators/IKU-1/figure?as_of=2021-12-31&known_on=2022-01-15",
    "/indicators/IKU-1/explanation?as_of=2021-12-31",
    "/indicators/IKU-1/replay?as_of=2021-12-31&order=happened",
    "/indicators/IKU-3/series?from=2021-01-31&to=2021-12-31&step=month",
    "/indicators/IKU-1/difference?as_of=2021-12-31&against_known_on=2022-01-15",
    "/indicators/IKU-1/comparison?as_of=2021-12-31",
    *("/conflicts", "/conflicts/K01", "/conflicts/K01/events", "/publications"),
    *("/organisations", "/organisations/O01", "/organisations/O01/events"),
    *("/subjects/conflict-K01", "/log/events", "/agency"),
    *(
        "/log/checkpoint",
        "/log/policy",
        "/log/proof/inclusion/7",
        "/log/tile/0/000.p/7",
    ),
)


async def test_what_is_served_is_the_same_from_a_replica(
    primary: Office, replica: Office
) -> None:
    size = await replica.size()
    async with (
        migrate_and_open(primary.settings) as app,
        migrate_and_open(replica.settings) as following,
        client_of(app) as client,
        client_of(following) as reader,
    ):
        for path in READ:
            asked = path.format(size=size)
            expected, found = await client.get(asked), await reader.get(asked)
            assert (found.status_code, found.text) == (200, expected.text), path
        ready = await client.says("/health/ready")
        assert (ready["replica"], ready["size"]) == (False, size)
        assert await reader.says("/health/ready") == ready | {"replica": True}


async def test_a_size_that_has_not_reached_the_replica_is_refused_until_it_has(
    primary: Office, replica: Office, forker: Forker
) -> None:
    before = await replica.size()
    await replica.superuser.execute("select pg_wal_replay_pause()")
    size = await grow(primary, "K71")
    asked = ("figure", "IKU-1", "--as-of", "2021-12-31", "--size", size, "--json")
    early = replica.iku(forker, *asked)
    inside = f"size berisi {size}, padahal log baru berisi {before} peristiwa"
    assert (early.code, early.err) == (1, f"iku: {inside}\n")
    async with migrate_and_open(replica.settings) as app, client_of(app) as reader:
        path = f"/indicators/IKU-1/figure?as_of=2021-12-31&size={size}"
        problem(await reader.get(path), 400, "size")
        assert (await reader.says("/health/ready"))["size"] == before
        await replica.superuser.execute("select pg_wal_replay_resume()")
        await replica.reaches(size)
        assert (await reader.says(path))["size"] == size
    assert replica.answers(forker, *asked) == primary.answers(forker, *asked)


WRITTEN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/conflicts", CASE),
    ("/conflicts", {n: v for n, v in CASE.items() if n != "number"}),
    ("/conflicts/K01/events", RESOLVED),
    ("/organisations", ORGANISATION),
    (
        "/indicators/IKU-1/targets",
        {"year": 2022, "target": "81", "effective_on": "2022-01-01", "basis": "PK"},
    ),
    ("/publications", {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP"}),
    (
        "/subjects/conflict-K01/erasure",
        {"decision": "B/1", "legal_basis": "UU", "effective_on": "2022-01-01"},
    ),
)


async def test_a_replica_records_nothing_and_says_where_to_go(
    primary: Office, replica: Office
) -> None:
    folders = (primary.settings.keys_folder, replica.settings.home)
    before, size = kept(*folders), await primary.size()
    async with migrate_and_open(replica.settings) as app, client_of(app) as reader:
        for path, body in WRITTEN:
            answer = await reader.post(path, json=body)
            shown = problem(answer, 503)
            assert shown["type"] == "urn:iku:problem:replica", path
            assert SENTENCE in shown["detail"], path
        attached = await reader.post(
            "/conflicts/K01/attachments",
            content=b"berita acara",
            headers={"Content-Type": "text/plain", "Iku-File-Name": "b.txt"},
        )
        problem(attached, 503)
    assert kept(*folders) == before
    assert await primary.size() == size


async def test_commands_that_write_say_so_in_one_sentence_and_leave_no_trace(
    primary: Office, replica: Office, forker: Forker
) -> None:
    heading, first, *_ = example.read_journals()["konflik.csv"].decode().splitlines()
    rows = f"{heading}\n{first.replace('K01', 'K72')}\n"
    (replica.settings.home / "konflik.csv").write_text(rows)
    replica.answers(forker, "signer", "key")
    folders = (primary.settings.keys_folder, replica.settings.home)
    before, size = kept(*folders), await primary.size()
    for line in (
        "import konflik.csv",
        "publication draft --as-of 2021-12-31 --reason LKjIP",
        "erase conflict-K01 --decision B/1 --legal-basis UU --yes",
        *("keys rotate --new", "keys destroy 2021-01", "keys reconcile"),
        *("rebuild", "signer once"),
    ):
        done = replica.iku(forker, *line.split())
        assert done.code == 1, line
        assert done.err.startswith(f"iku: {KALIMAT}"), (line, done.err)
        assert done.err.count("\n") == 1
    assert kept(*folders) == before
    assert await primary.size() == size


async def test_files_that_a_lagging_replica_has_not_heard_of_stay(
    replica: Office,
) -> None:
    """The replica may share its folder of files with the primary."""
    folder = replica.settings.attachments_folder
    folder.mkdir(mode=0o700)
    filed = folder / "00000000-0000-4000-8000-000000000000.sealed"
    filed.write_bytes(b"sealed")
    os.utime(filed, (0, 0))
    async with migrate_and_open(replica.settings):
        pass
    assert filed.exists()


async def test_a_program_newer_than_the_replica_is_told_to_wait_for_the_primary(
    primary: Office, replica: Office
) -> None:
    await primary.superuser.execute("create database ahead")
    behind = replace(
        replica.settings,
        database_url=re.sub("@/iku", "@/ahead", replica.settings.database_url or ""),
        owner_url=re.sub("@/iku", "@/ahead", replica.settings.owner_url or ""),
    )
    await caught_up(primary, replica)
    with pytest.raises(MigrationError, match="the primary is not yet migrated"):
        async with migrate_and_open(behind):
            pass


async def test_reading_that_stands_in_the_way_of_the_primary_is_told_to_try_again(
    primary: Office, replica: Office
) -> None:
    async def read() -> None:
        async with acquire_connection(app) as connection, connection.transaction():
            await connection.fetch("select size from ledger.head")
            async with primary.superuser.transaction():
                await primary.superuser.execute(locked)
            await connection.fetch("select pg_sleep(10)")

    async with migrate_and_open(replica.settings) as app:
        locked = "lock table ledger.head in access exclusive mode"
        with pytest.raises(
            Unavailable, match="cancelled the query because of a recovery conflict"
        ):
            await read()


async def test_a_replica_that_became_the_primary_takes_over_with_the_next_start(
    primary: Office, followed: tuple[Path, Lease], tmp_path: Path
) -> None:
    async with following(primary, followed[1], tmp_path) as replica:
        size = await replica.size()
        async with migrate_and_open(replica.settings) as app, client_of(app) as reader:
            replica.type(COMMANDS[PROMOTE])
            problem(await reader.post("/conflicts", json=CASE), 503)
            assert (await reader.says("/health/ready"))["replica"]
            with pytest.raises(ReadOnlyReplica):
                app.commands.refuse_replica()
        async with migrate_and_open(replica.settings) as app, client_of(app) as client:
            assert not (await client.says("/health/ready"))["replica"]
            assert (await client.records("/conflicts", CASE))["size"] == size + 1
            async with app.pool.acquire() as connection:
                assert await check_ledger(connection) == []
