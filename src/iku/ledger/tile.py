"""Merkle tree tiles and entry bundles (C2SP tlog-tiles).

A tile of level 0 holds up to 256 adjacent leaf hashes. The root of each full tile is
one hash of a tile of the next level. An *entry bundle* holds the records of a tile of
level 0. Levels, tile numbers and indexes within a tile start at 0.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from iku.messages import message

WIDTH = 256  # hashes of a full tile
HEIGHT = 8  # levels of the tree between two levels of tiles
LENGTH = 32  # bytes of a hash
HIGHEST = 63  # the highest level that a path can name

_PLACE = re.compile(r"((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class InvalidTilePath(ValueError):
    """The path does not name a tile; the message has the reason."""


class Tile(Struct, frozen=True):
    """The first *width* hashes of a tile."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def required_size(self) -> int:
        """The smallest tree size that has all hashes of the tile."""
        return (self.number * WIDTH + self.width) << (HEIGHT * self.level)

    def path(self) -> str:
        """The tile's path below the log's URL: ``tile/0/x001/067.p/3``."""
        return f"tile/{self.level}/{encode_index(self.number, self.width)}"

    def entries_path(self) -> str:
        """The path of a level 0 tile's entry bundle: ``tile/entries/x001/067``."""
        return f"tile/entries/{encode_index(self.number, self.width)}"


def encode_index(number: int, width: int = WIDTH) -> str:
    """The tile number in groups of three digits; a partial tile also has its width."""
    higher, last = divmod(number, 1000)
    spelt = f"{last:03}" if width == WIDTH else f"{last:03}.p/{width}"
    while higher:
        higher, group = divmod(higher, 1000)
        spelt = f"x{group:03}/{spelt}"
    return spelt


def parse_index(text: str) -> tuple[int, int]:
    """Parse the tile number and width in *text* (``x001/067.p/3``).

    Raises:
        InvalidTilePath: The text does not name a tile, or is not in canonical form.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidTilePath(
            message(
                "{text!r} is not the path of a tile, such as x001/067.p/3", text=text
            )
        )
    number = int(match[1].replace("x", "").replace("/", "") + match[2])
    width = int(match[3] or WIDTH)
    if width > WIDTH or encode_index(number, width) != text:
        raise InvalidTilePath(
            message("{text!r} is not the canonical path of a tile", text=text)
        )
    return number, width


def tiles(size: int) -> Iterator[Tile]:
    """All tiles of a tree of *size*, by level; the last of a level may be partial."""
    level = 0
    while count := size >> (HEIGHT * level):
        yield from (Tile(level, number) for number in range(count // WIDTH))
        if count % WIDTH:
            yield Tile(level, count // WIDTH, count % WIDTH)
        level += 1


def entry_bundle(records: Iterable[bytes]) -> bytes:
    """The records as an entry bundle: each follows its length (uint16, big-endian)."""
    return b"".join(len(record).to_bytes(2, "big") + record for record in records)
