"""What a case and an organisation have in common: what they are called."""

from iku.domain import conflict, organisation
from iku.domain.fact import Annulled
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
    assert (case.title, case.opening) == ("Perselisihan", report)
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
    assert gone.registered is None
    assert gone.title == "LSM Contoh"


def test_a_subject_of_no_kind_has_no_course() -> None:
    assert Subject(()).timeline == ()
