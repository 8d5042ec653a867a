"""Organisations over HTTP."""

import pytest

from tests.web.conftest import ORGANISATION, Client, problem


async def test_an_organisation_is_registered_and_looked_at(client: Client) -> None:
    answer = await client.post("/organisations", json=ORGANISATION)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/organisations/O41"
    shown = await client.get("/organisations/O41")
    assert shown.headers["ETag"] == '"1"'
    assert shown.json() == {
        "withheld": {},
        "id": "O41",
        "number": "O41",
        "status": "active",
        "kind": "ormas",
        "name": "Perkumpulan Contoh",
        "area": None,
        "legal_basis": "skt",
        "valid_until": "2026-09-14",
        "expired": True,
        "registered_on": "2021-03-01",
        "merged_into": None,
        "version": 1,
    }
    then = await client.says("/organisations/O41", as_of="2026-09-14")
    assert then["expired"] is False


async def test_an_organisation_without_number_gets_the_next_one(
    client: Client,
) -> None:
    unnumbered = {n: value for n, value in ORGANISATION.items() if n != "number"}
    given = await client.records("/organisations", unnumbered)
    # In the year of its effective day, not of its entry.
    assert given["id"] == "O2021-00001"


async def test_every_kind_of_event_is_recorded(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    for number in ("O42", "O43", "O44", "O45", "O46"):
        await client.records("/organisations", ORGANISATION | {"number": number})
    day = {"effective_on": "2021-06-01"}
    taken = {"participation": "P-1", "activity": "musrenbang", **day}
    story = (
        {"type": "renewed", "valid_until": "2027-01-01", **day},
        {"type": "suspended", **day},
        {"type": "restored", "effective_on": "2021-07-01"},
        {"type": "participated", **taken},
        {"type": "participation_verified", "participation": "P-1"},
        {"type": "corrected", "corrects": 1, "name": "Nama Baru", "reason": "Salah"},
        {"type": "annulled", "annuls": 3, "reason": "Keliru"},
    )
    for version, event in enumerate(story[:6], start=2):
        given = await client.records("/organisations/O41/events", event)
        assert given["version"] == version
    endings = (
        ("O42", {"type": "dissolved", **day}, "dissolved"),
        ("O43", {"type": "revoked", **day}, "revoked"),
        ("O44", {"type": "moved_out", **day}, "moved_out"),
        ("O45", {"type": "merged", "into": "O41", "reason": "Sama"}, "merged"),
        ("O46", {"type": "rejected", "reason": "Bukan ormas"}, "rejected"),
    )
    for number, event, status in endings:
        await client.records(f"/organisations/{number}/events", event)
        assert (await client.says(f"/organisations/{number}"))["status"] == status
    told = await client.history("/organisations/O41")
    types = [e["type"] for e in story[:6]]
    assert [event["type"] for event in told[1:]] == [*types, "absorbed"]
    assert told[5]["data"] == {"participation": "P-1"}


async def test_a_merger_and_a_rejection_say_what_they_mean_for_others(
    client: Client,
) -> None:
    for number in ("O41", "O42"):
        await client.records("/organisations", ORGANISATION | {"number": number})
        taken = {"type": "participated", "participation": "P-1", "verified": True}
        taken |= {"activity": "musrenbang", "effective_on": "2021-06-01"}
        await client.records(f"/organisations/{number}/events", taken)
    merged = {"type": "merged", "into": "O42", "reason": "Sama"}
    given = await client.records("/organisations/O41/events", merged)
    assert given["notes"] == [
        (
            "participation P-1 is not taken over: O42 already took part in musrenbang "
            "on 2021-06-01"
        )
    ]
    [*_, absorbed] = await client.history("/organisations/O42")
    assert absorbed["data"] == {
        "origin": {"stream": "organisation-O41", "version": 3},
        "not_carried": [{"participation": "P-1", "version": 2, "why": "present"}],
    }
    rejected = {"type": "rejected", "reason": "Bukan ormas"}
    given = await client.records("/organisations/O42/events", rejected)
    [note] = given["notes"]
    assert note.startswith("O41 is merged into this subject")
    [*_, told] = await client.history("/organisations/O42")
    assert told["takes_along"] == ["O41"]
    undone = {"type": "annulled", "annuls": 3, "reason": "Keliru"}
    assert "notes" not in await client.records("/organisations/O41/events", undone)
    assert (await client.says("/organisations/O41"))["status"] == "active"


@pytest.mark.parametrize("type_", ["absorbed", "participation_carried"])
async def test_what_only_a_merger_records_is_no_event_of_a_request(
    client: Client, type_: str
) -> None:
    await client.records("/organisations", ORGANISATION)
    origin = {"stream": "organisation-O1", "version": 1}
    body = {"type": type_, "origin": origin}
    problem(await client.post("/organisations/O41/events", json=body), 400, "type")


async def test_what_an_organisation_exists_by_must_fit(client: Client) -> None:
    free = ORGANISATION | {"legal_basis": "none", "valid_until": None}
    await client.records("/organisations", free)
    assert (await client.says("/organisations/O41"))["legal_basis"] == "none"
    for wrong, path in (
        ({"kind": "parpol"}, "legal_basis"),
        ({"legal_basis": "parpol", "valid_until": None}, "legal_basis"),
        ({"valid_until": None}, "valid_until"),
    ):
        entry = ORGANISATION | {"number": "O42"} | wrong
        problem(await client.post("/organisations", json=entry), 400, path)


async def test_null_clears_a_field_and_what_is_absent_stays(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    path = "/organisations/O41/events"
    entity = {
        "type": "corrected",
        "corrects": 1,
        "legal_basis": "badan_hukum",
        "reason": "Ternyata berbadan hukum",
    }
    problem(await client.post(path, json=entity), 409)
    await client.records(path, entity | {"valid_until": None})
    shown = await client.says("/organisations/O41")
    assert (shown["legal_basis"], shown["valid_until"]) == ("badan_hukum", None)
    assert shown["name"] == ORGANISATION["name"]
    told = (await client.history("/organisations/O41"))[1]
    assert told["data"]["cleared"] == ["valid_until"]
    assert {
        "version": 1,
        "field": "valid_until",
        "before": ORGANISATION["valid_until"],
        "after": None,
    } in told["replaced"]
    nameless = entity | {"name": None, "legal_basis": "skt"}
    shown = problem(await client.post(path, json=nameless), 400, "name")
    assert (
        "name is cleared, but it is required in version 1, registered"
        in shown["detail"]
    )


async def test_the_seat_of_an_organisation_is_corrected_and_cleared(
    client: Client,
) -> None:
    nowhere = ORGANISATION | {"area": "99.99"}
    problem(await client.post("/organisations", json=nowhere), 400, "area")
    await client.records("/organisations", ORGANISATION | {"area": "35.76.02.1009"})
    assert (await client.says("/organisations/O41"))["area"] == "35.76.02.1009"
    for area in ("35.76.01", None):
        right = {"type": "corrected", "corrects": 1, "reason": "Alamat", "area": area}
        await client.records("/organisations/O41/events", right)
        [item] = (await client.says("/organisations"))["items"]
        assert item["area"] == area


async def test_a_figure_of_organisations_is_broken_down_by_district(
    client: Client,
) -> None:
    await client.records("/organisations", ORGANISATION | {"area": "35.76.02.1009"})
    await client.records("/organisations", ORGANISATION | {"number": "O42"})
    figure = await client.says(
        "/indicators/IKU-2/figure", as_of="2021-12-31", breakdown="district"
    )
    parts = [(part["key"], part["denominator"]) for part in figure["parts"]]
    assert parts == [("", 1), ("35.76.02", 1)]


async def test_the_rules_refuse(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    twice = {"type": "restored", "effective_on": "2021-07-01"}
    problem(await client.post("/organisations/O41/events", json=twice), 409)
    nobody = {"type": "merged", "into": "O99", "reason": "Sama"}
    answer = await client.post("/organisations/O41/events", json=nobody)
    problem(answer, 400, "into")
    problem(await client.get("/organisations/O99"), 404)
    problem(await client.get("/organisations/O99/events"), 404)
    problem(await client.post("/organisations/O99/events", json=twice), 404)


async def test_the_list_is_filtered(reader: Client) -> None:
    async def ids(**asked: str) -> list[str]:
        items = (await reader.says("/organisations", limit=200, **asked))["items"]
        return [item["id"] for item in items]

    assert len(await ids()) == 40
    assert await ids(status="dissolved") == ["O40"]
    assert await ids(kind="parpol") == [f"O{number:02}" for number in range(1, 10)]
    assert await ids(text="contoh 12") == ["O12"]
    assert len(await ids(as_of="2021-01-01")) == 38
    first = await reader.says("/organisations", limit=39)
    second = await reader.says("/organisations", cursor=first["next"])
    assert [item["id"] for item in second["items"]] == ["O40"]
    assert await ids(area="35.76") == []
    year_end = {"as_of": "2021-12-31", "sort": "name", "order": "desc"}
    assert await ids(**year_end, expired="true") == ["O39", "O38", "O27"]
    assert await ids(kind="lsm", registered_from="2021-01-01") == ["O37"]
    assert await ids(registered_to="2019-02-28") == []
    answer = await reader.get("/organisations", params={"verified": "true"})
    problem(answer, 400, "verified")
