"""Proofs that a record is in the log, and that a log only grew.

The recursions of RFC 6962, sections 2.1.1 and 2.1.2, name the subtrees whose hashes
make up a proof; a reader (`Hashes`) gives those, from wherever they are kept. What
checks a proof is `proof_checking`, and shares nothing with this.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from iku.ledger import tree

Span: TypeAlias = tuple[
    int, int
]  # leaves from the first index up to, not with, the last


class Node(Struct, frozen=True):
    """A full subtree: the 2^level leaves from index number * 2^level on."""

    level: int
    number: int


class Hashes(Protocol):
    """Gives the hashes of full subtrees."""

    async def read(self, nodes: Sequence[Node]) -> list[bytes]:
        """The hash of each of *nodes*, in order."""


async def root(hashes: Hashes, size: int) -> bytes:
    """The hash of the tree over the first *size* leaves."""
    if size == 0:
        return tree.EMPTY_ROOT
    [whole] = await _combine(hashes, [(0, size)])
    return whole


async def inclusion(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """The proof that the leaf at *index* is in the tree of *size*, sibling first.

    RFC 6962, section 2.1.1: PATH(index, D[size]).

    Raises:
        ValueError: There is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    return await _combine(hashes, _path(index, 0, size))


async def consistency(hashes: Hashes, old: int, new: int) -> list[bytes]:
    """The proof that the tree of *new* leaves begins with the one of *old*.

    RFC 6962, section 2.1.2: PROOF(old, D[new]). Empty where *old* is 0 or *new*: then
    there is nothing to prove.

    Raises:
        ValueError: The older tree is the larger one.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves is not older than one of {old}")
    return await _combine(hashes, _subproof(old, 0, new, whole=True) if old else [])


def split(size: int) -> int:
    """The largest power of two below *size*: how many leaves the left subtree has."""
    return 1 << (size - 1).bit_length() - 1


def _path(index: int, start: int, end: int) -> list[Span]:
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*_path(index, start, middle), (middle, end)]
    return [*_path(index, middle, end), (start, middle)]


def _subproof(old: int, start: int, end: int, *, whole: bool) -> list[Span]:
    """SUBPROOF; *whole*: the verifier has the root of this very subtree already."""
    if old == end:
        return [] if whole else [(start, end)]
    middle = start + split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, whole=whole), (middle, end)]
    return [*_subproof(old, middle, end, whole=False), (start, middle)]


async def _combine(hashes: Hashes, spans: Sequence[Span]) -> list[bytes]:
    """The hash of each span; all nodes are asked for at once."""
    parts = [list(_nodes(*span)) for span in spans]
    found = iter(await hashes.read([node for part in parts for node in part]))
    return [_fold(next(found) for _ in part) for part in parts]


def _nodes(start: int, end: int) -> Iterator[Node]:
    """The full subtrees that a span consists of, the largest first."""
    while start < end:
        # Every span of the recursions begins where the largest of them may begin.
        level = (end - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def _fold(nodes: Iterable[bytes]) -> bytes:
    """The hash above subtrees that lie beside each other, the largest first."""
    *others, whole = nodes
    for node in reversed(others):
        whole = tree.node_hash(node, whole)
    return whole
