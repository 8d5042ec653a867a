"""The flow of cases, and the age of the open ones."""

from contextlib import aclosing
from datetime import date
from typing import Any

from iku.domain import conflict, fact, subject_states
from iku.domain.figure import Figure
from iku.domain.indicator import ConflictOptions
from iku.domain.question import Question
from iku.ledger import log
from iku.queries import case_flow, lists
from iku.queries.list_questions import ConflictsQuestion
from tests.queries.test_figure_replay import asked
from tests.registers.world import World
from tests.samples import examples

VOID = {"rejected", "merged", "annulled"}


async def options_of(world: World, figure: Figure) -> Any:
    await world.app.figures.refresh(world.connection)
    of = world.app.figures.definitions(figure.indicator)
    return of[figure.definition - 1].defined.options


async def of_cases(world: World, seed: int) -> list[tuple[Figure, ConflictOptions]]:
    found = []
    for figure in await asked(world, seed=seed, count=examples(25, 12)):
        options = await options_of(world, figure)
        if isinstance(options, ConflictOptions):
            found.append((figure, options))
    return found


async def test_each_age_is_the_number_of_cases_in_the_list_that_it_leads_to(
    long: World,
) -> None:
    some = 0
    for figure, options in await of_cases(long, 48):
        flow = await case_flow.case_flow_of_figure(long.connection, figure, options)
        for one in flow.ages:
            question = ConflictsQuestion(
                as_of=figure.as_of,
                known_on=figure.known_on,
                size=figure.size,
                status=("open",),
                verified=True,
                category=(options.category,),
                level=tuple(case_flow.counted_levels(options)),
                reported_from=one.first,
                reported_to=one.last,
            )
            page = await lists.listing(long.view, question, long.today)
            assert page.total == one.cases, (figure, one)
            some += bool(one.cases)
    assert some > 10


async def test_the_flow_is_that_of_the_folded_cases(long: World) -> None:
    moved = [0, 0, 0, 0]
    whole = [
        await long.figure(Question(code, date(year, 12, 31)))
        for code in ("IKU-1", "IKU-3")
        for year in (2020, 2021)
    ]
    known = [(one, await options_of(long, one)) for one in whole]
    for figure, options in [*known, *(await of_cases(long, 49))[:8]]:
        found = await case_flow.case_flow_of_figure(long.connection, figure, options)
        expected = await folded(long, figure, options)
        assert found[:4] == expected, figure
        moved = [a + b for a, b in zip(moved, expected, strict=True)]
    assert all(moved), moved


async def folded(
    world: World, figure: Figure, options: ConflictOptions
) -> tuple[int, ...]:
    """Reported, verified, resolved and reopened, from the log."""
    total = [0, 0, 0, 0]
    cases = log.read_subjects(
        world.connection, "conflict", size=figure.size, known_on=figure.known_on
    )
    async with aclosing(cases):
        async for recorded in cases:
            facts = [
                fact.decode_recorded(one, conflict.decider.event_type)
                for one in recorded
            ]
            case = conflict.decider.fold(facts)
            assert case is not None
            for place, number in enumerate(
                _flow_of_case(recorded[0].subject, case, figure, options)
            ):
                total[place] += number
    return tuple(total)


def _flow_of_case(
    subject: str, case: conflict.Conflict, figure: Figure, options: ConflictOptions
) -> tuple[int, ...]:
    first, last = figure.period.start, figure.as_of
    states = [*subject_states.case_states(subject, case)]
    own = [
        one
        for one in states
        if one.state_of_subject.columns.kind == options.category
        if conflict.Level(one.state_of_subject.level).reaches(options.minimum_level)  # type: ignore[attr-defined]  # a state of a case
    ]
    today = [
        one.state_of_subject.columns
        for one in own
        if one.valid_from <= last and (one.valid_to is None or one.valid_to > last)
    ]
    new = [
        one
        for one in today
        if first <= one.entered_on <= last and one.status not in VOID
    ]
    days = {
        one.state_of_subject.resolved_on  # type: ignore[attr-defined]  # as above
        for one in own
        if one.state_of_subject.columns.status == "resolved"
        if first <= one.valid_from <= last
    }
    reopened = [
        one
        for one in own
        if one.state_of_subject.columns.status in {"open", "returned"}
        if first <= one.valid_from <= last
        if any(
            before.valid_to == one.valid_from
            and before.state_of_subject.columns.status == "resolved"
            for before in states
        )
    ]
    return (
        len(new),
        sum(one.verified for one in new),
        len([day for day in days if day >= first]),
        len(reopened),
    )


async def test_a_log_without_cases_has_no_flow(world: World) -> None:
    figure = await world.figure(
        Question("IKU-1", date(1, 1, 1), known_on=world.today, size=0)
    )
    found = await case_flow.case_flow_of_figure(
        world.connection, figure, await options_of(world, figure)
    )
    assert found[:4] == (0, 0, 0, 0)
    assert [one.cases for one in found.ages] == [0, 0, 0, 0]
