"""Files are attached by a form."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from iku.ledger import log
from iku.postgres.database import Database
from iku.vault.files import MOST
from tests.web.conftest import CASE, ORGANISATION, Client
from tests.web.pages.showing import read
from tests.web.people import Office, opened

SITE = "http://iku.test"
FORM = f"{SITE}/konflik/K14/catat/attached"
SENT = {"berkas": ("berita acara.pdf", b"%PDF isi", "application/pdf")}


async def send(client: Client, files: Any = SENT, **fields: str) -> httpx.Response:
    return await client.post(FORM, files=files, data={"kunci": "satu.x", **fields})


async def test_a_file_that_is_sent_stands_on_the_page_of_its_case(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    assert 'enctype="multipart/form-data"' in (await client.get(FORM)).text
    answer = await send(client)
    assert answer.status_code == 303
    page = await client.get(f"{SITE}{answer.headers['Location']}")
    shown = read(page.text)
    assert "berita acara.pdf (application/pdf, 8 bita)" in shown.text
    [path] = {to for to, _ in shown.links if to.endswith("/attachments/2")}
    file = await client.get(f"{SITE}{path}")
    assert file.content == b"%PDF isi"
    assert file.headers["Content-Type"] == "application/pdf"


async def test_a_form_that_is_sent_twice_attaches_once(client: Client) -> None:
    await client.records("/conflicts", CASE)
    for _ in range(2):
        assert (await send(client)).status_code == 303
    assert len(await client.history("/conflicts/K14")) == 2


async def test_a_file_of_an_organisation_is_attached(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    path = f"{SITE}/organisasi/O41/catat/attached"
    assert (await client.get(path)).status_code == 200
    answer = await client.post(path, files=SENT, data={"kunci": "satu.x"})
    assert answer.headers["Location"].startswith("/organisasi/O41")
    assert len(await client.history("/organisations/O41")) == 2


@pytest.mark.parametrize(
    "files",
    [
        {"berkas": ("", b"", "application/octet-stream")},
        {"berkas": ("kosong.txt", b"", "text/plain")},
        {"berkas": ("x" * 501, b"isi", "text/plain")},
    ],
)
async def test_a_form_without_a_proper_file_is_shown_again(
    client: Client, files: Any
) -> None:
    await client.records("/conflicts", CASE)
    page = await send(client, files)
    assert page.status_code == 422
    assert 'href="#berkas"' in page.text
    assert len(await client.history("/conflicts/K14")) == 1


async def test_a_media_type_that_is_none_becomes_bytes(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await send(client, {"berkas": ("a", b"isi", "<b>")})
    _, event = await client.history("/conflicts/K14")
    assert event["data"]["media_type"] == "application/octet-stream"


async def test_what_is_no_form_with_a_file_is_refused(client: Client) -> None:
    await client.records("/conflicts", CASE)
    plain = await client.post(FORM, data={"kunci": "satu.x"})
    assert plain.status_code == 415
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        broken = await client.post(FORM, content=b"x", headers={"Content-Type": kind})
        assert broken.status_code in {400, 422}, kind
    large = await send(client, {"berkas": ("a", b"0" * (MOST + 2**17), "text/plain")})
    assert large.status_code == 413


async def test_a_file_of_a_case_that_does_not_exist_is_refused(
    client: Client,
) -> None:
    assert (await client.get(FORM)).status_code == 404
    assert (await send(client)).status_code == 404


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(database, tmp_path) as office:
        await office.open_accounts()
        await office.records("petugas-wasnas", "/conflicts", CASE)
        yield office


async def test_a_file_is_attached_by_those_who_may_enter_events(
    office: Office,
) -> None:
    page = await office.ask("petugas-wasnas", FORM)
    key = re.search(r'name="kunci" value="([^"]+)"', page.text)
    assert key is not None
    data = {"kunci": key[1]}
    before = await log.head(office.app.pool)
    for name in ("petugas-iwasbang", "auditor"):
        assert (await office.ask(name, FORM)).status_code == 403
        sent = await office.ask(name, FORM, "POST", files=SENT, data=data)
        assert sent.status_code == 403, name
    unkeyed = await office.ask("petugas-wasnas", FORM, "POST", files=SENT)
    assert unkeyed.status_code == 403
    assert await log.head(office.app.pool) == before
    sent = await office.ask("petugas-wasnas", FORM, "POST", files=SENT, data=data)
    assert sent.status_code == 303
