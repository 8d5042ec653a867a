"""The tables of a page as a workbook: the same address with ``bentuk=xlsx``.

So is the answer to a form that is sent to such an address, if the form allows it.

The page is rendered as for a browser, and its tables are read back from its HTML. So
every page has a workbook, with the rights and the content of the page, and a table
that is added to a template is in the workbook as well.

A table is not divided into pages there. The page is rendered with its first rows, and
the further ones, which a template of rows alone renders (`PageContext.show`), are read
and written one part after another, so a table of any length takes the same memory.
"""

import asyncio
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from html import unescape
from typing import Any, NamedTuple, TypeAlias, cast
from xml.etree.ElementTree import Element, TreeBuilder

from litestar import Request, Response

from iku.exchange import printed_table, workbook
from iku.exchange.continued_table import ContinuedTable
from iku.exchange.document_stream import MOST_ROWS, DocumentStream
from iku.exchange.papers.document import Document, Row
from iku.exchange.printed_table import PrintedColumn, PrintedTable, TooManyRows
from iku.exchange.table_output import XLSX, FileFormat
from iku.language import Language, translate
from iku.messages import error_message, message
from iku.parsing import ParseError
from iku.web.problems import NotFound
from iku.web.streaming import stream_response

FORM = "bentuk"  # the parameter that asks for the tables of a page as a file
COORDINATES = "data-koordinat"  # the attribute with the coordinates of a page
IS_FORM = "data-isian"  # marks a table of fields, which shows no data
ROWS = "data-baris"  # the attribute with the template of the rows of a table
REST = "iku.further_rows"  # the key of the request with the further rows
# The HTML of further rows, in parts, by their template.
FurtherRows: TypeAlias = Mapping[str, AsyncGenerator[str, None]]
FULL = message(
    "The table continues; a sheet of this format has no more than {most:,} rows.",
    most=MOST_ROWS,
)
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
    rest: FurtherRows = cast(Any, request.scope).pop(REST, {})
    read = await asyncio.to_thread(read_page, shown.content.decode(), language, rest)
    name = "-".join(re.findall(r"\w+", request.url.path, re.ASCII)) or "beranda"
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    if any(one.rows for one in read.tables):
        parts = _written(read, rest, language)
        return stream_response(request, parts, XLSX, headers)
    content = await asyncio.to_thread(workbook.document, read.document)
    return Response(content, media_type=XLSX, headers=headers, status_code=200)


class ReadTable(NamedTuple):
    """A table of a page.

    Attributes:
        kept: The indices of its columns that have anything to show.
        rows: The template of its further rows; empty if it has none.
    """

    printed: PrintedTable
    kept: Sequence[int]
    rows: str = ""


class ReadPage(NamedTuple):
    """The tables of a page, and its document, which has them in the same order."""

    document: Document
    tables: Sequence[ReadTable]


async def _written(
    read: ReadPage, rest: FurtherRows, language: Language
) -> AsyncIterator[bytes]:
    """The parts of a workbook of which a table continues."""
    continued = {index for index, one in enumerate(read.tables) if one.rows}
    stream = await asyncio.to_thread(DocumentStream, read.document, continued)
    yield stream.head()
    for index, table in enumerate(read.tables):
        yield await asyncio.to_thread(stream.begin_sheet, index)
        if index not in continued:
            continue
        reader, notes = ContinuedTable(table.printed, language), table.printed.notes
        async with aclosing(rest[table.rows]) as parts:
            async for html in parts:
                rows = await asyncio.to_thread(further_rows, html, table.kept, reader)
                fitting = rows[: stream.room]
                yield await asyncio.to_thread(stream.rows, fitting)
                if len(fitting) < len(rows):
                    notes = [*notes, translate(FULL, language)]
                    break
        yield stream.end_sheet(index, notes)
    yield await asyncio.to_thread(stream.end)


def further_rows(html: str, kept: Sequence[int], reader: ContinuedTable) -> list[Row]:
    """The rows of a part of a table, of which the columns *kept* are written."""
    body = _tree(f"<tbody>{html}</tbody>", "aria-hidden")
    texts = [[_text(cell) for cell in row] for row in body.iter("tr")]
    return reader.rows([[row[index] for index in kept] for row in texts])


def document(html: str, language: Language) -> Document:
    """The tables of a page, with its title and coordinates (raises as `read_page`)."""
    return read_page(html, language, {}).document


def read_page(html: str, language: Language, rest: Collection[str]) -> ReadPage:
    """The tables of a page; *rest* are the templates of the rows that continue.

    Raises:
        NotFound: The page has no table, or one that is too long.
    """
    main = _tree(html).find(".//main")
    assert main is not None  # noqa: S101 - `base.html` has it
    if not (tables := [*_tables(main, translate(CONTINUES, language), rest)]):
        raise NotFound(NO_TABLE)
    lines = (_text(one) for one in main.iter("p") if _LINES & _classes(one))
    try:
        of = printed_table.document(
            " ".join(map(_text, main.iter("h1"))),
            " · ".join(lines),
            main.get(COORDINATES, ""),
            [one.printed for one in tables],
            language,
        )
    except TooManyRows as error:
        raise NotFound(error_message(error)) from error
    return ReadPage(of, tables)


def has_tables(content: str) -> bool:
    """Whether the HTML of a page has a table of data, or events that become one."""
    return any(IS_FORM not in tag for tag in _TABLE.findall(content))


_TABLE = re.compile(r'<(?:table|ol class="timeline")[^>]*>')
_NOTE = "data-catatan"  # marks a sentence about the rows of the table above it
_LINES = {"basis", "coordinates", "lead"}  # paragraphs that describe the whole page
_VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}
_SKIPPED = {"button", "form", "script", "select", "svg", "textarea"}
_BLANKS = re.compile(r"\s+")


def _tables(
    main: Element, continues: str, rest: Collection[str]
) -> Iterator[ReadTable]:
    """The tables in order, with notes; one whose next page is left out says so."""
    last: ReadTable | None = None
    for one in main.iter():
        for table in one.findall("table"):
            if IS_FORM not in table.attrib:
                if last is not None:
                    yield last
                last = _table(table, one.get("aria-label", ""), rest)
        if last is not None and _offers_next_page(one) and not last.rows:
            last = _with_note(last, continues)
        if last is not None and _NOTE in one.attrib:
            last = _with_note(last, _text(one))
    if last is not None:
        yield last


def _with_note(of: ReadTable, note: str) -> ReadTable:
    printed = of.printed._replace(notes=[*of.printed.notes, note])
    return of._replace(printed=printed)


def _offers_next_page(one: Element) -> bool:
    return "paging" in _classes(one) and one.find("a[@rel='next']") is not None


def _table(table: Element, label: str, rest: Collection[str]) -> ReadTable:
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
    printed = PrintedTable(
        label if caption is None else _text(caption),
        columns,
        rows[: len(body)],
        rows[len(body) :],
    )
    template = next((one.get(ROWS, "") for one in table.iterfind("tbody")), "")
    return ReadTable(printed, kept, template if template in rest else "")


def _column(heading: str, cells: Iterable[Element]) -> PrintedColumn:
    names: set[str] = set()
    for cell in cells:
        names = names.union(*map(_classes, cell.iter()))
    return PrintedColumn(heading, "number" in names, "text" in names)


def _classes(of: Element) -> set[str]:
    return {*of.get("class", "").split()}


def _text(of: Element) -> str:
    """The text of an element, without its buttons and fields."""
    if not len(of) and of.tag not in _SKIPPED:
        return _BLANKS.sub(" ", of.text or "").strip()
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


def _tree(html: str, wanted: str = "") -> Element:
    """The elements of our own pages, which are all closed, with quoted attributes.

    Attributes are read of the tags that contain *wanted*, since they take a third of
    the time, and the texts of rows need one of them only.

    HTMLParser of the standard library reads the same, but takes three times as long.
    """
    builder = TreeBuilder()
    for found in _PIECE.finditer(html):
        end, tag, given, text = found.groups()
        if text is not None:
            builder.data(unescape(text))
        elif tag is None:
            continue  # a comment, or the document type
        elif not end:
            pairs = _ATTRIBUTE.findall(given) if given and wanted in given else ()
            builder.start(tag, {name: unescape(value) for name, value in pairs})
            if tag in _VOID or given.endswith("/"):
                builder.end(tag)
        elif tag not in _VOID:
            builder.end(tag)
    return builder.close()


_PIECE = re.compile(
    r"""<(/?)([a-zA-Z][\w-]*)((?:[^">]|"[^"]*")*)>|<!(?:--.*?--|[^>]*)>|([^<]+)""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([\w:-]+)(?:="([^"]*)")?""")
