"""Mapping of columns, Pemetaan kolom: the headings of an own register, kept by name."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal, cast

from litestar import Response
from msgspec import Meta

from iku.domain.access import Action
from iku.exchange import column_mapping, kept_mappings
from iku.exchange.column_mapping import ColumnMapping, InvalidMapping
from iku.exchange.journal_layouts import LAYOUTS
from iku.messages import error_message, message
from iku.queries.figure_parameters import MomentQuestion
from iku.web.page_forms import Form
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, sending

# Fields of the form: a column is the heading of the file, or a constant content.
NAME, JOURNAL, WORDS = "nama", "jurnal", "kata"
COLUMN, CONSTANT = "kolom.", "isi."

Journal = Literal["konflik", "organisasi", "target"]


class MappingQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The journal in the path, and the name of a mapping to start from."""

    journal: Annotated[Journal, Meta(description="Kind of journal.")]
    name: Annotated[
        Annotated[str, Meta(max_length=40)] | None,
        Meta(description="Name of a mapping that is shown."),
    ] = None


@present("/impor/{journal:str}/pemetaan", Action.IMPORT, MappingQuestion)
async def show_mapping(frame: PageContext) -> Response[bytes]:
    """The form of a mapping, filled in from a kept one if it is named."""
    question: MappingQuestion = frame.question
    values: Mapping[str, str] = {}
    if question.name is not None:
        try:
            kept = kept_mappings.find(frame.app.settings.home, question.name)
        except InvalidMapping as error:
            said = error_message(error)
            return _page(frame, question.journal, {}, said, HTTPStatus.NOT_FOUND)
        values = dict(_values(question.name, kept))
    return _page(frame, question.journal, values)


@sending("/impor/pemetaan", Action.IMPORT)
async def keep_mapping(frame: PageContext, form: Form) -> Response[bytes]:
    """Keep the mapping of the form."""
    journal = form.text(JOURNAL)
    if journal not in LAYOUTS:
        return _page(frame, "konflik", {}, message("the journal is unknown"))
    try:
        mapping = _mapping(form, journal)
        kept_mappings.keep(frame.app.settings.home, form.text(NAME).strip(), mapping)
    except InvalidMapping as error:
        values = {name: value for name, value in form.pairs if value}
        return _page(frame, journal, values, error_message(error))
    return redirect(frame.address("/impor"))


def _mapping(form: Form, journal: str) -> ColumnMapping:
    return ColumnMapping(
        cast(Journal, journal),
        _filled(form, COLUMN),
        _filled(form, CONSTANT),
        _words(form.text(WORDS)),
    )


def _filled(form: Form, prefix: str) -> dict[str, str]:
    """The fields with the prefix that are filled in, by column of the journal."""
    return {
        name.removeprefix(prefix): value.strip()
        for name, value in form.pairs
        if name.startswith(prefix) and value.strip()
    }


def _words(typed: str) -> dict[str, dict[str, str]]:
    """Lines such as ``cara: Damai = islah``.

    Raises:
        InvalidMapping: A line has another form.
    """
    found: dict[str, dict[str, str]] = {}
    for line in filter(None, map(str.strip, typed.splitlines())):
        column, colon, rest = line.partition(":")
        of, equals, word = rest.rpartition("=")
        if not (colon and equals and of.strip() and word.strip()):
            raise InvalidMapping(
                message(
                    "line {line} does not have the form column: word of the file = "
                    "word of the journal",
                    line=line[:100],
                )
            )
        found.setdefault(column.strip(), {})[of.strip()] = word.strip()
    return found


def _values(name: str, of: ColumnMapping) -> Iterator[tuple[str, str]]:
    """The fields of the form for a mapping."""
    yield NAME, name
    yield from ((f"{COLUMN}{target}", one) for target, one in of.columns.items())
    yield from ((f"{CONSTANT}{target}", one) for target, one in of.constants.items())
    lines = (
        f"{column}: {word} = {meant}"
        for column, words in of.words.items()
        for word, meant in words.items()
    )
    yield WORDS, "\n".join(lines)


def _page(
    frame: PageContext,
    journal: str,
    values: Mapping[str, str],
    fault: str | None = None,
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
) -> Response[bytes]:
    return frame.show(
        "column_mapping.html",
        status=HTTPStatus.OK if fault is None else status,
        journal=journal,
        targets=column_mapping.common_targets(journal),
        events=_event_columns(journal, values),
        used={name.split(".")[1] for name in values if name.count(".") == 2},
        values=values,
        fault=fault,
        mappings=_of_journal(frame, journal),
    )


def _event_columns(journal: str, values: Mapping[str, str]) -> dict[str, list[str]]:
    """The columns of each event, with others that a mapping of a file names."""
    found = column_mapping.event_targets(journal)
    for name in values:
        target = name.removeprefix(COLUMN).removeprefix(CONSTANT)
        event, _, column = target.rpartition(".")
        if name != target and column not in found.get(event, [column]):
            found[event].append(column)
    return found


def _of_journal(frame: PageContext, journal: str) -> list[str]:
    """The names of the kept mappings of a journal."""
    home = frame.app.settings.home
    found = []
    for name in kept_mappings.names(home):
        try:
            if kept_mappings.find(home, name).journal == journal:
                found.append(name)
        except InvalidMapping:
            continue
    return found


HANDLERS: list[Any] = [show_mapping, keep_mapping]
