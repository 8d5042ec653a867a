-- Balances of a whole log worked out at one go, for a rebuild.
--
-- roll adds to what is there, row by row under the key. Where nothing is there yet it is
-- three times as fast to sum up each kind of balance by itself, in the order of the key:
-- so the key is built of rows that lie in its order already.

set local search_path = projection; -- so that the function below is checked

-- What roll would write into empty balances from position 0 up to _upto. The tables
-- that names lead to need no index; balance must be empty.
create function projection.roll_anew(_upto bigint)
returns void
language plpgsql
set work_mem = '64MB'
set jit = off -- see projection.roll
as $$
declare
  _counted record;
  _kind record;
begin
  for _counted in
    select d.indicator, d.definition from definition d order by 1, 2
  loop
    create temporary table moved on commit drop as
    select p.part, p.district, coalesce(projection.month(p.since), 0) as since,
           projection.year(projection.month(p.effective_on)) as year,
           projection.month(p.effective_on) as month,
           projection.day(p.effective_on) as day,
           projection.year(projection.month(p.known_on)) as known_year,
           projection.month(p.known_on) as known_month,
           projection.day(p.known_on) as known_day,
           projection.year(projection.month(greatest(p.effective_on, p.known_on)))
             as heard_year,
           projection.month(greatest(p.effective_on, p.known_on)) as heard_month,
           projection.day(greatest(p.effective_on, p.known_on)) as heard_day,
           ((p.position - 1) >> 16)::integer as large_block,
           ((p.position - 1) >> 12)::integer as block,
           p.numerator, p.denominator, p.expired
      from posting p
     where p.indicator = _counted.indicator
       and p.definition = _counted.definition
       and p.position <= _upto;

    for _kind in
      select k.cut, k.part, a.axis, a.unit, a.bucket, a.effective
        from (values ('', ''''''), ('part', 'part'), ('district', 'district')
             ) as k (cut, part)
       cross join (
               values (0, 0, '0', 'month'),
                      (0, 1, '0', 'day'),
                      (0, 2, '0', 'year'),
                      (1, 0, '0', 'heard_month'),
                      (1, 1, '0', 'heard_day'),
                      (1, 2, '0', 'heard_year'),
                      (2, 0, 'known_year', 'month'),
                      (2, 2, 'known_year', 'year'),
                      (3, 0, 'known_month', 'month'),
                      (3, 2, 'known_month', 'year'),
                      (4, 0, 'known_day', 'month'),
                      (4, 2, 'known_day', 'year'),
                      (5, 0, 'large_block', 'month'),
                      (5, 2, 'large_block', 'year'),
                      (6, 0, 'block', 'month'),
                      (6, 2, 'block', 'year')
             ) as a (axis, unit, bucket, effective)
       where a.axis <> 1 or k.cut = ''
       order by k.cut collate "C", a.axis, a.unit
    loop
      execute format(
        $sum$
        insert into balance (
               indicator, definition, by, axis, unit, since, bucket, effective, part,
               numerator, denominator, expired)
        select $1, $2, $3, $4, $5, since, %1$s, %2$s, %3$s,
               sum(numerator), sum(denominator), sum(expired)
          from moved
         where ($5 <> 2 or since = 0)
           and ($4 <> 5 or large_block < $6 >> 16)
           and ($4 <> 6 or block < $6 >> 12)
         group by 6, 7, 8, 9
        having sum(numerator) <> 0 or sum(denominator) <> 0 or sum(expired) <> 0
         order by 6, 7, 8, 9
        $sum$,
        _kind.bucket, _kind.effective, _kind.part)
      using _counted.indicator, _counted.definition, _kind.cut, _kind.axis, _kind.unit,
            _upto;
    end loop;
    drop table moved;
  end loop;
  update rolled set position = _upto;
end;
$$;

revoke all on function projection.roll_anew from public;
grant execute on function projection.roll_anew to iku_app;

set local search_path to default;
