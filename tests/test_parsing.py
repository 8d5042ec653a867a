"""Texts and JSON are parsed as their Struct, or every fault is reported."""

import json
from contextlib import suppress
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType, field

from iku import parsing
from iku.domain import conflict, organisation, publication
from iku.domain.conflict import Level, Manner
from iku.domain.fact import Fact, Line
from iku.domain.indicator import Amendment
from iku.domain.organisation import OrganisationKind
from iku.parsing import MOST_FAULTS, ParseError


class Step(StrEnum):
    YEAR = "year"
    HALF = "half"


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=10)]
    subject: str | None = None


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    first: date = field(name="from")
    size: Annotated[int, Meta(ge=0, le=9, description="So many events.")] | None = None
    step: Step = Step.YEAR
    part: Literal["b", "a"] | None = None
    versions: Annotated[tuple[int, ...], Meta(max_length=2)] | None = None
    exact: bool = False
    area: (
        Annotated[
            str,
            Meta(
                pattern=r"^[0-9]*$",
                extra_json_schema={"x-expects": "the code of an area"},
            ),
        ]
        | None
    ) = None


class Reported(Fact, frozen=True):
    title: Line
    effective_on: date
    parties: Annotated[tuple[Person, ...], Meta(min_length=1)] | None = None


class Closed(Fact, frozen=True, tag="closed"):
    day: date


class Corrected(Fact, frozen=True, tag="corrected"):
    corrects: int
    day: date | UnsetType | None = UNSET


def faults(*pairs: tuple[str, str], **given: Any) -> dict[str, str]:
    with pytest.raises(ParseError) as found:
        parsing.parse_texts(Question, pairs, {"code": "X", **given})
    return found.value.faults


def body_faults(body: Any, kind: Any = Reported) -> dict[str, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ParseError) as found:
        parsing.parse_json(kind, raw)
    return found.value.faults


def test_texts_are_read_as_the_types_of_their_fields() -> None:
    pairs = [
        *(("from", "2021-02-09"), ("size", "0"), ("step", "half"), ("part", "a")),
        *(("versions", "1"), ("versions", "2"), ("exact", "true"), ("area", "")),
    ]

    assert parsing.parse_texts(Question, pairs, {"code": "X"}) == Question(
        code="X",
        first=date(2021, 2, 9),
        size=0,
        step=Step.HALF,
        part="a",
        versions=(1, 2),
        exact=True,
        area="",
    )


FIRST = ("from", "2021-01-01")


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("from", "2021-02-30", "must be a date in the form YYYY-MM-DD, not "),
        ("from", "20210209", "must be a date in the form YYYY-MM-DD, not "),
        ("from", "2021-02-09T00:00:00", "must be a date in the form YYYY-MM-DD, not "),
        ("from", "null", "must be a date in the form YYYY-MM-DD, not "),
        ("size", "10", "must be a whole number from 0 to 9, not 10"),
        ("size", "1.0", 'must be a whole number from 0 to 9, not "1.0"'),
        ("size", "+1", 'must be a whole number from 0 to 9, not "+1"'),
        ("size", " 1", 'must be a whole number from 0 to 9, not " 1"'),
        ("size", "1_0", 'must be a whole number from 0 to 9, not "1_0"'),
        ("size", "\u0661", 'must be a whole number from 0 to 9, not "\u0661"'),
        ("size", "9" * 5000, "must be a whole number from 0 to 9, not "),
        ("size", "", "is empty; omit it instead"),
        ("step", "month", 'must be one of year, half, not "month"'),
        ("part", "c", 'must be one of b, a, not "c"'),
        ("exact", "yes", 'must be true or false, not "yes"'),
        ("area", "x", 'must be the code of an area, not "x"'),
        ("area", "\udcff", "is not UTF-8"),
        ("sise", "1", "is unknown; did you mean size?"),
        ("x", "1", "is unknown; the known names are: code, from, size, step, part, "),
    ],
)
def test_a_text_that_is_not_of_its_type_is_answered_with_rule_and_value(
    name: str, text: str, rule: str
) -> None:
    pairs = [(name, text)] if name == "from" else [FIRST, (name, text)]
    found = faults(*pairs)

    assert list(found) == [name]
    assert found[name].startswith(rule)
    assert len(found[name]) < 200


def test_all_faults_are_reported_in_the_order_of_the_declaration() -> None:
    found = faults(("x", "1"), ("step", "?"), ("size", "x"), ("versions", "y"))

    assert list(found) == ["from", "size", "step", "versions", "x"]
    assert found["from"] == "is required"


def test_what_holds_one_value_is_given_once() -> None:
    twice = {"size": "occurs more than once"}
    assert faults(FIRST, ("size", "1"), ("size", "1")) == twice
    assert faults(FIRST, ("code", "Y")) == {"code": "occurs more than once"}


def test_listed_values_are_given_with_commas_or_by_repetition_and_once() -> None:
    class Chosen(Struct, frozen=True, forbid_unknown_fields=True):
        steps: tuple[Step, ...] | None = None

    both = Chosen((Step.HALF, Step.YEAR))
    assert parsing.parse_texts(Chosen, [("steps", "half,year")]) == both
    repeated = [("steps", "half"), ("steps", "year")]
    assert parsing.parse_texts(Chosen, repeated) == both
    with pytest.raises(ParseError) as found:
        parsing.parse_texts(Chosen, [("steps", "half,half")])
    assert found.value.faults == {"steps": 'contains "half" more than once'}
    with pytest.raises(ParseError) as found:
        parsing.parse_texts(Chosen, [("steps", "half,")])
    assert found.value.faults == {"steps": 'must be one of year, half, not ""'}


def test_a_list_is_as_long_as_its_type_allows() -> None:
    assert "more than once" in faults(FIRST, *[("versions", "1")] * 2)["versions"]
    found = faults(FIRST, *[("versions", str(n)) for n in range(3)])
    assert found == {
        "versions": "must be a list of at most 2 items, but its length is 3"
    }


def test_nothing_is_taken_by_a_struct_without_fields() -> None:
    class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
        pass

    assert parsing.parse_texts(Nothing, []) == Nothing()
    with pytest.raises(ParseError, match="x is unknown; the known names are: none"):
        parsing.parse_texts(Nothing, [("x", "")])


def test_text_is_read_in_one_spelling() -> None:
    read = parsing.parse_texts(Reported, [("title", "e\u0301"), ("effective_on", DAY)])
    assert read.title == "\xe9"


DAY = "2021-02-09"


def test_an_object_is_spelled_by_its_only_required_field_or_as_json() -> None:
    pairs = [("title", "x"), ("effective_on", DAY)]
    spelled = ["Siti", '{"name": "Budi", "subject": "s"}']
    read = parsing.parse_texts(Reported, [*pairs, *(("parties", p) for p in spelled)])
    assert read.parties == (Person("Siti"), Person("Budi", "s"))
    twice = parsing.parse_texts(Reported, [*pairs, *[("parties", "Siti")] * 2])
    assert twice.parties == (Person("Siti"), Person("Siti"))
    for wrong, path in (("{", "parties"), ('{"name": 1}', "parties[0].name")):
        with pytest.raises(ParseError) as found:
            parsing.parse_texts(Reported, [*pairs, ("parties", wrong)])
        assert list(found.value.faults) == [path]


def test_a_field_tells_its_schema_without_null_and_with_its_default() -> None:
    known = parsing.struct_fields(Question)
    assert list(known) == [
        *("code", "from", "size", "step", "part", "versions", "exact", "area")
    ]
    assert known["size"].schema == {
        "type": "integer",
        "minimum": 0,
        "maximum": 9,
        "description": "So many events.",
    }
    assert known["step"].schema == {
        "type": "string",
        "enum": ["year", "half"],
        "default": "year",
    }
    assert known["exact"].schema == {"type": "boolean", "default": False}
    assert known["from"].attribute == "first"
    assert [one.name for one in known.values() if one.required] == ["code", "from"]
    assert [one.name for one in known.values() if one.is_repeatable] == ["versions"]
    assert known["size"].description == "So many events."


def test_every_fault_of_a_body_is_reported_by_its_path() -> None:
    body = {
        "title": " ",
        "colour": 1,
        "parties": [{"name": "A"}, {"name": "", "nam": 1}, 7],
    }

    assert body_faults(body) == {
        "title": "must be one line of text, not blank, without control characters, "
        'not " "',
        "effective_on": "is required",
        "parties[1].name": "must be text of 1 to 10 characters, but its length is 0",
        "parties[1].nam": "is unknown; did you mean name?",
        "parties[2]": "must be an object, not 7",
        "colour": "is unknown; the known names are: title, effective_on, parties",
    }


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ([], {"": "must be an object, not a list"}),
        (None, {"": "must be an object, not null"}),
        ({"title": "x", "effective_on": None}, {"effective_on": DAY}),
        ({"title": "x", "effective_on": 20210209}, {"effective_on": DAY}),
        ({"title": "x", "effective_on": DAY, "parties": []}, {"parties": "1"}),
        (b'{"title":"x","title":"y","effective_on":"2021-01-01"}', {"title": "once"}),
        (
            b'{"title":"x","effective_on":"2021-01-01","parties":[{"name":0,"name":1}]}',
            {"parties[0].name": "once"},
        ),
        (b"{", {"": "is not JSON"}),
        (b'{"title":7', {"": "is not JSON"}),
        (b'{"title":NaN}', {"": "is not JSON"}),
        (b"[" * 100_000, {"": "deep"}),
        (b'{"title":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {"": "deep"}),
        (b"\xff", {"": "is not UTF-8"}),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_its_paths(
    body: Any, found: dict[str, str]
) -> None:
    told = body_faults(body)
    assert told.keys() == found.keys()
    for path, word in found.items():
        assert word.replace(DAY, "a date in the form") in told[path]


def test_a_text_that_grows_too_long_in_its_one_spelling_is_named() -> None:
    body = {"title": "\u0958" * 300, "effective_on": DAY}
    assert body_faults(body)["title"].startswith("must be text of 1 to 500 characters")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"type": "is required"}),
        ({"type": "x"}, {"type": 'must be one of closed, corrected, not "x"'}),
        ({"type": 7}, {"type": "must be one of closed, corrected, not 7"}),
        ({"type": []}, {"type": "must be one of closed, corrected, not a list"}),
        ({"type": "closed"}, {"day": "is required"}),
        (
            {"type": "corrected", "corrects": 10**40, "day": "x"},
            {
                "corrects": "must be a whole number, not 1e+40",
                "day": 'must be a date in the form YYYY-MM-DD, not "x"',
            },
        ),
    ],
)
def test_a_variant_is_chosen_by_its_tag_and_judged_as_itself(
    body: Any, found: dict[str, str]
) -> None:
    assert body_faults(body, Closed | Corrected) == found


def test_a_single_variant_needs_no_tag_but_refuses_another() -> None:
    assert parsing.parse_json(Closed, b'{"day":"2021-02-09"}') == Closed(
        day=date(2021, 2, 9)
    )
    assert body_faults({}, Closed) == {"day": "is required"}
    found = body_faults({"type": "corrected", "day": "2021-02-09"}, Closed)
    assert found == {"type": 'must be closed, not "corrected"'}


def test_a_field_is_cleared_by_null_where_its_type_has_null() -> None:
    body = b'{"type":"corrected","corrects":1,"day":null}'
    read: Any = parsing.parse_json(Closed | Corrected, body)
    assert read == Corrected(corrects=1, day=None)


@pytest.mark.timeout(60)  # the square of these sizes takes longer
def test_the_size_of_the_answer_is_not_decided_by_the_input() -> None:
    unknown = {f"{n}{'x' * 10_000}": n for n in range(1_000)}
    long = {"title": "x" * 100_000, "effective_on": DAY * 1_000}
    for body in (
        unknown | long,
        long | {"parties": [{"name": 7}] * 10_000},
        long | {"parties": [7] * 10_000},
    ):
        found = body_faults(body)
        assert len(found) <= MOST_FAULTS
        assert len(json.dumps(found)) < 10_000
    faults(FIRST, *(("versions", str(n)) for n in range(20_000)))
    many = [("from", "2021-01-01"), *((f"x{n}", "") for n in range(1_000))]
    assert len(faults(*many)) == MOST_FAULTS


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)
KINDS = (conflict.Report, conflict.Later, organisation.Later, publication.Draft)


@given(st.sampled_from(KINDS), st.dictionaries(st.text(), anything), st.data())
def test_whatever_does_not_fit_has_a_fault_and_no_other_error(
    kind: Any, body: dict[str, Any], data: st.DataObject
) -> None:
    for name in ("type", "effective_on", "reason", "title", "parties", "reporter"):
        if data.draw(st.booleans()):
            known = st.sampled_from(["verified", "corrected", "2021-02-09", "x"])
            body[name] = data.draw(known | anything)
    with suppress(ParseError):
        parsing.parse_json(kind, json.dumps(body).encode())
        return
    assert body_faults(body, kind)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ([], {}),
        ([("minimum_level", "potensi")], {"minimum_level": Level.POTENSI}),
        ([("participation_threshold", "02")], {"participation_threshold": 2}),
        (
            [("kinds", "lsm,ormas")],
            {"kinds": (OrganisationKind.LSM, OrganisationKind.ORMAS)},
        ),
        (
            [
                ("resolution_manners", "islah,mediasi"),
                ("resolution_manners", "dilimpahkan"),
            ],
            {"resolution_manners": (Manner.ISLAH, Manner.MEDIASI, Manner.DILIMPAHKAN)},
        ),
    ],
)
def test_options_of_a_definition_are_read_from_text(
    told: list[tuple[str, str]], read: dict[str, Any]
) -> None:
    assert parsing.parse_texts(Amendment, told) == Amendment(**read)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        (
            "colour",
            ["red"],
            "is unknown; the known names are: category, minimum_level, ",
        ),
        ("counts", ["conflicts"], "is unknown; "),
        ("minimum_level", ["tinggi"], "must be one of potensi, perseteruan, "),
        ("minimum_level", ["potensi", "kekerasan"], "occurs more than once"),
        ("minimum_level", ["null"], "must be one of potensi, "),
        ("kinds", ["lsm,"], "must be one of ormas, lsm, parpol, not "),
        ("kinds", ["lsm", "lsm"], 'contains "lsm" more than once'),
        ("participation_threshold", ["0"], "must be a whole number from 1 to 1000"),
        ("participation_threshold", ["1001"], "must be a whole number from 1 to 1000"),
        ("participation_threshold", ["2.0"], "must be a whole number from 1 to 1000"),
        ("participation_threshold", ["9" * 5000], "must be a whole number from 1 to"),
        ("rounding", ["half_even_2"], 'must be half_up_2, not "half_even_2"'),
    ],
)
def test_what_is_no_option_or_no_value_of_it_is_refused_by_name(
    name: str, values: list[str], sentence: str
) -> None:
    with pytest.raises(ParseError) as found:
        parsing.parse_texts(Amendment, [(name, value) for value in values])
    assert list(found.value.faults) == [name]
    assert found.value.faults[name].startswith(sentence)
