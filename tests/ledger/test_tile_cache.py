"""The tree from the database equals the tree over its records, cached or not."""

from collections.abc import Iterable

import pytest

from iku.ledger import proof_building, tile, tile_cache, tree
from iku.ledger.proof_building import Node
from iku.ledger.tile import Tile
from iku.ledger.tile_cache import Tiles
from iku.postgres.pool import Plain
from tests.samples import sample

SIZE = 66_100  # reaches into the second tile of level 1


async def fill(owner: Plain, size: int) -> list[bytes]:
    """The leaf hashes of a log of `SIZE` records, inserted without the appender."""
    await owner.execute(
        """
        insert into ledger.event
              (position, stream, version, type, known_on, declared, recorded_at,
               record, leaf)
        select n, 'a-1', n, 'Noted', '2021-01-01', false, '2021-01-01', r,
               sha256('\\x00'::bytea || r)
          from generate_series(1, $1::int) n,
               convert_to('record ' || n, 'UTF8') r
        """,
        size,
    )
    rows = await owner.fetch("select leaf from ledger.event order by position")
    return [row["leaf"] for row in rows]


def roots(leaves: list[bytes], sizes: Iterable[int]) -> list[bytes]:
    """The root of the tree over the first leaves, for ascending numbers of them."""
    frontier, found = tree.Frontier(), []
    for size in sizes:
        for leaf in leaves[frontier.size : size]:
            frontier.add(leaf)
        found.append(frontier.root())
    return found


async def keep_full(owner: Plain, size: int) -> None:
    """Store every full tile in the cache, as the signer does."""
    for number in range(size // 256):
        row = await Tiles(owner).tile(Tile(0, number))
        await tile_cache.store(owner, Tile(0, number), row)
    await tile_cache.store_upper(owner, size)


@pytest.mark.no_cover  # tracing 66,100 records doubles the time
async def test_the_tree_is_that_of_the_records_with_and_without_a_cache(
    owner: Plain,
) -> None:
    leaves = await fill(owner, SIZE)
    # Without a cache, each of the large ones reads the whole log.
    large = sample((65_535, 65_536, 65_793), 3, 1)
    sizes = (1, 255, 256, 257, *large, SIZE)
    expected = roots(leaves, sizes)
    plain = Tiles(owner)
    assert [await proof_building.root(plain, size) for size in sizes] == expected

    await keep_full(owner, SIZE)
    count = await owner.fetch("select level, count(*) from ledger.tile group by 1")
    assert sorted(map(tuple, count)) == [(0, 258), (1, 1)]
    cached = Tiles(owner)
    assert [await proof_building.root(cached, size) for size in sizes] == expected
    for one in (Tile(0, 0), Tile(0, 258, 52), Tile(1, 0), Tile(1, 1, 2), Tile(2, 0, 1)):
        assert await Tiles(owner).tile(one) == await plain.tile(one)

    # A partial cache gives the same result.
    await owner.execute("delete from ledger.tile where number % 3 = 1 or level = 1")
    partly = Tiles(owner)
    assert [await proof_building.root(partly, size) for size in sizes] == expected
    await tile_cache.store(owner, Tile(0, 0), bytes(8192))
    assert await Tiles(owner).tile(Tile(0, 0)) == bytes(8192)
    await tile_cache.store_upper(owner, SIZE)
    await tile_cache.delete_upper(owner)
    assert await owner.fetchval("select max(level) from ledger.tile") == 0


async def test_an_upper_tile_is_made_of_the_roots_of_the_tiles_below(
    owner: Plain,
) -> None:
    below = [tree.leaf_hash(bytes([number])) for number in range(256)]
    await owner.executemany(
        "insert into ledger.tile (level, number, hashes, root) values (0, $1, $2, $3)",
        [(number, bytes(8192), one) for number, one in enumerate(below)],
    )
    for _ in range(2):
        await tile_cache.store_upper(owner, 65_536)
        kept = await owner.fetchrow(
            "select hashes, root from ledger.tile where level = 1"
        )
        assert kept is not None
        assert (kept["hashes"], kept["root"]) == (b"".join(below), tree.root(below))
        assert await Tiles(owner).tile(Tile(1, 0)) == b"".join(below)
    await tile_cache.delete_upper(owner)
    assert await owner.fetchval("select max(level) from ledger.tile") == 0


async def test_a_hash_of_any_height_is_found(owner: Plain) -> None:
    leaves = await fill(owner, 1030)
    nodes = [
        Node(level, number)
        for level in range(11)
        for number in range(0, 1030 >> level, 5)
    ]
    found = await Tiles(owner).read_hashes(nodes)
    for node, one in zip(nodes, found, strict=True):
        first = node.number << node.level
        assert one == tree.root(leaves[first : first + (1 << node.level)])


async def test_no_more_is_told_than_there_is(owner: Plain) -> None:
    await fill(owner, 300)
    for asked in (Tile(0, 1, 45), Tile(0, 2, 1), Tile(1, 0, 2), Tile(1, 1, 1)):
        with pytest.raises(tile_cache.SizeBeyondLog, match="has no records up to"):
            await Tiles(owner).tile(asked)


async def test_a_cached_tile_is_a_tile_by_the_specification(owner: Plain) -> None:
    leaves = await fill(owner, 600)
    await keep_full(owner, 600)
    kept = await owner.fetch("select level, number, hashes, root from ledger.tile")
    full = {(t.level, t.number) for t in tile.tiles(600) if t.width == 256}
    assert {(row["level"], row["number"]) for row in kept} == full
    for row in kept:
        part = leaves[row["number"] * 256 : row["number"] * 256 + 256]
        assert row["hashes"] == b"".join(part)
        assert row["root"] == tree.root(part)
