"""The JSON Schema of a type, and the types that it is made of."""

from enum import EnumMeta
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

Schema: TypeAlias = dict[str, Any]


@cache
def schema_of(kind: Any) -> Schema:
    """The JSON Schema of *kind* without null, and without the schemas it refers to."""
    schema = msgspec.json.schema(kind)
    either = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    if len(either) == 1:
        schema = either[0] | schema
    schema.pop("$defs", None)
    part = schema.get("items", schema)
    if values := choices(kind):
        part.pop("$ref", None)
        part |= {"type": "string", "enum": values}
    if part.pop("$ref", None) or (len(either) > 1 and structs_of(kind)):
        part["type"] = "object"
    return schema


def default_of(default: Any) -> Schema:
    """The keyword that states a field's default; none where it is null or empty."""
    if default in {NODEFAULT, None, msgspec.UNSET, ()}:
        return {}
    return {"default": msgspec.to_builtins(default)}


def members(kind: Any) -> list[Any]:
    """The types whose values *kind* has, without annotations."""
    if get_origin(kind) is Annotated:
        return members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [one for part in get_args(kind) for one in members(part)]
    return [kind]


def item_of(kind: Any) -> Any:
    """The type of what lists of *kind* hold; None where it has none."""
    lists = (one for one in members(kind) if get_origin(one) in {list, tuple})
    return next((get_args(one)[0] for one in lists), None)


def structs_of(kind: Any) -> dict[Any, type[Struct]]:
    """By tag, the Structs among the types of *kind*."""
    return {
        one.__struct_config__.tag: one
        for one in members(kind)
        if isinstance(one, type) and issubclass(one, Struct)
    }


def choices(kind: Any) -> list[Any]:
    """The values of *kind*, or of the items of its lists, where they are listed."""
    found: list[Any] = []
    for one in members(item_of(kind) or kind):
        if isinstance(one, EnumMeta):
            found += [value.value for value in one]  # type: ignore[var-annotated]
        elif get_origin(one) is Literal:
            found += get_args(one)
    return found
