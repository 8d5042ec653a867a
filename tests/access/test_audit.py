"""The audit trail: who, when, from where, how, and never a secret (ASVS 16.2, 16.3)."""

import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iku.access.audit import AuditTrail, CallSite, Outcome, call_site
from iku.access.secrets import Secrets


@pytest.fixture
def trail(tmp_path: Path) -> AuditTrail:
    return AuditTrail(Secrets(tmp_path / "keys", lambda: date(2026, 1, 5)))


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    written = [one for one in caplog.records if one.name == "iku.audit"]
    return [json.loads(one.message) for one in written]


def test_a_line_states_who_when_from_where_and_how(
    trail: AuditTrail, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.2.1."""
    with caplog.at_level(logging.INFO, "iku.audit"):
        trail.record(Outcome.SUCCESS, "sign-in", account="a1", how="password+totp")
    [line] = lines(caplog)
    assert line["outcome"] == "success"
    assert line["account"] == "a1"
    assert line["how"] == "password+totp"
    assert line["at"].endswith("Z")


def test_an_address_is_a_keyed_hash_that_two_lines_share(
    trail: AuditTrail, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.2.5."""
    with caplog.at_level(logging.INFO, "iku.audit"):
        for address in ("10.1.2.3", "10.1.2.3", "10.1.2.4", ""):
            call_site.set(CallSite(address, "POST /masuk"))
            trail.record(Outcome.FAILURE, "sign-in")
    call_site.set(CallSite())
    one, again, other, unknown = lines(caplog)
    assert one["address"] == again["address"] != other["address"]
    assert len(one["address"]) == 16
    assert "address" not in unknown
    assert one["how"] == "POST /masuk"
    assert "10.1.2" not in caplog.text


def test_lines_are_counted_by_outcome(trail: AuditTrail) -> None:
    for outcome in (Outcome.REFUSED, Outcome.REFUSED, Outcome.CHANGED):
        trail.record(outcome, "enter")
    assert trail.count(Outcome.REFUSED) == 2
    assert trail.count(Outcome.CHANGED) == 1
    assert trail.count(Outcome.SUCCESS) == 0
