"""The records of an earlier version fold, count, rebuild and verify as before."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import iku_verify
from iku.app import App, open_app
from iku.commands.handler import CommandHandler
from iku.domain.decider_registry import DECIDERS
from iku.ledger.integrity_check import check_ledger
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.embedded import Lease
from iku.postgres.pool import Plain
from iku.projections.rebuild import rebuild
from tests.conftest import SETTINGS, Clone, within
from tests.kept import drawing, kept
from tests.kept.kept import answers, differences, records
from tests.samples import sample
from tests.web.conftest import Client, client_of


@pytest.fixture(scope="module")
async def loaded(server: Lease, administrator: Plain, template: str) -> str:
    """The name of a database with the kept log and rebuilt projections."""
    name = "template_kept"
    await administrator.execute(f"create database {name} template {template}")
    owner = await pools.connect_as_owner(within(server, name).owner_dsn)
    await owner.execute("set event_triggers = off")
    await kept.load(owner, records())
    await rebuild(owner, lambda *_: None)
    await owner.close()
    return name


@pytest.fixture(scope="module")
def answered() -> dict[str, Any]:
    """The kept answers, which take a third of a second to read."""
    return answers()


@pytest.fixture(scope="module")
async def stored(clone: Clone, loaded: str) -> Database:
    return await clone(loaded)


@pytest.fixture(scope="module")
async def opened(
    stored: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[App]:
    """The program, on the day on which the answers were recorded."""
    home = tmp_path_factory.mktemp("kept")
    async with open_app(replace(SETTINGS, home=home), stored) as app:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CommandHandler, "today", lambda _: kept.RECORDED_ON)
            yield app


@pytest.fixture(scope="module")
async def commands(opened: App) -> AsyncIterator[Client]:
    async with client_of(opened) as client:
        yield client


def test_there_is_an_event_of_every_type_that_could_be_recorded_then() -> None:
    found = {(one["stream"].partition("-")[0], one["type"]) for one in read()}
    assert len(found) == 36
    assert {category for category, _ in found} == {
        *("conflict", "organisation", "indicator", "scale"),
        *("publication", "subject", "ledger"),
    }
    assert {category for category, _ in found} <= DECIDERS.keys()


def read() -> list[Any]:
    return [json.loads(record) for record in records()]


async def test_the_ledger_is_found_sound(opened: App) -> None:
    async with opened.pool.acquire() as connection:
        assert await check_ledger(connection) == []


async def test_building_the_projections_again_finds_no_difference(
    stored: Database, commands: Client
) -> None:
    owner = await pools.connect_as_owner(stored.owner_dsn)
    assert await rebuild(owner, lambda *_: None) == []
    await owner.close()


def test_two_thousand_questions_of_every_kind_were_answered_then(
    answered: dict[str, Any],
) -> None:
    assert len(answered) == 2_000
    kinds = Counter(urlsplit(asked).path.split("/")[-1] for asked in answered)
    for kind, least in (
        ("figure", 700),
        ("figures", 100),
        ("series", 200),
        ("explanation", 200),
        ("difference", 150),
        ("replay", 150),
        ("comparison", 60),
        ("conflicts", 90),
        ("organisations", 90),
        ("events", 30),
        ("changes", 4),
    ):
        assert kinds[kind] >= least
    assert answered.keys() >= {*drawing.drawn()}


async def test_every_question_is_answered_as_it_was_then(
    commands: Client, answered: dict[str, Any]
) -> None:
    before = dict(sample([*answered.items()], 11))
    now = await kept.ask(commands, before)
    found = [
        difference
        for asked, answer in before.items()
        for difference in differences(answer, now[asked], asked)
    ]
    assert not found, "\n".join(found)


async def test_each_published_figure_is_recounted_from_the_log_alone(
    commands: Client, answered: dict[str, Any]
) -> None:
    numbers = {
        figure["number"]
        for asked, answer in answered.items()
        if asked.startswith("/publications/") and "changes" not in asked
        for figure in answer["figures"]
    }
    assert len(numbers) == 6
    for number in numbers:
        assert (await commands.says(f"/figures/{number}"))["verdict"] == "same"


def test_the_bundle_and_its_texts_are_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = io.BytesIO((kept.HOME / "bundle.tar.gz").read_bytes())
    with tarfile.open(fileobj=raw) as archive:
        archive.extractall(tmp_path, filter="data")
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(kept.unzipped("texts.jsonl.gz"))
    typed = ["bundle", tmp_path / "bundle", "--json", "--texts", texts]
    typed += ["--policy", kept.HOME / "policy.txt"]
    code = iku_verify.main([str(one) for one in typed])
    report = json.loads(capsys.readouterr().out)
    # The only finding is that there was no witness.
    assert (code, report["finding"]) == (3, report["lacking"][0]), report
    assert len(report["lacking"]) == 1
    assert (report["size"], report["publications"]) == (len(records()) - 1, 4)
    assert (report["texts"]["opened"], report["texts"]["erased"]) == (504, 4)
