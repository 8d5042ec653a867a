"""What `iku import` prints about a file: its faults, or what was recorded."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from iku.cli import tables, workbook_output
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.exchange.import_plan import RowNote
from iku.exchange.spreadsheet import FileFault, SkippedSheet
from iku.messages import message

FAULTS = (
    number_column(message("Row")),
    unwrapped_column(message("Column")),
    text_column(message("Problem")),
)
PLACED_FAULTS = (
    text_column(message("Sheet")),
    number_column(message("Row")),
    unwrapped_column(message("Cell")),
    unwrapped_column(message("Column")),
    text_column(message("Problem")),
)
SKIPPED = (number_column(message("Row")), text_column(message("Skipped because")))
REMARKS = (number_column(message("Row")), text_column(message("Note")))


class ImportedFile(Struct, frozen=True):
    """The outcome of one file, as JSON output.

    Attributes:
        repeated: Number of rows that were imported before.
        standing: Number of rows whose fact the register already contained.
        identical: Number of rows that repeat an earlier row of the file.
        skipped: The first of the standing and identical rows, each with its reason.
        remarks: The first notes on side effects of rows.
        faulted: Number of faults.
        faults: The first faults.
        sheets: The journal of each sheet of a workbook that was read.
        skipped_sheets: The sheets of a workbook that were not read, with the reason.
    """

    file: str
    dry_run: bool
    journal: str | None
    rows: int
    added: int
    repeated: int
    standing: int
    identical: int
    skipped: tuple[RowNote, ...]
    remarks: tuple[RowNote, ...]
    size: int
    faulted: int
    faults: tuple[FileFault, ...]
    sheets: Mapping[str, str]
    skipped_sheets: tuple[SkippedSheet, ...]


def show(file: ImportedFile) -> None:
    """Print the outcome of a file."""
    if file.faults:
        _show_faults(file)
        return
    tables.say(f"{file.file}: {translated(_outcome_sentence(file))}")
    _say_sheets(file, tables.Printer())
    if file.skipped:
        _show_skipped(file)
    if file.remarks:
        rows = [(_address(one), one.message) for one in file.remarks]
        tables.Printer().table(REMARKS, rows)


def _outcome_sentence(file: ImportedFile) -> str:
    """A sentence on the recorded rows."""
    if not file.rows:
        return message(
            "the file, a journal {journal}, has headings but no rows; nothing was "
            "recorded.",
            journal=file.journal,
        )
    row_count = message(
        "{count} rows of journal {journal}",
        count=formats.number(file.rows),
        journal=file.journal,
    )
    if not file.added:
        return message(
            "{row_count}, of which none is new: all are already in the register.",
            row_count=row_count,
        )
    return message(
        "{row_count}, {outcome_counts}; the log now has {size} events.",
        row_count=row_count,
        outcome_counts=[*_row_counts(file)],
        size=formats.number(file.size),
    )


def _row_counts(file: ImportedFile) -> Iterator[str]:
    """How many rows are recorded, and how many are not, by reason."""
    added = formats.number(file.added)
    if file.dry_run:
        yield message("{count} to be recorded", count=added)
    else:
        yield message("{count} recorded", count=added)
    if file.repeated:
        yield message("{count} already imported", count=formats.number(file.repeated))
    if file.standing:
        count = formats.number(file.standing)
        yield message("{count} already in the register", count=count)
    if file.identical:
        count = formats.number(file.identical)
        yield message("repeated rows skipped: {count}", count=count)


def _address(of: FileFault | RowNote) -> str:
    """The row; in a workbook also the sheet, and the cell of a fault."""
    if of.sheet is None:
        return formats.number(of.row)
    cell = of.cell if isinstance(of, FileFault) else None
    return f"{of.sheet}!{cell or of.row}"


def _show_faults(file: ImportedFile) -> None:
    in_workbook = workbook_output.collected() is not None
    out = tables.Printer(stderr=not in_workbook)
    out.say(file.file)
    _say_sheets(file, out)
    if in_workbook:
        out.table(PLACED_FAULTS, map(_placed, file.faults))
    else:
        out.table(
            FAULTS, [(_address(f), f.column or "", f.message) for f in file.faults]
        )
    if file.faulted > len(file.faults):
        shown, count = map(formats.number, (len(file.faults), file.faulted))
        out.say(
            message(
                "Problems shown: the first {shown} of {count}.",
                shown=shown,
                count=count,
            )
        )


def _placed(of: FileFault) -> tuple[str, ...]:
    """The cells of a fault in a workbook, whose rows can be sorted by them."""
    row = formats.number(of.row)
    return of.sheet or "", row, of.cell or "", of.column or "", of.message


def _say_sheets(file: ImportedFile, out: tables.Printer) -> None:
    """Print which sheets of a workbook were read, and which were not."""
    if file.sheets:
        read = [f"{sheet} ({journal})" for sheet, journal in file.sheets.items()]
        out.say(message("Sheets that were read: {sheets}.", sheets=read))
    for one in file.skipped_sheets:
        out.say(
            message(
                "Sheet that was not read: {sheet} {reason}.",
                sheet=one.name,
                reason=one.message,
            )
        )


def _show_skipped(file: ImportedFile) -> None:
    out = tables.Printer()
    rows = [(_address(one), one.message) for one in file.skipped]
    out.table(SKIPPED, rows)
    if (count := file.standing + file.identical) > len(rows):
        shown, all_ = map(formats.number, (len(rows), count))
        out.say(
            message(
                "Skipped rows shown: the first {shown} of {count}.",
                shown=shown,
                count=all_,
            )
        )
