"""Lists, held against the standings of states folded in memory."""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any, Literal

import msgspec
import pytest
from msgspec import structs

from iku.domain import conflict, organisation, standings
from iku.domain.decider import subject_number
from iku.queries.lists import Page, Search
from tests.registers.memory import Memory
from tests.registers.world import Chance, World

AS_OF = date(2021, 12, 31)
ALL = 10_000


def matches(subject: str, state: Any, standing: Any, asked: Search) -> bool:
    filters = standing.stored
    field = "title" if asked.category == "conflict" else "name"
    worded = state.history[standing.wording[field] - 1]
    shown = f"{subject_number(subject)} {getattr(worded, field)}".lower()
    return (
        asked.status in {None, standing.status}
        and asked.kind in {None, filters.kind}
        and filters.area.startswith(asked.area or "")
        and asked.source in {None, filters.source}
        and (asked.text or "").lower() in shown
    )


def expected(memory: Memory, asked: Search) -> list[Any]:
    """Standings that the search should find, in order."""
    found = []
    for number, subject in sorted(memory.subjects[asked.category].items()):
        state = subject.heard(asked.known_on, asked.size)
        standing = standings.on(number, state, asked.as_of)
        if standing is not None and matches(number, state, standing, asked):
            found.append((number, msgspec.to_builtins(standing)))
    begun = [shown for number, shown in found if number > asked.after]
    return begun[: asked.limit]


def items(page: Page) -> list[Any]:
    return [found.standing for found in page.items]


def searches(memory: Memory, count: int) -> Iterator[Search]:
    chance = Chance(Random(4))
    random = chance.random
    for _ in range(count):
        category: Literal["conflict", "organisation"]
        category = random.choice(["conflict", "organisation"])
        cases = category == "conflict"
        words = ["100%", "r_t", "é", "É", "dusun", "K00", "\\", "tidak ada", "o0"]
        statuses = ["open", "returned", "resolved", "rejected", "merged", "annulled"]
        kinds: list[Any] = list(conflict.Category)
        if not cases:
            statuses = ["active", "suspended", "dissolved", "merged", "annulled"]
            kinds = list(organisation.Kind)
        yield Search(
            category=category,
            as_of=chance.day(),
            known_on=random.choice([None, chance.day()]),
            size=random.choice([None, random.randint(0, memory.size)]),
            status=random.choice([*[None] * 5, *statuses]),
            kind=random.choice([*[None] * 5, *kinds]),
            area=random.choice([None, None, None, "35.76.02", "35.76.01.1003"]),
            text=random.choice([None, None, *words]),
            after=random.choice(["", "", "K0400", "O0700"]),
            limit=random.choice([1, 7, 50, ALL]),
        )


async def test_any_list_is_what_the_states_of_then_stand_for(
    long: World, memory: Memory
) -> None:
    found = 0
    for asked in searches(memory, 250):
        page = await long.search(asked)
        assert items(page) == expected(memory, asked), asked
        found += bool(page.items)
    assert 50 < found < 240


async def test_pages_give_each_item_once_and_the_last_one_says_so(
    long: World, memory: Memory
) -> None:
    whole = Search("organisation", AS_OF, limit=ALL)
    asked = structs.replace(whole, limit=33)
    paged: list[Any] = []
    while True:
        page = await long.search(asked)
        paged += items(page)
        if page.next is None:
            break
        assert len(page.items) == asked.limit
        asked = structs.replace(asked, after=page.next)
    assert paged == expected(memory, whole)
    assert len(paged) > 150
    # Just as many as there are: there is no further page, not even an empty one.
    exact = structs.replace(whole, limit=len(paged))
    assert (await long.search(exact)).next is None


def _case(title: str, **fields: Any) -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title=title,
        effective_on=date(2021, 2, 1),
        **fields,
    )


async def _found(world: World, **filters: Any) -> list[str]:
    page = await world.search(Search("conflict", AS_OF, **filters))
    return [found.standing["number"] for found in page.items]


@pytest.mark.parametrize(
    ("text", "title", "other"),
    [
        ("90%", "Tuntas 90% lebih", "Tuntas 90 persen"),
        ("p_x", "Posko p_x", "Posko pax"),
        ("ruas \\", "Ruas \\ 7", "Ruas / 7"),
        ("SENGKETA ŒUVRE", "sengketa œuvre", "sengketa uvre"),
        ("ŻÓŁĆ", "ŻÓŁĆ", "ZOLC"),
        ("'; drop", "Kata '; drop", "Kata drop"),
    ],
)
async def test_text_is_found_letter_by_letter_but_for_its_case(
    world: World, text: str, title: str, other: str
) -> None:
    await world.do("conflict", "X1", _case(title))
    await world.do("conflict", "X2", _case(other))
    assert await _found(world, text=text) == ["X1"]


async def test_a_number_with_slashes_is_found_as_it_is_written(world: World) -> None:
    await world.do("conflict", "17~BA~2021", _case("Perselisihan"))
    assert await _found(world, text="17/ba/") == ["17/BA/2021"]


async def test_a_case_is_found_at_its_source_and_in_its_district(world: World) -> None:
    fkub, area = conflict.Source.FKUB, "35.76.03.1004"
    await world.do("conflict", "X1", _case("Perselisihan", source=fkub, area=area))
    assert await _found(world, source="fkub") == ["X1"]
    for place in ("35.76", "35.76.03", "35.76.03.1004"):
        assert await _found(world, source="fkub", area=place) == ["X1"]
    assert await _found(world, source="fkub", area="35.76.02") == []


async def test_a_list_shows_the_entry_that_was_made_a_moment_ago(world: World) -> None:
    await world.do("conflict", "X1", _case("Baru saja"))
    assert await _found(world, text="baru saja", status="open") == ["X1"]
    done = conflict.Resolved(
        effective_on=date(2021, 3, 1), manner=conflict.Manner.ISLAH
    )
    size = await world.size()
    await world.do("conflict", "X1", done)
    assert await _found(world, text="baru saja", status="open") == []
    assert await _found(world, text="baru saja", status="resolved") == ["X1"]
    assert await _found(world, text="baru saja", status="open", size=size) == ["X1"]


async def test_what_an_item_shows_is_its_standing_on_the_day(world: World) -> None:
    await world.do("conflict", "X1", _case("Perkara", level=conflict.Level.KEKERASAN))
    done = conflict.Resolved(
        effective_on=date(2021, 3, 1), manner=conflict.Manner.ISLAH
    )
    await world.do("conflict", "X1", done)
    await world.do("conflict", "X1", conflict.Merged(into="K0000", reason="Sama"))
    asked = Search("conflict", AS_OF, text="X1")
    [item] = (await world.search(asked)).items
    shown = item.standing
    assert (shown["status"], shown["merged_into"]) == ("merged", "K0000")
    before = structs.replace(asked, size=await world.size() - 1)
    [item] = (await world.search(before)).items
    shown = item.standing
    assert (shown["status"], shown["resolved_on"]) == ("resolved", "2021-03-01")
    assert (shown["level"], shown["verified"]) == ("kekerasan", False)
