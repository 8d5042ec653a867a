"""Identifiers never change; numbers are shown as known at the cut-off."""

import json
from datetime import timedelta
from typing import Any

import pytest

from iku.app import App
from tests.web.conftest import CASE, ORGANISATION, VERIFIED, Client, problem

CASES = "/conflicts"
YEAR = {"as_of": "2021-12-31"}


def renumbered(number: str) -> dict[str, Any]:
    return {
        "type": "corrected",
        "corrects": 1,
        "number": number,
        "reason": "Salah tulis",
    }


@pytest.fixture
async def before(client: Client) -> int:
    """The size of the log before K14 was corrected to K15, and a new K14 came."""
    await client.records(CASES, CASE)
    size = (await client.records(f"{CASES}/K14/events", VERIFIED))["size"]
    receipt = await client.records(f"{CASES}/K14/events", renumbered("K15"))
    assert (receipt["id"], receipt["number"]) == ("K14", "K15")
    return int(size)


async def numbered(client: Client, path: str, **asked: Any) -> list[tuple[str, str]]:
    items = (await client.says(path, **YEAR, **asked))["items"]
    return [(item["id"], item["number"]) for item in items]


async def test_a_number_is_shown_as_known_wherever_a_subject_is(
    client: Client, before: int
) -> None:
    for size, number in ((before, "K14"), (before + 1, "K15")):
        known = {"size": size}
        shown = await client.says(f"{CASES}/K14", **YEAR, **known)
        assert (shown["id"], shown["number"]) == ("K14", number)
        for path in (CASES, "/indicators/IKU-1/explanation"):
            assert await numbered(client, path, **known) == [("K14", number)]
        against = {**known, "against_size": 0}
        path = "/indicators/IKU-1/difference"
        assert await numbered(client, path, **against) == [("K14", number)]
        columns = {**known, "minimum_level": "kekerasan", "definition": 1}
        path = "/indicators/IKU-1/comparison"
        assert await numbered(client, path, **columns) == [("K14", number)]
        path = "/indicators/IKU-1/replay"
        told = await client.get(path, params={**YEAR, **known})
        [line] = map(json.loads, told.text.splitlines())
        assert (line["subject"]["id"], line["subject"]["number"]) == ("K14", number)
    [*_, corrected] = (await client.says(f"{CASES}/K14/events"))["items"]
    assert corrected["replaced"] == [
        {"version": 1, "field": "number", "before": None, "after": "K15"}
    ]


async def test_a_number_is_shown_by_the_knowledge_of_a_day(
    client: Client, app: App
) -> None:
    await client.records(CASES, CASE)
    await client.records(f"{CASES}/K14/events", renumbered("K15"))
    eve = app.commands.today() - timedelta(days=1)
    answer = await client.get(f"{CASES}/K14", params={"known_on": str(eve)})
    problem(answer, 404)
    assert await numbered(client, CASES) == [("K14", "K15")]


async def test_what_changed_after_a_publication_is_named_by_its_number(
    client: Client,
) -> None:
    draft = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP"}
    await client.records("/publications", draft)
    for step in ("closed", "reviewed", "published"):
        await client.post(
            "/publications/2021/events", json={"type": step, "reason": "Terbit"}
        )
    await client.records(CASES, CASE | {"reason": "Terlambat"})
    await client.records(f"{CASES}/K14/events", VERIFIED | {"reason": "Terlambat"})
    await client.records(f"{CASES}/K14/events", renumbered("K15"))
    items = (await client.says("/publications/2021/changes"))["items"]
    assert {(one["subject"], one["number"]) for one in items} == {("K14", "K15")}


async def test_a_new_case_whose_number_is_an_identifier_is_found_under_another(
    client: Client, before: int
) -> None:
    key = {"Idempotency-Key": "kedua"}
    second = CASE | {"title": "Kedua"}
    answer = await client.post(CASES, json=second, headers=key)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/api/v1/conflicts/K14.2"
    receipt = answer.json()
    assert (receipt["id"], receipt["number"]) == ("K14.2", "K14")
    await client.records(f"{CASES}/K14.2/events", renumbered("K16"))
    again = await client.post(CASES, json=second, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == receipt  # with the number of that time
    assert await numbered(client, CASES) == [("K14", "K15"), ("K14.2", "K16")]
    assert await numbered(client, CASES, size=before) == [("K14", "K14")]


async def test_a_list_is_searched_by_number_as_known_without_case(
    client: Client, before: int
) -> None:
    assert await numbered(client, CASES, number="k15") == [("K14", "K15")]
    assert await numbered(client, CASES, number="K14") == []
    assert await numbered(client, CASES, number="k14", size=before) == [("K14", "K14")]
    assert await numbered(client, CASES, number="K15", size=before) == []
    assert await numbered(client, CASES, text="k15") == [("K14", "K15")]
    await client.records(CASES, CASE | {"title": "Kedua"})
    await client.records(f"{CASES}/K14.2/events", VERIFIED)
    assert await numbered(client, CASES, number="K14") == [("K14.2", "K14")]
    assert await numbered(client, CASES, number="K14", status="resolved") == []
    await client.records("/organisations", ORGANISATION)
    found = await numbered(client, "/organisations", number="o41")
    assert found == [("O41", "O41")]


async def test_a_list_by_number_shows_each_that_was_known_by_it(
    client: Client, before: int
) -> None:
    annulled = {"type": "annulled", "annuls": 1, "reason": "Tidak ada"}
    await client.records(f"{CASES}/K14/events", annulled)
    await client.records(CASES, CASE | {"number": "K15", "title": "Kedua"})
    await client.records(f"{CASES}/K15/events", annulled)
    await client.records(CASES, CASE | {"number": "K15", "title": "Ketiga"})
    found = await numbered(client, CASES, number="k15")
    assert found == [("K15", "K15"), ("K15.2", "K15")]
    assert before


async def test_a_number_given_for_an_identifier_is_answered_with_the_identifier(
    client: Client, before: int
) -> None:
    hint = "number K15 belongs to case K14"
    for path in (f"{CASES}/K15", f"{CASES}/K15/events"):
        assert hint in problem(await client.get(path), 404)["detail"]
    answer = await client.post(f"{CASES}/K15/events", json=VERIFIED)
    assert hint in problem(answer, 404)["detail"]
    await client.records(CASES, CASE | {"number": "K16", "title": "Lain"})
    merged = {"type": "merged", "into": "K15", "reason": "Sama"}
    answer = await client.post(f"{CASES}/K16/events", json=merged)
    assert hint in problem(answer, 400, "into")["errors"][0]["message"]
    lone = await client.post(f"{CASES}/K16/events", json=merged | {"into": "K99"})
    assert "belongs to" not in problem(lone, 400, "into")["detail"]
    await client.records(f"{CASES}/K16/events", merged | {"into": "K14"})
    assert before


async def test_an_automatic_number_whose_identifier_is_taken_is_shown_as_drawn(
    client: Client,
) -> None:
    by_hand = CASE | {"number": "K2021-00001"}
    await client.records(CASES, by_hand)
    await client.records(f"{CASES}/K2021-00001/events", renumbered("K7"))
    unnumbered = {name: value for name, value in CASE.items() if name != "number"}
    receipt = await client.records(CASES, unnumbered | {"title": "Lain"})
    assert (receipt["id"], receipt["number"]) == ("K2021-00001.2", "K2021-00001")
    shown = await client.says(f"{CASES}/K2021-00001.2")
    assert shown["number"] == "K2021-00001"
