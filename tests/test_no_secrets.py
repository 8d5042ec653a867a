"""No secret of a whole course of work is in a log, a table, a dump or a bundle.

`iku serve` runs over an embedded database with all loggers at DEBUG, while people are
invited, enrol, sign in, work and leave. Every secret that they send or get is kept, and
afterwards searched for: as text, percent-encoded, in hexadecimal and in Base64.

A link is printed by `iku account invite` and answered by `POST /accounts`, and an API
key is shown on the page that creates it. Nothing else has a secret of these people; the
keys folder has those of the server. (ASVS 7.2.3, 16.2.5)
"""

import asyncio
import json
import os
import re
import signal
import socket
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import asyncpg
import httpx
import pytest

from iku.postgres import dump
from iku.postgres.embedded import Lease, lease
from tests.access.authenticator import Authenticator
from tests.access.identity_provider import (
    CLIENT,
    SECRET,
    IdentityProvider,
    identity_provider,
)
from tests.browsing import Browser, Secrets, forms_of
from tests.conftest import FAST
from tests.forked import Forker, Process
from tests.web.conftest import CASE, VERIFIED

ROOT = Path(__file__).parents[1]
ADMIN, HEAD, OFFICER = (
    "Wahyuningtyas Administratoria",
    "Hardjodiningrat Kepalawati",
    "Siti Rahasiawati Contohnya",
)
NIP = "198503122010011001"
# Names and texts of people: sealed in the vault, and in no log.
PERSONAL = {
    ADMIN: "name",
    HEAD: "name",
    OFFICER: "name",
    NIP: "NIP",
    "rahasiawati@contoh.example": "e-mail address",
    "Sengketa lapak Bu Marsinahwati": "title",
    "LP/77/RAHASIA/II/2021": "reference",
    "Berita acara Pak Tonowijoyo.pdf": "name of a file",
    "isi berkas yang sangat rahasia sekali": "content of a file",
    "Keterangan Bu Painemwati kepada petugas": "reason of a proposal",
    "Telepon hilang di Pasar Legi Wetan": "reason of a recovery",
}


class Course:
    """The processes of an office, and what they wrote."""

    def __init__(
        self, forker: Forker, home: Path, held: Lease, issuer: str, secret: Path
    ) -> None:
        self.forker = forker
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.base = f"http://localhost:{self.port}"
        self.home = home
        self.held = held
        mine = {n: v for n, v in os.environ.items() if not n.startswith("IKU_")}
        self.environment = mine | {
            "IKU_HOME": str(home),
            "IKU_LANGUAGE": "en",
            "IKU_DEBUG": "1",
            "IKU_PORT": str(self.port),
            "IKU_PUBLIC_URL": self.base,
            "IKU_OIDC_ISSUER": issuer,
            "IKU_OIDC_CLIENT_ID": CLIENT,
            "IKU_OIDC_CLIENT_SECRET_FILE": str(secret),
            "IKU_OIDC_ALLOW_PRIVATE": "true",
        }
        self.written: list[str] = []

    async def iku(self, *words: object, typed: str = "", **variables: str) -> str:
        """The standard output of a command; what it logs is kept."""
        with self.start(*map(str, words), **variables) as process:
            process.stdin.write(typed)
            out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, err[-3000:]
        self.written.append(err)
        return out

    def start(self, *words: str, **variables: str) -> Process:
        """A command that logs all it can."""
        given = self.environment | variables
        return self.forker.start(words, given, module="tests.talkative")

    async def invite(self, *words: str) -> str:
        """The link that an invitation at the server prints."""
        said = await self.iku("account", "invite", *words, "--json")
        link: str = json.loads(said)["link"]
        return link

    @contextmanager
    def served(self) -> Iterator[None]:
        """The server; what it writes is kept when it ends."""
        with self.start("serve") as process:
            try:
                assert "iku serves at" in process.stdout.readline()
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                self.written += process.communicate(timeout=60)


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def course(
    forker: Forker, own_home: Path, provider: IdentityProvider, tmp_path: Path
) -> Iterator[Course]:
    secret = tmp_path / "client-secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    with lease(own_home, FAST) as held:
        yield Course(forker, own_home, held, provider.url, secret)


@pytest.fixture
async def owner(course: Course) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(course.held.owner_dsn)
    await connection.execute("set event_triggers = off")
    yield connection
    await connection.close()


async def work(
    course: Course, provider: IdentityProvider, owner: Any, out: Path
) -> Secrets:
    """The course of work; its secrets."""
    secrets = Secrets()
    secrets.keep("client secret", SECRET)
    _keep_verifiers(provider, secrets)
    link = await course.invite(
        "--role", "admin", "--name", ADMIN, "--basis", "SK/1/2026"
    )
    head = await course.invite(
        "--role", "kepala_badan", "--name", HEAD, "--basis", "SK/2/2026"
    )
    secrets.keep("invitation", head.rpartition("/")[2])
    with course.served():
        admin = Browser(course.base, secrets)
        await admin.enrol(link, "admin.uji", "tujuh kapal menuju pulau jauh")
        officer, account = await _officer(admin, secrets)
        await _factors(officer, provider, secrets)
        key = await officer.create_api_key("petugas")
        await _register(officer, key, secrets)
        key = await _leave(admin, officer, account)
        await _break(admin, owner)
    await _export(course, key, out)
    return secrets


def _keep_verifiers(provider: IdentityProvider, secrets: Secrets) -> None:
    redeem = provider.redeem

    def kept(form: dict[str, str], authorization: str | None) -> Any:
        secrets.keep("code verifier", form["code_verifier"])
        return redeem(form, authorization)

    provider.redeem = kept  # type: ignore[method-assign]


async def _officer(admin: Browser, secrets: Secrets) -> tuple[Browser, str]:
    """An officer whom the administrator invites, and who enrols and signs in."""
    invited = {
        "holder": {"name": OFFICER},
        "nip": NIP,
        "email": "rahasiawati@contoh.example",
        "basis": "SK/3/2026",
        "role": "petugas",
        "division": "wasnas",
    }
    answer = await admin.ask("POST", "/api/v1/accounts", json=invited)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    officer = Browser(admin.base, secrets)
    password = "delapan gajah minum di telaga"
    await officer.enrol(made["link"], "petugas.uji", password)
    await officer.sign_in("petugas.uji", password)
    await officer.open("/akun")
    changed = secrets.keep("new password", "sembilan rusa makan di padang")
    await officer.send(
        "/akun/sandi", sandi_lama=password, sandi=changed, sandi_lagi=changed
    )
    return officer, made["account"]


async def _factors(
    officer: Browser, provider: IdentityProvider, secrets: Secrets
) -> None:
    """A confirmation by a code, a passkey, and an identity at the provider."""
    await officer.open("/akun/konfirmasi")
    await officer.send("/akun/konfirmasi", 422, kode=officer.wrong_code())
    await officer.send("/akun/konfirmasi", kode=officer.code(1))
    authenticator = Authenticator()
    authenticator.origin, authenticator.rp_id = officer.base, "localhost"
    await officer.passkey(authenticator)
    for claims, status in (({"nonce": "nonce lain sekali"}, 422), ({}, 303)):
        provider.claims = {"sub": "subjek-7f3a", **claims}
        await officer.open("/akun")
        query = await officer.to_provider(provider, tujuan="tautkan", ke="/akun")
        answer = await officer.ask("GET", "/masuk/oidc", params=query)
        assert answer.status_code == status, answer.text
    replayed = await officer.ask("GET", "/masuk/oidc", params=query)
    assert replayed.status_code == 422
    for token in provider.tokens:
        if not token.startswith("akses-"):  # which are numbered
            secrets.keep("token or code of the provider", token)


async def _register(officer: Browser, key: str, secrets: Secrets) -> None:
    """A report with texts and a file, a proposal, and a figure."""
    report = CASE | {
        "title": "Sengketa lapak Bu Marsinahwati",
        "reference": "LP/77/RAHASIA/II/2021",
    }
    answer = await officer.ask("POST", "/api/v1/conflicts", json=report)
    assert answer.status_code == 201, answer.text
    attached = await officer.ask(
        "POST",
        "/api/v1/conflicts/K14/attachments",
        content=b"%PDF-1.7 isi berkas yang sangat rahasia sekali",
        headers={
            "Content-Type": "application/pdf",
            "Iku-File-Name": "Berita%20acara%20Pak%20Tonowijoyo.pdf",
        },
    )
    assert attached.status_code == 201, attached.text
    wrong = {"type": "corrected", "corrects": 1, "level": "kekerasan", "reason": "Uji"}
    proposed = {
        "category": "conflict",
        "subject": "K14",
        "command": wrong,
        "because": "Keterangan Bu Painemwati kepada petugas",
    }
    answer = await officer.ask("POST", "/api/v1/proposals", json=proposed)
    assert answer.status_code == 201, answer.text
    refused = await officer.ask("POST", "/api/v1/conflicts/K14/events", json=VERIFIED)
    assert refused.status_code == 403
    damaged = secrets.keep("damaged API key", key[:-4] + "AAAA")
    async with httpx.AsyncClient(base_url=officer.base) as program:
        for given, status in ((key, 200), (damaged, 401), (f"{key}x", 401)):
            answer = await program.get(
                "/api/v1/indicators/IKU-1/figure",
                headers={"Authorization": f"Bearer {given}"},
            )
            assert answer.status_code == status


async def _leave(admin: Browser, officer: Browser, account: str) -> str:
    """The officer signs out, loses the telephone, and is recovered; an API key."""
    await officer.open("/akun")
    await officer.send("/keluar")
    today = (await admin.ask("GET", "/api/v1/accounts")).json()["as_of"]
    lost = {
        "type": "recovered",
        "reason": "Telepon hilang di Pasar Legi Wetan",
        "effective_on": today,
    }
    answer = await admin.ask("POST", f"/api/v1/accounts/{account}/events", json=lost)
    assert answer.status_code == 201, answer.text
    link = answer.json()["link"]
    await officer.enrol(link, "petugas.uji", "sepuluh kerbau mandi di lumpur")
    await Browser(admin.base, admin.secrets).send(urlsplit(link).path, 410)
    return await officer.create_api_key("petugas")


async def _break(admin: Browser, owner: Any) -> None:
    """Steps that fail by a fault, whose traceback is logged."""
    secrets, session = admin.secrets, admin.cookies.copy()
    link = secrets.keep("invitation", "undangan-pada-saat-rusak")
    key = secrets.keep("API key", f"iku_{'0' * 12}_{'kunci-rusak-' * 3}kunci-r")
    await owner.execute("revoke execute on all functions in schema access from iku_app")
    admin.cookies.clear()
    for path, fields in (
        ("/masuk", {"nama": "admin.uji", "sandi": "tujuh kapal menuju pulau jauh"}),
        (f"/undangan/{link}", {}),
    ):
        failed = await admin.ask("POST", path, data={"kunci": "", **fields})
        assert failed.status_code == 500, (path, failed.status_code)
    admin.cookies = session
    for headers in ({}, {"Authorization": f"Bearer {key}"}):
        failed = await admin.ask("GET", "/api/v1/indicators", headers=headers)
        assert failed.status_code == 500
    await owner.execute("grant execute on all functions in schema access to iku_app")


async def _export(course: Course, key: str, out: Path) -> None:
    """The terminal with an API key, a checkpoint, a bundle and a backup."""
    said = await course.iku("figure", "IKU-1", "--json", IKU_API_KEY=key)
    assert json.loads(said)["indicator"] == "IKU-1"
    await course.iku("signer", "key")
    await course.iku("signer", "once")
    await course.iku("export", "bundle", out / "bundle")
    await course.iku("backup", out / "b.iku")


async def _rows(owner: Any) -> bytes:
    """Every row of every table, as text."""
    tables = await owner.fetch(
        """
        select format('%I.%I', schemaname, tablename) as name from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')
        """
    )
    assert len(tables) > 25
    parts = []
    for table in tables:
        rows = await owner.fetch(f"select t::text from {table['name']} t")
        parts += [str(row[0]) for row in rows]
    return "\n".join(parts).encode()


def _plain_dump(dsn: str) -> bytes:
    with dump._running_program("pg_dump", dsn, ("--inserts",)) as process:
        assert process.stdout is not None
        return process.stdout.read()


def _files(folder: Path) -> bytes:
    return b"\n".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def found_in(text: bytes, forms: dict[bytes, str]) -> list[str]:
    """What of the forms is in the text."""
    return sorted({what for form, what in forms.items() if form in text})


@pytest.mark.parametrize("secret", ["kata sandi / 12+é", "x" * 13, "iku_0_aB-_9"])
def test_a_secret_is_found_however_it_is_written(secret: str) -> None:
    forms = forms_of({secret.encode(): "secret"})
    for before in ("", "x", "yy", "zzz"):
        raw = f"{before}{secret}zz".encode()
        for written in (
            *(raw, quote(raw, safe="").encode(), quote_plus(raw).encode()),
            *(raw.hex().encode(), raw.hex().upper().encode()),
            *(b64encode(raw), urlsafe_b64encode(raw).rstrip(b"=")),
        ):
            assert found_in(written, forms), written
    assert found_in(b"kata sandi lain, iku_0_aB-_", forms) == []


async def test_no_secret_of_a_course_of_work_is_in_a_log_table_dump_or_bundle(
    course: Course, provider: IdentityProvider, owner: Any, tmp_path: Path
) -> None:
    secrets = await work(course, provider, owner, tmp_path)
    data = course.home / "postgres" / "data"
    logs = "\n".join(course.written).encode()
    places = {
        "logs of the program": logs,
        "log of PostgreSQL": (data / "server.log").read_bytes(),
        "tables": await _rows(owner),
        "dump": _plain_dump(course.held.owner_dsn),
        "backup": (tmp_path / "b.iku").read_bytes(),
        "bundle": _files(tmp_path / "bundle"),
        "write-ahead log": _files(data / "pg_wal"),
    }
    personal = forms_of({text.encode(): what for text, what in PERSONAL.items()})
    forms = secrets.forms() | personal
    found = {name: found_in(text, forms) for name, text in places.items()}
    assert {name: what for name, what in found.items() if what} == {}
    codes = re.compile(rf"(?<![\w.])({'|'.join(sorted(secrets.codes))})(?!\w)".encode())
    for name in ("logs of the program", "log of PostgreSQL"):
        assert codes.search(places[name]) is None, name
    _check_that_the_search_finds(places, logs, secrets)


def _check_that_the_search_finds(
    places: dict[str, bytes], logs: bytes, secrets: Secrets
) -> None:
    """The course was a whole one, and what may be anywhere is found there."""
    kinds = {*secrets.kept.values()}
    assert kinds >= {
        *("password", "wrong password", "new password", "invitation", "form key"),
        *("seed of an authenticator", "decoded seed", "API key", "damaged API key"),
        *("challenge", "state", "nonce", "code verifier", "client secret"),
        *("token or code of the provider", "cookie __Host-iku"),
    }
    assert len(secrets.codes) == 5
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith(b"{")]
    outcomes = {line["outcome"] for line in lines}
    assert outcomes == {"success", "failure", "refused", "changed"}
    assert b"Traceback" in logs
    assert b"DEBUG:httpcore" in logs
    assert b"permission denied for function" in places["log of PostgreSQL"]
    account = next(line["account"] for line in lines if line.get("account"))
    known = forms_of({account.encode(): "account"})
    for name in ("logs of the program", "tables", "dump", "bundle", "write-ahead log"):
        assert found_in(places[name], known), name
