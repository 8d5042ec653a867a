"""Responses with text for users are in the language of `Accept-Language`."""

from typing import Any

import pytest

from tests.web.conftest import CASE, Client, problem

ID, EN = {"Accept-Language": "id"}, {"Accept-Language": "en-GB, id;q=0.5"}
TOMORROW = {"as_of": "9999-01-01"}
ENGLISH_SENTENCE = "{field} is {day}, but must not be after today, {today}"


@pytest.fixture
async def reported(client: Client) -> Any:
    return await client.records("/conflicts", CASE | {"number": "K1"})


async def test_a_problem_is_in_english_where_no_language_is_asked_for(
    client: Client,
) -> None:
    answer = await client.get("/conflicts/K404")

    shown = problem(answer, 404)
    assert (shown["title"], shown["detail"]) == (
        "Not Found",
        "case K404 does not exist",
    )
    assert answer.headers["Content-Language"] == "en"
    assert answer.headers["Vary"] == "Accept-Language"


async def test_a_problem_is_in_the_language_that_is_preferred(client: Client) -> None:
    indonesian = await client.get("/conflicts/K404", headers=ID)
    english = await client.get("/conflicts/K404", headers=EN)

    shown = problem(indonesian, 404)
    assert shown["title"] == "Tidak Ditemukan"
    assert shown["detail"] == "kasus K404 tidak ditemukan"
    assert indonesian.headers["Content-Language"] == "id"
    assert problem(english, 404)["title"] == "Not Found"
    assert english.headers["Content-Language"] == "en"


async def test_a_problem_names_its_message_and_parameters_in_both_languages_alike(
    client: Client, reported: Any
) -> None:
    event = {"type": "reopened", "effective_on": "2021-02-10"}
    path = f"/conflicts/{reported['id']}/events"
    both = [
        problem(await client.post(path, json=event, headers=headers), 409)
        for headers in (ID, EN)
    ]

    assert both[0]["detail"] == (
        "kasus ini masih terbuka sejak 9 Februari 2021, "
        "sehingga tidak dapat dibuka kembali pada 10 Februari 2021"
    )
    for shown in both:
        assert shown["message"] == (
            "the case has been open since {opened}, so it cannot be reopened on {day}"
        )
        assert shown["parameters"] == {"opened": "2021-02-09", "day": "2021-02-10"}


async def test_each_fault_is_in_the_language_of_the_problem(client: Client) -> None:
    asked = {"as_of": "x", "limit": "0"}
    answer = await client.get("/conflicts", params=asked, headers=ID)

    shown = problem(answer, 400, "as_of", "limit")
    assert [fault["message"] for fault in shown["errors"]] == [
        'as_of harus berupa tanggal yang ditulis YYYY-MM-DD, bukan "x"',
        "limit harus berupa bilangan bulat dari 1 sampai 200, bukan 0",
    ]
    assert shown["detail"] == "; ".join(f["message"] for f in shown["errors"])


async def test_each_fault_names_its_message_and_parameters_in_both_languages_alike(
    client: Client,
) -> None:
    both = [
        problem(
            await client.get("/conflicts", params={"limit": "0"}, headers=headers),
            400,
            "limit",
        )["errors"][0]
        for headers in (ID, EN)
    ]

    for fault in both:
        assert fault["message_id"] == "{path} {rule}"
        assert fault["parameters"]["path"] == "limit"
        rule = fault["parameters"]["rule"]
        assert rule["message"].startswith("must be ")
        assert rule["parameters"]
    assert both[0].pop("message") != both[1].pop("message")
    assert both[0] == both[1]


async def test_what_is_refused_before_routing_is_in_that_language_too(
    client: Client,
) -> None:
    answer = await client.get("/conflicts/%ff", headers=ID)

    assert problem(answer, 400)["detail"] == "alamat bukan UTF-8"
    assert answer.headers["Content-Language"] == "id"
    assert answer.headers["Vary"] == "Accept-Language"


async def test_notes_of_a_receipt_are_in_that_language(
    client: Client, reported: Any
) -> None:
    await client.records("/conflicts", CASE | {"number": "K2"})
    merged = {"type": "merged", "into": "K1", "reason": "Sama"}
    await client.records("/conflicts/K2/events", merged)
    rejected = {"type": "rejected", "reason": "Bukan konflik"}
    answer = await client.post("/conflicts/K1/events", json=rejected, headers=ID)

    assert answer.json()["notes"] == [
        "K2 digabung ke sini (versi 2), sehingga juga tidak dihitung"
    ]
    assert answer.headers["Content-Language"] == "id"
    assert answer.headers["Vary"] == "Accept-Language"


async def test_the_merger_of_a_case_is_named_in_that_language(
    client: Client, reported: Any
) -> None:
    await client.records("/conflicts", CASE | {"number": "K2"})
    merged = {"type": "merged", "into": "K1", "reason": "Sama"}
    await client.records("/conflicts/K2/events", merged)
    verified = {"type": "verified", "effective_on": "2021-02-10"}
    both = [
        problem(
            await client.post("/conflicts/K2/events", json=verified, headers=h), 409
        )
        for h in (ID, EN)
    ]

    assert "digabung ke K1" in both[0]["detail"]
    assert "merged into K1" in both[1]["detail"]
    assert both[0]["parameters"] == both[1]["parameters"]


async def test_figures_are_written_alike_whatever_the_language(client: Client) -> None:
    path = "/indicators/IKU-1/figure"
    answers = [await client.get(path, headers=headers) for headers in (ID, EN)]

    assert answers[0].content == answers[1].content
    assert "Vary" not in answers[0].headers
