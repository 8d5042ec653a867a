"""An explanation as a table for spreadsheets: a row for each case or organisation.

Every row ends with the figure's number, so that a copied row still identifies its
figure.
"""

from collections.abc import Sequence

from iku.domain.figure import Figure
from iku.exchange import csv_output
from iku.exchange.formats import Formats
from iku.exchange.papers.document import Cell, Column
from iku.exchange.table_output import TableShape
from iku.language import Language
from iku.queries.explanation import ExplainedSubject, ReasonView

_WIDTHS = {"judul": 80, "alasan_penyebut": 80, "alasan_pembilang": 80}  # millimetres
HEADINGS = (
    *("nomor", "judul", "bagian", "kecamatan", "penyebut", "pembilang"),
    *("aturan_penyebut", "alasan_penyebut", "peristiwa_penyebut"),
    *("aturan_pembilang", "alasan_pembilang", "peristiwa_pembilang", "nomor_angka"),
)
_COLUMNS = tuple(Column(one, width=_WIDTHS.get(one, 28)) for one in HEADINGS)


def shape(figure: Figure, language: Language = Language.INDONESIAN) -> TableShape:
    """The table of the items that explain *figure*.

    The sentences of the reasons are in *language*; everything else is for programs.
    """
    formats = Formats(lambda: language)

    def cells(item: ExplainedSubject) -> Sequence[Cell]:
        return (
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

    return TableShape(figure.indicator, _COLUMNS, cells)


def _reason_cells(why: ReasonView, formats: Formats) -> tuple[str, str, str]:
    positions = " ".join(str(event.position) for event in why.events)
    return why.rule, formats.sentence(why), positions
