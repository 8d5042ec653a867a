"""What a chart draws, read from its SVG."""

import math
import re
from xml.etree import ElementTree as ET

from iku.exchange.charts.drawing import WIDTH, text_width

SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_PLACES = {"x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "width", "height", "r"}


def parsed(svg: str) -> ET.Element:
    """The chart as XML; it must be well-formed, and hold no script or style."""
    root = ET.fromstring(svg)  # noqa: S314 - made by the program
    assert root.tag == "svg"
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    assert [one.get("id") for one in root[:2]] == ids
    assert not [e.tag for e in root.iter() if e.tag in {"script", "style", "a"}]
    assert not [e for e in root.iter() for name in e.attrib if name == "style"]
    return root


def labels(root: ET.Element) -> list[str]:
    """The texts in the chart, without title and description."""
    return [one.text or "" for one in root.iter("text")]


def of_class(root: ET.Element, kind: str) -> list[ET.Element]:
    """The elements of a class."""
    return [one for one in root.iter() if one.get("class") == kind]


def number(element: ET.Element, name: str) -> float:
    """An attribute as a number."""
    return float(element.attrib[name])


def check_inside(root: ET.Element) -> None:
    """Assert that everything is drawn at finite places in the view box."""
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == WIDTH
    for element in root.iter():
        given = element.attrib
        for name in _PLACES & given.keys():
            assert _NUMBER.fullmatch(given[name]), (element.tag, name, given[name])
            assert math.isfinite(float(given[name]))
        for x, y in _corners(element):
            assert -0.1 <= x <= width + 0.1, ET.tostring(element)
            assert -0.1 <= y <= height + 0.1, ET.tostring(element)


def _corners(element: ET.Element) -> list[tuple[float, float]]:
    match element.tag:
        case "rect":
            x, y = number(element, "x"), number(element, "y")
            across, down = number(element, "width"), number(element, "height")
            return [(x, y), (x + across, y + down)]
        case "line":
            return [
                (number(element, f"x{n}"), number(element, f"y{n}")) for n in (1, 2)
            ]
        case "circle":
            x, y, r = (number(element, name) for name in ("cx", "cy", "r"))
            return [(x - r, y - r), (x + r, y + r)]
        case "polyline":
            pairs = (pair.split(",") for pair in element.attrib["points"].split())
            return [(float(x), float(y)) for x, y in pairs]
        case "text":
            return _ends_of_text(element)
        case _:
            return []


def _ends_of_text(element: ET.Element) -> list[tuple[float, float]]:
    x, y = number(element, "x"), number(element, "y")
    wide = text_width(element.text or "")
    begin = {"start": x, "middle": x - wide / 2, "end": x - wide}[
        element.attrib["text-anchor"]
    ]
    return [(begin, y), (begin + wide, y)]
