"""Inclusion proofs and consistency proofs.

The recursions of RFC 6962, sections 2.1.1 and 2.1.2, select the subtrees whose hashes
form a proof; a `HashReader` object supplies the hashes. The verifier,
`proof_verification`, shares no code with this module.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from iku.ledger import tree

Span: TypeAlias = tuple[int, int]  # leaf indexes, half-open


class Node(Struct, frozen=True):
    """A full subtree: 2^level leaves, starting at leaf index number * 2^level."""

    level: int
    number: int


class HashReader(Protocol):
    """Supplies the hashes of full subtrees."""

    async def read_hashes(self, nodes: Sequence[Node]) -> list[bytes]:
        """The hash of each of *nodes*, in order."""


async def root(hashes: HashReader, size: int) -> bytes:
    """The Merkle tree hash of the first *size* leaves."""
    if size == 0:
        return tree.EMPTY_ROOT
    [whole] = await _combine(hashes, [(0, size)])
    return whole


async def inclusion(hashes: HashReader, index: int, size: int) -> list[bytes]:
    """The inclusion proof of the leaf at *index* in the tree of *size*, sibling first.

    RFC 6962, section 2.1.1: PATH(index, D[size]).

    Raises:
        ValueError: The tree has no leaf at that index.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf index {index} is outside the tree of size {size}")
    return await _combine(hashes, _path(index, 0, size))


async def consistency(hashes: HashReader, old: int, new: int) -> list[bytes]:
    """The consistency proof between the trees of *old* and *new* leaves.

    RFC 6962, section 2.1.2: PROOF(old, D[new]). Empty if *old* is 0 or equals *new*.

    Raises:
        ValueError: *old* exceeds *new*.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves is not older than one of {old}")
    return await _combine(hashes, _subproof(old, 0, new, whole=True) if old else [])


def split(size: int) -> int:
    """The number of leaves in the left subtree: the largest power of two below *size*.

    RFC 6962, section 2.1.
    """
    return 1 << (size - 1).bit_length() - 1


def _path(index: int, start: int, end: int) -> list[Span]:
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*_path(index, start, middle), (middle, end)]
    return [*_path(index, middle, end), (start, middle)]


def _subproof(old: int, start: int, end: int, *, whole: bool) -> list[Span]:
    """SUBPROOF (RFC 6962, 2.1.2); *whole* if the verifier has the subtree's root."""
    if old == end:
        return [] if whole else [(start, end)]
    middle = start + split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, whole=whole), (middle, end)]
    return [*_subproof(old, middle, end, whole=False), (start, middle)]


async def _combine(hashes: HashReader, spans: Sequence[Span]) -> list[bytes]:
    """The hash of each span; all nodes are read in one call."""
    parts = [list(_nodes(*span)) for span in spans]
    found = iter(await hashes.read_hashes([node for part in parts for node in part]))
    return [_fold(next(found) for _ in part) for part in parts]


def _nodes(start: int, end: int) -> Iterator[Node]:
    """The full subtrees that make up a span, largest first."""
    while start < end:
        # The recursions align each span to its largest full subtree.
        level = (end - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def _fold(nodes: Iterable[bytes]) -> bytes:
    """The root hash over adjacent full subtrees, given largest first."""
    *others, whole = nodes
    for node in reversed(others):
        whole = tree.node_hash(node, whole)
    return whole
