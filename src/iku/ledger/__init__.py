"""The append-only event log, its Merkle tree and its proofs.

The package deals with streams, versions, days and bytes, not with their meaning.
`record` encodes one event, `log` appends and reads events, `appender` is the group
commit of one process, `tree` hashes the records, `checkpoint_signing` signs the tree
head, and `integrity_check` verifies every table of the ledger.
"""
