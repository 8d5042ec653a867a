"""The subjects that a figure counts, each with the rules that decided, for an annex.

Like `explanation` it reads only the log.
"""

from contextlib import aclosing

from iku.domain import subject_kinds
from iku.domain.access import Action
from iku.domain.question import Question
from iku.queries import explanation
from iku.queries.case_annex import by_number
from iku.queries.explanation import ExplainedSubject
from iku.queries.recount import figure_basis
from iku.queries.view import View


async def counted(view: View, question: Question) -> list[ExplainedSubject]:
    """The subjects in the denominator of *question*, ordered `by_number`, untitled.

    *question* has all coordinates.

    Raises:
        UnknownReference: The indicator does not exist.
        Forbidden: The indicator counts subjects of another division.
    """
    await view.require_indicator(Action.READ_HISTORY, question.indicator)
    by = await figure_basis(view.reader, question)
    options = by.definition.defined.options
    category = subject_kinds.kind_counted_by(options).decider.category
    examined = explanation.examine_all(view.reader, question, options, category)
    async with aclosing(examined):
        found = [
            explanation.untitled(one.item)
            async for one in examined
            if one.membership.counts.denominator
        ]
    return sorted(found, key=by_number)
