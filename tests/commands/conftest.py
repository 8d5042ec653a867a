"""One or several applications over one database, as separate processes would be."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import iku_verify
from iku.app import App, open_app
from iku.commands.command import Command, CommandResult
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Reader
from iku.postgres.database import Database
from iku.rights_check import check_rights
from iku.settings import Settings
from tests.conftest import SETTINGS, copy_keys
from tests.restoring import Restored


class Desk:
    """A user of one application; each call uses a separate connection."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def do(
        self, subject: str, proposed: Any, command_id: str | None = None, **more: Any
    ) -> CommandResult:
        category = more.pop("category", "conflict")
        command = Command(category, subject, proposed, "uji", command_id, **more)
        async with self.app.pool.acquire() as connection:
            return await self.app.commands.handle(connection, command)

    async def size(self) -> int:
        async with self.app.pool.acquire() as connection:
            return (await log.head(connection)).size

    async def entered(self, subject: str) -> int:
        """The number of events in the subject's stream."""
        async with self.app.pool.acquire() as connection:
            return len(await log.read_stream(connection, f"conflict-{subject}"))


async def auditors_findings(reader: Reader) -> list[str]:
    """The events of the log that `iku-verify` finds were not allowed."""
    register = iku_verify.Register()
    async for recorded in log.read_log(reader):
        register.add(recorded.position, json.loads(recorded.record))
    register.rights.finish()
    return [*map(str, register.rights.findings)]


Desks = Callable[[], Awaitable[Desk]]


@pytest.fixture
def origin(furnished: str) -> str:
    """A template with the seed definitions, which each application would record."""
    return furnished


class Place:
    """Opens applications over a database of the test, or over one that is restored."""

    def __init__(self, database: Database, kept: Restored | None) -> None:
        self.database = database
        self._kept = kept
        self.apps: list[App] = []

    @asynccontextmanager
    async def opened(
        self, settings: Settings
    ) -> AsyncIterator[Callable[[], Awaitable[App]]]:
        """A function that opens separate applications."""
        async with AsyncExitStack() as stack:

            async def open_one() -> App:
                opening = open_app(settings, self.database)
                if self._kept is not None:
                    kept = self._kept
                    opening = (kept.another if self.apps else kept.opened)(settings)
                self.apps.append(await stack.enter_async_context(opening))
                return self.apps[-1]

            yield open_one


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """A database with the seed definitions: the test's own if it connects by itself."""
    if "database" in request.fixturenames:
        return Place(request.getfixturevalue("database"), None)
    kept: Restored = request.getfixturevalue("restored_furnished")
    return Place(kept.database, kept)


@pytest.fixture
async def desks(place: Place, tmp_path: Path) -> AsyncIterator[Desks]:
    """A function that opens desks, each with a separate application.

    They share a home folder of their own, because erasures are recorded there.
    """
    settings = replace(SETTINGS, home=tmp_path / "home")
    copy_keys(settings.keys_folder)
    async with place.opened(settings) as open_one:

        async def open_desk() -> Desk:
            return Desk(await open_one())

        yield open_desk
        # After every test the ledger must verify, and every event must be allowed.
        async with place.apps[0].pool.acquire() as connection:
            assert await check_ledger(connection) == []
            assert (await check_rights(connection)).findings == []
            assert await auditors_findings(connection) == []


@pytest.fixture
async def desk(desks: Desks) -> Desk:
    return await desks()
