"""Mergers: recorded in both streams, undone in both."""

from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict, merger, reasons, subject_kinds
from iku.domain.conflict import Conflict
from iku.domain.continuation import Continued
from iku.domain.decider import Decision, DecisionContext, Invalid, Refused
from iku.domain.fact import Annulled, EventId, placeholder, text_owner
from iku.domain.indicator import OrganisationOptions
from iku.domain.organisation import (
    Absorbed,
    Activity,
    Corrected,
    Dissolved,
    LegalBasis,
    Merged,
    Obstacle,
    Organisation,
    OrganisationKind,
    Participated,
    ParticipationCarried,
    ParticipationNotCarried,
    ParticipationVerified,
    Registered,
    Rejected,
    decider,
)
from iku.language import Language, translate
from tests.domain.story import HERE, on, refused

OLD, NEW, THIRD = "O1", "O2", "O3"
MERGED = Merged(into=NEW, reason="Tercatat dua kali")
ENDED = Annulled(annuls=4, reason="Ternyata dua organisasi")


def registered(day: str = "2021-01-04", **fields: Any) -> Registered:
    return Registered(
        kind=OrganisationKind.ORMAS,
        name="Karang Taruna",
        legal_basis=LegalBasis.BADAN_HUKUM,
        effective_on=on(day),
        **fields,
    )


def took_part(day: str, reference: str = "P1", **fields: Any) -> Participated:
    stated = {"activity": Activity.MUSRENBANG, **fields}
    return Participated(participation=reference, effective_on=on(day), **stated)


def entry(*events: Any) -> Organisation:
    return Organisation((registered(), *events))


def context(subject: str, **peers: Any) -> DecisionContext:
    return structs.replace(HERE, subject=subject, related_subjects=peers)


class Register:
    """Organisations, each decided from its own stream and those that it names."""

    def __init__(self, **entries: Organisation) -> None:
        self.entries = entries

    def decide(self, subject: str, command: Any) -> Decision[Any]:
        state = self.entries[subject]
        named = decider.premises_of(command, subject, state).related_subjects
        peers = {peer: self.entries.get(peer) for peer in named}
        return decider.decision(command, state, context(subject, **peers))

    def do(self, subject: str, command: Any) -> Decision[Any]:
        found = self.decide(subject, command)
        for other, events in {subject: found.events, **found.others}.items():
            state = decider.fold(events, self.entries[other])
            assert state is not None
            self.entries[other] = state
        return found

    def refuses(self, subject: str, command: Any, *sides: str) -> Refused:
        with pytest.raises(Refused) as caught:
            self.decide(subject, command)
        for side in sides:
            assert side in str(caught.value)
        return caught.value

    def counts(self, subject: str, threshold: int = 1) -> tuple[int, int]:
        options = OrganisationOptions(participation_threshold=threshold)
        start, end = on("2021-01-01"), on("2021-12-31")
        counts = subject_kinds.membership(
            self.entries[subject], options, start, end
        ).counts
        return counts.numerator, counts.denominator


@pytest.fixture
def register() -> Register:
    """Two entries; the first has participations on two days."""
    return Register(
        O1=entry(took_part("2021-03-01", note="Hadir"), took_part("2021-04-01", "P2")),
        O2=entry(),
        O3=entry(),
    )


def test_a_merger_is_recorded_in_both_streams_with_a_copy_of_each_participation(
    register: Register,
) -> None:
    found = register.do(OLD, MERGED)
    assert found.events == [MERGED]
    absorbed, first, second = found.others[NEW]
    assert absorbed == Absorbed(origin=EventId("organisation-O1", 4))
    assert first == ParticipationCarried(
        participation="P1",
        activity=Activity.MUSRENBANG,
        effective_on=on("2021-03-01"),
        note="Hadir",
        origin=EventId("organisation-O1", 2),
    )
    assert second.origin == EventId("organisation-O1", 3)
    assert [p.reference for p in register.entries[NEW].participations] == ["P1", "P2"]


def test_two_cases_are_merged_without_copies() -> None:
    report = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title="Ricuh",
        effective_on=on("2021-03-01"),
    )
    case = Conflict((report,))
    merged = conflict.Merged(into="K2", reason="Sama")
    found = conflict.decider.decision(merged, case, context("K1", K2=case))
    origin = EventId("conflict-K1", 2)
    absorbed = conflict.Absorbed(origin=origin)
    assert (found.events, found.others) == ([merged], {"K2": [absorbed]})


def test_what_was_verified_by_then_counts_in_the_survivor_and_nowhere_else(
    register: Register,
) -> None:
    register.do(OLD, ParticipationVerified(participation="P2"))
    assert (register.counts(OLD), register.counts(NEW)) == ((1, 1), (0, 1))
    register.do(OLD, MERGED)
    assert (register.counts(OLD), register.counts(NEW)) == ((0, 0), (1, 1))
    assert register.counts(NEW, threshold=2) == (0, 1)
    register.do(NEW, ParticipationVerified(participation="P1"))
    assert register.counts(NEW, threshold=2) == (1, 1)


@pytest.mark.parametrize(
    ("survivor", "why", "said"),
    [
        (
            entry(took_part("2021-03-01", "X9")),
            Obstacle.PRESENT,
            "O2 already took part in musrenbang on 2021-03-01",
        ),
        (
            Organisation((registered("2021-03-02"),)),
            Obstacle.NOT_REGISTERED,
            "O2 was registered after 2021-03-01",
        ),
        (
            entry(Dissolved(effective_on=on("2021-03-01"))),
            Obstacle.ENDED,
            "O2 had ceased to exist by 2021-03-01",
        ),
        (
            entry(took_part("2021-05-01"), took_part("2021-05-02", "O1/P1")),
            Obstacle.REFERENCE,
            "O2 has no free reference for this participation",
        ),
    ],
)
def test_what_the_survivor_cannot_have_is_not_carried_and_the_answer_names_it(
    survivor: Organisation, why: Obstacle, said: str
) -> None:
    register = Register(O1=entry(took_part("2021-03-01")), O2=survivor)
    before = register.entries[OLD]
    found = register.do(OLD, MERGED)
    [absorbed] = found.others[NEW]
    assert absorbed.not_carried == (ParticipationNotCarried("P1", 2, why),)
    assert merger.notes(MERGED, before, found.others) == (
        f"participation P1 is not taken over: {said}",
    )


def test_two_participations_of_one_day_and_activity_are_both_carried() -> None:
    twice = entry(took_part("2021-03-01"), took_part("2021-03-01", "P2"))
    register = Register(O1=twice, O2=entry())
    assert len(register.do(OLD, MERGED).others[NEW]) == 3


def test_a_participation_whose_reference_is_given_is_carried_with_the_number() -> None:
    number = Corrected(corrects=1, reason="Salah", number="ORM/7")
    merged = entry(took_part("2021-03-01"), number)
    register = Register(O1=merged, O2=entry(took_part("2021-05-01")))
    [_, copy] = register.do(OLD, MERGED).others[NEW]
    assert copy.participation == "ORM/7/P1"


def test_a_note_that_cannot_be_read_is_left_out_of_the_copy() -> None:
    note = placeholder("organisation-O1", 2, "note")
    event = structs.replace(took_part("2021-03-01"))
    structs.force_setattr(event, "note", note)
    register = Register(O1=entry(event), O2=entry())
    [_, copy] = register.do(OLD, MERGED).others[NEW]
    assert copy.note is None


def test_the_texts_of_a_copy_remain_those_of_its_origin(register: Register) -> None:
    [_, copy, _] = register.do(OLD, MERGED).others[NEW]
    assert text_owner(copy, "organisation-O2") == "organisation-O1"
    assert text_owner(MERGED, "organisation-O1") == "organisation-O1"


def test_a_copy_of_a_copy_names_what_was_recorded_first(register: Register) -> None:
    register.do(OLD, MERGED)
    onward = Merged(into=THIRD, reason="Sama")
    found = register.do(NEW, onward)
    absorbed, first, _ = found.others[THIRD]
    assert absorbed.origin == EventId("organisation-O2", 5)
    assert first.origin == EventId("organisation-O1", 2)
    # That its texts are not erased is a premise, too.
    streams = decider.premises_of(onward, NEW, register.entries[NEW]).streams
    assert streams == ("subject-organisation-O2", "subject-organisation-O1")
    assert register.entries[NEW].exclusion_status == "merged into O3"


def test_an_annulled_merger_is_undone_in_both_streams(register: Register) -> None:
    register.do(OLD, MERGED)
    found = register.do(OLD, ENDED)
    assert found.events == [ENDED]
    assert found.others == {
        NEW: [Annulled(annuls=v, reason=ENDED.reason) for v in (2, 3, 4)]
    }
    assert register.entries[OLD].exclusion_status is None
    assert register.entries[NEW].participations == []
    # A second merger carries everything over again.
    assert len(register.do(OLD, MERGED).others[NEW]) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            Corrected(corrects=3, reason="Salah", effective_on=on("2021-03-02")),
            "version 3 of O2",
        ),
        (Annulled(annuls=4, reason="Salah"), "version 4 of O2"),
        (
            ParticipationVerified(participation="P1"),
            "participation P1 cannot be verified",
        ),
    ],
)
def test_a_merger_whose_copies_were_changed_since_is_not_annulled(
    register: Register, change: Any, said: str
) -> None:
    register.do(OLD, MERGED)
    register.do(NEW, change)
    register.refuses(OLD, ENDED, "the merger into O2 cannot be annulled", said)
    # After that change is annulled, it can be annulled.
    back = len(register.entries[NEW].history)
    register.do(NEW, Annulled(annuls=back, reason="Keliru"))
    register.do(OLD, ENDED)


def test_a_chain_of_mergers_is_undone_from_its_end(register: Register) -> None:
    register.do(OLD, MERGED)
    register.do(NEW, Merged(into=THIRD, reason="Sama"))
    register.refuses(
        OLD, ENDED, "into O2 cannot be annulled", "O2 was later merged into O3"
    )
    register.do(NEW, Annulled(annuls=5, reason="Keliru"))
    register.do(OLD, ENDED)
    assert {register.entries[o].exclusion_status for o in (OLD, NEW, THIRD)} == {None}
    assert register.entries[THIRD].participations == []


def test_no_two_are_merged_into_each_other_by_a_chain(register: Register) -> None:
    register.do(OLD, MERGED)
    register.do(NEW, Merged(into=THIRD, reason="Sama"))
    register.refuses(THIRD, Merged(into=OLD, reason="Sama"), "merged into O1", "O2")


def test_a_merger_corrected_to_another_survivor_moves_to_it(register: Register) -> None:
    register.do(OLD, MERGED)
    found = register.do(OLD, Corrected(corrects=4, reason="Salah", into=THIRD))
    assert [type(e) for e in found.others[NEW]] == [Annulled] * 3
    absorbed, *copies = found.others[THIRD]
    assert absorbed.origin == EventId("organisation-O1", 4)
    assert len(copies) == 2
    register.refuses(
        OLD,
        Annulled(annuls=5, reason="Keliru"),
        "is the correction of a merger: correct the merger",
    )
    # An annulment undoes the merger in its present survivor.
    assert set(register.do(OLD, ENDED).others) == {THIRD}


def test_a_merger_of_which_only_the_day_is_corrected_stays(register: Register) -> None:
    register.do(OLD, MERGED)
    day = Corrected(corrects=4, reason="Salah", effective_on=on("2021-05-01"))
    assert register.do(OLD, day).others == {}
    same = Corrected(
        corrects=4, reason="Salah", into=NEW, effective_on=on("2021-05-02")
    )
    assert register.do(OLD, same).others == {}


def test_a_merger_of_an_older_log_stands_in_one_stream_and_is_annulled_there() -> None:
    old = entry(took_part("2021-03-01"), took_part("2021-04-01", "P2"), MERGED)
    register = Register(O1=old, O2=entry(), O3=entry())
    assert register.entries[OLD].exclusion_status == "merged into O2"
    assert register.decide(OLD, ENDED).others == {}
    # The survivor is not bound by it, because it does not know it.
    assert register.decide(NEW, Annulled(annuls=1, reason="Keliru")).events
    moved = register.decide(OLD, Corrected(corrects=4, reason="Salah", into=THIRD))
    assert set(moved.others) == {THIRD}


def test_a_survivor_s_registration_is_not_annulled_while_others_are_merged_into_it(
    register: Register,
) -> None:
    register.do(OLD, MERGED)
    gone = Annulled(annuls=1, reason="Keliru")
    register.refuses(NEW, gone, "version 1 cannot be annulled", "O1", "at version 2")
    register.do(OLD, ENDED)
    register.do(NEW, gone)
    assert register.entries[NEW].exclusion_status == "annulled"


def test_a_survivor_that_is_rejected_takes_along_what_was_merged_into_it(
    register: Register,
) -> None:
    register.do(OLD, MERGED)
    rejected = Rejected(reason="Bukan organisasi")
    before = register.entries[NEW]
    found = register.do(NEW, rejected)
    assert found.others == {}
    assert merger.notes(rejected, before, found.others) == (
        "O1 is merged into this subject (version 2), so it does not count either",
    )
    assert (register.counts(OLD), register.counts(NEW)) == ((0, 0), (0, 0))
    history = register.entries[NEW].history
    along = [
        merger.excluded_with_rejection(history, v) for v in range(1, len(history) + 1)
    ]
    assert along == [*[()] * (len(history) - 1), (OLD,)]
    # Its explanation has the same reason.
    start, end = on("2021-01-01"), on("2021-12-31")
    gone = register.entries[NEW]
    member = subject_kinds.membership(gone, OrganisationOptions(), start, end)
    told = reasons.explanation(member, [1, 2, 3, 4, 5])
    assert told == (
        "not counted: rejected together with O1, merged into this subject, event 5"
    )
    assert "bersama O1, yang digabung" in translate(told, Language.INDONESIAN)
    # The merger can still be annulled; then the other one counts separately.
    register.do(OLD, ENDED)
    assert register.counts(OLD) == (0, 1)


def test_one_half_of_a_merger_is_never_undone_or_brought_back_alone(
    register: Register,
) -> None:
    register.do(OLD, MERGED)
    half = Annulled(annuls=2, reason="Keliru")
    refusal = register.refuses(NEW, half, "merger organisation-O1/4: annul that merger")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "annuls"
    register.do(OLD, ENDED)
    for version in (5, 6, 7):
        register.refuses(
            NEW, Annulled(annuls=version, reason="Keliru"), "record the merger again"
        )


def test_a_copy_that_was_annulled_by_itself_may_be_brought_back(
    register: Register,
) -> None:
    register.do(OLD, MERGED)
    register.do(NEW, Annulled(annuls=3, reason="Keliru"))
    register.do(NEW, Annulled(annuls=5, reason="Keliru"))
    assert [p.reference for p in register.entries[NEW].participations] == ["P1", "P2"]


def test_what_only_a_merger_records_is_not_recorded_by_itself() -> None:
    origin = EventId("organisation-O1", 4)
    refused(decider, entry(), Absorbed(origin=origin), "organisation-O1/4", "merger")


def test_a_log_s_name_is_no_origin_of_texts() -> None:
    continued = Continued(
        effective_on=on("2022-01-01"),
        origin="iku.test/log",
        successor="iku.test/log/2",
        kept=1,
        root="A" * 43 + "=",
        lost_to=2,
        signed="x",
        approver="Inspektorat",
        reason="Cadangan",
    )
    assert text_owner(continued, "ledger-log") == "ledger-log"
