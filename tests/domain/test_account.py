"""Accounts, and the roles that they hold from grant to revocation."""

from typing import Any

import pytest
from msgspec import structs

from iku.domain import fact
from iku.domain.account import (
    Account,
    AccountRestored,
    AccountSuspended,
    Invite,
    Invited,
    Recovered,
    Role,
    RoleGranted,
    RoleRevoked,
    decider,
)
from iku.domain.fact import Person
from tests.domain.story import (
    AREA,
    HERE,
    assert_nothing_to_add,
    given,
    on,
    recorded,
    refused,
)

OFFICE = structs.replace(HERE, divisions=frozenset({"wasnas", "iwasbang"}))
TODAY = OFFICE.today
PERSON = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"
INVITED = Invited(
    effective_on=TODAY,
    holder=Person("Siti Aminah", PERSON),
    basis="SK/12/2022",
    nip="198501012010011001",
    email="siti@example.go.id",
)


def granted(role: Role = Role.PETUGAS, **more: Any) -> RoleGranted:
    division = more.pop("division", "wasnas" if role is Role.PETUGAS else None)
    return RoleGranted(
        effective_on=TODAY, role=role, basis="SK/13/2022", division=division, **more
    )


def revoked(grant: int) -> RoleRevoked:
    return RoleRevoked(effective_on=TODAY, grant=grant, reason="Mutasi")


def account(*events: Any) -> Any:
    return given(decider, INVITED, *events, context=OFFICE)


def test_a_role_is_held_from_its_grant_until_its_revocation() -> None:
    begun = account(granted(), granted(Role.PERENCANA))
    assert [one.role for one in begun.roles_on(TODAY)] == ["petugas", "perencana"]
    ended = account(granted(), granted(Role.PERENCANA), revoked(2))
    assert [one.role for one in ended.roles_on(TODAY)] == ["perencana"]
    assert [(one.role, one.revoked) for one in ended.grants] == [
        ("petugas", 4),
        ("perencana", None),
    ]


def test_a_role_with_a_last_day_ends_after_that_day() -> None:
    held = account(granted(Role.AUDITOR, until=on("2022-07-31")))
    assert held.roles_on(on("2022-07-31"))
    assert not held.roles_on(on("2022-08-01"))


def test_a_suspended_account_holds_no_role_until_it_is_restored() -> None:
    suspended = AccountSuspended(effective_on=TODAY, reason="Cuti di luar tanggungan")
    restored = AccountRestored(effective_on=TODAY, reason="Aktif kembali")
    assert account(granted(), suspended).roles_on(TODAY) == ()
    assert account(granted(), suspended).suspended
    assert len(account(granted(), suspended, restored).roles_on(TODAY)) == 1


def test_a_recovery_changes_no_role_and_may_recur() -> None:
    again = Recovered(effective_on=TODAY, reason="Telepon hilang")
    assert account(granted(), again, again).roles_on(TODAY)


def test_an_account_approves_while_it_holds_such_a_role_even_if_suspended() -> None:
    suspended = AccountSuspended(effective_on=TODAY, reason="Cuti di luar tanggungan")
    auditor = granted(Role.AUDITOR, until=on("2022-07-31"))
    held = account(granted(), auditor, suspended)
    assert held.approves_on(on("2022-07-31"))
    assert not held.approves_on(on("2022-08-01"))
    assert not account(granted()).approves_on(TODAY)
    assert not account(granted(), auditor, revoked(3)).approves_on(TODAY)


def test_the_person_of_an_account_is_that_of_the_invitation() -> None:
    assert account().person == PERSON
    assert account(granted()).version == 2


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ((), INVITED),
        ((granted(),), granted()),
        ((granted(), revoked(2)), revoked(2)),
        (
            (AccountSuspended(effective_on=TODAY, reason="a"),) * 1,
            AccountSuspended(effective_on=TODAY, reason="b"),
        ),
        ((), AccountRestored(effective_on=TODAY, reason="a")),
    ],
)
def test_what_is_so_already_is_not_recorded_again(
    before: tuple[Any, ...], again: Any
) -> None:
    assert_nothing_to_add(decider, account(*before), again, OFFICE)


def test_a_role_revoked_can_be_granted_again() -> None:
    again = recorded(decider, account(granted(), revoked(2)), granted(), OFFICE)
    assert [one.revoked for one in again.grants] == [3, None]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            Invited(effective_on=TODAY, holder=Person("B", PERSON), basis="SK/9"),
            ("A01", "has existed since 2022-06-30"),
        ),
        (
            RoleGranted(effective_on=on("2022-06-29"), role=Role.ADMIN, basis="x"),
            ("2022-06-29", "2022-06-30"),
        ),
        (granted(division=None), ("petugas", "division is missing")),
        (granted(Role.ADMIN, division="wasnas"), ("admin", "whole agency", "wasnas")),
        (granted(division="perang"), ("perang", "iwasbang, wasnas")),
        (granted(Role.ADMIN, district=AREA), ("petugas", "district")),
        (granted(district="99"), ("99", "not an area")),
        (granted(until=on("2022-06-29")), ("2022-06-29", "2022-06-30")),
        (revoked(1), ("event 1", "does not grant")),
    ],
)
def test_a_refusal_quotes_both_sides(command: Any, words: tuple[str, ...]) -> None:
    refused(decider, account(), command, *words, context=OFFICE)


def test_a_suspended_account_is_granted_no_role() -> None:
    suspended = account(AccountSuspended(effective_on=TODAY, reason="a"))
    refused(decider, suspended, granted(), "suspended", context=OFFICE)


def test_an_officer_may_be_limited_to_a_district() -> None:
    assert account(granted(district=AREA)).grants[0].district == AREA


def test_the_texts_of_an_invitation_belong_to_its_holder() -> None:
    written = fact.encode(INVITED)
    assert {**written.text} == {
        "holder": fact.Text("Siti Aminah", PERSON),
        "nip": fact.Text("198501012010011001"),
        "email": fact.Text("siti@example.go.id"),
    }
    assert fact.text_owner(INVITED, "account-x") == PERSON
    assert fact.text_owner(granted(), "account-x") == "account-x"
    assert "Siti" not in str(written.data)
    assert fact.decode(written, Invited) == INVITED


def invite(**more: Any) -> Invite:
    fields = {"role": Role.PETUGAS, "division": "wasnas", **more}
    return Invite(holder=Person("Siti", PERSON), basis="SK/1", **fields)


def test_an_invitation_creates_an_account_with_its_first_role() -> None:
    created = recorded(decider, None, invite(nip=INVITED.nip), OFFICE)
    assert [type(event) for event in created.history] == [Invited, RoleGranted]
    assert created.history[0].nip == INVITED.nip
    assert [one.role for one in created.roles_on(TODAY)] == ["petugas"]


def test_an_invitation_to_a_role_that_cannot_be_granted_creates_nothing() -> None:
    refused(decider, None, invite(division=None), "division is missing", context=OFFICE)
    late = invite(until=on("2022-06-01"))
    refused(decider, None, late, "2022-06-01", context=OFFICE)


def test_an_account_is_not_invited_twice() -> None:
    refused(decider, account(), invite(), "has existed since", context=OFFICE)


def test_an_account_begins_with_its_invitation() -> None:
    with pytest.raises(AssertionError, match="begins with"):
        _ = Account((granted(),)).person
