"""The Merkle tree over the ledger's records.

Follows RFC 6962, section 2.1, so that any Certificate Transparency verifier can check
what we publish. Leaf *index* (from 0) is *position* (from 1) minus one.
"""

from collections.abc import Iterable
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()  # RFC 6962, 2.1: the hash of an empty list


def leaf_hash(record: bytes) -> bytes:
    """The leaf of one record: SHA-256 over 0x00 and its bytes."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two others: SHA-256 over 0x01 and both hashes."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The hash of the tree whose leaf hashes these are, in order.

    Reads each leaf once and keeps one node a level, so a log of any length may be
    streamed through it.
    """
    peaks: list[bytes] = []  # full subtrees, the largest first: the bits of the size
    for size, leaf in enumerate(leaves):
        node, filled = leaf, size
        while filled & 1:
            node = node_hash(peaks.pop(), node)
            filled >>= 1
        peaks.append(node)
    if not peaks:
        return EMPTY_ROOT
    node = peaks.pop()
    while peaks:
        node = node_hash(peaks.pop(), node)
    return node
