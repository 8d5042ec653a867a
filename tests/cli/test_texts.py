"""Verification and export of texts, on the command line."""

import json
import shutil
from pathlib import Path

import pytest

import iku_verify
from iku.postgres.pool import Plain
from tests.cli.conftest import Type

DECIDED = ("--decision", "B/12/2022", "--legal-basis", "UU 27/2022 Pasal 8", "--yes")
SWAP = """
update vault.segment s set sealed = o.sealed
  from vault.segment o
 where s.stream = 'conflict-K01' and o.stream = 'conflict-K02'
   and s.field = 'title' and o.field = 'title' and s.version = 1 and o.version = 1
"""


@pytest.fixture
def signed(register: Type) -> int:
    """The number of texts in the example register, which has a checkpoint."""
    assert register("signer", "key").code == 0
    assert register("signer", "once").code == 0
    texts: int = register("verify", "texts", "--json").json["texts"]["opened"]
    assert texts > 60
    return texts


def audit(
    folder: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, object]:
    """The output of iku-verify on a bundle with exported texts."""
    key = (folder / "policy.txt").read_text()
    policy = folder.with_name("kebijakan")
    lines = [line for line in key.splitlines() if line.startswith("log ")]
    policy.write_text("\n".join([*lines, "quorum none", ""]))
    typed = ["bundle", folder, "--policy", policy, "--texts", texts, "--json"]
    iku_verify.main([*map(str, typed), "--without-witness"])
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return report


@pytest.mark.usefixtures("indonesian")
def test_an_auditor_verifies_the_texts_that_were_handed_over(
    iku: Type, signed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Texts recorded after the last checkpoint are in no bundle, and not exported.
    assert (
        iku("publication", "draft", "--as-of", "2021-12-31", "--reason", "x").code == 0
    )
    done = iku("export", "texts", "teks.jsonl")
    assert (done.code, done.err) == (0, "")
    assert (
        f"Teks: {signed} dibuka, 0 dihapus, 0 terkunci, 0 rusak, 0 hilang." in done.out
    )
    assert (
        "Teks yang didekripsi dari 146 peristiwa pertama ditulis ke teks.jsonl."
        in done.out
    )
    assert (tmp_path / "teks.jsonl").stat().st_mode & 0o777 == 0o600
    assert iku("export", "bundle", "berkas").code == 0
    report = audit(tmp_path / "berkas", tmp_path / "teks.jsonl", capsys)
    assert (report["exit"], report["finding"]) == (0, None)
    counts = {"commitments": signed, "erased": 0, "opened": signed, "withheld": 0}
    assert report["texts"] == counts
    later = iku("export", "texts", "semua", "--size", 147, "--json").json
    assert (later["size"], later["texts"]["opened"]) == (147, signed + 1)


def test_texts_of_a_subject_are_handed_over_alone(
    iku: Type, signed: int, tmp_path: Path
) -> None:
    asked = ("--subject", "conflict-K01", "--subject", "organisation-O01")
    done = iku("export", "texts", "teks", *asked, "--json").json
    lines = [json.loads(line) for line in (tmp_path / "teks").read_text().splitlines()]
    assert {line["event"].partition("/")[0] for line in lines} == {asked[1], asked[3]}
    assert len(lines) == done["texts"]["opened"] < signed
    assert iku("verify", "texts", *asked, "--json").json["texts"] == done["texts"]
    absent = iku("export", "texts", "lain", "--subject", "conflict-K99")
    assert (absent.code, absent.out) == (1, "")
    assert "iku: subject conflict-K99 does not exist (in the log's first" in absent.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["teks", "var"]


def test_what_cannot_be_written_is_refused_in_a_sentence(
    iku: Type, tmp_path: Path
) -> None:
    unsigned = iku("export", "texts", "teks")
    assert unsigned.code == 1
    assert "no checkpoint is signed yet" in unsigned.err
    beyond = iku("export", "texts", "teks", "--size", 10_000)
    assert (beyond.code, "size is 10000, but the log" in beyond.err) == (1, True)
    (tmp_path / "teks").touch()
    there = iku("export", "texts", "teks", "--size", 1)
    assert (there.code, there.err) == (1, "iku: teks already exists\n")
    nowhere = iku("export", "texts", "no/teks", "--size", 1)
    assert (nowhere.code, "No such file or directory" in nowhere.err) == (1, True)


async def test_a_swapped_text_is_named_and_the_rest_is_written(
    iku: Type, signed: int, owner: Plain, tmp_path: Path
) -> None:
    await owner.execute(SWAP)
    position = await owner.fetchval(
        "select position from ledger.event where stream = $1 and version = 1",
        "conflict-K01",
    )
    named = (
        f"position {position}: title of conflict-K01/1: damaged: the stored content "
        "does not match the commitment in the record\n"
    )
    verified = iku("verify", "texts")
    assert verified.code == 1
    assert verified.err == (
        f"{named}iku: texts or files that do not match their records, listed above: 1\n"
    )
    assert (
        f"Texts: {signed - 1} decrypted, 0 erased, 0 locked, 1 damaged" in verified.out
    )
    assert "tidak ada temuan" not in verified.out
    written = iku("export", "texts", "teks")
    assert written.code == 1
    assert written.err.startswith(
        f"{named}iku: texts that do not match their records, listed above: 1"
    )
    assert len((tmp_path / "teks").read_text().splitlines()) == signed - 1


@pytest.mark.usefixtures("indonesian")
def test_erased_texts_are_counted_and_lost_keys_are_told_apart(
    iku: Type, signed: int, tmp_path: Path
) -> None:
    assert iku("erase", "conflict-K01", *DECIDED).code == 0
    erased = iku("verify", "texts", "--json")
    counts = erased.json["texts"]
    assert (erased.code, counts["erased"] > 0) == (0, True)
    assert counts["opened"] + counts["erased"] == signed
    assert (
        "Teks dan berkas dari 147 peristiwa terverifikasi, tidak ada temuan."
        in iku("verify", "texts").out
    )
    elsewhere = {"IKU_KEYS": str(tmp_path / "elsewhere")}
    shutil.copytree(tmp_path / "var" / "keys", elsewhere["IKU_KEYS"])
    for path in (tmp_path / "elsewhere").glob("2*.key"):
        path.unlink()
    lost = iku("verify", "texts", "--json", **elsewhere)
    locked = counts | {"opened": 0, "locked": counts["opened"]}
    assert (lost.code, lost.json["texts"]) == (1, locked)
    found = lost.err.count(": terkunci: kuncinya tidak ada dalam folder")
    assert found == locked["locked"]
    written = iku("export", "texts", "teks", **elsewhere)
    assert (written.code, (tmp_path / "teks").read_text()) == (1, "")
