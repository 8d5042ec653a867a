"""Strict JSON input: one meaning, or a message with the reason for the refusal.

RFC 8259 does not define an object with a duplicate key, and readers differ: a proxy may
read one value and the register another. Such an object is refused, as RFC 7493 (I-JSON)
requires. Everything else is left to msgspec, which is strict.
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
    """The input is not JSON; the message has no subject: "is not JSON: …"."""


class DuplicateKey(ValueError):
    """An object has a duplicate key at *path*, a JSONPath without ``$.``."""

    def __init__(self, path: str) -> None:
        super().__init__(message("{path} is a duplicate key", path=path))
        self.path = path


def decode(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The value of *raw*, decoded by *decoder*.

    Raises:
        InvalidJson: The input is not JSON in UTF-8, or is nested too deeply.
        DuplicateKey: An object has a duplicate key, even if written with escapes.
        msgspec.ValidationError: The input is JSON, but not of the decoder's type.
    """
    try:
        value = decoder.decode(raw)
        # After the decoder, whose type bounds the depth, the fields and the numbers.
        _objects.decode(raw.decode())
    except _DuplicateKeyFound:
        raise DuplicateKey(
            _duplicate_path(_kept.decode(raw.decode()), "") or ""
        ) from None
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(_fault_message(raw, str(error))) from error
    except RecursionError as error:
        raise InvalidJson(message("is nested too deeply")) from error
    return value


def decode_plain(raw: bytes) -> Any:
    """The value of *raw* in plain types; a duplicate key has the value `TWICE`.

    A number that does not fit 64 bits is given as the nearest float.

    Raises:
        InvalidJson: The input is not JSON in UTF-8, or is nested too deeply.
    """
    with suppress(DuplicateKey):
        decode(raw, _any)
    try:
        return _kept.decode(raw.decode())
    except RecursionError as error:
        raise InvalidJson(message("is nested too deeply")) from error


class _Marker:
    """The type of `TWICE`, which no decoder accepts."""


TWICE = _Marker()


class _DuplicateKeyFound(Exception):
    """An object has a duplicate key."""


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _DuplicateKeyFound


def _mark_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        found |= {name: TWICE for name, of in times.items() if of > 1}
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _DIGITS else float(digits)


_DIGITS = 20  # longest number that may fit 64 bits, with its sign
_any = msgspec.json.Decoder(msgspec.Raw)
# The values of numbers are not used; `len` is the cheapest function of their digits.
_objects = json.JSONDecoder(
    object_pairs_hook=_reject_duplicate_keys, parse_int=len, parse_float=len
)
_kept = json.JSONDecoder(object_pairs_hook=_mark_duplicate_keys, parse_int=_integer)


def _duplicate_path(value: Any, path: str) -> str | None:
    """The path of the first duplicate key; None if there is none."""
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
    return next(
        (found for at, item in below if (found := _duplicate_path(item, at))), None
    )


def _fault_message(raw: bytes, said: str) -> str:
    """The reason why *raw* is not JSON, from msgspec's error *said*."""
    if raw.startswith(_BYTE_ORDER_MARK):
        return message(
            "begins with a byte order mark (U+FEFF); send the body without it"
        )
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return message(
            "is not UTF-8: invalid byte {byte} at offset {offset}",
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
    return message("is not JSON: {fault}", fault=message("the input ends unexpectedly"))


_HALF = message("a \\u escape is an unpaired surrogate")


def _is_complete(raw: bytes) -> bool:
    """Whether the standard library, which accepts lone surrogates, parses *raw*."""
    try:
        _objects.decode(raw.decode())
    except (ValueError, RecursionError, _DuplicateKeyFound):
        return False
    return True
