"""The next steps of a subject are those that its decider admits."""

from typing import Any, get_args

import pytest

from iku.domain import conflict, next_steps, organisation
from iku.domain.attachment import Attached
from iku.domain.conflict import Merged, Rejected
from iku.domain.decider import Decider
from iku.domain.fact import Fact
from tests.domain import test_conflict as cases
from tests.domain import test_organisation as organisations
from tests.domain.story import HERE, given, on

TODAY = HERE.today
REPORTED = cases.reported()
VERIFIED = cases.verified("2021-03-02")
RESOLVED = cases.resolved("2021-04-01")
REGISTERED = organisations.registered()


def refusals(decider: Decider[Any, Any], *events: Fact) -> dict[str, str | None]:
    state = given(decider, *events)
    return next_steps.refusals(decider, HERE.subject, state, TODAY)


def admitted(found: dict[str, str | None]) -> set[str]:
    return {tag for tag, why in found.items() if why is None}


@pytest.mark.parametrize(
    ("decider", "opening", "later"),
    [
        (conflict.decider, REPORTED, conflict.Later),
        (organisation.decider, REGISTERED, organisation.Later),
    ],
)
def test_each_event_that_a_person_records_later_is_a_step(
    decider: Decider[Any, Any], opening: Fact, later: Any
) -> None:
    tags = {one.__struct_config__.tag for one in (*get_args(later), Attached)}
    assert refusals(decider, opening).keys() == tags


ALWAYS = {"reclassified", "attached", "corrected", "annulled", "merged", "rejected"}
ACTED = {"handled", "referred"}


@pytest.mark.parametrize(
    ("events", "steps"),
    [
        ((), {"verified", "returned", "resolved", *ACTED}),
        ((VERIFIED,), {"resolved", *ACTED}),
        ((VERIFIED, RESOLVED), {"reopened", *ACTED}),
        ((VERIFIED, RESOLVED, cases.reopened("2021-05-01")), {"resolved", *ACTED}),
    ],
)
def test_a_case_has_the_steps_that_its_state_admits(
    events: tuple[Fact, ...], steps: set[str]
) -> None:
    assert admitted(refusals(conflict.decider, REPORTED, *events)) == steps | ALWAYS


def test_a_step_that_is_not_admitted_says_why() -> None:
    found = refusals(conflict.decider, REPORTED, VERIFIED, RESOLVED)
    assert "verified on 2021-03-02" in str(found["verified"])
    assert "resolved on 2021-04-01" in str(found["resolved"])
    assert str(TODAY) in str(found["resolved"])


@pytest.mark.parametrize(
    "ending", [Rejected(reason="x"), Merged(into=next_steps.ANY, reason="x")]
)
def test_a_void_case_can_only_be_corrected(ending: Fact) -> None:
    opened = given(conflict.decider, REPORTED)
    void = conflict.evolve(opened, ending)  # type: ignore[arg-type]  # any event
    found = next_steps.refusals(conflict.decider, HERE.subject, void, TODAY)
    assert admitted(found) == {"corrected", "annulled"}


def test_of_a_case_whose_report_is_annulled_only_the_annulment_is_left() -> None:
    found = refusals(conflict.decider, REPORTED, cases.annulled(1))
    assert admitted(found) == set()
    assert found["corrected"] == found["annulled"] == next_steps.NOTHING_IN_EFFECT


def test_an_organisation_has_the_steps_that_its_state_admits() -> None:
    always = {"participated", *ALWAYS} - {"reclassified"}
    ended = {"dissolved", "revoked", "moved_out"}
    found = refusals(organisation.decider, REGISTERED)
    assert admitted(found) == {"renewed", "suspended", *ended, *always}
    assert found["participation_verified"] == next_steps.NOTHING_TO_VERIFY
    assert "active since 2021-02-01" in str(found["restored"])


def test_a_participation_is_verified_once() -> None:
    taken_part = organisations.participated("2021-03-01")
    found = refusals(organisation.decider, REGISTERED, taken_part)
    assert found["participation_verified"] is None
    found = refusals(
        organisation.decider, REGISTERED, taken_part, organisations.confirmed()
    )
    assert found["participation_verified"] == next_steps.NOTHING_TO_VERIFY


def test_what_happened_before_the_end_can_be_recorded_late() -> None:
    gone = organisations.dissolved("2021-08-01")
    found = refusals(organisation.decider, REGISTERED, gone)
    assert found["participated"] is None
    assert found["renewed"] is None
    assert "dissolved on 2021-08-01" in str(found["dissolved"])


def test_what_does_not_expire_is_not_renewed() -> None:
    party = organisations.registered(
        kind=organisation.OrganisationKind.PARPOL,
        legal_basis=organisation.LegalBasis.PARPOL,
        valid_until=None,
    )
    assert "parpol" in str(refusals(organisation.decider, party)["renewed"])


def test_a_step_of_a_day_after_the_last_change_is_judged_by_that_day() -> None:
    # A second resolution before the first would make the first illegal.
    later = cases.resolved("2022-06-29")
    found = refusals(conflict.decider, REPORTED, later)
    assert "2022-06-29" in str(found["resolved"])
    assert found["reopened"] is None
    assert on("2022-06-30") == TODAY
