"""The passkeys in the database.

The SQL functions of schema access, in the order of the methods here: `passkeys`,
`passkey`, `add_passkey`, `use_passkey`, `rename_passkey`, `remove_passkey`.
"""

import asyncpg

from iku.access.passkeys import Passkey, valid_name
from iku.postgres.pool import Queryable


class DatabasePasskeys:
    """The passkey store of one database, over a connection or a pool."""

    def __init__(self, database: Queryable) -> None:
        self._database = database

    async def of_account(self, account: str) -> list[Passkey]:
        """The passkeys of the account, oldest first."""
        rows = await self._database.fetch("select * from access.passkeys($1)", account)
        return [*map(_from_row, rows)]

    async def find(self, credential: bytes) -> Passkey | None:
        """The passkey with this identifier; None if there is none."""
        rows = await self._database.fetch(
            "select * from access.passkey($1)", credential
        )
        return _from_row(rows[0]) if rows else None

    async def add(self, passkey: Passkey) -> bool:
        """Store *passkey*; False if any account has one with its identifier."""
        added: bool = await self._database.fetchval(
            "select access.add_passkey($1, $2, $3, $4, $5, $6)",
            passkey.account,
            passkey.id,
            passkey.public_key,
            passkey.sign_count,
            passkey.name,
            passkey.transports,
        )
        return added

    async def update_counter(self, credential: bytes, seen: int, now: int) -> bool:
        """Replace the signature counter *seen* by *now*; False if it is another."""
        used: bool = await self._database.fetchval(
            "select access.use_passkey($1, $2, $3)", credential, seen, now
        )
        return used

    async def rename(self, account: str, credential: bytes, name: str) -> bool:
        """Rename a passkey of the account; False if it has no such passkey.

        Raises:
            PasskeyRefused: The name is not allowed.
        """
        renamed: bool = await self._database.fetchval(
            "select access.rename_passkey($1, $2, $3)",
            account,
            credential,
            valid_name(name),
        )
        return renamed

    async def remove(self, account: str, credential: bytes) -> bool:
        """Remove a passkey of the account; False if it has no such passkey."""
        removed: bool = await self._database.fetchval(
            "select access.remove_passkey($1, $2)", account, credential
        )
        return removed


def _from_row(row: asyncpg.Record) -> Passkey:
    return Passkey(
        id=row["credential"],
        account=str(row["account"]),
        name=row["name"],
        public_key=row["public_key"],
        sign_count=row["sign_count"],
        transports=tuple(row["transports"]),
        created_at=row["created_at"],
        used_at=row["last_used_at"],
    )
