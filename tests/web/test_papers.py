"""Papers over HTTP: drafts, the issue, signed copies, and who may do what."""

from dataclasses import replace
from pathlib import Path

import pytest

from iku.app import App
from iku.exchange.table_output import XLSX
from iku.ledger import checkpoint_signing
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain
from iku.settings import Settings
from tests.conftest import SETTINGS, copy_keys
from tests.exchange.papers import signing
from tests.exchange.test_bundle import WITNESS, cosign
from tests.exchange.workbooks import cells
from tests.web.conftest import Client, problem
from tests.web.test_publications import THEN, YEAR, publish

PDF = "/publications/2021/papers/data-terbuka.pdf"
ISSUE = "/papers/data-terbuka"
OF = {"publication": "2021"}


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


@pytest.fixture
async def published(client: Client) -> Client:
    await client.records("/publications", YEAR, Iku_Actor="ani")
    await publish(client, known_on=THEN)
    return client


async def test_a_paper_is_downloaded_issued_and_signed(
    published: Client, app: App, signer: Plain, tmp_path: Path
) -> None:
    draft = await published.get(PDF)
    assert draft.status_code == 200, draft.text
    assert draft.headers["Iku-Paper"] == "draft"
    assert "data-terbuka-2021.pdf" in draft.headers["Content-Disposition"]
    early = await published.get(f"{ISSUE}/signed", params=OF)
    assert problem(early, 404)["detail"]
    issued = await published.post(ISSUE, params=OF)
    assert issued.status_code == 201, issued.text
    again = await published.post(ISSUE, params=OF)
    assert "already has this event" in problem(again, 409)["detail"]
    early = await published.post(f"{ISSUE}/signed", params=OF, content=b"%PDF")
    assert "cannot be signed yet" in problem(early, 409)["detail"]
    home = SignerFolder(tmp_path / "signer")
    home.make_key(app.settings.origin)
    await checkpoint_signing.sign(signer, home, app.settings.origin)
    await cosign(signer)
    final = await published.get(PDF)
    assert final.headers["Iku-Paper"] == "issued"
    assert (await published.get(f"{ISSUE}.pdf", params=OF)).content == final.content
    for_signing = await published.get(PDF, params={"for_signing": True})
    assert for_signing.content == final.content + b"\n"
    foreign = await published.post(f"{ISSUE}/signed", params=OF, content=draft.content)
    assert "does not begin with the issued paper" in problem(foreign, 409)["detail"]
    copy = signing.sign(for_signing.content)
    taken = await published.post(f"{ISSUE}/signed", params=OF, content=copy)
    assert taken.status_code == 201, taken.text
    kept = await published.get(f"{ISSUE}/signed", params=OF)
    assert kept.content == copy


async def test_the_tables_of_a_paper_are_a_workbook(published: Client) -> None:
    answer = await published.get("/publications/2021/papers/lkjip.xlsx")
    assert answer.headers["Content-Type"] == XLSX
    assert "lkjip-2021.xlsx" in answer.headers["Content-Disposition"]
    [first] = [
        row
        for row in cells(answer.content, "perhitungan")
        if str(row[0]).startswith("IKU-1 ")
    ]
    assert first[3] == round(first[1] / first[2], 4)


async def test_the_tables_of_a_paper_are_csv(published: Client) -> None:
    answer = await published.get("/publications/2021/papers/lkjip.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "88.89" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/publications/2021/papers/surat.pdf",
        "/publications/2021/papers/lkjip.docx",
        "/publications/2020/papers/lkjip.pdf",
        "/publications/2021/papers/lkjip",
        "/publications/2021-X9/papers/lkjip.pdf",
        "/papers/lkjip.pdf?publication=" + "9" * 3_000,
        "/papers/lkjip.pdf",
        "/papers/lembar-perkara.pdf?case=K99",
        "/papers/surat.pdf",
        "/papers/surat/signed",
    ],
)
async def test_a_paper_that_does_not_exist_is_not_found(
    published: Client, path: str
) -> None:
    assert problem(await published.get(path), 404)["detail"]


async def test_a_paper_that_lacks_its_signer_is_not_issued(published: Client) -> None:
    refused = await published.post("/papers/lkjip", params=OF)
    assert "signer Kepala Badan" in problem(refused, 409)["detail"]
