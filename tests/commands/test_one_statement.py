"""A batch with its projections in one statement, or otherwise step by step."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import pytest

from iku import single_statement_append
from iku.commands.command import CommandResult
from iku.domain.conflict import Category, Dimension, Handled, Phase, Reported
from iku.domain.erasure import Erased
from iku.domain.indicator import Targeted
from iku.ledger.log import VersionConflict
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.projections.rebuild import rebuild
from iku.single_statement_append import Fallback, SingleStatementAppend
from tests.commands.conftest import Desk, Desks
from tests.registers.filled import owner_of

DAY = date(2021, 2, 9)


def report(title: str = "Sengketa lapak", year: int = 2021) -> Reported:
    return Reported(
        category=Category.IPOLEKSOSBUD,
        dimension=Dimension.EKONOMI,
        title=title,
        effective_on=DAY.replace(year=year),
    )


def handled(note: str) -> Handled:
    """A fact that can be recorded repeatedly."""
    return Handled(effective_on=DAY, phase=Phase.PENGHENTIAN, note=note)


async def reports(desk: Desk, count: int) -> list[CommandResult]:
    """Concurrent reports, which the appender takes as one batch."""
    return await asyncio.gather(*(desk.do("", report(f"{n}")) for n in range(count)))


@contextmanager
def statements(desk: Desk) -> Iterator[list[str]]:
    """The statements that the appender's connection runs within the context."""
    connection = desk.app.commands.appender._connection
    assert connection is not None
    run: list[str] = []
    with connection.query_logger(lambda record: run.append(record.query)):
        yield run


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Plain]:
    connection = await owner_of(database)
    yield connection
    connection.terminate()


async def test_a_batch_of_reports_is_one_statement(desk: Desk, owner: Plain) -> None:
    await reports(desk, 1)
    with statements(desk) as run:
        outcomes = await reports(desk, 5)
    assert set(run) == {single_statement_append._APPEND}
    assert len(run) < 5
    outcomes.sort(key=lambda one: one.receipt.position)
    assert [one.number for one in outcomes] == [f"K2021-{n:05}" for n in range(2, 7)]
    positions = [one.receipt.position for one in outcomes]
    assert positions == [*range(positions[0], positions[0] + 5)]
    assert await rebuild(owner, lambda *_: None) == []


async def test_facts_about_known_cases_are_one_statement(
    desk: Desk, owner: Plain
) -> None:
    await reports(desk, 2)
    with statements(desk) as run:
        await asyncio.gather(
            *(desk.do(f"K2021-0000{n}", handled("catatan")) for n in (1, 2))
        )
    assert set(run) == {single_statement_append._APPEND}
    assert await rebuild(owner, lambda *_: None) == []


async def test_numbers_have_no_gap_where_two_processes_draw_them(
    desks: Desks, owner: Plain
) -> None:
    one, other = await desks(), await desks()
    outcomes = []
    for _ in range(4):
        found = await asyncio.gather(reports(one, 3), reports(other, 3))
        outcomes += [outcome for some in found for outcome in some]
        outcomes += await reports(other, 1)
    assert sorted(outcome.number for outcome in outcomes) == [
        f"K2021-{n:05}" for n in range(1, 29)
    ]
    assert await rebuild(owner, lambda *_: None) == []


async def test_after_another_process_appended_it_is_one_statement_again(
    desks: Desks, caplog: pytest.LogCaptureFixture
) -> None:
    """The batch in between is counted and logged."""
    one, other = await desks(), await desks()
    await reports(one, 1)
    await reports(other, 1)
    append, known = one.app.append, one.app.append.fallbacks.copy()
    batches = append.batches
    caplog.set_level(logging.DEBUG, "iku.single_statement_append")
    with statements(one) as run:
        assert [found.number for found in await reports(one, 1)] == ["K2021-00003"]
        assert len(run) > 1
        assert append.fallbacks - known == {Fallback.FAILED_ASSUMPTION: 1}
        assert "step by step: failed_assumption" in caplog.text
        run.clear()
        assert [found.number for found in await reports(one, 1)] == ["K2021-00004"]
        assert run == [single_statement_append._APPEND]
    assert append.fallbacks.total() == known.total() + 1
    assert append.batches == batches + 2


async def test_a_number_that_was_typed_is_followed_by_the_next(desk: Desk) -> None:
    await reports(desk, 1)
    await desk.do("K2021-00007", report())
    [following] = await reports(desk, 1)
    assert following.number == "K2021-00008"


async def test_the_first_of_another_year_is_number_one(desk: Desk) -> None:
    await reports(desk, 1)
    assert (await desk.do("", report(year=2020))).number == "K2020-00001"
    assert (await desk.do("", report(year=2020))).number == "K2020-00002"


async def test_of_a_batch_with_one_that_is_refused_the_others_are_appended(
    desk: Desk, owner: Plain
) -> None:
    await reports(desk, 1)
    taken = desk.do("K2021-00001", report("lain"))
    found = await asyncio.gather(
        desk.do("", report("a")), taken, desk.do("", report("b")),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(one).__name__ for one in found] == [
        "CommandResult",
        "Refused",
        "CommandResult",
    ]
    [following] = await reports(desk, 1)
    assert following.number == "K2021-00004"
    assert await rebuild(owner, lambda *_: None) == []


async def test_a_case_that_another_process_changed_is_decided_on_what_it_is_now(
    desks: Desks, owner: Plain
) -> None:
    one, other = await desks(), await desks()
    await reports(one, 1)
    await asyncio.gather(
        *(d.do("K2021-00001", handled(f"{n}")) for n in range(2) for d in (one, other))
    )
    assert await one.entered("K2021-00001") == 5
    assert await rebuild(owner, lambda *_: None) == []


async def test_texts_are_kept_under_the_key_that_another_process_drew(
    desks: Desks, owner: Plain
) -> None:
    one, other = await desks(), await desks()
    await reports(one, 1)
    await reports(other, 1)
    for desk in (one, other, one):
        await desk.do("K2021-00001", handled("catatan"))
    keys = await owner.fetchval(
        "select count(*) from vault.dek where stream = 'conflict-K2021-00001'"
    )
    assert keys == 1


async def test_where_the_day_has_changed_at_the_database_its_day_is_recorded(
    desk: Desk, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) - timedelta(days=1)

    [before] = await reports(desk, 1)
    monkeypatch.setattr(single_statement_append, "datetime", Yesterday)
    with statements(desk) as run:
        [after] = await reports(desk, 1)
    assert len(run) > 1
    assert after.receipt.known_on == before.receipt.known_on
    assert await rebuild(owner, lambda *_: None) == []


async def test_an_erasure_and_an_event_of_an_indicator_go_step_by_step(
    desk: Desk, owner: Plain
) -> None:
    await reports(desk, 1)
    target = Targeted(year=2021, target="80", effective_on=DAY, basis="PK 2021")
    erased = Erased(decision="B/12/2022", legal_basis="UU 27/2022 Pasal 8")
    for category, subject, proposed in (
        ("indicator", "IKU-1", target),
        ("subject", "conflict-K2021-00001", erased),
    ):
        with statements(desk) as run:
            await desk.do(subject, proposed, category=category)
        assert single_statement_append._APPEND not in run
    assert desk.app.append.fallbacks[Fallback.UNSUPPORTED_EVENT] == 2
    assert await owner.fetchval("select count(*) from vault.segment") == 0
    assert await rebuild(owner, lambda *_: None) == []


async def test_nothing_is_written_where_the_assumption_fails(
    desk: Desk, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if only the texts remain to be stored."""
    await reports(desk, 1)
    tables = ("ledger.event", "projection.state", "projection.number", "vault.dek")

    async def rows() -> list[int]:
        return [await owner.fetchval(f"select count(*) from {t}") for t in tables]

    before, once = await rows(), SingleStatementAppend.append

    async def watched(self: SingleStatementAppend, *arguments: Any) -> Any:
        found = await once(self, *arguments)
        assert found is None
        assert await rows() == before
        raise VersionConflict("conflict-K2021-00002", 0, 1)

    await owner.execute(
        """
        insert into vault.dek (dek, stream, subject, position, epoch, wrapped)
        values (gen_random_uuid(), 'conflict-K2021-00002', 'conflict-K2021-00002', 1,
                '2021-01', decode(repeat('00', 60), 'hex'))
        """
    )
    before = await rows()
    monkeypatch.setattr(
        desk.app.commands.appender,
        "_at_once",
        lambda *a: watched(desk.app.append, *a),
    )
    with pytest.raises(VersionConflict):
        await reports(desk, 1)
