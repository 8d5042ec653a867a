"""Cases over HTTP."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from iku.app import App
from iku.ledger import log
from iku.ledger.log import AppendRequest, StreamPart
from iku.ledger.record import NewEvent
from tests.samples import examples
from tests.web.conftest import BEFORE_ANY, CASE, RESOLVED, VERIFIED, Client, problem


async def test_a_report_is_recorded_and_answered_with_its_receipt(
    client: Client,
) -> None:
    answer = await client.post("/conflicts", json=CASE, headers={"Iku-Actor": "siti"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/conflicts/K14"
    assert answer.headers["ETag"] == '"1"'
    assert "Idempotency-Replayed" not in answer.headers
    given = answer.json()
    assert (given["id"], given["number"], given["version"]) == ("K14", "K14", 1)
    assert given["size"] == given["position"] == 5
    assert given["recorded_at"].endswith("Z")
    (event,) = await client.history("/conflicts/K14")
    assert event["leaf"] == given["leaf"]
    assert event["actor"] == "siti"
    assert event["text"] == {"title": CASE["title"]}
    assert event["declared"] is False


async def test_a_report_without_number_gets_the_next_one_of_its_year(
    client: Client,
) -> None:
    unnumbered = {name: value for name, value in CASE.items() if name != "number"}
    first = await client.records("/conflicts", unnumbered)
    second = await client.records("/conflicts", unnumbered)
    assert [first["id"], second["id"]] == ["K2021-00001", "K2021-00002"]


async def test_the_tag_of_an_event_is_neither_asked_of_a_report_nor_taken(
    client: Client,
) -> None:
    tagged = CASE | {"type": "reported"}
    problem(await client.post("/conflicts", json=tagged), 400, "type")


async def test_a_returned_report_is_listed_until_it_is_completed(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    path = "/conflicts/K14/events"
    given_back = {
        "type": "returned",
        "effective_on": "2021-02-12",
        "missing": "Surat pelapor",
    }
    await client.records(path, given_back, Iku_Actor="siti")
    problem(await client.post(path, json=given_back), 409)

    async def listed(**asked: str) -> list[str]:
        items = (await client.says("/conflicts", status="returned", **asked))["items"]
        return [item["id"] for item in items]

    assert await listed() == ["K14"]
    assert await listed(as_of="2021-02-11") == []
    told = (await client.history("/conflicts/K14"))[1]
    assert (told["actor"], told["text"]) == ("siti", {"missing": "Surat pelapor"})
    completed = {
        "type": "corrected",
        "corrects": 1,
        "reference": "LP/1",
        "reason": "Surat pelapor diterima",
    }
    await client.records(path, completed)
    assert await listed() == []
    assert (await client.says("/conflicts/K14"))["status"] == "open"
    await client.records(path, VERIFIED)
    again = given_back | {"missing": "Hari kejadian"}
    late = problem(await client.post(path, json=again), 409)
    assert (
        "the case was verified on 2021-02-10, so it cannot be returned on 2021-02-12"
        in late["detail"]
    )


async def test_a_case_of_boundaries_is_in_the_register_and_in_no_indicator(
    client: Client,
) -> None:
    border = CASE | {"category": "lainnya", "dimension": "batas_wilayah"}
    await client.records("/conflicts", border)
    await client.records("/conflicts/K14/events", VERIFIED)
    found = (await client.says("/conflicts", category="lainnya"))["items"]
    assert [item["id"] for item in found] == ["K14"]
    for code in ("IKU-1", "IKU-3"):
        figure = await client.says(f"/indicators/{code}/figure", as_of="2021-12-31")
        assert figure["denominator"] == 0
    sara = {"category": "sara", "dimension": "suku"}
    change = {"type": "reclassified", "effective_on": "2021-06-01", **sara}
    await client.records("/conflicts/K14/events", change)
    figure = await client.says("/indicators/IKU-3/figure", as_of="2021-12-31")
    assert figure["denominator"] == 1


async def test_a_text_with_characters_that_hide_or_reorder_is_refused(
    client: Client,
) -> None:
    hidden = CASE | {"title": "Pasar\u2066"}
    shown = problem(await client.post("/conflicts", json=hidden), 400, "title")
    assert "title contains U+2066 (LEFT-TO-RIGHT ISOLATE)" in shown["detail"]
    await client.records("/conflicts", CASE)
    path = f"/conflicts/{CASE['number']}/events"
    wrong = {"type": "annulled", "annuls": 1, "reason": "Salah\u200b"}
    problem(await client.post(path, json=wrong), 400, "reason")


async def test_the_same_report_again_is_not_taken_for_another(client: Client) -> None:
    await client.records("/conflicts", CASE)
    shown = problem(await client.post("/conflicts", json=CASE), 409)
    assert "already recorded, at version 1" in shown["detail"]
    other = CASE | {"title": "Yang lain"}
    shown = problem(await client.post("/conflicts", json=other), 409)
    assert "2021-02-09" in shown["detail"]


async def test_a_number_with_slashes_is_found_by_number_and_by_identifier(
    client: Client,
) -> None:
    given = await client.records("/conflicts", CASE | {"number": "K/14/2021"})
    assert (given["id"], given["number"]) == ("K~14~2021", "K/14/2021")
    for name in ("K~14~2021", "K%2F14%2f2021"):
        assert (await client.says(f"/conflicts/{name}"))["number"] == "K/14/2021"
        assert await client.history(f"/conflicts/{name}")
        await client.post(f"/conflicts/{name}/events", json=VERIFIED)
    assert (await client.says("/conflicts/K~14~2021"))["version"] == 2


async def test_a_case_is_shown_as_of_a_day_and_as_known_on_another(
    client: Client, app: App
) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/conflicts/K14/events", VERIFIED)
    size = (await client.records("/conflicts/K14/events", RESOLVED))["size"]
    now = await client.get("/conflicts/K14")
    assert now.headers["ETag"] == '"3"'
    assert now.json() == {
        "withheld": {},
        "reporter": None,
        "parties": None,
        "id": "K14",
        "number": "K14",
        "status": "resolved",
        "verified": True,
        "category": "ipoleksosbud",
        "dimension": "ekonomi",
        "level": "perseteruan",
        "title": CASE["title"],
        "area": None,
        "source": None,
        "reference": None,
        "reported_on": "2021-02-09",
        "occurred_on": None,
        "resolved_on": "2021-03-28",
        "manner": "mediasi",
        "merged_into": None,
        "version": 3,
    }
    eve = await client.says("/conflicts/K14", as_of="2021-03-27")
    assert (eve["status"], eve["version"]) == ("open", 3)
    before = await client.says("/conflicts/K14", size=size - 1)
    assert (before["status"], before["version"]) == ("open", 2)
    yesterday = app.commands.today() - timedelta(days=1)
    unknown = await client.get("/conflicts/K14", params={"known_on": str(yesterday)})
    problem(unknown, 404)
    problem(await client.get("/conflicts/K14?as_of=2021-02-08"), 404)


async def test_what_is_absent_is_not_found(client: Client) -> None:
    for path in ("/conflicts/K99", "/conflicts/K99/events", "/conflicts/%7E", "/x"):
        problem(await client.get(path), 404)
    for header in ({}, {"If-Match": "*"}, {"If-Match": '"3"'}):
        found = await client.post(
            "/conflicts/K99/events", json=VERIFIED, headers=header
        )
        assert "K99" in problem(found, 404)["detail"]


async def test_the_rules_refuse_with_both_sides_of_the_sentence(client: Client) -> None:
    await client.records("/conflicts", CASE)
    early = RESOLVED | {"effective_on": "2021-02-01"}
    shown = problem(await client.post("/conflicts/K14/events", json=early), 409)
    assert "2021-02-01" in shown["detail"]
    assert "2021-02-09" in shown["detail"]


async def test_a_field_that_names_what_is_not_there_is_told_by_its_path(
    client: Client,
) -> None:
    nowhere = CASE | {"area": "99.99"}
    problem(await client.post("/conflicts", json=nowhere), 400, "area")
    await client.records("/conflicts", CASE)
    nothing = {"type": "corrected", "corrects": 7, "reason": "Salah", "title": "Baru"}
    later = await client.post("/conflicts/K14/events", json=nothing)
    problem(later, 400, "corrects")


async def test_every_kind_of_event_is_recorded(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/conflicts", CASE | {"number": "K15"})
    await client.records("/conflicts", CASE | {"number": "K16"})
    day = {"effective_on": "2021-04-01"}
    story = (
        VERIFIED,
        {"type": "handled", "phase": "pencegahan", **day},
        {"type": "referred", **day},
        RESOLVED | day,
        {"type": "reopened", "effective_on": "2021-05-01"},
        {"type": "reclassified", "level": "kekerasan", "effective_on": "2021-05-02"},
        {"type": "corrected", "corrects": 1, "title": "Baru", "reason": "Salah tulis"},
        {"type": "annulled", "annuls": 6, "reason": "Tidak dibuka"},
    )
    for version, event in enumerate(story, start=2):
        assert (await client.records("/conflicts/K14/events", event))[
            "version"
        ] == version
    merged = {"type": "merged", "into": "K14", "reason": "Peristiwa yang sama"}
    await client.records("/conflicts/K15/events", merged)
    await client.records("/conflicts/K16/events", {"type": "rejected", "reason": "x"})
    told = [event["type"] for event in await client.history("/conflicts/K14")]
    assert told == ["reported", *(event["type"] for event in story), "absorbed"]
    assert (await client.says("/conflicts/K15"))["merged_into"] == "K14"
    assert (await client.says("/conflicts/K16"))["status"] == "rejected"


async def test_of_two_who_close_a_case_at_once_one_is_too_late(client: Client) -> None:
    await client.records("/conflicts", CASE)
    closings = [RESOLVED | {"manner": manner} for manner in ("mediasi", "islah")]
    for header, refused in (({"If-Match": '"1"'}, 412), ({}, 409)):
        answers = await asyncio.gather(
            *(
                client.post("/conflicts/K14/events", json=closing, headers=header)
                for closing in closings
            )
        )
        assert sorted(a.status_code for a in answers) == [201, refused]
        undone = {"type": "annulled", "annuls": 2, "reason": "Sekali lagi"}
        await client.post("/conflicts/K14/events", json=undone)


async def test_the_list_is_filtered_and_comes_page_by_page(reader: Client) -> None:
    every = await reader.says("/conflicts", limit=200)
    assert every["next"] is None
    assert len(every["items"]) == 16
    assert all("version" not in item for item in every["items"])
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await reader.says("/conflicts", limit=3, **cursor)
        assert len(page["items"]) <= 3
        assert page["total"] == 16
        assert page["by_status"] == every["by_status"]
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == every["items"]
    statuses = Counter(item["status"] for item in found)
    assert every["by_status"] == dict(statuses)
    merged = await reader.says("/conflicts", status="merged", text="k0")
    assert (merged["total"], merged["by_status"]) == (1, {"merged": 1})

    async def ids(**asked: str) -> list[str]:
        items = (await reader.says("/conflicts", **asked))["items"]
        return [item["id"] for item in items]

    assert await ids(status="merged") == ["K06"]
    assert await ids(category="sara") == ["K09", "S01", "S02", "S03"]
    assert await ids(category="sara", known_on="2021-07-03") == ["S01", "S02"]
    assert "K01" in await ids(area="35.76.02")
    assert await ids(text="k01") == ["K01"]
    assert await ids(as_of="2020-11-30") == ["K01"]
    assert await ids(source="media") == []
    assert await ids(size="0") == []


async def test_one_of_the_values_and_every_filter_must_match(reader: Client) -> None:
    async def ids(**asked: Any) -> list[str]:
        items = (await reader.says("/conflicts", as_of="2021-12-31", **asked))["items"]
        return [item["id"] for item in items]

    assert await ids(status="open,rejected") == ["K08", "K10", "K12", "S03"]
    assert await ids(status=["rejected", "merged"]) == ["K06", "K08"]
    assert await ids(dimension="ekonomi,suku", status="open") == ["K12", "S03"]
    assert await ids(verified="false") == ["K08"]
    assert "K08" not in await ids(verified="true")
    assert await ids(level="kekerasan") == []
    days = {"reported_from": "2021-02-09", "reported_to": "2021-03-15"}
    assert await ids(**days) == ["K04", "K05", "S01"]


async def test_a_list_is_ordered_both_ways_and_its_pages_stay_in_order(
    reader: Client,
) -> None:
    asked = {"as_of": "2021-12-31", "sort": "reported_on", "order": "desc"}
    whole = await reader.says("/conflicts", **asked)
    days = [item["reported_on"] for item in whole["items"]]
    assert days == sorted(days, reverse=True)
    page = await reader.says("/conflicts", **asked, limit=4)
    paged = [*page["items"]]
    other = {**asked, "order": "asc", "cursor": page["next"]}
    answer = await reader.get("/conflicts", params=other)
    assert "order" in problem(answer, 400, "cursor")["detail"]
    while page["next"]:
        page = await reader.says("/conflicts", **asked, limit=4, cursor=page["next"])
        paged += page["items"]
    assert paged == whole["items"]
    titles = await reader.says("/conflicts", as_of="2021-12-31", sort="title")
    named = [item["title"].casefold() for item in titles["items"]]
    assert named == sorted(named)


@pytest.mark.parametrize(
    ("asked", "path", "why"),
    [
        (
            {"category": "sara", "dimension": "ekonomi"},
            "dimension",
            (
                "dimension is ekonomi, but for category sara it must be one of suku, "
                "agama, ras"
            ),
        ),
        (
            {"reported_from": "2021-05-02", "reported_to": "2021-05-01"},
            "reported_to",
            "2021-05-01, but must not be before reported_from, 2021-05-02",
        ),
        ({"sort": "name"}, "sort", "must be one of id, number, reported_on"),
        ({"status": "open,open"}, "status", "more than once"),
        ({"text": ""}, "text", "is empty"),
        ({"expired": "true"}, "expired", "expired"),
    ],
)
async def test_filters_that_exclude_each_other_or_are_not_there_are_refused(
    visitor: Client, asked: dict[str, str], path: str, why: str
) -> None:
    answer = await visitor.get("/conflicts", params=asked)
    assert why in problem(answer, 400, path)["detail"]


async def test_what_no_page_gave_is_no_cursor(visitor: Client) -> None:
    for cursor in ("A", "_w", "Lw", "K14!", "gICA"):
        problem(
            await visitor.get("/conflicts", params={"cursor": cursor}), 400, "cursor"
        )


async def test_a_list_or_a_case_is_asked_of_what_there_is(
    client: Client, app: App
) -> None:
    await client.records("/conflicts", CASE)
    tomorrow = str(app.commands.today() + timedelta(days=1))
    for path in ("/conflicts", "/conflicts/K14"):
        for name, value in (
            ("as_of", tomorrow),
            ("size", "6"),
            ("size", "-1"),
        ):
            problem(await client.get(path, params={name: value}), 400, name)


async def test_before_the_first_event_there_is_no_case(client: Client) -> None:
    await client.records("/conflicts", CASE)
    for day in BEFORE_ANY:
        for name in ("as_of", "known_on"):
            assert (await client.says("/conflicts", **{name: day}))["items"] == []
            problem(await client.get("/conflicts/K14", params={name: day}), 404)


async def test_a_history_comes_page_by_page_oldest_first(client: Client) -> None:
    await client.records("/conflicts", CASE)
    for number in range(1, 7):
        handled = {
            "type": "handled",
            "phase": "pencegahan",
            "effective_on": f"2021-03-0{number}",
        }
        await client.records("/conflicts/K14/events", handled)
    whole = await client.says("/conflicts/K14/events")
    assert whole["next"] is None
    assert [event["version"] for event in whole["items"]] == [1, 2, 3, 4, 5, 6, 7]
    first = await client.says("/conflicts/K14/events", limit=4)
    rest = await client.says("/conflicts/K14/events", limit=4, cursor=first["next"])
    assert (len(first["items"]), len(rest["items"])) == (4, 3)
    assert first["items"] + rest["items"] == whole["items"]
    assert rest["next"] is None


@pytest.mark.parametrize("cursor", ["SzE0", "LTE", "OTk", "x", "MTIzNDU2Nzg5MDEy"])
async def test_a_cursor_that_no_page_of_a_history_gave_is_refused(
    reader: Client, cursor: str
) -> None:
    answer = await reader.get("/conflicts/K01/events", params={"cursor": cursor})
    problem(answer, 400, "cursor")


async def test_a_case_of_thousands_of_events_answers_in_bounded_time_and_size(
    client: Client, app: App
) -> None:
    await client.records("/conflicts", CASE)
    count = examples(5_000, 2_000)
    async with app.pool.acquire() as connection:
        for start in range(0, count, 500):
            drafts = tuple(
                NewEvent("handled", date(2021, 3, 1), {"phase": "pencegahan"}, {})
                for _ in range(500)
            )
            request = AppendRequest(
                parts=(StreamPart("conflict-K14", 1 + start, drafts),),
                command_id=f"long-{start}",
                body=b"x" * 32,
                actor="siti",
            )
            await log.append(connection, [request], zone="Asia/Jakarta")
    page = await client.get("/conflicts/K14/events")
    assert len(page.json()["items"]) == 100
    assert len(page.content) < 200_000
    assert len(await client.history("/conflicts/K14")) == 1 + count
