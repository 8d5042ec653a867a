"""Signature algorithms of notes: the scheme of each, and the signed bytes.

A log signs with Ed25519 (C2SP signed-note), a witness with Ed25519 or ML-DSA-44 (C2SP
tlog-cosignature).
"""

from collections.abc import Callable
from enum import IntEnum
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
)
from msgspec import Struct

from iku.ledger import checkpoint
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.malformed import Malformed
from iku.messages import message

SEED = 32  # bytes of a private key, in either scheme
LONGEST_NAME = 255  # bytes of the name of a key
_LABEL = b"subtree/v1\n\0"

PrivateKey: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey
PublicKey: TypeAlias = Ed25519PublicKey | MLDSA44PublicKey


class SignatureScheme(Struct, frozen=True):
    """A signature scheme.

    Attributes:
        public_length: The length of a public key, in bytes.
        private_key: Derives the private key from a seed. Each ML-DSA-44 signature by it
            is different, because it is hedged by random bytes (FIPS 204, 3.4).
        public_key: Parses a public key; `ValueError` if the bytes are not one.
        is_sound: Whether bytes of that length are a key, in canonical encoding.
    """

    public_length: int
    private_key: Callable[[bytes], PrivateKey]
    public_key: Callable[[bytes], PublicKey]
    is_sound: Callable[[bytes], bool]


_P = 2**255 - 19  # RFC 8032, 5.1
_D = -121665 * pow(121666, -1, _P)
# The y-coordinates of the eight points whose order divides the cofactor.
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = {0, 1, _P - 1, _Y8, _P - _Y8}


def is_sound_point(public: bytes) -> bool:
    """Whether an Ed25519 key is a canonically encoded point that is not of small order.

    OpenSSL accepts the others. Under a key of small order, some signatures verify for
    any message.
    """
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    u, v = y * y - 1, _D * y * y + 1  # x*x = u/v, which is a square if u*v is one
    on_curve = pow(u * v, (_P - 1) // 2, _P) == 1
    return y < _P and y not in _SMALL_ORDER and on_curve


ED25519 = SignatureScheme(
    32,
    Ed25519PrivateKey.from_private_bytes,
    Ed25519PublicKey.from_public_bytes,
    is_sound_point,
)
ML_DSA_44 = SignatureScheme(
    1_312,
    MLDSA44PrivateKey.from_seed_bytes,
    MLDSA44PublicKey.from_public_bytes,
    lambda _: True,  # FIPS 204, algorithm 23: any bytes of this length decode
)


class Algorithm(IntEnum):
    """The signature algorithm, as the byte that precedes a public key."""

    NOTE = 0x01
    COSIGNATURE = 0x04
    COSIGNATURE_ML_DSA = 0x06

    @property
    def scheme(self) -> SignatureScheme:
        """The signature scheme of the algorithm."""
        return ML_DSA_44 if self is Algorithm.COSIGNATURE_ML_DSA else ED25519

    @property
    def cosigns(self) -> bool:
        """Whether it is an algorithm of cosignatures, which have a timestamp."""
        return self is not Algorithm.NOTE


def signed_message(algorithm: Algorithm, name: str, text: str, time: int) -> bytes:
    """The signed bytes of a note with this *text*.

    Raises:
        Malformed: *text* is not a checkpoint with an origin of at most 255 bytes, which
            ML-DSA-44 requires.
    """
    if algorithm is Algorithm.NOTE:
        return text.encode()
    if algorithm is Algorithm.COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    return _cosigned_message(name, time, checkpoint.parse(text))


def _cosigned_message(name: str, time: int, found: Checkpoint) -> bytes:
    """The bytes that a witness signs with ML-DSA-44 (``cosigned_message`` of C2SP).

    They do not contain the checkpoint's extension lines.
    """
    origin = found.origin.encode()
    if len(origin) > LONGEST_NAME:
        raise Malformed(
            message("the origin is longer than {most} bytes", most=LONGEST_NAME)
        )
    named = name.encode()
    numbers = (time, 0, found.size)  # the tree begins at leaf 0
    stamp, start, end = (number.to_bytes(8, "big") for number in numbers)
    cosigner = bytes([len(named)]) + named
    log = bytes([len(origin)]) + origin
    return _LABEL + cosigner + stamp + log + start + end + found.root
