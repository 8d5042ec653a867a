"""Proofs verify for every index and size, and altered proofs do not."""

from collections.abc import Sequence
from hashlib import sha256

import pytest

from iku.ledger import proof_building, tree
from iku.ledger.proof_building import Node
from iku.ledger.proof_verification import (
    InvalidProof,
    check_consistency,
    check_inclusion,
)
from tests.ledger.test_tree import RECORDS, ROOTS

MOST = 300
# All small trees, and those near the boundary of a tile.
SIZES = (*range(66), *range(126, 131), *range(253, 261), MOST)
LEAVES = [sha256(b"leaf %d" % index).digest() for index in range(MOST)]
OTHER = sha256(b"other").digest()
# Tracing them doubles the time, and the smaller trees have the same branches.
UNTRACED = [pytest.param(size, marks=pytest.mark.no_cover) for size in (64, 65, MOST)]


class Memory:
    """Hashes of a tree in memory, each computed once."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves
        self._found: dict[Node, bytes] = {}

    async def read_hashes(self, nodes: Sequence[Node]) -> list[bytes]:
        return [self._hash(node) for node in nodes]

    def _hash(self, node: Node) -> bytes:
        if node.level == 0:
            return self._leaves[node.number]
        if node not in self._found:
            below, twice = node.level - 1, node.number * 2
            left, right = (
                self._hash(Node(below, twice)),
                self._hash(Node(below, twice + 1)),
            )
            self._found[node] = tree.node_hash(left, right)
        return self._found[node]


def roots(leaves: Sequence[bytes]) -> list[bytes]:
    """The root hash at each size."""
    frontier = tree.Frontier()
    found = [frontier.root()]
    for leaf in leaves:
        frontier.add(leaf)
        found.append(frontier.root())
    return found


ROOT = roots(LEAVES)

# google/certificate-transparency, merkletree reference vectors: index, size and proof
# over the records of test_tree, from 0; then old size, new size and proof.
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
GROWTHS = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
REFERENCE = Memory([tree.leaf_hash(record) for record in RECORDS])


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
async def test_a_path_is_that_of_certificate_transparency(
    index: int, size: int, path: list[str]
) -> None:
    proof = await proof_building.inclusion(REFERENCE, index, size)
    assert [one.hex() for one in proof] == path
    leaf = tree.leaf_hash(RECORDS[index])
    check_inclusion(leaf, index, size, bytes.fromhex(ROOTS[size]), proof)


@pytest.mark.parametrize(("old", "new", "path"), GROWTHS)
async def test_a_growth_is_that_of_certificate_transparency(
    old: int, new: int, path: list[str]
) -> None:
    proof = await proof_building.consistency(REFERENCE, old, new)
    assert [one.hex() for one in proof] == path
    check_consistency(
        old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), proof
    )


async def test_the_root_is_known_at_every_size() -> None:
    memory = Memory(LEAVES)
    assert [await proof_building.root(memory, size) for size in range(MOST + 1)] == ROOT


@pytest.mark.no_cover
async def test_every_leaf_of_every_tree_is_proved() -> None:
    memory = Memory(LEAVES)
    for size in SIZES[1:]:
        for index in range(size):
            proof = await proof_building.inclusion(memory, index, size)
            check_inclusion(LEAVES[index], index, size, ROOT[size], proof)


@pytest.mark.no_cover
async def test_every_growth_of_every_tree_is_proved() -> None:
    memory = Memory(LEAVES)
    for new in SIZES:
        for old in range(new + 1):
            proof = await proof_building.consistency(memory, old, new)
            check_consistency(old, ROOT[old], new, ROOT[new], proof)


def damaged(proof: list[bytes]) -> list[list[bytes]]:
    """Proofs that are too short, too long, in another order, or have a flipped bit."""
    flipped = [
        [*proof[:at], bytes([one[0] ^ 1]) + one[1:], *proof[at + 1 :]]
        for at, one in enumerate(proof)
    ]
    short = [proof[:at] + proof[at + 1 :] for at in range(len(proof))]
    cut = [[*proof[:at], proof[at][:31], *proof[at + 1 :]] for at in range(len(proof))]
    surplus = [[*proof, OTHER], [OTHER, *proof], [*proof, *proof[-1:], *proof[-1:]]]
    swapped = [proof[::-1]] if len(proof) > 1 else []
    return [one for one in flipped + short + cut + surplus + swapped if one != proof]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, *UNTRACED])
async def test_no_damaged_path_checks(size: int) -> None:
    memory = Memory(LEAVES)
    for index in range(size):
        proof = await proof_building.inclusion(memory, index, size)
        for broken in damaged(proof):
            with pytest.raises(InvalidProof):
                check_inclusion(LEAVES[index], index, size, ROOT[size], broken)
        for leaf, at, root in (
            (OTHER, index, ROOT[size]),
            (LEAVES[index], index, OTHER),
            (LEAVES[index], size, ROOT[size]),
            (LEAVES[index], index + size, ROOT[size]),
            (LEAVES[index], -1, ROOT[size]),
        ):
            with pytest.raises(InvalidProof):
                check_inclusion(leaf, at, size, root, proof)


@pytest.mark.parametrize("new", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, *UNTRACED])
async def test_no_damaged_growth_checks(new: int) -> None:
    memory = Memory(LEAVES)
    for old in range(new + 1):
        proof = await proof_building.consistency(memory, old, new)
        for broken in damaged(proof):
            with pytest.raises(InvalidProof):
                check_consistency(old, ROOT[old], new, ROOT[new], broken)
        with pytest.raises(InvalidProof):
            check_consistency(old, OTHER, new, ROOT[new], proof)
        if old:
            with pytest.raises(InvalidProof):
                check_consistency(old, ROOT[old], new, OTHER, proof)
        with pytest.raises(InvalidProof):
            check_consistency(new + 1, ROOT[new], new, ROOT[new], proof)


def test_an_index_beyond_the_tree_is_refused_before_it_is_hashed() -> None:
    # Leaf 5 in a tree of 4: without the check of the index, the path would verify.
    with pytest.raises(
        InvalidProof, match="leaf index 5 is outside the tree of size 4"
    ):
        check_inclusion(OTHER, 5, 4, OTHER, [])


async def test_what_cannot_be_proved_is_refused() -> None:
    memory = Memory(LEAVES)
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="leaf index"):
            await proof_building.inclusion(memory, index, size)
    with pytest.raises(ValueError, match="is not older"):
        await proof_building.consistency(memory, 4, 3)
