-- Numbers for cases and organisations that are entered without one of their own.
--
-- Not derived from the log and not evidence: a number drawn twice is refused by the
-- ledger, which knows the streams there are, and the next one is drawn.

create schema numbering;

create sequence numbering.conflict;
create sequence numbering.organisation;

grant usage on schema numbering to iku_app;
grant usage on all sequences in schema numbering to iku_app;
