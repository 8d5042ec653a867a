"""A stream ends with the rights of its caller (ASVS 7.4.1, 7.4.2, 8.3.2)."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from copy import copy
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

import iku.web
from iku.access import sessions
from iku.domain.account import Role
from iku.web import server, streaming
from iku.web.app import connect
from iku.web.listening import Transport
from tests.conftest import Clone
from tests.web import people
from tests.web.conftest import CASE, VERIFIED, assembled
from tests.web.people import Member, Office
from tests.web.test_authentication import bearer, key_of

NDJSON = {"Accept": "application/x-ndjson"}
LOG = "/api/v1/log/events"
CUT = "incomplete chunked read"


class Gate:
    """Holds a stream before its second part until a test opens the gate."""

    def __init__(self, check: Callable[..., Awaitable[None]]) -> None:
        self._check = check
        self.opened = asyncio.Event()

    async def __call__(self, *about: Any) -> None:
        await self.opened.wait()
        await self._check(*about)


class _Server(uvicorn.Server):
    """A server that leaves the signals to the tests."""

    def capture_signals(self) -> Any:
        return nullcontext()


@pytest.fixture(scope="module")
async def office(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """An office with some verified cases."""
    folder = tmp_path_factory.mktemp("streaming")
    async with people.opened(await clone(furnished), folder) as found:
        for number in ("K1", "K2", "K3"):
            await found.client.records("/conflicts", {**CASE, "number": number})
            await found.client.records(f"/conflicts/{number}/events", VERIFIED)
        await found.open_accounts()
        yield found


@pytest.fixture(scope="module")
async def address(office: Office) -> AsyncIterator[str]:
    """The address at which the office is served by uvicorn."""
    asgi = connect(copy(assembled()), office.app, Transport(local_only=True))
    config = uvicorn.Config(asgi, log_config=None, lifespan="off", ws="none")
    served = _Server(config)
    with server.listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(served.serve([listener]))
        yield server.address(listener)
        served.should_exit = True
        await task


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in all streams, whose parts are of one row."""
    for size in (
        "iku.web.api.log.LINES",
        "iku.queries.figure_replay.PAGE",
        "iku.web.api.explanations.EXAMINED",
        "iku.queries.explanation.EXAMINED",
    ):
        monkeypatch.setattr(size, 1)
    gate = Gate(streaming._require_unchanged)
    monkeypatch.setattr(streaming, "_require_unchanged", gate)
    return gate


class Reader:
    """Somebody who reads a stream while something happens."""

    def __init__(self, address: str, gate: Gate) -> None:
        self.address = address
        self.gate = gate

    async def lines(
        self, path: str, headers: dict[str, str], meanwhile: Callable[[], Any]
    ) -> list[str]:
        """The lines of the stream, after whose first part something happens."""
        found: list[str] = []
        async with (
            httpx.AsyncClient(base_url=self.address) as client,
            client.stream("GET", path, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            parts = answer.aiter_text()
            found.append(await anext(parts))
            await meanwhile()
            self.gate.opened.set()
            async for part in parts:
                found.append(part)  # noqa: PERF401 - an error keeps those before it
        return "".join(found).splitlines()


@pytest.fixture
def reader(address: str, gate: Gate) -> Reader:
    return Reader(address, gate)


async def nothing() -> None:
    """Nothing happens."""


async def sign_out(office: Office, member: Member) -> None:
    async with office.app.pool.acquire() as connection:
        assert await sessions.end(connection, member.token)


async def end_sessions(office: Office, member: Member) -> None:
    path = f"/accounts/{member.account}/sessions/end"
    answer = await office.ask("admin", path, "POST", json={})
    assert answer.status_code in {200, 201}, answer.text


def changed(kind: str, **more: Any) -> Callable[[Office, Member], Awaitable[None]]:
    async def change(office: Office, member: Member) -> None:
        today = office.app.commands.today().isoformat()
        body = {"type": kind, "effective_on": today, **more}
        await office.records("admin", f"/accounts/{member.account}/events", body)

    return change


CAUSES = {
    "signed out": sign_out,
    "sessions ended": end_sessions,
    "suspended": changed("suspended", reason="Cuti"),
    "revoked": changed("revoked", grant=2, reason="Mutasi"),
    "granted": changed("granted", role="admin", basis="SK/9"),
    "recovered": changed("recovered", reason="Telepon hilang"),
}


@pytest.mark.parametrize("cause", CAUSES)
async def test_a_stream_is_cut_when_its_caller_loses_the_session_or_the_rights(
    office: Office, reader: Reader, caplog: pytest.LogCaptureFixture, cause: str
) -> None:
    member = await office.invite(f"perencana {cause}", Role.PERENCANA, "admin")
    caplog.clear()
    with caplog.at_level(logging.INFO), pytest.raises(httpx.RemoteProtocolError) as cut:
        await reader.lines(
            LOG, member.headers | NDJSON, lambda: CAUSES[cause](office, member)
        )
    assert CUT in str(cut.value)
    audited = [json.loads(r.message) for r in caplog.records if r.name == "iku.audit"]
    assert audited[-1]["outcome"] == "refused"
    assert audited[-1]["account"] == member.account
    assert audited[-1]["how"] == f"GET {LOG}"
    # An ordinary sign-out is no fault of the server.
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        (LOG, "application/x-ndjson"),
        ("/api/v1/indicators/IKU-1/replay?as_of=2021-12-31", "application/x-ndjson"),
        ("/api/v1/indicators/IKU-1/explanation?as_of=2021-12-31", "text/csv"),
        ("/indikator/IKU-1/penjelasan.csv", "text/html"),
    ],
)
async def test_every_kind_of_stream_is_cut_at_a_sign_out(
    office: Office, reader: Reader, path: str, accepted: str
) -> None:
    member = await office.invite(f"pembaca {path}", Role.PERENCANA, "admin")
    headers = member.headers | {"Accept": accepted}
    whole = await reader.lines(path, headers, nothing)
    assert len(whole) >= 3
    reader.gate.opened.clear()
    with pytest.raises(httpx.RemoteProtocolError, match=CUT):
        await reader.lines(path, headers, lambda: sign_out(office, member))


async def test_a_stream_is_cut_when_its_api_key_is_revoked(
    office: Office, reader: Reader
) -> None:
    member = await office.invite("pemilik kunci", Role.PERENCANA, "admin")
    headers = bearer(await key_of(office.app, member.account, rights=("log",))) | NDJSON

    async def revoke() -> None:
        keys = await office.says("admin", f"/accounts/{member.account}/keys")
        path = f"/accounts/{member.account}/keys/{keys['items'][0]['id']}/revocation"
        assert (await office.ask("admin", path, "POST")).is_success

    with pytest.raises(httpx.RemoteProtocolError, match=CUT):
        await reader.lines(LOG, headers, revoke)


async def test_a_stream_goes_on_while_the_rights_of_others_change(
    office: Office, reader: Reader
) -> None:
    member = await office.invite("pembaca", Role.PERENCANA, "admin")
    other = await office.invite("orang lain", Role.PERENCANA, "admin")
    lines = await reader.lines(
        LOG,
        member.headers | NDJSON,
        lambda: CAUSES["suspended"](office, other),
    )
    positions = [json.loads(line)["position"] for line in lines]
    assert positions == [*range(1, len(positions) + 1)]
    assert len(positions) > 10


def test_every_stream_is_sent_by_the_module_that_checks_the_caller() -> None:
    web = Path(iku.web.__file__).parent
    found = {
        path.name
        for path in web.rglob("*.py")
        if "litestar.response import Stream" in path.read_text()
    }
    assert found == {"streaming.py"}
