"""The recount from the log includes exactly the events within the cut-offs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from iku.app import open_app
from iku.domain import conflict, organisation, subject_kinds
from iku.domain.indicator import Targeted
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.ledger import log
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.queries.recount import AT_ONCE, recount
from tests.conftest import SETTINGS
from tests.registers.world import World

YEAR_END = date(2021, 12, 31)
JULY = date(2021, 7, 5)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with (
        open_app(SETTINGS, database) as app,
        app.pool.acquire() as connection,
    ):
        yield World(app, connection)


async def tell(world: World) -> None:
    """Three cases; one is known late, and one is corrected to the other category."""
    early = date(2021, 5, 1)
    for number, known_on in (("K1", early), ("K2", early), ("K3", JULY)):
        await world.do("conflict", number, _reported(), known_on=known_on)
        verified = conflict.Verified(effective_on=early)
        await world.do("conflict", number, verified, known_on=known_on)
    manner = conflict.Manner.MEDIASI
    resolved = conflict.Resolved(effective_on=date(2021, 6, 1), manner=manner)
    await world.do("conflict", "K1", resolved, known_on=date(2021, 6, 1))
    other = conflict.Corrected(
        corrects=1,
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.AGAMA,
        reason="Pokoknya keagamaan",
    )
    await world.do("conflict", "K2", other, known_on=JULY)


def _reported() -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.SOSIAL,
        title="Perselisihan",
        area="35.76.02.1009",
        effective_on=date(2021, 5, 1),
    )


async def test_a_late_report_and_a_correction_count_only_from_their_knowledge_on(
    world: World,
) -> None:
    await tell(world)

    async def counts(code: str, **more: Any) -> tuple[int, int]:
        figure = await world.recount(Question(code, YEAR_END, **more))
        return figure.numerator, figure.denominator

    assert await counts("IKU-1") == (1, 2)
    assert await counts("IKU-3") == (0, 1)
    assert await counts("IKU-1", known_on=JULY - timedelta(days=1)) == (1, 2)
    assert await counts("IKU-3", known_on=JULY - timedelta(days=1)) == (0, 0)
    assert await counts("IKU-1", known_on=date(2021, 5, 31)) == (0, 2)
    assert await counts("IKU-1", known_on=date(2021, 4, 30)) == (0, 0)


async def test_a_size_is_a_prefix_of_the_log_of_which_nothing_is_missed(
    world: World,
) -> None:
    await tell(world)
    size = await world.size()
    counts = []
    for prefix in range(size + 1):
        figure = await world.recount(Question("IKU-1", YEAR_END, size=prefix))
        assert figure.size == prefix
        counts.append((figure.numerator, figure.denominator))
    # The first 4 events are seed definitions; each case counts from its verification.
    assert counts[:9] == [(0, 0)] * 6 + [(0, 1)] * 2 + [(0, 2)]
    assert counts[9:] == [(0, 2), (0, 3), (1, 3), (1, 2)]


async def test_parts_are_dimensions_kinds_or_districts(world: World) -> None:
    await tell(world)
    registered = organisation.Registered(
        kind=organisation.OrganisationKind.ORMAS,
        name="Contoh",
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
        effective_on=date(2021, 5, 1),
    )
    await world.do("organisation", "O1", registered)

    async def parts(code: str, breakdown: Any) -> list[tuple[str, int, int]]:
        asked = Question(code, YEAR_END, breakdown=breakdown)
        figure = await world.recount(asked)
        assert figure == await world.figure(asked)
        assert figure.parts is not None
        return [(p.key, p.numerator, p.denominator) for p in figure.parts]

    assert await parts("IKU-1", "part") == [("sosial", 1, 2)]
    assert await parts("IKU-1", "district") == [("35.76.02", 1, 2)]
    assert await parts("IKU-2", "part") == [("ormas", 0, 1)]
    assert await parts("IKU-2", "district") == [("", 0, 1)]
    seat = organisation.Corrected(corrects=1, reason="Alamat", area="35.76.01.1003")
    await world.do("organisation", "O1", seat)
    assert await parts("IKU-2", "district") == [("35.76.01", 0, 1)]


async def test_a_recount_reads_no_projection(world: World, database: Database) -> None:
    await tell(world)
    asked = [Question(code, YEAR_END) for code in ("IKU-1", "IKU-2", "IKU-3")]
    figures = [await world.recount(question) for question in asked]
    owner = await pools.connect_as_owner(database.owner_dsn)
    await owner.execute("drop schema projection cascade")
    assert [await recount(owner, q, world.today) for q in asked] == figures
    await owner.close()


async def test_what_is_recorded_during_a_recount_is_not_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(world)
    head, question = log.head, Question("IKU-1", YEAR_END)
    before = await world.recount(question)

    async def grown(connection: log.Connection) -> log.Head:
        found = await head(connection)
        monkeypatch.setattr(log, "head", head)
        target = Targeted(year=2021, target="50.00", effective_on=JULY, basis="PK")
        await world.do("indicator", "IKU-1", target)
        reopened = conflict.Reopened(effective_on=date(2021, 8, 1))
        await world.do("conflict", "K1", reopened)
        return found

    monkeypatch.setattr(log, "head", grown)
    assert await world.recount(question) == before
    after = await world.recount(question)
    assert (after.target, after.numerator) == (Decimal("50.00"), 0)


async def test_what_does_not_exist_cannot_be_recounted(world: World) -> None:
    size = await world.size()
    with pytest.raises(UnknownReference, match="IKU-4"):
        await world.recount(Question("IKU-4", YEAR_END))
    for path, question in (
        ("size", Question("IKU-1", YEAR_END, size=size + 1)),
        ("as_of", Question("IKU-1", world.today + timedelta(days=1))),
        ("definition", Question("IKU-1", YEAR_END, definition=2)),
    ):
        with pytest.raises(InvalidQuestion) as refused:
            await world.recount(question)
        assert refused.value.path == path


# Concurrency


async def test_others_are_answered_while_the_log_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(world)
    question = Question("IKU-1", YEAR_END)
    expected = await world.recount(question)
    go_on, counted = threading.Event(), subject_kinds.membership
    at_once = highest = 0

    def membership(*asked: Any) -> Any:
        nonlocal at_once, highest
        at_once += 1
        highest = max(highest, at_once)
        assert go_on.wait(30)
        at_once -= 1
        return counted(*asked)

    monkeypatch.setattr(subject_kinds, "membership", membership)
    async with AsyncExitStack() as stack:
        pool = world.app.pool
        several = [
            await stack.enter_async_context(pool.acquire()) for _ in range(AT_ONCE + 2)
        ]
        recounts = [
            asyncio.create_task(recount(one, question, world.today)) for one in several
        ]
        try:
            async with asyncio.timeout(10):
                while at_once < AT_ONCE:  # noqa: ASYNC110 - threads begin by themselves
                    await asyncio.sleep(0.01)
            await world.do("conflict", "K9", _reported())
            assert (await world.figure(question)).denominator == expected.denominator
            assert not any(one.done() for one in recounts)
        finally:
            go_on.set()
        figures = await asyncio.gather(*recounts)
    assert highest == AT_ONCE
    assert {figure.denominator for figure in figures} == {expected.denominator}
