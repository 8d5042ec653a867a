"""The line of a figure."""

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from iku.exchange.charts.line import LinePoint, line
from tests.exchange.charts.drawn import (
    check_inside,
    labels,
    number,
    of_class,
    parsed,
)

percent = st.none() | st.decimals(0, 9999, places=2)
points = st.lists(
    st.builds(
        LinePoint,
        label=st.text(st.characters(exclude_categories=["C"]), max_size=40),
        counts=st.sampled_from(["0/0", "7/9", "1.033/1.238", "9" * 40]),
        now=percent,
        published=percent,
        target=percent,
        broken=st.booleans(),
    ),
    min_size=1,
    max_size=30,
)
YEAR = [
    LinePoint("31-03-2021", "3/5", Decimal(60), target=Decimal(80)),
    LinePoint("30-06-2021", "5/6", Decimal("83.33"), target=Decimal(80)),
    LinePoint("30-09-2021", "5/7", Decimal("71.43"), target=Decimal(80)),
    LinePoint("31-12-2021", "7/9", Decimal("77.78"), Decimal("88.89"), Decimal(80)),
]


@given(points)
def test_every_line_fits_its_image(drawn: list[LinePoint]) -> None:
    root = parsed(line("c", "t", "d", drawn))
    check_inside(root)
    assert len(of_class(root, "now")) == sum(one.now is not None for one in drawn)
    squares = sum(one.published is not None for one in drawn)
    assert len(of_class(root, "published")) == squares


@given(points)
def test_the_last_point_is_always_labelled(drawn: list[LinePoint]) -> None:
    shown = labels(parsed(line("c", "t", "d", drawn)))
    assert shown[-1].rstrip("…")[:10] == drawn[-1].counts[:10]


def test_a_greater_value_is_higher() -> None:
    root = parsed(line("c", "t", "d", YEAR))
    first, second, third, last = (number(one, "cy") for one in of_class(root, "now"))
    assert second < last < third < first
    across = [number(one, "cx") for one in of_class(root, "now")]
    assert across == sorted(across)


def test_a_stem_joins_what_was_published_with_what_is_known_now() -> None:
    root = parsed(line("c", "t", "d", YEAR))
    (stem,), (square,) = of_class(root, "stem"), of_class(root, "published")
    dot = of_class(root, "now")[-1]
    assert number(stem, "y1") == number(square, "y") + 4
    assert number(stem, "y2") == number(dot, "cy")
    same = [*YEAR[:3], YEAR[3]._replace(published=YEAR[3].now)]
    assert not of_class(parsed(line("c", "t", "d", same)), "stem")


def test_the_line_breaks_at_another_definition_and_where_there_is_no_figure() -> None:
    def runs(drawn: list[LinePoint]) -> list[int]:
        found = of_class(parsed(line("c", "t", "d", drawn)), "line")
        return [len(one.attrib["points"].split()) for one in found]

    assert runs(YEAR) == [4]
    broken = [*YEAR[:2], YEAR[2]._replace(broken=True), YEAR[3]]
    assert runs(broken) == [2, 2]
    assert len(of_class(parsed(line("c", "t", "d", broken)), "break")) == 1
    gap = [YEAR[0], YEAR[1]._replace(now=None), *YEAR[2:]]
    assert runs(gap) == [2]


def test_labels_do_not_overlap_and_counts_stand_below_them() -> None:
    many = [YEAR[n % 4] for n in range(30)]
    for drawn in (YEAR, many):
        root = parsed(line("c", "t", "d", drawn))
        texts = [one for one in root.iter("text") if not (one.text or "").endswith("%")]
        ends = []
        for text in texts[::2]:  # the labels; each is followed by its counts
            wide = 8.5 * len(text.text or "")
            x = number(text, "x")
            begin = {"start": x, "middle": x - wide / 2, "end": x - wide}
            ends.append((begin[text.attrib["text-anchor"]], wide))
        assert len(ends) > 1
        for (left, wide), (right, _) in itertools.pairwise(ends):
            assert left + wide < right
        for label, counts in zip(texts[::2], texts[1::2], strict=True):
            assert number(label, "y") < number(counts, "y")
