"""Continuation: a log restored with lost events continues under a new name.

A log must never withdraw what it has signed under its name. A restore that lost signed
events therefore starts a new log with its own name. The first event after the kept
events states which log it continues, which events are lost, and who decided to
continue.
"""

import re
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from iku.domain.decider import Decider, DecisionContext, Refused, refuse_unlikely_day
from iku.domain.fact import Fact, Line, Reason
from iku.messages import message

SUBJECT = "log"  # the one stream of this category
SUCCESSOR = re.compile(r"(.*)/(\d{1,9})")

Origin = Annotated[str, Meta(pattern=r"^[^\s+]+$(?!\n)", max_length=200)]
Size = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Continued(Fact, frozen=True, tag="continued"):
    """The log *origin* ended on *effective_on*; *successor* continues it.

    Attributes:
        kept: Number of events, from the first, that this log shares with *origin*.
        root: Tree root of the kept events (RFC 6962), in base64.
        signed: The last checkpoint of *origin* held outside, as a signed note. The
            events between *kept* and its size are lost.
        lost_to: Size of that checkpoint.
        approver: Office, not a person, that decided to continue without the lost
            events.
    """

    effective_on: date
    origin: Origin
    successor: Origin
    kept: Size
    root: Line
    lost_to: Size
    signed: Annotated[str, Meta(min_length=1, max_length=20_000)]
    approver: Line
    reason: Reason


Event = Continued


class LogNames(Struct, frozen=True):
    """All names of the log, in order."""

    history: tuple[Continued, ...]

    @property
    def present_name(self) -> str:
        """The present name of the log."""
        return self.history[-1].successor


def successor(origin: str) -> str:
    """The name of the log that continues *origin*: ``log/2``, then ``log/3``."""
    if (numbered := SUCCESSOR.fullmatch(origin)) and int(numbered[2]) > 1:
        return f"{numbered[1]}/{int(numbered[2]) + 1}"
    return f"{origin}/2"


def evolve(names: LogNames | None, event: Continued) -> LogNames:
    """The names of the log after *event*."""
    return LogNames((*(names.history if names else ()), event))


def decide(
    command: Continued, names: LogNames | None, context: DecisionContext
) -> list[Continued]:
    """The event that *command* adds; empty if it is already recorded.

    Raises:
        Refused: The day is unlikely, *origin* is not the log's present name, no event
            is lost, or *successor* is not the next name.
    """
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    if names and command == names.history[-1]:
        return []
    if names and command.origin != names.present_name:
        raise Refused(
            message(
                "the log has been named {name} since {day}, not {origin}",
                name=names.present_name,
                day=names.history[-1].effective_on,
                origin=command.origin,
            )
        )
    if command.lost_to <= command.kept:
        raise Refused(
            message(
                "no event is lost: the log has {kept} events, and the last signed "
                "size is {signed}, so there is no loss to declare",
                kept=command.kept,
                signed=command.lost_to,
            )
        )
    if command.successor != successor(command.origin):
        raise Refused(
            message(
                "the log that continues {origin} must be named {expected}, not "
                "{successor}",
                origin=command.origin,
                expected=successor(command.origin),
                successor=command.successor,
            )
        )
    return [command]


decider: Decider[LogNames, Continued] = Decider(
    "ledger", Event, decide, evolve, moves_figures=False
)
