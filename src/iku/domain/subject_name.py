"""Error messages for references to subjects that do not exist."""

import re

from iku.domain import subject_kinds
from iku.domain.decider import subject_number
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import NUMBER, PERSON
from iku.domain.publication import IDENTIFIER
from iku.messages import Term, message

_MOST = 100  # longest part of a wrong name that is quoted, in characters
_NUMBER = message(
    "a number consists of 1 to 64 letters, digits and . _ - /, of which the first is "
    "a letter or digit"
)
_FORMS = {
    "publication": message("a publication identifier has the form 2021 or 2021-W3.2"),
    "subject": message(
        "a person is written as the identifier shown in a history, a case or "
        "organisation as conflict-K14 or organisation-O41"
    ),
}


def not_found_message(category: str, name: str) -> str:
    """The message that *name* does not exist, with the valid form if malformed."""
    if _has_name_form(category, name):
        return message(
            "{category} {name} does not exist",
            category=Term("category", category),
            name=name,
        )
    shown = name if len(name) <= _MOST else f"{name[:_MOST]}…"
    return message(
        "{category} {name!r} does not exist; {form}",
        category=Term("category", category),
        name=shown,
        form=_FORMS.get(category, _NUMBER),
    )


def _has_name_form(category: str, name: str) -> bool:
    """Whether *name* has the form of a name in that *category*."""
    match category:
        case "subject":
            kind, _, rest = name.partition("-")
            of_all = kind in DECIDERS and kind != "subject"
            return bool(re.match(PERSON, name)) or (of_all and _is_number(rest))
        case "publication":
            return bool(re.match(IDENTIFIER, name))
        case _:
            return subject_kinds.kind_of(category) is None or _is_number(name)


def _is_number(name: str) -> bool:
    return bool(re.match(NUMBER, subject_number(name)))
