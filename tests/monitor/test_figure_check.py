"""A monitor judges who recorded the new events, as the auditor's program does."""

from iku.domain.conflict import Verified
from iku.monitor.figure_check import FigureCheck
from iku.monitor.finding import FindingKind
from tests.domain.judged_log import TODAY, office

VERIFIED = Verified(effective_on=TODAY)


def test_an_event_that_its_actor_had_no_right_to_record_is_reported_once() -> None:
    log = office()
    check = FigureCheck()
    for one in log.records:
        check.add(one.record)
    assert check.recount().findings == ()
    last = log.record("stranger", ("conflict-K1", VERIFIED))
    check.add(log.records[-1].record)
    [finding] = check.recount().findings
    assert (finding.kind, finding.position) == (FindingKind.RECORD, last)
    assert "account stranger did not exist" in finding.sentence
    log.record("stranger", ("conflict-K2", VERIFIED))
    check.add(log.records[-1].record)
    assert len(check.recount().findings) == 1


def test_what_was_judged_in_an_earlier_run_is_not_reported_again() -> None:
    log = office()
    last = log.record("stranger", ("conflict-K1", VERIFIED))
    check = FigureCheck(last)
    for one in log.records:
        check.add(one.record)
    assert check.recount().findings == ()
