"""Metadata of the indicators for statistics (MS-Ind), from their definitions.

What a definition does not say stays open.
"""

from typing import Any

from msgspec import to_builtins

from iku.domain.access import Action
from iku.domain.indicator import ConflictOptions, Definition
from iku.domain.question import Question
from iku.exchange.papers import agency_cells
from iku.exchange.papers.document import (
    Cell,
    Column,
    Document,
    Row,
    Section,
    Table,
    day_in_words,
)
from iku.exchange.papers.sources import PaperRequest, Sources, moment_of, moment_words
from iku.exchange.papers.words import say
from iku.labels import OPTION_VALUES, OPTIONS
from iku.messages import message
from iku.queries.indicators import known_indicator

NAME = "metadata-ms-ind"
_COLUMNS = (Column("Atribut", width=52), Column("Isi", width=116))


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The metadata of the definitions in force on the requested day."""
    view, profile = sources.view, sources.profile
    view.viewer.require(Action.READ_FIGURES)
    at = moment_of(sources, request)
    agency = await agency_cells.read(sources, request, at.as_of)
    sections = []
    for code, one in sorted((await sources.figures.indicators(view.reader)).items()):
        asked = Question(code, at.as_of, known_on=at.known_on, size=at.size)
        known = await known_indicator(view, sources.figures, asked)
        if known is not None:
            definition = one.definitions[known.in_force - 1]
            sections.append(_section(code, definition))
    return Document(
        name=NAME,
        title="Metadata Statistik Indikator (MS-Ind)",
        subtitle=profile.name,
        letterhead=agency_cells.letterhead(profile, agency),
        coordinates=await moment_words(sources, at),
        sections=tuple(sections),
        draft=(),
    )


def _section(code: str, of: Definition) -> Section:
    defined = of.defined
    rows: tuple[tuple[str, Cell], ...] = (
        ("Nama indikator", defined.wording),
        ("Konsep", None),
        ("Sasaran strategis", defined.objective),
        ("Definisi", _definition(of)),
        ("Interpretasi", None),
        ("Metode/rumus penghitungan", defined.formula),
        ("Ukuran", "Persentase"),
        ("Satuan", "Persen"),
        ("Klasifikasi penyajian", _classification(of)),
        ("Apakah indikator komposit?", "Tidak"),
        ("Kegiatan penghasil variabel pembangun", ", ".join(defined.sources)),
        ("Kode kegiatan", None),
        (
            "Nama variabel pembangun",
            say(message("Numerator and denominator by the formula")),
        ),
        ("Level estimasi", None),
        ("Apakah indikator dapat diakses umum?", "Ya, setelah diterbitkan"),
        ("Produsen data", defined.owner),
        ("Dasar hukum", defined.basis),
        ("Versi definisi", f"{of.version}, sejak {day_in_words(defined.effective_on)}"),
    )
    table = Table(
        name=code,
        caption="",
        columns=_COLUMNS,
        rows=tuple(Row(one) for one in rows),
    )
    return Section(f"{code} {defined.wording}", (table,))


def _definition(of: Definition) -> str:
    """The options of the definition in words, an option a line."""
    given = to_builtins(of.defined.options).items()
    return "\n".join(_option_line(*one) for one in given if one[0] in OPTIONS)


def _option_line(name: str, value: Any) -> str:
    label, words = say(OPTIONS[name]), OPTION_VALUES.get(name, {})
    values = value if isinstance(value, list | tuple) else (value,)
    shown = ", ".join(say(words.get(one, str(one))) for one in values)
    return f"{label[0].upper()}{label[1:]}: {shown}"


def _classification(of: Definition) -> str:
    by = "dimensi" if isinstance(of.defined.options, ConflictOptions) else "jenis"
    return say(message("By {part} and by district", part=by))
