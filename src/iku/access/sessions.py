"""Sessions, each identified by the token in a cookie.

A full session lasts 12 hours and ends after 30 minutes without a request. A session of
another stage permits only the enrolment or the verification of a factor: `find` does
not return it, `find_partial` does. The token is replaced whenever a factor is
verified.

The SQL functions of schema access, in the order of the functions here: `open_session`,
`valid_sessions`, `see_session`, `complete_session`, `renew_session`, `sign_out`,
`end_session`, `end_sessions`, `sessions`.
"""

from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
from msgspec import Struct

from iku.access import token as tokens
from iku.messages import Language
from iku.postgres.pool import Connection, Queryable

DEVICE = 80  # characters of a device's description that are kept
DEMONSTRATION = "demonstration"  # the method of a sign-in with one click


class Stage(StrEnum):
    """The stage of a sign-in: invitation redeemed, one factor verified, or complete."""

    INVITED = "invited"
    PARTIAL = "half_open"
    FULL = "full"


class Session(Struct, frozen=True):
    """A valid session.

    Attributes:
        method: The factors of the sign-in, such as ``password+totp``.
        device: Description of the device for the account's holder; may be empty.
        seen_at: Its last request, to the minute.
        fresh_at: When a factor was last verified.
        fresh: Whether this was in the last five minutes.
        approve_after: When the account may approve again; None if it may already.
        account_version: Version of the account's stream in the log.
        language: The language that the holder chose for pages; None without a choice.
    """

    id: str
    account: str
    stage: Stage
    method: str
    device: str
    created_at: datetime
    seen_at: datetime
    fresh_at: datetime
    expires_at: datetime
    fresh: bool
    approve_after: datetime | None
    account_version: int
    language: Language | None

    @property
    def has_second_factor(self) -> bool:
        """Whether two factors were verified: full, and not in a demonstration."""
        return self.stage is Stage.FULL and self.method != DEMONSTRATION


class OpenSession(Struct, frozen=True):
    """A full session in the list of an account's sessions."""

    id: str
    method: str
    device: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


async def open_session(
    connection: Connection,
    account: str,
    *,
    method: str,
    device: str = "",
    stage: Stage = Stage.FULL,
) -> str:
    """The token of a new session of the account."""
    token = tokens.generate()
    await connection.execute(
        "select access.open_session($1, $2, $3, $4, $5)",
        tokens.digest(token),
        account,
        stage,
        method,
        device[:DEVICE],
    )
    return token


async def find(connection: Queryable, token: str) -> Session | None:
    """The full session of a token, if it is valid; its use is recorded."""
    return await _find(connection, token, (Stage.FULL,))


async def find_partial(connection: Queryable, token: str) -> Session | None:
    """The session of a token that may only enrol or verify a factor."""
    return await _find(connection, token, (Stage.INVITED, Stage.PARTIAL))


async def complete(connection: Connection, token: str, method: str) -> str | None:
    """Replace a partial session by a full one, and return its token.

    None if the token belongs to no valid partial session.
    """
    return await _replace(
        connection, "select access.complete_session($1, $2, $3)", token, method
    )


async def renew(connection: Connection, token: str) -> str | None:
    """Replace the token of a full session after the verification of a factor.

    None if the token belongs to no valid full session.
    """
    return await _replace(connection, "select access.renew_session($1, $2)", token)


async def end(connection: Connection, token: str) -> bool:
    """End the session of a token, and return whether there was one."""
    ended: bool = await connection.fetchval(
        "select access.sign_out($1)", tokens.digest(token)
    )
    return ended


async def end_one(connection: Connection, account: str, session: str) -> bool:
    """End a session of the account by its id, and return whether there was one."""
    ended: bool = await connection.fetchval(
        "select access.end_session($1, $2)", account, session
    )
    return ended


async def end_all(
    connection: Connection, account: str | None, *, except_session: str | None = None
) -> int:
    """End all sessions of the account, or of every account, and return their number.

    Also ends those that other processes are opening. The session with the id
    *except_session* remains.
    """
    ended: int = await connection.fetchval(
        "select access.end_sessions($1, $2)", account, except_session
    )
    return ended


async def of_account(reader: Queryable, account: str) -> list[OpenSession]:
    """The full sessions of the account, the last used first."""
    rows = await reader.fetch("select * from access.sessions($1)", account)
    return [
        OpenSession(
            str(row["session"]),
            row["method"],
            row["device"],
            row["created_at"],
            row["seen_at"],
            row["expires_at"],
        )
        for row in rows
    ]


async def record_use(connection: Queryable, row: asyncpg.Record) -> None:
    """Record the use of the session of a stale row of `access.valid_sessions`.

    A replica cannot: there a session ends 30 minutes after its last request to the
    primary.
    """
    with suppress(asyncpg.ReadOnlySQLTransactionError):
        await connection.fetchval("select access.see_session($1)", row["session"])


def from_row(row: asyncpg.Record) -> Session:
    """The session in a row of `access.valid_sessions`."""
    return Session(
        id=str(row["session"]),
        account=str(row["account"]),
        stage=Stage(row["stage"]),
        method=row["method"],
        device=row["device"],
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        fresh_at=row["fresh_at"],
        expires_at=row["expires_at"],
        fresh=row["fresh"],
        approve_after=row["approve_after"],
        account_version=row["account_version"],
        language=None if row["language"] is None else Language(row["language"]),
    )


async def _find(
    connection: Queryable, token: str, stages: tuple[Stage, ...]
) -> Session | None:
    rows = await connection.fetch(
        "select * from access.valid_sessions(array[$1::bytea])", tokens.digest(token)
    )
    if not rows or rows[0]["stage"] not in stages:
        return None
    if rows[0]["stale"]:
        await record_use(connection, rows[0])
    return from_row(rows[0])


async def _replace(
    connection: Connection, statement: str, token: str, *more: Any
) -> str | None:
    new = tokens.generate()
    session = await connection.fetchval(
        statement, tokens.digest(token), tokens.digest(new), *more
    )
    return None if session is None else new
