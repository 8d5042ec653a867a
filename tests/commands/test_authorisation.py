"""Who may record what: modes, roles and divisions, and what the append rests on."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from iku.commands import accounts
from iku.commands.authorisation import StepUpRequired
from iku.commands.command import Command
from iku.domain.access import Credentials, Forbidden, Unauthenticated
from iku.domain.access_policy import (
    SUBJECT,
    DivisionOwnership,
    TwoPersonRule,
    TwoPersonRuleChanged,
)
from iku.domain.account import (
    AccountRestored,
    AccountSuspended,
    Invite,
    Recovered,
    Role,
    RoleGranted,
    RoleRevoked,
)
from iku.domain.conflict import (
    Category,
    Corrected,
    Dimension,
    Level,
    Reclassified,
    Reported,
    Verified,
)
from iku.domain.decider import Refused
from iku.domain.fact import Person
from iku.exchange.example import PEOPLE
from iku.ledger import log
from iku.vault.keys import ErasureEntry
from tests.commands.conftest import Desk, Desks

DIVISIONS = (
    DivisionOwnership("wasnas", categories=("ipoleksosbud", "lainnya")),
    DivisionOwnership("iwasbang", categories=("sara",)),
    DivisionOwnership("poldagri", kinds=("ormas", "lsm", "parpol")),
)
REPORTED = Reported(
    category=Category.IPOLEKSOSBUD,
    dimension=Dimension.POLITIK,
    title="Sengketa",
    effective_on=date(2021, 3, 1),
    area="35.76.02.1003",
)
VERIFIED = Verified(effective_on=date(2021, 3, 2))


async def invite(
    desk: Desk, role: Role, name: str, by: Credentials | None = None, **more: Any
) -> Credentials:
    """An account, its credentials fresh."""
    proposed = Invite(holder=Person(name), basis="SK/1", role=role, **more)
    async with desk.app.pool.acquire() as connection:
        outcome = await accounts.invite(
            desk.app.commands, connection, proposed, DIVISIONS, credentials=by
        )
    return Credentials(outcome.subject, outcome.receipt.version, fresh=True)


async def first_admin(desk: Desk) -> Credentials:
    return await invite(desk, Role.ADMIN, "Admin")


async def staff(desk: Desk) -> dict[str, Credentials]:
    """An administrator, and an officer and a verifier of each of two divisions."""
    found = {"admin": await first_admin(desk)}
    found["kepala"] = await invite(desk, Role.KEPALA_BADAN, "Kepala")
    for role in (Role.PETUGAS, Role.VERIFIKATOR):
        for division in ("wasnas", "iwasbang"):
            found[f"{role}-{division}"] = await invite(
                desk, role, f"{role} {division}", found["admin"], division=division
            )
    return found


async def act(
    desk: Desk, by: Credentials | None, subject: str, proposed: Any, **more: Any
) -> Any:
    return await desk.do(subject, proposed, credentials=by, **more)


async def test_before_the_first_invitation_everyone_may_do_everything(
    desks: Desks,
) -> None:
    desk = await desks()
    assert (await desk.do("K1", REPORTED)).added
    assert (await desk.do("K1", VERIFIED)).added


async def test_the_first_account_is_that_of_an_administrator(desks: Desks) -> None:
    desk = await desks()
    with pytest.raises(Refused, match="first account must be"):
        await invite(desk, Role.AUDITOR, "Auditor")
    await first_admin(desk)


async def test_a_process_that_missed_the_first_invitation_records_nothing(
    desks: Desks,
) -> None:
    late, other = await desks(), await desks()
    assert (await late.do("K1", REPORTED)).added
    await first_admin(other)
    size = await other.size()
    for subject, proposed in (("K1", VERIFIED), ("K2", REPORTED)):
        with pytest.raises(Unauthenticated):
            await late.do(subject, proposed)
    assert await other.size() == size


async def test_a_claimed_actor_is_refused_once_there_are_accounts(desks: Desks) -> None:
    desk = await desks()
    await first_admin(desk)
    with pytest.raises(Unauthenticated, match="sign in"):
        await desk.do("K1", REPORTED)
    with pytest.raises(Unauthenticated, match="does not exist"):
        await act(desk, Credentials("nobody"), "K1", REPORTED)


async def test_an_event_has_the_account_as_its_actor(desks: Desks) -> None:
    desk = await desks()
    people = await staff(desk)
    officer = people["petugas-wasnas"]
    await act(desk, officer, "K1", REPORTED)
    async with desk.app.pool.acquire() as connection:
        actor = await connection.fetchval(
            "select convert_from(record, 'UTF8')::jsonb->>'actor' from ledger.event"
            " where stream = 'conflict-K1'"
        )
    assert actor == officer.account


async def test_rights_end_at_the_border_of_the_division(desks: Desks) -> None:
    desk = await desks()
    people = await staff(desk)
    with pytest.raises(Forbidden, match="division wasnas"):
        await act(desk, people["petugas-iwasbang"], "K1", REPORTED)
    await act(desk, people["petugas-wasnas"], "K1", REPORTED)
    with pytest.raises(Forbidden, match="division wasnas"):
        await act(desk, people["verifikator-iwasbang"], "K1", VERIFIED)
    with pytest.raises(Forbidden):
        await act(desk, people["petugas-wasnas"], "K1", VERIFIED)
    with pytest.raises(Forbidden):
        await act(desk, people["admin"], "K1", VERIFIED)
    assert (await act(desk, people["verifikator-wasnas"], "K1", VERIFIED)).added


async def test_a_verifier_of_one_division_moves_no_case_to_another(
    desks: Desks,
) -> None:
    desk = await desks()
    people = await staff(desk)
    await act(desk, people["petugas-wasnas"], "K1", REPORTED)
    verifier = people["verifikator-wasnas"]
    moved = Reclassified(
        effective_on=date(2021, 3, 3),
        category=Category.SARA,
        dimension=Dimension.AGAMA,
    )
    with pytest.raises(Forbidden, match="division iwasbang"):
        await act(desk, verifier, "K1", moved)
    within = Reclassified(effective_on=date(2021, 3, 3), level=Level.KEKERASAN)
    assert (await act(desk, verifier, "K1", within)).added


async def test_nobody_verifies_what_the_same_person_reported(desks: Desks) -> None:
    desk = await desks()
    people = await staff(desk)
    officer, admin = people["petugas-wasnas"], people["admin"]
    await act(desk, officer, "K1", REPORTED)
    granted = RoleGranted(
        effective_on=desk.app.commands.today(),
        role=Role.VERIFIKATOR,
        division="wasnas",
        basis="SK/2",
    )
    await act(desk, admin, officer.account, granted, category="account")
    with pytest.raises(Forbidden, match="recorded the report yourself"):
        await act(desk, officer, "K1", VERIFIED)
    assert (await act(desk, people["verifikator-wasnas"], "K1", VERIFIED)).added


async def test_a_revoked_role_and_a_suspended_account_act_no_more(
    desks: Desks,
) -> None:
    desk, other = await desks(), await desks()
    people = await staff(desk)
    officer, today = people["petugas-wasnas"], desk.app.commands.today()
    await act(other, officer, "K1", REPORTED)  # the other process has read the rights
    revoked = RoleRevoked(effective_on=today, grant=2, reason="Mutasi")
    await act(desk, people["admin"], officer.account, revoked, category="account")
    with pytest.raises(Forbidden, match="your roles: none"):
        await act(other, officer, "K2", REPORTED)
    verifier = people["verifikator-wasnas"]
    suspended = AccountSuspended(effective_on=today, reason="Cuti")
    await act(desk, people["admin"], verifier.account, suspended, category="account")
    with pytest.raises(Forbidden):
        await act(other, verifier, "K1", VERIFIED)


async def test_an_administrator_does_not_grant_a_role_that_approves(
    desks: Desks,
) -> None:
    desk = await desks()
    people = await staff(desk)
    for role in (Role.KEPALA_BADAN, Role.AUDITOR):
        with pytest.raises(Forbidden) as refused:
            await invite(desk, role, "Lain", people["admin"])
        assert refused.value.proposable
    with pytest.raises(Unauthenticated):  # at the server only the first
        await invite(desk, Role.KEPALA_BADAN, "Kepala kedua")
    with pytest.raises(Unauthenticated):
        await invite(desk, Role.ADMIN, "Admin kedua")


async def test_rights_are_changed_with_a_fresh_factor_only(desks: Desks) -> None:
    """ASVS 7.5.3."""
    desk = await desks()
    admin = await first_admin(desk)
    stale = Credentials(admin.account, admin.version, fresh=False)
    with pytest.raises(StepUpRequired):
        await invite(desk, Role.PETUGAS, "Siti", stale, division="wasnas")


async def test_a_correction_that_needs_no_approval_is_the_verifiers(
    desks: Desks,
) -> None:
    desk = await desks()
    people = await staff(desk)
    await act(desk, people["petugas-wasnas"], "K1", REPORTED)
    wrong = Corrected(corrects=1, level=Level.KEKERASAN, reason="Salah tingkat")
    with pytest.raises(Forbidden) as refused:
        await act(desk, people["petugas-wasnas"], "K1", wrong)
    assert refused.value.proposable
    assert (await act(desk, people["verifikator-wasnas"], "K1", wrong)).added


async def test_accounts_of_one_civil_servant_are_one_person(desks: Desks) -> None:
    """ASVS 2.3.5."""
    desk = await desks()
    admin = await first_admin(desk)
    nip = "198501012010011001"
    one = await invite(desk, Role.PETUGAS, "Siti", admin, division="wasnas", nip=nip)
    two = await invite(
        desk, Role.VERIFIKATOR, "Siti A.", admin, division="wasnas", nip=nip
    )
    async with desk.app.pool.acquire() as connection:
        register = (await desk.app.commands.access.refresh(connection)).value
    assert one.account != two.account
    assert register.person(one.account) == register.person(two.account)
    await act(desk, one, "K1", REPORTED)
    with pytest.raises(Forbidden, match="recorded the report yourself"):
        await act(desk, two, "K1", VERIFIED)


async def test_in_a_demonstration_a_program_acts_as_lokal_only(desks: Desks) -> None:
    desk = await desks()
    async with desk.app.pool.acquire() as connection:
        await accounts.declare_demonstration(desk.app.commands, connection)
        commands, command = (
            desk.app.commands,
            Command("conflict", "K1", REPORTED, "lokal"),
        )
        assert (await commands.handle(connection, command)).added
        with pytest.raises(Forbidden, match="acts as lokal"):
            await commands.handle(connection, Command("conflict", "K2", REPORTED, "a"))


async def test_the_rights_are_recorded_before_the_first_account_and_once(
    desks: Desks,
) -> None:
    desk = await desks()
    people = await staff(desk)
    async with desk.app.pool.acquire() as connection:
        types = await connection.fetch(
            "select type, position from ledger.event where stream = 'access-rights'"
        )
        first = await connection.fetchval(
            "select position from ledger.event where type = 'invited' order by 1"
        )
        assert [row["type"] for row in types] == ["rights_set"]
        assert types[0]["position"] < first
        assert people


async def test_who_may_not_at_all_is_refused_by_the_table_before_a_factor_is_asked_for(
    desks: Desks,
) -> None:
    """ASVS 7.5.3: a factor is asked for only where it helps."""
    desk = await desks()
    people = await staff(desk)
    officer, admin = people["petugas-wasnas"], people["admin"]
    today = desk.app.commands.today()
    suspended = AccountSuspended(effective_on=today, reason="Cuti")
    recorded = TwoPersonRuleChanged(
        effective_on=today, value=TwoPersonRule.RECORDED, reason="Kecil"
    )
    target = people["verifikator-wasnas"].account
    stale = Credentials(officer.account, officer.version)
    for category, subject, proposed in (
        ("account", target, suspended),
        ("access", SUBJECT, recorded),
    ):
        with pytest.raises(Forbidden, match="requires one of") as refused:
            await act(desk, stale, subject, proposed, category=category)
        assert not isinstance(refused.value, StepUpRequired)
    unproved = Credentials(admin.account, admin.version)
    with pytest.raises(StepUpRequired):
        await act(desk, unproved, target, suspended, category="account")
    with pytest.raises(Forbidden, match="second person") as refused:
        await act(desk, unproved, SUBJECT, recorded, category="access")
    assert not isinstance(refused.value, StepUpRequired)
    assert (await act(desk, admin, target, suspended, category="account")).added


async def test_nobody_changes_or_recovers_an_account_of_the_same_person(
    desks: Desks,
) -> None:
    """ASVS 6.4.4."""
    desk = await desks()
    admin = await first_admin(desk)
    today = desk.app.commands.today()
    nip = "198501012010011001"
    other = await invite(desk, Role.ADMIN, "Lain", admin, nip=nip)
    same = await invite(desk, Role.PETUGAS, "Lain", admin, division="wasnas", nip=nip)
    granted = RoleGranted(
        effective_on=today, role=Role.VERIFIKATOR, division="wasnas", basis="SK/3"
    )
    for proposed in (
        granted,
        RoleRevoked(effective_on=today, grant=2, reason="Sendiri"),
        AccountSuspended(effective_on=today, reason="Sendiri"),
        AccountRestored(effective_on=today, reason="Sendiri"),
        Recovered(effective_on=today, reason="Sendiri"),
    ):
        for account in (other.account, same.account):
            with pytest.raises(Forbidden, match="your own"):
                await act(desk, other, account, proposed, category="account")
    with pytest.raises(Forbidden, match="your own"):
        await invite(desk, Role.VERIFIKATOR, "Lain", other, division="wasnas", nip=nip)
    assert (await act(desk, admin, same.account, granted, category="account")).added


async def test_the_last_administrator_is_neither_revoked_nor_suspended(
    desks: Desks,
) -> None:
    desk = await desks()
    async with desk.app.pool.acquire() as connection:
        await accounts.declare_demonstration(desk.app.commands, connection)
    today = desk.app.commands.today()
    first, second = await first_admin(desk), await invite(desk, Role.ADMIN, "Kedua")
    revoked = RoleRevoked(effective_on=today, grant=2, reason="Mutasi")
    suspended = AccountSuspended(effective_on=today, reason="Cuti")

    async def change(account: str, proposed: Any) -> Any:
        command = Command("account", account, proposed, "lokal")
        async with desk.app.pool.acquire() as connection:
            return await desk.app.commands.handle(connection, command)

    assert (await change(second.account, suspended)).added
    for proposed in (revoked, suspended):
        with pytest.raises(Refused, match="last administrator"):
            await change(first.account, proposed)
    restored = AccountRestored(effective_on=today, reason="Kembali")
    assert (await change(second.account, restored)).added
    assert (await change(first.account, revoked)).added


async def test_a_demonstration_of_an_older_release_gains_the_missing_people(
    desks: Desks,
) -> None:
    desk = await desks()
    app = desk.app
    older = [one for one in PEOPLE if one.division in {None, "wasnas"}]
    for people in (older, PEOPLE, PEOPLE):
        async with app.pool.acquire() as connection:
            await accounts.open_demonstration(
                app.commands, connection, people, app.agency.division_ownership
            )
            known = (await app.commands.access.refresh(connection)).value.accounts
        held = [
            (grant.role, grant.division)
            for account in known.values()
            for grant in account.grants
        ]
        assert held == [
            (one.role, one.division)
            for one in sorted(people, key=lambda one: one not in older)
        ]


async def test_an_erasure_that_a_restore_lost_is_recorded_again_by_the_program(
    desks: Desks,
) -> None:
    desk = await desks()
    people = await staff(desk)
    await act(desk, people["petugas-wasnas"], "K1", REPORTED)
    async with desk.app.pool.acquire() as connection:
        [first] = [one async for one in log.read_log(connection, size=1)]
    noted = ErasureEntry(
        log=first.leaf.hex(),
        subject="conflict-K1",
        command=str(uuid4()),
        actor=people["kepala"].account,
        decision="B/12/2022",
        legal_basis="UU 27/2022",
        effective_on=date(2022, 1, 2),
    )
    desk.app.vault.keys.append_erasure(noted)
    other = await desks()  # as it starts, nobody has signed in
    assert other.app.reconciled.decisions == 1
    async with desk.app.pool.acquire() as connection:
        [erased] = await log.read_stream(connection, "subject-conflict-K1")
    assert erased.body().actor == "iku"


async def test_a_register_with_accounts_never_becomes_a_demonstration(
    desks: Desks,
) -> None:
    desk = await desks()
    await first_admin(desk)
    async with desk.app.pool.acquire() as connection:
        with pytest.raises(Unauthenticated):
            await accounts.declare_demonstration(desk.app.commands, connection)
        register = (await desk.app.commands.access.refresh(connection)).value
    assert not register.policy.demonstration
