"""An organisation: its legal facts, and its state after them."""

from datetime import date
from typing import Any

import pytest
from msgspec import convert

from iku.domain.decider import DecisionContext, Invalid
from iku.domain.fact import Annulled
from iku.domain.organisation import (
    Activity,
    Corrected,
    Dissolved,
    LegalBasis,
    Merged,
    MovedOut,
    Organisation,
    OrganisationKind,
    Participated,
    ParticipationVerified,
    Registered,
    Registration,
    Rejected,
    Renewed,
    Restored,
    Revoked,
    Status,
    Suspended,
    decider,
)
from tests.domain.story import AREA, HERE, given, on, recorded, refused, repeats


def registered(day: str = "2021-02-01", **fields: Any) -> Registered:
    stated: dict[str, Any] = {
        "kind": OrganisationKind.LSM,
        "name": "Perkumpulan",
        "legal_basis": LegalBasis.SKT,
        "effective_on": on(day),
        "valid_until": on("2021-12-31"),
    }
    return Registered(**{**stated, **fields})


def renewed(day: str, until: str) -> Renewed:
    return Renewed(effective_on=on(day), valid_until=on(until))


def suspended(day: str) -> Suspended:
    return Suspended(effective_on=on(day))


def restored(day: str) -> Restored:
    return Restored(effective_on=on(day))


def dissolved(day: str) -> Dissolved:
    return Dissolved(effective_on=on(day))


def participated(
    day: str, reference: str = "P1", *, verified: bool = False
) -> Participated:
    return Participated(
        participation=reference,
        activity=Activity.MUSRENBANG,
        effective_on=on(day),
        verified=verified,
    )


def confirmed(reference: str = "P1") -> ParticipationVerified:
    return ParticipationVerified(participation=reference)


def corrected(version: int, **fields: Any) -> Corrected:
    return Corrected(corrects=version, reason="Salah catat", **fields)


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Keliru")


def organised(*events: Any, context: DecisionContext = HERE) -> Organisation:
    found = given(decider, *events, context=context)
    assert isinstance(found, Organisation)
    return found


# The state of an organisation.


def test_a_registration_without_its_number_is_the_fact() -> None:
    fields = {
        "kind": "lsm",
        "name": "Perkumpulan",
        "legal_basis": "skt",
        "effective_on": "2021-02-01",
        "valid_until": "2021-12-31",
    }
    entry = convert({**fields, "number": "O1"}, Registration)
    assert entry.to_event() == registered()
    assert entry.number == "O1"


def test_an_area_must_exist_can_be_corrected_and_cleared() -> None:
    nowhere = "35.76.09.9999"
    refusal = refused(decider, None, registered(area=nowhere), nowhere, "no area")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "area"
    known = organised(registered(area=AREA))
    refused(decider, known, corrected(1, area=nowhere), nowhere, "no area")
    moved = recorded(decider, known, corrected(1, area="35.76.01.1006"))
    assert moved.registration.area == "35.76.01.1006"
    cleared = recorded(decider, moved, corrected(1, area=None))
    assert cleared.registration.area is None
    refused(decider, organised(registered()), corrected(1, area=None), "has no value")


def test_only_active_and_suspended_organisations_exist() -> None:
    assert [s for s in Status if s.exists] == [Status.ACTIVE, Status.SUSPENDED]


def test_an_organisation_is_active_until_something_changes() -> None:
    found = organised(
        registered("2021-02-01"),
        suspended("2021-03-01"),
        restored("2021-04-01"),
        renewed("2021-05-01", "2026-04-30"),
        dissolved("2021-06-01"),
    )
    assert found.state_on(on("2021-01-31")) is None
    days = ["02-01", "02-28", "03-01", "04-01", "05-01", "05-31", "06-01"]
    segments = [s for day in days if (s := found.state_on(on(f"2021-{day}")))]
    assert [s.status for s in segments] == [
        *("active", "active", "suspended"),
        *("active", "active", "active", "dissolved"),
    ]
    assert [s.valid_until.year for s in segments if s.valid_until] == [
        *(2021, 2021, 2021, 2021, 2026, 2026, 2026)
    ]
    assert [s.since for s in segments[-3:]] == [
        *(on("2021-04-01"), on("2021-04-01"), on("2021-06-01"))
    ]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (dissolved("2021-06-01"), "dissolved"),
        (Revoked(effective_on=on("2021-06-01")), "revoked"),
        (MovedOut(effective_on=on("2021-06-01")), "moved_out"),
    ],
)
def test_an_organisation_ends_in_one_of_three_ways(end: Any, status: str) -> None:
    found = recorded(decider, organised(registered()), end)
    assert found.state_on(on("2021-05-31")).status == "active"
    assert found.state_on(on("2021-06-01")).status == status
    ended = status.replace("_", " ")
    again = suspended("2021-07-01")
    refused(decider, found, again, "suspended on 2021-07-01", f"{ended} on 2021-06-01")
    late = participated("2021-06-02")
    refused(decider, found, late, "2021-06-02", f"{ended} on 2021-06-01")


@pytest.mark.parametrize("end", [Dissolved, Revoked, MovedOut])
def test_an_organisation_does_not_take_part_on_the_day_on_which_it_ended(
    end: Any,
) -> None:
    last = end(effective_on=on("2021-06-01"))
    ended = str(end.__struct_config__.tag).replace("_", " ")
    found = organised(registered(), participated("2021-05-31"), last)
    sides = "participated on 2021-06-01", f"{ended} on 2021-06-01"
    refused(decider, found, participated("2021-06-01", "P2"), *sides)
    moved = corrected(2, effective_on=on("2021-06-01"))
    refused(decider, found, moved, *sides)
    recorded(decider, found, participated("2021-05-31", "P2"))


def test_a_participation_of_the_day_of_the_end_still_stands_in_old_registers() -> None:
    old = (registered(), dissolved("2021-06-01"), participated("2021-06-01"))
    found: Any = decider.fold(old)
    assert [p.on for p in found.participations] == [on("2021-06-01")]
    assert found.state_on(on("2021-06-01")).status == "dissolved"
    after = recorded(decider, found, confirmed())
    assert after.participations[0].verified
    recorded(decider, after, participated("2021-05-01", "P2"))


def test_what_ends_on_the_day_of_a_participation_takes_it_along() -> None:
    found = organised(registered(), participated("2021-06-01"))
    recorded(decider, found, dissolved("2021-06-01"))


def test_a_renewal_until_the_day_in_force_is_refused() -> None:
    found = organised(registered(), renewed("2021-03-01", "2026-02-28"))
    sides = (
        "renewing it on 2021-04-01 until 2026-02-28 changes nothing",
        "already valid until 2026-02-28",
    )
    refused(decider, found, renewed("2021-04-01", "2026-02-28"), *sides)
    recorded(decider, found, renewed("2021-04-01", "2026-03-31"))


def test_a_participation_is_verified_once() -> None:
    found = organised(registered(), participated("2021-03-01", verified=True))
    sides = "participation P1 is already verified", "already verified"
    refused(decider, found, confirmed(), *sides)
    later = organised(registered(), participated("2021-03-01"), confirmed())
    repeats(decider, later, confirmed(), 3, "version 3")
    dated = ParticipationVerified(participation="P1", effective_on=on("2021-04-01"))
    refused(decider, later, dated, *sides)


def test_but_do_nothing_else_on_it_afterwards() -> None:
    found = organised(registered(), dissolved("2021-06-01"))
    sides = "suspended on 2021-06-01", "dissolved on 2021-06-01"
    refused(decider, found, suspended("2021-06-01"), *sides)


def test_a_day_ends_as_the_later_of_its_changes_left_it() -> None:
    found = organised(
        registered("2021-02-01"), suspended("2021-02-01"), restored("2021-02-01")
    )
    assert [s.status for s in found.timeline] == ["active"]


# Legal facts.


def test_each_change_is_recorded_once() -> None:
    changes: list[Any] = [
        renewed("2021-03-01", "2026-02-28"),
        participated("2021-03-02"),
        confirmed(),
        suspended("2021-04-01"),
        restored("2021-05-01"),
        corrected(1, name="Perkumpulan Baru", kind=OrganisationKind.ORMAS),
        annulled(4),
        dissolved("2021-06-01"),
        Rejected(reason="Salah daftar", effective_on=on("2021-07-01")),
    ]
    found: Any = recorded(decider, None, registered())
    for change in changes:
        found = recorded(decider, found, change)
    assert found.history == (registered(), *changes)


def test_a_number_serves_one_organisation() -> None:
    found = organised(registered("2021-02-01"))
    repeats(decider, found, registered("2021-02-01"), 1, "2021-02-01", "version 1")
    refused(decider, found, registered("2021-02-02"), "2021-02-02", "2021-02-01")


def test_nothing_happens_to_an_organisation_never_registered() -> None:
    refused(decider, None, dissolved("2021-06-01"), "dissolved", "never registered")


def test_nothing_happens_to_an_organisation_before_its_registration() -> None:
    found = organised(registered("2021-02-01"))
    for change in (
        renewed("2021-01-31", "2026-01-30"),
        suspended("2021-01-31"),
        restored("2021-01-31"),
        dissolved("2021-01-31"),
        Revoked(effective_on=on("2021-01-31")),
        MovedOut(effective_on=on("2021-01-31")),
        participated("2021-01-31"),
    ):
        refused(decider, found, change, "2021-01-31", "2021-02-01")


def test_a_suspension_holds_until_it_ends_and_its_own_day_is_told() -> None:
    found = organised(
        registered(), suspended("2021-03-01"), renewed("2021-04-01", "2026-03-31")
    )
    sides = "suspended on 2021-05-01", "suspended since 2021-03-01"
    refused(decider, found, suspended("2021-05-01"), *sides)
    active = organised(registered("2021-02-01"), renewed("2021-04-01", "2026-03-31"))
    sides = "restored on 2021-05-01", "active since 2021-02-01"
    refused(decider, active, restored("2021-05-01"), *sides)


def test_only_a_certificate_is_renewed_or_expires() -> None:
    chartered = registered(legal_basis=LegalBasis.BADAN_HUKUM, valid_until=None)
    sides = "2021-05-01", "is badan_hukum"
    refused(decider, organised(chartered), renewed("2021-05-01", "2026-04-30"), *sides)
    limited = registered(legal_basis=LegalBasis.PARPOL)
    refused(decider, None, limited, "2021-12-31", "is parpol")


def test_a_certificate_is_valid_on_its_first_day_at_least() -> None:
    void = registered("2021-02-01", valid_until=on("2021-01-31"))
    refused(decider, None, void, "2021-02-01", "earlier, on 2021-01-31")
    recorded(decider, None, registered("2021-02-01", valid_until=on("2021-02-01")))
    found = organised(registered("2021-02-01"))
    short = renewed("2021-05-01", "2021-04-30")
    refused(decider, found, short, "2021-05-01", "earlier, on 2021-04-30")
    recorded(decider, found, renewed("2021-05-01", "2021-05-01"))


def test_a_certificate_is_not_valid_for_a_thousand_years() -> None:
    for_ever = registered(valid_until=date(3000, 1, 1))
    refusal = refused(decider, None, for_ever, "3000-01-01", "2999-12-31")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "valid_until"
    recorded(decider, None, registered(valid_until=date(2999, 12, 31)))


def test_a_day_that_has_not_come_is_refused() -> None:
    coming = registered("2022-07-01", valid_until=None)
    refused(decider, None, coming, "2022-07-01", "2022-06-30")


# Participations.


def test_a_participation_is_verified_at_once_or_later() -> None:
    found = organised(
        registered(),
        participated("2021-05-01", "P2", verified=True),
        participated("2021-03-01", "P1"),
        participated("2021-04-01", "P3"),
        confirmed("P1"),
    )
    told = [(p.reference, p.on.month, p.verified) for p in found.participations]
    assert told == [("P1", 3, True), ("P3", 4, False), ("P2", 5, True)]
    assert found.participations[0].activity is Activity.MUSRENBANG


def test_a_reference_names_one_participation() -> None:
    found = organised(registered(), participated("2021-03-01", "P1"))
    sides = "reference P1", "is already used by an earlier participation"
    refused(decider, found, participated("2021-04-01", "P1"), *sides)
    free = recorded(decider, found, annulled(2))
    recorded(decider, free, participated("2021-04-01", "P1"))


def test_only_a_participation_that_was_told_is_verified() -> None:
    sides = "participation P1 cannot be verified", "no participation has this reference"
    refused(decider, organised(registered()), confirmed("P1"), *sides)
    found = organised(registered(), participated("2021-03-01", "P1"), confirmed("P1"))
    refused(decider, found, annulled(2), *sides)


def test_a_participation_may_be_corrected_to_be_not_verified() -> None:
    found = organised(registered(), participated("2021-03-01", verified=True))
    wrong = recorded(decider, found, corrected(2, verified=False))
    assert [p.verified for p in wrong.participations] == [False]


def test_a_certificate_becomes_a_legal_entity_in_one_correction() -> None:
    found = organised(registered())
    half = corrected(1, legal_basis=LegalBasis.BADAN_HUKUM)
    refused(decider, found, half, "valid_until cannot be 2021-12-31", "badan_hukum")
    whole = corrected(1, legal_basis=LegalBasis.BADAN_HUKUM, valid_until=None)
    after = recorded(decider, found, whole)
    now = after.state_on(on("2022-02-01"))
    assert (now.legal_basis, now.valid_until) == ("badan_hukum", None)


# Legal basis.


@pytest.mark.parametrize("kind", OrganisationKind)
@pytest.mark.parametrize("basis", LegalBasis)
def test_a_party_exists_by_being_one_and_nothing_else_does(
    kind: OrganisationKind, basis: LegalBasis
) -> None:
    until = on("2021-12-31") if basis is LegalBasis.SKT else None
    entry = registered(kind=kind, legal_basis=basis, valid_until=until)
    if (kind is OrganisationKind.PARPOL) == (basis is LegalBasis.PARPOL):
        recorded(decider, None, entry)
        return
    refusal = refused(
        decider, None, entry, f"legal_basis is {basis}", f"for kind {kind} it must be"
    )
    assert isinstance(refusal, Invalid)
    assert refusal.path == "legal_basis"


def test_a_certificate_has_a_last_day_and_nothing_else_has() -> None:
    refusal = refused(
        decider,
        None,
        registered(valid_until=None),
        "valid_until is missing",
        "the legal basis is skt",
    )
    assert isinstance(refusal, Invalid)
    assert refusal.path == "valid_until"
    dated = registered(legal_basis=LegalBasis.NONE)
    refused(decider, None, dated, "valid_until cannot be 2021-12-31", "is none")
    free = organised(registered(legal_basis=LegalBasis.NONE, valid_until=None))
    refused(decider, free, renewed("2021-05-01", "2026-04-30"), "is none")


@pytest.mark.parametrize(
    "old",
    [
        registered(valid_until=None),
        registered(kind=OrganisationKind.PARPOL),
        registered(legal_basis=LegalBasis.PARPOL, valid_until=None),
    ],
    ids=["skt without a last day", "party with skt", "lsm as a party"],
)
def test_what_was_registered_otherwise_in_former_days_takes_further_facts(
    old: Registered,
) -> None:
    found: Any = decider.fold((old,))
    assert found.state_on(on("2021-03-01")).status == "active"
    for further in (
        participated("2021-03-02"),
        corrected(1, name="Nama Baru"),
        suspended("2021-04-01"),
        annulled(1),
        annulled(5),
        restored("2021-05-01"),
        dissolved("2021-06-01"),
    ):
        found = recorded(decider, found, further)
    assert found.state_on(on("2021-06-01")).status == "dissolved"


def test_a_correction_of_a_former_registration_must_make_it_fit() -> None:
    party: Any = decider.fold((registered(kind=OrganisationKind.PARPOL),))
    half = corrected(1, legal_basis=LegalBasis.NONE, valid_until=None)
    refused(decider, party, half, "legal_basis is none", "it must be one of parpol")
    right = corrected(1, legal_basis=LegalBasis.PARPOL, valid_until=None)
    mended = recorded(decider, party, right)
    # Without the correction it would be illegal again.
    refused(decider, mended, annulled(2), "legal_basis is skt", "one of parpol")
    endless: Any = decider.fold((registered(valid_until=None),))
    # Its kind is unrelated to the missing expiry date.
    recorded(decider, endless, corrected(1, kind=OrganisationKind.ORMAS))
    recorded(decider, endless, corrected(1, valid_until=on("2021-12-31")))
    fitting = organised(registered())
    wrong = corrected(1, valid_until=None)
    refused(decider, fitting, wrong, "valid_until is missing", "skt")


# Retroactive removal: rejection, merger, annulment.


def test_a_rejected_entry_takes_no_more_changes_until_the_rejection_is_annulled() -> (
    None
):
    found = organised(registered(), Rejected(reason="Salah daftar"))
    assert found.exclusion_status == "rejected"
    sides = "dissolved", "is already rejected"
    refused(decider, found, dissolved("2021-06-01"), *sides)
    assert recorded(decider, found, annulled(2)).exclusion_status is None


def test_an_entry_is_merged_into_another_that_counts() -> None:
    here = DecisionContext(
        HERE.today, "A01", frozenset(), {"A02": organised(registered())}
    )
    merged = Merged(into="A02", reason="Organisasi yang sama")
    found = recorded(decider, organised(registered()), merged, here)
    assert found.exclusion_status == "merged into A02"
    nothing = Merged(into="A98", reason="Sama")
    refused(decider, organised(registered()), nothing, "A98", "does not exist")


def test_an_organisation_whose_registration_is_annulled_has_no_course_at_all() -> None:
    found = organised(registered(), participated("2021-03-01"))
    gone = recorded(decider, found, annulled(1))
    assert (gone.exclusion_status, gone.timeline) == ("annulled", ())
    back = recorded(decider, gone, annulled(3))
    assert back.timeline == found.timeline
