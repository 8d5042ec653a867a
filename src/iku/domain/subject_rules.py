"""The rules by which commands on cases and organisations are refused alike.

An event that is recorded already is refused as a repetition, unless it changes the
state again (a case reopened on the day of a second closing) or recurs (`Fact.RECURS`).
A subject that is annulled, rejected or merged admits no more changes. A correction or
annulment must name an event that can be corrected or annulled. Each aggregate checks
the legality of its own timeline; `closed_periods` decides whether a reason is required.
"""

from datetime import date
from typing import Any, Protocol

from msgspec import structs

from iku.domain import merger, numbering
from iku.domain.decider import (
    AlreadyRecorded,
    DecisionContext,
    Invalid,
    Refused,
    subject_id,
)
from iku.domain.fact import Annulled, Correction, Fact, annulled_versions, field_value
from iku.domain.lineage import annulment, corrections
from iku.domain.subject import Subject
from iku.messages import Term, message


class HasHistory(Protocol):
    """A state that keeps all events of its subject."""

    @property
    def history(self) -> tuple[Any, ...]:
        """The events, from version 1."""


def refuse_violations(
    command: Fact, before: Subject, after: Subject, context: DecisionContext
) -> None:
    """Refuse a *command* that breaks one of the shared rules.

    Raises:
        AlreadyRecorded: *before* already has the event.
        Invalid: The command names an event, a subject or an area that does not exist or
            does not fit.
        Refused: The subject, or the survivor of its merger, never counts
            (`Subject.exclusion_status`).
    """
    if isinstance(command, Annulled):
        refuse_second_annulment(command, before)
        _refuse_bad_annulment(command, before)
    elif isinstance(command, Correction):
        _refuse_bad_correction(command, before)
        _refuse_bad_clearing(command, before, after)
        _refuse_ineffective_correction(command, before, after, context)
    else:
        _refuse_repetition(command, before, after)
        if before.exclusion_status:
            raise Refused(
                message(
                    "the case or organisation is already {status}, so it cannot be "
                    "recorded as {event}",
                    event=event_name(command),
                    status=before.exclusion_status,
                )
            )
    merger.refuse_merger_events(command)
    _refuse_bad_merger(command, context)
    _refuse_unknown_area(command, context)


def _refuse_repetition(command: Fact, before: Subject, after: Subject) -> None:
    """Refuse an event that equals one in effect and leaves the state unchanged."""
    if command.RECURS:
        return
    alike = [version for version, event in before.facts if event == command]
    if alike and not _changes_state(before, after):
        raise already_recorded_error(command, alike[-1])


def already_recorded_error(command: Fact, version: int) -> AlreadyRecorded:
    """The error for an event that is already recorded, at *version*."""
    refusal = message(
        "{event} is already recorded, at version {version}",
        event=event_in_words(command),
        version=version,
    )
    return AlreadyRecorded(version, refusal)


def _changes_state(before: Subject, after: Subject) -> bool:
    """Whether the event changes the state; False if the timeline would be illegal."""
    try:
        return after.comparable_state != before.comparable_state
    except Refused:
        return False


def refuse_second_annulment(command: Annulled, subject: HasHistory) -> None:
    """Refuse to annul an event that is annulled already.

    Raises:
        AlreadyRecorded: The message names the version of the annulment.
    """
    if command.annuls in annulled_versions(subject.history):
        by = annulment(subject.history, command.annuls)
        raise AlreadyRecorded(
            by,
            message(
                "the annulment of version {version} is already recorded, at version "
                "{place}",
                version=command.annuls,
                place=by,
            ),
        )


def _refuse_ineffective_correction(
    command: Correction, before: Subject, after: Subject, context: DecisionContext
) -> None:
    if after.facts != before.facts and not _is_own_number(command, before, context):
        return
    version, restated = command.corrects, command.restated_fields()
    by = max(corrections(before.history, version, *restated), default=version)
    raise AlreadyRecorded(
        by,
        message(
            "the correction of version {version} is already recorded, at version "
            "{place}",
            version=version,
            place=by,
        ),
    )


def _is_own_number(
    command: Correction, subject: Subject, context: DecisionContext
) -> bool:
    """Whether the correction restates only the number, with its present value."""
    its = numbering.current_number(context.subject, subject)
    return its is not None and command.restated_fields() == {"number": its.number}


def event_to_revise(version: int, subject: HasHistory, path: str) -> Any:
    """The event at *version*; refused if that event was annulled.

    Raises:
        Invalid: The version does not exist, or it was annulled before.
    """
    if version > (last := len(subject.history)):
        raise Invalid(
            path,
            message(
                "{path} is {version}, but the last version is {last}",
                path=path,
                version=version,
                last=last,
            ),
        )
    if version in annulled_versions(subject.history):
        raise Invalid(
            path,
            message(
                "{path} is {version}, but that version was annulled",
                path=path,
                version=version,
            ),
        )
    return subject.history[version - 1]


def _refuse_bad_annulment(command: Annulled, subject: Subject) -> None:
    wrong = event_to_revise(command.annuls, subject, "annuls")
    merger.refuse_bad_annulment(command, wrong, subject)


def _refuse_bad_correction(command: Correction, subject: Subject) -> None:
    wrong, version = (
        event_to_revise(command.corrects, subject, "corrects"),
        command.corrects,
    )
    if isinstance(wrong, Correction | Annulled):
        refusal = message(
            "version {version} is recorded as {event}, so it cannot be corrected: "
            "correct the event to which version {version} refers",
            version=version,
            event=event_name(wrong),
        )
        raise Invalid("corrects", refusal)
    restated = command.restated_fields()
    if not restated:
        raise Invalid(
            "corrects",
            message("a correction must change at least one field, but changes none"),
        )
    for field in restated:
        if field not in wrong.__struct_fields__:
            refusal = message(
                "{field} is corrected, but version {version}, {event}, has no field "
                "of this name",
                version=version,
                event=event_name(wrong),
                field=field,
            )
            raise Invalid(
                field,
                refusal,
            )


def _refuse_bad_clearing(command: Correction, before: Subject, after: Subject) -> None:
    """Refuse to clear a required field, or an empty one.

    Raises:
        Invalid: The message names the field and the event.
    """
    version = command.corrects
    wrong = dict(before.facts)[version]
    kinds = {field.name: field for field in structs.fields(wrong)}
    for field, value in command.restated_fields().items():
        if value is not None:
            continue
        if kinds[field].default is not None:
            raise Invalid(
                field,
                message(
                    "{field} is cleared, but it is required in version {version}, "
                    "{event}",
                    field=field,
                    version=version,
                    event=event_name(wrong),
                ),
            )
        # The same clearing a second time is a repetition, refused as one later.
        empty = getattr(wrong, field) is None
        again = after.facts == before.facts and corrections(
            before.history, version, field
        )
        if empty and not again:
            raise Invalid(
                field,
                message(
                    "{field} is cleared, but it has no value in version {version}, "
                    "{event}",
                    field=field,
                    version=version,
                    event=event_name(wrong),
                ),
            )


def _refuse_bad_merger(command: Fact, context: DecisionContext) -> None:
    into = field_value(command, "into")
    if into is None:
        return
    if subject_id(into) == context.subject:
        raise Invalid(
            "into",
            message("{into} cannot be merged into itself", into=into),
        )
    other: Subject | None = context.related_subjects.get(subject_id(into))
    if other is None:
        raise Invalid(
            "into",
            message(
                "{into} does not exist, so nothing can be merged into {into}", into=into
            ),
        )
    if other.exclusion_status:
        raise Refused(
            message(
                "{into} is already {status}, so nothing can be merged into {into}",
                into=into,
                status=other.exclusion_status,
            )
        )


def _refuse_unknown_area(command: Fact, context: DecisionContext) -> None:
    area = field_value(command, "area")
    if area is not None and area not in context.areas:
        raise Invalid(
            "area",
            message("area is {area}, but no area has this code", area=area),
        )


def event_in_words(event: Fact) -> str:
    """The event and, if it is dated, its day: ``moved out on 2021-10-01``."""
    day: date | None = field_value(event, "effective_on")
    if day is None:
        return event_name(event)
    return message("{event} on {day}", event=event_name(event), day=day)


def is_equal_except_number(opening: Fact, other: Fact) -> bool:
    """Whether two creation events are equal except for their numbers."""
    if type(opening) is not type(other):
        return False
    one, two = (structs.replace(fact, number=None) for fact in (opening, other))
    return bool(one == two)


def event_name(event: Fact) -> Term:
    """The event in words: ``moved out``."""
    return Term("event", str(event.__struct_config__.tag))
