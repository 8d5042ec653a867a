"""A record has one encoding; values without an encoding are refused."""

import json
import re
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.ledger import record, tree
from iku.ledger.record import Commitment, NewEvent, Recorded, TooLarge, Unrecordable

DAY = date(2021, 2, 1)
NOTE = Commitment(
    "7d5e1e9c3cc4a4de0a2b8fcf6f2d3f1c9e0b1a2938475665748392a1b0cfdeed", "conflict-K01"
)
NOTE_AS_JSON = msgspec.json.encode(NOTE).decode()


def frame(
    data: dict[str, Any] | None = None,
    text: dict[str, Commitment] | None = None,
    effective_on: date | None = DAY,
    stream: str = "conflict-K01",
) -> tuple[bytes, bytes]:
    return record.encode_head_and_tail(
        NewEvent("Noted", effective_on, data or {}, text or {}),
        actor="u/siti",
        command="c-1",
        stream=stream,
        version=1,
        declared=False,
    )


def joined(frame: tuple[bytes, bytes]) -> bytes:
    head, tail = frame
    between = b'2021-03-02","recorded_at":"2021-03-02T03:04:05.123456Z'
    return head + between + tail


def test_a_record_is_spelt_as_documented() -> None:
    head, tail = frame({"z": 1, "a": [True, None]}, {"note": NOTE})
    assert head == (
        b'{"actor":"u/siti","command":"c-1","data":{"a":[true,null],"z":1},'
        b'"declared":false,"effective_on":"2021-02-01","known_on":"'
    )
    assert (
        tail
        == (
            '","schema":2,"stream":"conflict-K01",'
            f'"text":{{"note":{{"c":"{NOTE.c}","s":"conflict-K01"}}}},'
            '"type":"Noted","version":1}'
        ).encode()
    )


def test_a_fact_without_a_day_of_its_own_has_null() -> None:
    assert b'"effective_on":null' in frame(effective_on=None)[0]


keys = st.text(st.characters(max_codepoint=126), max_size=5).filter(
    lambda key: "\0" not in key
)
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
).map(lambda text: unicodedata.normalize("NFC", text))
commitments = st.builds(
    Commitment, st.binary(min_size=32, max_size=32).map(bytes.hex), texts
)
whole = st.integers(-record.MAX_INTEGER, record.MAX_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | whole | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@given(st.dictionaries(keys, values), st.dictionaries(keys, commitments))
def test_every_record_decodes_to_what_it_was_made_of(
    data: dict[str, Any], text: dict[str, Commitment]
) -> None:
    made = joined(frame(data, text))
    full = record.decode(made)

    assert (full.data, full.text) == (data, text)
    assert msgspec.json.encode(msgspec.json.decode(made), order="sorted") == made
    assert json.loads(made) == msgspec.to_builtins(full)


@given(st.text(max_size=8), st.text(max_size=8))
def test_text_is_stored_exactly_if_it_is_sound(subject: str, value: str) -> None:
    sound = all(
        "\0" not in text
        and not any(0xD800 <= ord(character) < 0xE000 for character in text)
        and unicodedata.is_normalized("NFC", text)
        for text in (subject, value)
    )
    note = Commitment(NOTE.c, subject)
    if sound:
        full = record.decode(joined(frame({"v": value}, {"note": note})))
        assert (full.data["v"], full.text["note"]) == (value, note)
    else:
        with pytest.raises(Unrecordable):
            frame({"v": value}, {"note": note})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            {"share": 0.5},
            r"data\.share has type float, but a record may only contain text",
        ),
        ({"on": DAY}, r"data\.on has type date"),
        ({"parts": [1, {"x": (1,)}]}, r"data\.parts\[1\]\.x has type tuple"),
        ({"n": 2**53}, r"data\.n exceeds 2\^53 - 1"),
        ({"n": -(2**53)}, r"data\.n exceeds"),
        ({"é": 1}, "keys must be ASCII text"),
        ({1: "x"}, "keys must be ASCII text"),
        ({"v": "a\0b"}, r"U\+0000"),
        ({"v": "\ud800"}, "unpaired surrogate"),
        ({"v": "e\u0301"}, "normalisation form C"),
    ],
)
def test_what_the_profile_does_not_know_is_refused(data: Any, reason: str) -> None:
    with pytest.raises(Unrecordable, match=reason):
        frame(data)


def test_a_backslash_before_u0000_is_only_text() -> None:
    full = record.decode(joined(frame({"v": r"\u0000"})))
    assert full.data == {"v": r"\u0000"}


@pytest.mark.parametrize(
    "c", ["", "Budi", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n"]
)
def test_in_the_place_of_a_text_stands_a_commitment_and_nothing_else(c: str) -> None:
    with pytest.raises(Unrecordable, match=r"text\.note is not a commitment"):
        frame(text={"note": Commitment(c, "conflict-K01")})
    other = joined(frame(text={"note": NOTE})).replace(NOTE.c.encode(), c.encode(), 1)
    with pytest.raises(Unrecordable):
        record.decode(other)
    with pytest.raises(Unrecordable, match="keys must be ASCII text"):
        frame(text={"ñ": NOTE})


def test_a_record_with_a_text_in_clear_is_none() -> None:
    clear = NOTE_AS_JSON.encode()
    other = joined(frame(text={"note": NOTE})).replace(clear, b'"Budi"', 1)
    assert b'"note":"Budi"' in other
    with pytest.raises(Unrecordable, match="not a record"):
        record.decode(other)


def test_nesting_has_a_limit() -> None:
    value: Any = []
    for _ in range(record.MAX_DEPTH - 1):
        value = [value]
    frame({"v": value})
    with pytest.raises(Unrecordable, match="nested more than 32 levels deep"):
        frame({"v": [value]})


@pytest.mark.parametrize("day", [date.min, date.max])
def test_a_day_that_stands_for_infinity_is_refused(day: date) -> None:
    with pytest.raises(Unrecordable, match="is outside the supported range of days"):
        frame(effective_on=day)


def test_a_record_of_65535_bytes_fits_and_one_more_does_not() -> None:
    room = record.MAX_BYTES - len(joined(frame({"v": ""})))
    assert len(joined(frame({"v": "x" * room}))) == record.MAX_BYTES
    with pytest.raises(
        TooLarge, match="would have 65536 bytes, but the maximum is 65535"
    ):
        frame({"v": "x" * (room + 1)})


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (b'"version":1}', b'"version":1} '),
        (b'"version":1}', b'"type":"Noted","version":1}'),
        (b'"schema":2', b'"schema": 2'),
        (b"siti", rb"\u0073iti"),
        (b'"version":1}', b'"version":1,"x":1}'),
        (b'"actor":"u/siti",', b""),
        (b"{", b""),
        (b"03:04:05.123456Z", b"03:04:61.123456Z"),
        (b"03:04:05.123456Z", b"03:04:05.123456+00:00"),
        (b'"schema":2', b'"schema":4'),
        (b'"version":1', b'"version":0'),
        (b'"stream":"conflict-K01"', b'"stream":"conflict"'),
        (b'"data":{}', b'"data":{"a":1.5}'),
        (b'"data":{}', '"data":{"e\u0301":1}'.encode()),
        (b"siti", "e\u0301".encode()),
        (b"siti", rb"\u0000"),
    ],
)
def test_any_other_spelling_is_no_record(said: bytes, instead: bytes) -> None:
    other = joined(frame({})).replace(said, instead, 1)
    with pytest.raises(Unrecordable):
        record.decode(other)


def test_a_stream_names_category_and_subject() -> None:
    body = joined(frame({"n": 1}, {"note": NOTE}, stream="conflict-K-01"))
    at = datetime(2021, 3, 2, tzinfo=UTC)
    recorded = Recorded(1, "conflict-K-01", 1, "Noted", DAY, DAY, False, at, body, b"")
    assert (recorded.category, recorded.subject) == ("conflict", "K-01")
    assert recorded.body() == record.Body(
        actor="u/siti", command="c-1", data={"n": 1}, schema=2, text={"note": NOTE}
    )


def test_the_example_of_the_documented_format_is_ours() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text("utf-8")
    (example,) = re.findall(r'^\{"actor".*\}$', page, re.MULTILINE)
    data = {"z": 1, "a": [True, None]}
    made = joined(frame(data, {"note": NOTE}))

    assert example.encode() == made
    assert f"Its leaf: `{tree.leaf_hash(made).hex()}`" in page
    for key in msgspec.json.decode(made):
        assert f"\n| `{key}` | " in page
