"""Lists, compared with states folded in memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from random import Random
from typing import Any, Literal, NamedTuple

import msgspec
import pytest
from msgspec import structs

from iku.domain import conflict, organisation, subject_kinds
from iku.domain.question import InvalidQuestion
from iku.domain.subject_states import StateColumns
from iku.queries import search
from iku.queries.search import Search, Sort
from tests.registers.memory import Memory
from tests.registers.world import Chance, World
from tests.samples import examples

AS_OF = date(2021, 12, 31)
ALL = 10_000
CATEGORIES: tuple[Literal["conflict", "organisation"], ...]
CATEGORIES = ("conflict", "organisation")
DISTRICT, VILLAGE = "35.76.02", "35.76.01.1003"
WORDS = ["100%", "r_t", "é", "É", "dusun", "K00", "\\", "tidak ada", "o0"]


class Kept(NamedTuple):
    """The state of a subject at given coordinates, folded in memory."""

    subject: str
    standing: Any
    stored: StateColumns
    name: str


def folded(memory: Memory, asked: Search) -> list[Kept]:
    """All subjects of that category."""
    found = []
    field = "title" if asked.category == "conflict" else "name"
    for subject, known in memory.subjects[asked.category].items():
        state = known.heard(asked.known_on, asked.size)
        standing: Any = subject_kinds.state_on(
            asked.category, subject, state, asked.as_of
        )
        if standing is not None:
            worded = getattr(state.history[standing.wording[field] - 1], field)
            found.append(Kept(subject, standing, standing.columns, worded))
    return found


def matches(kept: Kept, asked: Search) -> bool:
    stored, text = kept.stored, f"{kept.stored.number} {kept.name}".lower()
    return (
        (not asked.statuses or stored.status in asked.statuses)
        and (not asked.kinds or stored.kind in asked.kinds)
        and (not asked.dimensions or stored.dimension in asked.dimensions)
        and (not asked.levels or stored.level in asked.levels)
        and (not asked.sources or stored.source in asked.sources)
        and asked.verified in {None, stored.verified}
        and asked.expired in {None, stored.expired}
        and stored.area.startswith(asked.area)
        and (asked.first or date.min) <= stored.entered_on <= (asked.last or date.max)
        and (asked.number or stored.number).lower() == stored.number.lower()
        and (asked.text or "").lower() in text
    )


KEYS: dict[Sort, Callable[[Kept], Any]] = {
    Sort.ID: lambda kept: kept.subject,
    Sort.NUMBER: lambda kept: kept.stored.number.lower(),
    Sort.ENTERED: lambda kept: kept.stored.entered_on,
    Sort.STATUS: lambda kept: kept.stored.status,
    Sort.LEVEL: lambda kept: kept.stored.level,
    Sort.TITLE: lambda kept: kept.name.casefold(),
}


def expected(memory: Memory, asked: Search) -> list[Any]:
    """The standings of the whole list, in order."""
    found = [kept for kept in folded(memory, asked) if matches(kept, asked)]
    found.sort(key=lambda kept: (KEYS[asked.sort](kept), kept.subject))
    if asked.descending:
        found.reverse()
    return [msgspec.to_builtins(kept.standing) for kept in found]


def by_status(items: list[Any]) -> dict[str, int]:
    return dict(Counter(item["status"] for item in items))


def some(random: Random, of: Iterable[Any]) -> tuple[Any, ...]:
    """Mostly no filters, sometimes some."""
    values = [*of]
    if random.random() < 0.75:
        return ()
    return tuple(random.sample(values, random.randint(1, len(values))))


def searches(memory: Memory, count: int) -> Iterator[Search]:
    chance = Chance(Random(4))
    random = chance.random
    cases = ["open", "returned", "resolved", "rejected", "merged", "annulled"]
    statuses = {"conflict": cases, "organisation": [*organisation.Status, "merged"]}
    kinds = {
        "conflict": conflict.Category,
        "organisation": organisation.OrganisationKind,
    }
    for _ in range(count):
        category = random.choice(CATEGORIES)
        of_cases = category == "conflict"
        days = sorted([chance.day(), chance.day()])
        yield Search(
            category=category,
            as_of=chance.day(),
            known_on=random.choice([None, chance.day()]),
            size=random.choice([None, random.randint(0, memory.size)]),
            statuses=some(random, statuses[category]),
            kinds=some(random, kinds[category]),
            dimensions=some(random, conflict.Dimension) if of_cases else (),
            levels=some(random, [1, 2, 3, 4]) if of_cases else (),
            sources=some(random, ["", *conflict.Source]) if of_cases else (),
            verified=random.choice([None, None, True, False]) if of_cases else None,
            expired=None if of_cases else random.choice([None, None, True, False]),
            area=random.choice(["", "", "", DISTRICT, VILLAGE]),
            first=random.choice([None, None, days[0]]),
            last=random.choice([None, None, days[1]]),
            number=random.choice([None] * 9 + ["k0003"]),
            text=random.choice([None, None, *WORDS]),
            sort=random.choice([*Sort]),
            descending=random.choice([False, True]),
            limit=random.choice([1, 7, 50, ALL]),
        )


async def test_any_list_is_what_the_states_of_then_stand_for_in_any_order(
    long: World, memory: Memory
) -> None:
    full, empty, count = 0, 0, examples(250, 100)
    for asked in searches(memory, count):
        whole = expected(memory, asked)
        page = await long.search(asked)
        paged = [*page.items]
        # Only the second page and the last but one, to save time.
        if page.next is not None:
            page = await long.search(structs.replace(asked, after=page.next))
            paged += page.items
        shown = [found.standing for found in paged]
        assert shown == whole[: len(shown)], asked
        assert (page.next is None) == (len(shown) == len(whole)), asked
        assert page.statuses == by_status(whole), asked
        if whole[asked.limit :]:
            end = whole[-2]["id"] if whole[1:] else ""
            last = await long.search(structs.replace(asked, after=end))
            assert [one.standing for one in last.items] == whole[-1:], asked
            assert last.next is None
        full, empty = full + (len(whole) > 7), empty + (not whole)
    assert full > count / 6
    assert empty > count / 25


@pytest.mark.parametrize("sort", Sort)
async def test_pages_give_each_item_once_and_the_last_one_says_so(
    long: World, memory: Memory, sort: Sort
) -> None:
    whole = Search(category="conflict", as_of=AS_OF, sort=sort, limit=ALL)
    asked = structs.replace(whole, limit=33)
    paged: list[Any] = []
    while True:
        page = await long.search(asked)
        paged += [found.standing for found in page.items]
        assert page.statuses is not None
        if page.next is None:
            break
        assert len(page.items) == asked.limit
        asked = structs.replace(asked, after=page.next)
    assert paged == expected(memory, whole)
    assert sum(page.statuses.values()) == len(paged) > 150
    # With a limit equal to the total, there is no further page, not even an empty one.
    exact = structs.replace(whole, limit=len(paged))
    assert (await long.search(exact)).next is None


async def test_more_than_are_looked_through_have_no_total_and_no_order_by_title(
    long: World, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WALKED", 60)
    monkeypatch.setattr(search, "CHUNK", 20)
    asked = Search(category="conflict", as_of=AS_OF, text="dusun", limit=5)
    whole = expected(memory, asked)
    paged: list[Any] = []
    while True:
        page = await long.search(asked)
        assert page.statuses is None
        paged += [found.standing for found in page.items]
        if page.next is None:
            break
        asked = structs.replace(asked, after=page.next)
    assert paged == whole
    everything = structs.replace(asked, text=None, after="")
    count = len(expected(memory, everything))
    with pytest.raises(InvalidQuestion, match=f"at most 60 subjects .*, but {count} "):
        await long.search(structs.replace(everything, sort=Sort.TITLE))
    # A filter with few enough matches has a total and an order again.
    few = structs.replace(asked, kinds=("lainnya",), sort=Sort.TITLE, after="")
    assert 0 < len(expected(memory, few)) <= 60
    page = await long.search(few)
    assert [one.standing for one in page.items] == expected(memory, few)[:5]
    assert page.statuses == by_status(expected(memory, few))


async def test_a_page_goes_on_only_after_a_subject_that_there_was(long: World) -> None:
    for sort in Sort:
        asked = Search(category="conflict", as_of=AS_OF, sort=sort, after="K9999999")
        with pytest.raises(InvalidQuestion, match="cursor"):
            await long.search(asked)


def _case(title: str, **fields: Any) -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title=title,
        effective_on=date(2021, 2, 1),
        **fields,
    )


async def _found(world: World, **filters: Any) -> list[str]:
    page = await world.search(Search(category="conflict", as_of=AS_OF, **filters))
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
    assert await _found(world, sources=("fkub",)) == ["X1"]
    for place in ("35.76", "35.76.03", "35.76.03.1004"):
        assert await _found(world, sources=("fkub",), area=place) == ["X1"]
    assert await _found(world, sources=("fkub",), area="35.76.02") == []


async def test_a_list_shows_the_entry_that_was_made_a_moment_ago(world: World) -> None:
    await world.do("conflict", "X1", _case("Baru saja"))
    assert await _found(world, text="baru saja", statuses=("open",)) == ["X1"]
    done = conflict.Resolved(
        effective_on=date(2021, 3, 1), manner=conflict.Manner.ISLAH
    )
    size = await world.size()
    await world.do("conflict", "X1", done)
    assert await _found(world, text="baru saja", statuses=("open",)) == []
    assert await _found(world, text="baru saja", statuses=("resolved",)) == ["X1"]
    assert await _found(world, text="baru saja", statuses=("open",), size=size) == [
        "X1"
    ]


async def test_what_an_item_shows_is_its_standing_on_the_day(world: World) -> None:
    await world.do("conflict", "X1", _case("Perkara", level=conflict.Level.KEKERASAN))
    done = conflict.Resolved(
        effective_on=date(2021, 3, 1), manner=conflict.Manner.ISLAH
    )
    await world.do("conflict", "X1", done)
    await world.do("conflict", "X1", conflict.Merged(into="K0000", reason="Sama"))
    asked = Search(category="conflict", as_of=AS_OF, text="X1")
    [item] = (await world.search(asked)).items
    shown = item.standing
    assert (shown["status"], shown["merged_into"]) == ("merged", "K0000")
    before = structs.replace(asked, size=await world.size() - 1)
    [item] = (await world.search(before)).items
    shown = item.standing
    assert (shown["status"], shown["resolved_on"]) == ("resolved", "2021-03-01")
    assert (shown["level"], shown["verified"]) == ("kekerasan", False)
