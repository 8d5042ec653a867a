"""Comparison of definitions, and previews of new ones, over HTTP."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from iku.app import App
from tests.web.conftest import Client, problem
from tests.web.test_indicators import STRICTER

PATH = "/indicators/IKU-2/comparison"
DEFINITIONS = "/indicators/IKU-2/definitions"
YEAR_END = "as_of=2021-12-31"


def counts(shown: Any) -> list[tuple[Any, ...]]:
    names = ("definition", "numerator", "denominator")
    return [tuple(one[name] for name in names) for one in shown["columns"]]


async def test_definitions_and_options_stand_side_by_side(loaded: Client) -> None:
    await loaded.records(DEFINITIONS, STRICTER)
    found = await loaded.says(
        f"{PATH}?{YEAR_END}&definition=1&definition=2&kinds=lsm,ormas&limit=200"
    )
    assert counts(found)[0] == (1, 33, 38)
    assert [one["definition"] for one in found["columns"]] == [1, 2, None]
    first, second, tried = found["columns"]
    assert first["percentage"] == "86.84"
    assert first["achievement"] == "108.55"
    assert first["rating"] == "Sangat Tinggi"
    assert second["options"]["participation_threshold"] == 2
    assert tried["options"] == second["options"] | {"kinds": ["ormas", "lsm"]}
    assert (found["target"], found["as_of"]) == ("80.00", "2021-12-31")
    assert len(found["items"]) == found["differing"] > 0
    for index, column in enumerate(found["columns"]):
        # Subjects that count equally everywhere do not affect the difference.
        change = sum(
            row["columns"][index]["numerator"] - row["columns"][0]["numerator"]
            for row in found["items"]
        )
        assert column["numerator"] - first["numerator"] == change
    assert {"id", "number", "title", "columns"} == found["items"][0].keys()


async def test_a_list_is_repeated_or_written_with_commas(reader: Client) -> None:
    commas = await reader.says(f"{PATH}?{YEAR_END}&kinds=lsm,ormas")
    repeated = await reader.says(f"{PATH}?{YEAR_END}&kinds=ormas&kinds=lsm")
    assert commas == repeated
    assert [one["definition"] for one in commas["columns"]] == [1, None]


async def test_pages_hold_all_that_differ(loaded: Client) -> None:
    asked = f"{PATH}?{YEAR_END}&participation_threshold=3"
    whole = await loaded.says(f"{asked}&limit=200")
    assert whole["next"] is None
    page = await loaded.says(f"{asked}&limit=4")
    items = page["items"]
    await loaded.records(
        "/organisations",
        {
            "kind": "lsm",
            "name": "Baru",
            "legal_basis": "badan_hukum",
            "effective_on": "2021-03-01",
        },
    )
    while page["next"]:
        page = await loaded.says(f"{asked}&limit=4&cursor={page['next']}")
        items += page["items"]
        assert page["columns"] == whole["columns"]
    assert items == whole["items"]
    assert len(items) == whole["differing"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        *(("definition=2", "definition"), ("definition=0", "definition")),
        *(("definition=x", "definition"), ("definition=1,1", "definition")),
        ("definition=1&definition=1", "definition"),
        ("&".join(f"definition={n}" for n in range(1, 10)), "definition"),
        *(("kinds=", "kinds"), ("kinds=partai", "kinds"), ("kinds=lsm,lsm", "kinds")),
        ("kinds=lsm&kinds=lsm", "kinds"),
        ("kinds=null", "kinds"),
        ("category=sara", "category"),
        ("minimum_level=potensi", "minimum_level"),
        ("resolution_manners=islah", "resolution_manners"),
        ("participation_threshold=0", "participation_threshold"),
        ("participation_threshold=2.0", "participation_threshold"),
        ("participation_threshold=1001", "participation_threshold"),
        ("population=all", "population"),
        ("population=stock_at_date&population=stock_at_date", "population"),
        *(("empty=null", "empty"), ("rounding=up", "rounding")),
        *(("size=5000", "size"), ("as_of=0000-01-01", "as_of")),
        *(("cursor=x", "cursor"), ("limit=201", "limit"), ("option=1", "option")),
    ],
)
async def test_what_cannot_be_compared_is_refused_by_name(
    visitor: Client, asked: str, path: str
) -> None:
    problem(await visitor.get(f"{PATH}?{asked}"), 400, path)


async def test_another_category_is_not_tried_out(visitor: Client) -> None:
    own, other = "category=ipoleksosbud", "category=sara"
    path = "/indicators/IKU-1/comparison"
    assert (await visitor.get(f"{path}?{own}")).status_code == 200
    told = problem(await visitor.get(f"{path}?{other}"), 400, "category")
    assert "never changes" in told["errors"][0]["message"]


async def test_an_unknown_indicator_has_no_definitions(client: Client) -> None:
    problem(await client.get("/indicators/IKU-4/comparison"), 404)
    preview = await client.post(
        "/indicators/IKU-4/definitions?preview=true", json=STRICTER
    )
    problem(preview, 404)


async def test_a_preview_shows_two_years_and_records_nothing(
    loaded: Client, app: App
) -> None:
    before = await loaded.says("/indicators/IKU-2")
    size = (await loaded.says("/figures"))["figures"][0]["size"]
    answer = await loaded.post(f"{DEFINITIONS}?preview=true", json=STRICTER)
    assert answer.status_code == 200
    assert "ETag" not in answer.headers
    shown = answer.json()
    assert (shown["indicator"], shown["definition"]) == ("IKU-2", 2)
    assert shown["options"]["participation_threshold"] == 2
    assert shown["size"] == size
    last = app.commands.today().year - 1
    assert [year["year"] for year in shown["years"]] == [last - 1, last]
    for year in shown["years"]:
        assert [point["as_of"][5:] for point in year["points"]] == [
            *("03-31", "06-30", "09-30", "12-31")
        ]
        figure = await loaded.says(
            "/indicators/IKU-2/figure", as_of=year["points"][3]["as_of"]
        )
        in_force = year["points"][3]["in_force"]
        assert in_force == {name: figure[name] for name in in_force}
    assert await loaded.says("/indicators/IKU-2") == before
    assert (await loaded.says("/figures"))["figures"][0]["size"] == size
    plain = await loaded.records(f"{DEFINITIONS}?preview=false", STRICTER)
    assert (plain["definition"], plain["size"]) == (2, size + 1)


async def test_the_rest_of_a_preview_is_found_where_it_says(
    client: Client, app: App
) -> None:
    day = f"{app.commands.today().year - 1}-02-01"
    for number in range(53):
        body = {
            "number": f"O{number:03}",
            "kind": "lsm",
            "name": "Contoh",
            "legal_basis": "badan_hukum",
            "effective_on": day,
        }
        await client.records("/organisations", body)
    answer = await client.post(
        f"{DEFINITIONS}?preview=true", json=STRICTER | {"kinds": ["ormas", "parpol"]}
    )
    earlier, last = answer.json()["years"]
    assert (earlier["differing"], earlier["more"]) == (0, None)
    assert (last["differing"], len(last["items"])) == (53, 50)
    asked = dict(parse_qsl(last["more"]))
    assert asked["kinds"] == "ormas,parpol"
    rest = await client.says(PATH, **asked)
    assert [row["id"] for row in rest["items"]] == ["O050", "O051", "O052"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"basis": ""}, "basis"),
        ({"basis": None}, "basis"),
        ({"reason": " "}, "reason"),
        ({"participation_threshold": 0}, "participation_threshold"),
        ({"minimum_level": "potensi"}, "minimum_level"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_preview_is_judged_like_the_real_thing(
    visitor: Client, change: dict[str, Any], path: str
) -> None:
    for preview in ("true", "false"):
        answer = await visitor.post(
            f"{DEFINITIONS}?preview={preview}", json=STRICTER | change
        )
        problem(answer, 400, path)


async def test_a_preview_is_refused_where_the_real_thing_is(client: Client) -> None:
    ahead = STRICTER | {"effective_on": "2999-01-01"}
    again = {name: STRICTER[name] for name in ("effective_on", "basis", "reason")}
    await client.records(DEFINITIONS, STRICTER)
    for preview in ("true", "false"):
        path = f"{DEFINITIONS}?preview={preview}"
        problem(await client.post(path, json=ahead), 409)
        problem(await client.post(path, json=again), 409)
        stale = await client.post(path, json=STRICTER, headers={"If-Match": '"9"'})
        problem(stale, 412)


@pytest.mark.parametrize("preview", ["1", "yes", "TRUE", "null", ""])
async def test_preview_is_true_or_false(visitor: Client, preview: str) -> None:
    answer = await visitor.post(f"{DEFINITIONS}?preview={preview}", json=STRICTER)
    problem(answer, 400, "preview")


async def test_both_answers_are_described(visitor: Client) -> None:
    described = await visitor.says("/openapi.json")
    path = described["paths"]["/api/v1/indicators/{code}/definitions"]
    answers = path["post"]["responses"]
    refs = [
        answers[status]["content"]["application/json"]["schema"]["$ref"]
        for status in ("200", "201")
    ]
    assert [ref.rpartition("/")[2] for ref in refs] == [
        "RedefinitionEffect",
        "DefinitionReceipt",
    ]
    assert "headers" not in answers["200"]
