"""Differences between two figures, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from iku.app import App
from iku.domain.page_cursor import PageCursor
from tests.domain.register import FIGURES
from tests.domain.story import on
from tests.web.conftest import CASE, Client, problem

PATH = "/indicators/IKU-1/difference"


async def test_the_printed_figure_differs_by_one_annulled_closing(
    reader: Client,
) -> None:
    found = await reader.says(
        PATH,
        as_of="2021-12-31",
        known_on="2022-06-30",
        against_known_on="2022-01-15",
    )
    assert (found["against"]["percentage"], found["figure"]["percentage"]) == (
        "88.89",
        "77.78",
    )
    assert (found["numerator"], found["denominator"], found["next"]) == (-1, 0, None)
    (item,) = found["items"]
    assert (item["step"], item["cause"], item["number"]) == (
        "knowledge",
        "annulment",
        "K10",
    )
    assert (item["before"]["numerator"], item["before"]["denominator"]) == (1, 1)
    assert (item["after"]["numerator"], item["after"]["denominator"]) == (0, 1)
    assert "was annulled, event" in item["after"]["why"]["en"]
    assert (item["event"]["type"], item["event"]["known_on"]) == (
        "annulled",
        "2022-01-20",
    )
    assert item["event"]["reason"]
    steps = [(s["step"], s["numerator"], s["denominator"]) for s in found["steps"]]
    assert steps == [
        ("knowledge", -1, 0),
        ("definition", 0, 0),
        ("time", 0, 0),
        ("target", 0, 0),
    ]


async def test_time_correction_and_target_are_told_apart(reader: Client) -> None:
    found = await reader.says(
        "/indicators/IKU-3/difference",
        as_of="2021-06-30",
        against_known_on="2021-07-03",
    )
    (item,) = found["items"]
    assert (item["number"], item["cause"], item["denominator"]) == (
        "K09",
        "correction",
        1,
    )
    found = await reader.says(
        "/indicators/IKU-2/difference",
        as_of="2021-12-31",
        against_as_of="2021-06-30",
        limit=200,
    )
    assert {item["cause"] for item in found["items"]} == {"time"}
    assert sum(item["numerator"] for item in found["items"]) == 4
    assert sum(item["denominator"] for item in found["items"]) == -1
    targets = [step["after"]["target"] for step in found["steps"]]
    assert targets == ["75.00", "75.00", "75.00", "80.00"]


async def test_any_two_figures_of_the_register_differ_by_the_sum_of_their_items(
    reader: Client,
) -> None:
    for one in FIGURES:
        for other in FIGURES:
            if one.indicator != other.indicator:
                continue
            found = await reader.says(
                f"/indicators/{one.indicator}/difference",
                as_of=one.as_of,
                known_on=one.known_on,
                against_as_of=other.as_of,
                against_known_on=other.known_on,
                limit=200,
            )
            assert found["next"] is None
            numerator = sum(item["numerator"] for item in found["items"])
            denominator = sum(item["denominator"] for item in found["items"])
            assert other.numerator + numerator == one.numerator
            assert other.denominator + denominator == one.denominator


async def test_pages_go_on_where_the_last_one_ended(reader: Client) -> None:
    asked: dict[str, Any] = {"as_of": "2021-12-31", "against_as_of": "2021-03-31"}
    path = "/indicators/IKU-2/difference"
    whole = (await reader.says(path, **asked, limit=200))["items"]
    assert len(whole) > 7
    items: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = await reader.says(path, **asked, limit=3, cursor=cursor)
        items += page["items"]
        cursor = page["next"]
    assert items == whole


async def test_a_page_asked_later_is_of_the_size_of_the_first(loaded: Client) -> None:
    asked: dict[str, Any] = {"as_of": "2021-12-31", "against_as_of": "2021-03-31"}
    first = await loaded.says(PATH, **asked, limit=2)
    second = await loaded.says(PATH, **asked, limit=200, cursor=first["next"])
    for number in ("A01", "Z99"):
        await loaded.records("/conflicts", CASE | {"number": number})
        verified = {"type": "verified", "effective_on": "2021-12-20"}
        await loaded.records(f"/conflicts/{number}/events", verified)
    again = await loaded.says(PATH, **asked, limit=200, cursor=first["next"])
    assert again == second
    assert again["figure"] == first["figure"]
    size = first["figure"]["size"] - 1
    strange = await loaded.get(
        PATH, params={**asked, "size": size, "cursor": first["next"]}
    )
    problem(strange, 400, "cursor")
    other_day = {**asked, "as_of": "2021-12-30", "cursor": first["next"]}
    problem(await loaded.get(PATH, params=other_day), 400, "cursor")


async def test_against_a_definition_each_subject_that_moved_is_told(
    loaded: Client,
) -> None:
    stricter = {
        "effective_on": "2021-01-01",
        "basis": "Keputusan (contoh)",
        "reason": "Uji",
        "participation_threshold": 2,
    }
    await loaded.records("/indicators/IKU-2/definitions", stricter)
    found = await loaded.says(
        "/indicators/IKU-2/difference",
        as_of="2021-12-31",
        against_definition=1,
        limit=200,
    )
    assert (found["figure"]["definition"], found["against"]["definition"]) == (2, 1)
    assert {item["cause"] for item in found["items"]} == {"definition"}
    assert len(found["items"]) == -found["numerator"] > 0
    assert all(item["event"] is None for item in found["items"])
    # By default, each figure uses the definition in force, as known at its cut-off.
    found = await loaded.says(
        "/indicators/IKU-2/difference", as_of="2021-12-31", against_size=145
    )
    assert (found["figure"]["definition"], found["against"]["definition"]) == (2, 1)


@pytest.mark.parametrize("name", ["as_of", "known_on"])
@pytest.mark.parametrize("day", ["0001-01-01", "0001-12-31", "1944-01-01"])
async def test_against_a_day_before_the_first_event_all_of_it_differs(
    reader: Client, name: str, day: str
) -> None:
    asked = {"as_of": "2021-12-31", "limit": 200, f"against_{name}": day}
    found = await reader.says(PATH, **asked)
    assert (found["against"]["numerator"], found["against"]["denominator"]) == (0, 0)
    assert (found["numerator"], found["denominator"]) == (7, 9)
    assert sum(item["denominator"] for item in found["items"]) == 9
    assert sum(item["numerator"] for item in found["items"]) == 7


async def test_a_figure_compared_with_itself_differs_in_nothing(
    reader: Client,
) -> None:
    found = await reader.says(PATH, as_of="2021-12-31")
    assert found["figure"] == found["against"]
    assert (found["numerator"], found["denominator"], found["items"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("against_as_of", "yesterday"), ("against_size", "-1")),
        *(("against_size", "5000"), ("against_size", "null"), ("size", "5000")),
        *(("against_definition", "0"), ("against_definition", "2")),
        *(("against_definition", "1.0"), ("against_period", "week")),
        *(("definition", "2"), ("limit", "0"), ("limit", "201")),
        *(("cursor", "abc"), ("cursor", "%"), ("against", "1")),
        ("cursor", PageCursor(4, on("2021-12-31"), "k", "K01").cursor),
        ("cursor", PageCursor(4, on("2021-12-31"), "s", "K01").cursor),
    ],
)
async def test_what_cannot_be_compared_is_refused_by_name(
    visitor: Client, name: str, value: str
) -> None:
    problem(await visitor.get(PATH, params={name: value}), 400, name)


async def test_the_future_and_an_unknown_indicator_are_refused(
    client: Client, app: App
) -> None:
    tomorrow = str(app.commands.today() + timedelta(days=1))
    for name in ("as_of", "against_as_of"):
        problem(await client.get(PATH, params={name: tomorrow}), 400, name)
    problem(await client.get("/indicators/IKU-4/difference"), 404)
    beyond = PageCursor(10**15, app.commands.today(), "k", "1").cursor
    problem(await client.get(PATH, params={"cursor": beyond}), 400, "size")
