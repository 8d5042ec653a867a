"""The front page: what the indicators are today, and where to read on."""

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from iku.domain.figure import Figure
from iku.domain.indicator import Indicator
from iku.domain.question import Question
from iku.exchange import formats
from iku.web.connection import connected
from iku.wiring import House

# Nothing of another host, and no program at all.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE = """\
<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Indikator Kinerja Utama</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  overflow-wrap: anywhere; }}
h1 {{ line-height: 1.2; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ padding: .5rem; border-bottom: 1px solid; text-align: left; }}
th[scope=row], td span {{ white-space: nowrap; }}
th {{ overflow-wrap: normal; }}
td:nth-child(n+3), th:nth-child(n+3) {{ text-align: right; }}
@media (max-width: 35rem) {{
  tr {{ display: grid; grid-template-columns: 4rem 1fr 1fr; border-bottom: 1px solid; }}
  th, td {{ padding: .25rem; border: 0; grid-row: 2; }}
  td:nth-child(2), th:nth-child(2) {{ grid-row: 1; grid-column: 1 / -1; }}
}}
</style>
</head>
<body>
<h1>Indikator Kinerja Utama</h1>
<p>{agency}</p>
<table role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Kode</th>
<th role="columnheader" scope="col">Indikator</th>
<th role="columnheader" scope="col">Per {then}</th>
<th role="columnheader" scope="col">Per {today}</th></tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>
<p>Dihitung dari {size} peristiwa yang tercatat.
Lihat juga <a href="/docs">dokumentasi API</a>.</p>
</body>
</html>
"""
# The roles are those that rows laid out anew for a narrow window would lose.
ROW = (
    '<tr role="row"><th role="rowheader" scope="row">'
    '<a href="/api/v1/indicators/{code}">{code}</a></th>'
    '<td role="cell">{wording}</td><td role="cell">{then}</td>'
    '<td role="cell">{now}</td></tr>'
)


@get("/", include_in_schema=False)
async def front(house: NamedDependency[SkipValidation[House]]) -> Response[bytes]:
    """The figures of today and of the end of last year."""
    today = house.office.today()
    then = date(today.year - 1, 12, 31)
    async with connected(house) as connection:
        indicators = await house.figures.indicators(connection)
        questions = [
            Question(code, day) for code in sorted(indicators) for day in (then, today)
        ]
        figures = await house.figures.answer(connection, questions, today)
    page = PAGE.format(
        agency=escape(house.agency.name),
        then=escape(formats.day(then)),
        today=escape(formats.day(today)),
        size=escape(formats.number(figures[0].size)),
        rows="\n".join(_rows(indicators, figures)),
    )
    headers = {"Content-Security-Policy": POLICY}
    return Response(page.encode(), media_type="text/html", headers=headers)


def _rows(indicators: dict[str, Indicator], figures: Sequence[Figure]) -> list[str]:
    """A row an indicator, of the figures of both days in turn."""
    return [
        ROW.format(
            code=escape(then.indicator),
            wording=escape(indicators[then.indicator].definitions[-1].defined.wording),
            then=_shown(then),
            now=_shown(now),
        )
        for then, now in zip(figures[::2], figures[1::2], strict=True)
    ]


def _shown(figure: Figure) -> str:
    counted = f"{formats.number(figure.numerator)}/{formats.number(figure.denominator)}"
    percent = escape(formats.percent(figure.percentage))
    # A narrow window breaks the line between the two, and nowhere else.
    return f"<span>{percent}</span> <span>({escape(counted)})</span>"


HANDLERS: list[Any] = [front]
