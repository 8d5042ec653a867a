"""Signed notes (C2SP signed-note): a text followed by signature lines.

A key is identified by its name and the first four bytes of a hash, the *key id*. Two
Ed25519 algorithms are supported: a log signs the text alone, a witness the text and a
timestamp (C2SP tlog-cosignature, v1). Signatures of unknown keys are ignored.
"""

import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from msgspec import Struct

from iku.messages import message

MOST_SIGNATURES = 100
LONGEST = 1 << 16  # bytes of a note
LONGEST_LINE = 4_096  # bytes; a cosignature of ML-DSA-44 has 3,248 in base64
LONGEST_NAME = 255  # bytes of a key's name
LATEST = 2**63 - 1  # seconds since 1970: the last time that a cosignature may state
_DASH = "\u2014 "
_PRIVATE = "PRIVATE+KEY+"
_KEY_ID = 4  # bytes
_KEY = 32
_TIME = 8


class Malformed(ValueError):
    """The bytes are not a valid note, key or checkpoint; the message says why."""


class Unverified(Exception):
    """The note has no valid signature by a trusted key; the message names the keys."""


class Algorithm(IntEnum):
    """The signature algorithm, as the byte that precedes a public key."""

    NOTE = 0x01
    COSIGNATURE = 0x04


class Signature(Struct, frozen=True):
    """A signature line.

    Attributes:
        payload: The bytes after the key id: the signature, which in a cosignature
            follows a timestamp of eight bytes.
    """

    name: str
    key_id: bytes
    payload: bytes

    @property
    def line(self) -> str:
        """The line as written in a note, with its line feed."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.payload)}\n"


class Note(Struct, frozen=True):
    """A text, which ends with a line feed, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """The note as it is published."""
        return self.text + "\n" + "".join(one.line for one in self.signatures)


class VerifierKey(Struct, frozen=True):
    """A public key and its name."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of the hash of name, algorithm and key."""
        kind = bytes([self.algorithm])
        # A policy may name a key by bytes that are not UTF-8; no note is signed by it.
        named = self.name.encode("utf-8", "surrogateescape")
        hashed = sha256(named + b"\n" + kind + self.public)
        return hashed.digest()[:_KEY_ID]

    def __str__(self) -> str:
        """The key in its text form (vkey)."""
        shown = _base64(bytes([self.algorithm]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{shown}"


class VerifiedSignature(Struct, frozen=True):
    """A signature that was verified.

    Attributes:
        time: The timestamp of a cosignature, in seconds since 1970; None for a log.
    """

    key: VerifierKey
    signature: Signature
    time: int | None


class SigningKey(Struct, frozen=True):
    """A private key, whose `repr` does not show it."""

    name: str
    algorithm: Algorithm
    seed: bytes

    def __repr__(self) -> str:
        """The verifier key; never the seed."""
        return f"SigningKey({self.verifier})"

    @property
    def verifier(self) -> VerifierKey:
        """The corresponding public key."""
        public = self._key().public_key().public_bytes_raw()
        return VerifierKey(self.name, self.algorithm, public)

    @property
    def secret(self) -> str:
        """The private key in its text form, as stored in a file."""
        kept = _base64(bytes([self.algorithm]) + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{kept}"

    def sign(self, text: str, time: int = 0) -> Signature:
        """Sign *text*; a cosignature also covers *time* (seconds since 1970)."""
        signed = self._key().sign(_message(self.algorithm, text, time))
        stamp = b"" if self.algorithm is Algorithm.NOTE else time.to_bytes(_TIME, "big")
        return Signature(self.name, self.verifier.key_id, stamp + signed)

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def generate(name: str, algorithm: Algorithm) -> SigningKey:
    """Generate a key.

    Raises:
        Malformed: The name is not allowed in a signature line.
    """
    return SigningKey(_check_name(name), algorithm, secrets.token_bytes(_KEY))


def parse(raw: bytes) -> Note:
    """Parse a note.

    Raises:
        Malformed: The bytes are not a note in its canonical form.
    """
    text, marks = _split_note(_decode(raw))
    lines = marks.split("\n")[:-1]
    if len(lines) > MOST_SIGNATURES:
        raise Malformed(
            message("the note has more than {most} signatures", most=MOST_SIGNATURES)
        )
    return Note(text, tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """Parse a signature line, given without its line feed.

    Raises:
        Malformed: The line is not a signature line.
    """
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise Malformed(message("{line!r} is no signature line", line=line))
    payload = _decode_base64(encoded)
    if len(payload) <= _KEY_ID:
        raise Malformed(message("the signature of {name} is too short", name=name))
    return Signature(_check_name(name), payload[:_KEY_ID], payload[_KEY_ID:])


def parse_verifier(vkey: str) -> VerifierKey:
    """Parse a public key from its text form.

    Raises:
        Malformed: The text is not a key, or its algorithm is not supported, or anybody
            could sign for it.
    """
    name, algorithm, public = _parse_key(vkey)
    if not is_sound(public):
        raise Malformed(
            message(
                "the key of {name} is no point in its one encoding, or of small order",
                name=name,
            )
        )
    key = VerifierKey(name, algorithm, public)
    if str(key) != vkey:
        raise Malformed(
            message("the key id of {name} does not belong to its key", name=name)
        )
    return key


def parse_signing(secret: str) -> SigningKey:
    """Parse a private key from its text form. An error does not quote the key.

    Raises:
        Malformed: The text is not a private key.
    """
    if not secret.startswith(_PRIVATE):
        raise Malformed(
            message("this is no private key: it does not begin with PRIVATE+KEY+")
        )
    name, algorithm, seed = _parse_key(secret.removeprefix(_PRIVATE))
    key = SigningKey(name, algorithm, seed)
    if key.secret != secret:
        raise Malformed(
            message(
                "the key id of {name} does not belong to its private key", name=name
            )
        )
    return key


_P = 2**255 - 19  # RFC 8032, 5.1
_D = -121665 * pow(121666, -1, _P)
# The y-coordinates of the eight points whose order divides the cofactor.
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = {0, 1, _P - 1, _Y8, _P - _Y8}


def is_sound(public: bytes) -> bool:
    """Whether an Ed25519 key is a point in its one encoding, and not of small order.

    OpenSSL accepts the others, and under a key of small order some signatures verify
    for any message.
    """
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    u, v = y * y - 1, _D * y * y + 1  # x*x = u/v, which is a square if u*v is one
    on_curve = pow(u * v, (_P - 1) // 2, _P) == 1
    return y < _P and y not in _SMALL_ORDER and on_curve


def verify(note: Note, keys: Iterable[VerifierKey]) -> list[VerifiedSignature]:
    """Verify the note, and return the signatures by *keys*, the first of each key.

    Raises:
        Unverified: None of *keys* signed the note, or a signature by one is wrong.
    """
    known = list(keys)
    verified = verified_signatures(note, known)
    if not verified:
        wanted = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in known)
        raise Unverified(
            message(
                "the note is not signed by any of: {keys}",
                keys=wanted or message("no key"),
            )
        )
    return verified


def verified_signatures(
    note: Note, keys: Iterable[VerifierKey]
) -> list[VerifiedSignature]:
    """Verify the signatures by *keys*, the first of each key; may be empty.

    Raises:
        Unverified: A signature by one of *keys* is wrong.
    """
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[tuple[str, bytes], VerifiedSignature] = {}
    for signature in note.signatures:
        by = signature.name, signature.key_id
        if by in known and by not in verified:
            verified[by] = _check(note.text, known[by], signature)
    return list(verified.values())


def _check(text: str, key: VerifierKey, signature: Signature) -> VerifiedSignature:
    payload, time = signature.payload, None
    if key.algorithm is Algorithm.COSIGNATURE:
        time = int.from_bytes(payload[:_TIME], "big")
        payload = payload[_TIME:]
    if time is not None and time > LATEST:
        raise Unverified(
            message("the signature of {name} states no possible time", name=key.name)
        )
    try:
        # A signature of another length fails to verify, too.
        Ed25519PublicKey.from_public_bytes(key.public).verify(
            payload, _message(key.algorithm, text, time or 0)
        )
    except (InvalidSignature, ValueError) as error:
        raise Unverified(
            message("the signature of {name} is wrong", name=key.name)
        ) from error
    return VerifiedSignature(key, signature, time)


def _message(algorithm: Algorithm, text: str, time: int) -> bytes:
    """The signed bytes: the text, which a witness prefixes with a timestamp."""
    if algorithm is Algorithm.COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    return text.encode()


def _decode(raw: bytes) -> str:
    if len(raw) > LONGEST:
        raise Malformed(message("the note is longer than {most} bytes", most=LONGEST))
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed(message("the note is not UTF-8")) from error
    if any(char < " " and char != "\n" for char in text):
        raise Malformed(message("the note holds control characters"))
    if any(len(line) > LONGEST_LINE for line in raw.split(b"\n")):
        raise Malformed(
            message("a line of the note is longer than {most} bytes", most=LONGEST_LINE)
        )
    return text


def _split_note(note: str) -> tuple[str, str]:
    """The text and the signature lines, which follow the last blank line."""
    at = note.rfind("\n\n")
    if at < 0:
        raise Malformed(message("the note has no blank line before its signatures"))
    text, marks = note[: at + 1], note[at + 2 :]
    if not marks.endswith("\n"):
        raise Malformed(message("the note does not end with a signature line"))
    return text, marks


def _check_name(name: str) -> str:
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise Malformed(
            message(
                "{name!r} is no name of a key: it is not empty, without + and spaces",
                name=name,
            )
        )
    if len(name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
        raise Malformed(
            message("the name of a key is longer than {most} bytes", most=LONGEST_NAME)
        )
    return name


def _parse_key(text: str) -> tuple[str, Algorithm, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    if not re.fullmatch("[0-9a-f]{8}", key_id):
        raise Malformed(
            message("a key is written name+key id+base64; its key id is eight digits")
        )
    decoded = _decode_base64(encoded)
    if len(decoded) != 1 + _KEY or decoded[0] not in set(Algorithm):
        raise Malformed(
            message("the key of {name} is of a kind that is not understood", name=name)
        )
    return _check_name(name), Algorithm(decoded[0]), decoded[1:]


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _decode_base64(text: str) -> bytes:
    """Decode canonical base64.

    `b64decode` alone would accept nonzero padding bits.
    """
    try:
        value = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(message("what should be base64 is not")) from error
    if _base64(value) != text:
        raise Malformed(message("what should be base64 is not spelt as base64"))
    return value
