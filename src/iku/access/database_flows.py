"""The state of flows of several requests, in the database for all processes.

The first request of a sign-in stores its state under the SHA-256 of a random value,
which the browser sends back with the last request, for at most 10 minutes.

The SQL functions of schema access: `start_flow`, `finish_flow`.
"""

from datetime import timedelta

from iku.postgres.pool import Queryable


class DatabaseFlows:
    """The flow store of one database, over a connection or a pool.

    A flow with an identity provider uses a pool, so that no connection waits for the
    provider.
    """

    def __init__(self, database: Queryable) -> None:
        self._database = database

    async def put(self, kind: str, key: bytes, content: bytes, lifetime_s: int) -> None:
        """Store *content* under *key*, a SHA-256 digest, for *lifetime_s* seconds."""
        await self._database.fetchval(
            "select access.start_flow($1, $2, $3, $4)",
            kind,
            key,
            content,
            timedelta(seconds=lifetime_s),
        )

    async def take(self, kind: str, key: bytes) -> bytes | None:
        """Remove and return the content stored under *key*.

        None if there is none, or it has expired or is of another kind. Of two
        concurrent calls at most one gets the content.
        """
        content: bytes | None = await self._database.fetchval(
            "select access.finish_flow($1, $2)", kind, key
        )
        return content
