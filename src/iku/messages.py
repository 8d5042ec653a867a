"""Sentences for people, as gettext knows them: an id with named parameters.

The id is the English sentence. A `Message` is a `str`, the English sentence with the
parameters filled in, so that logs and programs read it as it is; whoever shows it to a
person translates it first (`iku.language`). After zope.i18nmessageid.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from string import Formatter
from types import MappingProxyType
from typing import Any, Self

Shown = Callable[[Any, str], str]  # a parameter and its format specification, in words
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Message(str):
    """A sentence: in English as a `str`, in any language by its id and parameters.

    Attributes:
        id: The English sentence, with ``{name}`` for each parameter.
        values: The parameters: words, numbers, days, further messages, lists of them.
        many: The id's plural form; the parameter ``count`` chooses. None: it has none.
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
        """The message whose id is *sentence*, its parameters filled in."""
        pattern = sentence if many is None or values["count"] == 1 else many
        self = super().__new__(cls, filled(pattern, values, in_english))
        self.id, self.many = sentence, many
        self.values = MappingProxyType(dict(values))
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.id, dict(self.values), self.many)


class Term(str):
    """A word of the register that `iku.labels` has in each language.

    Attributes:
        field: Which of its tables has it: ``event``, ``status``.
        stored: What the register calls it: ``moved_out``.
    """

    __slots__ = ("field", "stored")
    field: str
    stored: str

    def __new__(cls, field: str, stored: str) -> Self:
        """The word for what the register calls *stored*."""
        self = super().__new__(cls, stored.replace("_", " "))
        self.field, self.stored = field, str(stored)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Term, (self.field, self.stored)


def message(sentence: str, /, **values: Any) -> Message:
    """The message whose id is *sentence*, a literal, with these parameters."""
    return Message(sentence, values)


def plural(one: str, many: str, /, *, count: int, **values: Any) -> Message:
    """The same, of two forms: *one* for a *count* of 1, *many* for any other."""
    return Message(one, {"count": count, **values}, many)


def joined(said: Iterable[str]) -> Message:
    """Several sentences in one, with semicolons between them."""
    first, *rest = said
    if not rest:
        return first if isinstance(first, Message) else Message("{one}", {"one": first})
    return message("{first}; {rest}", first=first, rest=joined(rest))


def of(error: BaseException) -> str:
    """What *error* says, as a `Message` where it was raised with one."""
    found = (one for one in error.args if isinstance(one, Message))
    return next(found, None) or str(error)


def parameters(said: Message) -> dict[str, Any]:
    """The parameters in JSON's types, for programs."""
    return {name: _plain(value) for name, value in said.values.items()}


def _plain(value: Any) -> Any:
    match value:
        case Message():
            return {"message": value.id, "parameters": parameters(value)}
        case Term():
            return value.stored
        case StrEnum():
            return value.value
        case list() | tuple():
            return [_plain(one) for one in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def in_english(value: Any, specification: str = "") -> str:
    """A parameter as the English sentence shows it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(in_english, value))
    return format(value, specification)


def filled(pattern: str, values: Mapping[str, Any], shown: Shown) -> str:
    """*pattern* with its parameters, each as *shown* writes it."""
    if not values:
        return pattern
    return _Filling(shown).vformat(pattern, (), values)


class _Filling(Formatter):
    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def format_field(self, value: Any, format_spec: str) -> str:
        return self._shown(value, format_spec)
