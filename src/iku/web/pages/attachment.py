"""The form by which a file is attached to a case or an organisation."""

import unicodedata
from typing import Any

import msgspec
from litestar import Response

from iku.access.uploads import Upload
from iku.commands import upload
from iku.commands.command import CommandResult
from iku.connection import PooledReader
from iku.domain.access import Action
from iku.domain.attachment import MediaType
from iku.domain.decider import subject_id
from iku.domain.fact import Line
from iku.gateway import MissingAsNotFound
from iku.messages import message
from iku.queries import subjects
from iku.queries.figure_parameters import MomentQuestion, SubjectId
from iku.text_reading import File
from iku.vault.files import MOST
from iku.web import confirmation
from iku.web.confirmation import RECORDED, Confirmation
from iku.web.page_forms import Form
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, uploading
from iku.web.subject_paths import PATHS

UNKNOWN_TYPE = "application/octet-stream"
FAULTY = 422
BAD_NAME = message("the name of the file must be one line of at most 500 characters")


class AttachmentQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The subject to which a file is attached."""

    subject: SubjectId


@present("/konflik/{subject:str}/catat/attached", Action.ENTER, AttachmentQuestion)
async def show_conflict_upload(frame: PageContext) -> Response[bytes]:
    """The form for a file of a case."""
    return await _form(frame, "conflict", frame.question.subject)


@uploading("/konflik/{subject:str}/catat/attached", Action.ENTER, MOST)
async def attach_to_case(
    frame: PageContext, form: Form, file: Upload
) -> Response[bytes]:
    """Attach the file of the form to a case."""
    return await _attach(frame, "conflict", form, file)


@present("/organisasi/{subject:str}/catat/attached", Action.ENTER, AttachmentQuestion)
async def show_organisation_upload(frame: PageContext) -> Response[bytes]:
    """The form for a file of an organisation."""
    return await _form(frame, "organisation", frame.question.subject)


@uploading("/organisasi/{subject:str}/catat/attached", Action.ENTER, MOST)
async def attach_to_organisation(
    frame: PageContext, form: Form, file: Upload
) -> Response[bytes]:
    """Attach the file of the form to an organisation."""
    return await _attach(frame, "organisation", form, file)


async def _form(
    frame: PageContext, category: str, typed: str, fault: str = ""
) -> Response[bytes]:
    """The form; *fault* is the reason why a file was not attached.

    Raises:
        SubjectNotFound: The subject does not exist.
        Forbidden: The subject belongs to another division.
    """
    async with frame.view() as view:
        seen = await subjects.state(
            view, category, subject_id(typed), frame.time.moment
        )
    return frame.show(
        "attachment.html",
        status=FAULTY if fault else 200,
        number=seen.shown["number"],
        title=seen.shown["title" if category == "conflict" else "name"],
        path=f"{PATHS[category]}/{seen.shown['id']}",
        most=MOST // 2**20,
        faults={"berkas": fault} if fault else {},
    )


async def _attach(
    frame: PageContext, category: str, form: Form, sent: Upload
) -> Response[bytes]:
    subject = subject_id(frame.path["subject"])
    if not sent.content:
        chosen = message("choose a file that is not empty")
        return await _form(frame, category, subject, chosen)
    try:
        name = msgspec.convert(unicodedata.normalize("NFC", sent.name), Line)
    except msgspec.ValidationError:
        said = message(
            "the name of the file must be one line of at most 500 characters"
        )
        return await _form(frame, category, subject, said)
    file = File(name, _media_type(sent.media_type), sent.content)
    command = frame.gateway(form).command(category, subject, None)
    with MissingAsNotFound(command):
        outcome = await upload.attach(
            frame.app.commands, PooledReader(frame.app), command, file
        )
    return _confirmation_page(frame, category, outcome)


def _media_type(given: str) -> str:
    """The media type that the browser states; bytes of any kind if it states none."""
    try:
        return msgspec.convert(given.partition(";")[0].strip().lower(), MediaType)
    except msgspec.ValidationError:
        return UNKNOWN_TYPE


def _confirmation_page(
    frame: PageContext, category: str, outcome: CommandResult
) -> Response[bytes]:
    """The page of the subject, with a confirmation."""
    receipt = outcome.receipt
    said = Confirmation(
        category,
        "attached",
        outcome.number,
        receipt.version,
        receipt.position,
        receipt.leaf.hex(),
        repeated=outcome.repeated,
    )
    shown = {RECORDED: confirmation.encode(frame.visitor, said)}
    path = f"{PATHS[category]}/{outcome.subject}"
    return redirect(frame.visitor.address(path, **shown))


HANDLERS: list[Any] = [
    *(show_conflict_upload, attach_to_case),
    *(show_organisation_upload, attach_to_organisation),
]
