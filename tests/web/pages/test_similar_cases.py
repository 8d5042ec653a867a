"""Cases that resemble a report, by dimension, day, words and area."""

from datetime import date

import pytest

from iku.app import App
from iku.domain.conflict import Dimension
from iku.queries import similar_cases
from iku.queries.similar_cases import TypedReport
from tests.web.conftest import CASE, Client

DAY = date(2021, 2, 20)
LIKE = TypedReport("Sengketa lapak di Pasar Baru", Dimension.EKONOMI, DAY)


async def found(app: App, typed: TypedReport) -> list[str]:
    async with app.pool.acquire() as connection:
        view = app.view(connection)
        return [
            one["id"]
            for one in await similar_cases.similar_cases_of_report(view, typed)
        ]


@pytest.mark.parametrize(
    ("typed", "similar"),
    [
        (LIKE, True),
        (LIKE._replace(title="SENGKETA LAPAK PEDAGANG"), True),
        (LIKE._replace(title="Sengketa"), True),
        (LIKE._replace(title="Bentrok dua kampung"), False),
        (LIKE._replace(title="di ke"), False),
        (LIKE._replace(dimension=Dimension.POLITIK), False),
        (LIKE._replace(day=date(2021, 3, 11)), True),
        (LIKE._replace(day=date(2021, 3, 12)), False),
        (LIKE._replace(title="Bentrok", area="35.76.02.1009"), True),
        (LIKE._replace(title="Bentrok", area="35.76.02.1010"), False),
    ],
)
async def test_a_case_is_similar_by_its_words_or_its_area(
    client: Client, app: App, typed: TypedReport, *, similar: bool
) -> None:
    await client.records("/conflicts", {**CASE, "area": "35.76.02.1009"})
    assert await found(app, typed) == (["K14"] if similar else [])


async def test_a_rejected_case_is_not_similar(client: Client, app: App) -> None:
    await client.records("/conflicts", CASE)
    rejected = {"type": "rejected", "reason": "Bukan konflik"}
    await client.records("/conflicts/K14/events", rejected)
    assert await found(app, LIKE) == []


async def test_the_three_most_similar_cases_are_shown_the_nearest_first(
    client: Client, app: App
) -> None:
    titles = ("Pasar Baru lain lagi", "Sengketa lapak di Pasar Baru", "Sengketa Baru")
    for number, title in enumerate((*titles, "Sengketa lapak"), start=1):
        body = {**CASE, "number": f"K{number}", "title": title}
        await client.records("/conflicts", body)
    shown = await found(app, LIKE)
    assert len(shown) == 3
    assert "K2" in shown
