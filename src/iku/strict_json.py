"""JSON that people and programs hand in: one meaning, or a sentence that says why not.

RFC 8259 leaves open what an object means that has a key twice. Readers differ: what is
one thing to a proxy could be another to the register. Here it is refused, as
RFC 7493 (I-JSON) demands. All else is left to msgspec, which is strict by itself.
"""

import json
import re
from collections import Counter
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from iku.messages import message

T = TypeVar("T")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MALFORMED = re.compile(r"JSON is malformed: (.*) \(byte ([0-9]+)\)")
_NO_NUMBER = re.compile(rb"-?(?:NaN|Infinity)")


class InvalidJson(ValueError):
    """It is no JSON; the sentence begins with the verb: "is not JSON: …"."""


class DuplicateKey(ValueError):
    """An object has a key twice; *path* leads to it, as in JSONPath without ``$.``."""

    def __init__(self, path: str) -> None:
        super().__init__(
            message("{path} is given more than once in one object", path=path)
        )
        self.path = path


def decode(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """What *raw* says, by *decoder*.

    Raises:
        InvalidJson: It is no JSON in UTF-8, or nested too deep.
        DuplicateKey: An object in it has a key twice, also if spelt with escapes.
        msgspec.ValidationError: It is JSON, but not what the decoder reads.
    """
    try:
        value = decoder.decode(raw)
        # After it: so depth, fields and numbers are bounded by the type.
        _objects.decode(raw.decode())
    except _Twice:
        raise DuplicateKey(_twice(_kept.decode(raw.decode()), "") or "") from None
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(_fault(raw, str(error))) from error
    except RecursionError as error:
        raise InvalidJson(message("is nested too deep")) from error
    return value


def plain(raw: bytes) -> Any:
    """What *raw* says as plain values; a key that is there twice has the value `TWICE`.

    A number that no 64 bits hold is given as the nearest that Python has.

    Raises:
        InvalidJson: It is no JSON in UTF-8, or nested too deep.
    """
    with suppress(DuplicateKey):
        decode(raw, _any)
    try:
        return _kept.decode(raw.decode())
    except RecursionError as error:
        raise InvalidJson(message("is nested too deep")) from error


class _Marker:
    """The type of `TWICE`, which no type accepts."""


TWICE = _Marker()


class _Twice(Exception):
    """An object has a key twice."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Twice


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        found |= {name: TWICE for name, of in times.items() if of > 1}
    return found


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _DIGITS else float(digits)


_DIGITS = 20  # of a number that 64 bits may hold, with its sign
_any = msgspec.json.Decoder(msgspec.Raw)
# Numbers are not looked at; `len` of their digits costs the least.
_objects = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)
_kept = json.JSONDecoder(object_pairs_hook=_marked, parse_int=_whole)


def _twice(value: Any, path: str) -> str | None:
    """The path of the first key that is there twice; None where none is."""
    below: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        below = [
            (f"{path}.{key}" if path else key, item) for key, item in value.items()
        ]
    elif isinstance(value, list):
        below = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    own = next((at for at, item in below if item is TWICE), None)
    if own is not None:
        return own
    return next((found for at, item in below if (found := _twice(item, at))), None)


def _fault(raw: bytes, said: str) -> str:
    """Why *raw* is no JSON, of which msgspec *said* so."""
    if raw.startswith(_BYTE_ORDER_MARK):
        return message("begins with a byte order mark (U+FEFF); send it without")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return message(
            "is not UTF-8: the byte {byte} at offset {offset} is out of place",
            byte=f"0x{raw[error.start]:02x}",
            offset=error.start,
        )
    if malformed := _MALFORMED.fullmatch(said):
        what, at = malformed[1], int(malformed[2])
        if _NO_NUMBER.match(raw, at) or _NO_NUMBER.match(raw, at - 1):
            what = message("NaN and Infinity are not numbers")
        elif "surrogate" in what:
            what = _HALF
        return message(
            "is not JSON: {fault}, at offset {offset}", fault=what, offset=at
        )
    if _is_complete(raw):
        return message("is not JSON: {fault}", fault=_HALF)
    return message("is not JSON: {fault}", fault=message("it ends too early"))


_HALF = message("a \\u escape is half of a surrogate pair")


def _is_complete(raw: bytes) -> bool:
    """Whether it is JSON, but for surrogates, to which the standard library is kind."""
    try:
        _objects.decode(raw.decode())
    except (ValueError, RecursionError, _Twice):
        return False
    return True
