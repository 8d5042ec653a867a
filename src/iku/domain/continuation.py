"""The log itself: where a restored backup had lost what was signed, it goes on anew.

A log may never take back what it signed under its name. So a restore that lost events
begins a new one, under a name of its own, and the first event after those that were
kept says which log it continues, what is lost, and who decided so.
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
    """The log *origin* is dead since *effective_on*; this one, *successor*, goes on.

    Attributes:
        kept: How many of its first events this log begins with.
        root: The root of their tree, in base64 (RFC 6962).
        signed: The last checkpoint of the old log that anybody outside still held, as
            a signed note; the events between *kept* and its size are lost.
        lost_to: That size.
        approver: The office, not a person, that decided to go on without them.
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


class Names(Struct, frozen=True):
    """All names that the log has had."""

    history: tuple[Continued, ...]

    @property
    def last(self) -> str:
        """The name it goes by now."""
        return self.history[-1].successor


def successor(origin: str) -> str:
    """The name of the log that continues *origin*: ``log/2``, then ``log/3``."""
    if (numbered := SUCCESSOR.fullmatch(origin)) and int(numbered[2]) > 1:
        return f"{numbered[1]}/{int(numbered[2]) + 1}"
    return f"{origin}/2"


def evolve(names: Names | None, event: Continued) -> Names:
    """The names once *event* is known."""
    return Names((*(names.history if names else ()), event))


def decide(
    command: Continued, names: Names | None, context: DecisionContext
) -> list[Continued]:
    """The facts that *command* adds; none where it stands already."""
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    if names and command == names.history[-1]:
        return []
    if names and command.origin != names.last:
        raise Refused(
            message(
                "the log has been named {name} since {day}, not {origin}",
                name=names.last,
                day=names.history[-1].effective_on,
                origin=command.origin,
            )
        )
    if command.lost_to <= command.kept:
        raise Refused(
            message(
                "no event is lost: the log holds {kept} events, and only {signed} "
                "were signed, so the log needs no continuation",
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


decider: Decider[Names, Continued] = Decider(
    "ledger", Event, decide, evolve, moves_figures=False
)
