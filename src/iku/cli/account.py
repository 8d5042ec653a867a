"""`iku account`: accounts, their roles, sessions and API keys."""

import click

from iku.cli import account_changes, account_keys, account_list, terminal


@click.group(
    cls=terminal.OrderedGroup, short_help="Invite people, and grant and revoke roles."
)
def account() -> None:
    """Invite people, grant and revoke roles, and end sessions and API keys.

    The first administrator and the first head of the agency are invited at the server,
    without an API key. Every other change is made by the account of IKU_API_KEY, with a
    code of its authenticator. ACCOUNT is the identifier that iku account list shows.
    """


for command in (
    *(account_changes.invite, account_list.list_),
    *(account_changes.grant, account_changes.revoke),
    *(account_changes.suspend, account_changes.restore, account_changes.recover),
    *(account_changes.link, account_keys.sessions, account_keys.keys),
):
    account.add_command(command)
