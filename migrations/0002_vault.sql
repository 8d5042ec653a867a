-- The vault: texts that may have to be forgotten, sealed (docs/ledger-format.md).
--
-- A role of its own owns it. The application has no right to its tables and reaches it
-- through the functions below; nothing of the ledger and of what is counted reads it.

do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_vault') then
    create role iku_vault nologin;
  end if;
  -- Whoever migrates makes the tables in that role's name.
  if not pg_has_role(current_user, 'iku_vault', 'set') then
    execute format('grant iku_vault to %I', current_user);
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- another database of this server was migrated in the same moment
  when insufficient_privilege then
    raise exception 'the role iku_vault is missing or closed to %, who may not change that', current_user
      using hint = format('As a superuser: create role iku_vault nologin; grant iku_vault to %I; then migrate again.', current_user);
end;
$$;

create schema vault authorization iku_vault;
grant usage on schema ledger to iku_vault;
grant select on ledger.event to iku_vault; -- to hold erasures against what is kept

set local role iku_vault;

-- Keys, one for each stream and subject, wrapped by a key outside the database. After an
-- erasure the next text of the same stream and subject gets a key of its own; so does one
-- that is written where the old key cannot be unwrapped. The latest is the one in use.
create table vault.dek (
  dek      uuid   primary key,
  stream   text   collate "C" not null,
  subject  text   collate "C" not null,
  position bigint not null, -- of the first event it sealed a text of
  epoch    text   collate "C" not null, -- whose key wraps it
  wrapped  bytea  not null check (octet_length(wrapped) = 60)
);
create unique index dek_latest on vault.dek (stream, subject, position);
create index dek_subject on vault.dek (subject);
create index dek_epoch on vault.dek (epoch, position);

create table vault.segment (
  stream  text    collate "C" not null,
  version integer not null,
  field   text    collate "C" not null,
  dek     uuid    not null references vault.dek,
  sealed  bytea   not null,
  file    uuid    unique, -- where it is the key of a file: the file's name
  primary key (stream, version, field)
);
create index segment_dek on vault.segment (dek);

-- Statistics of the planner are samples of a column's content and outlive its rows: an
-- erasure would leave pieces of what it erased in them.
alter table vault.dek alter column wrapped set statistics 0;
alter table vault.segment alter column sealed set statistics 0;

-- Epochs whose key was destroyed: nothing may be wrapped by it any more.
create table vault.retired (
  epoch text collate "C" primary key
);

-- Names of files whose key a decision erased. A name is random and says nothing.
create table vault.erased_file (
  file uuid primary key
);

-- Keeps the texts of a batch of events, in the append's transaction and so under its
-- lock. The caller says of each stream and subject which key it takes for the latest
-- (null: none), and which new one is to follow. Where it is mistaken, nothing is kept:
-- the answer is how things are.
create function vault.put(
  _streams text[], _subjects text[], _latest uuid[],
  _new uuid[], _epochs text[], _wrapped bytea[], _positions bigint[], -- new: null, or a key
  _in text[], _versions integer[], _fields text[], _deks uuid[], _sealed bytea[],
  _files uuid[]
)
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
    from unnest(_streams, _subjects, _latest) as p (stream, subject, latest)
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

  -- First the rows, then the look at what is retired: vault.retire holds the table
  -- against us, so one of the two sees the other.
  insert into vault.dek (dek, stream, subject, position, epoch, wrapped)
  select n.dek, n.stream, n.subject, n.position, n.epoch, n.wrapped
    from unnest(_new, _streams, _subjects, _positions, _epochs, _wrapped)
         as n (dek, stream, subject, position, epoch, wrapped)
   where n.dek is not null;
  if found and exists (select from vault.retired r where r.epoch = any(_epochs)) then
    raise exception 'a key of that epoch was destroyed meanwhile' using errcode = 'serialization_failure';
  end if;

  insert into vault.segment (stream, version, field, dek, sealed, file)
  select * from unnest(_in, _versions, _fields, _deks, _sealed, _files);
end;
$$;

-- The sealed texts of the events named, with their keys.
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

-- Destroys the texts of a subject that were recorded before a position, and their keys.
-- The names of its files are kept in the same transaction: a process that ends before it
-- has removed the files leaves the next one what to remove.
create function vault.erase(_subject text, _position bigint)
returns integer -- how many texts
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

-- Erases anew what the log says was erased: a backup of these tables may be older.
create function vault.reconcile()
returns integer -- how many texts
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

-- What is held of a subject: never the texts.
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

-- Names of the files there are; of one subject, if it is given.
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

-- What is known of the files named: the event that attached each, or that a decision
-- erased it. Files that neither holds of are left out.
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

-- How many keys there are.
create function vault.count() returns bigint
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) from vault.dek;
$$;

-- The keys after one of them, so many.
create function vault.keys(_after uuid, _limit integer)
returns setof vault.dek
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from vault.dek where dek > _after order by dek limit _limit;
$$;

-- Of each epoch the oldest key that its key wraps. From epoch to epoch by the index, for
-- it is asked as often as anybody asks whether all is well.
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

-- Retires an epoch, unless something is still wrapped by its key: then false.
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

revoke all on all functions in schema vault from public;
grant usage on schema vault to iku_app;
grant execute on all functions in schema vault to iku_app;

reset role;
