"""Verification of ID tokens (OpenID Connect Core 1.0, section 3.1.3.7)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import (
    BadSignatureError,
    InvalidKeyIdError,
    JoseError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from msgspec import Struct

from iku import messages, strict_json
from iku.access.provider_documents import ALGORITHMS, ProviderDocuments
from iku.messages import message

LEEWAY_S = 30  # between the provider's clock and this one's
LONGEST_SUBJECT = 255  # OIDC Core, section 2

# Unknown parameters of the header are ignored (RFC 7515, section 4), `crit` is not.
_registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)


class InvalidIdToken(Exception):
    """The ID token is not valid; the message says why, and never quotes the token."""


class IdTokenClaims(Struct, frozen=True):
    """The claims of an ID token that are used; the times are seconds since 1970.

    `amr` lists the methods of the authentication (RFC 8176).
    """

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    nbf: float | None = None
    auth_time: float | None = None
    amr: Any = None

    @property
    def audiences(self) -> Sequence[str]:
        """The clients for which the token was issued."""
        return (self.aud,) if isinstance(self.aud, str) else self.aud

    @property
    def multi_factor(self) -> bool:
        """Whether the provider verified several factors (RFC 8176, `mfa`)."""
        return isinstance(self.amr, list) and "mfa" in self.amr


class ExpectedClaims(Struct, frozen=True):
    """The values that the claims must have, and the time of the verification."""

    issuer: str
    client: str
    nonce: str
    now: float


_claims = msgspec.json.Decoder(IdTokenClaims)


async def verify(
    token: str, documents: ProviderDocuments, expected: ExpectedClaims
) -> IdTokenClaims:
    """The claims of *token*, after its signature and its claims are verified.

    Raises:
        InvalidIdToken: The signature or a claim is not valid.
        ProviderUnavailable: The keys of the provider cannot be read.
    """
    keys = await documents.keys()
    try:
        payload = _verified_payload(token, keys)
    except (InvalidKeyIdError, BadSignatureError):
        # The provider may have replaced its keys.
        payload = _payload_by_new_keys(token, await documents.refreshed_keys())
    claims = _decode(payload)
    _check_parties(claims, expected)
    _check_times(claims, expected.now)
    return claims


def _payload_by_new_keys(token: str, keys: KeySet) -> bytes:
    try:
        return _verified_payload(token, keys)
    except InvalidKeyIdError:
        raise InvalidIdToken(
            message("the ID token is signed with a key that the provider does not list")
        ) from None
    except BadSignatureError:
        raise InvalidIdToken(
            message("the signature of the ID token is not valid")
        ) from None


def _verified_payload(token: str, keys: KeySet) -> bytes:
    """The payload of *token*, whose signature is verified.

    Raises:
        InvalidKeyIdError: None of *keys* is the one that the token names.
        BadSignatureError: The signature is not by that key.
        InvalidIdToken: The token is malformed or its algorithm is not allowed.
    """
    try:
        return jws.deserialize_compact(token, keys, registry=_registry).payload
    except (InvalidKeyIdError, BadSignatureError):
        raise
    except UnsupportedAlgorithmError:
        raise InvalidIdToken(
            message(
                "the ID token is not signed with one of the algorithms {allowed}",
                allowed=[*ALGORITHMS],
            )
        ) from None
    except (JoseError, ValueError, TypeError, AttributeError):
        # The library's errors may quote parts of the token.
        raise InvalidIdToken(message("the ID token is malformed")) from None


def _decode(payload: bytes) -> IdTokenClaims:
    try:
        return strict_json.decode(payload, _claims)
    except (
        strict_json.InvalidJson,
        strict_json.DuplicateKey,
        msgspec.ValidationError,
    ) as error:
        raise InvalidIdToken(
            message(
                "the claims of the ID token are not valid: {error}",
                error=messages.error_message(error),
            )
        ) from None


def _check_parties(claims: IdTokenClaims, expected: ExpectedClaims) -> None:
    if claims.iss != expected.issuer:
        raise InvalidIdToken(
            message(
                "the ID token was issued by {found}, not by {issuer}",
                found=claims.iss,
                issuer=expected.issuer,
            )
        )
    if expected.client not in claims.audiences:
        raise InvalidIdToken(
            message(
                "the ID token is for the client {found}, not for {client}",
                found=[*claims.audiences] or "–",
                client=expected.client,
            )
        )
    alone = len(claims.audiences) == 1 and claims.azp is None
    if not alone and claims.azp != expected.client:
        raise InvalidIdToken(
            message(
                "the ID token was issued to the client {found} (azp), not to {client}",
                found=claims.azp or "–",
                client=expected.client,
            )
        )
    if claims.nonce != expected.nonce:
        raise InvalidIdToken(
            message("the ID token belongs to another sign-in (nonce); sign in again")
        )
    if not 0 < len(claims.sub) <= LONGEST_SUBJECT or not claims.sub.isprintable():
        raise InvalidIdToken(
            message(
                "the subject of the ID token has {length} characters, but must have 1 "
                "to {most} printable ones",
                length=len(claims.sub),
                most=LONGEST_SUBJECT,
            )
        )


def _check_times(claims: IdTokenClaims, now: float) -> None:
    if now >= claims.exp + LEEWAY_S:
        raise InvalidIdToken(
            message(
                "the ID token expired {seconds} seconds ago; compare the clocks of "
                "this server and of the identity provider",
                seconds=int(now - claims.exp),
            )
        )
    begins = max(claims.iat, claims.nbf or 0.0)
    if begins > now + LEEWAY_S:
        raise InvalidIdToken(
            message(
                "the ID token becomes valid in {seconds} seconds; compare the clocks "
                "of this server and of the identity provider",
                seconds=int(begins - now),
            )
        )
