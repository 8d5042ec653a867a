"""Parsing of texts and JSON into frozen Structs, with every fault of the input.

A question and a command are Structs. The parameters of a route and their description
(OpenAPI), the options of a command, and the messages for invalid input are derived from
the fields of one Struct. This module knows neither HTTP nor the command line.

The decoder reports only the first fault, in its own terms. If it refuses the input,
each part is converted separately, and the JSON Schema of its type gives the message.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from inspect import cleandoc
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from msgspec import Struct, ValidationError, convert, structs

from iku import messages, strict_json
from iku.messages import Message, join_sentences, message
from iku.parsing.json_schema import (
    Schema,
    default_keyword,
    item_of,
    schema_of,
    structs_of,
)
from iku.parsing.validation import (
    MOST_NAMED,
    OTHER,
    REQUIRED,
    quoted,
    unknown_field_message,
    violated_rule,
)
from iku.strict_json import TWICE, DuplicateKey, InvalidJson

T = TypeVar("T")

__all__ = [
    "Field",
    "ParseError",
    "fault",
    "fields",
    "parse_json",
    "parse_texts",
    "quoted",
    "split_docstring",
]

_OTHERWISE = message("is not {expected}", expected=OTHER)
MOST_FAULTS = 20  # maximum reported for one input; bounds the size of the answer


class ParseError(ValueError):
    """The input does not have the required type.

    Attributes:
        faults: The fault of each part, by its path (as in JSONPath without the leading
            ``$.``; empty for the whole). A fault is a sentence without its subject,
            such as "must be true or false, not 1".
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(
            join_sentences(fault_message(at, rule) for at, rule in faults.items())
        )
        self.faults = dict(faults)


def fault_message(path: str, rule: str) -> Message:
    """The fault of the part at *path*, as a complete sentence."""
    if not path:
        return message("the body {rule}", rule=rule)
    return message("{path} {rule}", path=path, rule=rule)


class Field(NamedTuple):
    """A field of a Struct.

    Attributes:
        name: Name in texts and JSON.
        attribute: Name of the attribute in Python.
        schema: JSON Schema of its values, without null, with ``description`` and, if
            the default is not null, ``default``. Values of an enumeration are in the
            order of their declaration.
    """

    name: str
    attribute: str
    kind: Any
    schema: Schema
    required: bool

    @property
    def is_repeatable(self) -> bool:
        """Whether it holds a list, so that its text may be given several times."""
        return "items" in self.schema

    @property
    def description(self) -> str:
        """The description; empty if there is none."""
        return str(self.schema.get("description", ""))

    def split_items(self, text: str) -> list[str]:
        """The items of a list in *text*, which commas separate.

        An item may be several enumerated values that commas join.
        """
        return text.split(",") if "enum" in self.schema["items"] else [text]

    def parse_text(self, text: str) -> Any:
        """The value of *text* in JSON types; *text* itself if it cannot be parsed.

        An object is written as JSON or, if it has a single required field, as the value
        of that field.
        """
        schema = self.schema.get("items", self.schema)
        if schema.get("type") == "object":
            return _parse_object(text, self.kind)
        return _READERS.get(schema.get("type", ""), _nfc)(text)


@cache
def struct_fields(struct: type[Struct]) -> Mapping[str, Field]:
    """The fields of *struct*, by the names that they have in messages and in JSON."""
    said = _attribute_descriptions(struct)
    return {
        one.encode_name: Field(
            one.encode_name,
            one.name,
            one.type,
            schema_of(one.type) | said.get(one.name, {}) | default_keyword(one.default),
            one.required,
        )
        for one in structs.fields(struct)
    }


def _attribute_descriptions(struct: type) -> dict[str, Schema]:
    """The descriptions of attributes in the docstrings of *struct* and its bases."""
    found: dict[str, Schema] = {}
    for one in reversed(struct.__mro__):
        _, attributes = split_docstring(one.__doc__ or "")
        found |= {name: {"description": text} for name, text in attributes.items()}
    return found


def split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """The description of the class, and that of each of its attributes."""
    # Since Python 3.13 the compiler removes the indentation of docstrings.
    summary, _, rest = cleandoc(docstring).partition("\n\nAttributes:\n")
    parts = _ATTRIBUTE.split(rest)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return summary, {name: " ".join(text.split()) for name, text in pairs}


_ATTRIBUTE = re.compile(r"^ {4}(\w+): ", re.MULTILINE)


def parse_texts(
    struct: type[T], pairs: Iterable[tuple[str, str]], given: Mapping[str, Any] = {}
) -> T:
    """The *struct* with the values of pairs of name and text, and the values *given*.

    Raises:
        ParseError: A name is unknown or given twice, or a text does not have the type
            of its field.
    """
    known = struct_fields(struct)  # type: ignore[arg-type]
    values, texts = dict(given), list(pairs)
    for name, text in texts:
        _add_value(values, known.get(name), name, text)
    found = _repetition_faults(values, known)
    if not found and values.keys() <= known.keys():
        try:
            return convert(values, struct)
        except ValidationError:
            pass
    for path, said in _faults(values, struct).items():
        # The index among several texts of one name is not reported.
        found.setdefault(path if "." in path else path.partition("[")[0], said)
    for name in (
        {name for name, text in texts if not text} & found.keys() & known.keys()
    ):
        if values[name] is not TWICE:
            found[name] = message("is empty; omit it instead")
    raise ParseError(found or {"": _OTHERWISE})


def _add_value(
    values: dict[str, Any], field: Field | None, name: str, text: str
) -> None:
    """Add the value of *text* to *values*."""
    if _HALF.search(text):
        raise ParseError({name: message("is not UTF-8")})
    if field is None:
        values[name] = text
    elif field.is_repeatable:
        values.setdefault(name, []).extend(
            map(field.parse_text, field.split_items(text))
        )
    else:
        values[name] = TWICE if name in values else field.parse_text(text)


def _repetition_faults(
    values: Mapping[str, Any], known: Mapping[str, Field]
) -> dict[str, str]:
    """The faults of lists that hold a text or a number twice."""
    return {
        name: message("contains {value} more than once", value=quoted(twice[0]))
        for name, several in values.items()
        if name in known and known[name].is_repeatable
        if (twice := _duplicates(several))
    }


def _duplicates(several: Iterable[Any]) -> list[Any]:
    """The texts and numbers that occur more than once.

    Objects are not compared: two persons may have the same name.
    """
    plain = [one for one in several if not isinstance(one, dict)]
    return [one for one, times in Counter(plain).items() if times > 1]


def parse_json(kind: Callable[..., T] | Any, raw: bytes) -> T:
    """The value of *kind*, a Struct or a union of tagged Structs, encoded in *raw*.

    Raises:
        ParseError: The input is not JSON, or not of the type.
    """
    try:
        return cast(T, strict_json.decode(raw, _decoder(kind)))
    except (ValidationError, DuplicateKey) as error:
        raise ParseError(_faults_of(raw, kind)) from error
    except InvalidJson as error:
        raise ParseError({"": messages.error_message(error)}) from error


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _faults_of(raw: bytes, kind: Any) -> dict[str, str]:
    try:
        return _faults(strict_json.decode_plain(raw), kind) or {"": _OTHERWISE}
    except InvalidJson as error:
        return {"": messages.error_message(error)}


def _faults(value: Any, kind: Any) -> dict[str, str]:
    """The faults of *value*, by path."""
    found: dict[str, str] = {}
    _collect_faults(found, value, kind, "")
    return found


def _collect_faults(found: dict[str, str], value: Any, kind: Any, path: str) -> None:
    """Add the faults of *value*, at *path*, to *found*."""
    if isinstance(value, str):
        value = _nfc(value)  # events store this form, which may be longer
    if len(found) >= MOST_FAULTS or _is_convertible(value, kind):
        return
    before = len(found)
    if isinstance(value, dict) and (variants := structs_of(kind)):
        _collect_fields(found, value, variants, path)
    elif isinstance(value, list) and (item := item_of(kind)) is not None:
        for index, one in enumerate(value):
            _collect_faults(found, one, item, f"{path}[{index}]")
    if len(found) == before:
        found[path] = violated_rule(schema_of(kind), value)


def _is_convertible(value: Any, kind: Any) -> bool:
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
            found[at] = violated_rule(of, tag) if tag_field in value else REQUIRED
            return
        struct = chosen
    known = struct_fields(struct)
    for name, field in known.items():
        if name in value:
            _collect_faults(found, value[name], field.kind, _join(path, name))
        elif field.required and len(found) < MOST_FAULTS:
            found[_join(path, name)] = REQUIRED
    for name in value:
        if name not in known and name != tag_field and len(found) < MOST_FAULTS:
            found[_join(path, name[:MOST_NAMED])] = unknown_field_message(name, known)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parse_object(text: str, kind: Any) -> Any:
    if text.startswith("{"):
        try:
            return strict_json.decode_plain(text.encode())
        except InvalidJson:
            return text
    for struct in structs_of(item_of(kind) or kind).values():
        needed = [one.name for one in struct_fields(struct).values() if one.required]
        if len(needed) == 1:
            return {needed[0]: _nfc(text)}
    return text


def _nfc(text: str) -> str:
    """*text* in Unicode form NFC, as events store it and search compares it."""
    return unicodedata.normalize("NFC", text)


_HALF = re.compile("[\ud800-\udfff]")  # Python's form of bytes that are not UTF-8
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": lambda text: int(text) if _WHOLE.fullmatch(text) else text,
    "boolean": lambda text: {"true": True, "false": False}.get(text, text),
}
