"""What a page shows, read from its HTML."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from iku.exchange.table_output import XLSX
from iku.web.pages import MODULES
from iku.web.pages.routes import TRAVELS
from tests.exchange.workbooks import cells
from tests.web.test_origin_check import STREAMS

# The address of an example of each page with parameters in its path.
EXAMPLES: dict[str, str] = {
    "/bantuan/{role:str}": "/bantuan/petugas",
    "/impor/{journal:str}/kolom": "/impor/konflik/kolom",
    "/impor/{journal:str}/pemetaan": "/impor/konflik/pemetaan",
    "/impor/{journal:str}/templat.csv": "/impor/organisasi/templat.csv",
    "/publikasi/{publication_id:str}/dokumen/{file:str}": (
        "/publikasi/2021/dokumen/lkjip.csv"
    ),
    "/publikasi/{publication_id:str}/dokumen/{file:str}/tanda-tangan": (
        "/publikasi/2021/dokumen/lkjip/tanda-tangan"
    ),
    "/publikasi/{publication_id:str}": "/publikasi/2021",
    "/data-instansi/{statement_id:str}": "/data-instansi/signer.kepala-badan",
    "/data-instansi/baru/{kind:str}": "/data-instansi/baru/narrative",
    "/usulan/{proposal_id:str}": "/usulan/tidak-ada",
    "/f/{number:str}": "/f/IKU-1.1.T.20211231.20220115.145.5C",
    "/indikator/{code:str}": "/indikator/IKU-1",
    "/indikator/{code:str}/definisi": "/indikator/IKU-1/definisi",
    "/indikator/{code:str}/definisi/usul": "/indikator/IKU-1/definisi/usul",
    "/indikator/{code:str}/penjelasan": "/indikator/IKU-1/penjelasan",
    "/indikator/{code:str}/penjelasan.csv": "/indikator/IKU-1/penjelasan.csv",
    "/indikator/{code:str}/penjelasan.xlsx": "/indikator/IKU-1/penjelasan.xlsx",
    "/indikator/{code:str}/perbandingan": "/indikator/IKU-1/perbandingan",
    "/konflik/{subject:str}/catat/{event:str}": "/konflik/K10/catat/handled",
    "/organisasi/{subject:str}/catat/{event:str}": "/organisasi/O01/catat/suspended",
    "/konflik/{subject:str}/catat/attached": "/konflik/K10/catat/attached",
    "/organisasi/{subject:str}/catat/attached": "/organisasi/O01/catat/attached",
    "/konflik/{conflict_id:str}": "/konflik/K05",
    "/konflik/{conflict_id:str}/dokumen/{file:str}": (
        "/konflik/K05/dokumen/lembar-perkara.xlsx"
    ),
    "/konflik/{conflict_id:str}/berkas": "/konflik/K09/berkas",
    "/organisasi/{organisation_id:str}": "/organisasi/O40",
    "/organisasi/{organisation_id:str}/berkas": "/organisasi/O01/berkas",
}
DOWNLOADS = (
    ".csv",
    ".xlsx",
    "/bukti/berkas",
    "/tanda-tangan",
)  # pages that a browser saves instead
CELLS = {"td", "th"}  # elements whose text does not join that of the one before


def pages(*, travelling: bool) -> list[str]:
    """The path of each page that obeys the coordinates, or of each that does not."""
    return sorted(
        EXAMPLES[path] if "{" in path else path
        for module in MODULES
        for handler in module.HANDLERS
        if "GET" in handler.http_methods
        if handler.opt.get(TRAVELS) is travelling
        for path in handler.paths
    )


def addresses() -> list[str]:
    """The address of each page, or of an example of it."""
    found = (
        EXAMPLES[path] if "{" in path else path
        for module in MODULES
        for handler in module.HANDLERS
        if "GET" in handler.http_methods
        for path in handler.paths
        if path not in STREAMS
    )
    return sorted(address for address in found if not address.endswith(DOWNLOADS))


def text_of(page: Any) -> str:
    """The text of a page, or of the cells of a workbook."""
    if page.headers["Content-Type"] != XLSX:
        return str(page.text)
    return "\n".join(str(cell) for row in cells(page.content) for cell in row)


@dataclass
class Shown:
    """The links, numbers and texts of a page.

    Attributes:
        links: Path and parameters of each link and form to this site.
        numbers: The value and the text of each number, by the name in the API.
    """

    links: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    numbers: dict[str, tuple[str, str]] = field(default_factory=dict)
    text: str = ""


# The parts of a page as the templates write them. HTMLParser of the standard library
# reads the same, but takes five times as long, and a test reads a thousand pages.
PART = re.compile(
    r"""<!(?:--.*?--|[^>]*)>|<(?P<end>/?)(?P<tag>\w+)(?P<given>(?:"[^"]*"|[^">])*)>|"""
    r"""(?P<text>[^<]+)""",
    re.DOTALL,
)
ATTRIBUTE = re.compile(r"""([\w-]+)(?:="([^"]*)")?""")
READ = {"a", "form", "input", "data"}  # elements whose attributes are read


class _Reader:
    def __init__(self) -> None:
        self.shown = Shown()
        self.texts: list[str] = []
        self.form: tuple[str, dict[str, str]] | None = None
        self.number: str | None = None

    def feed(self, html: str) -> None:
        end = 0
        for part in PART.finditer(html):
            assert part.start() == end, html[end : end + 80]
            end = part.end()
            tag, text = part["tag"], part["text"]
            if text is not None:
                self._text(unescape(text))
            elif part["end"]:
                self._end(tag)
            elif tag in CELLS:
                self.texts.append(" ")
            elif tag in READ:
                given = ATTRIBUTE.findall(part["given"])
                self._begin(tag, {name: unescape(value) for name, value in given})
        assert end == len(html), html[end:]

    def _begin(self, tag: str, given: dict[str, str]) -> None:
        if tag == "a" and given.get("href", "").startswith("/"):
            parts = urlsplit(given["href"])
            self.shown.links.append((parts.path, dict(parse_qsl(parts.query))))
        if tag == "form" and given.get("method", "get") == "get":
            self.form = (given.get("action", ""), {})
        if tag == "input" and self.form is not None and given.get("value"):
            self.form[1][given["name"]] = given["value"]
        if tag == "data" and "data-angka" in given:
            self.number = given["data-angka"]
            self.shown.numbers[self.number] = (given["value"], "")

    def _end(self, tag: str) -> None:
        if tag == "form" and self.form is not None:
            self.shown.links.append(self.form)
            self.form = None
        if tag == "data":
            self.number = None

    def _text(self, text: str) -> None:
        self.texts.append(text)
        if self.number is not None:
            value, before = self.shown.numbers[self.number]
            self.shown.numbers[self.number] = value, before + text


def read(html: str) -> Shown:
    """What a page shows."""
    reader = _Reader()
    reader.feed(html)
    reader.shown.text = re.sub(r"\s+", " ", "".join(reader.texts))
    return reader.shown
