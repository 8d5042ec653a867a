"""JSON input has one meaning, or is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku import strict_json
from iku.strict_json import DuplicateKey, InvalidJson

ANY = msgspec.json.Decoder(Any)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"\\u0061":1,"\\u0061":2}', "a"),
        (b'{"":1,"":2}', ""),
        (b'{"/":1,"\\/":2}', "/"),
        (b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}', "\U0001f600"),
        (b'{"a":{"b":[0,{"c":1,"d":2,"c":3}]}}', "a.b[1].c"),
        (b'[[[{"x":null,"x":null}]]]', "[0][0][0].x"),
        (b'{"a":{"b":1,"b":2},"c":1,"c":2}', "c"),
        (b'{"a":1e400000,"b":' + b"9" * 4_000 + b',"a":1}', "a"),
    ],
)
def test_a_key_that_is_there_twice_is_found_at_every_depth(
    raw: bytes, path: str
) -> None:
    of = msgspec.json.Decoder(msgspec.Raw)
    with pytest.raises(DuplicateKey) as found:
        strict_json.decode(raw, of)
    assert found.value.path == path


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"A":2}',
        b'[{"a":1},{"a":1}]',
        b'{"a":{"a":{"a":1}}}',
        b'{"a":"\\"a\\":1,\\"a\\":1"}',
        '{"e\u0301":1,"\xe9":2}'.encode(),
    ],
)
def test_keys_that_only_look_alike_are_no_repetition(raw: bytes) -> None:
    assert strict_json.decode(raw, ANY) == json.loads(raw)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)


@given(plain)
def test_what_has_no_key_twice_is_read_as_it_is(value: Any) -> None:
    assert strict_json.decode(json.dumps(value).encode(), ANY) == value


@given(st.dictionaries(st.text(), plain, min_size=1), st.data())
def test_whichever_key_is_there_twice_is_named(
    value: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    raw = f"{json.dumps(value)[:-1]}, {json.dumps(key)}: 0}}".encode()
    with pytest.raises(DuplicateKey) as found:
        strict_json.decode(raw, ANY)
    assert found.value.path == key


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000]
)
def test_what_is_nested_too_deep_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson, match="nested too deep"):
        strict_json.decode(raw, ANY)


@pytest.mark.timeout(30)  # comparing each key with each other takes hours
def test_many_keys_take_no_longer_than_reading_them() -> None:
    keys = ",".join(f'"{number}":0' for number in range(100_000))
    raw = f"{{{keys}}}".encode()
    read: Any = strict_json.decode(raw, ANY)
    assert len(read) == 100_000
