"""Drawings: escaped labels, a monotone scale, and a form for papers."""

import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.exchange.charts import drawing
from iku.exchange.charts.drawing import WIDTH, Drawing, LinearScale
from tests.exchange.charts.drawn import SVG, labels, parsed

finite = st.floats(-1e9, 1e9)


@given(finite, finite, finite, finite)
def test_a_scale_is_monotone_and_stays_between_its_ends(
    low: float, high: float, one: float, other: float
) -> None:
    scale = LinearScale(low, high, 10, 20)
    assert 10 <= scale.at(one) <= 20
    if one <= other:
        assert scale.at(one) <= scale.at(other) + 1e-9


def test_a_scale_reaches_both_ends() -> None:
    scale = LinearScale(0, 4, 160, 12)
    assert (scale.at(0), scale.at(2), scale.at(4), scale.at(9)) == (160, 86, 12, 12)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_labels_are_text_whatever_they_contain(said: str) -> None:
    made = Drawing("c", said, said, 20)
    made.text(said, 0, 14)
    root = parsed(made.svg)
    assert [one.text or "" for one in root[:2]] == [said, said]
    assert labels(root) == [drawing.shorten(said, WIDTH)]


def test_markup_in_a_label_is_shown() -> None:
    made = Drawing("c", "<b>", "</svg><script>", 20)
    made.text('<script>alert("&")</script>', 0, 14)
    root = parsed(made.svg)
    assert labels(root) == ['<script>alert("&")</script>']


def test_a_label_is_cut_where_it_would_leave_the_image() -> None:
    made = Drawing("c", "t", "d", 20)
    made.text("K" * 300, 100, 14)
    (shown,) = labels(parsed(made.svg))
    assert shown.endswith("K…")
    assert 100 + drawing.text_width(shown) <= WIDTH


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_place_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"nan|inf"):
        Drawing("c", "t", "d", 20).line("axis", 0, value, 1, 1)


def test_a_chart_for_a_paper_brings_its_colours_and_its_namespace() -> None:
    made = Drawing("c", "t", "d", 20)
    made.line("axis", 0, 0, 1, 1)
    root = ET.fromstring(drawing.standalone(made.svg))  # noqa: S314 - made above
    assert root.tag == f"{SVG}svg"
    style = root.find(f"{SVG}style")
    assert style is not None
    assert ".axis" in (style.text or "")
