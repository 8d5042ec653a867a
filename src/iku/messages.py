"""Messages for users: a gettext message id with named parameters.

The id is the English sentence. A `Message` is a `str`: the English sentence with its
parameters filled in, for logs and programs. The code that shows it to a user translates
it first (`iku.language`). After zope.i18nmessageid.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from string import Formatter
from types import MappingProxyType
from typing import Any, Self

Shown = Callable[[Any, str], str]  # formats a parameter by a format specification
NOTHING: Mapping[str, Any] = MappingProxyType({})
# The English nouns of categories that are stored under another name.
_NOUNS = {"conflict": "case", "scale": "rating scale", "ledger": "log"}
DIGITS = "digits"  # format specification of a day that is written in digits


class Language(StrEnum):
    """A language of the user interface, by its code in ISO 639-1."""

    INDONESIAN = "id"
    ENGLISH = "en"


class Message(str):
    """A message: an English `str` that can be translated by its id and parameters.

    Attributes:
        id: The English sentence, with ``{name}`` for each parameter.
        values: The parameters: words, numbers, days, further messages, and lists of
            these.
        many: Plural form of the id, chosen by the parameter ``count``; None without
            one.
        context: Gettext context, which distinguishes equal ids; None if it has none.
    """

    __slots__ = ("context", "id", "many", "values")
    id: str
    values: Mapping[str, Any]
    many: str | None
    context: str | None

    def __new__(
        cls,
        sentence: str,
        values: Mapping[str, Any] = NOTHING,
        many: str | None = None,
        context: str | None = None,
    ) -> Self:
        """The message with the id *sentence*, and its parameters filled in."""
        pattern = sentence if many is None or values["count"] == 1 else many
        self = super().__new__(cls, format_pattern(pattern, values, in_english))
        self.id, self.many, self.context = sentence, many, context
        self.values = MappingProxyType(dict(values))
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.id, dict(self.values), self.many, self.context)


class Term(str):
    """A term of the register, which `iku.labels` translates.

    Attributes:
        field: Table of the term: ``event``, ``status``.
        stored: Stored value of the term: ``moved_out``.
    """

    __slots__ = ("field", "stored")
    field: str
    stored: str

    def __new__(cls, field: str, stored: str) -> Self:
        """The term of the value *stored* in the table *field*."""
        word = _NOUNS.get(stored, stored) if field == "category" else stored
        self = super().__new__(cls, word.replace("_", " "))
        self.field, self.stored = field, str(stored)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Term, (self.field, self.stored)


def message(sentence: str, /, **values: Any) -> Message:
    """The message whose id is *sentence*, with these parameters.

    *sentence* must be a string literal, from which the catalog is extracted.
    """
    return Message(sentence, values)


def plural(one: str, many: str, /, *, count: int, **values: Any) -> Message:
    """A message in two forms: *one* for a *count* of 1, *many* for any other count."""
    return Message(one, {"count": count, **values}, many)


def vocabulary(context: str, /, words: Mapping[Any, str]) -> dict[Any, Message]:
    """The words or sentences of one gettext *context*, by value, as messages.

    *words* must be a literal, from which the catalog is extracted.
    """
    return {value: Message(word, context=context) for value, word in words.items()}


def join_sentences(said: Iterable[str]) -> Message:
    """A message of several sentences, separated by semicolons."""
    first, *rest = said
    if not rest:
        return (
            first
            if isinstance(first, Message)
            else Message("{sentence}", {"sentence": first})
        )
    return message(
        "{first_sentence}; {other_sentences}",
        first_sentence=first,
        other_sentences=join_sentences(rest),
    )


def without_prefix(name: str, said: str) -> Message:
    """The message *said* without its prefix *name*, removed after translation."""
    return Message(f"{{said:after {name}}}", {"said": said})


def error_message(error: BaseException) -> str:
    """The message of *error*, as a `Message` if the error has one."""
    found = (one for one in error.args if isinstance(one, Message))
    return next(found, None) or str(error)


def parameters(said: Message) -> dict[str, Any]:
    """The parameters in JSON types, for programs."""
    return {name: _json_value(value) for name, value in said.values.items()}


def _json_value(value: Any) -> Any:
    match value:
        case Message():
            return {"message": value.id, "parameters": parameters(value)}
        case Term():
            return value.stored
        case StrEnum():
            return value.value
        case list() | tuple() if type(value) in {list, tuple}:
            return [_json_value(one) for one in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def in_english(value: Any, specification: str = "") -> str:
    """A parameter in English, in the format of *specification*."""
    if type(value) in {list, tuple}:
        return ", ".join(map(in_english, value))
    return format(value, "" if specification == DIGITS else specification)


def format_pattern(pattern: str, values: Mapping[str, Any], shown: Shown) -> str:
    """*pattern* with its parameters, each formatted by *shown*."""
    if not values:
        return pattern
    parts = []
    for literal, name, specification, conversion in _parts(pattern):
        parts.append(literal)
        if name is not None:
            value = values[name]
            if conversion:
                value = Formatter().convert_field(value, conversion)
            parts.append(_format_parameter(value, specification or "", shown))
    return "".join(parts)


@lru_cache(2048)
def _parts(pattern: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    """The literals of *pattern*, each with the replacement field that follows it."""
    return tuple(Formatter().parse(pattern))


def _format_parameter(value: Any, specification: str, shown: Shown) -> str:
    if specification.startswith("after "):
        name = specification.removeprefix("after ")
        return shown(value, "").removeprefix(f"{name} ")
    return shown(value, specification)
