"""Rights to read texts.

Texts of a case or organisation are for those who may read texts in its scope today.
Texts of a proposal are also for the proposer and for those who decide on it. Titles and
reasons of publications and indicators are for all who have signed in.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from iku.domain import access, fact, proposal, subject_kinds
from iku.domain.access import Action, Actor, Allowed, Scope
from iku.domain.access_policy import DivisionOwnership
from iku.domain.decider import subject_id
from iku.domain.proposal import Proposed
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries import scopes
from iku.queries.scopes import UNKNOWN

# The categories whose texts are personal; the access log records their opening.
PERSONAL = frozenset({*subject_kinds.categories(), "proposal", "account", "subject"})


class Principal(NamedTuple):
    """The account whose rights are evaluated, the day, and what each division owns."""

    actor: Actor
    divisions: Sequence[DivisionOwnership]
    today: date

    def may(self, action: Action, scope: Scope) -> bool:
        """Whether the account may take *action* in *scope*."""
        return isinstance(access.may(self.actor, action, scope), Allowed)

    def may_erase(self) -> bool:
        """Whether the account may erase texts, or propose it."""
        return any(
            access.covered_scopes(self.actor, Action.ERASE, proposing=proposing)
            for proposing in (False, True)
        )


async def forbidden_streams(
    reader: Reader, principal: Principal, recorded: Iterable[Recorded]
) -> set[str]:
    """The streams of *recorded* whose texts the account may not read."""
    streams = {one.stream for one in recorded if one.category in PERSONAL}
    of_proposals = [one for one in streams if one.startswith("proposal-")]
    proposed = await _proposals(reader, of_proposals)
    concerned = {one for of in proposed.values() for one in _concerned_streams(of)}
    at = await scopes.of_subjects(
        reader, streams | concerned, principal.divisions, principal.today
    )
    return {
        stream
        for stream in streams
        if not (
            _may_read_proposal(principal, proposed[stream], at)
            if stream in proposed
            else _may_read(principal, stream, at)
        )
    }


def _may_read(principal: Principal, stream: str, at: dict[str, Scope]) -> bool:
    category, _, subject = stream.partition("-")
    match category:
        case "account":
            own = subject == principal.actor.account
            return own or principal.may(Action.SEE_ACCOUNTS, access.AGENCY_WIDE)
        case "subject":
            return principal.may_erase() or principal.may(Action.READ_TEXTS, UNKNOWN)
        case _:
            return principal.may(Action.READ_TEXTS, at.get(stream, UNKNOWN))


async def _proposals(reader: Reader, streams: Sequence[str]) -> dict[str, Proposed]:
    """The first event of each proposal."""
    if not streams:
        return {}
    found = await log.read_events(reader, [(stream, 1) for stream in streams])
    return {
        one.stream: fact.decode_recorded(one, proposal.decider.event_type)
        for one in found
    }


def _concerned_streams(proposed: Proposed) -> list[str]:
    """The streams of the subject of a proposal, and of the survivor of a merger."""
    target, into = proposed.target, proposed.command.data.get("into")
    survivor = [] if into is None else [f"{target.category}-{subject_id(into)}"]
    return [target.stream, *survivor]


def _may_read_proposal(
    principal: Principal, proposed: Proposed, at: dict[str, Scope]
) -> bool:
    """Whether the account made the proposal, may read its subject, or decides on it."""
    target = proposed.target
    if proposed.by == principal.actor.account:
        return True
    match target.category:
        case category if category in subject_kinds.categories():
            own = at.get(target.stream, UNKNOWN)
            others = [at.get(one, UNKNOWN) for one in _concerned_streams(proposed)[1:]]
            if kind := proposed.command.data.get("category"):
                division = access.owning_division(category, kind, principal.divisions)
                others.append(Scope(division, own.area))
            return principal.may(Action.READ_TEXTS, own) or any(
                principal.may(Action.APPROVE_CLOSED, scope) for scope in others
            )
        case "account":
            decides = principal.may(Action.APPROVE_ROLES, access.AGENCY_WIDE)
            return decides or _may_read(principal, target.stream, at)
        case "subject":
            return _may_read(principal, target.stream, at)
        case _:
            return True
