"""From a command to its receipt, in one process and in two over one database."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from iku import streams
from iku.commands.command import CommandResult, StaleVersion
from iku.commands.handler import ATTEMPTS
from iku.domain import conflict, fact, organisation
from iku.domain.decider import (
    AlreadyRecorded,
    Invalid,
    Refused,
    SubjectNotFound,
)
from iku.domain.indicator import Targeted
from iku.ledger import log
from iku.ledger.log import (
    KeyReused,
    KnownOnDecreased,
    KnownOnInFuture,
    Receipt,
    VersionConflict,
)
from iku.ledger.record import Unrecordable
from tests.commands.conftest import Desk, Desks
from tests.domain.story import AREA

DAY = date(2021, 5, 1)
BROUGHT = 4  # events of the seed definitions


def report(title: str = "Perselisihan", day: date = DAY) -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title=title,
        effective_on=day,
    )


def handled(note: str, day: date = DAY) -> conflict.Handled:
    phase = conflict.Phase.PENGHENTIAN
    return conflict.Handled(effective_on=day, phase=phase, note=note)


def resolved(day: date = date(2021, 6, 1)) -> conflict.Resolved:
    return conflict.Resolved(effective_on=day, manner=conflict.Manner.ISLAH)


def merged(into: str) -> conflict.Merged:
    return conflict.Merged(into=into, reason="Peristiwa yang sama")


VERIFIED = conflict.Verified(effective_on=DAY)


async def both(*calls: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


# Numbering.


def registered(day: date = DAY) -> organisation.Registered:
    return organisation.Registered(
        kind=organisation.OrganisationKind.LSM,
        name="Contoh",
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
        effective_on=day,
    )


async def test_automatic_numbers_restart_each_year_by_the_day_of_the_opening(
    desk: Desk,
) -> None:
    days = [date(2021, 12, 31), date(2022, 1, 1), date(2021, 1, 1), date(2022, 6, 1)]
    given = [(await desk.do("", report(day=day))).subject for day in days]
    assert given == ["K2021-00001", "K2022-00001", "K2021-00002", "K2022-00002"]
    other = await desk.do("", registered(), category="organisation")
    assert other.subject == "O2021-00001"
    assert other.receipt.stream == "organisation-O2021-00001"


async def test_an_automatic_number_follows_the_highest_of_its_year(desk: Desk) -> None:
    for taken in ("K2021-00001", "k2021-00041", "K2022-00090", "K2021-100", "K7"):
        await desk.do(taken, report("Dari buku lama"))
    given = [(await desk.do("", report(str(n)))).subject for n in range(2)]
    assert given == ["K2021-00042", "K2021-00043"]
    await desk.do("K2021-99999", report("Dari buku lama"))
    assert (await desk.do("", report())).subject == "K2021-100000"
    assert (await desk.do("", report())).subject == "K2021-100001"


async def test_a_command_repeated_at_the_same_moment_draws_one_number(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    outcomes = await asyncio.gather(
        *((first, second)[n % 2].do("", report(), "satu") for n in range(200))
    )
    assert {outcome.subject for outcome in outcomes} == {"K2021-00001"}
    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert (await second.do("", report("Lain"))).subject == "K2021-00002"


async def test_what_is_refused_or_recorded_before_draws_no_number(desk: Desk) -> None:
    tomorrow = desk.app.commands.today() + timedelta(days=1)
    unfit = report("Tak \ud800 tersandi")
    await desk.do("", report(), "satu")
    for _ in range(3):
        found = await both(
            desk.do("", report("Dua"), "satu"),
            desk.do("", report(), known_on=tomorrow),
            desk.do("", unfit),
            desk.do("", report(day=tomorrow)),
            desk.do("", report("Lain")),
        )
        assert [type(one) for one in found[:2]] == [KeyReused, KnownOnInFuture]
        assert isinstance(found[2], Unrecordable | ValueError)
        assert isinstance(found[3], Refused)
        assert isinstance(found[4], CommandResult)
    async with desk.app.pool.acquire() as connection:
        named = [one.subject async for one in log.read_log(connection, after=BROUGHT)]
    assert named == [f"K2021-{n:05}" for n in range(1, 5)]


async def test_cases_numbered_at_the_same_moment_get_numbers_of_their_own(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    outcomes = await asyncio.gather(
        *(desk.do("", report(str(n))) for n in range(10) for desk in (first, second))
    )
    by_position = sorted(outcomes, key=lambda outcome: outcome.receipt.position)
    assert [one.subject for one in by_position] == [
        f"K2021-{n:05}" for n in range(1, 21)
    ]
    assert {outcome.receipt.version for outcome in outcomes} == {1}


async def test_a_report_sent_twice_at_once_without_a_number_becomes_one_case(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    for n in range(10):
        outcomes = await asyncio.gather(
            *(desk.do("", report(), f"p{n}") for desk in (first, first, second))
        )
        assert len({outcome.subject for outcome in outcomes}) == 1
        assert len({outcome.receipt.position for outcome in outcomes}) == 1
        assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True]
        for outcome in outcomes:
            assert outcome.receipt.stream == f"conflict-{outcome.subject}"
    assert await first.size() == BROUGHT + 10


# Numbers given by hand, and corrected.


def renumbered(number: str) -> conflict.Corrected:
    return conflict.Corrected(corrects=1, number=number, reason="Salah tulis")


def annulled(version: int) -> fact.Annulled:
    return fact.Annulled(annuls=version, reason="Tidak pernah ada")


async def test_a_number_is_another_cases_whatever_its_case(desk: Desk) -> None:
    await desk.do("K14", report())
    for number in ("K14", "k14"):
        with pytest.raises(
            Refused, match="number K14 is already used by case K14, repo"
        ):
            await desk.do(number, report("Lain"))
        with pytest.raises(AlreadyRecorded, match="already recorded, at version 1"):
            await desk.do(number, report())
    other = await desk.do("K14", registered(), category="organisation")
    assert other.subject == "K14"  # the numbers of organisations are others


async def test_a_corrected_number_is_free_for_another_case(desk: Desk) -> None:
    await desk.do("K14", report())
    assert (await desk.do("K14", renumbered("K15"))).added
    with pytest.raises(
        Refused, match="number K15 is already used by case K14, reported"
    ):
        await desk.do("k15", report("Lain"))
    second = await desk.do("k14", report("Kedua"), "kedua")
    assert second.subject == "k14.2"
    again = await desk.do("k14", report("Kedua"), "kedua")
    assert (again.subject, again.repeated) == ("k14.2", True)
    await desk.do("k14.2", renumbered("K16"))
    third = await desk.do("K14", report("Ketiga"))
    assert third.subject == "K14.3"
    async with desk.app.pool.acquire() as connection:
        [one] = await log.read_stream(connection, "conflict-K14.3")
    assert one.body().data["number"] == "K14"
    with pytest.raises(
        Refused, match=r"number K14 is already used by case K14\.3, repor"
    ):
        await desk.do("K14", renumbered("k14"))
    with pytest.raises(
        Refused, match=r"number K14 is already used by case K14\.3, repor"
    ):
        await desk.do("K14", report("Keempat"))


async def test_a_correction_to_the_number_that_it_has_is_a_repetition(
    desk: Desk,
) -> None:
    await desk.do("K14", report())
    with pytest.raises(AlreadyRecorded):
        await desk.do("K14", renumbered("K14"))
    assert (await desk.do("K14", renumbered("k14"))).added
    with pytest.raises(AlreadyRecorded):
        await desk.do("K14", renumbered("k14"))


async def test_the_very_report_of_a_renumbered_case_is_no_second_case(
    desk: Desk,
) -> None:
    await desk.do("K14", report())
    await desk.do("K14", renumbered("K15"))
    with pytest.raises(AlreadyRecorded, match="already recorded, at version 1"):
        await desk.do("K14", report())


async def test_an_annulled_report_frees_its_number_until_it_is_reinstated(
    desk: Desk,
) -> None:
    await desk.do("K14", report())
    await desk.do("K14", annulled(1))
    second = await desk.do("K14", report("Kedua"))
    assert second.subject == "K14.2"
    with pytest.raises(
        Refused, match=r"number K14 is already used by case K14\.2, repor"
    ):
        await desk.do("K14", annulled(2))
    await desk.do("K14.2", renumbered("K16"))
    assert (await desk.do("K14", annulled(2))).added


async def test_a_correction_of_the_number_can_be_annulled_where_it_is_still_free(
    desk: Desk,
) -> None:
    await desk.do("K14", report())
    await desk.do("K14", renumbered("K15"))
    await desk.do("K14", annulled(2))
    assert (await desk.do("K15", report("Lain"))).subject == "K15"
    with pytest.raises(
        Refused, match="number K15 is already used by case K15, reported"
    ):
        await desk.do("K14", renumbered("K15"))


async def test_an_identifier_that_would_be_too_long_is_refused(desk: Desk) -> None:
    number = "K" * 64
    await desk.do(number, report())
    await desk.do(number, renumbered("K15"))
    with pytest.raises(Refused, match="the next free identifier"):
        await desk.do(number, report("Lain"))
    assert (await desk.do("K" * 62, report("Lain"))).subject == "K" * 62


async def test_of_those_who_claim_one_number_at_the_same_moment_one_gets_it(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    for n in range(8):
        number = f"K-{n}"
        await first.do(f"A{n}", report())
        found = await both(
            first.do(number, report("Satu")),
            second.do(number.lower(), report("Dua")),
            first.do(number.lower(), report("Tiga")),
            second.do(f"A{n}", renumbered(number)),
        )
        assert sorted(type(one).__name__ for one in found) == [
            "CommandResult",
            *["Refused"] * 3,
        ]
        refused = [str(one).lower() for one in found if isinstance(one, Refused)]
        assert all(f"{number.lower()} is already used by" in one for one in refused)


# Idempotency.


async def test_a_command_sent_again_gets_the_first_receipt_whatever_came_between(
    desk: Desk,
) -> None:
    first = await desk.do("K1", report(), "p1")
    done = await desk.do("K1", VERIFIED, "p2")
    assert (first.added, first.repeated) == (True, False)
    for event in (resolved(), conflict.Rejected(reason="Bukan konflik")):
        await desk.do("K1", event)
    size = await desk.size()
    for proposed, command_id, before in (
        (report(), "p1", first),
        (VERIFIED, "p2", done),
    ):
        again = await desk.do("K1", proposed, command_id)
        assert (again.added, again.repeated) == (True, True)
        assert _plain(again.receipt) == _plain(before.receipt)
    # Even if its expected version is stale by now.
    again = await desk.do("K1", VERIFIED, "p2", expected=1)
    assert again.receipt.position == done.receipt.position
    assert await desk.size() == size


def _plain(receipt: Receipt) -> list[Any]:
    return [
        receipt.stream,
        receipt.version,
        receipt.position,
        receipt.count,
        receipt.size,
        receipt.recorded_at,
        receipt.known_on,
        receipt.leaf,
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"subject": "K2"},
        {"proposed": resolved(date(2021, 6, 2))},
        {"known_on": date(2022, 1, 1)},
        {"subject": ""},
        {"category": "organisation"},
    ],
)
async def test_an_id_given_to_another_command_is_refused(
    desk: Desk, other: dict[str, Any]
) -> None:
    await desk.do("K1", report())
    await desk.do("K1", resolved(), "p1")
    asked = {"subject": "K1", "proposed": resolved(), **other}
    size = await desk.size()
    with pytest.raises(KeyReused):
        await desk.do(command_id="p1", **asked)
    assert await desk.size() == size


async def test_twins_of_a_command_on_one_case_are_carried_out_once(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    for n in range(15):
        case = f"K{n}"
        await first.do(case, report())
        told = [d.do(case, handled("x"), f"p{n}") for d in (first, second, first)]
        outcomes = await asyncio.gather(*told)
        assert {outcome.receipt.position for outcome in outcomes} == {
            BROUGHT + 2 * n + 2
        }
        assert [outcome.added for outcome in outcomes] == [True] * 3
        assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True]


async def test_what_a_twin_has_just_recorded_is_not_taken_for_somebody_elses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The duplicate arrives between the lookup of the id and the read of the case."""
    await desk.do("K1", report())
    original = log.read_streams
    twins: list[CommandResult] = []

    async def read_streams(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(log, "read_streams", original)
        twins.append(await desk.do("K1", VERIFIED, "p1"))
        await desk.do("K1", handled("sesudahnya"))
        return await original(*args, **named)

    monkeypatch.setattr(log, "read_streams", read_streams)
    outcome = await desk.do("K1", VERIFIED, "p1")
    assert outcome.repeated
    assert _plain(outcome.receipt) == _plain(twins[0].receipt)


async def test_without_an_id_what_was_said_already_is_not_recorded_again(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    await desk.do("K1", VERIFIED)
    await desk.do("K1", handled("x"))
    for version, again in ((1, report()), (2, VERIFIED)):
        with pytest.raises(
            AlreadyRecorded, match=f"already recorded, at version {version}"
        ) as refusal:
            await desk.do("K1", again, "p9")
        assert refusal.value.version == version
    assert await desk.size() == BROUGHT + 3
    # An id without a recorded event is still free.
    assert (await desk.do("K1", resolved(), "p9")).added


async def test_a_handling_or_referral_is_recorded_once_for_each_command(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    referred = conflict.Referred(effective_on=DAY)
    for alike in (handled("x"), referred):
        first = await desk.do("K1", alike, f"{alike}-1")
        again = await desk.do("K1", alike, f"{alike}-1")
        assert again.repeated
        assert again.receipt.version == first.receipt.version
        other = await desk.do("K1", alike, f"{alike}-2")
        unnamed = await desk.do("K1", alike)
        versions = [x.receipt.version for x in (first, other, unnamed)]
        assert versions == [versions[0] + n for n in range(3)]
    assert await desk.size() == BROUGHT + 7


async def test_only_a_correction_that_clears_fields_is_of_schema_number_3(
    desk: Desk,
) -> None:
    await desk.do("K1", structs.replace(report(), occurred_on=DAY, area=AREA))
    corrections: tuple[dict[str, Any], ...] = (
        {"area": None, "occurred_on": None},
        {"title": "Lain"},
    )
    for fields in corrections:
        await desk.do("K1", conflict.Corrected(corrects=1, reason="Salah", **fields))
    async with desk.app.pool.acquire() as connection:
        found = await log.read_streams(connection, ["conflict-K1"])
        read = await streams.read(connection, desk.app.vault, ["conflict-K1"])
    bodies = [one.body() for one in found["conflict-K1"]]
    assert [body.schema for body in bodies] == [2, 3, 2]
    assert bodies[1].data == {"cleared": ["area", "occurred_on"], "corrects": 1}
    assert b"null" not in found["conflict-K1"][1].record.replace(
        b'"effective_on":null', b""
    )
    case = read["conflict-K1"].state
    assert (case.report.area, case.report.occurred_on) == (None, None)
    assert case.title == "Lain"


async def test_a_text_with_hidden_characters_is_refused_and_an_old_one_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = "Perselisihan\u202e"
    for subject in ("K1", ""):
        with pytest.raises(Invalid, match=r"title contains U\+202E"):
            await desk.do(subject, report(hidden))
    monkeypatch.setattr(
        "iku.commands.decision.refuse_hidden_characters", lambda _asked: None
    )
    await desk.do("K1", report(hidden))
    monkeypatch.undo()
    assert (await desk.do("K1", VERIFIED)).receipt.version == 2
    async with desk.app.pool.acquire() as connection:
        read = await streams.read(connection, desk.app.vault, ["conflict-K1"])
    assert read["conflict-K1"].state.title == hidden


# The expected version of a command.


async def test_a_command_about_a_version_that_is_not_the_last_is_refused(
    desk: Desk,
) -> None:
    await desk.do("K1", report())
    await desk.do("K1", VERIFIED, expected=1)
    for expected in (0, 1, 3):
        with pytest.raises(StaleVersion) as refused:
            await desk.do("K1", resolved(), expected=expected)
        assert refused.value.version == 2
    assert (await desk.do("K1", resolved(), expected=2)).receipt.version == 3


async def test_of_two_about_one_version_the_slower_is_told_it_is_outdated(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    for n in range(10):
        case = f"K{n}"
        await first.do(case, report())
        outcomes = await both(
            first.do(case, handled("satu"), expected=1),
            second.do(case, handled("dua"), expected=1),
        )
        slower = [told for told in outcomes if not isinstance(told, CommandResult)]
        assert [type(told) for told in slower] == [StaleVersion]
        assert await first.entered(case) == 2


async def test_a_new_subject_may_be_said_to_be_expected(desk: Desk) -> None:
    assert (await desk.do("K1", report(), expected=0)).receipt.version == 1
    with pytest.raises(StaleVersion):
        await desk.do("K1", report("Lain"), expected=0)


# Two writers.


@pytest.mark.parametrize("houses", [1, 2])
async def test_two_who_say_the_same_at_once_make_one_event(
    desks: Desks, houses: int
) -> None:
    first = await desks()
    second = first if houses == 1 else await desks()
    for n in range(10):
        case = f"K{n}"
        await first.do(case, report())
        outcomes = await both(first.do(case, resolved()), second.do(case, resolved()))
        assert set(map(type, outcomes)) == {AlreadyRecorded, CommandResult}
        assert await first.entered(case) == 2


@pytest.mark.parametrize("houses", [1, 2])
async def test_of_two_who_contradict_each_other_at_once_one_is_refused(
    desks: Desks, houses: int
) -> None:
    first = await desks()
    second = first if houses == 1 else await desks()
    for n in range(10):
        case = f"K{n}"
        await first.do(case, report())
        outcomes = await both(
            first.do(case, resolved(date(2021, 6, 1))),
            second.do(case, resolved(date(2021, 7, 1))),
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert len(refused) == 1
        assert "resolved" in str(refused[0])
        assert await first.entered(case) == 2


async def test_two_who_report_different_cases_under_one_number_do_not_both_get_it(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    outcomes = await both(
        first.do("K1", report("Pasar")), second.do("K1", report("Balai"))
    )
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]
    assert await first.entered("K1") == 1


async def test_two_cases_are_never_merged_into_each_other(desks: Desks) -> None:
    first, second = await desks(), await desks()
    for n in range(12):
        a, b = f"A{n}", f"B{n}"
        for case in (a, b):
            await first.do(case, report())
        other = first if n % 2 else second
        outcomes = await both(first.do(a, merged(b)), other.do(b, merged(a)))
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert len(refused) == 1, outcomes
        assert "merged" in str(refused[0])
        # Both reports, the merger, and what the survivor absorbed.
        assert await first.entered(a) + await first.entered(b) == 4


async def test_a_case_is_not_merged_into_one_that_is_rejected_at_that_moment(
    desks: Desks,
) -> None:
    first, second = await desks(), await desks()
    for n in range(10):
        a, b = f"A{n}", f"B{n}"
        for case in (a, b):
            await first.do(case, report())
        merger, rejection = await both(
            first.do(a, merged(b)), second.do(b, conflict.Rejected(reason="Salah"))
        )
        if isinstance(
            merger, CommandResult
        ):  # it came first; B merged into the survivor
            assert isinstance(rejection, Refused) or (
                rejection.receipt.position > merger.receipt.position
            )
        else:
            assert isinstance(merger, Refused)


@pytest.mark.parametrize("overtakers", [ATTEMPTS - 1, ATTEMPTS])
async def test_who_is_overtaken_is_served_in_the_end_unless_it_goes_on_and_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, overtakers: int
) -> None:
    await desk.do("K1", report())
    original = log.read_streams
    overtaken: list[CommandResult] = []

    async def read_streams(*args: Any, **named: Any) -> Any:
        found = await original(*args, **named)
        if len(overtaken) < overtakers:
            with monkeypatch.context() as patch:
                patch.setattr(log, "read_streams", original)
                faster = handled(f"lebih cepat {len(overtaken)}")
                overtaken.append(await desk.do("K1", faster))
        return found

    monkeypatch.setattr(log, "read_streams", read_streams)
    if overtakers < ATTEMPTS:
        assert (await desk.do("K1", resolved())).receipt.version == overtakers + 2
    else:
        with pytest.raises(VersionConflict):
            await desk.do("K1", resolved())
        assert await desk.entered("K1") == overtakers + 1


# What is refused.


async def test_what_was_never_reported_is_missing(desk: Desk) -> None:
    for proposed in (VERIFIED, resolved(), merged("K1")):
        with pytest.raises(SubjectNotFound, match="case K9 does not exist"):
            await desk.do("K9", proposed)
    target = Targeted(year=2021, target="80.00", effective_on=DAY, basis="PK")
    with pytest.raises(SubjectNotFound, match="indicator IKU-9 does not exist"):
        await desk.do("IKU-9", target, category="indicator")
    assert await desk.size() == BROUGHT


async def test_what_the_rules_refuse_leaves_nothing_behind(desk: Desk) -> None:
    await desk.do("K1", report())
    for proposed in (
        resolved(date(2021, 4, 30)),
        merged("K1"),
        merged("K9"),
        conflict.Reopened(effective_on=DAY),
    ):
        with pytest.raises(Refused):
            await desk.do("K1", proposed, "p1")
    with pytest.raises(Refused, match="no area"):
        await desk.do("K2", structs.replace(report(), area="35.76.09.1001"))
    assert await desk.size() == BROUGHT + 1
    assert (await desk.do("K1", resolved(), "p1")).added  # the id is still free


async def test_text_that_no_record_can_hold_is_refused_and_hurts_nobody(
    desk: Desk,
) -> None:
    unfit = report("Tak \ud800 tersandi")
    outcomes = await both(
        desk.do("K1", report()), desk.do("K2", unfit), desk.do("K3", report())
    )
    assert isinstance(outcomes[1], Unrecordable | ValueError)
    assert [type(outcomes[n]) for n in (0, 2)] == [CommandResult, CommandResult]
    assert await desk.size() == BROUGHT + 2


# Days.


def at(desk: Desk, zone: str) -> Desk:
    commands = desk.app.commands
    there = replace(commands, zone=ZoneInfo(zone))
    return Desk(replace(desk.app, commands=there))


async def test_today_is_the_day_at_the_agency(desk: Desk) -> None:
    # These two time zones never have the same date.
    early, late = at(desk, "Etc/GMT+12"), at(desk, "Pacific/Kiritimati")
    today = late.app.commands.today()
    assert early.app.commands.today() < today
    assert today == datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    with pytest.raises(Refused, match="but must not be after today,"):
        await early.do("K1", report(day=today))
    assert (await late.do("K1", report(day=today))).added


async def test_a_day_declared_is_the_today_of_what_is_imported(desk: Desk) -> None:
    known_on = date(2021, 5, 20)
    with pytest.raises(Refused, match="must not be after today, 2021-05-20"):
        await desk.do("K1", report(day=date(2021, 5, 21)), known_on=known_on)
    outcome = await desk.do("K1", report(day=known_on), known_on=known_on)
    assert outcome.receipt.known_on == known_on
    live = await desk.do("K2", report(day=known_on))
    assert live.receipt.known_on == desk.app.commands.today()
    async with desk.app.pool.acquire() as connection:
        [one] = await log.read_stream(connection, "conflict-K1")
        [two] = await log.read_stream(connection, "conflict-K2")
    assert (one.declared, two.declared) == (True, False)


async def test_knowledge_of_one_case_never_falls(desk: Desk) -> None:
    await desk.do("K1", report(), known_on=date(2021, 6, 1))
    with pytest.raises(KnownOnDecreased) as fell:
        await desk.do("K1", VERIFIED, known_on=date(2021, 5, 31))
    assert fell.value.last == date(2021, 6, 1)
    assert (await desk.do("K1", VERIFIED, known_on=date(2021, 6, 1))).added
    assert (await desk.do("K2", report(), known_on=DAY)).added  # another case may


async def test_what_is_known_only_tomorrow_cannot_be_declared(desk: Desk) -> None:
    tomorrow = desk.app.commands.today() + timedelta(days=1)
    with pytest.raises(KnownOnInFuture):
        await desk.do("K1", report(), known_on=tomorrow)
    assert await desk.size() == BROUGHT
