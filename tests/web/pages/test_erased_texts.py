"""An erased text is neither found nor shown, and the page says why."""

from dataclasses import replace
from pathlib import Path

import pytest

from iku.app import App
from iku.settings import Settings
from tests.conftest import SETTINGS, copy_keys
from tests.restoring import Restored
from tests.web.conftest import CASE, Client, client_of
from tests.web.pages.showing import read
from tests.web.pages.test_conflicts import rows
from tests.web.test_erasures import DECIDED

LIST = "http://iku.test/konflik"
WORDS = {"kata": "lapak"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a key folder of its own, because erasures are recorded there."""
    return replace(SETTINGS, keys=copy_keys(tmp_path / "keys"))


async def found(client: Client) -> list[str]:
    page = await client.post(f"{LIST}/cari", data=WORDS)
    assert page.status_code == 200
    return rows(read(page.text))


async def test_an_erased_text_is_not_found_in_any_process(
    app: App, client: Client, shared: Restored
) -> None:
    await client.records("/conflicts", CASE)
    async with shared.another(app.settings) as other, client_of(other) as second:
        assert await found(client) == await found(second) == ["K14"]
        await client.records("/subjects/conflict-K14/erasure", DECIDED)
        assert await found(client) == await found(second) == []


async def test_a_withheld_text_says_why(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/subjects/conflict-K14/erasure", DECIDED)
    shown = read((await client.get(f"{LIST}/K14")).text)
    assert CASE["title"] not in shown.text
    assert "judul: dihapus (B/12/2022); UU 27/2022 Pasal 8, 01-05-2022" in shown.text
    assert CASE["title"] not in (await client.get(LIST)).text
