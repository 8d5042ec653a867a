"""Flows of several requests in the database, shared by all processes.

What the first request of a sign-in keeps for the last is stored under the SHA-256 of a
random value that the browser brings back, for 10 minutes at most.

The SQL functions of schema access: `start_flow`, `finish_flow`.
"""

from datetime import timedelta

from iku.postgres.pool import Queryable


class DatabaseFlows:
    """The flows of one database, over a connection or a pool.

    A flow that asks an identity provider takes a pool, so that no connection waits for
    the provider.
    """

    def __init__(self, database: Queryable) -> None:
        self._database = database

    async def keep(
        self, kind: str, key: bytes, content: bytes, lifetime_s: int
    ) -> None:
        """Store *content* under *key*, a SHA-256 digest, for *lifetime_s* seconds."""
        await self._database.fetchval(
            "select access.start_flow($1, $2, $3, $4)",
            kind,
            key,
            content,
            timedelta(seconds=lifetime_s),
        )

    async def take(self, kind: str, key: bytes) -> bytes | None:
        """Remove and return what is stored under *key*.

        None if there is nothing, also if it has expired or is of another kind. Of two
        calls at the same time one gets the content.
        """
        content: bytes | None = await self._database.fetchval(
            "select access.finish_flow($1, $2)", kind, key
        )
        return content
