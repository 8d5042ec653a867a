-- Access: who signs in, and by what. Accounts and roles are events of the log; what
-- proves an identity is stored here and is not an event (docs/access.md).
--
-- A role of its own owns it. The application has no privileges on its tables and uses
-- the functions below. Tokens are stored as SHA-256 hashes, passwords as Argon2id hashes,
-- TOTP seeds sealed under a key outside the database. Instants are the database's clock.
--
-- The functions of one object stand together, below its table.

do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_access') then
    create role iku_access nologin;
  end if;
  -- The migrating login creates the tables as that role.
  if not pg_has_role(current_user, 'iku_access', 'set') then
    execute format('grant iku_access to %I', current_user);
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- created concurrently by the migration of another database
  when insufficient_privilege then
    raise exception 'the role iku_access is missing or closed to %, who may not change that', current_user
      using hint = format('As a superuser: create role iku_access nologin; grant iku_access to %I; then migrate again.', current_user);
end;
$$;

create schema access authorization iku_access;
grant usage on schema ledger to iku_access;
grant select on ledger.stream to iku_access; -- a session names its account's version

set local role iku_access;

-- Accounts, by the id in the name of their stream: account-<uuid>.
create table access.account (
  account       uuid        primary key,
  -- Chosen by the holder. Neither e-mail nor NIP, which are erasable texts of the vault.
  login_name    text        collate "C" unique check (login_name ~ '^[a-z0-9][a-z0-9._-]{2,63}$'),
  password      text        collate "C", -- Argon2id, PHC string format; null: none
  epoch         integer     not null default 1, -- of its sessions; a higher one ends the others
  approve_after timestamptz not null default '-infinity', -- until then it cannot approve
  language      text        collate "C" check (language in ('id', 'en')), -- of its pages; null: the usual one
  tasks_seen_at timestamptz, -- the last look at its tasks
  tasks_seen_before timestamptz, -- the last look of the visit before
  created_at    timestamptz not null default now()
);
-- Planner statistics are samples of a column's values and outlive its rows.
alter table access.account alter column login_name set statistics 0;
alter table access.account alter column password set statistics 0;

-- The account, created if it is unknown.
create function access.add_account(_account uuid)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into access.account (account) values (_account) on conflict do nothing;
$$;

-- Makes changes of an account's factors in other transactions wait for this one.
create function access.lock_account(_account uuid)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select from access.account where account = _account for update;
$$;

-- Sets the login name; false if another account has it.
create function access.set_login_name(_account uuid, _name text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update access.account set login_name = _name where account = _account;
  return found;
exception
  when unique_violation then
    return false;
end;
$$;

-- An account's login name and password hash; no function lists the hashes of all.
create function access.password(_account uuid)
returns table (login_name text, password text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.login_name, a.password from access.account a where a.account = _account;
$$;

-- Replaces a password hash; false if it is no longer the old one (null: none).
create function access.set_password(_account uuid, _old text, _new text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update access.account
     set password = _new
   where account = _account and password is not distinct from _old;
  return found;
end;
$$;

-- Sets the language of an account's pages.
create function access.set_language(_account uuid, _language text)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.account set language = _language where account = _account;
$$;

-- Records that the holder of an account looks at its tasks, at most once a minute.
-- Returns the last look of the visit before; null: this is the first visit. A visit ends
-- 30 minutes after its last look, so what is new in it stays new when it is looked at again.
create function access.visit_tasks(_account uuid)
returns timestamptz
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.account
     set tasks_seen_before = case
                               when tasks_seen_at < now() - interval '30 minutes' then tasks_seen_at
                               else tasks_seen_before
                             end,
         tasks_seen_at = now()
   where account = _account and coalesce(tasks_seen_at < now() - interval '1 minute', true);
  select a.tasks_seen_before from access.account a where a.account = _account;
$$;

-- TOTP authenticators (RFC 6238). An account has at most one that is confirmed by a
-- code, and one that is not yet.
create table access.totp (
  totp         uuid        primary key,
  account      uuid        not null references access.account on delete cascade,
  key_epoch    text        collate "C" not null, -- of the key that seals the seed
  sealed       bytea       not null,
  confirmed_at timestamptz,
  last_step    bigint      not null default 0, -- a code of this or an earlier step is used
  created_at   timestamptz not null default now()
);
create unique index totp_confirmed on access.totp (account) where confirmed_at is not null;
create unique index totp_pending on access.totp (account) where confirmed_at is null;
alter table access.totp alter column sealed set statistics 0;

-- Epochs whose key was destroyed, so nothing may be sealed by it any more.
create table access.retired_key (
  key_epoch text collate "C" primary key
);

-- The number of the 30-second step in which the database's clock is.
create function access.totp_step()
returns bigint
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select floor(extract(epoch from now()) / 30)::bigint;
$$;

-- Stores an authenticator that is not yet confirmed, in place of an earlier such one.
create function access.add_totp(_totp uuid, _account uuid, _key_epoch text, _sealed bytea)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into access.totp as t (totp, account, key_epoch, sealed)
  values (_totp, _account, _key_epoch, _sealed)
      on conflict (account) where confirmed_at is null
      do update set totp = excluded.totp, key_epoch = excluded.key_epoch,
                    sealed = excluded.sealed, last_step = 0, created_at = now();
  -- After the insert: access.retire_key locks this table, so one of two concurrent
  -- transactions sees the other.
  if exists (select from access.retired_key r where r.key_epoch = _key_epoch) then
    raise exception 'a key of that epoch was destroyed meanwhile' using errcode = 'serialization_failure';
  end if;
end;
$$;

-- The account's authenticator, confirmed or not yet, and the current step.
create function access.totp(_account uuid, _confirmed boolean)
returns table (totp uuid, key_epoch text, sealed bytea, step bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.totp, t.key_epoch, t.sealed, access.totp_step()
    from access.totp t
   where t.account = _account and (t.confirmed_at is not null) = _confirmed;
$$;

-- Uses up the code of a step. Of concurrent calls for one code, one returns true.
create function access.use_totp(_totp uuid, _step bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update access.totp set last_step = _step where totp = _totp and last_step < _step;
  return found;
end;
$$;

-- Confirms an authenticator by the code of a step. It replaces the confirmed one.
create function access.confirm_totp(_totp uuid, _step bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not access.use_totp(_totp, _step) then
    return false;
  end if;
  delete from access.totp old
   using access.totp new
   where new.totp = _totp and old.account = new.account and old.totp <> _totp;
  update access.totp set confirmed_at = now() where totp = _totp;
  return true;
end;
$$;

create function access.remove_totp(_account uuid)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.totp where account = _account;
  return found;
end;
$$;

-- All sealed seeds, locked, to be sealed under another key in this transaction.
create function access.sealed_totps()
returns table (totp uuid, account uuid, key_epoch text, sealed bytea)
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.totp, t.account, t.key_epoch, t.sealed from access.totp t order by t.totp for update;
$$;

create function access.reseal_totps(_totps uuid[], _key_epoch text, _sealed bytea[])
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.totp t
     set key_epoch = _key_epoch, sealed = n.sealed
    from unnest(_totps, _sealed) as n (totp, sealed)
   where t.totp = n.totp;
$$;

-- Passkeys (WebAuthn credentials).
create table access.passkey (
  credential   bytea       primary key check (octet_length(credential) between 1 and 1023),
  account      uuid        not null references access.account on delete cascade,
  public_key   bytea       not null, -- COSE key
  sign_count   bigint      not null,
  name         text        not null check (length(name) between 1 and 80),
  transports   text[]      not null, -- how a browser reaches the authenticator
  created_at   timestamptz not null default now(),
  last_used_at timestamptz
);
create index passkey_account on access.passkey (account);

-- Stores a passkey; false if the credential is registered already.
create function access.add_passkey(
  _account uuid, _credential bytea, _public_key bytea, _sign_count bigint, _name text,
  _transports text[]
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into access.passkey (credential, account, public_key, sign_count, name, transports)
  values (_credential, _account, _public_key, _sign_count, _name, _transports)
      on conflict do nothing;
  return found;
end;
$$;

create function access.passkey(_credential bytea)
returns setof access.passkey
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from access.passkey where credential = _credential;
$$;

create function access.passkeys(_account uuid)
returns setof access.passkey
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from access.passkey where account = _account order by created_at, credential;
$$;

-- Records a use, and replaces the counter; false if it is no longer the one seen. The
-- caller compares the counters (WebAuthn level 3, 7.2, step 22).
create function access.use_passkey(_credential bytea, _seen bigint, _now bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update access.passkey
     set sign_count = _now, last_used_at = now()
   where credential = _credential and sign_count = _seen;
  return found;
end;
$$;

create function access.rename_passkey(_account uuid, _credential bytea, _name text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update access.passkey set name = _name where account = _account and credential = _credential;
  return found;
end;
$$;

create function access.remove_passkey(_account uuid, _credential bytea)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.passkey where account = _account and credential = _credential;
  return found;
end;
$$;

-- Identities at OIDC providers. Roles are never taken from a provider.
create table access.identity (
  issuer       text        collate "C",
  subject      text        collate "C",
  account      uuid        not null references access.account on delete cascade,
  created_at   timestamptz not null default now(),
  last_used_at timestamptz,
  primary key (issuer, subject)
);
create index identity_account on access.identity (account);

-- Links an identity; false if it is linked to another account.
create function access.add_identity(_account uuid, _issuer text, _subject text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into access.identity (issuer, subject, account)
  values (_issuer, _subject, _account)
      on conflict do nothing;
  return found or exists (
         select from access.identity
          where issuer = _issuer and subject = _subject and account = _account);
end;
$$;

-- The account of an identity, whose use is recorded; null: none.
create function access.use_identity(_issuer text, _subject text)
returns uuid
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.identity
     set last_used_at = now()
   where issuer = _issuer and subject = _subject
  returning account;
$$;

create function access.identities(_account uuid)
returns setof access.identity
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from access.identity where account = _account order by created_at, issuer, subject;
$$;

create function access.remove_identity(_account uuid, _issuer text, _subject text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.identity
   where account = _account and issuer = _issuer and subject = _subject;
  return found;
end;
$$;

-- What an account can sign in by.
create function access.factors(_account uuid)
returns table (
  login_name text, password boolean, totp boolean, passkeys integer, identities integer,
  approve_after timestamptz -- null: it may approve
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.login_name, a.password is not null,
         exists (select from access.totp t
                  where t.account = a.account and t.confirmed_at is not null),
         (select count(*)::integer from access.passkey p where p.account = a.account),
         (select count(*)::integer from access.identity i where i.account = a.account),
         case when a.approve_after > now() then a.approve_after end
    from access.account a
   where a.account = _account;
$$;

-- Sessions. One is found by the hash of its token. It is valid until expires_at, unless
-- it is idle for 30 minutes or its account has another epoch.
--
-- Stages: invited (an invitation was redeemed) and half_open (one factor was proved)
-- permit only to enrol or prove a factor; full permits what the account may do.
create table access.session (
  session    uuid        primary key default gen_random_uuid(),
  token      bytea       not null unique check (octet_length(token) = 32),
  account    uuid        not null references access.account on delete cascade,
  epoch      integer     not null,
  stage      text        collate "C" not null check (stage in ('invited', 'half_open', 'full')),
  method     text        collate "C" not null, -- by which the account signed in
  device     text        not null check (length(device) <= 80), -- as its holder recognises it
  created_at timestamptz not null default now(),
  seen_at    timestamptz not null default now(),
  fresh_at   timestamptz not null default now(), -- a factor was proved last
  expires_at timestamptz not null
);
create index session_account on access.session (account);

-- Opens a session of an account, which is created if it is unknown. A full one lasts
-- 12 hours, the enrolment of an invited account 30 minutes, a half-open one 10.
create function access.open_session(
  _token bytea, _account uuid, _stage text, _method text, _device text
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _session uuid;
begin
  perform access.add_account(_account);
  insert into access.session (token, account, epoch, stage, method, device, expires_at)
  select _token, a.account, a.epoch, _stage, _method, _device,
         now() + case _stage
                   when 'full' then interval '12 hours'
                   when 'invited' then interval '30 minutes'
                   else interval '10 minutes'
                 end
    from access.account a
   where a.account = _account
  returning session into _session;
  return _session;
end;
$$;

-- The valid sessions of these tokens, of any stage, and the versions of their accounts'
-- streams. One select for the concurrent requests of a process: hence no writes. Every
-- table is probed by a unique index, whatever its size was when the plan was made; see
-- ledger.append about "offset 0".
create function access.valid_sessions(_tokens bytea[])
returns table (
  token bytea, session uuid, account uuid, stage text, method text, device text,
  created_at timestamptz, seen_at timestamptz, fresh_at timestamptz, expires_at timestamptz,
  fresh boolean, -- a factor was proved in the last five minutes
  stale boolean, -- seen_at is older than a minute: call access.see_session
  approve_after timestamptz, -- null: the account may approve
  account_version integer,
  language text -- of its pages; null: the usual one
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select s.token, s.session, s.account, s.stage, s.method, s.device, s.created_at,
         s.seen_at, s.fresh_at, s.expires_at,
         s.fresh_at > now() - interval '5 minutes',
         s.seen_at < now() - interval '1 minute',
         case when a.approve_after > now() then a.approve_after end,
         coalesce((select l.version from ledger.stream l where l.stream = 'account-' || s.account), 0),
         a.language
    from unnest(_tokens) as asked (token)
   cross join lateral (select * from access.session where token = asked.token offset 0) s
   cross join lateral (select * from access.account where account = s.account offset 0) a
   where a.epoch = s.epoch
     and s.expires_at > now()
     and s.seen_at > now() - interval '30 minutes';
$$;

-- Records that a session was used, at most once a minute.
create function access.see_session(_session uuid)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.session
     set seen_at = now()
   where session = _session and seen_at < now() - interval '1 minute';
$$;

-- Replaces a valid half-open session by a full one under another token. Of concurrent
-- calls, one returns the session; null: the token is not of such a session.
create function access.complete_session(_token bytea, _new bytea, _method text)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _account uuid;
  _device text;
begin
  if not exists (select from access.valid_sessions(array[_token]) v where v.stage <> 'full') then
    return null;
  end if;
  delete from access.session where token = _token returning account, device into _account, _device;
  if not found then
    return null;
  end if;
  return access.open_session(_new, _account, 'full', _method, _device);
end;
$$;

-- Replaces the token of a valid full session, a factor of which was proved now. Its end
-- stays the same; null: the token is not of such a session.
create function access.renew_session(_token bytea, _new bytea)
returns uuid
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.session s
     set token = _new, fresh_at = now(), seen_at = now()
    from access.valid_sessions(array[_token]) v
   where s.session = v.session and s.token = _token and v.stage = 'full'
  returning s.session;
$$;

-- The valid full sessions of an account, the one used last first.
create function access.sessions(_account uuid)
returns table (
  session uuid, method text, device text, created_at timestamptz, seen_at timestamptz,
  expires_at timestamptz
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.session, s.method, s.device, s.created_at, s.seen_at, s.expires_at
    from access.session s
    join access.account a on a.account = s.account and a.epoch = s.epoch
   where s.account = _account
     and s.stage = 'full'
     and s.expires_at > now()
     and s.seen_at > now() - interval '30 minutes'
   order by s.seen_at desc, s.session;
$$;

-- Ends the session of a token.
create function access.sign_out(_token bytea)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.session where token = _token;
  return found;
end;
$$;

-- Ends one session of an account.
create function access.end_session(_account uuid, _session uuid)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.session where account = _account and session = _session;
  return found;
end;
$$;

-- Ends all sessions of an account (null: of every account), except one. The epoch also
-- ends those that concurrent transactions are opening.
create function access.end_sessions(_account uuid, _except uuid)
returns integer -- number of sessions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _ended integer;
begin
  update access.account set epoch = epoch + 1 where _account is null or account = _account;
  delete from access.session
   where (_account is null or account = _account) and session is distinct from _except;
  get diagnostics _ended = row_count;
  update access.session s
     set epoch = a.epoch
    from access.account a
   where s.session = _except and a.account = s.account;
  return _ended;
end;
$$;

-- Invitations: links that are valid once, for 24 hours. An account has at most one.
create table access.invitation (
  account    uuid        primary key references access.account on delete cascade,
  token      bytea       not null unique check (octet_length(token) = 32),
  -- Its redemption blocks approvals for 24 hours (an approving role, not the first).
  blocks     boolean     not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '24 hours'
);

-- Issues an invitation, in place of an earlier one. Returns when it expires.
create function access.invite(_account uuid, _token bytea, _blocks boolean)
returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _expires_at timestamptz;
begin
  perform access.add_account(_account);
  insert into access.invitation as i (account, token, blocks)
  values (_account, _token, _blocks)
      on conflict (account)
      do update set token = excluded.token, blocks = excluded.blocks,
                    created_at = excluded.created_at, expires_at = excluded.expires_at
  returning i.expires_at into _expires_at;
  return _expires_at;
end;
$$;

-- Redeems an invitation: removes the factors the account had, and opens a session that
-- only enrols new ones. Of concurrent calls, one returns the account; null: the token is
-- not of a valid invitation.
create function access.redeem(_invitation bytea, _token bytea, _device text)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _account uuid;
  _blocks boolean;
begin
  delete from access.invitation
   where token = _invitation and expires_at > now()
  returning account, blocks into _account, _blocks;
  if not found then
    return null;
  end if;
  perform access.remove_factors(_account);
  if _blocks then
    update access.account set approve_after = now() + interval '24 hours' where account = _account;
  end if;
  perform access.open_session(_token, _account, 'invited', 'invitation', _device);
  return _account;
end;
$$;

-- The accounts with a valid invitation.
create function access.invitations()
returns table (account uuid, created_at timestamptz, expires_at timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select i.account, i.created_at, i.expires_at
    from access.invitation i
   where i.expires_at > now()
   order by i.created_at, i.account;
$$;

create function access.cancel_invitation(_account uuid)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.invitation where account = _account;
  return found;
end;
$$;

-- API keys: iku_<key>_<secret>, of which the secret's hash is stored.
create table access.api_key (
  key          text        collate "C" primary key,
  secret       bytea       not null check (octet_length(secret) = 32),
  account      uuid        not null references access.account on delete cascade,
  name         text        not null check (length(name) between 1 and 80),
  roles        text[]      not null, -- a subset of the account's when it was created
  rights       text[]      not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null,
  last_used_at timestamptz,
  revoked_at   timestamptz
);
create index api_key_account on access.api_key (account);

create function access.add_api_key(
  _key text, _secret bytea, _account uuid, _name text, _roles text[], _rights text[],
  _lifetime interval
)
returns timestamptz -- when it expires
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _expires_at timestamptz;
begin
  perform access.add_account(_account);
  insert into access.api_key (key, secret, account, name, roles, rights, expires_at)
  values (_key, _secret, _account, _name, _roles, _rights, now() + _lifetime)
  returning expires_at into _expires_at;
  return _expires_at;
end;
$$;

-- The valid API keys among these; one select, like access.valid_sessions.
create function access.valid_api_keys(_keys text[], _secrets bytea[])
returns table (
  key text, secret bytea, account uuid, roles text[], rights text[], expires_at timestamptz,
  stale boolean, -- its last use is recorded more than a minute ago: call access.see_api_key
  account_version integer
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select k.key, k.secret, k.account, k.roles, k.rights, k.expires_at,
         coalesce(k.last_used_at < now() - interval '1 minute', true),
         coalesce((select l.version from ledger.stream l where l.stream = 'account-' || k.account), 0)
    from unnest(_keys, _secrets) as asked (key, secret)
   cross join lateral (select * from access.api_key where key = asked.key offset 0) k
   where k.secret = asked.secret
     and k.revoked_at is null
     and k.expires_at > now();
$$;

-- Records that an API key was used, at most once a minute.
create function access.see_api_key(_key text)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.api_key
     set last_used_at = now()
   where key = _key and coalesce(last_used_at < now() - interval '1 minute', true);
$$;

-- The API keys of an account, those that are no longer valid too.
create function access.api_keys(_account uuid)
returns table (
  key text, name text, roles text[], rights text[], created_at timestamptz,
  expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz, valid boolean
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.key, k.name, k.roles, k.rights, k.created_at, k.expires_at, k.last_used_at,
         k.revoked_at, k.revoked_at is null and k.expires_at > now()
    from access.api_key k
   where k.account = _account
   order by k.created_at, k.key;
$$;

-- Revokes an API key of an account (null: all of them).
create function access.revoke_api_keys(_account uuid, _key text)
returns integer -- number of keys
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _revoked integer;
begin
  update access.api_key
     set revoked_at = now()
   where account = _account and (_key is null or key = _key) and revoked_at is null;
  get diagnostics _revoked = row_count;
  return _revoked;
end;
$$;

-- Flows in progress, each finished once within 10 minutes: a sign-in at an OIDC provider,
-- the challenge of a passkey. The key is the hash of a value that the browser brings
-- back; the content holds nothing that can be used without such a value.
create table access.flow (
  key        bytea       primary key check (octet_length(key) = 32),
  kind       text        collate "C" not null,
  content    bytea       not null,
  expires_at timestamptz not null
);
create index flow_expires on access.flow (expires_at);

create function access.start_flow(_kind text, _key bytea, _content bytea, _lifetime interval)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Anybody can start flows, so the expired ones are deleted here.
  delete from access.flow where expires_at <= now();
  insert into access.flow (key, kind, content, expires_at)
  values (_key, _kind, _content, now() + least(_lifetime, interval '10 minutes'));
$$;

-- The content of a flow, which is finished; null: no flow of the kind has the key. Of
-- concurrent calls, one returns the content.
create function access.finish_flow(_kind text, _key bytea)
returns bytea
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from access.flow
   where key = _key and kind = _kind and expires_at > now()
  returning content;
$$;

-- Drafts: what was typed into a form and not recorded, sealed under a key outside the
-- database. An account has one for each form. Drafts are deleted after 30 days.
create table access.draft (
  account   uuid        not null, -- nil: everybody, while the register has no accounts
  path      text        collate "C" not null check (length(path) <= 300), -- of the form
  about     text[]      collate "C" not null, -- subjects; the erasure of one deletes it
  key_epoch text        collate "C" not null, -- of the key that seals it
  sealed    bytea       not null check (octet_length(sealed) <= 300000),
  saved_at  timestamptz not null default now(),
  primary key (account, path)
);
create index draft_about on access.draft using gin (about);
create index draft_saved_at on access.draft (saved_at);
alter table access.draft alter column path set statistics 0;
alter table access.draft alter column about set statistics 0;
alter table access.draft alter column sealed set statistics 0;

-- Stores a draft in place of the form's earlier one; an account keeps its latest 50.
-- Returns when it was stored.
create function access.keep_draft(_account uuid, _path text, _about text[], _key_epoch text, _sealed bytea)
returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into access.draft as d (account, path, about, key_epoch, sealed)
  values (_account, _path, _about, _key_epoch, _sealed)
      on conflict (account, path)
      do update set about = excluded.about, key_epoch = excluded.key_epoch,
                    sealed = excluded.sealed, saved_at = now();
  -- After the insert, as in access.add_totp.
  if exists (select from access.retired_key r where r.key_epoch = _key_epoch) then
    raise exception 'a key of that epoch was destroyed meanwhile' using errcode = 'serialization_failure';
  end if;
  delete from access.draft d
   where d.account = _account
     and d.path in (select o.path from access.draft o
                     where o.account = _account
                     order by o.saved_at desc, o.path
                    offset 50);
  return now();
end;
$$;

-- The draft of a form.
create function access.draft(_account uuid, _path text)
returns table (key_epoch text, sealed bytea, saved_at timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.key_epoch, d.sealed, d.saved_at
    from access.draft d
   where d.account = _account and d.path = _path
     and d.saved_at > now() - interval '30 days';
$$;

-- The forms of which an account has a draft, the latest first.
create function access.drafts(_account uuid)
returns table (path text, saved_at timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.path, d.saved_at
    from access.draft d
   where d.account = _account and d.saved_at > now() - interval '30 days'
   order by d.saved_at desc, d.path;
$$;

create function access.remove_draft(_account uuid, _path text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.draft where account = _account and path = _path;
  return found;
end;
$$;

-- Deletes the drafts of all accounts about a subject whose texts are erased.
create function access.erase_drafts(_subject text)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from access.draft where about @> array[_subject];
$$;

-- All drafts, locked, to be sealed under another key in this transaction.
create function access.sealed_drafts()
returns table (account uuid, path text, key_epoch text, sealed bytea)
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.account, d.path, d.key_epoch, d.sealed
    from access.draft d
   order by d.account, d.path
     for update;
$$;

create function access.reseal_drafts(_accounts uuid[], _paths text[], _key_epoch text, _sealed bytea[])
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.draft d
     set key_epoch = _key_epoch, sealed = n.sealed
    from unnest(_accounts, _paths, _sealed) as n (account, path, sealed)
   where d.account = n.account and d.path = n.path;
$$;

-- Retires an epoch; false, and no change, if its key still seals a seed or a draft.
create function access.retire_key(_key_epoch text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table access.totp, access.draft in exclusive mode;
  if exists (select from access.totp where key_epoch = _key_epoch)
     or exists (select from access.draft where key_epoch = _key_epoch) then
    return false;
  end if;
  insert into access.retired_key (key_epoch) values (_key_epoch) on conflict do nothing;
  return true;
end;
$$;

-- Attempts to sign in, for a year. Names and addresses are keyed hashes.
create table access.attempt (
  attempt      bigint      generated always as identity primary key,
  attempted_at timestamptz not null default now(),
  account      uuid,       -- null: no account has the name
  subject      bytea       not null, -- the login name, or what else is guessed
  address      bytea       not null, -- empty: counted for all addresses together
  succeeded    boolean     not null default false
);
create index attempt_account on access.attempt (account, attempt);
create index attempt_attempted_at on access.attempt (attempted_at);

-- Failures in a row, by what is guessed and from where, and the delay that they cause.
create table access.delay (
  subject      bytea       not null, -- empty: all names tried from the address
  address      bytea       not null,
  failures     integer     not null,
  last_at      timestamptz not null,
  until        timestamptz not null,
  succeeded_at timestamptz,
  primary key (subject, address)
);
create index delay_last_at on access.delay (last_at);

-- Counts a failure in advance, so that parallel attempts are counted too. Returns the
-- seconds to wait if the attempt comes too early; it is then not counted. After _free
-- failures in a row the delay doubles from 1 second up to _longest. A day without
-- attempts ends the row of failures.
create function access.count_failure(_subject bytea, _address bytea, _free integer, _longest integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _failures integer;
  _until timestamptz;
begin
  insert into access.delay (subject, address, failures, last_at, until)
  values (_subject, _address, 0, now(), '-infinity')
      on conflict do nothing;
  select case when d.last_at < now() - interval '1 day' then 1 else d.failures + 1 end, d.until
    into _failures, _until
    from access.delay d
   where d.subject = _subject and d.address = _address
     for update;
  if _until > now() then
    return ceil(extract(epoch from _until - now()));
  end if;
  update access.delay
     set failures = _failures, last_at = now(),
         until = case
                   when _failures < _free then '-infinity'
                   else now() + make_interval(secs => least(2 ^ least(_failures - _free, 20), _longest))
                 end
   where subject = _subject and address = _address;
  return 0;
end;
$$;

-- Begins an attempt. Until access.succeed_attempt it counts as a failure. Only failures
-- of the same subject from the same address delay it by more than a minute, so that
-- nobody can lock out another; a null address means that all addresses count together,
-- which is for codes asked after a password.
--
-- Failures of all names from one address delay each other by up to a minute, except for
-- names that have signed in from there during the last 90 days.
create function access.begin_attempt(_account uuid, _subject bytea, _address bytea)
returns table (attempt bigint, wait_s integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  _known boolean := _address is null or exists (
    select from access.delay d
     where d.subject = _subject and d.address = _address
       and d.succeeded_at > now() - interval '90 days');
  _wait integer := 0;
begin
  if not _known then
    _wait := access.count_failure('', _address, 50, 60);
  end if;
  if _wait = 0 then
    _wait := access.count_failure(_subject, coalesce(_address, ''), 5, 900);
  end if;
  if _wait > 0 then
    return query select null::bigint, _wait;
    return;
  end if;
  return query
  insert into access.attempt as a (account, subject, address)
  values (_account, _subject, coalesce(_address, ''))
  returning a.attempt, 0;
end;
$$;

-- Begins an attempt to sign in by login name and password, and returns what the password
-- is verified against. The work is the same whether or not an account has the name.
create function access.begin_sign_in(_name text, _subject bytea, _address bytea)
returns table (attempt bigint, wait_s integer, account uuid, password text)
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select b.attempt, b.wait_s, a.account, a.password
    from (select 1) one
    left join access.account a on a.login_name = _name
   cross join lateral access.begin_attempt(a.account, _subject, _address) b;
$$;

-- Records that an attempt succeeded, which ends the row of failures.
create function access.succeed_attempt(_attempt bigint)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _subject bytea;
  _address bytea;
begin
  update access.attempt set succeeded = true
   where attempt = _attempt
  returning subject, address into _subject, _address;
  update access.delay
     set failures = 0, until = '-infinity', succeeded_at = now()
   where subject = _subject and address = _address;
  update access.delay
     set failures = greatest(failures - 1, 0), until = '-infinity'
   where subject = '' and address = _address;
end;
$$;

-- The latest attempts of an account (null: of all), before an attempt (null: the last).
create function access.attempts(_account uuid, _before bigint, _limit integer)
returns table (
  attempt bigint, attempted_at timestamptz, account uuid, address bytea, succeeded boolean
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.attempt, a.attempted_at, a.account, a.address, a.succeeded
    from access.attempt a
   where (_account is null or a.account = _account)
     and a.attempt < coalesce(_before, 9223372036854775807)
   order by a.attempt desc
   limit _limit;
$$;

-- Who opened which texts (UU 27/2022): a row for each account, event and hour.
create table access.opened (
  number    bigint      generated always as identity primary key,
  account   uuid        not null,
  stream    text        collate "C" not null,
  version   integer     not null, -- of the event whose texts were opened
  opened_at timestamptz not null default now(), -- the first time in that hour
  hour      timestamptz not null default date_trunc('hour', now()),
  unique (account, stream, version, hour)
);
create index opened_stream on access.opened (stream, number);
create index opened_account on access.opened (account, number);
create index opened_at on access.opened (opened_at);

create function access.record_opened(_account uuid, _streams text[], _versions integer[])
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into access.opened (account, stream, version)
  select distinct _account, o.stream, o.version
    from unnest(_streams, _versions) as o (stream, version)
   order by 2, 3 -- the same order everywhere, so that two inserts never deadlock
      on conflict do nothing;
$$;

-- The latest openings of a stream's texts or by an account (null: any), before a number.
create function access.openings(_stream text, _account uuid, _before bigint, _limit integer)
returns table (number bigint, account uuid, stream text, version integer, opened_at timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- which index to use depends on what is null
as $$
  select o.number, o.account, o.stream, o.version, o.opened_at
    from access.opened o
   where (_stream is null or o.stream = _stream)
     and (_account is null or o.account = _account)
     and o.number < coalesce(_before, 9223372036854775807)
   order by o.number desc
   limit _limit;
$$;

-- Removes what an account signs in by and ends its sessions and API keys: the holder can
-- enrol again only by an invitation.
create function access.remove_factors(_account uuid)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update access.account set password = null where account = _account;
  delete from access.totp where account = _account;
  delete from access.passkey where account = _account;
  delete from access.identity where account = _account;
  delete from access.invitation where account = _account;
  select access.revoke_api_keys(_account, null);
  select access.end_sessions(_account, null);
$$;

-- Deletes an account with everything its holder signs in by, the login name too.
create function access.forget_account(_account uuid)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from access.draft where account = _account;
  delete from access.account where account = _account;
  return found;
end;
$$;

-- Deletes what is no longer needed.
create function access.purge()
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from access.session s
   using access.account a
   where a.account = s.account
     and (s.expires_at <= now() or s.seen_at <= now() - interval '30 minutes' or s.epoch <> a.epoch);
  delete from access.invitation where expires_at <= now();
  delete from access.flow where expires_at <= now();
  delete from access.draft where saved_at <= now() - interval '30 days';
  delete from access.totp where confirmed_at is null and created_at < now() - interval '1 day';
  delete from access.attempt where attempted_at < now() - interval '1 year';
  delete from access.delay where last_at < now() - interval '1 year';
  delete from access.api_key
   where least(revoked_at, expires_at) < now() - interval '1 year';
  delete from access.opened where opened_at < now() - interval '5 years';
$$;

-- After a restore: ends sessions, invitations and flows of the time of the backup,
-- deletes its drafts, and uses up every TOTP code that may have been used since.
create function access.end_all()
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select access.end_sessions(null, null);
  delete from access.invitation;
  delete from access.flow;
  delete from access.draft;
  delete from access.totp where confirmed_at is null;
  update access.totp set last_step = greatest(last_step, access.totp_step() + 1);
$$;

-- Numbers for iku status and /metrics.
create function access.counts()
returns table (
  accounts integer, enrolled integer, sessions integer, invitations integer,
  api_keys integer,
  attempts integer, failures integer, openings integer, -- of the last 24 hours
  delayed integer -- names, addresses and accounts that have to wait now
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select (select count(*)::integer from access.account),
         (select count(*)::integer
            from access.account a
           where exists (select from access.totp t
                          where t.account = a.account and t.confirmed_at is not null)
              or exists (select from access.passkey p where p.account = a.account)
              or exists (select from access.identity i where i.account = a.account)),
         (select count(*)::integer
            from access.session s
            join access.account a on a.account = s.account and a.epoch = s.epoch
           where s.stage = 'full' and s.expires_at > now()
             and s.seen_at > now() - interval '30 minutes'),
         (select count(*)::integer from access.invitation where expires_at > now()),
         (select count(*)::integer
            from access.api_key
           where revoked_at is null and expires_at > now()),
         tried.attempts, tried.failures,
         (select count(*)::integer
            from access.opened
           where opened_at > now() - interval '24 hours'),
         (select count(*)::integer from access.delay where until > now())
    from (select count(*)::integer as attempts,
                 (count(*) filter (where not succeeded))::integer as failures
            from access.attempt
           where attempted_at > now() - interval '24 hours') tried;
$$;

revoke all on all functions in schema access from public;
grant usage on schema access to iku_app;
grant execute on all functions in schema access to iku_app;

reset role;
