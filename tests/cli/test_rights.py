"""`iku status --check` judges who recorded each event."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import iku_verify
from iku.app import open_app
from iku.commands import authorisation
from iku.commands.authorisation import NOBODY, Authority
from iku.postgres.database import Database
from tests.commands.conftest import Desk, auditors_findings
from tests.commands.test_authorisation import REPORTED, VERIFIED, staff
from tests.conftest import SETTINGS


async def test_an_event_that_its_actor_had_no_right_to_record_is_named(
    iku: Any,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    async with open_app(replace(SETTINGS, home=tmp_path / "var"), database) as app:
        desk = Desk(app)
        people = await staff(desk)
        await desk.do("K1", REPORTED, credentials=people["petugas-wasnas"])
        before = iku("status", "--check", "--json").json["rights"]
        assert (before["mode"], before["refused"]) == ("accounts", 0)
        assert "events by 2 accounts, all allowed" in iku("status", "--check").out
        # A program that asks nobody, as a forger would have one.
        monkeypatch.setattr(
            authorisation,
            "authority",
            lambda _known, name, _credentials, _today: Authority(NOBODY, None, name),
        )
        await desk.do("K1", VERIFIED)
        async with app.pool.acquire() as connection:
            [finding] = await auditors_findings(connection)
        assert "account uji did not exist" in finding
    said = iku("status", "--check")
    assert said.code == 1
    assert "verified of conflict-K1 by uji was not allowed" in said.out
    assert "1 not allowed" in said.out
    assert "were not allowed to record their events" in said.err
    assert "dicatat tanpa hak" in iku("status", "--check", IKU_LANGUAGE="id").out
    # The auditor needs nothing but the bundle.
    for words in (("signer", "key"), ("signer", "once"), ("export", "bundle", "it")):
        assert iku(*words).code == 0
    assert iku_verify.main(["bundle", str(tmp_path / "it"), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["finding"].endswith("account uji did not exist")
    assert (report["position"], report["rights"]["refused"]) == (report["size"], 1)


def test_without_a_check_and_without_accounts_nothing_is_judged(iku: Any) -> None:
    assert iku("status", "--json").json["rights"] is None
    assert "local: no accounts" in iku("status", "--check").out


def test_a_demonstration_keeps_the_rules_too(iku: Any) -> None:
    iku("example")
    found = iku("status", "--check", "--json").json["rights"]
    assert (found["mode"], found["findings"]) == ("demonstration", [])
