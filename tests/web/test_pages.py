"""The front page."""

import re

from iku.wiring import House
from tests.web.conftest import Client
from tests.web.test_documentation import ELSEWHERE

STRANGE = {
    "effective_on": "2022-01-01",
    "basis": "Contoh",
    "reason": "Contoh",
    "wording": '<b>Ormas</b> & "LSM"',
}


async def test_it_shows_each_indicator_today_and_at_the_end_of_last_year(
    loaded: Client, house: House
) -> None:
    page = await loaded.get("http://iku.test/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for code in ("IKU-1", "IKU-2", "IKU-3"):
        assert f'href="/api/v1/indicators/{code}"' in page.text
    assert f"31 Desember {house.office.today().year - 1}" in page.text
    assert 'href="/docs"' in page.text
    assert not ELSEWHERE.search(page.text)
    assert "<script" not in page.text


async def test_nothing_that_was_entered_becomes_markup(client: Client) -> None:
    await client.records("/indicators/IKU-2/definitions", STRANGE)
    page = await client.get("http://iku.test/")
    assert "&lt;b&gt;Ormas&lt;/b&gt; &amp; &quot;LSM&quot;" in page.text
    assert "<b>" not in page.text


async def test_a_narrow_window_need_not_be_scrolled_sideways(loaded: Client) -> None:
    page = (await loaded.get("http://iku.test/")).text
    style = page.partition("<style>")[2].partition("</style>")[0]

    assert 'name="viewport" content="width=device-width' in page
    assert "overflow-wrap: anywhere" in style
    # Rows are laid out anew, and what is not broken is short enough for a third of it.
    assert "display: grid" in style.partition("@media (max-width: 35rem)")[2]
    assert re.findall(r"^(.+) \{.*nowrap", style, re.MULTILINE) == [
        "th[scope=row], td span"
    ]
    unbroken = re.findall(r"<span>(.*?)</span>", page)
    assert len(unbroken) == 3 * 2 * 2
    assert max(map(len, unbroken)) <= len("(1.234/2.345)")


async def test_a_row_laid_out_anew_is_still_read_aloud_as_one(loaded: Client) -> None:
    page = (await loaded.get("http://iku.test/")).text

    assert len(re.findall(r'<table role="table">', page)) == 1
    assert (
        len(re.findall("<tr ", page)) == len(re.findall('<tr role="row">', page)) == 4
    )
    assert not re.search(r"<t[rdh]>|<th (?!role)|<td (?!role)", page)
