"""A database that tests use one after the other, emptied before each of them.

To copy a template and drop the copy takes the server 20 ms, and the first command on a
new connection as long, because each session plans its statements afresh. A test that
needs a copy of its own, such as one about plans or sizes, has the mark `own_database`.
A database whose schema or privileges a test changed is replaced by a new copy.

A `conftest.py` selects this for its folder by naming the fixtures of this module.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.conftest import Clone

Connect = Callable[[str], Awaitable[Plain]]

# The tables, each with the triggers that no role is exempt from.
TABLES = """
    select c.oid::regclass::text as name,
           array(select quote_ident(tgname)
                   from pg_trigger
                  where tgrelid = c.oid
                    and tgenabled = 'A') as triggers
      from pg_class c
     where c.relkind = 'r'
       and c.relnamespace in (
             'access'::regnamespace, 'ledger'::regnamespace,
             'projection'::regnamespace, 'vault'::regnamespace)
     order by 1
    """
SEQUENCES = """
    select c.oid::regclass::text as name
      from pg_class c
     where c.relkind = 'S'
       and c.relnamespace in ('access'::regnamespace, 'ledger'::regnamespace)
    """
# What each change of the schema, of a privilege or of the guard changes.
SHAPE = """
    select concat_ws(' ',
      (select sum(hashtext(concat(oid, xmin)))
         from pg_class
        where oid >= 16384
          and relpersistence <> 't'),
      (select sum(hashtext(concat(attrelid, a.xmin)))
         from pg_attribute a
         join pg_class c on c.oid = attrelid
        where attrelid >= 16384
          and relpersistence <> 't'),
      (select sum(hashtext(t::text)) from pg_trigger t),
      (select sum(hashtext(concat(oid, xmin)))
         from pg_proc
        where oid >= 16384
          and pronamespace <> pg_my_temp_schema()),
      (select sum(hashtext(concat(oid, xmin))) from pg_constraint where oid >= 16384),
      (select sum(hashtext(concat(oid, xmin)))
         from pg_namespace
        where nspname !~ '^pg_'),
      (select sum(hashtext(concat(oid, xmin))) from pg_event_trigger),
      (select sum(hashtext(concat(oid, xmin))) from pg_default_acl),
      (select sum(hashtext(concat(oid, xmin))) from pg_policy),
      (select sum(hashtext(concat(oid, xmin))) from pg_rewrite where oid >= 16384),
      (select sum(hashtext(concat(setdatabase, setrole, s.xmin)))
         from pg_db_role_setting s),
      (select sum(hashtext(xmin::text)) from guard.sealed),
      (select count(*) from guard.change),
      (select sum(hashtext(xmin::text)) from public.schema_migration))
    """


class Emptied:
    """A copy of a template, with connections that stay open from test to test."""

    def __init__(self, database: Database, superuser: Plain) -> None:
        self.database = database
        self._superuser = superuser
        self._shape = ""
        self._open: dict[Connect, Plain] = {}

    @classmethod
    async def copy(cls, database: Database) -> "Emptied":
        """An emptied *database*, which is a new copy."""
        superuser = await pools.connect_as_owner(database.owner_dsn)
        await superuser.execute(
            "set event_triggers = off; set session_replication_role = replica;"
            "set lock_timeout = '2s'"
        )
        await superuser.execute(await _definition(superuser))
        emptied = cls(database, superuser)
        emptied._shape = await superuser.fetchval(SHAPE)
        return emptied

    async def empty(self) -> bool:
        """Restore the rows of the template; false if more than rows was changed."""
        try:
            shape = await self._superuser.fetchval("select pg_temp.restore()")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False
        return bool(shape == self._shape)

    async def connection(self, connect: Connect, dsn: str | None) -> Plain:
        """The connection that *connect* opens, in the state of a new one."""
        held = self._open.get(connect)
        if held is not None and (held.is_closed() or held.is_in_transaction()):
            await held.close()
            held = None
        if held is None:
            assert dsn is not None
            self._open[connect] = held = await connect(dsn)
        else:
            await held.reset()
        return held

    async def close(self) -> None:
        for connection in (*self._open.values(), self._superuser):
            await connection.close()


async def _definition(superuser: Plain) -> str:
    """The function that restores the rows and returns the shape."""
    steps = []
    for number, (name, triggers) in enumerate(await superuser.fetch(TABLES)):
        alter = "".join(
            f"alter table {name} {{0}} trigger {trigger};" for trigger in triggers
        )
        steps.append(
            f"if exists (select from {name}) then {alter.format('disable')}"
            f" delete from {name}; {alter.format('enable always')} end if;"
        )
        if await superuser.fetchval(f"select exists (select from {name})"):
            await superuser.execute(
                f"create temp table kept_{number} as select * from {name}"
            )
            steps.append(f"insert into {name} select * from pg_temp.kept_{number};")
    steps += [
        f"perform setval('{name}', 1, false);"
        for (name,) in await superuser.fetch(SEQUENCES)
    ]
    return f"""
        create function pg_temp.restore() returns text language plpgsql as $restore$
        begin {" ".join(steps)} return ({SHAPE}); end
        $restore$
        """


class Pool:
    """The emptied databases of a process, by template."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._by_template: dict[str, Emptied] = {}

    async def take(self, template: str) -> Emptied:
        found = self._by_template.pop(template, None)
        if found is not None and not await found.empty():
            await found.close()
            found = None
        found = found or await Emptied.copy(await self._clone(template))
        self._by_template[template] = found
        return found

    async def close(self) -> None:
        for one in self._by_template.values():
            await one.close()


@pytest.fixture(scope="session")
async def emptied_pool(clone: Clone) -> AsyncIterator[Pool]:
    pool = Pool(clone)
    yield pool
    await pool.close()


@pytest.fixture
async def emptied(
    request: pytest.FixtureRequest, emptied_pool: Pool, clone: Clone, origin: str
) -> AsyncIterator[Emptied]:
    """The emptied copy of `origin`, or with `own_database` a new one."""
    if request.node.get_closest_marker("own_database") is None:
        yield await emptied_pool.take(origin)
    else:
        own = await Emptied.copy(await clone(origin))
        yield own
        await own.close()


@pytest.fixture
async def database(emptied: Emptied) -> Database:
    return emptied.database


@pytest.fixture
async def connection(emptied: Emptied) -> Plain:
    """A connection in the application's role."""
    return await emptied.connection(pools.connect, emptied.database.application_dsn)


@pytest.fixture
async def signer(emptied: Emptied) -> Plain:
    """A connection in the signer's role."""
    return await emptied.connection(
        pools.connect_as_signer, emptied.database.signer_dsn
    )


async def _connect_unguarded(dsn: str) -> Plain:
    return await pools.connect_as_owner(dsn)


@pytest.fixture
async def owner(emptied: Emptied) -> Plain:
    """A connection in the owner's role, with event triggers disabled."""
    connection = await emptied.connection(
        _connect_unguarded, emptied.database.owner_dsn
    )
    await connection.execute("set event_triggers = off")
    return connection


@pytest.fixture
async def guarded(emptied: Emptied) -> Plain:
    """A connection in the owner's role, with event triggers enabled."""
    return await emptied.connection(pools.connect_as_owner, emptied.database.owner_dsn)
