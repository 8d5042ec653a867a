-- The ledger: one append-only log, written only through ledger.append.
--
-- It knows streams, versions, days and bytes, and nothing of what they mean.
-- docs/ledger-format.md says what the bytes of a record are.

-- The group the application's login roles are members of. Roles belong to the server,
-- so a second database, or a clone, finds it there already.
do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_app') then
    create role iku_app nologin;
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- another database of this server was migrated in the same moment
  when insufficient_privilege then
    raise exception 'the role iku_app is missing, and % may not create it', current_user
      using hint = 'As a superuser: create role iku_app nologin; then migrate again.';
end;
$$;

create schema ledger;

-- Facts, in the order they were recorded. Only record is evidence: the columns beside
-- it repeat what it says, for queries, and check_ledger holds them against it.
create table ledger.event (
  position     bigint      primary key check (position > 0),
  stream       text        collate "C" not null,
  version      integer     not null check (version > 0),
  type         text        collate "C" not null,
  effective_on date,
  known_on     date        not null,
  declared     boolean     not null,
  recorded_at  timestamptz not null,
  record       bytea       not null check (octet_length(record) <= 65535), -- hashed as stored; never re-encoded
  leaf         bytea       not null, -- RFC 6962, 2.1: sha256(0x00 || record)
  unique (stream, version)
);

-- Where each stream stands, so that an append need not look for its last event.
create table ledger.stream (
  stream   text    collate "C" primary key,
  version  integer not null,
  known_on date    not null
) with (fillfactor = 80); -- room to update in place

-- What was asked and what came of it: the same command again gets the same receipt.
create table ledger.command (
  command_id text    collate "C" primary key,
  body       bytea   not null, -- sha256 of what was asked
  stream     text    collate "C" not null,
  version    integer not null, -- of its last event, as is position
  position   bigint  not null,
  count      integer not null check (count > 0),
  size       bigint  not null -- of the log when its transaction was done
);

-- One row. Its lock makes appending one at a time, across all processes, which is what
-- lets positions run without gaps in commit order: whoever sees position n sees all
-- below it. known_on is the latest day known so far.
create table ledger.head (
  only_row    boolean     primary key default true check (only_row),
  size        bigint      not null,
  recorded_at timestamptz not null,
  known_on    date        not null
) with (fillfactor = 10);

insert into ledger.head (size, recorded_at, known_on)
values (0, '-infinity', '-infinity');

create function ledger.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'ledger.% is append-only: % refused', tg_table_name, lower(tg_op)
    using errcode = 'insufficient_privilege';
end;
$$;

-- "always": an ordinary trigger sleeps under session_replication_role = replica.
create trigger append_only
  before update or delete or truncate on ledger.event
  for each statement execute function ledger.refuse_change();
alter table ledger.event enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.command
  for each statement execute function ledger.refuse_change();
alter table ledger.command enable always trigger append_only;

-- Appends many requests at once and judges each by itself, in the order given: one that
-- is refused takes no position and leaves its neighbours alone.
--
-- Request i is stream, expected version, command id, body, the day declared (null: the
-- local day in _zone) and how many events. Events name the request they belong to by
-- number, from 1; a record is head || known_on || '","recorded_at":"' || recorded_at ||
-- tail. Premises are further streams that request i rests on, at the version it read.
-- Command ids must differ within a call.
--
-- A stream may come up several times: a later request builds on the earlier ones, and
-- falls with them.
create function ledger.append(
  _zone            text,
  _streams         text[],
  _expected        integer[],
  _commands        text[],
  _bodies          bytea[],
  _declared        date[],
  _counts          integer[],
  _event_requests  integer[],
  _event_versions  integer[],
  _event_types     text[],
  _effective       date[],
  _heads           bytea[],
  _tails           bytea[],
  _premise_requests integer[],
  _premise_streams  text[],
  _premise_versions integer[]
)
returns table (
  verdict     text, -- appended, repeated, reused, conflicted, fell, ahead
  stream      text, -- the stream appended to, or the one that has moved on
  expected    integer, -- of a conflict: the version claimed
  version     integer, -- of the last event; of a conflict: where the stream stands
  "position"  bigint,
  count       integer,
  size        bigint,
  recorded_at timestamptz,
  known_on    date, -- of a refusal: the stream's last, or the clock's local date
  leaf        bytea
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
-- Planning anew for each length of the arrays takes longer than the append (0.9 ms, not
-- 0.4 ms); so there is one plan. It is made when the tables may be empty, and must hold
-- when they are not: every lookup is a probe of a primary key. Hence no sequential scans,
-- and "offset 0", which keeps a lookup from becoming a join over the whole table.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  _size        bigint;
  _recorded_at timestamptz;
  _today       date;
  _day         bytea; -- today as a record spells it
  _latest      date;
  _time        bytea; -- recorded_at, with the name that stands before it in a record
  _starts      bigint[]; -- the size each request starts from; null: nothing to append
  _contested   text[]; -- the stream whose version a refused request got wrong
  _claimed     integer[];
  _lasts       date[]; -- the day known that a refused request would fall behind
begin
  -- Read committed: each statement after this one sees all that was committed by
  -- whoever held the lock before.
  select h.size, greatest(clock_timestamp(), h.recorded_at), h.known_on
    into strict _size, _recorded_at, _latest
    from ledger.head h
     for update;

  _today := (_recorded_at at time zone _zone)::date;
  _day := convert_to(to_char(_today, 'YYYY-MM-DD'), 'UTF8');
  _time := convert_to(
    to_char(_recorded_at, '"\",\"recorded_at\":\""YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8');

  with recursive request as materialized (
    select r.*, c.command_id is not null as recorded
      from unnest(_streams, _expected, _commands, _declared, _counts)
           with ordinality as r (stream, expected, command_id, known_on, count, request)
      left join lateral (
             select command_id from ledger.command where command_id = r.command_id offset 0
           ) c on true
  ),
  -- What must hold: a request's own expected version is a premise like any other.
  premise as (
    select r.request, r.stream, r.expected, r.count, coalesce(r.known_on, _today) as known_on
      from request r
     where not r.recorded
     union all
    select p.request, p.stream, p.expected, 0, null
      from unnest(_premise_requests, _premise_streams, _premise_versions)
           as p (request, stream, expected)
     where p.request not in (select r.request from request r where r.recorded)
  ),
  -- … held against the stream as the requests before it in this call leave it.
  held as materialized (
    select p.*,
           coalesce(s.version, 0) + coalesce(sum(p.count) over earlier, 0) as version,
           greatest(s.known_on, max(p.known_on) over earlier) as last
      from premise p
      left join lateral (
             select version, known_on from ledger.stream where stream = p.stream offset 0
           ) s on true
    window earlier as (
      partition by p.stream order by p.request groups between unbounded preceding and 1 preceding)
  ),
  -- A request that fails breaks its stream for all that come after and rest on it.
  failed (request, breaks, contested, claimed, last) as (
    select h.request, _streams[h.request],
           case when h.expected <> h.version then h.stream end,
           case when h.expected <> h.version then h.expected end,
           h.last
      from held h
     where h.expected <> h.version
        or h.known_on < h.last
        or h.known_on > _today
     union
    select h.request, _streams[h.request], h.stream, h.expected, null
      from failed f
      join held h on h.stream = f.breaks and h.request > f.request
  ),
  -- One reason each: a conflict before the calendar, its own stream before a premise.
  reason as (
    select distinct on (f.request) f.*
      from failed f
     order by f.request, f.contested is null, f.contested <> f.breaks, f.contested
  ),
  judged as (
    select r.request, f.contested, f.claimed, f.last,
           case when not r.recorded and f.request is null then r.count end as count
      from request r
      left join reason f on f.request = r.request
  )
  select array_agg(case when j.count > 0 then _size + j.through - j.count end order by j.request),
         array_agg(j.contested order by j.request),
         array_agg(j.claimed order by j.request),
         array_agg(j.last order by j.request)
    into _starts, _contested, _claimed, _lasts
    from (select judged.*, sum(judged.count) over (order by judged.request) as through
            from judged) j;

  insert into ledger.event
        (position, stream, version, type, effective_on, known_on, declared, recorded_at, record, leaf)
  select _starts[e.request] + e.version - _expected[e.request],
         _streams[e.request],
         e.version,
         e.type,
         e.effective_on,
         coalesce(_declared[e.request], _today),
         _declared[e.request] is not null,
         _recorded_at,
         e.record,
         sha256('\x00'::bytea || e.record)
    from (
           select e.*,
                  e.head
                    || coalesce(convert_to(to_char(_declared[e.request], 'YYYY-MM-DD'), 'UTF8'), _day)
                    || _time
                    || e.tail as record
             from unnest(_event_requests, _event_versions, _event_types, _effective, _heads, _tails)
                  as e (request, version, type, effective_on, head, tail)
            where _starts[e.request] is not null
           offset 0 -- or each record would be joined twice, once to be hashed
         ) e;

  if found then
    select _size + sum(r.count), greatest(_latest, max(coalesce(r.known_on, _today)))
      into _size, _latest
      from unnest(_starts, _counts, _declared) as r (start, count, known_on)
     where r.start is not null;

    insert into ledger.command (command_id, body, stream, version, position, count, size)
    select r.command_id, r.body, r.stream, r.expected + r.count, r.start + r.count, r.count, _size
      from unnest(_starts, _commands, _bodies, _streams, _expected, _counts)
           as r (start, command_id, body, stream, expected, count)
     where r.start is not null;

    insert into ledger.stream as s (stream, version, known_on)
    select r.stream, max(r.expected + r.count), max(coalesce(r.known_on, _today))
      from unnest(_starts, _streams, _expected, _counts, _declared)
           as r (start, stream, expected, count, known_on)
     where r.start is not null
     group by r.stream
        on conflict (stream) do update
       set version = excluded.version, known_on = excluded.known_on;

    update ledger.head
       set size = _size, recorded_at = _recorded_at, known_on = _latest;
  end if;

  -- A fresh receipt and a repeated one are read from the same row, so they cannot differ.
  return query
  select case
           when _starts[r.request] is not null then 'appended'
           when c.body = r.body then 'repeated'
           when c.body is not null then 'reused'
           when _contested[r.request] is not null then 'conflicted'
           when _declared[r.request] > _today then 'ahead'
           else 'fell'
         end,
         coalesce(c.stream, _contested[r.request]),
         _claimed[r.request],
         coalesce(c.version, s.version, 0),
         c.position,
         c.count,
         c.size,
         e.recorded_at,
         coalesce(e.known_on, case when _declared[r.request] > _today then _today else _lasts[r.request] end),
         e.leaf
    from unnest(_commands, _bodies) with ordinality as r (command_id, body, request)
    left join lateral (
           select * from ledger.command where command_id = r.command_id offset 0
         ) c on true
    left join lateral (
           select recorded_at, known_on, leaf from ledger.event where position = c.position offset 0
         ) e on true
    left join lateral (
           select version from ledger.stream where stream = _contested[r.request] offset 0
         ) s on true
   order by r.request;
end;
$$;

revoke all on all functions in schema ledger from public;
grant usage on schema ledger to iku_app;
grant select on all tables in schema ledger to iku_app;
grant execute on function ledger.append to iku_app;
