"""The fields of entry forms, derived from the Structs that the API decodes.

A form has the fields of its command, in the order of work. Its values are texts, as the
browser sends them: a day as people write it, persons one a line. `parse` reads them as
the command, with all faults by field.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct

from iku import labels, parsing
from iku.domain import conflict
from iku.domain.fact import Correction
from iku.exchange import written_day
from iku.exchange.written_day import MalformedDay
from iku.messages import Message, error_message, message
from iku.parsing import Field, ParseError

RADIOS = 7  # the most choices that are shown as radio buttons
LINE = 500  # characters; a longer text gets an area of several lines
CLEARED = "kosongkan"  # the field that names the fields a correction clears

# The order in which an officer has the answers at hand.
_ORDER = (
    *("corrects", "annuls", "participation", "title", "name", "kind", "category"),
    *("dimension", "legal_basis", "valid_until", "effective_on", "activity", "area"),
    *("source", "level", "phase", "manner", "occurred_on", "reference", "missing"),
    *("evidence", "note", "verified", "into", "reporter", "parties", "number"),
    "reason",
)
_DAY = message("For example 4-3-2022, 4 Maret 2022 or kemarin")
_HINTS: Mapping[str, Message] = {
    "effective_on": _DAY,
    "occurred_on": _DAY,
    "valid_until": message("The last day of the certificate, such as 14-9-2026"),
    "title": message("What happened, in one line and without names of persons"),
    "reference": message("Number of the letter or report at the source"),
    "reporter": message("The name of the person"),
    "parties": message("One name on each line"),
    "into": message("Number of the case or organisation that remains"),
    "missing": message("Missing information, for the person who completes the report"),
    "participation": message("Your own reference for this participation"),
}
_NUMBER = message(
    "Only if it already has a number; otherwise the next number is assigned"
)
_REASON = message("Required if the event changes a figure of a closed period")


class FieldKind(StrEnum):
    """The kind of the input element of a field."""

    LINE = "line"
    AREA = "area"
    DAY = "day"
    RADIOS = "radios"
    SELECT = "select"
    FLAG = "flag"
    PERSONS = "persons"
    HIDDEN = "hidden"


class Option(NamedTuple):
    """A choice of a field.

    Attributes:
        group: The value of another field to which the option belongs; empty for all
            values.
    """

    value: str
    label: str
    group: str = ""


class EntryField(NamedTuple):
    """A field of a form.

    Attributes:
        follows: The field whose value selects the group of options; empty if none.
        clearable: Whether a correction may clear the field.
    """

    name: str
    label: Message
    kind: FieldKind
    required: bool
    hint: Message | None = None
    options: tuple[Option, ...] = ()
    follows: str = ""
    usual: str = ""
    clearable: bool = False

    @property
    def groups(self) -> dict[str, list[Option]]:
        """The options by group, in order."""
        found: dict[str, list[Option]] = {}
        for one in self.options:
            found.setdefault(one.group, []).append(one)
        return found


@cache
def of_struct(struct: type[Struct]) -> tuple[EntryField, ...]:
    """The fields of the form of a command."""
    restates = issubclass(struct, Correction)
    found = [
        _field(one, restates=restates) for one in parsing.struct_fields(struct).values()
    ]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.name)))


def _field(one: Field, *, restates: bool) -> EntryField:
    name = one.name
    hint = _HINTS.get(name)
    if name == "reason" and not one.required:
        hint = _REASON
    elif name == "number" and not restates:
        hint = _NUMBER
    options = _options(one)
    if restates and one.schema.get("type") == "boolean":
        options = (Option("true", message("yes")), Option("false", message("no")))
    return EntryField(
        name,
        labels.FIELDS[name],
        _kind(one, options),
        one.required,
        hint,
        options,
        "category" if name == "dimension" else "",
        str(one.schema.get("default", "")) if not restates else "",
        restates and not one.required,
    )


def _kind(one: Field, options: Sequence[Option]) -> FieldKind:
    if options:
        return FieldKind.RADIOS if len(options) <= RADIOS else FieldKind.SELECT
    match one.schema:
        case {"format": "date"}:
            kind = FieldKind.DAY
        case {"items": _}:
            kind = FieldKind.PERSONS
        case {"maxLength": int(most)} if most > LINE:
            kind = FieldKind.AREA
        case {"type": str(of)}:
            kind = _OF_TYPE.get(of, FieldKind.LINE)
        case _:
            kind = FieldKind.LINE
    return kind


_OF_TYPE = {"boolean": FieldKind.FLAG, "integer": FieldKind.HIDDEN}


def _options(one: Field) -> tuple[Option, ...]:
    values = one.schema.get("enum", ())
    if one.name == "dimension":
        return tuple(
            Option(dimension, labels.DIMENSIONS[dimension], category)
            for category, dimensions in conflict.DIMENSIONS.items()
            for dimension in dimensions
        )
    return tuple(Option(v, labels.value_label(one.name, v) or v) for v in values)


Values = Mapping[str, str]


def parse(
    struct: type[Struct], values: Values, cleared: Sequence[str], today: date
) -> Any:
    """The command in the *values* of a form; *cleared* fields become None.

    Raises:
        ParseError: Values are missing or invalid; the faults are by field.
    """
    pairs, faults = list[tuple[str, str]](), dict[str, str]()
    for one in of_struct(struct):
        text = values.get(one.name, "").strip()
        if not text or one.name in cleared:
            continue
        try:
            pairs += [(one.name, part) for part in _parts(one, text, today)]
        except MalformedDay as error:
            faults[one.name] = error_message(error)
    given = {one.name: None for one in of_struct(struct) if one.name in cleared}
    try:
        command = parsing.parse_texts(struct, pairs, given)
    except ParseError as error:
        faults = {
            top_level_field(path): said for path, said in error.faults.items()
        } | faults
    if faults:
        raise ParseError(faults)
    return command


def day(values: Values, name: str, today: date) -> date | None:
    """The day that a field states; None if it states no day."""
    try:
        return written_day.parse(values.get(name, ""), today)
    except MalformedDay:
        return None


def fault(struct: type[Struct], name: str, rule: str) -> Message:
    """The fault of a field, as a sentence that begins with its label."""
    known = {one.name: one.label for one in of_struct(struct)}
    return parsing.fault_message(known.get(name, name), rule)


def _parts(one: EntryField, text: str, today: date) -> list[str]:
    """The texts of a field as the parser of the command expects them."""
    if one.kind is FieldKind.DAY:
        return [written_day.parse(text, today).isoformat()]
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if one.kind is FieldKind.PERSONS:
        return [line.strip() for line in lines.split("\n") if line.strip()]
    if one.kind is FieldKind.AREA and one.name not in _OF_LINES:
        return [" ".join(lines.split("\n"))]
    return [lines]


_OF_LINES = {"note", "evidence"}  # the texts that may have several lines


def top_level_field(path: str) -> str:
    """The field of a path such as ``parties[0].name``."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
