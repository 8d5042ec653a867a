"""PDF files, read by PyMuPDF."""

from typing import Any


def open_pdf(content: bytes) -> Any:
    """The document, as a context manager that closes it.

    PyMuPDF is imported by the first test that reads a PDF, because that takes long.
    """
    import pymupdf  # noqa: PLC0415

    return pymupdf.open(stream=content)  # type: ignore[no-untyped-call]
