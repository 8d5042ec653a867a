"""The desk: the pages on which officers, auditors, planners and heads work.

A page is a handler and a template. The handler receives a `PageContext`, asks
`queries/`, and shows a template; a form is sent to a handler that gives a command to
`commands/` and answers with a redirect. There are two kinds of pages: pages at the
coordinates of the time control (`routes.reading`), and pages that record something,
which show only the present (`routes.present`). All work without JavaScript.
"""

from typing import Any

from litestar import Router

from iku.web.pages import (
    amendment,
    attachment,
    case_papers,
    check,
    column_mappings,
    conflict,
    conflicts,
    definition,
    difference,
    entry,
    entry_drafts,
    evidence,
    explanation,
    front,
    handbook,
    imports,
    indicator,
    organisation,
    organisations,
    paper_data,
    papers,
    proposals,
    publications,
    shortcuts,
    tasks,
    tour,
)

MODULES = (
    amendment,
    front,
    tasks,
    conflicts,
    conflict,
    case_papers,
    organisations,
    organisation,
    indicator,
    explanation,
    difference,
    definition,
    publications,
    papers,
    paper_data,
    imports,
    column_mappings,
    proposals,
    evidence,
    check,
    entry,
    attachment,
    entry_drafts,
    shortcuts,
    tour,
    handbook,
)


def router() -> Router:
    """The routes of the pages."""
    handlers: list[Any] = [one for module in MODULES for one in module.HANDLERS]
    return Router("/", route_handlers=handlers, include_in_schema=False)
