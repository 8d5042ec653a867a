"""The JSON Schema components of the OpenAPI document, as msgspec generates them."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from iku import parsing
from iku.domain import subject_kinds

Json: TypeAlias = dict[str, Any]

_REF = "#/components/schemas/"


class Schemas:
    """msgspec's schemas of the types of all bodies and responses."""

    def __init__(self, of: Iterable[Any]) -> None:
        types = [*of, *(kind.options for kind in subject_kinds.KINDS)]
        found, components = msgspec.json.schema_components(
            types, schema_hook=_schema_of_options, ref_template=_REF + "{name}"
        )
        self._found = list(zip(types, map(_with_short_names, found), strict=True))
        # Generators name classes by the title: equal titles would lose one of them.
        self.components = {
            (name := _component_name(n)): _with_short_names(s) | {"title": name}
            for n, s in components.items()
        }

    def schema_of(self, asked: Any) -> Json:
        """The schema of the type *asked*."""
        return next(schema for of, schema in self._found if of == asked)


def _schema_of_options(_of: Any) -> Json:
    """The schema of `indicator.Options`: one alternative for each kind of subject."""
    by_tag = {
        kind.options.__struct_config__.tag: f"{_REF}{kind.options.__name__}"
        for kind in subject_kinds.KINDS
    }
    return {
        "anyOf": [{"$ref": ref} for ref in by_tag.values()],
        "discriminator": {"propertyName": "counts", "mapping": by_tag},
    }


def _with_short_names(schema: Any) -> Any:
    """*schema* with short names, and each attribute's description at its property."""
    if isinstance(schema, list):
        return [_with_short_names(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _with_short_names(value) for key, value in schema.items()}
    if isinstance(schema.get("$ref"), str):
        tidied["$ref"] = _REF + _component_name(schema["$ref"].removeprefix(_REF))
    if "discriminator" in schema:
        named = schema["discriminator"]["mapping"].items()
        tidied["discriminator"]["mapping"] = {
            tag: _REF + _component_name(ref.removeprefix(_REF)) for tag, ref in named
        }
    adapt_to_json_schema(tidied)
    if isinstance(schema.get("properties"), dict) and "title" in schema:
        _move_descriptions(tidied)
    return tidied


def adapt_to_json_schema(schema: Json) -> None:
    """Adjust *schema* in place to standard JSON Schema."""
    if isinstance(schema.get("enum"), list):
        schema.setdefault("type", "string")
    if isinstance(schema.get("pattern"), str):
        # Python's `$` also matches before a trailing line feed; that of ECMAScript,
        # which JSON Schema uses, does not.
        schema["pattern"] = schema["pattern"].replace(r"(?!\n)", "")


def _move_descriptions(schema: Json) -> None:
    """Move the attribute descriptions of a docstring to the properties."""
    description, attributes = parsing.split_docstring(schema.get("description", ""))
    schema["description"] = " ".join(description.split())
    for name, text in attributes.items():
        what = text.replace("None", "null").replace("``", "`")
        if name in schema["properties"]:
            schema["properties"][name].setdefault("description", what)


def _component_name(name: str) -> str:
    """The name of a component: ``iku.domain.conflict.Merged`` as ``ConflictMerged``.

    msgspec qualifies a name with its module only where two types share it.
    """
    *path, last = name.split(".")
    return path[-1].capitalize() + last if path else last
