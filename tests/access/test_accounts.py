from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from iku.access import accounts, attempts, invitations, sessions, text_access_log
from iku.access.database_flows import DatabaseFlows
from iku.access.flows import FlowKind
from iku.messages import Language
from tests.access.enrolling import Office


@pytest.mark.parametrize("name", ["siti", "Siti.Rahmawati", " b_2-c ", "x" * 64])
def test_a_login_name_is_short_and_simple(name: str) -> None:
    assert accounts.login_name_fault(name) is None


@pytest.mark.parametrize(
    "name", ["", "ab", ".siti", "siti rahma", "x" * 65, "sití", "siti@kota.example"]
)
def test_other_texts_are_no_login_names(name: str) -> None:
    fault = accounts.login_name_fault(name)
    assert fault is not None
    assert "3 to 64" in fault


async def test_a_login_name_is_unique_without_regard_to_case(office: Office) -> None:
    await office.enrolled("siti")
    refused = await office.set_password(await office.invited(), "SITI")
    assert refused is not None
    assert refused.reason == "the login name SITI is taken"
    assert await office.set_password(await office.invited(), "siti2") is None


async def test_an_account_that_was_never_invited_has_no_factor(
    office: Office,
) -> None:
    """ASVS 6.3.2: a new database has no account at all."""
    assert await accounts.factors(office.connection, str(uuid4())) == accounts.Factors()
    assert await accounts.access_counts(office.connection) == accounts.AccessCounts(
        *(0, 0, 0, 0, 0, 0, 0, 0, 0)
    )


async def test_a_forgotten_account_leaves_no_login_name(office: Office) -> None:
    holder = await office.enrolled()
    assert await accounts.delete_credentials(office.connection, holder.account)
    assert not await accounts.delete_credentials(office.connection, holder.account)
    assert await sessions.find(office.connection, holder.token) is None
    for table in ("account", "totp", "session"):
        left = await office.owner.fetchval(f"select count(*) from access.{table}")
        assert left == 0
    kept = await attempts.attempts(office.connection, account=holder.account)
    assert len(kept) == 1


async def test_the_language_of_pages_stands_in_the_session(office: Office) -> None:
    holder = await office.enrolled()
    found = await sessions.find(office.connection, holder.token)
    assert found is not None
    assert found.language is None
    await accounts.set_language(office.connection, holder.account, Language.ENGLISH)
    found = await sessions.find(office.connection, holder.token)
    assert found is not None
    assert found.language is Language.ENGLISH


async def test_a_visit_to_the_tasks_ends_half_an_hour_after_its_last_look(
    office: Office,
) -> None:
    account = (await office.enrolled()).account

    async def look() -> Any:
        return await accounts.visit_tasks(office.connection, account)

    async def ago() -> float:
        """Minutes since the visit before."""
        now = await office.owner.fetchval("select now()")
        passed: timedelta = now - await look()
        return passed / timedelta(minutes=1)

    assert await look() is None
    await office.later("20 minutes")
    assert await look() is None  # the same visit
    await office.later("31 minutes")
    assert await ago() == pytest.approx(31, abs=1)
    await office.later("10 minutes")
    assert await ago() == pytest.approx(41, abs=1)  # the same visit
    await office.later("2 hours")
    assert await ago() == pytest.approx(120, abs=1)


async def test_a_replica_knows_of_no_visit(office: Office) -> None:
    account = (await office.enrolled()).account
    await office.connection.execute("set default_transaction_read_only = on")
    assert await accounts.visit_tasks(office.connection, account) is None


async def test_the_numbers_count_what_is_valid(office: Office) -> None:
    await office.enrolled()
    await invitations.issue(office.connection, str(uuid4()))
    await office.password("nobody")
    await text_access_log.record(office.connection, str(uuid4()), [("conflict-K1", 1)])
    found = await accounts.access_counts(office.connection)
    assert found == accounts.AccessCounts(
        accounts=2,
        enrolled=1,
        sessions=1,
        invitations=1,
        api_keys=0,
        attempts=2,
        failures=1,
        openings=1,
        delayed=0,
    )
    for _ in range(7):
        await office.password("nobody")
    assert (await accounts.access_counts(office.connection)).delayed == 1
    await office.later("25 hours")
    found = await accounts.access_counts(office.connection)
    assert (found.sessions, found.invitations, found.delayed) == (0, 0, 0)
    assert (found.attempts, found.failures, found.openings) == (0, 0, 0)


async def test_what_expired_is_deleted_and_the_rest_is_kept(office: Office) -> None:
    holder = await office.enrolled()
    await invitations.issue(office.connection, str(uuid4()))
    await DatabaseFlows(office.connection).put(FlowKind.OIDC, bytes(32), b"", 600)
    await text_access_log.record(
        office.connection, holder.account, [("conflict-K1", 1)]
    )
    tables = ("session", "invitation", "flow", "attempt", "delay", "opened", "totp")

    async def rows() -> list[int]:
        return [
            await office.owner.fetchval(f"select count(*) from access.{table}")
            for table in tables
        ]

    await accounts.purge_expired_records(office.connection)
    assert await rows() == [1, 1, 1, 1, 1, 1, 1]
    await office.later("2 days")
    await accounts.purge_expired_records(office.connection)
    assert await rows() == [0, 0, 0, 1, 1, 1, 1]
    await office.later("1 year")
    await accounts.purge_expired_records(office.connection)
    assert await rows() == [0, 0, 0, 0, 0, 1, 1]
    await office.later("4 years")
    await accounts.purge_expired_records(office.connection)
    assert await rows() == [0, 0, 0, 0, 0, 0, 1]
