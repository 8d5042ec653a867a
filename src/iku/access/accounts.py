"""Login names and factors of accounts.

The SQL functions of schema access, in the order of the functions here:
`set_login_name`, `set_language`, `visit_tasks`, `factors`, `forget_account`, `counts`,
`purge`.
"""

import re
from contextlib import suppress
from datetime import datetime

import asyncpg
from msgspec import Struct

from iku.messages import Language, Message, message
from iku.postgres.pool import Connection, Queryable

LOGIN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")


class Factors(Struct, frozen=True):
    """The login name and the factors of an account.

    Attributes:
        approve_after: When the account may approve again; None if it may already.
    """

    login_name: str | None = None
    password: bool = False
    totp: bool = False
    passkeys: int = 0
    identities: int = 0
    approve_after: datetime | None = None

    @property
    def has_second_factor(self) -> bool:
        """Whether there is a factor that can follow a password."""
        return self.totp or self.passkeys > 0

    @property
    def is_complete(self) -> bool:
        """Whether the holder can sign in: a passkey or identity needs no password."""
        by_password = self.password and self.totp
        return by_password or self.passkeys > 0 or self.identities > 0


class AccessCounts(Struct, frozen=True):
    """Numbers of accounts, sessions, keys and failed attempts, for the status report.

    Attributes:
        enrolled: Accounts with an authenticator, a passkey or an identity.
        sessions: Open sessions.
        attempts: Attempts of the last 24 hours by a password or a code.
        failures: Those of them that failed.
        openings: Events whose texts were decrypted in the last 24 hours, counted once
            for each account and hour.
        delayed: Names, addresses and accounts that have to wait after failures.
    """

    accounts: int
    enrolled: int
    sessions: int
    invitations: int
    api_keys: int
    attempts: int
    failures: int
    openings: int
    delayed: int


def normalised_login_name(name: str) -> str:
    """A login name as stored: stripped and case-folded."""
    return name.strip().casefold()


def login_name_fault(name: str) -> Message | None:
    """The reason why *name* is not a valid login name; None if it is valid."""
    if LOGIN_NAME.fullmatch(normalised_login_name(name)):
        return None
    return message(
        "a login name must have 3 to 64 letters a-z, digits, dots, hyphens and "
        "underscores, and must begin with a letter or a digit"
    )


async def set_login_name(connection: Connection, account: str, name: str) -> bool:
    """Set the account's login name; False if another account has it."""
    changed: bool = await connection.fetchval(
        "select access.set_login_name($1, $2)", account, normalised_login_name(name)
    )
    return changed


async def set_language(
    connection: Connection, account: str, language: Language
) -> None:
    """Set the language of the account's pages."""
    await connection.execute("select access.set_language($1, $2)", account, language)


async def visit_tasks(connection: Queryable, account: str) -> datetime | None:
    """Record that the holder looks at the tasks; when the previous visit ended.

    None at the first visit. A visit ends 30 minutes after its last look. A replica
    records nothing, and knows of no visit.
    """
    with suppress(asyncpg.ReadOnlySQLTransactionError):
        before: datetime | None = await connection.fetchval(
            "select access.visit_tasks($1)", account
        )
        return before
    return None


async def factors(reader: Queryable, account: str) -> Factors:
    """The login name and factors of an account; empty if it was never invited."""
    rows = await reader.fetch("select * from access.factors($1)", account)
    return Factors(**rows[0]) if rows else Factors()


async def delete_credentials(connection: Connection, account: str) -> bool:
    """Delete the account's login name and factors, and return whether it had any.

    The account's events, sign-in attempts and text openings remain under its id.
    """
    forgotten: bool = await connection.fetchval(
        "select access.forget_account($1)", account
    )
    return forgotten


async def access_counts(reader: Queryable) -> AccessCounts:
    """The counts for the status report."""
    [row] = await reader.fetch("select * from access.counts()")
    return AccessCounts(**row)


async def purge_expired_records(connection: Connection) -> None:
    """Delete expired rows, and records after their retention (docs/access.md)."""
    await connection.execute("select access.purge()")
