"""Figures in the output of commands: as sentences and as rows of a table.

The module is separate from `figure`, because that name is the command in this package.
"""

from collections.abc import Iterable, Sequence

from iku import labels
from iku.app import App
from iku.cli import tables
from iku.cli.tables import Printer, exact, number, text
from iku.domain.figure import Figure
from iku.domain.publication import FrozenValue
from iku.domain.question import Question
from iku.exchange import formats
from iku.queries import recount as replaying
from iku.queries.figure_verification import Recounted

HEADINGS = {name: label.id for name, label in labels.FIGURE.items()}
COUNTS = (
    number(HEADINGS["numerator"], "Pemb."),
    number(HEADINGS["denominator"], "Peny."),
)
REACHED = (
    *(number(HEADINGS[name]) for name in ("percentage", "target", "achievement")),
    text(HEADINGS["rating"]),
)
COLUMNS = (exact(HEADINGS["indicator"]), *COUNTS, *REACHED)
PARTS = (
    *(exact(HEADINGS["indicator"]), text("Bagian"), *COUNTS),
    number(HEADINGS["percentage"]),
)


async def compute_figures(
    app: App, questions: Sequence[Question], *, replay: bool = False
) -> list[Figure]:
    """The figures of *questions*; with *replay*, recounted from the log alone."""
    today = app.commands.today()
    async with app.pool.acquire() as connection:
        if not replay:
            return await app.figures.answer(connection, questions, today)
        return [await replaying.recount(connection, q, today) for q in questions]


def show(figures: Sequence[Figure], areas: dict[str, str]) -> None:
    """Print a table of *figures* that share their coordinates, and their parts."""
    out = tables.Printer()
    if figures:
        out.say(coordinates_in_words(figures[0]))
    out.table(COLUMNS, map(cells, figures))
    _show_parts(out, figures, areas)
    for figure in figures:
        out.say(f"{figure.indicator}: nomor {figure.number}{_remark(figure)}")


def coordinates_in_words(at: Figure) -> str:
    """The coordinates of a figure in words, without its indicator."""
    return (
        f"{formats.period(at.period)}, per {formats.day(at.as_of)}, "
        f"diketahui per {formats.day(at.known_on)}, "
        f"dari {formats.number(at.size)} peristiwa"
    )


def counts(figure: Figure | FrozenValue | Recounted) -> str:
    """``7/9 (77,78%)``."""
    counted = formats.fraction(figure.numerator, figure.denominator)
    return f"{counted} ({formats.percent(figure.percentage)})"


def cells(figure: Figure | FrozenValue) -> tuple[str, ...]:
    """A figure as a row under `COLUMNS`."""
    return (
        figure.indicator,
        formats.number(figure.numerator),
        formats.number(figure.denominator),
        formats.percent(figure.percentage),
        formats.percent(figure.target),
        formats.percent(figure.achievement),
        figure.rating or formats.NOTHING,
    )


def _show_parts(out: Printer, figures: Iterable[Figure], areas: dict[str, str]) -> None:
    rows = [
        (
            figure.indicator,
            areas.get(part.key, part.key) or "tidak diketahui",
            formats.number(part.numerator),
            formats.number(part.denominator),
            formats.percent(part.percentage),
        )
        for figure in figures
        for part in figure.parts or ()
    ]
    if rows:
        out.table(PARTS, rows)


def _remark(figure: Figure) -> str:
    if figure.empty:
        return "; tidak ada yang dihitung"
    if figure.expired:
        return f"; {formats.number(figure.expired)} di antaranya SKT-nya kedaluwarsa"
    return ""
