"""A new kind of subject needs one module and one entry in the registry.

`toy` defines a whole kind: facts, state, rules, options and presentation. All code that
reads and writes figures finds it in `subject_kinds.KINDS`, and names no kind itself.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from iku.domain import subject_kinds
from iku.domain.cause import Cause
from iku.domain.counting import Rule
from iku.domain.decider import SubjectNotFound
from iku.domain.difference import DifferenceStep
from iku.domain.fact import Annulled
from iku.domain.indicator import Defined
from iku.domain.period import Kind
from iku.domain.publication import Draft
from iku.domain.question import Question
from iku.projections.rebuild import rebuild
from iku.queries import explanation, figure_difference, figure_replay, series
from iku.queries.explanation import SubjectFilter
from iku.queries.figure_difference import ComparedQuestions
from iku.queries.search import Search
from iku.queries.series import SeriesRange
from tests.domain import toy
from tests.domain.toy import CourseOptions, Finished, Opened, Topic
from tests.queries.test_publications import changed, find, publish
from tests.registers.filled import owner_of
from tests.registers.world import World

CODE = "IKU-9"
JUNE, YEAR_END = date(2021, 6, 30), date(2021, 12, 31)
LEARNT = date(2022, 2, 1)  # the day on which the end of C03 became known
DEFINED = Defined(
    effective_on=date(2021, 1, 1),
    wording="Persentase pelatihan mediasi yang tuntas",
    formula="tuntas / yang ada",
    sources=("Bidang",),
    owner="Bidang",
    objective="Sasaran",
    basis="SK",
    options=CourseOptions(Topic.MEDIATION),
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the toy kind with one entry."""
    monkeypatch.setattr(subject_kinds, "KINDS", [*subject_kinds.KINDS, toy.KIND])


def opened(day: str, topic: Topic = Topic.MEDIATION) -> Opened:
    return Opened(
        title=f"Pelatihan {day}", topic=topic, effective_on=date.fromisoformat(day)
    )


def finished(day: str) -> Finished:
    return Finished(effective_on=date.fromisoformat(day))


async def filled(world: World) -> int:
    """Courses of both topics, some before the definition; the size with five facts."""
    early, late = date(2021, 12, 31), LEARNT
    await world.do("course", "C01", opened("2020-11-01"), early)
    await world.do("course", "C01", finished("2021-03-01"), early)
    await world.do("course", "C02", opened("2021-02-01"), early)
    await world.do("course", "C03", opened("2021-05-01"), early)
    await world.do("indicator", CODE, DEFINED, date(2021, 1, 1))
    await world.do("course", "C04", opened("2021-08-01", Topic.REPORTING), early)
    size = await world.size()
    await world.do("course", "C03", finished("2021-06-15"), late)
    return size


async def counted(world: World, **asked: Any) -> tuple[int, int]:
    """Numerator and denominator, asserted to equal a recount from the log."""
    question = Question(CODE, **{"as_of": YEAR_END, **asked})
    figure = await world.figure(question)
    assert figure == await world.recount(question)
    return figure.numerator, figure.denominator


async def test_a_new_kind_is_counted_now_on_a_past_day_by_past_knowledge_and_size(
    world: World,
) -> None:
    size = await filled(world)
    assert await counted(world) == (2, 3)
    assert await counted(world, as_of=date(2021, 3, 31)) == (1, 2)
    assert await counted(world, as_of=date(2021, 2, 28)) == (0, 2)
    assert await counted(world, period=Kind.QUARTER) == (0, 1)
    assert await counted(world, known_on=LEARNT - timedelta(days=1)) == (1, 3)
    assert await counted(world, size=size) == (1, 3)
    assert await counted(world, size=size, known_on=LEARNT, as_of=JUNE) == (1, 3)
    assert await counted(world, breakdown="part") == (2, 3)
    asked = SeriesRange(date(2021, 1, 1), YEAR_END)
    found = await series.series(
        world.connection,
        world.app.figures,
        Question(CODE, YEAR_END),
        asked,
        world.today,
    )
    assert (found.figures[-1].numerator, found.figures[-1].denominator) == (2, 3)


async def test_a_new_kind_takes_numbers_of_its_own_letter(world: World) -> None:
    outcome = await world.do("course", "", opened("2021-02-01"))
    assert outcome.number == "C2021-00001"
    with pytest.raises(SubjectNotFound, match="course C77 does not exist"):
        await world.do("course", "C77", finished("2021-02-01"))


async def test_a_new_kind_is_listed_as_it_was_on_a_day(world: World) -> None:
    size = await filled(world)

    async def listed(**asked: Any) -> dict[str, str]:
        search = Search(category="course", **{"as_of": YEAR_END, **asked})
        page = await world.search(search)
        return {one.subject: one.standing["status"] for one in page.items}

    now = {"C01": "finished", "C02": "open", "C03": "finished", "C04": "open"}
    assert await listed() == now
    assert await listed(as_of=JUNE, size=size) == {
        "C01": "finished",
        "C02": "open",
        "C03": "open",
    }
    assert await listed(text="2021-02-01") == {"C02": "open"}


async def test_a_new_kind_is_explained_by_the_rules_that_counted_it(
    world: World,
) -> None:
    await filled(world)
    question = Question(CODE, YEAR_END)
    figure = await world.figure(question)
    pinned = explanation.pin_coordinates(question, figure)
    page = await explanation.page(world.view, pinned, SubjectFilter())
    assert (page.counts.numerator, page.counts.denominator) == (2, 3)
    rules = {
        one.id: (one.why_denominator.rule, one.why_numerator.rule) for one in page.items
    }
    assert rules == {
        "C01": (Rule.OPEN_ON_EVE, Rule.RESOLVED),
        "C02": (Rule.NEW_IN_PERIOD, Rule.STILL_OPEN),
        "C03": (Rule.NEW_IN_PERIOD, Rule.RESOLVED),
        "C04": (Rule.OTHER_KIND, Rule.OTHER_KIND),
    }
    [third] = [one for one in page.items if one.id == "C03"]
    assert third.title == "Pelatihan 2021-05-01"
    [event] = third.why_numerator.events
    assert third.why_numerator.id == (
        f"selesai: ditutup 15-06-2021 (tuntas), peristiwa {event.position}"
    )
    assert third.why_denominator.en.startswith("counted: opened on 2021-05-01")


async def test_the_way_to_the_figure_of_a_new_kind_and_a_difference_add_up(
    world: World,
) -> None:
    size = await filled(world)
    question = Question(CODE, YEAR_END)
    figure = await world.figure(question)
    for order in figure_replay.ReplayOrder:
        pages = figure_replay.pages(world.view, figure, order)
        lines = [line async for page in pages for line in page]
        assert (lines[-1].numerator, lines[-1].denominator) == (2, 3)
        assert {line.subject.category for line in lines} == {"course"}
    earlier = Question(CODE, YEAR_END, size=size)
    compared = ComparedQuestions(question, earlier)
    told = await figure_difference.compute_difference(
        world.view, world.app.figures, compared, world.today
    )
    [item] = told.items
    assert (item.step, item.cause, item.id) == (
        DifferenceStep.KNOWLEDGE,
        Cause.LATE_DATA,
        "C03",
    )
    assert (told.numerator, told.denominator) == (1, 0)
    assert item.after.why is not None
    assert "selesai: ditutup 15-06-2021 (tuntas)" in item.after.why.id


async def test_a_publication_freezes_the_figure_of_a_new_kind_and_tells_what_changed(
    world: World,
) -> None:
    await filled(world)
    of = await publish(world, Draft(period=Kind.YEAR, as_of=YEAR_END, reason="Uji"))
    [frozen] = [one for one in (await find(world, of)).figures if one.indicator == CODE]
    assert (frozen.numerator, frozen.denominator, frozen.expired) == (2, 3, None)
    gone = Annulled(annuls=2, reason="Salah catat")
    await world.do("course", "C03", gone)
    page, items = await changed(world, of)
    [now] = [one for one in page.figures if one.indicator == CODE]
    assert (now.published.numerator, now.present.numerator) == (2, 1)
    assert items[-1].cause is Cause.ANNULMENT
    assert (items[-1].subject, items[-1].effects[0].numerator) == ("C03", -1)
    [still] = [one for one in (await find(world, of)).figures if one.indicator == CODE]
    assert still == frozen


async def test_a_rebuild_finds_the_rows_of_a_new_kind_as_they_were_written(
    world: World,
) -> None:
    await filled(world)
    before = await counted(world)
    owner = await owner_of(world.app.database)
    assert await rebuild(owner, lambda _done, _of: None) == []
    await owner.close()
    assert await counted(world) == before
