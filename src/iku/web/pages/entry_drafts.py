"""Drafts of entry forms: the server stores typed values automatically."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from litestar import Response

from iku.access import drafts
from iku.access.drafts import DraftTooLong, FormPlace
from iku.connection import acquire_connection
from iku.domain.access import Action
from iku.domain.decider import Invalid, subject_number
from iku.messages import Message, error_message, message
from iku.web import page_rendering, resubmission
from iku.web.page_forms import Form
from iku.web.page_rendering import redirect
from iku.web.pages import entry_forms
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import sending
from iku.web.problems import NotFound
from iku.web.subject_paths import streams_of


@sending("/draf", Action.ENTER, restores=True)
async def save(frame: PageContext, form: Form) -> Response[bytes]:
    """Store the draft of a form, and redirect to the form.

    A request of the page's script is answered by the time of saving, as JSON.
    """
    path = form.text(resubmission.PATH)
    _check_path(path)
    visitor = frame.visitor
    try:
        async with acquire_connection(frame.app) as connection:
            saved_at = await drafts.save(
                connection,
                visitor.means.secrets,
                resubmission.owner(visitor) or drafts.NOBODY,
                FormPlace(path, streams_of(path)),
                resubmission.fields_of(form),
            )
    except DraftTooLong as error:
        raise Invalid("", error_message(error)) from error
    if form.text("jawab") != "json":
        return redirect(visitor.address(path))
    said = {"pukul": page_rendering.format_time_of_day(visitor, saved_at)}
    return Response(msgspec.json.encode(said), media_type="application/json")


@sending("/draf/buang", Action.ENTER)
async def discard(frame: PageContext, form: Form) -> Response[bytes]:
    """Delete the draft of a form, and open the form empty."""
    resubmission.check_owner(frame.visitor, form)
    path = form.text(resubmission.PATH)
    _check_path(path)
    account = resubmission.owner(frame.visitor) or drafts.NOBODY
    async with acquire_connection(frame.app) as connection:
        await drafts.remove(connection, account, path)
    return redirect(frame.visitor.address(path))


class ListedDraft(NamedTuple):
    """A draft in the list of the visitor's tasks."""

    path: str
    heading: Message
    saved_at: datetime


async def listing(frame: PageContext) -> list[ListedDraft]:
    """The visitor's drafts, the latest first."""
    account = resubmission.owner(frame.visitor) or drafts.NOBODY
    async with acquire_connection(frame.app) as connection:
        found = await drafts.listing(connection, account)
    return [
        ListedDraft(one.path, form.heading(subject_number(subject)), one.saved_at)
        for one in found
        if (place := entry_forms.of_path(one.path)) is not None
        for form, subject in [place]
    ]


def _check_path(path: str) -> None:
    if entry_forms.of_path(path) is None or len(path) > resubmission.LONGEST:
        raise NotFound(message("there is no form at {path}", path=path[:100]))


HANDLERS: list[Any] = [save, discard]
