"""The bytes of a commitment, of a sealed text and of a wrapped key.

Pure but for chance. Normative text and test vectors: docs/ledger-format.md.
"""

import os
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

SALT = 32  # bytes; so that no guess at a text can be confirmed
NONCE = 12  # NIST SP 800-38D, 8.2: of AES-GCM
BLOCK = 64  # a text's length is told to no more than this


class TextDamaged(Exception):
    """What is sealed is not what was sealed there, or the key is another."""


class TextPlace(NamedTuple):
    """Where a text stands: in which event, under which name, and whose it is."""

    stream: str
    version: int
    field: str
    subject: str

    @property
    def event(self) -> str:
        """The event, as contexts spell it."""
        return f"{self.stream}/{self.version}"


class Secret(Struct, frozen=True):
    """A text on its way into the vault.

    Attributes:
        plain: The text as `plain` spells it.
        commitment: What the record says in its place, 64 hexadecimal digits.
        file: Of the key of a file, which the record says nothing of: the file's name.
    """

    place: TextPlace
    plain: bytes
    salt: bytes
    commitment: str
    file: UUID | None = None


class Opened(NamedTuple):
    """A text, and the salt without which nobody can hold it against the record."""

    text: str
    salt: bytes


class Key(NamedTuple):
    """A key for the texts of one stream and subject (a data key)."""

    id: UUID
    bytes: bytes


def context(label: bytes, *parts: str) -> bytes:
    """*label*, then each part after its length: no two lists of parts are one."""
    for part in parts:
        spelt = part.encode()
        label += len(spelt).to_bytes(2, "big") + spelt
    return label


def plain(text: str) -> bytes:
    """*text* as JSON, spaces after it up to whole blocks."""
    encoded = msgspec.json.encode(text)
    return encoded + b" " * (-len(encoded) % BLOCK)


def secret(place: TextPlace, text: str) -> Secret:
    """*text*, to stand at *place*, under fresh salt."""
    salt, padded = os.urandom(SALT), plain(text)
    return Secret(place, padded, salt, commitment(place, salt, padded))


def commitment(place: TextPlace, salt: bytes, padded: bytes) -> str:
    """What a record says in place of the text *padded*."""
    at = context(b"iku/text/v1\0", place.event, place.field, place.subject)
    return sha256(at + salt + padded).hexdigest()


def seal(kept: Secret, key: Key) -> bytes:
    """The text, to be opened with *key* and at its own place only."""
    nonce = os.urandom(NONCE)
    bound = _bound(kept.place, key.id)
    return nonce + AESGCM(key.bytes).encrypt(nonce, kept.salt + kept.plain, bound)


def unseal(place: TextPlace, committed: str | None, sealed: bytes, key: Key) -> Opened:
    """The text that was *sealed* at *place*, which the record *committed* to.

    None: of which the record says nothing.

    Raises:
        Damaged: It was sealed elsewhere, or by another key, or is not that text.
    """
    opened = _decrypt(sealed, key.bytes, _bound(place, key.id))
    salt = opened[:SALT]
    try:
        text = msgspec.json.decode(opened[SALT:], type=str)
    except (msgspec.DecodeError, ValueError) as error:
        raise TextDamaged(f"{place.event} {place.field}: no text") from error
    # Spelt anew, as whoever is handed the text will have to spell it.
    if committed not in {None, commitment(place, salt, plain(text))}:
        raise TextDamaged(f"{place.event} {place.field}: not the text committed to")
    return Opened(text, salt)


def _bound(place: TextPlace, key_id: UUID) -> bytes:
    """What is authenticated beside the text: moved elsewhere, it does not open."""
    where = (place.event, place.field, place.subject, str(key_id))
    return context(b"iku/seal/v1\0", *where)


class Owner(NamedTuple):
    """Whose key it is, and which epoch's key wraps it."""

    stream: str
    subject: str
    epoch: str


def wrap(key: Key, owner: Owner, outer: bytes) -> bytes:
    """*key* as the database holds it, under the *outer* key of the epoch."""
    nonce = os.urandom(NONCE)
    bound = _wrapping(key.id, owner)
    return nonce + AESGCM(outer).encrypt(nonce, key.bytes, bound)


def unwrap(key_id: UUID, wrapped: bytes, owner: Owner, outer: bytes) -> Key:
    """The key that was *wrapped*.

    Raises:
        Damaged: It was wrapped by another key, or belongs elsewhere.
    """
    bound = _wrapping(key_id, owner)
    return Key(key_id, _decrypt(wrapped, outer, bound))


def _wrapping(key_id: UUID, owner: Owner) -> bytes:
    parts = (owner.epoch, owner.stream, owner.subject, str(key_id))
    return context(b"iku/dek/v1\0", *parts)


def _decrypt(sealed: bytes, key: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise TextDamaged("it does not open with this key at this place") from error
