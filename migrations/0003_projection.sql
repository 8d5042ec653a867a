-- Projections: tables derived from the log, which can be dropped and rebuilt.
--
-- A row of state or contribution is a rectangle in both times (bitemporal). It is
-- *valid* over a range of days, and *known* from the day and position of the event that
-- made it until those of the event that superseded it. Within a stream neither known_on
-- nor the position ever decreases, so a subject's rows in force at (known_on, size) are
-- those known by both and not superseded by both.
--
-- Functions that a rebuild runs on new tables in another schema name tables without a
-- schema; search_path selects it.

create extension if not exists btree_gist;

create schema projection;
set local search_path = projection, public; -- for the validation of function bodies

-- The versions of definitions in use, numbered in log order. A writer must count by all
-- of them.
create table projection.definition (
  number    smallint primary key,
  indicator text     collate "C" not null,
  version   integer  not null,
  position  bigint   not null,
  options   text     not null, -- JSON
  unique (indicator, version)
);

-- A definition that is backfilled before its event is appended. Its rows have a number
-- that no definition has yet, so no query returns them.
create table projection.backfill (
  number  smallint primary key,
  options text     not null, -- JSON
  size    bigint   -- prefix of the log that is backfilled; null: the backfill is running
);

-- What a subject adds to a figure under a definition.
create table projection.contribution (
  definition  smallint  not null,
  subject     text      collate "C" not null,
  part        text      collate "C" not null, -- dimension of a case, kind of an organisation
  district    text      collate "C" not null, -- empty if unknown
  valid       daterange not null,
  since       date,   -- counts only in periods that begin on or before it; null: in all
  known_from  date      not null,
  known_to    date      not null, -- exclusive; infinity while in force
  position    bigint    not null,
  superseded  bigint    not null, -- exclusive; greatest bigint while in force
  numerator   smallint  not null,
  denominator smallint  not null,
  expired     smallint  not null
);

-- Indexes for contributions to all periods, each on the most selective range: the valid
-- range for rows in force; the range of knowledge or of positions for superseded ones.
-- Rows whose valid range has no end have a B-tree: in a GiST index, a page that ever
-- held one would be read for every later day.
create index contribution_open on projection.contribution (definition, lower(valid))
  where superseded = 9223372036854775807 and since is null and upper(valid) is null;
create index contribution_valid on projection.contribution
  using gist (definition, valid)
  where superseded = 9223372036854775807 and since is null and upper(valid) is not null;
create index contribution_known on projection.contribution
  using gist (definition, daterange(known_from, known_to))
  where superseded < 9223372036854775807 and since is null;
create index contribution_prefix on projection.contribution
  using gist (definition, int8range(position, superseded))
  where superseded < 9223372036854775807 and since is null;
-- The other contributions belong to the period that contains `since`.
create index contribution_since on projection.contribution (definition, since)
  where since is not null;
-- A subject's own rows: to supersede them, and to show the changes an event made.
create index contribution_subject on projection.contribution (subject);
-- Beginnings and ends of rows by position and by valid day: the order of a replay.
create index contribution_begun on projection.contribution (definition, position);
create index contribution_ended on projection.contribution (definition, superseded)
  where superseded < 9223372036854775807;
create index contribution_from on projection.contribution (definition, lower(valid));
create index contribution_to on projection.contribution (definition, upper(valid))
  where upper(valid) is not null;

-- The state of each subject, for lists and pages. Columns that lists filter and sort
-- by, those of fixed width first: a row is smaller this way than with its names in
-- JSON.
create table projection.state (
  position   bigint    not null,
  superseded bigint    not null, -- exclusive; greatest bigint while in force
  known_from date      not null,
  known_to   date      not null, -- exclusive; infinity while in force
  entered_on date      not null, -- day of the report or registration
  level      smallint  not null, -- of a case, from 1 (potensi) to 4; 0 for an organisation
  verified   boolean   not null, -- of a case
  expired    boolean   not null, -- of an organisation's certificate
  valid      daterange not null,
  category   text      collate "C" not null,
  subject    text      collate "C" not null,
  number     text      collate "C" not null,
  status     text      collate "C" not null,
  kind       text      collate "C" not null, -- a case's category, an organisation's kind
  dimension  text      collate "C" not null, -- of a case; empty for an organisation
  area       text      collate "C" not null,
  source     text      collate "C" not null,
  shown      text      not null, -- JSON: the other fields that lists show, without texts
  primary key (category, subject, position, valid)
);

-- For lists: the states in force, by the day on which they end. A list of a late day reads
-- few states besides its own, and no superseded one.
create index state_until on projection.state (coalesce(upper(valid), 'infinity'), category)
  where superseded = 9223372036854775807;

-- Numbers of cases and organisations: a correctable attribute, compared without case
-- and unique among subjects that are not annulled. They are derived from the log in the
-- same transaction, so automatic numbers need no sequences, which would skip a number
-- with each refused append.

-- One row for each current or former name of a subject: its identifier, its number, and
-- the numbers it had before a correction. The number has no unique constraint, because
-- logs of earlier versions may hold numbers that differ in case only.
create table projection.number (
  category text    collate "C" not null,
  folded   text    collate "C" not null, -- the name in lower case
  subject  text    collate "C" not null,
  held     boolean not null, -- whether it is the current number of a subject not annulled
  year     integer, -- of the subject's current number, if that is K<year>-<serial>
  serial   bigint,
  primary key (category, folded, subject)
);

create index on projection.number (category, year, serial) where year is not null;

-- Rows of a batch of events, as its caller passes them: an array of rows costs the caller
-- and the database less than an array for each column.
create type projection.ended_contribution as (
  definition smallint, subject text, part text, district text, valid_from date,
  valid_to date, since date, numerator smallint, position bigint, known_on date
);
create type projection.begun_contribution as (
  definition smallint, subject text, part text, district text, valid_from date,
  valid_to date, since date, known_from date, known_to date, position bigint,
  superseded bigint, numerator smallint, denominator smallint, expired smallint
);
create type projection.ended_state as (
  category text, subject text, valid_from date, position bigint, known_on date
);
create type projection.begun_state as (
  position bigint, superseded bigint, known_from date, known_to date, entered_on date,
  level smallint, verified boolean, expired boolean, valid_from date, valid_to date,
  category text, subject text, number text, status text, kind text, dimension text,
  area text, source text, shown text
);
create type projection.changed_number as (
  category text, folded text, subject text, held boolean, year integer, serial bigint
);

-- Ends the contributions that a batch of events supersedes, then inserts the new ones.
-- Returns false, and writes nothing, if the caller did not count by all current
-- definitions. Most batches end or begin nothing, and a statement that writes no row
-- still opens every index of the table.
create function projection.write_contributions(
  _definitions bigint[], -- positions of the definitions that the caller counted by
  _ended projection.ended_contribution[], _begun projection.begun_contribution[]
)
returns boolean
language plpgsql
-- A generic plan, possibly made while the tables are empty, must be fast when they are
-- large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if _definitions <> array(select d.position from definition d order by d.number) then
    return false;
  end if;

  if cardinality(_ended) > 0 then
    update contribution c
       set superseded = e.position, known_to = e.known_on
      from unnest(_ended) e
     where c.subject = e.subject
       and c.definition + 0 = e.definition -- not by an index on definition
       and c.superseded = 9223372036854775807
       and c.valid = daterange(e.valid_from, e.valid_to)
       and c.part = e.part
       and c.district = e.district
       and c.since is not distinct from e.since
       and c.numerator = e.numerator;
  end if;

  if cardinality(_begun) > 0 then
    insert into contribution (
           definition, subject, part, district, valid, since, known_from, known_to,
           position, superseded, numerator, denominator, expired)
    select definition, subject, part, district, daterange(valid_from, valid_to), since,
           known_from, known_to, position, superseded, numerator, denominator, expired
      from unnest(_begun);
  end if;
  return true;
end;
$$;

-- As projection.write_contributions, for states.
create function projection.write_states(
  _ended projection.ended_state[], _begun projection.begun_state[]
)
returns boolean
language plpgsql
-- A generic plan, possibly made while the tables are empty, must be fast when they are
-- large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if cardinality(_ended) > 0 then
    update state s
       set superseded = e.position, known_to = e.known_on
      from unnest(_ended) e
     where s.category = e.category
       and s.subject = e.subject
       and lower(s.valid) = e.valid_from
       and s.superseded + 0 = 9223372036854775807; -- not by the index state_until
  end if;

  insert into state (
         position, superseded, known_from, known_to, entered_on, level, verified,
         expired, valid, category, subject, number, status, kind, dimension, area,
         source, shown)
  select position, superseded, known_from, known_to, entered_on, level, verified,
         expired, daterange(valid_from, valid_to), category, subject, number, status,
         kind, dimension, area, source, shown
    from unnest(_begun);
  return true;
end;
$$;

-- Inserts or updates the names that a batch of events adds or changes (upsert).
create function projection.write_numbers(_names projection.changed_number[])
returns boolean
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
begin
  insert into number (category, folded, subject, held, year, serial)
  select category, folded, subject, held, year, serial
    from unnest(_names)
      on conflict (category, folded, subject)
      do update
     set held = excluded.held, year = excluded.year, serial = excluded.serial;
  return true;
end;
$$;

-- The contributions that may count on a day of _days, in a period that begins on _start
-- or later, as known on a day of _known (null: any) in the first _size events (null:
-- all). For one day and one knowledge cut-off they are exactly those that count: known
-- by both cut-offs, and not superseded by both. With _present, also those in force that
-- became known later. Each line after "and (" has an index of its own, and the planner
-- combines them in a bitmap. Callers pass precomputed ranges.
create function projection.counting(
  _definition smallint, _start date, _days daterange, _known daterange, _size bigint,
  _present boolean default false
)
returns table (
  subject text, part text, district text, valid daterange, since date,
  known_from date, known_to date, "position" bigint, superseded bigint,
  numerator smallint, denominator smallint, expired smallint
)
language sql stable
as $$
  select c.subject, c.part, c.district, c.valid, c.since, c.known_from, c.known_to,
         c.position, c.superseded, c.numerator, c.denominator, c.expired
    from projection.contribution c
   where c.definition = _definition
     and c.valid && _days
     and (_known is null or c.known_from < upper(_known)
          or _present and c.superseded = 9223372036854775807)
     and (_size is null or c.position <= _size)
     and (c.since is null and c.superseded = 9223372036854775807
            and upper(c.valid) is null and lower(c.valid) < upper(_days)
          or c.since is null and c.superseded = 9223372036854775807
            and upper(c.valid) is not null and c.valid && _days
          or c.since is null and c.superseded < 9223372036854775807
            and daterange(c.known_from, c.known_to) && _known
          or c.since is null and c.superseded < 9223372036854775807
            and int8range(c.position, c.superseded) @> _size
          or c.since >= _start and c.since < upper(_days)
            and (c.superseded > coalesce(_size, 9223372036854775806)
                 or c.known_to > lower(_known)))
$$;

-- The counts at each of _days, which ascend and lie within _span, in periods that begin
-- on _starts, as differences from day to day, to be added up: those of figures with the
-- given cut-offs under the point "shared" and, with _own, those of figures with their own
-- day as knowledge cut-off under the point "own". _known contains all cut-offs; with _own,
-- the shared figures have none. _by is '' for the whole, 'part' for dimensions or kinds,
-- or 'district'. A contribution counts on a run of days: it is added at the start of the
-- run and subtracted at the end.
create function projection.series(
  _definition smallint, _by text, _starts date[], _days date[], _span daterange,
  _known daterange, _size bigint, _own boolean
)
returns table (
  shared integer, own integer, part text, numerator bigint, denominator bigint, expired bigint
)
language sql stable
as $$
  with run as (
    select case _by when 'part' then c.part when 'district' then c.district else '' end as part,
           c.numerator, c.denominator, c.expired,
           not _own or c.superseded = 9223372036854775807 as shared,
           1 + width_bucket(lower(c.valid) - 1, _days) as first,
           case when _own then 1 + width_bucket(c.known_from - 1, _days) end as known,
           1 + least(
             width_bucket(coalesce(upper(c.valid), 'infinity') - 1, _days),
             case when _own then width_bucket(c.known_to - 1, _days) end,
             width_bucket(c.since, _starts)) as ended
      from projection.counting(_definition, _starts[1], _span, _known, _size, _own) c
    offset 0 -- so that each run is computed once
  ),
  -- A row in force ends once for both kinds of figures.
  point as (
    select r.part, r.numerator, r.denominator, r.expired, r.ended,
           case when r.shared then r.ended end as shared_ended,
           case when r.shared then r.first end as shared,
           case when _own then least(greatest(r.first, r.known), r.ended) end as own
      from run r
     where r.first < r.ended
       and (r.shared or r.known < r.ended)
  )
  select case grouping(p.ended) when 0 then p.shared_ended else p.shared end,
         case grouping(p.ended) when 1 then p.own else case when _own then p.ended end end,
         p.part,
         case grouping(p.ended) when 0 then -1 else 1 end * sum(p.numerator),
         case grouping(p.ended) when 0 then -1 else 1 end * sum(p.denominator),
         case grouping(p.ended) when 0 then -1 else 1 end * sum(p.expired)
    from point p
   group by grouping sets ((p.shared, p.own, p.part), (p.ended, p.shared_ended, p.part))
  having least(p.shared, p.own, p.ended) <= cardinality(_days)
$$;

-- The changes made by the events after one position up to another. Each rectangle adds
-- its counts on the day it is valid from and subtracts them on the day it ends, under
-- the event that began it, and the reverse under the event that superseded it. With
-- _later, only changes that took effect after that day and up to _until, found by the
-- day. Only one branch runs: the condition of the other is constant.
create function projection.moved(
  _definition smallint, _after bigint, _upto bigint, _later date, _until date
)
returns table (
  "position" bigint, known_on date, effective_on date, since date, subject text,
  part text, district text, numerator integer, denominator integer, expired integer
)
language sql stable
as $$
    with found as (
      select c.*
        from projection.contribution c
       where _later is null
         and c.definition = _definition
         and (c.position > _after and c.position <= _upto
              or c.superseded > _after and c.superseded <= _upto
                 and c.superseded < 9223372036854775807) -- matches the partial index
       union all
      select c.*
        from projection.contribution c
       where _later is not null
         and c.definition = _definition
         and (lower(c.valid) > _later and lower(c.valid) <= _until
              or upper(c.valid) > _later and upper(c.valid) <= _until)
    ),
    corner as (
      select case known.sign when 1 then c.position else c.superseded end as position,
             case known.sign when 1 then c.known_from else c.known_to end as known_on,
             case valid.sign when 1 then lower(c.valid) else upper(c.valid) end
               as effective_on,
             known.sign * valid.sign as sign, c.since, c.subject, c.part, c.district,
             c.numerator, c.denominator, c.expired
        from found c
             -- Not lateral, which would evaluate the list of values for each row.
       cross join (values (1), (-1)) as known (sign)
       cross join (values (1), (-1)) as valid (sign)
    )
  select m.position, m.known_on, m.effective_on, m.since, m.subject, m.part, m.district,
         m.sign * m.numerator, m.sign * m.denominator, m.sign * m.expired
    from corner m
   where m.position > _after
     and m.position <= _upto
     and m.effective_on > coalesce(_later, '-infinity')
     and m.effective_on <= coalesce(_until, 'infinity')
$$;

-- The nearest day before _day on which a figure moved, as known by its cut-offs, in periods
-- of _months. The 30 nearest days on which a contribution begins or ends are found by index,
-- and what begins and ends on each of them is added up, until one moved. Reached is the
-- last day that was examined. The plan is generic, because it takes longer to make than to run.
create function projection.moved_before(
  _definition smallint, _day date, _size bigint, _known date, _months integer
)
returns table (found date, reached date)
language plpgsql stable strict
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  return query
    with day as (
      select n.day
        from ((select distinct lower(c.valid) as day
                 from projection.contribution c
                where c.definition = _definition
                  and lower(c.valid) < _day
                order by day desc
                limit 30)
              union
              (select distinct upper(c.valid) as day
                 from projection.contribution c
                where c.definition = _definition
                  and upper(c.valid) < _day
                order by day desc
                limit 30)) n
       order by n.day desc
       limit 30
    )
    select (select d.day
              from day d
             cross join lateral (
                    select sum(c.sign * c.numerator) as numerator,
                           sum(c.sign * c.denominator) as denominator
                      from (select 1 as sign, b.*
                              from projection.contribution b
                             where b.definition = _definition and lower(b.valid) = d.day
                             union all
                            select -1, e.*
                              from projection.contribution e
                             where e.definition = _definition and upper(e.valid) = d.day) c
                     where c.position <= _size
                       and c.known_from <= _known
                       and (c.superseded > _size or c.known_to > _known)
                       and (c.since is null
                            or c.since >= make_date(
                                 extract(year from d.day)::int,
                                 (extract(month from d.day)::int - 1) / _months * _months + 1,
                                 1))
                   ) moved
             where moved.numerator <> 0 or moved.denominator <> 0
             order by d.day desc
             limit 1),
           (select min(d.day) from day d);
end;
$$;

-- As projection.moved_before, after _day.
create function projection.moved_after(
  _definition smallint, _day date, _size bigint, _known date, _months integer
)
returns table (found date, reached date)
language plpgsql stable strict
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  return query
    with day as (
      select n.day
        from ((select distinct lower(c.valid) as day
                 from projection.contribution c
                where c.definition = _definition
                  and lower(c.valid) > _day
                order by day
                limit 30)
              union
              (select distinct upper(c.valid) as day
                 from projection.contribution c
                where c.definition = _definition
                  and upper(c.valid) > _day
                order by day
                limit 30)) n
       order by n.day
       limit 30
    )
    select (select d.day
              from day d
             cross join lateral (
                    select sum(c.sign * c.numerator) as numerator,
                           sum(c.sign * c.denominator) as denominator
                      from (select 1 as sign, b.*
                              from projection.contribution b
                             where b.definition = _definition and lower(b.valid) = d.day
                             union all
                            select -1, e.*
                              from projection.contribution e
                             where e.definition = _definition and upper(e.valid) = d.day) c
                     where c.position <= _size
                       and c.known_from <= _known
                       and (c.superseded > _size or c.known_to > _known)
                       and (c.since is null
                            or c.since >= make_date(
                                 extract(year from d.day)::int,
                                 (extract(month from d.day)::int - 1) / _months * _months + 1,
                                 1))
                   ) moved
             where moved.numerator <> 0 or moved.denominator <> 0
             order by d.day
             limit 1),
           (select max(d.day) from day d);
end;
$$;

-- The highest serial number assigned in a series of automatic numbers, if any: an index
-- probe for the last entry up to the end of the series.
create function projection.last_serial(_category text, _year integer)
returns table (serial bigint)
language sql stable
as $$
  select h.serial
    from (
           select n.category, n.year, n.serial
             from projection.number n
            where n.year is not null
              and (n.category, n.year, n.serial) < (_category, _year + 1, 0)
            order by n.category desc, n.year desc, n.serial desc
            limit 1
         ) h
   where (h.category, h.year) = (_category, _year)
$$;

-- The next automatic numbers after a serial number, in lower case.
create function projection.numbers_after(_prefix text, _last bigint, _count integer)
returns setof text
language sql immutable
as $$
  select _prefix || lpad(n::text, greatest(5, length(n::text)), '0')
    from generate_series(_last + 1, _last + _count) n
$$;

-- Locks the log, then returns which of the commands are recorded, who holds the names
-- and all names that continue them with a dot or hyphen, and the last serial of each
-- series.
--
-- The caller appends in the same transaction: the lock prevents others from taking a
-- number in between. The function runs with the owner's privileges because of the lock.
--
-- The generic plan may be made while the tables are empty. Every lookup is therefore an
-- index probe with a row comparison in the index's order, and "offset 0" keeps it from
-- becoming a join over the whole table.
create function projection.names(
  _commands text[], _categories text[], _folded text[],
  -- For each series: category, year, prefix in lower case, number of serials wanted.
  _series text[], _years integer[], _prefixes text[], _counts integer[]
)
returns table (
  what     text, -- command, series, name
  category text,
  name     text, -- id of a recorded command; prefix of a series; a name
  subject  text,
  held     boolean,
  last     bigint -- of a series: the highest serial number assigned
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
as $$
#variable_conflict use_column
begin
  perform from ledger.head for update;

  return query
    with series as materialized (
      select s.category, s.prefix, s.count, coalesce(h.serial, 0) as last
        from unnest(_series, _years, _prefixes, _counts)
             as s (category, year, prefix, count)
        left join lateral projection.last_serial(s.category, s.year) h on true
    ),
    wanted as (
      select w.category, w.folded
        from unnest(_categories, _folded) as w (category, folded)
       union
      select s.category, n.folded
        from series s
       cross join lateral projection.numbers_after(s.prefix, s.last, s.count) as n (folded)
    )
    select 'command', null, c.command_id, null, null::boolean, null::bigint
      from unnest(_commands) as asked (command_id)
     cross join lateral (
             select command_id from ledger.command where command_id = asked.command_id offset 0
           ) c
     union all
    select 'series', s.category, s.prefix, null, null, s.last from series s
     union all
    select 'name', n.category, n.folded, n.subject, n.held, null
      from wanted w
     cross join lateral (
             select n.category, n.folded, n.subject, n.held
               from projection.number n
              where (n.category, n.folded) >= (w.category, w.folded)
                and (n.category, n.folded) < (w.category, w.folded || '/')
             offset 0
           ) n;
end;
$$;

-- Locks the log, then returns whether the numbers assigned optimistically to a batch of
-- requests are free: the last serial number of each series is as assumed, and no name is
-- in use. It is projection.names, without what only a refusal needs.
create function projection.are_free(
  _categories text[], _folded text[],
  _series text[], _years integer[], _prefixes text[], _counts integer[],
  _lasts bigint[] -- the assumed last serial number of each series
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  perform from ledger.head for update;

  return not exists (
           select
             from unnest(_series, _years, _lasts) as s (category, year, last)
             left join lateral projection.last_serial(s.category, s.year) h on true
            where coalesce(h.serial, 0) <> s.last
         )
     and not exists (
           select
             from (
                    select w.category, w.folded
                      from unnest(_categories, _folded) as w (category, folded)
                     union all
                    select s.category, n.folded
                      from unnest(_series, _prefixes, _lasts, _counts)
                           as s (category, prefix, last, count)
                     cross join lateral projection.numbers_after(s.prefix, s.last, s.count)
                           as n (folded)
                  ) w
            cross join lateral (
                    select
                      from projection.number n
                     where (n.category, n.folded) >= (w.category, w.folded)
                       and (n.category, n.folded) < (w.category, w.folded || '/')
                     limit 1
                  ) n
         );
end;
$$;

-- Rolls back a statement if an assumption does not hold (see src/iku/single_statement_append.py).
create function projection.expect(_holds boolean)
returns boolean
language plpgsql
as $$
begin
  if _holds is not true then
    raise exception 'the log is not as was assumed' using errcode = 'serialization_failure';
  end if;
  return true;
end;
$$;

-- What cached figures depend on: the log, and the identity of the tables, which a rebuild
-- replaces. It becomes part of the query that selects from it.
create function projection.cache_validator()
returns table (size bigint, recorded_at timestamptz, tables oid)
language sql stable
as $$
  select h.size, h.recorded_at, (select max(d.tableoid) from projection.definition d)
    from ledger.head h
$$;

grant usage on schema projection to iku_app, iku_auditor;
grant select, insert, update, delete on all tables in schema projection to iku_app;
grant select on all tables in schema projection to iku_auditor;
revoke all on all functions in schema projection from public;
grant execute on all functions in schema projection to iku_app;

-- Applies to tables that later migrations create.
alter default privileges in schema projection grant select on tables to iku_auditor;

set local search_path to default;
