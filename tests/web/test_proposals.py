"""Proposals over HTTP: proposed by one person, approved by another."""

from typing import Any

import pytest

from iku.access import sessions
from iku.app import App
from iku.domain.access import Credentials
from iku.domain.account import Role
from tests.web.conftest import CASE, Client, problem
from tests.web.test_authentication import bearer, invited, key_of

WRONG = {"type": "corrected", "corrects": 1, "level": "kekerasan", "reason": "Salah"}
PROPOSAL = {
    "category": "conflict",
    "subject": "K14",
    "command": WRONG,
    "because": "BA 12/2026",
}


class Office:
    """People of an office who call by sessions, or by API keys."""

    def __init__(self, app: App, client: Client) -> None:
        self.app = app
        self.client = client
        self.people: dict[str, Credentials] = {}

    async def invite(self, name: str, role: Role, division: str | None = None) -> None:
        by = self.people.get("admin")
        self.people[name] = await invited(self.app, role, by, division)

    async def session(self, name: str) -> dict[str, str]:
        """The headers of a fresh session."""
        async with self.app.pool.acquire() as connection:
            token = await sessions.open_session(
                connection, self.people[name].account, method="password+totp"
            )
        return {"Cookie": f"__Host-iku={token}", "Sec-Fetch-Site": "same-origin"}

    async def send(self, name: str, path: str, body: Any) -> Any:
        headers = await self.session(name)
        return await self.client.post(path, json=body, headers=headers)

    async def read(self, name: str, path: str, **params: Any) -> Any:
        headers = await self.session(name)
        return await self.client.get(path, params=params or None, headers=headers)

    async def propose(self, name: str, body: Any = PROPOSAL) -> str:
        answer = await self.send(name, "/proposals", body)
        assert answer.status_code == 201, answer.text
        identifier: str = answer.json()["id"]
        assert answer.headers["Location"] == f"/api/v1/proposals/{identifier}"
        return identifier

    async def decide(self, name: str, identifier: str, kind: str, **more: str) -> Any:
        return await self.send(
            name, f"/proposals/{identifier}/events", {"type": kind, **more}
        )


@pytest.fixture
async def office(app: App, client: Client) -> Office:
    found = Office(app, client)
    await found.invite("admin", Role.ADMIN)
    found.people["kepala"] = await invited(app, Role.KEPALA_BADAN)
    for division in ("wasnas", "iwasbang"):
        await found.invite(f"petugas-{division}", Role.PETUGAS, division)
        await found.invite(f"verifikator-{division}", Role.VERIFIKATOR, division)
    await found.invite("perencana", Role.PERENCANA)
    answer = await found.send("petugas-wasnas", "/conflicts", CASE)
    assert answer.status_code == 201, answer.text
    return found


async def test_a_refusal_that_could_be_proposed_says_so(office: Office) -> None:
    answer = await office.send("petugas-wasnas", "/conflicts/K14/events", WRONG)
    shown = problem(answer, 403)
    assert shown["type"] == "urn:iku:problem:forbidden"
    assert shown["proposable"] is True
    answer = await office.send("petugas-iwasbang", "/conflicts/K14/events", WRONG)
    assert "proposable" not in problem(answer, 403)


async def test_a_proposal_is_approved_by_another_and_recorded_at_once(
    office: Office,
) -> None:
    """ASVS 2.3.5."""
    identifier = await office.propose("petugas-wasnas")
    problem(await office.decide("petugas-wasnas", identifier, "approved"), 403)
    answer = await office.decide("verifikator-wasnas", identifier, "approved")
    assert answer.status_code == 201, answer.text
    assert (answer.json()["id"], answer.json()["version"]) == ("K14", 2)
    read = await office.read("verifikator-wasnas", f"/proposals/{identifier}")
    shown = read.json()
    assert shown["status"] == "approved"
    [step] = shown["steps"]
    assert step["type"] == "approved"
    assert step["by"] == office.people["verifikator-wasnas"].account
    assert step["recorded"] == {"stream": "conflict-K14", "version": 2}
    again = await office.decide("verifikator-wasnas", identifier, "approved")
    assert problem(again, 409)["type"] == "urn:iku:problem:refused"


async def test_a_proposal_shows_its_command_and_who_may_decide(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    expected = {
        "petugas-wasnas": False,
        "verifikator-wasnas": True,
        "perencana": False,
    }
    for name in ("petugas-wasnas", "verifikator-wasnas"):
        shown = (await office.read(name, f"/proposals/{identifier}")).json()
        assert shown["may_decide"] is expected[name]
        assert shown["command"] == {
            "type": "corrected",
            "corrects": 1,
            "level": "kekerasan",
            "reason": "Salah",
        }
        assert shown["because"] == "BA 12/2026"
        assert shown["proposed_by"] == office.people["petugas-wasnas"].account
        listed = await office.read(name, "/proposals", decidable="true")
        found = [one["id"] for one in listed.json()["items"]]
        assert found == ([identifier] if expected[name] else [])


async def test_another_division_does_not_see_the_proposal(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    for name in ("petugas-iwasbang", "verifikator-iwasbang"):
        assert (await office.read(name, "/proposals")).json()["items"] == []
        problem(await office.read(name, f"/proposals/{identifier}"), 404)
        answer = await office.decide(name, identifier, "declined", reason="Bukan kami")
        problem(answer, 403)
    moved = {
        "category": "conflict",
        "subject": "K14",
        "command": {
            "type": "reclassified",
            "effective_on": "2021-03-03",
            "category": "sara",
            "dimension": "agama",
        },
        "because": "Ternyata keagamaan",
    }
    reclassified = await office.propose("verifikator-wasnas", moved)
    listed = await office.read("verifikator-iwasbang", "/proposals")
    assert [one["id"] for one in listed.json()["items"]] == [reclassified]


async def test_proposals_are_listed_by_status_and_in_pages(office: Office) -> None:
    first = await office.propose("petugas-wasnas")
    second = await office.propose("petugas-wasnas")
    declined = await office.decide(
        "verifikator-wasnas", first, "declined", reason="Belum lengkap"
    )
    assert declined.status_code == 201
    read = await office.read("verifikator-wasnas", "/proposals", status="open")
    assert [one["id"] for one in read.json()["items"]] == [second]
    page = (await office.read("verifikator-wasnas", "/proposals", limit=1)).json()
    assert [one["id"] for one in page["items"]] == [second]
    rest = await office.read(
        "verifikator-wasnas", "/proposals", limit=1, before=page["next"]
    )
    [last] = rest.json()["items"]
    assert last["id"] == first
    assert last["steps"][0]["reason"] == "Belum lengkap"
    assert rest.json()["next"] is None


async def test_only_its_proposer_withdraws_a_proposal(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    problem(await office.decide("verifikator-wasnas", identifier, "withdrawn"), 409)
    answer = await office.decide("petugas-wasnas", identifier, "withdrawn")
    assert answer.status_code == 201
    problem(await office.decide("verifikator-wasnas", identifier, "approved"), 409)


async def test_a_proposal_repeated_under_its_key_is_made_once(office: Office) -> None:
    headers = await office.session("petugas-wasnas")
    headers["Idempotency-Key"] = "usulan-1"
    answers = [
        await office.client.post("/proposals", json=PROPOSAL, headers=headers)
        for _ in range(2)
    ]
    first, again = (answer.json() for answer in answers)
    assert first == again
    assert answers[1].headers["Idempotency-Replayed"] == "true"


async def test_an_api_key_does_not_approve(office: Office) -> None:
    """ASVS 7.5.3."""
    identifier = await office.propose("petugas-wasnas")
    account = office.people["verifikator-wasnas"].account
    key = await key_of(office.app, account, Role.VERIFIKATOR)
    answer = await office.client.post(
        f"/proposals/{identifier}/events",
        json={"type": "approved"},
        headers=bearer(key),
    )
    assert problem(answer, 403)["type"] == "urn:iku:problem:step-up"


async def test_the_policy_of_two_persons_and_a_definition_are_proposed(
    office: Office,
) -> None:
    today = office.app.commands.today().isoformat()
    policy = {
        "category": "access",
        "command": {
            "type": "two_persons_set",
            "effective_on": today,
            "value": "recorded",
            "reason": "Hanya dua pegawai",
        },
        "because": "Kantor kecil",
    }
    identifier = await office.propose("admin", policy)
    answer = await office.decide("kepala", identifier, "approved")
    assert answer.status_code == 201, answer.text
    target = {
        "category": "indicator",
        "subject": "IKU-1",
        "command": {
            "type": "targeted",
            "year": 2027,
            "target": "85.00",
            "effective_on": "2027-01-01",
            "basis": "PK 2027",
        },
        "because": "Perjanjian kinerja",
    }
    identifier = await office.propose("perencana", target)
    answer = await office.decide("kepala", identifier, "approved")
    assert answer.status_code == 201, answer.text


async def test_the_import_of_a_file_is_proposed_by_its_hash(office: Office) -> None:
    permission = {
        "category": "import",
        "subject": "ab" * 32,
        "command": {
            "type": "file_allowed",
            "effective_on": office.app.commands.today().isoformat(),
        },
        "because": "Buku register lama",
    }
    identifier = await office.propose("petugas-wasnas", permission)
    problem(await office.decide("verifikator-wasnas", identifier, "approved"), 403)
    answer = await office.decide("kepala", identifier, "approved")
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == "ab" * 32
    no_digest = permission | {"subject": "konflik.csv"}
    answer = await office.send("petugas-wasnas", "/proposals", no_digest)
    problem(answer, 400, "subject")


async def test_without_accounts_a_second_person_approves_by_name(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE, Iku_Actor="siti")
    made = await client.records("/proposals", PROPOSAL, Iku_Actor="siti")
    path = f"/proposals/{made['id']}/events"
    own = await client.post(
        path, json={"type": "approved"}, headers={"Iku-Actor": "siti"}
    )
    assert "another person" in problem(own, 409)["detail"]
    await client.records(path, {"type": "approved"}, Iku_Actor="budi")


async def test_a_proposal_of_what_cannot_be_proposed_is_refused(
    office: Office,
) -> None:
    verified = {**PROPOSAL, "command": {"type": "verified"}}
    answer = await office.send("petugas-wasnas", "/proposals", verified)
    problem(answer, 400, "command.type")
    unknown = {**PROPOSAL, "subject": "K99"}
    problem(await office.send("petugas-wasnas", "/proposals", unknown), 404)
    problem(await office.read("petugas-wasnas", "/proposals/nowhere"), 404)
    stale = {**PROPOSAL, "seen": 7}
    problem(await office.send("petugas-wasnas", "/proposals", stale), 412)
