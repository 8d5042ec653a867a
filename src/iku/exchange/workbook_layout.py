"""What all workbooks of the register have in common: paper, headings, formats."""

from datetime import datetime

from xlsxwriter.worksheet import Worksheet

from iku.language import Language, translate
from iku.messages import message

CREATED = datetime(2021, 1, 1)  # noqa: DTZ001 - the format has no time zones
DAY_FORMAT = "dd-mm-yyyy"
HEADING = {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8EDF3"}


def lay_out(sheet: Worksheet, headings: int) -> None:
    """A4 across, as wide as the paper; *headings* rows stay and are repeated."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    pages = message("Page {page} of {pages}", page="&P", pages="&N")
    sheet.set_footer(f"&L&A&R{translate(pages, Language.INDONESIAN)}")
    if headings:
        sheet.freeze_panes(headings, 0)
        sheet.repeat_rows(0, headings - 1)
