"""Nothing strange goes unnoticed in a query."""

from datetime import timedelta

import pytest

from iku.app import House
from iku.web import parameters
from tests.web.conftest import CASE, Client, problem

SUBJECTS = {
    "{conflict_id}": "K14",
    "{organisation_id}": "O41",
    "{code}": "IKU-1",
    "{publication_id}": "2021",
}


async def test_an_unknown_parameter_is_named(client: Client) -> None:
    shown = problem(await client.get("/conflicts?as-of=2021-01-01"), 400, "as-of")
    assert "as_of" in shown["detail"]
    problem(await client.get("/agency?x"), 400, "x")
    problem(await client.get("/health/live?x=1"), 400, "x")
    problem(await client.post("/conflicts?dry_run=1", json=CASE), 400, "dry_run")
    problem(await client.get("/conflicts?house=1"), 400, "house")


async def test_a_parameter_is_given_once(visitor: Client) -> None:
    problem(await visitor.get("/conflicts?limit=1&limit=1"), 400, "limit")


async def test_null_is_no_way_to_leave_a_parameter_out(visitor: Client) -> None:
    for asked in ("size=null", "as_of=NULL", "status=null"):
        name = asked.partition("=")[0]
        problem(await visitor.get(f"/conflicts?{asked}"), 400, name)
    assert (await visitor.says("/conflicts?text=null"))["items"] == []


async def test_knowledge_of_a_day_to_come_is_refused_on_every_route(
    visitor: Client, house: House
) -> None:
    today = house.office.today()
    tomorrow = today + timedelta(days=1)
    paths = (await visitor.says("/openapi.json"))["paths"]
    asked = [
        (path, parameter["name"], [p for p in parameters if p.get("required")])
        for path, operations in paths.items()
        for parameters in [operations.get("get", {}).get("parameters", [])]
        for parameter in parameters
        if parameter["name"].endswith("known_on")
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
        assert shown["detail"] == f"{name} is {tomorrow}, but today is only {today}"


async def test_every_parameter_at_fault_is_told(visitor: Client) -> None:
    problem(await visitor.get("/conflicts?limit=0&status=x"), 400, "status", "limit")
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


async def test_what_a_route_takes_is_looked_up_once_however_often_it_is_asked(
    client: Client,
) -> None:
    await client.says("/conflicts?limit=1")
    known = len(parameters._TAKEN)
    for _ in range(5):
        await client.says("/conflicts?limit=1")
    assert len(parameters._TAKEN) == known  # it would grow for as long as we serve


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("text/csv", "text/csv"),
        ("application/json;q=0.1, Text/CSV ; q=0.5", "text/csv"),
        ("text/csv;q=1", "text/csv"),
        ("text/csv;q=0", "application/json"),
        ("text/csv; q=0.000, */*", "application/json"),
        ("text/csv-schema", "application/json"),
        ("x-text/csv", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
        (";,;q=x", "application/json"),
    ],
)
async def test_another_type_is_given_to_those_who_name_it_and_do_not_refuse_it(
    visitor: Client, accept: str, given: str
) -> None:
    path = "/indicators/IKU-1/explanation"
    answer = await visitor.get(path, headers={"Accept": accept})
    assert answer.headers["Content-Type"].partition(";")[0] == given
