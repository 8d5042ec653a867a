"""Routes of pages; their errors are answered by error pages."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from litestar import Request, Response, get, post

from iku.web import page_workbook
from iku.web.body_timeout import ClientDisconnected
from iku.web.page_failures import failure_page

Handler = Callable[..., Awaitable[Response[bytes]]]


def page(path: str, **options: Any) -> Callable[[Handler], Any]:
    """The route of a page, whose tables it gives as a workbook, too."""
    return lambda handler: get(path, **options)(_guarded(_with_workbook(handler)))


def form(path: str, **options: Any) -> Callable[[Handler], Any]:
    """The route that forms are sent to."""
    return lambda handler: post(path, **options)(_guarded(handler))


def form_of_tables(path: str, **options: Any) -> Callable[[Handler], Any]:
    """The route of a form whose answer has tables, which it gives as a workbook, too.

    Sent again with ``bentuk=xlsx``, such a form has no further effect.
    """
    return lambda handler: post(path, **options)(_guarded(_answered(handler)))


def _with_workbook(handler: Handler) -> Handler:
    @wraps(handler)
    async def respond(request: Request[Any, Any, Any], **given: Any) -> Response[bytes]:
        page_workbook.is_asked(request)  # an unknown format is refused before reading
        return await page_workbook.response(request, await handler(request, **given))

    return respond


def _answered(handler: Handler) -> Handler:
    @wraps(handler)
    async def respond(request: Request[Any, Any, Any], **given: Any) -> Response[bytes]:
        page_workbook.is_asked(request)
        shown = await handler(request, **given)
        return await page_workbook.response_to_form(request, shown)

    return respond


def _guarded(handler: Handler) -> Handler:
    """*handler*, whose errors are answered by an error page.

    The framework's exception handlers cannot do this, because they cannot await.
    """

    @wraps(handler)
    async def respond(request: Request[Any, Any, Any], **given: Any) -> Response[bytes]:
        try:
            return await handler(request, **given)
        except ClientDisconnected:
            raise
        except Exception as error:  # noqa: BLE001 - the page says what kind it is
            return await failure_page(request, error)

    return respond
