"""Sign-in by an identity provider: an OpenID Connect relying party.

Authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE (RFC 7636,
S256), `state`, `nonce`, and the `iss` parameter against mix-up (RFC 9207); RFC 9700
describes the attacks. The result is an identity: issuer and subject. Which account it
belongs to, and what that account may do, is decided here, never by the provider.

The browser keeps a random value in a cookie, and the flow's `state` is in the URL. The
server stores only the digests of both. `nonce` and the code verifier are derived from
both (OpenID Connect Core, section 15.5.2), so that a dump of the database is not enough
to complete a sign-in.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import msgspec
from msgspec import Struct

from iku.access import id_token, token_endpoint
from iku.access import token as tokens
from iku.access.flows import FlowKind, FlowStore, base64url
from iku.access.id_token import LEEWAY_S, ExpectedClaims, IdTokenClaims, InvalidIdToken
from iku.access.oidc_client import OidcClient
from iku.access.provider_client import ProviderClient
from iku.access.provider_documents import ProviderConfiguration, ProviderDocuments
from iku.access.token_endpoint import OidcRefused, oauth_error
from iku.messages import message

FLOW_S = 600  # within which the user must come back from the provider


class OidcFlow(Struct, frozen=True):
    """The state of a flow, stored between its two requests.

    Attributes:
        issuer: The provider to which the browser was sent.
        browser: Digest of the value in the browser's cookie.
        started_at: Seconds since 1970.
        return_to: Path of the page that comes after the sign-in.
        account: The account that confirms its identity or links it; None for a sign-in.
        fresh: Whether the user must authenticate to the provider again.
    """

    issuer: str
    browser: bytes
    started_at: float
    return_to: str
    account: str | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class StartedFlow:
    """A started flow: where to send the browser, and the cookie to set.

    Attributes:
        url: Where to send the browser.
        cookie: Name of the cookie, without prefix; it differs between flows, so that
            several windows can sign in at the same time.
        browser_value: Secret value of that cookie, for `FLOW_S` seconds: HttpOnly,
            Secure, SameSite=Lax.
    """

    url: str
    cookie: str
    browser_value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """The user's identity at a provider; issuer and subject identify one person.

    Attributes:
        issuer: The provider.
        subject: The provider's identifier of the user.
        authenticated_at: When the user last authenticated to the provider, in seconds
            since 1970; None if the provider does not say.
        multi_factor: Whether the provider says that it verified several factors.
    """

    issuer: str
    subject: str
    authenticated_at: float | None = None
    multi_factor: bool = False


@dataclass(frozen=True, slots=True)
class FinishedFlow:
    """The identity that a flow has proved, and the state of the flow.

    The caller compares `flow.account` with the account that is signed in.
    """

    identity: Identity
    flow: OidcFlow


def cookie_name(state: str) -> str:
    """The name of the cookie of the flow *state*, without prefix."""
    return f"oidc-{tokens.digest(state).hex()[:16]}"


class RelyingParty:
    """Signs users in through one identity provider; lives as long as the process.

    It caches the provider's documents, and keeps no state of a sign-in in progress. It
    never holds a connection of the database while it waits for the provider.
    """

    def __init__(
        self,
        client: OidcClient,
        provider: ProviderClient | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._provider = provider or ProviderClient(client.rules)
        self._documents = ProviderDocuments(self._provider, client.issuer, monotonic)
        self._clock = clock

    async def start(
        self,
        flows: FlowStore,
        *,
        return_to: str = "/",
        account: str | None = None,
        fresh: bool = False,
    ) -> StartedFlow:
        """Start a flow. *return_to* must be a path of this server; another becomes `/`.

        *account* and *fresh* are those of `OidcFlow`.

        Raises:
            ProviderUnavailable: The provider's configuration cannot be used.
        """
        configuration = await self._documents.configuration()
        state, browser_value = tokens.generate(), tokens.generate()
        flow = OidcFlow(
            issuer=self._client.issuer,
            browser=tokens.digest(browser_value),
            started_at=self._clock(),
            return_to=local_path(return_to),
            account=account,
            fresh=fresh,
        )
        await flows.put(
            FlowKind.OIDC, tokens.digest(state), msgspec.json.encode(flow), FLOW_S
        )
        url = self._authorization_url(configuration, state, browser_value, fresh=fresh)
        return StartedFlow(url, cookie_name(state), browser_value)

    async def finish(
        self, flows: FlowStore, query: Mapping[str, str], browser_value: str | None
    ) -> FinishedFlow:
        """The identity of the user whom the provider has sent back with *query*.

        *browser_value* is the value of the cookie `cookie_name(query["state"])`; None
        if the browser did not send it.

        Raises:
            OidcRefused: The sign-in is refused; the flow cannot be continued.
            ProviderUnavailable: The provider cannot be reached.
        """
        state = query.get("state", "")
        flow = await self._take_flow(flows, state, browser_value)
        assert browser_value is not None  # noqa: S101 - `_take_flow` has compared it
        configuration = await self._documents.configuration()
        self._check_issuer(flow, query.get("iss"), configuration)
        token = await token_endpoint.redeem(
            self._provider,
            self._client,
            configuration,
            _authorization_code(query),
            _derive(browser_value, "code_verifier", state),
        )
        claims = await self._verify(token, _derive(browser_value, "nonce", state))
        _check_freshness(flow, claims)
        return FinishedFlow(_identity(claims), flow)

    def _authorization_url(
        self,
        configuration: ProviderConfiguration,
        state: str,
        browser_value: str,
        *,
        fresh: bool,
    ) -> str:
        verifier = _derive(browser_value, "code_verifier", state)
        url = httpx.URL(configuration.authorization_endpoint)
        parameters = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": _derive(browser_value, "nonce", state),
            "code_challenge": base64url(tokens.digest(verifier)),
            "code_challenge_method": "S256",
        }
        if fresh:
            parameters |= {"prompt": "login", "max_age": "0"}
        return str(url.copy_merge_params(parameters))

    async def _take_flow(
        self, flows: FlowStore, state: str, browser_value: str | None
    ) -> OidcFlow:
        content = (
            await flows.take(FlowKind.OIDC, tokens.digest(state)) if state else None
        )
        if content is None:
            raise OidcRefused(
                message(
                    "this sign-in is unknown, already used, or older than {minutes} "
                    "minutes; sign in again",
                    minutes=FLOW_S // 60,
                )
            )
        flow = msgspec.json.decode(content, type=OidcFlow)
        if browser_value is None or not tokens.matches(browser_value, flow.browser):
            raise OidcRefused(
                message(
                    "this sign-in was started in another browser, or this browser "
                    "refuses cookies; sign in again"
                )
            )
        if flow.issuer != self._client.issuer:
            raise OidcRefused(
                message(
                    "this sign-in was started at {old}, but the identity provider is "
                    "now {issuer}; sign in again",
                    old=flow.issuer,
                    issuer=self._client.issuer,
                )
            )
        return flow

    def _check_issuer(
        self,
        flow: OidcFlow,
        answered: str | None,
        configuration: ProviderConfiguration,
    ) -> None:
        """Verify the `iss` parameter of the response (RFC 9207, section 2.4)."""
        demanded = configuration.authorization_response_iss_parameter_supported
        if answered is None and not demanded:
            return
        if answered != flow.issuer:
            raise OidcRefused(
                message(
                    "the response comes from the issuer {answered}, but this sign-in "
                    "was started at {issuer}",
                    answered="–" if answered is None else _printable_issuer(answered),
                    issuer=flow.issuer,
                )
            )

    async def _verify(self, token: str, nonce: str) -> IdTokenClaims:
        expected = ExpectedClaims(
            issuer=self._client.issuer,
            client=self._client.client_id,
            nonce=nonce,
            now=self._clock(),
        )
        try:
            return await id_token.verify(token, self._documents, expected)
        except InvalidIdToken as error:
            raise OidcRefused(*error.args) from None


def _derive(browser_value: str, purpose: str, state: str) -> str:
    """A secret of this flow, of 43 characters, derived from the value in the cookie."""
    key, said = browser_value.encode(), f"iku {purpose} {state}".encode()
    return base64url(hmac.digest(key, said, "sha256"))


def _identity(claims: IdTokenClaims) -> Identity:
    return Identity(
        issuer=claims.iss,
        subject=claims.sub,
        authenticated_at=claims.auth_time,
        multi_factor=claims.multi_factor,
    )


def _authorization_code(query: Mapping[str, str]) -> str:
    if "error" in query:
        raise OidcRefused(
            message(
                "the identity provider refused the sign-in: {error}",
                error=oauth_error(query["error"]) or "–",
            )
        )
    code = query.get("code", "")
    if not code:
        raise OidcRefused(message("the identity provider sent no authorization code"))
    return code


def _check_freshness(flow: OidcFlow, claims: IdTokenClaims) -> None:
    """Refuse a confirmation without an authentication since the flow started."""
    if not flow.fresh:
        return
    at = claims.auth_time
    if at is None or at < flow.started_at - LEEWAY_S:
        raise OidcRefused(
            message(
                "the identity provider did not ask for your credentials again, so "
                "this does not confirm your identity; use another factor"
            )
        )


def _printable_issuer(issuer: str) -> str:
    """*issuer*, which comes from a URL, if it is short printable ASCII; else ``?``."""
    plain = issuer.isascii() and issuer.isprintable() and len(issuer) <= 200
    return issuer if plain else "?"


def local_path(path: str) -> str:
    """*path* if a browser resolves it to a path of this server; else ``/``."""
    local = path.startswith("/") and path.isprintable() and "\\" not in path
    return path if local and not path.startswith("//") else "/"
