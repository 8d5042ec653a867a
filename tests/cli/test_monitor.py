"""`iku monitor` beside a real server, and beside one that lies about figures."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from iku.cli.monitor import RoundIntervals
from iku.postgres.pool import Plain
from tests.cli.conftest import Type
from tests.exchange import forging
from tests.forked import Forker, Process
from tests.ledger.test_attacks import EDIT, FORGET, SLEEP, WAKE
from tests.monitor.lying_log import KEY, LyingLog, answering, lying_log, records

STEPS = (
    ("draft", "--as-of", "2021-12-31", "--reason", "LKjIP", "--actor", "ani"),
    ("close", "2021", "--known-on", "2022-01-15", "--reason", "D", "--actor", "ani"),
    ("review", "2021", "--reason", "Diperiksa", "--actor", "siti"),
    ("publish", "2021", "--reason", "Dicetak", "--actor", "budi"),
)
SIZE = 146
CLOSED = SIZE + 2


@pytest.fixture
def log() -> Iterator[LyingLog]:
    with lying_log() as log:
        yield log


@pytest.fixture
def lied(tmp_path: Path) -> Path:
    """The policy that trusts the lying log and its witness."""
    path = tmp_path / "lied"
    path.write_text(forging.policy(KEY))
    return path


@pytest.fixture
def real(
    register: Type, forker: Forker, environ: dict[str, str], tmp_path: Path
) -> Iterator[str]:
    """The address of a server over the example register, which is signed."""
    vkey = register("signer", "key", "--json").json["vkey"]
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    assert register("signer", "once").code == 0
    with forker.start(("serve", "--port", "0"), environ) as serving:
        found = re.search(r"http://127\.0\.0\.1:\d+", serving.stdout.readline())
        assert found is not None
        yield found[0]


async def test_a_real_log_is_followed_and_its_attacks_found(
    iku: Type, real: str, owner: Plain, tmp_path: Path
) -> None:
    once = ("monitor", real, "--policy", "policy", "--once", "--without-witness")
    found = iku(*once, "--json")
    assert (found.code, found.json["new"]) == (0, SIZE), found.out
    for words in STEPS:
        assert iku("publication", *words).code == 0
    assert iku("signer", "once").code == 0
    said = iku(*once)
    assert said.code == 0, said.out
    assert "150 records verified, 4 of them new" in said.out
    assert "3 figures of 1 publications were recounted and agree" in said.out
    again = iku(*once, "--json").json
    assert (again["new"], again["figures"], again["size"]) == (0, 0, 150)
    assert iku(*once, "--full").code == 0

    another = EDIT.replace("'u/siti', 'u/sita'", """'"actor":"', '"actor":"x'""")
    await owner.execute(f"{SLEEP}{another.format(10)};{WAKE}")
    assert iku(*once).code == 0, "the tree is the signed one"
    edited = iku(*once, "--full", "--json")
    assert edited.code == 1
    [finding] = edited.json["findings"]
    assert (finding["kind"], finding["position"]) == ("edited", 10)

    cut = "delete from ledger.event where position > 148;"
    await owner.execute(f"{SLEEP}{cut}{WAKE}")
    [finding] = iku(*once, "--full", "--folder", "other", "--json").json["findings"]
    assert (finding["kind"], finding["position"]) == ("missing", 149)

    later = "delete from ledger.checkpoint where size > 146;"
    await owner.execute(FORGET.replace("delete from ledger.checkpoint;", later))
    [finding] = iku(*once, "--json").json["findings"]
    assert (finding["kind"], finding["position"]) == ("rollback", 147)
    assert (tmp_path / "var" / "monitor" / "records").stat().st_mode & 0o777 == 0o600


def published(iku: Type, tmp_path: Path) -> list[Any]:
    """The records of a register after one publication."""
    for words in STEPS:
        assert iku("publication", *words).code == 0
    iku("signer", "key")
    assert iku("signer", "once").code == 0
    assert iku("export", "bundle", "b").code == 0
    return forging.records(tmp_path / "b")


def figure(told: list[Any], at: int) -> dict[str, Any]:
    frozen: dict[str, Any] = told[CLOSED - 1]["data"]["figures"][at]
    return frozen


@pytest.mark.usefixtures("register")
def test_a_wrong_figure_is_found_within_the_round_in_which_it_appears(
    iku: Type, log: LyingLog, lied: Path, tmp_path: Path
) -> None:
    told = published(iku, tmp_path)
    once = ("monitor", log.url, "--policy", lied, "--once")
    nothing = {"IKU_DATABASE_URL": None, "IKU_OWNER_URL": None, "IKU_SIGNER_URL": None}
    assert iku(*once[:2], *once[2:]).code == 4
    log.show(told[:SIZE])
    assert iku(*once, **nothing).code == 0
    figure(told, 0)["numerator"] += 1
    log.show(told[:CLOSED])
    for _ in range(2):
        said = iku(*once, **nothing)
        assert said.code == 1
        assert "WRONG FIGURE: a published figure differs from its recount" in said.out
        assert "publication 2021, IKU-1: numerator: expected 8, found 9" in said.out
        assert f"position {CLOSED}" in said.out
    assert not (tmp_path / "var" / "postgres").exists(), "no database is needed"
    assert iku(*once, "--keep-going").code == 1
    assert iku(*once).code == 0, "it was acknowledged"
    log.show(told)
    assert iku(*once).code == 0
    kept = (tmp_path / "var" / "monitor" / "findings").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in kept] == [
        "unreadable",
        *3 * ["figure"],
    ]


@pytest.mark.usefixtures("register")
def test_a_figure_that_was_closed_again_in_the_same_round_is_found(
    iku: Type, log: LyingLog, lied: Path, tmp_path: Path
) -> None:
    """The first closing lies, and a second one of the same records does not."""
    told = published(iku, tmp_path)[:CLOSED]
    closing = told[-1]
    version = closing["version"]
    returned = {
        **closing,
        "type": "returned",
        "version": version + 1,
        "command": "r-1",
        "data": {"publication": "2021"},
    }
    right = json.loads(json.dumps(closing))
    right |= {"version": version + 2, "command": "r-2"}
    figure(told, 2)["denominator"] += 1
    log.show([*told, returned, right])
    found = iku("monitor", log.url, "--policy", lied, "--once", "--json")
    assert found.code == 1
    assert {one["kind"] for one in found.json["findings"]} == {"figure"}
    assert found.json["publications"] == 2


def test_a_cosignature_of_a_far_day_is_not_believed(
    iku: Type, log: LyingLog, lied: Path
) -> None:
    log.show(records(3), at=2**63 - 1)
    said = iku("monitor", log.url, "--policy", lied, "--once")
    assert (said.code, said.err) == (3, "")
    assert "cosigned by saksi.test; time of the cosignatures unknown" in said.out
    assert "one of the clocks is wrong" in said.out


@pytest.mark.parametrize("language", ["en", "id"])
def test_a_hostile_text_does_not_reach_the_terminal(
    iku: Type, log: LyingLog, lied: Path, language: str
) -> None:
    log.show(records(3))
    log.answers["checkpoint"] = answering(500, "\x1b]0;x\x07\u202e\x9b31m".encode())
    said = iku("monitor", log.url, "--policy", lied, "--once", IKU_LANGUAGE=language)
    assert said.code == 4
    assert "500" in said.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said.out + said.err)


def test_the_command_line_is_refused_with_two(
    iku: Type, log: LyingLog, lied: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("rahasia\n")
    key.chmod(0o600)
    (tmp_path / "damaged").write_bytes(b"log x\n")
    for words, said in (
        ((log.url,), "--policy"),
        ((log.url, "--policy", "none"), "none: No such file"),
        ((log.url, "--policy", "damaged"), "line 1 of the policy"),
        (("ftp://x", "--policy", lied), "ftp://x is not the address of a server"),
        (("http://x", "--policy", lied, "--key", key), "neither https"),
        ((log.url, "--policy", lied, "--key", lied), "is accessible to other users"),
        ((log.url, "--policy", lied, "--key", "none"), "none: No such file"),
        ((log.url, "--policy", lied, "--every", "0"), "--every"),
    ):
        lied.chmod(0o644)
        found = iku("monitor", *words, "--once")
        assert (found.code, said in found.err) == (2, True), found
        assert "rahasia" not in found.out + found.err
    log.show(records(3))
    found = iku("monitor", log.url, "--policy", lied, "--key", key, "--once")
    assert found.code == 0, found
    assert {sent for _, sent in log.asked} == {"Bearer rahasia"}
    kept = b"".join(p.read_bytes() for p in (tmp_path / "var" / "monitor").iterdir())
    assert b"rahasia" not in kept


def test_a_folder_that_cannot_be_used_ends_with_four(
    iku: Type, log: LyingLog, lied: Path, tmp_path: Path
) -> None:
    log.show(records(3))
    once = ("monitor", log.url, "--policy", lied, "--once")
    assert iku(*once, IKU_MONITOR_HOME=str(tmp_path / "m")).code == 0
    (tmp_path / "m" / "records").unlink()
    found = iku(*once, "--folder", "m")
    assert (found.code, "is damaged" in found.err) == (4, True)
    (tmp_path / "m").chmod(0o755)
    found = iku(*once, "--folder", "m")
    assert (found.code, "chmod 700" in found.err) == (4, True)
    found = iku(*once, "--folder", "lied/below")
    assert (found.code, "Not a directory" in found.err) == (4, True)


Run = Callable[..., Process]


@pytest.fixture
def run(
    log: LyingLog, lied: Path, forker: Forker, environ: dict[str, str], tmp_path: Path
) -> Iterator[Run]:
    """`iku monitor` as a process that goes on."""
    with ExitStack() as started:

        def run(*options: str) -> Process:
            words = ("monitor", log.url, "--policy", str(lied), "--every", "1")
            unbuffered = {**environ, "PYTHONUNBUFFERED": "1"}
            process = forker.start((*words, *options), unbuffered, tmp_path)
            return started.enter_context(process)

        yield run


def line(process: Process) -> str:
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_follows_until_a_signal(log: LyingLog, run: Run, number: int) -> None:
    log.show(records(3))
    process = run()
    assert "3 records verified, 3 of them new" in line(process)
    log.show(records(8))
    assert "8 records verified, 5 of them new" in line(process)
    log.answers["checkpoint"] = answering(503, b"away")
    assert "cannot be read: checkpoint: the server responded with status 503" in line(
        process
    )
    log.answers.clear()
    assert "8 records verified, 0 of them new" in line(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    # A further round may have ended before the signal arrived.
    assert all("8 records verified, 0 of them new" in of for of in out.splitlines())


def test_it_stops_at_a_finding_unless_it_is_told_to_keep_going(
    log: LyingLog, run: Run
) -> None:
    log.show(records(3))
    process = run()
    assert "3 of them new" in line(process)
    log.show([*records(2), {**records(3)[2], "actor": "u/budi"}])
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, "")
    assert "FORK: the tree that the log signed at size 3 is not that of" in out
    assert "both checkpoints are kept in " in out

    process = run("--keep-going", "--json")
    found = json.loads(line(process))
    assert [one["kind"] for one in found["findings"]] == ["fork"]
    log.show(records(4))
    while found["new"] == 0:
        found = json.loads(line(process))
    assert (found["exit"], found["size"]) == (0, 4)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 1, "there was a finding"


def test_the_wait_grows_while_the_log_cannot_be_read() -> None:
    waits = [RoundIntervals(60, 1).wait_s(failures) for failures in range(6)]
    assert waits == [60, 120, 240, 480, 900, 900]
    assert RoundIntervals(3_600, 1).wait_s(9) == 3_600
    assert RoundIntervals(1, 1).wait_s(10_000) == 900


def test_a_second_monitor_of_the_folder_is_refused(
    log: LyingLog, lied: Path, run: Run, iku: Type
) -> None:
    log.show(records(3))
    process = run()
    line(process)
    begun = time.monotonic()
    found = iku("monitor", log.url, "--policy", lied, "--once")
    assert (found.code, "another process holds the lock of" in found.err) == (4, True)
    assert time.monotonic() - begun < 30
