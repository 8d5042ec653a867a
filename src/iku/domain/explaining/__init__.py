"""How one subject counts in a figure, by which rule, and which facts decided it.

Whether it counts is asked of `counting`, never judged here. What is found here is the
reason: of the rules that lead to that answer the first one that holds, in the order in
which `counting` goes through them. A subject that is not in the denominator is not in
the numerator for the same reason.
"""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from iku.domain import counting
from iku.domain.conflict import Conflict
from iku.domain.explaining import cases, organisations
from iku.domain.explaining.reasons import Reason, Sentence
from iku.domain.figure import Counts
from iku.domain.indicator import ConflictOptions, Options, OrganisationOptions
from iku.domain.organisation import Organisation


class Explanation(Struct, frozen=True):
    """How a subject counts, and why.

    Attributes:
        title: Title of a case, name of an organisation.
        part: Its dimension on the day, or its kind.
        district: Code of its district; empty where no area is known.
    """

    title: str
    part: str
    district: str
    counts: Counts
    denominator: Reason
    numerator: Reason

    def told(self, positions: Sequence[int]) -> Sentence:
        """All of it in a sentence; *positions* are those of the subject's events."""
        reasons = [self.denominator]
        if self.counts.denominator:
            reasons.append(self.numerator)
        told = [reason.told(positions) for reason in reasons]
        return Sentence("; ".join(s.id for s in told), "; ".join(s.en for s in told))


def explain(
    subject: Conflict | Organisation, options: Options, start: date, as_of: date
) -> Explanation:
    """Why *subject* counts as it does as of *as_of* in the period from *start*.

    Raises:
        TypeError: *options* count subjects of the other kind.
    """
    if isinstance(subject, Conflict) and isinstance(options, ConflictOptions):
        return _case(subject, options, start, as_of)
    if isinstance(subject, Organisation) and isinstance(options, OrganisationOptions):
        return _organisation(subject, options, start, as_of)
    raise TypeError(f"{type(options).__name__} do not count a {type(subject).__name__}")


def _case(
    case: Conflict, options: ConflictOptions, start: date, as_of: date
) -> Explanation:
    why = cases.Why(case, options, start, as_of)
    first = case.reported or case.history[0]
    now = counting.on(case, as_of) if case.timeline else first
    member = counting.membership(case, options, start, as_of)
    if member is None:
        missing = why.missing()
        title, part = first.title, now.dimension
        district = counting.district(case)
        return Explanation(title, part, district, Counts(), missing, missing)
    numerator = why.resolved() if member.counts.numerator else why.pending()
    return Explanation(
        first.title,
        member.part,
        member.district,
        member.counts,
        why.existing(),
        numerator,
    )


def _organisation(
    organisation: Organisation, options: OrganisationOptions, start: date, as_of: date
) -> Explanation:
    why = organisations.Why(organisation, options, start, as_of)
    first = organisation.registered or organisation.history[0]
    member = counting.membership(organisation, options, start, as_of)
    if member is None:
        missing = why.missing()
        name, part = first.name, first.kind
        district = counting.district(organisation)
        return Explanation(name, part, district, Counts(), missing, missing)
    numerator = why.active() if member.counts.numerator else why.inactive()
    return Explanation(
        first.name,
        member.part,
        member.district,
        member.counts,
        why.existing(),
        numerator,
    )
