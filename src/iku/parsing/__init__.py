"""What a frozen Struct declares, and texts or JSON read as it.

A question and a command are Structs. From the fields of one are derived: the parameters
of its route and their description (OpenAPI), the options of its command, and what is
said of input that does not fit. This module knows neither HTTP nor the command line.

The decoder reports the first fault only, in its own terms. So where it refuses, each
part is converted by itself, and the JSON Schema of its type says what it must be.
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
from iku.messages import Message, joined, message
from iku.parsing.json_schema import (
    Schema,
    default_of,
    item_of,
    schema_of,
    structs_of,
)
from iku.parsing.validation import MOST_NAMED, OTHER, REQUIRED, rule, shown, unknown
from iku.strict_json import TWICE, DuplicateKey, InvalidJson

T = TypeVar("T")

__all__ = [
    "Field",
    "ParseError",
    "fault",
    "fields",
    "parse_json",
    "parse_texts",
    "shown",
    "split_docstring",
]

_OTHERWISE = message("is not {expected}", expected=OTHER)
MOST_FAULTS = 20  # reported of one input: its size must not decide that of the answer


class ParseError(ValueError):
    """Input that does not fit its type.

    Attributes:
        faults: By the path of each part at fault (as in JSONPath without the leading
            ``$.``; empty: the whole), what is wrong with it: a sentence without its
            subject, such as "must be true or false, not 1".
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(joined(fault(at, rule) for at, rule in faults.items()))
        self.faults = dict(faults)


def fault(path: str, rule: str) -> Message:
    """What is wrong with the part at *path*, a whole sentence."""
    if not path:
        return message("the body {rule}", rule=rule)
    return message("{path} {rule}", path=path, rule=rule)


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
            schema_of(one.type) | said.get(one.name, {}) | default_of(one.default),
            one.required,
        )
        for one in structs.fields(struct)
    }


def _documented(struct: type) -> dict[str, Schema]:
    """What the docstrings of *struct* and its bases say of their attributes."""
    found: dict[str, Schema] = {}
    for one in reversed(struct.__mro__):
        _, attributes = split_docstring(one.__doc__ or "")
        found |= {name: {"description": text} for name, text in attributes.items()}
    return found


def split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of its class, and of each of its attributes."""
    # From Python 3.13 on a docstring has no indentation of its own.
    summary, _, rest = cleandoc(docstring).partition("\n\nAttributes:\n")
    parts = _ATTRIBUTE.split(rest)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return summary, {name: " ".join(text.split()) for name, text in pairs}


_ATTRIBUTE = re.compile(r"^ {4}(\w+): ", re.MULTILINE)


def parse_texts(
    struct: type[T], pairs: Iterable[tuple[str, str]], given: Mapping[str, Any] = {}
) -> T:
    """The *struct* that names and texts spell, with values *given* besides.

    Raises:
        ParseError: A name is unknown or given twice, or a text is not of its type.
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
            found[name] = message("is empty; leave it out instead")
    raise ParseError(found or {"": _OTHERWISE})


def _add(values: dict[str, Any], field: Field | None, name: str, text: str) -> None:
    """Add what *text* spells to the *values*."""
    if _HALF.search(text):
        raise ParseError({name: message("is not UTF-8")})
    if field is None:
        values[name] = text
    elif field.multiple:
        values.setdefault(name, []).extend(map(field.read, field.split(text)))
    else:
        values[name] = TWICE if name in values else field.read(text)


def _repeated(values: Mapping[str, Any], known: Mapping[str, Field]) -> dict[str, str]:
    """Lists of texts or numbers that name one twice."""
    return {
        name: message("names {value} more than once", value=shown(twice[0]))
        for name, several in values.items()
        if name in known and known[name].multiple
        if (twice := _twice(several))
    }


def _twice(several: Iterable[Any]) -> list[Any]:
    """The texts and numbers that are there again; two persons may have one name."""
    plain = [one for one in several if not isinstance(one, dict)]
    return [one for one, times in Counter(plain).items() if times > 1]


def parse_json(kind: Callable[..., T] | Any, raw: bytes) -> T:
    """The value of that *kind*, a Struct or a union of tagged ones, that *raw* spells.

    Raises:
        ParseError: It is not JSON, or not of the kind.
    """
    try:
        return cast(T, strict_json.decode(raw, _decoder(kind)))
    except (ValidationError, DuplicateKey) as error:
        raise ParseError(_faults_of(raw, kind)) from error
    except InvalidJson as error:
        raise ParseError({"": messages.of(error)}) from error


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _faults_of(raw: bytes, kind: Any) -> dict[str, str]:
    try:
        return _faults(strict_json.plain(raw), kind) or {"": _OTHERWISE}
    except InvalidJson as error:
        return {"": messages.of(error)}


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
    if isinstance(value, dict) and (variants := structs_of(kind)):
        _collect_fields(found, value, variants, path)
    elif isinstance(value, list) and (item := item_of(kind)) is not None:
        for index, one in enumerate(value):
            _collect(found, one, item, f"{path}[{index}]")
    if len(found) == before:
        found[path] = rule(schema_of(kind), value)


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
            found[_join(path, name[:MOST_NAMED])] = unknown(name, known)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _object(text: str, kind: Any) -> Any:
    if text.startswith("{"):
        try:
            return strict_json.plain(text.encode())
        except InvalidJson:
            return text
    for struct in structs_of(item_of(kind) or kind).values():
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
