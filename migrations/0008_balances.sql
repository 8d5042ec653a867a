-- Balances that cost less to write and to read, and many days of one course read at once.
--
-- A balance by day of effect, crossed with what was known by then, is hardly ever the sum
-- of more than one posting: it cost as many rows as there are postings, five times over.
-- So days are kept only where nothing bounds what is known, or each day's own knowledge
-- does; the days of a month that a bounded figure does not hold whole are read from the
-- journal. In their place there are years, of effect and of knowledge, and blocks of
-- 65,536 events: a figure of a long log adds up no more rows than one of a short one.

set local search_path = projection; -- so that the functions below are checked

drop function projection.counts(text, integer, text, date, date, date, bigint);
drop function projection.balances(
  text, integer, text, date, date, integer, integer, integer);

comment on column projection.balance.axis is
  'How what is known is bounded: 0 not at all, 1 by the day of effect itself, 2 by year '
  'known, 3 by month known, 4 by day known, 5 by blocks of 65,536 positions, 6 of 4,096.';
comment on column projection.balance.unit is
  'Of effective: 0 months; 1 days, on the axes 0 and 1; 2 years, where since is 0. On axis '
  '1 effective is the day of effect or of knowledge, whichever is later.';

-- Which year a month, as a whole number, lies in.
create function projection.year(month integer) returns integer
language sql immutable parallel safe
return (month - 1) / 12;

-- Adds the postings after one position up to another to the balances; those by blocks
-- once the block is complete.
create or replace function projection.roll(
  _indicator text, -- null: all
  _definition integer,
  _after bigint,
  _upto bigint
)
returns void
language plpgsql
set enable_seqscan = off -- see projection.post
set jit = off            -- its plan looks dear, so that compiling it would take longer
as $$
begin
  insert into balance as b (
         indicator, definition, by, axis, unit, since, bucket, effective, part,
         numerator, denominator, expired)
    with moved as (
      select p.indicator, p.definition, coalesce(projection.month(p.since), 0) as since,
             projection.month(p.known_on) as known_month,
             projection.day(p.known_on) as known_day,
             projection.month(p.effective_on) as month,
             projection.day(p.effective_on) as day,
             projection.month(greatest(p.effective_on, p.known_on)) as heard_month,
             projection.day(greatest(p.effective_on, p.known_on)) as heard_day,
             p.part, p.district,
             sum(p.numerator) as numerator, sum(p.denominator) as denominator,
             sum(p.expired) as expired
        from posting p
       where p.position > _after
         and p.position <= _upto
         and (_indicator is null
              or (p.indicator, p.definition) = (_indicator, _definition))
       group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    )
  select m.indicator, m.definition, k.by, a.axis, a.unit, m.since, a.bucket, a.effective,
         k.part, sum(m.numerator), sum(m.denominator), sum(m.expired)
    from moved m
   cross join lateral (
           values ('', ''), ('part', m.part), ('district', m.district)
         ) as k (by, part)
   cross join lateral (
           values (0, 0, 0, m.month),
                  (0, 1, 0, m.day),
                  (0, 2, 0, projection.year(m.month)),
                  (1, 0, 0, m.heard_month),
                  (1, 1, 0, m.heard_day),
                  (1, 2, 0, projection.year(m.heard_month)),
                  (2, 0, projection.year(m.known_month), m.month),
                  (2, 2, projection.year(m.known_month), projection.year(m.month)),
                  (3, 0, m.known_month, m.month),
                  (3, 2, m.known_month, projection.year(m.month)),
                  (4, 0, m.known_day, m.month),
                  (4, 2, m.known_day, projection.year(m.month))
         ) as a (axis, unit, bucket, effective)
   where (a.unit <> 2 or m.since = 0)
     and (a.axis <> 1 or k.by = '')
   group by 1, 2, 3, 4, 5, 6, 7, 8, 9
  having sum(m.numerator) <> 0 or sum(m.denominator) <> 0 or sum(m.expired) <> 0
      on conflict (indicator, definition, by, axis, unit, since, bucket, effective, part)
      do update
     set numerator = b.numerator + excluded.numerator,
         denominator = b.denominator + excluded.denominator,
         expired = b.expired + excluded.expired;

  insert into balance (
         indicator, definition, by, axis, unit, since, bucket, effective, part,
         numerator, denominator, expired)
    with moved as (
      select p.indicator, p.definition, coalesce(projection.month(p.since), 0) as since,
             ((p.position - 1) >> 12)::integer as block,
             projection.month(p.effective_on) as month, p.part, p.district,
             sum(p.numerator) as numerator, sum(p.denominator) as denominator,
             sum(p.expired) as expired
        from posting p
       where p.position > (_after >> 12) << 12
         and p.position <= (_upto >> 12) << 12
         and (_indicator is null
              or (p.indicator, p.definition) = (_indicator, _definition))
       group by 1, 2, 3, 4, 5, 6, 7
    )
  select m.indicator, m.definition, k.by, 6, u.unit, m.since, m.block, u.effective, k.part,
         sum(m.numerator), sum(m.denominator), sum(m.expired)
    from moved m
   cross join lateral (
           values ('', ''), ('part', m.part), ('district', m.district)
         ) as k (by, part)
   cross join lateral (
           values (0, m.month), (2, projection.year(m.month))
         ) as u (unit, effective)
   where u.unit <> 2 or m.since = 0
   group by 1, 2, 3, 5, 6, 7, 8, 9
  having sum(m.numerator) <> 0 or sum(m.denominator) <> 0 or sum(m.expired) <> 0;

  insert into balance (
         indicator, definition, by, axis, unit, since, bucket, effective, part,
         numerator, denominator, expired)
  select b.indicator, b.definition, b.by, 5, b.unit, b.since, b.bucket >> 4, b.effective,
         b.part, sum(b.numerator), sum(b.denominator), sum(b.expired)
    from definition d
   cross join (values (''), ('part'), ('district')) as k (by)
   cross join (values (0), (2)) as u (unit)
    join balance b
      on b.indicator = d.indicator
     and b.definition = d.definition
     and b.by = k.by
     and b.axis = 6
     and b.unit = u.unit
     and b.bucket >= (_after >> 16) << 4
     and b.bucket < (_upto >> 16) << 4
   where _upto >> 16 > _after >> 16 -- else there is nothing to look for
     and (_indicator is null or (d.indicator, d.definition) = (_indicator, _definition))
   group by 1, 2, 3, 5, 6, 7, 8, 9
  having sum(b.numerator) <> 0 or sum(b.denominator) <> 0 or sum(b.expired) <> 0;
end;
$$;

-- How the counts of one indicator move along the days _days, which rise, in periods that
-- begin on _starts, which rise with them: as known on _known_on (null: whatever is
-- known) from the first _size events (null: all); or, with _then, as known on each of the
-- days themselves, from all events. A point's counts are the sum of all rows up to it.
-- _by is '' for the whole, 'part' for its dimensions or kinds, 'district'.
create function projection.course(
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
    select s, 0, s, _wholes[_points]
      from generate_series(_firsts[1], projection.month(_days[_points])) as s
  ),
  broken as (
    -- Points that do not hold their last month whole.
    select d.number::integer as number, d.day, d.start, d.first,
           date_trunc('month', d.day)::date as begins
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
                and balance.axis = _axes[1]
                and balance.unit = 1
                and balance.since = s.since
                and balance.bucket = 0
                and balance.effective between projection.day(x.begins)
                                          and projection.day(x.day)
             offset 0
           ) b
     where _axes[1] < 2
    union all
    select x.number, x.number,
           case _by when 'part' then p.part when 'district' then p.district else '' end,
           p.numerator, p.denominator, p.expired
      from broken x
     cross join lateral (
             select posting.*
               from posting
              where posting.indicator = _indicator
                and posting.definition = _definition
                and posting.effective_on between x.begins and x.day
                and posting.position <= _summed
                and (_known_on is null or posting.known_on <= _known_on)
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

revoke all on function projection.year, projection.course from public;
grant execute on function projection.year, projection.course to iku_app;

-- Sums grow in place: with room beside it, a row that grows needs no new index entry.
alter table balance set (fillfactor = 70);

-- What is there already, summed up anew.
truncate balance;
select projection.roll(null, null, 0, r.position) from rolled r;

set local search_path to default;
