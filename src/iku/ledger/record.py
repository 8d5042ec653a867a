"""The bytes of one event: what is stored, and what is hashed.

A record is UTF-8 JSON in one canonical form (docs/ledger-format.md). Two of its values,
the day the office knew and the instant it was recorded, exist only once the log is
locked; so Python encodes all before the first (the *head*) and all after the second
(the *tail*), and the database writes the two between them.
"""

import re
from datetime import date, datetime
from typing import Any
from unicodedata import is_normalized

import msgspec
from msgspec import Struct

MAX_BYTES = 65_535
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1  # RFC 8785, 3.2.2.3: exact in every JSON reader

# What the database puts between head and tail: known_on, a name, recorded_at.
_BETWEEN = len('2021-02-01","recorded_at":"2021-02-01T03:04:05.123456Z')


class Unrecordable(ValueError):
    """A value has no place in a record; the text says which and why."""


class TooLarge(Unrecordable):
    """The record would be longer than 65,535 bytes."""


class Commitment(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What stands in a record in place of a text, which itself is kept elsewhere.

    It tells nothing of the text, but holds whoever has the text to it.

    Attributes:
        c: The commitment, 32 bytes in lower-case hexadecimal.
        s: The subject whose text it is: on whose request it may be erased.
    """

    c: str
    s: str


class NewEvent(Struct, frozen=True):
    """An event as its author gives it, before it has a place in the log.

    Attributes:
        effective_on: The day the fact holds from; None where it has none of its own.
        data: What is counted, and names nobody.
        text: What the author is held to of each free text.
        schema: Version of the shape of *data*.
    """

    type: str
    effective_on: date | None
    data: dict[str, Any]
    text: dict[str, Commitment]
    schema: int = 2


class Body(Struct, frozen=True, gc=False):
    """What a record says beyond the columns beside it."""

    actor: str
    command: str
    data: dict[str, Any]
    schema: int
    text: dict[str, Commitment]


class Recorded(Struct, frozen=True, gc=False):
    """An event as the log holds it.

    Attributes:
        position: Place in the log, from 1, without gaps.
        version: Place in its stream, from 1.
        known_on: Day the office knew; never falls within a stream.
        declared: Whether *known_on* was declared by an import, not taken live.
        recorded_at: The database's clock; never falls as position rises.
        record: The exact bytes that were stored.
        leaf: Their RFC 6962 leaf hash, as stored beside them.
    """

    position: int
    stream: str
    version: int
    type: str
    effective_on: date | None
    known_on: date
    declared: bool
    recorded_at: datetime
    record: bytes
    leaf: bytes

    @property
    def category(self) -> str:
        """Kind of the subject: the stream's name up to its first hyphen."""
        return self.stream.partition("-")[0]

    @property
    def subject(self) -> str:
        """Identifier of the subject: the stream's name after its first hyphen."""
        return self.stream.partition("-")[2]

    def body(self) -> Body:
        """The rest of the record, decoded anew at each call."""
        return _bodies.decode(self.record)


class FullRecord(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Every key of a record, as it is written."""

    actor: str
    command: str
    data: dict[str, Any]
    declared: bool
    effective_on: date | None
    known_on: date
    recorded_at: str
    schema: int
    stream: str
    text: dict[str, Commitment]
    type: str
    version: int


class _Head(Struct, frozen=True):
    actor: str
    command: str
    data: dict[str, Any]
    declared: bool
    effective_on: date | None


class _Tail(Struct, frozen=True):
    schema: int
    stream: str
    text: dict[str, Commitment]
    type: str
    version: int


_COMMITMENT = re.compile(r"[0-9a-f]{64}")
_bodies = msgspec.json.Decoder(Body)
_records = msgspec.json.Decoder(FullRecord)
_encoder = msgspec.json.Encoder(order="sorted")


def frame(
    draft: NewEvent,
    *,
    actor: str,
    command: str,
    stream: str,
    version: int,
    declared: bool,
) -> tuple[bytes, bytes]:
    """Head and tail of the record that *draft* becomes as *version* of *stream*.

    Raises:
        TooLarge: The record would be longer than 65,535 bytes.
        Unrecordable: A value is not of the record's profile.
    """
    _refuse_foreign(draft)
    first = _Head(actor, command, draft.data, declared, draft.effective_on)
    last = _Tail(draft.schema, stream, draft.text, draft.type, version)
    head = _encode(first)[:-1] + b',"known_on":"'
    tail = b'",' + _encode(last)[1:]
    length = len(head) + _BETWEEN + len(tail)
    if length > MAX_BYTES:
        raise TooLarge(
            f"the record of {draft.type} would be {length} bytes; at most {MAX_BYTES}"
        )
    return head, tail


def decode(record: bytes) -> FullRecord:
    """Every key of *record*.

    Raises:
        Unrecordable: These bytes are not the one encoding of what they say.
    """
    try:
        full = _records.decode(record)
    except msgspec.DecodeError as error:
        raise Unrecordable(f"not a record: {error}") from error
    for name, commitment in full.text.items():
        if not _COMMITMENT.fullmatch(commitment.c):
            raise Unrecordable(f"text.{name} is no commitment")
    # Twin keys, spaces and other spellings of one value all fail here, on which
    # JSON readers disagree.
    if _encoder.encode(full) != record:
        raise Unrecordable("not the canonical encoding of what it says")
    return full


def refuse_unfit_day(day: date | None) -> None:
    """Refuse the two days that PostgreSQL's driver takes for infinity."""
    if day in {date.min, date.max}:
        raise Unrecordable(f"{day} stands for no day; use 0001-01-02 to 9999-12-30")


def _encode(part: Struct) -> bytes:
    try:
        encoded = _encoder.encode(part)
    except UnicodeEncodeError as error:
        raise Unrecordable(f"text holds an unpaired surrogate: {error}") from error
    if not encoded.isascii() and not is_normalized("NFC", encoded.decode()):
        raise Unrecordable("text is not in Unicode normalisation form C (NFC)")
    if rb"\u0000" in encoded:
        _refuse_nul(encoded)
    return encoded


def _refuse_nul(encoded: bytes) -> None:
    # A backslash of the text itself is doubled, so it must not hide or feign one.
    if rb"\u0000" in encoded.replace(rb"\\", b""):
        raise Unrecordable("text holds U+0000, which PostgreSQL cannot store")


def _refuse_foreign(draft: NewEvent) -> None:
    refuse_unfit_day(draft.effective_on)
    _refuse_value(draft.data, "data", 0)
    for name, commitment in draft.text.items():
        _refuse_key(name, "text")
        if not _COMMITMENT.fullmatch(commitment.c):
            raise Unrecordable(f"text.{name} is no commitment; text stays outside")


def _refuse_value(value: Any, path: str, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if depth > MAX_DEPTH:
        raise Unrecordable(f"{path} is nested more than {MAX_DEPTH} deep")
    if kind is dict:
        _refuse_items(value, path, depth)
    elif kind is list:
        for index, item in enumerate(value):
            _refuse_value(item, f"{path}[{index}]", depth + 1)
    elif kind is not int:
        raise Unrecordable(f"{path} is {kind.__name__}; {_PROFILE}")
    elif abs(value) > MAX_INTEGER:
        raise Unrecordable(f"{path} is beyond 2^53 - 1; write it as text")


_PROFILE = "a record holds text, integers, booleans, null, lists and objects"


def _refuse_items(items: dict[Any, Any], path: str, depth: int) -> None:
    for key, value in items.items():
        _refuse_key(key, path)
        _refuse_value(value, f"{path}.{key}", depth + 1)


def _refuse_key(key: Any, path: str) -> None:
    if type(key) is not str or not key.isascii():
        raise Unrecordable(f"{path} has the key {key!r}; keys are ASCII text")
