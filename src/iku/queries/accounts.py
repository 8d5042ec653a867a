"""Accounts: who held which role on any day, as known on any day.

There are few accounts, so their streams are read and folded on each request. Names are
texts, which are read through the view.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from iku.domain import account
from iku.domain.access import Action
from iku.domain.account import Account, AccountRestored, AccountSuspended, Grant, Role
from iku.domain.decider import SubjectNotFound
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.messages import message
from iku.queries.figure_parameters import Moment, MomentQuestion
from iku.queries.view import View
from iku.streams import fold

AccountId: TypeAlias = Annotated[
    str, Meta(description="Identifier of the account, as the actor of its events.")
]


class AccountsQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The day, and the knowledge cut-off, of a list of accounts."""

    role: Annotated[
        Role | None, Meta(description="Only accounts that held this role on the day.")
    ] = None


class HeldRole(Struct, frozen=True, kw_only=True):
    """A role that was granted to an account by the day.

    Attributes:
        version: Version of the event that granted it, by which it is revoked.
        division: Code of the division; null for the roles of the whole agency.
        district: Code of the district to which the role is limited; null for none.
        basis: Number of the decree or assignment letter.
        granted_on: First day.
        until: Last day; null without an end.
        revoked_on: Day of the revocation, if that is not after the day.
        in_force: Whether it was held at the end of the day.
    """

    version: int
    role: Role
    division: str | None
    district: str | None
    basis: str
    granted_on: date
    until: date | None
    revoked_on: date | None
    in_force: bool


class ShownAccount(Struct, frozen=True, kw_only=True):
    """An account on a day.

    Attributes:
        id: Identifier, which is the actor of its events.
        person: Identifier of the holder, the same in all accounts of the person.
        name: Name of the holder, or the words that replace it.
        nip: Civil servant number; null if none is recorded.
        email: E-mail address; null if none is recorded.
        basis: Number of the letter that assigns the person.
        invited_on: Day of the invitation.
        suspended: Whether it was suspended at the end of the day.
        roles: The roles granted by the day, oldest first.
        version: Version of the last event that was counted.
    """

    id: str
    person: str
    name: str
    nip: str | None
    email: str | None
    basis: str
    invited_on: date
    suspended: bool
    roles: tuple[HeldRole, ...]
    version: int


class Accounts(Struct, frozen=True):
    """The accounts that existed on the day, in the order of their invitations.

    Attributes:
        as_of: The day.
        known_on: The knowledge cut-off; null for all that is known.
        size: Size of the log that was read.
    """

    as_of: date
    known_on: date | None
    size: int
    items: tuple[ShownAccount, ...]


async def listing(view: View, question: AccountsQuestion, today: date) -> Accounts:
    """The accounts that *question* requests.

    Raises:
        Forbidden: The viewer may not see accounts.
        InvalidQuestion: A day is after *today*.
    """
    view.viewer.require(Action.SEE_ACCOUNTS)
    at = question.moment(today)
    size = (await log.head(view.reader)).size
    size = size if at.size is None else min(at.size, size)
    found = await _read_accounts(view, at, size)
    items = await _shown_accounts(view, found, at.as_of)
    return Accounts(
        at.as_of,
        at.known_on,
        size,
        tuple(one for one in items if _has_role(one, question.role)),
    )


async def show(view: View, identifier: str, today: date) -> ShownAccount:
    """The account with this identifier, as it is today.

    Raises:
        Forbidden: The account is not the viewer's own, and the viewer may not see
            others.
        SubjectNotFound: The account does not exist.
    """
    if identifier != view.viewer.name:
        view.viewer.require(Action.SEE_ACCOUNTS)
    recorded = await log.read_stream(view.reader, account.decider.stream(identifier))
    if not recorded:
        raise SubjectNotFound(
            message("account {account} does not exist", account=identifier)
        )
    [shown] = await _shown_accounts(view, [recorded], today)
    return shown


async def _read_accounts(view: View, at: Moment, size: int) -> list[list[Recorded]]:
    """The events of each account up to the cut-off, in the order of invitations."""
    streams: dict[str, list[Recorded]] = defaultdict(list)
    for one in await log.read_categories(view.reader, (account.decider.category,)):
        known = at.known_on is None or one.known_on <= at.known_on
        by_then = one.effective_on is not None and one.effective_on <= at.as_of
        if one.position <= size and known and by_then:
            streams[one.stream].append(one)
    return list(streams.values())


async def _shown_accounts(
    view: View, streams: Sequence[Sequence[Recorded]], day: date
) -> list[ShownAccount]:
    texts = await view.texts([recorded[0] for recorded in streams])
    shown = []
    for recorded in streams:
        opening = recorded[0]
        words = view.texts_in_words(texts[opening.stream, opening.version])
        shown.append(_shown_account(opening.subject, fold(recorded).state, words, day))
    return shown


def _shown_account(
    identifier: str, state: Account, words: dict[str, str], day: date
) -> ShownAccount:
    opening = state.invitation
    suspended = _is_suspended(state, day)
    return ShownAccount(
        id=identifier,
        person=state.person,
        name=words["holder"],
        nip=words.get("nip"),
        email=words.get("email"),
        basis=opening.basis,
        invited_on=opening.effective_on,
        suspended=suspended,
        roles=tuple(
            _held_role(state, grant, day, suspended=suspended)
            for grant in state.grants
            if grant.granted_on <= day
        ),
        version=state.version,
    )


def _is_suspended(state: Account, day: date) -> bool:
    """Whether the account was suspended at the end of *day*."""
    changes = [
        event
        for event in state.history
        if isinstance(event, AccountSuspended | AccountRestored)
        and event.effective_on <= day
    ]
    return bool(changes) and isinstance(changes[-1], AccountSuspended)


def _held_role(state: Account, grant: Grant, day: date, *, suspended: bool) -> HeldRole:
    granted = state.history[grant.version - 1]
    revoked_on = None
    if grant.revoked is not None:
        revoked_on = state.history[grant.revoked - 1].effective_on
    ended = revoked_on is not None and revoked_on <= day
    expired = grant.until is not None and grant.until < day
    return HeldRole(
        version=grant.version,
        role=grant.role,
        division=grant.division,
        district=grant.district,
        basis=getattr(granted, "basis", ""),
        granted_on=grant.granted_on,
        until=grant.until,
        revoked_on=revoked_on if ended else None,
        in_force=not (suspended or ended or expired),
    )


def _has_role(shown: ShownAccount, role: Role | None) -> bool:
    return role is None or any(one.role is role and one.in_force for one in shown.roles)
