"""What a frozen Struct declares, and texts or JSON read as it.

A question and a command are Structs. From the fields of one are derived: the parameters
of its route and their description (OpenAPI), the options of its command, and what is
said of input that does not fit. This module knows neither HTTP nor the command line.

The decoder reports the first fault only, in its own terms. So where it refuses, each
part is converted by itself, and the JSON Schema of its type says what it must be.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import EnumMeta
from functools import cache
from inspect import cleandoc
from math import isinf
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import msgspec
from msgspec import NODEFAULT, Struct, ValidationError, convert, structs

from iku import strict_json
from iku.strict_json import TWICE, Duplicated, Unreadable

T = TypeVar("T")
Schema: TypeAlias = dict[str, Any]

MOST_FAULTS = 20  # reported of one input: its size must not decide that of the answer
MOST_SHOWN = 60  # characters of a value that is refused
MOST_NAMED = 100  # characters of a name that is unknown


class Misread(ValueError):
    """Input that does not fit its type.

    Attributes:
        faults: By the path of each part at fault (as in JSONPath without the leading
            ``$.``; empty: the whole), what is wrong with it: a sentence without its
            subject, such as "must be true or false, not 1".
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{at} {rule}" for at, rule in faults.items()))
        self.faults = dict(faults)


class Field(NamedTuple):
    """A field of a Struct.

    Attributes:
        name: As it is written in texts and JSON.
        attribute: As the program calls it.
        schema: JSON Schema of its values, without null, with ``description`` and, where
            the default is not null, ``default``. Values of an enumeration stand in the
            order in which they are declared.
    """

    name: str
    attribute: str
    kind: Any
    schema: Schema
    required: bool

    @property
    def multiple(self) -> bool:
        """Whether it holds a list, so that a text of it may be given several times."""
        return "items" in self.schema

    @property
    def description(self) -> str:
        """What it is; empty where nothing is said."""
        return str(self.schema.get("description", ""))

    def split(self, text: str) -> list[str]:
        """The texts of a list's items; of listed values, several stand with commas."""
        return text.split(",") if "enum" in self.schema["items"] else [text]

    def read(self, text: str) -> Any:
        """*text* as a plain value; itself where it is none of the type.

        An object is spelled as JSON or, where it needs nothing but a name, by that.
        """
        schema = self.schema.get("items", self.schema)
        if schema.get("type") == "object":
            return _object(text, self.kind)
        return _READERS.get(schema.get("type", ""), _composed)(text)


@cache
def fields(struct: type[Struct]) -> Mapping[str, Field]:
    """The fields of *struct*, by their names in texts and JSON."""
    said = _documented(struct)
    return {
        one.encode_name: Field(
            one.encode_name,
            one.name,
            one.type,
            _schema_of(one.type) | said.get(one.name, {}) | _default(one.default),
            one.required,
        )
        for one in structs.fields(struct)
    }


def _documented(struct: type) -> dict[str, Schema]:
    """What the docstrings of *struct* and its bases say of their attributes."""
    found: dict[str, Schema] = {}
    for one in reversed(struct.__mro__):
        _, attributes = apart(one.__doc__ or "")
        found |= {name: {"description": text} for name, text in attributes.items()}
    return found


def apart(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of its class, and of each of its attributes."""
    # From Python 3.13 on a docstring has no indentation of its own.
    summary, _, rest = cleandoc(docstring).partition("\n\nAttributes:\n")
    parts = _ATTRIBUTE.split(rest)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return summary, {name: " ".join(text.split()) for name, text in pairs}


_ATTRIBUTE = re.compile(r"^ {4}(\w+): ", re.MULTILINE)


def from_texts(
    struct: type[T], pairs: Iterable[tuple[str, str]], given: Mapping[str, Any] = {}
) -> T:
    """The *struct* that names and texts spell, with values *given* besides.

    Raises:
        Misread: A name is unknown or given twice, or a text is not of its type.
    """
    known = fields(struct)  # type: ignore[arg-type]
    values, texts = dict(given), list(pairs)
    for name, text in texts:
        _add(values, known.get(name), name, text)
    found = _repeated(values, known)
    if not found and values.keys() <= known.keys():
        try:
            return convert(values, struct)
        except ValidationError:
            pass
    for path, said in _faults(values, struct).items():
        # Which of several texts of one name it is does not matter.
        found.setdefault(path if "." in path else path.partition("[")[0], said)
    for name in (
        {name for name, text in texts if not text} & found.keys() & known.keys()
    ):
        if values[name] is not TWICE:
            found[name] = "is empty; leave it out instead"
    raise Misread(found or {"": f"is not {_OTHER}"})


def _add(values: dict[str, Any], field: Field | None, name: str, text: str) -> None:
    """Add what *text* spells to the *values*."""
    if _HALF.search(text):
        raise Misread({name: "is not UTF-8"})
    if field is None:
        values[name] = text
    elif field.multiple:
        values.setdefault(name, []).extend(map(field.read, field.split(text)))
    else:
        values[name] = TWICE if name in values else field.read(text)


def _repeated(values: Mapping[str, Any], known: Mapping[str, Field]) -> dict[str, str]:
    """Lists of texts or numbers that name one twice."""
    return {
        name: f"names {shown(again)} more than once"
        for name, several in values.items()
        if name in known and known[name].multiple
        for again in [next((v for v in several if several.count(v) > 1), None)]
        if again is not None and not isinstance(again, dict)
    }


def from_json(kind: Callable[..., T] | Any, raw: bytes) -> T:
    """The value of that *kind*, a Struct or a union of tagged ones, that *raw* spells.

    Raises:
        Misread: It is not JSON, or not of the kind.
    """
    try:
        return cast(T, strict_json.decode(raw, _decoder(kind)))
    except (ValidationError, Duplicated) as error:
        raise Misread(_faults_of(raw, kind)) from error
    except Unreadable as error:
        raise Misread({"": str(error)}) from error


def shown(value: Any) -> str:
    """*value* as a sentence quotes it; the end of a long one is left out."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case float() if isinf(value):
            return "a number beyond all bounds"
        case _:
            pass
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _faults_of(raw: bytes, kind: Any) -> dict[str, str]:
    try:
        return _faults(strict_json.plain(raw), kind) or {"": f"is not {_OTHER}"}
    except Unreadable as error:
        return {"": str(error)}


def _faults(value: Any, kind: Any) -> dict[str, str]:
    """What is wrong with *value*."""
    found: dict[str, str] = {}
    _collect(found, value, kind, "")
    return found


def _collect(found: dict[str, str], value: Any, kind: Any, path: str) -> None:
    """Add to *found* what is wrong with *value*, which stands at *path*."""
    if isinstance(value, str):
        value = _composed(value)  # as facts keep it, which may be longer
    if len(found) >= MOST_FAULTS or _fits(value, kind):
        return
    before = len(found)
    if isinstance(value, dict) and (variants := _structs(kind)):
        _collect_fields(found, value, variants, path)
    elif isinstance(value, list) and (item := _item(kind)) is not None:
        for index, one in enumerate(value):
            _collect(found, one, item, f"{path}[{index}]")
    if len(found) == before:
        found[path] = rule(_schema_of(kind), value)


def _fits(value: Any, kind: Any) -> bool:
    try:
        convert(value, kind)
    except ValidationError:
        return False
    return True


def _collect_fields(
    found: dict[str, str],
    value: Mapping[str, Any],
    variants: Mapping[Any, type[Struct]],
    path: str,
) -> None:
    struct, *others = variants.values()
    tag_field = struct.__struct_config__.tag_field
    tag = value.get(tag_field or "")
    if tag_field and (others or tag_field in value):
        chosen = variants.get(tag if isinstance(tag, str) else None)
        if chosen is None:
            of = {"enum": list(variants)}
            at = _join(path, tag_field)
            found[at] = rule(of, tag) if tag_field in value else REQUIRED
            return
        struct = chosen
    known = fields(struct)
    for name, field in known.items():
        if name in value:
            _collect(found, value[name], field.kind, _join(path, name))
        elif field.required and len(found) < MOST_FAULTS:
            found[_join(path, name)] = REQUIRED
    for name in value:
        if name not in known and name != tag_field and len(found) < MOST_FAULTS:
            found[_join(path, name[:MOST_NAMED])] = _unknown(name, known)


REQUIRED = "is required"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unknown(name: str, known: Iterable[str]) -> str:
    if near := get_close_matches(name[:MOST_NAMED], known, 1):
        return f"is unknown; did you mean {near[0]}?"
    return f"is unknown; there are: {', '.join(known) or 'none'}"


def rule(schema: Schema, value: Any) -> str:
    """What a value of that *schema* must be, which *value* is not."""
    if value is TWICE:
        return "is given more than once"
    match schema:
        case _ if words := _measure(schema, value):
            # Not quoted: it may be long, and it may name people.
            return f"must be {words}, not of {len(value)}"
        case {"enum": [one]}:
            words = str(one)
        case {"enum": values}:
            words = f"one of {', '.join(map(str, values))}"
        case {"x-expects": words}:
            pass
        case _:
            words = _TYPES.get(schema.get("format") or schema.get("type", ""), _OTHER)
            words += _between(" from ", schema.get("minimum"), schema.get("maximum"))
    return f"must be {words}, not {shown(value)}"


_OTHER = "of the form that is described"
# By `format` or `type` of a schema.
_TYPES = {
    "date": "a date written YYYY-MM-DD",
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "an object",
}


def _measure(schema: Schema, value: Any) -> str:
    """How long a text or list must be; empty where its length is not at fault."""
    match value:
        case str():
            what, noun, unit = "text", "characters", "Length"
        case list():
            what, noun, unit = "a list", "items", "Items"
        case _:
            return ""
    least, most = schema.get(f"min{unit}"), schema.get(f"max{unit}")
    if (least or 0) <= len(value) <= (most or len(value)):
        return ""
    return f"{what}{_between(' of ', least, most)} {noun}"


def _between(before: str, least: int | None, most: int | None) -> str:
    match least, most:
        case None, None:
            return ""
        case None, _:
            return f" of at most {most}"
        case _, None:
            return f" of at least {least}"
        case _:
            return f"{before}{least} to {most}"


def _object(text: str, kind: Any) -> Any:
    if text.startswith("{"):
        try:
            return strict_json.plain(text.encode())
        except Unreadable:
            return text
    for struct in _structs(_item(kind) or kind).values():
        needed = [one.name for one in fields(struct).values() if one.required]
        if len(needed) == 1:
            return {needed[0]: _composed(text)}
    return text


def _composed(text: str) -> str:
    """*text* in Unicode's NFC, as facts keep it and searching needs it."""
    return unicodedata.normalize("NFC", text)


_HALF = re.compile("[\ud800-\udfff]")  # how Python holds bytes that are not UTF-8
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": lambda text: int(text) if _WHOLE.fullmatch(text) else text,
    "boolean": lambda text: {"true": True, "false": False}.get(text, text),
}


@cache
def _schema_of(kind: Any) -> Schema:
    """The JSON Schema of *kind* without null, and without the schemas it refers to."""
    schema = msgspec.json.schema(kind)
    either = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    if len(either) == 1:
        schema = either[0] | schema
    schema.pop("$defs", None)
    part = schema.get("items", schema)
    if values := _choices(kind):
        part.pop("$ref", None)
        part |= {"type": "string", "enum": values}
    if part.pop("$ref", None) or (len(either) > 1 and _structs(kind)):
        part["type"] = "object"
    return schema


def _default(default: Any) -> Schema:
    if default in {NODEFAULT, None, msgspec.UNSET, ()}:
        return {}
    return {"default": msgspec.to_builtins(default)}


def _members(kind: Any) -> list[Any]:
    """The types whose values *kind* has, without annotations."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [one for part in get_args(kind) for one in _members(part)]
    return [kind]


def _item(kind: Any) -> Any:
    """The type of what lists of *kind* hold; None where it has none."""
    lists = (one for one in _members(kind) if get_origin(one) in {list, tuple})
    return next((get_args(one)[0] for one in lists), None)


def _structs(kind: Any) -> dict[Any, type[Struct]]:
    """By tag, the Structs among the types of *kind*."""
    return {
        one.__struct_config__.tag: one
        for one in _members(kind)
        if isinstance(one, type) and issubclass(one, Struct)
    }


def _choices(kind: Any) -> list[Any]:
    """The values of *kind*, or of the items of its lists, where they are listed."""
    found: list[Any] = []
    for one in _members(_item(kind) or kind):
        if isinstance(one, EnumMeta):
            found += [value.value for value in one]  # type: ignore[var-annotated]
        elif get_origin(one) is Literal:
            found += get_args(one)
    return found
