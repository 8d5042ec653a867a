"""Signed notes: a text, and below it lines by which keys vouch for it.

The form is that of C2SP signed-note.

A key is known by its name and four bytes of a hash (its *key id*). Two algorithms are
understood, both Ed25519: a log signs the text alone, a witness the text and the time
(C2SP tlog-cosignature, v1). Signatures of other keys are passed over.
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

MOST_SIGNATURES = 100
LONGEST = 1 << 20  # bytes of a note
_DASH = "\u2014 "
_PRIVATE = "PRIVATE+KEY+"
_KEY_ID = 4  # bytes
_KEY = 32
_TIME = 8


class Malformed(ValueError):
    """The bytes are no note, key or checkpoint; the sentence says where they fail."""


class Unverified(Exception):
    """The note is not vouched for; the sentence says by whom it should be."""


class Algorithm(IntEnum):
    """What a key signs, by the byte that stands before it."""

    NOTE = 0x01
    COSIGNATURE = 0x04


class Signature(Struct, frozen=True):
    """A signature line.

    Attributes:
        payload: What follows the key id: for a cosignature eight bytes of time, then
            the signature itself.
    """

    name: str
    key_id: bytes
    payload: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its line feed."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.payload)}\n"


class Note(Struct, frozen=True):
    """A text, which ends with a line feed, and the signatures below it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """The note as it is published."""
        return self.text + "\n" + "".join(one.line for one in self.signatures)


class VerifierKey(Struct, frozen=True):
    """A public key and the name it goes by."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Tells the keys of one name apart."""
        kind = bytes([self.algorithm])
        hashed = sha256(self.name.encode() + b"\n" + kind + self.public)
        return hashed.digest()[:_KEY_ID]

    def __str__(self) -> str:
        """The key as it is handed on (vkey)."""
        shown = _base64(bytes([self.algorithm]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{shown}"


class VerifiedSignature(Struct, frozen=True):
    """A signature that verifies.

    Attributes:
        time: Seconds since 1970 at which a witness says it signed; None of a log.
    """

    key: VerifierKey
    signature: Signature
    time: int | None


class SigningKey(Struct, frozen=True):
    """A private key. It has no `repr` that shows it."""

    name: str
    algorithm: Algorithm
    seed: bytes

    def __repr__(self) -> str:
        """Who signs; never the seed."""
        return f"SigningKey({self.verifier})"

    @property
    def verifier(self) -> VerifierKey:
        """The public key that belongs to it."""
        public = self._key().public_key().public_bytes_raw()
        return VerifierKey(self.name, self.algorithm, public)

    @property
    def secret(self) -> str:
        """The key as it is kept in a file."""
        kept = _base64(bytes([self.algorithm]) + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{kept}"

    def sign(self, text: str, time: int = 0) -> Signature:
        """The signature of *text*; of a witness, of the time (since 1970, s), too."""
        signed = self._key().sign(_message(self.algorithm, text, time))
        stamp = b"" if self.algorithm is Algorithm.NOTE else time.to_bytes(_TIME, "big")
        return Signature(self.name, self.verifier.key_id, stamp + signed)

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def generate(name: str, algorithm: Algorithm) -> SigningKey:
    """A new key.

    Raises:
        Malformed: The name cannot stand in a signature line.
    """
    return SigningKey(_fit_name(name), algorithm, secrets.token_bytes(_KEY))


def parse(raw: bytes) -> Note:
    """The note that these bytes are.

    Raises:
        Malformed: They are none, or one whose spelling is not the only one.
    """
    text, marks = _halves(_decode(raw))
    lines = marks.split("\n")[:-1]
    if len(lines) > MOST_SIGNATURES:
        raise Malformed(f"the note has more than {MOST_SIGNATURES} signatures")
    return Note(text, tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """The signature that a line is, without its line feed.

    Raises:
        Malformed: It is none.
    """
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise Malformed(f"{line!r} is no signature line")
    payload = _decode_base64(encoded)
    if len(payload) <= _KEY_ID:
        raise Malformed(f"the signature of {name} is too short")
    return Signature(_fit_name(name), payload[:_KEY_ID], payload[_KEY_ID:])


def parse_verifier(vkey: str) -> VerifierKey:
    """The public key that *vkey* spells.

    Raises:
        Malformed: It spells none, or one of an algorithm that is not understood.
    """
    name, algorithm, public = _parse_key(vkey)
    key = VerifierKey(name, algorithm, public)
    if str(key) != vkey:
        raise Malformed(f"the key id of {name} does not belong to its key")
    return key


def parse_signing(secret: str) -> SigningKey:
    """The private key that *secret* spells. What is wrong is said without showing it.

    Raises:
        Malformed: It spells none.
    """
    if not secret.startswith(_PRIVATE):
        raise Malformed("this is no private key: it does not begin with PRIVATE+KEY+")
    name, algorithm, seed = _parse_key(secret.removeprefix(_PRIVATE))
    key = SigningKey(name, algorithm, seed)
    if key.secret != secret:
        raise Malformed(f"the key id of {name} does not belong to its private key")
    return key


def verify(note: Note, keys: Iterable[VerifierKey]) -> list[VerifiedSignature]:
    """The signatures by *keys*, of which there must be one; the first of each counts.

    Raises:
        Unverified: There is none, or one is wrong: then the note is not to be used.
    """
    known = list(keys)
    vouched = verified_signatures(note, known)
    if not vouched:
        wanted = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in known)
        raise Unverified(f"the note is not signed by any of: {wanted or 'no key'}")
    return vouched


def verified_signatures(
    note: Note, keys: Iterable[VerifierKey]
) -> list[VerifiedSignature]:
    """The signatures by *keys*, if there are any; the first of each counts.

    Raises:
        Unverified: One is wrong.
    """
    known = {(key.name, key.key_id): key for key in keys}
    vouched: dict[tuple[str, bytes], VerifiedSignature] = {}
    for signature in note.signatures:
        by = signature.name, signature.key_id
        if by in known and by not in vouched:
            vouched[by] = _check(note.text, known[by], signature)
    return list(vouched.values())


def _check(text: str, key: VerifierKey, signature: Signature) -> VerifiedSignature:
    payload, time = signature.payload, None
    if key.algorithm is Algorithm.COSIGNATURE:
        time = int.from_bytes(payload[:_TIME], "big")
        payload = payload[_TIME:]
    try:
        # A payload of another length is no signature, either.
        Ed25519PublicKey.from_public_bytes(key.public).verify(
            payload, _message(key.algorithm, text, time or 0)
        )
    except (InvalidSignature, ValueError) as error:
        raise Unverified(f"the signature of {key.name} is wrong") from error
    return VerifiedSignature(key, signature, time)


def _message(algorithm: Algorithm, text: str, time: int) -> bytes:
    """What is signed: the text to its last line feed; by a witness, after the time."""
    if algorithm is Algorithm.COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    return text.encode()


def _decode(raw: bytes) -> str:
    if len(raw) > LONGEST:
        raise Malformed(f"the note is longer than {LONGEST} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed("the note is not UTF-8") from error
    if any(char < " " and char != "\n" for char in text):
        raise Malformed("the note holds control characters")
    return text


def _halves(note: str) -> tuple[str, str]:
    """Text and signature lines: those after the last blank line."""
    at = note.rfind("\n\n")
    if at < 0:
        raise Malformed("the note has no blank line before its signatures")
    text, marks = note[: at + 1], note[at + 2 :]
    if not marks.endswith("\n"):
        raise Malformed("the note does not end with a signature line")
    return text, marks


def _fit_name(name: str) -> str:
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise Malformed(
            f"{name!r} is no name of a key: it is not empty, without + and spaces"
        )
    return name


def _parse_key(text: str) -> tuple[str, Algorithm, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    if not re.fullmatch("[0-9a-f]{8}", key_id):
        raise Malformed(
            "a key is written name+key id+base64; its key id is eight digits"
        )
    decoded = _decode_base64(encoded)
    if len(decoded) != 1 + _KEY or decoded[0] not in set(Algorithm):
        raise Malformed(f"the key of {name} is of a kind that is not understood")
    return _fit_name(name), Algorithm(decoded[0]), decoded[1:]


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _decode_base64(text: str) -> bytes:
    """The bytes, if they are spelt in the one way there is.

    The library drops what it does not know and takes spare bits of any value.
    """
    try:
        value = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("what should be base64 is not") from error
    if _base64(value) != text:
        raise Malformed("what should be base64 is not spelt as base64")
    return value
