"""Attempts to sign in: counted before they are verified, so that parallel ones count.

After five failures in a row each further one of the same name from the same address
has to wait, 1 second first and 15 minutes at most. Others are not delayed by it, so
nobody can lock out another. Codes are asked only after a password; there all addresses
count together. Addresses and names are stored as keyed hashes.

The SQL functions of schema access, in the order of the functions here:
`begin_sign_in`, `begin_attempt`, `succeed_attempt`, `attempts`.
"""

from datetime import datetime

from msgspec import Struct

from iku.access.secrets import Secrets
from iku.postgres.pool import Connection, Queryable

PAGE = 100


class Begun(Struct, frozen=True):
    """An attempt that counts as a failure until it succeeds.

    Attributes:
        account: The account that has the name; None if there is none.
        password: The hash of its password; None if it has none.
    """

    number: int
    account: str | None
    password: str | None = None


class Delayed(Struct, frozen=True):
    """An attempt that came too early and was not counted."""

    seconds: int


class Attempt(Struct, frozen=True):
    """A past attempt.

    Attributes:
        account: None if no account had the name.
        address: Keyed hash of the address, hexadecimal; empty if it was a code.
    """

    number: int
    attempted_at: datetime
    account: str | None
    address: str
    succeeded: bool


async def begin_sign_in(
    connection: Connection, secrets: Secrets, name: str, address: str
) -> Begun | Delayed:
    """Begin an attempt by login name and password from an address."""
    [row] = await connection.fetch(
        "select * from access.begin_sign_in($1, $2, $3)",
        name,
        secrets.digest("name", name),
        secrets.digest("address", address),
    )
    if row["wait_s"]:
        return Delayed(row["wait_s"])
    account = None if row["account"] is None else str(row["account"])
    return Begun(row["attempt"], account, row["password"])


async def begin_code(
    connection: Connection, secrets: Secrets, account: str
) -> Begun | Delayed:
    """Begin an attempt by a code, or by the old password, of a known account."""
    [row] = await connection.fetch(
        "select * from access.begin_attempt($1, $2, null)",
        account,
        secrets.digest("code", account),
    )
    if row["wait_s"]:
        return Delayed(row["wait_s"])
    return Begun(row["attempt"], account)


async def succeed(connection: Connection, begun: Begun) -> None:
    """Record that the attempt succeeded, which ends the row of failures."""
    await connection.execute("select access.succeed_attempt($1)", begun.number)


async def attempts(
    reader: Queryable,
    *,
    account: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Attempt]:
    """The latest attempts of an account, or all, latest first.

    *before* is the number of the last one of the previous page.
    """
    rows = await reader.fetch(
        "select * from access.attempts($1, $2, $3)", account, before, limit
    )
    return [
        Attempt(
            row["attempt"],
            row["attempted_at"],
            None if row["account"] is None else str(row["account"]),
            row["address"].hex(),
            row["succeeded"],
        )
        for row in rows
    ]
