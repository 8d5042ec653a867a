"""Decisions: the events that a command adds, and the premises they rest on.

A decision reads the texts of its streams as far as they can be decrypted. It depends on
a text only to find out whether an event is recorded already.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from iku import streams
from iku.commands.closed_period_cache import ClosedPeriodsSnapshot
from iku.commands.command import (
    Command,
    is_opening,
)
from iku.domain import (
    closed_periods,
    fact,
    merger,
    subject_name,
)
from iku.domain.decider import (
    DecisionContext,
    SubjectNotFound,
    refuse_hidden_characters,
)
from iku.domain.decider_registry import DECIDERS
from iku.ledger.log import (
    Condition,
    Reader,
)
from iku.ledger.record import Recorded
from iku.streams import FoldedStream
from iku.vault.store import Vault


class SubjectChange(NamedTuple):
    """The events that a command adds to one subject.

    Attributes:
        before: State before the events, as read.
        after: State after the events.
    """

    subject: str
    events: list[Any]
    before: "FoldedStream"
    after: Any


class CommandDecision(NamedTuple):
    """The events that a command adds to the log, and what the decision rests on.

    Attributes:
        events: Events of the command's own subject; empty if they are already recorded.
        before: State before the events, as read.
        after: State after the events.
        premises: Other streams that the decision rests on, with the versions read.
        condition: Append condition of the decision; None means no condition.
        others: Events of other subjects, in the same append.
        notes: Remarks for the answer, in addition to the receipt.
    """

    events: list[Any]
    before: "FoldedStream"
    after: Any
    premises: tuple[tuple[str, int], ...] = ()
    condition: Condition | None = None
    others: tuple[SubjectChange, ...] = ()
    notes: tuple[str, ...] = ()


def decide(
    command: Command,
    read: Mapping[str, FoldedStream],
    *,
    today: date,
    areas: frozenset[str],
    closed: ClosedPeriodsSnapshot | None,
) -> CommandDecision:
    """The events that *command* adds to the streams *read*, with their premises.

    If *closed* is None, no event needs a reason.

    Raises:
        ReasonRequired: It changes a figure of a closed period, and gives no reason.
        Refused: A rule forbids it, or a text has hidden characters.
        SubjectNotFound: The subject does not exist.
    """
    decider = DECIDERS[command.category]
    proposed = decider.asked(command.proposed)
    # Of a publication's step only the part that the client sent, so that the error
    # path names a field of the request body.
    refuse_hidden_characters(getattr(proposed, "step", proposed))
    before = read.get(command.stream, FoldedStream())
    state = before.state
    if state is None and not is_opening(command.proposed):
        raise SubjectNotFound(
            subject_name.not_found_message(command.category, command.subject)
        )
    grounds = decider.premises_of(command.proposed, command.subject, state)
    peers = {
        subject: read.get(decider.stream(subject), FoldedStream())
        for subject in grounds.peers
    }
    context = DecisionContext(
        today=today,
        subject=command.subject,
        areas=areas,
        peers={subject: peer.state for subject, peer in peers.items()},
        actor=command.actor,
    )
    decision = decider.decision(command.proposed, state, context)
    after = decider.fold(decision.events, state)
    others = tuple(
        SubjectChange(subject, events, peer, decider.fold(events, peer.state))
        for subject, events in decision.others.items()
        for peer in [peers.pop(subject)]
    )
    # The streams of other subjects must still have the versions that were read.
    premises = (
        *((decider.stream(subject), peer.version) for subject, peer in peers.items()),
        *((name, read.get(name, FoldedStream()).version) for name in grounds.streams),
    )
    notes = merger.notes(command.proposed, state, decision.others)
    decided = CommandDecision(
        decision.events, before, after, premises, others=others, notes=notes
    )
    if closed is None or not grounds.closures:
        return decided
    own = SubjectChange(command.subject, decision.events, before, after)
    for one in (own, *others):
        closed_periods.refuse_unexplained(
            closed.periods, one.subject, one.before.state, one.after
        )
    return decided._replace(condition=closed.condition)


async def read_streams(
    reader: Reader, vault: Vault, command: Command
) -> dict[str, FoldedStream]:
    """The streams that the decision on *command* rests on, its own first.

    The texts that *command* may need are decrypted, in the command's own stream only.
    """
    found = await streams.read(
        reader, vault, [command.stream], partial(_needs_texts, command)
    )
    decider, own = DECIDERS[command.category], found.get(command.stream, FoldedStream())
    grounds = decider.premises_of(command.proposed, command.subject, own.state)
    others = [*map(decider.stream, grounds.peers), *grounds.streams]
    if others:
        found |= await streams.read(reader, vault, others, lambda _recorded: False)
    return found


def _needs_texts(command: Command, recorded: Recorded) -> bool:
    """Whether the decision on *command* needs the texts of event *recorded*.

    It does if the event may equal the proposed one, or if a merger copies its texts.
    Most commands need no text.
    """
    tag = command.proposed.__struct_config__.tag
    return isinstance(command.proposed, fact.Correction | fact.Merger) or tag in {
        None,
        False,
        recorded.type,
    }
