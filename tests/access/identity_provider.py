"""An identity provider whose documents, answers and tokens tests can falsify."""

import hmac
import json
import sys
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Answer: TypeAlias = Callable[[BaseHTTPRequestHandler], None]

CLIENT, SECRET = "iku pemkot", "rahasia/klien+1 &="
EC_KEY = ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(number: int, size: int = 2_048) -> rsa.RSAPrivateKey:
    """The RSA key of that number; one takes 70 ms to generate."""
    return rsa.generate_private_key(65_537, size)


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(of: int) -> str:
    return b64(of.to_bytes((of.bit_length() + 7) // 8, "big"))


def jwk(key: PrivateKey, **described: Any) -> dict[str, Any]:
    """The public key in a JWK, with further members."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)} | (
            described
        )
    point = public.public_numbers()
    x, y = (b64(one.to_bytes(32, "big")) for one in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y} | described


def sign(algorithm: str, key: PrivateKey, signed: bytes) -> bytes:
    """A signature; HS256 uses the public key's PEM as its secret."""
    if algorithm == "none":
        return b""
    if algorithm == "HS256":
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        return hmac.digest(pem, signed, "sha256")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    halves = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return b"".join(one.to_bytes(32, "big") for one in halves)


def token(header: dict[str, Any], claims: Any, key: PrivateKey) -> str:
    """A JSON Web Token in compact form."""
    parts = (json.dumps(one).encode() for one in (header, claims))
    signed = ".".join(map(b64, parts))
    return f"{signed}.{b64(sign(header['alg'], key, signed.encode()))}"


class IdentityProvider(ThreadingHTTPServer):
    """A provider that checks what it is sent, and answers what a test wants.

    Attributes:
        answers: Other answers, by path without query; they take precedence.
        configuration: Members that the discovery document has otherwise.
        claims, header: Members that the next tokens have otherwise; None: not at all.
        key, kid: What signs the next tokens.
        keys: The JWK set.
        secret: The client's secret; None for a public client.
        tokens: All tokens and codes that it issued.
        asked: The path of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.configuration: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.key: PrivateKey = rsa_key(0)
        self.kid: str | None = "kunci-1"
        self.keys = [jwk(self.key, kid="kunci-1", use="sig")]
        self.headers: dict[str, str] = {}
        self.secret: str | None = SECRET
        self.tokens: list[str] = []
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a bug of a test, but not that a client left a bad answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?ui=id",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["plain", "S256"],
        } | self.configuration

    def authorize(self, url: str) -> dict[str, str]:
        """What the browser brings back after the user has signed in at *url*."""
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        assert url.startswith(f"{self.url}/authorize?ui=id&")
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["scope"] == "openid"
        assert asked["code_challenge_method"] == "S256"
        code = f"kode-{len(self._codes)}-{b64(sha256(url.encode()).digest())}"
        self._codes[code] = asked
        self.tokens.append(code)
        return {"code": code, "state": asked["state"]}

    def redeem(
        self, form: dict[str, str], authorization: str | None
    ) -> tuple[int, dict[str, Any]]:
        """The answer of the token endpoint (RFC 6749, section 4.1.3)."""
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form["code"], None)
        challenge = b64(sha256(form["code_verifier"].encode()).digest())
        if asked is None or form["grant_type"] != "authorization_code":
            return 400, {"error": "invalid_grant", "error_description": form["code"]}
        if asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        if asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        made = self.token(asked)
        access = f"akses-{len(self.tokens)}"
        self.tokens += [made, access]
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": made}

    def token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "198503122010011001",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        } | self.claims
        if asked.get("max_age") == "0" and asked.get("prompt") == "login":
            claims = {"auth_time": now} | claims
        algorithm = "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"
        header = {"alg": algorithm, "kid": self.kid, "typ": "JWT"} | self.header
        return token(_given(header), _given(claims), self.key)

    def _is_client(self, form: dict[str, str], authorization: str | None) -> bool:
        if self.secret is None:
            return authorization is None and form.get("client_id") == CLIENT
        if authorization is None:
            given = (form.get("client_id"), form.get("client_secret"))
            return given == (CLIENT, self.secret)
        kind, _, pair = authorization.partition(" ")
        name, _, secret = b64decode(pair).decode().partition(":")
        given = (unquote_plus(name), unquote_plus(secret))
        return kind == "Basic" and given == (CLIENT, self.secret)


class FromNow(float):
    """A time that is so many seconds after the token is made."""


def _given(members: dict[str, Any]) -> dict[str, Any]:
    """The *members* that are not None, with times in seconds since 1970."""
    return {
        name: int(time.time() + value) if isinstance(value, FromNow) else value
        for name, value in members.items()
        if value is not None
    }


class _Handler(BaseHTTPRequestHandler):
    server: IdentityProvider

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        documents = {
            "/.well-known/openid-configuration": self.server.discovery(),
            "/jwks": {"keys": self.server.keys},
        }
        path = urlsplit(self.path).path
        if path in self.server.answers:
            self.server.answers[path](self)
        elif self.path in documents:
            send(self, 200, documents[self.path], **self.server.headers)
        else:
            send(self, 404, {})

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: value[0] for name, value in parse_qs(body).items()}
        if self.path in self.server.answers:
            self.server.answers[self.path](self)
        else:
            send(self, *self.server.redeem(form, self.headers["Authorization"]))

    def log_message(self, *words: object) -> None:
        """Print nothing."""


def send(
    to: BaseHTTPRequestHandler, status: int, document: Any, **headers: str
) -> None:
    """Answer with *document*, in JSON unless it is bytes."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    to.send_response(status)
    given = {"Content_Type": "application/json", "Content_Length": str(len(raw))}
    for name, value in (given | headers).items():
        to.send_header(name.replace("_", "-"), value)
    to.end_headers()
    to.wfile.write(raw)


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """A running provider."""
    with IdentityProvider() as provider:
        thread = threading.Thread(
            target=provider.serve_forever, args=(0.02,), daemon=True
        )
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
