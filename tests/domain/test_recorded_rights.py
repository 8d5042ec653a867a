"""Rights judged from the log alone: both programs find each event that was not allowed.

Each test plants one violation in the log of an office that keeps the rules.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

import iku_verify
from iku.domain import access, organisation
from iku.domain.access import Extent, Mode
from iku.domain.access_policy import (
    DemonstrationDeclared,
    TwoPersonRule,
    TwoPersonRuleChanged,
)
from iku.domain.account import (
    AccountRestored,
    AccountSuspended,
    Recovered,
    Role,
    RoleGranted,
    RoleRevoked,
)
from iku.domain.conflict import (
    Absorbed,
    Category,
    Corrected,
    Dimension,
    Handled,
    Level,
    Merged,
    Phase,
    Reclassified,
    Rejected,
    Verified,
)
from iku.domain.erasure import Erased
from iku.domain.fact import Annulled, EventId
from iku.domain.import_permission import FileAllowed
from iku.domain.indicator import ConflictOptions, OrganisationOptions, Redefinition
from iku.domain.organisation import (
    Activity,
    Participated,
    ParticipationCarried,
    ParticipationVerified,
)
from iku.domain.paper_data import PlanSet
from iku.domain.period import Kind
from iku.domain.proposal import Declined, Lapsed, ProposalWithdrawn
from iku.domain.publication import (
    Closed,
    Confirmed,
    Drafted,
    FrozenValue,
    Published,
    Returned,
    Reviewed,
)
from tests.domain import test_indicator
from tests.domain.judged_log import (
    OF_IWASBANG,
    REPORTED,
    TODAY,
    JudgedLog,
    office,
    rights_set,
)

VERIFIED = Verified(effective_on=date(2021, 3, 2))
HANDLED = Handled(effective_on=date(2021, 3, 3), phase=Phase.PENGHENTIAN)
WRONG = Corrected(corrects=1, level=Level.KEKERASAN, reason="Salah tingkat")
VERIFIED_LATE = structs.replace(WRONG, effective_on=date(2021, 3, 5))
DEFINED = test_indicator.defined()
K1 = "conflict-K1"
K2 = "conflict-K2"
O1 = "organisation-O1"
LOST = Recovered(effective_on=TODAY, reason="Telepon hilang")
RECORDED = TwoPersonRuleChanged(
    effective_on=TODAY, value=TwoPersonRule.RECORDED, reason="Hanya dua pegawai"
)


def account(name: str) -> str:
    return f"account-{name}"


def granted(role: Role, **more: Any) -> RoleGranted:
    return RoleGranted(effective_on=TODAY, role=role, basis="SK/3", **more)


def participated(reference: str = "P1", *, verified: bool = False) -> Participated:
    return Participated(
        participation=reference,
        activity=Activity.MUSRENBANG,
        effective_on=date(2021, 3, 1),
        verified=verified,
    )


def refused(log: JudgedLog, rule: str) -> list[int]:
    """The findings, of which both programs state the *rule* first."""
    found = log.refused()
    [first, *_] = log.ours()[1]
    assert rule in first.sentence
    assert str(first.position) in first.sentence
    return found


# The table.


def test_the_auditors_table_of_rights_is_the_programs() -> None:
    letters = {
        Extent.AGENCY: "A",
        Extent.DIVISION: "D",
        Extent.PROPOSE: "P",
        Extent.PROPOSE_DIVISION: "Q",
        None: "-",
    }
    assert tuple(Role) == iku_verify.ROLES
    assert {
        str(action): "".join(letters[of.get(role)] for role in Role)
        for action, of in access.TABLE.items()
    } == iku_verify.TABLE
    assert access.TABLE_VERSION == iku_verify.TABLE_VERSION


def test_an_event_is_the_same_action_to_the_auditor() -> None:
    theirs = {
        (category, kind): action
        for category, of in iku_verify.ACTIONS.items()
        for action, kinds in of.items()
        for kind in kinds.split()
    }
    assert theirs.pop(("indicator", "redefined")) == "define"
    assert theirs == {
        (category, kind): str(action)
        for category, of in access.ACTIONS.items()
        for kind, action in of.items()
    }
    assert {
        action: tuple(map(str, of)) for action, of in access.APPROVED_BY.items()
    } == iku_verify.APPROVED_BY
    assert {
        (category, kind)
        for category, kinds in access.BY_SYSTEM.items()
        for kind in kinds
    } == iku_verify.BY_PROGRAM


# An office that keeps the rules.


def test_an_office_that_keeps_the_rules_has_no_findings() -> None:
    log = office()
    log.record("verifikator-wasnas", (K1, VERIFIED), (K1, HANDLED))
    log.record("verifikator-wasnas", (K1, WRONG))
    log.record("verifikator-wasnas", (K1, Annulled(annuls=3, reason="Keliru")))
    log.record("verifikator-wasnas", (K1, Corrected(corrects=2, reason="Hari")))
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    log.approve("verifikator-wasnas", "p1", (K1, WRONG), divisions=("wasnas",))
    log.propose("kabid-wasnas", "p2", K1, WRONG)
    log.record(
        "kabid-iwasbang",
        ("proposal-p2", Declined(effective_on=TODAY, by="kabid-iwasbang", reason="x")),
    )
    log.propose("petugas-wasnas", "p3", K1, WRONG)
    withdrawn = ProposalWithdrawn(effective_on=TODAY, by="petugas-wasnas")
    log.record("petugas-wasnas", ("proposal-p3", withdrawn))
    log.propose("kabid-wasnas", "p4", "subject-conflict-K1", erased())
    log.approve("kepala", "p4", ("subject-conflict-K1", erased()))
    log.record("iku", ("subject-conflict-K2", erased()))
    log.record("admin", (account("perencana"), LOST))
    log.propose("admin", "p5", account("auditor"), LOST)
    log.approve("kepala", "p5", (account("auditor"), LOST))
    assert log.refused() == []
    rights, _ = log.ours()
    assert rights.mode is Mode.ACCOUNTS
    assert (rights.table, rights.unjudged) == (access.TABLE_VERSION, None)


def test_the_head_states_data_of_the_agency_and_a_planner_proposes_them() -> None:
    plan = PlanSet(
        document="Renstra", first_year=2019, last_year=2023, effective_on=TODAY
    )
    stated, stream = structs.replace(plan, last_year=2022), f"paper_data-{plan.subject}"
    log = office()
    log.record("kepala", (stream, stated))
    log.propose("perencana", "p1", stream, plan)
    log.approve("kepala", "p1", (stream, plan))
    log.record("kepala", (stream, Annulled(annuls=2, reason="Keliru")))
    assert log.refused() == []
    alone = [
        log.record(name, (stream, stated))
        for name in ("perencana", "kabid-wasnas", "admin", "auditor")
    ]
    assert refused(log, "right agency data") == alone


def erased() -> Erased:
    return Erased(decision="SK/7", legal_basis="UU 27/2022", effective_on=TODAY)


def test_before_the_first_account_everybody_may_do_everything() -> None:
    log = JudgedLog()
    log.record("a", (K1, REPORTED), (K1, VERIFIED))
    log.record("lokal", (K1, WRONG))
    log.propose("a", "p1", K1, WRONG)
    log.approve("a", "p1", (K1, WRONG))
    assert log.refused() == []
    rights, _ = log.ours()
    assert (rights.mode, rights.events) == (Mode.LOCAL, 0)
    assert JudgedLog().refused() == []


# Accounts.


def test_the_first_account_is_that_of_an_administrator() -> None:
    log = JudgedLog()
    log.record("iku", ("access-rights", rights_set()))
    log.invite("iku", "auditor", Role.AUDITOR)
    assert refused(log, "administrator") == [2, 3]


def test_the_program_itself_invites_the_first_two_only() -> None:
    log = office()
    last = log.invite("iku", "lain", Role.ADMIN)
    assert refused(log, "admin") == [last - 1, last]
    log = office()
    last = log.invite("iku", "lain", Role.PETUGAS, division="wasnas")
    assert refused(log, "program itself") == [last - 1, last]
    log = office()
    last = log.record("iku", (K1, VERIFIED))
    assert refused(log, "program itself") == [last]


def plant(by: str, *changes: tuple[str, Any]) -> Callable[[JudgedLog], Any]:
    return lambda log: log.record(by, *changes)


def after(event: Any, name: str, by: str = "admin") -> Callable[[JudgedLog], Any]:
    """A verification by an account after *event* of it."""

    def run(log: JudgedLog) -> None:
        log.record(by, (account(name), event))
        log.record(name, (K1, VERIFIED))

    return run


SUSPENDED = AccountSuspended(effective_on=TODAY, reason="Cuti")


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        (plant("stranger", (K1, VERIFIED)), "account stranger did not exist"),
        (plant("lokal", (K1, VERIFIED)), "account lokal did not exist"),
        (
            after(
                RoleRevoked(effective_on=TODAY, grant=2, reason="Mutasi"),
                "verifikator-wasnas",
            ),
            "roles none",
        ),
        (after(SUSPENDED, "verifikator-wasnas"), "was suspended"),
        (plant("verifikator-iwasbang", (K1, VERIFIED)), "division wasnas"),
        (plant("petugas-wasnas", (K1, VERIFIED)), "verify"),
        (plant("admin", (K1, VERIFIED)), "verify"),
        (plant("petugas-wasnas", (K1, WRONG)), "correct"),
        (plant("petugas-iwasbang", (K1, HANDLED)), "division wasnas"),
        (plant("auditor", ("access-rights", rights_set())), "administer"),
        (
            plant("admin", (account("petugas-wasnas"), granted(Role.AUDITOR))),
            "grant approving",
        ),
        (
            plant(
                "admin", ("access-rights", DemonstrationDeclared(effective_on=TODAY))
            ),
            "cannot be declared a demonstration",
        ),
        (plant("admin", ("access-rights", RECORDED)), "set two persons"),
        (plant("kabid-wasnas", ("subject-conflict-K1", erased())), "erase"),
    ],
)
def test_an_event_of_somebody_without_the_right_is_found(
    planted: Callable[[JudgedLog], Any], rule: str
) -> None:
    log = office()
    planted(log)
    assert refused(log, rule) == [log.last]


def test_a_restored_account_and_a_granted_role_allow_what_they_did_before() -> None:
    log = office()
    name = "verifikator-wasnas"
    log.record("admin", (account(name), SUSPENDED))
    log.record(
        "admin", (account(name), AccountRestored(effective_on=TODAY, reason="x"))
    )
    log.record(name, (K1, VERIFIED))
    more = granted(Role.VERIFIKATOR, division="iwasbang")
    log.record("admin", (account(name), more))
    log.record(name, (K2, VERIFIED))
    assert log.refused() == []


def test_a_role_ends_with_its_last_day() -> None:
    log = office()
    acting = granted(Role.VERIFIKATOR, division="iwasbang", until=TODAY)
    log.record("admin", (account("petugas-wasnas"), acting))
    log.record("petugas-wasnas", (K2, VERIFIED))
    assert log.refused() == []
    log.today = TODAY + timedelta(days=1)
    # A declared day is that of the fact; roles end by the day of its recording.
    allowed = f"import-{'ab' * 32}", FileAllowed(effective_on=TODAY)
    log.propose("petugas-wasnas", "p1", *allowed)
    log.approve("kepala", "p1", allowed)
    last = log.record("petugas-wasnas", (K2, WRONG), known_on=TODAY)
    assert refused(log, "correct") == [last]


def test_a_district_limits_an_officer() -> None:
    log = office()
    inside, outside = ("35.76.02", "35.76.01")
    for name, district in (("dalam", inside), ("luar", outside)):
        log.invite("admin", name, Role.PETUGAS, division="wasnas", district=district)
        last = log.record(name, (K1, HANDLED))
    assert refused(log, "division wasnas") == [last]


def test_rights_follow_the_division_of_the_day() -> None:
    log = office()
    moved = Reclassified(
        effective_on=date(2021, 4, 1), category=Category.SARA, dimension=Dimension.AGAMA
    )
    last = log.record("kabid-wasnas", (K1, moved))
    assert refused(log, "division iwasbang") == [last]
    log.record("verifikator-iwasbang", (K1, VERIFIED))
    assert log.refused() == [last]
    log.record("verifikator-wasnas", (K1, HANDLED))
    assert log.refused() == [last, log.last]
    annulled = Annulled(annuls=2, reason="Keliru")
    late = log.record("kabid-iwasbang", (K1, annulled))
    assert log.refused()[-1] == late
    log.record("kabid-wasnas", (K1, Rejected(reason="Ganda")))
    assert log.refused()[-1] == late


def test_a_case_whose_report_is_annulled_belongs_to_its_first_division() -> None:
    log = office()
    log.record("kabid-wasnas", (K1, Annulled(annuls=1, reason="Keliru")))
    log.record("petugas-wasnas", (K1, HANDLED))
    assert log.refused() == []


def test_a_record_that_states_another_actor_is_found() -> None:
    log = office()
    proposed = log.proposed("verifikator-wasnas", K1, WRONG)
    last = log.record("petugas-wasnas", ("proposal-p1", proposed))
    assert refused(log, "verifikator-wasnas") == [last]


def test_events_of_one_command_have_one_actor() -> None:
    log = office()
    log.record("verifikator-wasnas", (K1, VERIFIED))
    log.record("verifikator-iwasbang", (K2, VERIFIED))
    [*_, one, two] = log.records
    same = two.record.replace(two.body().command.encode(), one.body().command.encode())
    log.records[-1] = structs.replace(two, record=same)
    assert log.last in refused(log, "verifikator-wasnas")


def test_an_event_that_is_no_action_is_found() -> None:
    log = office()
    log.record("kepala", ("subject-conflict-K1", erased()))
    one = log.records[-1]
    log.records[-1] = structs.replace(
        one, type="pardoned", record=one.record.replace(b'"erased"', b'"pardoned"')
    )
    log.records[-1] = structs.replace(log.records[-1], stream="subject-conflict-K1")
    assert refused(log, "pardoned") == [log.last]


# Recoveries.


@pytest.mark.parametrize("name", ["kepala", "kabid-wasnas", "auditor"])
def test_nobody_recovers_an_account_that_approves_alone(name: str) -> None:
    log = office()
    last = log.record("admin", (account(name), LOST))
    assert refused(log, "recover approving") == [last]


def test_by_the_first_table_an_administrator_recovered_every_account() -> None:
    log = office(table=1)
    log.record("admin", (account("kabid-wasnas"), LOST))
    assert log.refused() == []
    log.record("iku", ("access-rights", rights_set(2)))
    last = log.record("admin", (account("kabid-wasnas"), LOST))
    assert log.refused() == [last]


def test_a_suspended_account_still_approves_and_an_expired_role_does_not() -> None:
    log = office()
    log.invite("admin", "siti", Role.PETUGAS, division="wasnas")
    acting = granted(Role.KEPALA_BIDANG, division="wasnas", until=TODAY)
    log.propose("admin", "g", account("siti"), acting)
    log.approve("kepala", "g", (account("siti"), acting))
    log.record("admin", (account("siti"), SUSPENDED))
    last = log.record("admin", (account("siti"), LOST))
    assert refused(log, "recover approving") == [last]
    log.today = TODAY + timedelta(days=1)
    later = structs.replace(LOST, effective_on=log.today)
    log.record("admin", (account("siti"), later))
    assert log.refused() == [last]


def test_a_recovery_is_approved_by_the_head_of_the_agency_and_no_other() -> None:
    log = office()
    log.propose("admin", "p1", account("auditor"), LOST)
    last = log.approve("kabid-wasnas", "p1", (account("auditor"), LOST))
    assert refused(log, "approve roles") == [last]
    log = office()
    first = log.propose("kabid-wasnas", "p1", account("auditor"), LOST)
    assert refused(log, "recover approving") == [first]


def test_rights_are_dated_by_the_approval_and_not_by_the_proposal() -> None:
    log = office()
    head = granted(Role.KEPALA_BIDANG, division="wasnas")
    log.propose("admin", "p1", account("perencana"), LOST)
    log.propose("admin", "p2", account("perencana"), head)
    log.propose("admin", "p3", "access-rights", RECORDED)
    log.today = TODAY + timedelta(days=3)
    for name, stream, event in (
        ("p1", account("perencana"), LOST),
        ("p3", "access-rights", RECORDED),
    ):
        later = structs.replace(event, effective_on=log.today)
        log.approve("kepala", name, (stream, later))
    assert log.refused() == []
    log.propose("petugas-wasnas", "p4", K1, VERIFIED_LATE)
    other = structs.replace(VERIFIED_LATE, effective_on=date(2021, 3, 9))
    last = log.approve("verifikator-wasnas", "p4", (K1, other), divisions=("wasnas",))
    assert refused(log, "differs from the proposed") == [last - 1]


# One's own entries.


def test_nobody_verifies_what_the_same_person_entered_but_a_head() -> None:
    log = office()
    log.invite("admin", "siti", Role.VERIFIKATOR, division="wasnas", person="siti")
    log.invite("admin", "siti2", Role.PETUGAS, division="wasnas", person="siti")
    log.record("siti2", ("conflict-K3", REPORTED))
    last = log.record("siti", ("conflict-K3", VERIFIED))
    log.record("kabid-wasnas", ("conflict-K4", REPORTED))
    log.record("kabid-wasnas", ("conflict-K4", VERIFIED))
    assert refused(log, "same person entered") == [last]


def test_a_participation_is_verified_by_another_verifier() -> None:
    log = office()
    log.record("verifikator-poldagri", (O1, participated("P1")))
    log.record("petugas-poldagri", (O1, participated("P2")))
    for reference in ("P2", "P3"):  # P3 was not entered here: the registration counts
        verified = ParticipationVerified(participation=reference)
        log.record("verifikator-poldagri", (O1, verified))
    assert log.refused() == []
    own = ParticipationVerified(participation="P1")
    first = log.record("verifikator-poldagri", (O1, own))
    second = log.record("verifikator-poldagri", (O1, participated("P4", verified=True)))
    log.record("kabid-poldagri", (O1, participated("P5", verified=True)))
    assert refused(log, "same person entered") == [first, second]


# Approvals.


def test_nobody_approves_or_declines_the_proposal_of_the_same_person() -> None:
    log = office()
    log.invite("admin", "siti", Role.VERIFIKATOR, division="wasnas", person="siti")
    log.invite("admin", "siti2", Role.PETUGAS, division="wasnas", person="siti")
    log.propose("siti2", "p1", K1, WRONG)
    first = log.approve("siti", "p1", (K1, WRONG), divisions=("wasnas",)) - 1
    log.propose("siti2", "p2", K1, WRONG)
    declined = Declined(effective_on=TODAY, by="siti", reason="x")
    second = log.record("siti", ("proposal-p2", declined))
    assert refused(log, "cannot decide on it") == [first, second]


def test_where_two_persons_are_only_recorded_one_may_approve_its_own() -> None:
    log = office()
    log.propose("admin", "two", "access-rights", RECORDED)
    log.approve("kepala", "two", ("access-rights", RECORDED))
    log.propose("verifikator-wasnas", "p1", K1, WRONG)
    log.approve("verifikator-wasnas", "p1", (K1, WRONG), divisions=("wasnas",))
    assert log.refused() == []


@pytest.mark.parametrize(
    ("approver", "divisions"),
    [
        ("verifikator-iwasbang", ("iwasbang",)),
        ("perencana", ()),
        ("admin", ()),
        ("petugas-wasnas", ()),
    ],
)
def test_an_approval_of_somebody_without_the_right_is_found(
    approver: str, divisions: tuple[str, ...]
) -> None:
    log = office()
    log.propose("kabid-wasnas", "p1", K1, WRONG)
    last = log.approve(approver, "p1", (K1, WRONG), divisions=divisions)
    assert refused(log, "correct") == [last]


def test_an_approval_covers_only_divisions_of_the_approver() -> None:
    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    last = log.approve(
        "verifikator-wasnas", "p1", (K1, WRONG), divisions=("iwasbang", "wasnas")
    )
    assert refused(log, "division iwasbang") == [last - 1]


def test_both_divisions_approve_what_concerns_both() -> None:
    log = office()
    merged = Merged(into="K2", reason="Ganda")
    changes = (
        (K2, Absorbed(origin=EventId(K1, 2))),
        (K1, merged),
    )
    log.propose("verifikator-iwasbang", "p1", K1, merged)
    log.approve("kabid-wasnas", "p1", divisions=("wasnas",))
    log.approve("kabid-iwasbang", "p1", *changes, divisions=("iwasbang",))
    assert log.refused() == []
    log.propose("kabid-iwasbang", "p2", K1, Annulled(annuls=2, reason="Keliru"))
    assert log.refused() == []


def test_an_approval_of_one_division_is_not_one_of_both() -> None:
    log = office()
    merged = Merged(into="K2", reason="Ganda")
    log.propose("verifikator-iwasbang", "p1", K1, merged)
    log.approve("kabid-wasnas", "p1", divisions=("wasnas",))
    again = log.approve("kabid-wasnas", "p1", divisions=("wasnas",))
    nothing = log.approve("kepala", "p1")
    last = log.approve(
        *("kabid-iwasbang", "p1", (K2, Absorbed(origin=EventId(K1, 2))), (K1, merged))
    )
    assert refused(log, "had already approved") == [again, nothing]
    assert last > nothing


def test_only_the_head_of_both_divisions_merges_them() -> None:
    log = office()
    last = log.record(
        "kabid-wasnas",
        (K2, Absorbed(origin=EventId(K1, 2))),
        (K1, Merged(into="K2", reason="Ganda")),
    )
    assert refused(log, "division iwasbang") == [last - 1]


def test_participations_that_a_merger_carries_need_no_verification() -> None:
    log = office()
    log.record("petugas-poldagri", ("organisation-O2", organisation_of_two()))
    log.record("kabid-poldagri", ("organisation-O2", participated(verified=True)))
    carried = ParticipationCarried(
        **structs.asdict(participated(verified=True)),
        origin=EventId("organisation-O2", 2),
    )
    log.record(
        "verifikator-poldagri",
        (O1, organisation.Absorbed(origin=EventId("organisation-O2", 3))),
        (O1, carried),
        ("organisation-O2", organisation.Merged(into="O1", reason="Sama")),
    )
    assert log.refused() == []


def organisation_of_two() -> Any:
    [registered] = [one for one in office().records if one.stream == O1]
    return organisation_event(registered)


def organisation_event(recorded: Any) -> Any:
    from iku.domain import fact  # noqa: PLC0415 - used here only

    return fact.decode_recorded(recorded, organisation.Event)


def test_what_is_recorded_is_what_was_proposed_at_the_version_that_was_seen() -> None:
    other = structs.replace(WRONG, level=Level.POTENSI)
    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    one = log.approve("verifikator-wasnas", "p1", (K1, other), divisions=("wasnas",))
    assert refused(log, "differs from the proposed") == [one - 1]

    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    log.record("verifikator-wasnas", (K1, VERIFIED))
    two = log.approve("verifikator-wasnas", "p1", (K1, WRONG), divisions=("wasnas",))
    assert refused(log, "version 1") == [two - 1]

    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    three = log.approve(
        *("verifikator-wasnas", "p1", (K1, VERIFIED), ("conflict-K9", REPORTED)),
        *((K1, WRONG),),
        divisions=("wasnas",),
    )
    found = refused(log, "differs from the proposed")
    assert found[0] == three - 3

    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    later = structs.replace(WRONG, effective_on=date(2021, 3, 5))
    four = log.approve("verifikator-wasnas", "p1", (K1, later), divisions=("wasnas",))
    assert refused(log, "differs from the proposed") == [four - 1]


def test_a_decided_proposal_is_not_decided_again() -> None:
    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    log.approve("verifikator-wasnas", "p1", (K1, WRONG), divisions=("wasnas",))
    again = log.approve("kabid-wasnas", "p1", (K1, WRONG), divisions=("wasnas",))
    unknown = log.approve("kabid-wasnas", "p9", (K1, WRONG), divisions=("wasnas",))
    assert again - 1 in refused(log, "no longer open")
    assert unknown


def test_a_proposal_is_made_once_and_by_somebody_who_may() -> None:
    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    twice = log.propose("petugas-wasnas", "p1", K1, WRONG)
    foreign = log.propose("petugas-iwasbang", "p2", K1, WRONG)
    assert refused(log, "already been recorded") == [twice, foreign]
    log = office()
    redefined = log.propose("auditor", "p3", "access-rights", RECORDED)
    assert refused(log, "set two persons") == [redefined]


def test_a_proposal_is_withdrawn_by_its_proposer_and_declined_by_an_approver() -> None:
    log = office()
    log.propose("petugas-wasnas", "p1", K1, WRONG)
    log.propose("petugas-wasnas", "p2", K1, WRONG)
    other = ProposalWithdrawn(effective_on=TODAY, by="kabid-wasnas")
    one = log.record("kabid-wasnas", ("proposal-p1", other))
    no = Declined(effective_on=TODAY, by="perencana", reason="x")
    two = log.record("perencana", ("proposal-p2", no))
    assert refused(log, "made by petugas-wasnas") == [one, two]


def test_a_proposal_lapses_only_if_the_subject_has_moved_on() -> None:
    log = office()
    for name in ("p1", "p2"):
        log.propose("petugas-wasnas", name, K1, WRONG)
    lapsed = Lapsed(effective_on=TODAY, version=2)
    early = log.record("kabid-wasnas", ("proposal-p1", lapsed))
    log.record("verifikator-wasnas", (K1, VERIFIED))
    log.record("kabid-wasnas", ("proposal-p2", lapsed))
    assert refused(log, "still at the version") == [early]


# Publications.


def drafted() -> Drafted:
    return Drafted(
        publication="2021",
        effective_on=TODAY,
        reason="LKjIP",
        period=Kind.YEAR,
        as_of=date(2021, 12, 31),
        edition=1,
    )


def closed(by: str | None) -> Closed:
    value = FrozenValue(
        indicator="IKU-1",
        definition=1,
        scale=1,
        numerator=0,
        denominator=0,
        expired=None,
        percentage=Decimal("0.00"),
        target=None,
        achievement=None,
        rating=None,
        number="IKU-1.1",
    )
    return Closed(
        publication="2021",
        effective_on=TODAY,
        reason="Data",
        known_on=TODAY,
        size=1,
        figures=(value,),
        by=by,
    )


STEP: dict[str, Any] = {"publication": "2021", "effective_on": TODAY, "reason": "x"}
YEAR = "publication-2021"


def published(log: JudgedLog, closer: str, reviewer: str, publisher: str) -> None:
    accounts = closer != "lokal"
    log.record(closer, (YEAR, closed(closer if accounts else None)))
    log.record(reviewer, (YEAR, Reviewed(**STEP, by=reviewer)))
    log.record(publisher, (YEAR, Published(**STEP, by=publisher)))


def test_closer_reviewer_and_publisher_are_three_persons() -> None:
    log = office()
    head = granted(Role.KEPALA_BIDANG, division="wasnas")
    log.propose("admin", "g1", account("kepala"), head)
    # The head of the agency approves a role of its own: another has to.
    log.approved_invitation("kepala2", Role.KEPALA_BADAN)
    log.approve("kepala2", "g1", (account("kepala"), head))
    log.record("perencana", (YEAR, drafted()))
    confirmed = Confirmed(**STEP, indicator="IKU-1", by="kabid-wasnas")
    log.record("kabid-wasnas", (YEAR, confirmed))
    published(log, "kepala", "perencana", "kepala")
    assert refused(log, "closed") == [log.last]


def test_three_persons_publish_what_was_confirmed() -> None:
    log = office()
    log.record("perencana", (YEAR, drafted()))
    confirmed = Confirmed(**STEP, indicator="IKU-1", by="kabid-wasnas")
    log.record("kabid-wasnas", (YEAR, confirmed))
    published(log, "kabid-iwasbang", "perencana", "kepala")
    assert log.refused() == []


def test_a_closing_without_a_confirmation_is_found() -> None:
    log = office()
    log.record("perencana", (YEAR, drafted()))
    one = log.record("kabid-wasnas", (YEAR, closed("kabid-wasnas")))
    log.record("kepala", (YEAR, Returned(**STEP)))
    confirmed = Confirmed(**STEP, indicator="IKU-1", by="kabid-wasnas")
    log.record("kabid-wasnas", (YEAR, confirmed))
    two = log.record("kabid-wasnas", (YEAR, closed(None)))
    assert refused(log, "IKU-1") == [one, two]


@pytest.mark.parametrize(
    ("reviewer", "publisher", "found"),
    [("siti", " SITI", 1), ("siti", "budi", 0), ("lokal", "lokal", 0)],
)
def test_without_accounts_names_are_compared(
    reviewer: str, publisher: str, found: int
) -> None:
    log = JudgedLog()
    log.record("lokal", (K1, REPORTED))
    log.record("lokal", (YEAR, drafted()))
    published(log, "lokal", reviewer, publisher)
    assert len(log.refused()) == found


def test_a_step_without_a_draft_is_no_matter_of_rights() -> None:
    log = office()
    log.record("kepala", (YEAR, Published(**STEP, by="kepala")))
    assert log.ours()[1] == []


def defined(code: str, counts: Any) -> tuple[str, Any]:
    return f"indicator-{code}", structs.replace(DEFINED, options=counts)


def test_a_figure_is_confirmed_by_the_head_of_its_own_division() -> None:
    log = office()
    log.record("iku", defined("IKU-1", ConflictOptions(category=Category.SARA)))
    log.record("iku", defined("IKU-2", OrganisationOptions()))
    log.record("perencana", (YEAR, drafted()))
    for code, head in (("IKU-1", "kabid-iwasbang"), ("IKU-2", "kabid-poldagri")):
        log.record(head, (YEAR, Confirmed(**STEP, indicator=code, by=head)))
    assert log.refused() == []
    foreign = Confirmed(**STEP, indicator="IKU-1", by="kabid-wasnas")
    assert log.record("kabid-wasnas", (YEAR, foreign)) in refused(log, "iwasbang")


def test_a_definition_is_recorded_as_a_whole_by_its_approval() -> None:
    log = office()
    first = defined("IKU-1", ConflictOptions(category=Category.SARA))
    log.record("iku", first)
    changed = Redefinition(basis="x", reason="y", effective_on=date(2022, 1, 1))
    log.propose("perencana", "p1", first[0], changed)
    log.approve("kepala", "p1", first)
    assert log.refused() == []
    last = log.record("perencana", first)
    assert refused(log, "define") == [last]


# Accounts of one's own, and imports.


def test_nobody_changes_an_own_account() -> None:
    log = office()
    one = log.record("admin", (account("admin"), SUSPENDED))
    log.record("iku", (account("admin"), SUSPENDED))
    log.invite("iku", "admin2", Role.ADMIN)
    assert refused(log, "account of their own")[0] == one
    log = office()
    last = log.invite("admin", "lain", Role.PETUGAS, person="admin", division="wasnas")
    assert refused(log, "account of their own") == [last - 1, last]


def test_a_file_with_earlier_days_or_own_verifications_was_allowed() -> None:
    log = office()
    earlier = TODAY - timedelta(days=9)
    name = "verifikator-wasnas"
    last = log.record(name, ("conflict-K5", REPORTED), known_on=earlier)
    assert refused(log, "no import of a file") == [last]
    own = log.record(name, ("conflict-K5", VERIFIED), known_on=TODAY)
    assert refused(log, "no import of a file") == [last, own]
    log = office()
    allowed = f"import-{'ab' * 32}", FileAllowed(effective_on=TODAY)
    log.propose("petugas-wasnas", "p1", *allowed)
    log.approve("kepala", "p1", allowed)
    log.record(name, ("conflict-K5", REPORTED), known_on=earlier)
    log.record(name, ("conflict-K5", VERIFIED), known_on=earlier)
    assert log.refused() == []


# Demonstrations, and tables to come.


def test_in_a_demonstration_lokal_may_do_everything_and_others_may_not() -> None:
    log = JudgedLog()
    log.record("lokal", (K1, REPORTED))
    log.record("iku", ("access-rights", rights_set()))
    log.record("iku", ("access-rights", DemonstrationDeclared(effective_on=TODAY)))
    log.invite("iku", "petugas", Role.PETUGAS, division="wasnas")
    log.record("lokal", (K1, VERIFIED), (K1, WRONG))
    log.record("petugas", (K1, HANDLED))
    assert log.refused() == []
    assert log.ours()[0].mode is Mode.DEMONSTRATION
    one = log.record("petugas", (K1, WRONG))
    two = log.record("stranger", (K1, HANDLED))
    assert refused(log, "correct") == [one, two]


def test_by_a_newer_table_nothing_is_judged() -> None:
    log = office()
    newer = log.record("iku", ("access-rights", rights_set(access.TABLE_VERSION + 1)))
    log.record("stranger", (K1, VERIFIED))
    log.record("stranger", (K2, VERIFIED))
    assert log.refused() == []
    assert log.ours()[0].unjudged == newer + 1
    report = iku_verify.Report()
    log.theirs().report_findings(report)
    [lacking] = report.lacking
    assert f"from position {newer + 1} on" in lacking


def test_the_auditors_report_says_who_recorded_the_events() -> None:
    report = iku_verify.Report()
    log = office()
    log.theirs().report_findings(report)
    events = sum(one.body().actor != "iku" for one in log.records)
    line = f"rights: accounts: {events} events by 5 accounts, all allowed"
    assert line in "\n".join(iku_verify._lines(report))
    JudgedLog().theirs().report_findings(report)
    assert "rights: local: no accounts" in "\n".join(iku_verify._lines(report))
    log.record("stranger", (K1, VERIFIED))
    with pytest.raises(
        iku_verify.Finding, match="account stranger did not exist"
    ) as caught:
        log.theirs().report_findings(report)
    assert caught.value.position == log.last
    assert report.rights["refused"] == 1


def test_a_case_of_no_division_is_everybodys() -> None:
    log = office()
    log.record("iku", ("access-rights", structs.replace(rights_set(), divisions=())))
    log.record("verifikator-iwasbang", (K1, VERIFIED))
    assert log.refused() == []
    assert OF_IWASBANG.category != REPORTED.category
