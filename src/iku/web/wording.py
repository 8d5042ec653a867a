"""What a field or parameter must be, in words, told by the very type that reads it.

msgspec says which value it did not take in its own terms; whoever sent it is told
what is taken instead: the values there are, the bounds, the form.
"""

import re
from typing import Any

from msgspec import inspect

from iku.domain.fact import LINE, LINES, NUMBER, PERSON
from iku.domain.indicator import PERCENT
from iku.domain.publication import IDENTIFIER

ACTOR = r"^[!-~]([ -~]*[!-~])?$(?!\n)"
KEY = r"^[!-~]+$(?!\n)"
IF_MATCH = r'^(\*|"[0-9]{1,10}")$(?!\n)'
AREA = r"^[0-9.]*$(?!\n)"
SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9._~/-]*$(?!\n)"
CURSOR = r"^[A-Za-z0-9_-]*$(?!\n)"

# What a pattern asks for, to those who do not read patterns.
WORDS = {
    NUMBER: "1 to 64 letters, digits and . _ - / and begin with a letter or digit",
    PERSON: "the identifier of a person as an earlier entry gave it, such as "
    "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10; left out for somebody new",
    LINE: "one line of text, not blank, without control characters",
    LINES: "text without control characters other than line feeds and tabs",
    IDENTIFIER: "the identifier of a publication, such as 2021 or 2021-W3.2",
    PERCENT: "per cent above nought with at most two decimals, such as 80.00",
    ACTOR: "printable ASCII that neither begins nor ends with a blank",
    KEY: "printable ASCII without blanks",
    IF_MATCH: 'the version as ETag gave it, in quotes, such as "3", or *',
    AREA: "the code of an area or a district, such as 35.76.02",
    SUBJECT: "the number of a case or organisation: letters, digits and . _ - /, the "
    "first a letter or digit",
    CURSOR: "what the page before gave as next",
}
_FIELD = re.compile(r"(missing required|contains unknown) field")
_PART = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


def told(said: str, of: Any, path: str) -> str:
    """What is wrong at *path* of a value of type *of*, where msgspec *said* so."""
    if absent := _FIELD.search(said):
        lacking = absent[1] == "missing required"
        return "is required" if lacking else "is no field there is"
    kinds = _at(_plain(inspect.type_info(of)), _PART.findall(path))
    must = [words for kind in kinds if (words := _expected(kind, said))]
    return f"must be {must[0]}" if must else "is not what the API's description says"


def _plain(kind: inspect.Type) -> list[inspect.Type]:
    """The kinds a value may have, without descriptions and without null."""
    if isinstance(kind, inspect.Metadata):
        return _plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [plain for one in kind.types for plain in _plain(one)]
    return [] if isinstance(kind, inspect.NoneType) else [kind]


def _at(kinds: list[inspect.Type], parts: list[str]) -> list[inspect.Type]:
    """What stands at that place in any of the *kinds*: of events each has fields."""
    if not parts:
        return _tags(kinds)
    return _at([deeper for one in kinds for deeper in _below(one, parts[0])], parts[1:])


def _below(kind: inspect.Type, part: str) -> list[inspect.Type]:
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return _plain(kind.item_type)
    if not isinstance(kind, inspect.StructType):
        return []
    if part == kind.tag_field:
        return [inspect.LiteralType((kind.tag,))]
    return [
        one
        for field in kind.fields
        if part in {field.name, field.encode_name}
        for one in _plain(field.type)
    ]


def _tags(kinds: list[inspect.Type]) -> list[inspect.Type]:
    """The *kinds*, those that are each one of a few values taken together."""
    values = [v for k in kinds if isinstance(k, inspect.LiteralType) for v in k.values]
    rest = [kind for kind in kinds if not isinstance(kind, inspect.LiteralType)]
    return [inspect.LiteralType(tuple(values)), *rest] if values else rest


def _expected(kind: inspect.Type, said: str) -> str | None:
    """What a value of this kind is; None where msgspec *said* all there is to say."""
    expected = None
    match kind:
        case inspect.DateType():
            expected = "a day, written YYYY-MM-DD"
        case inspect.EnumType(cls=values):
            expected = _one_of([one.value for one in values])
        case inspect.LiteralType(values=values):
            expected = _one_of(list(values))
        case inspect.IntType(ge=least, le=most):
            expected = f"a whole number{_between(', ', least, most)}"
        case inspect.BoolType():
            expected = "true or false"
        case inspect.StrType():
            expected = _text(kind, said)
        case inspect.ListType() | inspect.VarTupleType():
            expected = _list(kind, said)
        case inspect.StructType():
            expected = "an object"
        case _:
            pass
    return expected


def _text(kind: inspect.StrType, said: str) -> str:
    if "matching regex" in said:
        return WORDS.get(kind.pattern or "", "written as the API's description says")
    characters = _between(" of ", kind.min_length, kind.max_length)
    return f"text{characters and f'{characters} characters'}"


def _list(kind: inspect.ListType | inspect.VarTupleType, said: str) -> str | None:
    if "`array`" in said:
        return f"a list{_between(' of ', kind.min_length, kind.max_length)}"
    # Of a parameter that is repeated the framework does not say which one is at fault.
    (item,) = _plain(kind.item_type)
    return _expected(item, said)


def _one_of(values: list[Any]) -> str:
    listed = ", ".join(map(str, values))
    return listed if len(values) == 1 else f"one of {listed}"


def _between(before: str, least: int | None, most: int | None) -> str:
    match least, most:
        case None, None:
            return ""
        case None, _:
            return f"{before}at most {most}"
        case _, None:
            return f"{before}at least {least}"
        case _:
            return f"{before}{least} to {most}"
