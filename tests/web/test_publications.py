"""Publications over HTTP: from the draft to what changed since."""

from typing import Any

import pytest

from tests.web.conftest import Client

YEAR = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP 2021"}
THEN = "2022-01-15"


def step(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "reason": f"Uji {kind}", **more}


async def publish(client: Client, of: str = "2021", **closing: Any) -> None:
    events = f"/publications/{of}/events"
    await client.records(events, step("closed", **closing), Iku_Actor="ani")
    await client.records(events, step("reviewed"), Iku_Actor="siti")
    await client.records(events, step("published"), Iku_Actor="budi")


@pytest.fixture
async def published(loaded: Client) -> Client:
    """The register of 2021, published as it was known on 15 January 2022."""
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on=THEN)
    return loaded


async def test_the_year_is_published_as_it_was_known_then(published: Client) -> None:
    shown = await published.says("/publications/2021")
    assert shown["state"] == "published"
    assert shown["known_on"] == THEN
    frozen = {figure["indicator"]: figure for figure in shown["figures"]}
    assert frozen["IKU-1"]["numerator"] == 8
    assert frozen["IKU-1"]["denominator"] == 9
    assert frozen["IKU-1"]["percentage"] == "88.89"
    assert frozen["IKU-1"]["achievement"] == "111.11"
    assert frozen["IKU-2"]["percentage"] == "84.21"
    taken = [(s["type"], s["actor"], s["reason"]) for s in shown["steps"]]
    assert taken == [
        ("drafted", "ani", "LKjIP 2021"),
        ("closed", "ani", "Uji closed"),
        ("reviewed", "siti", "Uji reviewed"),
        ("published", "budi", "Uji published"),
    ]


async def test_what_changed_since_is_one_annulled_closing_by_name(
    published: Client,
) -> None:
    shown = await published.says("/publications/2021/changes")
    [iku1] = [f for f in shown["figures"] if f["indicator"] == "IKU-1"]
    assert iku1["published"]["percentage"] == "88.89"
    assert iku1["present"]["percentage"] == "77.78"
    assert iku1["difference"] == {
        "indicator": "IKU-1",
        "numerator": -1,
        "denominator": 0,
    }
    moved = [
        item
        for item in shown["items"]
        for effect in item["effects"]
        if effect["indicator"] == "IKU-1"
    ]
    assert [(m["number"], m["cause"], m["event"]["type"]) for m in moved] == [
        ("K10", "annulment", "annulled")
    ]
    print(
        [
            (
                m["number"],
                m["cause"],
                m["event"]["type"],
                m["event"]["effective_on"],
                m["effects"],
            )
            for m in shown["items"]
        ]
    )
