"""QR codes of pages and papers."""

import xml.etree.ElementTree as ET

import pytest

from iku.exchange import qr_code

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("text", ["https://iku.example/f/1", "otpauth://totp/x" * 10])
def test_a_code_is_an_image_with_a_name_and_no_inline_style(text: str) -> None:
    drawn = ET.fromstring(qr_code.svg(text, "Halaman <angka> & bukti"))  # noqa: S314 - ours
    assert drawn.tag == f"{SVG}svg"
    assert drawn.attrib["role"] == "img"
    assert drawn.findtext(f"{SVG}title") == "Halaman <angka> & bukti"
    assert not [one for one in drawn.iter() if "style" in one.attrib]


def test_a_code_has_a_quiet_zone_of_four_modules() -> None:
    drawn = ET.fromstring(qr_code.svg("x", "x"))  # noqa: S314 - ours
    assert drawn.attrib["viewBox"] == "0 0 29 29"  # 21 modules of version 1
    (dark,) = [one for one in drawn.iter(f"{SVG}path") if "stroke" in one.attrib]
    assert dark.attrib["d"].startswith("M4 4.5h7")


def test_the_same_text_gives_the_same_code() -> None:
    assert qr_code.svg("a", "t") == qr_code.svg("a", "t") != qr_code.svg("b", "t")
