"""The corrections and annulments of a fact, and the values that they replaced."""

from itertools import pairwise
from typing import Any

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from iku.domain import conflict, lineage
from iku.domain.conflict import Category, Dimension, Manner
from iku.domain.fact import Annulled, Correction, effective_facts
from iku.domain.lineage import ReplacedField
from tests.domain import chance
from tests.domain.story import on
from tests.samples import examples

REPORTED = conflict.Reported(
    category=Category.IPOLEKSOSBUD,
    dimension=Dimension.SOSIAL,
    title="Perselisihan warga",
    effective_on=on("2021-03-01"),
)
RESOLVED = conflict.Resolved(effective_on=on("2021-05-05"), manner=Manner.MEDIASI)


def corrected(version: int, **fields: Any) -> conflict.Corrected:
    return conflict.Corrected(corrects=version, reason="Salah catat", **fields)


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Keliru")


def test_of_several_corrections_of_a_field_the_last_is_named() -> None:
    history = [
        REPORTED,
        corrected(1, title="Yang lain", effective_on=on("2021-02-01")),
        corrected(1, effective_on=on("2021-02-02")),
    ]
    assert lineage.corrections(history, 1, "effective_on") == (3,)
    assert lineage.corrections(history, 1, "title", "effective_on") == (2, 3)
    assert lineage.corrections(history, 1, "level") == ()
    assert lineage.corrections([*history, annulled(3)], 1, "effective_on") == (2,)


def test_a_fact_that_is_gone_is_told_as_it_was_corrected_and_by_what_it_went() -> None:
    moved = corrected(2, effective_on=on("2021-05-06"))
    history = [REPORTED, RESOLVED, moved, annulled(2)]
    (undone,) = lineage.annulled_facts(history, conflict.Resolved)
    assert (undone.fact.version, undone.by) == (2, 4)
    assert undone.fact.event.effective_on == on("2021-05-06")
    assert [*lineage.annulled_facts(history, conflict.Reported)] == []
    assert [*lineage.annulled_facts([*history, annulled(4)], conflict.Resolved)] == []


def test_a_correction_replaces_the_fields_it_restates() -> None:
    history = [
        REPORTED,
        corrected(1, category=Category.SARA, dimension=Dimension.AGAMA),
    ]
    assert lineage.replaced_fields(history, 1) == []
    assert lineage.replaced_fields(history, 2) == [
        ReplacedField(1, "category", Category.IPOLEKSOSBUD, Category.SARA),
        ReplacedField(1, "dimension", Dimension.SOSIAL, Dimension.AGAMA),
    ]


def test_an_annulment_takes_a_fact_or_puts_back_what_was() -> None:
    history = [REPORTED, RESOLVED, corrected(2, manner=Manner.ISLAH), annulled(3)]
    assert lineage.replaced_fields(history, 4) == [
        ReplacedField(2, "manner", Manner.ISLAH, Manner.MEDIASI)
    ]
    history += [annulled(2), annulled(5)]
    gone = lineage.replaced_fields(history, 5)
    assert gone == [
        ReplacedField(2, "effective_on", on("2021-05-05"), None),
        ReplacedField(2, "manner", Manner.MEDIASI, None),
    ]
    back = lineage.replaced_fields(history, 6)
    assert [(b.field, b.before, b.after) for b in back] == [
        (g.field, g.after, g.before) for g in gone
    ]


@settings(max_examples=examples(75, 18), deadline=None)
@for_all(st.one_of(chance.case_histories, chance.organisation_histories))
def test_what_was_replaced_leads_from_what_stood_to_what_stands(
    history: list[Any],
) -> None:
    for size, (_, event) in enumerate(pairwise(history), start=2):
        if not isinstance(event, Correction | Annulled):
            continue
        fields = {
            (version, name): getattr(fact, name)
            for version, fact in effective_facts(history[: size - 1])
            for name in fact.__struct_fields__
        }
        for one in lineage.replaced_fields(history[:size], size):
            assert fields.get((one.version, one.field)) == one.before
            fields[one.version, one.field] = one.after
        assert {
            place: value for place, value in fields.items() if value is not None
        } == {
            (version, name): value
            for version, fact in effective_facts(history[:size])
            for name in fact.__struct_fields__
            if (value := getattr(fact, name)) is not None
        }


def test_a_correction_or_annulment_is_about_the_fact_named_in_the_end() -> None:
    history = [
        REPORTED,
        RESOLVED,
        corrected(2, effective_on=on("2021-05-06")),
        annulled(3),
        annulled(4),
        corrected(1, title="Yang lain"),
    ]
    assert lineage.root_versions(history) == [1, 2, 2, 2, 2, 1]


def test_a_fact_that_names_none_before_it_is_about_itself() -> None:
    assert lineage.root_versions([annulled(1), corrected(5)]) == [1, 2]


def test_what_each_fact_replaced_is_the_same_from_any_version_on() -> None:
    history = [
        REPORTED,
        RESOLVED,
        corrected(2, effective_on=on("2021-05-06")),
        annulled(3),
        corrected(1, title="Yang lain"),
    ]
    for after in range(len(history) + 1):
        told = list(lineage.replaced_fields_by_event(history, after))
        assert told == [
            lineage.replaced_fields(history, version)
            for version in range(after + 1, len(history) + 1)
        ]
    assert [len(one) for one in lineage.replaced_fields_by_event(history, 0)] == [
        0,
        0,
        1,
        1,
        1,
    ]


def test_a_cleared_field_is_replaced_by_nothing() -> None:
    dated = REPORTED.__class__(
        category=Category.SARA,
        dimension=Dimension.AGAMA,
        title="Perkara",
        effective_on=on("2021-03-01"),
        occurred_on=on("2021-02-01"),
    )
    history = [dated, corrected(1, occurred_on=None)]
    assert lineage.replaced_fields(history, 2) == [
        ReplacedField(1, "occurred_on", on("2021-02-01"), None)
    ]
    assert lineage.corrections(history, 1, "occurred_on") == (2,)
