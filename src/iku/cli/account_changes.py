"""The commands of `iku account` that change an account: roles, links, recovery."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any

import click
from msgspec import Meta, Struct

from iku.access import administration, invitations
from iku.access.administration import AccountChange
from iku.access.invitations import IssuedInvitation
from iku.app import App
from iku.cli import api_key, tables, terminal
from iku.cli.options import options
from iku.cli.proposal import show_link
from iku.domain.access import Credentials, Unauthenticated
from iku.domain.account import (
    AccountRestored,
    AccountSuspended,
    CivilServantNumber,
    DivisionCode,
    EmailAddress,
    Invite,
    Later,
    Recovered,
    Role,
    RoleGranted,
    RoleRevoked,
)
from iku.domain.fact import Line, Person, Reason, Version
from iku.messages import message
from iku.postgres.pool import Connection


class RoleOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role, its last day, and the letter that assigns it."""

    role: Annotated[Role, Meta(description="Role.")]
    division: Annotated[
        DivisionCode | None,
        Meta(description="Division: required for petugas, verifikator, kepala_bidang."),
    ] = None
    district: Annotated[
        str | None, Meta(description="District to which a petugas is limited.")
    ] = None
    until: Annotated[
        date | None,
        Meta(description="Last day of the role, for acting officials and auditors."),
    ] = None
    basis: Annotated[
        Line, Meta(description="Number of the decree or letter; it names no person.")
    ]


class InviteOptions(RoleOptions, frozen=True, kw_only=True):
    """A person to invite, with a first role."""

    name: Annotated[Line, Meta(description="Name of the person.")]
    nip: Annotated[
        CivilServantNumber | None,
        Meta(description="NIP, 18 digits; accounts with one NIP are of one person."),
    ] = None
    email: Annotated[EmailAddress | None, Meta(description="E-mail address.")] = None

    def invite(self) -> Invite:
        """The invitation."""
        return Invite(
            holder=Person(self.name),
            basis=self.basis,
            role=self.role,
            nip=self.nip,
            email=self.email,
            division=self.division,
            district=self.district,
            until=self.until,
        )


class RevokeOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to revoke."""

    grant: Annotated[
        Version, Meta(description="Version of the role, as iku account list shows it.")
    ]
    reason: Reason


class ReasonOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason for a change of an account."""

    reason: Reason


class ChangedAccount(Struct, frozen=True):
    """The result of a change, as JSON output.

    Attributes:
        account: Null if it is created by the approval.
        link: The one-time link for the holder, shown once; null if none was issued.
        proposal: The proposal that another person must approve; null if none is needed.
    """

    account: str | None
    link: str | None
    expires_at: datetime | None
    proposal: str | None


@click.command()
@options(InviteOptions, "invited")
@terminal.as_json
def invite(invited: InviteOptions, *, json: bool) -> None:
    """Invite a person with a first role; print the one-time link (24 hours).

    A role that approves (kepala_bidang, kepala_badan, auditor) is proposed; its link is
    printed by the approval.
    """
    proposed = invited.invite()

    async def step(
        app: App, connection: Connection, by: Credentials | None
    ) -> AccountChange:
        if by is not None:
            return await administration.invite(
                app.commands, connection, by, proposed, app.agency.division_ownership
            )
        return await administration.invite_at_server(
            app.commands, connection, proposed, app.agency.division_ownership
        )

    _change(step, json=json)


def _change_command(
    name: str, asked: type[Struct], event: Callable[[Any, date], Later], said: str
) -> click.Command:
    """A command that records a change of an existing account."""

    @click.command(name, help=said)
    @click.argument("identifier", metavar="ACCOUNT")
    @options(asked, "asked")
    @terminal.as_json
    def command(identifier: str, asked: Any, *, json: bool) -> None:
        async def step(
            app: App, connection: Connection, by: Credentials | None
        ) -> AccountChange:
            change = administration.account_command(
                _signed_in(by), identifier, event(asked, app.commands.today())
            )
            return await administration.record_change(app.commands, connection, change)

        _change(step, json=json)

    return command


grant = _change_command(
    "grant",
    RoleOptions,
    lambda asked, today: RoleGranted(
        effective_on=today,
        role=asked.role,
        basis=asked.basis,
        division=asked.division,
        district=asked.district,
        until=asked.until,
    ),
    "Grant a role to an account; a role that approves is proposed.",
)
revoke = _change_command(
    "revoke",
    RevokeOptions,
    lambda asked, today: RoleRevoked(
        effective_on=today, grant=asked.grant, reason=asked.reason
    ),
    "Revoke a role of an account, at once.",
)
suspend = _change_command(
    "suspend",
    ReasonOptions,
    lambda asked, today: AccountSuspended(effective_on=today, reason=asked.reason),
    "Suspend an account: its sessions end at once, its roles are kept.",
)
restore = _change_command(
    "restore",
    ReasonOptions,
    lambda asked, today: AccountRestored(effective_on=today, reason=asked.reason),
    "End the suspension of an account.",
)
recover = _change_command(
    "recover",
    ReasonOptions,
    lambda asked, today: Recovered(effective_on=today, reason=asked.reason),
    "Remove all factors of an account if one is lost; print a new one-time link. For "
    "an account that approves or audits, it is proposed, and the approval prints the "
    "link.",
)


@click.command()
@click.argument("identifier", metavar="ACCOUNT")
@terminal.as_json
def link(identifier: str, *, json: bool) -> None:
    """Issue the one-time link again, to an account that cannot sign in yet."""

    async def step(
        app: App, connection: Connection, by: Credentials | None
    ) -> AccountChange:
        return await administration.issue_link(
            app.commands, connection, _signed_in(by), identifier
        )

    _change(step, json=json)


def _signed_in(by: Credentials | None) -> Credentials:
    if by is None:
        raise Unauthenticated
    return by


def _change(
    step: Callable[[App, Connection, Credentials | None], Awaitable[AccountChange]],
    *,
    json: bool,
) -> None:
    """Carry out the change, and print its result."""

    async def execute() -> tuple[AccountChange, str]:
        async with terminal.opened_app(terminal.settings()) as app:

            async def act(by: Credentials | None) -> AccountChange:
                async with app.pool.acquire() as connection:
                    return await step(app, connection, by)

            return await api_key.with_step_up(app, act), app.settings.address

    done, address = terminal.run(execute())
    url = None if done.issued is None else _link(done.issued, address)
    until = None if done.issued is None else done.issued.expires_at
    if json:
        terminal.emit(ChangedAccount(done.account, url, until, done.proposal))
        return
    if done.proposal is not None:
        tables.say(
            message(
                "Proposed: {proposal}. Another person must approve it.",
                proposal=done.proposal,
            )
        )
        return
    tables.say(message("Recorded: account {account}.", account=done.account))
    if url is not None and until is not None:
        show_link(url, until)


def _link(issued: IssuedInvitation, address: str) -> str:
    return f"{address}{invitations.path(issued.token)}"
