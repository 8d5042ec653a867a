"""QR codes as SVG, for pages and papers."""

import io
from functools import lru_cache

import segno

# A code with any of the eight masks can be read. To compare them takes four times as
# long as all the rest; this one is most often the best for the addresses of figures.
MASK = 4


@lru_cache(maxsize=512)
def svg(text: str, title: str) -> str:
    """The QR code of *text* as an SVG element; *title* names its destination.

    It has no inline style, so a strict Content-Security-Policy permits it, and a quiet
    zone of four modules (ISO/IEC 18004). Up to 15 % of it may be unreadable (level M).
    """
    made = segno.make(text, error="m", mask=MASK, micro=False, boost_error=False)
    file = io.BytesIO()
    made.save(
        file,
        kind="svg",
        xmldecl=False,
        svgclass="qr",
        lineclass=None,
        title=title,
        omitsize=True,
        light="#fff",
        border=4,
    )
    return file.getvalue().decode().replace("<svg ", '<svg role="img" ', 1)
