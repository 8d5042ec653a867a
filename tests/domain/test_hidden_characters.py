"""Invisible characters are escaped; all others are unchanged."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.domain import hidden_characters

DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
UNSEEN = "\u200b\u2060\ufeff\xad\u2028\u2029\U000e0041"
CONTROLS = "\0\x07\x08\x0b\x1b\x1f\x7f\x80\x9b\x9f"


@pytest.mark.parametrize("character", DIRECTION + UNSEEN + CONTROLS)
def test_what_hides_reorders_or_is_obeyed_is_written_out(character: str) -> None:
    assert (
        hidden_characters.escaped_text(f"a{character}b")
        == f"a<U+{ord(character):04X}>b"
    )
    raw = msgspec.json.encode({character: character})
    escaped = hidden_characters.escaped_json(raw)
    assert escaped.isascii()
    assert "\x7f" not in escaped.decode()
    assert json.loads(escaped) == {character: character}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Pak Tono",
        "a\tb\r\nc",
        "Perkumpulan \u2014 \xe9",
        "\u0643\u062a\u0628",
        "\U0001f469\u200d\U0001f4bb",
    ],
)
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert hidden_characters.escaped_text(text) == text
    assert hidden_characters.escaped_json(text.encode()) == text.encode()


@given(st.recursive(st.text(), st.lists) | st.dictionaries(st.text(), st.text()))
def test_escaped_json_means_the_same(value: Any) -> None:
    escaped = hidden_characters.escaped_json(msgspec.json.encode(value))
    assert msgspec.json.decode(escaped) == value
    assert not any(map(hidden_characters.is_unsafe, escaped.decode()))


@given(st.text())
def test_nothing_marked_is_unsafe(text: str) -> None:
    assert not any(
        map(hidden_characters.is_unsafe, hidden_characters.escaped_text(text))
    )
