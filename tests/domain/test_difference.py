"""The steps from one figure to another, and the cause of each event."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec import structs

from iku.domain import conflict, difference, fact, figure, organisation, subject_kinds
from iku.domain.cause import Cause
from iku.domain.difference import ComparedCoordinates, DifferenceStep
from iku.domain.figure import Basis, ComputedFigure, Counts
from iku.domain.indicator import ConflictOptions, EmptyRatio
from iku.domain.page_cursor import PageCursor
from iku.domain.period import Kind
from iku.domain.question import InvalidQuestion, Question
from tests.domain.story import on
from tests.domain.test_fact import CORPUS, kept
from tests.domain.test_figure import IPOLEKSOSBUD, coordinates, made_with

OF = Question(
    "IKU-1",
    on("2022-06-30"),
    known_on=on("2022-07-01"),
    size=49,
    period=Kind.HALF,
    definition=2,
)
AGAINST = Question(
    "IKU-1",
    on("2021-12-31"),
    known_on=on("2022-01-15"),
    size=40,
    period=Kind.YEAR,
    definition=1,
)


@pytest.mark.parametrize(
    ("against", "name"),
    [
        (ComparedCoordinates(as_of=on("2022-07-02")), "against_as_of"),
        (ComparedCoordinates(known_on=on("2022-07-02")), "against_known_on"),
    ],
)
def test_a_day_to_come_is_nothing_to_compare_with(
    against: ComparedCoordinates, name: str
) -> None:
    today = on("2022-07-01")
    sentence = f"{name} is 2022-07-02, but must not be after today, 2022-07-01"
    with pytest.raises(InvalidQuestion, match=sentence) as refusal:
        against.refuse_future(today)
    assert refusal.value.path == name
    structs.replace(against, as_of=today, known_on=today).refuse_future(today)


def test_what_is_left_out_is_as_in_the_figure_asked_for() -> None:
    assert ComparedCoordinates().applied_to(OF) == OF
    given = ComparedCoordinates(
        as_of=AGAINST.as_of,
        known_on=AGAINST.known_on,
        size=AGAINST.size,
        definition=AGAINST.definition,
        period=AGAINST.period,
    )
    assert given.applied_to(OF) == AGAINST
    assert ComparedCoordinates(size=0).applied_to(OF) == structs.replace(OF, size=0)


def test_each_leg_changes_one_thing_and_begins_where_the_last_one_ended() -> None:
    legs = difference.coordinate_steps(AGAINST, OF)
    assert [leg.step for leg in legs] == list(DifferenceStep)[:3]
    assert (legs[0].before, legs[-1].after) == (AGAINST, OF)
    assert [leg.before for leg in legs[1:]] == [leg.after for leg in legs[:-1]]
    changed = [
        {
            name
            for name in Question.__struct_fields__
            if getattr(leg.before, name) != getattr(leg.after, name)
        }
        for leg in legs
    ]
    assert changed == [{"known_on", "size"}, {"definition"}, {"as_of", "period"}]


def made(numerator: int, denominator: int, basis: Basis) -> ComputedFigure:
    counts = Counts(numerator, denominator)
    return ComputedFigure(figure.figure(coordinates(), counts, basis), basis)


def test_steps_add_up_and_the_target_is_exchanged_last() -> None:
    old, new = made_with(target="75"), made_with(target="80")
    ends = [made(5, 7, old), made(5, 6, new), made(4, 4, old), made(7, 9, new)]
    changes = difference.step_changes(ends)
    counts = [(one.step, one.numerator, one.denominator) for one in changes]
    assert counts == [
        (DifferenceStep.KNOWLEDGE, 0, -1),
        (DifferenceStep.DEFINITION, -1, -2),
        (DifferenceStep.TIME, 3, 5),
        (DifferenceStep.TARGET, 0, 0),
    ]
    after = [one.after for one in changes]
    assert [a.target for a in after] == [75, 75, 75, 80]
    shown = [str(a.achievement) for a in after]
    assert shown == ["111.11", "133.33", "103.70", "97.22"]
    assert [str(a.percentage) for a in after][-2:] == ["77.78", "77.78"]


def test_a_step_is_counted_by_its_own_definition_also_where_nothing_is() -> None:
    full = ConflictOptions(IPOLEKSOSBUD.category, empty=EmptyRatio.FULL)
    ends = [made(0, 0, made_with()), made(0, 0, made_with())]
    ends += [made(0, 0, made_with(full)), made(0, 0, made_with(full, target=None))]
    after = [one.after for one in difference.step_changes(ends)]
    assert [a.percentage for a in after] == [None, *[Decimal("100.00")] * 3]
    assert [str(a.achievement) for a in after] == ["None", "125.00", "125.00", "None"]


EVENTS = [
    (category, fact.decode(kept(written), event_type))
    for category, event_type in (
        ("conflict", conflict.Event),
        ("organisation", organisation.Event),
    )
    for written in CORPUS[category]
]
SINGLE = {
    "annulled": Cause.ANNULMENT,
    "corrected": Cause.CORRECTION,
    "absorbed": Cause.MERGER,
    "merged": Cause.MERGER,
    "participation_carried": Cause.MERGER,
    "rejected": Cause.REJECTION,
    "verified": Cause.VERIFICATION,
    "participation_verified": Cause.VERIFICATION,
}


@pytest.mark.parametrize(("category", "event"), EVENTS)
def test_every_event_has_a_cause_and_what_is_dated_is_late(
    category: str, event: Any
) -> None:
    tag = str(type(event).__struct_config__.tag)
    assert subject_kinds.counted_kind(category).cause(event) is SINGLE.get(
        tag, Cause.LATE_DATA
    )


def test_every_type_of_event_was_among_them() -> None:
    types = {*get_args(conflict.Event), *get_args(organisation.Event)}
    assert {type(event) for _, event in EVENTS} == types


@pytest.mark.parametrize("key", ["K01", "1.", "1" * 19])
def test_a_place_in_the_step_of_knowledge_is_a_position(key: str) -> None:
    at = PageCursor(49, on("2021-12-31"), "k", "31")
    assert difference.read_cursor(at.cursor) == at
    with pytest.raises(InvalidQuestion, match="cursor"):
        difference.read_cursor(structs.replace(at, key=key).cursor)
    other = structs.replace(at, part="t", key=key)
    assert difference.read_cursor(other.cursor) == other
    assert difference.read_cursor(None) is None
    with pytest.raises(InvalidQuestion, match="cursor"):
        difference.read_cursor(structs.replace(at, part="s").cursor)
