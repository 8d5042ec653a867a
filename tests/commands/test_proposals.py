"""Four eyes: a command proposed by one person and approved by another."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from iku.commands import proposals
from iku.commands.authorisation import StepUpRequired
from iku.commands.command import Command, CommandResult
from iku.domain import proposal
from iku.domain.access import Credentials, Forbidden
from iku.domain.access_policy import SUBJECT, TwoPersonRule, TwoPersonRuleChanged
from iku.domain.account import Invite, Recovered, Role, RoleGranted, RoleRevoked
from iku.domain.conflict import (
    Category,
    Corrected,
    Dimension,
    Level,
    Merged,
    Reclassified,
    Reported,
    Verified,
)
from iku.domain.decider import Refused, SubjectNotFound
from iku.domain.fact import Person, TargetStream
from iku.domain.indicator import Redefinition
from iku.domain.proposal import ProposalStatus, Proposed
from iku.ledger import log
from tests.commands.conftest import Desk, Desks
from tests.commands.test_authorisation import REPORTED, act, invite, staff

WRONG = Corrected(corrects=1, level=Level.KEKERASAN, reason="Salah tingkat")


class Office:
    """The people of an office, and the proposals among them."""

    def __init__(self, desk: Desk, people: dict[str, Credentials]) -> None:
        self.desk = desk
        self.people = people

    async def propose(
        self, by: str, proposed: Any, category: str = "conflict", subject: str = "K1"
    ) -> str:
        commands = self.desk.app.commands
        command = Command(category, subject, proposed, "", credentials=self.people[by])
        async with self.desk.app.pool.acquire() as connection:
            outcome = await proposals.propose(commands, connection, command, "BA 12")
        return outcome.subject

    async def approve(self, by: str, identifier: str, desk: Desk | None = None) -> Any:
        at = desk or self.desk
        async with at.app.pool.acquire() as connection:
            return await proposals.approve(
                at.app.commands, connection, identifier, self._by(by)
            )

    async def decline(self, by: str, identifier: str) -> CommandResult:
        async with self.desk.app.pool.acquire() as connection:
            return await proposals.decline(
                self.desk.app.commands, connection, identifier, self._by(by), "Belum"
            )

    async def withdraw(self, by: str, identifier: str) -> CommandResult:
        async with self.desk.app.pool.acquire() as connection:
            return await proposals.withdraw(
                self.desk.app.commands, connection, identifier, self._by(by)
            )

    def _by(self, name: str) -> Command:
        return Command("proposal", "", None, "", credentials=self.people[name])

    async def types(self, stream: str) -> list[str]:
        async with self.desk.app.pool.acquire() as connection:
            return [one.type for one in await log.read_stream(connection, stream)]

    async def do(self, by: str, subject: str, proposed: Any, **more: Any) -> Any:
        return await act(self.desk, self.people[by], subject, proposed, **more)


@pytest.fixture
async def office(desks: Desks) -> Office:
    desk = await desks()
    people = await staff(desk)
    found = Office(desk, people)
    for division in ("wasnas", "iwasbang"):
        name = f"kepala-{division}"
        people[name] = await approved_invitation(
            found, Role.KEPALA_BIDANG, f"Kepala {division}", division=division
        )
    people["perencana"] = await invite(
        desk, Role.PERENCANA, "Perencana", people["admin"]
    )
    await found.do("petugas-wasnas", "K1", REPORTED)
    return found


async def approved_invitation(
    office: Office, role: Role, name: str, **more: Any
) -> Credentials:
    """An account with a role that approves: proposed by the administrator."""
    proposed = Invite(
        holder=Person(name, str(uuid4())),
        basis="SK/2",
        role=role,
        **more,
    )
    account = f"acc-{name.replace(' ', '-').lower()}"
    identifier = await office.propose("admin", proposed, "account", account)
    outcome = await office.approve("kepala", identifier)
    return Credentials(outcome.subject, outcome.receipt.version, fresh=True)


async def test_a_correction_is_recorded_with_its_approval_in_one_append(
    office: Office,
) -> None:
    identifier = await office.propose("petugas-wasnas", WRONG)
    assert await office.types("conflict-K1") == ["reported"]
    outcome = await office.approve("verifikator-wasnas", identifier)
    assert outcome.receipt.stream == "conflict-K1"
    assert outcome.receipt.count == 2
    async with office.desk.app.pool.acquire() as connection:
        [_, corrected] = await log.read_stream(connection, "conflict-K1")
        [proposed, approved] = await log.read_stream(
            connection, f"proposal-{identifier}"
        )
    assert approved.position == corrected.position - 1
    assert approved.body().command == corrected.body().command
    assert approved.body().data["recorded"] == {"stream": "conflict-K1", "version": 2}
    people = office.people
    assert corrected.body().actor == people["verifikator-wasnas"].account
    assert proposed.body().actor == people["petugas-wasnas"].account


async def test_nobody_approves_what_the_same_person_proposed(office: Office) -> None:
    """ASVS 2.3.5."""
    identifier = await office.propose("verifikator-wasnas", WRONG)
    with pytest.raises(Refused, match="another person"):
        await office.approve("verifikator-wasnas", identifier)
    assert await office.types(f"proposal-{identifier}") == ["proposed"]
    assert await office.types("conflict-K1") == ["reported"]


async def test_a_proposer_without_the_right_to_propose_is_refused(
    office: Office,
) -> None:
    for name in ("petugas-iwasbang", "admin", "perencana", "kepala"):
        with pytest.raises(Forbidden):
            await office.propose(name, WRONG)


async def test_an_approver_without_the_right_to_approve_is_refused(
    office: Office,
) -> None:
    identifier = await office.propose("petugas-wasnas", WRONG)
    for name in ("verifikator-iwasbang", "kepala-iwasbang", "perencana", "admin"):
        with pytest.raises(Forbidden):
            await office.approve(name, identifier)
    for name in ("perencana", "admin"):
        with pytest.raises(Forbidden):
            await office.decline(name, identifier)
    assert await office.types("conflict-K1") == ["reported"]


async def test_of_two_approvals_at_once_one_is_recorded(
    office: Office, desks: Desks
) -> None:
    """ASVS 2.3.5."""
    other = await desks()
    identifier = await office.propose("petugas-wasnas", WRONG)
    found = await asyncio.gather(
        office.approve("verifikator-wasnas", identifier),
        office.approve("kepala-wasnas", identifier, other),
        return_exceptions=True,
    )
    assert sum(isinstance(one, CommandResult) for one in found) == 1
    assert sum(isinstance(one, Refused) for one in found) == 1
    assert await office.types("conflict-K1") == ["reported", "corrected"]
    assert await office.types(f"proposal-{identifier}") == ["proposed", "approved"]


async def test_no_account_of_the_proposer_approves_by_two_requests_at_once(
    office: Office, desks: Desks
) -> None:
    """ASVS 2.3.1, 2.3.5."""
    other, nip = await desks(), "198501012010011001"
    for name, role in (("one", Role.PETUGAS), ("two", Role.VERIFIKATOR)):
        office.people[name] = await invite(
            office.desk, role, name, office.people["admin"], division="wasnas", nip=nip
        )
    identifier = await office.propose("one", WRONG)
    found = await asyncio.gather(
        office.approve("two", identifier),
        office.approve("two", identifier, other),
        office.approve("one", identifier),
        office.approve("one", identifier, other),
        return_exceptions=True,
    )
    assert all(isinstance(one, Refused) for one in found), found
    assert await office.types("conflict-K1") == ["reported"]
    assert await office.types(f"proposal-{identifier}") == ["proposed"]


async def test_an_approval_after_the_role_was_revoked_is_refused(
    office: Office, desks: Desks
) -> None:
    """ASVS 2.3.5, 8.3.2."""
    other = await desks()
    identifier = await office.propose("petugas-wasnas", WRONG)
    verifier = office.people["verifikator-wasnas"]
    revoked = RoleRevoked(
        effective_on=office.desk.app.commands.today(), grant=2, reason="Mutasi"
    )
    await office.do("admin", verifier.account, revoked, category="account")
    with pytest.raises(Forbidden, match="none"):
        await office.approve("verifikator-wasnas", identifier, other)
    assert await office.types("conflict-K1") == ["reported"]


async def test_a_proposal_lapses_if_the_subject_has_moved_on(office: Office) -> None:
    """ASVS 2.3.1."""
    identifier = await office.propose("petugas-wasnas", WRONG)
    verified = Verified(effective_on=date(2021, 3, 2))
    await office.do("verifikator-wasnas", "K1", verified)
    with pytest.raises(Refused, match="propose the command again"):
        await office.approve("kepala-wasnas", identifier)
    assert await office.types("conflict-K1") == ["reported", "verified"]
    assert await office.types(f"proposal-{identifier}") == ["proposed", "lapsed"]
    with pytest.raises(Refused, match=ProposalStatus.LAPSED):
        await office.approve("kepala-wasnas", identifier)


async def test_a_proposal_is_declined_by_another_and_withdrawn_by_its_proposer(
    office: Office,
) -> None:
    first = await office.propose("petugas-wasnas", WRONG)
    await office.decline("verifikator-wasnas", first)
    second = await office.propose("petugas-wasnas", WRONG)
    with pytest.raises(Refused, match="only"):
        await office.withdraw("verifikator-wasnas", second)
    await office.withdraw("petugas-wasnas", second)
    for identifier in (first, second):
        with pytest.raises(Refused, match="cannot be approved"):
            await office.approve("verifikator-wasnas", identifier)
    with pytest.raises(SubjectNotFound):
        await office.approve("verifikator-wasnas", "nowhere")


async def test_an_approval_needs_a_fresh_factor(office: Office) -> None:
    """ASVS 7.5.3."""
    identifier = await office.propose("petugas-wasnas", WRONG)
    fresh = office.people["verifikator-wasnas"]
    office.people["stale"] = Credentials(fresh.account, fresh.version)
    with pytest.raises(StepUpRequired):
        await office.approve("stale", identifier)


async def test_a_new_definition_is_proposed_by_a_planner_and_approved_by_the_head(
    office: Office,
) -> None:
    redefined = Redefinition(
        effective_on=date(2026, 1, 1),
        basis="SK/9",
        reason="Ambang baru",
        wording="Ormas yang aktif sekurang-kurangnya dua kali",
    )
    with pytest.raises(Forbidden) as refused:
        await office.do("perencana", "IKU-2", redefined, category="indicator")
    assert refused.value.proposable
    identifier = await office.propose("perencana", redefined, "indicator", "IKU-2")
    with pytest.raises(Forbidden):
        await office.approve("kepala-wasnas", identifier)
    outcome = await office.approve("kepala", identifier)
    assert outcome.receipt.stream == "indicator-IKU-2"


async def test_the_rule_of_two_persons_is_proposed_by_the_administrator(
    office: Office,
) -> None:
    recorded = TwoPersonRuleChanged(
        effective_on=office.desk.app.commands.today(),
        value=TwoPersonRule.RECORDED,
        reason="Hanya dua pegawai",
    )
    identifier = await office.propose("admin", recorded, "access", SUBJECT)
    await office.approve("kepala", identifier)
    own = await office.propose("verifikator-wasnas", WRONG)
    assert (await office.approve("verifikator-wasnas", own)).added


async def test_a_case_moves_to_another_division_with_both_heads(
    office: Office,
) -> None:
    moved = Reclassified(
        effective_on=date(2021, 3, 3),
        category=Category.SARA,
        dimension=Dimension.AGAMA,
    )
    identifier = await office.propose("verifikator-wasnas", moved)
    await office.approve("kepala-wasnas", identifier)
    assert await office.types("conflict-K1") == ["reported"]
    with pytest.raises(Refused, match="another division"):
        await office.approve("kepala-wasnas", identifier)
    await office.approve("kepala-iwasbang", identifier)
    assert await office.types("conflict-K1") == ["reported", "reclassified"]
    assert await office.types(f"proposal-{identifier}") == [
        *("proposed", "approved", "approved")
    ]


async def test_cases_of_two_divisions_are_merged_with_both_heads(
    office: Office,
) -> None:
    other = Reported(
        category=Category.SARA,
        dimension=Dimension.AGAMA,
        title="Sengketa rumah ibadah",
        effective_on=date(2021, 3, 1),
    )
    await office.do("petugas-iwasbang", "K2", other)
    merged = Merged(into="K2", reason="Ganda")
    with pytest.raises(Forbidden, match="iwasbang"):
        await office.do("kepala-wasnas", "K1", merged)
    identifier = await office.propose("verifikator-wasnas", merged)
    await office.approve("kepala-wasnas", identifier)
    await office.approve("kepala-iwasbang", identifier)
    assert await office.types("conflict-K1") == ["reported", "merged"]
    assert await office.types("conflict-K2") == ["reported", "absorbed"]


async def test_the_texts_of_a_proposal_are_not_in_the_log(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas", WRONG)
    async with office.desk.app.pool.acquire() as connection:
        [proposed] = await log.read_stream(connection, f"proposal-{identifier}")
    assert b"Salah" not in proposed.record
    assert {text.s for text in proposed.body().text.values()} == {"conflict-K1"}


async def test_an_approval_covers_the_divisions_in_which_the_approver_may_approve(
    office: Office,
) -> None:
    head = office.people["kepala-wasnas"]
    officer = RoleGranted(
        effective_on=office.desk.app.commands.today(),
        role=Role.PETUGAS,
        division="iwasbang",
        basis="SK/4",
    )
    await office.do("admin", head.account, officer, category="account")
    moved = Reclassified(
        effective_on=date(2021, 3, 3),
        category=Category.SARA,
        dimension=Dimension.AGAMA,
    )
    identifier = await office.propose("verifikator-wasnas", moved)
    await office.approve("kepala-wasnas", identifier)
    async with office.desk.app.pool.acquire() as connection:
        [_, approved] = await log.read_stream(connection, f"proposal-{identifier}")
    assert approved.body().data["divisions"] == ["wasnas"]
    assert await office.types("conflict-K1") == ["reported"]


# Recoveries of accounts that approve.


def lost(office: Office, days_ago: int = 0) -> Recovered:
    day = office.desk.app.commands.today() - timedelta(days=days_ago)
    return Recovered(effective_on=day, reason="Telepon hilang")


async def test_an_account_that_approves_is_recovered_by_two_persons(
    office: Office,
) -> None:
    head, officer = (office.people[f"{of}-wasnas"] for of in ("kepala", "petugas"))
    with pytest.raises(Forbidden, match="second person") as refused:
        await office.do("admin", head.account, lost(office), category="account")
    assert refused.value.proposable
    assert (
        await office.do("admin", officer.account, lost(office), category="account")
    ).added
    identifier = await office.propose("admin", lost(office), "account", head.account)
    for name in ("admin", "kepala-wasnas", "kepala-iwasbang", "perencana"):
        with pytest.raises(Forbidden):
            await office.approve(name, identifier)
    stream = f"account-{head.account}"
    assert await office.types(stream) == ["invited", "granted"]
    outcome = await office.approve("kepala", identifier)
    assert (outcome.receipt.stream, outcome.receipt.count) == (stream, 2)
    assert await office.types(stream) == ["invited", "granted", "recovered"]


async def test_of_two_approvals_of_a_recovery_at_once_one_is_recorded(
    office: Office, desks: Desks
) -> None:
    office.people["kepala-2"] = await approved_invitation(
        office, Role.KEPALA_BADAN, "Kepala Kedua"
    )
    other = await desks()
    head = office.people["kepala-wasnas"].account
    identifier = await office.propose("admin", lost(office), "account", head)
    found = await asyncio.gather(
        office.approve("kepala", identifier),
        office.approve("kepala-2", identifier, other),
        return_exceptions=True,
    )
    assert sum(isinstance(one, CommandResult) for one in found) == 1
    assert sum(isinstance(one, Refused) for one in found) == 1
    assert (await office.types(f"account-{head}")).count("recovered") == 1


async def test_rights_that_were_proposed_on_an_earlier_day_hold_from_the_approval(
    office: Office,
) -> None:
    head, planner = (office.people[of] for of in ("kepala-wasnas", "perencana"))
    granted = RoleGranted(
        effective_on=lost(office, 3).effective_on, role=Role.AUDITOR, basis="ST/1"
    )
    for account, event in ((head, lost(office, 3)), (planner, granted)):
        identifier = await proposed_before(office, account, event)
        outcome = await office.approve("kepala", identifier)
        async with office.desk.app.pool.acquire() as connection:
            *_, last = await log.read_stream(connection, outcome.receipt.stream)
        assert last.type == event.__struct_config__.tag
        assert last.effective_on == office.desk.app.commands.today()


async def proposed_before(office: Office, of: Credentials, event: Any) -> str:
    """The proposal of *event*, as it was made on its day."""
    stored, texts = proposal.encode("account", event)
    admin, identifier = office.people["admin"], str(uuid4())
    proposed = Proposed(
        effective_on=event.effective_on,
        by=admin.account,
        target=TargetStream(f"account-{of.account}", 2),
        command=stored,
        because="BA 12",
        **texts,
    )
    await office.do("admin", identifier, proposed, category="proposal")
    return identifier


# A factor is asked for last.


async def test_who_may_not_approve_is_not_asked_for_a_factor(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas", WRONG)
    for name in ("verifikator-iwasbang", "perencana", "admin"):
        fresh = office.people[name]
        office.people["stale"] = Credentials(fresh.account, fresh.version)
        with pytest.raises(Forbidden) as refused:
            await office.approve("stale", identifier)
        assert not isinstance(refused.value, StepUpRequired)
        assert "requires one of" in str(refused.value)


async def test_an_approval_for_one_of_two_divisions_needs_a_fresh_factor_of_an_approver(
    office: Office,
) -> None:
    moved = Reclassified(
        effective_on=date(2021, 3, 3), category=Category.SARA, dimension=Dimension.AGAMA
    )
    identifier = await office.propose("verifikator-wasnas", moved)
    head = office.people["kepala-iwasbang"]
    office.people["stale"] = Credentials(head.account, head.version)
    with pytest.raises(StepUpRequired):
        await office.approve("stale", identifier)
    office.people["recent"] = Credentials(
        head.account, head.version, fresh=True, approves=False
    )
    with pytest.raises(Forbidden, match="less than 24 hours ago"):
        await office.approve("recent", identifier)
    assert await office.types(f"proposal-{identifier}") == ["proposed"]
    await office.approve("kepala-iwasbang", identifier)
    assert await office.types(f"proposal-{identifier}") == ["proposed", "approved"]
