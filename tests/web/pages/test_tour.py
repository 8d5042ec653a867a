"""The front door of a demonstration: its address, its hints, and the count of tasks."""

from pathlib import Path

import pytest

from iku.app import App
from iku.cli import serve
from iku.commands import accounts
from iku.domain.access import Mode
from iku.web.visitor import TOUR
from tests.web.conftest import Client
from tests.web.pages.filling import read_form, sent
from tests.web.pages.showing import read

SITE = "http://iku.test"
FRONT = "/?per=2021-12-31"
HINTS = "Tiga hal yang dapat dicoba"
README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
async def demonstrated(loaded: Client, app: App) -> Client:
    """A client over the fictional register, which is a demonstration."""
    async with app.pool.acquire() as connection:
        await accounts.declare_demonstration(app.commands, connection)
    return loaded


async def test_a_demonstration_has_three_hints_that_lead_on(
    demonstrated: Client,
) -> None:
    page = await demonstrated.get(f"{SITE}{FRONT}")
    links = read(page.text[page.text.index(HINTS) :]).links[:3]
    assert links == [
        ("/indikator/IKU-1/penjelasan", {"per": "2021-12-31"}),
        ("/", {"per": "2021-12-31", "diketahui": "2022-01-15"}),
        ("/masuk", {}),
    ]
    for path, query in links:
        answer = await demonstrated.get(f"{SITE}{path}", params=query)
        assert answer.status_code == 200


async def test_dismissed_hints_stay_away_and_the_page_stays_the_same(
    demonstrated: Client,
) -> None:
    form = read_form((await demonstrated.get(f"{SITE}{FRONT}")).text, "/tur")
    answer = await sent(demonstrated, form)
    assert answer.status_code == 303
    assert answer.headers["Location"] == FRONT
    name, value = answer.headers["Set-Cookie"].partition(";")[0].split("=")
    assert name == TOUR
    cookie = {"Cookie": f"{name}={value}"}
    assert HINTS not in (await demonstrated.get(f"{SITE}{FRONT}", headers=cookie)).text


async def test_a_register_that_is_no_demonstration_has_no_hints(
    reader: Client,
) -> None:
    page = await reader.get(f"{SITE}{FRONT}")
    assert HINTS not in page.text
    assert "data-jumlah" not in page.text  # nobody has signed in


async def test_the_navigation_counts_the_tasks(demonstrated: Client) -> None:
    page = await demonstrated.get(f"{SITE}{FRONT}")
    assert 'data-jumlah="/tugas/jumlah?per=2021-12-31"' in page.text


def test_a_demonstration_prints_the_address_that_the_readme_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve._print_address(Mode.DEMONSTRATION, None, "http://127.0.0.1:8000")
    address = capsys.readouterr().out.split()[-1]
    assert f"<{address}>" in README.read_text()
    serve._print_address(Mode.LOCAL, None, "http://127.0.0.1:8000")
    assert "?per" not in capsys.readouterr().out
