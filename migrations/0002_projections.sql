-- Projections: all that follows from the log, and can be dropped and built anew.
--
-- Tables are named without their schema in the functions below, so that a rebuild can
-- run the very same functions on fresh tables beside the live ones: search_path says
-- which. The functions themselves always stand in the schema projection.

create schema projection;
set local search_path = projection; -- so that the functions below are checked

-- The journal: every movement of every count, under the event that made it.
-- A figure is the sum of the movements with effective_on <= as_of, known_on <= known,
-- position <= size, whose since is null or not before the start of the period.
create table projection.posting (
  position     bigint  not null,
  indicator    text    collate "C" not null,
  definition   integer not null,
  effective_on date    not null,
  since        date,    -- counts in periods that begin on or before this day; null: in all
  known_on     date    not null,
  part         text    collate "C" not null, -- dimension of a case, kind of an organisation
  district     text    collate "C" not null, -- empty where none is known
  subject      text    collate "C" not null,
  numerator    integer not null,
  denominator  integer not null,
  expired      integer not null
);
create index posting_position on projection.posting (position);
create index posting_known_on on projection.posting (known_on, position);

-- Sums of the journal, by month and by day of effect, crossed with five ways to bound
-- what is known (axis): 0 not at all, 1 by month known, 2 by day known, 3 by blocks of
-- 4,096 positions, 4 by blocks of 256. A figure adds up whole months, then the days of
-- the last month, of each; so it costs the same however many events there are.
create table projection.balance (
  indicator   text     collate "C" not null,
  definition  integer  not null,
  by          text     collate "C" not null, -- of what part is: '' the whole, part, district
  axis        smallint not null,
  unit        smallint not null, -- of effective: 0 months, 1 days
  since       integer  not null, -- month; 0: counts in all periods
  bucket      integer  not null, -- month, day or block, as axis says
  effective   integer  not null, -- month or day, as unit says
  part        text     collate "C" not null, -- the dimension, kind or district; '' the whole
  numerator   bigint   not null,
  denominator bigint   not null,
  expired     bigint   not null,
  primary key (indicator, definition, by, axis, unit, since, bucket, effective, part)
);

-- Balances hold the postings up to this position; what came later is still added up
-- from the journal, at most 255 events.
create table projection.rolled (
  only_row boolean primary key default true check (only_row),
  position bigint  not null
);
insert into projection.rolled (position) values (0);

-- On which stretch of the log each day's knowledge lies: tells whether a day known and
-- a size bound each other.
create table projection.knowledge (
  known_on date   primary key,
  first    bigint not null,
  last     bigint not null
);

-- The definitions that are counted. Whoever posts must know them all.
create table projection.definition (
  indicator  text    collate "C" not null,
  definition integer not null,
  position   bigint  not null,
  options    text    not null, -- JSON
  primary key (indicator, definition)
);

-- What each case and organisation was, from day to day (valid), as known from day to
-- day (known), between two sizes of the log: a row holds until the event superseded.
create table projection.standing (
  category   text   collate "C" not null,
  subject    text   collate "C" not null,
  valid_from date   not null,
  valid_to   date   not null, -- exclusive; infinity
  known_from date   not null,
  known_to   date   not null, -- exclusive; infinity
  position   bigint not null,
  superseded bigint not null, -- exclusive; greatest bigint
  status     text   collate "C" not null,
  kind       text   collate "C" not null, -- a case's category, an organisation's kind
  area       text   collate "C" not null,
  source     text   collate "C" not null,
  shown      text   not null, -- JSON, as the API lists it, without texts
  primary key (category, subject, position, valid_from)
);

-- Months and days as whole numbers, for ranges.
create function projection.month(day date) returns integer
language sql immutable parallel safe
return (extract(year from day) * 12 + extract(month from day))::integer;

create function projection.day(day date) returns integer
language sql immutable parallel safe
return day - date '2000-01-01';

-- Adds the postings after one position up to another to the balances.
create function projection.roll(
  _indicator text, -- null: all
  _definition integer,
  _after bigint,
  _upto bigint
)
returns void
language sql
as $$
  insert into balance as b (
         indicator, definition, by, axis, unit, since, bucket, effective, part,
         numerator, denominator, expired)
  select p.indicator, p.definition, k.by, a.axis, u.unit,
         coalesce(projection.month(p.since), 0), a.bucket, u.effective, k.part,
         sum(p.numerator), sum(p.denominator), sum(p.expired)
    from posting p
   cross join lateral (
           values ('', ''), ('part', p.part), ('district', p.district)
         ) as k (by, part)
   cross join lateral (
           values (0, 0),
                  (1, projection.month(p.known_on)),
                  (2, projection.day(p.known_on)),
                  (3, ((p.position - 1) >> 12)::integer),
                  (4, ((p.position - 1) >> 8)::integer)
         ) as a (axis, bucket)
   cross join lateral (
           values (0, projection.month(p.effective_on)),
                  (1, projection.day(p.effective_on))
         ) as u (unit, effective)
   where p.position > _after
     and p.position <= _upto
     and (_indicator is null or (p.indicator, p.definition) = (_indicator, _definition))
   group by 1, 2, 3, 4, 5, 6, 7, 8, 9
  having sum(p.numerator) <> 0 or sum(p.denominator) <> 0 or sum(p.expired) <> 0
      on conflict (indicator, definition, by, axis, unit, since, bucket, effective, part)
      do update
     set numerator = b.numerator + excluded.numerator,
         denominator = b.denominator + excluded.denominator,
         expired = b.expired + excluded.expired;
$$;

-- Rolls up all whole blocks of 256 events that the log has gained.
create function projection.roll_up(_size bigint) returns void
language plpgsql
as $$
declare
  _rolled bigint;
  _upto bigint := (_size >> 8) << 8;
begin
  select r.position into strict _rolled from rolled r;
  if _upto > _rolled then
    perform projection.roll(null, null, _rolled, _upto);
    update rolled set position = _upto;
  end if;
end;
$$;

-- Writes what a batch of events means. Answers false, having written nothing, where the
-- caller did not count by all the definitions there are.
create function projection.post(
  _definitions text[],  -- those the caller counted by: indicator/definition@position
  _size bigint,         -- of the log with these events
  _positions bigint[], _indicators text[], _versions integer[], _effective date[],
  _since date[], _known date[], _parts text[], _districts text[], _subjects text[],
  _numerators integer[], _denominators integer[], _expired integer[],
  _days date[], _firsts bigint[], _lasts bigint[],
  _closed_categories text[], _closed_subjects text[], _closed_from date[],
  _closed_positions bigint[], _closed_known date[],
  _categories text[], _standing text[], _valid_from date[], _valid_to date[],
  _known_from date[], _known_to date[], _opened bigint[], _superseded bigint[],
  _statuses text[], _kinds text[], _areas text[], _sources text[], _shown text[]
)
returns boolean
language plpgsql
-- One plan, made perhaps while the tables are empty, must hold when they are large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if _definitions is distinct from (
       select coalesce(
                array_agg(d.indicator || '/' || d.definition || '@' || d.position
                          order by d.indicator, d.definition),
                '{}')
         from definition d)
  then
    return false;
  end if;

  insert into posting (
         position, indicator, definition, effective_on, since, known_on, part, district,
         subject, numerator, denominator, expired)
  select *
    from unnest(_positions, _indicators, _versions, _effective, _since, _known, _parts,
                _districts, _subjects, _numerators, _denominators, _expired);

  insert into knowledge as k (known_on, first, last)
  select * from unnest(_days, _firsts, _lasts)
      on conflict (known_on) do update
     set first = least(k.first, excluded.first),
         last = greatest(k.last, excluded.last);

  update standing s
     set superseded = c.position, known_to = c.known_on
    from unnest(_closed_categories, _closed_subjects, _closed_from, _closed_positions,
                _closed_known) as c (category, subject, valid_from, position, known_on)
   where s.category = c.category
     and s.subject = c.subject
     and s.valid_from = c.valid_from
     and s.superseded = 9223372036854775807;

  insert into standing (
         category, subject, valid_from, valid_to, known_from, known_to, position,
         superseded, status, kind, area, source, shown)
  select *
    from unnest(_categories, _standing, _valid_from, _valid_to, _known_from, _known_to,
                _opened, _superseded, _statuses, _kinds, _areas, _sources, _shown);

  perform projection.roll_up(_size);
  return true;
end;
$$;

-- Sum of the balances of one axis whose buckets lie from _from up to _below, with effect
-- up to _as_of, as counted by a period that begins on _start.
create function projection.balances(
  _indicator text, _definition integer, _by text, _start date, _as_of date,
  _axis integer, _from integer, _below integer
)
returns table (part text, numerator numeric, denominator numeric, expired numeric)
language sql stable
as $$
  select b.part, sum(b.numerator), sum(b.denominator), sum(b.expired)
    from (select 0 as since
           union all
          select generate_series(projection.month(_start), projection.month(_as_of))
         ) as s
   cross join (values (0, 0, projection.month(_as_of) - 1),
                      (1, projection.day(date_trunc('month', _as_of)::date),
                          projection.day(_as_of))
         ) as u (unit, first, last)
   cross join lateral (
           select balance.*
             from balance
            where balance.indicator = _indicator
              and balance.definition = _definition
              and balance.by = _by
              and balance.axis = _axis
              and balance.unit = u.unit
              and balance.since = s.since
              and balance.bucket >= _from
              and balance.bucket < _below
              and balance.effective between u.first and u.last
           offset 0 -- one probe of the key for each since and unit, never the other way round
         ) b
   group by b.part;
$$;

-- The counts of one indicator as of a day, in the period that begins on _start, as known
-- on _known_on (null: whatever is known) from the first _size events (null: all).
-- _by is '' for the whole, 'part' for its dimensions or kinds, 'district'.
create function projection.counts(
  _indicator text, _definition integer, _by text, _start date, _as_of date,
  _known_on date, _size bigint
)
returns table (part text, numerator bigint, denominator bigint, expired bigint)
language plpgsql stable
set plan_cache_mode = force_generic_plan -- see projection.post
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  _rolled bigint;
  _all constant integer := 2147483647;
  _bounded boolean; -- by size, below what is rolled up
  _taken_back boolean := false;
begin
  select r.position into strict _rolled from rolled r;
  if _known_on >= (select max(k.known_on) from knowledge k) then
    _known_on := null;
  end if;
  _bounded := coalesce(_size < _rolled, false);
  if _bounded and _known_on is not null then
    if not exists (
         select from knowledge k where k.known_on > _known_on and k.first <= _size) then
      _known_on := null; -- the first _size events were all known by then
    elsif not exists (
         select from knowledge k where k.known_on <= _known_on and k.last > _size) then
      _bounded := false; -- what was known by then lies within the first _size events
    else
      _taken_back := true; -- older knowledge was recorded later: both bind
    end if;
  end if;

  return query
  with base as (
    select * from projection.balances(
             _indicator, _definition, _by, _start, _as_of, 0, 0, 1)
     where _known_on is null and not _bounded
    union all
    select * from projection.balances(
             _indicator, _definition, _by, _start, _as_of, 1, 0, projection.month(_known_on))
     where _known_on is not null
    union all
    select * from projection.balances(
             _indicator, _definition, _by, _start, _as_of, 2,
             projection.day(date_trunc('month', _known_on)::date),
             projection.day(_known_on) + 1)
     where _known_on is not null
    union all
    select * from projection.balances(
             _indicator, _definition, _by, _start, _as_of, 3, 0, (_size >> 12)::integer)
     where _known_on is null and _bounded
    union all
    select * from projection.balances(
             _indicator, _definition, _by, _start, _as_of, 4,
             ((_size >> 12) << 4)::integer, (_size >> 8)::integer)
     where _known_on is null and _bounded
  ),
  single as (
    -- Not rolled up yet, or within the last block of the size asked for.
    select p.*, 1 as sign
      from posting p
     where p.position > case when _known_on is null and _bounded
                             then (_size >> 8) << 8 else _rolled end
       and p.position <= coalesce(_size, 9223372036854775807) -- "or" would bound no index
       and (_known_on is null or p.known_on <= _known_on)
    union all
    select p.*, -1
      from knowledge k
      join posting p
        on p.known_on = k.known_on and p.position > _size and p.position <= _rolled
     where _taken_back and k.known_on <= _known_on and k.last > _size
  ),
  movement as (
    select b.part, b.numerator, b.denominator, b.expired from base b
    union all
    select case _by when 'part' then s.part when 'district' then s.district else '' end,
           s.sign * s.numerator, s.sign * s.denominator, s.sign * s.expired
      from single s
     where s.indicator = _indicator
       and s.definition = _definition
       and s.effective_on <= _as_of
       and (s.since is null or s.since >= _start)
  )
  select m.part, sum(m.numerator)::bigint, sum(m.denominator)::bigint, sum(m.expired)::bigint
    from movement m
   group by m.part;
end;
$$;

grant usage on schema projection to iku_app;
grant select, insert, update, delete on all tables in schema projection to iku_app;
revoke all on all functions in schema projection from public;
grant execute on all functions in schema projection to iku_app;

set local search_path to default;
