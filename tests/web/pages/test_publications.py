"""Publications, from a draft to what has changed since."""

from typing import Any

import pytest

from iku.app import App
from tests.web.conftest import CASE, Client
from tests.web.pages.showing import read
from tests.web.test_publications import THEN, YEAR, publish

SITE = "http://iku.test"
OWN = {"Origin": SITE}
DRAFT = {
    "period": "year",
    "as_of": "31-12-2021",
    "title": "LKjIP <b>2021</b>",
    "reason": "Uji",
}


async def sent(client: Client, path: str, **fields: str) -> Any:
    """The answer to a form."""
    return await client.post(
        f"{SITE}{path}", data={"kunci": "satu.x", **fields}, headers=OWN
    )


@pytest.fixture
async def published(loaded: Client) -> Client:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on=THEN)
    return loaded


async def test_a_report_is_drafted_and_closed_by_forms(loaded: Client) -> None:
    drafted = await sent(loaded, "/publikasi/baru", **DRAFT)
    assert (drafted.status_code, drafted.headers["Location"]) == (
        303,
        "/publikasi/2021",
    )
    page = await loaded.get(f"{SITE}/publikasi/2021")
    assert "LKjIP &lt;b&gt;2021&lt;/b&gt;" in page.text
    assert "draf" in page.text
    again = await sent(loaded, "/publikasi/baru", **DRAFT)
    assert again.status_code == 303  # sent twice, recorded once
    assert len((await loaded.says("/publications/2021"))["steps"]) == 1
    closed = await sent(
        loaded,
        "/publikasi/2021",
        kunci="dua.x",
        type="closed",
        reason="Tutup buku",
        known_on="15 Januari 2022",
    )
    assert closed.status_code == 303
    shown = await loaded.says("/publications/2021")
    assert (shown["state"], shown["known_on"]) == ("closed", "2022-01-15")


async def test_a_wrong_draft_keeps_what_was_typed(loaded: Client) -> None:
    answer = await sent(loaded, "/publikasi/baru", **DRAFT | {"as_of": "31-13-2021"})
    assert answer.status_code == 422
    assert 'href="#as_of"' in answer.text
    assert 'value="31-13-2021"' in answer.text
    assert 'value="LKjIP &lt;b&gt;2021&lt;/b&gt;"' in answer.text
    missing = await sent(loaded, "/publikasi/baru", period="year", as_of="31-12-2021")
    assert missing.status_code == 422
    assert 'href="#reason"' in missing.text


async def test_a_step_out_of_turn_is_refused_with_the_reason(loaded: Client) -> None:
    await sent(loaded, "/publikasi/baru", **DRAFT)
    page = (await loaded.get(f"{SITE}/publikasi/2021")).text
    assert 'name="type" value="closed"' in page
    assert 'name="type" value="published"' not in page
    refused = await sent(
        loaded, "/publikasi/2021", kunci="dua.x", type="published", reason="Uji"
    )
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text


async def test_what_has_changed_since_is_shown_with_its_causes(
    published: Client,
) -> None:
    page = await published.get(f"{SITE}/publikasi/2021")
    said = await published.says("/publications/2021/changes")
    shown = read(page.text)
    for item in said["items"]:
        assert item["number"] in shown.text
    published_value = shown.numbers["2021.IKU-1.percentage"][0]
    assert published_value == "88.89"
    assert "Perubahan setelah terbit" in shown.text


async def test_a_late_case_moves_what_is_now_only(published: Client) -> None:
    before = read((await published.get(f"{SITE}/publikasi/2021")).text).numbers
    await published.records("/conflicts", CASE | {"number": "K90"})
    late = {"type": "verified", "effective_on": "2021-02-10", "reason": "Terlambat"}
    await published.records("/conflicts/K90/events", late)
    page = read((await published.get(f"{SITE}/publikasi/2021")).text)
    assert page.numbers == before
    assert "K90" in page.text


async def test_the_list_shows_what_was_known_at_the_coordinates(
    published: Client, app: App
) -> None:
    page = read((await published.get(f"{SITE}/publikasi")).text)
    assert "terbit" in page.text.casefold()
    yesterday = {"diketahui": "2022-01-15"}
    past = read((await published.get(f"{SITE}/publikasi", params=yesterday)).text)
    assert ("/publikasi/2021", yesterday) not in past.links
    size = (await published.says("/log/events"))["size"]
    earlier = {"ukuran": str(size - 1)}  # before it was published
    page = read((await published.get(f"{SITE}/publikasi/2021", params=earlier)).text)
    assert "edisi 1 ditelaah" in page.text


async def test_a_new_edition_stands_beside_the_old_one(published: Client) -> None:
    form = await published.get(f"{SITE}/publikasi/baru", params={"restates": "2021"})
    assert 'name="restates" value="2021"' in form.text
    assert 'value="31-12-2021"' in form.text
    drafted = await sent(
        published,
        "/publikasi/baru",
        **DRAFT | {"restates": "2021", "title": "Edisi kedua"},
    )
    assert drafted.headers["Location"] == "/publikasi/2021.2"
    closed = {"type": "closed", "reason": "Tutup", "kunci": "tiga.x"}
    assert (await sent(published, "/publikasi/2021.2", **closed)).status_code == 303
    page = read((await published.get(f"{SITE}/publikasi/2021.2")).text)
    assert ("/publikasi/2021", {}) in page.links
    assert "Nilai setiap edisi" in page.text


async def test_an_unknown_publication_is_not_found(reader: Client) -> None:
    for name in ("1999", "x", "%3Cb%3E"):
        answer = await reader.get(f"{SITE}/publikasi/{name}")
        assert answer.status_code == 404
        assert "<b>" not in answer.text
