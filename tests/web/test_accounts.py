"""Accounts over HTTP: invitations, roles, sessions and API keys."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from iku.access import invitations, sessions
from iku.app import App
from iku.domain.access import Credentials
from iku.domain.account import Role
from tests.web.conftest import CASE, Client, problem
from tests.web.test_authentication import bearer, invited, key_of
from tests.web.test_proposals import Office

PETUGAS = {
    "holder": {"name": "Siti Contoh"},
    "basis": "SK/7/2026",
    "role": "petugas",
    "division": "wasnas",
    "nip": "198501012010011001",
}


@pytest.fixture
async def office(app: App, client: Client) -> Office:
    found = Office(app, client)
    await found.invite("admin", Role.ADMIN)
    found.people["kepala"] = await invited(app, Role.KEPALA_BADAN)
    await found.invite("petugas", Role.PETUGAS, "wasnas")
    return found


async def send(office: Office, name: str, path: str, **body: Any) -> Any:
    return await office.send(name, path, body)


async def read(office: Office, name: str, path: str, **params: Any) -> Any:
    answer = await office.read(name, path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def today(office: Office) -> str:
    return office.app.commands.today().isoformat()


async def test_an_administrator_invites_a_person_by_a_one_time_link(
    office: Office,
) -> None:
    answer = await send(office, "admin", "/accounts", **PETUGAS)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert answer.headers["Location"] == f"/api/v1/accounts/{receipt['account']}"
    base, _, token = receipt["link"].rpartition("/undangan/")
    assert base == office.app.settings.address
    page = await office.client.get(f"http://iku.test/undangan/{token}")
    assert page.status_code == 200
    async with office.app.pool.acquire() as connection:
        redeemed = await invitations.redeem(connection, token)
        assert redeemed is not None
        assert redeemed.account == receipt["account"]
        assert await invitations.redeem(connection, token) is None
    shown = await read(office, "admin", f"/accounts/{receipt['account']}")
    account = shown["account"]
    assert (account["name"], account["nip"]) == ("Siti Contoh", PETUGAS["nip"])
    [role] = account["roles"]
    assert (role["role"], role["division"]) == ("petugas", "wasnas")
    assert role["in_force"] is True
    assert shown["sign_in"]["factors"]["password"] is False


async def test_a_role_that_approves_is_proposed_and_its_link_comes_with_the_approval(
    office: Office,
) -> None:
    """ASVS 6.4.4."""
    auditor = {"holder": {"name": "Auditor"}, "basis": "ST/1", "role": "auditor"}
    answer = await send(office, "admin", "/accounts", **auditor)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert (receipt["account"], receipt["link"]) == (None, None)
    assert answer.headers["Location"] == f"/api/v1/proposals/{receipt['proposal']}"
    seen = await read(office, "kepala", f"/proposals/{receipt['proposal']}")
    assert seen["command"]["holder"]["name"] == "Auditor"
    assert seen["may_decide"] is True
    decided = await office.decide("kepala", receipt["proposal"], "approved")
    assert decided.status_code == 201, decided.text
    token = decided.json()["link"].rpartition("/")[2]
    async with office.app.pool.acquire() as connection:
        redeemed = await invitations.redeem(connection, token)
        assert redeemed is not None
        blocked = await sessions.find_partial(connection, redeemed.token)
        assert blocked is not None
        assert blocked.approve_after is not None


async def test_an_administrator_who_redeems_the_link_of_a_head_cannot_approve(
    office: Office,
) -> None:
    """ASVS 6.4.4: the holder of the account sees it for 24 hours."""
    account = office.people["kepala"].account
    answer = await office.client.post(
        f"/accounts/{account}/link", headers=await office.session("admin")
    )
    assert answer.status_code == 201, answer.text
    token = answer.json()["link"].rpartition("/")[2]
    async with office.app.pool.acquire() as connection:
        assert await invitations.redeem(connection, token) is not None
    auditor = {"holder": {"name": "Auditor"}, "basis": "ST/1", "role": "auditor"}
    asked = await send(office, "admin", "/accounts", **auditor)
    path = asked.json()["proposal"]
    for name in ("admin", "kepala"):
        refused = await office.decide(name, path, "approved")
        shown = problem(refused, 403)
    assert "less than 24 hours ago" in shown["detail"]
    page = await office.client.get(
        "http://iku.test/akun?bahasa=en", headers=await office.session("kepala")
    )
    assert "invited or recovered recently" in page.text
    seen = await read(office, "admin", f"/proposals/{path}")
    assert seen["status"] == "open"


async def test_accounts_are_changed_by_a_fresh_session_of_an_administrator_only(
    office: Office,
) -> None:
    """ASVS 7.5.3."""
    key = await key_of(office.app, office.people["admin"].account, Role.ADMIN)
    by_key = await office.client.post("/accounts", json=PETUGAS, headers=bearer(key))
    assert problem(by_key, 403)["type"] == "urn:iku:problem:step-up"
    for name in ("petugas", "kepala"):
        problem(await send(office, name, "/accounts", **PETUGAS), 403)
    nobody = await office.client.post("/accounts", json=PETUGAS)
    problem(nobody, 401)
    claimed = await office.client.post(
        "/accounts", json=PETUGAS, headers={"Iku-Actor": "admin"}
    )
    problem(claimed, 401)


async def test_a_suspension_ends_sessions_and_keys_at_once_until_it_ends(
    office: Office,
) -> None:
    """ASVS 7.4.2, 8.3.2."""
    account = office.people["petugas"].account
    key = bearer(await key_of(office.app, account, Role.PETUGAS))
    cookie = await office.session("petugas")
    for headers in (key, cookie):
        assert (await office.client.get("/conflicts", headers=headers)).is_success
    path, day = f"/accounts/{account}/events", {"effective_on": today(office)}
    suspended = {"type": "suspended", "reason": "Cuti", **day}
    assert (await office.send("admin", path, suspended)).status_code == 201
    problem(await office.client.get("/conflicts", headers=key), 403)
    problem(await office.client.get("/conflicts", headers=cookie), 401)
    assert (await read(office, "admin", f"/accounts/{account}/sessions"))["items"] == []
    restored = {"type": "restored", "reason": "Kembali", **day}
    assert (await office.send("admin", path, restored)).status_code == 201
    assert (await office.client.get("/conflicts", headers=key)).is_success


async def test_a_revoked_role_acts_no_more_and_a_granted_one_at_once(
    office: Office,
) -> None:
    """ASVS 8.3.2."""
    account = office.people["petugas"].account
    cookie = await office.session("petugas")
    path, day = f"/accounts/{account}/events", {"effective_on": today(office)}
    entered = await office.client.post("/conflicts", json=CASE, headers=cookie)
    assert entered.status_code == 201
    revoked = {"type": "revoked", "grant": 2, "reason": "Mutasi", **day}
    assert (await office.send("admin", path, revoked)).status_code == 201
    again = {**CASE, "number": "K15"}
    problem(await office.client.post("/conflicts", json=again, headers=cookie), 403)
    granted = {
        "type": "granted",
        "role": "verifikator",
        "division": "wasnas",
        "basis": "SK/8",
        **day,
    }
    assert (await office.send("admin", path, granted)).status_code == 201
    assert (
        await office.client.post("/conflicts", json=again, headers=cookie)
    ).status_code == 201


async def test_a_recovery_by_another_person_issues_a_new_link_and_ends_sessions(
    office: Office,
) -> None:
    """ASVS 6.4.4."""
    account = office.people["petugas"].account
    cookie = await office.session("petugas")
    path = f"/accounts/{account}/events"
    lost = {"type": "recovered", "reason": "Hilang", "effective_on": today(office)}
    answer = await office.send("admin", path, lost)
    assert answer.status_code == 201, answer.text
    assert "/undangan/" in answer.json()["link"]
    problem(await office.client.get("/conflicts", headers=cookie), 401)
    own = f"/accounts/{office.people['admin'].account}/events"
    assert "your own" in problem(await office.send("admin", own, lost), 403)["detail"]


async def recovery_of_head(office: Office) -> tuple[str, str]:
    """The account of a head of division, and the proposal to recover it."""
    head = {
        "holder": {"name": "Kepala Bidang"},
        "basis": "SK/9",
        "role": "kepala_bidang",
        "division": "wasnas",
    }
    proposed = (await send(office, "admin", "/accounts", **head)).json()["proposal"]
    decided = await office.decide("kepala", proposed, "approved")
    account = decided.json()["id"]
    office.people["kabid"] = Credentials(account, 2)
    lost = {"type": "recovered", "reason": "Hilang", "effective_on": today(office)}
    answer = await send(office, "admin", f"/accounts/{account}/events", **lost)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert (receipt["account"], receipt["link"]) == (account, None)
    assert answer.headers["Location"] == f"/api/v1/proposals/{receipt['proposal']}"
    return account, receipt["proposal"]


async def test_the_factors_of_an_approver_end_with_the_approval_of_the_recovery(
    office: Office,
) -> None:
    """ASVS 6.4.4."""
    account, proposal = await recovery_of_head(office)
    cookie = await office.session("kabid")
    assert (await office.client.get("/conflicts", headers=cookie)).is_success
    problem(await office.decide("admin", proposal, "approved"), 403)
    assert (await office.client.get("/conflicts", headers=cookie)).is_success
    decided = await office.decide("kepala", proposal, "approved")
    assert decided.status_code == 201, decided.text
    assert "/undangan/" in decided.json()["link"]
    problem(await office.client.get("/conflicts", headers=cookie), 401)
    shown = await read(office, "admin", f"/accounts/{account}")
    assert shown["sign_in"]["invited_until"] is not None


async def test_an_administrator_who_redeems_the_link_of_an_approver_cannot_approve(
    office: Office,
) -> None:
    """ASVS 6.4.4."""
    _, proposal = await recovery_of_head(office)
    link = (await office.decide("kepala", proposal, "approved")).json()["link"]
    async with office.app.pool.acquire() as connection:
        assert await invitations.redeem(connection, link.rpartition("/")[2])
    entered = await office.send("petugas", "/conflicts", CASE)
    assert entered.status_code == 201
    wrong = {"type": "annulled", "annuls": 1, "reason": "Salah"}
    body = {"category": "conflict", "subject": "K14", "command": wrong, "because": "x"}
    mistaken = await office.propose("petugas", body)
    answer = await office.decide("kabid", mistaken, "approved")
    assert "less than 24 hours ago" in problem(answer, 403)["detail"]


async def test_a_repeated_approval_issues_no_second_link(office: Office) -> None:
    _, proposal = await recovery_of_head(office)
    headers = await office.session("kepala") | {"Idempotency-Key": "setuju-1"}
    path, body = f"/proposals/{proposal}/events", {"type": "approved"}
    first, again = [
        await office.client.post(path, json=body, headers=headers) for _ in range(2)
    ]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "link" not in again.json()
    assert "shown only in the first answer" in again.json()["notes"][-1]
    assert again.json()["position"] == first.json()["position"]
    token = first.json()["link"].rpartition("/")[2]
    async with office.app.pool.acquire() as connection:
        assert await invitations.redeem(connection, token) is not None


async def sent_twice(office: Office, path: str, body: Any, key: str) -> list[Any]:
    """Two answers to one request of the administrator under one key."""
    headers = await office.session("admin") | {"Idempotency-Key": key}
    return [
        await office.client.post(path, json=body, headers=headers) for _ in range(2)
    ]


async def test_a_repeated_invitation_creates_one_account_and_shows_one_link(
    office: Office,
) -> None:
    first, again = await sent_twice(office, "/accounts", PETUGAS, "undang-1")
    assert first.status_code == again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert first.headers["ETag"] == again.headers["ETag"] == '"2"'
    assert again.json()["account"] == first.json()["account"]
    assert (again.json()["link"], again.json()["expires_at"]) == (None, None)
    assert "shown only in the first answer" in again.json()["note"]
    assert first.json()["note"] is None
    listed = await read(office, "admin", "/accounts", role="petugas")
    assert len(listed["items"]) == 2
    token = first.json()["link"].rpartition("/")[2]
    async with office.app.pool.acquire() as connection:
        assert await invitations.redeem(connection, token) is not None
    headers = await office.session("admin") | {"Idempotency-Key": "undang-1"}
    other = PETUGAS | {"division": "iwasbang"}
    problem(await office.client.post("/accounts", json=other, headers=headers), 422)


async def test_two_invitations_at_once_under_one_key_create_one_account(
    office: Office,
) -> None:
    headers = await office.session("admin") | {"Idempotency-Key": "undang-2"}
    found = await asyncio.gather(
        *(
            office.client.post("/accounts", json=PETUGAS, headers=headers)
            for _ in range(4)
        )
    )
    assert {one.status_code for one in found} == {201}
    assert len({one.json()["account"] for one in found}) == 1
    assert sum(one.json()["link"] is not None for one in found) == 1


async def test_a_repeated_proposal_of_a_role_is_made_once(office: Office) -> None:
    auditor = {"holder": {"name": "Auditor"}, "basis": "ST/1", "role": "auditor"}
    first, again = await sent_twice(office, "/accounts", auditor, "usul-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["proposal"] == first.json()["proposal"]
    head = office.people["petugas"].account
    granted = {
        "type": "granted",
        "role": "kepala_bidang",
        "division": "wasnas",
        "basis": "SK/8",
        "effective_on": today(office),
    }
    path = f"/accounts/{head}/events"
    first, again = await sent_twice(office, path, granted, "usul-2")
    assert again.json()["proposal"] == first.json()["proposal"]
    assert again.json()["account"] == head
    listed = await read(office, "kepala", "/proposals", status="open")
    assert len(listed["items"]) == 2


async def test_a_repeated_recovery_leaves_the_new_factors_alone(office: Office) -> None:
    account = office.people["petugas"].account
    path = f"/accounts/{account}/events"
    lost = {"type": "recovered", "reason": "Hilang", "effective_on": today(office)}
    headers = await office.session("admin") | {"Idempotency-Key": "pulih-1"}
    first = await office.client.post(path, json=lost, headers=headers)
    assert "/undangan/" in first.json()["link"]
    cookie = await office.session("petugas")
    again = await office.client.post(path, json=lost, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["link"] is None
    assert (await office.client.get("/conflicts", headers=cookie)).is_success
    shown = await read(office, "admin", f"/accounts/{account}")
    assert shown["account"]["version"] == 3


async def test_a_change_of_an_account_is_refused_if_it_has_moved_on(
    office: Office,
) -> None:
    account = office.people["petugas"].account
    seen = (await office.read("admin", f"/accounts/{account}")).headers["ETag"]
    assert seen == '"2"'
    path, day = f"/accounts/{account}/events", {"effective_on": today(office)}
    suspended = {"type": "suspended", "reason": "Cuti", **day}
    headers = await office.session("admin") | {"If-Match": seen}
    done = await office.client.post(path, json=suspended, headers=headers)
    assert (done.status_code, done.headers["ETag"]) == (201, '"3"')
    restored = {"type": "restored", "reason": "Kembali", **day}
    problem(await office.client.post(path, json=restored, headers=headers), 412)
    unknown = "/accounts/nobody/events"
    problem(await office.client.post(unknown, json=restored, headers=headers), 404)


async def test_steps_that_record_no_event_take_no_precondition(office: Office) -> None:
    account = office.people["petugas"].account
    for name in ("Idempotency-Key", "If-Match"):
        headers = await office.session("admin") | {name: '"2"'}
        for part in ("link", "sessions/end"):
            path = f"/accounts/{account}/{part}"
            answer = await office.client.post(path, json={}, headers=headers)
            problem(answer, 400, name)


async def test_a_role_that_approves_is_proposed_with_a_fresh_factor_only(
    office: Office,
) -> None:
    """ASVS 7.5.3."""
    auditor = {"holder": {"name": "Auditor"}, "basis": "ST/1", "role": "auditor"}
    key = await key_of(office.app, office.people["admin"].account, Role.ADMIN)
    answer = await office.client.post("/accounts", json=auditor, headers=bearer(key))
    assert problem(answer, 403)["type"] == "urn:iku:problem:step-up"
    listed = await read(office, "kepala", "/proposals")
    assert listed["items"] == []


async def test_a_link_is_issued_again_until_its_holder_can_sign_in(
    office: Office,
) -> None:
    account = office.people["petugas"].account
    links = []
    for _ in range(2):
        answer = await office.client.post(
            f"/accounts/{account}/link", headers=await office.session("admin")
        )
        assert answer.status_code == 201, answer.text
        links.append(answer.json()["link"].rpartition("/")[2])
    async with office.app.pool.acquire() as connection:
        assert await invitations.redeem(connection, links[0]) is None
        assert await invitations.redeem(connection, links[1]) is not None


async def test_who_held_which_role_is_asked_of_any_day(office: Office) -> None:
    day = office.app.commands.today()
    account = office.people["petugas"].account
    listed = await read(office, "admin", "/accounts", role="petugas")
    assert [one["id"] for one in listed["items"]] == [account]
    yesterday = (day - timedelta(days=1)).isoformat()
    assert (await read(office, "admin", "/accounts", as_of=yesterday))["items"] == []
    known = await read(office, "admin", "/accounts", known_on=yesterday)
    assert known["items"] == []
    size = listed["size"]
    path = f"/accounts/{account}/events"
    revoked = {
        "type": "revoked",
        "grant": 2,
        "reason": "Mutasi",
        "effective_on": day.isoformat(),
    }
    await office.send("admin", path, revoked)
    now = await read(office, "admin", "/accounts", role="petugas")
    assert now["items"] == []
    before = await read(office, "admin", "/accounts", role="petugas", size=size)
    assert [one["id"] for one in before["items"]] == [account]
    tomorrow = (day + timedelta(days=1)).isoformat()
    answer = await office.read("admin", "/accounts", as_of=tomorrow)
    problem(answer, 400, "as_of")


async def test_only_those_who_see_accounts_see_those_of_others(office: Office) -> None:
    own, other = office.people["petugas"].account, office.people["admin"].account
    problem(await office.read("petugas", "/accounts"), 403)
    problem(await office.read("petugas", f"/accounts/{other}"), 403)
    for part in ("sessions", "keys"):
        problem(await office.read("petugas", f"/accounts/{other}/{part}"), 403)
        await read(office, "petugas", f"/accounts/{own}/{part}")
    shown = await read(office, "petugas", f"/accounts/{own}")
    assert shown["account"]["id"] == own
    problem(await office.read("admin", "/accounts/nobody"), 404)
    problem(await office.client.get("/accounts"), 401)


@pytest.mark.parametrize("unknown", ["0", "nobody", str(UUID(int=7))])
async def test_an_account_that_does_not_exist_is_missing(
    office: Office, unknown: str
) -> None:
    path = f"/accounts/{unknown}"
    for rest in ("", "/sessions", "/keys"):
        problem(await office.read("admin", path + rest), 404)
    for rest, body in (
        *(("/link", None), ("/sessions/end", {}), ("/sessions/end", {"session": "0"})),
        ("/keys/0/revocation", None),
    ):
        problem(await office.send("admin", path + rest, body), 404)
    own = f"/accounts/{office.people['admin'].account}"
    ended = await office.send("admin", f"{own}/sessions/end", {"session": "0"})
    assert ended.json() == {"ended": 0}


async def test_an_api_key_is_created_in_a_fresh_session_for_ones_own_account(
    office: Office,
) -> None:
    """ASVS 7.5.3."""
    own, other = office.people["petugas"].account, office.people["admin"].account
    asked = {"name": "skrip", "roles": ["petugas"], "days": 30}
    made = await office.send("petugas", f"/accounts/{own}/keys", asked)
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    assert (await office.client.get("/conflicts", headers=bearer(key))).is_success
    by_key = await office.client.post(
        f"/accounts/{own}/keys", json=asked, headers=bearer(key)
    )
    assert problem(by_key, 403)["type"] == "urn:iku:problem:step-up"
    problem(await office.send("admin", f"/accounts/{own}/keys", asked), 409)
    more = {**asked, "roles": ["admin"]}
    problem(await office.send("petugas", f"/accounts/{own}/keys", more), 409)
    log = {"name": "log", "rights": ["log"]}
    problem(await office.send("petugas", f"/accounts/{own}/keys", log), 403)
    assert other != own


async def test_an_api_key_is_revoked_by_its_holder_or_an_administrator(
    office: Office,
) -> None:
    own = office.people["petugas"].account
    for name in ("petugas", "admin"):
        key = await key_of(office.app, own, Role.PETUGAS)
        listed = await read(office, name, f"/accounts/{own}/keys")
        [valid] = [one for one in listed["items"] if one["valid"]]
        assert key not in str(listed)
        path = f"/accounts/{own}/keys/{valid['id']}/revocation"
        answer = await office.client.post(path, headers=await office.session(name))
        assert answer.json() == {"revoked": True}
        problem(await office.client.get("/conflicts", headers=bearer(key)), 401)
    answer = await office.client.post(path, headers=await office.session("kepala"))
    problem(answer, 403)


async def test_sessions_are_ended_by_their_holder_or_an_administrator(
    office: Office,
) -> None:
    """ASVS 7.5.2, 7.4.5."""
    own = office.people["petugas"].account
    path = f"/accounts/{own}/sessions"
    first = await office.session("petugas")
    [seen] = (await office.client.get(path, headers=first)).json()["items"]
    ended = await office.send("petugas", f"{path}/end", {"session": seen["id"]})
    assert ended.json() == {"ended": 1}
    problem(await office.client.get("/conflicts", headers=first), 401)
    second = await office.session("petugas")
    ended = await office.send("admin", f"{path}/end", {})
    assert ended.json()["ended"] >= 1
    problem(await office.client.get("/conflicts", headers=second), 401)
    answer = await office.send("kepala", f"{path}/end", {})
    problem(answer, 403)
