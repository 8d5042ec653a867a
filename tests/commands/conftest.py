"""One or several applications over one database, as separate processes would be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iku.app import App, open_app
from iku.commands.command import Command, CommandResult
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.postgres.database import Database
from tests.conftest import SETTINGS, copy_keys


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


Desks = Callable[[], Awaitable[Desk]]


@pytest.fixture
def origin(furnished: str) -> str:
    """A template with the seed definitions, which each application would record."""
    return furnished


@pytest.fixture
async def desks(database: Database, tmp_path: Path) -> AsyncIterator[Desks]:
    """A function that opens desks, each with a separate application.

    They share a home folder of their own, because erasures are recorded there.
    """
    settings = replace(SETTINGS, home=tmp_path / "home")
    copy_keys(settings.keys_folder)
    async with AsyncExitStack() as stack:
        opened: list[App] = []

        async def open_desk() -> Desk:
            app = await stack.enter_async_context(open_app(settings, database))
            opened.append(app)
            return Desk(app)

        yield open_desk
        # The ledger must verify after every test.
        async with opened[0].pool.acquire() as connection:
            assert await check_ledger(connection) == []


@pytest.fixture
async def desk(desks: Desks) -> Desk:
    return await desks()
