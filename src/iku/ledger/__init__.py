"""What was recorded: one log of facts, in one order, only ever added to.

The ledger knows streams, versions, days and bytes, and nothing of conflicts. `record`
is the bytes of one event, `log` appends and reads them, `appender` groups the appends
of one process, `tree` hashes it, and `checking` holds all that is stored against the
rules.
"""
