"""The parts of a figure add up to it, and are those that the API gives."""

from collections import Counter

from msgspec import structs

from iku.queries import figure_parts
from tests.queries.test_figure_replay import asked, question_of
from tests.registers.world import World


async def test_the_parts_by_one_property_are_those_of_the_breakdown(
    long: World,
) -> None:
    several = 0
    for figure in await asked(long, seed=41, count=12):
        found = await figure_parts.counts_by_part(long.connection, figure)
        several += len(found) > 3
        assert sum(one.numerator for one in found) == figure.numerator
        assert sum(one.denominator for one in found) == figure.denominator
        for name in ("part", "district"):
            question = structs.replace(question_of(figure), breakdown=name)
            broken = (await long.figure(question)).parts or ()
            numerators, denominators = Counter[str](), Counter[str]()
            for one in found:
                numerators[getattr(one, name)] += one.numerator
                denominators[getattr(one, name)] += one.denominator
            assert dict(denominators) == {one.key: one.denominator for one in broken}
            assert +numerators == +Counter({one.key: one.numerator for one in broken})
    assert several > 5
