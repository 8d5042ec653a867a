"""The registry of deciders, by category of stream."""

from collections.abc import Iterator, Mapping
from typing import Any

from iku.domain import (
    access_policy,
    account,
    continuation,
    erasure,
    import_permission,
    indicator,
    paper,
    paper_data,
    proposal,
    publication,
    scale,
    subject_kinds,
)
from iku.domain.decider import Decider

# Deciders of the categories whose subjects are not counted in figures.
OTHERS: dict[str, Decider[Any, Any]] = {
    decider.category: decider
    for decider in (
        indicator.decider,
        scale.decider,
        publication.decider,
        continuation.decider,
        erasure.decider,
        account.decider,
        access_policy.decider,
        proposal.decider,
        import_permission.decider,
        paper.decider,
        paper_data.decider,
    )
}


class Deciders(Mapping[str, Decider[Any, Any]]):
    """All deciders by category: of the counted kinds of subjects, and of the others."""

    def __getitem__(self, category: str) -> Decider[Any, Any]:
        kind = subject_kinds.kind_of(category)
        return OTHERS[category] if kind is None else kind.decider

    def __iter__(self) -> Iterator[str]:
        yield from subject_kinds.categories()
        yield from OTHERS

    def __len__(self) -> int:
        return len(subject_kinds.KINDS) + len(OTHERS)


DECIDERS = Deciders()
