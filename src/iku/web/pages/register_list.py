"""The list of cases, or of organisations: filters, order, pages, search and download.

Filters are parameters of the address, with the names of the API. The words of a search
are sent in a form, so that no address and no log contains them. Each search decrypts
the texts that the viewer may read, and caches none of them, so an erased text is never
found again.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from litestar import Response
from markupsafe import Markup, escape
from msgspec import structs

from iku.domain.access import Action
from iku.domain.question import InvalidQuestion
from iku.exchange import list_table
from iku.exchange.field_format import YES, FieldFormat
from iku.exchange.table_output import FileFormat, table_output
from iku.language import Language
from iku.messages import Message, message
from iku.parsing import parse_texts
from iku.queries import lists
from iku.queries.list_questions import ListQuestion
from iku.web.page_forms import Form
from iku.web.page_language import PageLanguage
from iku.web.page_rendering import unbroken
from iku.web.pages.page_context import PageContext
from iku.web.table_downloads import page_format

WORDS, CURSOR, FORM = "kata", "lanjut", "bentuk"  # fields of the form of a search
LIMIT = "limit"
ROWS = (25, 50, 100)  # the offered numbers of rows of a page; the first is usual
PART = 200  # items that are read at a time for a download
IN_ADDRESS = message(
    "search for words with the form of the list: an address must not contain them, "
    "because addresses are logged"
)


class FilterOption(NamedTuple):
    """A value of a filter, with its text in the address and its label as HTML."""

    value: Any
    sent: Markup
    label: Markup


class ListFilter(NamedTuple):
    """A filter of a list, whose values are chosen.

    Attributes:
        options: The values with their labels.
    """

    name: str
    options: tuple[tuple[Any, Message], ...]

    @property
    def is_single(self) -> bool:
        """Whether at most one value is chosen."""
        return (True, YES) in self.options

    def labels(self, page: PageLanguage) -> tuple[FilterOption, ...]:
        """The options in the language of the page."""
        return _filter_options(self, page)


@cache
def _filter_options(of: ListFilter, page: PageLanguage) -> tuple[FilterOption, ...]:
    return tuple(
        FilterOption(value, escape(str(value).lower()), escape(page.text(label)))
        for value, label in of.options
    )


class ListRow(NamedTuple):
    """A row of the list.

    Attributes:
        cells: The other cells, each with its heading, as HTML.
    """

    address: str
    number: str
    title: str
    cells: tuple[tuple[Markup, Markup], ...]


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
        found = await lists.listing(
            view, question, frame.time.today, register.columns[1:2]
        )
    return frame.show(
        "register.html",
        register=register,
        found=found,
        words=words,
        asked=question,
        numbers_of_rows=ROWS,
        fields=(fields := frame.field_format),
        headings=(headings := _headings(frame, register)),
        rows=[*_rows(frame, register, headings, found.items)],
        given=(given := _filter_values(frame, register)),
        chosen={
            name: ", ".join(fields.value(name, one) for one in several)
            for name, several in given.items()
        },
        areas=frame.areas,
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
    if LIMIT not in dict(frame.own):
        asked = structs.replace(asked, limit=ROWS[0])
    if not words:
        return asked
    of_form = {"text": words, "cursor": cursor or ""}
    given = [(name, value) for name, value in of_form.items() if value]
    typed = parse_texts(type(asked), given)
    return structs.replace(asked, text=typed.text, cursor=typed.cursor)


def _headings(frame: PageContext, register: Register) -> dict[str, Markup]:
    """The heading of each column as HTML, by its field."""
    page, fields = frame.visitor.page, frame.field_format
    shared = {
        "category": message("Category, dimension and level"),
        "area": message("Area and source"),
    }
    return {
        field: escape(
            page.text(shared[field])
            if register.category == "conflict" and field in shared
            else fields.label(field).capitalize()
        )
        for field in register.columns
    }


def _rows(
    frame: PageContext,
    register: Register,
    headings: Mapping[str, Markup],
    items: Iterable[Mapping[str, Any]],
) -> Iterator[ListRow]:
    page, areas = frame.visitor.page, frame.areas
    _, title, *others = register.columns
    # An address of its own for each row would take a quarter of the page's time.
    coordinates = frame.address(register.path).removeprefix(register.path)
    for item in items:
        shown = {**item, "area": areas.get(item["area"], item["area"])}
        cells = []
        for field in others:
            values = tuple(shown.get(name) for name in PARTS.get(field, (field,)))
            cells.append((headings[field], _cell(field, values, page.language)))
        address = f"{register.path}/{item['id']}{coordinates}"
        yield ListRow(address, item["number"], item[title], tuple(cells))


# The fields of an item that a cell shows, if they are several.
PARTS = {
    "category": ("category", "dimension", "level"),
    "status": ("status", "merged_into", "resolved_on", "verified"),
    "legal_basis": ("legal_basis", "valid_until", "expired"),
    "area": ("area", "source"),
}


@lru_cache(4096)  # a list has few different cells
def _cell(field: str, values: tuple[Any, ...], language: Language) -> Markup:
    """The HTML of a cell from the values of its `PARTS`; an area is its name."""
    fields = FieldFormat(lambda: language)
    item = dict(zip(PARTS.get(field, (field,)), values, strict=True))
    match field:
        case "category":
            shown = "{}, {}; {}".format(*(fields.value(*one) for one in item.items()))
        case "status":
            shown = fields.status(item)
        case "legal_basis":
            shown = fields.legal_basis(item)
        case "area":
            shown = item["area"] or fields.value("area", None)
            if item["source"]:
                shown = f"{shown}; {fields.value('source', item['source'])}"
        case _:
            shown = fields.value(field, item[field])
    return unbroken(shown)


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
