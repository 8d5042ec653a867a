"""Prints documents, and pictures of their pages."""

from datetime import UTC, datetime

from iku.exchange import qr_code
from iku.exchange.papers import layout
from iku.exchange.papers.document import Document
from iku.exchange.papers.typesetting import TEMPLATES, Attachment, typeset
from tests.printed import open_pdf

URL = "https://iku.mojokertokota.go.id/f/IKU-1.1.T.20211231.20220115.147.1A"
ISSUED_AT = datetime(2022, 1, 15, tzinfo=UTC)
FIGURES = Attachment("figur.json", b"{}", "application/json", "Figur")


async def pdf(of: Document) -> bytes:
    """The paper, with a reference to its figures."""
    files = (("figur.json", "angka"), ("bukti.json", "bukti dari log"))
    reference = layout.Reference(URL, qr_code.svg(URL, "Figur"), files)
    template, data = TEMPLATES / layout.TEMPLATE, layout.layout(of, reference)
    return await typeset(template, data, (FIGURES,), ISSUED_AT)


def pictures(printed: bytes, stem: str, dpi: int = 70) -> int:
    """Write a picture of each page; the number of pages."""
    with open_pdf(printed) as opened:
        for number, page in enumerate(opened, start=1):
            page.get_pixmap(dpi=dpi).save(f"{stem}-{number}.png")
        return len(opened)
