-- Runs once, when the server's volume is empty, as its superuser.
--
-- Three logins: the superuser, which nothing uses afterwards; iku_owner, which owns the
-- schema and migrates it; iku, with which the program serves and which may only take on
-- the group iku_app: read and append.

\set ON_ERROR_STOP on
\getenv owner_password IKU_OWNER_PASSWORD
\getenv application_password IKU_APPLICATION_PASSWORD

create role iku_app nologin;
create role iku_owner login password :'owner_password';
create role iku login password :'application_password' in role iku_app;

create database iku owner iku_owner;
revoke all on database iku from public;
grant connect on database iku to iku;
