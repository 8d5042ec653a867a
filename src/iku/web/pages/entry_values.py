"""Values of entry forms in words, and their comparison with the register."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from iku import labels
from iku.domain import fact
from iku.messages import Message, Term, message
from iku.queries.overtaken_entry import OvertakenEntry
from iku.web.page_language import PageLanguage
from iku.web.pages import entry_fields
from iku.web.pages.entry_fields import EntryField, FieldKind

_EMPTY = "–"


class Typed(NamedTuple):
    """The typed values by field, and the day that ``hari ini`` means."""

    values: Mapping[str, str]
    today: date


class ComparedValue(NamedTuple):
    """A field as the form showed it, as it is now, and as typed; in words."""

    label: Message
    seen: str
    now: str
    typed: str


def comparison(
    page: PageLanguage,
    fields: Iterable[EntryField],
    typed: Typed,
    found: OvertakenEntry,
) -> list[ComparedValue]:
    """The fields that were typed, and those that have changed since."""
    given = {n: text for n, text in typed.values.items() if text.strip()}
    kinds = {one.name: one.kind for one in fields if one.name in given}
    names = [
        *kinds,
        *(
            name
            for name, value in found.now.items()
            if name in labels.FIELDS and name not in kinds
            if value != found.seen.get(name)
        ),
    ]

    def typed_in_words(name: str) -> str:
        day = entry_fields.day(given, name, typed.today)
        if kinds.get(name) is FieldKind.DAY and day is not None:
            return page.day_in_words(day)
        return in_words(page, name, given.get(name))

    return [
        ComparedValue(
            labels.FIELDS[name],
            in_words(page, name, found.seen.get(name)),
            in_words(page, name, found.now.get(name)),
            typed_in_words(name),
        )
        for name in names
    ]


def in_words(page: PageLanguage, name: str, value: Any) -> str:
    """The value of the field *name* in the language of the page."""
    match value:
        case None | "" | ():
            said = _EMPTY
        case bool():
            said = message("yes") if value else message("no")
        case date():
            said = page.day_in_words(value)
        case fact.Person(name=person):
            said = person
        case list() | tuple():
            said = ", ".join(in_words(page, name, one) for one in value)
        case str() if name == "status":
            said = labels.term_label(Term("status", value))
        case _:
            said = labels.value_label(name, value) or str(value)
    return page.text(said)
