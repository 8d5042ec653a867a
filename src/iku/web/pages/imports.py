"""Import, Impor: a file is checked, and then recorded as a whole or not at all.

A file is uploaded once. The first step checks it without recording anything and keeps
it, encrypted, for the account (`iku.access.uploads`). The second step names its
SHA-256, so exactly the checked content is recorded. So does the form that checks the
file again for a workbook of the result. The file is not sent twice, because a browser
cannot fill in the choice of a file. A row is identified by its content, so
the second step may be sent any number of times.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal, NamedTuple

from litestar import Response
from msgspec import Meta

from iku.access.uploads import Upload
from iku.commands import proposals
from iku.connection import PooledReader, acquire_connection
from iku.domain import import_permission
from iku.domain.access import Action, Forbidden
from iku.domain.decider import Refused
from iku.domain.hidden_characters import is_unsafe
from iku.domain.import_permission import FileAllowed
from iku.exchange import (
    csv_output,
    entry_template,
    journal_columns,
    kept_mappings,
)
from iku.exchange.column_mapping import ColumnMapping, InvalidMapping
from iku.exchange.csv_output import Delimiter
from iku.exchange.import_preview import LISTED, ImportPreview
from iku.exchange.journal_import import Importer, ImportReport, permission_digest
from iku.exchange.journal_layouts import LAYOUTS
from iku.exchange.spreadsheet import MOST, MOST_IN_WORKBOOK, RowPlace
from iku.exchange.table_output import XLSX
from iku.ledger.log import Receipt
from iku.messages import Message, error_message, message
from iku.postgres.pool import Connection
from iku.queries import recorded_commands, similar_cases
from iku.queries.figure_parameters import MomentQuestion
from iku.queries.similar_cases import TypedReport
from iku.queries.view import LOCAL
from iku.web import resubmission
from iku.web.page_forms import Form
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, sending, timeless, uploading

LARGEST_FILE = 8 << 20  # bytes
FILE, DIGEST = "berkas", "sidik"  # the fields with the file, and with its SHA-256
# The fields with the name of the mapping of columns, and with its SHA-256.
MAPPING, MAPPING_DIGEST = "pemetaan", "sidik_pemetaan"
FAULT, CONFLICT, FORBIDDEN = 422, 409, 403
LONGEST_NAME = 200  # characters of a file name that are shown
RECEIPTS = 50  # receipts that are listed
NOT_KEPT = message(
    "this file is kept for an hour only, and is no longer there; nothing was recorded; "
    "choose it again"
)


class JournalQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The journal in the path, and the delimiter of its template."""

    journal: Annotated[
        Literal["konflik", "organisasi", "target"], Meta(description="Kind of journal.")
    ]
    delimiter: Delimiter = Delimiter.SEMICOLON


class NamedMapping(NamedTuple):
    """A mapping of columns that was chosen."""

    name: str
    columns: ColumnMapping


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The result of checking a file: the changes that it would make.

    Attributes:
        permission: Why another person must approve the import first; None if none must.
        closed: The figures of closed periods that it would change.
        similar: Cases that resemble a report of the file, each with its place.
    """

    upload: Upload
    mapping: NamedMapping | None
    report: ImportReport
    preview: ImportPreview
    permission: str | None
    closed: Sequence[Message]
    similar: Sequence[tuple[RowPlace, Sequence[Mapping[str, Any]]]]


@present("/impor", Action.IMPORT)
async def show_import(frame: PageContext) -> Response[bytes]:
    """The form for a file, and the templates."""
    return _page(frame)


async def refuse_large_file(frame: PageContext) -> Response[bytes]:
    """The form again, with the largest size of a file."""
    said = message(
        "the file is larger than {most} MiB; divide it into several files, or let an "
        "operator import it by the command iku import",
        most=LARGEST_FILE >> 20,
    )
    return _page(frame, {FILE: said}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@uploading("/impor", Action.IMPORT, LARGEST_FILE, refused=refuse_large_file)
async def check(frame: PageContext, form: Form, upload: Upload) -> Response[bytes]:
    """Check a file without recording anything."""
    if upload.is_missing:
        return _page(frame, {FILE: message("no file was chosen")}, FAULT)
    try:
        mapping = _mapping(frame, form)
    except InvalidMapping as error:
        return _page(frame, {MAPPING: error_message(error)}, FAULT)
    upload = upload._replace(name=_plain_file_name(upload.name))
    frame.app.uploads.keep(resubmission.owner(frame.visitor), upload)
    return await _checked_page(frame, upload, mapping)


@sending("/impor/periksa", Action.IMPORT, has_tables=True)
async def check_again(frame: PageContext, form: Form) -> Response[bytes]:
    """Check the kept file again without recording anything."""
    kept = _kept_file(frame, form)
    if isinstance(kept, Response):
        return kept
    upload, mapping = kept
    return await _checked_page(frame, upload, mapping)


@sending("/impor/catat", Action.IMPORT, has_tables=True)
async def record(frame: PageContext, form: Form) -> Response[bytes]:
    """Record the checked file; a repeated request records nothing more."""
    app = frame.app
    kept = _kept_file(frame, form)
    if isinstance(kept, Response):
        return kept
    upload, mapping = kept
    if mapping is not None and mapping.columns.digest != form.text(MAPPING_DIGEST):
        # The mapping was changed since the file was checked.
        return await _checked_page(frame, upload, mapping, CONFLICT)
    async with app.uploads.turn, acquire_connection(app) as connection:
        importer = Importer(
            connection,
            app.commands,
            LOCAL.name,
            credentials=frame.credentials,
            mapping=None if mapping is None else mapping.columns,
            most=_listed(frame, MOST),
        )
        refused = CONFLICT
        try:
            report = await importer.run(upload.file.open())
            if not report.faults:
                receipts = await _receipts(frame, connection, importer, upload)
                return _recorded_page(frame, upload, mapping, report, receipts)
        except Forbidden as error:
            if not error.proposable:
                raise
            refused = FORBIDDEN
    # The register has changed since the file was checked, or it was never permitted.
    return await _checked_page(frame, upload, mapping, refused)


@sending("/impor/usulan", Action.ALLOW_IMPORT)
async def propose(frame: PageContext, form: Form) -> Response[bytes]:
    """Propose the import of the file for approval by another person."""
    upload, because = _stored_upload(frame, form), form.text("alasan").strip()
    if upload is None:
        return _page(frame, {FILE: NOT_KEPT}, FAULT)
    try:
        mapping = _mapping(frame, form)
    except InvalidMapping as error:
        return _page(frame, {MAPPING: error_message(error)}, FAULT)
    if not because:
        missing = message(
            "the reason for the proposal is missing; the approver needs it"
        )
        return await _checked_page(frame, upload, mapping, FAULT, {"alasan": missing})
    checked = await _check_upload(frame, upload, mapping)
    if checked.report.faults:
        return _page_of(frame, checked, CONFLICT)
    allowed = FileAllowed(effective_on=frame.time.today)
    category = import_permission.decider.category
    columns = None if mapping is None else mapping.columns
    digest = permission_digest(upload.file.open(), columns)
    command = frame.gateway(form).command(category, digest, allowed)
    try:
        made = await proposals.propose(
            frame.app.commands, PooledReader(frame.app), command, because
        )
    except Forbidden:
        raise
    except Refused as error:
        return _page_of(frame, checked, FAULT, {"alasan": error_message(error)})
    return redirect(frame.address(f"/usulan/{made.subject}"))


@timeless("/impor/{journal:str}/kolom", Action.IMPORT, JournalQuestion)
async def show_columns(frame: PageContext) -> Response[bytes]:
    """The columns of a journal, and the events with their columns."""
    journal = frame.question.journal
    return frame.show(
        "import_columns.html",
        journal=journal,
        columns=journal_columns.columns(journal),
        kinds=journal_columns.row_kinds(journal),
        delimiters=list(Delimiter),
    )


@timeless("/impor/{journal:str}/templat.csv", Action.IMPORT, JournalQuestion)
async def download_template(frame: PageContext) -> Response[bytes]:
    """The headings of a journal as a CSV file."""
    journal, delimiter = frame.question.journal, frame.question.delimiter
    line = csv_output.head(journal_columns.headings(journal), delimiter)
    headers = {"Content-Disposition": f'attachment; filename="{journal}.csv"'}
    return Response(
        line.encode(), media_type="text/csv; charset=utf-8", headers=headers
    )


@timeless("/impor/templat.xlsx", Action.IMPORT)
async def download_workbook(frame: PageContext) -> Response[bytes]:
    """The workbook into which entries are typed."""
    name = 'attachment; filename="iku-templat.xlsx"'
    content = await asyncio.to_thread(entry_template.write, frame.app.agency.areas)
    headers = {"Content-Disposition": name}
    return Response(content, media_type=XLSX, headers=headers)


def _plain_file_name(name: str) -> str:
    """The name of a file without folders and without hidden characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join("_" if is_unsafe(one) else one for one in last)[:LONGEST_NAME]


def _kept_file(
    frame: PageContext, form: Form
) -> tuple[Upload, NamedMapping | None] | Response[bytes]:
    """The kept file and its mapping, or the page that says what is missing."""
    upload = _stored_upload(frame, form)
    if upload is None:
        return _page(frame, {FILE: NOT_KEPT}, FAULT)
    try:
        return upload, _mapping(frame, form)
    except InvalidMapping as error:
        return _page(frame, {MAPPING: error_message(error)}, FAULT)


def _stored_upload(frame: PageContext, form: Form) -> Upload | None:
    owner = resubmission.owner(frame.visitor)
    return frame.app.uploads.find(owner, form.text(DIGEST))


def _mapping(frame: PageContext, form: Form) -> NamedMapping | None:
    """The mapping that the form names; None if it names none.

    Raises:
        InvalidMapping: The mapping does not exist.
    """
    name = form.text(MAPPING)
    if not name:
        return None
    return NamedMapping(name, kept_mappings.find(frame.app.settings.home, name))


async def _check_upload(
    frame: PageContext, upload: Upload, mapping: NamedMapping | None
) -> CheckedFile:
    app = frame.app
    columns = None if mapping is None else mapping.columns
    permission: str | None = None
    async with app.uploads.turn, acquire_connection(app) as connection:
        try:
            report, preview = await _dry_run(
                frame, connection, upload, columns, approved=False
            )
        except Forbidden as error:
            if not error.proposable:
                raise
            permission = error_message(error)
            report, preview = await _dry_run(
                frame, connection, upload, columns, approved=True
            )
        closed = await preview.closed_period_changes(connection)
        view = app.view(connection, frame.viewer)
        similar = [
            (place, found)
            for place, one in preview.reports
            if (
                found := await similar_cases.similar_cases_of_report(
                    view, TypedReport.of(one)
                )
            )
        ]
    return CheckedFile(upload, mapping, report, preview, permission, closed, similar)


async def _dry_run(
    frame: PageContext,
    connection: Connection,
    upload: Upload,
    mapping: ColumnMapping | None,
    *,
    approved: bool,
) -> tuple[ImportReport, ImportPreview]:
    preview = ImportPreview(frame.app.figures, _listed(frame, LISTED))
    importer = Importer(
        connection,
        frame.app.commands,
        LOCAL.name,
        dry_run=True,
        credentials=frame.credentials,
        approved=approved,
        preview=preview,
        mapping=mapping,
        most=_listed(frame, MOST),
    )
    return await importer.run(upload.file.open()), preview


async def _receipts(
    frame: PageContext, connection: Connection, importer: Importer, upload: Upload
) -> list[Receipt]:
    """The receipts of the first rows of the file, also of those recorded earlier."""
    view = frame.app.view(connection, frame.viewer)
    ids = (await importer.command_ids(upload.file.open()))[: _listed(frame, RECEIPTS)]
    found = [await recorded_commands.receipt(view, one) for one in ids]
    return [one for one in found if one is not None]


def _listed(frame: PageContext, usual: int) -> int:
    """The most rows of a table: *usual*, or those of a workbook."""
    return MOST_IN_WORKBOOK if frame.visitor.asks_workbook else usual


async def _checked_page(
    frame: PageContext,
    upload: Upload,
    mapping: NamedMapping | None,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
) -> Response[bytes]:
    return _page_of(frame, await _check_upload(frame, upload, mapping), status, faults)


def _page_of(
    frame: PageContext,
    checked: CheckedFile,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The page of a file that was checked."""
    return frame.show(
        "import_checked.html",
        status=FAULT if checked.report.faults and status == 200 else status,
        checked=checked,
        report=checked.report,
        headings={name: journal_columns.headings(name) for name in LAYOUTS},
        preview=checked.preview,
        faults=faults or {},
        why_not=frame.refusal(Action.ALLOW_IMPORT),
    )


def _recorded_page(
    frame: PageContext,
    upload: Upload,
    mapping: NamedMapping | None,
    report: ImportReport,
    receipts: Sequence[Receipt],
) -> Response[bytes]:
    return frame.show(
        "import_recorded.html",
        upload=upload,
        mapping=mapping,
        report=report,
        receipts=receipts,
    )


def _page(
    frame: PageContext, faults: Mapping[str, str] | None = None, status: int = 200
) -> Response[bytes]:
    return frame.show(
        "import.html",
        status=status,
        faults=faults or {},
        journals=list(LAYOUTS),
        most=LARGEST_FILE >> 20,
        mappings=kept_mappings.names(frame.app.settings.home),
    )


HANDLERS: list[Any] = [
    *(show_import, check, check_again, record, propose),
    *(show_columns, download_template, download_workbook),
]
