"""Identities over the database, with a whole sign-in by a provider."""

import asyncio
import time
from uuid import uuid4

import pytest

from iku.access import identities
from iku.access.addresses import AddressRules
from iku.access.database_flows import DatabaseFlows
from iku.access.identities import LinkedIdentity
from iku.access.oidc import Identity, RelyingParty
from iku.access.oidc_client import OidcClient
from iku.access.token_endpoint import OidcRefused
from iku.postgres.pool import Pool
from tests.access.enrolling import Office
from tests.access.identity_provider import CLIENT, SECRET, IdentityProvider

SITI = Identity("https://sso.example.go.id", "198503122010011001", None)


async def invited(office: Office) -> str:
    await office.invited(account := str(uuid4()))
    return account


async def test_an_identity_signs_the_account_in_that_linked_it(office: Office) -> None:
    account = await invited(office)
    assert await identities.find_account(office.connection, SITI) is None
    assert await identities.link(office.connection, account, SITI)

    for subject, found in ((SITI.subject, account), (SITI.subject.lower() + "x", None)):
        one = Identity(SITI.issuer, subject, time.time())
        assert await identities.find_account(office.connection, one) == found
    other = Identity("https://lain.example.go.id", SITI.subject, None)
    assert await identities.find_account(office.connection, other) is None
    [linked] = await identities.of_account(office.connection, account)
    assert isinstance(linked, LinkedIdentity)
    assert (linked.issuer, linked.subject) == (SITI.issuer, SITI.subject)
    assert linked.used_at is not None


async def test_an_identity_belongs_to_one_account(office: Office, pool: Pool) -> None:
    people = [await invited(office) for _ in range(5)]

    linked = await asyncio.gather(*(identities.link(pool, one, SITI) for one in people))

    assert linked.count(True) == 1
    holder = people[linked.index(True)]
    assert await identities.find_account(pool, SITI) == holder
    assert await identities.link(pool, holder, SITI)  # once more changes nothing


async def test_an_identity_is_unlinked_by_its_holder_only(office: Office) -> None:
    holder, other = await invited(office), await invited(office)
    await identities.link(office.connection, holder, SITI)

    for account, unlinked in ((other, False), (holder, True), (holder, False)):
        assert unlinked == await identities.unlink(
            office.connection, account, SITI.issuer, SITI.subject
        )
    assert await identities.of_account(office.connection, holder) == []
    assert await identities.find_account(office.connection, SITI) is None


async def test_a_whole_sign_in_passes_over_the_database(
    office: Office, pool: Pool, provider: IdentityProvider
) -> None:
    """Its flow can be finished by another process, once, and within ten minutes."""
    client = OidcClient(
        issuer=provider.url,
        client_id=CLIENT,
        client_secret=SECRET,
        redirect_uri="https://iku.example.go.id/masuk/oidc",
        rules=AddressRules(frozenset({"127.0.0.1"}), private=True),
    )
    first, second = RelyingParty(client), RelyingParty(client)
    flows = DatabaseFlows(pool)
    account = await invited(office)
    started = await first.start(flows, account=account)
    query = provider.authorize(started.url)
    done = await second.finish(flows, query, started.browser_value)
    assert done.flow.account == account
    assert await identities.link(office.connection, account, done.identity)
    assert await identities.find_account(office.connection, done.identity) == account

    with pytest.raises(OidcRefused, match="already used"):
        await first.finish(flows, query, started.browser_value)
    started = await first.start(flows)
    await office.later("601 seconds")
    with pytest.raises(OidcRefused, match="older than 10 minutes"):
        await first.finish(
            flows, provider.authorize(started.url), started.browser_value
        )
