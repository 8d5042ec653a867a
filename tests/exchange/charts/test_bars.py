"""Bars, waterfalls and the achievement."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from iku.exchange.charts import bars
from iku.exchange.charts.bars import Achievement, Bar, WaterfallStage
from tests.exchange.charts.drawn import (
    check_inside,
    labels,
    number,
    of_class,
    parsed,
)

label = st.text(st.characters(exclude_categories=["C"]), max_size=80)
counts = st.integers(0, 10**9)
rows = st.lists(st.builds(Bar, label, counts, st.just("1.234")), max_size=12)
bounds = st.lists(st.decimals(1, 100, places=2), max_size=8, unique=True).map(sorted)
WAY = [
    WaterfallStage("Saat terbit", "8", 0, 8, total=True),
    WaterfallStage("data terlambat", "+2", 8, 10),
    WaterfallStage("pembatalan", "-3", 10, 7),
    WaterfallStage("Kini", "7", 0, 7, total=True),
]


@given(rows)
def test_bars_fit_their_image_and_are_as_long_as_their_amount(drawn: list[Bar]) -> None:
    root = parsed(bars.amounts("c", "t", "d", drawn))
    check_inside(root)
    widths = [number(one, "width") for one in of_class(root, "bar")]
    assert len(widths) == len(drawn)
    for (one, wide), (other, wider) in zip(
        sorted(zip((row.amount for row in drawn), widths, strict=True)),
        sorted(zip((row.amount for row in drawn), widths, strict=True))[1:],
        strict=False,
    ):
        assert one <= other
        assert wide <= wider


def test_an_amount_of_zero_has_no_length() -> None:
    root = parsed(bars.amounts("c", "t", "d", [Bar("a", 0, "0"), Bar("b", 4, "4")]))
    none, all_ = of_class(root, "bar")
    assert number(none, "width") == 0
    assert number(all_, "width") > 300
    assert labels(root) == ["a", "0", "b", "4"]


@given(
    st.lists(
        st.builds(WaterfallStage, label, label, counts, counts, st.booleans()),
        max_size=9,
    )
)
def test_every_waterfall_fits_its_image(drawn: list[WaterfallStage]) -> None:
    check_inside(parsed(bars.waterfall("c", "t", "d", drawn)))


def test_each_stage_of_a_waterfall_begins_where_the_one_before_ended() -> None:
    root = parsed(bars.waterfall("c", "t", "d", WAY))
    start, end = of_class(root, "total")
    (up,), (down,) = of_class(root, "up"), of_class(root, "down")
    right = number(start, "x") + number(start, "width")
    assert number(up, "x") == right
    assert number(down, "x") + number(down, "width") == (
        number(up, "x") + number(up, "width")
    )
    assert number(down, "x") == number(end, "x") + number(end, "width")
    assert len(of_class(root, "stem")) == 3


@given(st.decimals(0, 9999, places=2), bounds)
def test_every_achievement_fits_its_image(
    achieved: Decimal, drawn: list[Decimal]
) -> None:
    root = parsed(bars.bullet("c", "t", "d", Achievement(achieved, "97,22%", drawn)))
    check_inside(root)
    (bar,) = of_class(root, "bar")
    (mark,) = of_class(root, "mark")
    assert (number(bar, "width") + 1 >= number(mark, "x1") - 0.2) == (achieved >= 100)


def test_an_achievement_is_drawn_over_the_bands_of_the_ratings() -> None:
    limits = [Decimal(51), Decimal(66), Decimal(76), Decimal(91)]
    of = Achievement(Decimal("97.22"), "97,22%", limits)
    root = parsed(bars.bullet("c", "t", "d", of))
    begins = [number(of_class(root, f"band-{n}")[0], "x") for n in range(5)]
    assert begins == sorted(begins)
    assert labels(root) == ["97,22%", "51", "66", "76", "91"]
