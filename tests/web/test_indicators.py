"""Indicators over HTTP."""

from typing import Any

from msgspec.structs import replace

from iku.app import App
from iku.domain.question import Question
from iku.queries.recount import recount
from tests.web.conftest import Client, problem

STRICTER = {
    "effective_on": "2022-01-01",
    "basis": "Keputusan Kepala Badan (contoh)",
    "reason": "Sekali hadir belum aktif",
    "participation_threshold": 2,
}
TARGET = {
    "year": 2021,
    "target": "80",
    "effective_on": "2021-09-01",
    "basis": "PK Perubahan 2021 (contoh)",
}

SAME = TARGET | {"target": "80.00"}
EVENTS = "/indicators/IKU-2/events"


async def test_indicators_say_what_they_are(visitor: Client) -> None:
    shown = await visitor.says("/indicators")
    assert [one["code"] for one in shown["indicators"]] == ["IKU-1", "IKU-2", "IKU-3"]
    assert shown["scale"]["bands"][0]["rating"] == "Sangat Tinggi"
    second = shown["indicators"][1]
    assert second["owner"].startswith("Bidang Politik Dalam Negeri")
    assert second["targets"] == []
    (definition,) = second["definitions"]
    assert definition["definition"] == 1
    assert definition["reason"] is None
    assert definition["options"]["kinds"] == ["ormas", "lsm", "parpol"]
    one = await visitor.says("/indicators/IKU-2")
    assert one == second | {"scale": shown["scale"]}


async def test_a_definition_adds_a_version(client: Client) -> None:
    answer = await client.post(
        "/indicators/IKU-2/definitions", json=STRICTER, headers={"Idempotency-Key": "a"}
    )
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/indicators/IKU-2"
    given = answer.json()
    assert (given["indicator"], given["definition"]) == ("IKU-2", 2)
    assert (given["id"], given["version"], given["size"]) == ("IKU-2", 2, 5)
    for path in ("", "?preview=true"):
        again = await client.post(f"/indicators/IKU-2/definitions{path}", json=STRICTER)
        assert "definition 2" in problem(again, 409)["detail"]
    third = STRICTER | {"participation_threshold": 3}
    await client.records("/indicators/IKU-2/definitions", third)
    replayed = await client.post(
        "/indicators/IKU-2/definitions", json=STRICTER, headers={"Idempotency-Key": "a"}
    )
    assert (replayed.status_code, replayed.json()) == (201, given)
    shown = (await client.says("/indicators/IKU-2"))["definitions"]
    thresholds = [one["options"]["participation_threshold"] for one in shown]
    assert thresholds == [1, 2, 3]
    assert shown[1]["reason"] == STRICTER["reason"]


async def test_a_definition_counts_from_its_day_on(loaded: Client) -> None:
    await loaded.records(
        "/indicators/IKU-2/definitions", STRICTER | {"effective_on": "2021-01-01"}
    )
    path = "/indicators/IKU-2/figure?as_of=2021-12-31"
    now, then = await loaded.says(path), await loaded.says(f"{path}&definition=1")
    assert (now["definition"], then["definition"]) == (2, 1)
    assert now["numerator"] < then["numerator"] == 33
    problem(await loaded.get(f"{path}&definition=3"), 400, "definition")


async def test_an_option_of_another_indicator_is_told_by_its_path(
    client: Client,
) -> None:
    answer = await client.post("/indicators/IKU-1/definitions", json=STRICTER)
    problem(answer, 400, "participation_threshold")
    none = STRICTER | {"kinds": []}
    problem(await client.post("/indicators/IKU-2/definitions", json=none), 400, "kinds")


async def test_the_category_of_an_indicator_is_not_redefined(client: Client) -> None:
    other = {**STRICTER, "category": "sara"}
    del other["participation_threshold"]
    for path in ("", "?preview=true"):
        answer = await client.post(f"/indicators/IKU-1/definitions{path}", json=other)
        problem(answer, 400, "category")


async def test_a_target_is_set(client: Client) -> None:
    given = await client.records("/indicators/IKU-2/targets", TARGET)
    assert (given["indicator"], given["year"], given["target"]) == (
        "IKU-2",
        2021,
        "80.00",
    )
    assert given["version"] == 2
    for path in ("", "?preview=true"):
        again = await client.post(f"/indicators/IKU-2/targets{path}", json=TARGET)
        assert "version 2" in problem(again, 409)["detail"]
    rounded = await client.post("/indicators/IKU-2/targets", json=SAME)
    assert "version 2" in problem(rounded, 409)["detail"]
    shown = (await client.says("/indicators/IKU-2"))["targets"]
    added: dict[str, Any] = {
        "version": 2,
        "reason": None,
        "corrected": [],
        "annulled": None,
    }
    assert shown == [TARGET | {"target": "80.00"} | added]
    nought = TARGET | {"target": "0.00"}
    problem(await client.post("/indicators/IKU-2/targets", json=nought), 400, "target")


async def test_versions_are_matched(client: Client) -> None:
    stale = await client.post(
        "/indicators/IKU-2/targets", json=TARGET, headers={"If-Match": '"9"'}
    )
    problem(stale, 412)
    await client.records("/indicators/IKU-2/targets", TARGET, If_Match='"1"')


async def test_an_unknown_indicator_is_not_found(client: Client) -> None:
    problem(await client.get("/indicators/IKU-4"), 404)
    problem(await client.post("/indicators/IKU-4/definitions", json=STRICTER), 404)
    problem(await client.post("/indicators/IKU-4/targets", json=TARGET), 404)


def correction(version: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "corrected",
        "corrects": version,
        "reason": "Salah ketik",
        **fields,
    }


def annulment(version: int) -> dict[str, Any]:
    return {"type": "annulled", "annuls": version, "reason": "Belum ditetapkan"}


async def test_a_definition_of_a_wrong_day_is_replaced_in_one_append(
    loaded: Client,
) -> None:
    wrong = await loaded.records(
        "/indicators/IKU-2/definitions", STRICTER | {"effective_on": "2021-01-01"}
    )
    version, size = wrong["version"], wrong["size"]
    moved = correction(version, effective_on="2022-01-01")
    given = await loaded.records(
        EVENTS, moved, Idempotency_Key="a", If_Match=f'"{version}"'
    )
    assert (given["version"], given["size"]) == (version + 2, size + 2)
    assert (given["indicator"], given["definition"]) == ("IKU-2", 3)
    replayed = await loaded.post(EVENTS, json=moved, headers={"Idempotency-Key": "a"})
    assert (replayed.status_code, replayed.json()) == (201, given)
    assert (
        "definition 3" in problem(await loaded.post(EVENTS, json=moved), 409)["detail"]
    )
    path = "/indicators/IKU-2/figure?as_of=2021-12-31"
    known = {
        f"&size={size}": (2, 9),  # before the correction
        f"&size={size + 1}": (2, 9),  # with the new version, and not the annulment
        f"&size={size + 2}": (1, 33),
        "": (1, 33),
        "&definition=2": (2, 9),  # still available by its number, with the same result
    }
    for coordinates, expected in known.items():
        found = await loaded.says(path + coordinates)
        assert (found["definition"], found["numerator"]) == expected
    shown = await loaded.says("/indicators/IKU-2")
    assert shown["version"] == version + 2
    first, second, third = shown["definitions"]
    assert (first["annulled"], third["annulled"]) == (None, None)
    assert second["annulled"]["version"] == version + 2
    assert second["annulled"]["reason"] == "Salah ketik"
    assert (second["corrects"], third["corrects"]) == (None, 2)
    assert third["effective_on"] == "2022-01-01"
    told = (await loaded.says(EVENTS))["items"]
    assert [one["type"] for one in told[-3:]] == ["defined", "defined", "annulled"]
    assert told[-1]["text"] == {"reason": "Salah ketik"}
    assert {one["version"] for one in told[-1]["replaced"]} == {version}


async def test_a_definition_is_annulled_but_never_the_last(client: Client) -> None:
    given = await client.records(
        "/indicators/IKU-2/definitions", STRICTER | {"effective_on": "2021-01-01"}
    )
    done = await client.records(EVENTS, annulment(given["version"]))
    assert done["definition"] is None
    assert (await client.says("/indicators/IKU-2/figure"))["definition"] == 1
    again = await client.post(EVENTS, json=annulment(given["version"]))
    assert f"version {done['version']}" in problem(again, 409)["detail"]
    last = await client.post(EVENTS, json=annulment(1))
    assert "no other definition is in force" in problem(last, 409)["detail"]
    problem(await client.post(EVENTS, json=annulment(9)), 400, "annuls")
    problem(await client.post(EVENTS, json=correction(1, year=2022)), 400, "year")
    problem(await client.post(EVENTS, json=correction(1)), 400, "corrects")


async def test_a_target_is_corrected_and_annulled_for_those_who_know(
    loaded: Client,
) -> None:
    typed = {**TARGET, "year": 2022, "effective_on": "2022-01-01", "target": "57"}
    given = await loaded.records("/indicators/IKU-2/targets", typed)
    wrong, size = given["version"], given["size"]
    done = await loaded.records(EVENTS, correction(wrong, target="75"))
    assert done["definition"] is None
    path = "/indicators/IKU-2/figure?as_of=2022-12-31"
    assert (await loaded.says(f"{path}&size={size}"))["target"] == "57.00"
    assert (await loaded.says(path))["target"] == "75.00"
    again = await loaded.post(EVENTS, json=correction(wrong, target="75.00"))
    assert f"version {done['version']}" in problem(again, 409)["detail"]
    shown = (await loaded.says("/indicators/IKU-2"))["targets"][-1]
    assert (shown["target"], shown["corrected"]) == ("75.00", [done["version"]])
    told = (await loaded.says(EVENTS))["items"]
    assert told[-1]["replaced"] == [
        {"version": wrong, "field": "target", "before": "57", "after": "75"}
    ]
    gone = await loaded.records(EVENTS, annulment(wrong))
    assert (await loaded.says(path))["target"] is None
    shown = (await loaded.says("/indicators/IKU-2"))["targets"][-1]
    assert (shown["target"], shown["corrected"]) == ("75.00", [done["version"]])
    assert shown["annulled"]["version"] == gone["version"]


async def test_a_revision_is_tried_before_it_is_recorded(loaded: Client) -> None:
    today = (await loaded.says("/indicators/IKU-2/figure"))["as_of"]
    year, first = int(today[:4]), f"{today[:4]}-01-01"
    target = {**TARGET, "year": year, "effective_on": first}
    path = "/indicators/IKU-2/targets?preview=true"
    tried = await loaded.post(path, json=target)
    assert tried.status_code == 200, tried.text
    points = tried.json()["points"]
    assert len(points) == 9
    assert points[-1]["as_of"] == today
    assert (points[-1]["before"]["target"], points[-1]["after"]["target"]) == (
        None,
        "80.00",
    )
    assert all(one["before"] == one["after"] for one in points[:-1])
    keyed = await loaded.post(path, json=target, headers={"Idempotency-Key": "a"})
    problem(keyed, 400, "Idempotency-Key")
    given = await loaded.records("/indicators/IKU-2/targets", target)
    wrong = annulment(given["version"])
    tried = await loaded.post(f"{EVENTS}?preview=true", json=wrong)
    assert tried.json()["points"][-1]["after"]["target"] is None
    assert tried.json()["size"] == given["size"]
    stricter = STRICTER | {"effective_on": "2021-01-01"}
    added = await loaded.records("/indicators/IKU-2/definitions", stricter)
    tried = await loaded.post(
        f"{EVENTS}?preview=true", json=annulment(added["version"])
    )
    assert {
        (one["before"]["definition"], one["after"]["definition"])
        for one in tried.json()["points"]
    } == {(2, 1)}
    assert (await loaded.says("/indicators/IKU-2"))["version"] == added["version"]


async def test_a_target_above_a_hundred_per_cent_says_why(client: Client) -> None:
    high = TARGET | {"target": "101"}
    answer = await client.post("/indicators/IKU-2/targets", json=high)
    assert "101.00" in problem(answer, 400, "reason")["errors"][0]["message"]
    why = high | {"reason": "Termasuk sisa tahun lalu"}
    await client.records("/indicators/IKU-2/targets", why)
    shown = (await client.says("/indicators/IKU-2"))["targets"]
    assert shown[0]["reason"] == "Termasuk sisa tahun lalu"


async def test_what_is_decreed_for_a_day_to_come_counts_from_that_day_on(
    loaded: Client, app: App
) -> None:
    today = app.commands.today()
    coming = today.replace(year=today.year + 1, month=1, day=1)
    path = f"/indicators/IKU-2/figure?as_of={today}"
    before = await loaded.says(path)
    stricter = STRICTER | {"effective_on": str(coming)}
    await loaded.records("/indicators/IKU-2/definitions", stricter)
    target = TARGET | {"effective_on": str(coming), "year": coming.year}
    await loaded.records("/indicators/IKU-2/targets", target)
    names = ("definition", "numerator", "denominator", "target", "rating")
    now = await loaded.says(path)
    assert [now[name] for name in names] == [before[name] for name in names]
    wording = (await loaded.says("/indicators/IKU-2"))["wording"]
    assert (
        wording == (await loaded.says("/indicators/IKU-2"))["definitions"][0]["wording"]
    )
    question = Question("IKU-2", coming)
    async with app.pool.acquire() as connection:
        for day in (coming, coming.replace(month=12)):
            then = replace(question, as_of=day)
            [figure] = await app.figures.answer(connection, [then], day)
            assert (figure.definition, str(figure.target)) == (2, "80.00")
            assert figure == await recount(connection, then, day)
    far = TARGET | {"effective_on": f"{today.year + 11}-01-01"}
    problem(await loaded.post("/indicators/IKU-2/targets", json=far), 409)
