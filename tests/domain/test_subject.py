"""Common properties of cases and organisations: their names."""

from typing import Any

import pytest

from iku.domain import conflict, organisation
from iku.domain.conflict import Conflict
from iku.domain.fact import Annulled, effective_facts
from iku.domain.subject import Subject
from tests.domain.story import given, on, recorded


def test_a_case_is_called_by_its_title_as_last_corrected() -> None:
    report = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.AGAMA,
        title="Perselisihan",
        effective_on=on("2021-05-01"),
    )
    case = given(conflict.decider, report)
    assert (case.title, case.creation_event) == ("Perselisihan", report)
    said = conflict.Corrected(corrects=1, title="Perselisihan warga", reason="Salah")
    case = recorded(conflict.decider, case, said)
    assert case.title == "Perselisihan warga"


def test_an_entry_that_was_annulled_is_still_called_as_it_was_recorded() -> None:
    registration = organisation.Registered(
        kind=organisation.OrganisationKind.LSM,
        name="LSM Contoh",
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
        effective_on=on("2021-05-01"),
    )
    entered = given(organisation.decider, registration)
    gone = recorded(organisation.decider, entered, Annulled(annuls=1, reason="Keliru"))
    assert gone.registration is None
    assert gone.title == "LSM Contoh"


def test_a_subject_of_no_kind_has_no_course() -> None:
    assert Subject(()).timeline == ()


@pytest.mark.parametrize("asked", [True, False])
def test_facts_after_an_event_are_those_of_the_whole_history(asked: bool) -> None:
    reported = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title="Contoh",
        effective_on=on("2021-02-01"),
    )
    history: list[Any] = [
        reported,
        conflict.Verified(effective_on=on("2021-02-02")),
        conflict.Corrected(corrects=1, reason="Salah", title="Lain"),
        conflict.Resolved(
            effective_on=on("2021-03-01"), manner=conflict.Manner.ISLAH, evidence="x"
        ),
        Annulled(annuls=3, reason="Benar"),
        conflict.Reopened(effective_on=on("2021-04-01"), reason="Lagi"),
    ]
    case = conflict.NEVER_REPORTED
    for size, event in enumerate(history, start=1):
        case = case.with_event(event)
        if asked:
            assert case.facts == effective_facts(history[:size])
    assert case.facts == effective_facts(history)
    assert case == Conflict(tuple(history)) == conflict.decider.fold(history)


def test_the_same_event_leads_to_the_same_object_again() -> None:
    verified = conflict.Verified(effective_on=on("2021-02-02"))
    case = Conflict((verified,))
    first = case.with_event(verified)
    assert case.with_event(verified) is first
    other = conflict.Verified(effective_on=on("2021-02-03"))
    assert case.with_event(other).history == (verified, other)
