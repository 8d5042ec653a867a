"""Every page of the desk obeys the coordinates of its address, or refuses them.

After the faults of a comparable program: a filter that some pages ignored, that some
links lost, that a chart did not follow, that a download did not have, and that was
still shown after it had been removed.
"""

import random
import re
from datetime import date, timedelta
from typing import Any

import pytest

from iku.app import App
from iku.language import Language, day
from tests.exchange.workbooks import cells
from tests.samples import examples
from tests.web.conftest import Client
from tests.web.pages.showing import Shown, pages, read, text_of
from tests.web.test_publications import THEN, YEAR, publish

SITE = "http://iku.test"
COORDINATES = examples(1_000, 120)  # random ones, spread over the pages
FIRST, LAST = date(2019, 12, 1), date(2022, 6, 30)
# Files, records, proofs and documentation are the same at every day.
TIMELESS = ("/assets/", "/api/v1/", "/docs", "/masuk", "/keluar", "/bantuan")
NUMBERS = ("numerator", "denominator", "percentage", "target", "achievement")
LISTS = ("conflicts", "organisations")
# The numbers that only pages have: tests of their own hold them.
OF_PAGES = re.compile(
    r"IKU-\d\.(parts|dimension|district|ages|flow)\..*|log\.size"
).fullmatch
CHOICES = ("per", "diketahui", "ukuran")  # links of the time control replace these


def random_coordinates(chance: random.Random, size: int) -> dict[str, str]:
    """A day, and perhaps a cut-off and a size."""
    days = (LAST - FIRST).days
    asked = {"per": str(FIRST + timedelta(days=chance.randrange(days)))}
    if chance.random() < 0.5:
        asked["diketahui"] = str(FIRST + timedelta(days=chance.randrange(days)))
    if chance.random() < 0.5:
        asked["ukuran"] = str(chance.randrange(1, size + 1))
    return asked


def sentences(path: str, asked: dict[str, str]) -> list[str]:
    """The parts of the sentence that names the coordinates; papers have their own."""
    of_paper = "/dokumen/" in path

    def words(name: str) -> str:
        return day(date.fromisoformat(asked[name]), Language.INDONESIAN)

    found = [f"{'per' if of_paper else 'keadaan'} {words('per')}"]
    if "diketahui" in asked:
        found.append(f"menurut yang diketahui {words('diketahui')}")
    if "ukuran" in asked:
        size = f"{int(asked['ukuran']):,}".replace(",", ".")
        found.append(f"ukuran log {size}" if of_paper else f"dari {size} peristiwa")
    return found


def lost(shown: Shown, path: str, asked: dict[str, str]) -> list[Any]:
    """The links that have lost the coordinates; those of the time control set them."""
    return [
        (to, query)
        for to, query in shown.links
        if not to.startswith(TIMELESS)
        if to != path
        if any(query.get(name) != value for name, value in asked.items())
    ]


def of_api(asked: dict[str, str]) -> dict[str, str]:
    """The coordinates as the API names them."""
    renamed = {"per": "as_of", "diketahui": "known_on", "ukuran": "size"}
    return {renamed[name]: value for name, value in asked.items()}


async def figures(client: Client, asked: dict[str, str]) -> dict[str, Any]:
    said = await client.says("/figures", **of_api(asked))
    return {
        f"{one['indicator']}.{name}": one[name]
        for one in said["figures"]
        for name in NUMBERS
    }


async def counts(client: Client, name: str, asked: dict[str, str]) -> dict[str, Any]:
    """The counts of a list."""
    said = await client.says(f"/{name}", limit=1, **of_api(asked))
    return {f"{name}.{n}": v for n, v in said["by_status"].items()} | {
        f"{name}.total": said["total"]
    }


async def definitions(client: Client, asked: dict[str, str]) -> dict[str, Any]:
    """The counts of the first indicator by each version of its definition."""
    said = await client.says("/indicators/IKU-1/comparison", **of_api(asked))
    return {
        f"comparison.{one['definition']}.{name}": one[name]
        for one in said["columns"]
        for name in NUMBERS[:2]
    }


async def numbers_of_api(
    client: Client, names: list[str], asked: dict[str, str]
) -> dict[str, str]:
    """The numbers that the API gives where a page shows numbers of these names."""
    found: dict[str, Any] = {}
    kinds = {name.partition(".")[0] for name in names}
    if any(kind.startswith("IKU-") for kind in kinds):
        found |= await figures(client, asked)
    for name in kinds.intersection(LISTS):
        found |= await counts(client, name, asked)
    if "comparison" in kinds:
        found |= await definitions(client, asked)
    return {name: "" if value is None else str(value) for name, value in found.items()}


def check_parts(numbers: dict[str, tuple[str, str]]) -> None:
    """Check that the parts of a figure, and their sums, add up to it."""
    for counted in NUMBERS[:2]:
        for kind in ("parts", "dimension", "district"):
            of = re.compile(rf"(IKU-\d)\.{kind}\..*\.{counted}").fullmatch
            found = [(m[1], int(numbers[m[0]][0])) for m in map(of, numbers) if m]
            for code in {code for code, _ in found}:
                added = sum(count for part_of, count in found if part_of == code)
                assert str(added) == numbers[f"{code}.{counted}"][0], (code, kind)


async def test_every_page_obeys_the_coordinates_of_its_address(loaded: Client) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on=THEN)
    chance = random.Random(20211231)
    size = (await loaded.says("/log/events"))["size"]
    travelling = pages(travelling=True)
    assert "/" in travelling
    for turn in range(COORDINATES):
        path = travelling[turn % len(travelling)]
        asked = random_coordinates(chance, size)
        page = await loaded.get(f"{SITE}{path}", params=asked)
        assert page.status_code in {200, 404}, (path, asked, page.text)
        shown = read(text_of(page))
        if page.status_code == 200:
            for part in sentences(path, asked):
                assert part in shown.text, (path, asked)
            assert lost(shown, path, asked) == [], (path, asked)
            names = [name for name in shown.numbers if not OF_PAGES(name)]
            expected = await numbers_of_api(loaded, names, asked)
            for name in names:
                assert shown.numbers[name][0] == expected[name], (path, asked, name)
            check_parts(shown.numbers)


async def test_a_page_of_the_present_refuses_another_day_and_leads_back(
    reader: Client,
) -> None:
    for path in pages(travelling=False):
        for asked in (
            {"per": "2021-12-31"},
            {"diketahui": "2021-12-31"},
            {"ukuran": 9},
        ):
            page = await reader.get(f"{SITE}{path}", params=asked)
            assert page.status_code == 409, (path, asked)
            assert (path, {}) in read(page.text).links, (path, asked)


async def test_today_named_in_the_address_is_the_present(
    loaded: Client, app: App
) -> None:
    page = await loaded.get(SITE, params={"per": str(app.commands.today())})
    assert "Melihat masa lalu" not in page.text


@pytest.mark.parametrize("language", ["id", "en"])
async def test_every_link_keeps_the_language(reader: Client, language: str) -> None:
    for path in pages(travelling=True):
        asked = {"per": "2021-12-31", "bahasa": language}
        shown = read(text_of(await reader.get(f"{SITE}{path}", params=asked)))
        wrong = [
            (to, query)
            for to, query in shown.links
            if not to.startswith(("/assets/", "/api/v1/", "/docs"))
            if query.get("bahasa") != language and to != path
        ]
        assert wrong == [], path


KNOWN_THEN = {"per": "2021-12-31", "diketahui": "2022-01-15"}


async def test_no_page_ignores_a_filter_that_it_shows(reader: Client) -> None:
    # The first fault: a page that showed the filter and counted everything.
    then = read((await reader.get(SITE, params=KNOWN_THEN)).text)
    now = read((await reader.get(SITE, params={"per": "2021-12-31"})).text)
    assert then.numbers["IKU-1.numerator"] != now.numbers["IKU-1.numerator"]
    assert "menurut yang diketahui 15 Januari 2022" in then.text


async def test_no_link_loses_the_filter(reader: Client) -> None:
    # The second fault: a link in a table without the filter.
    for path in ("/konflik", "/organisasi", "/indikator/IKU-1/penjelasan"):
        shown = read((await reader.get(f"{SITE}{path}", params=KNOWN_THEN)).text)
        assert len(shown.links) > 10
        assert lost(shown, path, KNOWN_THEN) == []


async def test_a_chart_follows_the_filter(reader: Client) -> None:
    # The third fault: a chart of everything beside a filtered table.
    def chart(html: str) -> str:
        found = re.search(r"<svg[^>]*>.*?</svg>", html, re.DOTALL)
        assert found is not None
        return found[0]

    path = f"{SITE}/"
    then = chart((await reader.get(path, params=KNOWN_THEN)).text)
    now = chart((await reader.get(path, params={"per": "2021-12-31"})).text)
    assert "8/9" in then
    assert "7/9" in now
    assert then != now


async def test_a_download_has_the_filter_and_names_it(reader: Client) -> None:
    # The fourth fault: an export of everything from a filtered page.
    sentence = "keadaan 31 Desember 2021 menurut yang diketahui 15 Januari 2022"
    for path in ("/konflik/daftar.csv", "/indikator/IKU-1/penjelasan.csv"):
        then = await reader.get(f"{SITE}{path}", params=KNOWN_THEN)
        now = await reader.get(f"{SITE}{path}", params={"per": "2021-12-31"})
        assert then.status_code == now.status_code == 200
        assert sentence in then.text.replace("Keadaan", "keadaan"), path
        assert then.text.splitlines()[1:] != now.text.splitlines()[1:], path
        book = await reader.get(f"{SITE}{path[:-3]}xlsx", params=KNOWN_THEN)
        assert sentence in cells(book.content)[-1][0].replace("Keadaan", "keadaan")


async def test_a_removed_filter_is_not_shown_any_more(reader: Client) -> None:
    # The fifth fault: a filter that was still displayed after its removal.
    shown = read((await reader.get(f"{SITE}/konflik", params=KNOWN_THEN)).text)
    assert ("/konflik", {}) in shown.links  # the link to today
    page = await reader.get(f"{SITE}/konflik")
    assert "Melihat masa lalu" not in page.text
    for name in CHOICES[:2]:
        assert f'name="{name}" value=""' in page.text
