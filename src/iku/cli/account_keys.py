"""`iku account sessions` and `iku account keys`: list, end, create and revoke."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from msgspec import Struct

from iku import labels
from iku.access import account_credentials
from iku.access.account_credentials import ApiKeys, KeyRequest, Requester, Sessions
from iku.access.api_keys import ListedApiKey, NewApiKey
from iku.access.sessions import OpenSession
from iku.cli import api_key, tables, terminal
from iku.cli.options import options
from iku.cli.tables import text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.cli.workbook_output import workbook_option
from iku.domain.access import Credentials
from iku.messages import message

T = TypeVar("T")
SESSIONS = (
    *(
        unwrapped_column(message("Session")),
        text_column(message("Device")),
        text_column(message("Method")),
    ),
    *(
        unwrapped_column(message("Last request")),
        unwrapped_column(message("Ends at")),
    ),
)
KEYS = (
    *(
        unwrapped_column(message("Key")),
        text_column(message("Name")),
        text_column(message("Roles")),
        unwrapped_column(message("Valid until")),
    ),
    unwrapped_column(message("Last used")),
    text_column(message("State")),
)


class EndedCount(Struct, frozen=True):
    """The number of ended sessions or of revoked keys, as JSON output."""

    ended: int


@click.group(cls=terminal.OrderedGroup, short_help="List and end sessions.")
def sessions() -> None:
    """List and end the sessions of an account."""


@sessions.command("list")
@click.argument("identifier", metavar="ACCOUNT")
@workbook_option
@terminal.as_json
def list_sessions(identifier: str, *, json: bool) -> None:
    """List the open sessions of your account or, as an administrator, of any."""

    async def list_sessions(requester: Requester) -> list[OpenSession]:
        return await account_credentials.list_sessions(requester, identifier)

    found = _run(list_sessions)
    if json:
        terminal.emit(Sessions(tuple(found)))
        return
    zone = terminal.settings().timezone
    rows = [
        (
            one.id,
            one.device or formats.NOTHING,
            " + ".join(map(translated, labels.sign_in_method(one.method))),
            formats.instant(one.seen_at, zone),
            formats.instant(one.expires_at, zone),
        )
        for one in found
    ]
    if rows:
        tables.Printer().table(SESSIONS, rows)
    else:
        tables.say(message("There are no open sessions."))


@sessions.command("end")
@click.argument("identifier", metavar="ACCOUNT")
@click.option("--session", help="Only this session; all if omitted.")
@terminal.as_json
def end_sessions(identifier: str, *, session: str | None, json: bool) -> None:
    """End sessions of your account or, as an administrator, of any, at once."""

    async def end_sessions(requester: Requester) -> int:
        return await account_credentials.end_sessions(requester, identifier, session)

    ended = _run(end_sessions)
    if json:
        terminal.emit(EndedCount(ended))
    else:
        tables.say(message("Sessions ended: {count}.", count=formats.number(ended)))


@click.group(cls=terminal.OrderedGroup, short_help="Create and revoke API keys.")
def keys() -> None:
    """Create, list and revoke the API keys of an account."""


@keys.command()
@options(KeyRequest, "asked")
@terminal.as_json
def create(asked: KeyRequest, *, json: bool) -> None:
    """Create an API key of your account; it is printed once."""

    async def create_key(requester: Requester) -> NewApiKey:
        own = (await requester.actor()).account
        return await account_credentials.create_key(requester, own, asked)

    made = _run(create_key)
    if json:
        terminal.emit(made)
        return
    until = formats.instant(made.expires_at, terminal.settings().timezone)
    tables.say(
        message("API key, valid until {until}: {key}", until=until, key=made.key)
    )


@keys.command("list")
@click.argument("identifier", metavar="ACCOUNT", required=False)
@workbook_option
@terminal.as_json
def list_keys(identifier: str | None, *, json: bool) -> None:
    """List API keys, without their secrets; of your account if ACCOUNT is omitted."""

    async def list_keys(requester: Requester) -> list[ListedApiKey]:
        of = identifier or (await requester.actor()).account
        return await account_credentials.list_keys(requester, of)

    found = _run(list_keys)
    if json:
        terminal.emit(ApiKeys(tuple(found)))
        return
    zone = terminal.settings().timezone
    rows = [
        (
            one.id,
            one.name,
            ", ".join(sorted([*one.roles, *one.rights])),
            formats.instant(one.expires_at, zone),
            formats.instant(one.last_used_at, zone),
            translated(message("valid") if one.valid else message("invalid")),
        )
        for one in found
    ]
    if rows:
        tables.Printer().table(KEYS, rows)
    else:
        tables.say(message("There are no API keys."))


@keys.command("revoke")
@click.argument("key", metavar="KEY")
@click.option("--account", "identifier", help="Account; your own if omitted.")
@terminal.as_json
def revoke_key(key: str, *, identifier: str | None, json: bool) -> None:
    """Revoke the API key with the identifier KEY, at once."""

    async def revoke_key(requester: Requester) -> bool:
        of = identifier or (await requester.actor()).account
        return await account_credentials.revoke_key(requester, of, key)

    revoked = _run(revoke_key)
    if json:
        terminal.emit(EndedCount(int(revoked)))
    elif revoked:
        tables.say(message("API key {key} is revoked.", key=key))
    else:
        tables.say(
            message(
                "API key {key} does not exist in this account, or was already revoked.",
                key=key,
            )
        )


def _run(step: Callable[[Requester], Awaitable[T]]) -> T:
    """The result of *step*, run for the account of the API key."""

    async def execute() -> T:
        async with terminal.opened_app(terminal.settings()) as app:

            async def act(by: Credentials | None) -> T:
                async with app.pool.acquire() as connection:
                    return await step(Requester(app.commands, connection, by))

            return await api_key.with_step_up(app, act)

    return terminal.run(execute())
