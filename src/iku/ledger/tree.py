"""The Merkle tree over the ledger's records.

Follows RFC 6962, section 2.1, so that any Certificate Transparency verifier can check
what we publish. Leaf *index* (from 0) is *position* (from 1) minus one.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()  # RFC 6962, 2.1: the hash of an empty list


def leaf_hash(record: bytes) -> bytes:
    """The leaf of one record: SHA-256 over 0x00 and its bytes."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two others: SHA-256 over 0x01 and both hashes."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The full subtrees that a tree of some size consists of, the largest first.

    All that is needed to go on growing it, and to know its root: one hash for each bit
    that is set in the size.
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(
                f"a tree of {size} leaves has {size.bit_count()} peaks, "
                f"not {len(self.peaks)}"
            )

    def add(self, leaf: bytes) -> None:
        """Grow the tree by one leaf hash."""
        node, filled, peaks = leaf, self.size, self.peaks
        while filled & 1:
            node = node_hash(peaks.pop(), node)
            filled >>= 1
        peaks.append(node)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Grow the tree by many leaf hashes, level by level."""
        nodes, filled, left = leaves, self.size, []
        while nodes:
            if filled & 1:
                nodes = [self.peaks.pop(), *nodes]
            if len(nodes) & 1:
                left.append(nodes[-1])
            each = iter(nodes)
            nodes = [node_hash(*pair) for pair in zip(each, each, strict=False)]
            filled >>= 1
        self.peaks += reversed(left)
        self.size += len(leaves)

    def root(self) -> bytes:
        """The hash of the tree as it is now."""
        if not self.peaks:
            return EMPTY_ROOT
        *others, node = self.peaks
        for peak in reversed(others):
            node = node_hash(peak, node)
        return node

    def rounded(self, width: int) -> "Frontier":
        """The frontier as it was at the last multiple of *width*, a power of two."""
        size = self.size - self.size % width
        return Frontier(size, self.peaks[: size.bit_count()])


def root(leaves: Iterable[bytes]) -> bytes:
    """The hash of the tree whose leaf hashes these are, in order.

    Reads each leaf once and keeps one node a level, so a log of any length may be
    streamed through it.
    """
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()
