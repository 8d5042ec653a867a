"""Signed notes (C2SP signed-note): a text followed by signature lines.

A key is identified by its name and the first four bytes of a hash, the *key id*. A log
signs the text alone. A witness signs a timestamp together with the text (Ed25519) or
with the checkpoint in the text (ML-DSA-44), as C2SP tlog-cosignature specifies.
Signatures of unknown keys are ignored.
"""

import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from msgspec import Struct

from iku.ledger.malformed import Malformed as Malformed
from iku.ledger.signature_algorithm import (
    LONGEST_NAME,
    SEED,
    PrivateKey,
    signed_message,
)
from iku.ledger.signature_algorithm import Algorithm as Algorithm
from iku.messages import message

MOST_SIGNATURES = 100
LONGEST = 1 << 16  # bytes of a note
LONGEST_LINE = 4_096  # bytes; a cosignature of ML-DSA-44 is 3,244 in base64
LATEST = 2**63 - 1  # seconds since 1970: the last time that a cosignature may state
_DASH = "\u2014 "
_PRIVATE = "PRIVATE+KEY+"
_KEY_ID = 4  # bytes
_TIME = 8


class Unverified(Exception):
    """The note has no valid signature by a trusted key; the message names the keys."""


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
    """A text that ends with a line feed, and its signatures."""

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
        """Sign *text*; a cosignature also covers *time* (seconds since 1970).

        Raises:
            Malformed: *text* is not a checkpoint, which ML-DSA-44 requires.
        """
        stamp = time.to_bytes(_TIME, "big") if self.algorithm.cosigns else b""
        signed = self._key().sign(signed_message(self.algorithm, self.name, text, time))
        return Signature(self.name, self.verifier.key_id, stamp + signed)

    def _key(self) -> PrivateKey:
        return self.algorithm.scheme.private_key(self.seed)


def generate_signing_key(name: str, algorithm: Algorithm) -> SigningKey:
    """Generate the key of a log or of a witness.

    Raises:
        Malformed: The name is not allowed in a signature line.
    """
    return SigningKey(_check_name(name), algorithm, secrets.token_bytes(SEED))


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
        raise Malformed(message("{line!r} is not a signature line", line=line))
    payload = _decode_base64(encoded)
    if len(payload) <= _KEY_ID:
        raise Malformed(
            message(
                "the signature by {name} has {length} bytes with its key id, but must "
                "have more than {least}",
                name=name,
                length=len(payload),
                least=_KEY_ID,
            )
        )
    return Signature(_check_name(name), payload[:_KEY_ID], payload[_KEY_ID:])


def parse_verifier(vkey: str) -> VerifierKey:
    """Parse a public key from its text form.

    Raises:
        Malformed: The text is not a key, its algorithm is not supported, or the key is
            weak, so that a signature under it proves nothing.
    """
    name, algorithm, public = _parse_key(vkey)
    if len(public) != algorithm.scheme.public_length:
        raise _unknown_algorithm(name)
    if not algorithm.scheme.is_sound(public):
        raise Malformed(
            message(
                "the key of {name} is not a canonically encoded Ed25519 "
                "point, or has small order",
                name=name,
            )
        )
    key = VerifierKey(name, algorithm, public)
    if str(key) != vkey:
        raise Malformed(
            message("the key id of {name} does not match its public key", name=name)
        )
    return key


def parse_signing(secret: str) -> SigningKey:
    """Parse a private key from its text form. An error does not quote the key.

    Raises:
        Malformed: The text is not a private key.
    """
    if not secret.startswith(_PRIVATE):
        raise Malformed(
            message(
                "the text is not a private key: it does not begin with PRIVATE+KEY+"
            )
        )
    name, algorithm, seed = _parse_key(secret.removeprefix(_PRIVATE))
    if len(seed) != SEED:
        raise _unknown_algorithm(name)
    key = SigningKey(name, algorithm, seed)
    if key.secret != secret:
        raise Malformed(
            message("the key id of {name} does not match its private key", name=name)
        )
    return key


def verify(note: Note, keys: Iterable[VerifierKey]) -> list[VerifiedSignature]:
    """The verified signatures by *keys*, the first of each key; at least one.

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
                keys=wanted or message("(no keys)"),
            )
        )
    return verified


def verified_signatures(
    note: Note, keys: Iterable[VerifierKey]
) -> list[VerifiedSignature]:
    """The verified signatures by *keys*, the first of each key; may be empty.

    Raises:
        Unverified: A signature by one of *keys* is wrong.
    """
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[tuple[str, bytes], VerifiedSignature] = {}
    for signature in note.signatures:
        by = signature.name, signature.key_id
        if by in known and by not in verified:
            verified[by] = _verify_signature(note.text, known[by], signature)
    return list(verified.values())


def _verify_signature(
    text: str, key: VerifierKey, signature: Signature
) -> VerifiedSignature:
    payload, time = signature.payload, None
    if key.algorithm.cosigns:
        time = int.from_bytes(payload[:_TIME], "big")
        payload = payload[_TIME:]
    if time is not None and time > LATEST:
        raise Unverified(
            message(
                "the timestamp in the signature by {name} is {time}, but must be at "
                "most {latest}",
                name=key.name,
                time=time,
                latest=LATEST,
            )
        )
    try:
        signed = signed_message(key.algorithm, key.name, text, time or 0)
        # A signature of another length fails to verify, too.
        key.algorithm.scheme.public_key(key.public).verify(payload, signed)
    except (InvalidSignature, ValueError) as error:
        raise Unverified(
            message("the signature by {name} is not valid", name=key.name)
        ) from error
    return VerifiedSignature(key, signature, time)


def _decode(raw: bytes) -> str:
    if len(raw) > LONGEST:
        raise Malformed(message("the note is longer than {most} bytes", most=LONGEST))
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed(message("the note is not UTF-8")) from error
    if any(char < " " and char != "\n" for char in text):
        raise Malformed(message("the note contains control characters"))
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
                "{name!r} is not a key name: a key name is not empty and contains no "
                "+ and no spaces",
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
            message(
                "a verifier key has the form name+key id+base64, and its key id is "
                "eight hexadecimal digits"
            )
        )
    decoded = _decode_base64(encoded)
    if not decoded or decoded[0] not in set(Algorithm):
        raise _unknown_algorithm(name)
    return _check_name(name), Algorithm(decoded[0]), decoded[1:]


def _unknown_algorithm(name: str) -> Malformed:
    return Malformed(
        message("the key of {name} has an unknown signature algorithm", name=name)
    )


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _decode_base64(text: str) -> bytes:
    """Decode canonical base64.

    `b64decode` alone would accept nonzero padding bits.
    """
    try:
        value = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(message("the base64 part is not valid base64")) from error
    if _base64(value) != text:
        raise Malformed(message("the base64 part is not canonical base64"))
    return value
