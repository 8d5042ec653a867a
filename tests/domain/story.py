"""Given, when, then: past events, a command, and the recorded events or refusal."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from iku.domain import subject_kinds
from iku.domain.counting import Membership
from iku.domain.decider import AlreadyRecorded, Decider, DecisionContext, Refused
from iku.domain.publication import NextStep, StepType
from iku.domain.subject_kinds import SubjectKind

AREA = "35.76.02.1003"
HERE = DecisionContext(
    today=date(2022, 6, 30),
    subject="A01",
    areas=frozenset({AREA, "35.76.01.1006", "35.76.03.1001"}),
    related_subjects={"A98": None},
)


def on(day: str) -> date:
    return date.fromisoformat(day)


def given(
    decider: Decider[Any, Any], *events: Any, context: DecisionContext = HERE
) -> Any:
    """The state after *events*, each of which is asserted to be legal."""
    state = None
    for event in events:
        assert decider.decision(event, state, context).events == [event], event
        state = decider.evolve(state, event)
    return state


def decided_by(decider: Decider[Any, Any]) -> list[SubjectKind]:
    """The kinds of subjects, with *decider* in place of that of its category."""
    return [
        replace(kind, decider=decider) if kind.category == decider.category else kind
        for kind in subject_kinds.KINDS
    ]


def membership(
    subject: Any, options: Any, start: date, as_of: date
) -> Membership | None:
    """How *subject* counts; None if it does not, or *options* count another kind."""
    if not isinstance(subject, subject_kinds.kind_counted_by(options).state):
        return None
    found = subject_kinds.membership(subject, options, start, as_of)
    return found if found.counts.denominator else None


def recorded(
    decider: Decider[Any, Any], state: Any, when: Any, context: DecisionContext = HERE
) -> Any:
    """The state after the facts that *when* adds; asserts that a repeat adds none."""
    events = decider.decision(when, state, context).events
    assert events, "nothing was recorded"
    after = decider.fold(events, state)
    assert_nothing_to_add(decider, after, when, context)
    return after


def assert_nothing_to_add(
    decider: Decider[Any, Any], state: Any, when: Any, context: DecisionContext = HERE
) -> None:
    """Assert that *when* adds no fact or is refused as recorded, unless it recurs."""
    if getattr(when, "RECURS", False):
        return
    with suppress(AlreadyRecorded):
        assert decider.decision(when, state, context).events == []


def repeats(
    decider: Decider[Any, Any],
    state: Any,
    when: Any,
    version: int,
    *both_sides: str,
    context: DecisionContext = HERE,
) -> None:
    """Assert that *when* is refused as a repetition of the fact at *version*."""
    refusal = refused(decider, state, when, *both_sides, context=context)
    assert isinstance(refusal, AlreadyRecorded), refusal
    assert refusal.version == version


def refused(
    decider: Decider[Any, Any],
    state: Any,
    when: Any,
    *both_sides: str,
    context: DecisionContext = HERE,
) -> Refused:
    """The refusal of *when*, asserted to be repeatable and to quote *both_sides*."""
    sentences = []
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            decider.decide(when, state, context)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
    missing: Sequence[str] = [part for part in both_sides if part not in sentences[0]]
    assert not missing, (sentences[0], missing)
    return caught.value


def step(kind: str, reason: str = "x", known_on: date | None = None) -> NextStep:
    """A step of a publication that follows its draft."""
    return NextStep(type=StepType(kind), reason=reason, known_on=known_on)
