"""Lists of cases and organisations, as of a day, as known on another."""

from collections.abc import Sequence
from datetime import date
from itertools import product
from string import ascii_lowercase
from typing import Any

from msgspec import Struct, structs

from iku.domain import page_cursor, subject_kinds
from iku.domain.decider_registry import DECIDERS
from iku.domain.page_cursor import PageCursor
from iku.domain.question import InvalidQuestion, refuse_size_beyond
from iku.ledger import log
from iku.messages import message
from iku.queries import search
from iku.queries.list_questions import ListQuestion
from iku.queries.search import Sort
from iku.queries.view import View


class ListPage(Struct, frozen=True):
    """A page of a list.

    Attributes:
        items: States of subjects, with their texts.
        next: Cursor of the next page; None on the last page.
        total: Number of matches on all pages; None if unknown.
        by_status: Number of matches for each status; None if unknown.
    """

    items: list[dict[str, Any]]
    next: str | None
    total: int | None
    by_status: dict[str, int] | None


# The letter that marks each order in a cursor, after the letter of the list.
LETTERS = dict(zip(product(Sort, (False, True)), ascii_lowercase, strict=False))


async def listing(
    view: View,
    question: ListQuestion,
    today: date,
    texts: Sequence[str] | None = None,
) -> ListPage:
    """The requested page of the list of cases or organisations.

    *texts* are the text fields of its items; None means those of the API.

    Raises:
        InvalidQuestion: The cursor is invalid, the requested size does not exist, or
            too many subjects match to be ordered by title. `ListQuestion.search` gives
            further cases.
    """
    asked = question.search(today)
    of = subject_kinds.counted_kind(asked.category).letter.lower()
    ended = page_cursor.parse(
        question.cursor, (of + letter for letter in LETTERS.values())
    )
    letter = of + LETTERS[asked.sort, asked.descending]
    if ended is not None and ended.part != letter:
        raise InvalidQuestion(
            "cursor", message("cursor was issued for another sort order")
        )
    asked = page_cursor.resume(asked, ended, today)
    if asked.size is not None:
        refuse_size_beyond(asked.size, (await log.head(view.reader)).size)
    after = ended.key if ended else ""
    page = await search.page(view, structs.replace(asked, after=after))
    found = [one.standing for one in page.items]
    fields = subject_kinds.counted_kind(asked.category).listed
    items = await with_texts(
        view, asked.category, found, fields if texts is None else texts
    )
    end = page.next and PageCursor(page.size, asked.as_of, letter, page.next).cursor
    statuses = page.statuses
    total = None if statuses is None else sum(statuses.values())
    return ListPage(items, end, total, statuses)


async def with_texts(
    view: View,
    category: str,
    found: Sequence[dict[str, Any]],
    fields: Sequence[str],
) -> list[dict[str, Any]]:
    """The states *found* with the texts of *fields* added."""
    stream = DECIDERS[category].stream
    wordings = [
        (
            stream(standing["id"]),
            {f: v for f, v in standing["wording"].items() if f in fields},
        )
        for standing in found
    ]
    return [
        {
            **{k: v for k, v in standing.items() if k != "wording"},
            **dict.fromkeys(fields),
            **{field: wording.value for field, wording in of.items()},
            "withheld": {k: v for one in of.values() for k, v in one.withheld.items()},
        }
        for standing, of in zip(found, await view.text_fields(wordings), strict=True)
    ]
