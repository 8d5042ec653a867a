"""The facts that a command adds to what was read, and what they rest on.

A decision hears the texts of the streams it reads, as far as they can be opened; it
depends on them only where it asks whether something was said before.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from iku import streams
from iku.commands.closures import KnownClosures
from iku.commands.command import (
    Command,
    is_opening,
)
from iku.domain import (
    closed_periods,
    fact,
    merging,
    naming,
)
from iku.domain.decider import (
    Context,
    Missing,
    refuse_hidden_characters,
)
from iku.domain.deciders import DECIDERS
from iku.ledger.log import (
    Condition,
    Reader,
)
from iku.ledger.record import Recorded
from iku.streams import Folded
from iku.vault.store import Vault


class Changed(NamedTuple):
    """What a command adds to one subject.

    Attributes:
        before: The subject as it was read.
        after: The subject once the events are recorded.
    """

    subject: str
    events: list[Any]
    before: "Folded"
    after: Any


class Decided(NamedTuple):
    """What a command adds to the log, and what that rests on.

    Attributes:
        events: The facts to record of its own subject; none if they stand already.
        before: The subject as it was read.
        after: The subject once they are recorded.
        premises: Other streams that it rests on, at the version read.
        condition: What else it rests on; None: nothing.
        others: What it adds to other subjects, in the same append.
        notes: What the answer says besides the receipt.
    """

    events: list[Any]
    before: "Folded"
    after: Any
    premises: tuple[tuple[str, int], ...] = ()
    condition: Condition | None = None
    others: tuple[Changed, ...] = ()
    notes: tuple[str, ...] = ()


def decide(
    command: Command,
    read: Mapping[str, Folded],
    *,
    today: date,
    areas: frozenset[str],
    closed: KnownClosures | None,
) -> Decided:
    """The facts that *command* adds to what was *read*, and what they rest on.

    If *closed* is None, they need no reason, whatever they change.

    Raises:
        Unexplained: It changes a figure of a closed period, and gives no reason.
        Refused: The rules do not allow it, or a text holds hidden characters.
        Missing: There is no such subject.
    """
    decider = DECIDERS[command.category]
    proposed = decider.asked(command.proposed)
    # Of a publication's step the sender's own part, whose fields are those of the body.
    refuse_hidden_characters(getattr(proposed, "step", proposed))
    before = read.get(command.stream, Folded())
    state = before.state
    if state is None and not is_opening(command.proposed):
        raise Missing(naming.absent(command.category, command.subject))
    grounds = decider.rests_on(command.proposed, command.subject, state)
    peers = {
        subject: read.get(decider.stream(subject), Folded())
        for subject in grounds.peers
    }
    context = Context(
        today=today,
        subject=command.subject,
        areas=areas,
        peers={subject: peer.state for subject, peer in peers.items()},
        actor=command.actor,
    )
    decision = decider.decision(command.proposed, state, context)
    after = decider.fold(decision.events, state)
    others = tuple(
        Changed(subject, events, peer, decider.fold(events, peer.state))
        for subject, events in decision.others.items()
        for peer in [peers.pop(subject)]
    )
    # What the decision read of others must still be so.
    premises = (
        *((decider.stream(subject), peer.version) for subject, peer in peers.items()),
        *((name, read.get(name, Folded()).version) for name in grounds.streams),
    )
    notes = merging.notes(command.proposed, state, decision.others)
    decided = Decided(
        decision.events, before, after, premises, others=others, notes=notes
    )
    if closed is None or not grounds.closures:
        return decided
    own = Changed(command.subject, decision.events, before, after)
    for one in (own, *others):
        closed_periods.refuse_unexplained(
            closed.periods, one.subject, one.before.state, one.after
        )
    return decided._replace(condition=closed.condition)


async def read(reader: Reader, vault: Vault, command: Command) -> dict[str, Folded]:
    """The streams that the decision on *command* rests on, its own first.

    Of its own, the texts are opened as far as *command* may ask for them.
    """
    found = await streams.read(
        reader, vault, [command.stream], partial(_asks_for, command)
    )
    decider, own = DECIDERS[command.category], found.get(command.stream, Folded())
    grounds = decider.rests_on(command.proposed, command.subject, own.state)
    others = [*map(decider.stream, grounds.peers), *grounds.streams]
    if others:
        found |= await streams.read(reader, vault, others, lambda _recorded: False)
    return found


def _asks_for(command: Command, recorded: Recorded) -> bool:
    """Whether deciding *command* needs the texts of this event of its own subject.

    It does where it may say just what was recorded; a merger copies texts. Most
    commands need none.
    """
    tag = command.proposed.__struct_config__.tag
    return isinstance(command.proposed, fact.Correction | fact.Merger) or tag in {
        None,
        False,
        recorded.type,
    }
