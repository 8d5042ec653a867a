"""The state of a flow of several requests, stored between them and used once.

A sign-in by an identity provider or by a passkey takes two requests. The state of the
first is stored on the server under the digest of a random value, which the second
request sends back. It is taken from the store only once, and expires.
"""

from base64 import urlsafe_b64encode
from enum import StrEnum
from typing import Protocol


class FlowKind(StrEnum):
    """The purpose of a flow; state of one kind is not found as another kind."""

    OIDC = "oidc"
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_SIGN_IN = "passkey_sign_in"
    FILLED_FORM = "filled_form"


class FlowStore(Protocol):
    """Stores flows; several processes may share one store."""

    async def put(
        self, kind: FlowKind, key: bytes, content: bytes, lifetime_s: int
    ) -> None:
        """Store *content* under *key*, a SHA-256 digest, for *lifetime_s* seconds."""

    async def take(self, kind: FlowKind, key: bytes) -> bytes | None:
        """Remove and return the content stored under *key*.

        The result is None if there is none, or it has expired or is of another kind. Of
        two concurrent calls at most one gets the content.
        """


def base64url(raw: bytes) -> str:
    """*raw* in base64url without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
