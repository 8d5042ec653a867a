-- Whether keys outside the database are lost is told without reading all that they wrap.

set local role iku_vault;

drop index vault.dek_epoch;
create index dek_epoch on vault.dek (epoch, position);

-- Of each epoch the oldest key that its key wraps. From epoch to epoch by the index, for
-- it is asked as often as anybody asks whether all is well.
create function vault.oldest()
returns setof vault.dek
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with recursive used as (
    (select d.epoch from vault.dek d order by d.epoch limit 1)
    union all
    select (select min(d.epoch) from vault.dek d where d.epoch > u.epoch)
      from used u
     where u.epoch is not null
  )
  select d.*
    from used u
   cross join lateral (
           select *
             from vault.dek k
            where k.epoch = u.epoch
            order by k.position
            limit 1
         ) d;
$$;

revoke all on function vault.oldest() from public;
grant execute on function vault.oldest() to iku_app;

reset role;
