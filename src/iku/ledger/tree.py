"""The Merkle tree over the log's records (RFC 6962, section 2.1).

Verifiers of Certificate Transparency can check it. Leaf *index* (from 0) is the event's
*position* (from 1) minus one.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()  # RFC 6962, 2.1: the hash of an empty list


def leaf_hash(record: bytes) -> bytes:
    """The leaf hash of a record: SHA-256 over 0x00 and its bytes."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 over 0x01 and the hashes of its children."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the full subtrees of a tree of some size, largest first.

    From them leaves can be added and the root hash computed. There is one for each bit
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
        """Add one leaf hash."""
        node, filled, peaks = leaf, self.size, self.peaks
        while filled & 1:
            node = node_hash(peaks.pop(), node)
            filled >>= 1
        peaks.append(node)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add many leaf hashes, level by level."""
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
        """The root hash of the tree."""
        if not self.peaks:
            return EMPTY_ROOT
        *others, node = self.peaks
        for peak in reversed(others):
            node = node_hash(peak, node)
        return node

    def rounded_down(self, width: int) -> "Frontier":
        """The frontier at the last multiple of *width*, a power of two."""
        size = self.size - self.size % width
        return Frontier(size, self.peaks[: size.bit_count()])


def root(leaves: Iterable[bytes]) -> bytes:
    """The root hash of the tree over these leaf hashes, in order.

    Reads each leaf once and keeps one node for each level, so that a log of any length
    can be streamed.
    """
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()
