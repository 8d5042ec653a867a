"""The front page: the figures of all indicators as of a day.

It always shows the coordinates of its figures: the day, the knowledge cut-off and the
log size. Where the day is neither today nor the requested one, it gives the reason
(decision 22).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any, cast

import msgspec
from litestar import Request, Response, get

from iku import labels
from iku.app import App
from iku.connection import open_view
from iku.domain.coordinates import LARGEST
from iku.domain.figure import Figure
from iku.domain.question import InvalidQuestion
from iku.exchange import formats
from iku.queries import front_page as queries
from iku.queries import log_records
from iku.queries.front_page import Fallback, FrontDay, FrontPage, RequestedMoment
from iku.web import problems
from iku.web.admission import Application
from iku.web.problems import Problem

# Forbids scripts and every resource of another host.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
PAGE = """\
<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif; }}
body {{ max-width: 72rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  overflow-wrap: anywhere; }}
h1 {{ line-height: 1.2; margin-bottom: .25rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 1.5rem 0; }}
th, td {{ padding: .5rem; border-bottom: 1px solid GrayText; text-align: left;
  vertical-align: top; }}
th[scope=row], td span {{ white-space: nowrap; }}
th {{ overflow-wrap: normal; }}
td:nth-child(n+3):not(:nth-child(6)), th:nth-child(n+3):not(:nth-child(6)) {{
  text-align: right; }}
form {{ display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; }}
label {{ display: grid; }}
input, button {{ font: inherit; padding: .25rem .5rem; }}
.note {{ border-left: .25rem solid #b45309; padding: .25rem 1rem; margin: 1rem 0; }}
.note p {{ margin: .25rem 0; }}
[lang=en] {{ font-size: .875rem; }}
@media (max-width: 48rem) {{
  thead {{ position: absolute; clip-path: inset(50%); }}
  tr {{ display: grid; grid-template-columns: 1fr 1fr; padding: .5rem 0;
    border-bottom: 1px solid GrayText; }}
  tr th, tr td {{ padding: .25rem 0; border: 0; text-align: left !important; }}
  th[scope=row], td:nth-child(2) {{ grid-column: 1 / -1; }}
  td[data-label]::before {{ content: attr(data-label); display: block;
    font-size: .875rem; }}
}}
</style>
</head>
<body>
{body}
</body>
</html>
"""
FRONT = """\
<h1>Indikator Kinerja Utama</h1>
<p>{agency}</p>
{note}
<p><strong>{period}, per {as_of}</strong>, menurut yang diketahui {known},
dihitung dari {size} peristiwa.</p>
<table role="table">
<thead role="rowgroup"><tr role="row">{headings}</tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>
{form}
<p>Lihat juga <a href="/docs">dokumentasi API</a>.</p>"""
HEADING = '<th role="columnheader" scope="col">{}</th>'
# The grid layout of narrow windows drops the implicit table roles; these restore them.
ROW = (
    '<tr role="row"><th role="rowheader" scope="row">'
    '<a href="/api/v1/indicators/{code}">{code}</a></th>'
    '<td role="cell">{wording}</td>{cells}</tr>'
)
CELL = '<td role="cell" data-label="{label}">{value}</td>'
FORM = """\
<form method="get" action="/">
<label>Per tanggal <input type="date" name="as_of" value="{as_of}"
 max="{today}"></label>
<label>Diketahui per (kosong: semua) <input type="date" name="known_on"
 value="{known_on}" max="{today}"></label>{size}
<button>Tampilkan</button>
</form>"""
SIZE = '\n<input type="hidden" name="size" value="{}">'
# The reason why the page shows another day than today.
OLDER = """\
<div class="note">
<p>Belum ada fakta tahun {this_year} yang mengubah angka. Karena itu halaman ini
menunjukkan tahun terakhir {why}: keadaan per <strong>{as_of}</strong>,
bukan keadaan hari ini, {today}. <a href="/?as_of={iso}">Lihat keadaan hari ini</a>.</p>
<p lang="en">No fact of {this_year} has moved a figure yet, so this page shows the last
year {why_en}: the figures as of {as_of_iso}, not as of today, {iso}.</p>
</div>"""
YEARS = {
    Fallback.TARGETED: ("yang memiliki target", "that has a target"),
    Fallback.MOVED: ("yang faktanya mengubah angka", "whose facts moved a figure"),
}
FAULT = """\
<h1>{heading}</h1>
<p>{indonesian}</p>
<p lang="en">{english}</p>
<p><a href="/">Ke halaman depan</a></p>"""

NAMES = ("as_of", "known_on", "size")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SIZE = re.compile(r"[0-9]{1,16}")


class InvalidAddress(ValueError):
    """The address has invalid parameters; the message in each language."""

    def __init__(self, indonesian: str, english: str) -> None:
        super().__init__(english)
        self.indonesian = indonesian


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The error page for a request that raised *error*."""
    if isinstance(error, InvalidAddress):
        return _page(_fault("Alamat ini tidak dapat dijawab", error), 400)
    response = problems.answer(request, error)
    problem = msgspec.json.decode(response.content, type=Problem)
    said = InvalidAddress(
        "Halaman ini sedang tidak dapat ditampilkan. Coba lagi sebentar lagi.",
        f"{problem.title}. {problem.detail}",
    )
    headers = {k: v for k, v in response.headers.items() if k == "Retry-After"}
    return _page(_fault("Sedang tidak dapat dijawab", said), problem.status, headers)


@get("/", include_in_schema=False, exception_handlers={Exception: answer})
async def front(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The page with the figures of a day and of the end of the previous year."""
    app = cast(Application, request.app).app
    today = app.commands.today()
    asked = read(list(request.query_params.multi_items()), today)
    shown = await _look(app, asked, today)
    return _page(_front(shown, asked, app.agency.name, today))


def read(given: Sequence[tuple[str, str]], today: date) -> RequestedMoment:
    """The requested coordinates. A parameter without a value is ignored.

    Raises:
        InvalidAddress: A parameter is unknown, repeated, not a day or size, or later
            than *today*.
    """
    named = [name for name, _ in given]
    for name in named:
        if name not in NAMES:
            there = ", ".join(NAMES)
            raise InvalidAddress(
                f"Tidak ada parameter {name}; yang ada: {there}.",
                f"There is no parameter {name}; there are: {there}.",
            )
        if (times := named.count(name)) > 1:
            raise InvalidAddress(
                f"{name} diberikan {times} kali.", f"{name} is given {times} times."
            )
    values = {name: value for name, value in given if value}
    return RequestedMoment(
        _day("as_of", values, today), _day("known_on", values, today), _size(values)
    )


def _day(name: str, values: Mapping[str, str], today: date) -> date | None:
    if (value := values.get(name)) is None:
        return None
    try:
        day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise InvalidAddress(
            f"{name} adalah “{value}”, bukan tanggal. Tulis sebagai YYYY-MM-DD, "
            "misalnya 2021-12-31.",
            f"{name} is “{value}”, which is not a day. Write YYYY-MM-DD, such as "
            "2021-12-31.",
        )
    if day > today:
        raise InvalidAddress(
            f"{name} adalah {formats.day(day)}, sesudah hari ini, "
            f"{formats.day(today)}.",
            f"{name} is {day}, which is after today, {today}.",
        )
    return day


def _size(values: Mapping[str, str]) -> int | None:
    if (value := values.get("size")) is None:
        return None
    if not _SIZE.fullmatch(value) or int(value) > LARGEST:
        raise InvalidAddress(
            f"size adalah “{value}”, bukan banyaknya peristiwa. Tulis bilangan bulat, "
            "misalnya 140.",
            f"size is “{value}”, which is not a number of events. Write a whole "
            "number, such as 140.",
        )
    return int(value)


async def _look(app: App, asked: RequestedMoment, today: date) -> FrontPage:
    async with open_view(app) as view:
        size = await log_records.size(view.reader)
        if asked.size is not None and asked.size > size:
            raise InvalidAddress(
                f"size adalah {formats.number(asked.size)}, tetapi log memuat "
                f"{formats.number(size)} peristiwa.",
                f"size is {asked.size}, but the log holds {size} events.",
            )
        try:
            return await queries.front(view, app.figures, asked, today)
        except InvalidQuestion as error:
            raise InvalidAddress(
                "Angka ini tidak dapat dihitung.", f"{error}."
            ) from error


def _front(shown: FrontPage, asked: RequestedMoment, agency: str, today: date) -> str:
    one = shown.figures[0]
    known = f"per {formats.day(one.known_on)}" if asked.known_on else "sampai sekarang"
    return FRONT.format(
        agency=escape(agency),
        note=_note(shown.day, today),
        period=escape(formats.period(one.period)),
        as_of=escape(formats.day(one.as_of)),
        known=escape(known),
        size=escape(formats.number(one.size)),
        headings="".join(HEADING.format(escape(h)) for h in _headings(one)),
        rows="\n".join(_rows(shown)),
        form=FORM.format(
            as_of=one.as_of.isoformat(),
            today=today.isoformat(),
            known_on=asked.known_on.isoformat() if asked.known_on else "",
            size="" if asked.size is None else SIZE.format(asked.size),
        ),
    )


def _note(day: FrontDay, today: date) -> str:
    """The note on a day chosen by the server other than today; else empty."""
    if day.why is None:
        return ""
    indonesian, english = YEARS[day.why]
    return OLDER.format(
        this_year=today.year,
        why=escape(indonesian),
        why_en=escape(english),
        as_of=escape(formats.day(day.as_of)),
        today=escape(formats.day(today)),
        as_of_iso=day.as_of.isoformat(),
        iso=today.isoformat(),
    )


def _headings(one: Figure) -> tuple[str, ...]:
    return ("Kode", labels.FIGURE["indicator"].id, *_labels(one))


def _labels(one: Figure) -> tuple[str, ...]:
    """The column headings of a figure's cells."""
    names = ("percentage", "target", "achievement", "rating")
    reached = tuple(labels.FIGURE[name].id for name in names)
    if one.as_of.year == 1:
        return reached
    return (*reached, f"Per {formats.day(date(one.as_of.year - 1, 12, 31))}")


def _rows(shown: FrontPage) -> Iterator[str]:
    """One table row for each indicator."""
    for figure in shown.figures:
        definitions = {
            one.version: one.defined
            for one in shown.indicators[figure.indicator].definitions
        }
        values = [
            _counted(figure),
            _whole(formats.percent(figure.target)),
            _whole(formats.percent(figure.achievement)),
            _whole(figure.rating or formats.NOTHING),
            *(_counted(one) for one in [shown.earlier.get(figure.indicator)] if one),
        ]
        yield ROW.format(
            code=escape(figure.indicator),
            wording=escape(definitions[figure.definition].wording),
            cells="".join(
                CELL.format(label=escape(label), value=value)
                for label, value in zip(_labels(figure), values, strict=True)
            ),
        )


def _counted(figure: Figure) -> str:
    counted = f"{formats.number(figure.numerator)}/{formats.number(figure.denominator)}"
    # A narrow window may break the line only between the two.
    return f"{_whole(formats.percent(figure.percentage))} {_whole(f'({counted})')}"


def _whole(text: str) -> str:
    """*text* as markup without line breaks."""
    return f"<span>{escape(text)}</span>"


def _fault(heading: str, error: InvalidAddress) -> str:
    return FAULT.format(
        heading=escape(heading),
        indonesian=escape(error.indonesian),
        english=escape(str(error)),
    )


def _page(
    body: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    page = PAGE.format(title="Indikator Kinerja Utama", body=body)
    return Response(
        page.encode(),
        status_code=status,
        media_type="text/html",
        headers={"Content-Security-Policy": POLICY, **(headers or {})},
    )


HANDLERS: list[Any] = [front]
