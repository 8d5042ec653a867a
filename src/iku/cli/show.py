"""`iku show`: a case or an organisation as of a day, with a knowledge cut-off."""

from collections.abc import Iterator

import click

from iku import labels
from iku.cli import ambiguous_number, field_format, lists, tables, terminal
from iku.cli.lists import Areas, Fields
from iku.cli.options import options
from iku.cli.output_format import OutputFormat, output_options, write_whole
from iku.cli.terminal_language import formats, translated
from iku.exchange import list_table
from iku.exchange.table_output import table_output
from iku.messages import message
from iku.queries import subjects
from iku.queries.subject_lookup import identify
from iku.queries.subjects import ConflictQuestion, OrganisationQuestion, SubjectView
from iku.queries.view import View


@click.group(cls=terminal.OrderedGroup, short_help="Show a case or an organisation.")
def show() -> None:
    """Show a case or an organisation as of a day, from the facts known by the cut-off.

    ID is its number or its identifier. `iku history` shows its events.
    """


@show.command()
@options(ConflictQuestion, arguments={"conflict_id": "ID"})
@output_options
def conflict(question: ConflictQuestion, form: OutputFormat) -> None:
    """Show a conflict case."""
    _show("conflict", question.conflict_id, question, form)


@show.command()
@options(OrganisationQuestion, arguments={"organisation_id": "ID"})
@output_options
def organisation(question: OrganisationQuestion, form: OutputFormat) -> None:
    """Show an organisation."""
    _show("organisation", question.organisation_id, question, form)


def _show(
    category: str,
    typed: str,
    question: ConflictQuestion | OrganisationQuestion,
    form: OutputFormat,
) -> None:

    async def execute() -> tuple[SubjectView, Areas, str]:
        async with terminal.opened_view() as (app, view):
            today = app.commands.today()
            subject = await _find_subject(view, category, typed)
            seen = await subjects.state(view, category, subject, question.moment(today))
            areas = app.agency.area_names
            return seen, areas, lists.coordinates_in_words(question, today)

    seen, areas, moment = terminal.run(execute())
    if form.file is not None:
        output = table_output(list_table.shape(category), form.file)
        write_whole(output, [seen.shown])
    elif form.json:
        terminal.emit({**seen.shown, "version": seen.version})
    else:
        _print(category, seen, areas, moment)


async def _find_subject(view: View, category: str, typed: str) -> str:
    """The identifier of the subject with the number or identifier *typed*."""
    subject = terminal.SubjectNumberType().convert(typed, None, None)
    found = await identify(view, subject, (category,))
    ambiguous_number.refuse_ambiguous(found, typed)
    return found[0].subject if found else subject


def _print(category: str, seen: SubjectView, areas: Areas, moment: str) -> None:
    out = tables.Printer()
    item = seen.shown
    noun = message("Case") if category == "conflict" else message("Organisation")
    out.say(f"{translated(noun)} {item['number']} {moment}\n")
    out.pairs([*_lines(category, item, areas)])
    version = message(
        "Version {version}; its history: {command}",
        version=formats.number(seen.version),
        command=f"iku history {category}-{item['id']}",
    )
    out.say(f"\n{translated(version)}")


def _lines(category: str, item: Fields, areas: Areas) -> Iterator[tuple[str, str]]:
    """A line for each field of the case or organisation that has a value."""
    more = ("reporter", "parties") if category == "conflict" else ()
    for field in (*list_table.FIELDS[category], *more):
        if item[field] is not None:
            yield (
                translated(labels.FIELDS[field]).capitalize(),
                _field_text(field, item, areas),
            )


def _field_text(field: str, item: Fields, areas: Areas) -> str:
    match field, item[field]:
        case "status", _:
            shown = field_format.status(item)
        case "area", code:
            shown = f"{lists.area_name(item, areas)} ({code})"
        case _, value:
            shown = field_format.value(field, value)
    return shown
