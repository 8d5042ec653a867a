"""Rights: one table of roles and actions, with divisions and districts."""

from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import structs

from iku.domain import access, conflict, organisation
from iku.domain.access import (
    ACTIONS,
    AGENCY_WIDE,
    TABLE,
    AccessRegister,
    Action,
    Actor,
    Allowed,
    Credentials,
    Denied,
    Extent,
    Forbidden,
    Mode,
    Scope,
    may,
)
from iku.domain.access_policy import AccessPolicy, DivisionOwnership
from iku.domain.account import OF_DIVISION, Account, Grant, Invited, Role, RoleGranted
from iku.domain.conflict import Category, Dimension
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Annulled, Person
from iku.domain.indicator import ConflictOptions, OrganisationOptions
from iku.domain.organisation import LegalBasis, OrganisationKind
from tests.domain.story import on

DAY = on("2022-06-30")
DIVISIONS = (
    DivisionOwnership("wasnas", categories=("ipoleksosbud", "lainnya")),
    DivisionOwnership("iwasbang", categories=("sara",)),
    DivisionOwnership("poldagri", kinds=("ormas", "lsm", "parpol")),
)
WASNAS = Scope("wasnas", "35.76.02.1003")
PERSON = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"


def grant(role: Role, **more: Any) -> Grant:
    division = "wasnas" if role in OF_DIVISION else None
    fields = {"division": division, "district": None, "until": None, **more}
    return Grant(2, role, granted_on=DAY, **fields)


def holder(*grants: Grant) -> Actor:
    return Actor("a", "p", grants)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_its_row_says(role: Role, action: Action) -> None:
    """ASVS 8.2.1."""
    own = may(holder(grant(role)), action, WASNAS)
    foreign = may(holder(grant(role)), action, Scope("iwasbang"))
    match TABLE[action].get(role):
        case Extent.AGENCY:
            assert isinstance(own, Allowed)
            assert isinstance(foreign, Allowed)
        case Extent.DIVISION:
            assert isinstance(own, Allowed)
            assert isinstance(foreign, Denied)
            assert not foreign.proposable
        case Extent.PROPOSE:
            assert isinstance(own, Denied)
            assert own.proposable
        case Extent.PROPOSE_DIVISION:
            assert isinstance(own, Denied)
            assert own.proposable
            assert isinstance(foreign, Denied)
            assert not foreign.proposable
        case None:
            assert isinstance(own, Denied)
            assert not own.proposable


def test_nobody_approves_without_a_role_that_may_not_propose_the_same() -> None:
    """Who proposes a definition, a policy or a role cannot approve it by that role."""
    pairs = [
        (Action.DEFINE, Action.APPROVE_DEFINITION),
        (Action.SET_TWO_PERSONS, Action.APPROVE_TWO_PERSONS),
        (Action.GRANT_APPROVING, Action.APPROVE_ROLES),
        (Action.RECOVER_APPROVING, Action.APPROVE_ROLES),
    ]
    for proposes, approves in pairs:
        assert not TABLE[proposes].keys() & TABLE[approves].keys()


def test_an_administrator_enters_nothing_and_reads_no_text() -> None:
    assert {action for action, row in TABLE.items() if Role.ADMIN in row} == {
        *(Action.READ_FIGURES, Action.SET_TWO_PERSONS),
        *(Action.SEE_ACCOUNTS, Action.ADMINISTER, Action.GRANT_APPROVING),
        Action.RECOVER_APPROVING,
    }


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_subject_is_covered_exactly_if_the_table_permits_it(
    role: Role, action: Action
) -> None:
    actor = holder(grant(role))
    for scope in (WASNAS, Scope("iwasbang"), AGENCY_WIDE):
        found = access.covered_scopes(actor, action)
        within = any(one in (AGENCY_WIDE, Scope("wasnas")) for one in found)
        own = scope != Scope("iwasbang") or AGENCY_WIDE in found
        assert (within and own) is isinstance(may(actor, action, scope), Allowed)
    proposable = bool(access.covered_scopes(actor, action, proposing=True))
    match may(actor, action, WASNAS):
        case Denied(proposable=named):
            assert proposable is named
        case Allowed():
            assert not proposable


def test_what_several_roles_cover_is_named_once() -> None:
    reader = holder(
        grant(Role.PETUGAS),
        grant(Role.VERIFIKATOR),
        grant(Role.PETUGAS, division="iwasbang", district="35.76.02"),
    )
    scopes = (Scope("wasnas"), Scope("iwasbang", "35.76.02"))
    assert access.covered_scopes(reader, Action.READ_TEXTS) == scopes
    head = holder(grant(Role.PETUGAS), grant(Role.KEPALA_BADAN))
    assert access.covered_scopes(head, Action.READ_TEXTS) == (AGENCY_WIDE,)
    monitor = Actor("a", "p", (), frozenset({"log"}))
    assert access.covered_scopes(monitor, Action.READ_LOG) == (AGENCY_WIDE,)
    assert access.covered_scopes(monitor, Action.READ_TEXTS) == ()


def test_a_district_limits_the_right_to_its_areas() -> None:
    reporter = holder(grant(Role.PETUGAS, district="35.76.02"))
    assert isinstance(may(reporter, Action.ENTER, WASNAS), Allowed)
    assert isinstance(may(reporter, Action.ENTER, Scope("wasnas", "35.76.02")), Allowed)
    for area in ("35.76.021", "35.76.03.1001", None):
        found = may(reporter, Action.ENTER, Scope("wasnas", area))
        assert isinstance(found, Denied), area


def test_a_refusal_names_the_roles_that_may_and_those_held() -> None:
    found = may(holder(grant(Role.PETUGAS)), Action.VERIFY, WASNAS)
    assert isinstance(found, Denied)
    assert "verifikator, kepala bidang" in found.why
    assert "your roles: petugas" in found.why
    found = may(holder(grant(Role.VERIFIKATOR)), Action.VERIFY, Scope("iwasbang"))
    assert isinstance(found, Denied)
    assert "iwasbang" in found.why
    assert "wasnas" in found.why


def test_a_brief_refusal_is_the_same_for_all_actions_of_the_same_roles() -> None:
    head = holder(grant(Role.KEPALA_BADAN))
    verify, change = (
        may(head, one, WASNAS) for one in (Action.VERIFY, Action.CHANGE_STATUS)
    )
    assert isinstance(verify, Denied)
    assert isinstance(change, Denied)
    assert verify.brief == change.brief
    assert verify.why != change.why
    assert "your roles: kepala badan" in verify.brief
    other = may(holder(grant(Role.VERIFIKATOR)), Action.VERIFY, Scope("iwasbang"))
    assert isinstance(other, Denied)
    assert other.brief == other.why.removeprefix("verify ")


def test_what_the_table_denies_is_raised_with_the_way_to_propose_it() -> None:
    officer = holder(grant(Role.PETUGAS))
    with pytest.raises(Forbidden) as refused:
        access.require(officer, Action.CORRECT, WASNAS)
    assert refused.value.proposable
    assert access.require(officer, Action.ENTER, WASNAS).by == officer.grants


def test_every_event_is_an_action_of_the_table() -> None:
    for category, decider in DECIDERS.items():
        types = get_args(decider.event_type) or (decider.event_type,)
        tags = {of_type.__struct_config__.tag for of_type in types}
        assert tags == ACTIONS[category].keys(), category


def test_a_participation_entered_as_verified_is_a_verification() -> None:
    entered = organisation.Participated(
        effective_on=DAY, participation="P1", activity=organisation.Activity.MUSRENBANG
    )
    assert access.action_of("organisation", entered) is Action.ENTER
    verified = structs.replace(entered, verified=True)
    assert access.action_of("organisation", verified) is Action.VERIFY


def case(*events: Any) -> conflict.Conflict:
    reported = conflict.Reported(
        category=Category.IPOLEKSOSBUD,
        dimension=Dimension.POLITIK,
        title="Sengketa",
        effective_on=on("2022-01-10"),
        area="35.76.02.1003",
    )
    found = conflict.decider.fold([reported, *events])
    assert found is not None
    return found


def test_a_case_belongs_to_the_division_of_its_category_today() -> None:
    moved = conflict.Reclassified(
        effective_on=on("2022-03-01"),
        category=Category.SARA,
        dimension=Dimension.AGAMA,
    )
    assert access.scope_of(case(), DIVISIONS, DAY) == WASNAS
    assert access.scope_of(case(moved), DIVISIONS, DAY).division == "iwasbang"
    assert access.scope_of(case(moved), DIVISIONS, on("2022-02-28")) == WASNAS
    # Before its report, as an import may ask.
    assert access.scope_of(case(), DIVISIONS, on("2021-01-01")) == WASNAS


def test_an_organisation_belongs_to_the_division_of_its_kind() -> None:
    registered = organisation.Registered(
        kind=OrganisationKind.LSM,
        name="LSM Damai",
        legal_basis=LegalBasis.BADAN_HUKUM,
        effective_on=on("2020-01-10"),
    )
    found = organisation.decider.fold([registered])
    assert access.scope_of(found, DIVISIONS, DAY) == Scope("poldagri", None)
    assert access.scope_of(found, (), DAY) == AGENCY_WIDE
    assert access.scope_of(None, DIVISIONS, DAY) == AGENCY_WIDE


def test_an_annulled_case_belongs_where_its_report_said() -> None:
    gone = case(Annulled(annuls=1, reason="Salah entri"))
    assert access.scope_of(gone, DIVISIONS, DAY) == WASNAS


def account(*events: Any) -> Account:
    invited = Invited(effective_on=DAY, holder=Person("Siti", PERSON), basis="SK/1")
    return Account((invited, *events))


def test_the_log_states_the_mode() -> None:
    demonstration = AccessPolicy(demonstration=True)
    assert AccessRegister({}).mode is Mode.LOCAL
    assert AccessRegister({"a": account()}).mode is Mode.ACCOUNTS
    assert AccessRegister({"a": account()}, demonstration).mode is Mode.DEMONSTRATION
    assert AccessRegister({}, demonstration).mode is Mode.DEMONSTRATION


def test_an_api_key_has_at_most_the_roles_of_its_account() -> None:
    held = account(
        RoleGranted(effective_on=DAY, role=Role.PERENCANA, basis="SK/2"),
        RoleGranted(effective_on=DAY, role=Role.AUDITOR, basis="SK/3"),
    )
    register = AccessRegister({"a": held})
    whole = register.actor(Credentials("a"), DAY)
    assert whole is not None
    assert [one.role for one in whole.grants] == [Role.PERENCANA, Role.AUDITOR]
    limited = Credentials("a", roles=frozenset({Role.AUDITOR, Role.ADMIN}))
    key = register.actor(limited, DAY)
    assert key is not None
    assert [one.role for one in key.grants] == [Role.AUDITOR]
    assert register.actor(Credentials("b"), DAY) is None
    assert register.person("a") == PERSON
    assert register.person("lokal") == "lokal"
    assert register.holders(Role.AUDITOR, DAY) == ["a"]
    assert register.holders(Role.ADMIN, DAY) == []


SIGNS = {
    "●": Extent.AGENCY,
    "◐": Extent.DIVISION,
    "✚": Extent.PROPOSE,
    "✚◐": Extent.PROPOSE_DIVISION,
    "–": None,
}


def test_the_documented_table_is_the_one_in_force() -> None:
    page = Path(__file__).parents[2] / "docs" / "access.md"
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n ").split("|")]
        for line in page.read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {
        row[0]: {
            role: SIGNS[sign]
            for role, sign in zip(Role, row[1:], strict=True)
            if SIGNS[sign]
        }
        for row in rows
        if row[0] in set(Action)
    }
    assert documented == {action: dict(row) for action, row in TABLE.items()}


def test_an_indicator_belongs_to_the_division_of_what_it_counts() -> None:
    sara = ConflictOptions(category=Category.SARA)
    assert access.scope_of_indicator(sara, DIVISIONS) == Scope("iwasbang")
    kinds = OrganisationOptions(kinds=(OrganisationKind.LSM,))
    assert access.scope_of_indicator(kinds, DIVISIONS) == Scope("poldagri")
    other: Any = object()
    assert access.scope_of_indicator(other, DIVISIONS) == AGENCY_WIDE


def test_a_key_for_the_log_may_read_the_log_and_nothing_else() -> None:
    monitor = Actor("a", "p", (), frozenset({"log"}))
    assert isinstance(may(monitor, Action.READ_LOG), Allowed)
    assert isinstance(may(monitor, Action.READ_REGISTER), Denied)
    account_of_key = account(
        RoleGranted(effective_on=DAY, role=Role.AUDITOR, basis="SK/2")
    )
    key = Credentials("a", roles=frozenset(), rights=frozenset({"log"}))
    actor = AccessRegister({"a": account_of_key}).actor(key, DAY)
    assert actor == Actor("a", PERSON, (), frozenset({"log"}))
    without_role = AccessRegister({"a": account()}).actor(key, DAY)
    assert without_role == Actor("a", PERSON, ())


def test_who_has_not_signed_in_is_asked_to() -> None:
    assert "sign in" in str(access.Unauthenticated())
    assert str(access.Unauthenticated("the key has expired")) == "the key has expired"
