"""The pages of the subjects that a figure counts."""

from datetime import date
from typing import Literal

import pytest
from msgspec import structs

from iku.domain.question import Question
from iku.queries import counted_subjects, explanation
from iku.queries.explanation import ExplainedSubject, PinnedFigure, SubjectFilter
from tests.queries.test_explanation import pages
from tests.queries.test_figure_replay import asked, question_of
from tests.registers.world import World


async def counted(
    world: World, begun: PinnedFigure, wanted: SubjectFilter, limit: int
) -> list[ExplainedSubject]:
    items: list[ExplainedSubject] = []
    while True:
        page = await counted_subjects.page(world.view, begun, wanted, limit)
        assert len(page.items) <= limit
        items += page.items
        if page.next is None:
            return items
        begun = begun._replace(after=page.next)


@pytest.mark.parametrize("which", ["numerator", "denominator", "open"])
async def test_they_are_those_of_the_whole_explanation(
    long: World, which: Literal["numerator", "denominator", "open"]
) -> None:
    found_some = 0
    year = await long.figure(Question("IKU-2", date(2021, 12, 31)))
    for figure in [year, *await asked(long, seed=45, count=8)]:
        begun = PinnedFigure(figure, question_of(figure), "")
        wanted = SubjectFilter(which)
        whole = [
            item
            for page in await pages(long, begun.question, wanted)
            for item in page.items
        ]
        assert await counted(long, begun, wanted, 7) == whole
        found_some += len(whole) > 7
        if whole:
            one = whole[-1]
            for more in (
                {"part": one.part},
                {"district": one.district},
                {"subject": one.id},
                {"rule": one.why_numerator.rule},
            ):
                narrow = structs.replace(wanted, **more)
                expected = [item for item in whole if _passes(item, narrow)]
                assert await counted(long, begun, narrow, 50) == expected
    assert found_some


def _passes(item: ExplainedSubject, wanted: SubjectFilter) -> bool:
    rules = (None, item.why_denominator.rule, item.why_numerator.rule)
    return (
        wanted.part in (None, item.part)
        and wanted.district in (None, item.district)
        and wanted.subject in (None, item.id)
        and wanted.rule in rules
    )


async def test_a_page_examines_only_what_it_shows(long: World) -> None:
    figure = max(await asked(long, seed=46), key=lambda one: one.denominator)
    begun = PinnedFigure(figure, question_of(figure), "")
    page = await counted_subjects.page(
        long.view, begun, SubjectFilter("denominator"), 5
    )
    assert page.examined == len(page.items) == 5
    assert page.counts.denominator == 5
    assert page.examined < explanation.EXAMINED
