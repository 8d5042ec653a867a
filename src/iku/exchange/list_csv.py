"""Lists of cases and organisations as CSV."""

from collections.abc import Iterable, Mapping
from typing import Any

from iku import labels
from iku.exchange import cells, csv_output
from iku.exchange.csv_output import Delimiter

# The columns of a list by category of subjects.
FIELDS: dict[str, tuple[str, ...]] = {
    "conflict": (
        *("number", "title", "category", "dimension", "level", "status", "verified"),
        *("reported_on", "occurred_on", "resolved_on", "manner", "source", "area"),
        *("reference", "merged_into", "id"),
    ),
    "organisation": (
        *("number", "name", "kind", "status", "legal_basis", "registered_on"),
        *("valid_until", "expired", "area", "merged_into", "id"),
    ),
}


def head(category: str, delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The start of the file: byte order mark and headings."""
    headings = (labels.FIELDS[f].id.replace(" ", "_") for f in FIELDS[category])
    return csv_output.head(headings, delimiter)


def rows(
    category: str,
    items: Iterable[Mapping[str, Any]],
    delimiter: Delimiter = Delimiter.COMMA,
) -> str:
    """One line for each of *items*; values and days as in the journals."""
    fields = FIELDS[category]
    return csv_output.lines(
        ([_cell(field, item[field]) for field in fields] for item in items), delimiter
    )


def _cell(field: str, value: Any) -> str:
    match field, value:
        case _, None:
            return ""
        case _, bool():
            return csv_output.yes_or_no(value)
        case "status", _:
            return labels.STATUSES[value].id
        case "legal_basis", _:
            return cells.WORDS.get(value, str(value))
        case _:
            return str(value)
