"""What a session or an API key costs, compared with the same request without accounts.

python -m benchmarks.authenticated
"""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

from benchmarks.loading import Load, run_in_process
from benchmarks.measuring import Row, measure_alternately, report
from benchmarks.served import prepare, served
from benchmarks.serving import BODY
from iku.access import api_keys, sessions
from iku.app import App, open_app
from iku.commands import accounts
from iku.domain.access import Credentials
from iku.domain.account import Invite, Role
from iku.domain.fact import Person
from iku.exchange import example
from iku.exchange.journal_import import Importer
from iku.postgres import pool as pools
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import Lease, lease
from iku.settings import Settings

FOLDER = Path("var") / "benchmarks" / "authenticated"
SECONDS = 4.0
CONNECTIONS = 16
BAR = 1 / 1.15  # of the rate without accounts
FIGURE = "GET /api/v1/indicators/IKU-1/figure?as_of=2021-12-31 HTTP/1.1"
POST = "POST /api/v1/conflicts HTTP/1.1"


async def main() -> None:
    """Measure over two registers with the same content, one of them with accounts."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    server = lease(FOLDER)
    held = await asyncio.to_thread(server.__enter__)
    try:
        local, office = [await _register(held, name) for name in ("local", "office")]
        cookies, keys = await _with_accounts(office)
        home = {"IKU_HOME": str(FOLDER)}
        async with served(local, **home) as plain, served(office, **home) as ours:
            rows = []
            for what, head, body, status in (
                ("figure", FIGURE, "", 200),
                ("POST /conflicts", POST, BODY, 201),
            ):
                for means, headers in (("a session", cookies), ("an API key", keys)):
                    load = Load(
                        ours,
                        tuple(f"{head}\r\n{header}" for header in headers),
                        body,
                        connections=CONNECTIONS,
                        seconds=SECONDS,
                        status=status,
                    )
                    rows.append(
                        await _compare(f"{what}, by {means}", load, plain, head)
                    )
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
    report("authenticated", "Requests by a session or an API key", rows)


async def _compare(what: str, load: Load, plain: int, head: str) -> Row:
    """The rate of *load*, and that of the same request at the port *plain*."""
    without = Load(
        plain,
        (head,),
        load.body,
        connections=load.connections,
        seconds=load.seconds,
        status=load.status,
    )

    async def rate(of: Load) -> float:
        return (await run_in_process(of)).rate

    for warm in (load, without):
        await rate(warm)
    samples, peers = await measure_alternately(
        [lambda: rate(load), lambda: rate(without)]
    )
    return Row(
        what=what,
        peer="without accounts",
        bar=round(BAR, 3),
        unit="a second",
        samples=samples,
        peer_samples=peers,
    )


async def _register(held: Lease, name: str) -> Database:
    """A database with the example register."""
    owner = await pools.connect_as_owner(held.owner_dsn)
    await owner.execute(f"create database {name}")
    await owner.close()
    dsns = (held.owner_dsn, held.application_dsn)
    database = Database(*(dsn.replace("@/iku?", f"@/{name}?") for dsn in dsns))
    await migrate_database(database)
    await prepare(database)
    async with open_app(_settings(), database) as app, app.pool.acquire() as connection:
        importer = Importer(connection, app.commands, "lokal")
        for content in example.read_journals().values():
            await importer.run(content)
    return database


async def _with_accounts(database: Database) -> tuple[list[str], list[str]]:
    """The headers of sessions and of API keys of an officer, one for each connection.

    Requests therefore have as many of them at once as in an office of that size.
    """
    async with open_app(_settings(), database) as app:
        admin = await _invite(app, Role.ADMIN)
        officer = await _invite(app, Role.PETUGAS, admin)
        async with app.pool.acquire() as connection:
            tokens = [
                await sessions.open_session(
                    connection, officer.account, method="password+totp"
                )
                for _ in range(CONNECTIONS)
            ]
            made = [
                await api_keys.create(
                    connection,
                    officer.account,
                    name="benchmark",
                    roles=(Role.PETUGAS,),
                    rights=(),
                    held=(Role.PETUGAS,),
                    lifetime=timedelta(days=1),
                )
                for _ in range(CONNECTIONS)
            ]
    return (
        [f"Cookie: __Host-iku={one}\r\nSec-Fetch-Site: same-origin" for one in tokens],
        [f"Authorization: Bearer {one.key}" for one in made],
    )


async def _invite(app: App, role: Role, by: Credentials | None = None) -> Credentials:
    division = "wasnas" if role is Role.PETUGAS else None
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


def _settings() -> Settings:
    return Settings(home=FOLDER)


if __name__ == "__main__":
    asyncio.run(main())
