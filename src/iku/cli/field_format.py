"""Values of facts' fields in the language of the terminal."""

from datetime import date
from typing import Any, get_args

import msgspec

from iku import labels
from iku.cli.terminal_language import formats, translated
from iku.domain.decider_registry import DECIDERS
from iku.messages import message

YES, NO = message("yes"), message("no")
# Fields that contain a day, for any event.
DAYS = {
    field.name
    for decider in DECIDERS.values()
    for event in (get_args(decider.event_type) or (decider.event_type,))
    for field in msgspec.structs.fields(event)
    if date in (field.type, *get_args(field.type))
}


def value(field: str, of: Any) -> str:
    """The value of *field* as text; a dash for None.

    Names of fields are replaced by labels. *of* is JSON: a day is a text of the form
    YYYY-MM-DD.
    """
    match of:
        case None | bool():
            return formats.NOTHING if of is None else translated(YES if of else NO)
        case int():
            return str(of) if field == "year" else formats.number(of)
        case dict() | str() if field == "options":
            return _options(msgspec.json.decode(of) if isinstance(of, str) else of)
        case str():
            return _format_text(field, of)
        case list():
            return ", ".join(map(_format_item, of))
        case _:
            return _reference(of)


def _format_item(one: Any) -> str:
    return _field_label(one) if isinstance(one, str) else _reference(one)


def _reference(of: Any) -> str:
    """The origin of a copy, or the reference of a participation."""
    match of:
        case {"stream": stream, "version": version}:
            return f"{stream}/{version}"
        case {"participation": participation}:
            return str(participation)
        case _:
            return str(of)


def _options(of: dict[str, Any]) -> str:
    """Options as typed: ``participation_threshold=2; kinds=lsm,ormas``."""
    texts = {k: ",".join(v) if isinstance(v, list) else v for k, v in of.items()}
    return "; ".join(f"{name}={one}" for name, one in texts.items())


def _field_label(name: str) -> str:
    label = labels.FIELDS.get(name)
    return translated(label) if label else name


def _format_text(field: str, of: str) -> str:
    if field in DAYS:
        return formats.day(date.fromisoformat(of))
    label = labels.value_label(field, of)
    return translated(label) if label else of
