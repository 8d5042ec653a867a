"""The organisation (ormas, LSM or political party), from its registration.

An organisation exists from the day of its registration until it is dissolved, revoked
or moves away. The expiry of its certificate (SKT) does not end it (design, section 6).
It takes part in the city's development through participations, each with a reference of
its own. The verification of a participation is knowledge, not a dated state.
"""

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import NoReturn, assert_never

from msgspec import UNSET, Struct, structs

from iku.domain import erasure, merger, numbering, subject_rules
from iku.domain.attachment import Attached
from iku.domain.cached_property import cached_property
from iku.domain.decider import (
    Decider,
    Decision,
    DecisionContext,
    DecisionPremises,
    Invalid,
    Refused,
    refuse_unlikely_day,
)
from iku.domain.fact import (
    NUMBER,
    Absorption,
    Annulled,
    Correction,
    EventId,
    Fact,
    Line,
    Merger,
    Note,
    Number,
    Reason,
    Rejection,
    Restated,
    Version,
    field_value,
    is_placeholder,
    text_owner,
)
from iku.domain.subject import Subject
from iku.messages import Term, message

LATEST = date(2999, 12, 31)  # a later last day of a certificate is a typing error


class OrganisationKind(StrEnum):
    """Mass organisation, NGO or political party."""

    ORMAS = "ormas"
    LSM = "lsm"
    PARPOL = "parpol"


class LegalBasis(StrEnum):
    """The legal basis of an organisation. Only a certificate (SKT) expires.

    `NONE`: neither registered nor a legal entity; registration is voluntary.
    """

    SKT = "skt"
    BADAN_HUKUM = "badan_hukum"
    PARPOL = "parpol"
    NONE = "none"


class Activity(StrEnum):
    """The activity in which an organisation took part."""

    MUSRENBANG = "musrenbang"
    PENDIDIKAN_POLITIK = "pendidikan_politik"
    BAKTI_SOSIAL = "bakti_sosial"
    KEMITRAAN = "kemitraan"
    WAWASAN_KEBANGSAAN = "wawasan_kebangsaan"
    LAPORAN_KEGIATAN = "laporan_kegiatan"
    LAINNYA = "lainnya"


class Obstacle(StrEnum):
    """The reason why the survivor of a merger does not take over a participation.

    `PRESENT`: the survivor has a participation of that day and activity.
    `NOT_REGISTERED`, `ENDED`: the survivor did not exist yet, or no longer existed, on
    that day. `REFERENCE`: every possible reference is in use or too long.
    """

    PRESENT = "present"
    NOT_REGISTERED = "not_registered"
    ENDED = "ended"
    REFERENCE = "reference"


# Events. The tags and fields are the storage format: add fields, never change them.


class Registered(Fact, frozen=True, tag="registered"):
    """The organisation was registered on *effective_on*.

    Attributes:
        number: Number of the organisation; recorded only if it differs from the
            identifier.
        area: Code of the area of its seat.
    """

    kind: OrganisationKind
    name: Line
    legal_basis: LegalBasis
    effective_on: date
    valid_until: date | None = None
    reason: Reason | None = None
    number: Number | None = None
    area: str | None = None


class Renewed(Fact, frozen=True, tag="renewed"):
    """The certificate was renewed and is valid until *valid_until*, inclusive."""

    effective_on: date
    valid_until: date
    note: Note | None = None
    reason: Reason | None = None


class Suspended(Fact, frozen=True, tag="suspended"):
    """The organisation was suspended on *effective_on*: it exists but takes no part."""

    effective_on: date
    reason: Reason | None = None


class Restored(Fact, frozen=True, tag="restored"):
    """The suspension ended on *effective_on*."""

    effective_on: date
    reason: Reason | None = None


class Dissolved(Fact, frozen=True, tag="dissolved"):
    """The organisation was dissolved on *effective_on*."""

    effective_on: date
    reason: Reason | None = None


class Revoked(Fact, frozen=True, tag="revoked"):
    """The registration was revoked on *effective_on*."""

    effective_on: date
    reason: Reason | None = None


class MovedOut(Fact, frozen=True, tag="moved_out"):
    """The organisation moved away from the city on *effective_on*."""

    effective_on: date
    reason: Reason | None = None


class Merged(Merger, frozen=True, tag="merged"):
    """The organisation is a duplicate of *into*, and only that one counts."""


class ParticipationNotCarried(Struct, frozen=True, forbid_unknown_fields=True):
    """A participation, at *version* of the merged stream, that was not taken over."""

    participation: Number
    version: Version
    why: Obstacle

    def obstacle_in_words(self, merged: "Organisation", survivor: str) -> str:
        """The participation and the obstacle as a message."""
        event = merged.history[self.version - 1]
        standing = dict(merged.facts).get(self.version, event)
        day, activity = standing.effective_on, standing.activity
        because = {
            Obstacle.PRESENT: message(
                "{survivor} already took part in {activity} on {day}",
                survivor=survivor,
                activity=activity,
                day=day,
            ),
            Obstacle.NOT_REGISTERED: message(
                "{survivor} was registered after {day}", survivor=survivor, day=day
            ),
            Obstacle.ENDED: message(
                "{survivor} had ceased to exist by {day}", survivor=survivor, day=day
            ),
            Obstacle.REFERENCE: message(
                "{survivor} has no free reference for this participation",
                survivor=survivor,
            ),
        }[self.why]
        return message(
            "participation {reference} is not taken over: {reason}",
            reference=self.participation,
            reason=because,
        )


class Absorbed(Absorption, frozen=True, tag="absorbed"):
    """Another organisation was merged into this one, which counts for both.

    Its participations follow, each as `ParticipationCarried`, except those
    *not_carried*.
    """

    not_carried: tuple[ParticipationNotCarried, ...] | None = None


class Rejected(Rejection, frozen=True, tag="rejected"):
    """The registration was wrong from the beginning; the organisation never counts."""


class Participated(Fact, frozen=True, tag="participated"):
    """A participation in *activity* on *effective_on*, with a unique reference."""

    participation: Number
    activity: Activity
    effective_on: date
    verified: bool = False
    note: Note | None = None
    reason: Reason | None = None


class ParticipationCarried(
    Participated, frozen=True, kw_only=True, tag="participation_carried"
):
    """A participation taken over from an organisation that was merged into this one.

    Attributes:
        verified: Whether it was verified in the merged stream at the time of the
            merger.
        origin: The event that recorded it first.
    """

    origin: EventId


class ParticipationVerified(Fact, frozen=True, tag="participation_verified"):
    """The office has verified the participation."""

    participation: Number
    effective_on: date | None = None
    note: Note | None = None
    reason: Reason | None = None


class Corrected(Correction, frozen=True, tag="corrected"):
    """An event of this organisation was recorded wrongly (see `Correction`)."""

    kind: Restated[OrganisationKind] = UNSET
    name: Restated[Line] = UNSET
    legal_basis: Restated[LegalBasis] = UNSET
    valid_until: Restated[date] = UNSET
    into: Restated[Number] = UNSET
    activity: Restated[Activity] = UNSET
    verified: Restated[bool] = UNSET
    note: Restated[Note] = UNSET
    number: Restated[Number] = UNSET
    area: Restated[str] = UNSET


Event = (
    Registered
    | Renewed
    | Suspended
    | Restored
    | Dissolved
    | Revoked
    | MovedOut
    | Merged
    | Absorbed
    | Rejected
    | Participated
    | ParticipationCarried
    | ParticipationVerified
    | Attached
    | Corrected
    | Annulled
)
Later = (
    Renewed
    | Suspended
    | Restored
    | Dissolved
    | Revoked
    | MovedOut
    | Merged
    | Rejected
    | Participated
    | ParticipationVerified
    | Corrected
    | Annulled
)


class Registration(Registered, frozen=True, tag=False):
    """The command that registers an organisation, by default under the next number."""

    def to_event(self) -> Registered:
        """The event `Registered` to record, without the identifier."""
        fields = {n: getattr(self, n) for n in Registered.__struct_fields__}
        return Registered(**{**fields, "number": None})


# State.


class Status(StrEnum):
    """The status of an organisation on a day."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISSOLVED = "dissolved"
    REVOKED = "revoked"
    MOVED_OUT = "moved_out"

    @property
    def exists(self) -> bool:
        """Whether an organisation with this status exists (design, section 6)."""
        return self is Status.ACTIVE or self is Status.SUSPENDED


class OrganisationSegment(Struct, frozen=True):
    """The state of an organisation from *start* up to, but not including, *end*.

    Attributes:
        end: None if the state still holds.
        since: Day from which the organisation has had this status.
        valid_until: Last day of the certificate in force; None if there is no
            certificate, or it does not expire.
    """

    start: date
    end: date | None
    status: Status
    since: date
    legal_basis: LegalBasis
    valid_until: date | None


class Participation(Struct, frozen=True):
    """A participation that took place on the day *on*."""

    reference: str
    on: date
    activity: Activity
    verified: bool


class Organisation(Subject, frozen=True, dict=True):
    """An organisation, folded from its events."""

    CATEGORY = "organisation"
    CREATION = Registered
    TITLE = "name"
    LETTER = "O"

    @cached_property
    def registration(self) -> Registered | None:
        """The registration after corrections; None if it was annulled."""
        registration: Registered | None = self.effective_creation_event
        return registration

    @cached_property
    def participations(self) -> list[Participation]:
        """The participations, verified or not, oldest first."""
        sure = {event.participation for event in self.events_of(ParticipationVerified)}
        found = [
            Participation(
                reference=event.participation,
                on=event.effective_on,
                activity=event.activity,
                verified=event.verified or event.participation in sure,
            )
            for event in self.events_of(Participated)
        ]
        return sorted(found, key=lambda participation: participation.on)

    @cached_property
    def timeline(self) -> tuple[OrganisationSegment, ...]:
        """The states in order; empty if the registration was annulled."""
        return tuple(_timeline(self))

    def state_on(self, day: date) -> OrganisationSegment | None:
        """The state at the end of *day*; None before the registration."""
        begun = [segment for segment in self.timeline if segment.start <= day]
        return begun[-1] if begun else None

    def refuse_illegal(self) -> None:
        """Refuse events that contradict each other.

        Raises:
            Refused: The certificate, the participations or the timeline are illegal.
        """
        if self.registration is None:
            return
        _refuse_bad_validity(self.registration)
        _refuse_unknown_participation(self)
        _ = self.timeline


def evolve(organisation: Organisation | None, event: Event) -> Organisation:
    """The organisation after *event*."""
    return (organisation or NEVER_REGISTERED).with_event(event)


CHANGES = (
    *(Renewed, Suspended, Restored, Dissolved, Revoked, MovedOut),
    Participated,
)
Change = Renewed | Suspended | Restored | Dissolved | Revoked | MovedOut | Participated


def _timeline(organisation: Organisation) -> Iterable[OrganisationSegment]:
    """The segments in order, none of them empty.

    Raises:
        Refused: The events do not form a legal timeline.
    """
    registered = organisation.registration
    if registered is None:
        return
    now = _initial_segment(registered)
    for event in organisation.dated_events(*CHANGES):
        after = _next_segment(now, event, registered)
        if after is now or after == now:
            continue
        # Of two changes on one day, the later one decides the state of that day.
        if now.start < event.effective_on:
            yield structs.replace(now, end=event.effective_on)
        since = now.since if after.status is now.status else event.effective_on
        now = structs.replace(after, start=event.effective_on, since=since)
    yield now


def _initial_segment(registered: Registered) -> OrganisationSegment:
    return OrganisationSegment(
        start=registered.effective_on,
        end=None,
        status=Status.ACTIVE,
        since=registered.effective_on,
        legal_basis=registered.legal_basis,
        valid_until=registered.valid_until,
    )


def _next_segment(
    now: OrganisationSegment, event: Change, registered: Registered
) -> OrganisationSegment:
    """The state after *event*; the caller sets its days."""
    if event.effective_on < registered.effective_on:
        raise Refused(
            message(
                "the organisation was registered on {registered}, so it cannot be "
                "recorded as {event} on {day}",
                event=subject_rules.event_name(event),
                registered=registered.effective_on,
                day=event.effective_on,
            )
        )
    # `decide` refuses a participation on the last day, but old records may hold one.
    # A new rule never judges the past (design, section 5).
    if not now.status.exists and not (
        isinstance(event, Participated) and event.effective_on == now.since
    ):
        raise Refused(
            message(
                "the organisation was {status} on {ended}, so it cannot be recorded "
                "as {event} on {day}",
                event=subject_rules.event_name(event),
                ended=now.since,
                status=Term("status", now.status),
                day=event.effective_on,
            )
        )
    match event:
        case Participated():
            after = now
        case Renewed():
            after = _segment_after_renewal(now, event)
        case Suspended():
            after = _segment_after_status_change(
                now, Status.ACTIVE, Status.SUSPENDED, event
            )
        case Restored():
            after = _segment_after_status_change(
                now, Status.SUSPENDED, Status.ACTIVE, event
            )
        case Dissolved():
            after = structs.replace(now, status=Status.DISSOLVED)
        case Revoked():
            after = structs.replace(now, status=Status.REVOKED)
        case MovedOut():
            after = structs.replace(now, status=Status.MOVED_OUT)
        case _:
            assert_never(event)
    return after


def _segment_after_status_change(
    now: OrganisationSegment, was: Status, becomes: Status, event: Change
) -> OrganisationSegment:
    if now.status is not was:
        raise Refused(
            message(
                "the organisation has been {status} since {since}, so it cannot be "
                "recorded as {event} on {day}",
                event=subject_rules.event_name(event),
                status=Term("status", now.status),
                since=now.since,
                day=event.effective_on,
            )
        )
    return structs.replace(now, status=becomes)


def _segment_after_renewal(
    now: OrganisationSegment, event: Renewed
) -> OrganisationSegment:
    if now.legal_basis is not LegalBasis.SKT:
        raise Refused(
            message(
                "the legal basis of the organisation is {basis}, which does not "
                "expire, so it cannot be renewed on {day}",
                day=event.effective_on,
                basis=now.legal_basis,
            )
        )
    if event.valid_until < event.effective_on:
        raise Refused(
            message(
                "the certificate is renewed on {day}, so it cannot expire earlier, on "
                "{until}",
                day=event.effective_on,
                until=event.valid_until,
            )
        )
    return structs.replace(now, valid_until=event.valid_until)


def _refuse_bad_validity(registered: Registered) -> None:
    until = registered.valid_until
    if until is None:
        return
    if registered.legal_basis is not LegalBasis.SKT:
        raise Refused(
            message(
                "the legal basis of the organisation is {basis}, which does not "
                "expire, so valid_until cannot be {until}",
                until=until,
                basis=registered.legal_basis,
            )
        )
    if until < registered.effective_on:
        raise Refused(
            message(
                "the organisation is registered on {day}, so its certificate cannot "
                "expire earlier, on {until}",
                day=registered.effective_on,
                until=until,
            )
        )


def _refuse_unknown_participation(organisation: Organisation) -> None:
    references: set[str] = set()
    for event in organisation.events_of(Participated):
        if event.participation in references:
            raise Refused(
                message(
                    "reference {reference} is already used by an earlier participation",
                    reference=event.participation,
                )
            )
        references.add(event.participation)
    for event in organisation.events_of(ParticipationVerified):
        if event.participation not in references:
            raise Refused(
                message(
                    "participation {reference} cannot be verified, because no "
                    "participation has this reference",
                    reference=event.participation,
                )
            )


# Decisions.


def decide(
    command: Event, organisation: Organisation | None, context: DecisionContext
) -> list[Event] | Decision[Event]:
    """The events that *command* adds to *organisation*.

    Raises:
        AlreadyRecorded: The organisation already has the same event.
        Refused: A rule forbids the command; the message quotes both values.
    """
    if organisation is None and not isinstance(command, Registered):
        raise Refused(
            message(
                "the organisation was never registered, so it cannot be recorded as "
                "{event}",
                event=subject_rules.event_name(command),
            )
        )
    if organisation is not None and isinstance(command, Registered):
        _refuse_repetition(command, organisation)
    effective_on = field_value(command, "effective_on")
    refuse_unlikely_day("effective_on", effective_on, context.today)
    valid_until = field_value(command, "valid_until")
    if valid_until is not None and valid_until > LATEST:
        raise Invalid(
            "valid_until",
            message(
                "valid_until is {day}, but must not be after {latest}",
                day=valid_until,
                latest=LATEST,
            ),
        )
    before, after = organisation or NEVER_REGISTERED, evolve(organisation, command)
    subject_rules.refuse_violations(command, before, after, context)
    after.refuse_illegal()
    _refuse_bad_legal_basis(before, after)
    _refuse_participation_at_the_end(before, after)
    _refuse_ineffective_command(command, before)
    return merger.decision(command, before, context, _takeover_events)


def _takeover_events(
    survivor: Organisation, merged: Organisation, origin: EventId
) -> list[Event]:
    """The events by which *survivor* absorbs *merged*, including its participations.

    Source: design, section 5, *merger*.
    """
    number = numbering.number(origin.subject, merged)
    held = {participation.reference for participation in survivor.participations}
    sure = {p.reference for p in merged.participations if p.verified}
    missing: list[ParticipationNotCarried] = []
    carried: list[Event] = []
    for version, event in merged.facts:
        if not isinstance(event, Participated):
            continue
        reference = _free_reference(event.participation, number, held)
        why = _obstacle_to_takeover(event, survivor)
        if why or reference is None:
            why = why or Obstacle.REFERENCE
            missing.append(ParticipationNotCarried(event.participation, version, why))
            continue
        held.add(reference)
        carried.append(
            ParticipationCarried(
                participation=reference,
                activity=event.activity,
                effective_on=event.effective_on,
                verified=event.participation in sure,
                note=None if is_placeholder(event.note) else event.note,
                origin=field_value(event, "origin") or EventId(origin.stream, version),
            )
        )
    return [Absorbed(origin=origin, not_carried=tuple(missing) or None), *carried]


def _free_reference(wanted: str, number: str, held: set[str]) -> str | None:
    """The reference of a participation that is taken over; None if none is free."""
    for reference in (wanted, f"{number}/{wanted}"):
        if reference not in held and re.match(NUMBER, reference):
            return reference
    return None


def _obstacle_to_takeover(
    event: Participated, survivor: Organisation
) -> Obstacle | None:
    """The reason why *survivor* cannot take over the participation; None if it can."""
    day, activity = event.effective_on, event.activity
    if any((p.on, p.activity) == (day, activity) for p in survivor.participations):
        return Obstacle.PRESENT
    now = survivor.state_on(day)
    if now is None:
        return Obstacle.NOT_REGISTERED
    return None if now.status.exists else Obstacle.ENDED


def premises(
    command: Event, subject: str, organisation: Organisation | None
) -> DecisionPremises:
    """The survivors of a merger, and the erasures of texts that the merger copies.

    A text must not be erased between the decision and the append that copies it.
    """
    grounds = merger.premises(command, subject, organisation)
    if field_value(command, "into") is None:
        return grounds
    own = f"{Organisation.CATEGORY}-{subject}"
    facts = organisation.facts if organisation else []
    owners = dict.fromkeys([own, *(text_owner(event, own) for _, event in facts)])
    return structs.replace(grounds, streams=tuple(map(erasure.decider.stream, owners)))


def _refuse_bad_legal_basis(before: Organisation, after: Organisation) -> None:
    """Refuse a registration whose legal basis does not fit its kind or its expiry date.

    Old records may hold such registrations. They stay valid until a command changes one
    of the fields that must fit (design, section 5).
    """
    was, is_now = before.registration, after.registration
    if is_now is None or (was is None and before.history):
        return  # annulled, or restored without a change
    if was is None or _kind_and_basis(was) != _kind_and_basis(is_now):
        _refuse_basis_of_other_kind(*_kind_and_basis(is_now))
    if was is None or _basis_and_expiry(was) != _basis_and_expiry(is_now):
        _refuse_missing_expiry(*_basis_and_expiry(is_now))


def _kind_and_basis(registered: Registered) -> tuple[OrganisationKind, LegalBasis]:
    return registered.kind, registered.legal_basis


def _basis_and_expiry(registered: Registered) -> tuple[LegalBasis, date | None]:
    return registered.legal_basis, registered.valid_until


def _refuse_basis_of_other_kind(kind: OrganisationKind, basis: LegalBasis) -> None:
    if (kind is OrganisationKind.PARPOL) != (basis is LegalBasis.PARPOL):
        of_kind = [
            b
            for b in LegalBasis
            if (b is LegalBasis.PARPOL) == (kind is OrganisationKind.PARPOL)
        ]
        raise Invalid(
            "legal_basis",
            message(
                "legal_basis is {basis}, but for kind {kind} it must be one of {bases}",
                basis=basis,
                kind=kind,
                bases=of_kind,
            ),
        )


def _refuse_missing_expiry(basis: LegalBasis, until: date | None) -> None:
    if basis is LegalBasis.SKT and until is None:
        raise Invalid(
            "valid_until",
            message(
                "valid_until is missing, but it is required because the legal basis "
                "is {basis}, a certificate that expires",
                basis=basis,
            ),
        )


def _refuse_participation_at_the_end(before: Organisation, after: Organisation) -> None:
    """Refuse a participation on the day on which the organisation ended.

    Old records may hold some, and count as before (design, section 5).
    """
    held = {(v, e.effective_on) for v, e in before.facts if isinstance(e, Participated)}
    for version, event in after.facts:
        if not isinstance(event, Participated):
            continue
        now = after.state_on(event.effective_on)
        if now and not now.status.exists and (version, event.effective_on) not in held:
            raise Refused(
                message(
                    "the organisation was {status} on {ended}, so it cannot be "
                    "recorded as {event} on {day}",
                    event=subject_rules.event_name(event),
                    ended=now.since,
                    status=Term("status", now.status),
                    day=event.effective_on,
                )
            )


def _refuse_ineffective_command(command: Event, before: Organisation) -> None:
    """Refuse a new event that leaves the state of the organisation unchanged."""
    match command:
        case Renewed():
            now = before.state_on(command.effective_on)
            if now and now.valid_until == command.valid_until:
                raise Refused(
                    message(
                        "the certificate is already valid until {until}, so renewing "
                        "it on {day} until {until} changes nothing",
                        until=command.valid_until,
                        day=command.effective_on,
                    )
                )
        case ParticipationVerified():
            if any(
                p.reference == command.participation and p.verified
                for p in before.participations
            ):
                raise Refused(
                    message(
                        "participation {reference} is already verified, so it cannot "
                        "be verified again",
                        reference=command.participation,
                    )
                )
        case _:
            return


def _refuse_repetition(command: Registered, organisation: Organisation) -> NoReturn:
    first = organisation.history[0]
    if (
        subject_rules.is_equal_except_number(command, first)
        and organisation.registration is not None
    ):
        raise subject_rules.already_recorded_error(command, 1)
    raise Refused(
        message(
            "this number is already used by the organisation registered on {first}, "
            "so no organisation can be registered under it on {day}",
            day=command.effective_on,
            first=getattr(first, "effective_on", None),
        )
    )


NEVER_REGISTERED = Organisation(())

decider: Decider[Organisation, Event] = Decider(
    Organisation.CATEGORY,
    Event,
    decide,
    evolve,
    premises,
    whole=Organisation,
    moves_figures=True,
)
