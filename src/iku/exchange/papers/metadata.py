"""Metadata of the indicators for statistics (MS-Ind), from their definitions.

What a definition does not say stays open.
"""

from iku.domain.access import Action
from iku.domain.indicator import ConflictOptions, Definition, OrganisationOptions
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
from iku.exchange.papers.words import say, word
from iku.labels import KINDS, MANNERS, OPTION_VALUES
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
    """The options of the definition in words."""
    options = of.defined.options
    lines: list[tuple[str, str, str]] = [("0/0", "empty", options.empty)]
    match options:
        case ConflictOptions():
            lines += [
                ("Tingkat terendah", "minimum_level", options.minimum_level),
                ("Hari sejak perkara ada", "date_basis", options.date_basis),
                ("Perkara terbuka sebelumnya", "carry_over", options.carry_over),
                (say(message("Reopened cases")), "reopening", options.reopening),
            ]
            words = [str(word(MANNERS, one)) for one in options.resolution_manners]
            last = say(message("Manners that resolve a case: {manners}", manners=words))
        case OrganisationOptions():
            expired = options.expired_registration
            lines += [
                ("Organisasi ber-SKT kedaluwarsa", "expired_registration", expired),
                (
                    say(message("Existing organisations")),
                    "population",
                    options.population,
                ),
            ]
            words = [str(word(KINDS, one)) for one in options.kinds]
            counted = say(message("Kinds that count: {kinds}", kinds=words))
            least = say(
                message(
                    "Verified participations, at least: {least}",
                    least=options.participation_threshold,
                )
            )
            last = f"{counted}\n{least}"
        case _:
            last = ""
    said = [f"{label}: {_option(name, value)}" for label, name, value in lines]
    return "\n".join([*said, last]).strip()


def _option(name: str, value: str) -> str:
    return str(word(OPTION_VALUES[name], value))


def _classification(of: Definition) -> str:
    by = "dimensi" if isinstance(of.defined.options, ConflictOptions) else "jenis"
    return say(message("By {part} and by district", part=by))
