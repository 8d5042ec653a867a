"""The Merkle tree over the records' bytes, compared with signed roots.

Nothing that the database computed is trusted: leaf hashes and tiles are recomputed from
the bytes and compared.
"""

from collections.abc import AsyncIterator, Iterable

from iku.ledger import proof_building, tile_cache, tree
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.signer_folder import SignerState
from iku.ledger.tile import LENGTH, WIDTH, Tile
from iku.ledger.tile_cache import Tiles
from iku.ledger.tree import Frontier
from iku.messages import message

PAGE = 4 * WIDTH  # records that are read at a time


class LogTampered(Exception):
    """The records contradict a signed checkpoint; the message is the alarm's text."""


def roots_by_size(known: Iterable[Checkpoint]) -> dict[int, bytes]:
    """The roots of *known*, by size.

    Raises:
        LogTampered: Two of them contradict each other.
    """
    anchors: dict[int, bytes] = {}
    for one in known:
        if anchors.setdefault(one.size, one.root) != one.root:
            raise LogTampered(
                message(
                    "two checkpoints of size {size} were signed, with root {found} and "
                    "with root {signed}",
                    size=one.size,
                    found=one.root.hex(),
                    signed=anchors[one.size].hex(),
                )
            )
    return anchors


async def size_of_log(connection: Reader) -> int:
    """The position of the last record."""
    size: int = await connection.fetchval(
        "select coalesce(max(position), 0) from ledger.event"
    )
    return size


async def compute(
    connection: Reader,
    state: SignerState | None,
    anchors: dict[int, bytes],
    *,
    full: bool,
) -> tuple[Frontier, int]:
    """The tree over the records' bytes, and the number of records that were read.

    Raises:
        LogTampered: The tree is not consistent with the signed state or with *anchors*
            (roots by size), or the stored leaf hashes differ from those of the records.
    """
    signed = state.frontier if state else Frontier()
    anchors = roots_by_size(
        [
            Checkpoint("", signed.size, signed.root()),
            *(Checkpoint("", *anchor) for anchor in anchors.items()),
        ]
    )
    size = await size_of_log(connection)
    if size < max(anchors):
        raise LogTampered(
            message(
                "the log has {size} records, but a checkpoint of size {signed} was "
                "signed",
                size=size,
                signed=max(anchors),
            )
        )
    frontier = Frontier() if full else signed.rounded_down(WIDTH)
    first = frontier.size
    await _extend_tree(connection, frontier, anchors, size)
    if full:
        await tile_cache.delete_upper(connection)
    await tile_cache.store_upper(connection, size)
    found = await proof_building.root(Tiles(connection), size)
    if found != frontier.root():
        raise LogTampered(
            message(
                "at size {size} the stored leaf hashes give root {stored}, but the "
                "record bytes give root {counted}",
                size=size,
                stored=found.hex(),
                counted=frontier.root().hex(),
            )
        )
    return frontier, size - first


async def _extend_tree(
    connection: Reader, frontier: Frontier, anchors: dict[int, bytes], size: int
) -> None:
    """Add the records up to *size* to the tree, and cache the full tiles."""
    _check_signed_root(frontier, anchors)
    row = bytearray()
    async for leaf in _leaves(connection, frontier.size, size):
        frontier.add(leaf)
        _check_signed_root(frontier, anchors)
        row += leaf
        if len(row) == WIDTH * LENGTH:
            tile = Tile(0, frontier.size // WIDTH - 1)
            await tile_cache.store(connection, tile, bytes(row))
            row.clear()


def _check_signed_root(frontier: Frontier, anchors: dict[int, bytes]) -> None:
    signed = anchors.get(frontier.size)
    if signed is not None and frontier.root() != signed:
        raise LogTampered(
            message(
                "the first {size} records have root hash {found}, but the signed root "
                "hash is {signed}",
                size=frontier.size,
                found=frontier.root().hex(),
                signed=signed.hex(),
            )
        )


async def _leaves(connection: Reader, after: int, size: int) -> AsyncIterator[bytes]:
    """The leaf hashes recomputed from the records; a missing position is an error."""
    while after < size:
        rows = await connection.fetch(
            """
            select position, record, leaf
              from ledger.event
             where position > $1
               and position <= $2
             order by position
             limit $3
            """,
            after,
            size,
            PAGE,
        )
        if not rows:
            raise LogTampered(
                message(
                    "the record at position {position} is missing",
                    position=after + 1,
                )
            )
        for expected, row in enumerate(rows, after + 1):
            leaf = tree.leaf_hash(row["record"])
            if row["position"] != expected:
                raise LogTampered(
                    message(
                        "the record at position {position} is missing",
                        position=expected,
                    )
                )
            if row["leaf"] != leaf:
                raise LogTampered(
                    message(
                        "position {position}: the record has leaf hash {found}, but "
                        "leaf hash {stored} is stored",
                        position=expected,
                        found=leaf.hex(),
                        stored=row["leaf"].hex(),
                    )
                )
            yield leaf
        after += len(rows)
