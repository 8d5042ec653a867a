"""One PostgreSQL server for all tests, with a separate database for each test.

Each database is a copy of a template: `template` has the schema, `furnished` also the
seed definitions, `entered` also the fictional register, `imported` the example
register instead. `origin` selects the template
of a test's `database`. Tests that stop or kill a server use their own lease, in their
own folder.
"""

import atexit
import fcntl
import gc
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path
from typing import TypeAlias

import asyncpg
import hypothesis
import pytest
from argon2 import PasswordHasher

from iku.access import passwords
from iku.app import App, open_app
from iku.commands.command import Command
from iku.domain import indicator
from iku.exchange import example
from iku.exchange.journal_import import Importer
from iku.postgres import pool as pools
from iku.postgres import schema_guard
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import Lease, lease
from iku.postgres.pool import Plain, Pool
from iku.settings import Settings
from tests import introspection
from tests.domain import register
from tests.forked import Forker, forking

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "128MB",  # the folder may be in memory
    "scram_iterations": "1",  # the password protects nothing
}
MEMORY = Path("/dev/shm")  # noqa: S108 - only folders made by the tests are written to
ROOM_BYTES = 4 << 30
# All temporary folders are in memory if it has room: each database is a copy of three
# hundred files, and to make a file or a folder takes twenty times as long on a disk.
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)
# What commands print is compared in English; tests of Indonesian set their own.
os.environ["IKU_LANGUAGE"] = "en"
introspection.share()
hypothesis.settings.register_profile(
    "sample", hypothesis.settings.get_profile("ci"), max_examples=10
)
numbers = itertools.count(1)
# Home folder, and so the keys, of all applications over databases of the shared server.
HOME = Path(tempfile.mkdtemp(prefix="iku-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
SETTINGS = Settings(home=HOME)

TARGETS = (
    ("IKU-1", "80", "2021-01-01"),
    ("IKU-2", "75", "2021-01-01"),
    ("IKU-2", "80", "2021-09-01"),
    ("IKU-3", "90", "2021-01-01"),
)

# The groups that take longest. If they started last, they would run alone at the end.
LONG_REGISTER = "long_register"
LONG = (
    LONG_REGISTER,
    *("test_operating", "browser.test_desk_look", "access.test_oidc"),
    *("postgres.test_embedded", "browser.test_hostile_texts", "browser.test_days"),
    *("cli.test_backup", "web.test_contract", "cli.test_cli", "cli.test_monitor"),
    *("projections.test_rebuild", "browser.test_interrupted_entry"),
    *("browser.test_entry", "web.test_body_timeout", "cli.test_standard_streams"),
    *("browser.test_sign_in", "pages.test_rights", "cli.test_account"),
    *("test_no_secrets", "exchange.test_journal_import", "cli.test_signer"),
    *("web.test_role_contract", "web.test_server", "browser.test_sites"),
    *("web.test_rights", "papers.test_pages", "cli.test_tables"),
)

pytest_plugins = ["tests.registers.filled"]  # registers shared by several packages

Clone: TypeAlias = Callable[[str], Awaitable[Database]]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests without the garbage collector, which finds nothing meanwhile.

    It would visit each of a million objects again and again. They are frozen, so that
    it does not visit them while the tests run, either; it then runs less often than by
    default, because the tests leave few cycles.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Group the tests for pytest-xdist, and run the groups that take longest first.

    The tests of a file share fixtures and so run in one process. So do all files that
    read the long register, which takes ten seconds to fill.

    Examples that Hypothesis draws do not count for coverage: each branch needs a test
    that is about it, and tracing the examples takes longer than running them.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.no_cover)
    if not config.getoption("loadgroup", default=False):
        return
    readers = {i.path for i in items if LONG_REGISTER in getattr(i, "fixturenames", ())}
    groups = {item: _group(item.path, readers) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    order = {group: place for place, group in enumerate(LONG)}
    items.sort(key=lambda item: order.get(groups[item], len(LONG)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail if pytest-xdist does not see the groups.

    It would distribute the tests one by one without a word, and every process would
    make the registers and servers of every file.
    """
    if session.config.getoption("loadgroup", default=False):
        alone = [item.nodeid for item in session.items if "@" not in item.nodeid]
        assert not alone, f"tests without a group: {len(alone)}, e.g. {alone[0]}"


def _group(path: Path, readers: set[Path]) -> str:
    folder = "" if path.parent.name == "tests" else f"{path.parent.name}."
    return LONG_REGISTER if path in readers else f"{folder}{path.stem}"


def within(server: Lease, name: str) -> Database:
    """The logins of *server* for another of its databases."""
    return Database(
        owner_dsn=server.owner_dsn.replace("@/iku?", f"@/{name}?"),
        application_dsn=server.application_dsn.replace("@/iku?", f"@/{name}?"),
        signer_dsn=server.signer_dsn.replace("@/iku?", f"@/{name}?"),
    )


def name_of(database: Database) -> str:
    """The name of a database of the tests."""
    return database.owner_dsn.split("@/")[1].split("?")[0]


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder that every user can enter, in memory if it has room, else on disk."""
    with tempfile.TemporaryDirectory(prefix="iku-tests-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def run_folder() -> Path:
    """Such a folder for all processes of a run of the tests.

    pytest-xdist starts them with the environment of the first, which removes it.
    """
    if "TESTS_RUN_FOLDER" not in os.environ:
        name = tempfile.mkdtemp(prefix="iku-tests-")
        os.environ["TESTS_RUN_FOLDER"] = name
        atexit.register(shutil.rmtree, name, ignore_errors=True)
        Path(name).chmod(0o755)
    return Path(os.environ["TESTS_RUN_FOLDER"])


RUN = run_folder()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hashes of a millisecond, since each person of a test has a password."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(passwords, "HASHER", hasher)
        passwords._dummy_hash.cache_clear()
        yield
    passwords._dummy_hash.cache_clear()


@pytest.fixture(scope="session")
def made() -> Path:
    """The home folder of a server that was started once and stopped.

    The first process of a run that needs it makes it for all; tests only copy it.
    """
    made, part = RUN / "made", RUN / "part"
    with (RUN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            part.mkdir(exist_ok=True)
            part.chmod(0o755)
            with lease(part, FAST):
                pass
            part.rename(made)
    return made


@pytest.fixture(scope="session")
def server(made: Path) -> Iterator[Lease]:
    with copied(made) as folder, lease(folder, FAST) as held:
        yield held


@contextmanager
def copied(made: Path) -> Iterator[Path]:
    """A copy of that home folder, whose server no other test uses."""
    with in_memory() as folder:
        subprocess.run(["cp", "-a", str(made / "postgres"), str(folder)], check=True)
        yield folder


@pytest.fixture
def own_home(made: Path) -> Iterator[Path]:
    """The initialised home folder of a stopped server, for this test alone."""
    with copied(made) as folder:
        yield folder


@pytest.fixture(scope="session")
async def administrator(server: Lease) -> AsyncIterator[Plain]:
    """A superuser's connection to a database that no test uses."""
    connection = await asyncpg.connect(within(server, "postgres").owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def template(server: Lease, administrator: Plain) -> str:
    """The name of a database that has only the schema."""
    await administrator.execute("create database template_migrated")
    await migrate_database(within(server, "template_migrated"))
    return "template_migrated"


@pytest.fixture(scope="session")
async def furnished(server: Lease, administrator: Plain, template: str) -> str:
    """The name of a database that also has the seed definitions."""
    name = "template_furnished"
    await administrator.execute(f"create database {name} template {template}")
    async with open_app(SETTINGS, within(server, name)):
        pass
    return name


@pytest.fixture(scope="session")
async def entered(server: Lease, administrator: Plain, furnished: str) -> str:
    """The name of a database that also has the fictional register and targets."""
    name = "template_entered"
    await administrator.execute(f"create database {name} template {furnished}")
    async with open_app(SETTINGS, within(server, name)) as app:
        await enter(app)
    return name


@pytest.fixture(scope="session")
async def imported(server: Lease, administrator: Plain, furnished: str) -> str:
    """The name of a database that also has the example register, as `iku example`."""
    name = "template_imported"
    await administrator.execute(f"create database {name} template {furnished}")
    async with (
        open_app(SETTINGS, within(server, name)) as app,
        app.pool.acquire() as connection,
    ):
        importer = Importer(connection, app.commands, "contoh")
        for content in example.read_journals().values():
            assert (await importer.run(content)).faults == ()
    return name


def copy_keys(folder: Path) -> Path:
    """Copy the keys of `SETTINGS` to *folder*, for a copy of a template.

    The log of the erasures is not copied.
    """
    folder.mkdir(mode=0o700, parents=True)
    for key in SETTINGS.keys_folder.glob("*.key"):
        shutil.copy2(key, folder)
    return folder


async def enter(app: App) -> None:
    """Record the fictional register and the targets."""
    async with app.pool.acquire() as connection:
        for known, _ in register.recorded():
            category = "organisation" if known.number.startswith("O") else "conflict"
            command = Command(
                category, known.number, known.event, "siti", known_on=known.known_on
            )
            await app.commands.handle(connection, command)
        for code, percent, day in TARGETS:
            since = date.fromisoformat(day)
            targeted = indicator.Targeted(
                year=2021, target=percent, effective_on=since, basis="PK 2021 (contoh)"
            )
            command = Command("indicator", code, targeted, "siti", known_on=since)
            await app.commands.handle(connection, command)


@pytest.fixture(scope="session")
def clone(server: Lease, administrator: Plain) -> Clone:
    """A function that copies a database to which no session is connected.

    The copies are removed with the server.
    """

    async def clone(template: str) -> Database:
        name = f"clone_{next(numbers)}"
        await administrator.execute(
            f"create database {name} template {template} strategy file_copy"
        )
        return within(server, name)

    return clone


@pytest.fixture(scope="session")
async def forker(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Forker]:
    """A process that forks for each command, without the start of Python."""
    folder = tmp_path_factory.mktemp("forker")
    copy_keys(folder / "keys")
    database = await clone(furnished)
    environ = {
        "IKU_DATABASE_URL": database.application_dsn,
        "IKU_OWNER_URL": database.owner_dsn,
        "IKU_HOME": str(folder),
    }
    with forking(folder, environ) as forker:
        yield forker


@pytest.fixture
def origin(template: str) -> str:
    """The name of the template of `database`."""
    return template


@pytest.fixture
async def empty_database(
    server: Lease, administrator: Plain
) -> AsyncIterator[Database]:
    """A database without any schema."""
    name = f"empty_{next(numbers)}"
    await administrator.execute(f"create database {name} strategy file_copy")
    yield within(server, name)
    await administrator.execute(f"drop database {name} with (force)")


@pytest.fixture
async def database(
    server: Lease, administrator: Plain, origin: str
) -> AsyncIterator[Database]:
    """A copy of `origin` for this test alone."""
    name = f"test_{next(numbers)}"
    await administrator.execute(
        f"create database {name} template {origin} strategy file_copy"
    )
    yield within(server, name)
    await administrator.execute(f"drop database {name} with (force)")


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Plain]:
    """A connection in the owner's role, with event triggers disabled.

    Tests tamper through it as a superuser can, without the guard of the schema.
    `guarded` has the guard.
    """
    connection = await pools.connect_as_owner(database.owner_dsn)
    await connection.execute("set event_triggers = off")
    yield connection
    await connection.close()


@pytest.fixture
async def guarded(database: Database) -> AsyncIterator[Plain]:
    """A connection in the owner's role, with event triggers enabled."""
    connection = await pools.connect_as_owner(database.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Plain]:
    """A connection in the application's role."""
    connection = await pools.connect(database.application_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def signer(database: Database) -> AsyncIterator[Plain]:
    """A connection in the signer's role."""
    assert database.signer_dsn is not None
    connection = await pools.connect_as_signer(database.signer_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """A small pool of connections in the application's role."""
    pool = await pools.create_pool(database.application_dsn, 4)
    yield pool
    await pool.close()


@asynccontextmanager
async def given_away(empty: Database, administrator: Plain) -> AsyncIterator[Database]:
    """The empty database, owned by a role that has no other privileges."""
    name = name_of(empty)
    await administrator.execute("create role plain_owner login password 'x'")
    # As in docker/logins.sql: the role that migrates is a member of the
    # roles that own schemas.
    await administrator.execute(
        """
        do $$ begin create role iku_vault nologin;
        exception when duplicate_object then null; end $$;
        do $$ begin create role iku_access nologin;
        exception when duplicate_object then null; end $$;
        grant iku_vault, iku_access to plain_owner;
        """
    )
    await administrator.execute(f"alter database {name} owner to plain_owner")
    address = empty.owner_dsn.split("@", 1)[1]
    yield Database(f"postgresql://plain_owner:x@{address}", empty.application_dsn)
    await administrator.execute(f"alter database {name} owner to postgres")
    owner = await pools.connect_as_owner(empty.owner_dsn)
    await owner.execute("set event_triggers = off")
    await owner.execute("reassign owned by plain_owner to postgres")
    await owner.execute("drop owned by plain_owner")
    await owner.close()
    await administrator.execute("drop role plain_owner")


@pytest.fixture
async def plain(
    empty_database: Database, administrator: Plain, template: str
) -> AsyncIterator[Database]:
    """An empty database whose owner has no other privileges."""
    async with given_away(empty_database, administrator) as database:
        yield database


@asynccontextmanager
async def plainly_owned(plain: Database, empty: Database) -> AsyncIterator[Plain]:
    """The plain owner's connection, after a superuser's guard and the migrations."""
    superuser = await pools.connect_as_owner(empty.owner_dsn)
    await superuser.execute(schema_guard.SQL)
    await superuser.close()
    await migrate_database(plain)
    connection = await pools.connect_as_owner(plain.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def plain_owner(
    plain: Database, empty_database: Database
) -> AsyncIterator[Plain]:
    """The owner of a migrated database that a superuser had guarded beforehand."""
    async with plainly_owned(plain, empty_database) as connection:
        yield connection
