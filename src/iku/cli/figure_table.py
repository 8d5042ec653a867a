"""Figures in the output of commands: as sentences and as rows of a table.

The module is separate from `figure`, because that name is the command in this package.
"""

from collections.abc import Iterable, Sequence

from iku import labels
from iku.app import App
from iku.cli import tables
from iku.cli.tables import Printer, number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.domain.figure import Figure
from iku.domain.publication import FrozenValue
from iku.domain.question import Question
from iku.messages import message
from iku.queries import recount as replaying
from iku.queries.figure_verification import Recounted

HEADINGS = labels.FIGURE
COUNTS = (
    number_column(HEADINGS["numerator"], message("Num.")),
    number_column(HEADINGS["denominator"], message("Denom.")),
)
REACHED = (
    *(
        number_column(HEADINGS[name])
        for name in ("percentage", "target", "achievement")
    ),
    unwrapped_column(HEADINGS["rating"]),
)
COLUMNS = (unwrapped_column(HEADINGS["indicator"]), *COUNTS, *REACHED)
PARTS = (
    *(unwrapped_column(HEADINGS["indicator"]), text_column(message("Part")), *COUNTS),
    number_column(HEADINGS["percentage"]),
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
        out.say(f"{indicator_and_number(figure)}{_expired_remark(figure)}")


def coordinates_in_words(at: Figure) -> str:
    """The coordinates of a figure in words, without its indicator."""
    return translated(
        message(
            "{period}, as of {day}, as known on {known}, from {size} events",
            period=formats.period(at.period),
            day=formats.day(at.as_of),
            known=formats.day(at.known_on),
            size=formats.number(at.size),
        )
    )


def indicator_and_number(figure: Figure | FrozenValue) -> str:
    """The indicator, and the number of its figure."""
    return translated(
        message(
            "{indicator}: number {number}",
            indicator=figure.indicator,
            number=figure.number,
        )
    )


def counts(figure: Figure | FrozenValue | Recounted) -> str:
    """The counts and percentage of a figure, such as ``7/9 (77,78%)``."""
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
            areas.get(part.key, part.key) or translated(message("unknown")),
            formats.number(part.numerator),
            formats.number(part.denominator),
            formats.percent(part.percentage),
        )
        for figure in figures
        for part in figure.parts or ()
    ]
    if rows:
        out.table(PARTS, rows)


def _expired_remark(figure: Figure) -> str:
    if figure.empty:
        return f"; {translated(message('nothing is counted'))}"
    if figure.expired:
        count = formats.number(figure.expired)
        said = message("{count} of them with an expired SKT", count=count)
        return f"; {translated(said)}"
    return ""
