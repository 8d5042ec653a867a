"""A register with published years, and papers made from it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iku.app import open_app
from iku.domain.period import Kind
from iku.domain.publication import Draft
from iku.exchange.papers import registry, typesetting
from iku.exchange.papers.document import Document
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.postgres import pool as pools
from iku.postgres.database import Database
from tests.conftest import SETTINGS, copy_keys
from tests.queries.test_publications import publish
from tests.registers.world import World

Make = Callable[..., Awaitable[Document]]
YEAR_END = date(2021, 12, 31)
YEAR = Draft(Kind.YEAR, YEAR_END, "LKjIP 2021")


@pytest.fixture
def origin(imported: str) -> str:
    """The example register; other modules of tests start from an empty one."""
    return imported


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    settings = replace(
        SETTINGS,
        database_url=database.application_dsn,
        pool_size=4,
        keys=copy_keys(tmp_path / "keys"),
    )
    async with open_app(settings, database) as app:
        connection = await pools.connect(database.application_dsn)
        yield World(app, connection)
        await connection.close()


def sources(world: World) -> Sources:
    app = world.app
    return Sources(
        world.view, app.figures, app.agency, world.today, app.settings.timezone
    )


@pytest.fixture
def make(world: World) -> Make:
    """A function that makes a paper by its name."""

    async def make(name: str, **asked: Any) -> Document:
        return await registry.make(sources(world), name, PaperRequest(**asked))

    return make


@pytest.fixture
async def published(world: World) -> str:
    """The year 2021, as known on 15 January 2022."""
    return await publish(world, YEAR, date(2022, 1, 15))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The sources that were compiled."""
    compile_source: Callable[..., bytes] = typesetting._compile
    sources = list[bytes]()

    def watched(folder: Path, source: bytes, issued_at: Any) -> bytes:
        sources.append(source)
        return compile_source(folder, source, issued_at)

    monkeypatch.setattr(typesetting, "_compile", watched)
    return sources
