"""Checkpoints (signed tree heads): origin, size and root hash in three lines.

The format is C2SP tlog-checkpoint. This log adds no extension lines. A witness must
keep those of other logs, since they are part of the signed text.
"""

import re
from base64 import b64decode, b64encode

from msgspec import Struct

from iku.ledger.malformed import Malformed
from iku.messages import message

LARGEST = 2**63 - 1
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_LENGTH = 32


class Checkpoint(Struct, frozen=True):
    """The size of the log named *origin* and the root hash of its Merkle tree.

    Attributes:
        extension: Extension lines, which this log neither writes nor interprets.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), encode_hash(self.root), *self.extension)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """Parse the text of a note as a checkpoint.

    Raises:
        Malformed: The text is not a checkpoint.
    """
    lines = text.split("\n")  # splitlines would also split at other characters
    if lines.pop() or len(lines) < 3 or not all(lines):
        raise Malformed(
            message("a checkpoint has three lines: origin, size, root hash")
        )
    origin, size, root, *extension = lines
    return Checkpoint(origin, parse_size(size), parse_hash(root), tuple(extension))


def parse_size(text: str) -> int:
    """Parse a tree size: decimal, without leading zeros.

    Raises:
        Malformed: The text is not in that form, or exceeds `LARGEST`.
    """
    if not _SIZE.fullmatch(text) or int(text) > LARGEST:
        raise Malformed(
            message(
                "{text!r} is not a log size: a decimal number without leading zeros",
                text=text[:40],
            )
        )
    return int(text)


def parse_hash(text: str) -> bytes:
    """Decode a hash of 32 bytes from base64.

    Raises:
        Malformed: The text is not the canonical base64 of 32 bytes.
    """
    try:
        value = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(
            message("{text!r} is not canonical base64", text=text[:60])
        ) from error
    if len(value) != _LENGTH or encode_hash(value) != text:
        raise Malformed(
            message("{text!r} is not a SHA-256 hash in base64", text=text[:60])
        )
    return value


def encode_hash(value: bytes) -> str:
    """The hash in base64."""
    return b64encode(value).decode()
