"""The JSON Schema of a type, and the parts of a type: members, items and choices."""

from enum import EnumMeta
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

Schema: TypeAlias = dict[str, Any]


@cache
def schema_of(kind: Any) -> Schema:
    """The JSON Schema of *kind* without null and without referenced schemas."""
    schema = msgspec.json.schema(kind)
    union = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    if len(union) == 1:
        schema = union[0] | schema
    schema.pop("$defs", None)
    part = schema.get("items", schema)
    if values := choices(kind):
        part.pop("$ref", None)
        part |= {"type": "string", "enum": values}
    if part.pop("$ref", None) or (len(union) > 1 and structs_of(kind)):
        part["type"] = "object"
    return schema


def default_keyword(default: Any) -> Schema:
    """The ``default`` keyword of a field; empty if the default is null or empty."""
    if default in {NODEFAULT, None, msgspec.UNSET, ()}:
        return {}
    return {"default": msgspec.to_builtins(default)}


def union_members(kind: Any) -> list[Any]:
    """The members of the union *kind*, without annotations; *kind* alone otherwise."""
    if get_origin(kind) is Annotated:
        return union_members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [one for part in get_args(kind) for one in union_members(part)]
    return [kind]


def item_of(kind: Any) -> Any:
    """The type of the items if *kind* is a list; None otherwise."""
    lists = (one for one in union_members(kind) if get_origin(one) in {list, tuple})
    return next((get_args(one)[0] for one in lists), None)


def structs_of(kind: Any) -> dict[Any, type[Struct]]:
    """The Structs among the members of *kind*, by tag."""
    return {
        one.__struct_config__.tag: one
        for one in union_members(kind)
        if isinstance(one, type) and issubclass(one, Struct)
    }


def choices(kind: Any) -> list[Any]:
    """The enumerated values of *kind*, or of the items of a list; may be empty."""
    found: list[Any] = []
    for one in union_members(item_of(kind) or kind):
        if isinstance(one, EnumMeta):
            found += [value.value for value in one]  # type: ignore[var-annotated]
        elif get_origin(one) is Literal:
            found += get_args(one)
    return found
