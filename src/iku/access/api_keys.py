"""API keys for programs: ``iku_<id>_<43 characters>``, shown once.

A key acts for its account with a subset of its roles, or with none and rights such as
``log`` alone. It expires, and a revoked one is refused at once. A key never has more
rights than its account: `iku.domain` decides by both.

The SQL functions of schema access, in the order of the functions here: `add_api_key`,
`valid_api_keys`, `see_api_key`, `api_keys`, `revoke_api_keys`.
"""

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg
from msgspec import Struct

from iku.access import token as tokens
from iku.messages import message
from iku.postgres.pool import Connection, Queryable

KEY = re.compile(r"iku_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
LONGEST = timedelta(days=366)


class ApiKeyRefused(Exception):
    """The API key cannot be created; the message says why."""


class NewApiKey(Struct, frozen=True):
    """A new API key, which is shown once."""

    id: str
    key: str
    expires_at: datetime


class ApiKey(Struct, frozen=True):
    """A valid API key.

    Attributes:
        roles: The roles of its account that it may use.
        rights: Rights in addition to those of its roles, such as ``log``.
        account_version: Version of the account's stream in the log.
    """

    id: str
    account: str
    roles: frozenset[str]
    rights: frozenset[str]
    expires_at: datetime
    account_version: int


class ListedApiKey(Struct, frozen=True):
    """An API key in the list of an account's keys."""

    id: str
    name: str
    roles: frozenset[str]
    rights: frozenset[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    valid: bool


async def create(
    connection: Connection,
    account: str,
    *,
    name: str,
    roles: Iterable[str],
    rights: Iterable[str],
    held: Iterable[str],
    lifetime: timedelta,
) -> NewApiKey:
    """Create an API key of the account, which holds the roles *held*.

    Raises:
        ApiKeyRefused: A role is not among *held*, the key would permit nothing, or its
            name or lifetime is not within the limits.
    """
    kept = sorted(set(roles)), sorted(set(rights))
    _refuse_invalid_key(name, *kept, frozenset(held), lifetime)
    identifier, secret = secrets.token_hex(6), tokens.generate()
    expires_at = await connection.fetchval(
        "select access.add_api_key($1, $2, $3, $4, $5, $6, $7)",
        identifier,
        tokens.digest(secret),
        account,
        name,
        *kept,
        lifetime,
    )
    return NewApiKey(identifier, f"iku_{identifier}_{secret}", expires_at)


async def find(connection: Queryable, key: str) -> ApiKey | None:
    """The API key, if it is valid; its use is recorded."""
    named = parse(key)
    if named is None:
        return None
    rows = await connection.fetch(
        "select * from access.valid_api_keys(array[$1::text], array[$2::bytea])", *named
    )
    if not rows:
        return None
    if rows[0]["stale"]:
        await record_use(connection, rows[0])
    return from_row(rows[0])


def parse(key: str) -> tuple[str, bytes] | None:
    """The id of an API key and the digest of its secret; None if it is malformed."""
    parts = KEY.fullmatch(key)
    return None if parts is None else (parts[1], tokens.digest(parts[2]))


async def record_use(connection: Queryable, row: asyncpg.Record) -> None:
    """Record the use of the API key of a stale row of `access.valid_api_keys`."""
    with suppress(asyncpg.ReadOnlySQLTransactionError):  # on a replica
        await connection.fetchval("select access.see_api_key($1)", row["key"])


def from_row(row: asyncpg.Record) -> ApiKey:
    """The API key in a row of `access.valid_api_keys`."""
    return ApiKey(
        id=row["key"],
        account=str(row["account"]),
        roles=frozenset(row["roles"]),
        rights=frozenset(row["rights"]),
        expires_at=row["expires_at"],
        account_version=row["account_version"],
    )


async def of_account(reader: Queryable, account: str) -> list[ListedApiKey]:
    """The API keys of the account, including revoked and expired ones, oldest first."""
    rows = await reader.fetch("select * from access.api_keys($1)", account)
    return [
        ListedApiKey(
            row["key"],
            row["name"],
            frozenset(row["roles"]),
            frozenset(row["rights"]),
            row["created_at"],
            row["expires_at"],
            row["last_used_at"],
            row["revoked_at"],
            row["valid"],
        )
        for row in rows
    ]


async def revoke(connection: Connection, account: str, key: str) -> bool:
    """Revoke an API key by its id, and return whether it was not yet revoked."""
    revoked: int = await connection.fetchval(
        "select access.revoke_api_keys($1, $2)", account, key
    )
    return revoked > 0


async def revoke_all(connection: Connection, account: str) -> int:
    """Revoke all API keys of the account; return the number of newly revoked ones."""
    revoked: int = await connection.fetchval(
        "select access.revoke_api_keys($1, null)", account
    )
    return revoked


def _refuse_invalid_key(
    name: str,
    roles: list[str],
    rights: list[str],
    held: frozenset[str],
    lifetime: timedelta,
) -> None:
    if beyond := sorted(set(roles) - held):
        raise ApiKeyRefused(
            message(
                "the API key cannot have the roles {roles}: the account holds {held}",
                roles=beyond,
                held=sorted(held),
            )
        )
    if not roles and not rights:
        raise ApiKeyRefused(message("the API key has neither a role nor a right"))
    if not 1 <= len(name) <= 80:
        raise ApiKeyRefused(
            message(
                "the name of the API key has {length} characters, but must have 1 to "
                "80",
                length=len(name),
            )
        )
    if not timedelta(0) < lifetime <= LONGEST:
        raise ApiKeyRefused(
            message(
                "the API key would be valid for {days} days, but must be valid for 1 "
                "to {longest}",
                days=lifetime.days,
                longest=LONGEST.days,
            )
        )
