"""The list of conflict cases, Konflik."""

from typing import Any

from litestar import Response

from iku.domain.access import Action
from iku.exchange.field_format import NO, YES
from iku.exchange.table_output import FileFormat
from iku.labels import CATEGORIES, DIMENSIONS, LEVELS, SOURCES, STATUSES
from iku.messages import message
from iku.queries.list_questions import ConflictsQuestion
from iku.web.page_forms import Form
from iku.web.pages import register_list
from iku.web.pages.page_context import PageContext
from iku.web.pages.register_list import ListFilter, Register
from iku.web.pages.routes import reading, searching

PATH = "/konflik"
OF_CASES = ("open", "returned", "resolved", "rejected", "merged", "annulled")
CASES = Register(
    category="conflict",
    title=message("Conflicts"),
    path=PATH,
    filters=(
        ListFilter("status", tuple((s, STATUSES[s]) for s in OF_CASES)),
        ListFilter("verified", ((True, YES), (False, NO))),
        ListFilter("category", (*CATEGORIES.items(),)),
        ListFilter("level", (*LEVELS.items(),)),
        ListFilter("dimension", (*DIMENSIONS.items(),)),
        ListFilter("source", (*SOURCES.items(),)),
    ),
    columns=("number", "title", "category", "status", "reported_on", "area"),
    sorts=("number", "title", "level", "status", "reported_on"),
    days={
        "reported_from": message("reported on or after"),
        "reported_to": message("reported on or before"),
    },
    none=message("No case has been reported yet."),
    entry=Action.ENTER,
    entry_label=message("Report a conflict"),
)


@reading(PATH, Action.READ_REGISTER, ConflictsQuestion)
async def show_conflicts(frame: PageContext) -> Response[bytes]:
    """The cases of a day."""
    return await register_list.show(frame, CASES)


@searching(f"{PATH}/cari", Action.READ_REGISTER, ConflictsQuestion, PATH)
async def search_conflicts(frame: PageContext, form: Form) -> Response[bytes]:
    """The cases whose title or number contains the words of the form."""
    return await register_list.search(frame, form, CASES)


@reading(f"{PATH}/daftar.csv", Action.READ_REGISTER, ConflictsQuestion)
async def download_conflicts(frame: PageContext) -> Response[bytes]:
    """The cases of a day as CSV."""
    return await register_list.download(frame, CASES, FileFormat.CSV)


@reading(f"{PATH}/daftar.xlsx", Action.READ_REGISTER, ConflictsQuestion)
async def download_conflicts_workbook(frame: PageContext) -> Response[bytes]:
    """The cases of a day as a workbook."""
    return await register_list.download(frame, CASES, FileFormat.XLSX)


HANDLERS: list[Any] = [
    *(show_conflicts, search_conflicts),
    *(download_conflicts, download_conflicts_workbook),
]
