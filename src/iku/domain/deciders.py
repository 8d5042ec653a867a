"""Every kind of subject there is, by the category of its streams."""

from typing import Any

from iku.domain import (
    conflict,
    continuation,
    erasure,
    indicator,
    organisation,
    publication,
    scale,
)
from iku.domain.decider import Decider

DECIDERS: dict[str, Decider[Any, Any]] = {
    decider.category: decider
    for decider in (
        conflict.decider,
        organisation.decider,
        indicator.decider,
        scale.decider,
        publication.decider,
        continuation.decider,
        erasure.decider,
    )
}
