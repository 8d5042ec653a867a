-- A series reads of each month's carried balances only those months that its own periods
-- reach to. Before, it read them up to the end of the series, and left most of them out.

set local search_path = projection; -- so that the function below is checked

-- How the counts of one indicator move along the days _days, which rise, in periods that
-- begin on _starts, which rise with them: as known on _known_on (null: whatever is
-- known) from the first _size events (null: all); or, with _then, as known on each of the
-- days themselves, from all events. A point's counts are the sum of all rows up to it.
-- _by is '' for the whole, 'part' for its dimensions or kinds, 'district'.
create or replace function projection.course(
  _indicator text, _definition integer, _by text, _starts date[], _days date[],
  _known_on date, _size bigint, _then boolean
)
returns table (
  point integer, part text, numerator bigint, denominator bigint, expired bigint)
language plpgsql stable
set plan_cache_mode = force_generic_plan -- see projection.post
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off -- see projection.roll
as $$
#variable_conflict use_column
declare
  _rolled bigint;
  _points constant integer := cardinality(_days);
  _year constant integer := extract(year from _days[1]); -- those before it are read whole
  _firsts integer[]; -- months, as whole numbers, in which the periods begin
  _wholes integer[]; -- the last month that each point holds from end to end
  _axes integer[];   -- these three say which balances are added up: buckets of an axis
  _froms integer[];
  _belows integer[];
  _bounded boolean;  -- by size, below what is rolled up
  _taken_back boolean := false;
  _summed bigint;    -- events that those balances hold
begin
  select array_agg(projection.month(s) order by n) into _firsts
    from unnest(_starts) with ordinality as u (s, n);
  select array_agg(projection.month(d + 1) - 1 order by n) into _wholes
    from unnest(_days) with ordinality as u (d, n);

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

  _summed := _rolled;
  if _known_on is not null then
    _axes := array[2, 3, 4];
    _froms := array[0, projection.month(date_trunc('year', _known_on)::date),
                    projection.day(date_trunc('month', _known_on)::date)];
    _belows := array[extract(year from _known_on)::integer, projection.month(_known_on),
                     projection.day(_known_on) + 1];
  elsif _bounded then
    _axes := array[5, 6];
    _froms := array[0, ((_size >> 16) << 4)::integer];
    _belows := array[(_size >> 16)::integer, (_size >> 12)::integer];
    _summed := (_size >> 12) << 12;
  else
    _axes := array[_then::integer];
    _froms := array[0];
    _belows := array[1];
  end if;

  return query
  with span as (
    select 0 as since, 2 as unit, 0 as low, _year - 1 as high
    union all
    select 0, 0, _year * 12 + 1, _wholes[_points]
    union all
    -- Up to the last point whose period goes back to it: none of the later ones counts it.
    select s, 0, s, _wholes[width_bucket(s, _firsts)]
      from generate_series(_firsts[1], projection.month(_days[_points])) as s
  ),
  broken as (
    -- Points that do not hold their last month whole; heard where by that day nearly all
    -- that is said of its month was known, and recorded.
    select d.number::integer as number, d.day, d.start, d.first,
           date_trunc('month', d.day)::date as begins,
           case when _known_on is not null then _known_on >= d.day
                when _bounded then not exists (
                       select
                         from knowledge k
                        where k.known_on <= d.day
                          and k.last > _summed)
                else true end as heard
      from unnest(_days, _starts, _firsts, _wholes)
           with ordinality as d (day, start, first, whole, number)
     where d.whole < projection.month(d.day)
  ),
  single as (
    -- Not rolled up yet, or within the last block of the size asked for.
    select p.*, 1 as sign
      from posting p
     where p.indicator = _indicator
       and p.definition = _definition
       and p.position > _summed
       and p.position <= coalesce(_size, 9223372036854775807) -- "or" would bound no index
       and (_known_on is null or p.known_on <= _known_on)
    union all
    select p.*, -1
      from knowledge k
      join posting p
        on p.known_on = k.known_on and p.position > _size and p.position <= _rolled
     where _taken_back
       and k.known_on <= _known_on
       and k.last > _size
       and p.indicator = _indicator
       and p.definition = _definition
  ),
  movement as (
    select case s.unit when 2 then 1
                       else width_bucket(b.effective - 1, _wholes) + 1 end as first,
           case s.since when 0 then _points
                        else width_bucket(s.since, _firsts) end as last,
           b.part, b.numerator, b.denominator, b.expired
      from unnest(_axes, _froms, _belows) as a (axis, low, below)
     cross join span s
     cross join lateral (
             select balance.*
               from balance
              where balance.indicator = _indicator
                and balance.definition = _definition
                and balance.by = _by
                and balance.axis = a.axis
                and balance.unit = s.unit
                and balance.since = s.since
                and balance.bucket >= a.low
                and balance.bucket < a.below
                and balance.effective between s.low and s.high
             offset 0 -- a probe of the key for each since and unit, never the other way round
           ) b
    union all
    select x.number, x.number, b.part, b.numerator, b.denominator, b.expired
      from broken x
     cross join lateral (
             select 0 as since
             union all
             select generate_series(x.first, projection.month(x.day))
           ) s
     cross join lateral (
             select balance.*
               from balance
              where balance.indicator = _indicator
                and balance.definition = _definition
                and balance.by = _by
                and balance.axis = case when _axes[1] < 2 then _axes[1] else 0 end
                and balance.unit = 1
                and balance.since = s.since
                and balance.bucket = 0
                and balance.effective between projection.day(x.begins)
                                          and projection.day(x.day)
             offset 0
           ) b
     where x.heard
    union all
    select x.number, x.number,
           case _by when 'part' then p.part when 'district' then p.district else '' end,
           x.sign * p.numerator, x.sign * p.denominator, x.sign * p.expired
      from (select broken.*, case when heard then -1 else 1 end as sign from broken) x
     cross join lateral (
             -- By what was known: a stretch of each day in posting_as_heard.
             select posting.*
               from posting
              where _axes[1] = 2
                and posting.indicator = _indicator
                and posting.definition = _definition
                and posting.effective_on between x.begins and x.day
                and posting.known_on
                    between case when x.heard then _known_on + 1 else '-infinity' end
                        and case when x.heard then 'infinity' else _known_on end
                and posting.position <= _summed
                and (posting.since is null or posting.since >= x.start)
             union all
             -- By size: a stretch of each day in posting_as_happened.
             select posting.*
               from posting
              where _axes[1] = 5
                and posting.indicator = _indicator
                and posting.definition = _definition
                and posting.effective_on between x.begins and x.day
                and posting.position > case when x.heard then _summed else 0 end
                and posting.position <= case when x.heard then _rolled else _summed end
                and (posting.since is null or posting.since >= x.start)
             offset 0
           ) p
     where _axes[1] >= 2
    union all
    select width_bucket(
             case when _then then greatest(p.effective_on, p.known_on)
                  else p.effective_on end - 1, _days) + 1,
           case when p.since is null then _points
                else width_bucket(p.since, _starts) end,
           case _by when 'part' then p.part when 'district' then p.district else '' end,
           p.sign * p.numerator, p.sign * p.denominator, p.sign * p.expired
      from single p
  ),
  edge as (
    select m.first as point, m.part, m.numerator, m.denominator, m.expired
      from movement m
     where m.first <= m.last
    union all
    select m.last + 1, m.part, -m.numerator, -m.denominator, -m.expired
      from movement m
     where m.first <= m.last
       and m.last < _points
  )
  select e.point, e.part, sum(e.numerator)::bigint, sum(e.denominator)::bigint,
         sum(e.expired)::bigint
    from edge e
   group by e.point, e.part
   order by e.point, e.part;
end;
$$;

set local search_path to default;
