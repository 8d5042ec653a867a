"""Small counts are not shown to the public, and cannot be computed."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from iku.domain.small_cells import LEAST, suppress_small_counts

counts_of_a_table = st.lists(st.integers(0, 9), max_size=6)


def test_a_small_count_takes_the_smallest_other_one_with_it() -> None:
    assert suppress_small_counts([7, 1, 4]) == (7, None, None)


def test_two_small_counts_hide_each_other() -> None:
    assert suppress_small_counts([7, 1, 2, 4]) == (7, None, None, 4)


def test_a_table_without_small_counts_is_shown() -> None:
    assert suppress_small_counts([3, 9]) == (3, 9)
    assert suppress_small_counts([]) == ()


def test_a_single_small_count_is_not_shown() -> None:
    # It equals the total, which is shown as printed.
    assert suppress_small_counts([2]) == (None,)


@given(counts_of_a_table)
def test_no_small_count_is_shown(counts: list[int]) -> None:
    shown = suppress_small_counts(counts)
    assert len(shown) == len(counts)
    for count, cell in zip(counts, shown, strict=True):
        assert cell is None or cell == count >= LEAST


@settings(deadline=None)  # it tries all tables with the same total
@given(counts_of_a_table)
def test_no_suppressed_count_follows_from_the_total(counts: list[int]) -> None:
    shown = suppress_small_counts(counts)
    hidden = [n for n, cell in enumerate(shown) if cell is None]
    rest = sum(counts[n] for n in hidden)
    if len(hidden) < 2 or rest == 0:
        return
    # Some other table has the same shown counts and the same total.
    candidates = [
        found
        for found in product(range(rest + 1), repeat=len(hidden))
        if sum(found) == rest
    ]
    for place in range(len(hidden)):
        assert len({found[place] for found in candidates}) > 1
