"""The account that acts at the terminal: that of the API key in `IKU_API_KEY`.

Without a key, the actor is the one of --actor while the register has no accounts; once
it has, only the first invitations can be recorded, and texts are not shown. An API key
never counts as a recently used factor, so a step that needs one asks for a code of the
account's authenticator.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import click
from click.core import ParameterSource
from msgspec import structs

from iku.access import accounts, api_keys, sign_in
from iku.access.attempts import DelayedAttempt
from iku.access.secrets import Secrets
from iku.access.sign_in import FailedStep
from iku.app import App
from iku.cli.terminal_language import translated
from iku.commands.authorisation import StepUpRequired
from iku.domain.access import Credentials, Forbidden, Mode, Unauthenticated
from iku.domain.account import Role
from iku.messages import message

T = TypeVar("T")


async def with_api_key(opened: App, key: str | None) -> App:
    """*opened* with the credentials and the viewer for the API key *key*.

    Raises:
        Unauthenticated: The key is not valid.
        UsageError: --actor is given, but the register has accounts.
    """
    async with opened.pool.acquire() as connection:
        found = None if key is None else await api_keys.find(connection, key)
        if key is not None and found is None:
            raise Unauthenticated(
                message("IKU_API_KEY is not a valid API key, or has expired")
            )
        credentials = None if found is None else key_credentials(found)
        reads = await opened.terminal_viewer(connection, credentials)
        register = await opened.commands.access_register(connection, credentials)
    if register.mode is Mode.ACCOUNTS:
        _refuse_actor_option()
    return replace(opened, credentials=credentials, usual=reads)


def key_credentials(key: api_keys.ApiKey) -> Credentials:
    """The credentials of the holder of an API key."""
    return Credentials(
        account=key.account,
        version=key.account_version,
        roles=frozenset(Role(role) for role in key.roles),
        rights=key.rights,
    )


def _refuse_actor_option() -> None:
    context = click.get_current_context(silent=True)
    given = context and context.get_parameter_source("actor")
    if given is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            message(
                "--actor cannot be used: this register has accounts, and the actor is "
                "the account of the API key in IKU_API_KEY"
            )
        )


async def with_step_up(
    opened: App, act: Callable[[Credentials | None], Awaitable[T]]
) -> T:
    """The result of *act*, after a prompt for a code if it needs a recent factor.

    Raises:
        Forbidden: The code is wrong, or the account has no authenticator.
    """
    try:
        return await act(opened.credentials)
    except StepUpRequired:
        if opened.credentials is None:
            raise
    return await act(await _with_fresh_factor(opened, opened.credentials))


async def _with_fresh_factor(opened: App, credentials: Credentials) -> Credentials:
    account = credentials.account
    secrets = Secrets(opened.settings.keys_folder, opened.commands.today)
    async with opened.pool.acquire() as connection:
        factors = await accounts.factors(connection, account)
        if not factors.totp:
            raise Forbidden(
                message(
                    "this command needs a code from an authenticator app, but your "
                    "account has no authenticator: sign in and enrol one at /akun"
                )
            )
        code = click.prompt(
            translated(message("Code from your authenticator app")), err=True
        )
        match await sign_in.verify_code(connection, secrets, account, code):
            case FailedStep(reason=reason):
                raise Forbidden(reason)
            case DelayedAttempt(seconds=seconds):
                raise Forbidden(
                    message(
                        "too many wrong codes: try again in {seconds} seconds",
                        seconds=seconds,
                    )
                )
            case None:
                return structs.replace(
                    credentials, fresh=True, approves=factors.approve_after is None
                )
