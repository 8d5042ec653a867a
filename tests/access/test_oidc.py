"""Sign-in by an identity provider, and attacks on it (RFC 9700)."""

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from iku.access import token
from iku.access.addresses import AddressRefused, AddressRules, ProviderUnavailable
from iku.access.flows import FlowKind, base64url
from iku.access.oidc import (
    FLOW_S,
    FinishedFlow,
    Identity,
    RelyingParty,
    StartedFlow,
    cookie_name,
)
from iku.access.oidc_client import OidcClient, read_client
from iku.access.provider_client import LONGEST, ProviderClient
from iku.access.provider_documents import (
    CACHED_S,
    CEILING_S,
    COOL_DOWN_S,
    FLOOR_S,
)
from iku.access.token_endpoint import OidcRefused
from iku.language import translate
from iku.ledger.durable_files import InsecurePermissions
from iku.messages import Language, Message
from iku.settings import Settings, SettingsError
from tests.access.flow_store import MemoryFlows
from tests.access.identity_provider import (
    CLIENT,
    EC_KEY,
    SECRET,
    FromNow,
    IdentityProvider,
    identity_provider,
    jwk,
    rsa_key,
    send,
)

RETURN = "https://iku.example.go.id/masuk/oidc"
SUBJECT = "198503122010011001"
DISCOVERY = "/.well-known/openid-configuration"
LOCAL = AddressRules(frozenset({"127.0.0.1"}), private=True)


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def client_of(provider: IdentityProvider) -> OidcClient:
    return OidcClient(
        issuer=provider.url,
        client_id=CLIENT,
        client_secret=provider.secret,
        redirect_uri=RETURN,
        rules=LOCAL,
    )


@cache
def trust() -> ssl.SSLContext:
    """The authorities of the system; reading them takes 12 ms."""
    return ssl.create_default_context()


def party_of(provider: IdentityProvider, clock: Clock | None = None) -> RelyingParty:
    asking = ProviderClient(LOCAL, trust=trust(), timeout_s=2)
    return RelyingParty(client_of(provider), asking, monotonic=clock or time.monotonic)


@pytest.fixture
def party(provider: IdentityProvider, clock: Clock) -> RelyingParty:
    return party_of(provider, clock)


async def sign_in(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider, **asked: Any
) -> FinishedFlow:
    """A whole sign-in, with an honest browser."""
    started = await party.start(flows, **asked)
    query = provider.authorize(started.url)
    return await party.finish(flows, query, started.browser_value)


async def test_a_user_is_identified_by_issuer_and_subject(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """ASVS 10.5.2."""
    provider.claims = {"auth_time": 1_790_000_000}

    done = await sign_in(party, flows, provider, return_to="/figures?x=1")

    assert done.identity == Identity(provider.url, SUBJECT, 1_790_000_000)
    assert done.flow.return_to == "/figures?x=1"
    assert (done.flow.account, done.flow.fresh) == (None, False)
    assert flows.kept == {}


@pytest.mark.parametrize(
    ("methods", "several"),
    [
        (["pwd", "otp", "mfa"], True),
        (["pwd"], False),
        ([], False),
        ("mfa", False),
        ({"mfa": True}, False),
        (None, False),
    ],
)
async def test_the_provider_says_whether_it_verified_several_factors(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    methods: Any,
    several: bool,
) -> None:
    """RFC 8176, section 2."""
    provider.claims = {"amr": methods}

    assert (await sign_in(party, flows, provider)).identity.multi_factor is several


async def test_a_flow_remembers_the_account_that_it_is_for(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    assert (await sign_in(party, flows, provider, account="a-1")).flow.account == "a-1"


async def test_no_claim_of_a_token_becomes_a_right(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    plain = (await sign_in(party, flows, provider)).identity
    provider.claims = {
        "roles": ["admin"],
        "realm_access": {"roles": ["admin", "kepala_badan"]},
        "email": "kepala@example.go.id",
        "groups": ["/admin"],
    }

    assert (await sign_in(party, flows, provider)).identity == plain


async def test_a_token_signed_by_an_elliptic_curve_key_is_accepted(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    provider.key, provider.kid = EC_KEY, "kurva"
    provider.keys.append(jwk(EC_KEY, kid="kurva", alg="ES256"))

    assert (await sign_in(party, flows, provider)).identity.subject == SUBJECT


@pytest.mark.parametrize(
    ("secret", "methods"),
    [
        (SECRET, None),
        (SECRET, ["client_secret_post"]),
        (SECRET, ["private_key_jwt", "client_secret_basic", "client_secret_post"]),
        (None, None),
        (None, ["none"]),
    ],
)
async def test_the_client_authenticates_in_a_way_that_the_provider_supports(
    flows: MemoryFlows,
    provider: IdentityProvider,
    secret: str | None,
    methods: list[str] | None,
) -> None:
    """A secret with reserved characters is encoded (RFC 6749, section 2.3.1)."""
    provider.secret = secret
    if methods is not None:
        provider.configuration["token_endpoint_auth_methods_supported"] = methods

    done = await sign_in(party_of(provider), flows, provider)

    assert done.identity.subject == SUBJECT


async def test_a_provider_that_needs_another_client_authentication_is_named(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    methods = ["private_key_jwt"]
    provider.configuration["token_endpoint_auth_methods_supported"] = methods

    with pytest.raises(ProviderUnavailable, match="by private_key_jwt, but sign-in"):
        await sign_in(party, flows, provider)


async def test_a_wrong_client_secret_is_named(
    flows: MemoryFlows, provider: IdentityProvider
) -> None:
    wrong = replace(client_of(provider), client_secret="lama")
    party = RelyingParty(wrong, ProviderClient(LOCAL))

    with pytest.raises(OidcRefused, match="refused the sign-in: invalid_client"):
        await sign_in(party, flows, provider)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nonce": "lain"}, "belongs to another sign-in"),
        ({"nonce": ""}, "belongs to another sign-in"),
        ({"nonce": None}, "claims of the ID token are not valid: .*`nonce`"),
        ({"aud": "lain"}, "is for the client lain, not for iku pemkot"),
        ({"aud": []}, "is for the client –, not for"),
        ({"aud": ["lain", "satu"], "azp": CLIENT}, "is for the client lain, satu"),
        ({"aud": None}, "claims of the ID token are not valid"),
        ({"iss": "https://lain.test"}, "was issued by https://lain.test, not by"),
        ({"iss": None}, "claims of the ID token are not valid"),
        ({"azp": "lain"}, r"was issued to the client lain \(azp\), not to iku pemkot"),
        ({"aud": [CLIENT, "lain"]}, r"was issued to the client – \(azp\)"),
        ({"aud": [CLIENT, "lain"], "azp": "lain"}, r"to the client lain \(azp\)"),
        ({"exp": FromNow(-31)}, "expired .* seconds ago"),
        ({"exp": 0}, "expired .* seconds ago"),
        ({"exp": None}, "claims of the ID token are not valid"),
        ({"exp": float("nan")}, "claims of the ID token are not valid"),
        ({"exp": "9999999999"}, "claims of the ID token are not valid"),
        ({"iat": FromNow(90)}, "becomes valid in .* seconds"),
        ({"iat": None}, "claims of the ID token are not valid"),
        ({"nbf": FromNow(90)}, "becomes valid in .* seconds"),
        ({"sub": None}, "claims of the ID token are not valid"),
        ({"sub": ""}, "subject of the ID token has 0 characters"),
        ({"sub": "a" * 256}, "has 256 characters, but must have 1 to 255"),
        ({"sub": "a\0b"}, "subject of the ID token has 3 characters"),
        ({"sub": 7}, "claims of the ID token are not valid"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    claims: dict[str, Any],
    said: str,
) -> None:
    """OpenID Connect Core 1.0, section 3.1.3.7; ASVS 10.5.1, 10.5.3, 10.5.4."""
    provider.claims = claims

    with pytest.raises(OidcRefused, match=said):
        await sign_in(party, flows, provider)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": FromNow(-10)},
        {"iat": FromNow(15)},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "lain"], "azp": CLIENT},
        {"azp": CLIENT},
        {"exp": 1e11 + 0.5},
    ],
)
async def test_clocks_may_differ_by_half_a_minute_and_audiences_be_several(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    claims: dict[str, Any],
) -> None:
    provider.claims = claims

    assert (await sign_in(party, flows, provider)).identity.subject == SUBJECT


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"alg": "none"}, "not signed with one of the algorithms RS256, ES256"),
        ({"alg": "none", "kid": None}, "not signed with one of the algorithms"),
        ({"alg": "HS256"}, "not signed with one of the algorithms"),
        ({"alg": "RS512"}, "not signed with one of the algorithms"),
        ({"alg": "PS256"}, "not signed with one of the algorithms"),
        ({"alg": "ES256"}, "is malformed"),  # with the RSA key
        ({"kid": "lain"}, "with a key that the provider does not list"),
        ({"kid": ["kunci-1"]}, "is malformed"),
        ({"crit": ["urn:x"], "urn:x": True}, "is malformed"),
    ],
)
async def test_a_token_with_a_wrong_header_is_refused(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    header: dict[str, Any],
    said: str,
) -> None:
    """`alg: none`, and HS256 with the public key as its secret, among others."""
    provider.header = header

    with pytest.raises(OidcRefused, match=said):
        await sign_in(party, flows, provider)


async def test_a_key_that_the_token_brings_along_is_ignored(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """Headers `jwk`, `jku` and `x5u` come from the attacker (RFC 8725, 3.10)."""
    provider.key = rsa_key(1)
    foreign = jwk(rsa_key(1), kid="kunci-1")
    for header in ({"jwk": foreign}, {"jku": f"{provider.url}/other"}):
        provider.header = header | {"kid": "kunci-1"}
        with pytest.raises(OidcRefused, match=r"signature .* is not valid|malformed"):
            await sign_in(party, flows, provider)
    assert "/other" not in provider.asked


@pytest.mark.parametrize("made", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "e30.e30."])
async def test_what_is_no_token_is_refused(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider, made: str
) -> None:
    provider.answers["/token"] = lambda to: send(to, 200, {"id_token": made})

    with pytest.raises(OidcRefused, match="the ID token is malformed"):
        await sign_in(party, flows, provider)


async def test_a_state_is_good_once(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """ASVS 10.2.1."""
    started = await party.start(flows)
    query = provider.authorize(started.url)
    await party.finish(flows, query, started.browser_value)

    with pytest.raises(OidcRefused, match="is unknown, already used, or older than 10"):
        await party.finish(flows, query, started.browser_value)


async def test_a_state_is_good_once_even_if_the_sign_in_failed(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    started = await party.start(flows)
    provider.claims = {"nonce": "lain"}
    query = provider.authorize(started.url)
    with pytest.raises(OidcRefused, match="another sign-in"):
        await party.finish(flows, query, started.browser_value)
    provider.claims = {}
    query |= {"code": provider.authorize(started.url)["code"]}

    with pytest.raises(OidcRefused, match="already used"):
        await party.finish(flows, query, started.browser_value)


@pytest.mark.parametrize("state", [None, "", "lain"])
async def test_an_unknown_state_is_refused(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    state: str | None,
) -> None:
    """ASVS 10.1.2, 10.2.1."""
    started = await party.start(flows)
    query = provider.authorize(started.url)
    del query["state"]

    with pytest.raises(OidcRefused, match="is unknown"):
        await party.finish(
            flows,
            query if state is None else query | {"state": state},
            started.browser_value,
        )
    assert "/token" not in provider.asked


@pytest.mark.parametrize("stolen", [None, "", "lain", "of another flow"])
async def test_the_state_of_another_browser_is_refused(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    stolen: str | None,
) -> None:
    """ASVS 10.1.2: the link to an attacker's own sign-in (login CSRF)."""
    attackers, victims = await party.start(flows), await party.start(flows)
    value = victims.browser_value if stolen == "of another flow" else stolen

    with pytest.raises(OidcRefused, match="was started in another browser"):
        await party.finish(flows, provider.authorize(attackers.url), value)
    assert "/token" not in provider.asked


async def test_a_flow_ends_after_ten_minutes(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    started = await party.start(flows)
    flows.now += FLOW_S

    with pytest.raises(OidcRefused, match="older than 10 minutes"):
        await party.finish(
            flows, provider.authorize(started.url), started.browser_value
        )


async def test_a_code_is_good_once_and_only_in_its_own_flow(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """ASVS 10.1.2, 10.2.1: a replayed code, and one of another browser (PKCE)."""
    first, second, third = [await party.start(flows) for _ in range(3)]
    code = provider.authorize(first.url)["code"]
    for started, reused in (
        (second, provider.authorize(third.url)["code"]),
        (first, code),
        (third, code),
    ):
        query = provider.authorize(started.url) | {"code": reused}
        finish = party.finish(flows, query, started.browser_value)
        if started is first:
            assert (await finish).identity.subject == SUBJECT
        else:
            with pytest.raises(OidcRefused, match="refused the sign-in: invalid_grant"):
                await finish


async def test_the_answer_of_another_provider_is_refused(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """Mix-up (RFC 9207): the code would be sent to the wrong provider (ASVS 10.1.2)."""
    started = await party.start(flows)
    query = provider.authorize(started.url) | {"iss": "https://jahat.test"}

    with pytest.raises(
        OidcRefused, match=r"comes from the issuer https://jahat\.test, but"
    ):
        await party.finish(flows, query, started.browser_value)
    assert "/token" not in provider.asked


async def test_an_answer_must_name_its_provider_where_the_provider_always_does(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """RFC 9207, section 2.4."""
    provider.configuration["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(OidcRefused, match="comes from the issuer –, but"):
        await sign_in(party, flows, provider)
    started = await party.start(flows)
    query = provider.authorize(started.url) | {"iss": provider.url}

    assert (await party.finish(flows, query, started.browser_value)).identity


async def test_a_flow_does_not_survive_a_change_of_the_provider(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    started = await party.start(flows)
    with identity_provider() as other:
        query = provider.authorize(started.url)
        with pytest.raises(OidcRefused, match=f"was started at {provider.url}, but"):
            await party_of(other).finish(flows, query, started.browser_value)
        assert other.asked == []


async def test_a_flow_of_another_kind_is_none(
    party: RelyingParty, flows: MemoryFlows
) -> None:
    await flows.put(FlowKind.PASSKEY_SIGN_IN, token.digest("x"), b"{}", 300)

    with pytest.raises(OidcRefused, match="is unknown"):
        await party.finish(flows, {"state": "x", "code": "y"}, "z")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("access_denied", "access_denied"),
        ("<b>Panggil 0812</b>", "–"),
        ("", "–"),
        ("a" * 41, "–"),
    ],
)
async def test_a_refusal_by_the_provider_is_named_by_its_code_only(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    error: str,
    shown: str,
) -> None:
    """Anybody can write a text into a link; no page shows it."""
    started = await party.start(flows)
    state = provider.authorize(started.url)["state"]
    query = {"state": state, "error": error, "error_description": "Panggil 0812"}

    with pytest.raises(OidcRefused) as caught:
        await party.finish(flows, query, started.browser_value)
    assert str(caught.value) == f"the identity provider refused the sign-in: {shown}"


async def test_an_answer_without_a_code_is_refused(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    started = await party.start(flows)
    query = {"state": provider.authorize(started.url)["state"]}

    with pytest.raises(OidcRefused, match="sent no authorization code"):
        await party.finish(flows, query, started.browser_value)


@pytest.mark.parametrize(
    "path",
    [
        *("", "figures", "https://jahat.test", "//jahat.test", "/\\jahat.test"),
        *("/a\nb", "javascript:alert(1)", "/\t/jahat.test"),
    ],
)
async def test_a_sign_in_leads_to_no_other_site(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider, path: str
) -> None:
    done = await sign_in(party, flows, provider, return_to=path)

    assert done.flow.return_to == "/"


async def test_a_confirmation_needs_a_new_authentication_at_the_provider(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """ASVS 7.5.1, 7.5.3."""
    done = await sign_in(party, flows, provider, fresh=True)
    assert done.identity.authenticated_at == pytest.approx(time.time(), abs=5)
    for at in (None, FromNow(-600)):
        provider.claims = {"auth_time": at}
        with pytest.raises(OidcRefused, match="did not ask for your credentials again"):
            await sign_in(party, flows, provider, fresh=True)


async def test_several_windows_sign_in_at_a_time(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """Each flow has a cookie of its own."""
    started = [await party.start(flows) for _ in range(3)]
    assert len({one.cookie for one in started}) == 3
    for one in reversed(started):
        query = provider.authorize(one.url)
        assert one.cookie == cookie_name(query["state"])
        assert (await party.finish(flows, query, one.browser_value)).identity


async def test_what_is_stored_completes_no_sign_in(
    party: RelyingParty, flows: MemoryFlows
) -> None:
    """ASVS 7.2.3: a dump holds no state, no nonce and no code verifier."""
    started = await party.start(flows)
    asked = dict(parse_qsl(urlsplit(started.url).query))
    ((kind, key), (content, _)) = next(iter(flows.kept.items()))

    assert (kind, key) == (FlowKind.OIDC, token.digest(asked["state"]))
    for secret in (asked["state"], asked["nonce"], started.browser_value):
        assert len(secret) == 43
        assert secret.encode() not in content
    assert base64url(key) != asked["code_challenge"]
    assert started.browser_value not in repr(started)
    assert started.browser_value not in started.url


async def test_no_two_flows_share_a_value(
    party: RelyingParty, flows: MemoryFlows
) -> None:
    urls = [(await party.start(flows)).url for _ in range(5)]
    asked = [dict(parse_qsl(urlsplit(url).query)) for url in urls]
    values = [one[n] for one in asked for n in ("state", "nonce", "code_challenge")]

    assert len(set(values)) == 15


def reading(*paths: str) -> Callable[[IdentityProvider], list[str]]:
    return lambda provider: [path for path in provider.asked if path in paths]


documents_of = reading(DISCOVERY, "/jwks")
keys_of = reading("/jwks")


async def test_keys_that_the_provider_replaces_are_read_again(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    await sign_in(party, flows, provider)
    provider.key, provider.kid = rsa_key(1), "kunci-2"
    provider.keys = [jwk(rsa_key(1), kid="kunci-2")]

    assert (await sign_in(party, flows, provider)).identity.subject == SUBJECT
    assert len(keys_of(provider)) == 2


@pytest.mark.parametrize("kid", ["kunci-1", None])
async def test_a_key_that_is_replaced_under_its_name_is_read_again(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider, kid: str | None
) -> None:
    provider.kid = kid
    await sign_in(party, flows, provider)
    provider.key = rsa_key(1)
    provider.keys = [jwk(rsa_key(1), **({} if kid is None else {"kid": kid}))]

    assert (await sign_in(party, flows, provider)).identity.subject == SUBJECT


async def test_a_key_that_the_provider_removed_is_not_used_for_longer_than_allowed(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider, clock: Clock
) -> None:
    await sign_in(party, flows, provider)
    provider.keys = [jwk(rsa_key(1), kid="kunci-2")]
    clock.seconds += CACHED_S

    with pytest.raises(OidcRefused, match="does not list"):
        await sign_in(party, flows, provider)


async def test_unknown_keys_are_asked_for_once_a_minute_at_most(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider, clock: Clock
) -> None:
    await sign_in(party, flows, provider)
    provider.kid = "lain"
    for _ in range(4):
        with pytest.raises(OidcRefused, match="does not list"):
            await sign_in(party, flows, provider)
    assert len(keys_of(provider)) == 2
    clock.seconds += COOL_DOWN_S
    with pytest.raises(OidcRefused, match="does not list"):
        await sign_in(party, flows, provider)
    assert len(keys_of(provider)) == 3


async def test_many_who_meet_a_new_key_read_it_once(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    await sign_in(party, flows, provider)
    provider.key, provider.kid = rsa_key(1), "kunci-2"
    provider.keys = [jwk(rsa_key(1), kid="kunci-2")]

    done = await asyncio.gather(*(sign_in(party, flows, provider) for _ in range(5)))

    assert {one.identity.subject for one in done} == {SUBJECT}
    assert len(keys_of(provider)) == 2


@pytest.mark.parametrize(
    ("control", "kept_s"),
    [
        (None, CACHED_S),
        ("max-age=900", 900),
        ("public, max-age=900, must-revalidate", 900),
        ("max-age=1", FLOOR_S),
        ("no-store", FLOOR_S),
        ("no-cache, max-age=900", FLOOR_S),
        ("max-age=31536000", CEILING_S),
        ("max-age=x", CACHED_S),
    ],
)
async def test_documents_are_kept_as_long_as_the_provider_allows_within_limits(
    flows: MemoryFlows,
    provider: IdentityProvider,
    clock: Clock,
    control: str | None,
    kept_s: int,
) -> None:
    party = party_of(provider, clock)
    provider.headers = {} if control is None else {"Cache_Control": control}
    await sign_in(party, flows, provider)
    clock.seconds += kept_s - 1
    await sign_in(party, flows, provider)
    assert documents_of(provider) == [DISCOVERY, "/jwks"]
    clock.seconds += 1
    await sign_in(party, flows, provider)
    assert documents_of(provider) == [DISCOVERY, "/jwks"] * 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: jwk(rsa_key(0), kid="kunci-1", use="enc"),
        lambda: jwk(rsa_key(0), kid="kunci-1", alg="RSA-OAEP"),
        lambda: jwk(rsa_key(0), kid="kunci-1", alg="ES256"),
        lambda: jwk(rsa_key(0), kid="kunci-1") | {"n": "AQAB"},
        lambda: jwk(rsa_key(0), kid="kunci-1") | {"n": 7},
        lambda: {"kty": "RSA", "kid": "kunci-1"},
        lambda: {"kty": "oct", "kid": "kunci-1", "k": "c2VjcmV0"},
        lambda: {"kty": "EC", "kid": "kunci-1", "crv": "P-256", "x": "AA", "y": "AA"},
        lambda: {"kty": "AKP", "kid": "kunci-1", "alg": "ML-DSA-44", "pub": "AA"},
        dict,
    ],
)
async def test_a_key_that_verifies_no_token_is_ignored_and_the_others_are_not(
    flows: MemoryFlows, provider: IdentityProvider, make: Callable[[], dict[str, Any]]
) -> None:
    key, usable = make(), provider.keys
    provider.keys = [key]
    with pytest.raises(OidcRefused, match="does not list"):
        await sign_in(party_of(provider), flows, provider)
    provider.keys = [key | {"kid": "lain"}, *usable]

    assert (await sign_in(party_of(provider), flows, provider)).identity


async def test_a_key_for_encryption_verifies_no_token_without_a_key_id(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """A token that names no key is verified by the only one that is for signatures."""
    provider.kid = None
    provider.keys = [jwk(rsa_key(0), use="enc")]

    with pytest.raises(OidcRefused, match="does not list"):
        await sign_in(party, flows, provider)


async def test_a_short_key_verifies_nothing(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    provider.key = rsa_key(0, size=1_024)
    provider.keys = [jwk(provider.key, kid="kunci-1")]

    with pytest.raises(OidcRefused, match="does not list"):
        await sign_in(party, flows, provider)


def drop_by_drop(to: BaseHTTPRequestHandler) -> None:
    """A document of which a byte comes before each time limit of a socket."""
    to.send_response(200)
    to.send_header("Content-Type", "application/json")
    to.send_header("Content-Length", "60000")
    to.end_headers()
    for _ in range(100):
        to.wfile.write(b" ")
        to.wfile.flush()
        time.sleep(0.1)


def unending(to: BaseHTTPRequestHandler) -> None:
    to.send_response(200)
    to.send_header("Content-Type", "application/json")
    to.end_headers()
    while True:
        to.wfile.write(b" " * (1 << 16))


def redirecting(to: BaseHTTPRequestHandler) -> None:
    send(to, 302, {}, Location="/elsewhere")


def answering(document: Any, status: int = 200, **headers: str) -> Any:
    return lambda to: send(to, status, document, **headers)


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (drop_by_drop, "did not answer within 2 seconds"),
        (unending, f"is longer than {LONGEST} bytes"),
        (redirecting, r"redirects \(302\), which is not followed"),
        (answering(b"<html>", 502, Content_Type="text/html"), "502 and text/html"),
        (answering(b"{}", Content_Type="text/plain"), "200 and text/plain"),
        (answering(b"{}", Content_Encoding="gzip"), "200 and gzip"),
        (answering(b"{"), "is not the expected document|unexpected document"),
        (answering(b"[]"), "is not the expected document|unexpected document"),
        (answering(b"[" * 5_000), "is not the expected document|unexpected document"),
        (answering(b"\xff"), "is not the expected document|unexpected document"),
    ],
)
async def test_an_answer_that_is_no_small_prompt_document_is_refused(
    provider: IdentityProvider,
    answer: Any,
    said: str,
    path: str,
) -> None:
    """ASVS 1.3.6: a redirect, among others."""
    provider.answers[path] = answer
    with pytest.raises(ProviderUnavailable, match=said):
        await sign_in(party_of(provider), MemoryFlows(), provider)
    assert "/elsewhere" not in provider.asked


async def test_the_configuration_of_another_issuer_is_refused(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    """ASVS 10.5.3: the issuer must be equal, character by character."""
    for other in (
        "https://jahat.test",
        f"{provider.url}/",
        provider.url.upper(),
        f"{provider.url}/realms/lain",
    ):
        provider.configuration["issuer"] = other
        with pytest.raises(ProviderUnavailable, match=r"is the configuration of the"):
            await party.start(flows)
    assert flows.kept == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"issuer": None}, "Expected `str`"),
        ({"jwks_uri": 7}, "Expected `str`"),
        ({"response_types_supported": ["id_token"]}, "supports id_token"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "one of RS256, ES256"),
        ({"id_token_signing_alg_values_supported": []}, "supports –"),
        ({"code_challenge_methods_supported": ["plain"]}, "supports plain"),
    ],
)
async def test_a_configuration_that_does_not_suffice_is_refused(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    changed: dict[str, Any],
    said: str,
) -> None:
    provider.configuration = changed

    with pytest.raises(ProviderUnavailable, match=said):
        await party.start(flows)


@pytest.mark.parametrize(
    "field", ["authorization_endpoint", "token_endpoint", "jwks_uri"]
)
@pytest.mark.parametrize(
    "url",
    [
        "https://jahat.test/x",
        "http://169.254.169.254/latest/meta-data",
        "ftp://127.0.0.1/x",
        "javascript:alert(1)",
        "/x",
        "",
    ],
)
async def test_a_configuration_leads_to_no_other_host(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    field: str,
    url: str,
) -> None:
    """ASVS 1.3.6."""
    provider.configuration[field] = url

    with pytest.raises(AddressRefused):
        await party.start(flows)


async def test_a_configuration_with_a_duplicate_key_is_refused(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    twice = json.dumps(provider.discovery())[:-1] + ', "issuer": "x"}'
    provider.answers[DISCOVERY] = answering(twice.encode())

    with pytest.raises(ProviderUnavailable, match="issuer is a duplicate key"):
        await party.start(flows)


async def test_a_provider_that_was_away_is_asked_again(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    provider.answers[DISCOVERY] = answering({}, 503)
    with pytest.raises(ProviderUnavailable, match="responded with status 503"):
        await party.start(flows)
    del provider.answers[DISCOVERY]

    assert (await sign_in(party, flows, provider)).identity.subject == SUBJECT


async def test_an_answer_without_a_token_is_refused(
    party: RelyingParty, flows: MemoryFlows, provider: IdentityProvider
) -> None:
    for answer, said in (
        (answering({"access_token": "x"}), "sent no ID token"),
        (answering({"id_token": "x"}, 500), "refused the sign-in: 500"),
        (answering({"error": "<b>"}, 400), "refused the sign-in: 400"),
        (answering({"id_token": "x", "error": "server_error"}), "server_error"),
    ):
        provider.answers["/token"] = answer
        with pytest.raises(OidcRefused, match=said):
            await sign_in(party, flows, provider)


async def test_no_token_code_or_secret_is_in_a_message_or_a_log(
    party: RelyingParty,
    flows: MemoryFlows,
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """ASVS 16.2.5, with all loggers of all libraries at their most talkative."""
    caplog.set_level(logging.DEBUG)
    said, secrets = [], [SECRET]
    attempts: list[tuple[dict[str, Any], dict[str, Any], Any]] = [
        ({}, {}, None),
        ({"nonce": "lain"}, {}, None),
        ({"exp": 0}, {}, None),
        ({"exp": None}, {}, None),
        ({}, {"alg": "none"}, None),
        ({}, {"kid": "lain"}, None),
        ({}, {}, answering({"id_token": "rahasia.token.x"})),
        ({}, {}, answering(b'{"id_token": "rahasia.token.x"')),
        ({}, {}, answering(b'"rahasia.token.x"')),
    ]
    for claims, header, answer in attempts:
        provider.claims, provider.header = claims, header
        if answer is not None:
            provider.answers["/token"] = answer
        started = await party.start(flows)
        query = provider.authorize(started.url)
        try:
            said.append(repr(await party.finish(flows, query, started.browser_value)))
        except (OidcRefused, ProviderUnavailable) as error:
            said += [str(error), repr(error.__cause__)]
        secrets += [started.browser_value, query["state"], "rahasia.token.x"]
        secrets += parse_qs(urlsplit(started.url).query)["nonce"]
    secrets += provider.tokens
    secrets += [part for one in provider.tokens for part in one.split(".") if part]
    shown = caplog.text + "".join(said) + repr(client_of(provider))

    assert len(secrets) > 50
    assert len(said) == 17
    assert [secret for secret in secrets if secret in shown] == []


async def test_a_refusal_is_a_message_in_both_languages(
    party: RelyingParty, flows: MemoryFlows
) -> None:
    with pytest.raises(OidcRefused) as caught:
        await party.finish(flows, {}, None)
    said = caught.value.args[0]

    assert isinstance(said, Message)
    assert "10 menit" in translate(said, Language.INDONESIAN)


def settings_of(tmp_path: Path, secret: str | None) -> Settings:
    file = tmp_path / "secret"
    if secret is not None:
        file.write_text(f"{secret}\n")
        file.chmod(0o600)
    return Settings(
        public_url="https://iku.example.go.id",
        oidc_issuer="https://SSO.example.go.id/realms/kota",
        oidc_client_id="iku",
        oidc_client_secret_file=None if secret is None else file,
        oidc_hosts=("keys.example.go.id",),
    )


def test_the_registration_is_read_from_the_settings(tmp_path: Path) -> None:
    client = read_client(settings_of(tmp_path, "rahasia"))

    assert client == OidcClient(
        issuer="https://SSO.example.go.id/realms/kota",
        client_id="iku",
        client_secret="rahasia",
        redirect_uri=RETURN,
        rules=AddressRules(frozenset({"sso.example.go.id", "keys.example.go.id"})),
    )
    assert "rahasia" not in repr(client)
    public = read_client(settings_of(tmp_path, None))
    assert public is not None
    assert public.client_secret is None
    assert read_client(Settings()) is None


def test_a_registration_without_secret_or_public_url_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match="which is empty"):
        read_client(settings_of(tmp_path, " "))
    settings = settings_of(tmp_path, "rahasia")
    with pytest.raises(SettingsError, match="but IKU_PUBLIC_URL is not"):
        read_client(replace(settings, public_url=None))
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(InsecurePermissions):
        read_client(settings)


class RunningMock:
    """The program `oidc-provider-mock`, in a process of its own."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def run(self) -> Iterator["RunningMock"]:
        options = ("--port", str(self.port), "--require-nonce")
        with subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                self._wait()
                yield self
            finally:
                process.terminate()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < until
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + DISCOVERY).is_success
        except httpx.TransportError:
            return False

    def authorize(self, started: StartedFlow, **form: str) -> dict[str, str]:
        """What the browser brings back after the user has filled in the form."""
        answer = httpx.post(started.url, data=form)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"{RETURN}?")
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


async def test_the_flow_passes_against_a_provider_of_other_authors(
    flows: MemoryFlows,
) -> None:
    mock = RunningMock()
    party = RelyingParty(
        OidcClient(
            issuer=mock.url,
            client_id="iku",
            client_secret="rahasia",
            redirect_uri=RETURN,
            rules=LOCAL,
        )
    )
    with mock.run():
        for subject in ("siti", "budi"):
            started = await party.start(flows)
            query = mock.authorize(started, sub=subject)
            done = await party.finish(flows, query, started.browser_value)
            assert done.identity.issuer == mock.url
            assert done.identity.subject == subject
            with pytest.raises(OidcRefused, match="already used"):
                await party.finish(flows, query, started.browser_value)
        first, second = [await party.start(flows) for _ in range(2)]
        swapped = mock.authorize(first, sub="siti") | {
            "state": mock.authorize(second, sub="budi")["state"]
        }
        with pytest.raises(OidcRefused, match="belongs to another sign-in"):
            await party.finish(flows, swapped, second.browser_value)
    with mock.run():  # with a new key
        started = await party.start(flows)
        query = mock.authorize(started, sub="siti")
        done = await party.finish(flows, query, started.browser_value)
        assert done.identity.subject == "siti"
    started = await party.start(flows)
    query |= {"state": parse_qs(urlsplit(started.url).query)["state"][0]}
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await party.finish(flows, query, started.browser_value)
