"""Routes of the desk: pages with coordinates, pages of the present, and forms.

Each route names the action to which the visitor needs a right. Whether the visitor has
it on the subject of the page is decided by `queries/` and `commands/`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlencode

from litestar import Request, Response
from msgspec import Struct

from iku.access.uploads import Upload
from iku.commands.authorisation import StepUpRequired
from iku.connection import acquire_connection
from iku.domain.access import Action, Unauthenticated
from iku.queries import published_editions
from iku.web import page_rendering, page_routes, resubmission
from iku.web.page_forms import Form, StaleForm, read_form
from iku.web.pages import page_context as frames
from iku.web.pages import time_control
from iku.web.pages.page_context import OnlyCoordinates, PageContext
from iku.web.pages.time_control import PublishedMoment
from iku.web.routes import ACTION
from iku.web.uploaded_forms import LARGEST_TEXTS, FormTooLarge, read_upload
from iku.web.visitor import SignInRequired, Visitor, authenticate_visitor

AnyRequest: TypeAlias = Request[Any, Any, Any]
Page: TypeAlias = Callable[[PageContext], Awaitable[Response[bytes]]]
Sending: TypeAlias = Callable[[PageContext, Form], Awaitable[Response[bytes]]]
Uploading: TypeAlias = Callable[[PageContext, Form, Upload], Awaitable[Response[bytes]]]
OFFERED = 3  # publications that the time control offers
# The key of whether a page obeys the time control; None: it is the same at all times.
TRAVELS = "travels"


def reading(
    path: str, action: Action | None, question: type[Struct] = OnlyCoordinates
) -> Callable[[Page], Any]:
    """A route that shows the register at the coordinates of the address."""

    def decorate(handler: Page) -> Any:
        async def respond(request: AnyRequest) -> Response[bytes]:
            if (address := _with_page_names(request)) is not None:
                return page_rendering.redirect_permanently(address)
            frame = await _frame(request, action, question)
            return await handler(await _with_publications(frame))

        return _named_route(
            page_routes.page, path, action, handler, respond, travels=True
        )

    return decorate


def present(
    path: str, action: Action | None, question: type[Struct] = OnlyCoordinates
) -> Callable[[Page], Any]:
    """A route that shows only the present; other coordinates are answered by 409."""

    def decorate(handler: Page) -> Any:
        async def respond(request: AnyRequest) -> Response[bytes]:
            frame = await _frame(request, action, question)
            if not frame.time.is_present:
                return frame.show("present_only.html", status=409)
            return await handler(frame)

        return _named_route(
            page_routes.page, path, action, handler, respond, travels=False
        )

    return decorate


def timeless(
    path: str, action: Action | None, question: type[Struct] = OnlyCoordinates
) -> Callable[[Page], Any]:
    """A route whose page is the same at all coordinates, which its links keep."""

    def decorate(handler: Page) -> Any:
        async def respond(request: AnyRequest) -> Response[bytes]:
            return await handler(await _frame(request, action, question))

        return _named_route(
            page_routes.page, path, action, handler, respond, travels=None
        )

    return decorate


def searching(
    path: str, action: Action, question: type[Struct], of: str
) -> Callable[[Sending], Any]:
    """The route of the search form of the page *of*, with the parameters of that page.

    The words are sent in the form, so that no address and no log contains them.
    """

    def decorate(handler: Sending) -> Any:
        async def sent(request: AnyRequest) -> Response[bytes]:
            visitor = await _visitor_with_right(request, action)
            form = await read_form(request, visitor)
            respond = replace(visitor, path=of)
            pairs = list(request.query_params.multi_items())
            frame = frames.of_visitor(respond, pairs, request.path_params, question)
            return await handler(frame, form)

        return _named_route(page_routes.form, path, action, handler, sent, travels=True)

    return decorate


def uploading(
    path: str, action: Action, largest: int, *, refused: Page | None = None
) -> Callable[[Uploading], Any]:
    """As `sending`, for a form with a file of at most *largest* bytes.

    A larger file is answered by the page *refused*.
    """

    def decorate(handler: Uploading) -> Any:
        async def sent(request: AnyRequest) -> Response[bytes]:
            visitor = await _visitor_with_right(request, action)
            frame = frames.of_visitor(visitor, [], request.path_params, OnlyCoordinates)
            try:
                form, file = await read_upload(request, visitor, largest)
            except FormTooLarge:
                if refused is None:
                    raise
                return await refused(frame)
            return await handler(frame, form, file)

        most = largest + LARGEST_TEXTS
        route = partial(page_routes.form, request_max_body_size=most)
        return _named_route(route, path, action, handler, sent, travels=None)

    return decorate


def sending(
    path: str,
    action: Action | None,
    *,
    restores: bool = False,
    has_tables: bool = False,
) -> Callable[[Sending], Any]:
    """The route to which a form is sent.

    *action* is checked for any subject; the command checks its own subjects. If the
    page of the form *restores* drafts, a form of another session is not refused but
    kept until its holder has signed in (`resubmission`). If the answer *has_tables*,
    the form may be sent with ``bentuk=xlsx`` for a workbook of them.
    """

    def decorate(handler: Sending) -> Any:
        async def sent(request: AnyRequest) -> Response[bytes]:
            visitor = await _visitor_with_right(request, action)
            form = await read_form(request, visitor)
            if restores:
                resubmission.check_owner(visitor, form)
            frame = frames.of_visitor(visitor, [], request.path_params, OnlyCoordinates)
            return await handler(frame, form)

        async def kept(request: AnyRequest) -> Response[bytes]:
            try:
                return await sent(request)
            except (SignInRequired, Unauthenticated, StaleForm, StepUpRequired) as lost:
                return await resubmission.respond_to_lost_session(request, lost)

        responder = kept if restores else sent
        route = page_routes.form_of_tables if has_tables else page_routes.form
        return _named_route(route, path, action, handler, responder, travels=None)

    return decorate


def _named_route(
    route: Callable[..., Any],
    path: str,
    action: Action | None,
    handler: Any,
    responder: Any,
    *,
    travels: bool | None,
) -> Any:
    """The route of *responder*, with the name of *handler*."""
    responder.__name__ = handler.__name__
    responder.__doc__ = handler.__doc__
    return route(path, opt={ACTION: action, TRAVELS: travels})(responder)


def _with_page_names(request: AnyRequest) -> str | None:
    """The address with the page's names of coordinates; None if it has them already.

    The API has other names of coordinates, which the first front page also used.
    """
    pairs = list(request.query_params.multi_items())
    if not any(name in time_control.OF_API for name, _ in pairs):
        return None
    named = [(time_control.OF_API.get(name, name), value) for name, value in pairs]
    return f"{request.url.path}?{urlencode(named)}"


async def _frame(
    request: AnyRequest, action: Action | None, question: type[Struct]
) -> PageContext:
    visitor = await _visitor_with_right(request, action)
    pairs = list(request.query_params.multi_items())
    return frames.of_visitor(visitor, pairs, request.path_params, question)


async def _with_publications(frame: PageContext) -> PageContext:
    """The context with the last publications as choices of the time control."""
    app = frame.app
    async with acquire_connection(app) as connection:
        records = await app.publications.records(connection)
    newest = published_editions.newest_publications(records, OFFERED)
    offered = frame.with_time(published=tuple(map(PublishedMoment.of, newest)))
    return replace(offered, publications=records)


async def _visitor_with_right(request: AnyRequest, action: Action | None) -> Visitor:
    """The visitor, after a check of the right to *action* on some subject.

    Raises:
        Unauthenticated: The visitor has not signed in.
        Forbidden: No role of the visitor allows the action.
    """
    visitor = await authenticate_visitor(request)
    if action is not None:
        visitor.viewer.require_somewhere(action)
    return visitor
