"""A paper as other programs write it again, with the same pages and attachments.

Both libraries are imported when they are used, because that takes long.
"""

from collections.abc import Callable, Mapping
from io import BytesIO


def by_pypdf(paper: bytes) -> bytes:
    import pypdf  # noqa: PLC0415

    out = BytesIO()
    pypdf.PdfWriter(clone_from=BytesIO(paper)).write(out)
    return out.getvalue()


def by_qpdf(paper: bytes) -> bytes:
    import pikepdf  # noqa: PLC0415

    out = BytesIO()
    with pikepdf.open(BytesIO(paper)) as opened:
        opened.save(out)
    return out.getvalue()


def by_qpdf_packed(paper: bytes) -> bytes:
    """Linearised, with objects packed into streams and all streams deflated again."""
    import pikepdf  # noqa: PLC0415

    out = BytesIO()
    with pikepdf.open(BytesIO(paper)) as opened:
        opened.save(
            out,
            linearize=True,
            recompress_flate=True,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
        )
    return out.getvalue()


PROGRAMS: Mapping[str, Callable[[bytes], bytes]] = {
    "pypdf": by_pypdf,
    "qpdf": by_qpdf,
    "qpdf, packed": by_qpdf_packed,
}
