"""A list of cases, and a table of a page, as workbooks: processor time, peak memory.

The table of a page is read from its HTML, which is made here as the page of the log has
it. Each file is written in a separate process from items that are made while it is
written, so that its peak memory is its own. The peer of the memory is a tenth of the
rows: it shows whether memory grows with the list. The peer of the time is the same list
as CSV.

    python -m benchmarks.workbooks [COUNT]
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks import measuring
from benchmarks.measuring import Row
from iku.exchange import list_table
from iku.exchange.continued_table import ContinuedTable
from iku.exchange.document_stream import DocumentStream
from iku.exchange.table_output import FileFormat, TableFormat, table_output
from iku.language import Language
from iku.web import page_workbook
from iku.web.pages import page_context

COUNT = 10_000
PART = 200  # items that are read at a time
LONGEST_S, LARGEST_RATIO = 1.0, 1.1
OF_PAGE = "page"  # the name of the table of a page
PAGE_OF_LOG = """<html><body><main><h1>Bukti</h1><table>
<caption>Peristiwa menurut urutan log</caption><thead><tr><th class="number">Posisi</th>
<th>Dicatat</th><th>Pelaku</th><th>Perihal</th><th>Peristiwa</th><th>Hari</th>
<th>Daun</th></tr></thead><tbody data-baris="rows.html">{rows}</tbody></table></main>
</body></html>"""
ROW = (
    '<tr><th scope="row" class="number">{number}</th>'
    '<td class="day" data-label="Dicatat">04-03-2021 10.42</td>'
    '<td data-label="Pelaku"><span dir="auto">Siti Contoh</span></td>'
    '<td data-label="Perihal"><a href="/konflik/K{number}">Kasus K{number}</a></td>'
    '<td data-label="Peristiwa">dilaporkan</td>'
    '<td class="day named" data-label="Hari">04-03-2021</td>'
    '<td class="named" data-label="Daun"><code>{leaf}</code></td></tr>'
    "\n"
)


class Written(NamedTuple):
    """The result of one file, written in a separate process."""

    seconds: float  # of the processor
    peak: float  # MiB


def items(count: int) -> Iterator[dict[str, Any]]:
    """Cases with texts of the usual length, each with texts of its own."""
    for number in range(count):
        yield {
            **dict.fromkeys(list_table.FIELDS["conflict"]),
            "number": f"K{number}",
            "title": f"Perselisihan warga tentang lahan parkir pasar nomor {number}",
            "category": "ipoleksosbud",
            "dimension": "sosial",
            "level": "perseteruan",
            "status": "resolved",
            "verified": True,
            "reported_on": "2021-03-04",
            "occurred_on": "2021-03-01",
            "resolved_on": "2021-04-05",
            "manner": "mediasi",
            "source": "polres",
            "area": "35.76.01.1003",
            "reference": f"LP/{number}/III/2021",
            "id": f"K{number}",
        }


def write_list(name: str, count: int) -> None:
    """Write a list to nowhere."""
    shape = list_table.shape("conflict")
    output = table_output(shape, TableFormat(FileFormat(name)))
    output.head()
    made = items(count)
    for _ in range(count // PART):
        output.rows(next(made) for _ in range(PART))
    output.end()


def html_rows(first: int, count: int) -> str:
    """Rows of the page of the log."""
    return "".join(
        ROW.format(number=number, leaf=f"{number:064x}")
        for number in range(first, first + count)
    )


def write_page(count: int) -> None:
    """Write the table of a page to nowhere."""
    language, part = Language.INDONESIAN, page_context.PART
    page = PAGE_OF_LOG.format(rows=html_rows(1, part))
    read = page_workbook.read_page(page, language, {"rows.html"})
    [table] = read.tables
    stream = DocumentStream(read.document, {0})
    stream.head()
    stream.begin_sheet(0)
    reader = ContinuedTable(table.printed, language)
    for first in range(1 + part, count, part):
        html = html_rows(first, part)
        stream.rows(page_workbook.further_rows(html, table.kept, reader))
    stream.end_sheet(0)
    stream.end()


def write(name: str, count: int) -> None:
    """Write a file to nowhere; print the time and the peak memory as JSON."""
    began = time.process_time()
    if name == OF_PAGE:
        write_page(count)
    else:
        write_list(name, count)
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump((spent, peak), sys.stdout)


async def written(name: str, count: int) -> Written:
    """The result of a file with *count* rows."""
    module = (sys.executable, "-m", "benchmarks.workbooks", str(count))
    ran = await asyncio.to_thread(
        subprocess.run, [*module, "--write", name], capture_output=True, check=True
    )
    return Written(*json.loads(ran.stdout))


async def measure(count: int) -> list[Row]:
    """The rows of the page."""

    async def books() -> float:
        return (await written("xlsx", count)).seconds

    async def csvs() -> float:
        return (await written("csv", count)).seconds

    async def peak() -> float:
        return (await written("xlsx", count)).peak

    async def small_peak() -> float:
        return (await written("xlsx", count // 10)).peak

    async def pages() -> float:
        return (await written(OF_PAGE, count)).seconds

    async def page_peak() -> float:
        return (await written(OF_PAGE, count)).peak

    async def small_page_peak() -> float:
        return (await written(OF_PAGE, count // 10)).peak

    page_time, _ = await measuring.measure_alternately([pages, books])
    page_memory, small_page = await measuring.measure_alternately(
        [page_peak, small_page_peak]
    )
    of_page = f"{count:,} rows of a page as XLSX"
    time_, csv_time = await measuring.measure_alternately([books, csvs])
    memory, small = await measuring.measure_alternately([peak, small_peak])
    named = f"{count:,} cases as XLSX"
    return [
        Row(what=named, unit="s", samples=time_, bar=LONGEST_S, better="lower"),
        Row(
            what=f"{named}, time",
            peer="as CSV",
            unit="s",
            samples=time_,
            peer_samples=csv_time,
            better="lower",
        ),
        _memory_row(named, memory, small),
        Row(what=of_page, unit="s", samples=page_time, bar=LONGEST_S, better="lower"),
        _memory_row(of_page, page_memory, small_page),
    ]


def _memory_row(of: str, samples: list[float], small: list[float]) -> Row:
    """The most memory, beside that of a tenth of the rows."""
    return Row(
        what=f"{of}, peak memory",
        peer="a tenth of the rows",
        unit="MiB",
        samples=samples,
        peer_samples=small,
        bar=LARGEST_RATIO,
        better="lower",
    )


def main() -> None:
    """Measure, or write one file in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    formats = [OF_PAGE, *(one.value for one in FileFormat)]
    parser.add_argument("--write", choices=formats)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.count)
        return
    rows = asyncio.run(measure(given.count))
    measuring.report("workbooks", f"Workbooks, {given.count:,} rows", rows)


if __name__ == "__main__":
    main()
