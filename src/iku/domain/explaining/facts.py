"""Finding the facts that decided: those of a kind, in order of day, as they stand."""

from datetime import date

from msgspec import structs

from iku.domain.explaining.reasons import Deciding, Reason, Rule, Word
from iku.domain.fact import Fact, Merger, Rejection, Standing
from iku.domain.lineage import Undone, corrections, undone
from iku.domain.subject import Subject


def standing(subject: Subject, *types: type[Fact]) -> list[Standing]:
    """The facts of these types that are left, in the order in which they were told."""
    return [fact for fact in subject.facts if isinstance(fact.event, types)]


def between(
    subject: Subject, first: date, last: date, *types: type[Fact]
) -> list[Standing]:
    """Those of them that took effect from *first* to *last*, in that order."""
    within = [
        fact
        for fact in standing(subject, *types)
        if first <= fact.event.effective_on <= last
    ]
    # `sorted` is stable: of two on one day the one recorded later comes later.
    return sorted(within, key=lambda fact: fact.event.effective_on)


def cited(subject: Subject, fact: Standing, *fields: str) -> Deciding:
    """*fact*, with the corrections that its day or one of *fields* stands by."""
    by = corrections(subject.history, fact.version, "effective_on", *fields)
    return Deciding(fact.version, by)


def together(*deciding: Deciding) -> tuple[Deciding, ...]:
    """All of them, each fact once with all its corrections."""
    merged: dict[int, set[int]] = {}
    for one in deciding:
        merged.setdefault(one.version, set()).update(one.corrections)
    return tuple(Deciding(v, tuple(sorted(by))) for v, by in merged.items())


def by_annulment(rule: Rule, gone: Undone) -> Reason:
    """The reason that the fact *gone* was annulled."""
    return Reason(rule, (Deciding(gone.by),), {"day": gone.fact.event.effective_on})


def void(subject: Subject, opening: Word) -> Reason | None:
    """Why *subject* does not count at all; None where it may (`Subject.void`)."""
    if not subject.void:
        return None
    if annulled := [*undone(subject.history, subject.OPENING)]:
        reason = by_annulment(Rule.ANNULLED, annulled[-1])
        return structs.replace(reason, quoted={**reason.quoted, "what": opening})
    fact = standing(subject, Rejection, Merger)[0]
    by = Deciding(fact.version, corrections(subject.history, fact.version, "into"))
    if isinstance(fact.event, Merger):
        return Reason(Rule.MERGED, (by,), {"into": fact.event.into})
    return Reason(Rule.REJECTED, (by,), {})
