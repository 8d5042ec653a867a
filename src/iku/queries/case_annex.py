"""The cases of a conflict indicator at the coordinates of a figure, for an annex.

Like `explanation` it reads only the log. It lists the cases that count and those of the
category that do not, each with its state on the day and the rules that decided.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from iku.domain import conflict, fact, subject_states
from iku.domain.access import Action
from iku.domain.conflict import Phase
from iku.domain.counting import Rule
from iku.domain.indicator import ConflictOptions, Options
from iku.domain.question import Question
from iku.domain.subject_states import ConflictState
from iku.ledger import log
from iku.ledger.record import Recorded
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
    view: View, questions: Sequence[Question], *, with_titles: bool
) -> list[list[AnnexedCase]]:
    """For each of *questions*, its cases, ordered `by_number`.

    The questions have all coordinates. Their cut-offs are those of the first one, as
    figures of one publication have them: the log is read and folded once.

    Raises:
        UnknownReference: An indicator does not exist.
        Forbidden: An indicator counts cases of another division, or the viewer may not
            read texts and *with_titles* is set.
        ValueError: The questions differ in their cut-offs.
    """
    if len({(one.size, one.known_on) for one in questions}) > 1:
        raise ValueError("the questions of an annex differ in their cut-offs")
    for one in questions:
        await view.require_indicator(Action.READ_HISTORY, one.indicator)
        if with_titles:
            await view.require_indicator(Action.READ_TEXTS, one.indicator)
    found = await _cases(view, questions) if questions else []
    for listed in found:
        listed.sort(key=lambda case: by_number(case.explained))
    return [await _titled(view, listed, reveal=with_titles) for listed in found]


async def _titled(
    view: View, found: list[AnnexedCase], *, reveal: bool
) -> list[AnnexedCase]:
    """The cases with their titles, or without any."""
    if not reveal:
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


async def _cases(view: View, questions: Sequence[Question]) -> list[list[AnnexedCase]]:
    bases = [await figure_basis(view.reader, one) for one in questions]
    asked = [
        (one, by.definition.defined.options)
        for one, by in zip(questions, bases, strict=True)
    ]
    found: list[list[AnnexedCase]] = [[] for _ in questions]
    streams = log.read_subjects(
        view.reader,
        conflict.decider.category,
        size=questions[0].size,
        known_on=questions[0].known_on,
    )
    async with aclosing(streams):
        async for recorded in streams:
            case = explanation.fold_state(recorded, conflict.decider)
            for listed, (question, options) in zip(found, asked, strict=True):
                listed.extend(_annexed(recorded, case, question, options))
    return found


def _annexed(
    recorded: Sequence[Recorded], case: Any, question: Question, options: Options
) -> Iterator[AnnexedCase]:
    """The case, if the annex of *question* lists it."""
    examined = explanation.examine_state(recorded, case, question, options)
    member = examined.membership
    # A counted case is listed by any rule, so its reason is made once, for its row.
    counted = member.counts.denominator
    if not counted and member.denominator.reason().rule in _ELSEWHERE:
        return
    state = _state(recorded[0].subject, case, question)
    if state is not None and (counted or _is_of(options, state)):
        yield AnnexedCase(examined.item, state, _phases(case, question))


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
