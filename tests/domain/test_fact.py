"""Facts: their corrections, their encoding, and the decoding of old records."""

import json
import types
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from msgspec import Struct, ValidationError, convert, inspect

from iku.domain import conflict, decider_registry, fact, indicator, organisation
from iku.domain.conflict import Category, Corrected, Handled, Phase, Verified
from iku.domain.fact import (
    FREE_TEXT,
    SEAL,
    Annulled,
    EffectiveFact,
    EncodedFact,
    Fact,
    Person,
    Text,
)
from tests.domain import chance, recount
from tests.domain.story import on
from tests.samples import examples

DECIDERS = tuple(decider_registry.DECIDERS.values())


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


# Facts in force.


def test_facts_stand_at_their_versions_without_what_corrects_them() -> None:
    history = [
        verified("2021-03-01"),
        corrected(1),
        annulled(2),
        verified("2021-04-01"),
    ]
    assert fact.effective_facts(history) == [
        EffectiveFact(1, verified("2021-03-01")),
        EffectiveFact(4, verified("2021-04-01")),
    ]


def test_a_correction_restates_what_it_names_and_nothing_else() -> None:
    handled = Handled(effective_on=FIRST, phase=Phase.PENCEGAHAN, note="Rapat")
    history = [handled, verified("2021-03-01"), corrected(1, phase=Phase.PEMULIHAN)]
    after = Handled(effective_on=FIRST, phase=Phase.PEMULIHAN, note="Rapat")
    assert fact.effective_facts(history)[0] == EffectiveFact(1, after)
    assert fact.effective_facts(history)[1] == EffectiveFact(2, verified("2021-03-01"))


def test_of_several_corrections_the_last_that_stands_counts() -> None:
    history: list[Fact] = [
        verified("2021-03-01"),
        corrected(1, effective_on=SECOND),
        corrected(1, effective_on=on("2021-05-01"), note="Kedua"),
    ]
    assert fact.effective_facts(history) == [
        EffectiveFact(1, verified("2021-05-01", note="Kedua"))
    ]
    assert fact.effective_facts([*history, annulled(3)]) == [
        EffectiveFact(1, verified("2021-04-01"))
    ]
    assert fact.effective_facts([*history, annulled(3), annulled(2)]) == [
        EffectiveFact(1, verified("2021-03-01"))
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
    assert fact.effective_facts(history) == []
    assert fact.effective_facts([*history, annulled(3)]) == [
        EffectiveFact(1, verified("2021-04-01"))
    ]


def test_restated_are_the_fields_that_are_given_even_if_false() -> None:
    assert corrected(1).restated_fields() == {}
    assert corrected(
        1, effective_on=FIRST, category=Category.SARA
    ).restated_fields() == {
        "effective_on": FIRST,
        "category": Category.SARA,
    }
    wrong = organisation.Corrected(corrects=1, reason="Belum", verified=False)
    assert wrong.restated_fields() == {"verified": False}


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(chance.case_histories | chance.organisation_histories)
def test_what_stands_is_what_a_recount_of_another_kind_leaves(
    history: list[Any],
) -> None:
    assert [tuple(standing) for standing in fact.effective_facts(history)] == [
        *recount.remaining(history)
    ]


# Text.


def test_text_is_kept_in_nfc_also_within_lists() -> None:
    assert verified("2021-03-01", note="Cafe\u0301").note == "Caf\u00e9"
    defined = convert(
        CORPUS["indicator"][0]["data"]
        | {"type": "defined", "effective_on": FIRST, "sources": ["e\u0301", "\u00e9"]},
        indicator.Defined,
        dec_hook=fact.dec_hook,
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
    assert fact.encode(handled) == EncodedFact(
        "handled", FIRST, {"phase": "pencegahan"}, {"note": Text("Rapat")}
    )
    assert fact.encode(annulled(3)) == EncodedFact(
        "annulled", None, {"annuls": 3}, {"reason": Text("Keliru")}
    )


def test_a_cleared_field_is_named_in_a_record_of_schema_number_3() -> None:
    cleared = corrected(1, title="Lain", note=None, area=None, effective_on=None)
    assert cleared.restated_fields() == {
        "title": "Lain",
        "note": None,
        "area": None,
        "effective_on": None,
    }
    written = fact.encode(cleared)
    assert (written.schema, written.effective_on) == (3, None)
    assert written.data == {
        "corrects": 1,
        "cleared": ["area", "effective_on", "note"],
    }
    assert {*written.text} == {"reason", "title"}
    assert fact.decode(written, conflict.Event) == cleared
    assert fact.encode(corrected(1, title="Lain")).schema == 2
    # In a fact that is not a correction, None is an omitted field.
    assert fact.encode(verified("2021-03-01", note=None)).schema == 2


CLEARING = EncodedFact("corrected", None, {"corrects": 1}, {"reason": Text("Salah")})


@pytest.mark.parametrize(
    "cleared",
    [
        [],
        ["note", "area"],
        ["area", "area"],
        ["reason"],
        ["corrects"],
        ["x"],
        "area",
        [1],
        3,
    ],
    ids=str,
)
def test_cleared_fields_are_read_in_one_form_only(cleared: Any) -> None:
    wrong = CLEARING._replace(data={"corrects": 1, "cleared": cleared})
    with pytest.raises(ValueError, match="unreadable 'corrected' fact"):
        fact.decode(wrong, conflict.Event)
    with pytest.raises(ValueError, match="unreadable 'corrected' fact"):
        fact.decode_recorded(Ledgered(wrong), conflict.Event)
    stated = {"corrects": 1, "cleared": ["area"], "area": "35.76.02.1003"}
    with pytest.raises(ValueError, match="unreadable"):
        fact.decode(CLEARING._replace(data=stated), conflict.Event)


def test_only_a_correction_clears_fields() -> None:
    wrong = EncodedFact("verified", FIRST, {"cleared": ["note"]}, {})
    with pytest.raises(ValueError, match=r"unreadable 'verified' fact.*cleared"):
        fact.decode(wrong, conflict.Event)
    with pytest.raises(ValueError, match=r"unreadable 'verified' fact.*cleared"):
        fact.decode_recorded(Ledgered(wrong), conflict.Event)


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (4, {"corrects": 1, "cleared": ["area"]}),
        (2, {"corrects": 1, "cleared": ["area"]}),
        (3, {"corrects": 1, "area": "35.76.02.1003"}),
    ],
)
def test_a_record_of_another_schema_number_is_not_read(
    schema: int, data: dict[str, Any]
) -> None:
    recorded = Ledgered(CLEARING._replace(data=data), schema)
    with pytest.raises(ValueError, match=f"has schema number {schema}, but"):
        fact.decode_recorded(recorded, conflict.Event)


def test_a_cleared_field_is_left_out_of_the_fact_that_stands() -> None:
    handled = Handled(effective_on=FIRST, phase=Phase.PENCEGAHAN, note="Rapat")
    history = [handled, corrected(1, note=None), corrected(1, note="Lagi")]
    [(_, first)] = fact.effective_facts(history[:2])
    assert first == Handled(effective_on=FIRST, phase=Phase.PENCEGAHAN)
    [(_, second)] = fact.effective_facts(history)
    assert second.note == "Lagi"
    assert fact.effective_facts([*history[:2], annulled(2)])[0].event == handled


def test_what_this_program_does_not_know_is_not_read() -> None:
    with pytest.raises(ValueError, match="unreadable 'vanished' fact"):
        fact.decode(EncodedFact("vanished", FIRST, {}, {}), conflict.Event)
    with pytest.raises(ValueError, match=r"unreadable 'verified' fact.*colour"):
        fact.decode(
            EncodedFact("verified", FIRST, {"colour": "red"}, {}), conflict.Event
        )


@pytest.mark.no_cover
@pytest.mark.parametrize(("decider", "event_type"), EVERY_TYPE)
def test_a_fact_of_any_type_is_read_as_it_was_written(
    decider: Any, event_type: type[Fact]
) -> None:
    @settings(max_examples=examples(25, 6), deadline=None)
    @for_all(chance.facts_of(event_type))
    def check(event: Fact) -> None:
        event = fact.with_person_ids(event, lambda: SOMEBODY)
        written = fact.encode(event)
        # The ledger keeps JSON.
        kept = written._replace(
            data=json.loads(json.dumps(written.data)),
            text={n: Text(*t) for n, t in json.loads(json.dumps(written.text)).items()},
        )
        assert fact.decode(kept, decider.event_type) == event
        assert fact.decode(written, decider.event_type) == event
        assert not FREE_TEXT & set(written.data)
        assert {*map(field_of, written.text)} <= FREE_TEXT
        assert None not in written.data.values()
        for text in written.text.values():
            assert unicodedata.is_normalized("NFC", text.plain)

    check()


class Committed(NamedTuple):
    s: str


class Body(NamedTuple):
    schema: int
    data: dict[str, Any]
    text: dict[str, Committed]


class Ledgered:
    """A record with the fields that `fact.decode_recorded` reads."""

    def __init__(self, written: EncodedFact, schema: int | None = None) -> None:
        self.stream, self.version = "conflict-K-1", 7
        self.type = written.type
        self.effective_on = written.effective_on
        self._body = Body(
            schema or written.schema,
            written.data,
            {n: Committed(t.person or "conflict-K1") for n, t in written.text.items()},
        )

    def body(self) -> Body:
        return self._body

    def decode_body(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        schema, data, text = self._body
        commitments = {name: {"s": one.s} for name, one in text.items()}
        record = {"schema": schema, "data": data, "text": commitments}
        return decoder.decode(json.dumps(record))


def opened(written: EncodedFact) -> dict[str, str]:
    return {name: text.plain for name, text in written.text.items()}


@pytest.mark.no_cover
@pytest.mark.parametrize(("decider", "event_type"), EVERY_TYPE)
def test_a_recorded_event_is_the_fact_it_was_made_of_once_its_texts_are_opened(
    decider: Any, event_type: type[Fact]
) -> None:
    @settings(max_examples=examples(15, 3), deadline=None)
    @for_all(chance.facts_of(event_type))
    def check(event: Fact) -> None:
        event = fact.with_person_ids(event, lambda: SOMEBODY)
        written = fact.encode(event)
        there = fact.decode_recorded(
            Ledgered(written), decider.event_type, opened(written)
        )
        assert there == event
        sealed = fact.decode_recorded(Ledgered(written), decider.event_type)
        # All fields but the texts are decoded; their placeholders are not texts.
        assert fact.encode(sealed) == written._replace(
            text={
                n: t._replace(plain=fact.placeholder("conflict-K-1", 7, n))
                for n, t in written.text.items()
            }
        )

    check()


WRITTEN = EncodedFact(
    "resolved", FIRST, {"manner": "islah"}, {"evidence": Text("Surat")}
)


def test_a_sealed_text_is_a_placeholder_that_names_its_place() -> None:
    sealed = fact.decode_recorded(Ledgered(WRITTEN), conflict.Event)
    assert sealed == conflict.Resolved(
        effective_on=FIRST,
        manner=conflict.Manner.ISLAH,
        evidence=fact.placeholder("conflict-K-1", 7, "evidence"),
    )
    without_day = fact.encode(Annulled(annuls=1, reason="Keliru"))
    sealed = fact.decode_recorded(Ledgered(without_day), conflict.Event)
    assert sealed == Annulled(
        annuls=1, reason=fact.placeholder("conflict-K-1", 7, "reason")
    )


UNREADABLE = {
    "of a type that is not known": WRITTEN._replace(type="solved"),
    "with a field that is not known": WRITTEN._replace(
        data={"manner": "islah", "x": 1}
    ),
    "with a choice that is not known": WRITTEN._replace(data={"manner": "perang"}),
    "without a field that it needs": WRITTEN._replace(data={}),
    "without the day that it needs": WRITTEN._replace(effective_on=None),
    "with a text that is not known": WRITTEN._replace(text={"title": Text("Surat")}),
    "without a text that it needs": EncodedFact("rejected", None, {}, {}),
    "with a day where it has none": EncodedFact(
        "annulled", FIRST, {"annuls": 1}, {"reason": Text("Salah")}
    ),
}


@pytest.mark.parametrize("written", UNREADABLE.values(), ids=UNREADABLE)
def test_an_event_that_is_no_fact_of_ours_is_not_read_sealed_either(
    written: EncodedFact,
) -> None:
    with pytest.raises(ValueError, match="unreadable"):
        fact.decode_recorded(Ledgered(written), conflict.Event)
    with pytest.raises(ValueError, match="unreadable"):
        fact.decode_recorded(
            Ledgered(written), conflict.Event, opened(written) or {"x": "y"}
        )


def test_nothing_that_can_be_entered_reads_as_if_it_were_sealed() -> None:
    for kind in (fact.Line, fact.Reason, fact.Note):
        with pytest.raises(ValidationError):
            convert(SEAL, kind)
        with pytest.raises(ValidationError):
            convert(fact.placeholder("conflict-K1", 1, "title"), kind)


def test_what_is_sealed_says_which_text_of_which_event_it_is() -> None:
    for place in (("conflict-K~14-2021", 3, "title"), ("a-b", 12, "parties.10")):
        assert fact.parse_placeholder(fact.placeholder(*place)) == place


# Persons.

SOMEBODY = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"


def reported(**fields: Any) -> conflict.Reported:
    return conflict.Reported(
        category=Category.SARA,
        dimension=conflict.Dimension.AGAMA,
        title="Perkara",
        effective_on=FIRST,
        **fields,
    )


def test_each_person_is_a_text_of_its_own_under_a_subject_of_its_own() -> None:
    other = SOMEBODY.replace("0", "1")
    said = reported(
        reporter=Person("Budi", SOMEBODY),
        parties=tuple(Person(f"Pihak {n}", other) for n in range(12)),
    )
    text = fact.encode(said).text
    assert text["reporter"] == Text("Budi", SOMEBODY)
    assert text["parties.11"] == Text("Pihak 11", other)
    assert text["title"] == Text("Perkara", None)
    assert len(text) == 14
    assert fact.decode(fact.encode(said), conflict.Event) == said


def test_only_who_is_new_to_the_register_is_given_a_subject() -> None:
    said = reported(
        reporter=Person("Budi"), parties=(Person("Siti", SOMEBODY), Person("Tono"))
    )
    ids = iter(["a", "b"])
    known = fact.with_person_ids(said, lambda: next(ids))
    assert known.reporter == Person("Budi", "a")
    assert known.parties == (Person("Siti", SOMEBODY), Person("Tono", "b"))
    assert fact.with_person_ids(known, lambda: next(ids)) is known


def test_a_persons_name_is_kept_in_nfc() -> None:
    assert reported(reporter=Person("Cafe\u0301")).reporter == Person("Caf\u00e9")


# A field that may name a person is free text.

NOT_PERSONAL = {
    *("into", "participation"),  # numbers of the register
    *("publication", "restates", "indicator", "number"),  # codes of the program
    "area",  # a code
    *("basis", "wording", "formula", "owner", "objective", "sources"),  # of decrees
    "target",  # a number
    "rating",  # a word of the scale
    *("origin", "successor"),  # names of logs
    "stream",  # names a case or organisation
    *("root", "signed"),  # hashes and signatures
    *("division", "district", "code", "categories", "kinds"),  # codes
    *("divisions", "before", "after"),  # codes and counts
    "approver",  # an office, not its holder
    "media_type",
    "by",  # the actor, which every record has
    *("decision", "legal_basis"),  # of an erasure
    "subject",  # a person's random identifier
    # Printed in published papers and never erased: the one exception (decision 48).
    *("signer_name", "signer_rank", "signer_nip"),
    *("obstacles", "follow_up", "next_plan", "driving_factors", "hindering_factors"),
    # Of the agency, its offices, plans and indicators.
    *("lines", "place", "address", "office", "office_title", "document", "measure"),
    *("responsible_unit", "programme", "programme_code", "data_source"),
    *("baseline", "end_target", "actual", "achievement"),  # numbers
    *("first", "second", "third", "fourth"),  # numbers
    *("paper", "digest", "url"),  # a name of the program, a hash, an address
    *("program", "typst", "fonts", "templates"),  # versions and hashes
}


def texts(info: inspect.Type, name: str) -> Iterator[str]:
    """The names of the fields, at any depth, that hold arbitrary text."""
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
    # Only texts at the top level are committed separately.
    assert found - top <= NOT_PERSONAL | {
        "name"
    }  # of a person, committed with the person


def test_no_name_of_free_text_is_unused() -> None:
    names = {
        field
        for decider in DECIDERS
        for event_type in types_of(decider.event_type)
        for field in event_type.__struct_fields__
    }
    assert names >= FREE_TEXT


# The kept corpus: records of earlier versions.

CORPUS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "corpus.json").read_text("utf-8")
)


def field_of(name: str) -> str:
    return name.partition(".")[0]


def kept(body: dict[str, Any]) -> EncodedFact:
    day = body["effective_on"]
    effective_on = None if day is None else date.fromisoformat(day)
    text = {
        name: Text(*said) if isinstance(said, list) else Text(said)
        for name, said in body["text"].items()
    }
    return EncodedFact(body["type"], effective_on, body["data"], text)


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda decider: decider.category)
def test_old_records_of_every_type_are_still_read(decider: Any) -> None:
    bodies = CORPUS[decider.category]
    tags = {t.__struct_config__.tag for t in types_of(decider.event_type)}
    assert {body["type"] for body in bodies} == tags
    for body in bodies:
        written = fact.encode(fact.decode(kept(body), decider.event_type))
        # Fields added since have their defaults; the others are unchanged.
        assert written.type == body["type"]
        assert written.effective_on == kept(body).effective_on
        assert written.data.items() >= body["data"].items()
        assert written.text == kept(body).text


def test_every_field_of_every_type_is_in_the_corpus_once() -> None:
    for decider in DECIDERS:
        for event_type in types_of(decider.event_type):
            names = {
                name
                for body in CORPUS[decider.category]
                if body["type"] == event_type.__struct_config__.tag
                for name in (
                    *body["data"],
                    *(n.partition(".")[0] for n in body["text"]),
                )
            }
            assert names >= set(event_type.__struct_fields__) - {"effective_on"}
