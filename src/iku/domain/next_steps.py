"""The events that a case or an organisation admits next, and the refusals of others.

No rule is stated twice: for each type of event the decider is asked to decide minimal
commands. A type is admitted if one of them is, today or on a day on which the state of
the subject changed, because an event may be recorded late.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from iku import messages
from iku.domain import conflict, organisation
from iku.domain.attachment import Attached
from iku.domain.conflict import Category, Conflict, Dimension, Level, Manner, Phase
from iku.domain.decider import AlreadyRecorded, Decider, DecisionContext, Refused
from iku.domain.fact import EARLIEST, Annulled, Correction, Fact, field_value
from iku.domain.organisation import Activity, LegalBasis, Organisation, OrganisationKind
from iku.domain.subject import Subject
from iku.messages import message

# Minimal commands for a state; the days are today and those of its changes.
Probes = Callable[[Any, Sequence[date]], Iterable[Fact]]
# A text, number or reference that no subject has: no rule of a decider examines it.
ANY = "?"
NOTHING_IN_EFFECT = message("no event of this case or organisation is in effect")
NOTHING_TO_VERIFY = message(
    "no participation of this organisation waits for verification"
)


def refusals(
    decider: Decider[Any, Any], subject: str, state: Subject, today: date
) -> dict[str, str | None]:
    """For each event type, the reason why *state* admits none; None if it admits one.

    The types are those that a person may record of the subject, the most usual first.
    """
    probes, survivor = PROBES[decider.category]
    context = DecisionContext(
        today=today, subject=subject, related_subjects={ANY: survivor}
    )
    days = [today, *(one.start for one in reversed(state.timeline))]
    return {
        tag: _refusal(decider, state, context, probe(state, days), EMPTY.get(tag))
        for tag, probe in probes.items()
    }


def _refusal(
    decider: Decider[Any, Any],
    state: Subject,
    context: DecisionContext,
    commands: Iterable[Fact],
    first: str | None = None,
) -> str | None:
    """The reason why none of *commands* is admitted; None if one is.

    The reason is *first* if that is given, otherwise the refusal of the first command.
    """
    for command in commands:
        try:
            decider.decision(command, state, context)
        except Refused as error:
            # A correction that changes nothing is as admissible as one that does.
            if isinstance(error, AlreadyRecorded) and isinstance(command, Correction):
                return None
            first = first or messages.error_message(error)
        else:
            return None
    return first


def _dated_probes(of: Callable[..., Fact], **fields: Any) -> Probes:
    return lambda _state, days: (of(effective_on=day, **fields) for day in days)


def _undated_probes(of: Callable[..., Fact], **fields: Any) -> Probes:
    return lambda _state, _days: (of(**fields),)


def _reclassifications(_case: Conflict, days: Sequence[date]) -> Iterator[Fact]:
    for day in days:
        for level in Level:
            yield conflict.Reclassified(effective_on=day, level=level)


def _verifications(state: Organisation, _days: Sequence[date]) -> Iterator[Fact]:
    for one in state.participations:
        if not one.verified:
            yield organisation.ParticipationVerified(participation=one.reference)


def _annulments(state: Subject, _days: Sequence[date]) -> Iterator[Fact]:
    for version, _ in reversed(state.facts):
        yield Annulled(annuls=version, reason=ANY)


def _correction_probes(of: Callable[..., Correction]) -> Probes:
    def probe(state: Subject, days: Sequence[date]) -> Iterator[Fact]:
        for version, event in reversed(state.facts):
            day = field_value(event, "effective_on") or days[0]
            yield of(corrects=version, reason=ANY, effective_on=day)

    return probe


_ATTACHMENT = _undated_probes(
    Attached, file_name=ANY, media_type="text/plain", length=1, sha256="0" * 64
)
# Why a type is not admitted whose commands name events of the subject.
EMPTY = {
    "corrected": NOTHING_IN_EFFECT,
    "annulled": NOTHING_IN_EFFECT,
    "participation_verified": NOTHING_TO_VERIFY,
}

# For each category the commands that are tried, and the survivor of a merger.
PROBES: Mapping[str, tuple[Mapping[str, Probes], Subject]] = {
    Conflict.CATEGORY: (
        {
            "verified": _dated_probes(conflict.Verified),
            "returned": _dated_probes(conflict.Returned, missing=ANY),
            "handled": _dated_probes(conflict.Handled, phase=Phase.PENGHENTIAN),
            "referred": _dated_probes(conflict.Referred),
            "resolved": _dated_probes(conflict.Resolved, manner=Manner.MEDIASI),
            "reopened": _dated_probes(conflict.Reopened),
            "reclassified": _reclassifications,
            "attached": _ATTACHMENT,
            "corrected": _correction_probes(conflict.Corrected),
            "annulled": _annulments,
            "merged": _undated_probes(conflict.Merged, into=ANY, reason=ANY),
            "rejected": _undated_probes(conflict.Rejected, reason=ANY),
        },
        Conflict(
            (
                conflict.Reported(
                    category=Category.SARA,
                    dimension=Dimension.AGAMA,
                    title=ANY,
                    effective_on=EARLIEST,
                ),
            )
        ),
    ),
    Organisation.CATEGORY: (
        {
            "participated": _dated_probes(
                organisation.Participated, participation=ANY, activity=Activity.LAINNYA
            ),
            "participation_verified": _verifications,
            "renewed": _dated_probes(
                organisation.Renewed, valid_until=organisation.LATEST
            ),
            "suspended": _dated_probes(organisation.Suspended),
            "restored": _dated_probes(organisation.Restored),
            "dissolved": _dated_probes(organisation.Dissolved),
            "revoked": _dated_probes(organisation.Revoked),
            "moved_out": _dated_probes(organisation.MovedOut),
            "attached": _ATTACHMENT,
            "corrected": _correction_probes(organisation.Corrected),
            "annulled": _annulments,
            "merged": _undated_probes(organisation.Merged, into=ANY, reason=ANY),
            "rejected": _undated_probes(organisation.Rejected, reason=ANY),
        },
        Organisation(
            (
                organisation.Registered(
                    kind=OrganisationKind.ORMAS,
                    name=ANY,
                    legal_basis=LegalBasis.NONE,
                    effective_on=EARLIEST,
                ),
            )
        ),
    ),
}
