"""Tasks, Tugas: items that wait for the visitor, and those that wait for others.

`/tugas/jumlah` sends the number of tasks whenever it changes, as server-sent events.
The stream ends with the session, so an open page shows nothing to the next person.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, cast

from litestar import Request, Response, get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from iku import labels
from iku.access import accounts, task_inbox
from iku.access.sessions import Session
from iku.access.task_inbox import TaskInbox
from iku.connection import acquire_connection
from iku.domain.access import Action
from iku.messages import message
from iku.queries import actor_names, log_records
from iku.queries.tasks import TaskKind
from iku.web.admission import Application
from iku.web.pages import entry_drafts
from iku.web.pages import page_context as frames
from iku.web.pages.page_context import OnlyCoordinates, PageContext
from iku.web.pages.routes import TRAVELS, present
from iku.web.routes import ACTION
from iku.web.visitor import authenticate_visitor

POLL_S = 2.0
ACTIVE = (
    "/organisasi?status=active",
    message("All active organisations"),
)
# The list that contains all tasks of a kind, with the label of the link to it. A list
# has no filter by participations, idle time or the last day of a certificate.
LISTS = {
    TaskKind.VERIFICATION: (
        "/konflik?status=open&verified=false",
        message("All open cases that are not verified"),
    ),
    TaskKind.COMPLETION: ("/konflik?status=returned", message("All returned cases")),
    TaskKind.PARTICIPATION: ACTIVE,
    TaskKind.IDLE: (
        "/konflik?status=open&verified=true",
        message("All open cases that are verified"),
    ),
    TaskKind.CERTIFICATE: ACTIVE,
    TaskKind.PUBLICATION: ("/publikasi", message("All publications")),
}


@present("/tugas", Action.READ_FIGURES)
async def show_tasks(frame: PageContext) -> Response[bytes]:
    """The tasks of the visitor, and those of others."""
    async with frame.view() as view:
        inbox = await read_inbox(frame)
        proposers = [
            one.proposed_by for one in (*inbox.to_decide, *inbox.own_proposals)
        ]
        names = await actor_names.names(view, frame.visitor.register, proposers)
    return frame.show(
        "tasks.html",
        drafts=await entry_drafts.listing(frame),
        inbox=inbox,
        names=names,
        headings=headings(frame),
        lists=LISTS,
        before=await _previous_visit(frame),
    )


async def _previous_visit(frame: PageContext) -> datetime | None:
    """When the visitor looked at the tasks before this visit; None if they did not."""
    session = frame.visitor.session
    if session is None:
        return None
    async with acquire_connection(frame.app) as connection:
        return await accounts.visit_tasks(connection, session.account)


@get("/tugas/jumlah", opt={ACTION: Action.READ_FIGURES, TRAVELS: None})
async def stream_count(request: Request[Any, Any, Any]) -> ServerSentEvent:
    """The number of tasks as an event stream, until the session ends."""
    visitor = await authenticate_visitor(request)
    visitor.viewer.require_somewhere(Action.READ_FIGURES)
    return ServerSentEvent(_counts(request, visitor.session))


async def _counts(
    request: Request[Any, Any, Any], session: Session | None
) -> AsyncIterator[ServerSentEventMessage]:
    size = sent = -1
    application = cast(Application, request.app)
    while not application.is_stopping:
        visitor = await authenticate_visitor(request)
        if _identifier(visitor.session) != _identifier(session):
            return  # signed out, suspended, or signed in as somebody else
        frame = frames.of_visitor(visitor, [], {}, OnlyCoordinates)
        async with frame.view() as view:
            now = await log_records.size(view.reader)
        if now != size:
            size, count = now, (await read_inbox(frame)).count
            if count != sent:
                sent = count
                yield ServerSentEventMessage(data=str(count), event="jumlah")
        await asyncio.sleep(POLL_S)


def _identifier(session: Session | None) -> str | None:
    return None if session is None else session.id


def headings(frame: PageContext) -> dict[str, str]:
    """The heading of each kind of task."""
    return {kind: frame.visitor.page.text(one) for kind, one in labels.TASKS.items()}


async def read_inbox(frame: PageContext) -> TaskInbox:
    """The tasks of the visitor today; read again after an event was recorded."""
    app = frame.app
    async with frame.view() as view:
        size = await log_records.size(view.reader)
        key = (view.viewer, frame.credentials, size, frame.time.today)
        if (kept := app.inboxes.get(key)) is not None:
            return kept
        inbox = await task_inbox.read(
            app.commands, view, frame.credentials, app.figures, app.participations
        )
    app.inboxes.put(key, inbox)
    return inbox


HANDLERS: list[Any] = [show_tasks, stream_count]
