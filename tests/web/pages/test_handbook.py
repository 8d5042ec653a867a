"""The help: a handbook for each role, linked from every page."""

import re
from pathlib import Path

import pytest

from iku.web.pages import handbook
from tests.web.conftest import Client
from tests.web.pages.showing import read

SITE = "http://iku.test"
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "handbook"
LINES = 110  # of two printed pages
IMAGE = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")
CATALOG = (ROOT / "src/iku/locale/id/LC_MESSAGES/iku.po").read_text()


def test_every_handbook_is_shown() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(handbook.NAMES)


async def test_every_page_leads_to_the_help(reader: Client) -> None:
    for path in ("/", "/tugas", "/periksa", "/tidak-ada", "/masuk"):
        page = await reader.get(f"{SITE}{path}")
        if page.headers["Content-Type"].startswith("text/html"):
            assert "/bantuan" in [to for to, _ in read(page.text).links], path


@pytest.mark.parametrize("name", handbook.NAMES)
async def test_a_handbook_is_a_page(reader: Client, name: str) -> None:
    links = read((await reader.get(f"{SITE}/bantuan")).text).links
    assert f"/bantuan/{name}" in [to for to, _ in links]
    page = await reader.get(f"{SITE}/bantuan/{name}")
    assert page.status_code == 200
    assert page.text.count("<h1>") == 1
    assert page.text.count("<h2>") >= 4
    assert "**" not in page.text
    pictures = re.findall(r'<a href="([^"]+)"><img src="\1" alt="[^"]+" />', page.text)
    assert len(pictures) == len(IMAGE.findall((FOLDER / f"{name}.md").read_text()))
    for picture in pictures:
        answer = await reader.get(f"{SITE}{picture}")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")
        assert "immutable" in answer.headers["Cache-Control"]


async def test_there_is_no_other_handbook(reader: Client) -> None:
    page = await reader.get(f"{SITE}/bantuan/..%2Fpages")
    assert page.status_code == 404


@pytest.mark.parametrize("name", handbook.NAMES)
def test_a_handbook_has_two_pages_and_pictures_that_exist(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text()
    assert len(text.splitlines()) <= LINES
    pictures = IMAGE.findall(text)
    assert pictures
    for picture in pictures:
        assert (FOLDER / picture).is_file(), picture


@pytest.mark.parametrize("name", handbook.NAMES)
def test_a_handbook_names_what_the_pages_show(name: str) -> None:
    text = re.sub(r"\s+", " ", (FOLDER / f"{name}.md").read_text())
    named = [
        one for one in re.findall(r"\*\*([A-Z][^*.]+)\*\*", text) if one != "BERBEDA"
    ]
    assert named
    for one in named:
        assert f'msgstr "{one}"' in CATALOG or one.isupper(), one
