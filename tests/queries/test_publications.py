"""Published figures never change; the later changes add up to the difference."""

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from msgspec import structs

from iku.commands.command import Command
from iku.domain import publication
from iku.domain.cause import Cause
from iku.domain.closed_periods import ReasonRequired
from iku.domain.decider import Invalid, Refused, SubjectNotFound
from iku.domain.indicator import Targeted
from iku.domain.page_cursor import PageCursor
from iku.domain.period import Kind
from iku.domain.publication import (
    Draft,
    NextStep,
    Publication,
    PublicationState,
    TakeStep,
)
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.ledger.checkpoint_store import Assurance, Coverage
from iku.ledger.log import KnownOnDecreased
from iku.projections.rebuild import rebuild
from iku.queries import publication_changes, publications
from iku.queries.publication_changes import PublicationChange, PublicationChanges
from tests.domain.story import step
from tests.registers.filled import owner_of
from tests.registers.world import (
    CASES,
    CODES,
    FIRST,
    ORGANISATIONS,
    SPAN,
    Chance,
    World,
)
from tests.samples import examples

LAST = FIRST + timedelta(days=SPAN)


def some(random: Random) -> Chance:
    """Random facts on existing and new subjects."""
    return Chance(
        random,
        cases=[*CASES[:4], *(f"K{n:04}" for n in range(1, 40))],
        organisations=[*ORGANISATIONS[:4], *(f"O{n:04}" for n in range(1, 40))],
    )


async def hand_in(world: World, of: str, proposed: Any, actor: str = "ani") -> None:
    subject = publication.stream_year(of)
    command = Command("publication", subject, proposed, actor)
    assert (await world.app.commands.handle(world.connection, command)).added


async def take(world: World, of: str, step: NextStep, actor: str = "ani") -> None:
    figures = world.app.figures
    frozen = await publications.snapshot(
        world.connection, figures, of, step, world.today
    )
    await hand_in(world, of, TakeStep(of, step, frozen), actor)


async def close(world: World, draft: Draft, known_on: date | None = None) -> str:
    of = draft.publication
    await hand_in(world, of, draft)
    await take(
        world,
        of,
        step("closed", "Tutup buku", known_on=known_on),
    )
    return of


async def publish(world: World, draft: Draft, known_on: date | None = None) -> str:
    of = await close(world, draft, known_on)
    await take(world, of, step("reviewed", "Sesuai"), "siti")
    await take(world, of, step("published", "Disahkan"), "budi")
    return of


async def find(world: World, of: str) -> Publication:
    return (await publications.find(world.connection, of)).publication


async def changed(
    world: World, of: str, limit: int = 200
) -> tuple[PublicationChanges, list[PublicationChange]]:
    """The first page, and the items of all pages."""
    pages, cursor = [], None
    while True:
        page = await publication_changes.changes(
            world.view,
            world.app.figures,
            await find(world, of),
            publication_changes.read_page(cursor, limit),
            world.today,
        )
        pages.append(page)
        assert len(page.items) <= limit
        cursor = page.next
        if cursor is None:
            return pages[0], [item for page in pages for item in page.items]
        assert len(page.items) == limit


async def record(world: World, chance: Chance) -> int:
    """Whether a random fact was recorded; a late fact has a reason."""
    category, drawn = "conflict", chance.case
    if chance.random.random() < 0.5:
        category, drawn = "organisation", chance.organisation
    subject, event = drawn()
    known_on = chance.random.choice([None, LAST + timedelta(days=400)])
    for said in (event, _explained(event)):
        try:
            done = await world.do(category, subject, said, known_on=known_on)
        except ReasonRequired:
            continue
        except (Refused, SubjectNotFound, KnownOnDecreased):
            return 0
        return int(done.added)
    raise AssertionError(event)


def _explained(event: Any) -> Any:
    if "reason" in event.__struct_fields__:
        return structs.replace(event, reason="Laporan baru diterima")
    return event


async def redefine(world: World, chance: Chance) -> None:
    code, redefinition = chance.redefinition()
    await world.try_to("indicator", code, redefinition)
    targeted = Targeted(
        year=chance.random.choice([2020, 2021, 2022]),
        target=chance.random.choice(["60", "75.5", "90"]),
        effective_on=chance.day(),
        basis="PK Perubahan",
        reason="Perubahan",
    )
    await world.try_to("indicator", chance.random.choice(CODES), targeted)


def drafts(chance: Chance, count: int) -> list[Draft]:
    """Drafts of random days and periods, some as of the period's end."""
    told: dict[str, Draft] = {}
    while len(told) < count:
        kind, day = chance.random.choice(list(Kind)), chance.day()
        draft = Draft(period=kind, as_of=day, reason="Uji")
        told[draft.publication] = draft
    return list(told.values())


async def check_sums(world: World, of: str) -> Counter[Cause]:
    """Assert that the effects of all events add up to the difference of the figures."""
    page, items = await changed(world, of)
    positions = [item.event.position for item in items]
    assert positions == sorted(set(positions))
    for moved in page.figures:
        effects = [
            effect
            for item in items
            for effect in item.effects
            if effect.indicator == moved.indicator
        ]
        assert moved.difference.numerator == sum(e.numerator for e in effects)
        assert moved.difference.denominator == sum(e.denominator for e in effects)
        present, published = moved.present, moved.published
        assert present.numerator - published.numerator == moved.difference.numerator
    return Counter(item.cause for item in items)


@pytest.mark.timeout(180)
async def test_nothing_moves_what_was_published_and_every_change_is_told(
    world: World,
) -> None:
    chance = some(Random(3))
    frozen: dict[str, Publication] = {}
    causes: Counter[Cause] = Counter()
    for turn in range(examples(6, 4)):
        for draft in drafts(chance, 3):
            if draft.publication in frozen:
                continue
            known = chance.random.choice([None, max(draft.as_of, chance.day())])
            of = await publish(world, draft, known)
            frozen[of] = await find(world, of)
        added = [await record(world, chance) for _ in range(examples(150, 100))]
        assert sum(added) > 10
        if turn % 2:
            await redefine(world, chance)
        for of, before in frozen.items():
            assert await find(world, of) == before
            causes += await check_sums(world, of)
    for before in frozen.values():
        await check_frozen(world, before)
    # Every cause occurred except time, which does not affect published figures.
    assert set(causes) == set(Cause) - {Cause.TIME}
    owner = await owner_of(world.app.database)
    assert await rebuild(owner, lambda _done, _of: None) == []
    await owner.close()


async def check_frozen(world: World, of: Publication) -> None:
    """Assert that its figures equal the counts and recounts at their coordinates."""
    assert of.closing is not None
    for one in of.figures:
        question = Question(
            one.indicator,
            of.as_of,
            known_on=of.closing.known_on,
            size=of.closing.size,
            period=of.period.kind,
            definition=one.definition,
        )
        recounted = await world.recount(question)
        assert recounted == await world.figure(question)
        names = set(one.__struct_fields__) - {"scale"}
        assert all(getattr(one, name) == getattr(recounted, name) for name in names)


async def test_pages_of_any_length_hold_the_same_changes(world: World) -> None:
    chance = some(Random(5))
    draft = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
    of = await publish(world, draft, date(2022, 1, 15))
    for _ in range(30):
        await record(world, chance)
    page, whole = await changed(world, of)
    assert len(whole) > 20
    for limit in (1, 7):
        assert await changed(world, of, limit) == (
            structs.replace(
                page,
                items=page.items[:limit],
                next=(await changed(world, of, limit))[0].next,
            ),
            whole,
        )


async def test_a_page_goes_on_in_the_log_that_the_first_one_saw(world: World) -> None:
    chance = some(Random(7))
    draft = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
    of = await publish(world, draft, date(2022, 1, 15))
    first, whole = await changed(world, of)
    assert len(whole) > 1
    found = await find(world, of)
    one = await publication_changes.changes(
        world.view,
        world.app.figures,
        found,
        publication_changes.ChangesPageRequest(limit=len(whole) - 1),
        world.today,
    )
    while not await record(world, chance):
        pass
    rest = await publication_changes.changes(
        world.view,
        world.app.figures,
        found,
        publication_changes.read_page(one.next, 200),
        world.today,
    )
    assert (rest.size, rest.figures) == (first.size, first.figures)
    assert (*one.items, *rest.items) == tuple(whole)


@pytest.mark.parametrize(
    ("key", "size"), [("K01", 9_000), ("9" * 16, 9_000), ("1", 10**15)]
)
async def test_a_cursor_that_no_page_gave_is_refused(
    world: World, key: str, size: int
) -> None:
    draft = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
    of = await close(world, draft)
    cursor = PageCursor(size, draft.as_of, publication_changes.PART, key).cursor
    with pytest.raises(InvalidQuestion):
        await publication_changes.changes(
            world.view,
            world.app.figures,
            await find(world, of),
            publication_changes.read_page(cursor, 10),
            world.today,
        )


async def test_a_log_smaller_than_at_the_closing_cannot_be_asked(world: World) -> None:
    draft = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
    found = await find(world, await close(world, draft))
    assert found.closing is not None
    page = publication_changes.ChangesPageRequest(size=found.closing.size - 1)
    with pytest.raises(InvalidQuestion, match="was closed at size"):
        await publication_changes.changes(
            world.view, world.app.figures, found, page, world.today
        )


async def look(
    world: World, identifier: str, signed: int | None = None, seen: int | None = None
) -> publications.ShownPublication:
    """The publication, in a log signed and cosigned up to these sizes."""
    assurance = Assurance(signed, None, seen, 1, None)
    return await publications.read_publication(
        world.view, world.app.figures, identifier, world.today, assurance
    )


async def test_who_vouches_for_frozen_figures_is_told(world: World) -> None:
    draft = Draft(period=Kind.HALF, as_of=date(2021, 6, 30), reason="Uji")
    await hand_in(world, draft.publication, draft)
    assert (await look(world, "2021-S1", 9_999, 9_999)).coverage is None
    await take(world, "2021-S1", step("closed"))
    closed = await world.size()
    await take(world, "2021-S1", step("reviewed"), actor="siti")
    for signed, seen, coverage in (
        (None, None, Coverage.PENDING),
        (closed - 1, closed - 1, Coverage.PENDING),
        (closed, closed - 1, Coverage.SIGNED),
        (closed, closed, Coverage.WITNESSED),
    ):
        assert (await look(world, "2021-S1", signed, seen)).coverage is coverage


async def test_of_a_draft_nothing_is_frozen_and_the_live_figures_are_shown(
    world: World,
) -> None:
    draft = Draft(period=Kind.HALF, as_of=date(2021, 6, 30), reason="Uji")
    await hand_in(world, draft.publication, draft)
    with pytest.raises(
        UnknownReference, match="2021-S1 is draft, so its figures are not frozen"
    ):
        await changed(world, "2021-S1")
    for _ in range(2):
        shown = await look(world, "2021-S1")
        assert (shown.state, shown.figures) == (PublicationState.DRAFT, None)
        assert shown.live is not None
        for live in shown.live:
            question = Question(live.indicator, draft.as_of, period=Kind.HALF)
            assert live == await world.figure(question)
        await take(world, "2021-S1", step("closed"))
        closed = await look(world, "2021-S1")
        assert closed.live is None
        assert [f.percentage for f in closed.figures or ()] == [
            f.percentage for f in shown.live
        ]
        await take(world, "2021-S1", step("returned"))


async def test_a_closing_by_unlikely_knowledge_is_refused_before_it_is_counted(
    world: World,
) -> None:
    draft = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
    await hand_in(world, "2021", draft)
    for known_on in (date(1, 1, 1), date(2021, 12, 30), date.max):
        with pytest.raises(Invalid, match="known_on"):
            await take(
                world,
                "2021",
                step("closed", known_on=known_on),
            )


async def test_what_was_first_published_is_told_by_its_day(world: World) -> None:
    year = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="Uji")
    quarters = [
        Draft(period=Kind.QUARTER, as_of=date(2021, month, day), reason="Uji")
        for month, day in ((3, 31), (6, 30))
    ]
    await publish(world, year, date(2022, 1, 15))
    first = (await find(world, "2021")).figures[0]
    for quarter in quarters:
        await publish(world, quarter)
    await close(
        world, Draft(period=Kind.QUARTER, as_of=date(2021, 9, 30), reason="Uji")
    )
    chance = some(Random(9))
    for _ in range(20):
        await record(world, chance)
    await publish(world, structs.replace(year, restates="2021"))
    found = await publications.first_published(world.connection, "IKU-1", Kind.YEAR)
    assert {day: one.publication for day, one in found.items()} == {
        date(2021, 12, 31): "2021"
    }
    assert found[date(2021, 12, 31)].figure == first
    by_quarter = await publications.first_published(
        world.connection, "IKU-3", Kind.QUARTER
    )
    assert [*by_quarter] == [date(2021, 3, 31), date(2021, 6, 30)]
    assert (
        await publications.first_published(world.connection, "IKU-9", Kind.YEAR) == {}
    )


@pytest.mark.parametrize("of", ["", "2021", "2021-W1", "2021\x00", "x", "2021.1"])
async def test_what_was_never_drafted_is_unknown(world: World, of: str) -> None:
    with pytest.raises(UnknownReference, match="does not exist"):
        await publications.find(world.connection, of)
