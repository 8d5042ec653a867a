"""The Merkle tree in the database: a cache of full tiles over the stored leaf hashes.

A missing tile is computed from the leaf hashes in the event table, so the cache may be
emptied at any time. Verifiers trust neither the cache nor the stored leaf hashes.
"""

from collections.abc import Sequence

from iku.ledger import tree
from iku.ledger.log import Reader
from iku.ledger.proof_building import Node
from iku.ledger.tile import HEIGHT, LENGTH, WIDTH, Tile
from iku.messages import message


class SizeBeyondLog(Exception):
    """The log holds fewer records than the requested hashes need."""


class Tiles:
    """Reads hashes of the tree, each tile at most once."""

    def __init__(self, connection: Reader) -> None:
        self._connection = connection
        self._rows: dict[tuple[int, int], bytes] = {}

    async def read_hashes(self, nodes: Sequence[Node]) -> list[bytes]:
        """The hash of each full subtree (`proof_building.HashReader`).

        Raises:
            SizeBeyondLog: The log is too short for one of them.
        """
        return [await self._node(node) for node in nodes]

    async def tile(self, asked: Tile) -> bytes:
        """The hashes of a tile, 32 bytes each.

        Raises:
            SizeBeyondLog: The log is too short for the tile.
        """
        kept = self._rows.get((asked.level, asked.number), b"")
        if len(kept) < asked.width * LENGTH:
            kept = await self._row(asked)
            self._rows[asked.level, asked.number] = kept
        return kept[: asked.width * LENGTH]

    async def _node(self, node: Node) -> bytes:
        level, within = divmod(node.level, HEIGHT)
        number, first = divmod(node.number << within, WIDTH)
        width = first + (1 << within)
        row = await self.tile(Tile(level, number, width))
        return tree.root(_split_hashes(row[first * LENGTH :]))

    async def _row(self, asked: Tile) -> bytes:
        """The requested hashes; all hashes of the tile if the tile is cached."""
        cached = await self._connection.fetchval(
            "select hashes from ledger.tile where level = $1 and number = $2",
            asked.level,
            asked.number,
        )
        if cached is not None:
            return bytes(cached)
        if asked.level == 0:
            return await self._leaves(asked)
        return await self._roots(asked)

    async def _leaves(self, asked: Tile) -> bytes:
        first = asked.number * WIDTH
        rows = await self._connection.fetch(
            """
            select leaf
              from ledger.event
             where position > $1
               and position <= $2
             order by position
            """,
            first,
            first + asked.width,
        )
        if len(rows) < asked.width:
            raise SizeBeyondLog(
                message(
                    "the log has no records up to position {count}",
                    count=first + asked.width,
                )
            )
        return b"".join(row["leaf"] for row in rows)

    async def _roots(self, asked: Tile) -> bytes:
        """The roots of the tiles one level below, cached or computed."""
        first = asked.number * WIDTH
        rows = await self._connection.fetch(
            """
            select number, root
              from ledger.tile
             where level = $1
               and number >= $2
               and number < $3
            """,
            asked.level - 1,
            first,
            first + asked.width,
        )
        found = {row["number"]: bytes(row["root"]) for row in rows}
        for number in range(first, first + asked.width):
            if number not in found:
                below = await self._row(Tile(asked.level - 1, number))
                found[number] = tree.root(_split_hashes(below))
        return b"".join(found[number] for number in sorted(found))


async def store(connection: Reader, tile: Tile, hashes: bytes) -> None:
    """Store a full tile in the cache; a different tile of that number is replaced."""
    await connection.fetch(
        """
        delete from ledger.tile
         where level = $1
           and number = $2
           and hashes <> $3
        """,
        tile.level,
        tile.number,
        hashes,
    )
    await connection.fetch(
        """
        insert into ledger.tile (level, number, hashes, root)
        values ($1, $2, $3, $4)
            on conflict do nothing
        """,
        tile.level,
        tile.number,
        hashes,
        tree.root(_split_hashes(hashes)),
    )


async def store_upper(connection: Reader, size: int) -> None:
    """Add the missing full tiles above level 0 to the cache, for a log of *size*."""
    level = 0
    while full := size >> (HEIGHT * (level + 2)):
        level += 1
        missing = await connection.fetch(
            """
            select number
              from generate_series(0, $2::bigint - 1) as number
             where not exists (select from ledger.tile t
                                where t.level = $1 and t.number = number.number)
            """,
            level,
            full,
        )
        for row in missing:
            tile = Tile(level, row["number"])
            await store(connection, tile, await Tiles(connection).tile(tile))


async def delete_upper(connection: Reader) -> None:
    """Delete the tiles above level 0 from the cache."""
    await connection.fetch("delete from ledger.tile where level > 0")


def _split_hashes(row: bytes) -> list[bytes]:
    return [row[at : at + LENGTH] for at in range(0, len(row), LENGTH)]
