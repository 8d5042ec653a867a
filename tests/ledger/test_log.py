"""The log: separate verdicts, one order, and idempotent retries."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest
from msgspec import structs

from iku.ledger import log, record, tree
from iku.ledger.log import (
    AppendCondition,
    AppendRequest,
    ConditionFailed,
    KeyReused,
    KnownOnDecreased,
    KnownOnInFuture,
    Receipt,
    Verdict,
    VersionConflict,
)
from iku.ledger.record import StreamEvent, Unrecordable
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain, Pool
from tests.ledger.conftest import part

Ask = Callable[..., AppendRequest]
Append = Callable[..., Awaitable[list[Verdict]]]

ZONE = "Asia/Jakarta"
JANUARY = date(2021, 1, 31)
MARCH = date(2021, 3, 31)


def receipt(verdict: Verdict) -> Receipt:
    assert isinstance(verdict, Receipt), verdict
    return verdict


def said(verdicts: list[Verdict]) -> list[Any]:
    """Verdicts as a test names them: the version reached, or the refusal's text."""
    return [v.version if isinstance(v, Receipt) else str(v) for v in verdicts]


# Receipts


async def test_events_of_one_request_lie_side_by_side(ask: Ask, append: Append) -> None:
    first, second = await append(ask("a-1", events=2), ask("b-1", events=3))

    first, second = receipt(first), receipt(second)
    assert (first.version, first.position, first.count) == (2, 2, 2)
    assert (second.version, second.position, second.count) == (3, 5, 3)
    assert first.size == second.size == 5


async def test_the_receipt_names_the_leaf_of_the_last_record(
    ask: Ask, append: Append, connection: Plain
) -> None:
    (verdict,) = await append(ask("a-1", events=2))
    *_, last = await log.read_stream(connection, "a-1")

    assert receipt(verdict).leaf == last.leaf == tree.leaf_hash(last.record)
    assert receipt(verdict).recorded_at == last.recorded_at


async def test_the_stored_bytes_are_the_sorted_encoding_of_what_they_say(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1"), ask("b-1", known_on=MARCH))
    for recorded in [r async for r in log.read_log(connection)]:
        said = msgspec.json.decode(recorded.record)
        assert msgspec.json.encode(said, order="sorted") == recorded.record


async def test_what_is_entered_live_is_known_on_the_local_day(
    ask: Ask, connection: Plain
) -> None:
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):  # a day apart at any instant
        (verdict,) = await log.append(connection, [ask(f"a-{zone}")], zone=zone)
        at = receipt(verdict).recorded_at
        assert receipt(verdict).known_on == at.astimezone(ZoneInfo(zone)).date()


async def test_what_is_imported_keeps_the_day_declared_and_says_so(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1", known_on=MARCH), ask("b-1"))
    (imported,) = await log.read_stream(connection, "a-1")
    (live,) = await log.read_stream(connection, "b-1")

    assert (imported.known_on, imported.declared) == (MARCH, True)
    assert not live.declared
    assert record.decode(imported.record).declared


async def test_the_instant_never_falls_even_if_the_clock_does(
    ask: Ask, append: Append, connection: Plain, owner: Plain
) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    await owner.execute("update ledger.head set recorded_at = $1", ahead)
    verdicts = await log.append(connection, [ask("a-1")], zone=ZONE)
    assert receipt(verdicts[0]).recorded_at == ahead

    (later,) = await append(ask("b-1"))
    assert receipt(later).recorded_at == ahead


async def test_nothing_asked_is_nothing_done(append: Append) -> None:
    assert await append() == []


async def test_a_request_without_events_is_refused(ask: Ask, append: Append) -> None:
    with pytest.raises(Unrecordable, match="contains no event"):
        await append(ask("a-1", events=0))


# Expected versions


async def test_a_stale_request_leaves_its_neighbours_alone_and_burns_no_position(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1", events=2))
    first, stale, last = await append(ask("b-1"), ask("a-1", 1), ask("c-1"))

    assert isinstance(stale, VersionConflict)
    assert (stale.stream, stale.expected, stale.actual) == ("a-1", 1, 2)
    assert (receipt(first).position, receipt(last).position) == (3, 4)
    assert (await log.head(connection)).size == 4


async def test_a_stream_that_is_new_is_at_version_0(ask: Ask, append: Append) -> None:
    assert said(await append(ask("a-1", 1))) == ["a-1 is at version 0, not 1"]


async def test_a_request_builds_on_the_earlier_ones_of_its_stream(
    ask: Ask, append: Append
) -> None:
    chain = [ask("a-1"), ask("a-1", 1, events=2), ask("b-1"), ask("a-1", 3)]
    assert said(await append(*chain)) == [1, 3, 1, 4]


async def test_a_chain_falls_with_its_first_refusal(ask: Ask, append: Append) -> None:
    chain = [ask("a-1"), ask("a-1", 2), ask("a-1", 3), ask("b-1"), ask("a-1", 1)]
    assert said(await append(*chain)) == [
        1,
        "a-1 is at version 0, not 2",
        "a-1 is at version 0, not 3",
        1,
        "a-1 is at version 0, not 1",  # alone, it would be appended
    ]


async def test_a_chain_falls_with_a_day_that_was_refused(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1", known_on=MARCH))
    verdicts = await append(ask("a-1", 1, known_on=JANUARY), ask("a-1", 2))
    assert said(verdicts) == [
        ("a-1 already has an event known on 2021-03-31, later than 2021-01-31"),
        "a-1 is at version 1, not 2",
    ]


# Premises


async def test_a_request_holds_only_while_its_premises_do(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1"), ask("b-1"))
    verdicts = await append(
        ask("c-1", premises=(("a-1", 1), ("z-1", 0))),
        ask("d-1", premises=(("a-1", 1), ("b-1", 0))),
    )
    assert said(verdicts) == [1, "b-1 is at version 1, not 0"]


async def test_a_premise_may_be_what_an_earlier_request_of_the_call_appends(
    ask: Ask, append: Append
) -> None:
    verdicts = await append(
        ask("a-1"),
        ask("b-1", premises=(("a-1", 1),)),
        ask("d-1", premises=(("b-1", 1), ("d-1", 0))),
        ask("a-1", 1),  # after the requests with a premise on version 1
    )
    assert said(verdicts) == [1, 1, 1, 2]


async def test_what_builds_on_an_earlier_request_holds_only_if_all_of_the_call_do(
    ask: Ask, append: Append
) -> None:
    await append(ask("z-1"))
    verdicts = await append(
        ask("a-1"),
        ask("b-1", premises=(("a-1", 1),)),
        ask("c-1", premises=(("a-1", 0),)),
        ask("a-1", 1),
        ask("d-1", premises=(("z-1", 1),)),
    )
    assert said(verdicts) == [
        1,
        "a-1 is at version 0, not 1",
        "a-1 is at version 0, not 0",  # the request with the fault itself
        "a-1 is at version 0, not 1",
        1,
    ]


async def test_who_rests_on_a_refused_request_is_refused_however_far_away(
    ask: Ask, append: Append
) -> None:
    verdicts = await append(
        ask("a-1", 7),
        ask("b-1", premises=(("a-1", 8),)),
        ask("c-1", premises=(("b-1", 1),)),
        ask("c-1", 1),
        ask("d-1"),
    )
    assert said(verdicts) == [
        "a-1 is at version 0, not 7",
        "a-1 is at version 0, not 8",
        "b-1 is at version 0, not 1",
        "c-1 is at version 0, not 1",
        1,
    ]


async def test_a_repeated_request_is_not_held_to_its_premises_again(
    ask: Ask, append: Append
) -> None:
    rested = ask("b-1", premises=(("a-1", 0),))
    (first,) = await append(rested)
    await append(ask("a-1"))
    (again,) = await append(rested)
    assert again == msgspec.structs.replace(receipt(first), repeated=True)


# Append conditions


def rests(after: int, *categories: str) -> tuple[AppendCondition]:
    return (AppendCondition(categories or ("b",), after),)


def overtaken(after: int, category: str = "b") -> str:
    return f"an event of category {category} was appended after position {after}"


async def test_a_condition_holds_until_an_event_of_its_categories_lies_after_it(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1"), ask("b-1"), ask("c-1"))
    assert said(await append(ask("d-1", premises=rests(2)))) == [1]
    assert said(await append(ask("d-2", premises=rests(0, "x", "e")))) == [1]
    verdicts = await append(
        ask("d-3", premises=rests(1)),
        ask("d-4", premises=rests(2, "x", "c")),
        ask("d-5", premises=rests(4, "b", "c")),
    )
    assert said(verdicts) == [overtaken(1), overtaken(2, "c"), 1]
    [broken, *_] = verdicts
    assert isinstance(broken, VersionConflict)
    assert (broken.stream, broken.expected, broken.actual) == ("b", 1, 2)


async def test_a_category_is_a_streams_name_up_to_the_first_hyphen(
    ask: Ask, append: Append
) -> None:
    await append(ask("b2-1"), ask("bb-1"), ask("a-b-1"), ask("b-x-1"))
    assert said(await append(ask("c-1", premises=rests(4)))) == [1]
    assert said(await append(ask("c-2", premises=rests(3)))) == [overtaken(3)]


async def test_an_earlier_request_of_the_call_breaks_a_condition_on_its_category(
    ask: Ask, append: Append
) -> None:
    verdicts = await append(
        ask("a-1", premises=rests(0)),  # before it
        ask("b-1", premises=rests(0)),  # its own event is after its condition
        ask("c-1", premises=rests(0)),
        ask("b-2", premises=rests(0)),
        ask("d-1", premises=rests(0, "e")),
        ask("c-2"),
    )
    assert said(verdicts) == [1, 1, overtaken(0), overtaken(0), 1, 1]
    [_, _, broken, *_] = verdicts
    assert isinstance(broken, ConditionFailed)
    assert broken.actual == 0  # the log had no event of the category


async def test_an_earlier_request_breaks_a_condition_whatever_comes_of_it(
    ask: Ask, append: Append
) -> None:
    recorded = ask("b-1")
    await append(recorded)
    rested = ask("c-1", premises=rests(1))
    assert said(await append(recorded, rested)) == [1, overtaken(1)]
    verdicts = await append(ask("b-1", 7), rested)
    assert said(verdicts) == ["b-1 is at version 1, not 7", overtaken(1)]
    [_, broken] = verdicts
    assert isinstance(broken, ConditionFailed)
    assert broken.actual == 1
    assert said(await append(rested, ask("b-1", 1))) == [1, 2]


async def test_what_builds_on_a_repeated_request_is_decided_again(
    ask: Ask, append: Append
) -> None:
    recorded = ask("a-1")
    await append(recorded)
    verdicts = await append(recorded, ask("a-1", 1), ask("b-1"))
    assert said(verdicts) == [1, "a-1 is at version 1, not 1", 1]
    assert said(await append(ask("a-1", 1))) == [2]


async def test_a_chain_falls_with_a_broken_condition(ask: Ask, append: Append) -> None:
    await append(ask("b-1"))
    verdicts = await append(
        ask("a-1", premises=rests(0)),
        ask("a-1", 1),
        ask("c-1", premises=(("a-1", 1),)),
        ask("d-1", premises=(*rests(1), ("a-1", 0))),
    )
    assert said(verdicts) == [
        overtaken(0),
        "a-1 is at version 0, not 1",
        "a-1 is at version 0, not 1",
        "a-1 is at version 0, not 0",
    ]


async def test_a_version_is_refused_before_a_condition_and_that_before_the_calendar(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1", known_on=MARCH), ask("b-1"))
    verdicts = await append(
        ask("a-1", premises=rests(0)),
        ask("c-1", premises=(*rests(0), ("a-1", 0))),
        ask("a-1", 1, known_on=JANUARY, premises=rests(0)),
        ask("d-1", premises=rests(0, "a", "b")),
    )
    assert said(verdicts) == [
        "a-1 is at version 1, not 0",
        "a-1 is at version 1, not 0",
        "a-1 is at version 1, not 1",  # fails with the first
        overtaken(0, "a"),
    ]
    [late] = await append(ask("a-1", 1, known_on=JANUARY, premises=rests(0)))
    assert str(late) == overtaken(0)


async def test_a_repeated_request_is_not_held_to_its_conditions_again(
    ask: Ask, append: Append
) -> None:
    rested = ask("a-1", premises=rests(0))
    (first,) = await append(rested)
    await append(ask("b-1"))
    (again,) = await append(rested)
    assert again == msgspec.structs.replace(receipt(first), repeated=True)


async def test_conditions_hold_in_a_call_that_is_judged_for_another_reason(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1"), ask("b-1"))
    verdicts = await append(
        ask("a-1", 7), ask("c-1", premises=rests(2)), ask("c-2", premises=rests(1))
    )
    assert said(verdicts) == ["a-1 is at version 1, not 7", 1, overtaken(1)]


async def test_events_of_some_categories_are_read_in_the_order_of_the_log(
    ask: Ask, append: Append, connection: Plain
) -> None:
    names = ("a-1", "b-1", "c-1", "bb-1", "a-2", "b-2")
    await append(*(ask(name) for name in names))
    read = await log.read_categories(connection, ("b", "a"))
    assert [one.stream for one in read] == ["a-1", "b-1", "a-2", "b-2"]
    later = await log.read_categories(connection, ("a", "b"), after=2)
    assert [(one.position, one.stream) for one in later] == [(5, "a-2"), (6, "b-2")]
    assert await log.read_categories(connection, ("x",)) == []


async def test_categories_of_any_length_are_read_whole_and_in_order(
    ask: Ask, connection: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PAGE", 3)
    names = [f"{'abcb'[n % 4]}-{n}" for n in range(23)]
    await log.append(connection, [ask(name) for name in names], zone=ZONE)
    for categories in (("a", "b"), ("a",), ("a", "b", "c", "x")):
        read = await log.read_categories(connection, categories, after=2)
        expected = [name for name in names[2:] if name[0] in categories]
        assert [one.stream for one in read] == expected


@pytest.mark.own_database  # with its statistics and plans
async def test_conditions_are_probed_by_the_index_whatever_the_log_holds_most_of(
    ask: Ask, connection: Plain, owner: Plain
) -> None:
    """Statistics may suggest to the planner that every event is of the category."""
    rests_on = rests(0, "x", "y")
    for n in range(6):
        requests = [ask(f"a-{n}-{m}", premises=rests_on) for m in range(400)]
        await log.append(connection, requests, zone=ZONE)
        await owner.execute("analyze ledger.event")

    async def probed(*requests: AppendRequest) -> int:
        await connection.execute("select pg_stat_force_next_flush()")
        before = await owner.fetchval(PROBED)
        await log.append(connection, requests, zone=ZONE)
        await log.read_categories(connection, ("x", "y"))
        await connection.execute("select pg_stat_force_next_flush()")
        found: int = await owner.fetchval(PROBED) - before
        return found

    assert await probed(ask("b-1", premises=rests_on)) < 50
    broken = ask("b-2", premises=rests(0, "b"))
    assert await probed(broken, ask("x-1", 9)) < 50


PROBED = """
    select sum(idx_tup_read)
      from pg_stat_user_indexes
     where schemaname = 'ledger'
       and relname = 'event'
"""


# Several streams


async def test_one_request_appends_to_several_streams_one_after_the_other(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("b-1", events=2), ask("z-1"))
    several = ask("a-1", events=2, after=(part("b-1", 2), part("c-1", events=3)))
    first, last, next_one = await append(several, ask("d-1"), ask("e-1"))

    first = receipt(first)
    assert (first.stream, first.version) == ("a-1", 2)
    assert (first.position, first.count) == (9, 6)
    assert [receipt(one).position for one in (last, next_one)] == [10, 11]
    events = [r async for r in log.read_log(connection, after=3, size=9)]
    assert [(e.stream, e.version) for e in events] == [
        *(("b-1", 3), ("c-1", 1), ("c-1", 2), ("c-1", 3)),
        *(("a-1", 1), ("a-1", 2)),
    ]
    assert {record.decode(e.record).command for e in events} == {several.command_id}
    assert first.leaf == events[-1].leaf
    assert await log.find_command(connection, several.command_id) == (
        several.body,
        first,
    )


async def test_a_request_to_several_streams_is_repeated_whole(
    ask: Ask, append: Append, connection: Plain
) -> None:
    several = ask("a-1", after=(part("b-1"),))
    (first,) = await append(several)
    await append(ask("b-1", 1))
    (again,) = await append(several)
    assert again == structs.replace(receipt(first), repeated=True)
    assert (await log.head(connection)).size == 3


@pytest.mark.parametrize(
    ("faulty", "sentence"),
    [
        ({"after": (part("b-1", 1), part("c-1"))}, "c-1 is at version 1, not 0"),
        ({"after": (part("b-1", 2), part("d-1"))}, "b-1 is at version 1, not 2"),
        (
            {"after": (part("b-1", 1),), "premises": (("c-1", 2),)},
            "c-1 is at version 1, not 2",
        ),
        (
            {"after": (part("b-1", 1),), "premises": (AppendCondition(("c",), 0),)},
            "an event of category c was appended after position 0",
        ),
        (
            {"after": (part("c-1", 1),), "known_on": JANUARY},
            ("c-1 already has an event known on 2021-03-31, later than 2021-01-31"),
        ),
        (
            {"after": (part("b-1", 1),), "known_on": date(2999, 1, 1)},
            "an event of a-1 cannot be known on 2999-01-01: today is",
        ),
    ],
)
async def test_a_request_fails_whole_whichever_of_its_parts_is_at_fault(
    ask: Ask,
    append: Append,
    connection: Plain,
    faulty: dict[str, Any],
    sentence: str,
) -> None:
    await append(ask("b-1", known_on=JANUARY), ask("c-1", known_on=MARCH))
    before, refused, after = await append(ask("e-1"), ask("a-1", **faulty), ask("f-1"))
    assert str(refused).startswith(sentence)
    assert (receipt(before).position, receipt(after).position) == (3, 4)
    streams = await log.read_streams(connection, ["a-1", "b-1", "c-1", "d-1"])
    assert [len(events) for events in streams.values()] == [0, 1, 1, 0]


async def test_of_several_faults_a_stale_part_is_named_before_a_premise(
    ask: Ask, append: Append
) -> None:
    await append(ask("b-1", known_on=MARCH), ask("c-1"))
    (verdict,) = await append(
        ask(
            "a-1",
            after=(part("c-1"),),
            known_on=JANUARY,
            premises=(("b-1", 0), AppendCondition(("b",), 0)),
        )
    )
    assert str(verdict) == "c-1 is at version 1, not 0"


async def test_requests_that_meet_on_any_part_build_on_one_another(
    ask: Ask, append: Append
) -> None:
    first = ask("a-1", after=(part("b-1"),))
    verdicts = await append(first, ask("c-1", after=(part("b-1", 1),)), ask("b-1", 2))
    assert said(verdicts) == [1, 1, 3]
    verdicts = await append(
        ask("d-1", after=(part("e-1"),)),
        ask("f-1", after=(part("e-1", 1),)),
        ask("g-1", 5),
        ask("h-1", premises=(AppendCondition(("e",), 0),)),
    )
    assert said(verdicts) == [
        1,
        "e-1 is at version 0, not 1",
        "g-1 is at version 0, not 5",
        overtaken(0, "e"),
    ]


async def test_a_request_names_a_stream_in_one_part(ask: Ask, append: Append) -> None:
    for after in (part("a-1"), part("b-1", events=0)):
        with pytest.raises(Unrecordable):
            await append(ask("a-1", 1, after=(after,)))
    with pytest.raises(Unrecordable, match="contains no event"):
        await append(structs.replace(ask("a-1"), parts=()))


# Command ids


async def test_the_same_command_gets_the_first_receipt(
    ask: Ask, append: Append, connection: Plain
) -> None:
    asked = ask("a-1", events=2)
    (first,) = await append(asked)
    await append(ask("a-1", 2), ask("b-1"))
    new, again = await append(ask("a-1", 3), asked)

    assert again == msgspec.structs.replace(receipt(first), repeated=True)
    assert receipt(new).version == 4
    assert await log.find_command(connection, asked.command_id) == (asked.body, first)


async def test_a_command_never_recorded_is_not_found(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1", 3, command="refused"))
    assert await log.find_command(connection, "refused") is None


async def test_a_command_id_with_another_body_is_refused(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1", command="one", body="this"))
    (verdict,) = await append(ask("b-1", command="one", body="that"))
    assert isinstance(verdict, KeyReused)
    assert verdict.command_id == "one"


async def test_a_twin_in_one_call_gets_the_verdict_on_the_first(
    ask: Ask, append: Append
) -> None:
    first, twin, other, stale, stale_twin = await append(
        ask("a-1", command="one", body="this"),
        ask("a-1", command="one", body="this"),
        ask("b-1", command="one", body="that"),
        ask("c-1", 5, command="two"),
        ask("c-1", 5, command="two"),
    )
    assert twin == msgspec.structs.replace(receipt(first), repeated=True)
    assert isinstance(other, KeyReused)
    assert isinstance(stale, VersionConflict)
    assert stale_twin is stale


# Days of knowledge


async def test_knowledge_never_falls_within_a_stream(ask: Ask, append: Append) -> None:
    await append(ask("a-1", known_on=MARCH))
    fell, other, same = await append(
        ask("a-1", 1, known_on=JANUARY),
        ask("b-1", known_on=JANUARY),
        ask("c-1", known_on=MARCH),
    )
    assert isinstance(fell, KnownOnDecreased)
    assert (fell.stream, fell.known_on, fell.last) == ("a-1", JANUARY, MARCH)
    assert (receipt(other).known_on, receipt(same).known_on) == (JANUARY, MARCH)
    assert said(await append(ask("a-1", 1, known_on=MARCH))) == [2]


async def test_knowledge_never_falls_within_a_chain(ask: Ask, append: Append) -> None:
    verdicts = await append(
        ask("a-1", known_on=MARCH), ask("a-1", 1, known_on=JANUARY), ask("b-1")
    )
    assert [type(v) for v in verdicts] == [Receipt, KnownOnDecreased, Receipt]


async def test_after_a_live_entry_no_older_register_can_be_imported(
    ask: Ask, append: Append
) -> None:
    await append(ask("a-1"))
    (verdict,) = await append(ask("a-1", 1, known_on=MARCH))
    assert isinstance(verdict, KnownOnDecreased)


async def test_nothing_is_known_before_its_day_has_come(
    ask: Ask, append: Append
) -> None:
    today = datetime.now(ZoneInfo(ZONE)).date()
    tomorrow = today + timedelta(days=1)
    ahead, last = await append(
        ask("a-1", known_on=tomorrow), ask("b-1", known_on=today)
    )

    assert isinstance(ahead, KnownOnInFuture)
    assert (ahead.stream, ahead.known_on, ahead.today) == ("a-1", tomorrow, today)
    assert isinstance(last, Receipt)


async def test_a_live_entry_waits_if_the_office_moved_west_of_its_own_day(
    ask: Ask, connection: Plain
) -> None:
    await log.append(connection, [ask("a-1")], zone="Pacific/Kiritimati")
    (verdict,) = await log.append(connection, [ask("a-1", 1)], zone="Etc/GMT+12")
    assert isinstance(verdict, KnownOnDecreased)
    assert str(verdict).endswith("later than today")


async def test_a_conflict_is_told_before_the_calendar(ask: Ask, append: Append) -> None:
    await append(ask("a-1", known_on=MARCH))
    (verdict,) = await append(ask("a-1", 0, known_on=JANUARY))
    assert isinstance(verdict, VersionConflict)


@pytest.mark.parametrize("day", [date.min, date.max])
async def test_a_day_that_stands_for_infinity_is_refused(
    ask: Ask, append: Append, day: date
) -> None:
    with pytest.raises(Unrecordable, match="is outside the supported range of days"):
        await append(ask("a-1", known_on=day))


# Optimistic writes, judged one by one only if an assumption fails


async def test_who_rests_on_others_is_answered_like_one_who_does_not(
    ask: Ask, append: Append
) -> None:
    (first,) = await append(ask("a-1"))
    (plain,) = await append(ask("b-1", events=2, known_on=MARCH))
    (judged,) = await append(
        ask("c-1", events=2, known_on=MARCH, premises=(("a-1", 1),))
    )

    plain, judged = receipt(plain), receipt(judged)
    assert judged == structs.replace(
        plain,
        stream="c-1",
        position=plain.position + 2,
        size=plain.size + 2,
        recorded_at=judged.recorded_at,
        leaf=judged.leaf,
    )
    assert (receipt(first).size, plain.size, judged.size) == (1, 3, 5)


async def test_what_is_amiss_is_found_among_those_that_hold(
    ask: Ask, append: Append
) -> None:
    repeated = ask("a-1", events=2)
    first, _ = await append(repeated, ask("b-1"))

    verdicts = await append(
        ask("c-1", events=3),
        repeated,
        ask("b-1", 0),
        ask("b-1", 1, events=2),
        ask("d-1", known_on=date(2999, 1, 1)),
        ask("e-1"),
    )

    assert [type(verdict) for verdict in verdicts] == [
        Receipt,
        Receipt,
        VersionConflict,
        VersionConflict,
        KnownOnInFuture,
        Receipt,
    ]
    assert verdicts[1] == structs.replace(receipt(first), repeated=True)
    assert receipt(verdicts[0]).position == 6
    assert receipt(verdicts[5]).position == 7


@pytest.mark.parametrize(
    "column",
    [
        {"places": [2]},
        {"places": [0]},
        {"versions": [2]},
        {"versions": [0]},
        {"requests": [1, 2]},
        {"totals": [2]},
        {"totals": [2], "counts": [0, 2]},
        {"claims": [1]},
        {"claims": [3]},
        {"mains": [1]},
        {"mains": [3]},
    ],
    ids=str,
)
async def test_events_that_would_leave_a_gap_are_refused(
    connection: Plain, column: dict[str, list[int]]
) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await appended_raw(connection, **column)
    assert (await log.head(connection)).size == 0
    assert await appended_raw(connection) == "appended"


async def appended_raw(connection: Plain, **column: list[int]) -> Any:
    """The verdict on one event, with arguments that the program never passes."""
    return await connection.fetchval(
        """
        select verdict
          from ledger.append(
                 'UTC', '{command-1}', $1, '{null}', '{null}', $2, $3,
                 $4, '{b-1,a-1}', '{0,0}', $5, '{0,0}', '{null,null}',
                 $6, $7, $8, '{Noted}', '{null}', '{"{"}', '{"}"}',
                 '{}', '{}', '{}', '{}')
        """,
        [bytes(32)],
        column.get("mains", [2]),
        column.get("totals", [1]),
        column.get("requests", [1, 1]),
        column.get("counts", [0, 1]),
        column.get("claims", [2]),
        *(column.get(name, [1]) for name in ("places", "versions")),
    )


# Reading


async def test_a_stream_is_read_at_a_size_and_with_the_knowledge_of_a_day(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1", known_on=JANUARY), ask("a-1", 1, known_on=MARCH))
    await append(ask("a-1", 2))

    async def versions(size: int | None = None, day: date | None = None) -> list[int]:
        events = await log.read_stream(connection, "a-1", size=size, known_on=day)
        return [event.version for event in events]

    assert await versions() == [1, 2, 3]
    assert await versions(size=2) == [1, 2]
    assert await versions(day=MARCH) == [1, 2]
    assert await versions(size=3, day=JANUARY) == [1]
    assert await versions(day=JANUARY - timedelta(days=1)) == []


async def test_many_streams_are_read_at_once(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1"), ask("b-1"), ask("a-1", 1))
    found = await log.read_streams(connection, ["b-1", "new-1", "a-1"])
    assert {s: [e.version for e in events] for s, events in found.items()} == {
        "b-1": [1],
        "new-1": [],
        "a-1": [1, 2],
    }


async def test_streams_are_batched_whole(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1", events=3), ask("a-2"), ask("a-3", events=2), ask("b-1"))

    async def batches(events: int) -> list[list[str]]:
        streams = log.read_subjects(connection, "a")
        return [
            [f"{stream[0].stream}: {len(stream)}" for stream in batch]
            async for batch in log.batch_streams(streams, events)
        ]

    assert await batches(4) == [["a-1: 3", "a-2: 1"], ["a-3: 2"]]
    assert await batches(3) == [["a-1: 3"], ["a-2: 1", "a-3: 2"]]
    assert await batches(9) == [["a-1: 3", "a-2: 1", "a-3: 2"]]


async def test_the_log_is_read_over_many_pages_in_order(
    ask: Ask, append: Append, connection: Plain
) -> None:
    size = 2 * log.PAGE
    await append(*(ask(f"{'ab'[n % 2]}-{n}") for n in range(size)))

    async def positions(**question: Any) -> list[int]:
        return [r.position async for r in log.read_log(connection, **question)]

    assert await positions() == [*range(1, size + 1)]
    assert await positions(after=5, size=9) == [6, 7, 8, 9]
    assert await positions(category="b") == [*range(2, size + 1, 2)]
    assert await positions(category="") == []


async def test_an_append_that_takes_long_to_commit_is_not_skipped(
    ask: Ask, database: Database
) -> None:
    """The situation in which Marten's daemon skipped events (its issues 716 and 4953).

    A transaction with assigned positions commits late, while others continue.
    """
    slow, quick, reader = [
        await pools.connect(database.application_dsn) for _ in range(3)
    ]
    transaction = slow.transaction()
    await transaction.start()
    await log.append(slow, [ask("slow-1", events=2)], zone=ZONE)
    others = asyncio.create_task(log.append(quick, [ask("quick-1")], zone=ZONE))
    await asyncio.sleep(0.3)

    assert (await log.head(reader)).size == 0
    assert not others.done()
    assert [one async for one in log.read_log(reader)] == []

    await transaction.commit()
    await others
    read = [one async for one in log.read_log(reader)]
    assert [one.position for one in read] == [1, 2, 3]
    assert [one.stream for one in read] == ["slow-1", "slow-1", "quick-1"]
    for connection in (slow, quick, reader):
        await connection.close()


async def test_the_head_says_where_the_log_stands(
    ask: Ask, append: Append, connection: Plain
) -> None:
    assert await log.head(connection) == log.Head(0, None, None)
    await append(ask("a-1", known_on=MARCH))
    (verdict,) = await append(ask("b-1", known_on=JANUARY))
    at = receipt(verdict).recorded_at
    assert await log.head(connection) == log.Head(2, at, MARCH)


# Races


async def test_of_two_who_read_the_same_version_one_is_told(
    ask: Ask, database: Database
) -> None:
    one, two = [await pools.connect(database.application_dsn) for _ in "12"]
    verdicts = await asyncio.gather(
        log.append(one, [ask("a-1")], zone=ZONE),
        log.append(two, [ask("a-1")], zone=ZONE),
    )
    await one.close()
    await two.close()
    assert {type(verdict) for (verdict,) in verdicts} == {Receipt, VersionConflict}


async def test_who_reads_with_an_old_snapshot_is_stopped_not_believed(
    ask: Ask, append: Append, database: Database
) -> None:
    other = await pools.connect(database.application_dsn)
    transaction = other.transaction(isolation="repeatable_read")
    await transaction.start()
    await log.head(other)
    await append(ask("a-1"))
    with pytest.raises(asyncpg.SerializationError):
        await log.append(other, [ask("b-1")], zone=ZONE)
    await transaction.rollback()
    await other.close()


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.UniqueViolationError(), False),
        (FileNotFoundError(), False),
    ],
)
async def test_a_lost_database_is_told_from_a_bad_question(
    connection: Plain, error: Exception, away: bool
) -> None:
    assert log.is_unavailable(error, connection) == away


async def test_before_there_is_a_connection_a_missing_socket_is_a_lost_database(
    connection: Plain,
) -> None:
    assert log.is_unavailable(FileNotFoundError(), None)
    await connection.close()
    assert log.is_unavailable(ValueError(), connection)


async def test_a_connection_that_a_pool_took_back_in_use_is_a_lost_database(
    pool: Pool,
) -> None:
    connection = await pool.acquire()
    connection.terminate()
    await asyncio.sleep(0)
    with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
        connection.is_closed()
    assert log.is_unavailable(ValueError(), connection)


@pytest.mark.own_database  # whose statistics count the rows that were read
async def test_an_append_probes_indexes_though_its_plan_was_made_for_empty_tables(
    ask: Ask, connection: Plain, owner: Plain
) -> None:
    for n in range(20):
        requests = [ask(f"a-{n}-{m}", premises=(("b-1", 0),)) for m in range(20)]
        await log.append(connection, [*requests, requests[0], ask("c-1", 9)], zone=ZONE)
        rests_on = (AppendCondition(("b", "x"), 0),)
        requests = [ask(f"d-{n}-{m}", premises=rests_on) for m in range(20)]
        await log.append(connection, requests, zone=ZONE)
        await log.append(
            connection, [ask("e-1", premises=rests(0, "a")), ask("x-1", 9)], zone=ZONE
        )
        await log.read_categories(connection, ("b", "x"))
    await connection.execute("select pg_stat_force_next_flush()")
    scanned = await owner.fetchval(
        """
        select sum(seq_tup_read)
          from pg_stat_user_tables
         where schemaname = 'ledger'
           and relname <> 'head'
        """
    )
    assert scanned == 0


async def test_of_many_commands_those_recorded_are_told_with_their_bodies(
    connection: Plain, append: Append, ask: Ask
) -> None:
    first, second = ask("case-1"), ask("case-2")
    await append(first, second)
    ids = [second.command_id, "command-unknown", first.command_id]
    assert await log.recorded_commands(connection, ids) == {
        first.command_id: first.body,
        second.command_id: second.body,
    }
    assert await log.recorded_commands(connection, []) == {}


async def test_subjects_are_read_each_whole_in_the_order_of_their_names(
    ask: Ask, append: Append, connection: Plain
) -> None:
    names = [f"case-{n:03}" for n in range(40)]
    await append(*(ask(name, events=10) for name in reversed(names)))
    await append(*(ask(name, 10, events=10) for name in names))  # more than a page
    await append(ask("caser-1"), ask("cas-1"))

    found = [one async for one in log.read_subjects(connection, "case")]
    later = log.read_subjects(connection, "case", after="case-037")

    assert [one[0].stream for one in found] == names
    assert all([r.version for r in one] == [*range(1, 21)] for one in found)
    assert [one async for one in later] == found[38:]


async def test_a_category_without_streams_has_no_subjects(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("caser-1"))

    assert [one async for one in log.read_subjects(connection, "case")] == []


async def test_subjects_are_read_as_far_as_they_were_known(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("case-1", known_on=JANUARY), ask("case-2", known_on=JANUARY))
    await append(ask("case-1", 1, known_on=MARCH))

    for bound in ({"size": 2}, {"known_on": JANUARY}):
        read = log.read_subjects(connection, "case", **bound)
        assert [[r.position for r in one] async for one in read] == [[1], [2]]


async def test_a_history_is_its_stream_without_the_places_in_the_log(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("case-1", events=2, known_on=JANUARY), ask("case-2"))
    await append(*(ask(f"case-{n}") for n in range(3, log.PAGE + 3)))  # a second page
    for bound in ({"size": None, "known_on": None}, {"size": 2, "known_on": JANUARY}):
        read = log.read_subjects(connection, "case", **bound)
        histories = log.read_histories(connection, "case", **bound)
        streams = [stream async for stream in read]
        assert [history async for history in histories] == [
            [
                StreamEvent(r.stream, r.version, r.type, r.effective_on, r.record)
                for r in stream
            ]
            for stream in streams
        ]
        assert len(streams) == (1 if bound["size"] else log.PAGE + 2)
    histories = log.read_histories(connection, "case", size=None, known_on=None)
    [first, _] = await anext(histories)
    assert (first.subject, first.body()) == ("1", streams[0][0].body())
    assert first.decode_body(msgspec.json.Decoder(record.Body)) == first.body()


async def test_events_are_read_by_stream_and_version(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(ask("a-1", events=3), ask("b-1"))
    wanted = [("a-1", 2), ("b-1", 1), ("a-1", 4), ("c-1", 1)]
    found = await log.read_events(connection, wanted)
    assert {(one.stream, one.version) for one in found} == {("a-1", 2), ("b-1", 1)}
    [second] = [one for one in found if one.stream == "a-1"]
    assert second == (await log.read_stream(connection, "a-1"))[1]
    assert await log.read_events(connection, []) == []


async def test_commands_are_found_by_what_their_ids_begin_with(
    ask: Ask, append: Append, connection: Plain
) -> None:
    await append(structs.replace(ask("a-1"), command_id="file:1"))
    for prefix, found in (
        ("file:", True),
        ("fil", True),
        ("file;", False),
        ("g", False),
    ):
        assert await log.has_commands(connection, prefix) is found


def test_a_request_counts_the_events_of_all_its_parts(ask: Ask) -> None:
    other = log.StreamPart("b-1", 0, ask("b-1", events=3).main_part.drafts)
    assert ask("a-1", events=2, after=(other,)).count == 5


async def test_nothing_is_asked_of_the_database_for_no_names(
    database: Database,
) -> None:
    closed = await pools.connect(database.application_dsn)
    await closed.close()

    assert await log.read_streams(closed, []) == {}
    assert await log.read_events(closed, []) == []
