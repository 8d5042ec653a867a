"""The tests of the vault use one database in turn."""

from tests import emptied as in_turn

emptied_pool, emptied, database = (
    in_turn.emptied_pool,
    in_turn.emptied,
    in_turn.database,
)
connection, owner = in_turn.connection, in_turn.owner
