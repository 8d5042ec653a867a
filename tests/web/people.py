"""The people of an office: an account for each role, and their sessions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from iku.access import sessions
from iku.app import App, open_app
from iku.commands import accounts, proposals
from iku.commands.command import Command
from iku.domain.access import Credentials
from iku.domain.account import APPROVING, OF_DIVISION, Invite, Role
from iku.domain.fact import Person
from iku.postgres.database import Database
from iku.settings import Settings
from iku.web.app import connect
from tests.conftest import SETTINGS, copy_keys
from tests.restoring import Restored, restored
from tests.web.conftest import API, Client, assembled

DIVISIONS = ("wasnas", "iwasbang", "poldagri")


class Member(NamedTuple):
    """A person with a role, signed in."""

    role: Role
    division: str | None
    credentials: Credentials
    token: str

    @property
    def account(self) -> str:
        return self.credentials.account

    @property
    def headers(self) -> dict[str, str]:
        cookie = f"__Host-iku={self.token}"
        return {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}


class Office:
    """A register with accounts; whoever asks without a name has not signed in."""

    def __init__(self, app: App, client: Client) -> None:
        self.app = app
        self.client = client
        self.members: dict[str, Member] = {}
        self.other = ""  # an account of none of the members
        self.proposal = ""  # a proposal about an indicator

    async def open_accounts(self) -> None:
        """Invite a person for each role, for each division if it is held for one."""
        await self.invite("admin", Role.ADMIN, None)
        await self.invite("kepala_badan", Role.KEPALA_BADAN, None)
        for role in Role:
            if role in OF_DIVISION:
                for division in DIVISIONS:
                    await self.invite(f"{role}-{division}", role, "admin", division)
            elif role not in self.members:
                await self.invite(role.value, role, "admin")

    async def invite(
        self,
        name: str,
        role: Role,
        by: str | None,
        division: str | None = None,
        **more: Any,
    ) -> Member:
        """A new member; a role that approves is proposed and then approved."""
        proposed = Invite(
            holder=Person(name, str(uuid4())),
            basis="SK/1",
            role=role,
            division=division,
            **more,
        )
        commands = self.app.commands
        inviting = None if by is None else self.members[by].credentials
        async with self.app.pool.acquire() as connection:
            if inviting is not None and role in APPROVING:
                command = Command(
                    "account", str(uuid4()), proposed, "", credentials=inviting
                )
                made = await proposals.propose(commands, connection, command, "SK/1")
                head = self.members["kepala_badan"].credentials
                approving = Command("proposal", "", None, "", credentials=head)
                outcome = await proposals.approve(
                    commands, connection, made.subject, approving
                )
            else:
                outcome = await accounts.invite(
                    commands,
                    connection,
                    proposed,
                    self.app.agency.division_ownership,
                    credentials=inviting,
                )
            token = await sessions.open_session(
                connection, outcome.subject, method="password+totp"
            )
        made_by = Credentials(outcome.subject, outcome.receipt.version, fresh=True)
        self.members[name] = Member(role, division, made_by, token)
        return self.members[name]

    async def ask(
        self, name: str | None, path: str, method: str = "GET", **more: Any
    ) -> Any:
        """The response to the member, or to somebody who has not signed in."""
        headers = {} if name is None else self.members[name].headers
        headers |= more.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **more)

    async def says(self, name: str, path: str, **params: Any) -> Any:
        """The JSON that the member gets, whose status must be 200."""
        answer = await self.ask(name, path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def records(self, name: str, path: str, body: Any) -> Any:
        """The receipt that the member gets, whose status must be 201."""
        answer = await self.ask(name, path, "POST", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@asynccontextmanager
async def opened(database: Database, folder: Path) -> AsyncIterator[Office]:
    """An office without accounts, whose keys are in *folder*."""
    settings = replace(SETTINGS, keys=copy_keys(folder / "keys"))
    async with open_app(settings, database) as app, client_elsewhere(app) as client:
        yield Office(app, client)


def client_elsewhere(app: App) -> Client:
    """A client on another machine; those on this one may read the metrics."""
    asgi = connect(copy(assembled()), app)
    transport = httpx.ASGITransport(asgi, client=("192.0.2.7", 4711))
    return Client(transport=transport, base_url=API)


class Staffed(NamedTuple):
    """A register with accounts, which is restored for each test."""

    register: Restored
    settings: Settings
    members: dict[str, Member]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Office]:
        """The office as it was when it was saved."""
        async with (
            self.register.opened(self.settings) as app,
            client_elsewhere(app) as client,
        ):
            office = Office(app, client)
            office.members |= self.members
            yield office


@asynccontextmanager
async def staffed(
    database: Database, folder: Path, prepare: Callable[[Office], Awaitable[None]]
) -> AsyncIterator[Staffed]:
    """An office that *prepare* has filled, saved for tests that change it."""
    async with opened(database, folder) as office:
        await prepare(office)
    async with restored(database) as register:
        yield Staffed(register, office.app.settings, office.members)
