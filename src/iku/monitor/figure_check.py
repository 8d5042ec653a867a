"""Recounts published figures when they appear, with the auditor's `iku_verify`.

Its classes check the form of each record, fold the register, and compare each frozen
value with the recount. There is no other implementation here.
"""

from dataclasses import replace

from msgspec import Struct

import iku_verify
from iku.messages import message
from iku.monitor.finding import NOT_ENOUGH, FindingKind, MonitorFinding


class RecountResult(Struct, frozen=True):
    """The publications recounted in a round, with the findings."""

    publications: int
    figures: int
    findings: tuple[MonitorFinding, ...]


class _NewPublicationsRegister(iku_verify.Register):
    """A register whose closed publications are those closed since the last recount."""

    def __init__(self) -> None:
        super().__init__()
        self.new_publications: list[iku_verify.Publication] = []

    def closed_publications(self) -> list[iku_verify.Publication]:
        """The publications closed since the last recount, in the order of closing."""
        return self.new_publications


class FigureCheck:
    """The register, folded from records that are added in order.

    Publications closed in the first *counted* records were recounted before.
    """

    def __init__(self, counted: int = 0) -> None:
        self.size = 0
        self._counted = counted
        self._records = iku_verify.Records()
        self._register = _NewPublicationsRegister()
        self._tree = iku_verify.Tree()  # to which a declared loss is compared
        self._findings: list[MonitorFinding] = []
        self._recounted: int | None = None  # the size at the last recount
        self._stopped: int | None = None  # position of a record that cannot be counted

    def add(self, raw: bytes) -> None:
        """Add the next record, unless an earlier record could not be counted."""
        self.size += 1
        if self._stopped is not None:
            return
        try:
            self._add(raw)
            self._tree.add(iku_verify.leaf_hash(raw))
        except iku_verify.Finding as finding:
            self._stopped = self.size
            if self.size > self._counted:
                self._findings.append(_record_finding(finding, self.size))

    def recount(self) -> RecountResult:
        """Recount the publications that were closed since the last call."""
        if self._recounted == self.size:
            return RecountResult(0, 0, ())
        findings, report = self._findings, iku_verify.Report()
        if self._stopped is None:
            findings += [*self._merger_findings(), *self._rights_findings()]
        try:
            iku_verify.recount_published(self._register, report)
        except iku_verify.Finding:
            findings += map(_difference_finding, report.differences)
        if self._stopped is not None and self._stopped <= self._counted < self.size:
            findings.append(_uncounted_records_finding(self._stopped))
        self._counted = self._recounted = self.size
        self._findings, self._register.new_publications = [], []
        return RecountResult(report.publications, report.figures, tuple(findings))

    def _merger_findings(self) -> list[MonitorFinding]:
        """The first merger whose two streams disagree."""
        try:
            self._register.check_mergers()
        except iku_verify.Finding as finding:
            return [_record_finding(finding, finding.position)]
        return []

    def _rights_findings(self) -> list[MonitorFinding]:
        """The new records that their actors had no right to record."""
        rights = self._register.rights
        rights.finish()
        found, rights.findings = rights.findings, []
        new = (one for one in found if (one.position or 0) > self._counted)
        return [_record_finding(one, one.position) for one in new]

    def _add(self, raw: bytes) -> None:
        record = self._records.read(self.size, raw)
        self._register.add(self.size, record)
        if self.size <= self._counted:
            return
        if record["stream"] == "ledger-log":
            loss = iku_verify.read_loss(record, self._tree)
            self._findings.append(_loss_finding(loss))
        if record["stream"].startswith("publication-") and record["type"] == "closed":
            closed = self._register.publications[record["data"]["publication"]]
            # A later step may return or close it again, within the same round.
            self._register.new_publications.append(replace(closed))


def _difference_finding(difference: str) -> MonitorFinding:
    sentence = message(
        "a published figure differs from its recount from the records: {difference}",
        difference=difference,
    )
    return MonitorFinding(FindingKind.FIGURE, sentence)


def _record_finding(
    finding: iku_verify.Finding, position: int | None
) -> MonitorFinding:
    reason = str(finding)
    if finding.code == NOT_ENOUGH:
        sentence = message(
            "this program cannot recount figures from this record on: {reason}",
            reason=reason,
        )
        return MonitorFinding(FindingKind.UNCOUNTED, sentence, position)
    sentence = message(
        "a record breaks a rule of the register: {reason}", reason=reason
    )
    return MonitorFinding(FindingKind.RECORD, sentence, position)


def _uncounted_records_finding(position: int) -> MonitorFinding:
    return MonitorFinding(
        FindingKind.UNCOUNTED,
        message(
            "the figures of the new records were not recounted, because the record at "
            "position {position} cannot be counted",
            position=position,
        ),
        position,
    )


def _loss_finding(loss: iku_verify.Loss) -> MonitorFinding:
    sentence = message("a restore lost signed events: {loss}", loss=str(loss))
    return MonitorFinding(FindingKind.LOSS, sentence, loss.position)
