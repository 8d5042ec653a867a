"""The SVG of a chart: elements, escaped labels, a scale, and the colours of a paper."""

import math
from decimal import Decimal
from html import escape
from typing import NamedTuple

WIDTH = 360
TEXT = 14  # font size in units: 11 pixels where the chart is 288 pixels wide
LETTER = 8.5  # the width of a character on average, in units
ELLIPSIS = "…"
# The colours of a chart outside of a page, where `pages.css` gives them.
_PAPER = (
    f"text{{font:{TEXT}px sans-serif;fill:#16202b}}"
    ".axis,.stem,.break{stroke:#7d8894}.axis{stroke-width:.5}"
    ".stem,.break{stroke-dasharray:1 3}"
    ".line{fill:none;stroke:#0b4f9e;stroke-width:2}"
    ".target{fill:none;stroke:#4a5868;stroke-width:1.5;stroke-dasharray:6 4}"
    ".now,.bar{fill:#0b4f9e}.published{fill:#fff;stroke:#8a3b00;stroke-width:2}"
    ".total{fill:#4a5868}.up{fill:#1b6b3a}.down{fill:#a4161a}"
    ".band-0{fill:#e3e7ec}.band-1{fill:#d3d9e0}.band-2{fill:#c2cad3}"
    ".band-3{fill:#b1bbc6}.band-4{fill:#a0acb9}"
)


class LinearScale(NamedTuple):
    """A linear scale from the values [*low*, *high*] to the units [*start*, *end*].

    Values outside of the range are drawn at its ends.
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: Decimal | float) -> float:
        """The position of *value* in units."""
        if self.high <= self.low:
            return self.start
        inside = min(max(float(value), self.low), self.high)
        share = (inside - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


class Drawing:
    """An SVG image with a title and a description, to which elements are added.

    *name* is unique on the page; *height* is in units.
    """

    def __init__(self, name: str, title: str, description: str, height: float) -> None:
        self.height = height
        self._name = escape(name)
        self._texts = escape(title), escape(description)
        self._parts: list[str] = []

    def add(self, tag: str, kind: str, **given: float | str) -> None:
        """Add an SVG element with the CSS class *kind*."""
        named = "".join(f' {k}="{_attribute(v)}"' for k, v in given.items())
        self._parts.append(f'<{tag} class="{kind}"{named}/>')

    def text(self, label: str, x: float, y: float, anchor: str = "start") -> None:
        """Add the text *label* at a position, shortened if it would leave the image."""
        space = {"start": WIDTH - x, "end": x, "middle": 2 * min(x, WIDTH - x)}[anchor]
        shown = escape(shorten(label, space))
        self._parts.append(
            f'<text x="{_attribute(x)}" y="{_attribute(y)}" text-anchor="{anchor}">'
            f"{shown}</text>"
        )

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """Add a line between two points."""
        self.add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def box(self, kind: str, begin: float, end: float, y: float, height: float) -> None:
        """Add a horizontal bar between two positions, in either order."""
        x, width = min(begin, end), abs(end - begin)
        self.add("rect", kind, x=x, y=y, width=width, height=height)

    @property
    def svg(self) -> str:
        """The image as an SVG element for a page."""
        title, description = self._texts
        labels = f"{self._name}-title {self._name}-desc"
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {_attribute(self.height)}" '
            f'role="img" aria-labelledby="{labels}">'
            f'<title id="{self._name}-title">{title}</title>'
            f'<desc id="{self._name}-desc">{description}</desc>'
            f"{''.join(self._parts)}</svg>"
        )


def standalone(svg: str) -> str:
    """The chart *svg* with its namespace and colours, for a report or a file."""
    head, rest = svg.split(">", 1)
    named = f'{head} xmlns="http://www.w3.org/2000/svg">'
    return f"{named}<style>{_PAPER}</style>{rest}"


def shorten(said: str, space: float) -> str:
    """*said*, cut with an ellipsis where it is wider than *space* units."""
    most = max(int(space / LETTER), 1)
    return said if len(said) <= most else said[: most - 1].rstrip() + ELLIPSIS


def text_width(label: str) -> float:
    """The width of *label* in units, at the average width of a character."""
    return len(label) * LETTER


def _attribute(value: float | str) -> str:
    """*value* as an attribute: a number with one decimal, or an escaped text."""
    if isinstance(value, str):
        return escape(value)
    if not math.isfinite(value):
        raise ValueError(value)
    return f"{value:.1f}".removesuffix(".0")
