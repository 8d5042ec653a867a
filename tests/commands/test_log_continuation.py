"""Continuation of the log after a restore that lost signed events."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs

import iku_verify
from iku import app as wiring
from iku.commands import log_continuation
from iku.commands.command import Command
from iku.commands.decision import CommandDecision, request
from iku.commands.log_continuation import Approval
from iku.domain.continuation import Continued, LogNames
from iku.domain.decider import Refused, Transition
from iku.exchange import bundle
from iku.ledger import checkpoint, checkpoint_signing, checkpoint_store, log, tree
from iku.ledger.appender import AcceptedRequest
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Receipt, StreamPart
from iku.ledger.policy import Policy
from iku.ledger.record import NewEvent
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.database import Database
from iku.postgres.pool import Plain, connect_as_signer
from iku.settings import Settings
from iku.streams import FoldedStream
from tests import emptied as in_turn
from tests.conftest import Clone, name_of
from tests.ledger.conftest import ZONE, Ask
from tests.ledger.test_attacks import CUT, asleep
from tests.registers.filled import owner_of

# A copy of `origin`, which is restored for each test.
emptied_pool, emptied = in_turn.emptied_pool, in_turn.emptied
database, owner, signer = in_turn.database, in_turn.owner, in_turn.signer

ORIGIN = "iku.test/log"
APPROVAL = Approval("Kepala Badan", "Cakram rusak; cadangan terakhir dipulihkan")
# The checkpoints that a restored backup also lacks.
LATER = """
alter table ledger.checkpoint disable trigger append_only;
delete from ledger.checkpoint where size > 2;
alter table ledger.checkpoint enable always trigger append_only;
"""


class Office(NamedTuple):
    """A register, its signer, and the checkpoint that an auditor kept."""

    owner: Plain
    signer: Plain
    settings: Settings
    folder: Path

    async def sign(self, origin: str) -> SignerFolder:
        home = SignerFolder(self.folder / origin.replace("/", "-"))
        if not (home.folder / "key").exists():
            home.make_key(origin)
        outcome = await checkpoint_signing.sign(self.signer, home, origin)
        kept = self.folder / f"{origin.replace('/', '-')}@{outcome.size}"
        kept.write_text(outcome.note)
        return home

    def kept(self, size: int) -> bytes:
        return (self.folder / f"iku.test-log@{size}").read_bytes()

    async def go_on(self, size: int = 4) -> Continued:
        raw = self.kept(size)
        return await wiring.continue_log(self.settings, raw, APPROVAL, "u/siti")


async def append(owner: Plain, *streams: str) -> None:
    requests = [Ask()(stream, command=stream) for stream in streams]
    await log.append(owner, requests, zone=ZONE)


class Model(NamedTuple):
    """A database that tests copy, and the folder of its signer."""

    database: str
    folder: Path


@pytest.fixture(scope="module")
async def signed(
    clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Model:
    """Four events, signed after two and after four."""
    folder, database = tmp_path_factory.mktemp("signed"), await clone(template)
    assert database.signer_dsn is not None
    owner = await owner_of(database)
    signer = await connect_as_signer(database.signer_dsn)
    office = Office(owner, signer, Settings(), folder)
    await append(owner, "a-1", "b-1")
    await office.sign(ORIGIN)
    await append(owner, "c-1", "d-1")
    await office.sign(ORIGIN)
    await owner.close()
    await signer.close()
    return Model(name_of(database), folder)


@pytest.fixture(scope="module")
async def cut(clone: Clone, signed: Model) -> Model:
    """The same, of which two events are lost."""
    database = await clone(signed.database)
    owner = await owner_of(database)
    await asleep(owner, CUT.format(2), LATER)
    await owner.close()
    return Model(name_of(database), signed.folder)


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """A template without other events, because the tests count them from 1."""
    name = "cut" if "restored" in request.fixturenames else "signed"
    model: Model = request.getfixturevalue(name)
    return model.database


@pytest.fixture
def commands(
    owner: Plain, signer: Plain, database: Database, signed: Model, tmp_path: Path
) -> Office:
    """A copy of the signed log, or of the one of which two events are lost."""
    settings = Settings(
        database_url=database.application_dsn, owner_url=database.owner_dsn
    )
    shutil.copytree(signed.folder, tmp_path, dirs_exist_ok=True)
    return Office(owner, signer, settings, tmp_path)


@pytest.fixture
def restored(commands: Office) -> Office:
    """A restored backup, which lacks two signed events."""
    return commands  # `origin` selects that model


async def test_the_first_event_after_those_kept_tells_what_is_lost(
    restored: Office,
) -> None:
    told = await restored.go_on()
    assert (told.origin, told.successor) == (ORIGIN, f"{ORIGIN}/2")
    assert (told.kept, told.lost_to) == (2, 4)
    assert told.signed.encode() == restored.kept(4)
    (recorded,) = await log.read_stream(restored.owner, log_continuation.STREAM)
    assert (recorded.position, recorded.type) == (3, "continued")
    assert recorded.body().actor == "u/siti"
    assert await log_continuation.origin(restored.owner) == f"{ORIGIN}/2"
    assert await check_ledger(restored.owner) == []


async def test_it_is_told_once(restored: Office) -> None:
    await restored.go_on()
    with pytest.raises(Refused, match=r"the log has been named iku\.test/log/2 since"):
        await restored.go_on()


async def test_a_log_that_was_never_continued_has_no_name_of_its_own(
    commands: Office,
) -> None:
    assert await log_continuation.origin(commands.owner) is None


async def test_a_log_that_holds_all_that_was_signed_is_not_continued(
    commands: Office,
) -> None:
    for size in (4, 2):
        with pytest.raises(Refused, match="no event is lost: the log has 4 events"):
            await commands.go_on(size)


async def test_a_log_that_is_not_what_was_signed_is_not_continued(
    restored: Office,
) -> None:
    await append(restored.owner, "x-1", "y-1")
    with pytest.raises(Refused, match="the log was altered, not truncated"):
        await restored.go_on()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _raw: b"", "the file is not a signed checkpoint"),
        (lambda _raw: b"\xff", "the file is not a signed checkpoint"),
        (
            lambda raw: raw.replace(b"\n4\n", b"\n5\n"),
            "not signed by a known key of iku.test",
        ),
        (
            lambda raw: raw.replace(b"iku.test/log", b"other/log"),
            "a known key of other/log",
        ),
    ],
)
async def test_only_a_signed_checkpoint_tells_what_was_lost(
    restored: Office, change: Callable[[bytes], bytes], says: str
) -> None:
    changed = change(restored.kept(4))
    with pytest.raises(Refused, match=says):
        await wiring.continue_log(restored.settings, changed, APPROVAL, "u/siti")
    assert (await log.head(restored.owner)).size == 2


async def test_a_key_that_the_backup_does_not_hold_is_read_from_the_policy(
    restored: Office, tmp_path: Path
) -> None:
    vkey = SignerFolder(tmp_path / "iku.test-log").key().verifier
    await restored.owner.execute(
        """
        alter table ledger.log_key disable trigger append_only;
        delete from ledger.log_key;
        alter table ledger.log_key enable always trigger append_only;
        """
    )
    with pytest.raises(Refused, match="to add a key, put the line log"):
        await restored.go_on()
    (tmp_path / "policy").write_text(f"log {vkey}\n")
    settings = replace(restored.settings, witnesses=tmp_path / "policy")
    assert (await restored._replace(settings=settings).go_on()).lost_to == 4


@pytest.mark.parametrize(
    "approval", [Approval("", "x"), Approval("x", " "), Approval("x\ny", "x")]
)
async def test_who_decided_and_why_are_lines_of_text(
    restored: Office, approval: Approval
) -> None:
    with pytest.raises(Refused, match="the log cannot be continued"):
        await wiring.continue_log(
            restored.settings, restored.kept(4), approval, "u/siti"
        )


def test_whoever_was_faster_keeps_the_log_from_being_continued() -> None:
    told = Continued(
        effective_on=date(2021, 3, 1),
        origin=ORIGIN,
        successor=f"{ORIGIN}/2",
        kept=2,
        root="x",
        lost_to=4,
        signed="x",
        approver="x",
        reason="x",
    )
    decided = CommandDecision([told], FoldedStream(), LogNames((told,)), ())
    asked = request(Command("ledger", "log", told, "u/siti"), decided, b"")
    assert asked.attachments == (Transition("ledger", "log", None, LogNames((told,))),)
    now = datetime.now(UTC)
    for position in (3, 4):
        receipt = Receipt(
            *("ledger-log", 1, position, 1, position), now, now.date(), b""
        )
        accepted = [AcceptedRequest(asked, receipt)]
        if position == 3:
            log_continuation.refuse_if_log_grew(accepted)
        else:
            with pytest.raises(Refused, match="has grown to 3 since"):
                log_continuation.refuse_if_log_grew(accepted)


# Verification of the continued log by an auditor.


@pytest.fixture
async def exported(restored: Office) -> Office:
    """A bundle of the continued log, and the policy to verify it."""
    await restored.go_on()
    await hand_out(restored)
    return restored


async def hand_out(restored: Office) -> None:
    new = await restored.sign(f"{ORIGIN}/2")
    old = SignerFolder(restored.folder / "iku.test-log")
    keys = (old.key().verifier, new.key().verifier)
    policy = "".join(f"log {key}\n" for key in keys) + "quorum none\n"
    (restored.folder / "policy").write_text(policy)
    await bundle.export(
        restored.owner, Policy(), restored.folder / "bundle", lambda *_: None
    )


@pytest.fixture
def verify(
    restored: Office, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> Callable[..., Any]:
    monkeypatch.chdir(restored.folder)

    def verify(*arguments: str) -> Any:
        asked = ["bundle", "bundle", "--policy", "policy", "--without-witness"]
        code = iku_verify.main([*asked, *arguments, "--json"])
        report = json.loads(capsys.readouterr().out)
        assert report["exit"] == code
        return report

    return verify


LOST = "events 3 to 4 of the log iku.test/log are lost, as declared at position 3"


async def test_the_verifier_tells_the_lost_range_and_does_not_pass_it_over(
    exported: Office, verify: Callable[..., Any]
) -> None:
    report = verify()
    assert (report["exit"], report["finding"]) == (3, LOST)
    report = verify("--accept-loss")
    assert (report["exit"], report["lost"]) == (0, [LOST])


async def test_what_was_kept_is_held_against_the_old_logs_checkpoints(
    exported: Office, verify: Callable[..., Any]
) -> None:
    for size in (2, 4):
        report = verify("--accept-loss", "--known", f"iku.test-log@{size}")
        assert (report["exit"], report["known"]) == (0, 1)
    key = SignerFolder(exported.folder / "iku.test-log").key()
    for size, sentence in (
        (2, "root at size 2"),
        (5, "the log was rolled back to before a known checkpoint: its size"),
    ):
        text = f"{ORIGIN}\n{size}\n{'A' * 43}=\n"
        (exported.folder / "fork").write_text(f"{text}\n{key.sign(text).line}")
        report = verify("--accept-loss", "--known", "fork")
        assert (report["exit"], report["finding"]) == (4, sentence)


async def test_whoever_does_not_know_the_old_log_does_not_believe_what_it_lost(
    exported: Office, verify: Callable[..., Any]
) -> None:
    old, *rest = (exported.folder / "policy").read_text().splitlines()
    (exported.folder / "policy").write_text("\n".join(rest) + "\n")
    assert old.startswith("log iku.test/log+")
    assert verify("--accept-loss")["exit"] == 3


async def test_the_bundle_holds_the_checkpoints_of_both_names(
    exported: Office, verify: Callable[..., Any]
) -> None:
    assert verify("--accept-loss")["checkpoints"] == 2
    names = [
        one.checkpoint.origin
        async for one in checkpoint_store.checkpoints_up_to(exported.owner, 3)
    ]
    assert names == [ORIGIN, f"{ORIGIN}/2"]


@pytest.mark.parametrize(
    ("lie", "position", "sentence"),
    [
        ({"kept": 1}, 3, "number of kept events, and their root hash"),
        ({"root": "x"}, 3, "number of kept events, and their root hash"),
        ({"lost_to": 3}, 3, "last lost event"),
        ({"successor": "iku.test/other"}, 3, "name of the log"),
        ({"signed": "x"}, None, "the checkpoint at position 3 is not a signed note"),
        ({"origin": "x"}, None, "log of the checkpoint at position 3"),
        ({"signed": None}, 3, "the record does not declare a loss"),
        ({"origin": None}, 3, "the record does not declare a loss"),
        ({"kept": "2"}, 3, "the record does not declare a loss"),
        ({"lost_to": True}, 3, "the record does not declare a loss"),
        (None, 3, "the record does not declare a loss"),
    ],
)
async def test_a_log_that_lies_about_what_it_lost_is_not_verified(
    restored: Office,
    verify: Callable[..., Any],
    lie: dict[str, Any] | None,
    position: int | None,
    sentence: str,
) -> None:
    leaves = [record.leaf async for record in log.read_log(restored.owner)]
    told = {
        "origin": ORIGIN,
        "successor": f"{ORIGIN}/2",
        "kept": 2,
        "root": checkpoint.encode_hash(tree.root(leaves)),
        "lost_to": 4,
        "signed": restored.kept(4).decode(),
    }
    data = {} if lie is None else told | lie
    draft = NewEvent("continued", date(2021, 3, 1), data, {})
    part = StreamPart("ledger-log", 0, (draft,))
    asked = structs.replace(Ask()("ledger-log", command="lie"), parts=(part,))
    await log.append(restored.owner, [asked], zone=ZONE)
    await hand_out(restored)
    report = verify("--accept-loss")
    assert report["exit"] > 0
    assert report["finding"].startswith(sentence)
    assert report["position"] == position
