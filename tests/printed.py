"""PDF files, read by PyMuPDF."""

import sys
from typing import Any


def open_pdf(content: bytes) -> Any:
    """The document, as a context manager that closes it.

    PyMuPDF is imported by the first test that reads a PDF, because that takes long.
    Without its analysis of layouts, which no test needs and which brings a library for
    neural networks, it takes a third of the time.
    """
    sys.modules.setdefault("pymupdf.layout", None)  # type: ignore[arg-type]
    import pymupdf  # noqa: PLC0415

    return pymupdf.open(stream=content)  # type: ignore[no-untyped-call]
