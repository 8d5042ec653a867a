"""A house of its own for each test, and a client that speaks to its application."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest

from iku.domain import indicator
from iku.handling import Command
from iku.postgres.database import Database
from iku.web.app import create_app
from iku.wiring import House, furnish
from tests.conftest import SETTINGS
from tests.domain import register

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

TARGETS = (
    ("IKU-1", "80", "2021-01-01"),
    ("IKU-2", "75", "2021-01-01"),
    ("IKU-2", "80", "2021-09-01"),
    ("IKU-3", "90", "2021-01-01"),
)


class Client(httpx.AsyncClient):
    """A client whose answers are looked at in few words."""

    async def says(self, path: str, **params: Any) -> Any:
        """The JSON that GET answers, which must be 200."""
        answer = await self.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def records(self, path: str, body: Any, **headers: str) -> Any:
        """The receipt that POST answers, which must be 201."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.post(path, json=body, headers=named)
        assert answer.status_code == 201, answer.text
        return answer.json()


def client_of(house: House) -> Client:
    """A client of an application over *house*, in this very loop."""
    return Client(transport=httpx.ASGITransport(create_app(house)), base_url=API)


def problem(answer: httpx.Response, status: int, *paths: str) -> dict[str, Any]:
    """The problem that *answer* is, of that status and at fault there."""
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
async def house(database: Database) -> AsyncIterator[House]:
    async with furnish(SETTINGS, database) as house:
        yield house


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    async with client_of(house) as client:
        yield client


@pytest.fixture
async def loaded(house: House, client: Client) -> Client:
    """A client of the office that has entered the fictional register."""
    async with house.pool.acquire() as connection:
        for known, _ in register.recorded():
            category = "organisation" if known.number.startswith("O") else "conflict"
            command = Command(
                category, known.number, known.event, "siti", known_on=known.known_on
            )
            await house.office.handle(connection, command)
        for code, percent, day in TARGETS:
            since = date.fromisoformat(day)
            targeted = indicator.Targeted(
                year=2021, target=percent, effective_on=since, basis="PK 2021 (contoh)"
            )
            command = Command("indicator", code, targeted, "siti", known_on=since)
            await house.office.handle(connection, command)
    return client
