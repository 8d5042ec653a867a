"""The papers of a publication on its page: downloads, issue, signed copies."""

from dataclasses import replace
from pathlib import Path

import pytest

from iku.app import App
from iku.ledger import checkpoint_signing
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain
from iku.settings import Settings
from tests.conftest import SETTINGS, copy_keys
from tests.exchange.papers import signing
from tests.exchange.test_bundle import WITNESS, cosign
from tests.printed import open_pdf
from tests.web.conftest import Client
from tests.web.pages.test_publications import OWN, SITE, sent
from tests.web.test_publications import THEN, YEAR, publish

PAGE = "/publikasi/2021"
PAPER = f"{PAGE}/dokumen/data-terbuka"
MINUTES = f"{PAGE}/dokumen/berita-acara-tutup-buku"


@pytest.fixture
def contents() -> str:
    return "imported"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those with a witness, and a key folder of its own."""
    witnesses = tmp_path / "witnesses"
    witnesses.write_text(f"witness W {WITNESS.verifier}\nquorum W\n")
    keys = copy_keys(tmp_path / "keys")
    return replace(SETTINGS, keys=keys, witnesses=witnesses)


async def test_a_paper_is_downloaded_issued_and_taken_up_signed(
    client: Client, app: App, signer: Plain, tmp_path: Path
) -> None:
    await client.records("/publications", YEAR, Iku_Actor="ani")
    draft = await client.get(f"{SITE}{PAGE}")
    assert "dokumen/" not in draft.text  # its figures are not frozen
    await publish(client, known_on=THEN)
    page = await client.get(f"{SITE}{PAGE}")
    assert f"{PAPER}.pdf" in page.text
    assert f'action="{MINUTES}/isian"' in page.text
    assert "Belum ada: penanda tangan Kepala Badan. Isi nama pemangku" in page.text
    assert "saksi" not in page.text.partition("Belum ada: ")[2].partition("</ul>")[0]
    people = {"present": "Ani Contoh\n\nSiti ", "place": "Balai Kota"}
    minutes = await sent(client, f"{MINUTES}/isian", **people)
    assert minutes.headers["Content-Type"] == "application/pdf", minutes.text
    with open_pdf(minutes.content) as printed:
        text = "".join(one.get_text() for one in printed)
    assert all(one in text for one in ("Ani Contoh", "2.", "Siti", "Balai Kota, "))
    paper = await client.get(f"{SITE}{PAPER}.pdf")
    assert paper.headers["Iku-Paper"] == "draft"
    answer = await sent(client, f"{PAPER}/terbit")
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"] == f"{PAGE}#dokumen"
    page = await client.get(f"{SITE}{PAGE}")
    assert "konsep (KONSEP) sampai ditandatangani saksi" in page.text
    assert "Belum ada: kuorum saksi belum menandatangani" in page.text
    home = SignerFolder(tmp_path / "signer")
    home.make_key(app.settings.origin)
    await checkpoint_signing.sign(signer, home, app.settings.origin)
    await cosign(signer)
    final = await client.get(f"{SITE}{PAPER}.pdf")
    assert final.headers["Iku-Paper"] == "issued"
    copy = signing.sign(final.content)
    for content, status in ((final.content, 409), (copy, 303)):
        answer = await client.post(
            f"{SITE}{PAPER}/tanda-tangan",
            data={"kunci": f"tiga-{status}.x"},
            files={"berkas": ("lkjip.pdf", content, "application/pdf")},
            headers=OWN,
        )
        assert answer.status_code == status, answer.text
    kept = await client.get(f"{SITE}{PAPER}/tanda-tangan")
    assert kept.content == copy
    page = await client.get(f"{SITE}{PAGE}")
    assert f"{PAPER}/tanda-tangan" in page.text
    assert "kuorum saksi belum" not in page.text


async def test_a_paper_that_lacks_its_signer_is_refused_with_the_reason(
    client: Client,
) -> None:
    await client.records("/publications", YEAR, Iku_Actor="ani")
    await publish(client, known_on=THEN)
    refused = await sent(client, f"{PAGE}/dokumen/lkjip/terbit")
    assert refused.status_code == 409
    assert "penanda tangan Kepala Badan" in refused.text
