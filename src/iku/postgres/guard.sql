-- The schema guard: only migrations change the schema of the ledger.
--
-- Run by a superuser in the register's own database, before or after its first
-- migration. The file is idempotent and restores what is missing. It cannot be a
-- migration: only a superuser can create event triggers, and what constrains the owner
-- of the schema must belong to another role.
--
-- guard.sealed holds a description of the ledger's schema, line by line. A DDL
-- statement of any kind that changes this description is refused, so there is no list
-- of statements to maintain. The owner announces a migration by a row in guard.change,
-- which it can neither update nor delete.

create schema if not exists guard;
comment on schema guard is 'keeps the ledger''s schema as the last migration left it';

-- Raised with each change to the guard, so that a newer program upgrades it.
create or replace function guard.version() returns integer
language sql immutable
as $$ select 3 $$;

-- The audit trail: one row for each migration announced since the guard was installed,
-- and one for each time a superuser sealed the schema.
create table if not exists guard.change (
  number     bigint      generated always as identity primary key,
  changed_at timestamptz not null default clock_timestamp(),
  login      text        not null default session_user,
  migration  text        unique, -- 0001_ledger; null: sealed by a superuser
  sha256     bytea,
  -- The transaction that may change the schema. A restored database assigns transaction
  -- ids again, so the id alone would permit a second transaction.
  xact       xid8        not null default pg_current_xact_id(),
  began      timestamptz not null default transaction_timestamp()
);

-- The ledger's schema as of the last announced migration.
create table if not exists guard.sealed (line text collate "C" primary key);

create or replace function guard.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'guard.% is append-only: % refused', tg_table_name, lower(tg_op)
    using errcode = 'insufficient_privilege';
end;
$$;

create or replace trigger append_only
  before update or delete or truncate on guard.change
  for each statement execute function guard.refuse_change();
alter table guard.change enable always trigger append_only;

-- The privileges on an object, in an order that does not depend on the order of grants.
create or replace function guard.privileges(_granted aclitem[], _kind text, _owner oid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(string_agg(
           format('%s=%s%s',
                  case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end,
                  lower(a.privilege_type), case when a.is_grantable then '*' else '' end),
           ' ' order by a.grantee = 0, pg_get_userbyid(a.grantee), a.privilege_type), 'nobody')
    from aclexplode(coalesce(_granted, acldefault(_kind::"char", _owner))) as a
$$;

-- The current schema of the ledger, one line for each property that could be changed.
create or replace function guard.shape() returns table (line text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with relation as (
    select c.*, 'ledger.' || c.relname as name
      from pg_class c
     where c.relnamespace = to_regnamespace('ledger')
       and c.relkind not in ('i', 'I', 't')
  )
  select format('schema %s: owner %s; %s', nspname, pg_get_userbyid(nspowner),
                guard.privileges(nspacl, 'n', nspowner))
    from pg_namespace
   where nspname = 'ledger'
   union all
  select format('relation %s: kind %s, persistence %s, owner %s, row security %s %s; %s',
                name, relkind, relpersistence, pg_get_userbyid(relowner),
                relrowsecurity, relforcerowsecurity,
                guard.privileges(relacl, case when relkind = 'S' then 's' else 'r' end, relowner))
    from relation
   union all
  select format('column %s.%s: %s, not null %s, default %s, generated "%s%s", collation %s; %s',
                r.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                coalesce(pg_get_expr(d.adbin, d.adrelid), 'none'), a.attgenerated, a.attidentity,
                coalesce(l.collname, 'none'),
                case when a.attacl is null then 'as the table'
                     else guard.privileges(a.attacl, 'c', r.relowner) end)
    from relation r
    join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_collation l on l.oid = a.attcollation
   union all
  select format('constraint %s on %s: %s, validated %s', c.conname, r.name,
                pg_get_constraintdef(c.oid), c.convalidated)
    from relation r
    join pg_constraint c on c.conrelid = r.oid
   union all
  select format('index %s: valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
    from relation r
    join pg_index i on i.indrelid = r.oid
   union all
  select format('trigger %s on %s: enabled %s, %s', t.tgname, r.name, t.tgenabled,
                pg_get_triggerdef(t.oid))
    from relation r
    join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
   union all
  select format('rule %s on %s: enabled %s, %s', w.rulename, r.name, w.ev_enabled,
                pg_get_ruledef(w.oid))
    from relation r
    join pg_rewrite w on w.ev_class = r.oid
   union all
  select format('policy %s on %s: %s %s %s', p.polname, r.name, p.polcmd,
                pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from relation r
    join pg_policy p on p.polrelid = r.oid
   union all
  -- Whatever lies in such a child is read with its parent, and is not append-only.
  select format('child of %s: %s', r.name, h.inhrelid::regclass)
    from relation r
    join pg_inherits h on h.inhparent = r.oid
   union all
  select format('parent of %s: %s', r.name, h.inhparent::regclass)
    from relation r
    join pg_inherits h on h.inhrelid = r.oid
   union all
  select format('function %s: owner %s, definer %s, settings %s, language %s, body %s; %s',
                p.oid::regprocedure, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig,
                l.lanname, encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'),
                guard.privileges(p.proacl, 'f', p.proowner))
    from pg_proc p
    join pg_language l on l.oid = p.prolang
   where p.pronamespace = to_regnamespace('ledger')
   union all
  select format('default privileges of %s on "%s": %s', pg_get_userbyid(d.defaclrole),
                d.defaclobjtype, guard.privileges(d.defaclacl, d.defaclobjtype::text, d.defaclrole))
    from pg_default_acl d
   where d.defaclnamespace = to_regnamespace('ledger')
$$;

-- Differences between the current and the sealed schema: added lines, then missing
-- ones.
create or replace function guard.difference() returns table (line text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Each DDL statement of the register waits for this query, so the schema is read once.
  with shape as materialized (
    select line from guard.shape()
  )
  select 'now ' || h.line
    from shape h
   where not exists (select from guard.sealed s where s.line = h.line)
   union all
  select 'was ' || s.line
    from guard.sealed s
   where not exists (select from shape h where h.line = s.line)
$$;

create or replace function guard.keep_shape() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  delete from guard.sealed s where s.line not in (select line from guard.shape());
  insert into guard.sealed select line from guard.shape() on conflict do nothing;
$$;

-- Seals the schema that a migration leaves, once, when its transaction commits.
create or replace function guard.keep_announced() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform guard.keep_shape();
  return null;
end;
$$;

drop trigger if exists keep_shape on guard.change;
create constraint trigger keep_shape
  after insert on guard.change deferrable initially deferred
  for each row execute function guard.keep_announced();
alter table guard.change enable always trigger keep_shape;

-- Announces the current transaction as a migration. The row is permanent, and a second
-- one of the same name is refused: an owner who announces another change as a migration
-- blocks the real migration of that name, and is visible in guard.change.
create or replace function guard.announce(_migration text, _sha256 bytea) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into guard.change (migration, sha256) values (_migration, _sha256);
$$;

-- Seals the schema as it is. For a superuser, after reading guard.difference().
create or replace function guard.seal() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into guard.change default values;
  set constraints guard.keep_shape immediate;
$$;

create or replace function guard.announced() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from guard.change c
     where c.xact = pg_current_xact_id_if_assigned()
       and c.began = transaction_timestamp())
$$;

create or replace function guard.hold() returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _line text;
begin
  if guard.announced() then
    return; -- its schema is kept when it commits
  end if;
  select d.line into _line from guard.difference() d limit 1;
  if found then
    raise exception 'the ledger''s schema changes by migrations only: % refused', lower(tg_tag)
      using errcode = 'insufficient_privilege',
            detail = _line,
            hint = 'Write a migration. If it had been changed before, while nobody guarded'
                   ' it, a superuser sees how: select * from guard.difference();';
  end if;
end;
$$;

-- A rewrite may change every row but not the schema (alter column type … using).
create or replace function guard.hold_rows() returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not guard.announced() and exists (
       select from pg_class c
        where c.oid = pg_event_trigger_table_rewrite_oid()
          and c.relnamespace = to_regnamespace('ledger'))
  then
    raise exception 'the ledger''s tables are rewritten by migrations only: % refused',
                    lower(tg_tag)
      using errcode = 'insufficient_privilege';
  end if;
end;
$$;

-- Only superusers have privileges on the guard, apart from those granted here.
revoke all on all tables in schema guard from public;
revoke all on all functions in schema guard from public;
grant usage on schema guard to public;
grant select on guard.change to public;
grant execute on function guard.version() to public;
grant execute on function guard.difference() to public;
do $$
begin
  execute format('grant execute on function guard.announce to %I',
                 (select pg_get_userbyid(datdba) from pg_database where datname = current_database()));
  if to_regnamespace('ledger') is not null then
    execute format('grant execute on function guard.announce to %I',
                   (select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'ledger'));
  end if;
end;
$$;

-- Sealed once only: running this file again must not accept a change made since.
select guard.seal() where not exists (select from guard.change);

drop event trigger if exists guard_schema;
create event trigger guard_schema on ddl_command_end execute function guard.hold();
alter event trigger guard_schema enable always;

drop event trigger if exists guard_rows;
create event trigger guard_rows on table_rewrite execute function guard.hold_rows();
alter event trigger guard_rows enable always;
