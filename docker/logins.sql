-- Runs once as superuser, when the server's volume is empty.
--
-- Creates the logins: iku_owner owns and migrates the schema; iku serves, as a member of
-- iku_app (read and append); iku_sign signs checkpoints, as a member of iku_signer (read,
-- add checkpoints). The superuser is not used afterwards. Auditors get logins of their
-- own in the group iku_auditor (docs/operating.md).
--
-- Then installs the guard, which requires a superuser: from the first migration on the
-- ledger's schema changes by migrations only, also for iku_owner.

\set ON_ERROR_STOP on
\getenv owner_password IKU_OWNER_PASSWORD
\getenv application_password IKU_APPLICATION_PASSWORD
\getenv signer_password IKU_SIGNER_PASSWORD

create role iku_app nologin;
create role iku_signer nologin;
create role iku_auditor nologin;
create role iku_vault nologin;
create role iku_access nologin;
create role iku_owner login password :'owner_password' in role iku_vault, iku_access;
create role iku login password :'application_password' in role iku_app;
create role iku_sign login password :'signer_password' in role iku_signer;

create database iku owner iku_owner;
revoke all on database iku from public;
grant connect on database iku to iku, iku_sign, iku_auditor;

\connect iku
\ir ../src/iku/postgres/guard.sql
