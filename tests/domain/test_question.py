"""Questions: the coordinates of a figure, and the knowledge cut-off."""

import pytest
from msgspec import structs

from iku.domain import indicator, question
from iku.domain.period import Kind
from iku.domain.question import DefinitionHistory, InvalidQuestion, KnownFact, Question
from tests.domain.story import on
from tests.domain.test_indicator import defined, targeted
from tests.domain.test_scale import scaled

ASKED = Question(indicator="IKU-1", as_of=on("2021-06-30"))


def test_a_question_is_about_the_period_its_day_lies_in() -> None:
    assert ASKED.start == on("2021-01-01")
    assert structs.replace(ASKED, period=Kind.QUARTER).start == on("2021-04-01")


@pytest.mark.parametrize(
    ("size", "known_on", "heard"),
    [
        (None, None, True),
        (7, None, True),
        (6, None, False),
        (None, "2021-03-01", True),
        (None, "2021-02-28", False),
        (7, "2021-02-28", False),
        (6, "2021-03-01", False),
    ],
)
def test_an_event_beyond_the_size_or_known_later_is_not_heard(
    size: int | None, known_on: str | None, heard: bool
) -> None:
    asked = structs.replace(ASKED, size=size, known_on=known_on and on(known_on))
    told = DefinitionHistory(
        indicator.decider, [KnownFact(7, on("2021-03-01"), defined())]
    )
    assert (told.state(asked) is not None) is heard


def test_a_figure_is_made_with_what_was_heard_and_else_the_first_version() -> None:
    told = [
        KnownFact(1, on("2021-01-01"), defined()),
        KnownFact(3, on("2021-02-01"), targeted("2021-01-01", "75")),
        KnownFact(4, on("2021-03-01"), targeted("2021-01-01", "80")),
    ]
    scales = [KnownFact(2, on("2021-01-01"), scaled())]
    assert question.basis(told, scales, ASKED).target == 80
    before = structs.replace(ASKED, known_on=on("2021-02-28"))
    assert question.basis(told, scales, before).target == 75
    shorter = structs.replace(ASKED, size=2)
    assert question.basis(told, scales, shorter).target is None
    nothing = structs.replace(ASKED, size=0)
    assert question.basis(told, scales, nothing).definition.version == 1
    assert question.basis(told, scales, nothing).scale == scaled()


def test_a_definition_that_is_not_cannot_be_asked_for() -> None:
    told = [KnownFact(1, on("2021-01-01"), defined())]
    asked = structs.replace(ASKED, definition=2)
    with pytest.raises(
        InvalidQuestion, match="is 2, but the last version is 1"
    ) as caught:
        question.basis(told, [KnownFact(2, on("2021-01-01"), scaled())], asked)
    assert caught.value.path == "definition"


def test_the_future_is_not_told() -> None:
    question.refuse_future(on("2021-03-01"), on("2021-03-01"))
    with pytest.raises(InvalidQuestion, match=r"2021-03-02.* 2021-03-01") as caught:
        question.refuse_future(on("2021-03-02"), on("2021-03-01"))
    assert caught.value.path == "as_of"


def test_what_is_left_open_is_everything_known_today() -> None:
    found = question.complete_coordinates(ASKED, 2, 49, on("2022-06-30"))
    assert (found.known_on, found.size) == (on("2022-06-30"), 49)
    assert (found.indicator, found.definition, found.as_of) == (
        "IKU-1",
        2,
        on("2021-06-30"),
    )
    assert found.period.kind is Kind.YEAR
    asked = structs.replace(ASKED, known_on=on("2021-07-03"), size=0)
    found = question.complete_coordinates(asked, 2, 49, on("2022-06-30"))
    assert (found.known_on, found.size) == (on("2021-07-03"), 0)


def test_a_size_that_the_log_has_not_reached_cannot_be_asked_for() -> None:
    asked = structs.replace(ASKED, size=49)
    assert question.complete_coordinates(asked, 1, 49, on("2022-06-30")).size == 49
    with pytest.raises(
        InvalidQuestion, match="is 49, but the log has only 48"
    ) as caught:
        question.complete_coordinates(asked, 1, 48, on("2022-06-30"))
    assert caught.value.path == "size"


def test_a_number_asks_the_question_its_figure_answered() -> None:
    at = question.complete_coordinates(ASKED, 3, 200, on("2022-06-30"))
    again = question.from_number(f" {at.number.lower()} ")
    assert question.complete_coordinates(again, 3, 200, on("2022-07-01")) == at
    assert (again.known_on, again.size) == (on("2022-06-30"), 200)


def test_a_number_that_no_figure_bears_asks_nothing() -> None:
    with pytest.raises(InvalidQuestion, match="seven parts") as refused:
        question.from_number("IKU-1")
    assert refused.value.path == "number"
