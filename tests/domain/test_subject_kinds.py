"""The registry of counted kinds of subjects."""

import pytest

from iku.domain import conflict, indicator, subject_kinds
from iku.domain.decider_registry import DECIDERS, OTHERS
from iku.domain.indicator import Options
from tests.domain import toy


def test_every_kind_is_found_by_its_category_and_by_its_options() -> None:
    for kind in subject_kinds.KINDS:
        assert (
            subject_kinds.kind_of(kind.category)
            is subject_kinds.counted_kind(kind.category)
            is kind
        )
        assert DECIDERS[kind.category] is kind.decider
        assert kind.decider.moves_figures
        assert kind.listed[0] == kind.texts[0] == kind.state.TITLE
    assert len({kind.letter for kind in subject_kinds.KINDS}) == len(
        subject_kinds.KINDS
    )
    assert set(DECIDERS) == {*subject_kinds.categories(), *OTHERS}
    assert len(DECIDERS) == len(subject_kinds.KINDS) + len(OTHERS)


def test_what_does_not_count_is_no_kind() -> None:
    assert subject_kinds.kind_of("indicator") is None
    assert DECIDERS["indicator"] is indicator.decider
    with pytest.raises(LookupError, match="indicator is no kind of subject"):
        subject_kinds.counted_kind("indicator")


def test_options_of_a_kind_that_is_not_registered_count_nothing() -> None:
    options = toy.CourseOptions(toy.Topic.MEDIATION)
    with pytest.raises(LookupError, match="CourseOptions are registered for no kind"):
        subject_kinds.kind_counted_by(options)


def test_options_are_read_by_what_they_say_they_count() -> None:
    given = {"counts": "conflicts", "category": "sara"}
    assert Options.from_json(given) == indicator.ConflictOptions(conflict.Category.SARA)
    with pytest.raises(ValueError, match="counts"):
        Options.from_json({"counts": "stars"})
    with pytest.raises(ValueError, match="category"):
        Options.from_json({"counts": "conflicts", "category": "stars"})
