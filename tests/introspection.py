"""What asyncpg asks about types, asked once for all connections.

Each connection asks about every array type that it meets, except arrays of text. That
query takes the server three times as long as connecting does, and thousands of
connections are opened by the tests. Its answers about built-in types are the same on
every connection to the same version of PostgreSQL, and those about types of the schema
on every connection to the same server: a copy of a database has the OIDs of its
template, and no other database of that server uses them.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_USER_TYPE = 16_384  # FirstNormalObjectId: smaller OIDs are those of initdb

_ask = asyncpg.Connection._introspect_types  # type: ignore[attr-defined]
_answers: dict[tuple[Any, int], Sequence[Any]] = {}


async def _introspect(
    connection: Any, types: Sequence[int], timeout_s: float | None
) -> tuple[list[Any], Any]:
    """The rows about those types, and the statement that was used last."""
    statement: Any = SimpleNamespace(name="none")  # not even the anonymous one
    keys = [_key(connection, one) for one in types]
    for key in keys:
        if key not in _answers:
            _answers[key], statement = await _ask(connection, key[1:], timeout_s)
    return [row for key in keys for row in _answers[key]], statement


def _key(connection: Any, type_: int) -> tuple[Any, int]:
    """The type, and the server unless all servers have that type."""
    return (connection._addr if type_ >= FIRST_USER_TYPE else None), type_


def share() -> None:
    """Let all connections of this process share the answers."""
    asyncpg.Connection._introspect_types = _introspect  # type: ignore[attr-defined]
