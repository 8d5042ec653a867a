"""Reading part of the log by actor, stream, category, type and day of recording."""

import hashlib
import itertools
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from iku.ledger import event_filter, log
from iku.ledger.event_filter import Filter
from iku.ledger.log import AppendRequest, StreamPart
from iku.ledger.record import NewEvent, Recorded
from iku.postgres.pool import Plain
from tests.ledger.conftest import ZONE

ACTORS = ("siti", 'a "b" \\ c', "Ñoño 李", 'x","command":"y', "sit", "siti2")
STREAMS = ("case-1", "case-2", "casebook-1", "group-1")
TYPES = ("Noted", "Closed")


async def fill(connection: Plain, number: int) -> list[Recorded]:
    """A log of *number* events of all kinds."""
    chance = random.Random(7)
    versions = dict.fromkeys(STREAMS, 0)
    for n in range(number):
        stream = chance.choice(STREAMS)
        draft = NewEvent(chance.choice(TYPES), date(2021, 2, 1), {"n": n}, {})
        request = AppendRequest(
            parts=(StreamPart(stream, versions[stream], (draft,)),),
            command_id=f"command-{n}",
            body=hashlib.sha256(b"x").digest(),
            actor=chance.choice(ACTORS),
        )
        await log.append(connection, [request], zone=ZONE)
        versions[stream] += 1
    return [one async for one in log.read_log(connection)]


async def pages(
    connection: Plain, wanted: Filter, size: int, limit: int
) -> list[Recorded]:
    """All pages, in order."""
    found: list[Recorded] = []
    after: int | None = 0
    while after is not None:
        page = await event_filter.read_matches(
            connection, wanted, after=after, size=size, limit=limit
        )
        assert len(page.events) <= limit
        assert page.next is None or page.next > after
        found += page.events
        after = page.next
    return found


def matches(wanted: Filter, one: Recorded) -> bool:
    return (
        wanted.actor in (None, one.body().actor)
        and wanted.stream in (None, one.stream)
        and wanted.category in (None, one.category)
        and wanted.type in (None, one.type)
    )


@pytest.mark.parametrize("examined", [3, 20_000])
async def test_every_combination_of_filters_gives_what_matches_in_order(
    connection: Plain, monkeypatch: pytest.MonkeyPatch, examined: int
) -> None:
    monkeypatch.setattr(event_filter, "EXAMINED", examined)
    whole = await fill(connection, 60)
    combined = itertools.product(
        (None, *ACTORS, "Siti"),
        (None, "case-1", "case"),
        (None, "case", "cas"),
        (None, "Closed", "closed"),
    )
    for fields in combined:
        wanted = Filter(*fields)
        for size, limit in ((60, 7), (41, 100)):
            told = await pages(connection, wanted, size, limit)
            assert told == [o for o in whole[:size] if matches(wanted, o)], wanted


async def test_a_page_looks_at_a_bounded_number_of_events(
    connection: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_filter, "EXAMINED", 5)
    await fill(connection, 20)
    page = await event_filter.read_matches(
        connection, Filter(type="absent"), after=0, size=20, limit=10
    )
    assert page == ([], 5)


async def test_the_size_before_a_day_is_that_of_what_was_recorded_until_then(
    owner: Plain,
) -> None:
    whole = await fill(owner, 25)
    start = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    await owner.execute("set session_replication_role = replica")
    await owner.execute("alter table ledger.event disable trigger append_only")
    for one in whole:
        await owner.execute(
            "update ledger.event set recorded_at = $2 where position = $1",
            one.position,
            start + timedelta(minutes=30 * (one.position // 3)),
        )
    stored = [one.recorded_at async for one in log.read_log(owner)]
    for zone in ("Asia/Jakarta", "UTC", "Asia/Jayapura"):
        for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2), date.max):
            began = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
            counted = sum(at < began for at in stored)
            assert await event_filter.size_before(owner, day, zone) == counted
        assert await event_filter.size_before(owner, date.min, zone) == 0


async def test_an_empty_log_has_no_events_before_any_day(connection: Plain) -> None:
    assert await event_filter.size_before(connection, date(2026, 1, 1), ZONE) == 0
    page = await event_filter.read_matches(
        connection, Filter(), after=0, size=0, limit=1
    )
    assert page == ([], None)


async def test_a_rare_actor_is_found_without_reading_the_log(
    owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner must not prefer the primary key because of the requested order."""
    await fill(owner, 40)
    await owner.execute(
        """
        insert into ledger.event
        select e.position + 40 * n, 'copy-' || n, e.position, e.type, e.effective_on,
               e.known_on, e.declared, e.recorded_at, e.record, e.leaf
          from ledger.event e
         cross join generate_series(1, 500) as n
        """
    )
    await owner.execute("vacuum analyze ledger.event")
    monkeypatch.setattr(event_filter, "EXAMINED", 10)
    for wanted in (Filter("nobody"), Filter("nobody", type="Closed")):
        await owner.execute("select pg_stat_force_next_flush()")
        await owner.execute("select pg_stat_reset()")
        page = await event_filter.read_matches(
            owner, wanted, after=0, size=20_040, limit=5
        )
        assert page == ([], None)
        await owner.execute("select pg_stat_force_next_flush()")
        read = await owner.fetchval(
            """
            select idx_tup_fetch + seq_tup_read
              from pg_stat_user_tables
             where relid = 'ledger.event'::regclass
            """
        )
        assert read < 100
