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
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get

from iku import messages
from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action, Unauthenticated
from iku.domain.coordinates import LARGEST
from iku.domain.figure import Figure
from iku.domain.question import InvalidQuestion
from iku.exchange.formats import NOTHING
from iku.language import Language, translate
from iku.messages import message
from iku.queries import front_page as queries
from iku.queries import log_records
from iku.queries.front_page import FallbackReason, FrontDay, FrontPage, RequestedMoment
from iku.web import authentication, page_rendering, problems
from iku.web.admission import Application
from iku.web.page_language import TITLE, PageLanguage, preferred
from iku.web.page_templates import (
    CELL,
    FAULT,
    FORM,
    FRONT,
    HEADING,
    OLDER,
    PAGE,
    ROW,
    SIZE,
)
from iku.web.problems import Problem
from iku.web.security_headers import content_policy
from iku.web.visitor import visit

POLICY = content_policy("style-src 'unsafe-inline'")
NAMES = ("as_of", "known_on", "size", "bahasa")
OTHER = {Language.INDONESIAN: Language.ENGLISH, Language.ENGLISH: Language.INDONESIAN}
CALLED = {Language.INDONESIAN: "Bahasa Indonesia", Language.ENGLISH: "English"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SIZE = re.compile(r"[0-9]{1,16}")


class InvalidAddress(ValueError):
    """The address has invalid parameters; the message gives the reason."""


def error_page(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The error page for a request that raised *error*."""
    page = preferred(request)
    if isinstance(error, InvalidAddress):
        heading = message("This address is not valid")
        return _page(_fault_markup(page, heading, messages.of_error(error)), page, 400)
    if isinstance(error, Unauthenticated):
        return page_rendering.redirect(f"/masuk?bahasa={page.language}")
    told = problems.error_response(request, error)
    problem = msgspec.json.decode(told.content, type=Problem)
    said = message("The page cannot be shown at present. Try again later.")
    headers = {k: v for k, v in told.headers.items() if k == "Retry-After"}
    body = _fault_markup(page, message("Service temporarily unavailable"), said)
    return _page(body, page, problem.status, headers)


@get("/", include_in_schema=False, exception_handlers={Exception: error_page})
async def show_front_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The page with the figures of a day and of the end of the previous year."""
    await authentication.admit(request, Action.READ_FIGURES)
    app = cast(Application, request.app).app
    today = app.commands.today()
    asked = parse_query(list(request.query_params.multi_items()), today)
    shown = await _load(app, asked, today)
    visitor = await visit(request)
    bar = page_rendering.markup(visitor, "front_bar.html", front=True)
    page = visitor.page
    front = _front_markup(page, shown, asked, app.agency.name, today)
    return _page(front, page, bar=bar)


def parse_query(given: Sequence[tuple[str, str]], today: date) -> RequestedMoment:
    """The requested coordinates. A parameter without a value is ignored.

    Raises:
        InvalidAddress: A parameter is unknown, repeated, not a day or size, or later
            than *today*.
    """
    named = [name for name, _ in given]
    for name in named:
        if name not in NAMES:
            raise InvalidAddress(
                message(
                    "parameter {name} is unknown; known parameters: {known}",
                    name=name,
                    known=NAMES,
                )
            )
        if (times := named.count(name)) > 1:
            raise InvalidAddress(
                message("{name} occurs {times} times", name=name, times=times)
            )
    values = {name: value for name, value in given if value}
    if (asked := values.get("bahasa", "id")) not in set(Language):
        raise InvalidAddress(
            message("bahasa is “{value}”, but must be id or en", value=asked)
        )
    return RequestedMoment(
        _parse_day("as_of", values, today),
        _parse_day("known_on", values, today),
        _parse_size(values),
    )


def _parse_day(name: str, values: Mapping[str, str], today: date) -> date | None:
    if (value := values.get(name)) is None:
        return None
    try:
        day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise InvalidAddress(
            message(
                "{name} is “{value}”, which is not a day: write YYYY-MM-DD, such as "
                "2021-12-31",
                name=name,
                value=value,
            )
        )
    if day > today:
        raise InvalidAddress(
            message(
                "{field} is {day}, but must not be after today, {today}",
                field=name,
                day=day,
                today=today,
            )
        )
    return day


def _parse_size(values: Mapping[str, str]) -> int | None:
    if (value := values.get("size")) is None:
        return None
    if not _SIZE.fullmatch(value) or int(value) > LARGEST:
        raise InvalidAddress(
            message(
                "size is “{value}”, which is not a number of events: write a whole "
                "number, such as 140",
                value=value,
            )
        )
    return int(value)


async def _load(app: App, asked: RequestedMoment, today: date) -> FrontPage:
    async with open_view(app) as view:
        size = await log_records.size(view.reader)
        if asked.size is not None and asked.size > size:
            raise InvalidAddress(
                message(
                    "size is {asked}, but the log has only {size} events",
                    asked=asked.size,
                    size=size,
                )
            )
        try:
            return await queries.front(view, app.figures, asked, today)
        except InvalidQuestion as error:
            raise InvalidAddress(messages.of_error(error)) from error


def _front_markup(
    page: PageLanguage,
    shown: FrontPage,
    asked: RequestedMoment,
    agency: str,
    today: date,
) -> str:
    other = OTHER[page.language]
    return FRONT.format(
        title=escape(page.text(TITLE)),
        agency=escape(agency),
        other=other,
        other_name=CALLED[other],
        other_address=escape(_address(asked, other)),
        note=_note(page, shown.day, today),
        **_heading(page, shown.figures[0], asked),
        headings="".join(
            HEADING.format(escape(h)) for h in _headings(page, shown.figures[0])
        ),
        rows="\n".join(_rows(page, shown)),
        form=_form(page, shown.figures[0], asked, today),
        documentation=escape(page.text(message("API documentation"))),
    )


def _address(asked: RequestedMoment, language: Language) -> str:
    given = {"as_of": asked.as_of, "known_on": asked.known_on, "size": asked.size}
    named = {name: str(value) for name, value in given.items() if value is not None}
    return f"/?{urlencode({**named, 'bahasa': language})}"


def _heading(page: PageLanguage, one: Figure, asked: RequestedMoment) -> dict[str, str]:
    """A sentence with the coordinates of the figures: day, cut-off and log size."""
    moment = message(
        "{period}, as of {day}", period=page.period(one.period), day=page.day(one.as_of)
    )
    size = page.number(one.size)
    if asked.known_on:
        basis = message(
            "as known on {day}, counted from {size} events.",
            day=page.day(one.known_on),
            size=size,
        )
    else:
        basis = message("as known now, counted from {size} events.", size=size)
    return {
        "moment": escape(page.text(moment)),
        "basis": escape(page.text(basis)),
    }


def _form(page: PageLanguage, one: Figure, asked: RequestedMoment, today: date) -> str:
    return FORM.format(
        as_of=one.as_of.isoformat(),
        today=today.isoformat(),
        known_on=asked.known_on.isoformat() if asked.known_on else "",
        size="" if asked.size is None else SIZE.format(asked.size),
        language=page.language,
        as_of_label=escape(page.text(message("As of"))),
        known_on_label=escape(page.text(message("As known on (empty: all)"))),
        button=escape(page.text(message("Show"))),
    )


def _note(page: PageLanguage, day: FrontDay, today: date) -> str:
    """The note on a day other than today that the server chose; otherwise empty."""
    if day.why is None:
        return ""
    days = {
        "this_year": today.year,
        "as_of": page.day(day.as_of),
        "today": page.day(today),
    }
    if day.why is FallbackReason.TARGETED:
        note = message(
            "No event of {this_year} has changed a figure yet, so this page shows the "
            "last year that has a target: the figures as of {as_of}, not as of today, "
            "{today}.",
            **days,
        )
    else:
        note = message(
            "No event of {this_year} has changed a figure yet, so this page shows the "
            "last year whose events changed a figure: the figures as of {as_of}, not "
            "as of today, {today}.",
            **days,
        )
    return OLDER.format(
        why=escape(page.text(note)),
        iso=today.isoformat(),
        language=page.language,
        link=escape(page.text(message("Show the figures of today"))),
    )


def _headings(page: PageLanguage, one: Figure) -> tuple[str, ...]:
    code = page.text(message("Code"))
    return (code, page.figure_label("indicator"), *_labels(page, one))


def _labels(page: PageLanguage, one: Figure) -> tuple[str, ...]:
    """The column headings of a figure's cells."""
    names = ("percentage", "target", "achievement", "rating")
    reached = tuple(map(page.figure_label, names))
    if one.as_of.year == 1:
        return reached
    before = page.day(date(one.as_of.year - 1, 12, 31))
    return (*reached, page.text(message("As of {day}", day=before)))


def _rows(page: PageLanguage, shown: FrontPage) -> Iterator[str]:
    """One table row for each indicator."""
    for figure in shown.figures:
        definitions = {
            one.version: one.defined
            for one in shown.indicators[figure.indicator].definitions
        }
        values = [
            _percentage_and_counts(page, figure),
            _no_wrap(page.percent(figure.target)),
            _no_wrap(page.percent(figure.achievement)),
            _no_wrap(figure.rating or NOTHING),
            *(
                _percentage_and_counts(page, one)
                for one in [shown.earlier.get(figure.indicator)]
                if one
            ),
        ]
        yield ROW.format(
            code=escape(figure.indicator),
            wording=escape(definitions[figure.definition].wording),
            cells="".join(
                CELL.format(label=escape(label), value=value)
                for label, value in zip(_labels(page, figure), values, strict=True)
            ),
        )


def _percentage_and_counts(page: PageLanguage, figure: Figure) -> str:
    counts = (figure.numerator, figure.denominator)
    counted = "/".join(map(page.number, counts))
    # A narrow window may break the line only between the two.
    return f"{_no_wrap(page.percent(figure.percentage))} {_no_wrap(f'({counted})')}"


def _no_wrap(text: str) -> str:
    """*text* as markup without line breaks."""
    return f"<span>{escape(text)}</span>"


def _fault_markup(page: PageLanguage, heading: str, said: str) -> str:
    return FAULT.format(
        heading=escape(page.text(heading)),
        indonesian=escape(translate(said, Language.INDONESIAN)),
        english=escape(str(said)),
        back=escape(page.text(message("To the front page"))),
    )


def _page(
    body: str,
    page: PageLanguage,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    bar: str = "",
) -> Response[bytes]:
    whole = PAGE.format(
        title=escape(page.text(TITLE)), bar=bar, body=body, language=page.language
    )
    return Response(
        whole.encode(),
        status_code=status,
        media_type="text/html",
        headers={
            "Content-Security-Policy": POLICY,
            **problems.language_headers(page.language),
            **(headers or {}),
        },
    )


HANDLERS: list[Any] = [show_front_page]
