"""An explanation as CSV: one row per case or organisation.

Every row ends with the figure's number, so that a copied row still identifies its
figure.
"""

from collections.abc import Iterable

from iku.domain.figure import Figure
from iku.exchange import csv_output
from iku.exchange.csv_output import Delimiter
from iku.exchange.formats import Formats
from iku.language import Language
from iku.queries.explanation import ExplainedSubject, ReasonView

HEADINGS = (
    *("nomor", "judul", "bagian", "kecamatan", "penyebut", "pembilang"),
    *("aturan_penyebut", "alasan_penyebut", "peristiwa_penyebut"),
    *("aturan_pembilang", "alasan_pembilang", "peristiwa_pembilang", "nomor_angka"),
)


def head(delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The start of the file: byte order mark and headings."""
    return csv_output.head(HEADINGS, delimiter)


def rows(
    items: Iterable[ExplainedSubject],
    figure: Figure,
    delimiter: Delimiter = Delimiter.COMMA,
    language: Language = Language.INDONESIAN,
) -> str:
    """One line for each item of *items*, which explain *figure*.

    The sentences of the reasons are in *language*; everything else is for programs.
    """
    formats = Formats(lambda: language)
    lines = (
        (
            item.number,
            item.title,
            item.part,
            item.district,
            csv_output.yes_or_no(item.denominator),
            csv_output.yes_or_no(item.numerator),
            *_reason_cells(item.why_denominator, formats),
            *_reason_cells(item.why_numerator, formats),
            figure.number,
        )
        for item in items
    )
    return csv_output.lines(lines, delimiter)


def _reason_cells(why: ReasonView, formats: Formats) -> tuple[str, str, str]:
    positions = " ".join(str(event.position) for event in why.events)
    return why.rule, formats.sentence(why), positions
