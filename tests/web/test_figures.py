"""Figures over HTTP, from the fictional register, and refusals."""

from datetime import date, timedelta

import pytest

from iku.app import App
from iku.domain import period
from iku.domain.coordinates import Coordinates
from iku.domain.period import Kind
from tests.domain.register import FIGURES
from tests.web.conftest import BEFORE_ANY, Client, problem


async def test_the_figures_of_the_register_come_out(reader: Client) -> None:
    for code, as_of, known_on, numerator, denominator, share, achieved in FIGURES:
        figure = await reader.says(
            f"/indicators/{code}/figure", as_of=as_of, known_on=known_on
        )
        assert figure["indicator"] == code
        assert (figure["as_of"], figure["known_on"]) == (as_of, known_on)
        assert figure["period"] == {
            "kind": "year",
            "from": "2021-01-01",
            "to": "2021-12-31",
        }
        counted = (figure["numerator"], figure["denominator"], figure["percentage"])
        assert counted == (numerator, denominator, share), (code, as_of, known_on)
        assert figure["achievement"] == achieved, (code, as_of, known_on)
        assert figure["empty"] == (None if denominator else "no_cases")


async def test_achievement_and_rating_come_from_the_exact_fraction(
    reader: Client,
) -> None:
    asked = {"as_of": "2021-12-31", "known_on": "2022-06-30"}
    figures = (await reader.says("/figures", **asked))["figures"]
    shown = [(f["target"], f["achievement"], f["rating"]) for f in figures]
    assert shown[0] == ("80.00", "97.22", "Sangat Tinggi")
    assert shown[1] == ("80.00", "108.55", "Sangat Tinggi")
    assert shown[2] == ("90.00", "83.33", "Tinggi")


async def test_a_figure_is_the_same_at_the_coordinates_it_names(loaded: Client) -> None:
    path = "/indicators/IKU-1/figure"
    first = await loaded.says(path, as_of="2021-12-31")
    late = {
        "number": "K99",
        "category": "ipoleksosbud",
        "dimension": "ekonomi",
        "title": "Terlambat dilaporkan",
        "effective_on": "2021-06-01",
    }
    await loaded.records("/conflicts", late)
    await loaded.records(
        "/conflicts/K99/events", {"type": "verified", "effective_on": "2021-06-02"}
    )
    named = {name: first[name] for name in ("as_of", "known_on", "size", "definition")}
    assert await loaded.says(path, **named) == first
    now = await loaded.says(path, as_of="2021-12-31")
    assert now["denominator"] == first["denominator"] + 1


async def test_all_figures_are_of_one_size_and_equal_the_single_ones(
    reader: Client,
) -> None:
    asked = {"as_of": "2021-09-30", "period": "quarter"}
    figures = (await reader.says("/figures", **asked))["figures"]
    assert len({figure["size"] for figure in figures}) == 1
    for figure in figures:
        alone = await reader.says(f"/indicators/{figure['indicator']}/figure", **asked)
        assert alone == figure
        assert alone["period"]["from"] == "2021-07-01"


@pytest.mark.parametrize("breakdown", ["dimension", "district"])
async def test_parts_sum_to_the_whole(reader: Client, breakdown: str) -> None:
    asked = {"as_of": "2021-12-31", "breakdown": breakdown}
    for figure in (await reader.says("/figures", **asked))["figures"]:
        parts = figure["parts"]
        assert sum(part["numerator"] for part in parts) == figure["numerator"]
        assert sum(part["denominator"] for part in parts) == figure["denominator"]


async def test_a_series_has_the_figure_of_each_steps_end(reader: Client) -> None:
    path = "/indicators/IKU-1/series?from=2021-01-01&known_on=2022-06-30"
    figures = (await reader.says(f"{path}&to=2021-12-31&step=quarter"))["figures"]
    assert [(f["as_of"], f["percentage"]) for f in figures] == [
        ("2021-03-31", "60.00"),
        ("2021-06-30", "83.33"),
        ("2021-09-30", "71.43"),
        ("2021-12-31", "77.78"),
    ]
    for figure in figures:
        alone = await reader.says(
            "/indicators/IKU-1/figure",
            as_of=figure["as_of"],
            known_on="2022-06-30",
        )
        assert alone == figure


async def test_a_series_ends_today_unless_another_day_is_given(
    client: Client, app: App
) -> None:
    figures = (await client.says("/indicators/IKU-1/series?from=2021-01-15"))["figures"]
    assert figures[0]["as_of"] == "2021-01-31"
    assert figures[-1]["as_of"] == str(app.commands.today())


async def test_what_cannot_be_answered_is_refused_by_name(
    client: Client, app: App
) -> None:
    tomorrow = str(app.commands.today() + timedelta(days=1))
    for path in ("/indicators/IKU-1/figure", "/figures", "/indicators/IKU-1/series"):
        started = {"from": "2021-01-01"} if path.endswith("series") else {}
        for name, value in (
            ("as_of", tomorrow),
            ("as_of", "2021-13-01"),
            ("as_of", ""),
            ("known_on", "yesterday"),
            ("size", "5"),
            ("size", "-1"),
            ("size", "9" * 30),
            ("period", "week"),
            ("definition", "0"),
            ("definition", "99999999999"),
            ("breakdown", "sex"),
            ("colour", "red"),
        ):
            answer = await client.get(path, params=started | {name: value})
            problem(answer, 400, name)
    for asked in (
        {},
        {"from": "0001-01-01"},
        {"from": "2021-01-02", "to": "2021-01-01"},
        {"from": "2021-01-01", "to": tomorrow},
        {"from": "1900-01-01", "step": "month"},
    ):
        answer = await client.get("/indicators/IKU-1/series", params=asked)
        assert answer.status_code == 400, answer.text
    for kind in ("figure", "series?from=2021-01-01"):
        problem(await client.get(f"/indicators/IKU-4/{kind}"), 404)


@pytest.mark.parametrize("kind", Kind)
async def test_a_day_before_the_first_event_has_no_cases(
    reader: Client, kind: Kind
) -> None:
    for day in BEFORE_ANY:
        for asked in ({"as_of": day}, {"known_on": day}, {"as_of": day, "size": 9}):
            for code in ("IKU-1", "IKU-2"):
                path = f"/indicators/{code}/figure"
                figure = await reader.says(path, period=kind, **asked)
                assert (figure["numerator"], figure["denominator"]) == (0, 0)
                assert (figure["empty"], figure[next(iter(asked))]) == ("no_cases", day)


async def test_a_series_may_begin_on_the_first_of_all_days(reader: Client) -> None:
    span = {"from": "0001-01-01", "to": "0002-01-15"}
    series = await reader.says("/indicators/IKU-1/series", **span)
    assert len(series["figures"]) == 13
    assert {figure["denominator"] for figure in series["figures"]} == {0}


async def test_the_first_of_all_days_is_compared_with(reader: Client) -> None:
    asked = {"as_of": "2021-12-31", "against_as_of": "0001-01-01", "limit": 200}
    told = await reader.says("/indicators/IKU-1/difference", **asked)
    assert told["against"]["denominator"] == 0
    assert told["denominator"] == told["figure"]["denominator"] == 9
    assert sum(item["denominator"] for item in told["items"]) == 9
    backwards = {"as_of": "0001-01-01", "against_as_of": "2021-12-31"}
    told = await reader.says("/indicators/IKU-1/difference", **backwards)
    assert told["denominator"] == -9
    known = {"as_of": "2021-12-31", "against_known_on": "0001-01-01", "limit": 200}
    told = await reader.says("/indicators/IKU-1/difference", **known)
    assert told["denominator"] == sum(item["denominator"] for item in told["items"])


async def test_a_number_that_cites_knowledge_of_a_day_to_come_is_still_verified(
    visitor: Client,
) -> None:
    # Such numbers were issued; their size keeps their figures unchanged.
    figure = await visitor.says("/indicators/IKU-1/figure", as_of="2021-12-31")
    at = Coordinates(
        indicator="IKU-1",
        definition=1,
        period=period.containing(date(2021, 12, 31), period.Kind.YEAR),
        as_of=date(2021, 12, 31),
        known_on=date(9999, 12, 31),
        size=figure["size"],
    )
    assert (await visitor.says(f"/figures/{at.number}"))["verdict"] == "same"


async def test_a_size_of_nothing_can_be_asked_for(visitor: Client) -> None:
    assert (await visitor.says("/indicators/IKU-1/figure?size=0"))["size"] == 0
