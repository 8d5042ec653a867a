-- What proves the log to those who do not trust us: signed checkpoints, the cosignatures
-- of witnesses, and tiles of the tree. Nothing here is evidence of what was recorded; the
-- records are, and what is signed is worked out from their bytes.

-- The group that the signer's login is a member of. It signs what it has read and hashed
-- itself; the key it signs with never comes here.
do $$
begin
  if not exists (select from pg_roles where rolname = 'iku_signer') then
    create role iku_signer nologin;
  end if;
exception
  when duplicate_object or unique_violation then
    null; -- another database of this server was migrated in the same moment
  when insufficient_privilege then
    raise exception 'the role iku_signer is missing, and % may not create it', current_user
      using hint = 'As a superuser: create role iku_signer nologin; then migrate again.';
end;
$$;

-- Full tiles (C2SP tlog-tiles): 256 hashes each. A cache, so that no question about the
-- tree reads more than a few rows; whoever verifies does not trust it, and the signer
-- writes it anew from the records.
create table ledger.tile (
  level  smallint not null check (level between 0 and 6),
  number bigint   not null check (number >= 0),
  hashes bytea    not null check (octet_length(hashes) = 8192),
  root   bytea    not null check (octet_length(root) = 32), -- over the 256: a hash of the level above
  primary key (level, number)
);
-- Hashes do not compress.
alter table ledger.tile alter column hashes set storage external;

-- The keys that sign, in the order in which they came. A key's last checkpoint is the
-- one that introduced the next key: both sign it.
create table ledger.log_key (
  number     bigint generated always as identity primary key,
  vkey       text   collate "C" not null unique, -- C2SP signed-note, verifier key
  first_size bigint not null check (first_size >= 0)
);

-- Every note that was signed (C2SP tlog-checkpoint). A size has a second note where a
-- new key signs it too.
create table ledger.checkpoint (
  number    bigint      generated always as identity primary key,
  size      bigint      not null check (size >= 0),
  root      bytea       not null check (octet_length(root) = 32),
  note      text        collate "C" not null,
  signed_at timestamptz not null default clock_timestamp(),
  unique (size, note)
);

-- What witnesses added (C2SP tlog-cosignature): lines to be put below the note.
create table ledger.cosignature (
  size       bigint      not null,
  vkey       text        collate "C" not null,
  line       text        collate "C" not null,
  arrived_at timestamptz not null default clock_timestamp(),
  primary key (size, vkey)
);

-- What the signer refused to sign, and when a later checkpoint showed all well again.
create table ledger.alarm (
  number   bigint      generated always as identity primary key,
  raised   boolean     not null, -- false: lifted
  sentence text        not null,
  told_at  timestamptz not null default clock_timestamp()
);

create trigger append_only
  before update or delete or truncate on ledger.log_key
  for each statement execute function ledger.refuse_change();
alter table ledger.log_key enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.checkpoint
  for each statement execute function ledger.refuse_change();
alter table ledger.checkpoint enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.cosignature
  for each statement execute function ledger.refuse_change();
alter table ledger.cosignature enable always trigger append_only;

create trigger append_only
  before update or delete or truncate on ledger.alarm
  for each statement execute function ledger.refuse_change();
alter table ledger.alarm enable always trigger append_only;

grant select on ledger.tile, ledger.log_key, ledger.checkpoint, ledger.cosignature, ledger.alarm
  to iku_app;

grant usage on schema ledger to iku_signer;
grant select on all tables in schema ledger to iku_signer;
grant insert on ledger.log_key, ledger.checkpoint, ledger.cosignature, ledger.alarm
  to iku_signer;
grant insert, delete on ledger.tile to iku_signer;
