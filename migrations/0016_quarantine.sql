-- Attached files are looked up by name, so many at a time; those that a decision erased
-- are remembered by name, so that a copy of one that comes back is destroyed.

set local role iku_vault;

-- Names of files whose key a decision erased. A name is random and says nothing.
create table vault.erased_file (
  file uuid primary key
);

-- Destroys the texts of a subject that were recorded before a position, and their keys.
-- The names of its files are kept in the same transaction: a process that ends before it
-- has removed the files leaves the next one what to remove.
create or replace function vault.erase(_subject text, _position bigint)
returns integer -- how many texts
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _texts integer;
begin
  insert into vault.erased_file (file)
  select s.file
    from vault.segment s
    join vault.dek k on k.dek = s.dek
   where k.subject = _subject and k.position < _position and s.file is not null
      on conflict do nothing;
  delete from vault.segment s
   using vault.dek k
   where k.dek = s.dek and k.subject = _subject and k.position < _position;
  get diagnostics _texts = row_count;
  delete from vault.dek k
   where k.subject = _subject and k.position < _position;
  return _texts;
end;
$$;

-- What is known of the files named: the event that attached each, or that a decision
-- erased it. Files that neither holds of are left out.
create function vault.files(_files uuid[])
returns table (file uuid, stream text, version integer, erased boolean)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.file, s.stream, s.version, false
    from vault.segment s
   where s.file = any(_files)
   union all
  select e.file, null, null, true
    from vault.erased_file e
   where e.file = any(_files);
$$;

revoke all on function vault.files(uuid[]) from public;
grant execute on function vault.files(uuid[]) to iku_app;

reset role;
