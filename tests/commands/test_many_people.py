"""Fifty people work at once while their roles change; the log stays as it may be.

Two applications take the commands, as two processes would. An administrator revokes,
grants, suspends and restores meanwhile. Afterwards both judges of recorded rights find
nothing, and no refused attempt has recorded an event.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any
from uuid import uuid4

from msgspec import structs

from iku.commands import proposals
from iku.commands.command import Command, StaleVersion
from iku.domain.access import Credentials
from iku.domain.account import (
    AccountRestored,
    AccountSuspended,
    Invite,
    Role,
    RoleGranted,
    RoleRevoked,
)
from iku.domain.conflict import (
    Category,
    Corrected,
    Dimension,
    Handled,
    Level,
    Phase,
    Reclassified,
    Verified,
)
from iku.domain.decider import Refused, SubjectNotFound
from iku.domain.fact import Person
from iku.ledger import log
from iku.ledger.log import VersionConflict
from iku.rights_check import check_rights
from tests.commands.conftest import Desk, Desks, auditors_findings
from tests.commands.test_authorisation import REPORTED, first_admin, invite

PEOPLE = 50
ATTEMPTS = 9  # of each person
CHANGES = 40  # of the administrator
REFUSALS = (Refused, SubjectNotFound, StaleVersion, VersionConflict)
CASES = {
    "wasnas": REPORTED,
    "iwasbang": structs.replace(
        REPORTED, category=Category.SARA, dimension=Dimension.AGAMA
    ),
}


@dataclass
class Crowd:
    """The people, what they work on, and which of their commands were refused."""

    desks: tuple[Desk, Desk]
    admin: Credentials
    kepala: Credentials
    random: Random
    people: list[tuple[Credentials, Role, str]] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    proposals: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    async def invite_everybody(self) -> None:
        """Officers and verifiers by the administrator, heads with an approval."""
        roles = [Role.PETUGAS] * 4 + [Role.VERIFIKATOR] * 3 + [Role.KEPALA_BIDANG]
        for number in range(PEOPLE - 2):
            role = roles[number % len(roles)]
            division = ("wasnas", "iwasbang")[number // len(roles) % 2]
            if role is Role.KEPALA_BIDANG:
                by = await self._head(f"Kepala {number}", division)
            else:
                by = await invite(
                    *(self.desks[0], role, f"Orang {number}", self.admin),
                    division=division,
                )
            self.people.append((by, role, division))

    async def _head(self, name: str, division: str) -> Credentials:
        desk = self.desks[0]
        asked = Invite(
            holder=Person(name, str(uuid4())),
            basis="SK/2",
            role=Role.KEPALA_BIDANG,
            division=division,
        )
        command = Command("account", str(uuid4()), asked, "", credentials=self.admin)
        async with desk.app.pool.acquire() as connection:
            commands = desk.app.commands
            held = await proposals.propose(commands, connection, command, "SK")
            by = Command("proposal", "", None, "", credentials=self.kepala)
            found = await proposals.approve(commands, connection, held.subject, by)
        return Credentials(found.subject, found.receipt.version, fresh=True)

    async def work(self, by: Credentials, division: str) -> None:
        """The attempts of one person, many of which are refused."""
        for _ in range(ATTEMPTS):
            desk, command_id = self.random.choice(self.desks), str(uuid4())
            attempt = self.random.choice(
                (self.report, self.act, self.act, self.act, self.propose, self.approve)
            )
            try:
                await attempt(desk, by, division, command_id)
                self.done[attempt.__name__] += 1
            except REFUSALS:
                self.refused.append(command_id)

    async def report(
        self, desk: Desk, by: Credentials, division: str, command_id: str
    ) -> None:
        """Enter a case, most often of one's own division."""
        if self.random.random() < 0.2:
            division = "iwasbang" if division == "wasnas" else "wasnas"
        subject = f"K{len(self.cases)}-{command_id[:4]}"
        await desk.do(subject, CASES[division], command_id, credentials=by)
        self.cases.append(subject)

    async def act(
        self, desk: Desk, by: Credentials, _division: str, command_id: str
    ) -> None:
        """Verify, handle, correct or reclassify any case."""
        event = self.random.choice(
            (
                Verified(effective_on=date(2021, 3, 2)),
                Verified(effective_on=date(2021, 3, 2)),
                Handled(effective_on=date(2021, 3, 3), phase=Phase.PENCEGAHAN),
                Corrected(corrects=1, level=Level.KEKERASAN, reason="Salah tingkat"),
                Reclassified(
                    effective_on=date(2021, 3, 4),
                    category=Category.SARA,
                    dimension=Dimension.AGAMA,
                ),
            )
        )
        subject = self.random.choice(self.cases)
        await desk.do(subject, event, command_id, credentials=by)

    async def propose(
        self, desk: Desk, by: Credentials, _division: str, command_id: str
    ) -> None:
        """Propose a correction of any case."""
        wrong = Corrected(corrects=1, level=Level.POTENSI, reason="Salah tingkat")
        subject = self.random.choice(self.cases)
        command = Command("conflict", subject, wrong, "", command_id, credentials=by)
        async with desk.app.pool.acquire() as connection:
            held = await proposals.propose(
                desk.app.commands, connection, command, "BA 1"
            )
        self.proposals.append(held.subject)

    async def approve(
        self, desk: Desk, by: Credentials, _division: str, command_id: str
    ) -> None:
        """Approve or withdraw any proposal."""
        if not self.proposals:
            raise SubjectNotFound
        held = self.random.choice(self.proposals[-8:])
        command = Command("proposal", "", None, "", command_id, credentials=by)
        async with desk.app.pool.acquire() as connection:
            decide = self.random.choice(
                (proposals.approve, proposals.approve, proposals.withdraw)
            )
            await decide(desk.app.commands, connection, held, command)

    async def change_roles(self) -> None:
        """What the administrator does meanwhile, to the people one after the other."""
        today = self.desks[0].app.commands.today()
        for number in range(CHANGES):
            by, _, division = self.people[number * 7 % len(self.people)]
            change: Any = (
                RoleRevoked(effective_on=today, grant=2, reason="Mutasi"),
                AccountSuspended(effective_on=today, reason="Cuti"),
                AccountRestored(effective_on=today, reason="Masuk"),
                RoleGranted(
                    effective_on=today,
                    role=Role.VERIFIKATOR,
                    basis="SK/3",
                    division="iwasbang" if division == "wasnas" else "wasnas",
                ),
            )[number % 4]
            await self.desks[number % 2].do(
                by.account, change, category="account", credentials=self.admin
            )
            await asyncio.sleep(0.02)


async def crowd(desks: Desks) -> Crowd:
    """Fifty accounts, and a case of each division."""
    both = await desks(), await desks()
    admin = await first_admin(both[0])
    kepala = await invite(both[0], Role.KEPALA_BADAN, "Kepala")
    found = Crowd(both, admin, kepala, Random(14))
    await found.invite_everybody()
    for division, case in CASES.items():
        by = next(
            one
            for one, role, own in found.people
            if role is Role.PETUGAS and own == division
        )
        await both[0].do(f"K-{division}", case, credentials=by)
        found.cases.append(f"K-{division}")
    return found


async def test_what_fifty_people_record_at_once_each_was_allowed_to_record(
    desks: Desks,
) -> None:
    many = await crowd(desks)
    await asyncio.gather(
        many.change_roles(),
        *(many.work(by, division) for by, _, division in many.people),
    )
    async with many.desks[0].app.pool.acquire() as connection:
        rights = await check_rights(connection)
        assert rights.findings == []
        assert await auditors_findings(connection) == []
        positions = await connection.fetchval(
            "select array_agg(position order by position) from ledger.event"
        )
        assert positions == [*range(1, len(positions) + 1)]
        recorded = await log.recorded_commands(connection, many.refused)
        assert recorded == {}
        types = Counter(
            row["type"]
            for row in await connection.fetch("select type from ledger.event")
        )
        late = await connection.fetchval(
            """
            select count(*) from ledger.event
             where position > (select min(position) from ledger.event
                                where type in ('revoked', 'suspended'))
            """
        )
    # The run proves something only if much was recorded, and much was refused: entries,
    # verifications and approvals, while roles were revoked.
    for kind in ("reported", "verified", "corrected", "approved", "revoked"):
        assert types[kind] > 0, kind
    assert late > types["revoked"] + types["suspended"] + PEOPLE // 2
    assert {*many.done} == {"report", "act", "propose", "approve"}
    assert rights.accounts > PEOPLE // 2
    assert sum(many.done.values()) > PEOPLE
    assert len(many.refused) > PEOPLE
