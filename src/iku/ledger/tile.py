"""The tree cut into tiles, as C2SP tlog-tiles lays them out.

A tile of level 0 holds the hashes of up to 256 leaves beside each other; each full tile
is one hash of a tile a level up. An *entry bundle* holds the records of a tile of level
0. Levels, numbers of tiles and indexes within them start at 0.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

WIDTH = 256  # hashes of a full tile
HEIGHT = 8  # levels of the tree between two levels of tiles
LENGTH = 32  # bytes of a hash
HIGHEST = 63  # the level of a tile, as a path may name it

_PLACE = re.compile(r"((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class InvalidTilePath(ValueError):
    """A path names no tile; the sentence says why."""


class Tile(Struct, frozen=True):
    """The first *width* hashes of a tile."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def leaves(self) -> int:
        """How many leaves the log must have for these hashes to exist."""
        return (self.number * WIDTH + self.width) << (HEIGHT * self.level)

    def path(self) -> str:
        """Where it lies below the log's address: ``tile/0/x001/067.p/3``."""
        return f"tile/{self.level}/{place(self.number, self.width)}"

    def entries_path(self) -> str:
        """Where the records of a tile of level 0 lie: ``tile/entries/x001/067``."""
        return f"tile/entries/{place(self.number, self.width)}"


def place(number: int, width: int = WIDTH) -> str:
    """The number in groups of three digits, and the width of a partial tile."""
    higher, last = divmod(number, 1000)
    spelt = f"{last:03}" if width == WIDTH else f"{last:03}.p/{width}"
    while higher:
        higher, group = divmod(higher, 1000)
        spelt = f"x{group:03}/{spelt}"
    return spelt


def parse_place(text: str) -> tuple[int, int]:
    """Number and width that *text* (``x001/067.p/3``) names.

    Raises:
        Misplaced: It names no tile, or one in another spelling than the only one.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidTilePath(f"{text!r} is no place of a tile, such as x001/067.p/3")
    number = int(match[1].replace("x", "").replace("/", "") + match[2])
    width = int(match[3] or WIDTH)
    if width > WIDTH or place(number, width) != text:
        raise InvalidTilePath(f"{text!r} is not how a tile's place is spelt")
    return number, width


def tiles(size: int) -> Iterator[Tile]:
    """Every tile of a tree of that size, level by level; the last may be partial."""
    level = 0
    while count := size >> (HEIGHT * level):
        yield from (Tile(level, number) for number in range(count // WIDTH))
        if count % WIDTH:
            yield Tile(level, count // WIDTH, count % WIDTH)
        level += 1


def bundle(records: Iterable[bytes]) -> bytes:
    """Records as an entry bundle: each after its length, two bytes, big end first."""
    return b"".join(len(record).to_bytes(2, "big") + record for record in records)
