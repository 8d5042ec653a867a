"""A witness over HTTP, with the two endpoints of C2SP tlog-witness.

Clients need no account: the witness cosigns only a checkpoint that a known log has
signed and that is consistent with the last cosigned one.
"""

import logging
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.types import Message

from iku.ledger import witness
from iku.ledger.witness import CosignConflict, CosignRefused, Witness
from iku.settings import BODY_TIMEOUT_S
from iku.web import body_timeout, head_requests, host_check, security_headers
from iku.web.body_timeout import ClientDisconnected, RequestTimeout

TEXT = "text/plain"
_logger = logging.getLogger(__name__)


class WitnessApplication(Litestar):
    """The ASGI application; every answer has the security headers."""

    __slots__ = ()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request, or the server's lifespan events."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        method = scope["method"]

        async def send_with_headers(sent: Message) -> None:
            if sent["type"] == "http.response.start":
                found = security_headers.complete(
                    sent.get("headers", ()), scope["scheme"]
                )
                sent["headers"] = head_requests.allow_head(found)
            if method == head_requests.HEAD:
                sent = head_requests.without_content(sent)
            await send(sent)

        await super().__call__(head_requests.as_get(scope), receive, send_with_headers)


def create_witness(
    cosigner: Witness,
    *,
    local_only: bool = False,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> Litestar:
    """The ASGI application of one witness.

    A request's body must arrive within *body_timeout_s*. If *local_only*, only the
    loopback names of this machine are accepted in `Host`.
    """

    async def admit(request: Request[Any, Any, Any]) -> None:
        unexpected = host_check.host_problem(
            request.scope["headers"], local_only=local_only
        )
        if unexpected:
            raise HTTPException(
                status_code=unexpected.status, detail=str(unexpected.detail)
            )

    @post("/add-checkpoint", status_code=HTTPStatus.OK, media_type=TEXT)
    async def add(request: Request[Any, Any, Any]) -> Response[str]:
        """Cosign a checkpoint that is consistent with the last one."""
        raw = await request.body()
        # In the event loop, so that cosigning is serialised: it writes to disk before
        # it answers.
        return Response(cosigner.cosign(raw), media_type=TEXT)

    @get("/{place:str}/checkpoint", media_type=TEXT, sync_to_thread=False)
    def latest(place: FromPath[str]) -> Response[str]:
        """The last cosigned checkpoint of the log whose origin has this SHA-256."""
        found = cosigner.latest(place)
        if found is None:
            sentence = "no checkpoint of this log has been cosigned\n"
            return Response(sentence, media_type=TEXT, status_code=404)
        return Response(found, media_type=TEXT)

    return WitnessApplication(
        [add, latest],
        before_request=admit,
        middleware=[lambda app: body_timeout.with_body_timeout(app, body_timeout_s)],
        exception_handlers={
            CosignRefused: _cosign_refused_response,
            HTTPException: _http_error_response,
            ClientDisconnected: _disconnected_response,
            RequestTimeout: _timeout_response,
            Exception: _internal_error_response,
        },
        request_max_body_size=witness.LARGEST_REQUEST,
        logging_config=None,
        openapi_config=None,
    )


def _cosign_refused_response(
    _: Request[Any, Any, Any], error: CosignRefused
) -> Response[str]:
    if isinstance(error, CosignConflict):
        # tlog-witness: the body is the size that the log must prove consistency from.
        size = f"{error.size}\n"
        return Response(size, status_code=error.status, media_type=witness.SIZE_TYPE)
    return Response(f"{error}\n", status_code=error.status, media_type=TEXT)


def _http_error_response(
    _: Request[Any, Any, Any], error: HTTPException
) -> Response[str]:
    return Response(
        f"{error.detail}\n",
        status_code=error.status_code,
        media_type=TEXT,
        headers=error.headers,
    )


def _disconnected_response(
    _: Request[Any, Any, Any], __: ClientDisconnected
) -> Response[bytes]:
    _logger.info("the client disconnected before its request was complete")
    return Response(b"", status_code=400, media_type=TEXT)  # never delivered


def _timeout_response(
    _: Request[Any, Any, Any], error: RequestTimeout
) -> Response[str]:
    sentence, headers = f"{error}\n", error.headers
    return Response(sentence, status_code=408, media_type=TEXT, headers=headers)


def _internal_error_response(
    _: Request[Any, Any, Any], error: Exception
) -> Response[str]:
    _logger.error("a checkpoint could not be cosigned", exc_info=error)
    return Response("the witness failed\n", status_code=500, media_type=TEXT)
