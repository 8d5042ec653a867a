-- The ledger: one append-only log, written only through ledger.append.
--
-- It knows streams, versions, days and bytes, and nothing of what they mean.
-- docs/ledger-format.md says what the bytes of a record are.

-- Groups that login roles are members of:
--
-- * iku_app, the application's: it reads, and appends by ledger.append.
-- * iku_signer, the signer's: it signs what it has read and hashed itself. The key it
--   signs with never comes here.
-- * iku_auditor, an auditor's: it reads the log and what is derived from it, nothing else.
--   docs/operating.md says how to give an auditor a login.
--
-- Roles belong to the server, so a second database, or a clone, finds them there already.
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
        null; -- another database of this server was migrated in the same moment
      when insufficient_privilege then
        raise exception 'the role % is missing, and % may not create it', _role, current_user
          using hint = format('As a superuser: create role %I nologin; then migrate again.', _role);
    end;
  end loop;
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

-- Finds the events of a category: what a stream's name begins with, up to its first hyphen.
-- A query that must use it compares category and position as one row, in the index's order.
-- Two conditions could also be met by walking along the primary key and looking at every
-- event's category, which the planner prefers once most events are of one category.
create index event_category on ledger.event (split_part(stream, '-', 1), position);

-- Who recorded what: the events of an actor, in the order of the log.
--
-- A record begins {"actor":"…","command":"…", so the actor is what stands before the first
-- ","command":" (a quotation mark inside the name is escaped), in JSON's spelling. No column
-- repeats it: only the record is evidence. src/iku/ledger/matching.py asks by the same expression.
-- A record that was tampered with may lack the mark: then nothing stands before it.
create index event_actor
          on ledger.event (
               substring(record from 11 for
                         greatest(position('","command":"'::bytea in record) - 11, 0)),
               position
             );

-- Appends many requests at once, each to one or more streams: all are judged set-wise, then
-- those that hold are written. One that is refused takes no position and leaves its
-- neighbours alone. A call is a set of arrays:
--
-- * Request i is command id, body, the day declared (null: the local day in _zone), the
--   number of its condition (null: none), its main part (stream, the version at which it was
--   read, how many events) and how many events it appends in all its parts.
-- * Claim j belongs to a request and names another stream, the version at which it was read
--   and how many events the request appends to it. With events it is a part of the request;
--   without, a premise. A request names a stream in one part at most.
-- * Built, of a main part or a claim: how many events earlier requests of the call append to
--   its stream, and the latest day they declare (infinity: one declares none).
-- * Event e names its request, the claim that is its part (null: the main part), its place
--   among the request's events and its version. A record is head || known_on ||
--   '","recorded_at":"' || recorded_at || tail.
-- * Condition k is one row for each of its categories, with the position after which there
--   must be no event of that category, and the first request of the call that appends one
--   (null: none does). Requests that share a condition send it once.
--
-- Requests, claims, places and conditions are numbered from 1. The events of the main part
-- are a request's last ones. Command ids must differ within a call.
--
-- The functions run under the settings of ledger.append. Planning for each length of
-- the arrays takes longer than the append (0.9 ms, not 0.4 ms), so there is one plan for
-- each statement. It is made when the tables may be empty, and must hold when they are not:
-- every lookup is a probe of an index. Hence no sequential scans, and "offset 0", which
-- keeps a lookup from becoming a join over the whole table. Functions in SQL are part of
-- the plan of the statement that calls them. One array is unnested and the others are read
-- by its ordinality: in PL/pgSQL that costs less than to unnest all of them.

-- What came of a request.
create type ledger.answer as (
  request     integer,
  verdict     text, -- appended, repeated, reused, conflicted, overtaken, ahead, fell
  stream      text, -- of the main part; of a refusal: the stream or category it is about
  expected    bigint, -- of a conflict: the version claimed, or the condition's position
  version     bigint, -- of the last event; of a conflict: where the stream or category stood
  "position"  bigint, -- of the last event
  count       integer,
  size        bigint,
  recorded_at timestamptz,
  known_on    date, -- of a refusal: the stream's last, or the clock's local date
  leaf        bytea
);

-- The requests whose command is recorded already: their first receipt, if it is the same.
create function ledger.receipts(_commands text[], _bodies bytea[])
returns setof ledger.answer
language sql stable
as $$
  select r.request::integer, case when c.body = _bodies[r.request] then 'repeated' else 'reused' end,
         c.stream, null::bigint, c.version::bigint, c.position, c.count, c.size,
         e.recorded_at, e.known_on, e.leaf
    from unnest(_commands) with ordinality as r (command_id, request)
   cross join lateral (
           select * from ledger.command where command_id = r.command_id offset 0
         ) c
    left join lateral (
           select recorded_at, known_on, leaf from ledger.event where position = c.position offset 0
         ) e on true
$$;

-- What the requests, but for those settled already, claim of streams that do not stand so.
-- Null: nothing is wrong with the claim, but it builds on an earlier request.
create function ledger.broken_claims(
  _today    date,
  _settled  integer[],
  _declared date[],
  _streams  text[],
  _versions integer[],
  _counts   integer[],
  _built    integer[],
  _built_on date[],
  _claim_requests integer[],
  _claim_streams  text[],
  _claim_versions integer[],
  _claim_counts   integer[],
  _claim_built    integer[],
  _claim_built_on date[]
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
           select c.*, coalesce(s.version, 0) as version,
                  greatest(s.known_on, case when c.built > 0 then least(c.built_on, _today) end) as last
             from (
                    select r.request::integer, r.stream, _versions[r.request] as expected,
                           coalesce(_declared[r.request], _today) as known_on,
                           _built[r.request] as built, _built_on[r.request] as built_on
                      from unnest(_streams) with ordinality as r (stream, request)
                     union all
                    select _claim_requests[c.claim], c.stream, _claim_versions[c.claim],
                           case
                             when _claim_counts[c.claim] > 0
                             then coalesce(_declared[_claim_requests[c.claim]], _today)
                           end,
                           _claim_built[c.claim], _claim_built_on[c.claim]
                      from unnest(_claim_streams) with ordinality as c (stream, claim)
                  ) c
             left join lateral (
                    select version, known_on from ledger.stream where stream = c.stream offset 0
                  ) s on true
            where c.request <> all (_settled)
         ) c
   where c.expected <> c.version + c.built
      or c.known_on > _today
      or c.known_on < c.last
      or c.built > 0
$$;

-- The conditions that do not hold: after the position lies an event of the category (last
-- is the position of the last one), or a request of the call appends one.
create function ledger.broken_conditions(
  _condition_numbers    integer[],
  _condition_categories text[],
  _condition_positions  bigint[],
  _condition_writers    integer[]
)
returns table (condition integer, category text, after bigint, last bigint, writer integer)
language sql stable
as $$
  select _condition_numbers[k.row], k.category, _condition_positions[k.row], coalesce(l.position, 0),
         _condition_writers[k.row]
    from unnest(_condition_categories) with ordinality as k (category, row)
    left join lateral (
           -- In the order of the index: the last event of this category, or, where there is
           -- none, of the one before.
           select split_part(stream, '-', 1) as category, position
             from ledger.event
            where (split_part(stream, '-', 1), position) <= (k.category, 9223372036854775807)
            order by split_part(stream, '-', 1) desc, position desc
            limit 1
         ) l on l.category = k.category
   where l.position > _condition_positions[k.row]
      or _condition_writers[k.row] is not null
  offset 0 -- or each request would look again for what its condition names
$$;

-- What is wrong with a request; of several faults the least rank is told.
create type ledger.fault as (
  request  integer,
  verdict  text, -- null: it builds on an earlier request
  rank     integer,
  stream   text,
  expected bigint,
  version  bigint,
  day      date
);

-- One reason for each request that is refused: a conflict before the calendar; a part, then a
-- premise, then a condition. A request that builds on an earlier one, in a part or a premise,
-- is refused where any request of the call is: nothing is appended on what may be missing.
create function ledger.refusals(_faults ledger.fault[])
returns setof ledger.answer
language sql stable
as $$
  select distinct on (f.request)
         f.request, coalesce(f.verdict, 'conflicted'), f.stream, f.expected, f.version,
         null::bigint, null::integer, null::bigint, null::timestamptz, f.day, null::bytea
    from unnest(_faults) f
   where exists (select from unnest(_faults) g where g.verdict is not null)
   order by f.request, f.rank, f.stream collate "C"
$$;

-- Moves the streams of the requests that have a start; how many. Not "on
-- conflict", which would look for each stream twice: nobody else writes.
create function ledger.move_streams(
  _today    date,
  _starts   bigint[],
  _declared date[],
  _streams  text[],
  _versions integer[],
  _counts   integer[],
  _claim_requests integer[],
  _claim_streams  text[],
  _claim_versions integer[],
  _claim_counts   integer[]
)
returns bigint
language plpgsql
as $$
#variable_conflict use_column
declare
  _touched bigint;
  _written bigint;
begin
  with touched as materialized (
    select p.stream,
           min(p.expected) as first,
           max(p.expected + p.count) as version,
           max(coalesce(p.declared, _today)) as known_on
      from (
             select r.stream, _versions[r.request] as expected, _counts[r.request] as count,
                    _declared[r.request] as declared
               from unnest(_streams) with ordinality as r (stream, request)
              where _starts[r.request] is not null
              union all
             select c.stream, _claim_versions[c.claim], _claim_counts[c.claim],
                    _declared[_claim_requests[c.claim]]
               from unnest(_claim_streams) with ordinality as c (stream, claim)
              where _starts[_claim_requests[c.claim]] is not null
                and _claim_counts[c.claim] > 0
           ) p
     group by p.stream
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
  return _written;
end;
$$;

-- Writes the requests that have a start, the size of the log before their events. The leaves
-- of what was written, in order.
create function ledger.write(
  _size        bigint, -- after this call
  _recorded_at timestamptz,
  _today       date,
  _starts      bigint[],
  _commands    text[],
  _bodies      bytea[],
  _declared    date[],
  _streams     text[],
  _versions    integer[],
  _counts      integer[],
  _totals      integer[],
  _claim_requests integer[],
  _claim_streams  text[],
  _claim_versions integer[],
  _claim_counts   integer[],
  _event_requests integer[],
  _event_claims   integer[],
  _event_places   integer[],
  _event_versions integer[],
  _event_types    text[],
  _event_days     date[],
  _event_heads    bytea[],
  _event_tails    bytea[]
)
returns bytea[]
language plpgsql
as $$
#variable_conflict use_column
declare
  _day    bytea := convert_to(to_char(_today, 'YYYY-MM-DD'), 'UTF8'); -- as a record spells it
  _time   bytea := convert_to(
    to_char(_recorded_at, '"\",\"recorded_at\":\""YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8');
  _moved  bigint;
  _leaves bytea[];
begin
  insert into ledger.command (command_id, body, stream, version, position, count, size)
  select _commands[r.request], _bodies[r.request], _streams[r.request],
         _versions[r.request] + _counts[r.request], r.start + _totals[r.request],
         _totals[r.request], _size
    from unnest(_starts) with ordinality as r (start, request)
   where r.start is not null;

  _moved := ledger.move_streams(
    _today, _starts, _declared, _streams, _versions, _counts,
    _claim_requests, _claim_streams, _claim_versions, _claim_counts);

  with added as (
    insert into ledger.event
          (position, stream, version, type, effective_on, known_on, declared, recorded_at, record, leaf)
    select e.position, e.stream, e.version, e.type, e.effective_on,
           coalesce(e.declared, _today), e.declared is not null, _recorded_at,
           e.record, sha256('\x00'::bytea || e.record)
      from (
             select _starts[e.request] + _event_places[e.event] as position,
                    coalesce(_claim_streams[_event_claims[e.event]], _streams[e.request]) as stream,
                    _event_versions[e.event] as version,
                    _event_types[e.event] as type,
                    _event_days[e.event] as effective_on,
                    _declared[e.request] as declared,
                    _event_heads[e.event]
                      || coalesce(convert_to(to_char(_declared[e.request], 'YYYY-MM-DD'), 'UTF8'), _day)
                      || _time
                      || _event_tails[e.event] as record
               from unnest(_event_requests) with ordinality as e (request, event)
              -- One of no request, or that does not fit its part, is found missing by the caller.
              where _starts[e.request] is not null
                and _event_places[e.event] between 1 and _totals[e.request]
                and _event_versions[e.event]
                      - coalesce(_claim_versions[_event_claims[e.event]], _versions[e.request])
                    between 1 and coalesce(_claim_counts[_event_claims[e.event]], _counts[e.request])
             offset 0 -- or each record would be joined twice, once to be hashed
           ) e
    returning position, leaf
  )
  select array_agg(a.leaf order by a.position)
    into _leaves
    from added a;
  return _leaves;
end;
$$;

-- Appends what can be appended; what came of each request, in order.
create function ledger.append(
  _zone       text,
  _commands   text[],
  _bodies     bytea[],
  _declared   date[],
  _conditions integer[],
  _streams    text[],
  _versions   integer[],
  _counts     integer[],
  _totals     integer[],
  _built      integer[],
  _built_on   date[],
  _claim_requests integer[],
  _claim_streams  text[],
  _claim_versions integer[],
  _claim_counts   integer[],
  _claim_built    integer[],
  _claim_built_on date[],
  _event_requests integer[],
  _event_claims   integer[],
  _event_places   integer[],
  _event_versions integer[],
  _event_types    text[],
  _event_days     date[],
  _event_heads    bytea[],
  _event_tails    bytea[],
  _condition_numbers    integer[],
  _condition_categories text[],
  _condition_positions  bigint[],
  _condition_writers    integer[]
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
  _size        bigint; -- and after it
  _recorded_at timestamptz;
  _today       date;
  _latest      date; -- the latest day known
  _settled     integer[]; -- requests that are not to be appended
  _settling    ledger.answer[]; -- what came of them
  _starts      bigint[]; -- the size before each request's events; null: not to be appended
  _faults      ledger.fault[];
  _leaves      bytea[];
begin
  -- Read committed: each statement after this one sees all that was committed by
  -- whoever held the lock before.
  select h.size, greatest(clock_timestamp(), h.recorded_at), h.known_on
    into strict _before, _recorded_at, _latest
    from ledger.head h
     for update;
  _today := (_recorded_at at time zone _zone)::date;

  select coalesce(array_agg(a), '{}'), coalesce(array_agg(a.request), '{}')
    into _settling, _settled
    from ledger.receipts(_commands, _bodies) a;

  select array_agg(f)
    into _faults
    from (
           select c.request, c.verdict,
                  case when c.verdict in ('ahead', 'fell') then 3 when c.part then 0 else 1 end,
                  c.stream, c.expected::bigint, c.version::bigint, c.day
             from ledger.broken_claims(
                    _today, _settled, _declared, _streams, _versions, _counts, _built, _built_on,
                    _claim_requests, _claim_streams, _claim_versions, _claim_counts,
                    _claim_built, _claim_built_on) c
            union all
           select r.request, 'overtaken', 2, b.category, b.after, b.last, null
             from ledger.broken_conditions(
                    _condition_numbers, _condition_categories, _condition_positions,
                    _condition_writers) b
             join unnest(_conditions) with ordinality as r (condition, request)
               on r.condition = b.condition
            where r.request <> all (_settled)
              and (b.last > b.after or b.writer < r.request)
         ) f;
  if _faults is not null then
    select _settling || array_agg(a), _settled || array_agg(a.request)
      into _settling, _settled
      from ledger.refusals(_faults) a;
  end if;

  select array_agg(case when r.holds then _before + r.through - r.total end order by r.request),
         _before + coalesce(sum(r.total) filter (where r.holds), 0),
         greatest(_latest, max(coalesce(r.declared, _today)) filter (where r.holds))
    into _starts, _size, _latest
    from (
           select r.*, sum(r.total) filter (where r.holds) over (order by r.request) as through
             from (
                    select r.*, r.request <> all (_settled) as holds, _declared[r.request] as declared
                      from unnest(_totals) with ordinality as r (total, request)
                  ) r
         ) r;

  if _size > _before then
    _leaves := ledger.write(
      _size, _recorded_at, _today, _starts, _commands, _bodies, _declared,
      _streams, _versions, _counts, _totals,
      _claim_requests, _claim_streams, _claim_versions, _claim_counts,
      _event_requests, _event_claims, _event_places, _event_versions,
      _event_types, _event_days, _event_heads, _event_tails);
    if cardinality(_leaves) is distinct from _size - _before then
      raise exception '% events for % positions', cardinality(_leaves), _size - _before;
    end if;
    update ledger.head
       set size = _size, recorded_at = _recorded_at, known_on = _latest;
  end if;

  return query
  select r.request::integer, 'appended', _streams[r.request], null::bigint,
         (_versions[r.request] + _counts[r.request])::bigint, r.start + _totals[r.request],
         _totals[r.request], _size, _recorded_at, coalesce(_declared[r.request], _today),
         _leaves[r.start + _totals[r.request] - _before]
    from unnest(_starts) with ordinality as r (start, request)
   where r.start is not null
   union all
  select * from unnest(_settling)
   order by 1;
end;
$$;

-- What proves the log to those who do not trust us: signed checkpoints, the cosignatures
-- of witnesses, and tiles of the tree. Nothing here is evidence of what was recorded; the
-- records are, and what is signed is worked out from their bytes.

-- Full tiles (C2SP tlog-tiles): 256 hashes each. A cache, so that no question about the
-- tree reads more than a few rows; whoever verifies does not trust it, and the signer
-- writes it anew from the records.
create table ledger.tile (
  level  smallint not null check (level between 0 and 6),
  number bigint   not null check (number >= 0),
  hashes bytea    not null check (octet_length(hashes) = 8192),
  root   bytea    not null check (octet_length(root) = 32), -- over the 256: a hash of the level above
  primary key (level, number)
);
-- Hashes do not compress.
alter table ledger.tile alter column hashes set storage external;

-- The keys that sign, in the order in which they came. A key's last checkpoint is the
-- one that introduced the next key: both sign it.
create table ledger.log_key (
  number     bigint generated always as identity primary key,
  vkey       text   collate "C" not null unique, -- C2SP signed-note, verifier key
  first_size bigint not null check (first_size >= 0)
);

-- Every note that was signed (C2SP tlog-checkpoint). A size has a second note where a
-- new key signs it too.
create table ledger.checkpoint (
  number    bigint      generated always as identity primary key,
  size      bigint      not null check (size >= 0),
  root      bytea       not null check (octet_length(root) = 32),
  note      text        collate "C" not null,
  signed_at timestamptz not null default clock_timestamp(),
  unique (size, note)
);

-- What witnesses added (C2SP tlog-cosignature): lines to be put below the note.
create table ledger.cosignature (
  size       bigint      not null,
  vkey       text        collate "C" not null,
  line       text        collate "C" not null,
  arrived_at timestamptz not null default clock_timestamp(),
  primary key (size, vkey)
);

-- What the signer refused to sign, and when a later checkpoint showed all well again.
create table ledger.alarm (
  number   bigint      generated always as identity primary key,
  raised   boolean     not null, -- false: lifted
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

-- Who may do what. Functions are closed to all who are not named.
revoke all on all functions in schema ledger from public;
grant usage on schema ledger to iku_app, iku_auditor;
grant select on all tables in schema ledger to iku_app, iku_auditor;
grant execute on function ledger.append to iku_app;

grant usage on schema ledger to iku_signer;
grant select on all tables in schema ledger to iku_signer;
grant insert on ledger.log_key, ledger.checkpoint, ledger.cosignature, ledger.alarm
  to iku_signer;
grant insert, delete on ledger.tile to iku_signer;

-- Of tables that later migrations make.
alter default privileges in schema ledger grant select on tables to iku_auditor;
