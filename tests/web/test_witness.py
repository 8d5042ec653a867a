"""The witness implements C2SP tlog-witness, with each status."""

import asyncio
import logging
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from iku.ledger import durable_files, note
from iku.ledger.witness import Witness
from iku.web.witness import create_witness
from tests.ledger.test_proof_building import OTHER
from tests.ledger.test_witness import KEY, KNOWN, ORIGIN, request
from tests.web.test_security_headers import check

ADD = "/add-checkpoint"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app: Any = create_witness(Witness(tmp_path, (KEY,), KNOWN, new=True))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://saksi.test"
    ) as client:
        yield client


async def test_every_status_is_that_of_the_specification(
    client: httpx.AsyncClient,
) -> None:
    asked = str(await request(0, 9))
    answer = await client.post(ADD, content=asked)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = asked.partition("\n\n")[2].partition("\n\n")[0] + "\n"
    assert note.verify(note.parse(f"{text}\n{answer.text}".encode()), [KEY.verifier])
    for body, status in (
        (await request(9, 12, root=OTHER), 422),
        (await request(0, 3, origin="other.test/log"), 404),
        (await request(13, 12), 400),
        ("old 0\n", 400),
        ("", 400),
        (asked.replace("\n9\n", "\n8\n"), 403),
    ):
        assert (await client.post(ADD, content=str(body))).status_code == status
    behind = await client.post(ADD, content=str(await request(3, 12)))
    assert behind.status_code == 409
    assert behind.text == "9\n"
    assert behind.headers["Content-Type"].partition(";")[0] == "text/x.tlog.size"


async def test_what_was_cosigned_can_be_read(client: httpx.AsyncClient) -> None:
    place = sha256(ORIGIN.encode()).hexdigest()
    assert (await client.get(f"/{place}/checkpoint")).status_code == 404
    await client.post(ADD, content=str(await request(0, 9)))
    shown = await client.get(f"/{place}/checkpoint")
    assert shown.status_code == 200
    assert note.verify(note.parse(shown.content), [KEY.verifier])
    for other in ("0" * 64, "..", "key", "%2e%2e%2fkey"):
        assert (await client.get(f"/{other}/checkpoint")).status_code == 404


async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient) -> None:
    """ASVS 3.4.1-8."""
    await client.post(ADD, content=str(await request(0, 9)))
    place = sha256(ORIGIN.encode()).hexdigest()
    for method, path, status in (
        ("GET", f"/{place}/checkpoint", 200),
        ("HEAD", f"/{place}/checkpoint", 200),
        ("GET", f"/{'0' * 64}/checkpoint", 404),
        ("POST", ADD, 400),
        ("GET", ADD, 405),
        ("HEAD", ADD, 405),
        ("GET", "/", 404),
        ("DELETE", f"/{place}/checkpoint", 405),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == status, (method, path)
        check(answer)
        assert bool(answer.content) is (method != "HEAD")
    over_tls = await client.get(f"https://saksi.test/{place}/checkpoint")
    check(over_tls, tls=True)


async def test_what_it_does_not_do_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get(ADD)).status_code == 405
    assert (await client.get("/")).status_code == 404
    assert (await client.post(ADD, content=b"x" * (2 << 20))).status_code == 413


async def test_a_full_disk_is_no_cosignature(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(durable_files, "write", full)
    answer = await client.post(ADD, content=str(await request(0, 9)))
    assert (answer.status_code, answer.text) == (500, "the witness failed\n")


async def sent(tmp_path: Path, messages: list[dict[str, Any]]) -> list[Any]:
    """The response to a body that arrives in these messages only."""
    app: Any = create_witness(
        Witness(tmp_path, (KEY,), KNOWN, new=True), body_timeout_s=0.1
    )
    answered: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        return await asyncio.Future()

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": ADD,
        "raw_path": ADD.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"saksi.test"), (b"content-length", b"500")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return answered


BEGUN = {"type": "http.request", "body": b"old 0\n", "more_body": True}


async def test_a_log_that_leaves_in_mid_request_is_no_failure_of_the_witness(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await sent(tmp_path, [BEGUN, {"type": "http.disconnect"}])
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_a_witness_does_not_wait_for_ever(tmp_path: Path) -> None:
    start, body = await sent(tmp_path, [BEGUN])
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert b"6 bytes were received" in body["body"]
