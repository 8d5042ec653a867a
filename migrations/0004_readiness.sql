-- What the application may see of the schema's history: whether it is the one that the
-- program was written for (/api/v1/health/ready).

grant select on public.schema_migration to iku_app;
