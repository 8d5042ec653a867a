"""The assembly of the ASGI application from handlers and error handling."""

from functools import partial
from typing import Any

from litestar import Router
from litestar.exceptions import HTTPException

from iku.access.credential_lookup import CredentialLookup
from iku.app import App
from iku.connection import acquire_connection
from iku.web import (
    account_pages,
    documentation,
    openapi_document,
    page_rendering,
    pages,
    problems,
)
from iku.web.admission import Application
from iku.web.api import (
    accounts,
    agency,
    attachments,
    comparisons,
    conflicts,
    differences,
    erasures,
    explanations,
    figures,
    health,
    indicators,
    log,
    openings,
    organisations,
    paper_data,
    papers,
    proposals,
    publications,
    replay,
    tree,
)
from iku.web.http_options import options_handlers
from iku.web.listening import Transport
from iku.web.metrics import Metrics
from iku.web.sign_in_means import sign_in_means

LARGEST_BODY = 1 << 20
MODULES = (
    *(conflicts, attachments, organisations),
    *(indicators, figures, explanations, replay, differences, comparisons),
    *(publications, papers, paper_data, erasures, openings),
    *(proposals, accounts),
    *(log, tree, agency, health),
)


def create_app(app: App, transport: Transport | None = None) -> Application:
    """The ASGI application over *app*, which the caller opens and closes.

    It refuses a request that does not match *transport*; if that is None, it accepts
    any `Host`.
    """
    return connect(assemble(), app, transport)


def assemble() -> Application:
    """The routes and their error handling, without an application to serve."""
    handlers: list[Any] = [one for module in MODULES for one in module.HANDLERS]
    api = Router(
        "/api/v1",
        route_handlers=[*options_handlers(handlers), *handlers],
    )
    return Application(
        [
            *(api, account_pages.router(), pages.router()),
            *(*documentation.HANDLERS, *page_rendering.HANDLERS),
        ],
        exception_handlers={
            HTTPException: problems.error_response,
            Exception: problems.error_response,
        },
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
        openapi_config=openapi_document.config(
            documentation.router(), *documentation.pages()
        ),
    )


def connect(
    asgi: Application, app: App, transport: Transport | None = None
) -> Application:
    """Let the ASGI application *asgi* serve *app* from now on."""
    asgi.app = app
    asgi.is_stopping = False
    asgi.credentials = CredentialLookup(partial(acquire_connection, app))
    asgi.body_timeout_s = app.settings.body_timeout_s
    asgi.metrics = Metrics(app)
    asgi.transport = transport or Transport()
    asgi.means = sign_in_means(app, asgi.transport)
    return asgi
