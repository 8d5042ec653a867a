"""Responses of authenticators: parsing, verification by `fido2`, further checks.

W3C Web Authentication, level 3, sections 7.1 (registration) and 7.2 (authentication).
"""

import struct
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    AuthenticatorTransport,
    CollectedClientData,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    RegistrationResponse,
    UserVerificationRequirement,
)
from msgspec import Struct

from iku.messages import Message, message

KEYS = (ES256, EdDSA, RS256)  # accepted kinds of public keys, the preferred one first
LONGEST_ID = 1_023  # bytes of a credential's identifier
TRANSPORTS = frozenset(one.value for one in AuthenticatorTransport)

R = TypeVar("R", RegistrationResponse, AuthenticationResponse)
# What `fido2` and the libraries below it raise for a hostile response.
_MALFORMED = (
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(ArithmeticError, RecursionError, MemoryError, struct.error),
    UnsupportedAlgorithm,
)


class PasskeyRefused(Exception):
    """The passkey is refused, for a reason that can be shown."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


class _Attestation(Struct, frozen=True):
    clientDataJSON: str  # noqa: N815 - the name in the specification
    attestationObject: str  # noqa: N815 - the same
    transports: tuple[str, ...] = ()


class _Assertion(Struct, frozen=True):
    clientDataJSON: str  # noqa: N815 - the same
    authenticatorData: str  # noqa: N815 - the same
    signature: str
    userHandle: str | None = None  # noqa: N815 - the same


class _Registration(Struct, frozen=True):
    id: str
    rawId: str  # noqa: N815 - the same
    type: Literal["public-key"]
    response: _Attestation


class _Authentication(Struct, frozen=True):
    id: str
    rawId: str  # noqa: N815 - the same
    type: Literal["public-key"]
    response: _Assertion


class _ClientData(Struct, frozen=True):
    type: str
    challenge: str
    origin: str
    crossOrigin: bool = False  # noqa: N815 - the same


INVALID = message("the response of the authenticator is not valid; try again")


class Verifier:
    """Verifies responses for pages of *origin* and the relying party *rp_id*.

    Authenticators have *milliseconds* to respond.
    """

    def __init__(self, origin: str, rp_id: str, agency: str, milliseconds: int) -> None:
        self._origin = origin
        self._party = PublicKeyCredentialRpEntity(name=agency, id=rp_id)
        self._milliseconds = milliseconds

    @cached_property
    def server(self) -> Fido2Server:
        """Made for the first passkey, because it takes milliseconds."""
        server = Fido2Server(
            self._party,
            attestation=AttestationConveyancePreference.NONE,
            verify_origin=self._is_origin,
        )
        server.timeout = self._milliseconds  # type: ignore[assignment]  # None
        server.allowed_algorithms = [
            PublicKeyCredentialParameters(
                type=PublicKeyCredentialType.PUBLIC_KEY, alg=key.ALGORITHM
            )
            for key in KEYS
        ]
        return server

    def verify_registration(
        self, response: RegistrationResponse
    ) -> AttestedCredentialData:
        """The new credential in a valid response to a registration.

        Raises:
            PasskeyRefused: The response is not valid.
        """
        client = response.response.client_data
        data = response.response.attestation_object.auth_data
        _check_user(client, data)
        try:
            self.server.register_complete(_state(client), response)
            found = data.credential_data
            usable = found is not None and _is_usable(found.public_key)
        except _MALFORMED as error:
            raise PasskeyRefused(INVALID) from error
        if (
            found is None
            or not usable
            or not 0 < len(found.credential_id) <= LONGEST_ID
        ):
            raise PasskeyRefused(INVALID)
        return found

    def verify(self, response: AuthenticationResponse, public_key: bytes) -> None:
        """Refuse a response that is not signed with *public_key*.

        Raises:
            PasskeyRefused: The response is not valid.
        """
        client = response.response.client_data
        _check_user(client, response.response.authenticator_data)
        key = CoseKey.parse(decode_key(public_key))
        credential = AttestedCredentialData.create(bytes(16), response.raw_id, key)
        try:
            self.server.authenticate_complete(_state(client), [credential], response)
        except _MALFORMED as error:
            raise PasskeyRefused(INVALID) from error

    def _is_origin(self, origin: str) -> bool:
        if origin != self._origin:
            raise PasskeyRefused(
                message(
                    "the passkey was used on a page of {found}, but the register is at "
                    "{origin}",
                    found=_printable_origin(origin),
                    origin=self._origin,
                )
            )
        return True


def parse_registration(response: Mapping[str, Any]) -> RegistrationResponse:
    """A `RegistrationResponseJSON`.

    Raises:
        PasskeyRefused: The response is malformed.
    """
    return _parse(RegistrationResponse, _Registration, response)


def parse_authentication(response: Mapping[str, Any]) -> AuthenticationResponse:
    """An `AuthenticationResponseJSON`.

    Raises:
        PasskeyRefused: The response is malformed.
    """
    return _parse(AuthenticationResponse, _Authentication, response)


def _parse(
    kind: type[R], form: type[_Registration | _Authentication], response: Any
) -> R:
    """*response* as a Struct of the type *form*.

    Values of other types must not reach `fido2`: given a number, it allocates that many
    bytes.
    """
    try:
        given = msgspec.convert(response, form)
        raw = websafe_decode(given.response.clientDataJSON)
        msgspec.json.decode(raw, type=_ClientData)
        parsed: R = kind.from_dict(msgspec.to_builtins(given))
    except _MALFORMED as error:
        raise PasskeyRefused(INVALID) from error
    return parsed


def transports_of(response: Mapping[str, Any]) -> tuple[str, ...]:
    """The known transports that a parsed registration lists."""
    given = msgspec.convert(response, _Registration)
    return tuple(sorted(TRANSPORTS & {*given.response.transports}))


def encode_key(key: CoseKey) -> bytes:
    """A COSE key in CBOR, as it is stored."""
    return cbor.encode(dict(key))


def decode_key(raw: bytes) -> dict[int, Any]:
    """The COSE key in CBOR that `encode_key` has written."""
    found = cbor.decode(raw)
    assert isinstance(found, dict)  # noqa: S101 - `encode_key` made it
    return found


def _check_user(client: CollectedClientData, data: AuthenticatorData) -> None:
    if client.cross_origin:
        raise PasskeyRefused(
            message("the passkey was used in a frame of another site's page")
        )
    if not data.is_user_verified():
        raise PasskeyRefused(
            message(
                "the authenticator did not verify its user; choose one with a PIN, a "
                "fingerprint or a face"
            )
        )
    if data.is_backed_up() and not data.is_backup_eligible():
        raise PasskeyRefused(INVALID)  # section 7.2, step 19


def _is_usable(key: CoseKey) -> bool:
    """Whether *key* is of an accepted kind.

    A malformed key raises an error in the verification of a signature.
    """
    if key.ALGORITHM not in {kind.ALGORITHM for kind in KEYS}:
        return False
    with suppress(InvalidSignature):
        key.verify(b"", b"")
    return True


def _state(client: CollectedClientData) -> Mapping[str, Any]:
    """The state that `fido2` expects, with the challenge from the flow store."""
    return {
        "challenge": websafe_encode(client.challenge),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }


def _printable_origin(origin: str) -> str:
    """*origin*, which a response names, if it is short printable ASCII; else ``?``."""
    plain = origin.isascii() and origin.isprintable() and len(origin) <= 200
    return origin if plain else "?"
