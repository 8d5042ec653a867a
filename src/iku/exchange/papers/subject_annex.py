"""`lampiran.csv` of an issued paper: the subjects that the figures count.

It has their numbers and the rules that counted them, and no text, since an issued paper
cannot be erased. Equal registers give equal bytes.
"""

from collections.abc import Iterable, Iterator

from iku.domain.question import from_number
from iku.exchange import csv_output
from iku.exchange.papers.typesetting import Attachment
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import counted_annex
from iku.queries.explanation import ExplainedSubject, ReasonView
from iku.queries.view import View

NAME = "lampiran.csv"
HEADINGS = (
    *("nomor_angka", "nomor", "pembilang"),
    *("aturan_penyebut", "peristiwa_penyebut"),
    *("aturan_pembilang", "peristiwa_pembilang"),
)


async def attachment(view: View, numbers: Iterable[str]) -> Attachment:
    """The subjects in the denominators of the figures *numbers*, a row for each.

    Raises:
        Forbidden: A figure counts subjects of another division.
    """
    rows: list[tuple[str, ...]] = [HEADINGS]
    for number in numbers:
        found = await counted_annex.counted(view, from_number(number))
        rows += (_row(number, one) for one in found)
    return Attachment(
        NAME,
        csv_output.lines(rows).encode(),
        "text/csv",
        say(message("counted cases and organisations, with the rules")),
    )


def _row(number: str, one: ExplainedSubject) -> tuple[str, ...]:
    return (
        number,
        one.number,
        csv_output.yes_or_no(one.numerator),
        *_reason_cells(one.why_denominator),
        *_reason_cells(one.why_numerator),
    )


def _reason_cells(why: ReasonView) -> Iterator[str]:
    """The rule, and the positions of the events that it cites."""
    yield why.rule
    yield " ".join(str(event.position) for event in why.events)
