"""The web application, put together."""

from typing import Any

from litestar import Router
from litestar.exceptions import HTTPException

from iku.app import House
from iku.web import describing, documentation, pages, problems
from iku.web.api import (
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
    organisations,
    publications,
    replay,
    tree,
)
from iku.web.door import Application
from iku.web.metrics import Metrics
from iku.web.options import options

LARGEST_BODY = 1 << 20
MODULES = (
    *(conflicts, attachments, organisations),
    *(indicators, figures, explanations, replay, differences, comparisons),
    *(publications, erasures),
    *(log, tree, agency, health),
)


def create_app(house: House, *, local_only: bool = False) -> Application:
    """The application over a house that somebody else opens and closes.

    Where it is *local_only*, it answers to the names of this machine alone.
    """
    metrics = Metrics(house)
    handlers: list[Any] = [one for module in MODULES for one in module.HANDLERS]
    api = Router(
        "/api/v1",
        route_handlers=[*options(handlers), *handlers],
    )
    app = Application(
        [api, *documentation.HANDLERS, *pages.HANDLERS],
        exception_handlers={HTTPException: problems.answer, Exception: problems.answer},
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
        openapi_config=describing.config(
            documentation.router(), *documentation.pages()
        ),
    )
    app.house = house
    app.body_timeout_s = house.settings.body_timeout_s
    app.local_only = local_only
    app.metrics = metrics
    return app
