-- Projections: what is asked often, derived from the log, dropped and built again at will.
--
-- A row of either table is a rectangle in both times. It is *valid* over a range of days
-- in the world, and *known* from the day and position of the event that made it until
-- those of the event that superseded it. Within a stream neither days of knowledge nor
-- positions ever decrease, so of one subject the rows that are in force at (known_on,
-- size) are those known by both and not superseded by both.
--
-- Functions name tables without their schema where a rebuild runs them on fresh tables
-- beside the live ones; search_path says which.

create extension if not exists btree_gist;

create schema projection;
set local search_path = projection, public; -- so that the functions below are checked

-- The versions of definitions that are counted, numbered as they come in the log.
-- A writer must know them all.
create table projection.definition (
  number    smallint primary key,
  indicator text     collate "C" not null,
  version   integer  not null,
  position  bigint   not null,
  options   text     not null, -- JSON
  unique (indicator, version)
);

-- A definition that is counted before it is recorded. Its rows have a number that no
-- definition has yet, so nobody can ask for them.
create table projection.backfill (
  number  smallint primary key,
  options text     not null, -- JSON
  size    bigint   -- the events of the log that are counted; null: they are being counted
);

-- What a subject adds to a figure under a definition.
create table projection.contribution (
  definition  smallint  not null,
  subject     text      collate "C" not null,
  part        text      collate "C" not null, -- dimension of a case, kind of an organisation
  district    text      collate "C" not null, -- empty where none is known
  valid       daterange not null,
  since       date,   -- counts in periods that begin on or before this day; null: in all
  known_from  date      not null,
  known_to    date      not null, -- exclusive; infinity
  position    bigint    not null,
  superseded  bigint    not null, -- exclusive; greatest bigint
  numerator   smallint  not null,
  denominator smallint  not null,
  expired     smallint  not null
);

-- Contributions to all periods are found by the range of days, days of knowledge or
-- positions that is the shortest: of those in force, the days they are valid; of those
-- superseded, the time until they were. Rows without an end have an index of their own:
-- pages of a range index that ever held one would be read for every later day.
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
-- The others belong to the period in which `since` lies.
create index contribution_since on projection.contribution (definition, since)
  where since is not null;
-- A subject's own rows, to supersede them and to show what an event moved.
create index contribution_subject on projection.contribution (subject);
-- What begins and ends along the log, and along the calendar: the order of a replay.
create index contribution_begun on projection.contribution (definition, position);
create index contribution_ended on projection.contribution (definition, superseded)
  where superseded < 9223372036854775807;
create index contribution_from on projection.contribution (definition, lower(valid));
create index contribution_to on projection.contribution (definition, upper(valid))
  where upper(valid) is not null;

-- What each subject was, for lists and pages. What lists are filtered and ordered by has
-- columns, those of fixed width first: a row is smaller so than with its names in JSON.
create table projection.state (
  position   bigint    not null,
  superseded bigint    not null, -- exclusive; greatest bigint
  known_from date      not null,
  known_to   date      not null, -- exclusive; infinity
  entered_on date      not null, -- the day of the report or registration
  level      smallint  not null, -- a case's, from 1 (potensi) to 4; of an organisation 0
  verified   boolean   not null, -- of a case
  expired    boolean   not null, -- of an organisation's certificate
  valid      daterange not null,
  category   text      collate "C" not null,
  subject    text      collate "C" not null,
  number     text      collate "C" not null,
  status     text      collate "C" not null,
  kind       text      collate "C" not null, -- a case's category, an organisation's kind
  dimension  text      collate "C" not null, -- of a case, else empty
  area       text      collate "C" not null,
  source     text      collate "C" not null,
  shown      text      not null, -- JSON: the rest that lists show, without texts
  primary key (category, subject, position, valid)
);

-- Numbers of cases and organisations: an attribute that can be corrected, unique without
-- case among subjects that are not annulled. Derived from the log and written with it,
-- so automatic numbers need no sequences, which lose a number with each refusal.

-- A row for each name a subject goes or went by: its identifier, its number, and those it
-- had before a correction. No unique constraint on the number: logs of earlier versions
-- may hold numbers that differ in case only, and are rebuilt all the same.
create table projection.number (
  category text    collate "C" not null,
  folded   text    collate "C" not null, -- the name, in lower case
  subject  text    collate "C" not null,
  held     boolean not null, -- whether it is the number of a subject that is not annulled
  year     integer, -- of the subject's present number, where that is K<year>-<serial>
  serial   bigint,
  primary key (category, folded, subject)
);

create index on projection.number (category, year, serial) where year is not null;

-- Writes the contributions that a batch of events ends, then those that it begins.
-- Answers false, having written nothing, where the caller did not count by all the
-- definitions there are. Most batches end or begin nothing (their arrays are null), and
-- a statement that writes no row still opens every index of the table.
create function projection.write_contributions(
  _definitions bigint[], -- positions of those the caller counted by
  _ended_definitions smallint[], _ended_subjects text[], _ended_parts text[],
  _ended_districts text[], _ended_from date[], _ended_to date[], _ended_since date[],
  _ended_numerators smallint[], _ended_positions bigint[], _ended_known date[],
  _numbers smallint[], _subjects text[], _parts text[], _districts text[],
  _from date[], _to date[], _since date[], _known_from date[], _known_to date[],
  _positions bigint[], _superseded bigint[],
  _numerators smallint[], _denominators smallint[], _expired smallint[]
)
returns boolean
language plpgsql
-- One plan, made perhaps while the tables are empty, must hold when they are large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if _definitions <> array(select d.position from definition d order by d.number) then
    return false;
  end if;

  if cardinality(_ended_subjects) > 0 then
    update contribution c
       set superseded = e.position, known_to = e.known_on
      from unnest(_ended_definitions, _ended_subjects, _ended_parts, _ended_districts,
                  _ended_from, _ended_to, _ended_since, _ended_numerators,
                  _ended_positions, _ended_known)
           as e (definition, subject, part, district, valid_from, valid_to, since,
                 numerator, position, known_on)
     where c.subject = e.subject
       and c.definition = e.definition
       and c.superseded = 9223372036854775807
       and c.valid = daterange(e.valid_from, e.valid_to)
       and c.part = e.part
       and c.district = e.district
       and c.since is not distinct from e.since
       and c.numerator = e.numerator;
  end if;

  if cardinality(_subjects) > 0 then
    insert into contribution (
           definition, subject, part, district, valid, since, known_from, known_to,
           position, superseded, numerator, denominator, expired)
    select definition, subject, part, district, daterange(valid_from, valid_to), since,
           known_from, known_to, position, superseded, numerator, denominator, expired
      from unnest(_numbers, _subjects, _parts, _districts, _from, _to, _since, _known_from,
                  _known_to, _positions, _superseded, _numerators, _denominators, _expired)
           as c (definition, subject, part, district, valid_from, valid_to, since,
                 known_from, known_to, position, superseded, numerator, denominator,
                 expired);
  end if;
  return true;
end;
$$;

-- The same of states.
create function projection.write_states(
  _past_categories text[], _past_subjects text[], _past_from date[],
  _past_positions bigint[], _past_known date[],
  _stated_positions bigint[], _stated_superseded bigint[], _stated_known_from date[],
  _stated_known_to date[], _entered_on date[], _levels smallint[], _verified boolean[],
  _stated_expired boolean[], _stated_from date[], _stated_to date[], _categories text[],
  _stated text[], _stated_numbers text[], _statuses text[], _kinds text[],
  _dimensions text[], _areas text[], _sources text[], _shown text[]
)
returns boolean
language plpgsql
-- One plan, made perhaps while the tables are empty, must hold when they are large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if cardinality(_past_subjects) > 0 then
    update state s
       set superseded = e.position, known_to = e.known_on
      from unnest(_past_categories, _past_subjects, _past_from, _past_positions, _past_known)
           as e (category, subject, valid_from, position, known_on)
     where s.category = e.category
       and s.subject = e.subject
       and lower(s.valid) = e.valid_from
       and s.superseded = 9223372036854775807;
  end if;

  insert into state (
         position, superseded, known_from, known_to, entered_on, level, verified,
         expired, valid, category, subject, number, status, kind, dimension, area,
         source, shown)
  select position, superseded, known_from, known_to, entered_on, level, verified,
         expired, daterange(valid_from, valid_to), category, subject, number, status,
         kind, dimension, area, source, shown
    from unnest(_stated_positions, _stated_superseded, _stated_known_from,
                _stated_known_to, _entered_on, _levels, _verified, _stated_expired,
                _stated_from, _stated_to, _categories, _stated, _stated_numbers,
                _statuses, _kinds, _dimensions, _areas, _sources, _shown)
         as s (position, superseded, known_from, known_to, entered_on, level, verified,
               expired, valid_from, valid_to, category, subject, number, status, kind,
               dimension, area, source, shown);
  return true;
end;
$$;

-- Writes the names that a batch of events adds or changes.
create function projection.write_numbers(
  _categories text[], _folded text[], _subjects text[],
  _held boolean[], _years integer[], _serials bigint[]
)
returns boolean
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
begin
  insert into number (category, folded, subject, held, year, serial)
  select *
    from unnest(_categories, _folded, _subjects, _held, _years, _serials)
      on conflict (category, folded, subject)
      do update
     set held = excluded.held, year = excluded.year, serial = excluded.serial;
  return true;
end;
$$;

-- The contributions that may count on some of _days, in a period that begins on _start or
-- later, as known on some day of _known (null: on any) by the first _size events (null:
-- all). Of one day and one day of knowledge they are exactly those that count: known by
-- both, and not superseded by both. Each line after "and (" has an index of its own; the
-- planner joins what they find in one bitmap. Callers compute the ranges beforehand, once.
create function projection.counting(
  _definition smallint, _start date, _days daterange, _known daterange, _size bigint
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
     and (_known is null or c.known_from < upper(_known))
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

-- The counts at each of _days, which ascend and lie in the range _span, in periods that
-- begin on _starts: what changes from each day to the next, as often as two rows a point
-- and part, to be added up. _by is '' for the whole, 'part' for its dimensions or kinds,
-- 'district'. With _own each day is counted as known on that day itself, and _known holds
-- them all. A contribution counts on a run of days: it is added where the run begins and
-- taken away where it ends.
create function projection.series(
  _definition smallint, _by text, _starts date[], _days date[], _span daterange,
  _known daterange, _size bigint, _own boolean
)
returns table (point integer, part text, numerator bigint, denominator bigint, expired bigint)
language sql stable
as $$
  with run as (
    select case _by when 'part' then c.part when 'district' then c.district else '' end as part,
           c.numerator, c.denominator, c.expired,
           1 + greatest(
             width_bucket(lower(c.valid) - 1, _days),
             case when _own then width_bucket(c.known_from - 1, _days) end) as first,
           1 + least(
             width_bucket(coalesce(upper(c.valid), 'infinity') - 1, _days),
             case when _own then width_bucket(c.known_to - 1, _days) end,
             width_bucket(c.since, _starts)) as ended
      from projection.counting(_definition, _starts[1], _span, _known, _size) c
    offset 0 -- so that the run of each is computed once
  )
  select coalesce(r.first, r.ended), r.part,
         case when grouping(r.first) = 0 then 1 else -1 end * sum(r.numerator),
         case when grouping(r.first) = 0 then 1 else -1 end * sum(r.denominator),
         case when grouping(r.first) = 0 then 1 else -1 end * sum(r.expired)
    from run r
   where r.first < r.ended
   group by grouping sets ((r.first, r.part), (r.ended, r.part))
  having coalesce(r.first, r.ended) <= cardinality(_days)
$$;

-- What the events after one position up to another moved: each rectangle adds its counts
-- on the day it is valid from and takes them away on the day it ends, under the event
-- that began it, and the reverse under the event that superseded it. With _later, only
-- what took effect after that day up to _until, found by the day. One branch runs: the
-- other's condition is known before.
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
                 and c.superseded < 9223372036854775807) -- as the index has it
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
             -- Not lateral: a list of values is prepared anew for each row it depends on.
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

-- The highest serial number given of a series of automatic numbers, if any was: a probe
-- of the index for the last one that is not beyond it.
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

-- Locks the log, then tells what is recorded of these commands, of these names and all
-- that go on from them by a dot or hyphen, and of the next numbers of these series.
--
-- Whoever asks appends in the same transaction: the lock makes sure that nobody else
-- takes a number in between. It runs with the owner's rights because of the lock.
--
-- One plan, made while the tables may be empty and kept: so every lookup is a probe of
-- an index, its columns compared as one row in the index's order, and "offset 0" keeps it
-- from becoming a join over the whole table.
create function projection.names(
  _commands text[], _categories text[], _folded text[],
  -- Of each series its category, year, prefix in lower case, and how many are wanted.
  _series text[], _years integer[], _prefixes text[], _counts integer[]
)
returns table (
  what     text, -- command, series, name
  category text,
  name     text, -- id of a command that is recorded; prefix of a series; a name
  subject  text,
  held     boolean,
  last     bigint -- of a series: the highest serial number given
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
      select s.category, s.prefix || lpad(n::text, greatest(5, length(n::text)), '0')
        from series s, generate_series(s.last + 1, s.last + s.count) n
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

-- Locks the log, and says whether the numbers of a batch of requests, drawn before, are
-- valid: of each series the last serial number is as assumed, and no name is in use.
create function projection.are_free(
  _categories text[], _folded text[],
  _series text[], _years integer[], _prefixes text[], _counts integer[],
  _lasts bigint[] -- of each series
)
returns boolean
language sql volatile
as $$
  select not exists (
    select
      from projection.names('{}', _categories, _folded, _series, _years, _prefixes, _counts) n
     where n.what <> 'series'
        or (n.category, n.name, n.last) not in (
             select s.category, s.prefix, s.last
               from unnest(_series, _prefixes, _lasts) as s (category, prefix, last)
           )
  )
$$;

-- Rolls back a statement if an assumption does not hold (see src/iku/one_statement.py).
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

grant usage on schema projection to iku_app, iku_auditor;
grant select, insert, update, delete on all tables in schema projection to iku_app;
grant select on all tables in schema projection to iku_auditor;
revoke all on all functions in schema projection from public;
grant execute on all functions in schema projection to iku_app;

-- Of tables that later migrations make.
alter default privileges in schema projection grant select on tables to iku_auditor;

set local search_path to default;
