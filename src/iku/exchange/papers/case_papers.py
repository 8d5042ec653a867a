"""Papers about one case: its sheet (*lembar perkara*) and the minutes of a settlement.

Both have texts of the vault and names of persons, so they are made on demand for those
who may read them, and never issued.
"""

from collections.abc import Mapping
from typing import Any

from iku.domain.access import Action
from iku.domain.conflict import decider
from iku.domain.decider import SubjectNotFound
from iku.exchange.field_format import FieldFormat
from iku.exchange.papers import agency_cells, spelled
from iku.exchange.papers.document import (
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    SignatureBlock,
    Signatures,
    Table,
    Terms,
    day_in_words,
)
from iku.exchange.papers.sources import PaperRequest, Sources, moment_of, moment_words
from iku.exchange.papers.words import say, word
from iku.labels import EVENTS, MANNERS
from iku.language import Language
from iku.messages import message
from iku.queries import actor_names, subject_page
from iku.queries.event_history import EventView
from iku.queries.subject_page import SubjectRecord

SHEET, SETTLEMENT = "lembar-perkara", "berita-acara-penyelesaian"
_STATE_FIELDS = (
    *("number", "title", "category", "dimension", "level", "area", "source"),
    *("reported_on", "occurred_on", "reference", "reporter", "parties"),
)
_HIDDEN = ("number", "corrects", "annuls", "cleared", "not_carried")


async def make_sheet(sources: Sources, request: PaperRequest) -> Document:
    """The sheet of a case: its state and all of its events.

    Raises:
        SubjectNotFound: The case does not exist at the coordinates.
        Forbidden: The viewer may not read its texts.
    """
    found = await _read(sources, request)
    formats = _formats(sources)
    actors = await actor_names.recorded_names(
        sources.view, {one.actor for one in found.events}
    )
    shown = found.seen.shown
    terms = tuple(
        (formats.label(name).capitalize(), _value(formats, name, shown.get(name)))
        for name in _STATE_FIELDS
    )
    events = Table(
        name="riwayat",
        caption=say(message("Table 1. History of the case")),
        columns=(
            Column("No", CellKind.COUNT, 9),
            Column("Peristiwa", width=26),
            Column("Berlaku tgl", CellKind.DAY, 21),
            Column("Diketahui tgl", CellKind.DAY, 22),
            Column("Oleh", width=22),
            Column("Isi", width=70),
        ),
        rows=tuple(_event_row(formats, one, actors) for one in found.events),
    )
    status = formats.status(shown)
    ending = say(message("The history has {number} events.", number=len(found.events)))
    return await _document(
        sources,
        request,
        SHEET,
        "Lembar Perkara",
        f"Perkara {shown['number']}",
        (
            Section("Perkara", (Terms((*terms, ("Status", status))),)),
            Section("Riwayat", (events, Paragraph(ending))),
        ),
        None,
    )


async def make_settlement(sources: Sources, request: PaperRequest) -> Document:
    """The minutes of the settlement of a case that is resolved.

    Raises:
        SubjectNotFound: The case does not exist at the coordinates, or is not resolved.
        Forbidden: The viewer may not read its texts.
    """
    found = await _read(sources, request)
    shown, formats = found.seen.shown, _formats(sources)
    closed_on = shown["resolved_on"]
    if closed_on is None:
        raise SubjectNotFound(
            message(
                "case {number} is not resolved, so it has no minutes of a settlement",
                number=shown["number"],
            )
        )
    given = request.participants
    agreement = _last_text(found.events, "resolved", "evidence")
    terms = Terms(
        (
            ("Nomor", shown["number"]),
            ("Pokok perkara", _value(formats, "title", shown["title"])),
            ("Para pihak", _value(formats, "parties", shown.get("parties"))),
            ("Tempat kejadian", _value(formats, "area", shown["area"])),
            ("Dilaporkan", day_in_words(shown["reported_on"])),
            ("Cara penyelesaian", word(MANNERS, shown["manner"])),
            ("Isi kesepakatan", agreement),
            ("Mediator", given.mediator),
            ("Saksi-saksi", "\n".join(given.witnesses) or None),
            ("Tempat penandatanganan", given.place),
        )
    )
    opening = say(
        message(
            "Today, {day}, the following case was settled:", day=spelled.day(closed_on)
        )
    )
    ending = say(
        message(
            "These minutes are drawn up truthfully and signed by the parties, the "
            "witnesses and the mediator."
        )
    )
    signers = (
        ("Pihak pertama", None),
        ("Pihak kedua", None),
        *(("Saksi", name) for name in given.witnesses or (None,)),
        ("Mediator", given.mediator),
    )
    blocks = tuple(SignatureBlock(role, name, ranked=False) for role, name in signers)
    return await _document(
        sources,
        request,
        SETTLEMENT,
        "Berita Acara Penyelesaian Perkara",
        f"Perkara {shown['number']}",
        (Section(None, (Paragraph(opening), terms)),),
        Signatures(given.place, request.signed_on, blocks, ending),
    )


async def _read(sources: Sources, request: PaperRequest) -> SubjectRecord:
    view, typed = sources.view, request.subject or ""
    category = decider.category
    found = await subject_page.resolve_subject(view, category, typed)
    subject = found[0] if found else typed
    await view.require(Action.READ_TEXTS, decider.stream(subject))
    at = moment_of(sources, request)
    return await subject_page.record(view, category, subject, at, present=False)


def _formats(sources: Sources) -> FieldFormat:
    areas = sources.profile.area_names
    return FieldFormat(lambda: Language.INDONESIAN, areas)


def _value(formats: FieldFormat, name: str, value: Any) -> str | None:
    return None if value is None else formats.value(name, value)


def _event_row(formats: FieldFormat, one: EventView, actors: Mapping[str, str]) -> Row:
    fields = {**one.data, **one.text}
    lines = [
        f"{formats.label(name)}: {formats.value(name, value)}"
        for name, value in fields.items()
        if name not in _HIDDEN
    ]
    return Row(
        (
            one.version,
            word(EVENTS, one.type),
            one.effective_on,
            one.known_on,
            say(actors[one.actor]),
            "\n".join(lines) or None,
        )
    )


def _last_text(events: tuple[EventView, ...], kind: str, name: str) -> str | None:
    texts = [one.text[name] for one in events if one.type == kind and name in one.text]
    return texts[-1] if texts else None


async def _document(  # noqa: PLR0917 - what the two papers differ in
    sources: Sources,
    request: PaperRequest,
    name: str,
    title: str,
    subtitle: str,
    sections: tuple[Section, ...],
    signatures: Signatures | None,
) -> Document:
    at = moment_of(sources, request)
    agency = await agency_cells.read(sources, request, at.as_of)
    return Document(
        name=name,
        title=title,
        subtitle=subtitle,
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=await moment_words(sources, at),
        sections=sections,
        signatures=signatures or agency_cells.signatures(agency, request),
        internal=True,
    )
