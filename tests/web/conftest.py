"""An application for each test, and an HTTP client of its ASGI application."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from functools import cache
from typing import Any

import httpx
import pytest

from iku.app import App, open_app
from iku.ledger import log
from iku.postgres.database import Database
from iku.settings import Settings
from iku.web.admission import Application
from iku.web.app import assemble, connect
from iku.web.openapi_document import describe
from tests.conftest import SETTINGS, Clone
from tests.restoring import Restored

API = "http://iku.test/api/v1"

CASE = {
    "number": "K14",
    "category": "ipoleksosbud",
    "dimension": "ekonomi",
    "title": "Sengketa lapak pedagang pasar",
    "effective_on": "2021-02-09",
}
ORGANISATION = {
    "number": "O41",
    "kind": "ormas",
    "name": "Perkumpulan Contoh",
    "legal_basis": "skt",
    "valid_until": "2026-09-14",
    "effective_on": "2021-03-01",
}
VERIFIED = {"type": "verified", "effective_on": "2021-02-10"}
RESOLVED = {"type": "resolved", "effective_on": "2021-03-28", "manner": "mediasi"}

BEFORE_ANY = ("0001-01-01", "0001-07-15", "0001-12-31", "1900-01-01", "1945-08-17")


class Client(httpx.AsyncClient):
    """An HTTP client with shorthands for the usual assertions."""

    async def says(self, path: str, **params: Any) -> Any:
        """The JSON of a GET response, whose status must be 200."""
        answer = await self.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def history(self, path: str) -> list[Any]:
        """All events of the case or organisation at *path*, from all pages."""
        page = await self.says(f"{path}/events")
        events: list[Any] = page["items"]
        while page["next"]:
            page = await self.says(f"{path}/events", cursor=page["next"])
            events += page["items"]
        return events

    async def records(self, path: str, body: Any, **headers: str) -> Any:
        """The receipt of a POST response, whose status must be 201."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.post(path, json=body, headers=named)
        assert answer.status_code == 201, answer.text
        return answer.json()


@cache
def assembled() -> Application:
    """The routes, which take longer to assemble than most tests to run."""
    return assemble()


@cache
def document() -> bytes:
    """The OpenAPI document of the routes."""
    return describe(assembled())


@pytest.fixture
def described() -> Any:
    """The OpenAPI document, decoded."""
    return json.loads(document())


def client_of(app: App) -> Client:
    """A client of the ASGI application over *app*, in the same event loop."""
    asgi = connect(copy(assembled()), app)
    return Client(transport=httpx.ASGITransport(asgi), base_url=API)


def problem(answer: httpx.Response, status: int, *paths: str) -> dict[str, Any]:
    """The problem details of *answer*, asserted to have that status and paths."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    shown: dict[str, Any] = answer.json()
    assert shown["status"] == status
    assert shown["type"].startswith("urn:iku:problem:")
    assert shown["title"]
    assert shown["detail"]
    assert [fault["path"] for fault in shown.get("errors", [])] == list(paths)
    return shown


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> str:
    """The template whose contents the register has when the test begins."""
    return "entered" if "loaded" in request.fixturenames else "furnished"


@pytest.fixture
def origin(request: pytest.FixtureRequest, contents: str) -> str:
    """The template of a database of its own."""
    return str(request.getfixturevalue(contents))


@pytest.fixture
def shared(request: pytest.FixtureRequest, contents: str) -> Restored:
    """The register that is restored for each test."""
    made: Restored = request.getfixturevalue(f"restored_{contents}")
    return made


@pytest.fixture
def settings() -> Settings:
    """The settings of the application."""
    return SETTINGS


@pytest.fixture
def opening(
    request: pytest.FixtureRequest, settings: Settings
) -> AbstractAsyncContextManager[App]:
    """The application, over a database of its own if the test connects to it."""
    if "database" in request.fixturenames:
        return open_app(settings, request.getfixturevalue("database"))
    made: Restored = request.getfixturevalue("shared")
    return made.opened(settings)


@pytest.fixture
async def app(opening: AbstractAsyncContextManager[App]) -> AsyncIterator[App]:
    async with opening as app:
        yield app


@pytest.fixture
async def client(app: App) -> AsyncIterator[Client]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def loaded(client: Client) -> Client:
    """A client over the fictional register."""
    return client  # `contents` selects that template


@asynccontextmanager
async def _kept_open(database: Database) -> AsyncIterator[tuple[App, Client]]:
    async with (
        open_app(SETTINGS, database) as app,
        client_of(app) as client,
    ):
        yield app, client


@asynccontextmanager
async def _only_reading(app: App) -> AsyncIterator[None]:
    """Fail a test that records an event in a shared database."""
    before = await log.head(app.pool)
    yield
    assert await log.head(app.pool) == before


@pytest.fixture(scope="session")
async def furnished_office(
    clone: Clone, furnished: str
) -> AsyncIterator[tuple[App, Client]]:
    async with _kept_open(await clone(furnished)) as opened:
        yield opened


@pytest.fixture(scope="session")
async def entered_office(
    clone: Clone, entered: str
) -> AsyncIterator[tuple[App, Client]]:
    async with _kept_open(await clone(entered)) as opened:
        yield opened


@pytest.fixture
async def visitor(furnished_office: tuple[App, Client]) -> AsyncIterator[Client]:
    """A client over a register without cases, for tests that record nothing."""
    app, client = furnished_office
    async with _only_reading(app):
        yield client


@pytest.fixture
async def reader(entered_office: tuple[App, Client]) -> AsyncIterator[Client]:
    """A client over the fictional register, for tests that record nothing."""
    app, client = entered_office
    async with _only_reading(app):
        yield client
