-- The vault: encrypted texts that can be erased (docs/ledger-format.md).
--
-- A role of its own owns it. The application has no privileges on its tables and uses
-- the functions below. Neither the ledger nor any figure reads it.

do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_vault') then
    create role iku_vault nologin;
  end if;
  -- The migrating login creates the tables as that role.
  if not pg_has_role(current_user, 'iku_vault', 'set') then
    execute format('grant iku_vault to %I', current_user);
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- created concurrently by the migration of another database
  when insufficient_privilege then
    raise exception 'the role iku_vault is missing or closed to %, who may not change that', current_user
      using hint = format('As a superuser: create role iku_vault nologin; grant iku_vault to %I; then migrate again.', current_user);
end;
$$;

create schema vault authorization iku_vault;
grant usage on schema ledger to iku_vault;
grant select on ledger.event to iku_vault; -- for vault.reconcile

set local role iku_vault;

-- Data keys, one for each stream and subject, wrapped by a key-encryption key outside
-- the database (envelope encryption). A new one is made for the next text after an
-- erasure, or if the old one cannot be unwrapped. The latest is the one in use.
create table vault.dek (
  dek      uuid   primary key,
  stream   text   collate "C" not null,
  subject  text   collate "C" not null,
  position bigint not null, -- of the first event whose text it encrypts
  epoch    text   collate "C" not null, -- of the key-encryption key that wraps it
  wrapped  bytea  not null check (octet_length(wrapped) = 60)
);
create unique index dek_latest on vault.dek (subject, stream, position);
create index dek_epoch on vault.dek (epoch, position);

create table vault.segment (
  stream  text    collate "C" not null,
  version integer not null,
  field   text    collate "C" not null,
  dek     uuid    not null references vault.dek,
  sealed  bytea   not null,
  file    uuid,   -- the file's name if the text is a file key
  primary key (stream, version, field)
);
create index segment_dek on vault.segment (dek);
create unique index segment_file on vault.segment (file) where file is not null;

-- Planner statistics are samples of a column's values and outlive its rows: after an
-- erasure they would still hold pieces of the erased texts.
alter table vault.dek alter column wrapped set statistics 0;
alter table vault.segment alter column sealed set statistics 0;

-- Epochs whose key was destroyed, so nothing may be wrapped by it any more.
create table vault.retired (
  epoch text collate "C" primary key
);

-- Names of erased files. A name is random and discloses nothing.
create table vault.erased_file (
  file uuid primary key
);

-- For a stream and subject, the latest data key that the caller knows (null: none), and
-- the new one to use (null: the latest), with the position of its first text.
create type vault.used_key as (
  stream text, subject text, latest uuid, new uuid, epoch text, wrapped bytea,
  position bigint
);
create type vault.sealed_text as (
  stream text, version integer, field text, dek uuid, sealed bytea, file uuid
);

-- Stores the texts of a batch of events, in the append's transaction and so under its
-- lock. If a latest key is stale, nothing is stored, and the result holds the current
-- ones.
create function vault.put(_keys vault.used_key[], _texts vault.sealed_text[])
returns table (stream text, subject text, dek uuid, epoch text, wrapped bytea)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan -- see ledger.append
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
  select p.stream, p.subject, d.dek, d.epoch, d.wrapped
    from unnest(_keys) p
    left join lateral (
           select *
             from vault.dek k
            where k.stream = p.stream and k.subject = p.subject
            order by k.position desc
            limit 1
         ) d on true
   where d.dek is distinct from p.latest;
  if found then
    return;
  end if;

  -- Inserts before it reads vault.retired: vault.retire locks this table, so one of two
  -- concurrent transactions sees the other.
  insert into vault.dek (dek, stream, subject, position, epoch, wrapped)
  select n.new, n.stream, n.subject, n.position, n.epoch, n.wrapped
    from unnest(_keys) n
   where n.new is not null;
  if found and exists (
       select
         from unnest(_keys) n
         join vault.retired r on r.epoch = n.epoch
     ) then
    raise exception 'a key of that epoch was destroyed meanwhile' using errcode = 'serialization_failure';
  end if;

  insert into vault.segment (stream, version, field, dek, sealed, file)
  select t.stream, t.version, t.field, t.dek, t.sealed, t.file
    from unnest(_texts) t;
end;
$$;

-- The encrypted texts of the given events, with their data keys.
create function vault.read(_streams text[], _versions integer[])
returns table (
  event text, version integer, field text, sealed bytea, file uuid, -- event: its stream
  dek uuid, stream text, subject text, epoch text, wrapped bytea
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.stream, s.version, s.field, s.sealed, s.file, k.dek, k.stream, k.subject, k.epoch, k.wrapped
    from unnest(_streams, _versions) as e (stream, version)
    join vault.segment s on s.stream = e.stream and s.version = e.version
    join vault.dek k on k.dek = s.dek;
$$;

-- Deletes a subject's texts recorded before a position, and their data keys. The names
-- of its files are stored in the same transaction: if the process ends before it has
-- deleted the files, the next process deletes them.
create function vault.erase(_subject text, _position bigint)
returns integer -- number of texts
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _texts integer;
begin
  insert into vault.erased_file (file)
  select s.file
    from vault.segment s
    join vault.dek k on k.dek = s.dek
   where k.subject = _subject and k.position < _position and s.file is not null
      on conflict do nothing;
  delete from vault.segment s
   using vault.dek k
   where k.dek = s.dek and k.subject = _subject and k.position < _position;
  get diagnostics _texts = row_count;
  delete from vault.dek k
   where k.subject = _subject and k.position < _position;
  return _texts;
end;
$$;

-- Repeats the erasures in the log, since these tables may come from an older backup.
create function vault.reconcile()
returns integer -- number of texts
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(vault.erase(e.subject, e.position)), 0)::integer
    from (
           select substr(stream, 9) as subject, max(position) as position
             from ledger.event
            where stream >= 'subject-' and stream < 'subject.' and type = 'erased'
            group by 1
         ) e;
$$;

-- The number of stored texts of a subject, by stream and field.
create function vault.held(_subject text)
returns table (stream text, field text, count bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.stream, split_part(s.field, '.', 1), count(*)
    from vault.dek k
    join vault.segment s on s.dek = k.dek
   where k.subject = _subject
   group by 1, 2
   order by 1, 2;
$$;

-- Names of all files, or of one subject's files.
create function vault.filed(_subject text)
returns table (file uuid)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.file
    from vault.segment s
    join vault.dek k on k.dek = s.dek
   where s.file is not null and (_subject is null or k.subject = _subject);
$$;

-- For each of the given files, the event that attached it or the fact that it was
-- erased. Unknown files are omitted.
create function vault.files(_files uuid[])
returns table (file uuid, stream text, version integer, erased boolean)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.file, s.stream, s.version, false
    from vault.segment s
   where s.file = any(_files)
   union all
  select e.file, null, null, true
    from vault.erased_file e
   where e.file = any(_files);
$$;

-- The number of data keys.
create function vault.count() returns bigint
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) from vault.dek;
$$;

-- A page of data keys, in order of their ids (keyset pagination).
create function vault.keys(_after uuid, _limit integer)
returns setof vault.dek
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from vault.dek where dek > _after order by dek limit _limit;
$$;

-- The oldest data key of each epoch. Skips from epoch to epoch through the index,
-- because every health check calls it.
create function vault.oldest()
returns setof vault.dek
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with recursive used as (
    (select d.epoch from vault.dek d order by d.epoch limit 1)
    union all
    select (select min(d.epoch) from vault.dek d where d.epoch > u.epoch)
      from used u
     where u.epoch is not null
  )
  select d.*
    from used u
   cross join lateral (
           select *
             from vault.dek k
            where k.epoch = u.epoch
            order by k.position
            limit 1
         ) d;
$$;

create function vault.rewrap(_deks uuid[], _epoch text, _wrapped bytea[])
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update vault.dek k
     set epoch = _epoch, wrapped = n.wrapped
    from unnest(_deks, _wrapped) as n (dek, wrapped)
   where k.dek = n.dek;
$$;

-- Retires an epoch; false, and no change, if its key still wraps a data key.
create function vault.retire(_epoch text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table vault.dek in exclusive mode;
  if exists (select from vault.dek where epoch = _epoch) then
    return false;
  end if;
  insert into vault.retired (epoch) values (_epoch) on conflict do nothing;
  return true;
end;
$$;

-- Papers that the office issued, by the digest in the log (docs/ledger-format.md, Papers).
-- They are published, so they are neither sealed nor erased. `proven` is the paper with
-- its proof; once stored, it is served ever after.
create table vault.paper (
  digest   text  collate "C" primary key check (digest = encode(sha256(compiled), 'hex')),
  compiled bytea not null,
  proven   bytea
);

create function vault.keep_paper(_digest text, _compiled bytea)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into vault.paper (digest, compiled) values (_digest, _compiled) on conflict do nothing;
$$;

-- Stores a paper with its proof, unless there is one already.
create function vault.keep_proven_paper(_digest text, _proven bytea)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update vault.paper set proven = _proven where digest = _digest and proven is null;
$$;

create function vault.read_paper(_digest text)
returns table (compiled bytea, proven bytea)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select p.compiled, p.proven from vault.paper p where p.digest = _digest;
$$;

revoke all on all functions in schema vault from public;
grant usage on schema vault to iku_app;
grant execute on all functions in schema vault to iku_app;

reset role;
