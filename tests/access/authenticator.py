"""An authenticator in software (WebAuthn, level 3, section 6), made of `cryptography`.

Its CBOR is written here, so that no code under test makes what it reads.
"""

import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

Key: TypeAlias = (
    ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
)
Json: TypeAlias = dict[str, Any]
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
ORIGIN = "https://iku.example.go.id"
RP_ID = "iku.example.go.id"


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: Any) -> bytes:
    """The value in CBOR (RFC 8949), in the order in which a mapping has its members."""
    match value:
        case int() if value >= 0:
            return _head(0, value)
        case int():
            return _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case dict():
            pairs = [cbor(one) for pair in value.items() for one in pair]
            return _head(5, len(value)) + b"".join(pairs)
        case _:
            raise TypeError(value)


def _head(kind: int, size: int) -> bytes:
    for code, form, below in ((24, ">B", 1 << 8), (25, ">H", 1 << 16)):
        if size < 24:
            return bytes([kind << 5 | size])
        if size < below:
            return bytes([kind << 5 | code]) + struct.pack(form, size)
    return bytes([kind << 5 | 26]) + struct.pack(">I", size)


def cose(key: Key) -> dict[int, Any]:
    """The public key as COSE (RFC 9053)."""
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        x, y = (one.to_bytes(32, "big") for one in (point.x, point.y))
        return {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
    numbers = public.public_numbers()
    return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}


class Authenticator:
    """One credential. Tests change what it does before they use it.

    Attributes:
        key: Its private key.
        id: Identifier of the credential.
        counter: Signature counter, which grows by one before each use; None for 0
            always.
        flags: Flags of its answers, without `AT`.
        origin, rp_id: Where it takes itself to be.
        client: Members that its client data have otherwise.
        user: Handle of the user it was registered for.
    """

    def __init__(self, key: Key | None = None, counter: int | None = 0) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.counter = counter
        self.flags = UP | UV
        self.origin, self.rp_id = ORIGIN, RP_ID
        self.client: Json = {}
        self.cose = cose(self.key)
        self.user: bytes | None = None

    def create(self, options: Json) -> Json:
        """`navigator.credentials.create(…)`, as `RegistrationResponseJSON`."""
        self.user = unb64(options["user"]["id"])
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id
        data = self._data(self.flags | AT) + attested + cbor(self.cose)
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        client = self._client("webauthn.create", options["challenge"])
        return self._response(
            clientDataJSON=b64(client),
            attestationObject=b64(cbor(statement)),
            transports=["internal", "hybrid", "kartu"],
        )

    def get(self, options: Json, **changed: Any) -> Json:
        """`navigator.credentials.get(…)`, as `AuthenticationResponseJSON`."""
        data = self._data(self.flags)
        client = self._client("webauthn.get", options["challenge"])
        signature = self._sign(data + sha256(client).digest())
        answer = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": b64(self.user or b""),
        }
        return self._response(**answer | changed)

    def _response(self, **answer: Any) -> Json:
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "response": answer,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }

    def _data(self, flags: int) -> bytes:
        if self.counter is not None:
            self.counter += 1
        site = sha256(self.rp_id.encode()).digest()
        return site + struct.pack(">BI", flags, self.counter or 0)

    def _client(self, kind: str, challenge: str) -> bytes:
        data: Mapping[str, Any] = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": False,
        } | self.client
        return json.dumps(data).encode()

    def _sign(self, signed: bytes) -> bytes:
        match self.key:
            case ec.EllipticCurvePrivateKey():
                return self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(signed)
            case _:
                return self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
