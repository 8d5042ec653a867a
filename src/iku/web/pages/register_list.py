"""The list of cases, or of organisations: filters, order, pages, search and download.

Filters are parameters of the address, with the names of the API. The words of a search
are sent in a form, so that no address and no log contains them. Each search decrypts
the texts that the viewer may read, and caches none of them, so an erased text is never
found again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from litestar import Response
from msgspec import structs

from iku.domain.access import Action
from iku.domain.question import InvalidQuestion
from iku.exchange import list_table
from iku.exchange.field_format import FieldFormat
from iku.exchange.table_output import FileFormat, table_output
from iku.messages import Message, message
from iku.parsing import parse_texts
from iku.queries import lists
from iku.queries.list_questions import ListQuestion
from iku.web.page_forms import Form
from iku.web.pages.page_context import PageContext
from iku.web.table_downloads import page_format

WORDS, CURSOR, FORM = "kata", "lanjut", "bentuk"  # fields of the form of a search
PART = 200  # items that are read at a time for a download
IN_ADDRESS = message(
    "search for words with the form of the list: an address must not contain them, "
    "because addresses are logged"
)


class ListFilter(NamedTuple):
    """A filter of a list, whose values are chosen."""

    name: str
    label: Message
    options: Mapping[Any, Message]


class ListRow(NamedTuple):
    """A row of the list.

    Attributes:
        named: The heading of *title*.
        cells: The other cells, each with its heading.
    """

    address: str
    number: str
    named: str
    title: str
    cells: tuple[tuple[str, str], ...]


class Register(NamedTuple):
    """The layout of a list: the parts in which the two lists differ.

    Attributes:
        path: The path of the list, below which are the pages of its items.
        columns: The fields of a row, the number and the title or name first.
        sorts: The fields by which the list can be sorted.
        days: The filters that are days, with their labels.
        none: The sentence that an empty register shows.
        entry: The action that creates a subject, to which the viewer needs the right.
    """

    category: str
    title: Message
    path: str
    filters: tuple[ListFilter, ...]
    columns: tuple[str, ...]
    sorts: tuple[str, ...]
    days: Mapping[str, Message]
    none: Message
    entry: Action
    entry_label: Message


async def show(
    frame: PageContext, register: Register, words: str = "", cursor: str | None = None
) -> Response[bytes]:
    """A page of the list; with *words*, of the items whose title or number has them."""
    question = _question(frame, words, cursor)
    async with frame.view() as view:
        found = await lists.listing(view, question, frame.time.today)
    return frame.show(
        "register.html",
        register=register,
        found=found,
        words=words,
        asked=question,
        fields=(fields := frame.field_format),
        headings=(headings := _headings(frame, register)),
        rows=[*_rows(frame, register, headings, found.items)],
        given=(given := _filter_values(frame, register)),
        chosen={
            name: ", ".join(fields.value(name, one) for one in several)
            for name, several in given.items()
        },
        areas={area.code: area.name for area in frame.app.agency.areas},
        why=frame.refusal(register.entry),
    )


async def search(frame: PageContext, form: Form, register: Register) -> Response[bytes]:
    """The answer to the form of a search: a page of the list, or the download."""
    words = " ".join(form.text(WORDS).split())
    if named := form.text(FORM):
        file = FileFormat.XLSX if named == FileFormat.XLSX else FileFormat.CSV
        return await download(frame, register, file, words)
    return await show(frame, register, words, form.text(CURSOR) or None)


async def download(
    frame: PageContext, register: Register, form: FileFormat, words: str = ""
) -> Response[bytes]:
    """The whole list as a file; its last row states the coordinates."""
    language = frame.visitor.page
    shown = page_format(form, indonesian=language.is_indonesian)
    output = table_output(list_table.shape(register.category), shown)
    parts = [output.head()]
    question = structs.replace(_question(frame, words, None), limit=PART)
    async with frame.view() as view:
        following: str | None = ""
        while following is not None:
            question = structs.replace(question, cursor=following or None)
            found = await lists.listing(view, question, frame.time.today)
            parts.append(output.rows(found.items))
            following = found.next
    parts.append(output.end([language.text(frame.time.sentence)]))
    name = f"{register.path[1:]}-{frame.time.day.isoformat()}.{form}"
    return Response(
        b"".join(parts),
        media_type=form.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _question(frame: PageContext, words: str, cursor: str | None) -> ListQuestion:
    """The question of the page, with the *words* and the *cursor* of a form.

    Raises:
        InvalidQuestion: The address has words, or they are too long.
    """
    asked: ListQuestion = frame.question
    if asked.text is not None:
        raise InvalidQuestion("text", IN_ADDRESS)
    if not words:
        return asked
    of_form = {"text": words, "cursor": cursor or ""}
    given = [(name, value) for name, value in of_form.items() if value]
    typed = parse_texts(type(asked), given)
    return structs.replace(asked, text=typed.text, cursor=typed.cursor)


def _headings(frame: PageContext, register: Register) -> dict[str, str]:
    """The heading of each column, by its field."""
    page, fields = frame.visitor.page, frame.field_format
    shared = {
        "category": message("Category, dimension and level"),
        "area": message("Area and source"),
    }
    return {
        field: page.text(shared[field])
        if register.category == "conflict" and field in shared
        else fields.label(field).capitalize()
        for field in register.columns
    }


def _rows(
    frame: PageContext,
    register: Register,
    headings: Mapping[str, str],
    items: Iterable[Mapping[str, Any]],
) -> Iterator[ListRow]:
    fields = frame.field_format
    value = cache(fields.value)  # the rows of a page have few different values
    areas = {area.code: area.name for area in frame.app.agency.areas}
    _, title, *others = register.columns
    # An address of its own for each row would take a quarter of the page's time.
    coordinates = frame.address(register.path).removeprefix(register.path)
    for item in items:
        cells = (
            (headings[field], _cell_text(field, item, fields, value, areas))
            for field in others
        )
        address = f"{register.path}/{item['id']}{coordinates}"
        yield ListRow(
            address, item["number"], headings[title], item[title], tuple(cells)
        )


def _cell_text(
    field: str,
    item: Mapping[str, Any],
    fields: FieldFormat,
    value: Callable[[str, Any], str],
    areas: Mapping[str, str],
) -> str:
    """The text of a cell; *value* is that of *fields*, cached."""
    match field:
        case "category":
            names = ("category", "dimension", "level")
            return "{}, {}; {}".format(*(value(name, item[name]) for name in names))
        case "status":
            return fields.status(item)
        case "legal_basis":
            return fields.legal_basis(item)
        case "area":
            area = areas.get(item["area"], item["area"] or value("area", None))
            source = item.get("source")
            return f"{area}; {value('source', source)}" if source else area
        case _:
            return value(field, item[field])


def _filter_values(
    frame: PageContext, register: Register
) -> dict[str, tuple[Any, ...]]:
    """The values of each filter that the address has."""
    names = (*(one.name for one in register.filters), "area", "number", *register.days)
    found = {name: getattr(frame.question, name) for name in names}
    return {
        name: value if isinstance(value, tuple) else (value,)
        for name, value in found.items()
        if value not in {None, (), ""}
    }
