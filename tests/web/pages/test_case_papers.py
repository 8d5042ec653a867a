"""The papers of a case on its page: its sheet, and the minutes of a settlement."""

from typing import Any

from iku.app import App
from iku.exchange.table_output import XLSX
from iku.ledger import log
from tests.exchange.workbooks import cells
from tests.printed import open_pdf
from tests.web.conftest import Client
from tests.web.pages.filling import read_form
from tests.web.pages.showing import read
from tests.web.pages.test_import import OWN
from tests.web.people import Office
from tests.web.test_rights import office

__all__ = ["office"]
SITE = "http://iku.test"
RESOLVED, OPEN = "/konflik/K01", "/konflik/K12"
SHEET, MINUTES = "dokumen/lembar-perkara", "dokumen/berita-acara-penyelesaian"


def text_of(pdf: bytes) -> str:
    with open_pdf(pdf) as pages:
        return "".join(page.get_text() for page in pages)


async def page_of(client: Client, path: str, **query: str) -> Any:
    page = await client.get(f"{SITE}{path}", params=query)
    assert page.status_code == 200, page.text
    return page


async def test_the_sheet_of_a_case_is_downloaded_from_its_page(reader: Client) -> None:
    links = dict(read((await page_of(reader, RESOLVED)).text).links)
    for suffix, kind in (
        ("pdf", "application/pdf"),
        ("xlsx", XLSX),
        ("csv", "text/csv"),
    ):
        path = f"{RESOLVED}/{SHEET}.{suffix}"
        assert path in links
        assert (await page_of(reader, path)).headers["Content-Type"].startswith(kind)
    pdf = await page_of(reader, f"{RESOLVED}/{SHEET}.pdf")
    assert "LEMBAR PERKARA" in text_of(pdf.content)
    assert "KONSEP" not in text_of(pdf.content)


async def test_minutes_are_offered_of_a_resolved_case_only(reader: Client) -> None:
    links = dict(read((await page_of(reader, RESOLVED)).text).links)
    assert f"{RESOLVED}/{MINUTES}.pdf" in links
    minutes = await page_of(reader, f"{RESOLVED}/{MINUTES}.pdf")
    assert "BERITA ACARA PENYELESAIAN PERKARA" in text_of(minutes.content)
    page = await page_of(reader, OPEN)
    assert MINUTES not in page.text
    assert "Kasus ini belum selesai" in page.text
    refused = await reader.get(f"{SITE}{OPEN}/{MINUTES}.pdf")
    assert refused.status_code == 404
    assert "K12" in refused.text


async def test_minutes_have_the_names_of_the_form_which_are_not_stored(
    loaded: Client, app: App
) -> None:
    before = await log.head(app.pool)
    form = read_form((await page_of(loaded, RESOLVED)).text, "/isian")
    named = form.typed(
        mediator="Siti Contoh", witnesses="Ani Contoh\n\nBudi ", place="Balai Kota"
    )
    address = f"{SITE}{form.action}"
    minutes = await loaded.post(address, data=dict(named.fields), headers=OWN)
    assert minutes.headers["Content-Type"] == "application/pdf", minutes.text
    text = text_of(minutes.content)
    assert all(
        one in text for one in ("Siti Contoh", "Ani Contoh", "Budi", "Balai Kota")
    )
    assert await log.head(app.pool) == before
    again = await page_of(loaded, f"{RESOLVED}/{MINUTES}.pdf")
    assert "Contoh" not in text_of(again.content).replace("Kota Contoh", "")


async def test_a_paper_of_a_case_has_the_coordinates_of_its_page(
    reader: Client,
) -> None:
    asked = {"per": "2021-02-14", "diketahui": "2021-02-14"}
    page = await page_of(reader, RESOLVED, **asked)
    assert dict(read(page.text).links)[f"{RESOLVED}/{SHEET}.xlsx"] == asked
    assert MINUTES not in page.text
    assert "/isian" not in page.text
    then = cells((await page_of(reader, f"{RESOLVED}/{SHEET}.xlsx", **asked)).content)
    now = cells((await page_of(reader, f"{RESOLVED}/{SHEET}.xlsx")).content)
    assert len(then) < len(now)
    early = await reader.get(f"{SITE}{RESOLVED}/{MINUTES}.pdf", params=asked)
    assert early.status_code == 404


async def test_a_paper_of_a_publication_is_none_of_a_case(reader: Client) -> None:
    for name in ("lkjip.pdf", "tidak-ada.pdf", f"{MINUTES}.odt"):
        answer = await reader.get(f"{SITE}{RESOLVED}/dokumen/{name}")
        assert answer.status_code == 404, name


async def test_a_paper_of_a_case_is_for_those_who_may_read_its_texts(
    office: Office,
) -> None:
    path = f"/konflik/K14/{SHEET}"
    page = await office.ask("petugas-wasnas", f"{SITE}/konflik/K14")
    assert f"{path}.pdf" in page.text
    allowed = {"petugas-wasnas": 200, "petugas-poldagri": 403, "perencana": 403}
    for name, status in allowed.items():
        for address in (f"{path}.pdf", f"{path}.csv"):
            answer = await office.ask(name, f"{SITE}{address}")
            assert answer.status_code == status, (name, address)
