"""Late facts and closed periods, in one process and in two over one database."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from iku import text_reading
from iku.app import App
from iku.commands.command import Command, CommandResult
from iku.domain import (
    conflict,
    fact,
    indicator,
    organisation,
    publication,
    subject_kinds,
)
from iku.domain.closed_periods import (
    CATEGORIES,
    ClosedPeriods,
    ReasonRequired,
    frozen_figure_changes,
)
from iku.domain.decider import (
    Decision,
    DecisionContext,
    DecisionPremises,
    SubjectNotFound,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Annulled
from iku.domain.organisation import Registered
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, TakeStep
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Connection, Reader
from iku.postgres.database import Database
from iku.queries import publications
from iku.settings import Settings
from tests.commands.conftest import Place
from tests.domain.story import decided_by, step
from tests.forked import Forker, Process
from tests.samples import examples

DAY = date(2021, 5, 1)
EARLY = date(2019, 5, 1)
YEAR = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="LKjIP 2021")


class Desk:
    """A desk that counts the statements that its commands read with."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.read: list[str] = []

    async def fetch(self, query: str, *args: Any) -> Any:
        self.read.append(query)
        async with self.app.pool.acquire() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        self.read.append(query)
        async with self.app.pool.acquire() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self.read.append(query)
        async with self.app.pool.acquire() as connection:
            return await connection.fetchval(query, *args)

    async def do(
        self, subject: str, proposed: Any, command_id: str | None = None, **more: Any
    ) -> CommandResult:
        category = more.pop("category", "conflict")
        command = Command(category, subject, proposed, "uji", command_id, **more)
        self.read.clear()
        reader: Reader = self
        return await self.app.commands.handle(reader, command)

    async def register(self, subject: str, proposed: Registered) -> CommandResult:
        return await self.do(subject, proposed, category="organisation")

    async def preview(self, subject: str, proposed: Any, category: str) -> list[Any]:
        command = Command(category, subject, proposed, "uji")
        return await self.app.commands.preview(self, command)

    async def draft(self, draft: Draft = YEAR) -> CommandResult:
        subject = publication.stream_year(draft.publication)
        return await self.do(subject, draft, category="publication")

    async def take(
        self,
        step: NextStep,
        actor: str = "uji",
        command_id: str | None = None,
        publication: str = "2021",
    ) -> CommandResult:
        app = self.app
        async with app.pool.acquire() as connection:
            frozen = await publications.snapshot(
                connection, app.figures, publication, step, app.commands.today()
            )
        taken = TakeStep(publication, step, frozen)
        command = Command("publication", publication[:4], taken, actor, command_id)
        return await app.commands.handle(self, command)

    async def size(self) -> int:
        async with self.app.pool.acquire() as connection:
            return (await log.head(connection)).size


Desks = Callable[[], Awaitable[Desk]]


@pytest.fixture
async def desks(place: Place) -> AsyncIterator[Desks]:
    """A function that opens desks, each with a separate application."""
    async with place.opened(Settings()) as open_one:

        async def open_desk() -> Desk:
            return Desk(await open_one())

        yield open_desk
        async with place.apps[0].pool.acquire() as connection:
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


def registration(name: str = "LSM Contoh", day: date = EARLY) -> Registered:
    """The registration of an organisation that counts from that day on."""
    return Registered(
        kind=organisation.OrganisationKind.LSM,
        name=name,
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
        effective_on=day,
    )


def late(event: Any) -> Any:
    return structs.replace(event, reason="Laporan baru diterima")


CLOSE = step("closed", "Tutup buku")
RETURN = step("returned", "Ada yang tertinggal")
VERIFIED = conflict.Verified(effective_on=DAY)


def closed(desk: Desk, code: str = "IKU-2", publication: str = "2021") -> str:
    today = desk.app.commands.today()
    return (
        f"reason is missing: {code} of publication {publication} (2021-01-01 to "
        f"2021-12-31, closed on {today}) would change from "
    )


async def test_what_changes_a_frozen_figure_needs_a_reason_and_is_accepted(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    await desk.register("O1", registration())
    await desk.draft()
    await desk.take(CLOSE)
    size = await desk.size()
    for category, subject, event, code, change in (
        ("conflict", "K1", VERIFIED, "IKU-3", "0/0 to 0/1"),
        ("organisation", "O2", registration(), "IKU-2", "0/1 to 0/2"),
        # As counted now, not as frozen.
        ("organisation", "", registration(), "IKU-2", "0/2 to 0/3"),
    ):
        with pytest.raises(ReasonRequired) as caught:
            await desk.do(subject, event, category=category)
        assert str(caught.value) == closed(desk, code) + change
        with pytest.raises(ReasonRequired):
            await desk.preview(subject or "O9", event, category=category)
        assert await desk.size() == size
        done = await desk.do(subject, late(event), category=category)
        size = done.receipt.size
    async with desk.app.pool.acquire() as connection:
        [*_, verified] = await log.read_stream(connection, "conflict-K1")
        vault = desk.app.vault
        read = await text_reading.read(connection, vault, [verified])
    assert read["conflict-K1", 2].plain == {"reason": "Laporan baru diterima"}


async def test_a_command_that_changes_a_frozen_figure_by_another_subject_needs_a_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.draft()
    await desk.take(CLOSE)
    ordinary = DECIDERS["organisation"]

    def decide(command: Any, state: Any, context: DecisionContext) -> Any:
        events = ordinary.decision(command, state, context).events
        return Decision(events, {"O2": [registration()]})

    both = replace(
        ordinary,
        decide=decide,
        names=lambda *_: DecisionPremises(related_subjects=("O2",)),
    )
    monkeypatch.setattr(subject_kinds, "KINDS", decided_by(both))
    outside = registration(day=date(2022, 1, 1))
    with pytest.raises(ReasonRequired) as caught:
        await desk.register("O1", outside)
    assert str(caught.value) == f"{closed(desk)}0/0 to 0/1"
    assert (await desk.register("O1", late(outside))).receipt.count == 2


async def test_what_changes_no_frozen_figure_needs_no_reason_whatever_its_day(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    await desk.draft()
    await desk.take(CLOSE)
    # One within the period but not verified, one verified but outside of it.
    assert (await desk.do("K2", report())).added
    for n, day in enumerate((date(2022, 1, 1), date(2022, 6, 1))):
        assert (await desk.do(f"K9{n}", report(day=day))).added
        verified = conflict.Verified(effective_on=day)
        assert (await desk.do(f"K9{n}", verified)).added
    assert (await desk.register("O1", registration(day=date(2022, 1, 1)))).added
    assert (await desk.do("K1", Annulled(annuls=1, reason="Salah"))).added


async def test_a_target_learnt_late_needs_a_reason(desk: Desk) -> None:
    await desk.draft()
    await desk.take(CLOSE)

    def target(day: date, year: int = 2021) -> indicator.Targeted:
        return indicator.Targeted(
            year=year, target="80", effective_on=day, basis="PK 2021"
        )

    refused, accepted = target(date(2021, 3, 1)), target(date(2022, 1, 1), 2022)
    with pytest.raises(ReasonRequired) as caught:
        await desk.do("IKU-2", refused, category="indicator")
    assert str(caught.value) == (
        "reason is missing: the target of IKU-2 of publication 2021 (2021-01-01 to "
        f"2021-12-31, closed on {desk.app.commands.today()}) would change from none to "
        "80.00"
    )
    assert (await desk.do("IKU-2", accepted, category="indicator")).added
    await desk.take(RETURN)
    assert (await desk.do("IKU-2", refused, category="indicator")).added


async def test_a_period_closed_by_another_process_is_closed_at_once(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    await first.do("K1", report())
    await second.draft()
    await second.take(CLOSE)
    with pytest.raises(ReasonRequired):
        await first.do("K1", VERIFIED)
    for subject in ("O1", ""):
        with pytest.raises(ReasonRequired):
            await first.register(subject, registration())
    assert (await first.do("K1", late(VERIFIED))).added


async def test_a_period_opened_by_another_process_is_open_at_once(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    await first.draft()
    await first.take(CLOSE)
    with pytest.raises(ReasonRequired):
        await first.register("O1", registration())
    await second.take(RETURN)
    assert (await first.register("O1", registration())).added
    assert (await first.register("", registration())).added


async def test_a_publication_of_another_year_than_the_facts_closes_it_as_well(
    desks: Desks,
) -> None:
    """The publication's stream did not exist when the other process read it."""
    first, second = await desks(), await desks()
    assert (await first.register("O1", registration())).added
    year = structs.replace(YEAR, as_of=date(2022, 12, 31))
    await second.draft(year)
    await second.take(CLOSE, publication="2022")
    with pytest.raises(ReasonRequired, match=r"publication 2022 .* from 0/1 to 0/2$"):
        await first.register("O2", registration())


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
            *(first.register(f"O{n}-{k}", registration()) for k in range(3)),
            second.take(CLOSE),
            *(second.register(f"S{n}-{k}", registration()) for k in range(3)),
            first.register("", registration(f"tanpa nomor {n}")),
            return_exceptions=True,
        )
        closing = told.pop(3)
        assert isinstance(closing, CommandResult)
        for outcome in told:
            if isinstance(outcome, CommandResult):
                assert outcome.receipt.position < closing.receipt.position
                before += 1
            else:
                assert isinstance(outcome, ReasonRequired), outcome
        await second.take(RETURN)
    assert before


async def test_what_is_refused_uses_up_no_number(desks: Desks) -> None:
    first, second = await desks(), await desks()
    new = registration()
    year = new.effective_on.year
    assert (await first.register("", new)).subject == f"O{year}-00001"
    await second.draft()
    await second.take(CLOSE)
    for desk in (first, first, second):
        with pytest.raises(ReasonRequired):
            await desk.register("", new)
    assert (await first.register("", late(new))).subject == f"O{year}-00002"
    await first.take(RETURN)
    assert (await second.register("", new)).subject == f"O{year}-00003"


# Several processes, checked by the log that they leave.

PROCESSES, SECONDS = 3, examples(6, 1)
LIMIT_S = 120  # for a slow machine, where the processes take longer to interfere


def recorder(forker: Forker, database: Database, home: Path, name: str) -> Process:
    """A process that has started to record."""
    words = (msgspec.json.encode(database).decode(), str(home), name)
    process = forker.start(words, os.environ, module="tests.recording")
    assert process.stdout.readline() == "recording\n"
    return process


async def recorded_by(process: Process) -> list[int]:
    """The numbers of the process: recorded, refused, recorded with a reason."""
    # Closing its standard input ends it.
    printed, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    return [int(number) for number in printed.split()]


async def unexplained(reader: Connection) -> tuple[int, list[int]]:
    """The number of changes of frozen figures, and those without a reason."""
    states: dict[str, Any] = {}
    changed, found = 0, []
    periods = ClosedPeriods()
    async for one in log.read_log(reader):
        decider = DECIDERS[one.category]
        before = states.get(one.stream)
        event = fact.decode_recorded(one, decider.event_type)
        after = states[one.stream] = decider.evolve(before, event)
        if any(frozen_figure_changes(periods, one.subject, before, after)):
            changed += 1
            if "reason" not in one.body().text:
                found.append(one.position)
        if one.category in CATEGORIES:
            periods = ClosedPeriods(
                *(
                    {
                        stream.partition("-")[2]: state
                        for stream, state in states.items()
                        if stream.startswith(f"{category}-")
                    }
                    for category in ("publication", "indicator")
                )
            )
    return changed, found


async def close_and_open(desk: Desk) -> int:
    """How often periods were closed and opened until the processes interfered."""
    begun, times = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < LIMIT_S:
        if passed > SECONDS and times > 3:
            async with desk.app.pool.acquire() as connection:
                changed, _ = await unexplained(connection)
            if changed > 10:
                break
        for name in ("2021", "2020-W3"):
            await desk.take(CLOSE, publication=name)
            await asyncio.sleep(0.05)
        for name in ("2020-W3", "2021"):
            await desk.take(RETURN, publication=name)
            await asyncio.sleep(0.05)
        times += 1
    return times


async def test_no_process_changes_without_a_reason_what_another_has_closed(
    forker: Forker, database: Database, desks: Desks
) -> None:
    desk = await desks()
    await desk.draft()
    quarter = Draft(period=Kind.QUARTER, as_of=date(2020, 9, 30), reason="TW III")
    await desk.draft(quarter)

    names = [f"p{n}" for n in range(PROCESSES)]
    home = desk.app.settings.home
    processes = [recorder(forker, database, home, name) for name in names]
    times = await close_and_open(desk)
    numbers = await asyncio.gather(*map(recorded_by, processes))
    recorded, refused, explained = map(sum, zip(*numbers, strict=True))
    async with desk.app.pool.acquire() as connection:
        changed, found = await unexplained(connection)
    assert found == []
    # The test proves something only if the processes interfered.
    assert times > 3
    assert min(recorded, refused, explained, changed) > 10


# A report costs what it did.


async def test_a_report_reads_nothing_and_an_event_its_case(desks: Desks) -> None:
    """Each further statement would cost a round trip for every reported case."""
    desk, other = await desks(), await desks()
    for closed in (False, True):
        if closed:
            quarter = Draft(period=Kind.QUARTER, as_of=date(2021, 3, 31), reason="TW I")
            await other.draft(quarter)
        # The definitions and the publications of a year are read once and then cached.
        await desk.do(f"A{closed}", report())
        await desk.do(f"K{closed}", report())
        assert len(desk.read) == 0
        await desk.do(f"S{closed}", report(), "p1" if closed else "p0")
        assert len(desk.read) == 1  # whether it was sent before
        await desk.do("", report())
        assert len(desk.read) == 0  # the append draws the number
        await desk.do(f"K{closed}", VERIFIED)
        assert len(desk.read) == 1  # the case


# The steps of a publication, through the command handler.


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
    await desk.take(step("reviewed"), actor="siti")
    await desk.take(step("published"), actor="budi")
    async with desk.app.pool.acquire() as connection:
        found = await publications.find(connection, "2021")
    assert [step.body().data.get("by") for step in found.steps[2:]] == ["siti", "budi"]


async def test_no_step_is_taken_in_a_year_without_publications(desk: Desk) -> None:
    taken = TakeStep("2021", step("reviewed"))
    with pytest.raises(SubjectNotFound, match="publication 2021 does not exist"):
        await desk.do("2021", taken, category="publication")
