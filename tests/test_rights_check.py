"""The check of rights reads the log once, and says how far it came."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs

from iku.domain.access import TABLE_VERSION, Mode
from iku.ledger import log as records
from iku.rights_check import FINDINGS, RightsCheckResult, check_rights
from tests.domain.judged_log import JudgedLog, office, rights_set
from tests.domain.test_recorded_rights import HANDLED, K1


async def checked(log: JudgedLog, monkeypatch: pytest.MonkeyPatch) -> RightsCheckResult:
    async def read(_reader: Any) -> AsyncIterator[Any]:
        for one in log.records:
            yield one

    monkeypatch.setattr(records, "read_log", read)
    nobody: Any = None
    return await check_rights(nobody)


async def test_all_findings_are_counted_and_the_first_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = office()
    assert (await checked(log, monkeypatch)).findings == []
    for _ in range(FINDINGS + 3):
        log.record("stranger", (K1, HANDLED))
    found = await checked(log, monkeypatch)
    assert (found.refused, len(found.findings)) == (FINDINGS + 3, FINDINGS)
    assert (found.mode, found.accounts) == (Mode.ACCOUNTS, 5)


async def test_a_newer_table_ends_the_judgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = office()
    last = log.record("iku", ("access-rights", rights_set(TABLE_VERSION + 1)))
    log.record("stranger", (K1, HANDLED))
    found = await checked(log, monkeypatch)
    assert (found.findings, found.unjudged) == ([], last + 1)


async def test_a_record_that_cannot_be_read_ends_it_with_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = office()
    last = log.record("iku", ("access-rights", rights_set()))
    log.records[-1] = structs.replace(log.records[-1], type="unheard_of")
    [finding] = (await checked(log, monkeypatch)).findings
    assert f"position {last}: rights cannot be verified" in finding
