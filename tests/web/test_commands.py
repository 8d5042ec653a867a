"""Who sends a command, under which key, about which version."""

import asyncio

import pytest

from iku.web.commands import expected_version
from iku.web.problems import Malformed
from tests.web.conftest import CASE, RESOLVED, VERIFIED, Client, problem


def test_a_version_is_named_as_etag_gave_it_or_not_at_all() -> None:
    assert expected_version(None) is None
    assert expected_version("*") is None
    assert expected_version('"3"') == 3
    for malformed in ("3", "", '"', '""', 'W/"3"', '"3", "4"', '"-1"', '"٣"', '"3"\n'):
        with pytest.raises(Malformed, match="If-Match"):
            expected_version(malformed)


async def test_a_repetition_gets_the_first_receipt_whatever_happened_since(
    client: Client,
) -> None:
    key = {"Idempotency-Key": "laporan-1"}
    first = await client.post("/conflicts", json=CASE, headers=key)
    assert "Idempotency-Replayed" not in first.headers
    await client.records("/conflicts/K14/events", VERIFIED)
    await client.records("/conflicts/K14/events", RESOLVED)
    again = await client.post("/conflicts", json=CASE, headers=key)
    assert again.status_code == first.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    for name in ("ETag", "Location"):
        assert again.headers[name] == first.headers[name]
    assert len(await client.says("/conflicts/K14/events")) == 3


async def test_a_repeated_report_without_number_is_one_case(client: Client) -> None:
    unnumbered = {name: value for name, value in CASE.items() if name != "number"}
    answers = await asyncio.gather(
        *(
            client.post("/conflicts", json=unnumbered, headers={"Idempotency-Key": "k"})
            for _ in range(8)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert replayed.count(None) == 1
    assert len((await client.says("/conflicts"))["items"]) == 1


async def test_a_repetition_is_answered_though_the_version_has_moved_on(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    headers = {"Idempotency-Key": "k", "If-Match": '"1"'}
    path = "/conflicts/K14/events"
    first = await client.post(path, json=VERIFIED, headers=headers)
    again = await client.post(path, json=VERIFIED, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_key_stands_for_one_command(client: Client) -> None:
    key = {"Idempotency-Key": "k"}
    await client.records("/conflicts", CASE, Idempotency_Key="k")
    other = CASE | {"title": "Yang lain"}
    problem(await client.post("/conflicts", json=other, headers=key), 422)
    elsewhere = await client.post("/conflicts/K14/events", json=VERIFIED, headers=key)
    problem(elsewhere, 422)


async def test_a_stale_version_is_told(client: Client) -> None:
    await client.records("/conflicts", CASE)
    path = "/conflicts/K14/events"
    stale = await client.post(path, json=VERIFIED, headers={"If-Match": '"2"'})
    assert problem(stale, 412)["detail"] == "the version is 1, but the command is for 2"
    await client.records(path, VERIFIED, If_Match="*")
    await client.records(path, RESOLVED, If_Match='"2"')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-Match", "3"),
        ("If-Match", 'W/"3"'),
        ("Idempotency-Key", ""),
        ("Idempotency-Key", "two words"),
        ("Idempotency-Key", "é"),
        ("Idempotency-Key", "k" * 256),
        ("Iku-Actor", ""),
        ("Iku-Actor", " siti"),
        ("Iku-Actor", "si\tti"),
        ("Iku-Actor", "sitié"),
        ("Iku-Actor", "s" * 101),
    ],
)
async def test_a_malformed_header_is_told_by_its_name(
    client: Client, name: str, value: str
) -> None:
    await client.records("/conflicts", CASE)
    answer = await client.post(
        "/conflicts/K14/events",
        json=VERIFIED,
        headers=[(name.encode(), value.encode())],
    )
    problem(answer, 400, name)


async def test_the_longest_key_and_actor_are_kept(client: Client) -> None:
    key, actor = "~" * 255, "Siti Nurhaliza " + "x" * 85
    await client.records("/conflicts", CASE, Idempotency_Key=key, Iku_Actor=actor)
    (event,) = await client.says("/conflicts/K14/events")
    assert (event["command"], event["actor"]) == (key, actor)
