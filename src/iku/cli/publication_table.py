"""Publications as tables."""

from zoneinfo import ZoneInfo

from iku import labels
from iku.cli import tables
from iku.cli.figure_table import COLUMNS, COUNTS, cells
from iku.cli.tables import Printer, exact, number, text
from iku.domain.publication import PublicationState
from iku.exchange import formats
from iku.queries.publication_changes import (
    FigureChange,
    FigureInForce,
    FigureValue,
    FrozenFigure,
    PublicationChange,
    PublicationChanges,
)
from iku.queries.publications import (
    ListedPublication,
    Publications,
    ShownPublication,
    ShownStep,
)

LISTED = (
    *(exact("Publikasi"), text("Periode"), exact("Per"), number("Edisi")),
    *(exact("Keadaan"), exact("Sejak"), text("Judul")),
)
TAKEN = (
    *(exact("Langkah"), exact("Tanggal"), text("Oleh")),
    *(text("Alasan"), number("Peristiwa")),
)
SIDES = (
    *(exact("Indikator"), number("Terbit"), number("Kini"), *COUNTS),
    *(number("Capaian terbit"), number("Capaian kini")),
)
CHANGED = (
    *(text("Sebab"), exact("Nomor"), text("Judul"), text("Pengaruh")),
    *(number("Peristiwa"), exact("Efektif"), exact("Diketahui")),
    *(exact("Dicatat"), text("Oleh"), text("Alasan")),
)


def show_list(found: Publications) -> None:
    """Print a table of publications."""
    out = tables.Printer()
    rows = [_listed(one) for one in found.publications]
    if rows:
        out.table(LISTED, rows)
    else:
        out.say("Belum ada publikasi.")


def _listed(one: ListedPublication) -> tuple[str, ...]:
    return (
        one.id,
        formats.period(one.period),
        formats.day(one.as_of),
        formats.number(one.edition),
        _state(one.state),
        formats.day(one.since),
        one.title or "",
    )


def _state(state: PublicationState) -> str:
    return labels.PUBLICATION_STATES[state].id


def show(found: ShownPublication) -> None:
    """Print a publication: its coordinates, figures, steps and editions."""
    out = tables.Printer()
    if found.title:
        out.say(found.title)
    out.say(
        f"Publikasi {found.id}: {formats.period(found.period)}, "
        f"per {formats.day(found.as_of)}, {_state(found.state)} sejak "
        f"{formats.day(found.since)}"
    )
    if found.figures is not None:
        _show_frozen(out, found)
    if found.live is not None:
        out.say("Draf: angka belum dibekukan. Bila ditutup sekarang:")
        out.table(COLUMNS, map(cells, found.live))
    out.table(TAKEN, map(_step, found.steps))
    if len(found.editions) > 1:
        told = [f"{one.id} ({_state(one.state)})" for one in found.editions]
        out.say(f"Edisi: {', '.join(told)}")


def _show_frozen(out: Printer, found: ShownPublication) -> None:
    if found.known_on is not None and found.size is not None:
        out.say(
            f"Dibekukan menurut yang diketahui per {formats.day(found.known_on)}, "
            f"dari {formats.number(found.size)} peristiwa"
        )
    frozen = found.figures or ()
    out.table(COLUMNS, map(cells, frozen))
    for one in frozen:
        out.say(f"{one.indicator}: nomor {one.number}")
    if found.coverage is not None:
        out.say(labels.COVERAGES[found.coverage].id)


def _step(step: ShownStep) -> tuple[str, ...]:
    return (
        labels.EVENTS[step.type].id,
        formats.day(step.effective_on),
        step.actor,
        step.reason,
        formats.number(step.position),
    )


def show_changes(found: PublicationChanges, zone: ZoneInfo) -> None:
    """Print the published and present values, and the events between them."""
    out = tables.Printer()
    out.say(
        f"Perubahan setelah terbit: publikasi {found.publication}, "
        f"dibandingkan dengan {formats.number(found.size)} peristiwa"
    )
    out.table(SIDES, map(_sides, found.figures))
    for one in found.figures:
        if one.in_force is not None:
            out.say(_in_force(one, one.in_force))
    if found.items:
        out.table(CHANGED, [_change(item, zone) for item in found.items])
    else:
        out.say("Tidak ada yang dicatat setelahnya.")
    if found.next:
        out.say(f"Masih ada lanjutannya: --cursor {found.next}")


def _sides(one: FrozenFigure) -> tuple[str, ...]:
    then, now = one.published, one.present
    return (
        one.indicator,
        _value(then),
        _value(now),
        formats.signed(one.difference.numerator),
        formats.signed(one.difference.denominator),
        formats.percent(then.achievement),
        formats.percent(now.achievement),
    )


def _in_force(one: FrozenFigure, now: FigureInForce) -> str:
    """The present value under the definition in force, if that is another one."""
    return (
        f"{one.indicator}: kini menurut definisi {now.definition} yang berlaku "
        f"{_value(now)}, capaian {formats.percent(now.achievement)}; sebab: "
        f"{labels.CAUSES[now.cause].id} (terbit menurut definisi {one.definition})."
    )


def _value(one: FigureValue) -> str:
    """``7/9 = 77,78%``."""
    counts = formats.fraction(one.numerator, one.denominator)
    return f"{counts} = {formats.percent(one.percentage)}"


def _change(item: PublicationChange, zone: ZoneInfo) -> tuple[str, ...]:
    event = item.event
    return (
        labels.CAUSES[item.cause].id,
        item.number,
        item.title or "",
        "; ".join(map(_effect, item.effects)) or "tidak ada",
        formats.number(event.position),
        formats.day(event.effective_on),
        formats.day(event.known_on),
        formats.instant(event.recorded_at, zone),
        event.actor,
        event.reason or formats.NOTHING,
    )


def _effect(effect: FigureChange) -> str:
    """``IKU-1: pembilang -1``."""
    parts = (
        ("pembilang", effect.numerator),
        ("penyebut", effect.denominator),
    )
    told = [f"{name} {formats.signed(moved)}" for name, moved in parts if moved]
    return f"{effect.indicator}: {', '.join(told)}"
