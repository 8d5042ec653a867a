"""Openings: which account opened the texts of which events, for an auditor."""

from typing import Any

from iku.access import text_access_log
from iku.access.text_access_log import TextAccesses, TextAccessesQuestion
from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action
from iku.web.authentication import Caller
from iku.web.routes import get


@get(
    "/openings",
    Action.READ_OPENINGS,
    operation_id="listOpenings",
    summary="List the openings of texts",
    tags=["Accounts"],
)
async def index(
    question: TextAccessesQuestion, app: App, caller: Caller
) -> TextAccesses:
    """The personal texts and files that accounts opened, latest first, in pages.

    One entry for each account, event and hour; entries are kept for five years.
    """
    async with open_view(app, caller.viewer) as view:
        return await text_access_log.page(view, question)


HANDLERS: list[Any] = [index]
