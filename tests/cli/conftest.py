"""Commands as a user runs them: arguments, environment, streams and exit code."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import asyncpg
import msgspec
import pytest

from iku.exchange import example
from iku.postgres.database import Database
from iku.postgres.embedded import Lease
from iku.postgres.pool import Plain, connect_as_owner
from tests.conftest import Clone, copy_keys, within
from tests.forked import Forker
from tests.restoring import Contents


class Said(NamedTuple):
    """The output of a command, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


Type: TypeAlias = Callable[..., Said]
ADDRESSES = (
    *("IKU_DATABASE_URL", "IKU_OWNER_URL", "IKU_SIGNER_URL"),
    "IKU_SUPERUSER_URL",
)


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """A template with the seed definitions, which the first command would record."""
    name = "imported" if "register" in request.fixturenames else "furnished"
    return str(request.getfixturevalue(name))


@pytest.fixture
def reading() -> None:
    """The test only reads: it shares a database with the others of its file."""


@pytest.fixture
def writing() -> None:
    """The test writes, though most of its file only read."""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    """A copy of `origin`, with its contents.

    Tests that only read share it. A test that restores a backup has one of its own,
    because databases are renamed.
    """
    asked = set(request.fixturenames)
    if "away" in asked:
        found: Database = request.getfixturevalue("database")
    elif "reading" not in asked or asked & {"writing", "owner", "signer"}:
        found = request.getfixturevalue("restored_database")
    else:
        found = request.getfixturevalue("shared_database")
    return found


class Kept(NamedTuple):
    """A copy of a template, and the contents that are restored for each test."""

    database: Database
    contents: Contents

    async def restore(self) -> bool:
        """Whether the contents are restored; false if the copy is of no more use."""
        restored = False
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            restored = await self.contents.restore()
        if not restored:
            await self.contents.close()
        return restored


@pytest.fixture(scope="session")
async def kept_copies(server: Lease) -> AsyncIterator[dict[str, Kept]]:
    """The copies whose contents are restored, by template."""
    kept: dict[str, Kept] = {}
    assert server
    yield kept
    for one in kept.values():
        await one.contents.close()


@pytest.fixture
async def restored_database(
    clone: Clone, origin: str, kept_copies: dict[str, Kept]
) -> Database:
    """The copy of `origin` as it was; a new one if a test changed more than rows."""
    kept = kept_copies.get(origin)
    if kept is None or not await kept.restore():
        database = await clone(origin)
        kept_copies[origin] = kept = Kept(database, await Contents.save(database))
    return kept.database


@pytest.fixture
async def shared_database(
    clone: Clone, origin: str, copies: dict[str, Database]
) -> Database:
    """The copy of `origin` for all tests of the file that only read."""
    if origin not in copies:
        copies[origin] = await clone(origin)
    return copies[origin]


@pytest.fixture(scope="module")
async def copies(server: Lease) -> AsyncIterator[dict[str, Database]]:
    """The shared copies of this file by origin; at the end, nothing was written."""
    made: dict[str, Database] = {}
    yield made
    for origin, database in made.items():
        written = await contents(database)
        assert written == await contents(within(server, origin))


async def contents(database: Database) -> dict[str, str]:
    """A digest of the rows of every table."""
    connection = await connect_as_owner(database.owner_dsn)
    tables = await connection.fetch(
        """
        select format('%I.%I', schemaname, tablename) as name
          from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')
        """
    )
    found = {}
    for (name,) in tables:
        found[name] = await connection.fetchval(
            f"select md5(string_agg(t::text, '' order by t::text)) from {name} t"
        )
    await connection.close()
    assert found["ledger.event"]
    return found


@pytest.fixture
def environ(database: Database, tmp_path: Path) -> dict[str, str]:
    """The environment of a command that uses the test's own database."""
    return surroundings(database, tmp_path)


def surroundings(database: Database, folder: Path) -> dict[str, str]:
    """The environment of a command that uses that database, and keys in the folder."""
    mine = {n: v for n, v in os.environ.items() if not n.startswith("IKU_")}
    mine.pop("COLUMNS", None)  # set by the terminal in which the tests are started
    assert database.signer_dsn is not None
    copy_keys(folder / "var" / "keys")
    return {
        **mine,
        "IKU_DATABASE_URL": database.application_dsn,
        "IKU_OWNER_URL": database.owner_dsn,
        "IKU_SIGNER_URL": database.signer_dsn,
        "IKU_HOME": str(folder / "var"),
        "IKU_LANGUAGE": "en",
    }


@pytest.fixture
async def away(
    environ: dict[str, str], database: Database, administrator: Plain
) -> AsyncIterator[dict[str, str]]:
    """The addresses of a database that does not exist yet, on the same server."""
    name = database.owner_dsn.split("@/")[1].split("?")[0]
    environ["IKU_SUPERUSER_URL"] = database.owner_dsn
    yield {n: environ[n].replace(f"@/{name}?", f"@/{name}_r?") for n in ADDRESSES}
    rows = await administrator.fetch(
        "select datname from pg_database where datname like $1", f"{name}\\_r%"
    )
    for row in rows:
        await administrator.execute(f'drop database "{row["datname"]}" with (force)')


@pytest.fixture
def indonesian(environ: dict[str, str]) -> None:
    """Commands print Indonesian."""
    environ["IKU_LANGUAGE"] = "id"


@pytest.fixture
def iku(forker: Forker, environ: dict[str, str], tmp_path: Path) -> Type:
    """A function that runs a command; keywords set variables, None unsets one."""
    return typing_at(forker, environ, tmp_path)


def typing_at(forker: Forker, environ: dict[str, str], folder: Path) -> Type:
    """The same in another environment."""

    def run(*arguments: object, typed: str = "", **variables: str | None) -> Said:
        words = [str(word) for word in arguments]
        told = {**environ, **variables}
        given = {name: value for name, value in told.items() if value is not None}
        done = forker.run(words, given, folder, typed)
        assert "Traceback" not in done.out + done.err
        return Said(*done)

    return run


@pytest.fixture
def register(iku: Type) -> Type:
    """The command line over the example register."""
    return iku  # `origin` selects that template


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The example register as files."""
    for name, content in example.read_journals().items():
        (tmp_path / name).write_bytes(content)
    return {name.removesuffix(".csv"): tmp_path / name for name in example.NAMES}
