"""The log over HTTP."""

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from iku.app import App
from iku.ledger import log
from tests.web.conftest import CASE, VERIFIED, Client, problem

NDJSON = {"Accept": "application/x-ndjson"}


async def lines(client: Client, query: str = "") -> list[Any]:
    answer = await client.get(f"/log/events{query}", headers=NDJSON)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.text == "" or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_the_log_comes_page_by_page(reader: Client) -> None:
    after, told = 0, []
    while True:
        page = await reader.says("/log/events", after=after, limit=50)
        told += page["events"]
        if page["next"] is None:
            break
        after = page["next"]
    assert [event["position"] for event in told] == list(range(1, page["size"] + 1))
    assert await lines(reader) == told


async def test_records_are_shown_byte_for_byte(loaded: Client, app: App) -> None:
    text = (await loaded.get("/log/events", params={"limit": 1000})).content
    async with app.pool.acquire() as connection:
        async for recorded in log.read_log(connection):
            assert recorded.record in text
            leaf = sha256(b"\x00" + recorded.record).hexdigest()
            assert leaf.encode() in text


async def test_a_stream_is_read_alone(reader: Client) -> None:
    page = await reader.says("/log/events", stream="conflict-K01", limit=2)
    assert [event["record"]["version"] for event in page["events"]] == [1, 2]
    rest = await reader.says(
        "/log/events", stream="conflict-K01", after=page["next"], limit=2
    )
    assert [event["record"]["version"] for event in rest["events"]] == [3]
    assert rest["next"] is None
    assert [e["record"]["version"] for e in await lines(reader, "?stream=conflict-K01")]
    assert (await reader.says("/log/events", stream="x"))["events"] == []


async def test_lines_end_where_they_are_to(reader: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("iku.web.api.log.LINES", 7)
    told = await lines(reader)
    assert len(told) == (await reader.says("/log/events"))["size"]
    for limit in (1, 7, 8, 14, 15):
        assert await lines(reader, f"?limit={limit}") == told[:limit]
    assert await lines(reader, "?after=3&limit=9") == told[3:12]
    assert await lines(reader, "?after=100000") == []


async def test_what_cannot_be_read_is_refused(visitor: Client) -> None:
    for asked in ("after=-1", "limit=0", "after=x", "size=1"):
        name = asked.partition("=")[0]
        problem(await visitor.get(f"/log/events?{asked}"), 400, name)
    assert (await visitor.says("/log/events", after=2**53 - 1))["events"] == []


async def test_the_log_is_filtered_by_actor_day_category_type_and_stream(
    loaded: Client, app: App
) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K90"}, Iku_Actor="u/siti")
    await loaded.records("/conflicts", CASE | {"number": "K91"}, Iku_Actor="u/budi")
    await loaded.records("/conflicts/K90/events", VERIFIED, Iku_Actor="u/siti")
    whole = await lines(loaded)
    today = str(app.commands.today())
    later = str(app.commands.today() + timedelta(days=1))

    async def positions(**filters: str) -> list[int]:
        page = await loaded.says("/log/events", limit=1000, **filters)
        assert page["size"] == len(whole)
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        assert await lines(loaded, f"?{query}") == page["events"]
        assert page["next"] is None
        return [event["position"] for event in page["events"]]

    def those(keep: Callable[[Any], bool]) -> list[int]:
        return [one["position"] for one in whole if keep(one["record"])]

    last = len(whole)
    assert await positions(actor="u/siti") == [last - 2, last]
    assert await positions(actor="u/siti", type="verified") == [last]
    assert await positions(actor="u/siti", stream="conflict-K91") == []
    assert await positions(actor="nobody") == []
    everything = list(range(1, last + 1))
    assert await positions(**{"from": today}) == everything
    assert await positions(**{"from": today, "to": today}) == everything
    assert await positions(**{"from": later}) == []
    assert await positions(to="2021-12-31") == []
    assert await positions(to="9999-12-31", **{"from": "0001-01-01"}) == everything
    assert await positions(type="annulled") == those(lambda r: r["type"] == "annulled")
    found = await positions(category="organisation")
    assert found == those(lambda r: r["stream"].startswith("organisation-"))
    assert found


async def test_days_of_recording_that_contain_none_are_refused(visitor: Client) -> None:
    asked = "/log/events?from=2022-01-02&to=2022-01-01"
    said = problem(await visitor.get(asked), 400, "from")
    assert "2022-01-02" in said["detail"]
    assert "2022-01-01" in said["detail"]


async def test_pages_of_a_filtered_log_lead_to_all_that_matches(
    reader: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr("iku.ledger.event_filter.EXAMINED", 10)
    after, told = 0, []
    while after is not None:
        page = await reader.says("/log/events", after=after, limit=2, type="verified")
        told += page["events"]
        after = page["next"]
    assert told == await lines(reader, "?type=verified")
    assert len(told) > 10
