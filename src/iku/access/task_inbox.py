"""The tasks of an account: those from the register, and proposals to decide on.

Tasks are a query; who may decide on a proposal is a rule of commands; this module
combines them, as `proposal_inbox` does.
"""

from collections import OrderedDict
from typing import Any

from msgspec import Struct

from iku.access import proposal_inbox
from iku.commands.handler import CommandHandler
from iku.domain.access import Action, Credentials
from iku.domain.proposal import ProposalStatus
from iku.queries import tasks
from iku.queries.figures import Figures
from iku.queries.proposals import ProposalsQuestion, ShownProposal
from iku.queries.tasks import Task, TaskGroup, TaskKind
from iku.queries.unverified_participations import UnverifiedParticipations
from iku.queries.view import View

MOST_KEPT = 100


class TaskInbox(Struct, frozen=True):
    """The tasks of an account.

    Attributes:
        to_decide: Open proposals that the account may approve or decline.
        own_proposals: Its own open proposals, which wait for others.
    """

    groups: tuple[TaskGroup, ...]
    to_decide: tuple[ShownProposal, ...]
    own_proposals: tuple[ShownProposal, ...]

    def most_urgent(self, number: int) -> list[tuple[TaskKind, Task]]:
        """The account's own tasks that wait longest, proposals apart."""
        own = [(of.kind, task) for of in self.groups if of.own for task in of.tasks]
        return sorted(own, key=lambda one: one[1].since)[:number]

    @property
    def count(self) -> int:
        """The number of tasks that the account itself may do."""
        return tasks.number_of_own(self.groups) + len(self.to_decide)


class TaskInboxes:
    """The task inboxes of accounts, valid until an event is recorded.

    An inbox reads the present state of the whole register, and the front page shows it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, TaskInbox] = OrderedDict()

    def get(self, key: Any) -> TaskInbox | None:
        """The cached inbox with that key; None if there is none."""
        return self._kept.get(key)

    def put(self, key: Any, inbox: TaskInbox) -> None:
        """Cache the inbox; the oldest one is dropped if there are too many."""
        self._kept[key] = inbox
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


async def read(
    commands: CommandHandler,
    view: View,
    credentials: Credentials | None,
    figures: Figures,
    participations: UnverifiedParticipations,
) -> TaskInbox:
    """Read the present tasks of the account."""
    unverified = {}
    if view.viewer.covered(Action.READ_REGISTER):
        unverified = await participations.by_organisation(view.reader)
    codes = sorted(await figures.indicators(view.reader))
    today, zone = commands.today(), commands.zone
    groups = await tasks.task_groups(view, unverified, codes, today, zone)
    to_decide, own = [], []
    if view.viewer.may(Action.READ_FIGURES):
        question = ProposalsQuestion(status=ProposalStatus.OPEN, limit=200)
        found = await proposal_inbox.listing(commands, view, credentials, question)
        to_decide = [one for one in found.items if one.may_decide]
        own = [one for one in found.items if one.proposed_by == view.viewer.name]
    return TaskInbox(tuple(groups), tuple(to_decide), tuple(own))
