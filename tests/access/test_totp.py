import asyncio
import base64
import time
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pyotp
import pytest

from iku.access import accounts, sign_in, totp
from iku.access.secrets import Secrets
from iku.access.sign_in import SignedIn
from iku.access.totp import _step
from iku.postgres.pool import Pool
from tests.access.enrolling import Office, code, wrong


def test_the_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B (SHA-1), shortened to six digits."""
    seed = b"12345678901234567890"
    vectors = {59: "287082", 1111111109: "081804", 20000000000: "353130"}
    for seconds, digits in vectors.items():
        assert _step(seed, digits, seconds // 30) == seconds // 30


@pytest.mark.parametrize(
    ("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_is_accepted_one_step_early_or_late(
    steps: int, *, accepted: bool
) -> None:
    """ASVS 6.5.5."""
    seed, now = b"12345678901234567890", 1_000_000
    one = pyotp.TOTP(base64.b32encode(seed).decode()).generate_otp(now + steps)
    assert _step(seed, one, now) == (now + steps if accepted else None)


@pytest.mark.parametrize(
    "text", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345"]
)
def test_only_six_digits_are_a_code(text: str) -> None:
    assert _step(b"12345678901234567890", text, 1) is None


async def test_the_address_of_an_enrolment_names_agency_and_login(
    office: Office,
) -> None:
    await office.connection.execute(
        "select access.add_account($1)", account := str(uuid4())
    )
    begun = await totp.enrol(
        office.connection,
        office.secrets,
        account,
        name="siti",
        issuer="Bakesbangpol Mojokerto",
    )
    parts = urlsplit(begun.uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/Bakesbangpol%20Mojokerto:siti"
    assert parse_qs(parts.query)["secret"] == [begun.seed]
    assert len(base64.b32decode(begun.seed)) == 20


async def test_a_code_works_once(office: Office) -> None:
    """ASVS 6.5.1."""
    holder = await office.enrolled()
    one = code(holder.seed)
    spaced = f" {one[:3]} {one[3:]} "
    assert await totp.verify(office.connection, office.secrets, holder.account, spaced)
    for _ in range(2):
        assert not await totp.verify(
            office.connection, office.secrets, holder.account, one
        )


async def test_a_code_before_a_used_one_is_used_up_too(office: Office) -> None:
    """ASVS 6.5.1."""
    holder = await office.enrolled()
    later, now = code(holder.seed, 1), code(holder.seed)
    assert await totp.verify(office.connection, office.secrets, holder.account, later)
    assert not await totp.verify(office.connection, office.secrets, holder.account, now)


async def test_a_code_works_once_in_parallel(
    office: Office, pool: Pool, secrets: Secrets
) -> None:
    """ASVS 6.5.1: of twenty tasks with one code, one passes."""
    holder = await office.enrolled()
    one = code(holder.seed)

    async def verify() -> bool:
        async with pool.acquire() as connection:
            return await totp.verify(connection, secrets, holder.account, one)

    passed = await asyncio.gather(*(verify() for _ in range(20)))
    assert passed.count(True) == 1


async def test_the_code_of_an_enrolment_signs_nobody_in(office: Office) -> None:
    """ASVS 6.5.1."""
    opened = await office.invited()
    await office.set_password(opened)
    seed = await office.begin_enrolment(opened)
    one = code(seed)
    done = await sign_in.confirm_enrolment(
        office.connection, office.secrets, opened, one
    )
    assert isinstance(done, SignedIn)
    assert not await totp.verify(office.connection, office.secrets, done.account, one)


async def test_an_authenticator_is_valid_once_a_code_confirms_it(
    office: Office,
) -> None:
    opened = await office.invited()
    await office.set_password(opened)
    seed = await office.begin_enrolment(opened)
    account = await office.owner.fetchval("select account::text from access.totp")
    assert not await totp.verify(office.connection, office.secrets, account, code(seed))
    assert not (await accounts.factors(office.connection, account)).totp
    assert not await totp.confirm(
        office.connection, office.secrets, account, wrong(seed)
    )
    assert await totp.confirm(office.connection, office.secrets, account, code(seed))
    assert (await accounts.factors(office.connection, account)).totp


async def test_a_new_authenticator_replaces_the_old_one_when_it_is_confirmed(
    office: Office,
) -> None:
    holder = await office.enrolled()
    await office.begin_enrolment(holder.token)
    new = await office.begin_enrolment(holder.token)  # the first is given up
    assert await totp.verify(
        office.connection, office.secrets, holder.account, code(holder.seed)
    )
    done = await sign_in.confirm_enrolment(
        office.connection, office.secrets, holder.token, code(new)
    )
    assert isinstance(done, SignedIn)
    await office.forget_codes()
    for seed, valid in ((holder.seed, False), (new, True)):
        found = await totp.verify(
            office.connection, office.secrets, holder.account, code(seed)
        )
        assert found == valid
    assert await office.owner.fetchval("select count(*) from access.totp") == 1


async def test_the_step_is_that_of_the_databases_clock(office: Office) -> None:
    """ASVS 6.5.8."""
    step = await office.owner.fetchval("select access.totp_step()")
    assert abs(step - time.time() / 30) <= 1.5
