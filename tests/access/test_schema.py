"""Schema access: its privileges, the functions of passkeys and identities, its dump."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from iku.access import api_keys, invitations, sessions, totp
from iku.access.database_flows import DatabaseFlows
from iku.access.flows import FlowKind
from iku.postgres import dump
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.access.enrolling import PASSWORD, Office, code

TABLES = {
    *("account", "totp", "retired_key", "passkey", "identity", "session"),
    *("invitation", "api_key", "flow", "attempt", "delay", "opened", "draft"),
}


async def test_the_schema_is_its_own_roles_and_only_the_application_may_call_it(
    owner: Plain,
) -> None:
    rows = await owner.fetch(
        """
        select p.proname as name, pg_get_userbyid(p.proowner) as owner, p.prosecdef,
               p.proconfig, has_function_privilege('iku_app', p.oid, 'execute') as app,
               has_function_privilege('pg_monitor', p.oid, 'execute') as anybody
          from pg_proc p
         where p.pronamespace = 'access'::regnamespace
        """
    )
    assert len(rows) > 40
    for row in rows:
        assert (row["owner"], row["prosecdef"]) == ("iku_access", True), row["name"]
        assert "search_path=pg_catalog, pg_temp" in row["proconfig"]
        assert (row["app"], row["anybody"]) == (True, False)
    tables = await owner.fetch(
        """
        select tableowner, schemaname, tablename from pg_tables
         where schemaname = 'access' or tableowner = 'iku_access'
        """
    )
    assert {tuple(row) for row in tables} == {
        ("iku_access", "access", name) for name in TABLES
    }


async def test_its_role_reads_versions_of_streams_and_nothing_else_of_the_log(
    owner: Plain,
) -> None:
    for table in ("event", "command", "stream", "head"):
        for right in ("select", "insert", "update", "delete", "truncate"):
            may = await owner.fetchval(
                "select has_table_privilege('iku_access', $1, $2)",
                f"ledger.{table}",
                right,
            )
            assert may == ((table, right) == ("stream", "select"))
    assert not await owner.fetchval(
        "select rolcanlogin or rolsuper from pg_roles where rolname = 'iku_access'"
    )
    assert not await owner.fetchval(
        "select has_schema_privilege('iku_access', 'vault', 'usage')"
    )


async def test_a_dump_holds_no_usable_token_password_or_seed(
    office: Office, database: Database, tmp_path: Path
) -> None:
    """ASVS 7.2.3."""
    holder = await office.enrolled()
    half = await office.half_open()
    issued = await invitations.issue(office.connection, str(uuid4()))
    key = await api_keys.create(
        office.connection,
        holder.account,
        name="monitor",
        roles=(),
        rights=("log",),
        held=(),
        lifetime=timedelta(days=1),
    )
    text = plain_dump(database)
    assert holder.account in text
    for secret in (
        *(holder.token, half, issued.token),
        *(key.key, key.key.split("_", 2)[2], holder.seed, PASSWORD),
    ):
        assert secret not in text
        assert secret.encode().hex() not in text
    for path in (tmp_path / "keys").rglob("*.key"):
        assert path.read_text().strip() not in text


async def test_a_restored_database_has_no_open_session_link_or_code(
    office: Office,
) -> None:
    """What `iku restore` calls: the backup may be older than a revocation."""
    holder = await office.enrolled()
    half = await office.half_open()
    issued = await invitations.issue(office.connection, str(uuid4()))
    flows = DatabaseFlows(office.connection)
    await flows.put(FlowKind.OIDC, bytes(32), b"", 600)
    await office.owner.execute("select access.end_all()")
    for table in ("session", "invitation", "flow"):
        assert await office.owner.fetchval(f"select count(*) from access.{table}") == 0
    assert await invitations.redeem(office.connection, issued.token) is None
    assert await flows.take(FlowKind.OIDC, bytes(32)) is None
    assert await sessions.find(office.connection, holder.token) is None
    assert await sessions.find_partial(office.connection, half) is None
    for steps in (-1, 0, 1):
        assert not await totp.verify(
            office.connection,
            office.secrets,
            holder.account,
            code(holder.seed, steps),
        )
    await office.forget_codes()
    assert await totp.verify(
        office.connection, office.secrets, holder.account, code(holder.seed)
    )


def plain_dump(database: Database) -> str:
    """The dump of the schema as SQL."""
    arguments = ("--schema=access", "--inserts")
    with dump._running_program("pg_dump", database.owner_dsn, arguments) as process:
        assert process.stdout is not None
        return bytes(process.stdout.read()).decode()


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_the_application_reads_no_table_of_it(
    connection: Plain, name: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch(f"select from access.{name}")
