"""The token endpoint of an identity provider: a code is exchanged for an ID token."""

import re
from base64 import b64encode
from http import HTTPStatus
from urllib.parse import quote_plus

import msgspec
from msgspec import Struct

from iku.access.addresses import ProviderUnavailable
from iku.access.oidc_client import OidcClient
from iku.access.provider_client import ProviderClient
from iku.access.provider_documents import ProviderConfiguration
from iku.messages import message

_ERROR = re.compile(r"[a-z_]{1,40}")


class OidcRefused(Exception):
    """The sign-in is refused; the message says why, without a token or a code."""


class _TokenResponse(Struct, frozen=True):
    id_token: str | None = None
    error: str | None = None


_answers = msgspec.json.Decoder(_TokenResponse)


async def redeem(
    provider: ProviderClient,
    client: OidcClient,
    configuration: ProviderConfiguration,
    code: str,
    verifier: str,
) -> str:
    """The ID token for *code* (OpenID Connect Core, section 3.1.3).

    Raises:
        OidcRefused: The provider refuses the code.
        ProviderUnavailable: The provider cannot be reached.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    authorization = _authenticate(client, configuration, form)
    url = configuration.token_endpoint
    answer = await provider.post_form(url, form, authorization)
    found = _decode(url, answer.body)
    if answer.status != HTTPStatus.OK or found.error is not None:
        raise OidcRefused(
            message(
                "the identity provider refused the sign-in: {error}",
                error=oauth_error(found.error) or str(answer.status),
            )
        )
    if found.id_token is None:
        raise OidcRefused(message("the identity provider sent no ID token"))
    return found.id_token


def oauth_error(error: str | None) -> str | None:
    """An error code of OAuth; None for another text, which is not shown to users."""
    return error if error is not None and _ERROR.fullmatch(error) else None


def _authenticate(
    client: OidcClient, configuration: ProviderConfiguration, form: dict[str, str]
) -> str | None:
    """Add the client's credentials to *form*, or return them as a header."""
    methods = configuration.token_endpoint_auth_methods_supported
    secret = client.client_secret
    if secret is not None and "client_secret_basic" in methods:
        # RFC 6749, section 2.3.1: both parts are form-encoded.
        pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
        return f"Basic {b64encode(pair.encode()).decode('ascii')}"
    form["client_id"] = client.client_id
    if secret is None:
        return None
    if "client_secret_post" not in methods:
        raise ProviderUnavailable(
            message(
                "the identity provider {issuer} authenticates clients by {supported}, "
                "but sign-in needs client_secret_basic or client_secret_post",
                issuer=client.issuer,
                supported=[*methods] or "–",
            )
        )
    form["client_secret"] = secret
    return None


def _decode(url: str, body: bytes) -> _TokenResponse:
    try:
        return _answers.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The decoder's error is not quoted or kept: the body may hold a token.
        raise ProviderUnavailable(
            message("{url} returned an unexpected document", url=url)
        ) from None
