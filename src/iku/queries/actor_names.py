"""The names of the actors of events, as a viewer may read them.

The name of an account's holder is a text of the account. The holder and viewers who may
see accounts read that name; other viewers read the role of the account.
"""

from collections import defaultdict
from collections.abc import Iterable

from iku.domain.access import AccessRegister, Action
from iku.domain.account import Account, decider
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.messages import Term, message
from iku.queries import account_holders
from iku.queries.view import View
from iku.streams import fold


async def names(
    view: View, register: AccessRegister, actors: Iterable[str]
) -> dict[str, str]:
    """The name of each of *actors*; one without account or role keeps its own name."""
    found = {actor: actor for actor in actors}
    accounts = {
        actor: register.accounts[actor] for actor in found if actor in register.accounts
    }
    sees = view.viewer.may(Action.SEE_ACCOUNTS)
    named = {
        actor: account
        for actor, account in accounts.items()
        if sees or actor == view.viewer.name
    }
    roles = {
        actor: _role(account) for actor, account in accounts.items() if account.grants
    }
    return found | roles | await account_holders.names(view, named)


async def recorded_names(view: View, actors: Iterable[str]) -> dict[str, str]:
    """As `names`, with the accounts that the log has."""
    streams: dict[str, list[Recorded]] = defaultdict(list)
    for one in await log.read_categories(view.reader, (decider.category,)):
        streams[one.subject].append(one)
    accounts = {name: fold(recorded).state for name, recorded in streams.items()}
    return await names(view, AccessRegister(accounts), actors)


def _role(account: Account) -> str:
    """The first role that was assigned to the account, with its division."""
    grant = account.grants[0]
    role = Term("role", grant.role)
    if grant.division is None:
        return message("{role}", role=role)
    return message("{role}, {division}", role=role, division=grant.division)
