"""`iku list`: cases or organisations as of a day, with a knowledge cut-off."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import click
from msgspec import structs

from iku import labels
from iku.app import App
from iku.cli import field_format, tables, terminal
from iku.cli.options import options
from iku.cli.output_format import OutputFormat, output_options, write
from iku.cli.tables import Listing, TableColumn, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.exchange import list_table
from iku.exchange.table_output import table_output
from iku.messages import message
from iku.queries import lists
from iku.queries.list_questions import (
    ConflictsQuestion,
    ListQuestion,
    OrganisationsQuestion,
)
from iku.queries.lists import ListPage
from iku.queries.view import View

Fields: TypeAlias = Mapping[str, Any]
Areas: TypeAlias = Mapping[str, str]  # name of an area by its code
LIMIT = 200  # items that are read at a time
WHOLE = {"limit": LIMIT, "cursor": None}  # the command shows all pages


class ListLayout(NamedTuple):
    """The columns of a list, and how an item becomes a row."""

    noun: str
    columns: Sequence[TableColumn]
    cells: Callable[[Fields, Areas], Sequence[str]]


def _field_text(field: str, item: Fields) -> str:
    return field_format.value(field, item[field])


def _conflict_row(item: Fields, areas: Areas) -> Sequence[str]:
    return (
        item["number"],
        item["title"],
        # On two lines, because a title usually wraps to two lines anyway.
        f"{_field_text('dimension', item)}\n{_field_text('level', item)}",
        field_format.status(item),
        day_text(item["reported_on"]),
        area_name(item, areas),
        _field_text("source", item),
    )


def _organisation_row(item: Fields, areas: Areas) -> Sequence[str]:
    return (
        item["number"],
        item["name"],
        _field_text("kind", item),
        field_format.status(item),
        field_format.legal_basis(item),
        day_text(item["registered_on"]),
        area_name(item, areas),
    )


SHAPES: dict[type[ListQuestion], ListLayout] = {
    ConflictsQuestion: ListLayout(
        message("cases"),
        (
            *(
                unwrapped_column(message("Number")),
                text_column(message("Title")),
                text_column(message("Dimension and level")),
            ),
            *(text_column(message("Status")), unwrapped_column(message("Reported"))),
            *(
                text_column(message("Area"), optional=True),
                text_column(message("Source"), optional=True),
            ),
        ),
        _conflict_row,
    ),
    OrganisationsQuestion: ListLayout(
        message("organisations"),
        (
            *(
                unwrapped_column(message("Number")),
                text_column(message("Name")),
                text_column(message("Kind")),
                text_column(message("Status")),
            ),
            *(
                text_column(message("Legal basis")),
                unwrapped_column(message("Registered")),
            ),
            text_column(message("Area"), optional=True),
        ),
        _organisation_row,
    ),
}


@click.group(
    "list", cls=terminal.OrderedGroup, short_help="List cases or organisations."
)
def list_() -> None:
    """List cases or organisations as of a day, from the facts known by the cut-off.

    Filters can be combined. The last line has the total and the number of each status.
    """


@list_.command()
@options(ConflictsQuestion, given=WHOLE)
@output_options
def conflicts(question: ConflictsQuestion, form: OutputFormat) -> None:
    """List conflict cases."""
    _show(question, form)


@list_.command()
@options(OrganisationsQuestion, given=WHOLE)
@output_options
def organisations(question: OrganisationsQuestion, form: OutputFormat) -> None:
    """List organisations."""
    _show(question, form)


def _show(question: ListQuestion, form: OutputFormat) -> None:
    async def execute() -> None:
        async with terminal.opened_view() as (app, view):
            pages = _pages(app, view, question)
            if form.file is not None:
                shape = list_table.shape(question.CATEGORY)
                parts = (page.items async for page in pages)
                await write(table_output(shape, form.file), parts)
            elif form.json:
                await _as_json(pages)
            else:
                await _as_table(app, question, pages)

    terminal.run(execute())


async def _pages(app: App, view: View, asked: ListQuestion) -> AsyncIterator[ListPage]:
    """All pages of the list, in order."""
    cursor: str | None = ""
    while cursor is not None:
        question = structs.replace(asked, cursor=cursor or None)
        page = await lists.listing(view, question, app.commands.today())
        yield page
        cursor = page.next


async def _as_json(pages: AsyncIterator[ListPage]) -> None:
    items = [item async for page in pages for item in page.items]
    terminal.emit(ListPage(items, None, len(items), _statuses(items)))


async def _as_table(
    app: App, question: ListQuestion, pages: AsyncIterator[ListPage]
) -> None:
    """Print one table, page by page, and then the totals."""
    out, shape = tables.Printer(), SHAPES[type(question)]
    areas = app.agency.area_names
    listing, found = Listing(shape.columns, out), Counter[str]()
    async for page in pages:
        if not found:
            at = coordinates_in_words(question, app.commands.today())
            out.say(message("List of {noun} {moment}", noun=shape.noun, moment=at))
        if page.items:
            listing.add(shape.cells(item, areas) for item in page.items)
        found.update(_statuses(page.items))
    listing.close()
    out.say(f"\n{_total_text(shape.noun, found)}")


def _statuses(items: Sequence[Fields]) -> dict[str, int]:
    return dict(Counter(item["status"] for item in items))


def _total_text(noun: str, found: Counter[str]) -> str:
    """The totals of a list: ``16 cases: 9 resolved, 5 open, 2 rejected``."""
    each = ", ".join(
        f"{formats.number(found[name])} {translated(label)}"
        for name, label in labels.STATUSES.items()
        if found[name]
    )
    total = f"{formats.number(found.total())} {translated(noun)}"
    return f"{total}{': ' if each else ''}{each}."


def coordinates_in_words(question: Any, today: date) -> str:
    """The requested coordinates of a question, in words."""
    said = [message("as of {day}", day=formats.day(question.as_of or today))]
    if question.known_on is not None:
        day = formats.day(question.known_on)
        said.append(message("as known on {day}", day=day))
    if question.size is not None:
        size = formats.number(question.size)
        said.append(message("from the first {size} events", size=size))
    return ", ".join(map(translated, said))


def day_text(value: date | str | None) -> str:
    """A day as shown, from a date or its ISO form; a dash for None."""
    known = date.fromisoformat(value) if isinstance(value, str) else value
    return formats.day(known)


def area_name(item: Fields, areas: Areas) -> str:
    """The name of the item's area; a dash if none is known."""
    code = item["area"]
    return formats.NOTHING if code is None else areas.get(code, code)
