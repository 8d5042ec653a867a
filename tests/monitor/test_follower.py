"""Each lie of a log is found within one round, and told apart from the others."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from iku.ledger import durable_files, note, tile, tree
from iku.ledger.checkpoint import encode_hash
from iku.ledger.durable_files import FolderInUse, InsecurePermissions
from iku.monitor.finding import MonitorNotReady
from iku.monitor.monitor_folder import MonitorFolder
from tests.exchange.forging import WITNESS, spell
from tests.monitor.conftest import Follow, kinds
from tests.monitor.lying_log import (
    KEY,
    LyingLog,
    answering,
    record,
    records,
)

SIZE = 300
HONEST = records(SIZE)
EDITED = [*HONEST[:99], record(100, data={"n": 5}), *HONEST[100:]]


def test_an_honest_log_is_followed_and_a_long_gap_caught_up(
    log: LyingLog, follow: Follow, folder: Path
) -> None:
    for size, new in ((3, 3), (3, 0), (255, 252), (257, 2), (1_100, 843)):
        log.show(records(size))
        found = follow()
        assert (found.exit, found.size, found.new) == (0, size, new), found
        assert found.root == tree.root(log.leaves).hex()
        assert found.witnesses == ("saksi.test",)
    kept = (folder / "records").read_bytes()
    assert kept == tile.entry_bundle(map(spell, records(1_100)))
    assert follow(full=True).exit == 0


def test_only_what_is_new_is_read(log: LyingLog, follow: Follow) -> None:
    log.show(records(600))
    follow()
    log.asked.clear()
    log.show(records(601))
    follow()
    assert [path for path, _ in log.asked] == [
        "checkpoint",
        "proof/consistency",
        "tile/entries/002.p/89",
    ]
    log.asked.clear()
    follow()
    assert [path for path, _ in log.asked] == ["checkpoint"]


@pytest.mark.parametrize("size", [SIZE, SIZE - 20, SIZE + 1, 700])
def test_a_fork_is_found_and_both_checkpoints_are_kept(
    log: LyingLog, follow: Follow, folder: Path, size: int
) -> None:
    log.show(HONEST)
    follow()
    before = log.files["checkpoint"].decode()
    rewritten = [*EDITED, *records(700)[SIZE:]][:size]
    log.show(rewritten)
    found = follow()
    assert (found.exit, kinds(found), found.size) == (1, ["fork"], SIZE)
    [finding] = found.findings
    assert finding.position == 100
    assert finding.evidence is not None
    evidence = json.loads(Path(finding.evidence).read_bytes())
    assert evidence["notes"] == [before, log.files["checkpoint"].decode()]
    for one in evidence["notes"]:
        note.verify(note.parse(one.encode()), [KEY.verifier])
    # What was verified stays, so the fork is found again, and the old log is fine.
    assert kinds(follow()) == ["fork"]
    log.show(HONEST)
    assert follow().exit == 0
    assert len([*folder.glob("evidence-*.json")]) == 1


def test_a_log_that_was_cut_and_grew_again_is_a_fork(
    log: LyingLog, follow: Follow
) -> None:
    log.show(HONEST)
    follow()
    regrown = [record(n, actor="u/budi") for n in range(281, SIZE + 50)]
    log.show([*HONEST[:280], *regrown])
    [finding] = follow().findings
    assert (finding.kind, finding.position) == ("fork", 281)
    assert "does not continue the one that it signed at size 300" in finding.sentence


def test_a_log_that_gives_no_proof_of_another_history_is_a_fork(
    log: LyingLog, follow: Follow
) -> None:
    log.show(HONEST)
    follow()
    log.show([*EDITED, *records(310)[SIZE:]])
    log.answers["proof/consistency"] = answering(404, b"")
    [finding] = follow().findings
    assert finding.kind == "fork"
    assert "does not prove that it continues size 300" in finding.sentence
    # An honest log that gives no proof is verified by the records alone.
    log.show(records(310))
    log.answers["proof/consistency"] = answering(404, b"")
    assert follow().exit == 0


@pytest.mark.parametrize("size", [299, 256, 1])
def test_a_rollback_is_told_apart_from_a_fork(
    log: LyingLog, follow: Follow, size: int
) -> None:
    log.show(HONEST)
    follow()
    log.show(HONEST[:size])
    found = follow()
    assert (found.exit, kinds(found)) == (1, ["rollback"])
    [finding] = found.findings
    assert f"it has size {size}, but signed size 300" in finding.sentence
    assert finding.position == size + 1


@pytest.mark.parametrize("body", [None, b"", b"\0", b"\xff\xff{}"])
def test_missing_records_are_found(
    log: LyingLog, follow: Follow, body: bytes | None
) -> None:
    log.show(HONEST)
    if body is None:
        del log.files["tile/entries/001.p/44"]
    else:
        log.files["tile/entries/001.p/44"] = body
    found = follow()
    assert (found.exit, kinds(found), found.size) == (1, ["missing"], 0)
    assert found.findings[0].position == 257


@pytest.mark.parametrize(("first", "last"), [(1, SIZE), (257, SIZE - 1), (257, 301)])
def test_a_bundle_with_the_wrong_number_of_records_is_found(
    log: LyingLog, follow: Follow, first: int, last: int
) -> None:
    log.show(HONEST)
    told = records(302)[first - 1 : last]
    log.files["tile/entries/001.p/44"] = tile.entry_bundle(map(spell, told))
    [finding] = follow().findings
    assert finding.kind == "missing"
    assert "the signed tree has 44 there" in finding.sentence


@pytest.mark.parametrize("seen", [0, 99, 120, 299])
def test_an_edited_record_is_found_with_its_position(
    log: LyingLog, follow: Follow, seen: int
) -> None:
    log.show(HONEST[:seen])
    if seen:
        follow()
    log.show(HONEST)
    edited = map(spell, EDITED[:256])
    log.files["tile/entries/000"] = tile.entry_bundle(edited)
    found = follow(full=seen > 256)
    assert (found.exit, kinds(found), found.size) == (1, ["edited"], seen)
    assert found.findings[0].position == 100


def test_an_edited_record_is_found_where_the_hashes_are_edited_too(
    log: LyingLog, follow: Follow
) -> None:
    log.show(EDITED)
    told = dict(log.files)
    log.show(HONEST)
    log.files["tile/0/000"] = told["tile/0/000"]
    log.files["tile/entries/000"] = told["tile/entries/000"]
    found = follow()
    assert (kinds(found), found.findings[0].position) == (["edited"], None)


def test_an_old_record_that_was_edited_is_found_by_a_full_round(
    log: LyingLog, follow: Follow
) -> None:
    log.show(HONEST)
    follow()
    log.files["tile/entries/000"] = tile.entry_bundle(map(spell, EDITED[:256]))
    assert follow().exit == 0
    [finding] = follow(full=True).findings
    assert (finding.kind, finding.position) == ("edited", 100)
    assert tree.leaf_hash(spell(HONEST[99])).hex() in finding.sentence


def test_a_record_that_breaks_a_rule_is_found_until_it_is_acknowledged(
    log: LyingLog, follow: Follow
) -> None:
    told = [*HONEST[:50], record(51, version=60)]
    log.show(told)
    for _ in range(2):
        found = follow()
        assert (found.exit, kinds(found)) == (1, ["record"])
        assert found.findings[0].position == 51
        assert "version of note-1" in found.findings[0].sentence
        assert found.size == 51, "the tree is right"
    assert kinds(follow(keep_going=True)) == ["record"]
    assert follow().exit == 0
    log.show([*told, record(52)])
    found = follow()
    assert (found.exit, kinds(found)) == (3, ["uncounted"])


def test_a_record_of_a_later_program_is_not_enough_to_judge(
    log: LyingLog, follow: Follow
) -> None:
    log.show([record(1, schema=9)])
    found = follow()
    assert (found.exit, kinds(found)) == (3, ["uncounted"])


def declared_loss(kept: int) -> list[Any]:
    """A log that kept 50 records, and declares that it kept *kept* of 70."""
    root = tree.root(tree.leaf_hash(spell(one)) for one in HONEST[:kept])
    lost: dict[str, Any] = {
        "origin": "iku.test/log",
        "successor": "iku.test/log/2",
        "signed": "x",
    }
    lost |= {"kept": kept, "lost_to": 70, "root": encode_hash(root)}
    return [
        *HONEST[:50],
        record(1, command="c-51", stream="ledger-log", type="continued", data=lost),
    ]


def test_a_log_that_declares_a_loss_is_reported(log: LyingLog, follow: Follow) -> None:
    log.show(declared_loss(50))
    found = follow()
    assert (found.exit, kinds(found)) == (3, ["loss"])
    assert "events 51 to 70 of the log iku.test/log" in found.findings[0].sentence


def test_a_declared_loss_that_is_not_true_is_found(
    log: LyingLog, follow: Follow
) -> None:
    log.show(declared_loss(49))
    found = follow()
    assert (found.exit, kinds(found)) == (1, ["record"])
    assert "number of kept events, and their root hash" in found.findings[0].sentence


def test_a_merger_that_only_one_side_knows_is_found(
    log: LyingLog, follow: Follow
) -> None:
    registered = record(
        1,
        stream="organisation-O2",
        type="registered",
        effective_on="2025-01-01",
        data={"kind": "lsm"},
    )
    absorbed = record(
        2,
        stream="organisation-O2",
        type="absorbed",
        data={"origin": {"stream": "organisation-O1", "version": 2}},
    )
    log.show([registered, absorbed])
    found = follow()
    assert (found.exit, kinds(found)) == (1, ["record"])
    assert found.findings[0].position == 2


def test_a_log_of_another_name_is_not_followed_in_the_same_folder(
    log: LyingLog, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.show(HONEST)
    follow()
    other = note.SigningKey("iku.test/log/2", note.Algorithm.NOTE, bytes([9]) * 32)
    monkeypatch.setattr("tests.exchange.forging.ORIGIN", other.name)
    log.show(HONEST, other)
    both = f"log {KEY.verifier}\nlog {other.verifier}\n"
    both += f"witness W {WITNESS.verifier}\nquorum W\n"
    found = follow(policy=both)
    assert (found.exit, kinds(found)) == (3, ["renamed"])


def test_a_checkpoint_of_an_unknown_key_is_not_trusted(
    log: LyingLog, follow: Follow
) -> None:
    stranger = note.SigningKey("iku.test/log", note.Algorithm.NOTE, bytes([9]) * 32)
    log.show(HONEST, stranger)
    found = follow()
    assert (found.exit, kinds(found), found.size) == (3, ["untrusted"], 0)


def test_a_checkpoint_with_a_wrong_signature_is_a_finding(
    log: LyingLog, follow: Follow
) -> None:
    signed = log.show(HONEST).files["checkpoint"]
    log.show(HONEST[:-1])
    text = log.files["checkpoint"].partition(b"\n\n")[0]
    log.files["checkpoint"] = text + b"\n\n" + signed.partition(b"\n\n")[2]
    found = follow()
    assert (found.exit, kinds(found), found.size) == (1, ["signature"], 0)


def test_a_missing_quorum_is_not_enough_unless_it_is_accepted(
    log: LyingLog, follow: Follow
) -> None:
    log.show(HONEST)
    head, _, signatures = log.files["checkpoint"].partition(b"\n\n")
    own = signatures.split(b"\n")[0]
    log.files["checkpoint"] = head + b"\n\n" + own + b"\n"
    found = follow()
    assert (found.exit, kinds(found), found.size) == (3, ["unwitnessed"], SIZE)
    assert follow(without_witness=True).exit == 0
    none = f"log {KEY.verifier}\nquorum none\n"
    assert kinds(follow(policy=none)) == ["unwitnessed"]
    found = follow(policy=none, without_witness=True, max_age_s=3600)
    assert kinds(found) == ["stale"]


def test_the_age_of_the_cosignatures_can_be_demanded(
    log: LyingLog, follow: Follow
) -> None:
    now = int(time.time())
    log.show(HONEST, at=now - 7_300)
    assert follow(max_age_s=9_000).exit == 0
    found = follow(max_age_s=7_200)
    assert (found.exit, kinds(found), found.newest) == (3, ["stale"], now - 7_300)
    log.show(HONEST, at=now + 9_000)
    found = follow()
    assert (found.exit, kinds(found)) == (3, ["untrusted"])
    assert "one of the clocks is wrong" in found.findings[0].sentence
    log.show(HONEST, at=2**63 - 1)
    found = follow()
    assert (found.exit, kinds(found), found.newest) == (3, ["untrusted"], None)
    log.show(HONEST, at=0)
    assert kinds(follow()) == ["unwitnessed"]


@pytest.mark.parametrize("body", [b"", b"\0\xff", b"iku.test/log\n", b"\n\n\n"])
def test_what_is_no_checkpoint_cannot_be_read(
    log: LyingLog, follow: Follow, body: bytes
) -> None:
    log.show(HONEST)
    log.files["checkpoint"] = body
    found = follow()
    assert (found.exit, kinds(found)) == (4, ["unreadable"])


def test_a_server_that_is_away_cannot_be_read_and_loses_nothing(
    log: LyingLog, follow: Follow
) -> None:
    log.show(HONEST)
    follow()
    log.show(records(310))
    log.answers["tile/entries/001.p/54"] = answering(503, b"maintenance")
    found = follow()
    assert (found.exit, kinds(found), found.size) == (4, ["unreadable"], SIZE)
    assert "503: maintenance" in found.findings[0].sentence
    log.answers["checkpoint"] = answering(409, b"nothing is signed yet")
    assert follow().exit == 4
    log.answers.clear()
    assert follow().size == 310


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257])
def test_records_after_a_crash_are_removed_and_read_again(
    log: LyingLog, follow: Follow, folder: Path, size: int
) -> None:
    log.show(records(size))
    follow()
    with (folder / "records").open("ab") as file:
        file.write(b"\0\5half")
    log.show(records(size + 2))
    found = follow()
    assert (found.exit, found.size) == (0, size + 2)
    kept = (folder / "records").read_bytes()
    assert kept == tile.entry_bundle(map(spell, records(size + 2)))


def flipped(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def _with_wrong_signature(state: bytes) -> bytes:
    told = json.loads(state)
    head, key, signature = told["note"].rpartition("saksi.test ")
    told["note"] = f"{head}{key}{signature[:40]}AAAA{signature[44:]}"
    return json.dumps(told).encode()


def test_a_damaged_folder_is_refused(
    log: LyingLog, follow: Follow, folder: Path
) -> None:
    log.show(HONEST)
    follow()
    state, kept = folder / "state", folder / "records"
    sound = state.read_bytes(), kept.read_bytes()
    for damage in (
        lambda: flipped(kept, 40),
        lambda: flipped(kept, 0),
        lambda: kept.write_bytes(sound[1][:-1]),
        kept.unlink,
        lambda: state.write_bytes(b"{"),
        lambda: state.write_bytes(sound[0].replace(b"\\n300", b"\\n299")),
        lambda: state.write_bytes(sound[0].replace(b'counted":300', b'counted":301')),
        lambda: state.write_bytes(_with_wrong_signature(sound[0])),
        lambda: state.write_bytes(b'{"note":null,"length":-1,"counted":0}'),
        state.unlink,
    ):
        damage()
        with pytest.raises(MonitorNotReady):
            follow()
        state.write_bytes(sound[0])
        kept.write_bytes(sound[1])
        state.chmod(0o600)
        kept.chmod(0o600)
    assert follow().exit == 0


def test_the_folder_is_closed_to_others(
    log: LyingLog, follow: Follow, folder: Path
) -> None:
    log.show(EDITED)
    follow()
    log.show(HONEST)
    follow()
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert set(modes.values()) == {0o600}
    assert {"state", "records", "findings", "lock"} < modes.keys()
    for path in (folder, folder / "records"):
        path.chmod(0o755)
        with pytest.raises(InsecurePermissions):
            follow()
        path.chmod(0o700 if path == folder else 0o600)


def test_two_monitors_do_not_share_a_folder(
    log: LyingLog, follow: Follow, folder: Path
) -> None:
    log.show(HONEST)
    with durable_files.exclusive_lock(folder), pytest.raises(FolderInUse):
        follow()


def test_findings_are_kept_once_as_long_as_they_are_the_same(
    log: LyingLog, follow: Follow, folder: Path
) -> None:
    log.show(HONEST)
    follow()
    assert not (folder / "findings").exists()
    log.show(EDITED)
    follow()
    [line] = (folder / "findings").read_bytes().splitlines()
    told = json.loads(line)
    assert (told["kind"], told["position"]) == ("fork", 100)
    assert told["evidence"].startswith(str(folder))


def test_an_interrupted_round_leaves_what_was_verified(
    log: LyingLog,
    follow: Follow,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log.show(HONEST)
    follow()
    log.show(records(900))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MonitorFolder, "write_state", stop)
        with pytest.raises(KeyboardInterrupt):
            follow()
    found = follow()
    assert (found.exit, found.size, found.new) == (0, 900, 600)


def test_an_empty_log_is_followed_from_its_first_record(
    log: LyingLog, follow: Follow
) -> None:
    log.show([])
    assert (follow().exit, follow().size) == (0, 0)
    log.show(HONEST)
    assert follow().size == SIZE
