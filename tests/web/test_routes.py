"""A request is parsed as its route declares, and every fault is reported."""

from datetime import timedelta
from typing import Any

import pytest

from iku.app import App
from tests.web.conftest import CASE, VERIFIED, Client, problem

DAY = "must be a date in the form YYYY-MM-DD, not "
VERSION = "must be a whole number from 1 to 2147483647, not "
CATEGORY = "must be one of ipoleksosbud, sara, lainnya"


@pytest.mark.parametrize(
    ("path", "asked", "sentence"),
    [
        ("figures", {"as_of": "2021-02-30"}, DAY),
        ("figures", {"known_on": "yesterday"}, DAY),
        ("figures", {"as_of": ""}, "is empty; omit it instead"),
        (
            "figures",
            {"period": "week"},
            "must be one of year, half, quadrimester, quarter, month",
        ),
        ("figures", {"breakdown": "sex"}, "must be one of dimension, district"),
        (
            "figures",
            {"size": "-1"},
            "must be a whole number from 0 to 9007199254740991",
        ),
        ("indicators/IKU-1/figure", {"definition": "0"}, VERSION),
        ("indicators/IKU-1/comparison", {"definition": "0"}, VERSION),
        (
            "indicators/IKU-1/comparison",
            {"definition": [str(n) for n in range(1, 10)]},
            "must be a list of at most 8",
        ),
        ("indicators/IKU-1/difference", {"against_as_of": "x"}, DAY),
        ("indicators/IKU-1/difference", {"against_definition": "9" * 20}, VERSION),
        (
            "indicators/IKU-1/comparison",
            {"empty": "x"},
            "must be one of undefined, full, zero",
        ),
        ("indicators/IKU-1/series", {"from": "x"}, DAY),
        ("indicators/IKU-1/series", {}, "is required"),
        ("conflicts", {"limit": "201"}, "must be a whole number from 1 to 200"),
        ("conflicts", {"category": "perang"}, CATEGORY),
        ("conflicts", {"text": "x" * 501}, "must be text of 1 to 500 characters"),
        (
            "conflicts",
            {"cursor": "!"},
            "must be the value of next from an earlier page",
        ),
        (
            "conflicts",
            {"area": "x"},
            "must be the code of an area or a district, such as 35.76.02",
        ),
    ],
)
async def test_a_parameter_at_fault_is_told_what_it_must_be(
    visitor: Client, path: str, asked: dict[str, Any], sentence: str
) -> None:
    name = next(iter(asked), "from")
    shown = problem(await visitor.get(f"/{path}", params=asked), 400, name)
    assert shown["errors"][0]["message"].startswith(f"{name} {sentence}")
    assert shown["detail"] == shown["errors"][0]["message"]


REPORT, EVENTS = "/conflicts", "/conflicts/K14/events"
OPTIONS = "/indicators/IKU-1/definitions"
TYPES = (
    *(
        "returned",
        "verified",
        "rejected",
        "handled",
        "referred",
        "resolved",
        "reopened",
    ),
    *("reclassified", "merged", "corrected", "annulled"),
)
CORRECTED = {"type": "corrected", "reason": "x"}


@pytest.mark.parametrize(
    ("path", "body", "at", "sentence"),
    [
        (REPORT, CASE | {"effective_on": "2021-02-30"}, "effective_on", DAY),
        (REPORT, CASE | {"effective_on": 20210209}, "effective_on", DAY),
        (REPORT, CASE | {"effective_on": None}, "effective_on", DAY),
        (REPORT, CASE | {"occurred_on": "x"}, "occurred_on", DAY),
        (REPORT, CASE | {"category": "perang"}, "category", CATEGORY),
        (REPORT, CASE | {"category": 7}, "category", CATEGORY),
        (
            REPORT,
            CASE | {"level": "x"},
            "level",
            "must be one of potensi, perseteruan, kekerasan, status_keadaan_konflik",
        ),
        (REPORT, CASE | {"title": ""}, "title", "must be text of 1 to 500 characters"),
        (REPORT, CASE | {"title": 7}, "title", "must be one line of text, not blank"),
        (
            REPORT,
            CASE | {"title": "   "},
            "title",
            "must be one line of text, not blank, without control characters",
        ),
        (
            REPORT,
            CASE | {"colour": "red"},
            "colour",
            "is unknown; the known names are: ",
        ),
        (REPORT, {}, "category", "is required"),
        (EVENTS, CORRECTED | {"corrects": 0}, "corrects", VERSION),
        (EVENTS, CORRECTED | {"corrects": 2**31}, "corrects", VERSION),
        (EVENTS, CORRECTED | {"corrects": "1"}, "corrects", VERSION),
        (EVENTS, CORRECTED | {"corrects": 1.5}, "corrects", VERSION),
        (
            EVENTS,
            {"type": "sealed"},
            "type",
            f"must be one of {', '.join(TYPES)}",
        ),
        (EVENTS, {}, "type", "is required"),
        (OPTIONS, {"resolution_manners": []}, "resolution_manners", "must be a list"),
        (
            OPTIONS,
            {"resolution_manners": ["x"]},
            "resolution_manners[0]",
            "must be one of islah",
        ),
        (
            OPTIONS,
            {"participation_threshold": 1001},
            "participation_threshold",
            "must be a whole number from 1 to 1000",
        ),
        (
            "/indicators/IKU-1/targets",
            {"year": 1},
            "year",
            "must be a whole number from 1945 to 9999",
        ),
        (
            "/organisations/O41/events",
            {"type": "participated", "verified": "ya"},
            "verified",
            "must be true or false",
        ),
    ],
)
async def test_a_field_at_fault_is_told_what_it_must_be(
    visitor: Client, path: str, body: Any, at: str, sentence: str
) -> None:
    answer = await visitor.post(path, json=body)
    told = {one["path"]: one["message"] for one in answer.json()["errors"]}
    assert answer.status_code == 400
    assert told[at].startswith(f"{at} {sentence}")
    assert answer.json()["detail"] == "; ".join(told.values())


async def test_every_field_at_fault_is_told(visitor: Client) -> None:
    body = {"title": "", "level": "x", "reporter": {"nam": "Siti"}, "colour": "red"}
    shown = problem(
        await visitor.post(REPORT, json=body),
        400,
        *("category", "dimension", "title", "effective_on", "level"),
        *("reporter.name", "reporter.nam", "colour"),
    )
    assert "reporter.nam is unknown; did you mean name?" in shown["detail"]


async def test_a_body_that_is_no_object_is_told_so(client: Client) -> None:
    for path in (REPORT, EVENTS):
        shown = problem(await client.post(path, json=[]), 400, "")
        assert shown["detail"] == "the body must be an object, not a list"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "If-Match",
            "3",
            'must be the version from ETag, in quotes, such as "3", or *, not ',
        ),
        (
            "Idempotency-Key",
            "two words",
            "must be printable ASCII without spaces, not ",
        ),
        (
            "Idempotency-Key",
            "k" * 256,
            "must be text of 1 to 255 characters, but its length is 256",
        ),
        (
            "Iku-Actor",
            " siti",
            "must be printable ASCII that does not begin or end with a space",
        ),
    ],
)
async def test_a_header_at_fault_is_told_what_it_must_be(
    client: Client, name: str, value: str, sentence: str
) -> None:
    await client.records("/conflicts", CASE)
    headers = [(name.encode(), value.encode())]
    answer = await client.post(EVENTS, json=VERIFIED, headers=headers)
    detail = problem(answer, 400, name)["detail"]
    assert detail.startswith(f"{name} {sentence}")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/conflicts/K%2014", "; a number consists of 1 to 64 letters, digits and"),
        ("/organisations/%C3%A9", "; a number consists of 1 to 64 letters, digits and"),
        (
            "/publications/abc",
            "; a publication identifier has the form 2021 or 2021-W3.2",
        ),
    ],
)
async def test_an_address_that_names_nothing_that_may_be_is_told_how_it_is_named(
    client: Client, path: str, told: str
) -> None:
    body = {
        "/organisations/%C3%A9": {"type": "dissolved", "effective_on": "2021-08-01"},
        "/publications/abc": {"type": "withdrawn", "reason": "Salah"},
    }.get(path, VERIFIED)
    answers = [await client.get(path), await client.post(f"{path}/events", json=body)]
    for answer in answers:
        assert told in problem(answer, 404)["detail"]


@pytest.mark.parametrize("subject", ["", "siti", "conflict-K14", "0B0E2D6C"])
async def test_a_person_that_is_misnamed_is_told_what_names_a_person(
    client: Client, subject: str
) -> None:
    reporter = {"name": "Siti (contoh)", "subject": subject}
    answer = await client.post("/conflicts", json=CASE | {"reporter": reporter})

    shown = problem(answer, 400, "reporter.subject")
    assert "must be the identifier of a person in an earlier event" in shown["detail"]


SUBJECTS = {
    "{conflict_id}": "K14",
    "{organisation_id}": "O41",
    "{code}": "IKU-1",
    "{publication_id}": "2021",
}


async def test_an_unknown_parameter_is_named(client: Client) -> None:
    shown = problem(await client.get("/conflicts?as-of=2021-01-01"), 400, "as-of")
    assert shown["detail"] == "as-of is unknown; did you mean as_of?"
    problem(await client.get("/agency?x"), 400, "x")
    problem(await client.get("/health/live?x=1"), 400, "x")
    problem(await client.post("/conflicts?dry_run=1", json=CASE), 400, "dry_run")
    problem(await client.get("/conflicts?house=1"), 400, "house")


async def test_what_the_path_says_is_not_said_again_in_the_query(
    visitor: Client,
) -> None:
    answer = await visitor.get("/indicators/IKU-1/figure?code=IKU-2")
    shown = problem(answer, 400, "code")
    assert shown["detail"] == "code occurs more than once"


async def test_a_query_that_was_read_before_is_read_for_its_own_path(
    visitor: Client,
) -> None:
    for code in ("IKU-1", "IKU-2", "IKU-1"):
        figure = await visitor.says(f"/indicators/{code}/figure?as_of=2021-12-31")
        assert (figure["indicator"], figure["as_of"]) == (code, "2021-12-31")
    problem(await visitor.get("/indicators/IKU-1/series?as_of=2021-12-31"), 400, *OWN)


OWN = ("from", "as_of")


async def test_a_parameter_is_given_once(visitor: Client) -> None:
    problem(await visitor.get("/conflicts?limit=1&limit=1"), 400, "limit")


async def test_null_is_no_way_to_leave_a_parameter_out(visitor: Client) -> None:
    for asked in ("size=null", "as_of=NULL", "status=null"):
        name = asked.partition("=")[0]
        problem(await visitor.get(f"/conflicts?{asked}"), 400, name)
    assert (await visitor.says("/conflicts?text=null"))["items"] == []


async def test_knowledge_of_a_day_to_come_is_refused_on_every_route(
    visitor: Client, app: App
) -> None:
    today = app.commands.today()
    tomorrow = today + timedelta(days=1)
    paths = (await visitor.says("/openapi.json"))["paths"]
    asked = [
        (path, parameter["name"], [p for p in parameters if p.get("required")])
        for path, operations in paths.items()
        for parameters in [operations.get("get", {}).get("parameters", [])]
        for parameter in parameters
        if parameter.get("name", "").endswith("known_on")
    ]
    assert len(asked) > 8
    for path, name, required in asked:
        for placeholder, value in SUBJECTS.items():
            path = path.replace(placeholder, value)  # noqa: PLW2901 - filled in
        query = {p["name"]: "2021-01-01" for p in required if p["in"] == "query"}
        answer = await visitor.get(
            path.removeprefix("/api/v1"), params=query | {name: str(tomorrow)}
        )
        shown = problem(answer, 400, name)
        assert (
            shown["detail"]
            == f"{name} is {tomorrow}, but must not be after today, {today}"
        )


async def test_every_parameter_at_fault_is_told(visitor: Client) -> None:
    problem(await visitor.get("/conflicts?limit=0&status=x"), 400, "limit", "status")
    for asked in (
        "limit=201",
        "limit=1.0",
        "limit=1e1",
        "limit=%2B1",
        "limit=",
        "category=ekonomi",
        "source=x",
    ):
        name = asked.partition("=")[0]
        problem(await visitor.get(f"/conflicts?{asked}"), 400, name)
