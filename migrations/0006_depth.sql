-- The group an auditor's login is a member of: it reads the log and what is derived from
-- it, and nothing else. docs/operating.md tells how to give an auditor a login.
do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_auditor') then
    create role iku_auditor nologin;
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- another database of this server was migrated in the same moment
  when insufficient_privilege then
    raise exception 'the role iku_auditor is missing, and % may not create it', current_user
      using hint = 'As a superuser: create role iku_auditor nologin; then migrate again.';
end;
$$;

grant usage on schema ledger, projection to iku_auditor;
grant select on all tables in schema ledger, projection to iku_auditor;

-- Of tables that later migrations make.
alter default privileges in schema ledger grant select on tables to iku_auditor;
alter default privileges in schema projection grant select on tables to iku_auditor;
