"""Attachments of cases and organisations: uploaded as raw bodies, stored encrypted.

A file that is read is verified against the commitment in the log.
"""

import re
import unicodedata
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote, unquote

import msgspec
from litestar import Response
from msgspec import Meta, Struct, field

from iku.app import App
from iku.commands import upload
from iku.connection import PooledReader
from iku.domain.access import Action
from iku.domain.attachment import MediaType
from iku.domain.decider import subject_id
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Line
from iku.domain.hidden_characters import is_unsafe
from iku.gateway import (
    CommandGateway,
    EntryReceipt,
    MissingAsNotFound,
    receipt,
)
from iku.messages import message
from iku.parsing import quoted
from iku.queries import attachments
from iku.queries.figure_parameters import SubjectId
from iku.queries.view import View
from iku.text_reading import File
from iku.vault.files import MOST
from iku.web.api.conflicts import ConflictPath
from iku.web.api.organisations import OrganisationPath
from iku.web.authentication import Caller
from iku.web.commands import ChangeHeaders, receipt_response
from iku.web.headers import AnyRequest, refuse_encoded
from iku.web.problems import BadRequest, UnsupportedMediaType
from iku.web.routes import get, post
from iku.web.security_headers import content_policy


class AttachmentHeaders(ChangeHeaders, frozen=True, kw_only=True):
    """Headers of a request that attaches a file."""

    file_name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=4_500,
            pattern=r"^[!-~]+$(?!\n)",
            description="The file's name, in UTF-8 and percent-encoded.",
            extra_json_schema={"x-expects": "printable ASCII, percent-encoded"},
        ),
    ] = field(name="Iku-File-Name")


Version: TypeAlias = Annotated[
    int,
    Meta(ge=1, le=2_147_483_647, description="Version of the event that attached it."),
]


class ConflictFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the route of an attachment of a case."""

    conflict_id: SubjectId
    version: Version


class OrganisationFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the route of an attachment of an organisation."""

    organisation_id: SubjectId
    version: Version


@post(
    "/conflicts/{conflict_id:str}/attachments",
    operation_id="attachFile",
    summary="Attach a file to a case",
    tags=["Conflict cases"],
    headers=AttachmentHeaders,
    request_max_body_size=MOST,
)
async def attach_to_conflict(
    about: ConflictPath,
    headers: AttachmentHeaders,
    command_gateway: CommandGateway,
    request: AnyRequest,
) -> Response[EntryReceipt]:
    """Attaches the request body, a file of at most 10 MiB, to the case.

    Content-Type gives the file's media type. The file is encrypted before it is written
    to disk. The log holds its length and a commitment to its SHA-256; the case's
    history shows it as `attached`.
    """
    file = await _uploaded_file(headers.file_name, request)
    return await _attach(command_gateway, "conflict", about.conflict_id, file)


@post(
    "/organisations/{organisation_id:str}/attachments",
    operation_id="attachOrganisationFile",
    summary="Attach a file to an organisation",
    tags=["Organisations"],
    headers=AttachmentHeaders,
    request_max_body_size=MOST,
)
async def attach_to_organisation(
    about: OrganisationPath,
    headers: AttachmentHeaders,
    command_gateway: CommandGateway,
    request: AnyRequest,
) -> Response[EntryReceipt]:
    """Attaches the request body, a file of at most 10 MiB, to the organisation.

    Content-Type gives the file's media type. The file is encrypted before it is written
    to disk. The log holds its length and a commitment to its SHA-256; the
    organisation's history shows it as `attached`.
    """
    file = await _uploaded_file(headers.file_name, request)
    return await _attach(command_gateway, "organisation", about.organisation_id, file)


@get(
    "/conflicts/{conflict_id:str}/attachments/{version:int}",
    Action.READ_TEXTS,
    operation_id="getAttachment",
    summary="Download an attachment of a case",
    tags=["Conflict cases"],
)
async def fetch_of_conflict(
    question: ConflictFile, app: App, caller: Caller
) -> Response[bytes]:
    """The file, verified against the commitment in the log."""
    view = app.view(PooledReader(app), caller.viewer)
    return await _fetch(view, "conflict", question.conflict_id, question.version)


@get(
    "/organisations/{organisation_id:str}/attachments/{version:int}",
    Action.READ_TEXTS,
    operation_id="getOrganisationAttachment",
    summary="Download an attachment of an organisation",
    tags=["Organisations"],
)
async def fetch_of_organisation(
    question: OrganisationFile, app: App, caller: Caller
) -> Response[bytes]:
    """The file, verified against the commitment in the log."""
    view, named = app.view(PooledReader(app), caller.viewer), question.organisation_id
    return await _fetch(view, "organisation", named, question.version)


async def _uploaded_file(name: str, request: AnyRequest) -> File:
    """The uploaded file, its name and its media type.

    Raises:
        BadRequest: The body is empty, or the name cannot be decoded.
        UnsupportedMediaType: The media type is malformed, or the body is encoded.
    """
    file = File(_file_name(name), _media_type(request), await request.body())
    if not file.content:
        raise BadRequest(
            "", message("the request body is empty; send the file as the body")
        )
    return file


async def _attach(
    command_gateway: CommandGateway, category: str, number: str, file: File
) -> Response[EntryReceipt]:
    app, subject = command_gateway.app, subject_id(number)
    command = command_gateway.command(category, subject, None)
    with MissingAsNotFound(command):
        outcome = await upload.attach(app.commands, PooledReader(app), command, file)
    version = outcome.receipt.version
    place = f"/api/v1/{category}s/{subject}/attachments/{version}"
    return receipt_response(outcome, receipt(outcome), place)


async def _fetch(
    view: View, category: str, number: str, version: int
) -> Response[bytes]:
    stream = DECIDERS[category].stream(subject_id(number))
    file = await attachments.fetch(view, stream, version)
    headers = {
        "Content-Disposition": disposition(file.name),
        # No browser may render an uploaded file as a page of this origin.
        "Content-Security-Policy": content_policy("sandbox"),
    }
    return Response(file.content, media_type=file.media_type, headers=headers)


def disposition(name: str) -> str:
    """The Content-Disposition header that offers a download under a safe *name*.

    RFC 6266: `filename` holds the name in ASCII for old clients, `filename*` holds it
    in the encoding of RFC 8187.
    """
    offered = _safe_file_name(name)
    plain = _NOT_QUOTABLE.sub("_", offered)
    spelt = quote(offered, safe="!#$&+^`|")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{spelt}"


# Characters that a quoted string cannot hold, or that some browsers read as escapes.
_NOT_QUOTABLE = re.compile(r'[^ -~]|["%\\]')
_NOT_IN_NAMES = frozenset('<>:"|?*')  # of files, on one system or another
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
_LONGEST = 200  # bytes; file systems take 255
_UNNAMED = "lampiran"


def _safe_file_name(name: str) -> str:
    """*name* reduced to a file name that cannot leave the download folder.

    It has no folders, no invisible or bidirectional control characters, is no device
    name, and is short enough for every file system.
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(
        "_" if is_unsafe(one) or one < " " or one in _NOT_IN_NAMES else one
        for one in last
    ).strip(". ")
    stem, point, kind = plain.rpartition(".")
    kind = f"{point}{kind}" if stem and len(kind) <= 10 else ""
    stem = plain.removesuffix(kind).encode()[:_LONGEST].decode(errors="ignore")
    found = f"{stem}{kind}"
    return f"_{found}" if _DEVICE.match(found) else found or _UNNAMED


def _file_name(file_name: str) -> str:
    """The file name, percent-decoded and normalised to NFC.

    Raises:
        BadRequest: The name is not percent-encoded UTF-8, or not one line of 500
            characters.
    """
    try:
        name = unicodedata.normalize("NFC", unquote(file_name, errors="strict"))
        return msgspec.convert(name, Line)
    except (UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadRequest(
            "Iku-File-Name",
            message(
                "{path} {rule}",
                rule=message(
                    "must be one line of at most 500 characters, UTF-8, percent-encoded"
                ),
                path="Iku-File-Name",
            ),
        ) from error


def _media_type(request: AnyRequest) -> str:
    """The media type of Content-Type, without parameters.

    Raises:
        UnsupportedMediaType: Content-Type is missing or malformed, or the body is
            encoded.
    """
    refuse_encoded(request)
    kind, _ = request.content_type
    try:
        return msgspec.convert(kind.lower(), MediaType)
    except msgspec.ValidationError as error:
        raise UnsupportedMediaType(
            message(
                "Content-Type is {type}, which is not a media type such as "
                "application/pdf",
                type=quoted(kind),
            )
        ) from error


HANDLERS: list[Any] = [
    *(attach_to_conflict, fetch_of_conflict),
    *(attach_to_organisation, fetch_of_organisation),
]
