"""A log written by hand, judged by the program and by the auditor's."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from msgspec import structs

import iku_verify
from iku.domain import fact, proposal
from iku.domain.access import TABLE_VERSION
from iku.domain.access_policy import DivisionOwnership, RightsTableChanged
from iku.domain.account import Invite, Invited, Role, RoleGranted
from iku.domain.conflict import Category, Dimension, Reported
from iku.domain.fact import EventId, Person, TargetStream
from iku.domain.organisation import LegalBasis, OrganisationKind, Registered
from iku.domain.proposal import Approved, Proposed
from iku.domain.recorded_rights import RecordedRights, RightsFinding
from iku.ledger.record import Recorded

TODAY = date(2022, 6, 1)
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
OF_IWASBANG = structs.replace(
    REPORTED, category=Category.SARA, dimension=Dimension.AGAMA
)
REGISTERED = Registered(
    effective_on=date(2020, 1, 1),
    name="Ormas",
    kind=OrganisationKind.ORMAS,
    legal_basis=LegalBasis.BADAN_HUKUM,
)


class JudgedLog:
    """Records in order; each call of `record` is one command."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self._versions = Counter[str]()
        self.today = TODAY

    @property
    def last(self) -> int:
        """The position of the last record."""
        return len(self.records)

    def version(self, stream: str) -> int:
        """The version of *stream*."""
        return self._versions[stream]

    def record(
        self, actor: str, *changes: tuple[str, Any], known_on: date | None = None
    ) -> int:
        """Record the events of one command; the position of the last."""
        command = f"c{len(self.records)}"
        for stream, event in changes:
            self._versions[stream] += 1
            self._append(actor, command, stream, event, known_on)
        return self.last

    def _append(
        self, actor: str, command: str, stream: str, event: Any, known_on: date | None
    ) -> None:
        written = fact.encode(event)
        at = datetime(*self.today.timetuple()[:3], 8, tzinfo=UTC)
        told = {
            "actor": actor,
            "command": command,
            "data": written.data,
            "declared": known_on is not None,
            "effective_on": written.effective_on and written.effective_on.isoformat(),
            "known_on": (known_on or self.today).isoformat(),
            "recorded_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "schema": written.schema,
            "stream": stream,
            "text": {
                name: {"c": 32 * "ab", "s": text.person or stream}
                for name, text in written.text.items()
            },
            "type": written.type,
            "version": self._versions[stream],
        }
        self.records.append(
            Recorded(
                position=len(self.records) + 1,
                stream=stream,
                version=self._versions[stream],
                type=written.type,
                effective_on=written.effective_on,
                known_on=known_on or self.today,
                declared=known_on is not None,
                recorded_at=at,
                record=iku_verify.to_json(told).encode(),
                leaf=b"",
            )
        )

    # What offices do.

    def invite(
        self, by: str, account: str, role: Role, *, person: str = "", **more: Any
    ) -> int:
        """An account with its first role."""
        holder = Person("Nama", str(uuid5(NAMESPACE_URL, person or account)))
        invited = Invited(effective_on=self.today, holder=holder, basis="SK/1")
        granted = RoleGranted(effective_on=self.today, role=role, basis="SK/1", **more)
        stream = f"account-{account}"
        return self.record(by, (stream, invited), (stream, granted))

    def propose(self, by: str, name: str, stream: str, command: Any) -> int:
        """A proposal of *command* on *stream*, as it is now."""
        return self.record(by, (f"proposal-{name}", self.proposed(by, stream, command)))

    def proposed(self, by: str, stream: str, command: Any) -> Proposed:
        """The event of such a proposal."""
        target = TargetStream(stream, self.version(stream))
        stored, texts = proposal.encode(target.category, command)
        return Proposed(
            effective_on=self.today,
            by=by,
            target=target,
            command=stored,
            because="BA 12",
            **texts,
        )

    def approve(
        self,
        by: str,
        name: str,
        *changes: tuple[str, Any],
        divisions: tuple[str, ...] = (),
    ) -> int:
        """An approval, with the events that it records."""
        streams = Counter(stream for stream, _ in changes)
        recorded = None
        if changes:
            stream = changes[-1][0]
            recorded = EventId(stream, self.version(stream) + streams[stream])
        approved = Approved(
            effective_on=self.today, by=by, divisions=divisions, recorded=recorded
        )
        return self.record(by, (f"proposal-{name}", approved), *changes)

    def approved_invitation(self, account: str, role: Role, **more: Any) -> int:
        """An account with a role that needs an approval."""
        holder = Person("Nama", str(uuid5(NAMESPACE_URL, account)))
        stream = f"account-{account}"
        asked = Invite(holder=holder, basis="SK/2", role=role, **more)
        self.propose("admin", f"of-{account}", stream, asked)
        invited = Invited(effective_on=self.today, holder=holder, basis="SK/2")
        granted = RoleGranted(effective_on=self.today, role=role, basis="SK/2", **more)
        return self.approve(
            "kepala", f"of-{account}", (stream, invited), (stream, granted)
        )

    # Judgements.

    def ours(self) -> tuple[RecordedRights, list[RightsFinding]]:
        """The judgement of the program."""
        rights, found = RecordedRights(), list[RightsFinding]()
        for one in self.records:
            found += rights.add(one)
        return rights, found + rights.finish()

    def theirs(self) -> iku_verify.Rights:
        """The judgement of the auditor's program."""
        register = iku_verify.Register()
        for position, one in enumerate(self.records, 1):
            register.add(position, json.loads(one.record))
        register.rights.finish()
        return register.rights

    def refused(self) -> list[int]:
        """The positions at which both programs find an event that was not allowed."""
        rights, ours = self.ours()
        theirs = self.theirs()
        positions = [one.position for one in ours]
        assert [one.position for one in theirs.findings] == positions, (
            [one.sentence for one in ours],
            [*map(str, theirs.findings)],
        )
        assert (theirs.events, theirs.actors) == (rights.events, rights.accounts)
        return positions


def office(table: int = TABLE_VERSION) -> JudgedLog:
    """A log with an account of each role, and of some in two divisions."""
    log = JudgedLog()
    log.record("iku", ("access-rights", rights_set(table)))
    log.invite("iku", "admin", Role.ADMIN)
    log.invite("iku", "kepala", Role.KEPALA_BADAN)
    for division in ("wasnas", "iwasbang", "poldagri"):
        for role in (Role.PETUGAS, Role.VERIFIKATOR):
            log.invite("admin", f"{role}-{division}", role, division=division)
        log.approved_invitation(
            f"kabid-{division}", Role.KEPALA_BIDANG, division=division
        )
    log.invite("admin", "perencana", Role.PERENCANA)
    log.approved_invitation("auditor", Role.AUDITOR)
    log.record("petugas-wasnas", ("conflict-K1", REPORTED))
    log.record("petugas-iwasbang", ("conflict-K2", OF_IWASBANG))
    log.record("petugas-poldagri", ("organisation-O1", REGISTERED))
    return log


def rights_set(table: int = TABLE_VERSION) -> RightsTableChanged:
    """The table and the divisions, as recorded before the first account."""
    return RightsTableChanged(effective_on=TODAY, table=table, divisions=DIVISIONS)
