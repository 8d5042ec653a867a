"""The bytes of a commitment, an encrypted text and a wrapped key.

The functions are pure except for random salts and nonces. docs/ledger-format.md is
normative and has test vectors.
"""

import os
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from iku.messages import message

SALT = 32  # bytes; without the salt, a guess at a text could be confirmed
NONCE = 12  # bytes, for AES-GCM (NIST SP 800-38D, section 8.2)
BLOCK = 64  # bytes; padding to whole blocks hides a text's exact length


class TextDamaged(Exception):
    """The ciphertext fails authentication, or the text is not the one committed to."""


class TextLocation(NamedTuple):
    """The location of a text: its event, its field and its data subject."""

    stream: str
    version: int
    field: str
    subject: str

    @property
    def event_name(self) -> str:
        """The stream and version of the event, as the associated data contain them."""
        return f"{self.stream}/{self.version}"


class Secret(Struct, frozen=True):
    """A text to be stored in the vault.

    Attributes:
        plain: The text as encoded by `encode_padded`.
        commitment: The commitment that the record holds, 64 hexadecimal digits.
        file: The file's name if the text is a file key, which has no commitment.
    """

    place: TextLocation
    plain: bytes
    salt: bytes
    commitment: str
    file: UUID | None = None


class Opened(NamedTuple):
    """A decrypted text, and the salt needed to verify its commitment."""

    text: str
    salt: bytes


class DataKey(NamedTuple):
    """A data key, which encrypts the texts of one stream and subject."""

    id: UUID
    bytes: bytes


def context(label: bytes, *parts: str) -> bytes:
    """*label* and the *parts*, each after its length: an injective encoding."""
    for part in parts:
        spelt = part.encode()
        label += len(spelt).to_bytes(2, "big") + spelt
    return label


def encode_padded(text: str) -> bytes:
    """*text* as JSON, padded with spaces to a whole number of blocks."""
    encoded = msgspec.json.encode(text)
    return encoded + b" " * (-len(encoded) % BLOCK)


def secret(place: TextLocation, text: str) -> Secret:
    """The `Secret` of *text* at *place*, with a new salt and commitment."""
    salt, padded = os.urandom(SALT), encode_padded(text)
    return Secret(place, padded, salt, commitment(place, salt, padded))


def commitment(place: TextLocation, salt: bytes, padded: bytes) -> str:
    """The commitment to the encoded text *padded*: a salted hash.

    Raises:
        TextDamaged: The salt has a wrong length, by which its end could be read as the
            beginning of the text.
    """
    if len(salt) != SALT:
        raise TextDamaged(
            message(
                "{event} {field}: the salt has {length} bytes, but must have {due}",
                event=place.event_name,
                field=place.field,
                length=len(salt),
                due=SALT,
            )
        )
    at = context(b"iku/text/v1\0", place.event_name, place.field, place.subject)
    return sha256(at + salt + padded).hexdigest()


def seal(kept: Secret, key: DataKey) -> bytes:
    """Encrypt a text with *key*; the location of the text is associated data."""
    nonce = os.urandom(NONCE)
    bound = _associated_data(kept.place, key.id)
    return nonce + AESGCM(key.bytes).encrypt(nonce, kept.salt + kept.plain, bound)


def unseal(
    place: TextLocation, committed: str | None, sealed: bytes, key: DataKey
) -> Opened:
    """Decrypt the text at *place* and verify that the record *committed* to it.

    *committed* is None if the record holds no commitment to the text.

    Raises:
        TextDamaged: The ciphertext is of another location or key, or the text is not
            the one committed to.
    """
    opened = _decrypt(sealed, key.bytes, _associated_data(place, key.id))
    salt = opened[:SALT]
    try:
        text = msgspec.json.decode(opened[SALT:], type=str)
    except (msgspec.DecodeError, ValueError) as error:
        raise TextDamaged(
            message(
                "{event} {field}: the decrypted content is not a text",
                event=place.event_name,
                field=place.field,
            )
        ) from error
    # Encoded again, as a verifier who is given only text and salt has to.
    if committed not in {None, commitment(place, salt, encode_padded(text))}:
        raise TextDamaged(
            message(
                "{event} {field}: the text does not match its commitment",
                event=place.event_name,
                field=place.field,
            )
        )
    return Opened(text, salt)


def _associated_data(place: TextLocation, key_id: UUID) -> bytes:
    """The associated data, by which a ciphertext decrypts only at its own location."""
    where = (place.event_name, place.field, place.subject, str(key_id))
    return context(b"iku/seal/v1\0", *where)


class KeyOwner(NamedTuple):
    """The stream and subject of a data key, and the epoch whose key wraps it."""

    stream: str
    subject: str
    epoch: str


def wrap(key: DataKey, owner: KeyOwner, kek: bytes) -> bytes:
    """*key*, encrypted with *kek*, the key-encryption key of the owner's epoch."""
    nonce = os.urandom(NONCE)
    bound = _key_associated_data(key.id, owner)
    return nonce + AESGCM(kek).encrypt(nonce, key.bytes, bound)


def unwrap(key_id: UUID, wrapped: bytes, owner: KeyOwner, kek: bytes) -> DataKey:
    """Unwrap a data key.

    Raises:
        TextDamaged: The data key was wrapped by another key, or for another owner.
    """
    bound = _key_associated_data(key_id, owner)
    return DataKey(key_id, _decrypt(wrapped, kek, bound))


def _key_associated_data(key_id: UUID, owner: KeyOwner) -> bytes:
    parts = (owner.epoch, owner.stream, owner.subject, str(key_id))
    return context(b"iku/dek/v1\0", *parts)


def _decrypt(sealed: bytes, key: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise TextDamaged(
            message("the ciphertext fails authentication with this key and event")
        ) from error
