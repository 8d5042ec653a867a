"""The signer on the command line, and its effect on other commands."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from iku.ledger import note, policy
from iku.postgres.pool import Plain
from tests.forked import Forker

RUN = ("signer", "run", "--every", "1")
TAMPER = (
    "alter table ledger.event disable trigger append_only;"
    "update ledger.event set record = record || ' ' where position = 100"
)


def test_a_key_is_made_once_and_shown_always(iku: Any, tmp_path: Path) -> None:
    made = iku("signer", "key", "--json").json
    assert made["made"]
    assert note.parse_verifier(made["vkey"]).name == "iku.mojokerto.local/log"
    again = iku("signer", "key")
    assert "The key already exists in" in again.out
    assert made["vkey"] in again.out
    key = tmp_path / "var" / "signer" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    said = iku("signer", "key")
    assert said.code == 1
    assert "is accessible to other users (mode 0644)" in said.err


def test_signing_says_what_was_signed_and_that_nobody_watches(iku: Any) -> None:
    assert "run `iku signer key` to create the key" in iku("signer", "once").err
    vkey = iku("signer", "key", "--json").json["vkey"]
    assert "never" in iku("status").out
    iku("example")
    said = iku("signer", "once")
    assert said.code == 0, said.err
    assert "Signed: a checkpoint of size 207; 207 records read." in said.out
    assert "NO WITNESS" in said.out
    again = iku("signer", "once", "--full", "--json").json
    assert (again["size"], again["signed"], again["witnesses"]) == (207, False, 0)
    trusted = policy.parse(f"log {vkey}\nquorum none\n".encode())
    judged = policy.judge(trusted, note.parse(again["checkpoint"].encode()))
    assert judged.checkpoint.size == 207
    told = iku("status").out
    assert re.search(r"Signed by the log +up to size 207", told)
    assert re.search(r"Witnesses +NO WITNESS", told)
    assurance = iku("status", "--json").json["assurance"]
    assert (assurance["signed"], assurance["witnesses"]) == (207, 0)


@pytest.mark.usefixtures("register")
async def test_an_alarm_is_told_by_whoever_is_asked(
    iku: Any, owner: Plain, tmp_path: Path
) -> None:
    iku("signer", "key")
    iku("signer", "once")
    await owner.execute(TAMPER)
    said = iku("signer", "once")
    assert said.code == 1
    assert said.err.startswith("iku: position 100: the record has leaf hash ")
    assert said.err.count("\n") == 1
    assert re.search(r"ALARM +position 100: ", iku("status").out)
    assert iku("status", "--json").json["assurance"]["alarm"].startswith("position 100")
    # A restored database has no alarm; the signer's file has.
    await owner.execute("alter table ledger.alarm disable trigger append_only")
    await owner.execute("delete from ledger.alarm")
    assert re.search(r"ALARM +position 100: ", iku("status").out)
    assert "the signer has raised an alarm: position 100" in iku("signer", "once").err
    assert (tmp_path / "var" / "signer" / "ALARM").exists()


@pytest.mark.usefixtures("register")
def test_a_signer_without_state_takes_a_checkpoint_by_file(
    iku: Any, tmp_path: Path
) -> None:
    iku("signer", "key")
    signed = iku("signer", "once", "--json").json["checkpoint"]
    (tmp_path / "known").write_text(signed)
    (tmp_path / "other").write_text(signed.replace("146", "145"))
    (tmp_path / "var" / "signer" / "state").unlink()
    for words in ((), ("--known", "other")):
        said = iku("signer", "once", *words)
        assert (said.code, said.out) == (1, "")
        assert "--known" in said.err
    said = iku("signer", "once", "--known", "known")
    assert said.code == 0, said.err
    assert "Signed: a checkpoint of size 146; 146 records read." in said.out
    assert iku("signer", "once", "--json").json["signed"] is False


async def test_a_changed_schema_is_signed_under_only_once_it_is_accepted(
    iku: Any, owner: Plain, tmp_path: Path
) -> None:
    iku("signer", "key")
    assert iku("signer", "once").code == 0
    assert re.search(
        r"Shape of the schema +[0-9a-f]{64}, as expected", iku("status").out
    )
    await owner.execute("create table public.note ()")
    told = iku("status")
    assert told.code == 1
    assert "now relation public.note: kind r" in told.out
    assert told.err.startswith("iku: the schema does not have the shape that this")
    for command in ("once", "rotate"):
        said = iku("signer", command)
        assert (said.code, said.out) == (1, "")
    shape = iku("status", "--json").json["shape"]
    assert f"iku signer accept-shape {shape['found']}" in iku("signer", "once").err
    assert re.search(r"ALARM +the schema has the shape", iku("status").out)
    wrong = iku("signer", "accept-shape", shape["expected"])
    assert wrong.code == 1
    assert f"has the shape {shape['found']}, not {shape['expected']}" in wrong.err
    assert iku("signer", "accept-shape", shape["found"]).code == 0
    assert iku("signer", "once").code == 0
    told = iku("status")
    assert told.code == 0
    assert "accepted by the signer; 1 lines differ" in " ".join(told.out.split())
    # A status that cannot read the folder goes by the release.
    assert iku("status", IKU_SIGNER_HOME=str(tmp_path / "other")).code == 1


def test_each_checkpoint_is_copied_to_a_folder_outside(
    iku: Any, tmp_path: Path
) -> None:
    iku("signer", "key")
    share = {"IKU_CHECKPOINT_COPIES": str(tmp_path / "share")}
    said = iku("signer", "once", **share)
    assert said.code == 0
    assert "the checkpoint was not copied: " in said.out
    (tmp_path / "share").mkdir()
    iku("example")
    signed = iku("signer", "once", "--json", **share).json
    assert signed["uncopied"] is None
    [copied] = (tmp_path / "share").iterdir()
    assert copied.name.startswith("000000000207-")
    assert copied.read_text() == signed["checkpoint"]


@pytest.mark.usefixtures("register")
def test_a_key_is_changed(iku: Any) -> None:
    old = iku("signer", "key", "--json").json["vkey"]
    assert "no checkpoint is signed yet" in iku("signer", "rotate").err
    iku("signer", "once")
    said = iku("signer", "rotate")
    assert said.code == 0, said.err
    new = iku("signer", "key", "--json").json["vkey"]
    assert new != old
    assert f"New public key of the log, for auditors and witnesses: {new}" in said.out
    assert iku("signer", "once", "--json").json["signed"] is False


def test_the_signer_has_a_login_of_its_own(iku: Any) -> None:
    said = iku("signer", "once", IKU_SIGNER_URL=None)
    assert said.code == 1
    assert "IKU_SIGNER_URL is not: the signer requires its own login" in said.err


async def test_the_signer_does_not_change_the_schema(iku: Any, owner: Plain) -> None:
    last = "(select max(version) from public.schema_migration)"
    await owner.execute(f"delete from public.schema_migration where version = {last}")
    assert "run `iku migrate` first" in iku("signer", "once").err


async def test_a_cosignature_that_does_not_verify_is_reported(
    iku: Any, owner: Plain
) -> None:
    iku("signer", "key")
    iku("signer", "once")
    await owner.execute(
        "insert into ledger.cosignature (size, vkey, line) values (9, 'saksi+x', '')"
    )
    told = (
        "cosignature of saksi at size 9 ignored: no checkpoint of that size is signed"
    )
    assert told in iku("signer", "once").out
    said = iku("status")
    assert said.code == 0
    assert told in " ".join(said.out.split())
    assert iku("status", "--check").code == 1


def test_a_wrong_list_of_witnesses_is_refused(iku: Any, tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    file.write_text("witness A x\n")
    for command in (("signer", "once"), ("status",)):
        said = iku(*command, IKU_WITNESSES=str(file))
        assert said.code == 1
        assert "IKU_WITNESSES: line 1 of the policy" in said.err


def test_the_embedded_server_has_a_login_for_the_signer(iku: Any) -> None:
    none = dict.fromkeys(("IKU_DATABASE_URL", "IKU_OWNER_URL", "IKU_SIGNER_URL"))
    assert iku("signer", "key", **none).code == 0
    said = iku("signer", "once", "--json", **none)
    assert said.code == 0, said.err
    assert said.json["size"] == 0


@pytest.mark.usefixtures("register")
def test_running_it_signs_until_told_to_stop(
    iku: Any, forker: Forker, environ: dict[str, str], tmp_path: Path
) -> None:
    iku("signer", "key")
    with forker.start(RUN, environ, tmp_path) as process:
        assert "Signed: a checkpoint of size 146" in process.stdout.readline()
        assert "another process" in iku("signer", "once").err
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "NO WITNESS" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("indonesian")
def test_a_signer_whose_database_is_away_tries_again(
    iku: Any, forker: Forker, environ: dict[str, str], tmp_path: Path
) -> None:
    iku("signer", "key")
    away = "postgresql://iku@127.0.0.1:1/x"
    nowhere = environ | {"IKU_DATABASE_URL": away, "IKU_SIGNER_URL": away}
    with forker.start(RUN, nowhere, tmp_path) as process:
        assert "TANPA SAKSI" in process.stderr.readline()
        for _ in range(2):
            assert "mencoba lagi" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
