"""PDF files, read and written by PyMuPDF and pypdf.

Each library is imported by the first test that needs it: that takes long, and each
process of the tests collects all of them.
"""

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf import PdfReader, PdfWriter


def open_pdf(content: bytes) -> Any:
    """The document as PyMuPDF reads it, as a context manager that closes it.

    Without its analysis of layouts, which no test needs and which brings a library for
    neural networks, PyMuPDF is imported in a third of the time.
    """
    sys.modules.setdefault("pymupdf.layout", None)  # type: ignore[arg-type]
    import pymupdf  # noqa: PLC0415

    return pymupdf.open(stream=content)  # type: ignore[no-untyped-call]


def strict_reader(content: bytes) -> "PdfReader":
    """The document as pypdf reads it, without tolerance."""
    from pypdf import PdfReader  # noqa: PLC0415

    return PdfReader(BytesIO(content), strict=True)


def appending_writer(content: bytes) -> "PdfWriter":
    """A writer of pypdf that appends an update to the document."""
    from pypdf import PdfWriter  # noqa: PLC0415

    return PdfWriter(BytesIO(content), incremental=True)
