"""Pages of papers: nothing cut, headings with what follows them, heads repeated."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs

from iku.exchange.journal_import import Importer
from iku.exchange.papers.document import (
    Block,
    Cell,
    CellKind,
    Chart,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    SignatureBlock,
    Signatures,
    Table,
)
from iku.exchange.papers.registry import PAPERS, PaperScope
from iku.queries.figure_parameters import Moment
from tests.exchange.conftest import Maker
from tests.exchange.papers.conftest import YEAR, Make
from tests.exchange.papers.printing import pdf, pictures
from tests.exchange.papers.test_documents import SEEN, errors
from tests.printed import open_pdf
from tests.queries.test_publications import publish
from tests.registers.world import World
from tests.samples import ALL, examples

UNBROKEN = "Perselisihan/" + "x" * 120
LONG = " ".join(["Perselisihan antarwarga tentang batas pekarangan"] * 7)[:300]
ABOUT: dict[PaperScope, dict[str, Any]] = {
    PaperScope.PUBLICATION: {"publication": "2021"},
    PaperScope.COORDINATES: {"moment": Moment(date(2021, 12, 31))},
    PaperScope.CASE: {"subject": "K001", "moment": Moment(date(2021, 12, 31))},
}
EMPTY = Document(
    name="a",
    title="A",
    subtitle=None,
    letterhead=("Pemerintah", "Badan"),
    coordinates="per hari ini",
    sections=(),
)
LARGEST = 30  # points; the word across a draft is higher
LISTS = ("daftar-konflik", "daftar-konflik-internal", "rekap-ormas-internal")


@pytest.fixture
def origin(furnished: str) -> str:
    """A register without cases."""
    return furnished


def journals(subjects: int) -> Iterator[bytes]:
    """*subjects* cases, the odd ones resolved, and as many organisations."""
    made = Maker()
    cases, organisations = list[dict[str, str]](), list[dict[str, str]]()
    titles = [UNBROKEN, *[LONG] * subjects]
    for number, title in enumerate(titles[:subjects], start=1):
        name, day = f"K{number:03}", date(2021, 1, 11) + timedelta(number // 2)
        said = {"kategori": "ipoleksosbud", "dimensi": "sosial", "judul": title}
        cases += [
            made.report(name, f"{day}", **said, wilayah="35.76.01.1003"),
            made.row(name, "diverifikasi", f"{day}"),
        ]
        if number % 2:
            manner = "putusan_inkrah"
            cases.append(made.row(name, "diselesaikan", f"{day}", cara=manner))
        one = made.registration(f"O{number:03}", "2021-01-05", nama=title)
        organisations.append(one)
    yield made("konflik", *cases)
    yield made("organisasi", *organisations)


async def fill(world: World, subjects: int) -> None:
    importer = Importer(world.connection, world.app.commands, "u/siti")
    for content in journals(subjects) if subjects else ():
        assert (await importer.run(content)).faults == ()
    await publish(world, YEAR)


@pytest.mark.parametrize("subjects", [0, 1, examples(500, 60)])
async def test_no_text_is_cut_or_covered(
    world: World, make: Make, subjects: int, tmp_path: Path
) -> None:
    await fill(world, subjects)
    for name, paper in PAPERS.items():
        if paper.scope is PaperScope.CASE and not subjects:
            continue
        if subjects > 1 and name not in LISTS:
            continue
        document = await make(name, **ABOUT[paper.scope])
        printed = await pdf(document)
        if folder := os.environ.get(SEEN):
            pictures(printed, f"{folder}/{name}-of{subjects}")
        # The checker reads a hundred pages for half a minute. Papers with cases are
        # also checked in test_documents.
        if subjects < 2 and (ALL or not subjects):
            assert errors(printed, tmp_path / f"{name}.pdf") == [], name
        said = set[str]()
        for page in read(printed):
            said |= {word[4] for word in page.words}
            assert list(overflows(page)) == [], (name, page.number)
        assert broken_days(said) == [], name
        if name in LISTS:
            assert {str(n) for n in range(1, subjects + 1)} <= said, name


class Page(NamedTuple):
    """A page, whose words are left, top, right, bottom, text and more; in points."""

    number: int
    width: float
    height: float
    words: list[Any]


def read(printed: bytes) -> list[Page]:
    with open_pdf(printed) as pages:
        return [
            Page(one.number, one.rect.width, one.rect.height, one.get_text("words"))
            for one in pages
        ]


def broken_days(words: Iterable[str]) -> list[str]:
    """The parts of days at the end of lines, such as ``16-05-``."""
    return [word for word in words if re.fullmatch(r"\W*[0-9]{2}-([0-9]{2}-)?", word)]


@pytest.mark.parametrize("others", [1, 4, 12])
async def test_a_day_stands_on_one_line_beside_any_number_of_columns(
    others: int,
) -> None:
    day = date(2021, 5, 16)
    columns = (
        *(Column(f"Kolom {n}", width=40) for n in range(others)),
        Column("Tanggal", CellKind.DAY, 1),
    )
    cells: tuple[Cell, ...] = (*["isi"] * others, day)
    table = Table(name="a", caption="A", columns=columns, rows=(Row(cells),) * 3)
    printed = await pdf(structs.replace(EMPTY, sections=(Section("Isi", (table,)),)))
    [page, *more] = read(printed)
    texts = [word[4] for one in (page, *more) for word in one.words]
    assert broken_days(texts) == []
    assert [word[4] for word in page.words].count("16-05-2021") == 3
    assert list(overflows(page)) == []


def overflows(page: Page) -> Iterator[str]:
    """The words that leave the page, and those that overlap another one."""
    words = [one for one in page.words if one[3] - one[1] < LARGEST]
    margin = 14 if page.width > page.height else 18
    edge = page.width - margin * 72 / 25.4 + 1
    for left, top, right, bottom, text, *_ in words:
        if left < 0 or top < 0 or right > edge or bottom > page.height:
            yield f"{text} leaves the page"
    rows = defaultdict(list)
    for word in words:
        rows[round(word[1], 1), round(word[3], 1)].append(word)
    for row in rows.values():
        for one, other in pairwise(sorted(row, key=lambda word: word[0])):
            if one[2] > other[0] + 0.5:
                yield f"{one[4]} covers {other[4]}"


@pytest.mark.parametrize("name", LISTS)
async def test_the_head_of_a_table_is_repeated_on_each_page(
    world: World, make: Make, name: str
) -> None:
    await fill(world, 60)
    document = await make(name, **ABOUT[PAPERS[name].scope])

    printed = await pdf(document)
    with open_pdf(printed) as pages:
        texts = [page.get_text() for page in pages]
    assert len(texts) > 2
    assert all("Aturan" in text for text in texts[1:-1])
    assert all(f"Halaman {n} dari {len(texts)}" in t for n, t in enumerate(texts, 1))


def table_of(rows: int) -> Table:
    columns = (Column("No", CellKind.COUNT, 10), Column("Isi", width=60))
    cells = ((number, "Perkara") for number in range(1, rows + 1))
    return Table(
        name="a", caption="Tabel 1", columns=columns, rows=tuple(map(Row, cells))
    )


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 4"/>'


@pytest.mark.parametrize(
    "last", [Paragraph("Penutup"), Chart(SVG, "Penutup", "Grafik")], ids=type
)
@pytest.mark.parametrize("signers", [1, 2])
async def test_signatures_do_not_stand_alone_on_a_page(
    last: Block, signers: int
) -> None:
    blocks = Signatures("Contoh", None, (SignatureBlock("Kepala"),) * signers)
    document = structs.replace(EMPTY, signatures=blocks)
    lengths = set[int]()
    for rows in range(4, 40, 2):
        section = Section("Isi", (table_of(rows), last))
        printed = await pdf(structs.replace(document, sections=(section,)))
        with open_pdf(printed) as pages:
            signed = pages[-1].get_text()
            lengths.add(len(pages))
        assert "tempat tanda tangan" in signed, rows
        assert "Penutup" in signed, rows
    assert lengths == {1, 2}  # so the break was at several places


SIGNED = structs.replace(
    EMPTY, signatures=Signatures("A", None, (SignatureBlock("B"),))
)
CLOSING = (Paragraph("Figur."), Paragraph("Penutup."))


async def test_the_last_rows_stay_with_signatures_that_start_a_page() -> None:
    ends = set[int]()
    for rows in range(24, 54, 2):
        section = Section("Isi", (table_of(rows), *CLOSING))
        printed = await pdf(structs.replace(SIGNED, sections=(section,)))
        with open_pdf(printed) as pages:
            texts = [page.get_text() for page in pages]
        numbers = [[*map(int, re.findall(r"(\d+)\s+Perkara", text))] for text in texts]
        assert [*chain(*numbers)] == [*range(1, rows + 1)]
        assert numbers[-1], rows  # without the rule none from 32 to 45 rows
        assert all(re.search(r"No\s+Isi", text) for text in texts), rows
        assert "Penutup." in texts[-1]
        ends.add(len(numbers[-1]))
    assert 3 in ends
    assert max(ends) > 10  # and tables that end elsewhere are not divided


async def test_two_short_texts_stay_with_signatures_that_start_a_page() -> None:
    lengths = set[int]()
    for lines in range(24, 44):
        texts = (*(Paragraph("Uraian.") for _ in range(lines)), *CLOSING)
        section = Section(None, texts)
        printed = await pdf(structs.replace(SIGNED, sections=(section,)))
        with open_pdf(printed) as pages:
            last = pages[-1].get_text()
            lengths.add(len(pages))
        assert "Figur." in last, lines
        assert "Penutup." in last, lines
    assert lengths == {1, 2}


async def test_a_divided_table_with_notes_and_a_footer_is_printed_once(
    tmp_path: Path,
) -> None:
    whole = table_of(36)
    table = structs.replace(
        whole, footer=(Row(("Jumlah", None), span=2),), notes=("Catatan.",)
    )
    section = Section("Isi", (table, *CLOSING))
    printed = await pdf(structs.replace(SIGNED, sections=(section,)))
    with open_pdf(printed) as pages:
        texts = [page.get_text() for page in pages]
    assert [text.count("Jumlah") for text in texts] == [0, 1]
    assert [text.count("Catatan.") for text in texts] == [0, 1]
    assert [text.count("Tabel 1") for text in texts] == [1, 0]
    assert await pdf(structs.replace(SIGNED, sections=(section,))) == printed
    assert errors(printed, tmp_path / "paper.pdf") == []
