"""Messages for users: a gettext message id with named parameters.

The id is the English sentence. A `Message` is a `str`: the English sentence with its
parameters filled in, for logs and programs. The code that shows it to a user translates
it first (`iku.language`). After zope.i18nmessageid.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from string import Formatter
from types import MappingProxyType
from typing import Any, Self

Shown = Callable[[Any, str], str]  # formats a parameter by a format specification
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Language(StrEnum):
    """A language that people read, by its code in ISO 639-1."""

    INDONESIAN = "id"
    ENGLISH = "en"


class Message(str):
    """A message: an English `str` that can be translated by its id and parameters.

    Attributes:
        id: The English sentence, with ``{name}`` for each parameter.
        values: The parameters: words, numbers, days, further messages, and lists of
            these.
        many: Plural form of the id, chosen by the parameter ``count``; None if it has
            none.
    """

    __slots__ = ("id", "many", "values")
    id: str
    values: Mapping[str, Any]
    many: str | None

    def __new__(
        cls,
        sentence: str,
        values: Mapping[str, Any] = NOTHING,
        many: str | None = None,
    ) -> Self:
        """The message with the id *sentence*, and its parameters filled in."""
        pattern = sentence if many is None or values["count"] == 1 else many
        self = super().__new__(cls, format_pattern(pattern, values, in_english))
        self.id, self.many = sentence, many
        self.values = MappingProxyType(dict(values))
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.id, dict(self.values), self.many)


class Term(str):
    """A term of the register that `iku.labels` has in each language.

    Attributes:
        field: Table of the term: ``event``, ``status``.
        stored: Stored value of the term: ``moved_out``.
    """

    __slots__ = ("field", "stored")
    field: str
    stored: str

    def __new__(cls, field: str, stored: str) -> Self:
        """The term for the *stored* value."""
        self = super().__new__(cls, stored.replace("_", " "))
        self.field, self.stored = field, str(stored)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Term, (self.field, self.stored)


def message(sentence: str, /, **values: Any) -> Message:
    """The message with the id *sentence*, a literal, and these parameters."""
    return Message(sentence, values)


def plural(one: str, many: str, /, *, count: int, **values: Any) -> Message:
    """A message in two forms: *one* for a *count* of 1, *many* for any other count."""
    return Message(one, {"count": count, **values}, many)


def joined(said: Iterable[str]) -> Message:
    """One message of several sentences, separated by semicolons."""
    first, *rest = said
    if not rest:
        return first if isinstance(first, Message) else Message("{one}", {"one": first})
    return message("{first}; {rest}", first=first, rest=joined(rest))


def without_prefix(name: str, said: str) -> Message:
    """The message *said* without its prefix *name*, removed after translation."""
    return Message(f"{{said:after {name}}}", {"said": said})


def of(error: BaseException) -> str:
    """The message of *error*, as a `Message` if it was raised with one."""
    found = (one for one in error.args if isinstance(one, Message))
    return next(found, None) or str(error)


def parameters(said: Message) -> dict[str, Any]:
    """The parameters in JSON types, for programs."""
    return {name: _plain(value) for name, value in said.values.items()}


def _plain(value: Any) -> Any:
    match value:
        case Message():
            return {"message": value.id, "parameters": parameters(value)}
        case Term():
            return value.stored
        case StrEnum():
            return value.value
        case list() | tuple() if type(value) in {list, tuple}:
            return [_plain(one) for one in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def in_english(value: Any, specification: str = "") -> str:
    """A parameter as the English sentence shows it."""
    if type(value) in {list, tuple}:
        return ", ".join(map(in_english, value))
    return format(value, specification)


def format_pattern(pattern: str, values: Mapping[str, Any], shown: Shown) -> str:
    """*pattern* with its parameters, each formatted by *shown*."""
    if not values:
        return pattern
    return _MessageFormatter(shown).vformat(pattern, (), values)


class _MessageFormatter(Formatter):
    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("after "):
            name = format_spec.removeprefix("after ")
            return self._shown(value, "").removeprefix(f"{name} ")
        return self._shown(value, format_spec)
