"""Tokens: random and shown once. Only their hash is stored.

OWASP ASVS 5.0, 7.2.3 asks for at least 128 random bits.
"""

import hmac
import secrets
from hashlib import sha256

LENGTH = 32  # bytes: 256 bits, 43 characters of URL-safe base64


def generate() -> str:
    """A new token, as URL-safe base64 without padding."""
    return secrets.token_urlsafe(LENGTH)


def digest(token: str) -> bytes:
    """The SHA-256 of a token, which is the key of its row.

    Neither salt nor stretching: a random token cannot be guessed from its hash.
    """
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def matches(token: str, stored: bytes) -> bool:
    """Whether *stored* is the digest of *token*, compared in constant time."""
    return hmac.compare_digest(digest(token), stored)
