"""A hook for schemathesis that bounds the values that it derives from the schema.

For each parameter and each field of each operation, schemathesis breaks and stretches
each rule of the schema: another type, a longer text, a value that is not listed. It
tries several values for a rule, which the server decodes alike. One value of a rule is
tried here for each operation, and a second where a field of that name first occurs.
"""

from collections import Counter
from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.generation.meta import CoveragePhaseData

VALUES = 2  # of a rule, over all operations that have a field of that name
_in_operation: set[tuple[object, ...]] = set()
_anywhere: Counter[tuple[object, ...]] = Counter()


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Whether the case is tried; only values derived from the schema are limited."""
    data = case.meta.phase.data if case.meta else None
    if not isinstance(data, CoveragePhaseData):
        return True
    place = (data.parameter_location, data.parameter)
    rule = (case.operation.label, *place, data.location, data.scenario)
    field = (*place, _field(data.location), data.scenario)
    _anywhere[field] += 1
    first = rule not in _in_operation
    _in_operation.add(rule)
    return first or _anywhere[field] <= VALUES


def _field(location: str | None) -> str | None:
    """The part of a schema's *location* that names a field and a rule of it."""
    return location and location.rpartition("/properties/")[2]
