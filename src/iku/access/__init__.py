"""Authentication: credentials, sessions, invitations and API keys.

Accounts and their roles are events of the log (`iku.domain`). Credentials are stored in
schema `access` (migrations/0004_access.sql), behind functions of a role of its own.
Accounts are identified by the id in their stream, ``account-<uuid>``. Instants are by
the database's clock. No function here decides what an account may do.
"""
