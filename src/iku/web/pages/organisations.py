"""The list of organisations, Organisasi."""

from typing import Any

from litestar import Response

from iku.domain.access import Action
from iku.domain.organisation import Status
from iku.exchange.field_format import NO, YES
from iku.exchange.table_output import FileFormat
from iku.labels import KINDS, STATUSES
from iku.messages import message
from iku.queries.list_questions import OrganisationsQuestion
from iku.web.page_forms import Form
from iku.web.pages import register_list
from iku.web.pages.page_context import PageContext
from iku.web.pages.register_list import ListFilter, Register
from iku.web.pages.routes import reading, searching

PATH = "/organisasi"
OF_ORGANISATIONS = (*Status, "rejected", "merged", "annulled")
ORGANISATIONS = Register(
    category="organisation",
    title=message("Organisations"),
    path=PATH,
    filters=(
        ListFilter(
            "status",
            tuple((s, STATUSES[s]) for s in OF_ORGANISATIONS),
        ),
        ListFilter("expired", ((True, YES), (False, NO))),
        ListFilter("kind", (*KINDS.items(),)),
    ),
    columns=(
        "number",
        "name",
        "kind",
        "status",
        "legal_basis",
        "registered_on",
        "area",
    ),
    sorts=("number", "name", "status", "registered_on"),
    days={
        "registered_from": message("registered on or after"),
        "registered_to": message("registered on or before"),
    },
    none=message("No organisation has been registered yet."),
    entry=Action.REGISTER,
    entry_label=message("Register an organisation"),
)


@reading(PATH, Action.READ_REGISTER, OrganisationsQuestion)
async def show_organisations(frame: PageContext) -> Response[bytes]:
    """The organisations of a day."""
    return await register_list.show(frame, ORGANISATIONS)


@searching(f"{PATH}/cari", Action.READ_REGISTER, OrganisationsQuestion, PATH)
async def search_organisations(frame: PageContext, form: Form) -> Response[bytes]:
    """The organisations whose name or number contains the words of the form."""
    return await register_list.search(frame, form, ORGANISATIONS)


@reading(f"{PATH}/daftar.csv", Action.READ_REGISTER, OrganisationsQuestion)
async def download_organisations(frame: PageContext) -> Response[bytes]:
    """The organisations of a day as CSV."""
    return await register_list.download(frame, ORGANISATIONS, FileFormat.CSV)


@reading(f"{PATH}/daftar.xlsx", Action.READ_REGISTER, OrganisationsQuestion)
async def download_organisations_workbook(frame: PageContext) -> Response[bytes]:
    """The organisations of a day as a workbook."""
    return await register_list.download(frame, ORGANISATIONS, FileFormat.XLSX)


HANDLERS: list[Any] = [
    show_organisations,
    search_organisations,
    download_organisations,
    download_organisations_workbook,
]
