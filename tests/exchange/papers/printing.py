"""Prints documents, and pictures of their pages."""

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pymupdf
import typst

from iku.exchange import qr_code
from iku.exchange.papers import document, layout

FONTS = importlib.import_module("fontpkg_public_sans").ROOT
TEMPLATE = Path(layout.__file__).parent / "templates" / layout.TEMPLATE
URL = "https://iku.mojokertokota.go.id/f/IKU-1.1.Y.20211231.20220115.151.7K"


def pdf(of: document.Document) -> bytes:
    files = (("figur.json", "angka"), ("bukti.json", "bukti dari log"))
    reference = layout.Reference(URL, qr_code.svg(URL, "Figur"), files)
    compiled: bytes = typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(layout.layout(of, reference))},
        pdf_standards=["a-3a", "ua-1"],
        timestamp=datetime(2022, 1, 15, tzinfo=UTC),
    )
    return compiled


def pictures(printed: bytes, stem: str, dpi: int = 70) -> int:
    with pymupdf.open(stream=printed) as opened:  # type: ignore[no-untyped-call]
        for number, page in enumerate(opened, start=1):
            page.get_pixmap(dpi=dpi).save(f"{stem}-{number}.png")
        return len(opened)
