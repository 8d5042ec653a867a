"""The columns of journals, described for the people who fill them in.

This module describes the purpose of each column; its values, and the events that use
it, are derived from the layouts (`journal_layouts`).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from iku.exchange import cells
from iku.exchange.journal_layouts import LAYOUTS, REMARK, FactLayout, Layout
from iku.messages import Message, message

_SHARED: Mapping[str, Message] = {
    "diketahui_pada": message(
        "The day on which the office learned of it, in CSV as YYYY-MM-DD. A day before "
        "today needs the approval of another person."
    ),
    "nomor": message("The number in the register. It identifies the case throughout."),
    "peristiwa": message(
        "What happened. The table of events shows the columns of each."
    ),
    "tanggal": message(
        "The day on which it happened, in CSV as YYYY-MM-DD; in a correction or an "
        "annulment, the day of the event concerned."
    ),
    "wilayah": message("The code of the area, with full stops."),
    REMARK: message(
        "Reason, evidence or note. Required if the change affects a published figure."
    ),
}
DESCRIPTIONS: Mapping[str, Mapping[str, Message]] = {
    "konflik": {
        **_SHARED,
        "kategori": message("The category of the conflict."),
        "dimensi": message("The dimension, which belongs to the category."),
        "judul": message("The title: one line without names of persons."),
        "tanggal_kejadian": message("The day on which the conflict began."),
        "sumber": message("Where the report comes from."),
        "ke_nomor": message("The surviving case of a merger, or the correct number."),
        "cara": message("The phase of the handling, or the manner of the resolution."),
    },
    "organisasi": {
        **_SHARED,
        "nomor": message("The number in the register of organisations."),
        "jenis": message("The kind of the organisation."),
        "nama": message("The name of the organisation."),
        "dasar_hukum": message("The legal basis of the registration."),
        "berlaku_sampai": message(
            "The last day of validity of an SKT, in CSV as YYYY-MM-DD."
        ),
        "rujukan": message(
            "The reference of the participation, the surviving organisation of a "
            "merger, or the correct number."
        ),
        "kegiatan": message("The activity in which the organisation took part."),
        "terverifikasi": message("Whether the participation is verified."),
    },
    "target": {
        "indikator": message("The code of the indicator, such as IKU-1."),
        "tahun": message("The year of the target."),
        "target": message("Per cent, with a decimal point or comma."),
        "berlaku_mulai": message(
            "The day from which the target holds, in CSV as YYYY-MM-DD."
        ),
        "dasar": message("The document that sets the target."),
        REMARK: message("The reason for the revised target."),
    },
}


class JournalColumn(NamedTuple):
    """A column of a journal.

    Attributes:
        required: Whether every row needs a value.
        choices: The accepted words; empty if other values are accepted.
    """

    heading: str
    description: Message
    required: bool
    choices: tuple[str, ...]


class RowKind(NamedTuple):
    """A kind of row: the word that names it, and the further columns that it uses.

    Attributes:
        required: Required columns; of columns joined by a slash, at least one.
    """

    event: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


def headings(journal: str) -> tuple[str, ...]:
    """The headings of a journal, the optional ones last."""
    layout = LAYOUTS[journal]
    return (*layout.headings, *layout.optional)


def columns(journal: str) -> list[JournalColumn]:
    """The columns of a journal, in order."""
    layout, described = LAYOUTS[journal], DESCRIPTIONS[journal]
    return [
        JournalColumn(
            heading,
            described[heading],
            heading in layout.required_headings,
            _choices(layout, heading),
        )
        for heading in headings(journal)
    ]


def row_kinds(journal: str) -> list[RowKind]:
    """The kinds of rows of a journal; none if it has one kind only."""
    layout = LAYOUTS[journal]
    if layout.event is None:
        return []
    return [_row_kind(layout, word, one) for word, one in layout.statements.items()]


def _row_kind(layout: Layout, word: str, of: FactLayout) -> RowKind:
    fact: Any = of.fact
    read = cells.cell_readers(fact)
    required = [*of.identifying_fields]
    if of.any_of:
        required.append(" / ".join(of.any_of))
    optional: list[str] = []
    for heading, name in of.fields.items():
        if heading not in {*layout.required_headings, *of.any_of}:
            (required if read[name].required else optional).append(heading)
    return RowKind(word, tuple(required), (*optional, *of.only))


def _choices(layout: Layout, heading: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for word, statement in layout.statements.items():
        if heading == layout.event:
            found[word] = None
        elif (name := statement.fields.get(heading)) is not None:
            fact: Any = statement.fact
            parse = cells.cell_readers(fact)[name].parse
            if isinstance(parse, partial):
                found |= dict.fromkeys(parse.keywords.get("allowed", ()))
    return tuple(found)
