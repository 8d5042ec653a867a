"""A short random session over HTTP (tests/session.py)."""

import os

from iku.app import open_app
from iku.ledger.integrity_check import check_ledger
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests import session
from tests.conftest import SETTINGS
from tests.samples import examples

COMMANDS = int(os.environ.get("IKU_TEST_COMMANDS", examples(500, 300)))
COORDINATES = int(os.environ.get("IKU_TEST_COORDINATES", examples(40, 12)))
SEED = int(os.environ.get("IKU_TEST_SEED", "2021"))


async def test_in_a_session_of_random_commands_no_two_answers_contradict(
    database: Database, owner: Plain
) -> None:
    async with open_app(SETTINGS, database) as app:
        done, asked = await session.run(app, SEED, COMMANDS, COORDINATES)
    assert await check_ledger(owner) == []
    # The session is meaningful only if commands of every kind were recorded.
    assert done.recorded.keys() >= session.ESSENTIAL
    assert done.recorded.total() > COMMANDS / 3
    assert asked.compared["figures"] == COORDINATES
    assert asked.compared["not empty"] > COORDINATES / 3
    assert asked.compared["lists"] > COORDINATES / 4
    assert asked.compared["differences"] > COORDINATES / 4
