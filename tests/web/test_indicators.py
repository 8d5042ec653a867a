"""Indicators over HTTP."""

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
    again = await client.post("/indicators/IKU-2/definitions", json=STRICTER)
    problem(again, 409)
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
    again = await client.post("/indicators/IKU-2/targets", json=TARGET)
    problem(again, 409)
    shown = (await client.says("/indicators/IKU-2"))["targets"]
    assert shown == [TARGET | {"target": "80.00"}]
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
