"""Sign-in attempts, and their throttling.

An attempt counts as a failure until it succeeds, so that concurrent attempts count.
After five failures in a row, each further attempt with the same name from the same
address must wait, at first 1 second and at most 15 minutes. Other addresses are not
delayed, so that no user can lock out another. A code is requested only after a
password; its failures are counted for all addresses together. Addresses and names are
stored as keyed hashes.

The SQL functions of schema access, in the order of the functions here: `begin_sign_in`,
`begin_attempt`, `succeed_attempt`, `attempts`.
"""

from datetime import datetime

from msgspec import Struct

from iku.access.secrets import Secrets
from iku.postgres.pool import Connection, Queryable

PAGE = 100


class StartedAttempt(Struct, frozen=True):
    """An attempt that counts as a failure until it succeeds.

    Attributes:
        account: The account that has the name; None if there is none.
        password: The hash of its password; None if it has none.
    """

    number: int
    account: str | None
    password: str | None = None


class DelayedAttempt(Struct, frozen=True):
    """An attempt before the delay was over, which is not counted; *seconds* remain."""

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
) -> StartedAttempt | DelayedAttempt:
    """Start an attempt by login name and password from an address."""
    [row] = await connection.fetch(
        "select * from access.begin_sign_in($1, $2, $3)",
        name,
        secrets.digest("name", name),
        secrets.digest("address", address),
    )
    if row["wait_s"]:
        return DelayedAttempt(row["wait_s"])
    account = None if row["account"] is None else str(row["account"])
    return StartedAttempt(row["attempt"], account, row["password"])


async def begin_code(
    connection: Connection, secrets: Secrets, account: str
) -> StartedAttempt | DelayedAttempt:
    """Start an attempt by a code, or by the old password, of a known account."""
    [row] = await connection.fetch(
        "select * from access.begin_attempt($1, $2, null)",
        account,
        secrets.digest("code", account),
    )
    if row["wait_s"]:
        return DelayedAttempt(row["wait_s"])
    return StartedAttempt(row["attempt"], account)


async def record_success(connection: Connection, begun: StartedAttempt) -> None:
    """Record that the attempt succeeded, and reset the count of failures."""
    await connection.execute("select access.succeed_attempt($1)", begun.number)


async def attempts(
    reader: Queryable,
    *,
    account: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Attempt]:
    """The latest attempts of an account, or of all accounts, latest first.

    *before* is the number of the last attempt on the previous page.
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
