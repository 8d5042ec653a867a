"""A witness over HTTP and by files; then verification by an auditor."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iku_verify
from tests.forked import Forker
from tests.ledger.test_note import witness_key


@pytest.fixture
def commands(register: Any, tmp_path: Path) -> str:
    """The verifier key of a register with a checkpoint."""
    vkey: str = register("signer", "key", "--json").json["vkey"]
    register("signer", "once")
    (tmp_path / "logs").write_text(f"log {vkey}\n")
    return vkey


def test_a_witness_by_file_completes_the_proof(
    iku: Any, commands: str, tmp_path: Path
) -> None:
    made = iku("witness", "key", "saksi.test", "--json").json
    assert made["made"] == ["ed25519", "ml-dsa-44"]
    lines = [line.removesuffix(" URL") + "\n" for line in made["lines"]]
    listed = tmp_path / "witnesses"
    listed.write_text("".join(lines))
    watched = {"IKU_WITNESSES": str(listed)}
    asked = iku("signer", "request")
    assert asked.out.startswith("old 0\n\niku.mojokerto.local/log\n146\n")
    (tmp_path / "request").write_text(asked.out)
    assert "does not exist; " in iku("witness", "cosign", "request").err
    line = iku("witness", "cosign", "request", "--policy", "logs")
    assert line.code == 0, line.err
    (tmp_path / "answer").write_text(line.out)
    assert iku("signer", "accept", "request", **watched).code == 1
    said = iku("signer", "accept", "answer", **watched)
    assert said.out == "Cosigned by saksi.test: size 146.\n"
    assert (
        "1 witness; cosigned by a quorum: up to size 146"
        in iku("status", **watched).out
    )
    # The next request begins at the size that this witness has cosigned.
    assert iku("signer", "request", **watched).out.startswith("old 146\n")
    other = witness_key("other.test", 5).verifier
    listed.write_text("".join(lines) + f"witness V {other}\n")
    for name, old in (("saksi.test-ed", 146), ("saksi.test-pq", 146), ("V", 0)):
        command = ("--witness", name)
        said = iku("signer", "request", *command, **watched)
        assert said.out.startswith(f"old {old}\n")
    for words in ((), ("--witness", "X")):
        said = iku("signer", "request", *words, **watched)
        assert said.code == 1
        known = "saksi.test-ed, saksi.test-pq, V"
        assert f"must be one of the witnesses in IKU_WITNESSES: {known}" in said.err
    listed.write_text("".join(lines))
    again = iku("witness", "cosign", "request", "--policy", "logs")
    assert again.code == 1
    assert "the last cosigned size is 146" in again.err
    assert iku("signer", "request", "--old", "147").code == 1

    policy = tmp_path / "policy"
    policy.write_text(f"log {commands}\n{''.join(lines)}quorum saksi.test\n")
    written = iku("export", "bundle", "b", "--json", **watched).json
    assert (written["size"], written["checkpoints"]) == (146, 1)
    asked_of = ["bundle", str(tmp_path / "b"), "--policy", str(policy)]
    assert iku_verify.main(asked_of) == 0
    own = (tmp_path / "b" / "policy.txt").read_text()
    assert "group saksi.test all saksi.test-ed saksi.test-pq\n" in own
    assert "is not empty" in iku("export", "bundle", "b").err
    said = iku("export", "bundle", "c")
    assert "146 events and 1 checkpoints" in said.out
    assert "NO WITNESS" in said.out
    alone = [sys.executable, "-m", "iku_verify", "bundle", "c"]
    done = subprocess.run(alone, cwd=tmp_path, check=False)
    assert done.returncode == 3, "the keys are only those from inside the bundle"


@pytest.mark.usefixtures("indonesian")
def test_a_witness_over_http_is_asked_by_the_signer(
    iku: Any, forker: Forker, commands: str, environ: dict[str, str], tmp_path: Path
) -> None:
    lines = iku("witness", "key", "saksi.test", "--json").json["lines"]
    serving = ("witness", "serve", "--port", "0", "--policy", "logs")
    with forker.start(serving, environ, tmp_path) as process:
        address = process.stdout.readline().split()[-1]
        listed = tmp_path / "witnesses"
        spelt = "".join(f"{line}\n" for line in lines)
        listed.write_text(spelt.replace(" URL", f" {address}"))
        watched = {"IKU_WITNESSES": str(listed)}
        said = iku("signer", "once", **watched)
        assert said.code == 0, said.err
        assert "Kuorum saksi tercapai sampai ukuran 146." in said.out
        assert "TANPA SAKSI" not in said.out
        # A signer that lost its state asks the witness for the last checkpoint.
        (tmp_path / "var" / "signer" / "state").unlink()
        alone = iku("signer", "once")
        assert alone.code == 1
        assert "--known FILE" in alone.err
        assert iku("signer", "once", **watched).code == 0
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    rotated = iku("signer", "rotate", **watched)
    assert rotated.code == 0
    listed.write_text(spelt.replace(" URL", " http://127.0.0.1:1"))
    assert iku("signer", "once", "--json", **watched).json["witnessed"] == 146


def test_a_witness_without_its_memory_cosigns_only_what_it_is_told_is_new(
    iku: Any, commands: str, tmp_path: Path
) -> None:
    iku("witness", "key", "saksi.test")
    (tmp_path / "request").write_text(iku("signer", "request").out)
    asked = ("witness", "cosign", "request", "--policy", "logs")
    assert iku(*asked).code == 0
    for path in (tmp_path / "var" / "witness" / "logs").iterdir():
        path.unlink()
    said = iku(*asked)
    assert (said.code, said.out) == (1, "")
    assert "start with --new if nothing was cosigned" in said.err
    assert iku(*asked, "--new").code == 0
    (tmp_path / "var" / "witness").chmod(0o755)
    assert "chmod 700 " in iku(*asked).err


def test_what_a_witness_lacks_is_named(iku: Any, commands: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "witness contains no key; " in iku("witness", "cosign", "logs").err
    iku("witness", "key", "saksi.test")
    assert (
        "contains no log" in iku("witness", "cosign", "logs", "--policy", "empty").err
    )
    said = iku("witness", "serve", "--policy", "logs", "--host", "203.0.113.1")
    assert said.code == 1
    assert said.err.startswith("iku: cannot listen on 203.0.113.1, port 8001")
    assert (
        "is not a key name"
        in iku("witness", "key", "a b", IKU_WITNESS_HOME=str(tmp_path / "other")).err
    )


def test_the_keys_of_a_witness_are_made_once_and_shown_with_their_lines(
    iku: Any, tmp_path: Path
) -> None:
    key = ("witness", "key", "saksi.test")
    folder = tmp_path / "var" / "witness"
    said = iku(*key, "--kind", "ed25519")
    assert said.code == 0, said.err
    assert re.search(r"The key was created in \S*var/witness/key\.", said.out)
    assert "witness saksi.test saksi.test+" in said.out
    assert not (folder / "key.ml-dsa-44").exists()
    first = iku(*key, "--json").json
    assert (list(first["vkeys"]), first["made"]) == (["ed25519"], [])
    assert len(first["lines"]) == 1
    both = iku(*key, "--kind", "ml-dsa-44", "--json").json
    assert both["made"] == ["ml-dsa-44"]
    assert both["vkeys"]["ed25519"] == first["vkeys"]["ed25519"]
    assert both["lines"] == [
        f"witness saksi.test-ed {both['vkeys']['ed25519']} URL",
        f"witness saksi.test-pq {both['vkeys']['ml-dsa-44']} URL",
        "group saksi.test all saksi.test-ed saksi.test-pq",
    ]
    shown = iku(*key).out
    assert all(line in shown for line in both["lines"])
    assert shown.count("already") == 2
    other = iku("witness", "key", "other.test", "--kind", "ml-dsa-44")
    assert other.code == 0, "nothing is made: the kind is there"
    (folder / "key").unlink()
    other = iku("witness", "key", "other.test", "--kind", "ed25519")
    assert other.code == 1
    assert "other key has the name saksi.test" in other.err
    assert iku(*key, "--kind", "rsa").code == 2
