"""Data of the agency over HTTP."""

from typing import Any

import pytest

from tests.web.conftest import Client, problem

SIGNER = {
    "type": "signer_set",
    "office": "kepala_badan",
    "office_title": "Kepala Badan",
    "signer_name": "Contoh Satu",
    "effective_on": "2020-01-02",
}
OTHER = {
    "type": "other_indicator_set",
    "code": "IKU-4",
    "year": 2021,
    "wording": "Indeks contoh",
    "measure": "indeks",
    "actual": "141,92",
}
EVENTS = "/paper-data/signer.kepala-badan/events"


async def stated(client: Client, **asked: Any) -> Any:
    return (await client.says("/paper-data", **asked))["statements"]


async def test_a_statement_is_made_corrected_and_annulled(client: Client) -> None:
    assert await stated(client) == []
    answer = await client.post("/paper-data", json=SIGNER)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1{EVENTS}"
    first = answer.json()
    assert (first["id"], first["version"]) == ("signer.kepala-badan", 1)
    right = SIGNER | {"signer_name": "Contoh Dua", "corrects": 1, "reason": "Ejaan"}
    await client.records("/paper-data", right, Iku_Actor="siti")
    [now] = await stated(client)
    assert (now["version"], now["stated"], now["corrected"]) == (2, 1, 2)
    assert (now["actor"], now["kind"]) == ("siti", "signer")
    assert now["statement"]["signer_name"] == "Contoh Dua"
    assert now["statement"]["reason"] == "Ejaan"
    [then] = await stated(client, size=first["size"])
    assert then["statement"]["signer_name"] == "Contoh Satu"
    assert await stated(client, known_on="2020-01-02") == []
    wrong = {"type": "annulled", "annuls": 1, "reason": "Bukan pejabatnya"}
    await client.records(EVENTS, wrong, If_Match='"2"')
    [left] = await stated(client)
    assert left["statement"] is None
    history = (await client.says(EVENTS))["items"]
    kinds = [one["type"] for one in history]
    assert kinds == ["signer_set", "signer_set", "annulled"]
    assert history[1]["data"]["signer_name"] == "Contoh Dua"
    assert history[1]["text"] == {"reason": "Ejaan"}


async def test_the_data_are_those_of_the_day_and_kind_asked_for(client: Client) -> None:
    await client.records("/paper-data", SIGNER)
    await client.records("/paper-data", OTHER)
    [other] = await stated(client, kind="other_indicator")
    assert other["statement"]["actual"] == "141.92"
    assert other["statement"]["effective_on"] == "2021-12-31"
    before = await stated(client, as_of="2019-12-31")
    assert [one["statement"] for one in before] == [None, None]
    problem(await client.get("/paper-data", params={"size": 999_999}), 400, "size")
    problem(await client.get("/paper-data", params={"kind": "x"}), 400, "kind")


@pytest.mark.parametrize(
    ("change", "status", "paths"),
    [
        ({"actual": "1.234"}, 400, ("actual",)),
        ({"actual": 141.92}, 400, ("actual",)),
        ({"actual": "abc"}, 400, ("actual",)),
        ({"actual": None}, 400, ("target",)),
        ({"code": "IKU-1"}, 400, ("code",)),
        ({"code": "iku"}, 400, ("code",)),
        ({"type": "unknown"}, 400, ("type",)),
        ({"wording": "  "}, 400, ("wording",)),
        ({"wording": "a\u202eb"}, 400, ("wording",)),
        ({"surplus": 1}, 400, ("surplus",)),
        ({"corrects": 1}, 400, ("reason",)),
        ({"effective_on": "2999-01-01"}, 409, ()),
    ],
)
async def test_bad_data_are_refused_at_their_path(
    client: Client, change: dict[str, Any], status: int, paths: tuple[str, ...]
) -> None:
    problem(await client.post("/paper-data", json=OTHER | change), status, *paths)


async def test_a_repetition_is_refused_and_a_retry_gets_its_receipt(
    client: Client,
) -> None:
    given = await client.records("/paper-data", OTHER, Idempotency_Key="a")
    again = await client.post(
        "/paper-data", json=OTHER, headers={"Idempotency-Key": "a"}
    )
    assert (again.status_code, again.json()) == (201, given)
    spelled = OTHER | {"actual": "141.92"}
    refused = problem(await client.post("/paper-data", json=spelled), 409)
    assert "already recorded, at version 1" in refused["detail"]


async def test_what_nobody_stated_has_no_history(client: Client) -> None:
    for name in ("signer.wali-kota", "a b", "x" * 200):
        problem(await client.get(f"/paper-data/{name}/events"), 404)
    wrong = {"type": "annulled", "annuls": 1, "reason": "x"}
    for name in ("plan", "é", "narrative.%2F", "x" * 200):
        problem(await client.post(f"/paper-data/{name}/events", json=wrong), 404)
