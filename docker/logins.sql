-- Runs once, when the server's volume is empty, as its superuser.
--
-- Four logins: the superuser, which nothing uses afterwards; iku_owner, which owns the
-- schema and migrates it; iku, with which the program serves and which may only take on
-- the group iku_app: read and append; iku_sign, with which checkpoints are signed and
-- which may only take on the group iku_signer: read, and add what was signed. Auditors
-- get logins of their own, in the group iku_auditor (docs/operating.md).
--
-- Then the guard, which only a superuser can put in place: from the first migration on
-- not even iku_owner changes the ledger's schema but by a migration.

\set ON_ERROR_STOP on
\getenv owner_password IKU_OWNER_PASSWORD
\getenv application_password IKU_APPLICATION_PASSWORD
\getenv signer_password IKU_SIGNER_PASSWORD

create role iku_app nologin;
create role iku_signer nologin;
create role iku_auditor nologin;
create role iku_vault nologin;
create role iku_owner login password :'owner_password' in role iku_vault;
create role iku login password :'application_password' in role iku_app;
create role iku_sign login password :'signer_password' in role iku_signer;

create database iku owner iku_owner;
revoke all on database iku from public;
grant connect on database iku to iku, iku_sign, iku_auditor;

\connect iku
\ir ../src/iku/postgres/guard.sql
