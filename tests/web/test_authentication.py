"""Who calls: sessions, API keys, and what the register does without them."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from iku.access import api_keys, sessions
from iku.access.accounts import delete_credentials as forget_account
from iku.access.audit import Outcome
from iku.access.sessions import Stage
from iku.app import App
from iku.commands import accounts
from iku.commands.command import Command
from iku.domain import conflict
from iku.domain.access import Credentials
from iku.domain.account import AccountSuspended, Invite, Role, RoleRevoked
from iku.domain.fact import Person
from iku.postgres import pool as pools
from tests.conftest import SETTINGS
from tests.restoring import Restored
from tests.web.conftest import CASE, Client, problem
from tests.web.test_origin_check import table

PUBLIC = ("/health/live", "/agency", "/publications")
READ = ("/indicators", "/conflicts", "/figures", "/log/events")


async def invited(
    app: App, role: Role, by: Credentials | None = None, division: str | None = None
) -> Credentials:
    proposed = Invite(holder=Person(role), basis="SK/1", role=role, division=division)
    async with app.pool.acquire() as connection:
        outcome = await accounts.invite(
            app.commands,
            connection,
            proposed,
            app.agency.division_ownership,
            credentials=by,
        )
    return Credentials(outcome.subject, outcome.receipt.version, fresh=True)


async def officer(app: App) -> Credentials:
    admin = await invited(app, Role.ADMIN)
    return await invited(app, Role.PETUGAS, admin, "wasnas")


async def key_of(
    app: App, account: str, *roles: Role, rights: tuple[str, ...] = ()
) -> str:
    async with app.pool.acquire() as connection:
        made = await api_keys.create(
            connection,
            account,
            name="uji",
            roles=roles,
            rights=rights,
            held=roles,
            lifetime=timedelta(days=1),
        )
    return made.key


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_without_accounts_everyone_reads_and_enters(client: Client) -> None:
    for path in (*PUBLIC, *READ):
        assert (await client.get(path)).status_code == 200, path
    await client.records("/conflicts", CASE, Iku_Actor="siti")


async def test_with_accounts_only_what_is_public_needs_no_sign_in(
    app: App, client: Client
) -> None:
    """ASVS 8.2.1."""
    await officer(app)
    for path in PUBLIC:
        assert (await client.get(path)).status_code == 200, path
    for path in READ:
        shown = problem(await client.get(path), 401)
        assert shown["type"] == "urn:iku:problem:unauthenticated"
    refused = await client.post("/conflicts", json=CASE, headers={"Iku-Actor": "siti"})
    problem(refused, 401)
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_an_api_key_acts_for_its_account(app: App, client: Client) -> None:
    account = (await officer(app)).account
    key = await key_of(app, account, Role.PETUGAS)
    entered = await client.post("/conflicts", json=CASE, headers=bearer(key))
    assert entered.status_code == 201
    verified = {"type": "verified", "effective_on": "2021-02-10"}
    answer = await client.post(
        "/conflicts/K14/events", json=verified, headers=bearer(key)
    )
    shown = problem(answer, 403)
    assert "verifikator" in shown["detail"] or "verifier" in shown["detail"]
    listed = await client.get("/conflicts", headers=bearer(key))
    assert listed.status_code == 200
    problem(await client.get("/log/events", headers=bearer(key)), 403)


async def test_a_request_repeated_by_another_account_gets_no_receipt(
    app: App, client: Client
) -> None:
    """ASVS 8.2.2: the receipt is of the account that recorded the fact."""
    admin = await invited(app, Role.ADMIN)
    first = await invited(app, Role.PETUGAS, admin, "wasnas")
    second = await invited(app, Role.PETUGAS, admin, "wasnas")
    planner = await invited(app, Role.PERENCANA, admin)
    again = {"Idempotency-Key": "a-1"}
    statuses = []
    for account, role in (
        *((first, Role.PETUGAS), (first, Role.PETUGAS), (second, Role.PETUGAS)),
        (planner, Role.PERENCANA),
    ):
        headers = again | bearer(await key_of(app, account.account, role))
        answer = await client.post("/conflicts", json=CASE, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [201, 201, 422, 422]
    for claimed in ({}, {"Iku-Actor": first.account}):
        nobody = await client.post("/conflicts", json=CASE, headers=again | claimed)
        problem(nobody, 401)


async def test_an_api_key_for_the_log_reads_the_log_alone(
    app: App, client: Client
) -> None:
    account = (await officer(app)).account
    key = await key_of(app, account, rights=("log",))
    assert (await client.get("/log/events", headers=bearer(key))).status_code == 200
    problem(await client.get("/conflicts", headers=bearer(key)), 403)


async def test_an_invalid_key_is_refused_also_without_accounts(client: Client) -> None:
    for header in ("Bearer iku_0_x", "Bearer ", "Basic YTpi"):
        answer = await client.get("/indicators", headers={"Authorization": header})
        problem(answer, 401)


async def test_a_session_acts_for_its_account_until_it_ends(
    app: App, client: Client
) -> None:
    account = (await officer(app)).account
    async with app.pool.acquire() as connection:
        token = await sessions.open_session(connection, account, method="password+totp")
    cookie = {"Cookie": f"other=1; __Host-iku={token}"}
    assert (await client.get("/conflicts", headers=cookie)).status_code == 200
    async with app.pool.acquire() as connection:
        assert await sessions.end(connection, token)
    problem(await client.get("/conflicts", headers=cookie), 401)


@pytest.mark.parametrize("stage", [Stage.INVITED, Stage.PARTIAL])
async def test_a_password_or_an_invitation_alone_opens_no_route(
    app: App, client: Client, stage: Stage
) -> None:
    """ASVS 6.3.3: nothing but the enrolment of an account without a second factor."""
    account = (await officer(app)).account
    async with app.pool.acquire() as connection:
        token = await sessions.open_session(
            connection, account, method="password", stage=stage
        )
    headers = {"Cookie": f"__Host-iku={token}", "Sec-Fetch-Site": "same-origin"}
    opened = set()
    for method, path in table():
        url = f"http://iku.test{path}"
        answer = await client.request(method, url, headers=headers)
        nobody = await client.request(method, url)
        if answer.status_code != nobody.status_code:
            opened.add(path)
    assert opened == {"/pendaftaran"}
    async with app.pool.acquire() as connection:
        assert await sessions.find_partial(connection, token) is not None


async def test_a_suspended_account_is_refused_at_once(app: App, client: Client) -> None:
    """ASVS 7.4.2, 8.3.2."""
    admin = await invited(app, Role.ADMIN)
    account = (await invited(app, Role.PETUGAS, admin, "wasnas")).account
    key = await key_of(app, account, Role.PETUGAS)
    assert (await client.get("/conflicts", headers=bearer(key))).status_code == 200
    suspended = AccountSuspended(effective_on=app.commands.today(), reason="Cuti")
    async with app.pool.acquire() as connection:
        await app.commands.handle(
            connection, Command("account", account, suspended, "", credentials=admin)
        )
    problem(await client.get("/conflicts", headers=bearer(key)), 403)
    problem(await client.post("/conflicts", json=CASE, headers=bearer(key)), 403)


@pytest.fixture
async def elsewhere(app: App, shared: Restored) -> AsyncIterator[App]:
    """Another process on the same database; *app* is open before it."""
    assert app.database == shared.database
    async with shared.another(SETTINGS) as other:
        yield other


class Ended(NamedTuple):
    """A way to end rights: a function, and the status of the next request.

    *end* gets the other process, the credentials of the administrator, the account,
    and the token of its session.
    """

    end: Callable[[App, Credentials, str, str], Awaitable[object]]
    by_session: int
    by_key: int


async def handle(app: App, admin: Credentials, account: str, proposed: Any) -> None:
    command = Command("account", account, proposed, "", credentials=admin)
    async with app.pool.acquire() as connection:
        await app.commands.handle(connection, command)


async def sign_out(app: App, _admin: Credentials, _account: str, token: str) -> None:
    async with app.pool.acquire() as connection:
        assert await sessions.end(connection, token)


async def step_up(app: App, _admin: Credentials, _account: str, token: str) -> None:
    async with app.pool.acquire() as connection:
        assert await sessions.renew(connection, token)


async def end_sessions(
    app: App, _admin: Credentials, account: str, _token: str
) -> None:
    async with app.pool.acquire() as connection:
        assert await sessions.end_all(connection, account) == 1


async def revoke_keys(app: App, _admin: Credentials, account: str, _token: str) -> None:
    async with app.pool.acquire() as connection:
        assert await api_keys.revoke_all(connection, account) == 1


async def forget(app: App, _admin: Credentials, account: str, _token: str) -> None:
    async with app.pool.acquire() as connection:
        assert await forget_account(connection, account)


async def suspend(app: App, admin: Credentials, account: str, _token: str) -> None:
    suspended = AccountSuspended(effective_on=app.commands.today(), reason="Cuti")
    await handle(app, admin, account, suspended)


async def revoke_role(app: App, admin: Credentials, account: str, _token: str) -> None:
    today = app.commands.today()
    revoked = RoleRevoked(effective_on=today, grant=2, reason="Mutasi")
    await handle(app, admin, account, revoked)


async def by_sql(app: App, _admin: Credentials, _account: str, _token: str) -> None:
    """As at a terminal of the database, past all functions; `iku restore` does so."""
    owner = await pools.connect_as_owner(app.database.owner_dsn)
    await owner.execute("delete from access.session; delete from access.api_key")
    await owner.close()


ENDS = {
    "sign_out": Ended(sign_out, 401, 200),
    "step_up": Ended(step_up, 401, 200),
    "end_sessions": Ended(end_sessions, 401, 200),
    "revoke_keys": Ended(revoke_keys, 200, 401),
    "forget": Ended(forget, 401, 401),
    "suspend": Ended(suspend, 403, 403),
    "revoke_role": Ended(revoke_role, 403, 403),
    "by_sql": Ended(by_sql, 401, 401),
}


@pytest.mark.parametrize("by", ENDS)
async def test_what_ends_in_one_process_ends_for_the_next_request_to_another(
    app: App, client: Client, elsewhere: App, by: str
) -> None:
    """ASVS 7.4.1, 7.4.2, 8.3.2: also while requests are in progress."""
    admin = await invited(app, Role.ADMIN)
    account = (await invited(app, Role.PETUGAS, admin, "wasnas")).account
    other = (await invited(app, Role.PETUGAS, admin, "wasnas")).account
    key = bearer(await key_of(app, account, Role.PETUGAS))
    busy = bearer(await key_of(app, other, Role.PETUGAS))
    async with app.pool.acquire() as connection:
        token = await sessions.open_session(connection, account, method="password+totp")
    cookie = {"Cookie": f"__Host-iku={token}", "Sec-Fetch-Site": "same-origin"}

    async def statuses(headers: dict[str, str]) -> set[int]:
        """Those of several requests at once; a request that records gives 200, too."""
        case = {name: value for name, value in CASE.items() if name != "number"}
        answers = await asyncio.gather(
            client.get("/indicators/IKU-1/figure", headers=headers),
            client.get("/conflicts", headers=headers),
            client.post("/conflicts", json=case, headers=headers),
            client.get("/indicators/IKU-1/figure", headers=headers),
        )
        return {200 if one.status_code == 201 else one.status_code for one in answers}

    done = asyncio.Event()

    async def keep_asking() -> None:
        while not done.is_set():
            await client.get("/indicators/IKU-1/figure", headers=busy)

    asking = [asyncio.create_task(keep_asking()) for _ in range(3)]
    assert await statuses(cookie) == await statuses(key) == {200}
    ended = ENDS[by]
    await ended.end(elsewhere, admin, account, token)
    assert await statuses(cookie) == {ended.by_session}
    assert await statuses(key) == {ended.by_key}
    done.set()
    await asyncio.gather(*asking)


async def test_a_repeated_figure_is_read_with_the_session_and_is_current(
    app: App, client: Client, elsewhere: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The select of the session reads the state of the log as well."""
    clerk = await officer(app)
    key = bearer(await key_of(app, clerk.account, Role.PETUGAS))
    async with app.pool.acquire() as connection:
        token = await sessions.open_session(connection, clerk.account, method="x")
    cookie = {"Cookie": f"__Host-iku={token}"}

    async def size(headers: dict[str, str]) -> int:
        answer = await client.get("/indicators/IKU-1/figure", headers=headers)
        return int(answer.json()["size"])

    async def look(_reader: Any) -> None:
        raise AssertionError("the log was read by a query of its own")

    before = await size(key)
    monkeypatch.setattr("iku.queries.figures._cache_validator", look)
    assert await size(key) == await size(cookie) == before
    reported = conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.EKONOMI,
        title="Sengketa lapak",
        effective_on=date(2021, 2, 9),
    )
    async with elsewhere.pool.acquire() as connection:
        await elsewhere.commands.handle(
            connection, Command("conflict", "K15", reported, "", credentials=clerk)
        )
    assert await size(key) == before + 1
    assert await size(cookie) == before + 1


async def test_refusals_and_changes_of_rights_are_in_the_audit_trail(
    app: App, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.3.2."""
    with caplog.at_level(logging.INFO, "iku.audit"):
        account = (await officer(app)).account
        key = await key_of(app, account, Role.PETUGAS)
        problem(await client.get("/log/events", headers=bearer(key)), 403)
        problem(await client.get("/conflicts"), 401)
    written = [json.loads(one.message) for one in caplog.records]
    changes = [line["what"] for line in written if line["outcome"] == "changed"]
    assert changes == ["rights_set", "invite", "invite"]
    refused, anonymous = [line for line in written if line["outcome"] == "refused"]
    assert refused["account"] == account
    assert refused["how"] == "GET /api/v1/log/events"
    assert refused["address"]
    assert anonymous["what"] == "unauthenticated"
    assert key not in caplog.text
    assert app.audit.count(Outcome.REFUSED) == 2
