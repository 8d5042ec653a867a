-- The journal of one indicator, read movement by movement: in the order in which things
-- became known, and in that in which they happened. Whoever asks what moved between two
-- sizes or two days reads it so, too.
create index posting_as_known
          on projection.posting (indicator, definition, position);
create index posting_as_happened
          on projection.posting (indicator, definition, effective_on, position);

set local search_path = projection; -- so that the function below is checked

-- The next movements on the way to a figure, after the one with these four keys. _order
-- is known or happened. What an event moves on a day is one movement, whichever periods
-- it counts in: a closing takes an open case away and brings a resolved one.
create function projection.journey(
  _order text,
  _indicator text, _definition integer, _start date, _as_of date, _known_on date,
  _size bigint,
  _position bigint, _effective_on date, _part text, _district text,
  _most integer
)
returns table (
  "position" bigint, effective_on date, part text, district text, known_on date,
  subject text, numerator integer, denominator integer,
  stream text, version integer, type text, recorded_at timestamptz
)
language plpgsql stable
-- See projection.post. The index gives all but the last keys in order, so that no page
-- sorts or groups more than itself: the last of a long journal costs what the first does.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashagg = off
set enable_sort = off
as $$
#variable_conflict use_column
begin
  if _order = 'known' then
    return query
    select p.position, p.effective_on, p.part, p.district, p.known_on, p.subject,
           p.numerator, p.denominator, e.stream, e.version, e.type, e.recorded_at
      from (select p.position, p.effective_on, p.part, p.district,
                   min(p.known_on) as known_on, min(p.subject) as subject,
                   sum(p.numerator)::integer as numerator,
                   sum(p.denominator)::integer as denominator
              from posting p
             where p.indicator = _indicator
               and p.definition = _definition
               and p.position >= _position
               and p.position <= _size
               and p.effective_on <= _as_of
               and p.known_on <= _known_on
               and (p.since is null or p.since >= _start)
               and (p.position, p.effective_on, p.part, p.district)
                   > (_position, _effective_on, _part, _district)
             group by p.position, p.effective_on, p.part, p.district
            having sum(p.numerator) <> 0 or sum(p.denominator) <> 0
             order by p.position, p.effective_on, p.part, p.district
             limit _most
           ) p
     cross join lateral (
             select * from ledger.event where position = p.position offset 0
           ) e
     order by p.position, p.effective_on, p.part, p.district;
  else
    return query
    select p.position, p.effective_on, p.part, p.district, p.known_on, p.subject,
           p.numerator, p.denominator, e.stream, e.version, e.type, e.recorded_at
      from (select p.position, p.effective_on, p.part, p.district,
                   min(p.known_on) as known_on, min(p.subject) as subject,
                   sum(p.numerator)::integer as numerator,
                   sum(p.denominator)::integer as denominator
              from posting p
             where p.indicator = _indicator
               and p.definition = _definition
               and (p.effective_on, p.position) >= (_effective_on, _position)
               and p.position <= _size
               and p.effective_on <= _as_of
               and p.known_on <= _known_on
               and (p.since is null or p.since >= _start)
               and (p.effective_on, p.position, p.part, p.district)
                   > (_effective_on, _position, _part, _district)
             group by p.effective_on, p.position, p.part, p.district
            having sum(p.numerator) <> 0 or sum(p.denominator) <> 0
             order by p.effective_on, p.position, p.part, p.district
             limit _most
           ) p
     cross join lateral (
             select * from ledger.event where position = p.position offset 0
           ) e
     order by p.effective_on, p.position, p.part, p.district;
  end if;
end;
$$;

revoke all on function projection.journey from public;
grant execute on function projection.journey to iku_app;

set local search_path to default;
