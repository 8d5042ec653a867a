"""The context of a page: its visitor, its coordinates and its own parameters.

A handler receives a `PageContext` and answers with a template. It reads by `queries/`
through its `view`, and writes by `commands/` through its `gateway`; it holds neither
rules nor SQL. A template builds every address by `link` or `own_address`, which add the
coordinates and the language.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from litestar import Response
from msgspec import Struct, structs

from iku import parsing
from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action, Credentials, Denied, Scope, may
from iku.exchange import written_day
from iku.exchange.field_format import FieldFormat
from iku.exchange.written_day import MalformedDay
from iku.gateway import CommandGateway
from iku.messages import message
from iku.queries.figure_parameters import MomentQuestion
from iku.queries.publications import PublicationRecord
from iku.queries.view import LOCAL, View, Viewer
from iku.web import authentication, page_rendering
from iku.web.confirmation import RECORDED
from iku.web.page_forms import Form
from iku.web.page_workbook import FORM, REST
from iku.web.pages import time_control
from iku.web.pages.time_control import TimeControl
from iku.web.visitor import LANGUAGE, Visitor, encoded

TWICE = message("occurs more than once")
PART = 500  # rows of a table that the workbook of a page reads at a time
CURSOR = "cursor"  # the parameter of the pages of a list


class OnlyCoordinates(MomentQuestion, frozen=True, kw_only=True):
    """The parameters of a page that has only coordinates."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """The context in which one page is shown to one visitor.

    Attributes:
        time: The coordinates.
        own: The parameters of the address without coordinates and language, in order.
        path: The parameters of the path.
        question: The parsed question of the page: path, coordinates and own parameters.
        publications: All publications; empty on a page without time control.
    """

    visitor: Visitor
    time: TimeControl
    own: tuple[tuple[str, str], ...]
    path: Mapping[str, str]
    question: Any = None
    publications: Sequence[PublicationRecord] = ()

    @property
    def app(self) -> App:
        """The application."""
        return self.visitor.app

    @property
    def viewer(self) -> Viewer:
        """The visitor as the viewer of the register, in the language of the page."""
        return structs.replace(self.visitor.viewer, language=self.visitor.page.language)

    @property
    def field_format(self) -> FieldFormat:
        """The format of the register's fields, with the names of areas."""
        return FieldFormat(lambda: self.visitor.page.language, self.areas)

    @property
    def areas(self) -> Mapping[str, str]:
        """The names of the areas by code."""
        return self.app.agency.area_names

    @asynccontextmanager
    async def view(self) -> AsyncIterator[View]:
        """The view of the visitor on the register."""
        async with open_view(self.app, self.viewer) as view:
            yield view

    def gateway(self, form: Form, expected: int | None = None) -> CommandGateway:
        """The gateway of the visitor's commands, with the idempotency key of *form*.

        *expected* is the version of the subject that the form showed.
        """
        return CommandGateway(
            self.app,
            LOCAL.name,
            form.command_id,
            expected,
            self.visitor.page.language,
            self.credentials,
        )

    @property
    def credentials(self) -> Credentials | None:
        """The credentials of the session; None before sign-in, or without accounts."""
        session = self.visitor.session
        return (
            None if session is None else authentication.credentials_of_session(session)
        )

    def refusal(self, action: Action, scope: Scope | None = None) -> str | None:
        """The reason why the visitor may neither take nor propose *action*, or None.

        Without a *scope*, the action is checked for any subject. The disabled button
        that shows the reason names the action.
        """
        actor = self.visitor.viewer.actor
        if actor is None:
            return None
        if scope is None:
            viewer = self.visitor.viewer
            if viewer.covered(action):
                return None
            decided = may(actor, action)
        else:
            decided = may(actor, action, scope)
        if not isinstance(decided, Denied) or decided.proposable:
            return None
        return decided.brief

    def address(self, path: str, **query: str | Sequence[str]) -> str:
        """The address of another page at the same coordinates."""
        return self.visitor.address(path, **{**self.time.query, **query})

    def own_address(self, **changes: str | None) -> str:
        """The address of this page with other parameters; None removes one."""
        return self.address_with_parameters(self.visitor.path, **changes)

    def address_with_parameters(self, path: str, **changes: str | None) -> str:
        """The address of another page with the parameters of this page.

        A cursor is left out, because it belongs to the coordinates of this page.
        """
        if changes.keys() & set(time_control.NAMES):
            changes = {CURSOR: None, **changes}
        chosen = self.visitor.chosen
        language = {} if chosen is None else {LANGUAGE: chosen.value}
        query = {**language, **self.time.query, **changes}
        given = [pair for pair in self.own if pair[0] not in changes]
        given += [(name, value) for name, value in query.items() if value]
        return f"{path}?{encoded(tuple(given))}" if given else path

    def rows(self, usual: int) -> int:
        """The rows of a page of a table: *usual*, or those of a part of a workbook."""
        return PART if self.visitor.asks_workbook else usual

    def with_time(self, **changes: Any) -> "PageContext":
        """The same context with further choices in the time control."""
        return replace(self, time=self.time._replace(**changes))

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        rest: Mapping[str, AsyncGenerator[Mapping[str, Any], None]] | None = None,
        **values: Any,
    ) -> Response[bytes]:
        """The page rendered from *template*.

        *rest* has, by the template of the rows of a table, the values of its further
        pages, which are read and rendered for a workbook only.
        """
        if rest and self.visitor.asks_workbook:
            self.visitor.request.scope[REST] = {  # type: ignore[literal-required] # an extension
                rows: self._rendered_rows(rows, pages, values)
                for rows, pages in rest.items()
            }
        return page_rendering.render(
            self.visitor, template, status=status, frame=self, **values
        )

    async def _rendered_rows(
        self,
        template: str,
        pages: AsyncGenerator[Mapping[str, Any], None],
        values: Mapping[str, Any],
    ) -> AsyncGenerator[str, None]:
        async with aclosing(pages):
            async for page in pages:
                given = {**values, **page, "frame": self}
                yield page_rendering.render_markup(self.visitor, template, **given)


def of_visitor(
    visitor: Visitor,
    pairs: list[tuple[str, str]],
    path: Mapping[str, str],
    question: type[Struct],
) -> PageContext:
    """The context of a page whose address has the parameters *pairs*.

    Parameters without a value are ignored, because a form sends them.

    Raises:
        ParseError: A parameter is unknown, repeated or malformed.
    """
    today = visitor.app.commands.today()
    time = time_control.parse(_distinct_coordinates(pairs), today)
    known = parsing.struct_fields(question)
    own = tuple(
        (name, _day_as_iso(value, today) if _is_day(known.get(name)) else value)
        for name, value in pairs
        if value and name not in {*time_control.NAMES, LANGUAGE, RECORDED, FORM}
    )
    given = {n: v for n, v in {**path, **time.given}.items() if n in known}
    return PageContext(
        visitor, time, own, path, parsing.parse_texts(question, own, given)
    )


def _is_day(field: parsing.Field | None) -> bool:
    return field is not None and field.schema.get("format") == "date"


def _day_as_iso(text: str, today: date) -> str:
    """A day as a person writes it, in ISO 8601; *text* itself if it is no day."""
    try:
        return written_day.parse(text, today).isoformat()
    except MalformedDay:
        return text


def _distinct_coordinates(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The coordinates among *pairs*.

    Raises:
        ParseError: A coordinate is given twice.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in time_control.NAMES and value:
            if name in found:
                raise parsing.ParseError({name: TWICE})
            found[name] = value
    return found
