"""A number or an identifier that several subjects go by is refused."""

from collections.abc import Sequence

from iku.cli.errors import CommandFailed
from iku.domain import subject_kinds
from iku.domain.decider import subject_number
from iku.queries.subject_lookup import SubjectMatch


def refuse_several(
    found: Sequence[SubjectMatch], typed: str, *, by_kind: bool = True
) -> None:
    """Refuse what several subjects go by, and list them.

    *by_kind* tells whether the command has an option that says which kind is meant.

    Raises:
        CommandFailed: There are several.
    """
    if len(found) < 2:
        return
    number = subject_number(typed)
    if by_kind and len({one.category for one in found}) == len(found):
        which = " and ".join(called(one.category) for one in found)
        raise CommandFailed(f"{number} is {which}; say which by --kind")
    several = ", ".join(f"{one.category}-{one.subject}" for one in found)
    raise CommandFailed(
        f"{number} is the number or identifier of {several}; give one of these"
    )


def called(category: str) -> str:
    """A subject of that category, in words."""
    kind = subject_kinds.kind_of(category)
    return "an indicator" if kind is None else kind.called
