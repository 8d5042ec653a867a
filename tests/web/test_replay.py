"""Replay, numbers and series over HTTP, from the fictional register."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from iku.app import App
from iku.domain.coordinates import check_characters
from iku.postgres.pool import Plain
from iku.queries import figure_replay
from tests.domain.register import FIGURES
from tests.web.conftest import BEFORE_ANY, CASE, RESOLVED, VERIFIED, Client, problem

ORDERS = ("known", "happened")


async def lines(client: Client, code: str, **asked: Any) -> list[Any]:
    answer = await client.get(f"/indicators/{code}/replay", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def number(line: str) -> str:
    """A number with valid check characters and any content."""
    return f"{line}.{check_characters(line)}"


@pytest.mark.parametrize("order", ORDERS)
async def test_every_figure_of_the_register_is_where_its_replay_ends(
    reader: Client, order: str
) -> None:
    for code, as_of, known_on, numerator, denominator, *_ in FIGURES:
        asked = {"as_of": as_of, "known_on": known_on, "order": order}
        told = await lines(reader, code, **asked)
        assert bool(told) == bool(denominator)
        for line in told[-1:]:
            assert (line["numerator"], line["denominator"]) == (numerator, denominator)


async def test_a_line_says_what_moved_and_who_and_when(reader: Client) -> None:
    asked = {"as_of": "2021-12-31", "order": "happened"}
    told = await lines(reader, "IKU-1", **asked)
    [closed] = [
        line
        for line in told
        if (line["subject"]["number"], line["type"]) == ("K04", "resolved")
    ]
    assert closed.pop("recorded_at").endswith("Z")
    assert closed.pop("position") > 4
    assert closed == {
        "version": 3,
        "type": "resolved",
        "subject": {"category": "conflict", "id": "K04", "number": "K04"},
        "effective_on": "2021-03-28",
        "known_on": "2021-04-12",
        "part": "ekonomi",
        "district": "35.76.02",
        "moved": {"numerator": 1, "denominator": 0},
        "numerator": 3,
        "denominator": 5,
    }


@pytest.mark.parametrize("order", ORDERS)
async def test_a_replay_is_the_same_whatever_its_pages(
    reader: Client, order: str, monkeypatch: Any
) -> None:
    whole = await lines(reader, "IKU-2", order=order, as_of="2021-12-31")
    monkeypatch.setattr(figure_replay, "PAGE", 7)
    assert await lines(reader, "IKU-2", order=order, as_of="2021-12-31") == whole
    assert len(whole) > 21


async def test_a_replay_of_nothing_has_no_line(visitor: Client) -> None:
    assert await lines(visitor, "IKU-1") == []
    assert await lines(visitor, "IKU-1", known_on="1945-08-17") == []
    assert await lines(visitor, "IKU-1", size=0) == []


async def test_before_the_first_event_nothing_moves(reader: Client) -> None:
    for day in BEFORE_ANY:
        for order in ORDERS:
            for asked in ({"as_of": day}, {"known_on": day}):
                assert await lines(reader, "IKU-1", **asked, order=order) == []


async def test_what_cannot_be_replayed_is_refused_by_name(
    client: Client, app: App
) -> None:
    tomorrow = str(app.commands.today() + timedelta(days=1))
    for name, value in (
        ("as_of", tomorrow),
        ("known_on", "yesterday"),
        ("size", "5"),
        ("size", "-1"),
        ("period", "week"),
        ("definition", "2"),
        ("order", "backwards"),
        ("order", ""),
        ("breakdown", "district"),
    ):
        answer = await client.get("/indicators/IKU-1/replay", params={name: value})
        problem(answer, 400, name)
    problem(await client.get("/indicators/IKU-4/replay"), 404)


async def test_a_number_gives_its_figure_and_the_log_agrees(reader: Client) -> None:
    for code, as_of, known_on, *_ in FIGURES:
        figure = await reader.says(
            f"/indicators/{code}/figure", as_of=as_of, known_on=known_on
        )
        verified = await reader.says(f"/figures/{figure['number']}")
        assert verified.pop("verdict") == "same"
        counts = ("numerator", "denominator", "percentage", "expired")
        assert verified.pop("recounted") == {name: figure[name] for name in counts}
        assert verified == figure
        typed = quote(" " + figure["number"].lower().replace(".", " . "))
        assert (await reader.says(f"/figures/{typed}"))["number"] == figure["number"]


async def test_a_number_gives_the_same_whatever_comes_later(loaded: Client) -> None:
    path = "/indicators/IKU-1/figure"
    first = await loaded.says(path, as_of="2021-12-31")
    await loaded.records("/conflicts", CASE)
    await loaded.records("/conflicts/K14/events", VERIFIED)
    await loaded.records("/conflicts/K14/events", RESOLVED)
    annulled = {"type": "annulled", "annuls": 3, "reason": "Belum selesai"}
    await loaded.records("/conflicts/K01/events", annulled)
    redefined = {
        "effective_on": "2021-01-01",
        "basis": "SK 2",
        "reason": "Uji",
        "minimum_level": "potensi",
    }
    await loaded.records("/indicators/IKU-1/definitions", redefined)
    target = {"year": 2021, "target": "99", "effective_on": "2021-02-01", "basis": "PK"}
    await loaded.records("/indicators/IKU-1/targets", target)
    verified = await loaded.says(f"/figures/{first['number']}")
    assert {name: verified[name] for name in first} == first
    assert verified["verdict"] == "same"
    now = await loaded.says(path, as_of="2021-12-31")
    assert now["definition"] == 2
    assert now["target"] == "99.00"
    assert now["denominator"] != first["denominator"]


async def test_a_figure_that_the_log_does_not_give_differs(
    loaded: Client, owner: Plain
) -> None:
    figure = await loaded.says("/indicators/IKU-1/figure?as_of=2021-12-31")
    await owner.execute("update projection.contribution set numerator = numerator + 5")
    verified = await loaded.says(f"/figures/{figure['number']}")
    assert verified["verdict"] == "differs"
    assert verified["numerator"] > verified["denominator"]
    assert verified["recounted"]["numerator"] == figure["numerator"]
    assert verified["recounted"]["percentage"] == figure["percentage"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("x", "a figure number has seven parts"),
        ("%20", "a figure number has seven parts"),
        (
            "IKU-1.1.T.20211231.20220115.4.5C",
            "the last part of the figure number, '5C', does not match",
        ),
        (
            "IKU-1.1.T.20211232.20220115.4.5C",
            "in the form YYYYMMDD, not '20211232'",
        ),
        ("IKU-1.1.T.20211231.20220115.4%2F5.C", "not '~'"),
        ("IKU-1.1.T.20211231.20220115.%D9%A3.5C", "not '٣'"),
        (number("IKU-1.1.T.20211231.20220115.5"), "the log has only 4 events"),
        (number(f"IKU-1.1.T.20211231.20220115.{2**53 - 1}"), "has only 4 events"),
        (number("IKU-1.2.T.20211231.20220115.4"), "the last version is 1"),
        (number("IKU-1.9999999999999.T.20211231.20220115.4"), "last version is 1"),
        (number("IKU-1.1.T.99991231.20220115.4"), "but must not be after today,"),
    ],
)
async def test_a_number_that_no_figure_bears_is_refused_with_the_reason(
    visitor: Client, typed: str, sentence: str
) -> None:
    told = problem(await visitor.get(f"/figures/{typed}"), 400, "number")
    assert sentence in told["detail"]


async def test_a_number_of_an_unknown_indicator_is_missing(visitor: Client) -> None:
    typed = number("IKU-4.1.T.20211231.20220115.4")
    told = problem(await visitor.get(f"/figures/{typed}"), 404)
    assert told["detail"] == "indicator IKU-4 does not exist"


async def test_a_number_of_knowledge_before_the_first_event_is_of_nothing(
    visitor: Client,
) -> None:
    for days in ("20211231.19000101", "20211231.00010101", "00010101.00010101"):
        verified = await visitor.says(f"/figures/{number(f'IKU-1.1.T.{days}.4')}")
        assert (verified["numerator"], verified["denominator"]) == (0, 0)
        assert (verified["verdict"], verified["empty"]) == ("same", "no_cases")


async def test_a_series_tells_now_then_and_its_breaks(loaded: Client) -> None:
    redefined = {
        "effective_on": "2021-07-01",
        "basis": "SK 2",
        "reason": "Uji",
        "minimum_level": "potensi",
    }
    await loaded.records("/indicators/IKU-1/definitions", redefined)
    told = await loaded.says(
        "/indicators/IKU-1/series?from=2021-01-01&to=2021-12-31&step=quarter"
        "&period=quarter"
    )
    assert [figure["as_of"] for figure in told["figures"]] == [
        figure["known_on"] for figure in told["then"]
    ]
    assert told["published"] == [None] * 4
    assert told["breaks"] == [
        {"as_of": "2021-09-30", "from": 1, "to": 2, "basis": "SK 2"}
    ]
    # At the end of March the closing of K04 was not known yet.
    march = [figures[0]["numerator"] for figures in (told["figures"], told["then"])]
    assert march == [3, 2]
