"""`iku paper NAME` writes drafts and issued papers, and accepts signed copies."""

import zipfile
from pathlib import Path

from tests.cli.conftest import Type
from tests.cli.test_publication import DRAFT, take
from tests.exchange.papers import signing
from tests.exchange.test_bundle import WITNESS
from tests.exchange.workbooks import cells
from tests.ledger.test_note import witness_key
from tests.printed import open_pdf

NAME = ("paper", "data-terbuka", "2021")


def test_a_paper_is_written_issued_signed_and_restored(
    register: Type, away: dict[str, str], tmp_path: Path
) -> None:
    iku = register
    iku(*DRAFT, "--actor", "ani")
    for step, actor in (("close", "ani"), ("review", "siti"), ("publish", "budi")):
        take(iku, step, actor)
    written = iku(*NAME)
    assert written.code == 0, written.err
    assert "data-terbuka-2021.pdf; it is a draft (KONSEP)" in written.out
    assert "Missing: this paper is not issued yet. Issue it on" in written.out
    assert (tmp_path / "data-terbuka-2021.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert iku(*NAME, "--csv", "-o", "data.csv").code == 0
    assert "IKU-1" in (tmp_path / "data.csv").read_text("utf-8-sig")
    assert iku(*NAME, "--xlsx", "-o", "data.xlsx").code == 0
    book = (tmp_path / "data.xlsx").read_bytes()
    assert any("IKU-1" in map(str, row) for row in cells(book))
    assert iku(*NAME, "--csv", "--xlsx").code == 2
    minutes = ("paper", "berita-acara-tutup-buku", "2021", "-o", "minutes.pdf")
    people = ("--present", "Ani Contoh", "--present", "Siti", "--place", "Balai Kota")
    assert iku(*minutes, *people).out == "Written: minutes.pdf\n"
    with open_pdf((tmp_path / "minutes.pdf").read_bytes()) as pages:
        text = "".join(page.get_text() for page in pages)
    assert all(one in text for one in ("Ani Contoh", "Siti", "Balai Kota, "))
    assert "is not issued" in iku(*NAME, "--signed", "data.csv").err
    assert iku(*NAME, "--issue").out == "The paper was issued.\n"
    again = iku(*NAME, "--issue")
    assert again.code == 1
    assert "already issued with these contents" in again.err
    unwitnessed = iku(*NAME, "-o", "unwitnessed.pdf").out
    assert "Missing: no quorum of witnesses is configured, so the log" in unwitnessed
    assert "Name at least one witness in the file of IKU_WITNESSES" in unwitnessed
    # A witness cosigns by file.
    (tmp_path / "witnesses").write_text(f"witness W {WITNESS.verifier}\nquorum W\n")
    watched = {"IKU_WITNESSES": str(tmp_path / "witnesses")}
    key = iku("signer", "key", **watched)
    assert key.code == 0, key.err
    assert iku("signer", "once", **watched).code == 0
    _cosign(iku, tmp_path, watched)
    final = iku(*NAME, "-o", "final.pdf", **watched)
    assert final.out == "Written: final.pdf\n"
    copy = tmp_path / "bertanda-tangan.pdf"
    copy.write_bytes(signing.sign((tmp_path / "final.pdf").read_bytes()))
    taken = iku(*NAME, "--signed", copy, **watched)
    assert taken.out == "The signed copy was accepted.\n", taken.err
    # The issued bytes are served after a restore, and after a rebuild.
    assert iku("backup", "b.iku").code == 0
    for act in (("restore", "b.iku"), ("rebuild",)):
        done = iku(*act, **away)
        assert done.code == 0, done.err
        written = iku(*NAME, "-o", "again.pdf", **watched, **away)
        assert written.out == "Written: again.pdf\n", written.err
        assert (tmp_path / "again.pdf").read_bytes() == (
            tmp_path / "final.pdf"
        ).read_bytes()
    [sealed] = (tmp_path / "var" / "attachments").glob("*.sealed")
    checked = iku("verify", "texts")
    assert checked.code == 0, checked.out + checked.err
    content = sealed.read_bytes()
    sealed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    damaged = iku("verify", "texts")
    assert damaged.code == 1
    assert "paper-data-terbuka.2021/2" in damaged.out + damaged.err
    foreign = iku(*NAME, "--signed", "data-terbuka-2021.pdf", **watched)
    assert foreign.code == 1
    assert "does not begin with the issued paper" in foreign.err


def _cosign(iku: Type, folder: Path, watched: dict[str, str]) -> None:
    asked = iku("signer", "request", **watched)
    note = asked.out.partition("\n\n")[2]
    text = note.partition("\n\n")[0] + "\n"
    line = witness_key().sign(text, 1_700_000_000).line
    (folder / "answer").write_text(line)
    accepted = iku("signer", "accept", "answer", **watched)
    assert accepted.code == 0, accepted.err


def test_the_evidence_is_written_as_an_archive(register: Type, tmp_path: Path) -> None:
    register(*DRAFT, "--actor", "ani")
    take(register, "close", "ani")
    written = register("paper", "berkas-bukti-lke", "2021", "-o", "bukti.zip")
    assert written.out == "Written: bukti.zip\n", written.err
    with zipfile.ZipFile(tmp_path / "bukti.zip") as archive:
        assert "berkas-bukti-lke-2021/figur.csv" in archive.namelist()
    unknown = register("paper", "berkas-bukti-lke", "2020")
    assert "does not exist" in unknown.err
