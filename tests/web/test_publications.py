"""Publications over HTTP: from the draft to the changes since."""

from typing import Any

import pytest

from tests.web.conftest import CASE, VERIFIED, Client, problem

YEAR = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP 2021"}
THEN = "2022-01-15"
EVENTS = "/publications/2021/events"


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


def by_code(figures: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {figure["indicator"]: figure for figure in figures}


# The story of 2021.


async def test_the_year_is_published_as_it_was_known_then(published: Client) -> None:
    shown = await published.says("/publications/2021")
    assert (shown["state"], shown["known_on"]) == ("published", THEN)
    frozen = by_code(shown["figures"])["IKU-1"]
    assert (frozen["numerator"], frozen["denominator"]) == (8, 9)
    assert (frozen["percentage"], frozen["achievement"]) == ("88.89", "111.11")
    assert (frozen["target"], frozen["rating"]) == ("80.00", "Sangat Tinggi")
    assert (frozen["definition"], frozen["scale"]) == (1, 1)
    taken = [(s["type"], s["actor"], s["reason"]) for s in shown["steps"]]
    assert taken == [
        ("drafted", "ani", "LKjIP 2021"),
        ("closed", "ani", "Uji closed"),
        ("reviewed", "siti", "Uji reviewed"),
        ("published", "budi", "Uji published"),
    ]


async def test_a_series_tells_what_was_first_published_of_each_point(
    published: Client,
) -> None:
    await published.records("/publications", YEAR | {"restates": "2021"})
    await publish(published, "2021.2")
    asked = {"from": "2021-03-31", "to": "2021-12-31", "step": "quarter"}
    told = await published.says("/indicators/IKU-1/series", **asked)
    *before, last = told["published"]
    assert before == [None, None, None]
    assert last["publication"] == "2021"
    assert last["figure"]["percentage"] == "88.89"
    assert told["figures"][-1]["percentage"] == "77.78"
    # A log prefix before the publication has none.
    known = await published.says(
        "/indicators/IKU-1/series", **asked, size=last["position"] - 1
    )
    assert known["published"] == [None] * 4


async def test_its_figures_are_those_that_their_coordinates_give(
    published: Client,
) -> None:
    shown = await published.says("/publications/2021")
    for code, frozen in by_code(shown["figures"]).items():
        asked = {"as_of": "2021-12-31", "known_on": THEN, "size": shown["size"]}
        figure = await published.says(f"/indicators/{code}/figure", **asked)
        assert {k: v for k, v in frozen.items() if k != "scale"}.items() <= (
            figure.items()
        )


async def test_what_changed_since_is_one_annulled_closing_and_one_late_participation(
    published: Client,
) -> None:
    shown = await published.says("/publications/2021/changes")
    moved = by_code(shown["figures"])
    assert moved["IKU-1"]["published"]["percentage"] == "88.89"
    assert moved["IKU-1"]["present"]["percentage"] == "77.78"
    differs = {"indicator": "IKU-1", "numerator": -1, "denominator": 0}
    assert moved["IKU-1"]["difference"] == differs
    assert moved["IKU-3"]["published"]["numerator"] == 3
    assert moved["IKU-3"]["difference"]["numerator"] == 0
    told = {
        item["number"]: (item["cause"], item["event"]["type"], item["effects"])
        for item in shown["items"]
    }
    late = {"indicator": "IKU-2", "numerator": 1, "denominator": 0}
    assert told == {
        "K10": ("annulment", "annulled", [differs]),
        "O35": ("late_data", "participated", [late]),
    }
    [annulled] = [item for item in shown["items"] if item["number"] == "K10"]
    event = annulled["event"]
    assert annulled["title"] == "Perkara"
    assert event["known_on"] == "2022-01-20"
    assert event["actor"] == "siti"
    assert event["reason"]


async def test_what_is_recorded_late_is_told_with_its_reason(
    published: Client,
) -> None:
    why = {"reason": "Laporan baru diterima"}
    await published.records("/conflicts", CASE | {"number": "K77"} | why)
    events = "/conflicts/K77/events"
    said = problem(await published.post(events, json=VERIFIED), 400, "reason")
    at = "IKU-1 of publication 2021 (2021-01-01 to 2021-12-31, closed on "
    assert said["detail"].startswith(f"reason is missing: {at}")
    # As counted now: the closing of K10 was annulled since 8/9 were printed.
    assert said["detail"].endswith(") would change from 7/9 to 7/10")
    await published.records(events, VERIFIED | why)
    shown = await published.says("/publications/2021/changes")
    [reported, verified] = shown["items"][-2:]
    assert (reported["cause"], reported["effects"]) == ("late_data", [])
    assert verified["cause"] == "verification"
    assert verified["effects"] == [
        {"indicator": "IKU-1", "numerator": 0, "denominator": 1}
    ]
    assert reported["event"]["reason"] == verified["event"]["reason"] == why["reason"]
    moved = by_code(shown["figures"])["IKU-1"]
    assert (moved["present"]["numerator"], moved["present"]["denominator"]) == (7, 10)


async def test_a_new_target_and_definition_move_nothing_that_is_printed(
    published: Client,
) -> None:
    before = await published.says("/publications/2021")
    basis = {"basis": "PK Perubahan", "effective_on": "2021-12-01"}
    target = {"year": 2021, "target": "70.00", **basis}
    late = await published.post("/indicators/IKU-1/targets", json=target)
    said = problem(late, 400, "reason")
    assert said["detail"].endswith(") would change from 80.00 to 70.00")
    explained = target | {"reason": "PK Perubahan baru diterima"}
    await published.records("/indicators/IKU-1/targets", explained)
    definition = {**basis, "effective_on": "2021-01-01", "reason": "x"}
    options = {"minimum_level": "potensi"}
    await published.records("/indicators/IKU-1/definitions", definition | options)
    assert await published.says("/publications/2021") == before
    shown = await published.says("/publications/2021/changes")
    moved = by_code(shown["figures"])["IKU-1"]
    assert moved["definition"] == 1
    assert moved["published"]["target"] == "80.00"
    assert moved["present"]["target"] == "70.00"
    causes = [(item["subject"], item["cause"]) for item in shown["items"][-2:]]
    assert causes == [("IKU-1", "target"), ("IKU-1", "definition")]
    assert [item["title"] for item in shown["items"][-2:]] == [None, None]


async def test_changes_are_read_page_by_page(published: Client) -> None:
    path = "/publications/2021/changes"
    whole = await published.says(path)
    first = await published.says(path, limit=1)
    rest = await published.says(path, limit=1, cursor=first["next"])
    assert first["items"] + rest["items"] == whole["items"]
    assert (rest["next"], rest["figures"]) == (None, whole["figures"])
    for cursor in ("x", "AAAA", "MTQ4LjIwMjExMjMxLmsuMTQ0"):
        problem(await published.get(path, params={"cursor": cursor}), 400, "cursor")


# Restatement.


async def test_a_restatement_stands_beside_the_old_edition(published: Client) -> None:
    before = await published.says("/publications/2021")
    again = YEAR | {"restates": "2021", "reason": "Penutupan K10 dibatalkan"}
    given = await published.records("/publications", again | {"title": "LKjIP"})
    assert (given["id"], given["number"]) == ("2021.2", "2021.2")
    drafted = await published.says("/publications/2021.2")
    assert by_code(drafted["live"])["IKU-1"]["percentage"] == "77.78"
    await publish(published, "2021.2")
    second = await published.says("/publications/2021.2")
    assert (second["edition"], second["restates"]) == (2, "2021")
    assert second["title"] == "LKjIP"
    assert by_code(second["figures"])["IKU-1"]["percentage"] == "77.78"
    both = [
        {"id": "2021", "edition": 1, "state": "published"},
        {"id": "2021.2", "edition": 2, "state": "published"},
    ]
    first = await published.says("/publications/2021")
    assert first["editions"] == second["editions"] == both
    assert first["figures"] == before["figures"]
    changes = await published.says("/publications/2021.2/changes")
    assert changes["items"] == []


# Steps.


async def test_a_draft_is_answered_with_its_identifier_and_where_it_stands(
    client: Client,
) -> None:
    answer = await client.post("/publications", json=YEAR)
    given = answer.json()
    assert (answer.status_code, given["id"], given["version"]) == (201, "2021", 1)
    assert answer.headers["Location"] == "/api/v1/publications/2021"
    assert answer.headers["ETag"] == '"1"'
    quarter = {"period": "quarter", "as_of": "2021-08-15", "reason": "Rapat"}
    second = await client.records("/publications", quarter)
    # All publications of a year share one history.
    assert (second["id"], second["version"]) == ("2021-W3-sd0815", 2)
    shown = await client.get("/publications/2021")
    assert shown.headers["ETag"] == '"2"'


async def test_a_step_sent_twice_under_one_key_is_taken_once(client: Client) -> None:
    key = {"Idempotency-Key": "p1"}
    drafted = await client.post("/publications", json=YEAR, headers=key)
    again = await client.post("/publications", json=YEAR, headers=key)
    assert again.json() == drafted.json()
    closing, key = step("closed"), {"Idempotency-Key": "p2"}
    first = await client.post(EVENTS, json=closing, headers=key)
    await client.records("/conflicts", CASE | {"reason": "Terlambat"})
    again = await client.post(EVENTS, json=closing, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    problem(await client.post(EVENTS, json=step("returned"), headers=key), 422)


async def test_if_match_refuses_a_step_about_an_older_version(client: Client) -> None:
    await client.records("/publications", YEAR)
    await client.records(EVENTS, step("closed"), If_Match='"1"')
    problem(
        await client.post(EVENTS, json=step("reviewed"), headers={"If-Match": '"1"'}),
        412,
    )
    await client.records(EVENTS, step("reviewed"), If_Match='"2"')


async def test_reviewer_and_publisher_differ(client: Client) -> None:
    await client.records("/publications", YEAR)
    await client.records(EVENTS, step("closed"), Iku_Actor="siti")
    await client.records(EVENTS, step("reviewed"), Iku_Actor="siti")
    same = {"Iku-Actor": "Siti"}
    said = problem(await client.post(EVENTS, json=step("published"), headers=same), 409)
    assert "published by Siti" in said["detail"]
    assert "reviewed by siti" in said["detail"]
    await client.records(EVENTS, step("published"), Iku_Actor="budi")


async def test_what_is_published_takes_no_more_steps(published: Client) -> None:
    for kind in ("closed", "returned", "reviewed", "published", "withdrawn"):
        said = problem(await published.post(EVENTS, json=step(kind)), 409)
        assert "has been published since" in said["detail"]
    said = problem(await published.post("/publications", json=YEAR), 409)
    assert "draft a new edition with restates 2021" in said["detail"]


async def test_a_withdrawn_draft_frees_its_identifier(client: Client) -> None:
    await client.records("/publications", YEAR)
    await client.records(EVENTS, step("withdrawn"))
    problem(await client.get("/publications/2021/changes"), 404)
    shown = await client.says("/publications/2021")
    assert (shown["state"], shown["live"], shown["figures"]) == (
        "withdrawn",
        None,
        None,
    )
    await client.records("/publications", YEAR)
    shown = await client.says("/publications/2021")
    assert shown["state"] == "draft"
    assert [s["type"] for s in shown["steps"]] == ["drafted", "withdrawn", "drafted"]


# Lists.


async def test_publications_are_listed_by_year_and_state(client: Client) -> None:
    for kind, day in (
        ("quarter", "2021-06-30"),
        ("year", "2022-12-31"),
        ("quarter", "2021-03-31"),
        ("year", "2021-12-31"),
    ):
        body = {"period": kind, "as_of": day, "reason": "x"}
        await client.records("/publications", body)
    await client.records(EVENTS, step("closed"))

    async def ids(**params: Any) -> list[str]:
        found = await client.says("/publications", **params)
        return [one["id"] for one in found["publications"]]

    assert await ids() == ["2021", "2021-W1", "2021-W2", "2022"]
    assert await ids(year=2022) == ["2022"]
    assert await ids(state="closed") == ["2021"]
    assert await ids(state="draft", year=2021) == ["2021-W1", "2021-W2"]
    assert await ids(year=2020) == []


# Bad input.


@pytest.mark.parametrize(
    ("body", "status", "paths"),
    [
        ({}, 400, ["period", "as_of", "reason"]),
        (YEAR | {"period": "week"}, 400, ["period"]),
        (YEAR | {"as_of": "2021-02-30"}, 400, ["as_of"]),
        (YEAR | {"as_of": "9999-12-31"}, 409, []),
        (YEAR | {"as_of": "0001-01-01"}, 409, []),
        (YEAR | {"reason": " "}, 400, ["reason"]),
        (YEAR | {"restates": "2021"}, 400, ["restates"]),
        (YEAR | {"restates": "2020"}, 400, ["restates"]),
        (YEAR | {"restates": "2021.1"}, 400, ["restates"]),
        (YEAR | {"restates": "x"}, 400, ["restates"]),
        (YEAR | {"edition": 2}, 400, ["edition"]),
        (YEAR | {"title": "a\nb"}, 400, ["title"]),
    ],
)
async def test_a_bad_draft_is_refused_by_name(
    visitor: Client, body: dict[str, Any], status: int, paths: list[str]
) -> None:
    problem(await visitor.post("/publications", json=body), status, *paths)


@pytest.mark.parametrize(
    ("body", "status", "paths"),
    [
        ({"type": "closed"}, 400, ["reason"]),
        (step("drafted"), 400, ["type"]),
        (step("closed", known_on="2021-12-30"), 400, ["known_on"]),
        (step("closed", known_on="9999-12-31"), 400, ["known_on"]),
        (step("closed", known_on="0001-01-01"), 400, ["known_on"]),
        (step("closed", figures=[]), 400, ["figures"]),
        (step("reviewed", by="siti"), 400, ["by"]),
        (step("reviewed"), 409, []),
    ],
)
async def test_a_bad_step_is_refused_by_name(
    client: Client, body: dict[str, Any], status: int, paths: list[str]
) -> None:
    await client.records("/publications", YEAR)
    problem(await client.post(EVENTS, json=body), status, *paths)


@pytest.mark.parametrize("of", ["2022", "2021-W1", "x", "2021~2", "publication"])
async def test_what_was_never_drafted_is_not_found(client: Client, of: str) -> None:
    await client.records("/publications", YEAR)
    problem(await client.get(f"/publications/{of}"), 404)
    problem(await client.get(f"/publications/{of}/changes"), 404)
    problem(await client.post(f"/publications/{of}/events", json=step("closed")), 404)


async def test_of_a_draft_no_change_can_be_told(client: Client) -> None:
    await client.records("/publications", YEAR)
    said = problem(await client.get("/publications/2021/changes"), 404)
    assert said["detail"] == (
        "publication 2021 is draft, so its figures are not frozen yet"
    )
    problem(await client.get("/publications", params={"year": 1944}), 400, "year")
    problem(await client.get("/publications", params={"state": "gone"}), 400, "state")
