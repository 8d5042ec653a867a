"""Weighty acts need a factor used in the last five minutes (ASVS 7.5.1, 7.5.3)."""

import re
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from iku.domain.account import Role
from iku.postgres import pool as pools
from iku.postgres.pool import Plain
from tests.conftest import Clone
from tests.web import people
from tests.web.conftest import CASE
from tests.web.people import Office
from tests.web.test_rights import (
    ERASED,
    INDICATOR_PROPOSED,
    INVITED,
    SUSPENDED,
    step,
)

STEP_UP = "urn:iku:problem:step-up"


class Act(NamedTuple):
    """A weighty act of a member, by a request of the API."""

    name: str
    path: str
    body: Any = None


DAY = SUSPENDED["effective_on"]
ACTS = {
    "publish": Act("kepala_badan", "/publications/2018/events", step("published")),
    "approve": Act(
        "kepala_badan", "/proposals/{proposal}/events", {"type": "approved"}
    ),
    "erase": Act("kepala_badan", "/subjects/conflict-K2/erasure", ERASED),
    "invite": Act("admin", "/accounts", INVITED),
    "grant": Act(
        "admin",
        "/accounts/{other}/events",
        {"type": "granted", "role": "admin", "basis": "SK/9", "effective_on": DAY},
    ),
    "revoke": Act(
        "admin",
        "/accounts/{other}/events",
        {"type": "revoked", "grant": 2, "reason": "Uji", "effective_on": DAY},
    ),
    "suspend": Act("admin", "/accounts/{other}/events", SUSPENDED),
    "recover": Act(
        "admin",
        "/accounts/{other}/events",
        {"type": "recovered", "reason": "Uji", "effective_on": DAY},
    ),
    "link": Act("admin", "/accounts/{other}/link"),
    "API key": Act(
        "perencana", "/accounts/{own}/keys", {"name": "uji", "roles": ["perencana"]}
    ),
}
# The forms that change factors, on the page of one's own account.
FORMS = (
    *("/akun/sandi", "/akun/aplikasi/hapus", "/akun/passkey/hapus"),
    *("/akun/identitas/hapus", "/akun/kunci-api"),
)


@pytest.fixture(scope="module")
async def register(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Office, Plain]]:
    """An office with a reviewed publication and a proposal, and its database."""
    database = await clone(furnished)
    owner = await pools.connect_as_owner(database.owner_dsn)
    await owner.execute("set event_triggers = off")
    async with people.opened(database, tmp_path_factory.mktemp("fresh")) as office:
        client = office.client
        await client.records("/conflicts", {**CASE, "number": "K2"})
        draft = {"period": "year", "as_of": "2018-12-31", "reason": "Uji"}
        await client.records("/publications", draft)
        for kind, actor in (("closed", "a"), ("reviewed", "b")):
            await client.records(
                "/publications/2018/events", step(kind), Iku_Actor=actor
            )
        await office.open_accounts()
        invited = await office.invite("other", Role.PERENCANA, "admin")
        office.other = invited.account
        made = await office.records("perencana", "/proposals", INDICATOR_PROPOSED)
        office.proposal = made["id"]
        yield office, owner
    await owner.close()


@pytest.fixture
async def office(register: tuple[Office, Plain]) -> AsyncIterator[Office]:
    """The office, whose members last used a factor six minutes ago."""
    found, owner = register
    await owner.execute(
        "update access.session set fresh_at = now() - interval '6 minutes'"
    )
    yield found
    await owner.execute("update access.session set fresh_at = now()")


async def send(office: Office, act: Act) -> Any:
    path = act.path.format(
        other=office.other,
        proposal=office.proposal,
        own=office.members[act.name].account,
    )
    body = {} if act.body is None else {"json": act.body}
    return await office.ask(act.name, path, "POST", **body)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_a_weighty_act_needs_a_fresh_factor(
    office: Office, register: tuple[Office, Plain], act: Act
) -> None:
    refused = await send(office, act)
    assert refused.status_code == 403, refused.text
    assert refused.json()["type"] == STEP_UP
    await register[1].execute("update access.session set fresh_at = now()")
    accepted = await send(office, act)
    assert accepted.status_code in {200, 201, 409}, accepted.text


@pytest.mark.parametrize("path", FORMS)
async def test_factors_are_changed_with_a_fresh_factor_only(
    office: Office, path: str
) -> None:
    member = office.members["perencana"]
    page = await office.ask("perencana", "http://iku.test/akun")
    key = re.search(r'name="kunci" value="([^"]+)"', page.text)
    assert key is not None
    answer = await office.ask(
        "perencana",
        f"http://iku.test{path}",
        "POST",
        data={"kunci": key[1], "name": "oleh formulir", "roles": "perencana"},
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].startswith("/akun/konfirmasi")
    keys = await office.says("perencana", f"/accounts/{member.account}/keys")
    assert "oleh formulir" not in [one["name"] for one in keys["items"]]
