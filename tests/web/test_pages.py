"""The front page."""

import re
from datetime import date
from html import unescape
from typing import Any

import httpx
import pytest

from iku.app import App
from iku.exchange.formats import Formats
from iku.language import Language
from iku.ledger.appender import Unavailable
from tests.web.conftest import BEFORE_ANY, CASE, Client
from tests.web.test_documentation import ELSEWHERE

FRONT = "http://iku.test/"
STRANGE = {
    "effective_on": "2022-01-01",
    "basis": "Contoh",
    "reason": "Contoh",
    "wording": '<b>Ormas</b> & "LSM"',
}

INDONESIAN = Formats(lambda: Language.INDONESIAN)


def cells(page: httpx.Response) -> list[list[str]]:
    """The cells of the table, row by row, without markup."""
    rows = re.findall(r"<tr [^>]*>(.*?)</tr>", page.text, re.DOTALL)
    found = [re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[unescape(re.sub("<[^>]+>", "", cell)) for cell in row] for row in found]


async def test_it_shows_each_indicator_on_a_day_and_a_year_before(
    loaded: Client,
) -> None:
    page = await loaded.get(FRONT, params={"as_of": "2021-12-31"})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for code in ("IKU-1", "IKU-2", "IKU-3"):
        assert f'href="/api/v1/indicators/{code}"' in page.text
    assert "<strong>Tahun 2021, per 31-12-2021</strong>" in page.text
    assert "yang diketahui sampai sekarang" in page.text
    assert 'href="/docs"' in page.text
    assert not ELSEWHERE.search(page.text)
    assert "<script" not in page.text
    headings, *rows = cells(page)
    assert headings[-1] == "Per 31-12-2020"
    told = await loaded.says("/figures", as_of="2021-12-31")
    for row, figure in zip(rows, told["figures"], strict=True):
        assert row[0] == figure["indicator"]
        percent = figure["percentage"].replace(".", ",")
        counts = f"({figure['numerator']}/{figure['denominator']})"
        assert row[2] == f"{percent}% {counts}"


async def test_it_shows_what_was_known_on_a_day_and_at_a_size(loaded: Client) -> None:
    size = (await loaded.says("/log/events"))["size"]
    coordinates = {"as_of": "2021-12-31", "known_on": "2022-01-15", "size": size - 1}
    page = await loaded.get(FRONT, params=coordinates)
    assert "diketahui per 15-01-2022" in page.text
    assert f"dihitung dari {size - 1} peristiwa" in page.text
    (told,) = [
        one
        for one in (await loaded.says("/figures", **coordinates))["figures"]
        if one["indicator"] == "IKU-1"
    ]
    counts = f"({told['numerator']}/{told['denominator']})"
    assert cells(page)[1][2].endswith(counts)
    now = await loaded.get(FRONT, params={"as_of": "2021-12-31"})
    assert not cells(now)[1][2].endswith(counts)
    # The other parameters are kept when another day is selected.
    assert f'name="size" value="{size - 1}"' in page.text
    assert 'value="2022-01-15"' in page.text


async def test_the_first_year_has_no_year_before(loaded: Client) -> None:
    for day in BEFORE_ANY:
        page = await loaded.get(FRONT, params={"as_of": day})
        assert page.status_code == 200
        assert {row[2] for row in cells(page)[1:]} == {"– (0/0)"}


async def test_a_register_of_the_past_shows_its_last_year_with_a_target(
    loaded: Client, app: App
) -> None:
    page = await loaded.get(FRONT)
    today = app.commands.today()
    assert "<strong>Tahun 2021, per 31-12-2021</strong>" in page.text
    assert f"bukan keadaan hari ini, {INDONESIAN.day(today)}" in page.text
    assert f'href="/?as_of={today}&amp;bahasa=id"' in page.text
    asked = await loaded.get(FRONT, params={"as_of": "2021-12-31"})
    assert cells(page) == cells(asked)
    # A requested day has no note.
    assert "bukan keadaan hari ini" not in asked.text


async def test_a_register_in_use_shows_today(loaded: Client, app: App) -> None:
    today = app.commands.today()
    reported = CASE | {"number": "K77", "effective_on": str(today)}
    await loaded.records("/conflicts", reported)
    verified = {"type": "verified", "effective_on": str(today)}
    await loaded.records("/conflicts/K77/events", verified)
    page = await loaded.get(FRONT)
    assert f"per {INDONESIAN.day(today)}</strong>" in page.text
    assert "bukan keadaan hari ini" not in page.text
    # An annulled entry does not count.
    undone = {"type": "annulled", "annuls": 2, "reason": "Salah catat"}
    await loaded.records("/conflicts/K77/events", undone)
    page = await loaded.get(FRONT)
    assert "per 31-12-2021</strong>" in page.text


async def test_an_empty_register_shows_today(visitor: Client) -> None:
    page = await visitor.get(FRONT)
    assert "bukan keadaan hari ini" not in page.text


TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("as_of=2021-13-01", "as_of berisi “2021-13-01”, yang bukan tanggal"),
        ("as_of=31-12-2021", "as_of berisi “31-12-2021”, yang bukan tanggal"),
        ("as_of=20211231", "as_of berisi “20211231”, yang bukan tanggal"),
        (
            "as_of=9999-01-01",
            "as_of berisi 1 Januari 9999, padahal tidak boleh setelah hari ini",
        ),
        (
            "known_on=9999-01-01",
            "known_on berisi 1 Januari 9999, padahal tidak boleh setelah hari ini",
        ),
        ("known_on=<b>", "known_on berisi “&lt;b&gt;”, yang bukan tanggal"),
        ("size=999999", "size berisi 999999, padahal log baru berisi"),
        ("size=-1", "size berisi “-1”, yang bukan jumlah peristiwa"),
        ("size=9999999999999999", "yang bukan jumlah peristiwa"),
        ("asof=2021-12-31", "parameter asof tidak dikenal"),
        ("as_of=2021-12-31&as_of=2021-12-30", "as_of muncul 2 kali"),
        ("bahasa=fr", "bahasa berisi “fr”, padahal nilainya harus id atau en"),
    ],
)
async def test_a_wrong_address_gives_a_page_that_says_what_is_wrong(
    reader: Client, query: str, said: str
) -> None:
    page = await reader.get(f"{FRONT}?{query}")
    assert page.status_code == 400
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert said in page.text
    assert '<p lang="en">' in page.text
    assert "<b>" not in page.text
    assert 'href="/"' in page.text


async def test_a_parameter_without_a_value_is_as_if_left_out(reader: Client) -> None:
    page = await reader.get(f"{FRONT}?as_of=2021-12-31&known_on=")
    assert page.text == (await reader.get(f"{FRONT}?as_of=2021-12-31")).text


async def test_what_goes_wrong_inside_is_a_page_as_well(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr("iku.queries.last_movement.last_moved_on", away)
    page = await reader.get(FRONT)
    assert page.status_code == 503
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Retry-After"]
    assert "sedang tidak dapat ditampilkan" in page.text


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
    # Rows are blocks; unbreakable text fits into half of a block.
    assert "display: grid" in style.partition("@media (max-width: 48rem)")[2]
    assert re.findall(r"^(.+) \{.*nowrap", style, re.MULTILINE) == [
        "th[scope=row], td span"
    ]
    unbroken = re.findall(r"<span>(.*?)</span>", page)
    assert len(unbroken) == 3 * 7
    assert max(map(len, unbroken)) <= len("(1.234/2.345)")
    # Cells without a visible heading have a label.
    assert len(re.findall(r'<td role="cell" data-label="\w', page)) == 3 * 5


async def test_a_row_laid_out_anew_is_still_read_aloud_as_one(loaded: Client) -> None:
    page = (await loaded.get("http://iku.test/")).text

    assert len(re.findall(r'<table role="table">', page)) == 1
    assert (
        len(re.findall("<tr ", page)) == len(re.findall('<tr role="row">', page)) == 4
    )
    assert not re.search(r"<t[rdh]>|<th (?!role)|<td (?!role)", page)


async def test_a_page_is_indonesian_unless_english_is_preferred(loaded: Client) -> None:
    asked = {"as_of": "2021-12-31"}
    english = {"Accept-Language": "en, id;q=0.5"}
    usual = await loaded.get(FRONT, params=asked)
    preferred = await loaded.get(FRONT, params=asked, headers=english)

    assert '<html lang="id">' in usual.text
    assert usual.headers["Content-Language"] == "id"
    assert '<html lang="en">' in preferred.text
    assert preferred.headers["Content-Language"] == "en"
    assert preferred.headers["Vary"] == usual.headers["Vary"] == "Accept-Language"


async def test_the_parameter_bahasa_goes_before_the_header(loaded: Client) -> None:
    english = {"Accept-Language": "en"}
    page = await loaded.get(FRONT, params={"bahasa": "id"}, headers=english)

    assert '<html lang="id">' in page.text
    assert 'href="/?bahasa=en"' in page.text
    assert '<input type="hidden" name="bahasa" value="id">' in page.text


async def test_the_english_page_has_english_numbers_and_days(loaded: Client) -> None:
    asked = {"as_of": "2021-12-31", "known_on": "2022-01-15"}
    page = await loaded.get(FRONT, params={**asked, "bahasa": "en"})
    told = await loaded.says("/figures", **asked)

    assert "<h1>Key performance indicators</h1>" in page.text
    assert "<strong>Year 2021, as of 2021-12-31</strong>" in page.text
    assert "as known on 2022-01-15, counted from" in page.text
    headings, *rows = cells(page)
    assert headings[:3] == ["Code", "Indicator", "Actual"]
    assert headings[-1] == "As of 2020-12-31"
    for row, figure in zip(rows, told["figures"], strict=True):
        counts = f"({figure['numerator']}/{figure['denominator']})"
        assert row[2] == f"{figure['percentage']}% {counts}"


async def test_a_wrong_address_is_explained_in_both_languages(reader: Client) -> None:
    page = await reader.get(f"{FRONT}?as_of=x&bahasa=en")

    assert "<h1>This address is not valid</h1>" in page.text
    assert "as_of berisi “x”, yang bukan tanggal" in page.text
    assert '<p lang="en">as_of is “x”, which is not a day' in page.text
