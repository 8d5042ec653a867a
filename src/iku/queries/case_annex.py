"""The cases of a conflict indicator at the coordinates of a figure, for an annex.

Like `explanation` it reads only the log. It lists the cases that count and those of the
category that do not, each with its state on the day and the rules that decided.
"""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple

from iku.domain import conflict, fact, subject_states
from iku.domain.access import Action
from iku.domain.conflict import Phase
from iku.domain.counting import Rule
from iku.domain.indicator import ConflictOptions, Options
from iku.domain.question import Question
from iku.domain.subject_states import ConflictState
from iku.queries import explanation
from iku.queries.explanation import ExplainedSubject
from iku.queries.recount import figure_basis
from iku.queries.view import View

# A case that these rules exclude belongs to another indicator, or to a later day.
_ELSEWHERE = {Rule.OTHER_CATEGORY, Rule.NOT_YET}


class AnnexedCase(NamedTuple):
    """A case of an annex.

    Attributes:
        explained: How it counts; its title is empty unless it was asked for.
        phases: The phases in which it was handled up to the day, in order.
    """

    explained: ExplainedSubject
    state: ConflictState
    phases: tuple[Phase, ...]


async def cases(
    view: View, question: Question, *, with_titles: bool
) -> list[AnnexedCase]:
    """The cases of *question*, which has all coordinates, ordered `by_number`.

    Raises:
        UnknownReference: The indicator does not exist.
        Forbidden: The indicator counts cases of another division, or the viewer may not
            read texts and *with_titles* is set.
    """
    code = question.indicator
    await view.require_indicator(Action.READ_HISTORY, code)
    if with_titles:
        await view.require_indicator(Action.READ_TEXTS, code)
    found = [one async for one in _cases(view, question)]
    found.sort(key=lambda one: by_number(one.explained))
    if not with_titles:
        return [
            one._replace(explained=explanation.untitled(one.explained)) for one in found
        ]
    titled = await view.reveal([one.explained for one in found])
    return [
        one._replace(explained=explained)
        for one, explained in zip(found, titled, strict=True)
    ]


def by_number(of: ExplainedSubject) -> tuple[Any, ...]:
    """The place of a subject in an annex: K2 stands before K10."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", of.number)
    return (*((word, int(digits or 0)) for digits, word in parts), (of.id, 0))


async def _cases(view: View, question: Question) -> AsyncIterator[AnnexedCase]:
    by = await figure_basis(view.reader, question)
    options = by.definition.defined.options
    category = conflict.decider.category
    cases = explanation.examine_all(view.reader, question, options, category)
    async with aclosing(cases):
        async for examined in cases:
            rule = examined.membership.denominator.reason().rule
            state = _state(examined.recorded[0].subject, examined.state, question)
            if state is None or rule in _ELSEWHERE:
                continue
            if examined.membership.counts.denominator or _is_of(options, state):
                phases = _phases(examined.state, question)
                yield AnnexedCase(examined.item, state, phases)


def _is_of(options: Options, state: ConflictState) -> bool:
    return isinstance(options, ConflictOptions) and state.category is options.category


def _state(subject: str, case: Any, question: Question) -> ConflictState | None:
    """The state of the case on the day of *question*; None if it has none yet."""
    day = question.as_of
    for start, end, state in subject_states.case_states(subject, case):
        if start <= day and (end is None or day < end):
            return state if isinstance(state, ConflictState) else None
    return None


def _phases(case: Any, question: Question) -> tuple[Phase, ...]:
    handled = [
        one.event
        for one in fact.effective_facts(case.history)
        if isinstance(one.event, conflict.Handled)
        if one.event.effective_on <= question.as_of
    ]
    handled.sort(key=lambda event: event.effective_on)
    return tuple(dict.fromkeys(event.phase for event in handled))
