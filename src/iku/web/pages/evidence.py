"""Evidence, Bukti: the log, its signatures, erasures, openings of texts, and accounts.

The page shows the events that were known at its coordinates.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from litestar import Request, Response
from msgspec import structs

from iku.access import text_access_log
from iku.access.text_access_log import TextAccesses, TextAccessesQuestion
from iku.connection import acquire_connection
from iku.domain import access
from iku.domain.access import Action
from iku.exchange import bundle
from iku.exchange.bundle import BundleWriteError
from iku.ledger.event_filter import Filter
from iku.ledger.record import Recorded
from iku.messages import error_message
from iku.queries import accounts, actor_names, evidence, log_records
from iku.queries.accounts import AccountsQuestion
from iku.queries.evidence import PAGE, EvidencePage, EvidenceQuestion
from iku.queries.figure_parameters import Moment
from iku.queries.log_records import LogRange
from iku.queries.view import View
from iku.web import authentication, page_routes
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import TRAVELS, reading
from iku.web.problems import NotFound
from iku.web.routes import ACTION
from iku.web.streaming import stream_response

OPENINGS = 20  # the most openings and erasures that the page lists
CHUNK = 1 << 16
PATHS = {
    "conflict": "/konflik/",
    "organisation": "/organisasi/",
    "indicator": "/indikator/",
    "proposal": "/usulan/",
}


@reading("/bukti", Action.READ_LOG, EvidenceQuestion)
async def show_evidence(frame: PageContext) -> Response[bytes]:
    """The log, with its signatures and the other evidence of its integrity."""
    app, register, time = frame.app, frame.visitor.register, frame.time
    asked: EvidenceQuestion = frame.question
    if frame.visitor.asks_workbook:
        asked = structs.replace(asked, after=asked.after or 0)  # the whole log
    async with frame.view() as view:
        page = await _log_page(frame, view, asked, time.moment)
        while frame.visitor.asks_workbook and not page.events and page.next is not None:
            # All of its events hold from a later day.
            asked = structs.replace(asked, after=page.next)
            page = await _log_page(frame, view, asked, time.moment)
        assurance = await app.assurance(view.reader)
        erased = await log_records.page(
            view, LogRange(ERASURES, 0, page.size, page.size), 0, OPENINGS
        )
        actors = {one.body().actor for one in (*page.events, *erased.events)}
        openings, before = None, None
        if frame.refusal(Action.READ_OPENINGS) is None:
            opened = await _opening_page(frame, view, None)
            openings = opened.items
            before = opened.next
            actors |= {one.account for one in openings}
        held = None
        if frame.refusal(Action.SEE_ACCOUNTS) is None:
            question = AccountsQuestion(
                as_of=time.as_of, known_on=time.known_on, size=time.size
            )
            held = await accounts.listing(view, question, time.today)
        names = await actor_names.names(view, register, actors)
    return frame.show(
        "evidence.html",
        found=page,
        assurance=assurance,
        erased=erased.events,
        openings=openings,
        held=held,
        names=names,
        actor=partial(_actor_name, names),
        subject_path=_subject_path,
        categories=sorted(access.ACTIONS),
        types=sorted({t for of in access.ACTIONS.values() for t in of}),
        rest={
            "evidence_rows.html": _later_events(frame, asked, page),
            "opening_rows.html": _later_openings(frame, before),
        },
    )


async def _log_page(
    frame: PageContext, view: View, asked: EvidenceQuestion, at: Moment
) -> EvidencePage:
    zone = frame.app.settings.timezone.key
    return await evidence.page(view, asked, at, zone, frame.rows(PAGE))


async def _later_events(
    frame: PageContext, asked: EvidenceQuestion, page: EvidencePage
) -> AsyncGenerator[dict[str, Any], None]:
    """The pages of the log after *page*, of the same size of the log."""
    at = structs.replace(frame.time.moment, size=page.size)
    while page.next is not None:
        after = structs.replace(asked, after=page.next)
        async with frame.view() as view:
            page = await _log_page(frame, view, after, at)
            actors = {one.body().actor for one in page.events}
            names = await actor_names.names(view, frame.visitor.register, actors)
        yield {"found": page, "actor": partial(_actor_name, names)}


async def _opening_page(
    frame: PageContext, view: View, before: int | None
) -> TextAccesses:
    asked = TextAccessesQuestion(before=before, limit=frame.rows(OPENINGS))
    return await text_access_log.page(view, asked)


async def _later_openings(
    frame: PageContext, before: int | None
) -> AsyncGenerator[dict[str, Any], None]:
    """The pages of openings that are earlier than the one numbered *before*."""
    while before is not None:
        async with frame.view() as view:
            page = await _opening_page(frame, view, before)
            accounts_ = {one.account for one in page.items}
            names = await actor_names.names(view, frame.visitor.register, accounts_)
        yield {"openings": page.items, "names": names}
        before = page.next


def _actor_name(names: Mapping[str, str], of: Recorded) -> str:
    return names[of.body().actor]


ERASURES = Filter(category="subject", type="erased")


def _subject_path(of: Recorded) -> str | None:
    """The page of the subject of an event; None if it has none."""
    if of.category == "publication":
        return None  # the stream holds all publications of a year
    start = PATHS.get(of.category)
    return None if start is None else start + of.subject


@page_routes.page("/bukti/berkas", opt={ACTION: Action.READ_LOG, TRAVELS: None})
async def download_bundle(request: Request[Any, Any, Any]) -> Response[Any]:
    """The bundle for an auditor as a ZIP archive: records, proofs and checkpoints.

    The archive is written to a temporary file first, so that a failure can be answered
    by an error page.
    """
    await authentication.admit(request, Action.READ_LOG)
    app: Any = request.app
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="iku-bundle-"))
    try:
        async with acquire_connection(app.app) as connection:
            written = await bundle.export(
                connection, app.app.witnesses, folder / "bukti", lambda _, __: None
            )
        archive = await asyncio.to_thread(
            shutil.make_archive, str(folder / "bukti"), "zip", folder, "bukti"
        )
    except BundleWriteError as error:
        await asyncio.to_thread(shutil.rmtree, folder)
        raise NotFound(error_message(error)) from error
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, folder)
        raise
    name = f"bukti-{written.size}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return stream_response(
        request, _chunks(Path(archive), folder), "application/zip", headers
    )


async def _chunks(archive: Path, folder: Path) -> AsyncIterator[bytes]:
    """The content of *archive*; its *folder* is removed at the end."""
    try:
        with await asyncio.to_thread(archive.open, "rb") as file:
            while part := await asyncio.to_thread(file.read, CHUNK):
                yield part
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


HANDLERS: list[Any] = [show_evidence, download_bundle]
