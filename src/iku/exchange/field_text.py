"""What the fields of facts hold, as it is shown in Indonesian."""

from datetime import date
from typing import Any, get_args

import msgspec

from iku import labels
from iku.domain.decider_registry import DECIDERS
from iku.exchange import formats

# Fields that hold a day, whatever the event.
DAYS = {
    field.name
    for decider in DECIDERS.values()
    for event in (get_args(decider.event_type) or (decider.event_type,))
    for field in msgspec.structs.fields(event)
    if date in (field.type, *get_args(field.type))
}


def value(field: str, of: Any) -> str:
    """What *field* holds, as it is shown in Indonesian; a dash for None.

    Names of fields are given in words. *of* is as JSON has it: a day is a text,
    written YYYY-MM-DD.
    """
    match of:
        case None | bool():
            return {None: formats.NOTHING, True: "ya", False: "tidak"}[of]
        case int():
            return str(of) if field == "year" else formats.number(of)
        case dict() | str() if field == "options":
            return _options(msgspec.json.decode(of) if isinstance(of, str) else of)
        case str():
            return _text(field, of)
        case list():
            return ", ".join(map(_item, of))
        case _:
            return _place(of)


def _item(one: Any) -> str:
    return _field(one) if isinstance(one, str) else _place(one)


def _place(of: Any) -> str:
    """What something comes from, or which participation is meant."""
    match of:
        case {"stream": stream, "version": version}:
            return f"{stream}/{version}"
        case {"participation": participation}:
            return str(participation)
        case _:
            return str(of)


def _options(of: dict[str, Any]) -> str:
    """Options as they are typed in: ``participation_threshold=2; kinds=lsm,ormas``."""
    told = {k: ",".join(v) if isinstance(v, list) else v for k, v in of.items()}
    return "; ".join(f"{name}={one}" for name, one in told.items())


def _field(name: str) -> str:
    label = labels.FIELDS.get(name)
    return label.id if label else name


def _text(field: str, of: str) -> str:
    if field in DAYS:
        return formats.day(date.fromisoformat(of))
    label = labels.value(field, of)
    return label.id if label else of
