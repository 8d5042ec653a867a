"""Messages for invalid input, as sentences without their subject."""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from math import isinf
from typing import Any

from iku.messages import Message, message
from iku.parsing.json_schema import Schema
from iku.strict_json import TWICE

MOST_SHOWN = 60  # longest quotation of a refused value, in characters
MOST_NAMED = 100  # longest quotation of an unknown name, in characters
REQUIRED = message("is required")
OTHER = message("of the form given in the description")


def violated_rule(schema: Schema, value: Any) -> str:
    """The requirement of *schema* that *value* violates, as a message."""
    if value is TWICE:
        return message("occurs more than once")
    if length := _length_requirement(schema, value):
        # The value is not quoted: it may be long, and it may name persons.
        return message(
            "must be {expected}, but its length is {length}",
            expected=length,
            length=len(value),
        )
    return message(
        "must be {expected}, not {value}",
        expected=_expected_type(schema),
        value=quoted(value),
    )


def _expected_type(schema: Schema) -> str:
    match schema:
        case {"enum": [one]}:
            return str(one)
        case {"enum": values}:
            return message("one of {values}", values=values)
        case {"x-expects": words}:
            return Message(words)
        case _:
            kind = _TYPES.get(schema.get("format") or schema.get("type", ""), OTHER)
            return _with_bounds(kind, schema.get("minimum"), schema.get("maximum"))


# Descriptions of values, by the `format` or `type` of the schema.
_TYPES = {
    "date": message("a date in the form YYYY-MM-DD"),
    "integer": message("a whole number"),
    "boolean": message("true or false"),
    "string": message("text"),
    "array": message("a list"),
    "object": message("an object"),
}


def _with_bounds(kind: str, least: int | None, most: int | None) -> str:
    match least, most:
        case None, None:
            return kind
        case None, _:
            return message("{value_type} of at most {most}", value_type=kind, most=most)
        case _, None:
            return message(
                "{value_type} of at least {least}", value_type=kind, least=least
            )
        case _:
            return message(
                "{value_type} from {least} to {most}",
                value_type=kind,
                least=least,
                most=most,
            )


def _length_requirement(schema: Schema, value: Any) -> str:
    """The required length of a text or list; empty if its length is valid."""
    match value:
        case str():
            what, unit = _TYPES["string"], "Length"
        case list():
            what, unit = _TYPES["array"], "Items"
        case _:
            return ""
    least, most = schema.get(f"min{unit}"), schema.get(f"max{unit}")
    if (least or 0) <= len(value) <= (most or len(value)):
        return ""
    noun = message("characters") if isinstance(value, str) else message("items")
    return _length_bounds(what, noun, least, most)


def _length_bounds(what: str, noun: str, least: int | None, most: int | None) -> str:
    match least, most:
        case None, _:
            return message(
                "{value_type} of at most {most} {unit}",
                value_type=what,
                most=most,
                unit=noun,
            )
        case _, None:
            return message(
                "{value_type} of at least {least} {unit}",
                value_type=what,
                least=least,
                unit=noun,
            )
        case _:
            return message(
                "{value_type} of {least} to {most} {unit}",
                value_type=what,
                least=least,
                most=most,
                unit=noun,
            )


def unknown_field_message(name: str, known: Iterable[str]) -> str:
    """The message that no field has this *name*, with the nearest name or all names."""
    if nearest_name := get_close_matches(name[:MOST_NAMED], known, 1):
        return message("is unknown; did you mean {nearest}?", nearest=nearest_name[0])
    return message(
        "is unknown; the known names are: {known}", known=[*known] or message("none")
    )


def quoted(value: Any) -> str:
    """*value* as it is quoted in a message; a long one is truncated."""
    match value:
        case dict():
            return _TYPES["object"]
        case list():
            return _TYPES["array"]
        case float() if isinf(value):
            return message("a number that exceeds the supported range")
        case _:
            pass
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
