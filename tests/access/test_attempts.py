import asyncio
from uuid import uuid4

import pytest

from iku.access import attempts, sign_in
from iku.access.attempts import DelayedAttempt, StartedAttempt
from iku.access.secrets import Secrets
from iku.access.sign_in import FailedStep, PartialSession
from iku.postgres.pool import Pool
from tests.access.enrolling import Office, wrong

WRONG = "salah salah salah"
STRANGER, OFFICE = "198.51.100.66", "203.0.113.7"


async def test_200_wrong_passwords_from_one_address_lock_nobody_out(
    office: Office,
) -> None:
    """ASVS 6.3.1, 6.1.1: the right one from another address works."""
    await office.enrolled()
    answers = [await office.password("siti", WRONG, STRANGER) for _ in range(200)]
    verified = sum(isinstance(one, FailedStep) for one in answers)
    assert 5 <= verified <= 10  # five, and one for each doubling of the delay
    assert sum(isinstance(one, DelayedAttempt) for one in answers) == 200 - verified
    assert isinstance(await office.password("siti", address=STRANGER), DelayedAttempt)
    assert isinstance(await office.password("siti", address=OFFICE), PartialSession)


async def test_parallel_guesses_are_counted_like_others(
    pool: Pool, secrets: Secrets
) -> None:
    """ASVS 6.3.1: of fifty at once, five are verified, and one for each second."""

    async def guess() -> StartedAttempt | DelayedAttempt:
        async with pool.acquire() as connection:
            return await attempts.begin_sign_in(connection, secrets, "siti", STRANGER)

    begun = await asyncio.gather(*(guess() for _ in range(50)))
    assert 5 <= sum(isinstance(one, StartedAttempt) for one in begun) <= 7


async def test_an_attempt_waits_for_the_count_of_the_one_before(
    office: Office, pool: Pool, secrets: Secrets
) -> None:
    """ASVS 6.3.1: neither reads a count that the other one is about to raise."""
    account = str(uuid4())
    for _ in range(5):
        await attempts.begin_code(office.connection, secrets, account)
    await office.later("2 seconds")
    async with pool.acquire() as other:
        async with office.connection.transaction():
            first = await attempts.begin_code(office.connection, secrets, account)
            later = asyncio.ensure_future(attempts.begin_code(other, secrets, account))
            await asyncio.sleep(0.3)
            assert not later.done()
        assert isinstance(first, StartedAttempt)
        assert isinstance(await later, DelayedAttempt)


async def test_the_delay_doubles_up_to_a_quarter_of_an_hour(office: Office) -> None:
    """ASVS 6.3.1."""
    waited = []
    for _ in range(18):
        assert isinstance(await office.password("siti", WRONG, STRANGER), FailedStep)
        delayed = await office.password("siti", WRONG, STRANGER)
        if isinstance(delayed, DelayedAttempt):
            waited.append(delayed.seconds)
            await office.later(f"{delayed.seconds} seconds")
        elif isinstance(delayed, FailedStep):
            continue
    assert waited[:6] == [1, 2, 4, 8, 16, 32]
    assert waited[-1] == 900
    assert waited == sorted(waited)


async def test_a_success_or_a_day_ends_the_row_of_failures(office: Office) -> None:
    await office.enrolled()
    for _ in range(4):
        await office.password("siti", WRONG)
    assert isinstance(await office.password("siti"), PartialSession)
    for _ in range(4):
        assert isinstance(await office.password("siti", WRONG), FailedStep)
    assert isinstance(await office.password("siti"), PartialSession)
    for _ in range(6):
        await office.password("siti", WRONG)
    assert isinstance(await office.password("siti"), DelayedAttempt)
    await office.later("25 hours")
    for _ in range(4):
        assert isinstance(await office.password("siti", WRONG), FailedStep)
    assert isinstance(await office.password("siti"), PartialSession)


async def test_one_address_cannot_try_many_names_at_speed(office: Office) -> None:
    """ASVS 6.3.1: but who has signed in from there is not delayed."""
    await office.enrolled()
    assert isinstance(await office.password("siti", address=STRANGER), PartialSession)
    answers = [
        await office.password(f"name{number}", WRONG, STRANGER) for number in range(80)
    ]
    assert sum(isinstance(one, FailedStep) for one in answers) == 50
    delayed = answers[-1]
    assert isinstance(delayed, DelayedAttempt)
    assert delayed.seconds <= 60
    assert isinstance(await office.password("siti", address=STRANGER), PartialSession)
    assert isinstance(await office.password("name1", WRONG, OFFICE), FailedStep)


async def test_codes_are_delayed_whatever_the_address(office: Office) -> None:
    """ASVS 6.3.1, 6.5.5: only who knows the password can guess codes."""
    holder = await office.enrolled()
    answers = []
    for _ in range(10):
        token = await office.half_open()
        answers.append(
            await sign_in.verify_second_factor(
                office.connection, office.secrets, token, wrong(holder.seed)
            )
        )
    assert 3 <= sum(isinstance(one, DelayedAttempt) for one in answers) <= 5


async def test_attempts_are_listed_with_account_time_and_outcome(
    office: Office,
) -> None:
    """ASVS 16.3.1."""
    holder = await office.enrolled()
    await office.password("siti", WRONG, STRANGER)
    await office.password("siti", address=OFFICE)
    await office.password("nobody", WRONG, STRANGER)
    unknown, right, wrong, enrolment = await attempts.attempts(office.connection)
    assert [one.account for one in (unknown, right, wrong, enrolment)] == [
        *(None, holder.account, holder.account, holder.account),
    ]
    assert [one.succeeded for one in (unknown, right, wrong, enrolment)] == [
        *(False, True, False, True),
    ]
    assert unknown.address == wrong.address != right.address
    assert enrolment.address == ""
    assert await attempts.attempts(office.connection, account=holder.account) == [
        *(right, wrong, enrolment),
    ]
    assert await attempts.attempts(office.connection, before=right.number, limit=1) == [
        wrong
    ]


async def test_neither_names_nor_addresses_nor_passwords_are_stored_with_attempts(
    office: Office,
) -> None:
    """ASVS 16.2.5."""
    await office.password("siti-rahmawati", WRONG, STRANGER)
    for table in ("attempt", "delay"):
        stored = await office.owner.fetchval(
            f"select string_agg(t::text, ' ') from access.{table} t"
        )
        for secret in ("siti", WRONG, STRANGER):
            assert secret not in stored
            assert secret.encode().hex() not in stored


@pytest.mark.parametrize("name", ["siti", "nobody"])
async def test_an_unknown_name_is_delayed_like_a_known_one(
    office: Office, name: str
) -> None:
    """ASVS 6.3.8."""
    await office.enrolled()
    answers = [await office.password(name, WRONG, STRANGER) for _ in range(7)]
    assert [type(one) for one in answers] == [
        *(FailedStep,) * 5,
        *(DelayedAttempt,) * 2,
    ]
