-- The ledger: one append-only log, written only through ledger.append.
--
-- It knows streams, versions, days and bytes, and not what they mean.
-- docs/ledger-format.md specifies the bytes of a record.

-- Group roles, of which the login roles are members:
--
-- * iku_app, the application: reads, and appends through ledger.append.
-- * iku_signer, the signer: signs what it has read and hashed itself. Its key is never
--   in the database.
-- * iku_auditor, an auditor: reads the log and the projections, nothing else.
--   docs/operating.md says how to give an auditor a login.
--
-- Roles belong to the server: if it has a second database or a clone, they exist already.
do $$
declare
  _role text;
begin
  foreach _role in array array['iku_app', 'iku_signer', 'iku_auditor'] loop
    begin
      if not exists (select from pg_roles where rolname = _role) then
        execute format('create role %I nologin', _role);
      end if;
    exception
      when duplicate_object or unique_violation then
        null; -- created concurrently by the migration of another database
      when insufficient_privilege then
        raise exception 'the role % is missing, and % may not create it', _role, current_user
          using hint = format('As a superuser: create role %I nologin; then migrate again.', _role);
    end;
  end loop;
end;
$$;

create schema ledger;

-- Events, in the order in which they were recorded. Only the column record is evidence.
-- The other columns repeat its fields for queries; check_ledger compares them.
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

-- The last version of each stream, so that an append does not search for it.
create table ledger.stream (
  stream   text    collate "C" primary key,
  version  integer not null,
  known_on date    not null
) with (fillfactor = 80); -- free space for in-place (HOT) updates

-- Idempotency keys with their receipts: a repeated command gets the first receipt.
create table ledger.command (
  command_id text    collate "C" primary key,
  body       bytea   not null, -- sha256 of the request
  stream     text    collate "C" not null,
  version    integer not null, -- of its last event, like position
  position   bigint  not null,
  count      integer not null check (count > 0),
  size       bigint  not null -- size of the log after its transaction
);

-- A single row, whose lock serialises appends across all processes. Positions therefore
-- have no gaps and are in commit order: a reader who sees position n sees all lower
-- ones. known_on is the latest day of knowledge so far.
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

-- "always": other triggers do not fire under session_replication_role = replica.
create trigger append_only
  before update or delete or truncate on ledger.event
  for each statement execute function ledger.refuse_change();
alter table ledger.event enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.command
  for each statement execute function ledger.refuse_change();
alter table ledger.command enable always trigger append_only;

-- For the events of a category, which is the stream's name up to its first hyphen.
-- A query that must use the index compares (category, position) as a row. Two separate
-- conditions could also be met by scanning the primary key and testing each event's
-- category, which the planner prefers once most events are of one category.
create index event_category on ledger.event (split_part(stream, '-', 1), position);

-- For the events of an actor, in log order.
--
-- A record begins {"actor":"…","command":"…", so the actor is the text before the first
-- ","command":" (quotation marks within the name are escaped), as JSON encodes it. No column
-- repeats it: only the record is evidence. src/iku/ledger/event_filter.py uses the same expression.
-- A record that was tampered with may lack this mark; its actor is then empty.
create index event_actor
          on ledger.event (
               substring(record from 11 for
                         greatest(position('","command":"'::bytea in record) - 11, 0)),
               position
             );

-- Appends many requests at once (group commit), each to one or more streams. All
-- requests are judged by set operations, then the accepted ones are written. A refused
-- request takes no position and does not affect the others. A call is a set of arrays:
--
-- * Request i has a command id, a body, a declared day (null: the local day in _zone),
--   the number of its append condition (null: none), the claim that is its main part,
--   and the number of events it appends in all its parts.
-- * Claim j belongs to a request and names a stream, its expected version, and the
--   number of events that the request appends to it. With events it is a part of the
--   request; without, a premise. A request has at most one part for each stream.
-- * Built, of a claim: how many events earlier requests of the call append to its
--   stream, and the latest day they declare (infinity: one of them declares none).
-- * Event e names the claim that is its part, its place among the request's events and its
--   version. A record is head || known_on || '","recorded_at":"' || recorded_at || tail.
-- * Condition k has one row for each of its categories, with the position after which
--   no event of that category may exist, and the first request of the call that appends
--   one (null: none does). Requests with the same condition share its rows.
--
-- Requests, claims, places and conditions are numbered from 1. The events of the main
-- part are a request's last ones. Command ids must differ within a call.
--
-- The functions run under the settings of ledger.append. Planning for each length of
-- the arrays takes longer than the append (0.9 ms, not 0.4 ms), so there is one generic
-- plan for each statement. It may be made while the tables are empty and must stay fast
-- when they are not: every lookup is an index probe. Sequential scans are disabled for
-- this reason, and "offset 0" keeps a lookup from becoming a join over the whole table.
-- SQL functions are part of the plan of the calling statement. One array is unnested and
-- the others are read by its ordinality: in PL/pgSQL that costs less than to unnest all
-- of them.

-- The verdict on a request.
create type ledger.answer as (
  request     integer,
  verdict     text, -- appended, repeated, reused, conflicted, overtaken, ahead, fell
  stream      text, -- of the main part; of a refusal: the stream or category it is about
  expected    bigint, -- of a conflict: the version claimed, or the condition's position
  version     bigint, -- of the last event; of a conflict: the actual version or position
  "position"  bigint, -- of the last event
  count       integer,
  size        bigint,
  recorded_at timestamptz,
  known_on    date, -- of a refusal: the stream's last, or the clock's local date
  leaf        bytea, -- of the last event
  earlier     bytea[] -- the leaf hashes of its other events; null: none, or not appended now
);

-- Requests whose command is recorded: the first receipt, if the bodies are equal.
create function ledger.receipts(_commands text[], _bodies bytea[])
returns setof ledger.answer
language sql stable
as $$
  select r.request::integer, case when c.body = _bodies[r.request] then 'repeated' else 'reused' end,
         c.stream, null::bigint, c.version::bigint, c.position, c.count, c.size,
         e.recorded_at, e.known_on, e.leaf, null::bytea[]
    from unnest(_commands) with ordinality as r (command_id, request)
   cross join lateral (
           select * from ledger.command where command_id = r.command_id offset 0
         ) c
    left join lateral (
           select recorded_at, known_on, leaf from ledger.event where position = c.position offset 0
         ) e on true
$$;

-- Claims that do not hold: the stream is at another version, or, where the request
-- appends, its day of knowledge is not allowed. A null verdict: the claim holds, but
-- builds on an earlier request of the call.
create function ledger.broken_claims(
  _today date, _declared date[],
  _requests integer[], _streams text[], _versions integer[], _counts integer[],
  _built integer[], _built_on date[]
)
returns table (request integer, verdict text, part boolean, stream text, expected integer, version integer, day date)
language sql stable
as $$
  select c.request,
         case
           when c.expected <> c.version + c.built then 'conflicted'
           when c.known_on > _today then 'ahead'
           when c.known_on < c.last then 'fell'
         end,
         c.known_on is not null, c.stream, c.expected, c.version,
         case when c.known_on > _today then _today else c.last end
    from (
           select _requests[c.claim] as request, c.stream, _versions[c.claim] as expected,
                  _built[c.claim] as built, coalesce(s.version, 0) as version,
                  case
                    when _counts[c.claim] > 0 then coalesce(_declared[_requests[c.claim]], _today)
                  end as known_on,
                  greatest(
                    s.known_on,
                    case when _built[c.claim] > 0 then least(_built_on[c.claim], _today) end
                  ) as last
             from unnest(_streams) with ordinality as c (stream, claim)
             left join lateral (
                    select version, known_on from ledger.stream where stream = c.stream offset 0
                  ) s on true
         ) c
   where c.expected <> c.version + c.built
      or c.known_on > _today
      or c.known_on < c.last
      or c.built > 0
$$;

-- Append conditions that do not hold: an event of the category has a later position
-- (last is the position of the latest one), or a request of the call appends one.
create function ledger.broken_conditions(
  _numbers integer[], _categories text[], _positions bigint[], _writers integer[]
)
returns table (condition integer, category text, after bigint, last bigint, writer integer)
language sql stable
as $$
  select _numbers[k.row], k.category, _positions[k.row], coalesce(l.position, 0), _writers[k.row]
    from unnest(_categories) with ordinality as k (category, row)
    left join lateral (
           -- In index order: the last event of this category or, if there is none, of a
           -- category before it.
           select split_part(stream, '-', 1) as category, position
             from ledger.event
            where (split_part(stream, '-', 1), position) <= (k.category, 9223372036854775807)
            order by split_part(stream, '-', 1) desc, position desc
            limit 1
         ) l on l.category = k.category
   where l.position > _positions[k.row]
      or _writers[k.row] is not null
  offset 0 -- computed once, not once for each request
$$;

-- The requests that are not appended, with a receipt or one reason each. Conflicts rank
-- first: of parts, then of premises, then of append conditions; days of knowledge rank
-- last. A request that builds on an earlier one is refused if any request of the call
-- is, since the events it builds on may be missing.
create function ledger.settled(
  _today date,
  _commands text[], _bodies bytea[], _declared date[], _conditions integer[],
  _claim_requests integer[], _streams text[], _versions integer[], _counts integer[],
  _built integer[], _built_on date[],
  _condition_numbers integer[], _categories text[], _positions bigint[], _writers integer[]
)
returns setof ledger.answer
language sql stable
as $$
  with recorded as materialized (
    select * from ledger.receipts(_commands, _bodies)
  ),
  fault as materialized (
    select f.*
      from (
             select c.request, c.verdict,
                    case when c.verdict in ('ahead', 'fell') then 3 when c.part then 0 else 1 end as rank,
                    c.stream, c.expected::bigint, c.version::bigint, c.day
               from ledger.broken_claims(
                      _today, _declared, _claim_requests, _streams, _versions, _counts,
                      _built, _built_on) c
              union all
             select r.request::integer, 'overtaken', 2, b.category, b.after, b.last, null
               from ledger.broken_conditions(
                      _condition_numbers, _categories, _positions, _writers) b
               join unnest(_conditions) with ordinality as r (condition, request)
                 on r.condition = b.condition
              where b.last > b.after or b.writer < r.request
           ) f
     where f.request not in (select r.request from recorded r)
  )
  select * from recorded
   union all
  (select distinct on (f.request)
          f.request, coalesce(f.verdict, 'conflicted'), f.stream, f.expected, f.version,
          null::bigint, null::integer, null::bigint, null::timestamptz, f.day, null::bytea,
          null::bytea[]
     from fault f
    where exists (select from fault g where g.verdict is not null)
    order by f.request, f.rank, f.stream collate "C")
$$;

-- Updates the streams to which accepted requests append. Not "on conflict", which would
-- look up each stream twice; the lock excludes other writers.
create function ledger.move_streams(
  _today date, _starts bigint[], _declared date[],
  _requests integer[], _streams text[], _versions integer[], _counts integer[]
)
returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  _touched bigint;
  _written bigint;
begin
  with touched as materialized (
    select c.stream,
           min(_versions[c.claim]) as first,
           max(_versions[c.claim] + _counts[c.claim]) as version,
           max(coalesce(_declared[_requests[c.claim]], _today)) as known_on
      from unnest(_streams) with ordinality as c (stream, claim)
     where _counts[c.claim] > 0
       and _starts[_requests[c.claim]] is not null
     group by c.stream
  ),
  moved as (
    update ledger.stream s
       set version = t.version, known_on = t.known_on
      from touched t
     where t.first > 0
       and s.stream = t.stream
       and s.version = t.first
    returning 1
  ),
  begun as (
    insert into ledger.stream (stream, version, known_on)
    select t.stream, t.version, t.known_on
      from touched t
     where t.first = 0
    returning 1
  )
  select (select count(*) from touched), (select count(*) from moved) + (select count(*) from begun)
    into _touched, _written;
  if _written <> _touched then
    raise exception '% of % streams are where they were judged', _written, _touched;
  end if;
end;
$$;

-- Writes the events of the accepted requests, which have a start: the size of the log
-- before their events. Returns the leaf hashes of the written events, in order.
create function ledger.write_events(
  _recorded_at timestamptz, _today date,
  _starts bigint[], _declared date[], _totals integer[],
  _claim_requests integer[], _streams text[], _versions integer[], _counts integer[],
  _claims integer[], _places integer[], _event_versions integer[],
  _types text[], _days date[], _heads bytea[], _tails bytea[]
)
returns bytea[]
language plpgsql
as $$
#variable_conflict use_column
declare
  _day    bytea := convert_to(to_char(_today, 'YYYY-MM-DD'), 'UTF8'); -- as encoded in a record
  _time   bytea := convert_to(
    to_char(_recorded_at, '"\",\"recorded_at\":\""YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8');
  _leaves bytea[];
begin
  with added as (
    insert into ledger.event
          (position, stream, version, type, effective_on, known_on, declared, recorded_at, record, leaf)
    select e.position, e.stream, e.version, e.type, e.effective_on,
           coalesce(e.declared, _today), e.declared is not null, _recorded_at,
           e.record, sha256('\x00'::bytea || e.record)
      from (
             select _starts[_claim_requests[e.claim]] + _places[e.event] as position,
                    _streams[e.claim] as stream,
                    _event_versions[e.event] as version,
                    _types[e.event] as type,
                    _days[e.event] as effective_on,
                    _declared[_claim_requests[e.claim]] as declared,
                    _heads[e.event]
                      || coalesce(convert_to(to_char(
                           _declared[_claim_requests[e.claim]], 'YYYY-MM-DD'), 'UTF8'), _day)
                      || _time
                      || _tails[e.event] as record
               from unnest(_claims) with ordinality as e (claim, event)
              -- An event without a request, or outside its part, is missing; the caller
              -- counts the events.
              where _starts[_claim_requests[e.claim]] is not null
                and _places[e.event] between 1 and _totals[_claim_requests[e.claim]]
                and _event_versions[e.event] - _versions[e.claim] between 1 and _counts[e.claim]
             offset 0 -- or each record would be concatenated twice, once to be hashed
           ) e
    returning position, leaf
  )
  select array_agg(a.leaf order by a.position)
    into _leaves
    from added a;
  return _leaves;
end;
$$;

-- The start of each accepted request, which is the size of the log before its events
-- (null: not accepted), the size after all of them, and the latest day of knowledge.
create function ledger.places(
  _size bigint, _today date, _settled ledger.answer[], _declared date[], _totals integer[]
)
returns table (starts bigint[], size bigint, known_on date)
language sql stable
as $$
  select array_agg(case when r.holds then _size + r.through - r.total end order by r.request),
         _size + coalesce(sum(r.total) filter (where r.holds), 0)::bigint,
         max(coalesce(_declared[r.request], _today)) filter (where r.holds)
    from (
           select r.*, sum(r.total) filter (where r.holds) over (order by r.request) as through
             from (
                    select r.total, r.request,
                           r.request not in (select s.request from unnest(_settled) s) as holds
                      from unnest(_totals) with ordinality as r (total, request)
                  ) r
         ) r
$$;

-- Writes the accepted requests to all tables. Returns the leaf hashes of their events.
create function ledger.write(
  _before bigint, _size bigint, _recorded_at timestamptz, _today date, _known_on date,
  _starts bigint[],
  _commands text[], _bodies bytea[], _declared date[], _mains integer[], _totals integer[],
  _claim_requests integer[], _streams text[], _versions integer[], _counts integer[],
  _event_claims integer[], _places integer[], _event_versions integer[],
  _types text[], _days date[], _heads bytea[], _tails bytea[]
)
returns bytea[]
language plpgsql
as $$
declare
  _leaves bytea[];
begin
  insert into ledger.command (command_id, body, stream, version, position, count, size)
  select _commands[r.request], _bodies[r.request],
         -- Null, which the column refuses, if the main part is no part of the request.
         case when _claim_requests[r.main] = r.request and _counts[r.main] > 0
              then _streams[r.main] end,
         _versions[r.main] + _counts[r.main], _starts[r.request] + _totals[r.request],
         _totals[r.request], _size
    from unnest(_mains) with ordinality as r (main, request)
   where _starts[r.request] is not null;

  perform ledger.move_streams(
    _today, _starts, _declared, _claim_requests, _streams, _versions, _counts);

  _leaves := ledger.write_events(
    _recorded_at, _today, _starts, _declared, _totals,
    _claim_requests, _streams, _versions, _counts,
    _event_claims, _places, _event_versions, _types, _days, _heads, _tails);
  if cardinality(_leaves) is distinct from _size - _before then
    raise exception '% events for % positions', cardinality(_leaves), _size - _before;
  end if;

  update ledger.head
     set size = _size, recorded_at = _recorded_at, known_on = greatest(known_on, _known_on);
  return _leaves;
end;
$$;

-- Appends the requests that can be appended; the verdict on each request, in order.
create function ledger.append(
  _zone text,
  _commands text[], _bodies bytea[], _declared date[], _conditions integer[],
  _mains integer[], _totals integer[],
  _claim_requests integer[], _streams text[], _versions integer[], _counts integer[],
  _built integer[], _built_on date[],
  _event_claims integer[], _places integer[], _event_versions integer[],
  _types text[], _days date[], _heads bytea[], _tails bytea[],
  _condition_numbers integer[], _categories text[], _positions bigint[], _writers integer[]
)
returns setof ledger.answer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  _before      bigint; -- the size before this call
  _size        bigint; -- the size after this call
  _recorded_at timestamptz;
  _today       date;
  _known_on    date; -- the latest day of knowledge of the appended events
  _settled     ledger.answer[]; -- of requests that are not appended
  _starts      bigint[]; -- the size before each request's events; null: not appended
  _leaves      bytea[];
begin
  -- At read committed, each statement after this one sees all that the previous holder
  -- of the lock committed.
  select size, greatest(clock_timestamp(), recorded_at) into strict _before, _recorded_at
    from ledger.head for update;
  _today := (_recorded_at at time zone _zone)::date;
  select coalesce(array_agg(a), '{}') into _settled
    from ledger.settled(
           _today, _commands, _bodies, _declared, _conditions,
           _claim_requests, _streams, _versions, _counts, _built, _built_on,
           _condition_numbers, _categories, _positions, _writers) a;
  select p.starts, p.size, p.known_on into _starts, _size, _known_on
    from ledger.places(_before, _today, _settled, _declared, _totals) p;
  if _size > _before then
    _leaves := ledger.write(
      _before, _size, _recorded_at, _today, _known_on, _starts, _commands, _bodies,
      _declared, _mains, _totals, _claim_requests, _streams, _versions, _counts,
      _event_claims, _places, _event_versions, _types, _days, _heads, _tails);
  end if;
  return query
  select r.request::integer, 'appended', _streams[_mains[r.request]], null::bigint,
         (_versions[_mains[r.request]] + _counts[_mains[r.request]])::bigint,
         r.start + _totals[r.request], _totals[r.request], _size, _recorded_at,
         coalesce(_declared[r.request], _today), _leaves[r.start + _totals[r.request] - _before],
         case when _totals[r.request] > 1
              then _leaves[r.start - _before + 1 : r.start + _totals[r.request] - _before - 1] end
    from unnest(_starts) with ordinality as r (start, request)
   where r.start is not null
   union all
  select * from unnest(_settled)
   order by 1;
end;
$$;

-- Proofs for parties who do not trust this database: signed checkpoints, cosignatures
-- of witnesses, and tiles of the Merkle tree. None of it is evidence of what was
-- recorded: the records are, and checkpoints are computed from their bytes.

-- Full tiles (C2SP tlog-tiles): 256 hashes each. A cache, so that every proof reads few
-- rows. Verifiers do not trust it, and the signer computes it from the records.
create table ledger.tile (
  level  smallint not null check (level between 0 and 6),
  number bigint   not null check (number >= 0),
  hashes bytea    not null check (octet_length(hashes) = 8192),
  root   bytea    not null check (octet_length(root) = 32), -- over the 256: a hash of the next level
  primary key (level, number)
);
-- Hashes do not compress.
alter table ledger.tile alter column hashes set storage external;

-- The log's signing keys, oldest first. The last checkpoint that a key signs introduces
-- the next key: both sign it.
create table ledger.log_key (
  number     bigint generated always as identity primary key,
  vkey       text   collate "C" not null unique, -- C2SP signed-note, verifier key
  first_size bigint not null check (first_size >= 0)
);

-- Signed checkpoints (C2SP tlog-checkpoint). A size has a second note if a new key
-- signs it too.
create table ledger.checkpoint (
  number    bigint      generated always as identity primary key,
  size      bigint      not null check (size >= 0),
  root      bytea       not null check (octet_length(root) = 32),
  note      text        collate "C" not null,
  signed_at timestamptz not null default clock_timestamp(),
  unique (size, note)
);

-- Cosignatures of witnesses (C2SP tlog-cosignature): signature lines to append to the
-- note. Verified by readers, who ignore others; hence not unique, so that a wrong line
-- does not take the place of the witness's own.
create table ledger.cosignature (
  number     bigint      generated always as identity primary key,
  size       bigint      not null,
  vkey       text        collate "C" not null,
  line       text        collate "C" not null,
  arrived_at timestamptz not null default clock_timestamp()
);
create index cosignature_size on ledger.cosignature (size, vkey);

-- Why the signer refused to sign, and when a later checkpoint cleared the alarm.
create table ledger.alarm (
  number   bigint      generated always as identity primary key,
  raised   boolean     not null, -- false: cleared
  sentence text        not null,
  told_at  timestamptz not null default clock_timestamp()
);

create trigger append_only
  before update or delete or truncate on ledger.log_key
  for each statement execute function ledger.refuse_change();
alter table ledger.log_key enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.checkpoint
  for each statement execute function ledger.refuse_change();
alter table ledger.checkpoint enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.cosignature
  for each statement execute function ledger.refuse_change();
alter table ledger.cosignature enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.alarm
  for each statement execute function ledger.refuse_change();
alter table ledger.alarm enable always trigger append_only;

-- Privileges. Functions can be executed only by the roles named here.
revoke all on all functions in schema ledger from public;
grant usage on schema ledger to iku_app, iku_auditor;
grant select on all tables in schema ledger to iku_app, iku_auditor;
grant execute on function ledger.append to iku_app;

grant usage on schema ledger to iku_signer;
grant select on all tables in schema ledger to iku_signer;
grant insert on ledger.log_key, ledger.checkpoint, ledger.cosignature, ledger.alarm
  to iku_signer;
grant insert, delete on ledger.tile to iku_signer;

-- Applies to tables that later migrations create.
alter default privileges in schema ledger grant select on tables to iku_auditor;
