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

insert into projection.number (category, folded, subject, held, year, serial)
select s.category,
       s.folded,
       s.subject,
       not exists (
         select from projection.standing t
          where t.category = s.category
            and t.subject = s.subject
            and t.status = 'annulled'
            and t.superseded = 9223372036854775807),
       s.automatic[1]::integer,
       s.automatic[2]::bigint
  from (select n.*,
               regexp_match(n.folded, case n.category
                 when 'conflict' then '^k([0-9]{4})-([0-9]{5}|[1-9][0-9]{5,11})$'
                 else '^o([0-9]{4})-([0-9]{5}|[1-9][0-9]{5,11})$'
               end) as automatic
          from (select split_part(stream, '-', 1) as category,
                       substr(stream, strpos(stream, '-') + 1) as subject,
                       lower(replace(substr(stream, strpos(stream, '-') + 1), '~', '/')) as folded
                  from ledger.stream) n
         where n.category in ('conflict', 'organisation')) s;

-- Locks the log, then tells what is recorded of these commands, of these names and all
-- that go on from them by a dot or hyphen, and of the next numbers of these series.
--
-- Whoever asks appends in the same transaction: the lock makes sure that nobody else
-- takes a number in between. It runs with the owner's rights because of the lock.
create function projection.names(
  _commands   text[],
  _categories text[],
  _folded     text[],
  _series     text[], -- category of each series
  _years      integer[],
  _prefixes   text[], -- in lower case
  _counts     integer[] -- how many numbers of it are wanted
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
-- One plan, made while the tables may be empty: every lookup is a probe of an index.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  perform from ledger.head for update;

  return query
    with series as materialized (
      select s.category, s.prefix, s.count,
             coalesce((select max(n.serial)
                         from projection.number n
                        where n.category = s.category
                          and n.year = s.year), 0) as last
        from unnest(_series, _years, _prefixes, _counts)
             as s (category, year, prefix, count)
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
      join ledger.command c on c.command_id = asked.command_id
     union all
    select 'series', s.category, s.prefix, null, null, s.last
      from series s
     union all
    select 'name', n.category, n.folded, n.subject, n.held, null
      from wanted w
      join projection.number n
        on n.category = w.category
       and n.folded >= w.folded collate "C"
       and n.folded < (w.folded || '/') collate "C";
end;
$$;

grant select, insert, update, delete on projection.number to iku_app;
revoke all on function projection.names from public;
grant execute on function projection.names to iku_app;

drop schema numbering cascade;
