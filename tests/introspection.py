"""What asyncpg asks about built-in types, asked once for all connections.

Each connection asks about every array type that it meets, except arrays of text. That
query takes the server three times as long as connecting does, and thousands of
connections are opened by the tests. Its answers about built-in types are the same on
every connection to the same version of PostgreSQL.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_USER_TYPE = 16_384  # FirstNormalObjectId: smaller OIDs are those of initdb
ARRAYS = """
    select $1::bool[], $2::bytea[], $3::int2[], $4::int4[], $5::int8[],
           $6::date[], $7::uuid[], $8::timestamptz[]
    """

_ask = asyncpg.Connection._introspect_types  # type: ignore[attr-defined]
_answers: dict[int, Sequence[Any]] = {}


async def _introspect(
    connection: Any, types: Sequence[int], timeout_s: float | None
) -> tuple[list[Any], Any]:
    """The rows about those types, and the statement that was used last."""
    statement: Any = SimpleNamespace(name="none")  # not even the anonymous one
    if max(types) >= FIRST_USER_TYPE:
        rows, statement = await _ask(connection, types, timeout_s)
        return list(rows), statement
    for one in types:
        if one not in _answers:
            _answers[one], statement = await _ask(connection, (one,), timeout_s)
    return [row for one in types for row in _answers[one]], statement


def share() -> None:
    """Let all connections of this process share the answers."""
    asyncpg.Connection._introspect_types = _introspect  # type: ignore[attr-defined]


async def learn(dsn: str) -> None:
    """Ask about the types that the program uses."""
    connection = await asyncpg.connect(dsn)
    await connection.prepare(ARRAYS)
    await connection.close()
