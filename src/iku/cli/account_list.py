"""`iku account list`: accounts, their roles on a day, and their factors."""

from datetime import date

import click
from msgspec import Struct

from iku.access import account_credentials
from iku.access.account_credentials import SignInState
from iku.cli import tables, terminal
from iku.cli.options import options
from iku.cli.tables import text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.cli.workbook_output import workbook_option
from iku.messages import message, plural
from iku.queries import accounts
from iku.queries.accounts import AccountsQuestion, HeldRole, ShownAccount

COLUMNS = (
    *(
        unwrapped_column(message("Account")),
        text_column(message("Name")),
        text_column(message("Roles")),
    ),
    text_column(message("State")),
    text_column(message("Sign-in methods"), optional=True),
)


class ListedAccount(Struct, frozen=True):
    """An account, with its present factors, sessions and keys."""

    account: ShownAccount
    sign_in: SignInState


class ListedAccounts(Struct, frozen=True):
    """The accounts of a day, as JSON output."""

    as_of: date
    known_on: date | None
    size: int
    items: tuple[ListedAccount, ...]


@click.command("list")
@options(AccountsQuestion)
@workbook_option
@terminal.as_json
def list_(question: AccountsQuestion, *, json: bool) -> None:
    """List the accounts and their roles as of a day, as known by the cut-off."""

    async def execute() -> ListedAccounts:
        async with terminal.opened_view() as (app, view):
            found = await accounts.listing(view, question, app.commands.today())
            async with app.pool.acquire() as connection:
                items = [
                    ListedAccount(
                        one, await account_credentials.sign_in_state(connection, one.id)
                    )
                    for one in found.items
                ]
            return ListedAccounts(found.as_of, found.known_on, found.size, tuple(items))

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
        return
    out = tables.Printer()
    if found.items:
        out.table(COLUMNS, [_row(one.account, one.sign_in) for one in found.items])
    else:
        out.say(message("There were no accounts on {day}.", day=found.as_of))


def _row(shown: ShownAccount, state: SignInState) -> tuple[str, ...]:
    roles = "; ".join(_role_text(one) for one in shown.roles if one.in_force)
    suspended = message("suspended") if shown.suspended else message("active")
    return (
        shown.id,
        shown.name,
        roles or formats.NOTHING,
        translated(suspended),
        _sign_in_methods_text(state),
    )


def _role_text(one: HeldRole) -> str:
    """The text of a role: its name, version, division, district and last day."""
    place = " ".join(part for part in (one.division, one.district) if part)
    words = f"{one.version}: {one.role}" + (f" ({place})" if place else "")
    if one.until is None:
        return words
    until = message("{role} until {day}", role=words, day=formats.day(one.until))
    return translated(until)


def _sign_in_methods_text(state: SignInState) -> str:
    """The text of the factors, API keys and open invitation of an account."""
    factors = state.factors
    found = [
        said
        for said, there in (
            (message("password"), factors.password),
            (message("authenticator"), factors.totp),
            (
                plural("{count} passkey", "{count} passkeys", count=factors.passkeys),
                factors.passkeys,
            ),
            (message("identity provider"), factors.identities),
            (
                plural("{count} API key", "{count} API keys", count=state.api_keys),
                state.api_keys,
            ),
            (message("open invitation"), state.invited_until is not None),
        )
        if there
    ]
    return ", ".join(map(translated, found)) or formats.NOTHING
