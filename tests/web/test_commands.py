"""Commands: actor, idempotency key and expected version."""

import asyncio
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from iku import parsing
from iku.parsing import ParseError
from iku.web.commands import ChangeHeaders
from tests.web.conftest import (
    CASE,
    ORGANISATION,
    RESOLVED,
    VERIFIED,
    Client,
    problem,
)
from tests.web.test_indicators import STRICTER, TARGET


@pytest.mark.parametrize(("if_match", "expected"), [("*", None), ('"3"', 3)])
def test_a_version_is_named_as_etag_gave_it(
    if_match: str, expected: int | None
) -> None:
    assert (
        _changing(("If-Match", if_match)).command_gateway(Mock()).expected == expected
    )
    assert _changing().command_gateway(Mock()).expected is None


@pytest.mark.parametrize(
    "malformed", ["3", "", '"', '""', 'W/"3"', '"3", "4"', '"-1"', '"٣"', '"3"\n']
)
def test_what_etag_never_gave_names_no_version(malformed: str) -> None:
    with pytest.raises(ParseError, match="If-Match"):
        _changing(("If-Match", malformed))


def _changing(*headers: tuple[str, str]) -> ChangeHeaders:
    return parsing.parse_texts(ChangeHeaders, headers)


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
    assert len(await client.history("/conflicts/K14")) == 3


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
    assert (
        problem(stale, 412)["detail"]
        == "the current version is 1, but the command expects version 2"
    )
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
    (event,) = await client.history("/conflicts/K14")
    assert (event["command"], event["actor"]) == (key, actor)


NEW = ("/conflicts", "/organisations", "/publications", "/paper-data")
DRAFT = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP 2021"}
PLAN = {
    "type": "plan_set",
    "document": "Renstra",
    "first_year": 2019,
    "last_year": 2023,
}
KNOWN: dict[str, Any] = {
    "/conflicts/K14/events": VERIFIED,
    "/conflicts/K14/attachments": None,
    "/organisations/O41/attachments": None,
    "/organisations/O41/events": {"type": "dissolved", "effective_on": "2021-08-01"},
    "/publications/2021/events": {"type": "withdrawn", "reason": "Salah tahun"},
    "/indicators/IKU-2/definitions": STRICTER,
    "/indicators/IKU-2/targets": TARGET,
    "/paper-data/plan/events": {"type": "annulled", "annuls": 1, "reason": "Salah"},
    "/subjects/conflict-K14/erasure": {"decision": "B/1", "legal_basis": "UU 27/2022"},
}
FILE = {"Iku-File-Name": "a.txt", "Content-Type": "text/plain"}
NEVER = ("If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")


async def test_a_condition_that_would_be_ignored_is_refused(client: Client) -> None:
    size = (await client.says("/log/events"))["size"]
    asked = [(path, name) for path in (*NEW, *KNOWN) for name in NEVER]
    for path, name in [*asked, *((path, "If-Match") for path in NEW)]:
        for value in ("*", '"1"', "", "é"):
            answer = await client.post(
                path, content=b"x", headers=[(name.encode(), value.encode())]
            )
            told = problem(answer, 400, name)["detail"]
            heeded = "Idempotency-Key" if path in NEW else "If-Match, Idempotency-Key"
            assert told == (
                f"{name} is not supported by this resource, so nothing was recorded; "
                f"supported headers: {heeded}"
            )
    assert (await client.says("/log/events"))["size"] == size


async def test_the_version_is_heeded_wherever_it_is_taken(client: Client) -> None:
    for path, body in zip(NEW, (CASE, ORGANISATION, DRAFT, PLAN), strict=True):
        await client.records(path, body)
    size = (await client.says("/log/events"))["size"]
    for path, sent in KNOWN.items():
        stale = {"If-Match": '"9"'} | ({} if sent else FILE)
        content = msgspec.json.encode(sent) if sent else b"x"
        headers = {"Content-Type": "application/json"} | stale
        problem(await client.post(path, content=content, headers=headers), 412)
    assert (await client.says("/log/events"))["size"] == size


@pytest.mark.parametrize(
    ("name", "value"),
    [("If-Match", '"1"'), ("Idempotency-Key", "k"), ("Iku-Actor", "siti")],
)
async def test_a_header_that_is_given_twice_is_refused(
    client: Client, name: str, value: str
) -> None:
    await client.records("/conflicts", CASE)
    for second in (value, "*", ""):
        answer = await client.post(
            "/conflicts/K14/events",
            json=VERIFIED,
            headers=[(name, value), (name.lower(), second)],
        )
        told = problem(answer, 400, name)["detail"]
        assert told == f"{name} occurs more than once"


async def test_what_records_nothing_takes_no_key(client: Client) -> None:
    path = "/indicators/IKU-2/definitions"
    for preview, status in (("true", 400), ("false", 201)):
        answer = await client.post(
            f"{path}?preview={preview}", json=STRICTER, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == status
    # A GET may ignore a precondition: its response is still correct.
    read = await client.get("/conflicts", headers={"If-None-Match": '"1"'})
    assert read.status_code == 200
