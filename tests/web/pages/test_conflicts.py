"""The list of cases: filters, order, pages, search and download."""

import csv
import io
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx
import pytest

from iku.domain.account import Role
from iku.exchange.table_output import XLSX
from tests.conftest import Clone
from tests.exchange.workbooks import cells
from tests.web.conftest import CASE, Client
from tests.web.pages.showing import Shown, read
from tests.web.people import Office, opened

SITE = "http://iku.test"
LIST = f"{SITE}/konflik"
YEAR = {"per": "2021-12-31"}
HOSTILE = "<script>alert(1)</script> & \"kutip\" 'x' {{ 7*7 }}"
LONG = "Perselisihan " + "warga" * 97  # 498 characters without a place to break


async def shown(client: Client, path: str = LIST, **query: Any) -> Shown:
    page = await client.get(path, params=query)
    assert page.status_code == 200, page.text
    return read(page.text)


def rows(found: Shown) -> list[str]:
    """The identifiers in the rows of a list, in order."""
    return [
        path.rpartition("/")[2]
        for path, _ in found.links
        if re.fullmatch(r"/(konflik|organisasi)/[A-Z]\S+", path)
    ]


def texts(page: httpx.Response) -> list[list[str]]:
    """The rows of a download, without its heading and its last two lines."""
    table = page.content.decode("utf-8-sig")
    return [*csv.reader(io.StringIO(table), delimiter=";")][1:-2]


async def test_the_list_shows_the_cases_of_a_day_and_their_numbers(
    reader: Client,
) -> None:
    found = await shown(reader, **YEAR)
    api = await reader.says("/conflicts", as_of="2021-12-31")
    assert rows(found) == [one["id"] for one in api["items"]]
    assert found.numbers["conflicts.total"][0] == str(api["total"])
    for status, number in api["by_status"].items():
        assert found.numbers[f"conflicts.{status}"][0] == str(number)


async def test_a_day_in_the_list_is_not_broken_at_its_hyphens(reader: Client) -> None:
    page = await reader.get(LIST, params=YEAR)
    cells = re.findall(r'<td data-label="Status">(.*?)</td>', page.text)
    assert 'selesai <span class="day">15-02-2021</span>' in cells
    assert "&lt;" not in "".join(cells)


@pytest.mark.parametrize(
    "query",
    [
        {"status": "open"},
        {"category": "sara"},
        {"dimension": "ekonomi"},
        {"level": "perseteruan"},
        {"area": "35.76.02"},
        {"verified": "false"},
        {"reported_from": "2021-03-01", "reported_to": "2021-06-30"},
        {"sort": "reported_on", "order": "desc"},
        {"number": "k05"},
    ],
)
async def test_each_filter_is_that_of_the_api(
    reader: Client, query: dict[str, str]
) -> None:
    found = await shown(reader, **YEAR, **query)
    api = await reader.says("/conflicts", as_of="2021-12-31", **query)
    assert len(api["items"]) > 0
    assert rows(found) == [one["id"] for one in api["items"]]


async def test_several_values_of_a_filter_are_kept(reader: Client) -> None:
    page = await reader.get(f"{LIST}?per=2021-12-31&status=open&status=rejected")
    checked = re.findall(r'name="status" value="(\w+)" checked', page.text)
    assert checked == ["open", "rejected"]
    api = await reader.says("/conflicts", as_of="2021-12-31", status="open,rejected")
    assert rows(read(page.text)) == [one["id"] for one in api["items"]]


async def test_a_day_is_written_as_people_write_it(reader: Client) -> None:
    usual = await shown(reader, **YEAR, reported_from="2021-10-01")
    written = await shown(reader, **YEAR, reported_from="1 Oktober 2021")
    assert rows(usual) == rows(written) == ["K11", "K12", "S03"]
    # Links have ISO 8601, whatever was written.
    assert {query.get("reported_from") for _, query in written.links} <= {
        "2021-10-01",
        "01-10-2021",  # in the form of the filters
        None,
    }
    refused = await reader.get(LIST, params={"reported_from": "<b>"})
    assert refused.status_code == 400


async def test_the_pages_of_the_list_are_one_answer(reader: Client) -> None:
    address, pages = f"{LIST}?per=2021-12-31&limit=7", list[list[str]]()
    while address:
        page = (await reader.get(address)).text
        pages.append(rows(read(page)))
        following = re.findall(r'href="([^"]+cursor=[^"]+)" rel="next"', page)
        address = f"{SITE}{unescape(following[0])}" if following else ""
    assert [len(one) for one in pages[:-1]] == [7] * (len(pages) - 1)
    whole = await shown(reader, **YEAR)
    assert [one for page_rows in pages for one in page_rows] == rows(whole)


async def test_another_day_begins_the_list_again(reader: Client) -> None:
    first = (await reader.get(f"{LIST}?per=2021-12-31&limit=7")).text
    [following] = re.findall(r'href="([^"]+cursor=[^"]+)" rel="next"', first)
    second = read((await reader.get(f"{SITE}{unescape(following)}")).text)
    of_other_days = [
        query
        for path, query in second.links
        if path == "/konflik" and query.get("per") != "2021-12-31"
    ]
    assert of_other_days
    assert not [query for query in of_other_days if "cursor" in query]


async def test_an_empty_register_says_so(visitor: Client) -> None:
    found = await shown(visitor)
    assert "Belum ada konflik yang dilaporkan." in found.text
    assert ("/konflik/baru", {}) in found.links


async def test_filters_that_match_nothing_can_be_removed(reader: Client) -> None:
    found = await shown(reader, **YEAR, source="media", status="merged")
    assert "Tidak ada yang cocok dengan saringan." in found.text
    assert ("/konflik", YEAR) in found.links


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=lost", "status"),
        ("asing=1", "asing"),
        ("cursor=%C3%A9", "cursor"),
        ("category=sara&dimension=ekonomi", "dimension"),
        ("text=lapak", "alamat"),
    ],
)
async def test_a_wrong_filter_gives_a_page_that_says_what_is_wrong(
    reader: Client, query: str, said: str
) -> None:
    page = await reader.get(f"{LIST}?{query}")
    assert page.status_code == 400
    assert said in page.text


async def test_a_search_finds_words_that_no_address_contains(loaded: Client) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K77"})
    page = await loaded.post(f"{LIST}/cari", data={"kata": "lapak  PEDAGANG"})
    found = read(page.text)
    assert page.status_code == 200
    assert rows(found) == ["K77"]
    assert found.numbers["conflicts.total"][0] == "1"
    assert not [link for link in found.links if "lapak" in str(link).lower()]
    nothing = await loaded.post(f"{LIST}/cari", data={"kata": "<b>tidak ada"})
    assert "Tidak ditemukan" in nothing.text
    assert "<b>" not in nothing.text


async def test_a_search_keeps_filters_and_coordinates(loaded: Client) -> None:
    address = f"{LIST}/cari?per=2021-12-31&category=sara"
    page = await loaded.post(address, data={"kata": "perkara"})
    found = read(page.text)
    assert rows(found) == ["K09", "S01", "S02", "S03"]
    assert "keadaan 31 Desember 2021" in found.text


async def test_the_pages_of_a_search_follow_each_other(loaded: Client) -> None:
    first = await loaded.post(f"{LIST}/cari?limit=9", data={"kata": "perkara"})
    [following] = re.findall(r'name="lanjut" value="([^"]+)"', first.text)
    second = await loaded.post(
        f"{LIST}/cari?limit=9", data={"kata": "perkara", "lanjut": following}
    )
    both = rows(read(first.text)) + rows(read(second.text))
    assert both == rows(await shown(loaded))


async def test_words_that_are_too_long_are_refused(loaded: Client) -> None:
    page = await loaded.post(f"{LIST}/cari", data={"kata": "x" * 501})
    assert page.status_code == 400


async def test_a_search_for_nothing_is_the_list(loaded: Client) -> None:
    page = await loaded.post(f"{LIST}/cari", data={"kata": "  "})
    assert rows(read(page.text)) == rows(await shown(loaded))


async def test_the_download_is_what_the_list_shows_with_its_coordinates(
    reader: Client,
) -> None:
    query = {**YEAR, "category": "sara", "sort": "reported_on", "limit": "2"}
    page = await reader.get(f"{LIST}/daftar.csv", params=query)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/csv")
    assert 'filename="konflik-2021-12-31.csv"' in page.headers["Content-Disposition"]
    listed = rows(await shown(reader, **{**query, "limit": "50"}))
    assert [row[0] for row in texts(page)] == listed
    last = page.content.decode("utf-8-sig").strip().splitlines()[-1]
    assert last == "keadaan 31 Desember 2021 menurut yang diketahui sekarang"


async def test_the_results_of_a_search_can_be_downloaded(loaded: Client) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K77"})
    page = await loaded.post(f"{LIST}/cari", data={"kata": "lapak", "bentuk": "csv"})
    assert [row[0] for row in texts(page)] == ["K77"]


async def test_the_workbook_of_a_list_has_the_rows_of_its_csv(reader: Client) -> None:
    for path in ("konflik", "organisasi"):
        book = await reader.get(f"{SITE}/{path}/daftar.xlsx", params=YEAR)
        assert book.headers["Content-Type"] == XLSX
        disposition = book.headers["Content-Disposition"]
        assert f'filename="{path}-2021-12-31.xlsx"' in disposition
        found = [row[0] for row in cells(book.content)]
        csv = await reader.get(f"{SITE}/{path}/daftar.csv", params=YEAR)
        assert found[1:-2] == [row[0] for row in texts(csv)]
        assert found[-1] == "keadaan 31 Desember 2021 menurut yang diketahui sekarang"
    sent = {"kata": "lapak", "bentuk": "xlsx"}
    page = await reader.post(f"{LIST}/cari", data=sent)
    assert cells(page.content)[0][0] == "nomor"


async def test_hostile_texts_are_shown_as_texts(client: Client) -> None:
    await client.records("/conflicts", CASE | {"title": HOSTILE})
    await client.records("/conflicts", CASE | {"number": "K15", "title": LONG})
    for path in (LIST, f"{LIST}/K14"):
        page = await client.get(path)
        assert "<script>alert" not in page.text
        assert HOSTILE in read(page.text).text
    assert LONG in read((await client.get(LIST)).text).text
    formula = CASE | {"number": "K16", "title": "=1+1"}
    await client.records("/conflicts", formula)
    page = await client.get(f"{LIST}/daftar.csv")
    assert "'=1+1" in page.content.decode("utf-8-sig")


async def test_the_reader_chooses_how_many_rows_a_page_has(client: Client) -> None:
    for number in range(51):
        case = CASE | {"number": f"K{number:03}", "title": "Sengketa " * 12}
        await client.records("/conflicts", case)
    usual = read((await client.get(LIST)).text)
    assert len(rows(usual)) == 25
    offered = {query["limit"] for _, query in usual.links if "limit" in query}
    assert offered == {"25", "50", "100"}
    page = await client.get(f"{LIST}?limit=50")
    assert len(rows(read(page.text))) == 50
    assert len(page.content) <= 40_000  # fifty long titles stay small
    assert 'name="limit" value="50"' in page.text  # a filter keeps the number


@pytest.fixture(scope="module")
async def office(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """An office with accounts and two cases, of two divisions."""
    database = await clone(furnished)
    async with opened(database, tmp_path_factory.mktemp("office")) as office:
        await office.open_accounts()
        await office.records("petugas-wasnas", "/conflicts", CASE)
        sara = {"category": "sara", "dimension": "agama", "number": "S14"}
        await office.records("petugas-iwasbang", "/conflicts", CASE | sara)
        yield office


async def listed(office: Office, name: str) -> list[str]:
    page = await office.ask(name, LIST)
    assert page.status_code == 200, page.text
    return rows(read(page.text))


async def test_the_list_has_the_cases_of_ones_own_division(office: Office) -> None:
    assert await listed(office, "petugas-wasnas") == ["K14"]
    assert await listed(office, "verifikator-iwasbang") == ["S14"]
    assert await listed(office, "petugas-poldagri") == []
    assert await listed(office, "auditor") == ["K14", "S14"]


async def test_a_planner_and_an_administrator_have_no_list(office: Office) -> None:
    for name in (Role.PERENCANA, Role.ADMIN):
        for path in ("", "/daftar.csv", "/K14"):
            page = await office.ask(name, f"{LIST}{path}")
            assert page.status_code == 403, (name, path)
        front = read((await office.ask(name, SITE)).text)
        assert not [path for path, _ in front.links if path == "/konflik"]
    assert (await office.ask(None, LIST)).status_code == 303


async def test_the_search_of_an_account_shows_only_its_division(office: Office) -> None:
    page = await office.ask("petugas-wasnas", LIST)
    key = re.search(r'name="kunci" value="([^"]+)"', page.text)
    assert key is not None
    data = {"kunci": key[1], "kata": "lapak"}
    found = await office.ask("petugas-wasnas", f"{LIST}/cari", "POST", data=data)
    assert rows(read(found.text)) == ["K14"]
    unkeyed = await office.ask(
        "petugas-wasnas", f"{LIST}/cari", "POST", data={"kata": "lapak"}
    )
    assert unkeyed.status_code == 403


async def test_who_cannot_report_sees_why(office: Office) -> None:
    found = read((await office.ask("auditor", LIST)).text)
    assert "/konflik/baru" not in [path for path, _ in found.links]
    assert "petugas" in found.text
