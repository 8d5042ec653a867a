"""Every page of the desk obeys the coordinates of its address, or refuses them.

After the faults of a comparable program: a filter that some pages ignored, that some
links lost, that a chart did not follow, that a download did not have, and that was
still shown after it had been removed.
"""

import random
from datetime import date, timedelta
from typing import Any

import pytest

from iku.app import App
from iku.language import Language, day
from tests.web.conftest import Client
from tests.web.pages.showing import Shown, pages, read
from tests.web.test_publications import THEN, YEAR, publish

SITE = "http://iku.test"
COORDINATES = 1_000  # random ones, spread over the pages
FIRST, LAST = date(2019, 12, 1), date(2022, 6, 30)
# Files, records, proofs and documentation are the same at every day.
TIMELESS = ("/assets/", "/api/v1/", "/docs", "/masuk", "/keluar", "/bantuan")
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


def sentences(asked: dict[str, str]) -> list[str]:
    """The parts of the sentence that names the coordinates."""

    def words(name: str) -> str:
        return day(date.fromisoformat(asked[name]), Language.INDONESIAN)

    found = [f"keadaan {words('per')}"]
    if "diketahui" in asked:
        found.append(f"menurut yang diketahui {words('diketahui')}")
    if "ukuran" in asked:
        found.append(f"dari {int(asked['ukuran']):,} peristiwa".replace(",", "."))
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


async def numbers_of_api(client: Client, asked: dict[str, str]) -> dict[str, str]:
    """The numbers of the figures, by the names that pages give them."""
    renamed = {"per": "as_of", "diketahui": "known_on", "ukuran": "size"}
    coordinates = {renamed[name]: value for name, value in asked.items()}
    said = await client.says("/figures", **coordinates)
    return {
        f"{one['indicator']}.{name}": "" if one[name] is None else str(one[name])
        for one in said["figures"]
        for name in ("numerator", "denominator", "percentage", "target", "achievement")
    }


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
        shown = read(page.text)
        if page.status_code == 200:
            for part in sentences(asked):
                assert part in shown.text, (path, asked)
            assert lost(shown, path, asked) == [], (path, asked)
            expected = await numbers_of_api(loaded, asked) if shown.numbers else {}
            for name, (value, _) in shown.numbers.items():
                if name in expected:
                    assert value == expected[name], (path, asked, name)


async def test_a_page_of_the_present_refuses_another_day_and_leads_back(
    loaded: Client,
) -> None:
    for path in pages(travelling=False):
        for asked in (
            {"per": "2021-12-31"},
            {"diketahui": "2021-12-31"},
            {"ukuran": 9},
        ):
            page = await loaded.get(f"{SITE}{path}", params=asked)
            assert page.status_code == 409, (path, asked)
            assert (path, {}) in read(page.text).links, (path, asked)


async def test_today_named_in_the_address_is_the_present(
    loaded: Client, app: App
) -> None:
    page = await loaded.get(SITE, params={"per": str(app.commands.today())})
    assert "Melihat masa lalu" not in page.text


@pytest.mark.parametrize("language", ["id", "en"])
async def test_every_link_keeps_the_language(loaded: Client, language: str) -> None:
    for path in pages(travelling=True):
        asked = {"per": "2021-12-31", "bahasa": language}
        shown = read((await loaded.get(f"{SITE}{path}", params=asked)).text)
        wrong = [
            (to, query)
            for to, query in shown.links
            if not to.startswith(("/assets/", "/api/v1/", "/docs"))
            if query.get("bahasa") != language and to != path
        ]
        assert wrong == [], path
