"""Publications as tables made for reading."""

from collections.abc import Iterable

from rich.console import Console

from iku.cli import terminal
from iku.cli.difference import CAUSES, signed
from iku.cli.figures import HEADINGS, NUMBERS, TEXTS, cells
from iku.cli.terminal import Drawn
from iku.domain.figure import Figure
from iku.domain.publication import Frozen, State
from iku.exchange import formats
from iku.ledger.checkpoints import Coverage
from iku.projections.changes import Change, Effect, FrozenFigure, PublicationChanges
from iku.projections.publications import (
    ListedPublication,
    Publications,
    ShownPublication,
    ShownStep,
)

STATES = {
    State.DRAFT: "draf",
    State.CLOSED: "ditutup",
    State.REVIEWED: "ditelaah",
    State.PUBLISHED: "terbit",
    State.WITHDRAWN: "ditarik",
}
STEPS = {
    "drafted": "disusun",
    "closed": "ditutup",
    "returned": "dikembalikan",
    "reviewed": "ditelaah",
    "published": "diterbitkan",
    "withdrawn": "ditarik",
}
LISTED = ("Publikasi", "Periode", "Per", "Edisi", "Keadaan", "Sejak", "Judul")
TAKEN = ("Langkah", "Tanggal", "Oleh", "Alasan", "Peristiwa")
SIDES = (
    "Indikator",
    "Terbit",
    "Kini",
    "Pembilang",
    "Penyebut",
    "Capaian terbit",
    "Capaian kini",
)
CHANGED = (
    *("Sebab", "Nomor", "Judul", "Pengaruh", "Peristiwa"),
    *("Efektif", "Diketahui", "Dicatat", "Oleh", "Alasan"),
)


COVERAGES = {
    Coverage.PENDING: "Belum dijamin: catatan ini belum ditandatangani.",
    Coverage.SIGNED: "Ditandatangani oleh log; belum disaksikan pihak luar.",
    Coverage.WITNESSED: "Ditandatangani oleh log dan disaksikan pihak luar.",
}


def show_list(found: Publications) -> None:
    """Print a table of publications."""
    out = terminal.console()
    rows = [_listed(one) for one in found.publications]
    if rows:
        out.print(terminal.table(LISTED, rows, right=("Edisi",), wrap=("Judul",)))
    else:
        out.print("Belum ada publikasi.")


def _listed(one: ListedPublication) -> tuple[str, ...]:
    return (
        one.id,
        formats.period(one.period),
        formats.day(one.as_of),
        formats.number(one.edition),
        STATES[one.state],
        formats.day(one.since),
        one.title or "",
    )


def show(found: ShownPublication) -> None:
    """Print a publication: what it is, its figures, its steps, its editions."""
    out = terminal.console()
    if found.title:
        out.print(found.title)
    out.print(
        f"Publikasi {found.id}: {formats.period(found.period)}, "
        f"per {formats.day(found.as_of)}, {STATES[found.state]} sejak "
        f"{formats.day(found.since)}"
    )
    if found.figures is not None:
        _show_frozen(out, found)
    if found.live is not None:
        out.print("Draf: angka belum dibekukan. Bila ditutup sekarang:")
        out.print(_figures(found.live))
    rows = [_step(step) for step in found.steps]
    out.print(terminal.table(TAKEN, rows, right=("Peristiwa",), wrap=("Alasan",)))
    if len(found.editions) > 1:
        told = [f"{one.id} ({STATES[one.state]})" for one in found.editions]
        out.print(f"Edisi: {', '.join(told)}")


def _show_frozen(out: Console, found: ShownPublication) -> None:
    if found.known_on is not None and found.size is not None:
        out.print(
            f"Dibekukan menurut yang diketahui per {formats.day(found.known_on)}, "
            f"dari {formats.number(found.size)} peristiwa"
        )
    frozen = found.figures or ()
    out.print(_figures(frozen))
    for one in frozen:
        out.print(f"{one.indicator}: nomor {one.number}")
    if found.coverage is not None:
        out.print(COVERAGES[found.coverage])


def _figures(shown: Iterable[Frozen | Figure]) -> Drawn:
    rows = [cells(one) for one in shown]
    return terminal.table(HEADINGS, rows, right=NUMBERS, wrap=TEXTS)


def _step(step: ShownStep) -> tuple[str, ...]:
    return (
        STEPS[step.type],
        formats.day(step.effective_on),
        step.actor,
        step.reason,
        formats.number(step.position),
    )


def show_changes(found: PublicationChanges) -> None:
    """Print published and present values, and what lies between them."""
    out = terminal.console()
    out.print(
        f"Perubahan setelah terbit: publikasi {found.publication}, "
        f"dibandingkan dengan {formats.number(found.size)} peristiwa"
    )
    rows = [_sides(one) for one in found.figures]
    out.print(terminal.table(SIDES, rows, right=SIDES[1:]))
    if found.items:
        rows = [_change(item) for item in found.items]
        wrap = ("Judul", "Pengaruh", "Oleh", "Alasan")
        out.print(terminal.table(CHANGED, rows, right=("Peristiwa",), wrap=wrap))
    else:
        out.print("Tidak ada yang dicatat setelahnya.")
    if found.next:
        out.print(f"Masih ada lanjutannya: --cursor {found.next}")


def _sides(one: FrozenFigure) -> tuple[str, ...]:
    then, now = one.published, one.present
    return (
        one.indicator,
        f"{then.numerator}/{then.denominator} = {formats.percent(then.percentage)}",
        f"{now.numerator}/{now.denominator} = {formats.percent(now.percentage)}",
        signed(one.difference.numerator),
        signed(one.difference.denominator),
        formats.percent(then.achievement),
        formats.percent(now.achievement),
    )


def _change(item: Change) -> tuple[str, ...]:
    event = item.event
    return (
        CAUSES[item.cause],
        item.number,
        item.title or "",
        "; ".join(map(_effect, item.effects)) or "tidak ada",
        formats.number(event.position),
        str(event.effective_on or formats.NOTHING),
        str(event.known_on),
        f"{event.recorded_at:%Y-%m-%d %H:%M}Z",
        event.actor,
        event.reason or formats.NOTHING,
    )


def _effect(effect: Effect) -> str:
    """``IKU-1: pembilang -1``."""
    parts = (
        ("pembilang", effect.numerator),
        ("penyebut", effect.denominator),
    )
    told = [f"{name} {number:+}" for name, number in parts if number]
    return f"{effect.indicator}: {', '.join(told)}"
