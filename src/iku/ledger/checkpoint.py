"""Checkpoints: a log's name, its size, its root: three lines (C2SP tlog-checkpoint).

We sign no further lines. Those of other logs may have some, and a witness has to read
them: they belong to what it signs.
"""

import re
from base64 import b64decode, b64encode

from msgspec import Struct

from iku.ledger.note import Malformed

LARGEST = 2**63 - 1
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_LENGTH = 32


class Checkpoint(Struct, frozen=True):
    """How large the log of that origin is, and the root of its tree.

    Attributes:
        extension: Lines that we neither write nor understand.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        lines = (self.origin, str(self.size), spell_hash(self.root), *self.extension)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """The checkpoint that the text of a note is.

    Raises:
        Malformed: It is none.
    """
    lines = text.split("\n")  # not splitlines, which knows many more ends of a line
    if lines.pop() or len(lines) < 3 or not all(lines):
        raise Malformed("a checkpoint is three lines: origin, size, root")
    origin, size, root, *extension = lines
    return Checkpoint(origin, parse_size(size), parse_hash(root), tuple(extension))


def parse_size(text: str) -> int:
    """The size, in decimal without leading noughts.

    Raises:
        Malformed: It is spelt otherwise, or larger than any log.
    """
    if not _SIZE.fullmatch(text) or int(text) > LARGEST:
        raise Malformed(f"{text[:40]!r} is no size of a log")
    return int(text)


def parse_hash(text: str) -> bytes:
    """The 32 bytes that *text* spells in base64.

    Raises:
        Malformed: It spells something else, or in another way than the only one.
    """
    try:
        value = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(f"{text[:60]!r} is not base64") from error
    if len(value) != _LENGTH or spell_hash(value) != text:
        raise Malformed(f"{text[:60]!r} is no hash in base64")
    return value


def spell_hash(value: bytes) -> str:
    """The hash in base64."""
    return b64encode(value).decode()
