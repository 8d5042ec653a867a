"""The canonical encoding of one event: the bytes that are stored and hashed.

A record is canonical UTF-8 JSON (docs/ledger-format.md). Two of its values, `known_on`
and `recorded_at`, are known only under the lock of the log. Python therefore encodes
what precedes the first (the *head*) and what follows the second (the *tail*), and the
database inserts the two values in between.
"""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from unicodedata import is_normalized

import msgspec
from msgspec import Struct

from iku import messages
from iku.messages import message

MAX_BYTES = 65_535
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1  # RFC 8785, 3.2.2.3: exact in every JSON reader

# What the database inserts between head and tail: known_on, a key, recorded_at.
_BETWEEN = len('2021-02-01","recorded_at":"2021-02-01T03:04:05.123456Z')


class Unrecordable(ValueError):
    """A value cannot be recorded; the message names the value and the reason."""


class TooLarge(Unrecordable):
    """The record would be longer than 65,535 bytes."""


class Commitment(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The commitment in a record to a text that is stored outside the log.

    A salted hash: it does not disclose the text, but proves that a given text is the
    recorded one.

    Attributes:
        c: The commitment, 32 bytes in lower-case hexadecimal.
        s: The data subject of the text, at whose request the text may be erased.
    """

    c: str
    s: str


class NewEvent(Struct, frozen=True):
    """An event before it is appended.

    Attributes:
        effective_on: The day from which the fact holds; None if the event has none.
        data: The fields without free text; they name no person.
        text: The commitment to each free text, by name.
        schema: Version of the schema of *data*.
    """

    type: str
    effective_on: date | None
    data: dict[str, Any]
    text: dict[str, Commitment]
    schema: int = 2


class Body(Struct, frozen=True, gc=False):
    """The fields of a record that no column repeats."""

    actor: str
    command: str
    data: dict[str, Any]
    schema: int
    text: dict[str, Commitment]


class Recorded(Struct, frozen=True, gc=False):
    """An event as stored in the log.

    Attributes:
        position: Position in the log, from 1, without gaps.
        version: Version of the event in its stream, from 1.
        known_on: The day on which the office knew it; never decreases within a stream.
        declared: Whether *known_on* was declared by an import, not taken live.
        recorded_at: The database's clock; never decreases as the position rises.
        record: The exact bytes that were stored.
        leaf: The RFC 6962 leaf hash of `record`, as stored in its column.
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
        """The fields of the record that are not attributes, decoded at each call."""
        return _bodies.decode(self.record)

    def decode_body(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        """The fields of the record, decoded by *decoder*."""
        return decoder.decode(self.record)


class StreamEvent(Struct, frozen=True, gc=False):
    """An event of a stream without its position in the log, as input of a fold.

    The attributes are those of `Recorded`.
    """

    stream: str
    version: int
    type: str
    effective_on: date | None
    record: bytes

    @property
    def subject(self) -> str:
        """Identifier of the subject: the stream's name after its first hyphen."""
        return self.stream.partition("-")[2]

    def body(self) -> Body:
        """The fields of the record that are not attributes, decoded at each call."""
        return _bodies.decode(self.record)

    def decode_body(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        """The fields of the record, decoded by *decoder*."""
        return decoder.decode(self.record)


class FullRecord(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """All fields of a record."""

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
_INSTANT = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{6}Z")
SCHEMAS = (2, 3)  # the second of corrections that clear fields
_bodies = msgspec.json.Decoder(Body)
_records = msgspec.json.Decoder(FullRecord)
_encoder = msgspec.json.Encoder(order="sorted")


def encode_head_and_tail(
    draft: NewEvent,
    *,
    actor: str,
    command: str,
    stream: str,
    version: int,
    declared: bool,
) -> tuple[bytes, bytes]:
    """Head and tail of the record of *draft* as *version* of *stream*.

    Raises:
        TooLarge: The record would be longer than 65,535 bytes.
        Unrecordable: A value is outside the record profile.
    """
    _refuse_unencodable(draft)
    first = _Head(actor, command, draft.data, declared, draft.effective_on)
    last = _Tail(draft.schema, stream, draft.text, draft.type, version)
    head = _encode(first)[:-1] + b',"known_on":"'
    tail = b'",' + _encode(last)[1:]
    length = len(head) + _BETWEEN + len(tail)
    if length > MAX_BYTES:
        raise TooLarge(
            message(
                "the record of {event} would have {length} bytes, but the maximum is "
                "{most}",
                event=draft.type,
                length=length,
                most=MAX_BYTES,
            )
        )
    return head, tail


def join(head: bytes, tail: bytes, known_on: date, recorded_at: datetime) -> bytes:
    """The record with *known_on* and *recorded_at* (UTC) between its head and tail."""
    return head + _encode_times(known_on, recorded_at) + tail


@lru_cache(8)  # the events of a transaction have the same instant, and mostly one day
def _encode_times(known_on: date, recorded_at: datetime) -> bytes:
    instant = recorded_at.isoformat(timespec="microseconds")[:26]
    return f'{known_on.isoformat()}","recorded_at":"{instant}Z'.encode()


def decode(record: bytes) -> FullRecord:
    """Decode all fields of *record*.

    Raises:
        Unrecordable: The bytes are not the canonical encoding of a record.
    """
    try:
        full = _records.decode(record)
    except msgspec.DecodeError as error:
        raise Unrecordable(
            message(
                "the bytes are not a record: {error}",
                error=messages.error_message(error),
            )
        ) from error
    _refuse_invalid_fields(full)
    for name, commitment in full.text.items():
        _refuse_key(name, "text")
        if not _COMMITMENT.fullmatch(commitment.c):
            raise Unrecordable(message("text.{name} is not a commitment", name=name))
    # JSON readers disagree on duplicate keys. These, spaces and alternative spellings
    # of a value are all refused by encoding the value again.
    if _encoder.encode(full) != record:
        raise Unrecordable(message("the record is not in canonical encoding"))
    _refuse_text(record)
    return full


def _refuse_invalid_fields(full: FullRecord) -> None:
    """Refuse field values that docs/ledger-format.md does not allow."""
    _refuse_value(full.data, "data", 0)
    try:
        datetime.fromisoformat(full.recorded_at)
        sound = _INSTANT.fullmatch(full.recorded_at) is not None
    except ValueError:
        sound = False
    if not sound:
        raise Unrecordable(
            message(
                "recorded_at is {recorded_at!r}, which is not a valid instant",
                recorded_at=full.recorded_at,
            )
        )
    if (
        full.schema not in SCHEMAS
        or full.version < 1
        or not all(full.stream.partition("-"))
    ):
        raise Unrecordable(
            message(
                "a record must have a version of at least 1, a stream of the form "
                "category-subject and one of the schema numbers {known}, not version "
                "{version}, stream {stream} and schema number {schema}",
                known=[*SCHEMAS],
                version=full.version,
                stream=full.stream,
                schema=full.schema,
            )
        )


def refuse_infinite_day(day: date | None) -> None:
    """Refuse the two days that the PostgreSQL driver maps to infinity."""
    if day in _INFINITE:
        raise Unrecordable(
            message(
                "{day} is outside the supported range of days, 0001-01-02 to "
                "9999-12-30",
                day=day,
            )
        )


_INFINITE = frozenset({date.min, date.max})


def _encode(part: Struct) -> bytes:
    try:
        encoded = _encoder.encode(part)
    except UnicodeEncodeError as error:
        raise Unrecordable(
            message(
                "the text contains an unpaired surrogate: {error}",
                error=messages.error_message(error),
            )
        ) from error
    _refuse_text(encoded)
    return encoded


def _refuse_text(encoded: bytes) -> None:
    if not encoded.isascii() and not is_normalized("NFC", encoded.decode()):
        raise Unrecordable(
            message("the text is not in Unicode normalisation form C (NFC)")
        )
    if rb"\u0000" in encoded:
        _refuse_nul(encoded)


def _refuse_nul(encoded: bytes) -> None:
    # An escaped backslash before "u0000" is not a NUL, so pairs are removed first.
    if rb"\u0000" in encoded.replace(rb"\\", b""):
        raise Unrecordable(
            message("the text contains U+0000, which PostgreSQL cannot store")
        )


def _refuse_unencodable(draft: NewEvent) -> None:
    refuse_infinite_day(draft.effective_on)
    _refuse_value(draft.data, "data", 0)
    for name, commitment in draft.text.items():
        _refuse_key(name, "text")
        if not _COMMITMENT.fullmatch(commitment.c):
            raise Unrecordable(
                message(
                    "text.{name} is not a commitment; clear text must not be stored "
                    "in the log",
                    name=name,
                )
            )


def _refuse_value(value: Any, path: str, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if depth > MAX_DEPTH:
        raise Unrecordable(
            message(
                "{path} is nested more than {max_depth} levels deep",
                path=path,
                max_depth=MAX_DEPTH,
            )
        )
    if kind is dict:
        _refuse_items(value, path, depth)
    elif kind is list:
        for index, item in enumerate(value):
            _refuse_value(item, f"{path}[{index}]", depth + 1)
    elif kind is not int:
        raise Unrecordable(
            message(
                "{path} has type {name}, but {profile}",
                path=path,
                name=kind.__name__,
                profile=_PROFILE,
            )
        )
    elif abs(value) > MAX_INTEGER:
        raise Unrecordable(
            message(
                "{path} exceeds 2^53 - 1 in absolute value; write it as text", path=path
            )
        )


_PROFILE = message(
    "a record may only contain text, integers, booleans, null, lists and objects"
)


def _refuse_items(items: dict[Any, Any], path: str, depth: int) -> None:
    for key, value in items.items():
        _refuse_key(key, path)
        if type(value) is not str:
            _refuse_value(value, f"{path}.{key}", depth + 1)


def _refuse_key(key: Any, path: str) -> None:
    if type(key) is not str or not key.isascii():
        raise Unrecordable(
            message(
                "{path} has the key {key!r}, but keys must be ASCII text",
                path=path,
                key=key,
            )
        )
