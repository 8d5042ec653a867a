"""The published documents of an identity provider: its configuration and its keys.

OpenID Connect Discovery 1.0; RFC 8414; RFC 7517. Both documents are cached for as long
as the provider allows, within limits. A token signed with an unknown key causes the
keys to be fetched again, at most once a minute, so that such tokens cannot flood the
provider.
"""

import asyncio
import binascii
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from msgspec import Struct

from iku import messages, strict_json
from iku.access.addresses import ProviderUnavailable
from iku.access.provider_client import JsonResponse, ProviderClient
from iku.messages import message

ALGORITHMS = ("RS256", "ES256")  # of signatures of ID tokens
SHORTEST_RSA_BITS = 2_048
CACHED_S = 3_600  # if the provider does not say how long
FLOOR_S = 300
CEILING_S = 86_400
COOL_DOWN_S = 60  # between two fetches of keys that are not too old
WELL_KNOWN = "/.well-known/openid-configuration"

T = TypeVar("T")


class ProviderConfiguration(Struct, frozen=True):
    """The fields of the discovery document that are used (OIDC Discovery, section 3).

    `code_challenge_methods_supported` and
    `authorization_response_iss_parameter_supported` are those of RFC 8414 and RFC 9207.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: tuple[str, ...] = ("code",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    authorization_response_iss_parameter_supported: bool = False


class _Jwks(Struct, frozen=True):
    keys: list[dict[str, Any]]


_configuration = msgspec.json.Decoder(ProviderConfiguration)
_jwks = msgspec.json.Decoder(_Jwks)


class _CachedDocument(Generic[T]):
    """A cached document; concurrent callers share one fetch."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[T, int | None]]],
        clock: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._until = 0.0

    async def value(self) -> T:
        """The document; it is fetched if it is missing or has expired."""
        async with self._lock:
            if self._value is None or self._clock() >= self._until:
                await self._renew()
            assert self._value is not None  # noqa: S101 - `_renew` sets it
            return self._value

    async def refresh(self) -> T:
        """The document, fetched again even if it has not expired."""
        async with self._lock:
            await self._renew()
            assert self._value is not None  # noqa: S101 - `_renew` sets it
            return self._value

    async def _renew(self) -> None:
        self._value, max_age_s = await self._fetch()
        kept = CACHED_S if max_age_s is None else max_age_s
        self._until = self._clock() + min(max(kept, FLOOR_S), CEILING_S)


class ProviderDocuments:
    """The configuration and the keys of the provider *issuer*."""

    def __init__(
        self,
        client: ProviderClient,
        issuer: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._issuer = issuer
        self._clock = clock
        self._refetched_at: float | None = None
        self._configuration: _CachedDocument[ProviderConfiguration] = _CachedDocument(
            self._fetch_configuration, clock
        )
        self._keys: _CachedDocument[KeySet] = _CachedDocument(self._fetch_keys, clock)

    async def configuration(self) -> ProviderConfiguration:
        """The provider's configuration, from its discovery document.

        Raises:
            ProviderUnavailable: The document cannot be read, or does not allow sign-in.
        """
        return await self._configuration.value()

    async def keys(self) -> KeySet:
        """The provider's public keys, which verify ID tokens.

        Raises:
            ProviderUnavailable: The keys cannot be read.
        """
        return await self._keys.value()

    async def refreshed_keys(self) -> KeySet:
        """The provider's keys, fetched again for an unknown key, at most once a minute.

        Raises:
            ProviderUnavailable: The keys cannot be read.
        """
        last = self._refetched_at
        if last is not None and self._clock() - last < COOL_DOWN_S:
            return await self._keys.value()
        self._refetched_at = self._clock()
        return await self._keys.refresh()

    async def _fetch_configuration(self) -> tuple[ProviderConfiguration, int | None]:
        # OIDC Discovery, section 4.1: without the issuer's final slash.
        url = self._issuer.rstrip("/") + WELL_KNOWN
        answer = await self._client.get(url)
        found = _decode(url, answer, _configuration)
        if found.issuer != self._issuer:
            raise ProviderUnavailable(
                message(
                    "{url} is the configuration of the issuer {found}, but "
                    "IKU_OIDC_ISSUER is {issuer}",
                    url=url,
                    found=found.issuer,
                    issuer=self._issuer,
                )
            )
        self._check(found)
        return found, answer.max_age_s

    def _check(self, found: ProviderConfiguration) -> None:
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            self._client.rules.check_url(url)
        needed = (
            ("response_types_supported", ("code",)),
            ("id_token_signing_alg_values_supported", ALGORITHMS),
            ("code_challenge_methods_supported", ("S256",)),
        )
        for field, usable in needed:
            supported = getattr(found, field)
            if not set(usable) & set(supported):
                raise ProviderUnavailable(
                    message(
                        "the identity provider {issuer} supports {supported} "
                        "({field}), but sign-in needs one of {usable}",
                        issuer=self._issuer,
                        supported=[*supported] or "–",
                        field=field,
                        usable=[*usable],
                    )
                )

    async def _fetch_keys(self) -> tuple[KeySet, int | None]:
        url = (await self.configuration()).jwks_uri
        answer = await self._client.get(url)
        found = [_key(one) for one in _decode(url, answer, _jwks).keys]
        return KeySet([key for key in found if key is not None]), answer.max_age_s


def _decode(url: str, answer: JsonResponse, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return strict_json.decode(answer.body, decoder)
    except (
        strict_json.InvalidJson,
        strict_json.DuplicateKey,
        msgspec.ValidationError,
    ) as error:
        raise ProviderUnavailable(
            message(
                "{url} is not the expected document: {error}",
                url=url,
                error=messages.error_message(error),
            )
        ) from error


def _key(jwk: Mapping[str, Any]) -> Key | None:
    """The public key of a JWK; None if it cannot verify RS256 or ES256.

    A set may hold keys for other purposes, which must be ignored (RFC 7517, section 5).
    """
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", "RS256") not in ALGORITHMS:
        return None
    described = {name: jwk[name] for name in ("kid", "use", "alg") if name in jwk}
    try:
        match jwk.get("kty"):
            case "RSA" if _bit_length(jwk["n"]) >= SHORTEST_RSA_BITS:
                numbers = {"kty": "RSA", "n": jwk["n"], "e": jwk["e"]}
                return RSAKey.import_key(numbers | described)
            case "EC" if jwk["crv"] == "P-256":
                point = {"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"]}
                return ECKey.import_key(point | described)
            case _:
                return None
    except (JoseError, ValueError, TypeError, KeyError, binascii.Error):
        return None


def _bit_length(modulus: str) -> int:
    raw = urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    return int.from_bytes(raw, "big").bit_length()
