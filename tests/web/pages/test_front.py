"""The front page."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from iku.app import App
from iku.exchange.formats import Formats
from iku.language import Language
from iku.ledger.appender import Unavailable
from tests.web.conftest import BEFORE_ANY, CASE, Client
from tests.web.pages.showing import read
from tests.web.test_documentation import ELSEWHERE
from tests.web.test_publications import YEAR, publish

FRONT = "http://iku.test/"
STRANGE = {
    "effective_on": "2022-01-01",
    "basis": "Contoh",
    "reason": "Contoh",
    "wording": '<b>Ormas</b> & "LSM"',
}
DATUM = re.compile(r'<data data-angka="([^"]+)" value="([^"]*)">([^<]*)</data>')
INDONESIAN = Formats(lambda: Language.INDONESIAN)


def numbers(page: httpx.Response) -> dict[str, tuple[str, str]]:
    """The value and the text of each number of a page, by its name."""
    return {
        name: (value, unescape(shown))
        for name, value, shown in DATUM.findall(page.text)
    }


async def test_it_shows_each_indicator_on_a_day(reader: Client) -> None:
    page = await reader.get(FRONT, params={"per": "2021-12-31"})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<strong>Tahun 2021, per 31-12-2021</strong>" in page.text
    assert "Keadaan 31 Desember 2021" not in page.text  # the band begins otherwise
    assert "keadaan 31 Desember 2021 menurut yang diketahui sekarang" in page.text
    assert 'href="/docs"' in page.text
    assert not ELSEWHERE.search(page.text)
    assert (
        page.text.count("<script")
        == page.text.count('<script type="module" src="/assets/')
        == 1
    )
    found = numbers(page)
    said = await reader.says("/figures", as_of="2021-12-31")
    for figure in said["figures"]:
        code = figure["indicator"]
        assert f'href="/indikator/{code}?per=2021-12-31"' in page.text
        percent = figure["percentage"]
        assert found[f"{code}.percentage"] == (
            percent,
            f"{percent.replace('.', ',')}%",
        )
        for name in ("numerator", "denominator"):
            assert found[f"{code}.{name}"][0] == str(figure[name])


async def test_it_shows_what_was_known_on_a_day_and_at_a_size(reader: Client) -> None:
    size = (await reader.says("/log/events"))["size"] - 1
    asked = {"per": "2021-12-31", "diketahui": "2022-01-15", "ukuran": size}
    page = await reader.get(FRONT, params=asked)
    assert "menurut yang diketahui 15 Januari 2022" in page.text
    assert f"dari {size} peristiwa pertama" in page.text
    coordinates = {"as_of": "2021-12-31", "known_on": "2022-01-15", "size": size}
    said = await reader.says("/figures", **coordinates)
    known = numbers(page)
    for figure in said["figures"]:
        for name in ("numerator", "denominator", "percentage"):
            assert known[f"{figure['indicator']}.{name}"][0] == str(figure[name])
    now = await reader.get(FRONT, params={"per": "2021-12-31"})
    assert numbers(now) != known
    # The other parameters are kept when another day is selected.
    assert f'name="ukuran" value="{size}"' in page.text
    assert 'name="diketahui" value="15-01-2022"' in page.text


async def test_a_day_is_written_as_people_write_it(reader: Client) -> None:
    usual = await reader.get(FRONT, params={"per": "2021-12-31"})
    for written in ("31-12-2021", "31/12/2021", "31 Desember 2021", "31 des 2021"):
        page = await reader.get(FRONT, params={"per": written})
        assert numbers(page) == numbers(usual)
        # Links have one form of a day.
        assert 'href="/indikator/IKU-1?per=2021-12-31"' in page.text


async def test_the_first_year_has_no_year_before(reader: Client) -> None:
    for day in BEFORE_ANY:
        page = await reader.get(FRONT, params={"per": day})
        assert page.status_code == 200
        assert {value for value, _ in numbers(page).values()} <= {"", "0"}


async def test_a_register_of_the_past_shows_its_last_year_with_a_target(
    loaded: Client, app: App
) -> None:
    page = await loaded.get(FRONT)
    today = app.commands.today()
    assert "<strong>Tahun 2021, per 31-12-2021</strong>" in page.text
    assert f"bukan keadaan hari ini, {INDONESIAN.day(today)}" in page.text
    assert f'href="/?per={today}"' in page.text
    # Its links carry the day that it has chosen.
    assert 'href="/indikator/IKU-1?per=2021-12-31"' in page.text
    asked = await loaded.get(FRONT, params={"per": "2021-12-31"})
    assert numbers(page) == numbers(asked)
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
    assert "Melihat masa lalu" not in page.text


async def test_an_address_of_the_api_leads_to_the_same_coordinates(
    reader: Client,
) -> None:
    asked = {"as_of": "2021-12-31", "known_on": "2022-01-15", "bahasa": "en"}
    page = await reader.get(FRONT, params=asked)
    assert page.status_code == 301
    address = page.headers["Location"]
    renamed = {"per": "2021-12-31", "diketahui": "2022-01-15", "bahasa": "en"}
    assert address.startswith("/?")
    assert dict(parse_qsl(address[2:])) == renamed


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("per=2021-13-01", "bukan tanggal"),
        ("per=20211231", "bukan tanggal"),
        ("per=31-12-21", "bukan tanggal"),
        ("per=9999-01-01", "1 Januari 9999, padahal tidak boleh setelah hari ini"),
        ("diketahui=9999-01-01", "padahal tidak boleh setelah hari ini"),
        ("diketahui=<b>", "bukan tanggal"),
        ("ukuran=999999", "999999"),
        ("ukuran=-1", "bukan jumlah peristiwa"),
        ("ukuran=9999999999999999", "bukan jumlah peristiwa"),
        ("asof=2021-12-31", "asof"),
        ("per=2021-12-31&per=2021-12-30", "muncul lebih dari satu kali"),
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
    assert "<b>" not in page.text
    assert 'href="/"' in page.text


async def test_a_parameter_without_a_value_is_as_if_left_out(reader: Client) -> None:
    page = await reader.get(f"{FRONT}?per=2021-12-31&diketahui=")
    assert page.text == (await reader.get(f"{FRONT}?per=2021-12-31")).text


async def test_a_database_that_is_away_gives_a_page_as_well(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr("iku.queries.last_movement.last_moved_on", away)
    page = await reader.get(FRONT)
    assert page.status_code == 503
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Retry-After"]


async def test_nothing_that_was_entered_becomes_markup(client: Client) -> None:
    await client.records("/indicators/IKU-2/definitions", STRANGE)
    page = await client.get("http://iku.test/")
    assert "&lt;b&gt;Ormas&lt;/b&gt; &amp; &#34;LSM&#34;" in page.text
    assert "<b>" not in page.text


async def test_a_page_is_indonesian_unless_the_address_says_english(
    reader: Client,
) -> None:
    # The browsers of an office are often set to English.
    english = {"Accept-Language": "en, id;q=0.5"}
    asked = {"per": "2021-12-31"}
    usual = await reader.get(FRONT, params=asked, headers=english)
    chosen = await reader.get(FRONT, params={**asked, "bahasa": "en"})

    assert '<html lang="id">' in usual.text
    assert usual.headers["Content-Language"] == "id"
    assert '<html lang="en">' in chosen.text
    assert chosen.headers["Content-Language"] == "en"
    assert 'href="/?per=2021-12-31&amp;bahasa=en"' in usual.text
    # Links and forms keep the language.
    assert '<input type="hidden" name="bahasa" value="en">' in chosen.text
    assert 'href="/indikator/IKU-1?bahasa=en&amp;per=2021-12-31"' in chosen.text


async def test_the_english_page_has_english_numbers_and_days(reader: Client) -> None:
    asked = {"per": "2021-12-31", "diketahui": "2022-01-15", "bahasa": "en"}
    page = await reader.get(FRONT, params=asked)

    assert "<h1>Key performance indicators</h1>" in page.text
    assert "<strong>Year 2021, as of 2021-12-31</strong>" in page.text
    assert "state of 2021-12-31, as known on 2022-01-15" in page.text
    value, shown = numbers(page)["IKU-1.percentage"]
    assert shown == f"{value}%"


async def test_a_card_says_what_was_published_and_whether_it_has_changed(
    loaded: Client,
) -> None:
    asked = {"per": "2021-12-31"}
    before = read((await loaded.get(FRONT, params=asked)).text)
    assert "belum ada draf publikasi" in before.text
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    drafted = read((await loaded.get(FRONT, params=asked)).text)
    assert "Tahun 2021: Draf. publikasi 2021" in drafted.text
    await publish(loaded, known_on="2022-01-15")
    shown = read((await loaded.get(FRONT, params=asked)).text)
    assert "Berubah sejak terbit: yang diterbitkan 8/9 = 88,89% (2021)" in shown.text
    assert "Sama dengan yang diterbitkan: 2021" in shown.text  # IKU-3 has not changed
    assert ("/publikasi/2021", asked) in shown.links


async def test_the_series_of_an_indicator_is_chosen_by_a_link(reader: Client) -> None:
    asked = {"per": "2021-12-31"}
    first = read((await reader.get(FRONT, params=asked)).text)
    assert "Runtun waktu IKU-1" in first.text
    assert ("/", asked | {"iku": "IKU-3"}) in first.links
    other = read((await reader.get(FRONT, params=asked | {"iku": "IKU-3"})).text)
    assert "Runtun waktu IKU-3" in other.text
    assert (await reader.get(FRONT, params={"iku": "IKU-9"})).status_code == 404


async def test_the_front_page_leads_to_the_days_on_which_any_figure_moved(
    reader: Client,
) -> None:
    shown = read((await reader.get(FRONT, params={"per": "2021-12-31"})).text)
    days = re.findall(r"perubahan (?:sebelumnya|berikutnya): ([\d-]+)", shown.text)
    assert len(days) == 2


async def test_the_last_edition_is_compared_and_a_withdrawn_one_is_not(
    loaded: Client,
) -> None:
    asked = {"per": "2021-12-31"}
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on="2022-01-15")
    await loaded.records("/publications", YEAR | {"restates": "2021"})
    between = read((await loaded.get(FRONT, params=asked)).text)
    assert "publikasi 2021.2" in between.text
    assert "8/9 = 88,89% (2021)" in between.text
    size = (await loaded.says("/log/events"))["size"]
    await publish(loaded, "2021.2")
    shown = read((await loaded.get(FRONT, params=asked)).text)
    assert "Berubah sejak terbit" not in shown.text
    assert "Sama dengan yang diterbitkan: 2021.2" in shown.text
    # At an earlier size of the log the first edition was the last one.
    then = read((await loaded.get(FRONT, params=asked | {"ukuran": str(size)})).text)
    assert "8/9 = 88,89% (2021)" in then.text
    gone = YEAR | {"as_of": "2021-06-30"}
    made = await loaded.records("/publications", gone)
    withdrawn = {"type": "withdrawn", "reason": "Salah tanggal"}
    await loaded.records(f"/publications/{made['id']}/events", withdrawn)
    after = read((await loaded.get(FRONT, params=asked)).text)
    assert "publikasi 2021.2" in after.text


async def test_a_wrong_coordinate_is_named_as_the_time_control_names_it(
    reader: Client,
) -> None:
    page = await reader.get(f"{FRONT}konflik", params={"ukuran": "999999"})
    assert page.status_code == 400
    shown = read(page.text)
    assert "Ukuran log berisi 999999" in shown.text
    assert "size" not in shown.text
    assert ("/konflik", {}) in shown.links
    page = await reader.get(FRONT, params={"per": "32-13-2021"})
    assert "Per tanggal bukan tanggal" in read(page.text).text
