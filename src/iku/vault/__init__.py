"""Where texts lie that may have to be forgotten: sealed, apart from the log.

A record holds a commitment in place of each text. The text lies here, encrypted under a
key of its stream and subject, which is wrapped in turn by a key that stands in a folder
outside the database and its backups. Nothing that is decided, proved or counted needs
it; whoever destroys the key has erased the text. docs/ledger-format.md has the bytes.
"""
