"""Proposals: what is proposed, by whom, what it would change, and who decided.

A viewer sees proposals about subjects that the viewer may read, today or after the
proposed command, the viewer's own proposals, and those about the whole agency.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple, TypeAlias

from msgspec import Meta, Struct

from iku import streams
from iku.domain import access, fact, proposal, subject_kinds
from iku.domain.access import Action, Scope
from iku.domain.decider import SubjectNotFound
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import EventId
from iku.domain.proposal import Proposal, ProposalStatus, ProposedChange
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.messages import message
from iku.queries.view import View
from iku.streams import FoldedStream

ProposalId: TypeAlias = Annotated[
    str, Meta(description="Identifier of the proposal, as its receipt gives it.")
]


class ProposalsQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requested page of the proposals."""

    status: Annotated[
        ProposalStatus | None, Meta(description="Only proposals with this status.")
    ] = None
    decidable: Annotated[
        bool,
        Meta(description="Only open proposals that the caller may approve or decline."),
    ] = False
    limit: Annotated[
        int, Meta(ge=1, le=200, description="Maximum number of proposals.")
    ] = 50
    before: Annotated[
        Annotated[int, Meta(ge=1, le=9_007_199_254_740_991)] | None,
        Meta(description="`next` of the previous page; the latest if omitted."),
    ] = None


class ProposalStep(Struct, frozen=True, kw_only=True):
    """A later event of a proposal.

    Attributes:
        type: `approved`, `declined`, `withdrawn` or `lapsed`.
        by: Account that took the step; null if the proposal has lapsed.
        divisions: The divisions for which it was approved.
        recorded: The last event of the command, if this approval recorded it.
        reason: Reason for declining it.
    """

    type: str
    by: str | None
    recorded_at: datetime
    divisions: tuple[str, ...] = ()
    recorded: EventId | None = None
    reason: str | None = None


class ShownProposal(Struct, frozen=True, kw_only=True):
    """A proposal, with its texts as far as the viewer may read them.

    Attributes:
        category: Category of the subject.
        subject: Identifier of the subject.
        seen: Version of the subject that the proposer saw; 0 for a new subject.
        command: The command as it will be recorded, with the fields of a request body.
        because: Reason for the proposal.
        proposed_by: Account that proposed it.
        changes: The figures of closed periods that the command would change.
        steps: Later events, oldest first.
        may_decide: Whether the caller may approve or decline it.
    """

    id: str
    status: ProposalStatus
    version: int
    category: str
    subject: str
    seen: int
    command: dict[str, Any]
    because: str
    proposed_by: str
    proposed_at: datetime
    changes: tuple[ProposedChange, ...]
    steps: tuple[ProposalStep, ...]
    may_decide: bool


class Proposals(Struct, frozen=True):
    """A page of the proposals, the latest first.

    Attributes:
        next: The value of `before` for the next page; null on the last page.
    """

    items: tuple[ShownProposal, ...]
    next: int | None


class RecordedProposal(NamedTuple):
    """The events of a proposal, and the proposal folded from them."""

    recorded: tuple[Recorded, ...]
    state: Proposal

    @property
    def id(self) -> str:
        """The proposal's identifier, from the name of its stream."""
        return self.recorded[0].subject

    @property
    def position(self) -> int:
        """Position of the proposal's first event in the log."""
        return self.recorded[0].position


async def visible_proposals(
    view: View, question: ProposalsQuestion, today: date
) -> list[RecordedProposal]:
    """The proposals that *question* requests and the viewer may see, latest first.

    Raises:
        Unauthenticated: The viewer has not signed in.
    """
    view.viewer.require(Action.READ_FIGURES)
    wanted = ProposalStatus.OPEN if question.decidable else question.status
    found = [
        one
        for one in await _all_proposals(view)
        if wanted in {None, one.state.status}
        and (question.before is None or one.position < question.before)
    ]
    return await _filter_visible(view, found, today)


async def find(view: View, identifier: str, today: date) -> RecordedProposal:
    """The proposal with this identifier.

    Raises:
        Unauthenticated: The viewer has not signed in.
        SubjectNotFound: The proposal does not exist, or the viewer may not see it.
    """
    view.viewer.require(Action.READ_FIGURES)
    recorded = await log.read_stream(view.reader, proposal.decider.stream(identifier))
    found = [_recorded_proposal(recorded)] if recorded else []
    for one in await _filter_visible(view, found, today):
        return one
    raise SubjectNotFound(
        message("proposal {proposal} does not exist", proposal=identifier)
    )


async def shown_proposals(
    view: View, found: Sequence[RecordedProposal], decidable: frozenset[str]
) -> tuple[ShownProposal, ...]:
    """The proposals as shown to the viewer, who may decide on those in *decidable*."""
    texts = await view.text_fields(
        [
            (one.stream, dict.fromkeys(_text_fields(one), one.version))
            for read in found
            for one in read.recorded
        ]
    )
    fields = iter(texts)
    return tuple(
        _shown_proposal(
            read,
            [{n: t.value for n, t in next(fields).items()} for _ in read.recorded],
            may_decide=read.id in decidable,
        )
        for read in found
    )


def _text_fields(recorded: Recorded) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in recorded.body().text))


def _shown_proposal(
    read: RecordedProposal, texts: Sequence[dict[str, Any]], *, may_decide: bool
) -> ShownProposal:
    opening, proposed = read.recorded[0], read.state.proposed
    own, stored = dict(texts[0]), proposed.command
    because = own.pop("because", "")
    day = {} if stored.effective_on is None else {"effective_on": stored.effective_on}
    return ShownProposal(
        id=read.id,
        status=read.state.status,
        version=len(read.recorded),
        category=proposed.target.category,
        subject=proposed.target.subject,
        seen=proposed.target.version,
        command={"type": stored.name, **day, **stored.data, **own},
        because=str(because),
        proposed_by=proposed.by,
        proposed_at=opening.recorded_at,
        changes=proposed.changes,
        steps=tuple(
            _proposal_step(one, of)
            for one, of in zip(read.recorded[1:], texts[1:], strict=True)
        ),
        may_decide=may_decide,
    )


def _proposal_step(recorded: Recorded, texts: dict[str, Any]) -> ProposalStep:
    event = fact.decode_recorded(recorded, proposal.decider.event_type)
    return ProposalStep(
        type=recorded.type,
        by=getattr(event, "by", None),
        recorded_at=recorded.recorded_at,
        divisions=getattr(event, "divisions", ()),
        recorded=getattr(event, "recorded", None),
        reason=texts.get("reason"),
    )


async def _all_proposals(view: View) -> list[RecordedProposal]:
    """All proposals, the latest first. They are few, so there is no projection."""
    category = proposal.decider.category
    by_stream: dict[str, list[Recorded]] = defaultdict(list)
    for one in await log.read_categories(view.reader, (category,)):
        by_stream[one.stream].append(one)
    return [_recorded_proposal(recorded) for recorded in reversed(by_stream.values())]


def _recorded_proposal(recorded: Sequence[Recorded]) -> RecordedProposal:
    return RecordedProposal(tuple(recorded), streams.fold(recorded).state)


async def _filter_visible(
    view: View, found: Sequence[RecordedProposal], today: date
) -> list[RecordedProposal]:
    """The proposals of *found* that the viewer may see."""
    if view.viewer.actor is None:
        return [*found]
    names = [name for one in found for name in _subject_streams(one.state)]
    read = await streams.read(view.reader, view.vault, names, lambda _recorded: False)
    return [one for one in found if _is_visible(view, one.state, read, today)]


def _subject_streams(state: Proposal) -> list[str]:
    """The streams of the cases or organisations that a proposal is about."""
    target, into = state.proposed.target, state.proposed.command.data.get("into")
    if target.category not in subject_kinds.categories():
        return []
    survivor = [] if into is None else [f"{target.category}-{into}"]
    return [target.stream, *survivor]


def _is_visible(
    view: View, state: Proposal, read: dict[str, FoldedStream], today: date
) -> bool:
    viewer, names = view.viewer, _subject_streams(state)
    if not names or state.proposed.by == viewer.name:
        return True
    known = [read[one] for one in names if one in read]
    return any(
        viewer.may(Action.READ_REGISTER, scope)
        for scope in _scopes(state, known, view, today)
    )


def _scopes(
    state: Proposal, read: Sequence[FoldedStream], view: View, today: date
) -> list[Scope]:
    """The scopes of the subjects today, and after the command."""
    decider = DECIDERS[state.proposed.target.category]
    after = decider.fold([proposal.decode(state.proposed)], read[0].state)
    states = [*(one.state for one in read), after]
    return [access.scope_of(one, view.viewer.divisions, today) for one in states]
