"""Proposals: two persons for one command."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict, fact, proposal
from iku.domain.account import Invite, Recovered, Role
from iku.domain.conflict import Category, Dimension, Level
from iku.domain.decider import DecisionContext, Refused
from iku.domain.erasure import Erased
from iku.domain.fact import EventId, Person, TargetStream, Text
from iku.domain.indicator import Redefinition
from iku.domain.proposal import (
    Approved,
    Declined,
    Lapsed,
    Proposal,
    ProposalStatus,
    ProposalWithdrawn,
    Proposed,
    decider,
)
from tests.domain.story import HERE, assert_nothing_to_add, given, on, refused

TODAY = HERE.today
# Accounts of one person share the first letter.
OFFICE = structs.replace(HERE, accounts=True, person_of=lambda name: name[0])
WRONG = conflict.Corrected(corrects=1, level=Level.KEKERASAN, reason="Salah entri")
TARGET = TargetStream("conflict-K1", 4)
PERSON = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"
RECORDED = EventId("conflict-K1", 5)


def proposed(command: Any = WRONG, target: TargetStream = TARGET) -> Proposed:
    stored, texts = proposal.encode(target.category, command)
    return Proposed(
        effective_on=TODAY,
        by="a1",
        target=target,
        command=stored,
        because="Berita acara 12",
        **texts,
    )


def approved(by: str = "b1", **more: Any) -> Approved:
    return Approved(effective_on=TODAY, by=by, **{"recorded": RECORDED, **more})


def after(*events: Any, context: DecisionContext = OFFICE) -> Proposal:
    found = given(decider, proposed(), *events, context=context)
    assert isinstance(found, Proposal)
    return found


def test_an_approval_with_its_event_ends_the_proposal() -> None:
    assert after().status is ProposalStatus.OPEN
    assert after(approved()).status is ProposalStatus.APPROVED


def test_two_divisions_approve_one_after_the_other() -> None:
    half = after(approved(divisions=("wasnas",), recorded=None))
    assert half.status is ProposalStatus.OPEN
    assert half.approved_divisions == {"wasnas"}
    second = approved("c1", divisions=("iwasbang",))
    assert decider.decide(second, half, OFFICE) == [second]
    whole = decider.evolve(half, second)
    assert whole.status is ProposalStatus.APPROVED
    again = approved("b2", divisions=("iwasbang",))
    refused(decider, half, again, "b1", "another division", context=OFFICE)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Declined(effective_on=TODAY, by="b1", reason="Belum"), "declined"),
        (ProposalWithdrawn(effective_on=TODAY, by="a2"), "withdrawn"),
        (Lapsed(effective_on=TODAY, version=5), "lapsed"),
    ],
)
def test_a_proposal_that_has_ended_takes_no_further_step(
    event: Any, status: str
) -> None:
    ended = after(event)
    assert ended.status == status
    refused(decider, ended, approved(), status, "approved", context=OFFICE)


def test_nobody_decides_on_a_proposal_of_the_same_person() -> None:
    for own in (
        approved("a1"),
        approved("a2"),
        Declined(effective_on=TODAY, by="a2", reason="x"),
    ):
        refused(decider, after(), own, own.by, "another person", context=OFFICE)
    alone = structs.replace(OFFICE, two_persons=False)
    assert after(approved("a2"), context=alone).status is ProposalStatus.APPROVED


def test_only_the_proposer_withdraws() -> None:
    other = ProposalWithdrawn(effective_on=TODAY, by="b1")
    refused(decider, after(), other, "a1", "b1", context=OFFICE)


def test_the_same_proposal_is_recorded_once() -> None:
    assert_nothing_to_add(decider, after(), proposed(), OFFICE)


@pytest.mark.parametrize(
    ("command", "target"),
    [
        (WRONG, TARGET),
        (conflict.Corrected(corrects=1, area=None, reason="x"), TARGET),
        (conflict.Merged(into="K2", reason="Ganda"), TARGET),
        (
            Redefinition(effective_on=on("2023-01-01"), basis="SK/1", reason="x"),
            TargetStream("indicator-IKU-1", 2),
        ),
        (
            Invite(holder=Person("Siti", PERSON), basis="SK/1", role=Role.AUDITOR),
            TargetStream("account-x", 0),
        ),
        (
            Recovered(effective_on=TODAY, reason="Telepon hilang"),
            TargetStream("account-x", 3),
        ),
        (Erased(decision="B/1", legal_basis="UU"), TargetStream("subject-x", 0)),
    ],
)
def test_a_command_is_decoded_as_it_was_proposed(
    command: Any, target: TargetStream
) -> None:
    event = proposed(command, target)
    decoded = proposal.decode(event)
    assert isinstance(decoded, type(command))
    assert fact.encode(proposed(decoded, target)) == fact.encode(event)
    for name in command.__struct_fields__:
        assert getattr(decoded, name) == getattr(command, name)


def test_rights_are_dated_by_the_approval_and_other_facts_are_not() -> None:
    later = TODAY + timedelta(days=3)
    lost = Recovered(effective_on=TODAY, reason="Telepon hilang")
    event = proposed(lost, TargetStream("account-x", 3))
    assert proposal.approved_command(event, later) == structs.replace(
        lost, effective_on=later
    )
    invited = Invite(holder=Person("Siti", PERSON), basis="SK/1", role=Role.AUDITOR)
    event = proposed(invited, TargetStream("account-x", 0))
    assert proposal.approved_command(event, later) == proposal.decode(event)
    moved = conflict.Reclassified(
        effective_on=on("2021-03-03"), category=Category.SARA, dimension=Dimension.AGAMA
    )
    assert proposal.approved_command(proposed(moved), later) == moved


def test_the_texts_of_a_proposal_belong_to_the_subject_it_is_about() -> None:
    event = proposed()
    assert fact.text_owner(event, "proposal-x") == "conflict-K1"
    assert fact.encode(event).text == {
        "reason": Text("Salah entri"),
        "because": Text("Berita acara 12"),
    }
    assert "Salah" not in str(fact.encode(event).data)


def test_an_ordinary_entry_cannot_be_proposed() -> None:
    verified = conflict.Verified(effective_on=TODAY)
    with pytest.raises(Refused, match="cannot be proposed"):
        proposal.encode("conflict", verified)


def test_a_proposal_begins_with_its_command() -> None:
    with pytest.raises(AssertionError, match="begins"):
        proposal.evolve(None, approved())


def test_the_target_names_category_and_subject() -> None:
    assert (TARGET.category, TARGET.subject) == ("conflict", "K1")
