"""A line chart of a figure: as known now, as first published, and its target."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from iku.exchange.charts.drawing import TEXT, WIDTH, Drawing, LinearScale, text_width

LEFT, RIGHT, TOP, BOTTOM = 48.0, 340.0, 12.0, 160.0
GAP = 8.0  # between two labels, at least
MARK = 4.0  # half the side of a square, or the radius of a circle


class LinePoint(NamedTuple):
    """A day of the line; values are per cent, and None if there is nothing to count.

    Attributes:
        label: The day or period below the axis.
        counts: Numerator and denominator, below the label.
        now: As known now.
        published: As first published; None if it was not.
        broken: Whether another version of the definition counts from this day on.
    """

    label: str
    counts: str
    now: Decimal | None
    published: Decimal | None = None
    target: Decimal | None = None
    broken: bool = False


def line(name: str, title: str, description: str, points: Sequence[LinePoint]) -> str:
    """The chart of *points*, oldest first."""
    drawing = Drawing(name, title, description, BOTTOM + 3 * TEXT)
    values = [v for one in points for v in (one.now, one.published, one.target) if v]
    top = max([Decimal(100), *values])
    across, up = _horizontal_scale(len(points)), LinearScale(0, float(top), BOTTOM, TOP)
    _draw_axis(drawing, up)
    for place, one in enumerate(points):
        if one.broken and place:
            x = (across.at(place - 1) + across.at(place)) / 2
            drawing.line("break", x, TOP, x, BOTTOM)
    _draw_targets(drawing, points, across, up)
    for run in _line_segments(points):
        dots = " ".join(f"{across.at(n):.1f},{up.at(value):.1f}" for n, value in run)
        drawing.add("polyline", "line", points=dots)
    _draw_marks(drawing, points, across, up)
    for place in _labelled_indexes(points, across):
        x, anchor = _label_anchor(across.at(place), points[place])
        drawing.text(points[place].label, x, BOTTOM + TEXT + 4, anchor)
        drawing.text(points[place].counts, x, BOTTOM + 2 * TEXT + 8, anchor)
    return drawing.svg


def _horizontal_scale(count: int) -> LinearScale:
    """The horizontal scale of the points; a single point is in the middle."""
    if count == 1:
        return LinearScale(0, 0, (LEFT + RIGHT) / 2, RIGHT)
    return LinearScale(0, count - 1, LEFT + MARK, RIGHT - MARK)


def _draw_axis(drawing: Drawing, up: LinearScale) -> None:
    for value in (0, 50, 100):
        y = up.at(value)
        drawing.line("axis", LEFT, y, RIGHT, y)
        drawing.text(f"{value}%", LEFT - 6, y + TEXT / 3, "end")


def _draw_targets(
    drawing: Drawing, points: Sequence[LinePoint], across: LinearScale, up: LinearScale
) -> None:
    """Draw the target as steps, each of which extends halfway to the next point."""
    last = len(points) - 1
    for place, one in enumerate(points):
        if one.target is not None:
            begin = _midpoint(across, place, -1) if place else LEFT
            end = _midpoint(across, place, 1) if place < last else RIGHT
            y = up.at(one.target)
            drawing.line("target", begin, y, end, y)


def _midpoint(across: LinearScale, place: int, step: int) -> float:
    return (across.at(place) + across.at(place + step)) / 2


def _line_segments(points: Sequence[LinePoint]) -> Iterator[list[tuple[int, Decimal]]]:
    """The segments of the line, which breaks at a gap or at another definition."""
    run: list[tuple[int, Decimal]] = []
    for place, one in enumerate(points):
        if one.broken or one.now is None:
            yield from [run] if len(run) > 1 else []
            run = []
        if one.now is not None:
            run.append((place, one.now))
    if len(run) > 1:
        yield run


def _draw_marks(
    drawing: Drawing, points: Sequence[LinePoint], across: LinearScale, up: LinearScale
) -> None:
    """Draw a square for a published figure, a stem from it, and a dot as of now."""
    for place, one in enumerate(points):
        x = across.at(place)
        if one.published is not None:
            y = up.at(one.published)
            if one.now is not None and one.now != one.published:
                drawing.line("stem", x, y, x, up.at(one.now))
            side = 2 * MARK
            drawing.add(
                "rect", "published", x=x - MARK, y=y - MARK, width=side, height=side
            )
        if one.now is not None:
            drawing.add("circle", "now", cx=x, cy=up.at(one.now), r=MARK - 1)


def _labelled_indexes(points: Sequence[LinePoint], across: LinearScale) -> list[int]:
    """The indexes of labelled points: the last one, and every n-th before it."""
    width = max(text_width(text) for one in points for text in (one.label, one.counts))
    for step in range(1, len(points)):
        chosen = [*range(len(points) - 1, -1, -step)][::-1]
        spans = [_label_extent(across.at(n), points[n], width) for n in chosen]
        if all(a[1] + GAP <= b[0] for a, b in pairwise(spans)):
            return chosen
    return [len(points) - 1]


def _label_extent(x: float, point: LinePoint, width: float) -> tuple[float, float]:
    at, anchor = _label_anchor(x, point)
    begin = {"start": at, "middle": at - width / 2, "end": at - width}[anchor]
    return begin, begin + width


def _label_anchor(x: float, point: LinePoint) -> tuple[float, str]:
    """The position and anchor of a label that keep it inside the image."""
    half = max(text_width(point.label), text_width(point.counts)) / 2
    if x + half > WIDTH:
        return WIDTH, "end"
    return (0.0, "start") if x - half < 0 else (x, "middle")
