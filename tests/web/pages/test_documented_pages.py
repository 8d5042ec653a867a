"""docs/pages.md has a row for each page, with its right and its time, and no other."""

import re
from pathlib import Path

from iku.web.pages import MODULES
from iku.web.pages.routes import TRAVELS
from iku.web.routes import ACTION
from tests.web.test_origin_check import STREAMS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "pages.md").read_text()
ROW = re.compile(r"^\| `(/[^`]*)` \|[^|]+\| `?(\w+|–)`? \| (\w+) \|", re.MULTILINE)
TIMES = {True: "obeys", False: "today", None: "any"}


def pages() -> dict[str, tuple[str, str]]:
    """The right and the time of each page, by its path."""
    return {
        re.sub(r":\w+\}", "}", path): (
            str(handler.opt[ACTION] or "–"),
            TIMES[handler.opt[TRAVELS]],
        )
        for module in MODULES
        for handler in module.HANDLERS
        if "GET" in handler.http_methods
        for path in handler.paths
        if path not in STREAMS
    }


def test_every_row_is_a_page_and_every_page_a_row_with_its_right_and_its_time() -> None:
    rows = ROW.findall(DOCUMENT)
    assert len(rows) == len(re.findall(r"^\| `/", DOCUMENT, re.MULTILINE))
    assert sorted(rows) == sorted((page, *said) for page, said in pages().items())
