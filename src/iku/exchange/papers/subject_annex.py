"""`lampiran.csv` of an issued paper: the subjects that the figures count.

It has their numbers and the rules that counted them, and no text, since an issued paper
cannot be erased. Equal registers give equal bytes.

A verifier reads an annex of at most `LARGEST` bytes. A paper with a longer one would
never verify, so it is refused before it is issued.
"""

from collections.abc import Iterable, Iterator

from iku.domain.decider import Refused
from iku.domain.question import from_number
from iku.exchange import csv_output
from iku.exchange.papers.typesetting import Attachment
from iku.exchange.papers.words import say
from iku.messages import Message, message
from iku.queries import counted_annex
from iku.queries.explanation import ExplainedSubject, ReasonView
from iku.queries.view import View

NAME = "lampiran.csv"
LARGEST = 64 << 20  # bytes, which suffice for some 600,000 subjects
HEADINGS = (
    *("nomor_angka", "nomor", "pembilang"),
    *("aturan_penyebut", "peristiwa_penyebut"),
    *("aturan_pembilang", "peristiwa_pembilang"),
)


async def attachment(view: View, numbers: Iterable[str]) -> Attachment:
    """The subjects in the denominators of the figures *numbers*, a row for each.

    Raises:
        Forbidden: A figure counts subjects of another division.
        Refused: The annex is larger than a verifier reads.
    """
    content = bytearray(csv_output.lines([HEADINGS]).encode())
    count = 0
    for number in numbers:
        found = await counted_annex.counted(view, from_number(number))
        content += csv_output.lines(_row(number, one) for one in found).encode()
        count += len(found)
        if len(content) > LARGEST:
            raise Refused(_too_large(count))
    return Attachment(
        NAME,
        bytes(content),
        "text/csv",
        say(message("counted cases and organisations, with the rules")),
    )


def _too_large(count: int) -> Message:
    return message(
        "the paper cannot be issued: its figures count {count:,} cases and "
        "organisations or more, and their list in {file} would be larger than the "
        "{most} MiB that a verifier reads",
        count=count,
        file=NAME,
        most=LARGEST >> 20,
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
