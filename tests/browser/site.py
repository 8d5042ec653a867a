"""A served register with accounts, and the people who use it by a browser."""

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import BrowserContext, Page

from iku.access import sessions
from iku.access.secrets import Secrets
from iku.access.sessions import DEMONSTRATION
from iku.app import App, open_app
from iku.commands import accounts
from iku.domain.access import SYSTEM_ACTOR, Credentials
from iku.domain.account import Invite, Role
from iku.domain.fact import Person as Holder
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, StepType, TakeStep
from iku.exchange.example import PEOPLE, state_paper_data
from iku.gateway import CommandGateway
from iku.ledger import checkpoint_signing
from iku.ledger.signer_folder import SignerFolder
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.queries import publications
from iku.web import authentication, server
from iku.web.app import connect
from iku.web.listening import Transport
from tests.access.enrolling import PASSWORD, Office, code
from tests.access.identity_provider import CLIENT
from tests.conftest import SETTINGS
from tests.web.conftest import assembled

numbers = itertools.count(1)


@dataclass
class Someone:
    """A person with an account and an authenticator."""

    account: str
    name: str
    login_name: str
    seed: str

    @property
    def code(self) -> str:
        """The code of the authenticator now."""
        return code(self.seed)


@dataclass
class Site:
    """A register that is served at an address of this machine."""

    app: App
    address: str
    office: Office
    served: "_Served"

    async def restart(self) -> None:
        """Stop the server while it answers requests, and start another one."""
        await self.served.stop(at_once=True)
        self.served = _Served(self.app, self.served.listener)

    async def invite(self, role: Role, division: str | None = None) -> tuple[str, str]:
        """An account and its holder's name, as the server's operator creates it."""
        name = f"{role.replace('_', ' ').title()} {next(numbers)}"
        by = await self._administrator(role)
        proposed = Invite(Holder(name), "SK/1", role, division=division)
        async with self.app.pool.acquire() as connection:
            made = await accounts.invite(
                self.app.commands,
                connection,
                proposed,
                self.app.agency.division_ownership,
                credentials=by,
                actor=SYSTEM_ACTOR if by is None else by.account,
            )
        return made.subject, name

    async def person(self, role: Role, division: str | None = None) -> Someone:
        """Somebody with that role, who has enrolled."""
        account, name = await self.invite(role, division)
        token = await self.office.invited(account)
        login_name = f"orang{next(numbers)}"
        assert await self.office.set_password(token, login_name) is None
        seed = await self.office.begin_enrolment(token)
        await self.office.confirm(token, seed)
        return Someone(account, name, login_name, seed)

    async def invite_people(self) -> None:
        """Invite the people of the example, and state the agency's data for papers."""
        async with self.app.pool.acquire() as connection:
            await accounts.open_demonstration(
                self.app.commands,
                connection,
                PEOPLE,
                self.app.agency.division_ownership,
            )
            await state_paper_data(self.app.commands, connection)

    async def publish(self) -> None:
        """Publish the figures of 2021."""
        command = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
        gateway = CommandGateway(self.app, "lokal", None)
        await gateway.handle("publication", "2021", command)
        for kind in ("closed", "reviewed", "published"):
            step = NextStep(type=StepType(kind), reason="Uji")
            async with self.app.pool.acquire() as connection:
                frozen = await publications.snapshot(
                    connection,
                    self.app.figures,
                    "2021",
                    step,
                    self.app.commands.today(),
                )
            taken = TakeStep("2021", step, frozen)
            await gateway.handle("publication", "2021", taken)

    async def open_session(self, account: str, method: str = "password+totp") -> str:
        """The token of a new session, as after a sign-in."""
        async with self.app.pool.acquire() as connection:
            return await sessions.open_session(connection, account, method=method)

    async def link(self, account: str) -> str:
        """The link of a new invitation of the account."""
        return f"{self.address}/undangan/{await self.office.invitation(account)}"

    async def _administrator(self, role: Role) -> Credentials | None:
        """An administrator with a fresh factor; None for the first one."""
        async with self.app.pool.acquire() as connection:
            known = await self.app.commands.access.refresh(connection)
        today = self.app.commands.today()
        found = known.value.holders(Role.ADMIN, today)
        first = not found or (
            role is Role.KEPALA_BADAN and not known.value.holders(role, today)
        )
        if first:
            return None
        version = known.value.accounts[found[0]].version
        return Credentials(found[0], version, fresh=True)


async def sign_log(database: Database, folder: Path) -> None:
    """Sign a checkpoint of the log, by a new key in *folder*."""
    assert database.signer_dsn is not None
    home = SignerFolder(folder)
    signer = await pools.connect_as_signer(database.signer_dsn)
    await checkpoint_signing.sign(signer, home, home.make_key("iku.test/log").name)
    await signer.close()


# Messages that are no fault: the status of an answer to a wrong form, and a field that
# was filled in before the browser moved the focus to the summary of the faults.
NO_FAULTS = (
    "Failed to load resource: the server responded",
    "Autofocus processing was blocked because a document already has a focused",
)


class Faults:
    """What the pages of a browser report, except `NO_FAULTS`."""

    def __init__(self, context: BrowserContext) -> None:
        self.found: list[str] = []
        context.on("weberror", lambda error: self.found.append(str(error.error)))
        context.on("console", self._add)

    def _add(self, said: Any) -> None:
        if not said.text.startswith(NO_FAULTS):
            self.found.append(said.text)


@asynccontextmanager
async def open_site(
    database: Database, *, demonstrated: bool = False, issuer: str | None = None
) -> AsyncIterator[Site]:
    """The register of a database, served to this machine."""
    listener = server.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    address = f"http://localhost:{port}"
    settings = replace(
        SETTINGS,
        port=port,
        public_url=address,
        oidc_issuer=issuer,
        oidc_client_id=None if issuer is None else CLIENT,
        oidc_allow_private=True,
    )
    owner = await pools.connect_as_owner(database.owner_dsn)
    await owner.execute("set event_triggers = off")
    connection = await pools.connect(database.application_dsn)
    async with open_app(settings, database) as app:
        if demonstrated:
            async with app.pool.acquire() as taken:
                await accounts.declare_demonstration(app.commands, taken)
        secrets = Secrets(SETTINGS.keys_folder, app.commands.today)
        served = _Served(app, listener)
        site = Site(app, address, Office(connection, owner, secrets), served)
        await site.invite(Role.ADMIN)
        yield site
        await site.served.stop()
    await connection.close()
    await owner.close()
    listener.close()


class _Served:
    """A server that answers requests at a listening socket, until it is stopped."""

    def __init__(self, app: App, listener: socket.socket) -> None:
        self.app, self.listener = app, listener
        asgi = connect(copy(assembled()), app, Transport(local_only=True))
        config = uvicorn.Config(
            asgi, log_config=None, lifespan="off", ws="none", server_header=False
        )
        self.server = _Server(config)
        # A copy, because the server closes its sockets at the end.
        self.task = asyncio.create_task(self.server.serve([listener.dup()]))

    async def stop(self, *, at_once: bool = False) -> None:
        """Stop the server, *at_once* without waiting for its requests."""
        self.server.should_exit, self.server.force_exit = True, at_once
        await self.task


class _Server(uvicorn.Server):
    """A server that leaves the signals to the tests."""

    def capture_signals(self) -> Any:
        return nullcontext()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; requests that were sent are answered, as without this method.

        Python 3.12 and newer wait for all connections. That of a stream of events,
        which a page keeps open, would not end.
        """
        ended = asyncio.create_task(super().shutdown(sockets))
        done, _ = await asyncio.wait({ended}, timeout=1)
        if not done:
            for connection in [*self.server_state.connections]:
                connection.transport.abort()
        await ended


async def sign_in(context: BrowserContext, site: Site, someone: Someone) -> Page:
    """A new page of the browser, which has the cookie of a new session of somebody.

    `fill_sign_in` signs in by the forms, which takes longer.
    """
    await set_token(context, site, await site.open_session(someone.account))
    return await context.new_page()


async def become(context: BrowserContext, site: Site, name: str) -> None:
    """Sign in as somebody of a demonstration, without the click on the page."""
    await context.clear_cookies()
    answer = await context.request.get(f"{site.address}/masuk")
    found = re.search(
        rf'name="akun" value="([^"]+)">\s*<span><strong>{name}<', await answer.text()
    )
    assert found is not None, name
    await set_token(context, site, await site.open_session(found[1], DEMONSTRATION))


async def set_token(context: BrowserContext, site: Site, token: str) -> None:
    """Give the browser the cookie of a session."""
    # A cookie for secure addresses; a browser also sends it to localhost.
    url = site.address.replace("http:", "https:")
    await context.add_cookies(
        [
            {
                "name": authentication.COOKIE,
                "value": token,
                "url": url,
                "secure": True,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )


async def fill_sign_in(page: Page, someone: Someone, password: str = PASSWORD) -> None:
    """Type login name, password and code into the forms of a sign-in."""
    await page.fill("#nama", someone.login_name)
    await page.fill("#sandi", password)
    await page.click("main button >> nth=0")
    await page.fill("#kode", someone.code)
    async with page.expect_navigation():
        await page.click("main button >> nth=0")


async def token_of(context: BrowserContext) -> str | None:
    """The token in the browser's cookie."""
    for cookie in await context.cookies():
        if cookie["name"] == authentication.COOKIE:
            return cookie["value"]
    return None
