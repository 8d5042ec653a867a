"""Refusal of an ambiguous number or identifier."""

from collections.abc import Sequence

from iku.cli.errors import CommandFailed
from iku.domain import subject_kinds
from iku.domain.decider import subject_number
from iku.messages import message
from iku.queries.subject_lookup import SubjectMatch


def refuse_ambiguous(
    found: Sequence[SubjectMatch], typed: str, *, by_kind: bool = True
) -> None:
    """Refuse *typed* if it matches several subjects, and list them.

    *by_kind* states whether the command has an option --kind.

    Raises:
        CommandFailed: Several subjects match.
    """
    if len(found) < 2:
        return
    number = subject_number(typed)
    if by_kind and len({one.category for one in found}) == len(found):
        which = [kind_name(one.category) for one in found]
        raise CommandFailed(
            message(
                "{number} matches {which}; choose one with --kind",
                number=number,
                which=which,
            )
        )
    matches = ", ".join(f"{one.category}-{one.subject}" for one in found)
    raise CommandFailed(
        message(
            "{number} is the number or identifier of {matches}; give one of these",
            number=number,
            matches=matches,
        )
    )


def kind_name(category: str) -> str:
    """A subject of *category* in words: ``a case``."""
    kind = subject_kinds.kind_of(category)
    return message("an indicator") if kind is None else kind.called
