"""Registers to which the contents of their template are restored between tests.

A register of its own costs a test a copy of a database, and new connections, each of
which plans and compiles everything once more. Restoring keeps the connections, and with
them the plans of the server and the prepared statements of the client.

A test that changes the schema, stops the server or connects by itself needs a database
of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

import asyncpg
import pytest

from iku.app import App, open_app
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain, Pool
from iku.settings import Settings

# The program's tables, with the columns that can be written.
TABLES = r"""
    select format('%I.%I', n.nspname, c.relname) as name,
           format('pg_temp.saved_%s', c.oid) as copy,
           string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      join pg_attribute as a on a.attrelid = c.oid
     where c.relkind = 'r'
       and n.nspname not in ('guard', 'information_schema', 'public')
       and n.nspname not like 'pg\_%'
       and a.attnum > 0
       and not a.attisdropped
       and a.attgenerated = ''
     group by n.nspname, c.relname, c.oid
     order by name
    """
SEQUENCES = """
    select format('perform setval(%L, %s, %L)',
                  format('%I.%I', schemaname, sequencename),
                  coalesce(last_value, start_value),
                  last_value is not null)
      from pg_sequences
     where schemaname <> 'guard'
    """
# The triggers that refuse changes always fire; while the contents are restored, their
# function permits them. Disabling the triggers would invalidate the plans.
REFUSING = "select pg_get_functiondef('ledger.refuse_change'::regproc)"
PERMITTING = """
    create or replace function ledger.refuse_change() returns trigger
    language plpgsql
    as $$ begin return null; end $$
    """
SESSION = """
    set event_triggers = off;
    set session_replication_role = replica;
    set lock_timeout = '5s'
    """
# The triggers that always fire; tests disable some of them to change what they guard.
TRIGGERS = """
    select format(
             'if (select tgenabled <> ''A'' from pg_trigger where oid = %s) then'
             ' alter table %s enable always trigger %I; end if',
             oid, tgrelid::regclass, tgname)
      from pg_trigger
     where tgenabled = 'A'
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
          and attnum > 0
          and relpersistence <> 't'),
      (select sum(hashtext(t::text)) from pg_trigger t),
      (select sum(hashtext(concat(oid, xmin)))
         from pg_proc
        where oid >= 16384
          and oid <> 'ledger.refuse_change'::regproc
          and pronamespace <> pg_my_temp_schema()),
      (select hashtext(p::text)
         from pg_proc p
        where oid = 'ledger.refuse_change'::regproc),
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
# Rows of later transactions than this one are not of the contents.
MARKING = "set_config('restoring.newest', pg_current_xact_id()::text, false)"
DELETING = "delete from {name} where age(xmin) < newest"
# What is unchanged is not written again.
COMPLETING = """
    if (select count(*) from {name}) <> {count} then
      delete from {name};
      insert into {name} ({columns}) overriding system value
      select {columns} from {copy};
    end if
    """
# A function plans its statements once.
RESTORING = """
    create function pg_temp.restore() returns text language plpgsql as $restore$
    declare newest integer := age(current_setting('restoring.newest')::xid);
    begin {steps}; perform {marking}; return ({shape}); end
    $restore$
    """


class Contents:
    """The rows and sequences of a database, to which it can be restored."""

    def __init__(self, owner: Plain, shape: str) -> None:
        self.owner = owner
        self._shape = shape

    @classmethod
    async def save(cls, database: Database) -> "Contents":
        """Keep the present contents, in a session that lasts until `close`."""
        owner = await pools.connect_as_owner(database.owner_dsn)
        await owner.execute(SESSION)
        steps = [PERMITTING]
        for name, copy, columns in await owner.fetch(TABLES):
            steps.append(DELETING.format(name=name))
            made = await owner.execute(
                f"create temporary table {copy} as select {columns} from {name}"
            )
            if count := int(made.removeprefix("SELECT ")):
                steps.append(
                    COMPLETING.format(
                        name=name, count=count, columns=columns, copy=copy
                    )
                )
        steps += [row[0] for row in await owner.fetch(SEQUENCES)]
        steps += [row[0] for row in await owner.fetch(TRIGGERS)]
        steps.append(await owner.fetchval(REFUSING))
        restoring = {"steps": ";".join(steps), "marking": MARKING, "shape": SHAPE}
        await owner.execute(RESTORING.format_map(restoring))
        await owner.execute(f"select {MARKING}")
        return cls(owner, await owner.fetchval(SHAPE))

    async def restore(self) -> bool:
        """Restore rows and sequences; false if more than those was changed."""
        shape = await self.owner.fetchval("select pg_temp.restore()")
        return bool(shape == self._shape)

    async def close(self) -> None:
        await self.owner.close()


class Lasting(Plain):
    """A connection that is kept when it is closed outside a transaction."""

    kept: "list[Lasting]"

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as of asyncpg
        if self.is_closed() or self.is_in_transaction():
            await super().close(timeout=timeout)
        else:
            self.kept.append(self)


class _Open:
    """A pool that stays open when its context ends."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def __aenter__(self) -> Pool:
        return self.pool

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class Restored:
    """A copy of a template, with connections that stay open."""

    def __init__(self, database: Database, contents: Contents, pool: Pool) -> None:
        self.database = database
        self.owner = contents.owner
        self.pool = pool
        self.kept: list[Lasting] = []
        self._contents = contents

    async def restore(self) -> None:
        """Restore the contents; a connection that is still in use is closed."""
        if self.pool.get_idle_size() < self.pool.get_size():
            self.pool.terminate()
            self.pool = await _pool(self.database)
        unchanged = await self._contents.restore()
        assert unchanged, "a test changed more than rows of a register that is restored"

    async def connect(self, dsn: str) -> Plain:
        """A connection that was kept, or a new one."""
        assert dsn == self.database.application_dsn
        while self.kept:
            if not (one := self.kept.pop()).is_closed():
                return one
        made = await asyncpg.connect(
            dsn, server_settings=pools.APPLICATION_SETTINGS, connection_class=Lasting
        )
        assert isinstance(made, Lasting)
        made.kept = self.kept
        return made

    async def create_pool(self, dsn: str, size: int) -> _Open:
        assert (dsn, size) == (self.database.application_dsn, Settings().pool_size)
        return _Open(self.pool)

    @asynccontextmanager
    async def opened(self, settings: Settings) -> AsyncIterator[App]:
        """The application over the restored contents."""
        await self.restore()
        async with self.another(settings) as app:
            yield app

    @asynccontextmanager
    async def another(self, settings: Settings) -> AsyncIterator[App]:
        """A further application over the present contents, as of another process."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pools, "connect", self.connect)
            patch.setattr(pools, "create_pool", self.create_pool)
            context = open_app(settings, self.database)
            app = await context.__aenter__()
        try:
            yield app
        finally:
            await context.__aexit__(None, None, None)

    async def close(self) -> None:
        self.pool.terminate()
        for one in self.kept:
            one.terminate()
        await self._contents.close()


@asynccontextmanager
async def restored(database: Database) -> AsyncIterator[Restored]:
    """The database, to whose present contents it can be restored."""
    contents = await Contents.save(database)
    made = Restored(database, contents, await _pool(database))
    yield made
    await made.close()


async def _pool(database: Database) -> Pool:
    return await pools.create_pool(database.application_dsn, Settings().pool_size)
