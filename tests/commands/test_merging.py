"""Mergers in the log: one append for both streams, also with concurrent writers."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from iku import streams, text_reading
from iku.commands import text_erasure
from iku.commands.command import Command, CommandResult
from iku.domain import conflict, organisation
from iku.domain.decider import Refused
from iku.domain.erasure import Erased
from iku.domain.fact import Annulled, placeholder
from iku.domain.organisation import Activity, LegalBasis, Organisation, OrganisationKind
from iku.domain.question import Question
from iku.ledger import log
from iku.ledger.log import Receipt
from iku.ledger.record import Recorded
from iku.postgres.pool import Plain
from iku.projections.rebuild import rebuild
from iku.queries import erasures
from iku.queries.recount import recount
from tests.commands.conftest import Desk, Desks
from tests.commands.test_handling import BROUGHT, both, report

YEAR_END = Question("IKU-2", date(2021, 12, 31))


def registration(day: date = date(2021, 1, 4)) -> organisation.Registered:
    return organisation.Registered(
        kind=OrganisationKind.ORMAS,
        name="Karang Taruna",
        legal_basis=LegalBasis.BADAN_HUKUM,
        effective_on=day,
    )


def took_part(day: date, reference: str = "P1") -> organisation.Participated:
    return organisation.Participated(
        participation=reference,
        activity=Activity.MUSRENBANG,
        effective_on=day,
        verified=True,
        note="Daftar hadir Bu Sari",
    )


MERGED = organisation.Merged(into="O2", reason="Tercatat dua kali")
UNDONE = Annulled(annuls=4, reason="Ternyata dua organisasi")
FIRST, SECOND = took_part(date(2021, 3, 1)), took_part(date(2021, 4, 1), "P2")
DECIDED = Erased(decision="B/1/2022", legal_basis="UU 27/2022")


class Entries:
    """A desk with two entries of one organisation; the first has participations."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def do(self, subject: str, proposed: Any, *more: Any) -> CommandResult:
        return await self.desk.do(subject, proposed, *more, category="organisation")

    async def open(self) -> "Entries":
        for subject in ("O1", "O2"):
            await self.do(subject, registration())
        for participation in (FIRST, SECOND):
            await self.do("O1", participation)
        return self

    async def read(self, *subjects: str) -> list[Organisation]:
        named = [f"organisation-{subject}" for subject in subjects]
        async with self.desk.app.pool.acquire() as connection:
            found = await streams.read(connection, self.desk.app.vault, named)
        return [found[name].state for name in named]

    async def recorded(self, subject: str) -> Sequence[Recorded]:
        async with self.desk.app.pool.acquire() as connection:
            return await log.read_stream(connection, f"organisation-{subject}")

    async def erase(self, subject: str) -> CommandResult:
        command = Command("subject", subject, DECIDED, "uji")
        async with self.desk.app.pool.acquire() as connection:
            return await text_erasure.erase(self.desk.app.commands, connection, command)

    async def notes(self, subject: str) -> list[str | None]:
        """The decrypted notes of its participations."""
        async with self.desk.app.pool.acquire() as connection:
            found = await text_reading.read(
                connection, self.desk.app.vault, await self.recorded(subject)
            )
        return [
            one.display_texts["note"]
            for one in found.values()
            if "note" in one.display_texts
        ]


@pytest.fixture
async def entries(desk: Desk) -> Entries:
    return await Entries(desk).open()


def plain(receipt: Receipt) -> Receipt:
    return structs.replace(receipt, repeated=False)


async def test_a_merger_is_one_append_and_its_receipt_is_of_the_one_that_ends(
    entries: Entries,
) -> None:
    outcome = await entries.do("O1", MERGED, "one")
    receipt = outcome.receipt
    assert (outcome.subject, receipt.stream) == ("O1", "organisation-O1")
    assert (receipt.version, receipt.count, receipt.position) == (4, 4, BROUGHT + 8)
    [survivor] = await entries.read("O2")
    assert [type(event).__name__ for event in survivor.history] == [
        *("Registered", "Absorbed", "ParticipationCarried", "ParticipationCarried")
    ]


async def test_a_merger_sent_again_says_again_what_it_did_not_take_over(
    entries: Entries,
) -> None:
    await entries.do("O2", structs.replace(FIRST, participation="X1"))
    first = await entries.do("O1", MERGED, "one")
    assert first.notes == (
        (
            "participation P1 is not taken over: O2 already took part in musrenbang "
            "on 2021-03-01"
        ),
    )
    await entries.do("O2", structs.replace(SECOND, participation="X2"))
    again = await entries.do("O1", MERGED, "one")
    assert again.repeated
    assert plain(again.receipt) == plain(first.receipt)
    assert again.notes == first.notes


async def test_a_rejection_names_those_it_takes_along_also_when_sent_again(
    entries: Entries,
) -> None:
    await entries.do("O1", MERGED)
    rejected = organisation.Rejected(reason="Bukan organisasi")
    outcomes = [await entries.do("O2", rejected, "r") for _ in range(2)]
    assert {outcome.notes for outcome in outcomes} == {
        ("O1 is merged into this subject (version 2), so it does not count either",)
    }


async def test_each_event_of_a_merger_counts_from_its_own_position(
    entries: Entries, owner: Plain
) -> None:
    app = entries.desk.app
    merger = await entries.do("O1", MERGED)
    undone = await entries.do("O1", UNDONE)
    async with app.pool.acquire() as connection:
        for size in range(merger.receipt.position - 4, undone.receipt.position + 1):
            asked, today = structs.replace(YEAR_END, size=size), app.commands.today()
            [found] = await app.figures.answer(connection, [asked], today)
            assert found == await recount(connection, asked, today)
            whole = {merger.receipt.position: (1, 1), undone.receipt.position: (1, 2)}
            if size in whole:
                assert (found.numerator, found.denominator) == whole[size]
    assert await rebuild(owner, lambda _done, _of: None) == []


async def test_a_merger_is_decided_again_where_the_survivor_has_moved_on(
    entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    appender = entries.desk.app.commands.appender
    submit, faster = appender.submit, [True]

    async def overtaken(asked: Any) -> Receipt:
        if faster.pop() if faster else False:
            await entries.do("O2", structs.replace(FIRST, participation="X1"))
        return await submit(asked)

    monkeypatch.setattr(appender, "submit", overtaken)
    outcome = await entries.do("O1", MERGED)
    assert len(outcome.notes) == 1
    [survivor] = await entries.read("O2")
    assert [one.reference for one in survivor.participations] == ["X1", "P2"]


def merged(into: str) -> conflict.Merged:
    return conflict.Merged(into=into, reason="Sama")


@pytest.mark.parametrize("houses", [1, 2])
async def test_of_a_merger_and_the_annulment_of_its_survivor_one_is_refused(
    desks: Desks, houses: int
) -> None:
    first = await desks()
    second = first if houses == 1 else await desks()
    gone = Annulled(annuls=1, reason="Keliru")
    refused = []
    for n in range(12):
        a, b = f"A{n}", f"B{n}"
        for case in (a, b):
            await first.do(case, report())
        calls = [first.do(a, merged(b)), second.do(b, gone)]
        outcomes = await both(*(calls if n % 2 else reversed(calls)))
        assert sorted(isinstance(one, Refused) for one in outcomes) == [False, True]
        refused += [str(one) for one in outcomes if isinstance(one, Refused)]
    assert all("merged into" in said for said in refused)


@pytest.mark.parametrize("houses", [1, 2])
async def test_several_are_merged_into_one_at_the_same_moment(
    desks: Desks, houses: int
) -> None:
    first = await desks()
    second = first if houses == 1 else await desks()
    for case in ("K0", "K1", "K2", "K3"):
        await first.do(case, report())
    outcomes = await both(
        *(desk.do(f"K{n}", merged("K0")) for n, desk in enumerate((first, second), 1))
    )
    assert [type(outcome) for outcome in outcomes] == [CommandResult, CommandResult]
    assert await first.entered("K0") == 3


async def test_of_an_annulled_merger_and_a_change_of_a_copy_one_is_refused(
    desks: Desks,
) -> None:
    entries, other = await Entries(await desks()).open(), Entries(await desks())
    await entries.do("O1", MERGED)
    change = organisation.Corrected(
        corrects=3, reason="Salah", activity=Activity.KEMITRAAN
    )
    outcomes = await both(entries.do("O1", UNDONE), other.do("O2", change))
    assert sorted(isinstance(one, Refused) for one in outcomes) == [False, True]


# Texts.


async def test_the_note_of_a_copy_is_read_like_the_first_and_erased_with_it(
    entries: Entries,
) -> None:
    await entries.do("O1", MERGED)
    assert await entries.notes("O2") == ["Daftar hadir Bu Sari"] * 2
    await entries.erase("organisation-O1")
    for subject in ("O1", "O2"):
        told = await entries.notes(subject)
        assert len(told) == 2
        assert all("Sari" not in str(note) for note in told)


async def test_erasing_a_survivor_leaves_what_is_another_s_and_says_so(
    entries: Entries,
) -> None:
    await entries.do("O1", MERGED)
    app = entries.desk.app
    async with app.pool.acquire() as connection:
        doomed = await erasures.preview(app.view(connection), "organisation-O2")
    assert doomed.others == ["organisation-O1"]
    await entries.erase("organisation-O2")
    assert await entries.notes("O2") == ["Daftar hadir Bu Sari"] * 2
    [survivor] = await entries.read("O2")
    assert survivor.creation_event.name == placeholder("organisation-O2", 1, "name")


async def test_a_note_that_was_erased_before_is_not_copied(entries: Entries) -> None:
    await entries.erase("organisation-O1")
    await entries.do("O1", MERGED)
    assert await entries.notes("O2") == []
    # After an annulment, those in the survivor have the given reason.
    await entries.do("O1", UNDONE)
    [survivor] = await entries.read("O2")
    assert {event.reason for event in survivor.history[2:] if event.reason} == {
        UNDONE.reason
    }


async def test_what_is_erased_while_a_merger_is_decided_does_not_come_back(
    entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    appender = entries.desk.app.commands.appender
    submit, faster = appender.submit, [True]

    async def overtaken(asked: Any) -> Receipt:
        if faster.pop() if faster else False:
            await entries.erase("organisation-O1")
        return await submit(asked)

    monkeypatch.setattr(appender, "submit", overtaken)
    assert (await entries.do("O1", MERGED)).added
    assert await entries.notes("O2") == []
