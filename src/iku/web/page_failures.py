"""Error pages: sign-in required, step-up required, or a step that failed."""

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response

from iku import labels, parsing
from iku.access.attempts import DelayedAttempt
from iku.access.sign_in import FailedStep
from iku.commands.authorisation import StepUpRequired
from iku.domain.access import Forbidden, Unauthenticated
from iku.domain.decider import Invalid, Refused
from iku.messages import Message, error_message, message, without_prefix
from iku.parsing import ParseError
from iku.web import page_rendering, problems
from iku.web.origin_check import SAFE
from iku.web.page_forms import NEXT, next_page
from iku.web.page_language import preferred
from iku.web.page_rendering import redirect, render
from iku.web.problems import FieldError
from iku.web.visitor import SignInRequired, Visitor, authenticate_visitor

_logger = logging.getLogger(__name__)
FAULT_STATUS, DELAY_STATUS = 422, 429


class Failure(Exception):
    """A step of a page failed; the page is shown again with the reasons.

    Attributes:
        faults: The reasons by field; an empty name stands for the whole form.
    """

    def __init__(
        self,
        faults: dict[str, str],
        status: int = FAULT_STATUS,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(*faults.values())
        self.faults = faults
        self.status = status
        self.headers = headers or {}


def form_faults(error: ParseError | Refused) -> dict[str, str]:
    """The faults of a form by field; an empty name stands for the whole form.

    Raises:
        Forbidden: The visitor has no right to the step, so no correction of the form
            helps.
    """
    match error:
        case Forbidden():
            raise error
        case ParseError(faults=faults):
            return faults
        case Invalid(path=path):
            return {path: labels.with_labels(error_message(error))}
        case _:
            return {"": labels.with_labels(error_message(error))}


def rejection_failure(done: FailedStep | DelayedAttempt, field: str = "") -> Failure:
    """The `Failure` for a step that was rejected, or attempted too early."""
    if isinstance(done, FailedStep):
        return Failure({field: done.reason})
    return Failure(
        {"": delay_message(done)}, DELAY_STATUS, {"Retry-After": str(done.seconds)}
    )


def delay_message(delayed: DelayedAttempt) -> Message:
    """The message that states when the next attempt is possible."""
    if delayed.seconds < 120:
        return message(
            "there were too many failed attempts: try again in {seconds} seconds",
            seconds=delayed.seconds,
        )
    return message(
        "there were too many failed attempts: try again in {minutes} minutes",
        minutes=-(-delayed.seconds // 60),
    )


def require_fresh(visitor: Visitor) -> None:
    """Send the visitor to the step-up page, unless a factor was used recently.

    Raises:
        SignInRequired: The visitor has not signed in.
        StepUpRequired: No factor was used in the last five minutes.
    """
    _, session = visitor.signed_in()
    if not session.fresh:
        raise StepUpRequired


async def failure_page(
    request: Request[Any, Any, Any], error: Exception
) -> Response[bytes]:
    """The page that answers a request which raised *error*."""
    try:
        visitor = await authenticate_visitor(request)
    except Exception:  # noqa: BLE001 - the database is away: the page needs none
        return _unavailable(request, error)
    if isinstance(error, SignInRequired | Unauthenticated):
        return redirect(visitor.address("/masuk", **{NEXT: _page_of(request)}))
    if isinstance(error, StepUpRequired):
        where = _page_of(request)
        return redirect(visitor.address("/akun/konfirmasi", **{NEXT: where}))
    if isinstance(error, Failure):
        return render(
            visitor,
            "failed.html",
            status=error.status,
            headers=error.headers,
            faults=error.faults,
        )
    if isinstance(error, Forbidden):
        problems.audit_refusal(request, error)
    problem = problems.error_message(request, error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("%s of a page failed", request.method, exc_info=error)
    headers = (
        {"Retry-After": str(problems.RETRY_AFTER_S)}
        if problem.status == HTTPStatus.SERVICE_UNAVAILABLE
        else {}
    )
    return render(
        visitor,
        "failure.html",
        status=problem.status,
        headers=headers,
        problem=problem,
        faults_shown=[_named(one) for one in problem.errors],
    )


def _named(fault: FieldError) -> str:
    """The fault of a parameter, with a coordinate named as the time control does."""
    label = _COORDINATES.get(fault.path)
    if label is None or not fault.message.startswith(f"{fault.path} "):
        return fault.message
    return parsing.fault_message(label, without_prefix(fault.path, fault.message))


# The fields of the time control, by their names in addresses of pages and of the API.
_COORDINATES = {
    **dict.fromkeys(("per", "as_of"), message("As of")),
    **dict.fromkeys(("diketahui", "known_on"), message("As known on")),
    **dict.fromkeys(("ukuran", "size"), message("Log size")),
}


def _unavailable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = problems.error_response(request, error)
    headers = {k: v for k, v in problem.headers.items() if k == "Retry-After"}
    return page_rendering.render_without_visitor(
        preferred(request), problem.status_code or 500, headers
    )


def _page_of(request: Request[Any, Any, Any]) -> str:
    """The address of the requested page, or of the page of the submitted form."""
    if request.method in SAFE:
        query = f"?{request.url.query}" if request.url.query else ""
        return next_page(request.url.path + query)
    referer = urlsplit(request.headers.get("Referer", ""))
    return next_page(
        f"{referer.path}?{referer.query}" if referer.query else referer.path
    )
