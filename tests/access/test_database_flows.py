import asyncio
from hashlib import sha256

from iku.access.database_flows import DatabaseFlows
from iku.access.flows import FlowKind
from iku.postgres.pool import Pool
from tests.access.enrolling import Office

CONTENT = b'{"return_to":"/"}'
KEY = sha256(b"state").digest()


async def test_a_flow_is_finished_once(office: Office) -> None:
    """ASVS 10.1.2, 10.2.1."""
    flows = DatabaseFlows(office.connection)
    await flows.put(FlowKind.OIDC, KEY, CONTENT, 300)
    assert await flows.take(FlowKind.PASSKEY_SIGN_IN, KEY) is None
    assert await flows.take(FlowKind.OIDC, sha256(b"other").digest()) is None
    assert await flows.take(FlowKind.OIDC, KEY) == CONTENT
    assert await flows.take(FlowKind.OIDC, KEY) is None


async def test_a_flow_is_finished_once_in_parallel(pool: Pool) -> None:
    """ASVS 10.2.1."""
    async with pool.acquire() as connection:
        await DatabaseFlows(connection).put(FlowKind.OIDC, KEY, CONTENT, 300)

    async def take() -> bytes | None:
        async with pool.acquire() as connection:
            return await DatabaseFlows(connection).take(FlowKind.OIDC, KEY)

    taken = await asyncio.gather(*(take() for _ in range(10)))
    assert taken.count(CONTENT) == 1


async def test_a_flow_expires_and_is_deleted_after_ten_minutes_at_most(
    office: Office,
) -> None:
    flows = DatabaseFlows(office.connection)
    await flows.put(FlowKind.OIDC, KEY, CONTENT, 86_400)
    await office.later("9 minutes 50 seconds")
    assert await office.owner.fetchval("select expires_at > now() from access.flow")
    await office.later("11 seconds")
    assert await flows.take(FlowKind.OIDC, KEY) is None
    await flows.put(FlowKind.PASSKEY_SIGN_IN, sha256(b"next").digest(), CONTENT, 60)
    kinds = await office.owner.fetch("select kind from access.flow")
    assert [row["kind"] for row in kinds] == [FlowKind.PASSKEY_SIGN_IN]
