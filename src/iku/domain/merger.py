"""Mergers: one subject ends, and another, the survivor, counts for both.

One append records a merger in both streams: a `Merger` in the stream that ends, and an
`Absorption` in that of the survivor, followed by copies of the events that the survivor
takes over. An annulment of the merger, or a correction of its survivor, annuls the
absorption and the copies in the same append. The state of each subject therefore
derives from its own stream alone (design, section 5).

In older logs a merger is recorded in one stream only, without an absorption.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeVar

from iku import messages
from iku.domain.decider import (
    Decision,
    DecisionContext,
    DecisionPremises,
    Invalid,
    Refused,
    subject_id,
)
from iku.domain.fact import (
    Absorption,
    Annulled,
    Correction,
    EffectiveFact,
    EventId,
    Fact,
    Merger,
    Rejection,
    annulled_versions,
    effective_facts,
    field_value,
)
from iku.domain.subject import Subject
from iku.messages import message

S = TypeVar("S", bound=Subject)
E = TypeVar("E", bound=Fact)


def premises(command: Fact, _subject: str, state: Subject | None) -> DecisionPremises:
    """The premises of *command*: the survivors of the merger before and after it."""
    into = field_value(command, "into")
    ended = _previous_merger(command, state)
    if into is None and ended is None:
        return DecisionPremises()
    survivors = [ended.event.into] if ended else []
    survivors += [] if into is None else [into]
    return DecisionPremises(
        related_subjects=tuple(dict.fromkeys(map(subject_id, survivors)))
    )


def decision(
    command: E,
    before: S,
    context: DecisionContext,
    take_over: Callable[[S, S, EventId], list[E]],
) -> list[E] | Decision[E]:
    """*command*, with the events that it adds to the survivors.

    *take_over* returns the events to record in the stream of its first argument, the
    survivor.

    Raises:
        Refused: An event that the survivor took over was changed since.
    """
    stream = f"{before.CATEGORY}-{context.subject}"
    origin = EventId(stream, len(before.history) + 1)
    others: dict[str, list[Any]] = {}
    if (ended := _previous_merger(command, before)) is not None:
        origin = EventId(stream, ended.version)
        survivor = subject_id(ended.event.into)
        others[survivor] = _annulments(
            command, ended, context.related_subjects.get(survivor), origin
        )
    if (into := field_value(command, "into")) is not None and (
        ended or isinstance(command, Merger)
    ):
        survivor = subject_id(into)
        others[survivor] = take_over(context.related_subjects[survivor], before, origin)
    others = {subject: events for subject, events in others.items() if events}
    return Decision([command], others) if others else [command]


def _previous_merger(command: Fact, state: Subject | None) -> EffectiveFact | None:
    """The merger that *command* annuls, or corrects to another survivor."""
    match command:
        case Annulled():
            version = command.annuls
        case Correction() if field_value(command, "into") is not None:
            version = command.corrects
        case _:
            return None
    found = dict(state.facts).get(version) if state else None
    if not isinstance(found, Merger) or field_value(command, "into") == found.into:
        return None
    return EffectiveFact(version, found)


def _annulments(
    command: Any, ended: EffectiveFact, survivor: Subject | None, origin: EventId
) -> list[Annulled]:
    """The annulments of the absorption and of its copies in the survivor's stream."""
    stands = survivor.facts if survivor else []
    found = [
        version
        for version, event in stands
        if isinstance(event, Absorption) and event.origin == origin
    ]
    if survivor is None or not found:
        return []  # an older log recorded it in one stream only
    into, versions = ended.event.into, [found[-1], *copy_versions(survivor, found[-1])]
    for merger in survivor.events_of(Merger):
        raise Refused(
            message(
                "the merger into {into} cannot be annulled, because {into} was later "
                "merged into {other}: annul that merger first",
                into=into,
                other=merger.into,
            )
        )
    now = dict(stands)
    for version in versions:
        if now.get(version) is not survivor.history[version - 1]:
            raise Refused(
                message(
                    "the merger into {into} cannot be annulled, because version "
                    "{version} of {into}, which the merger recorded, was changed later",
                    into=into,
                    version=version,
                )
            )
    annulments = [Annulled(annuls=v, reason=command.reason) for v in versions]
    try:
        type(survivor)((*survivor.history, *annulments)).refuse_illegal()
    except Refused as error:
        raise Refused(
            message(
                "the merger into {into} cannot be annulled, because events carried "
                "over to {into} were changed later: {error}",
                into=into,
                error=messages.error_message(error),
            )
        ) from error
    return annulments


def copy_versions(survivor: Subject, absorption: int) -> list[int]:
    """Versions of the copies that follow the absorption at version *absorption*."""
    follow = enumerate(survivor.history[absorption:], start=absorption + 1)
    return [version for version, _ in takewhile(lambda one: _is_copy(one[1]), follow)]


def _is_copy(event: Fact) -> bool:
    origin = field_value(event, "origin")
    return origin is not None and not isinstance(event, Absorption)


def absorption_versions(facts: Iterable[EffectiveFact]) -> dict[str, int]:
    """The version of each absorption, by identifier of the absorbed subject.

    Subjects merged in older logs are missing: no absorption was recorded for them.
    """
    return {
        event.origin.subject: version
        for version, event in facts
        if isinstance(event, Absorption)
    }


def excluded_with_rejection(history: Sequence[Fact], version: int) -> tuple[str, ...]:
    """Identifiers of the subjects that a rejection at *version* excludes as well."""
    if not isinstance(history[version - 1], Rejection):
        return ()
    return tuple(absorption_versions(effective_facts(history[:version])))


def refuse_bad_annulment(command: Annulled, wrong: Fact, subject: Subject) -> None:
    """Refuse an annulment of *wrong* after which the two streams of a merger disagree.

    Raises:
        Refused: *wrong* created the subject, and other subjects are merged into it.
        Invalid: *wrong* is one of the events that a merger records in two streams.
    """
    version = command.annuls
    if isinstance(wrong, subject.CREATION):
        for other, since in absorption_versions(subject.facts).items():
            raise Refused(
                message(
                    "version {version} cannot be annulled, because {other} is merged "
                    "into this subject, at version {place}: annul that merger first",
                    version=version,
                    other=other,
                    place=since,
                )
            )
    if isinstance(wrong, Absorption):
        raise Invalid(
            "annuls",
            message(
                "annuls is {version}, but version {version} was recorded by the "
                "merger {origin}: annul that merger",
                version=version,
                origin=wrong.origin,
            ),
        )
    if isinstance(wrong, Correction) and field_value(wrong, "into") is not None:
        raise Invalid(
            "annuls",
            message(
                "annuls is {version}, but version {version} is the correction of a "
                "merger: correct the merger again",
                version=version,
            ),
        )
    if isinstance(wrong, Annulled) and _ends_merger(wrong, subject):
        raise Invalid(
            "annuls",
            message(
                "annuls is {version}, but version {version} is the annulment of a "
                "merger: record the merger again",
                version=version,
            ),
        )


def _ends_merger(annulment: Annulled, subject: Subject) -> bool:
    """Whether *annulment* annulled a merger, or an event of an annulled merger.

    To restore such an event would not check the present state of the other subject: two
    subjects merged into each other would both cease to count.
    """
    revived = subject.history[annulment.annuls - 1]
    if (
        isinstance(revived, Merger | Absorption)
        or field_value(revived, "into") is not None
    ):
        return True
    if not _is_copy(revived):
        return False
    before = subject.history[: annulment.annuls]
    absorption = max(v for v, e in enumerate(before, 1) if isinstance(e, Absorption))
    return absorption in annulled_versions(subject.history)


def refuse_merger_events(command: Fact) -> None:
    """Refuse an event that only a merger may record in the survivor.

    Raises:
        Refused: The event is an absorption or a copy.
    """
    origin = field_value(command, "origin")
    if origin is not None:
        raise Refused(
            message(
                "an event with origin {origin} is recorded only by a merger, not by a "
                "command",
                origin=origin,
            )
        )


def notes(event: Any, subject: Any, others: Mapping[str, list[Any]]) -> tuple[str, ...]:
    """Remarks for the receipt of a merger or rejection, such as what is not taken over.

    *subject* is the state before the event. *others* are the events of the same append,
    by the subject to which they are added.
    """
    if isinstance(event, Rejection):
        return tuple(
            message(
                "{other} is merged into this subject (version {version}), so it does "
                "not count either",
                other=other,
                version=version,
            )
            for other, version in absorption_versions(subject.facts).items()
        )
    return tuple(
        note
        for survivor, events in others.items()
        for one in events
        for missing in field_value(one, "not_carried") or ()
        for note in [missing.obstacle_in_words(subject, survivor)]
    )
