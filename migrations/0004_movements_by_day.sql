-- The journal in the order in which things happened, not in which they became known:
-- read so by replay, and by whoever asks what moved between two days.
create index posting_effective_on on projection.posting (effective_on, position);
