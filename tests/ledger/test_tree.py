"""The tree is the one that Certificate Transparency defines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.ledger import tree

# google/certificate-transparency, merkletree reference vectors: the records, and the
# roots of the trees over the first 0 to 8 of them.
RECORDS = [
    bytes.fromhex(record)
    for record in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_that_of_certificate_transparency(size: int) -> None:
    leaves = [tree.leaf_hash(record) for record in RECORDS[:size]]
    assert tree.root(leaves).hex() == ROOTS[size]


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return tree.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return tree.node_hash(
        root_by_definition(leaves[:k]), root_by_definition(leaves[k:])
    )


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_the_root_is_that_of_the_recursive_definition(leaves: list[bytes]) -> None:
    assert tree.root(iter(leaves)) == root_by_definition(leaves)


@given(st.integers(0, 70), st.lists(st.integers(0, 40), max_size=4))
def test_many_leaves_at_once_grow_it_as_one_by_one_does(
    size: int, steps: list[int]
) -> None:
    leaves = [tree.leaf_hash(bytes([n])) for n in range(size + sum(steps))]
    at_once, one_by_one = tree.Frontier(), tree.Frontier()
    for leaf in leaves[:size]:
        at_once.add(leaf)
    for step in steps:
        at_once.extend(leaves[at_once.size : at_once.size + step])
    for leaf in leaves:
        one_by_one.add(leaf)
    assert (at_once.size, at_once.peaks) == (one_by_one.size, one_by_one.peaks)


@given(st.integers(0, 70), st.integers(0, 70))
def test_a_frontier_grows_on_from_where_it_was_left(first: int, more: int) -> None:
    leaves = [tree.leaf_hash(bytes([index])) for index in range(first + more)]
    frontier = tree.Frontier()
    for leaf in leaves[:first]:
        frontier.add(leaf)
    again = tree.Frontier(frontier.size, frontier.peaks)
    for leaf in leaves[first:]:
        again.add(leaf)
    assert frontier.root() == tree.root(leaves[:first])
    assert again.root() == tree.root(leaves)
    rounded = again.rounded_down(16)
    assert rounded.root() == tree.root(leaves[: rounded.size])
    assert rounded.size == (first + more) // 16 * 16


def test_a_frontier_that_lacks_a_peak_is_refused() -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves has 2 peaks, not 1"):
        tree.Frontier(3, [b""])
