"""Horizontal bar charts: amounts, a waterfall, and an achievement (bullet chart)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from iku.exchange.charts.drawing import (
    TEXT,
    WIDTH,
    Drawing,
    LinearScale,
    shorten,
    text_width,
)

ROW = 44.0  # height of a row: its label, and the bar below it
BAR = 14.0
EDGE = 1.0


class Bar(NamedTuple):
    """An amount with its label; *shown* is the text of the amount."""

    label: str
    amount: int
    shown: str


class WaterfallStage(NamedTuple):
    """A stage of a waterfall: a bar from one count to another.

    Attributes:
        total: Whether it is the first or last count, rather than a change.
    """

    label: str
    shown: str
    before: int
    after: int
    total: bool = False


class Achievement(NamedTuple):
    """An achievement in per cent among the rating bands.

    Attributes:
        bounds: The lower bounds of the bands in per cent, ascending.
        mark: The target achievement, drawn as a line.
    """

    achievement: Decimal
    shown: str
    bounds: Sequence[Decimal]
    mark: Decimal = Decimal(100)


def amounts(name: str, title: str, description: str, rows: Sequence[Bar]) -> str:
    """A bar chart with one bar for each of *rows*; the common scale begins at zero."""
    drawing = Drawing(name, title, description, max(len(rows), 1) * ROW)
    most = max((row.amount for row in rows), default=0)
    across = LinearScale(0, max(most, 1), EDGE, WIDTH - EDGE)
    for place, row in enumerate(rows):
        y = place * ROW
        _label(drawing, row.label, row.shown, y)
        drawing.box("bar", EDGE, across.at(row.amount), y + TEXT + 6, BAR)
    return drawing.svg


def waterfall(
    name: str, title: str, description: str, stages: Sequence[WaterfallStage]
) -> str:
    """A waterfall chart from the first count to the last; the scale begins at zero."""
    drawing = Drawing(name, title, description, max(len(stages), 1) * ROW)
    ends = [n for one in stages for n in (one.before, one.after)]
    across = LinearScale(min([0, *ends]), max([1, *ends]), EDGE, WIDTH - EDGE)
    for place, one in enumerate(stages):
        y = place * ROW
        begin, end = across.at(one.before), across.at(one.after)
        _label(drawing, one.label, one.shown, y)
        drawing.box(_css_class(one), begin, end, y + TEXT + 6, BAR)
        if place + 1 < len(stages):
            below = y + TEXT + 6 + BAR
            drawing.line("stem", end, below, end, y + ROW)
    return drawing.svg


def _css_class(one: WaterfallStage) -> str:
    if one.total:
        return "total"
    return "up" if one.after >= one.before else "down"


def bullet(name: str, title: str, description: str, of: Achievement) -> str:
    """A bullet chart: the achievement as a bar over the rating bands."""
    drawing = Drawing(name, title, description, 2 * ROW - 8)
    top = max(Decimal(100), of.mark, of.achievement, *of.bounds)
    across = LinearScale(0, float(top), EDGE, WIDTH - EDGE)
    begins = [Decimal(0), *of.bounds]
    for place, bound in enumerate(begins):
        end = begins[place + 1] if place + 1 < len(begins) else top
        shade = f"band-{min(place, 4)}"
        drawing.box(shade, across.at(bound), across.at(end), TEXT + 6, 2 * BAR)
    drawing.box("bar", EDGE, across.at(of.achievement), TEXT + 6 + BAR / 2, BAR)
    x = across.at(of.mark)
    drawing.line("mark", x, TEXT + 2, x, TEXT + 10 + 2 * BAR)
    drawing.text(of.shown, *_label_position(across.at(of.achievement), of.shown, TEXT))
    _label_bounds(drawing, of.bounds, across)
    return drawing.svg


def _label_bounds(
    drawing: Drawing, bounds: Sequence[Decimal], across: LinearScale
) -> None:
    """Add the lower bounds below the bands, except where labels would overlap."""
    free = 0.0
    for bound in bounds:
        said = f"{bound.normalize():f}"
        x, half = across.at(bound), text_width(said) / 2
        if x - half >= free and x + half <= WIDTH:
            drawing.text(said, x, 2 * ROW - 14, "middle")
            free = x + half + TEXT / 2


def _label_position(x: float, said: str, y: float) -> tuple[float, float, str]:
    """The position and anchor of a label at *x* that keep it inside the image."""
    half = text_width(said) / 2
    if x - half < 0:
        return 0.0, y, "start"
    return (WIDTH, y, "end") if x + half > WIDTH else (x, y, "middle")


def _label(drawing: Drawing, label: str, shown: str, y: float) -> None:
    space = WIDTH - text_width(shown) - TEXT
    drawing.text(shorten(label, space), 0, y + TEXT)
    drawing.text(shown, WIDTH, y + TEXT, "end")
