"""Facts: what corrections leave of them, how they are written, and old ones read."""

import json
import types
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from msgspec import Struct, ValidationError, convert, inspect

from iku.domain import conflict, deciders, fact, indicator, organisation
from iku.domain.conflict import Category, Corrected, Handled, Phase, Verified
from iku.domain.fact import FREE_TEXT, Annulled, Fact, Standing, Written
from tests.domain import chance, recount
from tests.domain.story import on

DECIDERS = tuple(deciders.DECIDERS.values())


def types_of(union: Any) -> tuple[type[Fact], ...]:
    return get_args(union) if isinstance(union, types.UnionType) else (union,)


EVERY_TYPE = [
    pytest.param(decider, event_type, id=f"{decider.category}-{event_type.__name__}")
    for decider in DECIDERS
    for event_type in types_of(decider.event_type)
]


def verified(day: str, **fields: Any) -> Verified:
    return Verified(effective_on=on(day), **fields)


def corrected(version: int, **fields: Any) -> Corrected:
    return Corrected(corrects=version, reason="Salah catat", **fields)


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Keliru")


FIRST, SECOND = on("2021-03-01"), on("2021-04-01")


# What stands.


def test_facts_stand_at_their_versions_without_what_corrects_them() -> None:
    history = [
        verified("2021-03-01"),
        corrected(1),
        annulled(2),
        verified("2021-04-01"),
    ]
    assert fact.standing(history) == [
        Standing(1, verified("2021-03-01")),
        Standing(4, verified("2021-04-01")),
    ]


def test_a_correction_restates_what_it_names_and_nothing_else() -> None:
    handled = Handled(effective_on=FIRST, phase=Phase.PENCEGAHAN, note="Rapat")
    history = [handled, verified("2021-03-01"), corrected(1, phase=Phase.PEMULIHAN)]
    after = Handled(effective_on=FIRST, phase=Phase.PEMULIHAN, note="Rapat")
    assert fact.standing(history)[0] == Standing(1, after)
    assert fact.standing(history)[1] == Standing(2, verified("2021-03-01"))


def test_of_several_corrections_the_last_that_stands_counts() -> None:
    history: list[Fact] = [
        verified("2021-03-01"),
        corrected(1, effective_on=SECOND),
        corrected(1, effective_on=on("2021-05-01"), note="Kedua"),
    ]
    assert fact.standing(history) == [Standing(1, verified("2021-05-01", note="Kedua"))]
    assert fact.standing([*history, annulled(3)]) == [
        Standing(1, verified("2021-04-01"))
    ]
    assert fact.standing([*history, annulled(3), annulled(2)]) == [
        Standing(1, verified("2021-03-01"))
    ]


def test_an_annulment_may_be_annulled_and_that_annulment_too() -> None:
    history: list[Fact] = [verified("2021-03-01"), annulled(1)]
    assert fact.annulled_versions(history) == {1}
    assert fact.annulled_versions([*history, annulled(2)]) == {2}
    assert fact.annulled_versions([*history, annulled(2), annulled(3)]) == {1, 3}


def test_a_correction_of_an_annulled_fact_waits_until_it_stands_again() -> None:
    history: list[Fact] = [
        verified("2021-03-01"),
        corrected(1, effective_on=SECOND),
        annulled(1),
    ]
    assert fact.standing(history) == []
    assert fact.standing([*history, annulled(3)]) == [
        Standing(1, verified("2021-04-01"))
    ]


def test_restated_are_the_fields_that_are_given_even_if_false() -> None:
    assert corrected(1).restated() == {}
    assert corrected(1, effective_on=FIRST, category=Category.SARA).restated() == {
        "effective_on": FIRST,
        "category": Category.SARA,
    }
    wrong = organisation.Corrected(corrects=1, reason="Belum", verified=False)
    assert wrong.restated() == {"verified": False}


@settings(max_examples=150, deadline=None)
@for_all(chance.case_histories | chance.organisation_histories)
def test_what_stands_is_what_a_recount_of_another_kind_leaves(
    history: list[Any],
) -> None:
    assert [tuple(standing) for standing in fact.standing(history)] == [
        *recount.remaining(history)
    ]


# Text.


def test_text_is_kept_in_nfc_also_within_lists() -> None:
    assert verified("2021-03-01", note="Cafe\u0301").note == "Caf\u00e9"
    defined = convert(
        CORPUS["indicator"][0]["data"]
        | {"type": "defined", "effective_on": FIRST, "sources": ["e\u0301", "\u00e9"]},
        indicator.Defined,
    )
    assert defined.sources == ("\u00e9", "\u00e9")


def test_a_text_whose_nfc_is_too_long_is_refused_when_it_comes_in() -> None:
    longer = "\u0958" * 2001  # each becomes two
    with pytest.raises(ValidationError, match="4000"):
        convert({"effective_on": FIRST, "type": "verified", "note": longer}, Verified)


@pytest.mark.parametrize(
    ("text", "of", "fits"),
    [
        ("K01", fact.Number, True),
        ("a/b-c_d.9", fact.Number, True),
        ("K" * 64, fact.Number, True),
        ("K" * 65, fact.Number, False),
        ("", fact.Number, False),
        ("/K", fact.Number, False),
        ("K 1", fact.Number, False),
        ("K1~", fact.Number, False),
        ("K1\n", fact.Number, False),
        ("x", fact.Line, True),
        (" x ", fact.Line, True),
        ("x" * 500, fact.Line, True),
        ("x" * 501, fact.Line, False),
        ("\u00a0", fact.Line, False),
        ("x\ty", fact.Line, False),
        ("x\n", fact.Line, False),
        ("x\x85", fact.Line, False),
        ("x" * 2000, fact.Reason, True),
        ("x" * 2001, fact.Reason, False),
        ("", fact.Reason, False),
        ("", fact.Note, True),
        ("satu\n\tdua\n", fact.Note, True),
        ("satu\rdua", fact.Note, False),
        ("x" * 4001, fact.Note, False),
        (1, fact.Version, True),
        (0, fact.Version, False),
        (2**31, fact.Version, False),
    ],
)
def test_a_field_holds_what_it_is_for(text: Any, of: Any, fits: bool) -> None:
    try:
        assert convert(text, of) == text
    except ValidationError:
        assert not fits
    else:
        assert fits


# Written and read.


def test_what_is_none_is_not_written_and_free_text_stands_apart() -> None:
    handled = Handled(effective_on=FIRST, phase=Phase.PENCEGAHAN, note="Rapat")
    assert fact.write(handled) == Written(
        "handled", FIRST, {"phase": "pencegahan"}, {"note": "Rapat"}
    )
    assert fact.write(annulled(3)) == Written(
        "annulled", None, {"annuls": 3}, {"reason": "Keliru"}
    )


def test_what_this_program_does_not_know_is_not_read() -> None:
    with pytest.raises(ValueError, match="unreadable 'vanished' fact"):
        fact.read(Written("vanished", FIRST, {}, {}), conflict.Event)
    with pytest.raises(ValueError, match=r"unreadable 'verified' fact.*colour"):
        fact.read(Written("verified", FIRST, {"colour": "red"}, {}), conflict.Event)


@pytest.mark.parametrize(("decider", "event_type"), EVERY_TYPE)
def test_a_fact_of_any_type_is_read_as_it_was_written(
    decider: Any, event_type: type[Fact]
) -> None:
    @settings(max_examples=25, deadline=None)
    @for_all(chance.facts_of(event_type))
    def check(event: Fact) -> None:
        written = fact.write(event)
        # The ledger keeps JSON.
        kept = written._replace(
            data=json.loads(json.dumps(written.data)),
            text=json.loads(json.dumps(written.text)),
        )
        assert fact.read(kept, decider.event_type) == event
        assert fact.read(written, decider.event_type) == event
        assert not FREE_TEXT & set(written.data)
        assert set(written.text) <= FREE_TEXT
        assert None not in written.data.values()
        for text in written.text.values():
            assert unicodedata.is_normalized("NFC", text)

    check()


class Ledgered:
    """A record, as far as `fact.of` looks at it."""

    def __init__(self, written: Written) -> None:
        self.type = written.type
        self.effective_on = written.effective_on
        self._written = written

    def body(self) -> Written:
        return self._written


def test_a_recorded_event_is_the_fact_it_was_made_of() -> None:
    event = Handled(effective_on=FIRST, phase=Phase.PENCEGAHAN, note="Rapat")
    assert fact.of(Ledgered(fact.write(event)), conflict.Event) == event


# What may name a person is free text.

NOT_PERSONAL = {
    *("into", "participation"),  # numbers of the register
    *("publication", "restates", "indicator", "number"),  # codes of our own
    "area",  # a code
    *("basis", "wording", "formula", "owner", "objective", "sources"),  # of decrees
    "target",  # a number
    "rating",  # a word of the scale
    *("origin", "successor"),  # names of logs
    *("root", "signed"),  # hashes and signatures
    "approver",  # an office, not who holds it
}


def texts(info: inspect.Type, name: str) -> Iterator[str]:
    """Names of the fields, at any depth, that hold text of any content."""
    match info:
        case inspect.StrType():
            yield name
        case inspect.Metadata():
            yield from texts(info.type, name)
        case inspect.UnionType():
            for member in info.types:
                yield from texts(member, name)
        case inspect.VarTupleType():
            yield from texts(info.item_type, name)
        case inspect.StructType():
            for field in info.fields:
                yield from texts(field.type, field.encode_name)
        case _:
            pass


@pytest.mark.parametrize(("decider", "event_type"), EVERY_TYPE)
def test_every_field_of_text_is_free_text_or_known_to_name_nobody(
    decider: Any, event_type: type[Struct]
) -> None:
    found = set(texts(inspect.type_info(event_type), ""))
    assert found <= FREE_TEXT | NOT_PERSONAL
    top = {f for f in event_type.__struct_fields__ if f in found}
    # Only what stands at the top is put apart.
    assert found - top <= NOT_PERSONAL


def test_no_name_of_free_text_is_unused() -> None:
    names = {
        field
        for decider in DECIDERS
        for event_type in types_of(decider.event_type)
        for field in event_type.__struct_fields__
    }
    assert names >= FREE_TEXT


# The kept corpus: records as they were written once.

CORPUS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "corpus.json").read_text("utf-8")
)


def kept(body: dict[str, Any]) -> Written:
    day = body["effective_on"]
    effective_on = None if day is None else date.fromisoformat(day)
    return Written(body["type"], effective_on, body["data"], body["text"])


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda decider: decider.category)
def test_old_records_of_every_type_are_still_read(decider: Any) -> None:
    bodies = CORPUS[decider.category]
    tags = {t.__struct_config__.tag for t in types_of(decider.event_type)}
    assert {body["type"] for body in bodies} == tags
    for body in bodies:
        written = fact.write(fact.read(kept(body), decider.event_type))
        # Fields added since have their defaults; what was there is unchanged.
        assert written.type == body["type"]
        assert written.effective_on == kept(body).effective_on
        assert written.data.items() >= body["data"].items()
        assert written.text == body["text"]


def test_every_field_of_every_type_is_in_the_corpus_once() -> None:
    for decider in DECIDERS:
        for event_type in types_of(decider.event_type):
            names = {
                name
                for body in CORPUS[decider.category]
                if body["type"] == event_type.__struct_config__.tag
                for name in (*body["data"], *body["text"])
            }
            assert names >= set(event_type.__struct_fields__) - {"effective_on"}
