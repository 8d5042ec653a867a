"""Streamed responses, which end with the rights of their caller (ASVS 7.4.1, 8.3.2).

A stream can last for minutes. Before each part is sent, the caller is authenticated
again: where the session or API key has ended, or the account has other rights than at
the start, the connection is closed, and the client sees that the response is
incomplete.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar, cast

from litestar import Response
from litestar.response import Stream

from iku.domain.access import Forbidden
from iku.web import authentication, problems
from iku.web.admission import Application, RightsEnded
from iku.web.authentication import Caller
from iku.web.headers import AnyRequest

Part = TypeVar("Part", bytes, str)


def stream_response(
    request: AnyRequest,
    parts: AsyncIterator[Part],
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response[Any]:
    """A response that sends *parts* while the caller keeps the present rights."""
    return Stream(
        _while_permitted(request, parts), media_type=media_type, headers=headers
    )


async def _while_permitted(
    request: AnyRequest, parts: AsyncIterator[Part]
) -> AsyncIterator[Part]:
    """The *parts* (raises `RightsEnded`)."""
    begun: Caller = cast(Any, request.scope)[authentication.CALLER]
    sent = False
    async for part in parts:
        if sent:
            await _require_unchanged(request, begun)
        yield part
        sent = True


async def _require_unchanged(request: AnyRequest, begun: Caller) -> None:
    try:
        asgi = cast(Application, request.app)
        found = await authentication.caller(asgi, request.scope)
        unchanged = found.viewer.actor == begun.viewer.actor
    except Forbidden:
        unchanged = False
    if not unchanged:
        ended = RightsEnded()
        problems.audit_refusal(request, ended)
        raise ended
