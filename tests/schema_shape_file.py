"""Writes the schema's shape into the package: `make shape`."""

import asyncio
import sys

from iku.postgres import pool, schema_shape
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease
from iku.postgres.schema_shape import Shape
from tests.conftest import FAST, in_memory

FILE = "src/iku/postgres/schema_shape.txt"


async def fresh(database: Database) -> Shape:
    """The shape of a database that only the migrations and the guard have touched."""
    await migrate_database(database)
    owner = await pool.connect_as_owner(database.owner_dsn)
    try:
        return await schema_shape.read(owner)
    finally:
        await owner.close()


def main() -> None:
    """Migrate an empty database, and write its shape."""
    with in_memory() as folder, lease(folder, FAST) as held:
        database = Database(held.owner_dsn, held.application_dsn, held.signer_dsn)
        shape = asyncio.run(fresh(database))
    with open(FILE, "w", encoding="utf-8") as file:  # noqa: PTH123 - a fixed name
        file.write(schema_shape.as_text(shape))
    sys.stdout.write(f"{FILE}: {len(shape.lines)} lines, {shape.digest}\n")


if __name__ == "__main__":
    main()
