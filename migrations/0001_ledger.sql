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

-- The group that the signer's login is a member of. It signs what it has read and hashed
-- itself; the key it signs with never comes here.
do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_signer') then
    create role iku_signer nologin;
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- another database of this server was migrated in the same moment
  when insufficient_privilege then
    raise exception 'the role iku_signer is missing, and % may not create it', current_user
      using hint = 'As a superuser: create role iku_signer nologin; then migrate again.';
end;
$$;

-- The group an auditor's login is a member of: it reads the log and what is derived from
-- it, and nothing else. docs/operating.md tells how to give an auditor a login.
do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_auditor') then
    create role iku_auditor nologin;
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- another database of this server was migrated in the same moment
  when insufficient_privilege then
    raise exception 'the role iku_auditor is missing, and % may not create it', current_user
      using hint = 'As a superuser: create role iku_auditor nologin; then migrate again.';
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

-- Appends many requests at once and judges each by itself, in the order given: one that
-- is refused takes no position and leaves its neighbours alone.
--
-- Request i is stream, expected version, command id, body, the day declared (null: the
-- local day in _zone) and how many events. Events come in the order of their requests and
-- name them by number, from 1; a record is head || known_on || '","recorded_at":"' ||
-- recorded_at || tail. Premises are further streams that request i rests on, at the
-- version it read. A condition has a number and, for each of its categories, a row with
-- the position after which there must be no event; requests name their conditions by
-- number, so that one that many share is sent and checked once. Command ids must differ
-- within a call.
--
-- Conditions are checked before anything is written. A call where all of them hold, and no
-- request is of a category that one of them names, is written as if every request held;
-- any other call is judged request by request.
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
  _premise_versions integer[],
  _condition_numbers    integer[],
  _condition_categories text[],
  _condition_positions  bigint[],
  _resting_requests     integer[],
  _resting_conditions   integer[]
)
returns table (
  verdict     text, -- appended, repeated, reused, conflicted, overtaken, fell, ahead
  stream      text, -- the stream appended to, or the stream or category that has moved on
  expected    bigint, -- of a conflict: the version claimed, or the condition's position
  version     bigint, -- of the last event; of a conflict: where the stream or category stands
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
  _before      bigint; -- the size before this call
  _size        bigint; -- and after it
  _recorded_at timestamptz;
  _today       date;
  _day         bytea; -- today as a record spells it
  _latest      date;
  _known       date; -- the latest day known, after this call
  _ahead       boolean; -- whether a day is declared that has not come yet
  _time        bytea; -- recorded_at, with the name that stands before it in a record
  _judged      boolean;
  _starts      bigint[]; -- the size each request starts from; null: nothing to append
  _contested   text[]; -- the stream whose version a refused request got wrong
  _overtaken   text[]; -- the category whose events break a refused request's condition
  _claimed     bigint[];
  _lasts       date[]; -- the day known that a refused request would fall behind
  _asked       text[] := _commands; -- what was asked for, when the rest holds only
  _asked_for   bytea[] := _bodies; --  what is to be appended
  _asked_days  date[] := _declared;
  _written     bigint; -- streams
  _places      bigint[]; -- position of each request's last event
  _leaves      bytea[]; -- and its leaf
begin
  -- Read committed: each statement after this one sees all that was committed by
  -- whoever held the lock before.
  select h.size, greatest(clock_timestamp(), h.recorded_at), h.known_on
    into strict _before, _recorded_at, _latest
    from ledger.head h
     for update;

  _today := (_recorded_at at time zone _zone)::date;
  _day := convert_to(to_char(_today, 'YYYY-MM-DD'), 'UTF8');
  _time := convert_to(
    to_char(_recorded_at, '"\",\"recorded_at\":\""YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8');

  _judged := cardinality(_premise_streams) > 0 or exists (
    select
      from unnest(_condition_categories, _condition_positions) as c (category, after)
     where c.category in (select split_part(s.stream, '-', 1) from unnest(_streams) as s (stream))
        or exists (
             select
               from (
                      select split_part(e.stream, '-', 1) as category
                        from ledger.event e
                       where (split_part(e.stream, '-', 1), e.position) > (c.category, c.after)
                       order by split_part(e.stream, '-', 1), e.position
                       limit 1
                    ) n
              where n.category = c.category
           )
  );

  -- Once, and again if something turned out amiss: then only what holds is kept.
  loop
    if _judged then
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
      -- A condition is broken by what the log holds, or by an earlier request of this call.
      overtaken as materialized (
        select r.request, c.category, c.after
          from unnest(_resting_requests, _resting_conditions) as r (request, number)
          join unnest(_condition_numbers, _condition_categories, _condition_positions)
               as c (number, category, after)
            on c.number = r.number
          left join (
                 select split_part(q.stream, '-', 1) as category, min(q.request) as request
                   from request q
                  where not q.recorded
                  group by 1
               ) w on w.category = c.category
         where r.request not in (select q.request from request q where q.recorded)
           and (w.request < r.request
                or exists (
                     select
                       from (
                              select split_part(e.stream, '-', 1) as category
                                from ledger.event e
                               where (split_part(e.stream, '-', 1), e.position) > (c.category, c.after)
                               order by split_part(e.stream, '-', 1), e.position
                               limit 1
                            ) n
                      where n.category = c.category
                   ))
      ),
      -- A request that fails breaks its stream for all that come after and rest on it.
      failed (request, breaks, contested, category, claimed, last) as (
        select h.request, _streams[h.request],
               case when h.expected <> h.version then h.stream end,
               null::text,
               case when h.expected <> h.version then h.expected::bigint end,
               h.last
          from held h
         where h.expected <> h.version
            or h.known_on < h.last
            or h.known_on > _today
         union
        select o.request, _streams[o.request], null, o.category, o.after, null
          from overtaken o
         union
        select h.request, _streams[h.request], h.stream, null, h.expected, null
          from failed f
          join held h on h.stream = f.breaks and h.request > f.request
      ),
      -- One reason each: a conflict before the calendar; its own stream, then a premise,
      -- then a condition.
      reason as (
        select distinct on (f.request) f.*
          from failed f
         order by f.request, f.contested is null and f.category is null, f.category is not null,
                  f.contested <> f.breaks, f.contested, f.category
      ),
      judged as (
        select r.request, f.contested, f.category, f.claimed, f.last,
               case when not r.recorded and f.request is null then r.count end as count
          from request r
          left join reason f on f.request = r.request
      )
      select array_agg(case when j.count > 0 then _before + j.through - j.count end order by j.request),
             array_agg(j.contested order by j.request),
             array_agg(j.category order by j.request),
             array_agg(j.claimed order by j.request),
             array_agg(j.last order by j.request)
        into _starts, _contested, _overtaken, _claimed, _lasts
        from (select judged.*, sum(judged.count) over (order by judged.request) as through
                from judged) j;

      select array_agg(k.kept order by e.event),
             array_agg(e.version order by e.event),
             array_agg(e.type order by e.event),
             array_agg(e.effective_on order by e.event),
             array_agg(e.head order by e.event),
             array_agg(e.tail order by e.event)
        into _event_requests, _event_versions, _event_types, _effective, _heads, _tails
        from unnest(_event_requests, _event_versions, _event_types, _effective, _heads, _tails)
             with ordinality as e (request, version, type, effective_on, head, tail, event)
        join (select r.request, row_number() over (order by r.request)::integer as kept
                from unnest(_starts) with ordinality as r (start, request)
               where r.start is not null) k
          on k.request = e.request;

      select array_agg(r.stream order by r.request),
             array_agg(r.expected order by r.request),
             array_agg(r.command_id order by r.request),
             array_agg(r.body order by r.request),
             array_agg(r.declared order by r.request),
             array_agg(r.count order by r.request)
        into _streams, _expected, _commands, _bodies, _declared, _counts
        from unnest(_starts, _streams, _expected, _commands, _bodies, _declared, _counts)
             with ordinality as r (start, stream, expected, command_id, body, declared, count, request)
       where r.start is not null;
    end if;

    select array_agg(_before + r.through order by r.request),
           _before + coalesce(sum(r.count), 0),
           greatest(_latest, max(coalesce(r.declared, _today))),
           coalesce(bool_or(r.declared > _today), false)
      into _places, _size, _known, _ahead
      from (select r.*, sum(r.count) over (order by r.request) as through
              from unnest(_counts, _declared) with ordinality as r (count, declared, request)) r;

    begin
      insert into ledger.command (command_id, body, stream, version, position, count, size)
      select r.command_id, r.body, r.stream, r.expected + r.count, r.place, r.count, _size
        from unnest(_places, _commands, _bodies, _streams, _expected, _counts)
             as r (place, command_id, body, stream, expected, count);

      -- Not "on conflict", which would look for each stream twice: nobody else writes.
      with touched as (
        select r.stream,
               min(r.expected) as first,
               max(r.expected + r.count) as version,
               min(coalesce(r.declared, _today)) as first_known,
               max(coalesce(r.declared, _today)) as known_on
          from unnest(_streams, _expected, _counts, _declared)
               as r (stream, expected, count, declared)
         group by r.stream
      ),
      moved as (
        update ledger.stream s
           set version = t.version, known_on = t.known_on
          from touched t
         where t.first > 0
           and s.stream = t.stream
           and s.version = t.first
           and s.known_on <= t.first_known
        returning 1
      ),
      begun as (
        insert into ledger.stream (stream, version, known_on)
        select t.stream, t.version, t.known_on
          from touched t
         where t.first = 0
        returning 1
      )
      select (select count(*) from moved) + (select count(*) from begun)
        into _written;

      exit when _judged or (_written = cardinality(_streams) and not _ahead);
      raise unique_violation;
    exception when unique_violation then
      -- A command comes again, or a stream is not where a request wants it, or two
      -- requests meet on it. What was just written is undone.
      if _judged then
        raise;
      end if;
      _judged := true;
    end;
  end loop;

  if cardinality(_heads) <> _size - _before then
    raise exception '% events for % positions', cardinality(_heads), _size - _before;
  end if;

  with added as (
    insert into ledger.event
          (position, stream, version, type, effective_on, known_on, declared, recorded_at, record, leaf)
    select e.position,
           e.stream,
           e.version,
           e.type,
           e.effective_on,
           coalesce(e.declared, _today),
           e.declared is not null,
           _recorded_at,
           e.record,
           sha256('\x00'::bytea || e.record)
      from (
             select _before + e.event as position,
                    r.stream,
                    e.version,
                    e.type,
                    e.effective_on,
                    r.declared,
                    e.head
                      || coalesce(convert_to(to_char(r.declared, 'YYYY-MM-DD'), 'UTF8'), _day)
                      || _time
                      || e.tail as record
               from unnest(_event_requests, _event_versions, _event_types, _effective, _heads, _tails)
                    with ordinality as e (request, version, type, effective_on, head, tail, event)
               left join unnest(_streams, _declared) -- one of no request fails: it has no stream
                    with ordinality as r (stream, declared, request)
                 on r.request = e.request
             offset 0 -- or each record would be joined twice, once to be hashed
           ) e
    returning position, leaf
  )
  select array_agg(a.leaf order by p.request)
    into _leaves
    from unnest(_places) with ordinality as p (place, request)
    join added a on a.position = p.place;

  if _size > _before then
    update ledger.head
       set size = _size, recorded_at = _recorded_at, known_on = _known;
  end if;

  if not _judged then
    return query
    select 'appended', r.stream, null::bigint, (r.expected + r.count)::bigint, r.place, r.count, _size,
           _recorded_at, coalesce(r.declared, _today), r.leaf
      from unnest(_streams, _expected, _counts, _declared, _places, _leaves)
           with ordinality as r (stream, expected, count, declared, place, leaf, request)
     order by r.request;
    return;
  end if;

  -- A fresh receipt and a repeated one are read from the same row.
  return query
  select case
           when _starts[r.request] is not null then 'appended'
           when c.body = r.body then 'repeated'
           when c.body is not null then 'reused'
           when _contested[r.request] is not null then 'conflicted'
           when _overtaken[r.request] is not null then 'overtaken'
           when _asked_days[r.request] > _today then 'ahead'
           else 'fell'
         end,
         coalesce(c.stream, _contested[r.request], _overtaken[r.request]),
         _claimed[r.request],
         coalesce(c.version, s.version, l.position, 0),
         c.position,
         c.count,
         c.size,
         e.recorded_at,
         coalesce(e.known_on, case when _asked_days[r.request] > _today then _today else _lasts[r.request] end),
         e.leaf
    from unnest(_asked, _asked_for) with ordinality as r (command_id, body, request)
    left join lateral (
           select * from ledger.command where command_id = r.command_id offset 0
         ) c on true
    left join lateral (
           select recorded_at, known_on, leaf from ledger.event where position = c.position offset 0
         ) e on true
    left join lateral (
           select version from ledger.stream where stream = _contested[r.request] offset 0
         ) s on true
    left join lateral (
           select split_part(stream, '-', 1) as category, position
             from ledger.event
            where (split_part(stream, '-', 1), position) <= (_overtaken[r.request], _size)
            order by split_part(stream, '-', 1) desc, position desc
            limit 1
         ) l on l.category = _overtaken[r.request]
   order by r.request;
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
