"""The check of a printed figure, by everybody who holds the report."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from msgspec import structs

from iku.app import App
from iku.domain.account import Role
from iku.ledger.appender import Overloaded
from iku.queries import figure_verification, public_figures, recount
from tests.web.conftest import CASE, Client
from tests.web.pages.showing import read
from tests.web.test_authentication import invited
from tests.web.test_publications import THEN, YEAR, publish

SITE = "http://iku.test"
UNPUBLISHED = {"as_of": "2021-06-30", "known_on": "2021-07-01"}


async def published(client: Client) -> dict[str, Any]:
    """A figure of a publication."""
    await client.records("/publications", YEAR, Iku_Actor="ani")
    await publish(client, known_on=THEN)
    found: dict[str, Any] = (await client.says("/publications/2021"))["figures"][0]
    return found


async def test_a_printed_figure_is_the_same(loaded: Client) -> None:
    figure = await published(loaded)
    page = await loaded.get(f"{SITE}/f/{quote(figure['number'])}")
    assert page.status_code == 200
    shown = read(page.text).text
    assert "SAMA Penghitungan ulang dari log memberikan angka yang tercetak." in shown
    counts = f"{figure['numerator']}/{figure['denominator']} × 100 ="
    assert counts in shown
    assert f"{figure['percentage'].replace('.', ',')}%" in shown
    assert figure["number"] in shown


async def test_a_number_leads_to_its_page_as_it_is_typed(loaded: Client) -> None:
    number = (await published(loaded))["number"]
    typed = f" {number.lower()[:9]} {number.lower()[9:]} "
    page = await loaded.get(f"{SITE}/periksa", params={"nomor": typed})
    assert page.status_code == 303
    assert page.headers["Location"] == f"/f/{number}"


@pytest.mark.parametrize(
    "typed", ["IKU-1", "<b>", "IKU-1.1.T.20211231.20220115.145.5D"]
)
async def test_a_mistyped_number_is_kept_and_explained(
    reader: Client, typed: str
) -> None:
    page = await reader.get(f"{SITE}/periksa", params={"nomor": typed})
    assert page.status_code == 400
    assert 'href="#nomor"' in page.text
    assert "<b>" not in page.text


async def test_a_figure_that_differs_says_so(
    loaded: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = await published(loaded)

    async def altered(*given: Any) -> Any:
        found = await recount.recount(*given)
        return structs.replace(found, numerator=found.numerator - 1)

    monkeypatch.setattr("iku.queries.figure_verification.recount", altered)
    page = await loaded.get(f"{SITE}/f/{quote(figure['number'])}")
    assert "BERBEDA" in read(page.text).text


async def test_a_later_event_changes_what_is_now_but_not_what_was_printed(
    loaded: Client,
) -> None:
    figure = await published(loaded)
    late = CASE | {"number": "K90", "effective_on": "2021-02-09"}
    late["category"], late["dimension"] = "ipoleksosbud", "ekonomi"
    await loaded.records("/conflicts", late)
    await loaded.records(
        "/conflicts/K90/events",
        {"type": "verified", "effective_on": "2021-02-10", "reason": "Terlambat"},
    )
    page = await loaded.get(f"{SITE}/f/{quote(figure['number'])}")
    shown = read(page.text).text
    assert "SAMA" in shown
    row = shown.partition("Penyebut")[2]
    now = figure["denominator"] + 1
    assert row.split()[:3] == [
        str(figure["denominator"]),
        str(figure["denominator"]),
        str(now),
    ]


async def test_without_an_account_only_published_figures_are_checked(
    loaded: Client, app: App
) -> None:
    number = (await loaded.says("/indicators/IKU-1/figure", **UNPUBLISHED))["number"]
    printed = (await published(loaded))["number"]
    assert (await loaded.get(f"{SITE}/f/{quote(number)}")).status_code == 200
    await invited(app, Role.ADMIN)
    refused = await loaded.get(f"{SITE}/f/{quote(number)}")
    assert refused.status_code == 404
    assert "belum diterbitkan" in refused.text
    page = await loaded.get(f"{SITE}/f/{quote(printed)}")
    assert page.status_code == 200
    # No case, and no address of one.
    assert "/konflik" not in page.text


async def test_a_recount_is_kept_for_a_while(
    loaded: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = quote((await published(loaded))["number"])
    first = await loaded.get(f"{SITE}/f/{number}")
    counted: list[object] = []

    async def verify(*given: Any) -> Any:
        counted.append(given)
        raise AssertionError("it is kept")

    monkeypatch.setattr(figure_verification, "verify", verify)
    assert (await loaded.get(f"{SITE}/f/{number}")).text == first.text
    monkeypatch.setattr(public_figures, "KEPT_S", -1.0)
    assert (await loaded.get(f"{SITE}/f/{number}")).status_code == 500
    assert len(counted) == 1


async def test_recounts_run_one_at_a_time_and_do_not_pile_up(
    loaded: Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = most = 0

    async def slow(*_: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    monkeypatch.setattr(figure_verification, "verify", slow)
    today = app.commands.today()
    view = app.view(None)  # type: ignore[arg-type] # nothing is read through it
    asked = [
        app.recounts.of(view, app.figures, f"number {n}", today)
        for n in range(public_figures.MOST_WAITING + 5)
    ]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert most == 1
    assert [type(one) for one in found].count(Overloaded) == 5


async def test_people_in_the_register_learn_their_rights(reader: Client) -> None:
    page = await reader.get(f"{SITE}/data-pribadi")
    assert page.status_code == 200
    assert "UU 27/2022" in page.text
    assert ("/periksa", {}) in read(page.text).links
