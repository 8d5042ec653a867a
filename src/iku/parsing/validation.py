"""What is said of input that does not fit: a sentence without its subject."""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from math import isinf
from typing import Any

from iku.parsing.json_schema import Schema
from iku.strict_json import TWICE

MOST_SHOWN = 60  # characters of a value that is refused
MOST_NAMED = 100  # characters of a name that is unknown
REQUIRED = "is required"
OTHER = "of the form that is described"


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
            words = _TYPES.get(schema.get("format") or schema.get("type", ""), OTHER)
            words += _between(" from ", schema.get("minimum"), schema.get("maximum"))
    return f"must be {words}, not {shown(value)}"


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


def unknown(name: str, known: Iterable[str]) -> str:
    """That no field has this *name*; the nearest of those *known*, or all of them."""
    if near := get_close_matches(name[:MOST_NAMED], known, 1):
        return f"is unknown; did you mean {near[0]}?"
    return f"is unknown; there are: {', '.join(known) or 'none'}"


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
