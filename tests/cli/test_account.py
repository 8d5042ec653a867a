"""`iku account`: invitations, roles, sessions and API keys; and who acts by a key."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from iku.access import api_keys, invitations, sessions, sign_in
from iku.access.secrets import Secrets
from iku.access.sign_in import SignedIn
from iku.domain.account import Role
from tests.access.enrolling import PASSWORD, code, wrong
from tests.cli.conftest import Said, Type, surroundings, typing_at
from tests.conftest import Clone
from tests.forked import Forker

ADMIN = ("--role", "admin", "--name", "Admin Contoh", "--basis", "SK/1")
HEAD = ("--role", "kepala_badan", "--name", "Kepala Contoh", "--basis", "SK/2")
OFFICER = (
    *("--role", "petugas", "--division", "wasnas"),
    *("--name", "Siti Contoh", "--basis", "SK/3"),
)
REPORT = (
    *("report", "--category", "ipoleksosbud", "--dimension", "ekonomi"),
    *("--title", "Sengketa lapak", "--effective-on", "2021-02-09"),
)
VERIFIED = ("record", "verified", "K14", "--effective-on", "2021-02-10")


class Office:
    """People who redeem their links and act at the terminal by API keys."""

    def __init__(self, iku: Type, environ: dict[str, str]) -> None:
        self.iku = iku
        self.environ = environ
        self.accounts: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.seeds: dict[str, str] = {}

    def invite(self, name: str, *words: str, by: str | None = None) -> None:
        """Invite a person, who enrols, and then has an API key."""
        said = self.step_up(by, "account", "invite", *words, "--json")
        assert said.code == 0, said.err
        self.enrol(name, said.json["account"], said.json["link"])

    def enrol(self, name: str, account: str, link: str) -> None:
        """Redeem the link, set up a password and an authenticator."""
        token = link.rpartition("/undangan/")[2]
        self.accounts[name] = account
        self.seeds[name], self.keys[name] = asyncio.run(
            self._enrol(name, account, token)
        )

    async def _enrol(self, name: str, account: str, token: str) -> tuple[str, str]:
        connection: Any = await asyncpg.connect(self.environ["IKU_DATABASE_URL"])
        folder = Path(self.environ["IKU_HOME"]) / "keys"
        secrets = Secrets(folder, lambda: datetime.now(UTC).date())
        try:
            redeemed = await invitations.redeem(connection, token)
            assert redeemed is not None
            assert redeemed.account == account
            fault = await sign_in.set_password(
                connection, redeemed.token, login_name=name, password=PASSWORD
            )
            assert fault is None
            begun: Any = await sign_in.begin_enrolment(
                connection, secrets, redeemed.token, issuer="uji"
            )
            signed = await sign_in.confirm_enrolment(
                connection, secrets, redeemed.token, code(begun.seed)
            )
            assert isinstance(signed, SignedIn)
            made = await api_keys.create(
                connection,
                account,
                name="terminal",
                roles=list(Role),
                rights=[],
                held=list(Role),
                lifetime=timedelta(days=1),
            )
        finally:
            await connection.close()
        return begun.seed, made.key

    def run(self, by: str | None, *words: object, typed: str = "") -> Said:
        """Run a command by the API key of a person; *typed* is standard input."""
        key = {} if by is None else {"IKU_API_KEY": self.keys[by]}
        return self.iku(*words, typed=typed, **key)

    def step_up(self, by: str | None, *words: object) -> Said:
        """Run a command, typing the present code of the person's authenticator."""
        if by is None:
            return self.run(None, *words)
        self.execute("update access.totp set last_step = 0")
        return self.run(by, *words, typed=f"{code(self.seeds[by])}\n")

    def execute(self, statement: str) -> None:
        """Execute a statement as the owner of the schemas."""
        self.fetch(statement)

    def fetch(self, statement: str) -> Any:
        """The first value of a statement that is executed as the owner."""

        async def run() -> Any:
            connection: Any = await asyncpg.connect(self.environ["IKU_OWNER_URL"])
            value = await connection.fetchval(statement)
            await connection.close()
            return value

        return asyncio.run(run())

    def session(self, name: str) -> None:
        """Open a session of a person."""

        async def run() -> None:
            connection: Any = await asyncpg.connect(self.environ["IKU_DATABASE_URL"])
            account = self.accounts[name]
            await sessions.open_session(connection, account, method="password+totp")
            await connection.close()

        asyncio.run(run())


def hire(office: Office) -> None:
    """Invite an officer and a verifier of a division."""
    office.invite("siti", *OFFICER, by="admin")
    verifier = ("--role", "verifikator", "--division", "wasnas")
    office.invite(
        "budi", *verifier, "--name", "Budi Contoh", "--basis", "SK/4", by="admin"
    )


class Model(NamedTuple):
    """An office that tests copy, and the name of its database."""

    office: Office
    database: str

    def copied(self, iku: Type, environ: dict[str, str]) -> Office:
        """The office over a copy of the database, with copies of the keys."""
        first, found = self.office, Office(iku, environ)
        found.accounts, found.keys = dict(first.accounts), dict(first.keys)
        found.seeds = dict(first.seeds)
        here, there = (Path(one.environ["IKU_HOME"]) for one in (found, first))
        shutil.copytree(there, here, dirs_exist_ok=True)
        return found


class Modelling(NamedTuple):
    """Makes offices that tests copy."""

    forker: Forker
    clone: Clone
    folders: pytest.TempPathFactory

    async def make(self, of: Model | str, fill: Callable[[Office], None]) -> Model:
        """A further office like another one, or over a copy of a template."""
        folder = self.folders.mktemp("office")
        database = await self.clone(of if isinstance(of, str) else of.database)
        environ = surroundings(database, folder)
        iku = typing_at(self.forker, environ, folder)
        office = (
            Office(iku, environ) if isinstance(of, str) else of.copied(iku, environ)
        )
        await asyncio.to_thread(fill, office)
        return Model(office, database.owner_dsn.split("@/")[1].split("?")[0])


@pytest.fixture(scope="module")
def modelling(
    forker: Forker, clone: Clone, tmp_path_factory: pytest.TempPathFactory
) -> Modelling:
    return Modelling(forker, clone, tmp_path_factory)


@pytest.fixture(scope="module")
async def founded(modelling: Modelling, furnished: str) -> Model:
    """An office with a first administrator, invited at the server."""
    return await modelling.make(
        furnished, lambda office: office.invite("admin", *ADMIN)
    )


@pytest.fixture(scope="module")
async def hired(modelling: Modelling, founded: Model) -> Model:
    """An office with an officer and a verifier of a division, too."""
    return await modelling.make(founded, hire)


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """The database of the office that the test copies."""
    name = "hired" if "staffed" in request.fixturenames else "founded"
    model: Model = request.getfixturevalue(name)
    return model.database


@pytest.fixture
def office(founded: Model, iku: Type, environ: dict[str, str]) -> Office:
    """A copy of the office with an administrator, for this test alone."""
    return founded.copied(iku, environ)


@pytest.fixture
def staffed(hired: Model, iku: Type, environ: dict[str, str]) -> Office:
    """A copy of the office with a division, for this test alone."""
    return hired.copied(iku, environ)


def test_the_first_administrator_and_head_are_invited_at_the_server_and_no_other(
    office: Office,
) -> None:
    assert office.run(None, "status", "--json").json["mode"] == "accounts"
    head = office.run(None, "account", "invite", *HEAD)
    assert head.code == 0, head.err
    assert "http://127.0.0.1:8000/undangan/" in head.out
    for words in (ADMIN, HEAD, OFFICER):
        refused = office.run(None, "account", "invite", *words)
        assert refused.code == 1
        assert "this register has accounts" in refused.err


def test_a_command_acts_by_its_api_key_and_by_no_claimed_name(
    staffed: Office,
) -> None:
    refused = staffed.run(None, *REPORT)
    assert refused.code == 1
    assert "set an API key" in refused.err
    claimed = staffed.run("siti", *REPORT, "--actor", "siti")
    assert claimed.code == 2
    assert "--actor cannot be used" in claimed.err
    done = staffed.run("siti", *REPORT, "--number", "K14", "--json")
    assert done.code == 0, done.err
    own = staffed.run("siti", *VERIFIED)
    assert own.code == 1
    assert "requires one of the roles verifikator, kepala bidang" in own.err
    assert staffed.run("budi", *VERIFIED).code == 0
    history = staffed.run("budi", "history", "K14", "--json").json
    actors = [one["actor"] for one in history]
    assert actors == [staffed.accounts["siti"], staffed.accounts["budi"]]


def test_an_invalid_key_is_refused_and_never_printed(office: Office) -> None:
    office.keys["other"] = office.keys["admin"][:-1] + "x"
    for words in (REPORT, ("figure",), ("list", "conflicts")):
        refused = office.run("other", *words)
        assert refused.code == 1
        assert "IKU_API_KEY is not a valid API key" in refused.err
        assert office.keys["other"] not in refused.out + refused.err


def test_maintenance_needs_no_key(office: Office, tmp_path: Path) -> None:
    for words in (
        ("migrate",),
        ("guard",),
        ("status",),
        ("keys", "show"),
        ("backup", tmp_path / "b.iku"),
        ("signer", "key"),
    ):
        said = office.run(None, *words)
        assert said.code == 0, (words, said.err)


def test_a_change_of_accounts_asks_for_a_code_of_the_authenticator(
    office: Office,
) -> None:
    words = ("account", "invite", *OFFICER)
    unproved = office.run("admin", *words, typed=f"{wrong(office.seeds['admin'])}\n")
    assert unproved.code == 1
    assert "the code is wrong" in unproved.err
    done = office.step_up("admin", *words)
    assert done.code == 0, done.err
    assert "One-time link" in done.out
    again = office.run("admin", *words, typed=f"{code(office.seeds['admin'])}\n")
    assert again.code == 1  # a code is valid once


def test_the_list_of_accounts_names_roles_state_and_factors(staffed: Office) -> None:
    listed = staffed.run("admin", "account", "list")
    assert listed.code == 0, listed.err
    for words in ("Siti Contoh", "petugas (wasnas)", "password, authenticator"):
        assert words in listed.out
    found = staffed.run("admin", "account", "list", "--json").json["items"]
    assert len(found) == 3
    before = staffed.run("admin", "account", "list", "--as-of", "2021-12-31")
    assert "There were no accounts on 2021-12-31." in before.out
    refused = staffed.run("siti", "account", "list")
    assert refused.code == 1
    assert "requires one of the roles auditor, admin" in refused.err


def test_a_role_is_granted_until_a_day_and_revoked(staffed: Office) -> None:
    siti = staffed.accounts["siti"]
    deputy = ("--role", "verifikator", "--division", "wasnas", "--basis", "SK/9")
    day = datetime.now(UTC).date() + timedelta(days=30)
    done = staffed.step_up(
        "admin", "account", "grant", siti, *deputy, "--until", str(day)
    )
    assert done.code == 0, done.err
    [account] = [
        one["account"]
        for one in staffed.run("admin", "account", "list", "--json").json["items"]
        if one["account"]["id"] == siti
    ]
    assert [one["role"] for one in account["roles"]] == ["petugas", "verifikator"]
    assert account["roles"][1]["until"] == str(day)
    revoke = ("account", "revoke", siti, "--grant", 2, "--reason", "Mutasi")
    assert staffed.step_up("admin", *revoke).code == 0
    refused = staffed.run("siti", *REPORT[:-2], "--effective-on", "2021-02-09")
    assert refused.code == 0  # a verifier enters, too
    revoke = ("account", "revoke", siti, "--grant", 3, "--reason", "Mutasi")
    assert staffed.step_up("admin", *revoke).code == 0
    refused = staffed.run("siti", *REPORT)
    assert refused.code == 1
    assert "your roles: none" in refused.err


def test_a_suspension_ends_sessions_and_acts_on_keys_until_it_is_lifted(
    staffed: Office,
) -> None:
    siti = staffed.accounts["siti"]
    staffed.session("siti")
    listed = ("account", "sessions", "list", siti, "--json")
    assert staffed.run("admin", *listed).json["items"]
    suspend = ("account", "suspend", siti, "--reason", "Cuti")
    assert staffed.step_up("admin", *suspend).code == 0
    assert staffed.run("admin", *listed).json["items"] == []
    assert staffed.run("siti", *REPORT).code == 1
    assert "suspended" in staffed.run("admin", "account", "list").out
    restore = ("account", "restore", siti, "--reason", "Kembali")
    assert staffed.step_up("admin", *restore).code == 0
    assert staffed.run("siti", *REPORT).code == 0


def test_a_lost_factor_is_recovered_by_another_person(staffed: Office) -> None:
    siti = staffed.accounts["siti"]
    lost = ("account", "recover", siti, "--reason", "Telepon hilang", "--json")
    done = staffed.step_up("admin", *lost)
    assert done.code == 0, done.err
    refused = staffed.run("siti", *REPORT)
    assert "IKU_API_KEY is not a valid API key" in refused.err
    staffed.enrol("siti", siti, done.json["link"])
    assert staffed.run("siti", *REPORT).code == 0
    own = ("account", "recover", staffed.accounts["admin"], "--reason", "Hilang")
    refused = staffed.step_up("admin", *own)
    assert refused.code == 1
    assert "your own" in refused.err


def with_auditor(office: Office) -> str:
    """The account of an auditor, whom the head of the agency approved."""
    office.invite("head", *HEAD)
    auditor = ("--role", "auditor", "--name", "Auditor Contoh", "--basis", "ST/1")
    asked = office.step_up("admin", "account", "invite", *auditor, "--json").json
    done = office.step_up("head", "proposal", "approve", asked["proposal"], "--json")
    account: str = done.json["receipt"]["id"]
    office.enrol("auditor", account, done.json["link"])
    return account


def test_an_auditor_sees_who_opened_which_texts(staffed: Office) -> None:
    account = with_auditor(staffed)
    openings = ("access", "openings")
    none = staffed.run("auditor", *openings)
    assert "No account decrypted texts that match these options." in none.out
    assert staffed.run("siti", *REPORT, "--number", "K14").code == 0
    assert staffed.run("budi", "history", "K14").code == 0
    assert staffed.run("auditor", "history", "K14").code == 0
    found = staffed.run("auditor", *openings, "--json").json
    assert [(one["account"], one["stream"]) for one in found["items"]] == [
        (account, "conflict-K14"),
        (staffed.accounts["budi"], "conflict-K14"),
    ]
    page = staffed.run("auditor", *openings, "--limit", 1)
    assert account in page.out
    assert f"--before {found['items'][0]['number']}" in page.out
    by_budi = ("--account", staffed.accounts["budi"])
    assert account not in staffed.run("auditor", *openings, *by_budi).out
    for name in ("siti", "admin", "head", None):
        refused = staffed.run(name, *openings)
        assert refused.code == 1
        assert "Version" not in refused.out


def test_the_status_counts_the_sign_ins_that_the_database_holds(
    staffed: Office,
) -> None:
    before = staffed.run(None, "status", "--json").json["access"]
    assert (before["accounts"], before["enrolled"]) == (3, 3)
    assert before["failures"] == 0
    suspend = ("account", "suspend", staffed.accounts["siti"], "--reason", "Cuti")
    typed = f"{wrong(staffed.seeds['admin'])}\n"
    assert staffed.run("admin", *suspend, typed=typed).code == 1
    after = staffed.run(None, "status", "--json").json["access"]
    assert after["failures"] == 1
    assert after["attempts"] == before["attempts"] + 1
    shown = staffed.run(None, "status").out
    assert "3 of 3; active sessions: " in shown
    assert f"attempts: {after['attempts']}, of which failed: 1;" in " ".join(
        shown.split()
    )


def test_the_account_of_an_auditor_is_recovered_by_two_persons(office: Office) -> None:
    account = with_auditor(office)
    lost = ("account", "recover", account, "--reason", "Telepon hilang", "--json")
    asked = office.step_up("admin", *lost).json
    assert (asked["account"], asked["link"]) == (account, None)
    assert office.run("auditor", "list", "conflicts").code == 0
    own = office.step_up("admin", "proposal", "approve", asked["proposal"])
    assert own.code == 1
    done = office.step_up("head", "proposal", "approve", asked["proposal"])
    assert done.code == 0, done.err
    assert "One-time link" in done.out
    assert office.run("auditor", "list", "conflicts").code == 1


def test_a_head_who_follows_another_at_the_server_cannot_approve_at_once(
    office: Office,
) -> None:
    office.invite("head", *HEAD)
    rows = "select count(*) from access.account where approve_after > now()"
    assert office.fetch(rows) == 0
    head = office.accounts["head"]
    revoke = ("account", "revoke", head, "--grant", 2, "--reason", "Telepon hilang")
    assert office.step_up("admin", *revoke).code == 0
    office.invite("again", *HEAD)
    assert office.fetch(rows) == 1


def test_a_link_that_expired_is_issued_again(office: Office) -> None:
    done = office.step_up("admin", "account", "invite", *OFFICER, "--json")
    account = done.json["account"]
    again = office.step_up("admin", "account", "link", account, "--json")
    assert again.code == 0, again.err
    office.enrol("siti", account, again.json["link"])
    refused = office.step_up("admin", "account", "link", account)
    assert refused.code == 1
    assert "can already sign in" in refused.err


def test_sessions_are_listed_and_ended(staffed: Office) -> None:
    siti = staffed.accounts["siti"]
    staffed.session("siti")
    shown = staffed.run("siti", "account", "sessions", "list", siti)
    assert "password + authenticator code" in " ".join(shown.out.split())
    assert "password+totp" not in shown.out
    refused = staffed.run("budi", "account", "sessions", "end", siti)
    assert refused.code == 1
    ended = staffed.run("admin", "account", "sessions", "end", siti)
    assert ended.code == 0, ended.err
    none = staffed.run("siti", "account", "sessions", "list", siti)
    assert "There are no open sessions." in none.out


def test_an_api_key_is_created_with_a_code_and_revoked(staffed: Office) -> None:
    words = ("account", "keys", "create", "--name", "skrip", "--roles", "petugas")
    made = staffed.step_up("siti", *words, "--days", 30, "--json")
    assert made.code == 0, made.err
    staffed.keys["script"] = made.json["key"]
    assert staffed.run("script", *REPORT).code == 0
    listed = staffed.run("siti", "account", "keys", "list")
    assert "skrip" in listed.out
    assert made.json["key"] not in listed.out
    more = staffed.step_up("siti", *words[:-1], "admin")
    assert more.code == 1
    assert "cannot have the roles admin" in more.err
    revoked = staffed.run("siti", "account", "keys", "revoke", made.json["id"])
    assert "is revoked" in revoked.out
    assert staffed.run("script", *REPORT).code == 1
    again = staffed.run("siti", "account", "keys", "revoke", made.json["id"])
    assert "was already revoked" in again.out
