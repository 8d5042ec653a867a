"""Late facts and closed periods: by one office, and by two over one database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from iku import texts
from iku.domain import conflict, publication
from iku.domain.decider import Unexplained
from iku.domain.fact import Annulled
from iku.domain.period import Kind
from iku.domain.publication import Asked, Closing, Draft, Release, Return, Review
from iku.handling import Command, Missing, Outcome
from iku.ledger import log
from iku.ledger.checking import check_ledger
from iku.ledger.log import Reader
from iku.postgres.database import Database
from iku.projections import publications
from iku.settings import Settings
from iku.wiring import House, furnish

DAY = date(2021, 5, 1)
YEAR = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="LKjIP 2021")


class Desk:
    """Somebody who works with one house, and counts what is read for it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.read: list[str] = []

    async def fetch(self, query: str, *args: Any) -> Any:
        self.read.append(query)
        async with self.house.pool.acquire() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        self.read.append(query)
        async with self.house.pool.acquire() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self.read.append(query)
        async with self.house.pool.acquire() as connection:
            return await connection.fetchval(query, *args)

    async def do(
        self, subject: str, proposed: Any, command_id: str | None = None, **more: Any
    ) -> Outcome:
        category = more.pop("category", "conflict")
        command = Command(category, subject, proposed, "uji", command_id, **more)
        self.read.clear()
        reader: Reader = self
        return await self.house.office.handle(reader, command)

    async def draft(self, draft: Draft = YEAR) -> Outcome:
        subject = publication.subject(draft.publication)
        return await self.do(subject, draft, category="publication")

    async def take(
        self, asked: Asked, actor: str = "uji", command_id: str | None = None
    ) -> Outcome:
        house = self.house
        async with house.pool.acquire() as connection:
            taken = await publications.taken(
                connection, house.figures, "2021", asked, house.office.today()
            )
        command = Command("publication", "2021", taken, actor, command_id)
        return await house.office.handle(self, command)

    async def size(self) -> int:
        async with self.house.pool.acquire() as connection:
            return (await log.head(connection)).size


Desks = Callable[[], Awaitable[Desk]]


@pytest.fixture
async def desks(database: Database) -> AsyncIterator[Desks]:
    """Opens desks, each in a house of its own, as two processes would be."""
    async with AsyncExitStack() as stack:
        opened: list[House] = []

        async def open_desk() -> Desk:
            house = await stack.enter_async_context(furnish(Settings(), database))
            opened.append(house)
            return Desk(house)

        yield open_desk
        async with opened[0].pool.acquire() as connection:
            assert await check_ledger(connection) == []


@pytest.fixture
async def desk(desks: Desks) -> Desk:
    return await desks()


def report(title: str = "Perselisihan", day: date = DAY) -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title=title,
        effective_on=day,
    )


def late(event: Any) -> Any:
    return structs.replace(event, reason="Laporan baru diterima")


CLOSE = Closing(reason="Tutup buku")
RETURN = Return(reason="Ada yang tertinggal")
VERIFIED = conflict.Verified(effective_on=DAY)


async def test_what_is_recorded_into_a_closed_period_needs_a_reason_and_is_accepted(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    await desk.draft()
    await desk.take(CLOSE)
    size = await desk.size()
    for subject, event in (("K1", VERIFIED), ("K2", report()), ("", report())):
        with pytest.raises(Unexplained, match=r"is 2021-05-01, but publication 2021 "):
            await desk.do(subject, event)
        assert await desk.size() == size
        size = (await desk.do(subject, late(event))).receipt.size
    async with desk.house.pool.acquire() as connection:
        [*_, verified] = await log.read_stream(connection, "conflict-K1")
        vault = desk.house.vault
        read = await texts.read(connection, vault, [verified])
    assert read["conflict-K1", 2].plain == {"reason": "Laporan baru diterima"}


async def test_other_years_corrections_and_annulments_are_as_they_were(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    await desk.draft()
    await desk.take(CLOSE)
    assert (await desk.do("K2", report(day=date(2022, 1, 1)))).added
    assert (await desk.do("K3", report(day=date(2020, 12, 31)))).added
    assert (await desk.do("K1", Annulled(annuls=1, reason="Salah"))).added


async def test_a_period_closed_by_another_process_is_closed_at_once(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    await first.do("K1", report())
    await second.draft()
    await second.take(CLOSE)
    for subject, event in (("K1", VERIFIED), ("K2", report()), ("", report())):
        with pytest.raises(Unexplained):
            await first.do(subject, event)
    assert (await first.do("K1", late(VERIFIED))).added


async def test_a_period_opened_by_another_process_is_open_at_once(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    await first.draft()
    await first.take(CLOSE)
    with pytest.raises(Unexplained):
        await first.do("K1", report())
    await second.take(RETURN)
    assert (await first.do("K1", report())).added
    assert (await first.do("", report())).added


@pytest.mark.parametrize("houses", [1, 2])
async def test_nothing_slips_in_at_the_moment_of_the_closing(
    desks: Desks, houses: int
) -> None:
    first = await desks()
    second = first if houses == 1 else await desks()
    await first.draft()
    before = 0
    for n in range(10):
        told = await asyncio.gather(
            *(first.do(f"K{n}-{k}", report()) for k in range(3)),
            second.take(CLOSE),
            *(second.do(f"S{n}-{k}", report()) for k in range(3)),
            first.do("", report(f"tanpa nomor {n}")),
            return_exceptions=True,
        )
        closing = told.pop(3)
        assert isinstance(closing, Outcome)
        for outcome in told:
            if isinstance(outcome, Outcome):
                assert outcome.receipt.position < closing.receipt.position
                before += 1
            else:
                assert isinstance(outcome, Unexplained), outcome
        await second.take(RETURN)
    assert before


async def test_what_is_refused_uses_up_no_number(desks: Desks) -> None:
    first, second = await desks(), await desks()
    year = first.house.office.today().year
    assert (await first.do("", report())).subject == f"K{year}-00001"
    await second.draft()
    await second.take(CLOSE)
    for desk in (first, first, second):
        with pytest.raises(Unexplained):
            await desk.do("", report())
    assert (await first.do("", late(report()))).subject == f"K{year}-00002"
    await first.take(RETURN)
    assert (await second.do("", report())).subject == f"K{year}-00003"


# A report costs what it did.


async def test_a_report_reads_nothing_and_an_event_its_case(desks: Desks) -> None:
    """One statement more would be one round trip more for every case there is."""
    desk, other = await desks(), await desks()
    for closed in (False, True):
        if closed:
            quarter = Draft(period=Kind.QUARTER, as_of=date(2021, 3, 31), reason="TW I")
            await other.draft(quarter)
            # Whoever learns of the publications of a year reads them once.
            await desk.do(f"A{closed}", report())
        await desk.do(f"K{closed}", report())
        assert len(desk.read) == 0
        await desk.do(f"S{closed}", report(), "p1" if closed else "p0")
        assert len(desk.read) == 1  # whether it was sent before
        await desk.do("", report())
        assert len(desk.read) == 1  # the number
        await desk.do(f"K{closed}", VERIFIED)
        assert len(desk.read) == 1  # the case


# The steps, through the office.


async def test_a_closing_sent_again_gets_the_first_receipt_though_figures_moved(
    desk: Desk,
) -> None:
    await desk.draft()
    first = await desk.take(CLOSE, command_id="p1")
    await desk.do("K1", late(report()))
    again = await desk.take(CLOSE, command_id="p1")
    assert again.repeated
    assert again.receipt.position == first.receipt.position


async def test_who_publishes_is_told_by_the_command(desk: Desk) -> None:
    await desk.draft()
    await desk.take(CLOSE)
    await desk.take(Review(reason="x"), actor="siti")
    await desk.take(Release(reason="x"), actor="budi")
    async with desk.house.pool.acquire() as connection:
        found = await publications.find(connection, "2021")
    assert [step.body().data.get("by") for step in found.steps[2:]] == ["siti", "budi"]


async def test_no_step_is_taken_in_a_year_without_publications(desk: Desk) -> None:
    taken = publication.Taken("2021", Review(reason="x"))
    with pytest.raises(Missing, match="there is no publication 2021"):
        await desk.do("2021", taken, category="publication")
