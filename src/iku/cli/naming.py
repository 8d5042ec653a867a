"""A number or an identifier that several subjects go by is refused."""

from collections.abc import Sequence

from iku.cli.edge import Failed
from iku.domain import kinds
from iku.domain.decider import subject_number
from iku.queries.identifying import Named


def refuse_several(found: Sequence[Named], typed: str) -> None:
    """Refuse what several subjects go by, and list them.

    Raises:
        Failed: There are several.
    """
    if len(found) < 2:
        return
    number = subject_number(typed)
    if len({one.category for one in found}) == len(found):
        which = " and ".join(_called(one.category) for one in found)
        raise Failed(f"{number} is {which}; say which by --kind")
    several = ", ".join(f"{one.category}-{one.subject}" for one in found)
    raise Failed(
        f"{number} is the number or identifier of {several}; give one of these"
    )


def _called(category: str) -> str:
    kind = kinds.of(category)
    return "an indicator" if kind is None else kind.called
