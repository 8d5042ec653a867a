"""Attacks on an auditor: each is refused or found, and none ends in a traceback."""

import errno
import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import iku_verify
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Algorithm, SigningKey
from tests.exchange.forging import ORIGIN, WITNESS, forge, forged_files, policy, write
from tests.exchange.test_bundle import relist
from tests.flipping import Flipped
from tests.ledger.test_note import log_key, weak_keys, witness_key
from tests.ledger.test_policy import many_witnesses, nested_groups
from tests.monitor.lying_log import record
from tests.samples import examples

KEY = log_key()
DAY = 86_400
NOW = int(time.time())


SIZE = 300
RECORDS = [record(number + 1) for number in range(SIZE)]
EARLIER = (3, 100, 256, SIZE)


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    """The files of a bundle that was cosigned three days ago."""
    return forged_files(KEY, RECORDS, EARLIER, NOW - 3 * DAY - 60)


@pytest.fixture
def folder(sound: dict[str, bytes], tmp_path: Path) -> Path:
    """The bundle, for this test alone."""
    return write(tmp_path / "b", sound)


Verify: TypeAlias = Callable[..., Any]


@pytest.fixture
def verify(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Verify:
    """The report of `iku-verify bundle` on the folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy").write_text(policy(KEY))

    def verify(*options: object) -> Any:
        typed = ["bundle", folder, "--json", "--policy", tmp_path / "policy", *options]
        code = iku_verify.main([str(one) for one in typed])
        report = json.loads(capsys.readouterr().out)
        assert report["exit"] == code
        return report

    return verify


def said(capsys: pytest.CaptureFixture[str], *typed: object) -> str:
    """The report of `iku-verify` as text."""
    iku_verify.main([str(one) for one in typed])
    return capsys.readouterr().out


def alone(*typed: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """`iku-verify` in a process of its own."""
    words = [sys.executable, "-I", iku_verify.__file__, *map(str, typed)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    return run(words, check=False, **options)


# The time of cosignatures


def test_the_age_of_a_bundle_is_told_with_the_verdict(
    verify: Verify, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    report = verify()
    assert (report["exit"], report["witnesses"]) == (0, ["saksi.test"])
    assert report["newest"] == iku_verify.format_time(NOW - 3 * DAY - 60)
    printed = said(capsys, "bundle", folder, "--policy", tmp_path / "policy")
    assert printed.startswith("VERIFIED (exit 0)\n")
    assert "witnessed by 1 of 1: saksi.test; the newest on " in printed
    assert "UTC, 3 days ago\n" in printed


def test_a_bundle_that_is_older_than_was_demanded_is_not_enough(
    verify: Verify,
) -> None:
    for days, code in ((4, 0), (3, 0), (2, 3), (-1, 3)):
        on = iku_verify.format_time(NOW - days * DAY)[:10]
        report = verify("--newer-than", on, "--without-witness")
        if days == 3:  # the cosignature is of that day or of the one before
            continue
        assert report["exit"] == code, days
    assert report["finding"].startswith("no quorum cosigned the checkpoint since")
    with pytest.raises(SystemExit) as caught:
        verify("--newer-than", "2026-02-30")
    assert caught.value.code == 2


def test_a_quorum_has_to_be_as_new_as_was_demanded(
    verify: Verify, folder: Path, tmp_path: Path
) -> None:
    other = witness_key("other.test", 7)
    text = (folder / "checkpoint").read_text()
    fresh = other.sign(text.partition("\n\n")[0] + "\n", NOW).line
    (folder / "checkpoint").write_text(text + fresh)
    relist(folder, "checkpoint")
    both = f"log {KEY.verifier}\nwitness W {WITNESS.verifier}\n"
    both += f"witness O {other.verifier}\ngroup G {{}} W O\nquorum G\n"
    today = iku_verify.format_time(NOW - 3_600)[:10]
    for least, code in (("any", 0), ("all", 3)):
        (tmp_path / "policy").write_text(both.format(least))
        assert verify()["exit"] == 0
        report = verify("--newer-than", today)
        assert (report["exit"], report["trusted"]) == (code, 2)
        assert report["newest"] == iku_verify.format_time(NOW)


@pytest.mark.parametrize(
    ("at", "code", "says"),
    [
        (0, 3, "no quorum of witnesses cosigned the last checkpoint"),
        (NOW + 60, 0, None),
        (NOW + 2 * DAY, 3, "one of the two clocks is wrong"),
        (2**63 - 1, 3, "one of the two clocks is wrong"),
        (2**63, 1, "has an impossible time"),
        (2**64 - 1, 1, "has an impossible time"),
    ],
    ids=("none", "a minute ahead", "two days ahead", "last", "beyond", "largest"),
)
def test_a_cosignature_of_no_time_or_of_a_time_to_come_is_not_believed(
    at: int, code: int, says: str | None, verify: Verify, folder: Path
) -> None:
    forge(folder, KEY, RECORDS, time=at, earlier=EARLIER)
    report = verify()
    assert report["exit"] == code
    assert says is None or says in report["finding"]


# Signatures


def swap(folder: Path, path: str, key: SigningKey) -> None:
    """Replace the signature of *key* on a checkpoint by one of another text."""
    lines = (folder / path).read_text().split("\n")
    wrong = key.sign("another text\n", NOW).line.rstrip("\n")
    found = [wrong if line.startswith(f"— {key.name} ") else line for line in lines]
    assert found != lines
    (folder / path).write_text("\n".join(found))
    if (folder / "manifest.json").exists():
        relist(folder, path)


@pytest.mark.parametrize("key", [KEY, WITNESS], ids=["log", "witness"])
def test_a_wrong_signature_by_a_trusted_key_is_found_on_every_note_that_is_checked(
    key: SigningKey, verify: Verify, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    says = f"the signature of {key.name} is wrong"
    kept = tmp_path / "kept"
    kept.write_text((folder / "checkpoint").read_text())
    swap(tmp_path, "kept", key)
    report = verify("--known", kept)
    assert (report["exit"], report["finding"]) == (1, f"the known checkpoint: {says}")
    asked = [folder / "checkpoint", kept, "--policy", tmp_path / "policy"]
    told = said(capsys, "compare", *asked)
    assert f"the second checkpoint: {says}" in told
    assert "TAMPERED (exit 1)" in told
    swap(folder, "checkpoints/256", key)
    report = verify("--all")
    assert (report["exit"], report["finding"]) == (1, f"checkpoints/256: {says}")
    swap(folder, "checkpoint", key)
    report = verify()
    assert (report["exit"], report["finding"]) == (1, f"checkpoint: {says}")


def test_what_was_not_checked_is_counted(
    verify: Verify, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    report = verify()
    assert (report["checkpoints"], report["unchecked"]) == (4, 3)
    printed = said(capsys, "bundle", folder, "--policy", tmp_path / "policy")
    assert "4 checkpoints of the bundle agree\n" in printed
    assert "3 of them by root alone: --all checks their signatures\n" in printed
    assert verify("--all")["unchecked"] == 0
    swap(folder, "checkpoints/100", KEY)
    assert verify()["exit"] == 0
    assert verify("--all")["exit"] == 1


def test_the_root_of_a_checkpoint_is_found_wrong_whether_it_is_signed_or_not(
    verify: Verify, folder: Path
) -> None:
    text = Checkpoint(ORIGIN, 100, bytes(32)).text
    (folder / "checkpoints/100").write_text(f"{text}\n{KEY.sign(text).line}")
    relist(folder, "checkpoints/100")
    report = verify()
    assert (report["exit"], report["finding"]) == (1, "root at size 100")


# The policy


def test_a_policy_inside_the_bundle_is_never_trusted_however_it_is_named(
    verify: Verify, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder / "policy.txt")
    (tmp_path / "folder").symlink_to(folder)
    os.link(folder / "policy.txt", tmp_path / "hard")
    for named in (
        *(
            "b/policy.txt",
            "b/tile/../policy.txt",
            "../" + tmp_path.name + "/b/policy.txt",
        ),
        *("link", "folder/policy.txt", "hard", folder / "policy.txt"),
    ):
        report = verify("--policy", named)
        assert report["exit"] == 3, named
        assert "the keys come from inside the bundle" in report["finding"]
        assert verify("--policy", named, "--without-witness")["exit"] == 3


@pytest.mark.parametrize("public", weak_keys().values(), ids=weak_keys())
def test_a_signature_that_a_weak_key_accepts_is_refused_by_the_policy(
    public: bytes, verify: Verify, tmp_path: Path
) -> None:
    weak = iku_verify.Key(ORIGIN, 1, public)
    vkey = f"{weak.name}+{weak.key_id.hex()}+"
    vkey += b64encode(b"\1" + public).decode()
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    report = verify("--without-witness")
    weak_key = f"the key of {ORIGIN} is weak, or not in canonical encoding"
    assert report["finding"] == f"line 1 of the policy: {weak_key}"
    assert report["exit"] == 2


def test_one_key_cannot_be_the_log_and_its_witness(
    verify: Verify, tmp_path: Path
) -> None:
    both = SigningKey("saksi.test", Algorithm.COSIGNATURE, KEY.seed).verifier
    told = f"log {KEY.verifier}\nwitness W {both}\nquorum W\n"
    (tmp_path / "policy").write_text(told)
    report = verify()
    assert report["exit"] == 2
    assert report["finding"].endswith("the key of saksi.test is listed twice")


# Input of a size or a form that nobody expects


def sparse(path: Path) -> None:
    """A file of a terabyte that takes no space."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


HUGE = (
    *("manifest.json", "checkpoint", "checkpoints/100", "policy.txt"),
    *("tile/0/000", "tile/entries/000", "tile/1/000.p/1"),
)


@pytest.mark.parametrize("path", HUGE)
def test_a_huge_file_of_a_bundle_is_refused_by_its_length(
    path: str, verify: Verify, folder: Path
) -> None:
    sparse(folder / path)
    report = verify()
    assert report["exit"] == 2
    assert "is longer than" in report["finding"]


def test_a_huge_file_that_was_handed_over_is_refused_by_its_length(
    verify: Verify, tmp_path: Path, capsys: Any
) -> None:
    sparse(tmp_path / "huge")
    for option in ("--policy", "--known", "--texts"):
        assert verify(option, tmp_path / "huge")["exit"] == 2
    proof = ["proof", tmp_path / "huge", "--policy", tmp_path / "policy"]
    for what in (["--leaf", "0" * 64], ["--record", tmp_path / "huge"]):
        assert "MALFORMED (exit 2)" in said(capsys, *proof, *what)


def listed(folder: Path, change: Callable[[Any], None]) -> bytes:
    """The manifest after a change, in its one form."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    spelt = iku_verify.encode_manifest(manifest)
    (folder / "manifest.json").write_bytes(spelt)
    return bytes(spelt)


def first(**changes: Any) -> Callable[[Any], None]:
    return lambda manifest: manifest["files"][0].update(changes)


def whole(**changes: Any) -> Callable[[Any], None]:
    return lambda manifest: manifest.update(changes)


@pytest.mark.parametrize(
    "change",
    [
        first(bytes=1.0),
        first(bytes=-1),
        first(bytes=True),
        first(bytes="1"),
        first(more=1),
        first(path=1),
        first(path=""),
        first(path="a//b"),
        first(path="./checkpoint"),
        first(path="a/../checkpoint"),
        first(path="/checkpoint"),
        first(path="x" * 256),
        first(path="a\x1b[31m"),
        first(path="a\0b"),
        first(path="é"),
        first(sha256="0" * 63),
        first(sha256="A" * 64),
        first(sha256=0),
        whole(more=1),
        whole(size=300.0),
        whole(size=-1),
        whole(size="300"),
        whole(size=True),
        whole(format="iku-bundle/2"),
        whole(filters="some"),
        lambda manifest: manifest["files"].append(manifest["files"][0]),
    ],
)
def test_a_manifest_in_another_form_is_malformed(
    change: Callable[[Any], None], verify: Verify, folder: Path
) -> None:
    listed(folder, change)
    assert verify()["exit"] == 2


def test_a_manifest_with_lone_surrogates_is_malformed(
    verify: Verify, folder: Path
) -> None:
    raw = (folder / "manifest.json").read_bytes()
    for lone in (rb"\ud800", b"\xed\xa0\x80"):
        named = raw.replace(b'"path":"checkpoint"', b'"path":"' + lone + b'"')
        (folder / "manifest.json").write_bytes(named)
        assert verify()["exit"] == 2


def test_a_file_whose_name_is_no_text_is_found_and_named(
    verify: Verify, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    for name, shown in (
        (b"\xff\x1b[2J", r"\udcff\x1b[2J"),
        (b"\xe2\x80\xae", r"\u202e"),
    ):
        path = os.path.join(os.fsencode(folder), name)  # noqa: PTH118 - of bytes
        with open(path, "wb"):  # noqa: PTH123
            pass
        assert verify()["exit"] == 1
        printed = said(capsys, "bundle", folder, "--policy", tmp_path / "policy")
        assert f"{shown} is not in the manifest" in printed
        assert "\x1b" not in printed
        os.unlink(path)  # noqa: PTH108


def test_a_pipe_or_a_deep_folder_in_a_bundle_is_found(
    verify: Verify, folder: Path
) -> None:
    os.mkfifo(folder / "pipe")
    report = verify()
    assert (report["exit"], report["finding"]) == (1, "pipe is not a regular file")
    (folder / "pipe").unlink()
    made = [folder / "d"]
    made[0].mkdir()
    for _ in range(1_200):
        made.append(made[-1] / "d")
        made[-1].mkdir()
    assert verify()["exit"] == 0
    (made[-1] / "x").touch()
    assert verify()["exit"] == 1
    (made[-1] / "x").unlink()
    for one in reversed(made):
        one.rmdir()


def test_groups_nested_in_a_policy_are_counted_at_any_depth(
    verify: Verify, tmp_path: Path
) -> None:
    (tmp_path / "policy").write_text(nested_groups(5_000))
    assert verify()["exit"] == 3


def test_a_policy_that_is_too_long_is_refused_at_once(
    verify: Verify, tmp_path: Path
) -> None:
    (tmp_path / "policy").write_bytes(b"#\n" * (1 << 19) + many_witnesses(1))
    report = verify()
    assert report["exit"] == 2


# Output


CSI = "\x1b[2J\x9b\u202e\u2028\x07"


def test_no_foreign_text_reaches_the_terminal_unescaped(
    verify: Verify, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    assert iku_verify.printable(CSI + "é\\ ") == (
        r"\x1b[2J\x9b\u202e\u2028\x07" + "é\\ "
    )
    strange = record(2) | {"stream": f"note-{CSI}", "version": 2}
    forge(folder, KEY, [record(1), strange])
    printed = said(capsys, "bundle", folder, "--policy", tmp_path / "policy")
    assert printed.isascii()
    assert r"version of note-\x1b[2J\x9b\u202e\u2028\x07: expected 1" in printed
    named = tmp_path / f"key{CSI}"
    printed = said(capsys, "bundle", folder, "--policy", named)
    assert rf"{tmp_path}/key\x1b[2J" in printed
    assert printed.isascii()
    report = json.loads(said(capsys, "bundle", folder, "--json", "--policy", named))
    assert report["finding"].startswith(str(named))


@pytest.mark.parametrize("code", [0, 3, 4])
def test_the_exit_code_does_not_depend_on_a_folder_that_cannot_be_written(
    code: int, verify: Verify, folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    text = Checkpoint(ORIGIN, 100, bytes(32)).text
    (tmp_path / "fork").write_text(f"{text}\n{KEY.sign(text).line}")
    options = {0: [], 3: ["--newer-than", "2999-01-01"], 4: ["--known", "fork"]}[code]

    def full(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system", "evidence")

    monkeypatch.setattr(Path, "write_text", full)
    assert verify(*options)["exit"] == code


def test_evidence_that_cannot_be_written_is_told(
    verify: Verify, tmp_path: Path, folder: Path
) -> None:
    text = Checkpoint(ORIGIN, 100, bytes(32)).text
    (tmp_path / "fork").write_text(f"{text}\n{KEY.sign(text).line}")
    asked = ["bundle", folder, "--policy", tmp_path / "policy"]
    asked += ["--known", tmp_path / "fork"]
    assert verify("--known", "fork")["exit"] == 4
    for path in tmp_path.glob("evidence-*"):
        path.unlink()
    # The name of the file is taken by a folder, which also stops a superuser.
    notes = (folder / "checkpoint").read_text() + (tmp_path / "fork").read_text()
    name = sha256(notes.encode()).hexdigest()[:16]
    (tmp_path / f"evidence-{name}.json").mkdir()
    done = alone(*asked, cwd=tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith(b"DIVERGED (exit 4)\n")
    assert done.stderr.startswith(b"iku-verify: keep both checkpoints: evidence-")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("known", "code"), [("checkpoints/100", 0), ("../fork", 4)])
def test_the_exit_code_does_not_depend_on_the_output(
    known: str, code: int, verify: Verify, folder: Path, tmp_path: Path
) -> None:
    text = Checkpoint(ORIGIN, 100, bytes(32)).text
    (tmp_path / "fork").write_text(f"{text}\n{KEY.sign(text).line}")
    assert verify()["exit"] == 0
    asked = ["bundle", folder, "--policy", tmp_path / "policy"]
    asked += ["--known", folder / known]
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = alone(*asked, stdout=full, cwd=tmp_path)
        assert done.returncode == code
        assert b"iku-verify: the report cannot be printed\n" in done.stderr
        assert b"Traceback" not in done.stderr
        assert alone(*asked, stdout=full, stderr=full, cwd=tmp_path).returncode == code
    words = [sys.executable, "-I", iku_verify.__file__, *map(str, asked)]
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        shell = ["sh", "-c", f'"$@" {closed}', "sh", *words]
        done = subprocess.run(shell, capture_output=True, check=False, cwd=tmp_path)
        assert done.returncode == code, closed
        assert b"Traceback" not in done.stderr
    ascii_ = {"PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]}
    done = alone(*asked, cwd=tmp_path, env=ascii_)
    assert done.returncode == code


def test_a_sample_of_random_bit_flips_passes_nowhere(tmp_path: Path) -> None:
    """Ten thousand are flipped by `python -m tests.flipping 10000`."""
    flipped = Flipped(tmp_path, 20260105)
    assert flipped.verify() == 0
    codes = {flipped.flip() for _ in range(examples(25, 12))}
    assert codes >= {1, 2}
