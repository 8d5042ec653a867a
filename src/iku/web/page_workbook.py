"""The tables of a page as a workbook: the same address with ``bentuk=xlsx``.

So is the answer to a form that is sent to such an address, if the form allows it.

The page is rendered as for a browser, and its tables are read back from its HTML. So
every page has a workbook, with the rights and the content of the page, and a table
that is added to a template is in the workbook as well. Its rows are not divided into
pages (`PageContext.rows`).
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder

from litestar import Request, Response

from iku.exchange import printed_table, workbook
from iku.exchange.papers.document import Document
from iku.exchange.printed_table import PrintedColumn, PrintedTable, TooManyRows
from iku.exchange.table_output import XLSX, FileFormat
from iku.language import Language, translate
from iku.messages import error_message, message
from iku.parsing import ParseError
from iku.web.problems import NotFound

FORM = "bentuk"  # the parameter that asks for the tables of a page as a file
COORDINATES = "data-koordinat"  # the attribute with the coordinates of a page
IS_FORM = "data-isian"  # marks a table of fields, which shows no data
CONTINUES = message(
    "The table continues on the next page; this workbook has only the first rows."
)
NO_TABLE = message("this page has no table, so there is no workbook of it")


def is_asked(request: Request[Any, Any, Any]) -> bool:
    """Whether the address asks for the tables of the page as a workbook.

    Raises:
        ParseError: It asks for another format.
    """
    asked = request.query_params.get(FORM)
    if asked not in {None, "", FileFormat.XLSX.value}:
        only = message("must be {format}", format=FileFormat.XLSX.value)
        raise ParseError({FORM: only})
    return asked == FileFormat.XLSX


async def response(
    request: Request[Any, Any, Any], shown: Response[bytes]
) -> Response[bytes]:
    """The workbook of the page *shown* if the request asks for it; else the page.

    Raises:
        NotFound: The page has no table, or one that is too long.
    """
    is_page = shown.status_code in {None, 200} and shown.media_type == "text/html"
    if not (is_page and is_asked(request)):
        return shown
    return await _of_page(request, shown)


async def response_to_form(
    request: Request[Any, Any, Any], shown: Response[bytes]
) -> Response[bytes]:
    """The workbook of an answer to a form, if the request asks for it.

    An answer without a table, such as the form with a fault, stays a page.
    """
    is_page = shown.media_type == "text/html"
    if not (is_page and is_asked(request) and has_tables(shown.content.decode())):
        return shown
    return await _of_page(request, shown)


async def _of_page(
    request: Request[Any, Any, Any], shown: Response[bytes]
) -> Response[bytes]:
    language = Language(shown.headers["Content-Language"])
    try:
        content = await asyncio.to_thread(_workbook, shown.content, language)
    except TooManyRows as error:
        raise NotFound(error_message(error)) from error
    name = "-".join(re.findall(r"\w+", request.url.path, re.ASCII)) or "beranda"
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    return Response(content, media_type=XLSX, headers=headers, status_code=200)


def _workbook(html: bytes, language: Language) -> bytes:
    return workbook.document(document(html.decode(), language))


def document(html: str, language: Language) -> Document:
    """The tables of a page, with its title and coordinates.

    Raises:
        NotFound: The page has no table.
    """
    main = _tree(html).find(".//main")
    assert main is not None  # noqa: S101 - `base.html` has it
    if not (tables := [*_tables(main, translate(CONTINUES, language))]):
        raise NotFound(NO_TABLE)
    lines = (_text(one) for one in main.iter("p") if _LINES & _classes(one))
    return printed_table.document(
        " ".join(map(_text, main.iter("h1"))),
        " · ".join(lines),
        main.get(COORDINATES, ""),
        tables,
        language,
    )


def has_tables(content: str) -> bool:
    """Whether the HTML of a page has a table of data, or events that become one."""
    return any(IS_FORM not in tag for tag in _TABLE.findall(content))


_TABLE = re.compile(r'<(?:table|ol class="timeline")[^>]*>')
_NOTE = "data-catatan"  # marks a sentence about the rows of the table above it
_LINES = {"basis", "coordinates", "lead"}  # paragraphs that describe the whole page
_VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}
_SKIPPED = {"button", "form", "script", "select", "svg", "textarea"}
_BLANKS = re.compile(r"\s+")


def _tables(main: Element, continues: str) -> Iterator[PrintedTable]:
    """The tables in order, with notes; one whose next page is offered says so."""
    last: PrintedTable | None = None
    for one in main.iter():
        for table in one.findall("table"):
            if IS_FORM not in table.attrib:
                if last is not None:
                    yield last
                last = _table(table, one.get("aria-label", ""))
        if last is not None and _offers_next_page(one):
            last = last._replace(notes=[continues])
        if last is not None and _NOTE in one.attrib:
            last = last._replace(notes=[*last.notes, _text(one)])
    if last is not None:
        yield last


def _offers_next_page(one: Element) -> bool:
    return "paging" in _classes(one) and one.find("a[@rel='next']") is not None


def _table(table: Element, label: str) -> PrintedTable:
    """A table; *label* is its caption if it has none."""
    caption = table.find("caption")
    head = [[*row] for row in table.iterfind("thead/tr")]
    body = [[*row] for row in table.iterfind("tbody/tr")]
    foot = [[*row] for row in table.iterfind("tfoot/tr")]
    headings = [*map(_text, head[-1])]
    texts = [[_text(cell) for cell in row] for row in (*body, *foot)]
    kept = [
        index
        for index, heading in enumerate(headings)
        if heading or any(row[index] for row in texts)
    ]
    columns = [_column(headings[i], [row[i] for row in body]) for i in kept]
    rows = [[row[index] for index in kept] for row in texts]
    return PrintedTable(
        label if caption is None else _text(caption),
        columns,
        rows[: len(body)],
        rows[len(body) :],
    )


def _column(heading: str, cells: Iterable[Element]) -> PrintedColumn:
    names: set[str] = set()
    for cell in cells:
        names = names.union(*map(_classes, cell.iter()))
    return PrintedColumn(heading, "number" in names, "text" in names)


def _classes(of: Element) -> set[str]:
    return {*of.get("class", "").split()}


def _text(of: Element) -> str:
    """The text of an element, without its buttons and fields."""
    lines = "".join(_parts(of)).split("\n")
    return "\n".join(filter(None, map(str.strip, lines)))


def _parts(of: Element) -> Iterator[str]:
    if of.tag == "br":
        yield "\n"
    elif of.tag not in _SKIPPED and of.get("aria-hidden") != "true":
        yield _BLANKS.sub(" ", of.text or "")
        for child in of:
            yield from _parts(child)
            yield _BLANKS.sub(" ", child.tail or "")


def _tree(html: str) -> Element:
    parser = _TreeParser()
    parser.feed(html)
    parser.close()
    return parser.builder.close()


class _TreeParser(HTMLParser):
    """Parser of our own pages, whose elements are all closed."""

    def __init__(self) -> None:
        super().__init__()
        self.builder = TreeBuilder()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element; one without content ends at once."""
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self.builder.end(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag not in _VOID:
            self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        """Add text."""
        self.builder.data(data)
