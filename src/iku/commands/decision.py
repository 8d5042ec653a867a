"""Decisions: the events that a command adds, their premises, and the append request.

The streams are read before (`command_streams`), their texts as far as they can be
decrypted. A decision depends on a text only to find out whether an event is recorded
already. In the request texts are separated: the record gets commitments to them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from msgspec import structs

from iku.commands import account_rules, authorisation, closed_period_checks
from iku.commands.authorisation import Authority
from iku.commands.category_cache import Cached
from iku.commands.command import Command, SubjectChange, creates_subject, with_subject
from iku.domain import account, fact, merger, proposal, subject_kinds, subject_name
from iku.domain.access_policy import TwoPersonRule
from iku.domain.closed_periods import ClosedPeriods
from iku.domain.decider import (
    DecisionContext,
    SubjectNotFound,
    Transition,
    refuse_hidden_characters,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import EventId
from iku.domain.numbering import NumberSeries
from iku.domain.proposal import Approved
from iku.ledger import uuid7
from iku.ledger.log import AppendCondition, AppendRequest, StreamPart, UnnumberedRequest
from iku.ledger.record import Commitment, NewEvent
from iku.streams import FoldedStream
from iku.vault import sealing
from iku.vault.sealing import Secret, TextLocation


class CommandDecision(NamedTuple):
    """The events that a command adds to the log, and the premises of the decision.

    Attributes:
        events: Events of the command's own subject; empty if they are already recorded.
        before: State before the events, as read.
        after: State after the events.
        premises: Other streams on which the decision is based, with the versions read.
        conditions: Append conditions of the decision.
        others: Events of other subjects, in the same append.
        notes: Remarks for the answer, in addition to the receipt.
        actor: Actor of the events.
        approval: The approval of the proposal, in the same append; None without one.
    """

    events: list[Any]
    before: FoldedStream
    after: Any
    premises: tuple[tuple[str, int], ...] = ()
    conditions: tuple[AppendCondition, ...] = ()
    others: tuple[SubjectChange, ...] = ()
    notes: tuple[str, ...] = ()
    actor: str = ""
    approval: SubjectChange | None = None


def decide(
    command: Command,
    read: Mapping[str, FoldedStream],
    *,
    today: date,
    areas: frozenset[str],
    closed: Cached[ClosedPeriods] | None,
    authority: Authority,
) -> CommandDecision:
    """The events that *command* adds to the streams *read*.

    The result also has the stream versions that the decision rests on; the append
    verifies them.

    If *closed* is None, no event needs a reason.

    Raises:
        Forbidden: The actor has no right to the command.
        ReasonRequired: The command changes a figure of a closed period without a
            reason.
        Refused: A rule forbids it, or a text has hidden characters.
        StepUpRequired: The actor's last factor is too old; everything else is allowed.
        SubjectNotFound: The subject does not exist.
    """
    decided = _decide(
        command, read, today=today, areas=areas, closed=closed, authority=authority
    )
    authorisation.refuse_unfresh(command)
    return decided


def _decide(
    command: Command,
    read: Mapping[str, FoldedStream],
    *,
    today: date,
    areas: frozenset[str],
    closed: Cached[ClosedPeriods] | None,
    authority: Authority,
) -> CommandDecision:
    decider = DECIDERS[command.category]
    proposed = decider.asked(command.proposed)
    # Of a publication's step only the part that the client sent, so that the error
    # path names a field of the request body.
    refuse_hidden_characters(getattr(proposed, "step", proposed))
    before = read.get(command.stream, FoldedStream())
    state = before.state
    if state is None and not creates_subject(command.proposed):
        raise SubjectNotFound(
            subject_name.not_found_message(command.category, command.subject)
        )
    grounds = decider.premises_of(command.proposed, command.subject, state)
    related = {
        subject: read.get(decider.stream(subject), FoldedStream())
        for subject in grounds.related_subjects
    }
    # Before the decision, so that a refusal discloses nothing of the subject.
    touched = [state, *(peer.state for peer in related.values())]
    _authorise(command, touched, authority, today=today, closed=closed)
    context = _context(
        command, related, authority, today=today, areas=areas, closed=closed
    )
    decision = decider.decision(command.proposed, state, context)
    after = decider.fold(decision.events, state)
    own = SubjectChange(
        command.category, command.subject, decision.events, before, after
    )
    others = _changes_of_related_subjects(command.category, decision.others, related)
    changes = (own, *others)
    if not command.proposing:
        # A change of the category may have moved the subject to another division.
        moved = [one.after for one in changes]
        authorisation.authorise(command, moved, authority, today)
    # The streams of other subjects must still have the versions that were read.
    unchanged = [decider.stream(one) for one in related if one not in decision.others]
    premises = (
        (name, read.get(name, FoldedStream()).version)
        for name in (*unchanged, *grounds.streams)
    )
    approval = _approval(command, own, context)
    conditions = authority.conditions
    if closed is not None and closed_period_checks.check_changes(
        *(command, changes, closed.value, authority),
        touched=touched,
        today=today,
        unexplained=grounds.closures,
    ):
        conditions = (*conditions, closed.condition)
    return CommandDecision(
        decision.events,
        before,
        after,
        (*authority.premises, *premises),
        conditions,
        others=changes[1:],
        notes=merger.notes(command.proposed, state, decision.others),
        actor=authority.name,
        approval=approval,
    )


def _authorise(
    command: Command,
    touched: Sequence[Any],
    authority: Authority,
    *,
    today: date,
    closed: Cached[ClosedPeriods] | None,
) -> None:
    """Refuse a command to which the actor has no right; its own state comes first."""
    authorisation.authorise(command, touched, authority, today)
    if command.category == account.decider.category:
        account_rules.enforce(command, touched[0], authority, today)
    if closed is not None:
        closed_period_checks.refuse_confirmation_by_other_division(
            command, closed.value, authority
        )


def _context(
    command: Command,
    related: Mapping[str, FoldedStream],
    authority: Authority,
    *,
    today: date,
    areas: frozenset[str],
    closed: Cached[ClosedPeriods] | None,
) -> DecisionContext:
    policy = authority.register.policy
    return DecisionContext(
        today=today,
        subject=command.subject,
        areas=areas,
        related_subjects={subject: peer.state for subject, peer in related.items()},
        actor=authority.name,
        accounts=authority.actor is not None,
        divisions=policy.division_codes,
        person_of=authority.register.person,
        two_persons=policy.two_persons is TwoPersonRule.REQUIRED,
        indicators=None if closed is None else frozenset(closed.value.indicators),
    )


def _changes_of_related_subjects(
    category: str, events: Mapping[str, list[Any]], related: Mapping[str, FoldedStream]
) -> Iterator[SubjectChange]:
    for subject, added in events.items():
        peer = related[subject]
        after = DECIDERS[category].fold(added, peer.state)
        yield SubjectChange(category, subject, added, peer, after)


def _approval(
    command: Command, own: SubjectChange, context: DecisionContext
) -> SubjectChange | None:
    """The approval that is recorded with the events of *own*; None without one."""
    approval = command.approval
    if approval is None:
        return None
    version = own.before.version + len(own.events)
    approved = Approved(
        effective_on=context.today,
        by=context.actor,
        divisions=approval.divisions,
        recorded=EventId(command.stream, version),
    )
    about = structs.replace(context, subject=approval.proposal)
    before = approval.before
    events = proposal.decide(approved, before.state, about)
    after = proposal.decider.fold(events, before.state)
    return SubjectChange("proposal", approval.proposal, events, before, after)


def request(command: Command, decided: CommandDecision, body: bytes) -> AppendRequest:
    """The request that appends the *decided* events."""
    before = decided.before
    own = SubjectChange(
        command.category, command.subject, decided.events, before, decided.after
    )
    approval = [] if decided.approval is None else [decided.approval]
    parts: list[StreamPart] = []
    turns: list[Transition] = []
    secrets: list[Secret] = []
    # The command's own subject comes last: its last event gets the receipt.
    for changed in (*approval, *decided.others, own):
        part, sealed = _stream_part(command, changed)
        parts.append(part)
        secrets += sealed
        turns += _transitions(changed)
    if command.file is not None:
        place = TextLocation(command.stream, before.version + 1, "file", command.stream)
        key = sealing.secret(place, command.file.key.hex())
        secrets.append(structs.replace(key, file=command.file.name))
    return AppendRequest(
        parts=tuple(parts),
        command_id=command.command_id or uuid7.uuid7(),
        body=body,
        actor=decided.actor,
        known_on=command.known_on,
        premises=decided.premises,
        conditions=decided.conditions,
        attachments=tuple(turns),
        secrets=tuple(secrets),
    )


def _stream_part(
    command: Command, changed: SubjectChange
) -> tuple[StreamPart, list[Secret]]:
    """The events to append to the stream of one subject, and their texts."""
    stream = DECIDERS[changed.category].stream(changed.subject)
    version = changed.before.version
    parted = [
        _split_texts(event, stream, place, fact.text_owner(event, command.stream))
        for place, event in enumerate(changed.events, version + 1)
    ]
    part = StreamPart(stream, version, tuple(draft for draft, _ in parted))
    return part, [secret for _, of in parted for secret in of.values()]


def _transitions(changed: SubjectChange) -> Iterator[Transition]:
    """The transition of the subject at each event, in order."""
    category, evolve = changed.category, DECIDERS[changed.category].evolve
    state = changed.before.state
    for event in changed.events[:-1]:
        state, before = evolve(state, event), state
        yield Transition(category, changed.subject, before, state)
    # The last state keeps the values that the decision derived from it.
    yield Transition(category, changed.subject, state, changed.after)


def unnumbered_request(
    command: Command, decided: CommandDecision, body: bytes, drawn: list[str]
) -> UnnumberedRequest:
    """The request that creates a subject under the next automatic number.

    Each number tried is added to *drawn*; the last one is the recorded number.
    """
    (opening,) = decided.events
    named_by = command.command_id or uuid7.uuid7()
    asked = structs.replace(command, command_id=named_by)

    def named(subject: str, number: str) -> AppendRequest:
        begun = with_subject(asked, subject, number)
        drawn.append(number)
        if begun.proposed is opening:
            return request(begun, decided, body)
        after = DECIDERS[command.category].fold([begun.proposed])
        changed = decided._replace(events=[begun.proposed], after=after)
        return request(begun, changed, body)

    return UnnumberedRequest(
        category=command.category,
        command_id=str(asked.command_id),
        series=NumberSeries(
            command.category,
            subject_kinds.counted_kind(command.category).letter,
            opening.effective_on.year,
        ),
        named=named,
        premises=decided.premises,
        conditions=decided.conditions,
    )


def _split_texts(
    event: fact.Fact, stream: str, version: int, owner: str
) -> tuple[NewEvent, dict[str, Secret]]:
    """The record content of *event*, and the texts that it holds as commitments.

    A text belongs to the person that it names, or else to *owner*.
    """
    written = fact.encode(event)
    secrets = {}
    for name, text in written.text.items():
        place = TextLocation(stream, version, name, text.person or owner)
        secrets[name] = sealing.secret(place, text.plain)
    committed = {
        name: Commitment(secret.commitment, secret.place.subject)
        for name, secret in secrets.items()
    }
    draft = NewEvent(
        written.type, written.effective_on, written.data, committed, written.schema
    )
    return draft, secrets
