"""The bytes of issued papers, by the digest that the log records.

Papers are published, so they are stored as they are. The bytes are stored before the
event that issues them; bytes that no event names are never served.
"""

from typing import NamedTuple

from iku.ledger.log import Reader


class StoredPaper(NamedTuple):
    """The bytes of a paper.

    Attributes:
        compiled: Without its proof, as compiled.
        proven: With its proof; None until a quorum of witnesses has cosigned its issue.
    """

    compiled: bytes
    proven: bytes | None


async def keep(connection: Reader, digest: str, compiled: bytes) -> None:
    """Store the *compiled* paper; nothing happens if it is stored already."""
    await connection.fetchval("select vault.keep_paper($1, $2)", digest, compiled)


async def keep_proven(connection: Reader, digest: str, proven: bytes) -> None:
    """Store the paper with its proof, unless there is one already."""
    await connection.fetchval("select vault.keep_proven_paper($1, $2)", digest, proven)


async def read(connection: Reader, digest: str) -> StoredPaper | None:
    """The paper with this digest; None if its bytes are not stored."""
    row = await connection.fetchrow(
        "select compiled, proven from vault.read_paper($1)", digest
    )
    return None if row is None else StoredPaper(row["compiled"], row["proven"])


async def has_proof(connection: Reader, digest: str) -> bool:
    """Whether the paper with this digest is stored with its proof."""
    found = await connection.fetchval(
        "select proven is not null from vault.read_paper($1)", digest
    )
    return bool(found)
