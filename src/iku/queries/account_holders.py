"""The names of the holders of accounts, which are texts and can be erased."""

from collections.abc import Mapping

from iku.domain.account import Account
from iku.queries.view import View


async def names(view: View, accounts: Mapping[str, Account]) -> dict[str, str]:
    """The holder's name of each of *accounts*, or the words that replace it."""
    holders = [account.invitation.holder for account in accounts.values()]
    revealed = await view.reveal(holders)
    return {
        account: holder.name for account, holder in zip(accounts, revealed, strict=True)
    }
