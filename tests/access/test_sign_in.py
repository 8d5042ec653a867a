import time
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from iku.access import accounts, invitations, passwords, sessions, sign_in
from iku.access.attempts import DelayedAttempt
from iku.access.sign_in import FailedStep, PartialSession, SignedIn
from iku.postgres.pool import Plain
from tests.access.enrolling import PASSWORD, Holder, Office, code, wrong
from tests.samples import examples

NEW = "empat kambing makan di ladang"


async def change(
    office: Office, token: str, old: str = PASSWORD, new: str = NEW
) -> object:
    return await sign_in.change_password(
        office.connection, office.secrets, token, old=old, new=new
    )


async def test_password_and_code_sign_in(office: Office) -> None:
    """ASVS 6.3.3, 7.2.4."""
    holder = await office.enrolled()
    begun = await office.password(" Siti ")
    assert isinstance(begun, PartialSession)
    assert begun.account == holder.account
    assert begun.factors.totp
    done = await sign_in.verify_second_factor(
        office.connection, office.secrets, begun.token, code(holder.seed)
    )
    assert isinstance(done, SignedIn)
    assert done.token != begun.token
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert (session.account, session.method) == (holder.account, "password+totp")
    assert session.fresh
    assert session.has_second_factor


async def test_sixty_four_emoji_are_a_password(office: Office) -> None:
    """ASVS 6.2.5, 6.2.9, 6.2.10: neither shortened nor normalised to something else."""
    emoji = "".join(chr(0x1F600 + number) for number in range(64))
    token = await office.invited()
    assert await office.set_password(token, "emoji", emoji) is None
    assert isinstance(await office.password("emoji", emoji), PartialSession)
    for wrong_one in (emoji[:-1], emoji[:-1] + "\N{GRINNING FACE}"):
        assert isinstance(await office.password("emoji", wrong_one), FailedStep)


async def test_a_password_does_not_expire(office: Office) -> None:
    """ASVS 6.2.10: nobody has to change it from time to time."""
    await office.enrolled()
    await office.later("10 years")
    assert isinstance(await office.password(), PartialSession)


async def test_a_known_name_takes_as_long_as_an_unknown_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 6.3.8: of many sign-ins each, neither kind is recognised by its duration.

    The share of pairs in which the known name takes longer is one half if there is no
    difference, with a standard deviation of 0.03 for 200 sign-ins and 0.05 for 80.
    """
    hasher = PasswordHasher(time_cost=1, memory_cost=2_048, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", hasher)
    passwords._dummy_hash.cache_clear()
    await office.enrolled("siti")
    await office.half_open("siti")  # its hash has the parameters of today
    took: dict[str, list[float]] = {"siti": [], "nobody": []}
    many = examples(200, 80)
    for number in range(many):
        for name in sorted(took, reverse=number % 2 == 0):
            address = f"2001:db8::{number:x}:{len(name)}"
            begun = time.perf_counter()
            answer = await office.password(name, "salah salah salah", address)
            took[name].append(time.perf_counter() - begun)
            assert isinstance(answer, FailedStep)
    longer = sum(a > b for a in took["siti"] for b in took["nobody"]) / many**2
    assert 0.3 < longer < 0.7


async def test_a_password_alone_opens_nothing(office: Office) -> None:
    """ASVS 6.3.3: of an enrolled account not even another enrolment."""
    await office.enrolled()
    half = await office.half_open()
    assert await sessions.find(office.connection, half) is None
    for refused in (
        await sign_in.step_up(office.connection, office.secrets, half, "000000"),
        await sign_in.begin_enrolment(
            office.connection, office.secrets, half, issuer="x"
        ),
        await sign_in.confirm_enrolment(
            office.connection, office.secrets, half, "000000"
        ),
        await office.set_password(half, "siti", NEW),
        await change(office, half),
    ):
        assert isinstance(refused, FailedStep)


async def test_a_password_without_second_factor_opens_its_enrolment_only(
    office: Office,
) -> None:
    """ASVS 6.3.3."""
    opened = await office.invited()
    await office.set_password(opened)
    begun = await office.password()
    assert isinstance(begun, PartialSession)
    assert not begun.factors.has_second_factor
    refused = await sign_in.verify_second_factor(
        office.connection, office.secrets, begun.token, "000000"
    )
    assert isinstance(refused, FailedStep)
    seed = await office.begin_enrolment(begun.token)
    assert await sessions.find(office.connection, begun.token) is None
    done = await sign_in.confirm_enrolment(
        office.connection, office.secrets, begun.token, code(seed)
    )
    assert isinstance(done, SignedIn)
    assert await sessions.find(office.connection, done.token) is not None


async def test_a_wrong_code_opens_nothing_and_the_right_one_still_may(
    office: Office,
) -> None:
    holder = await office.enrolled()
    half = await office.half_open()
    refused = await sign_in.verify_second_factor(
        office.connection, office.secrets, half, wrong(holder.seed)
    )
    assert isinstance(refused, FailedStep)
    assert refused.account == holder.account
    done = await sign_in.verify_second_factor(
        office.connection, office.secrets, half, code(holder.seed)
    )
    assert isinstance(done, SignedIn)


async def test_a_code_that_was_used_signs_nobody_in(office: Office) -> None:
    """ASVS 6.5.1."""
    holder = await office.enrolled()
    first, second = await office.half_open(), await office.half_open()
    used = code(holder.seed)
    done = await sign_in.verify_second_factor(
        office.connection, office.secrets, first, used
    )
    assert isinstance(done, SignedIn)
    refused = await sign_in.verify_second_factor(
        office.connection, office.secrets, second, used
    )
    assert isinstance(refused, FailedStep)
    assert "used before" in refused.reason
    stepped = await sign_in.step_up(office.connection, office.secrets, done.token, used)
    assert isinstance(stepped, FailedStep)


async def test_a_half_open_session_has_ten_minutes(office: Office) -> None:
    holder = await office.enrolled()
    half = await office.half_open()
    await office.later("10 minutes 1 second")
    refused = await sign_in.verify_second_factor(
        office.connection, office.secrets, half, code(holder.seed)
    )
    assert isinstance(refused, FailedStep)
    assert "expired" in refused.reason


async def test_a_step_up_makes_the_session_fresh_under_a_new_token(
    office: Office,
) -> None:
    """ASVS 7.2.4, 7.5.3."""
    holder = await office.enrolled()
    await office.later("10 minutes")
    done = await sign_in.step_up(
        office.connection, office.secrets, holder.token, code(holder.seed)
    )
    assert isinstance(done, SignedIn)
    assert await sessions.find(office.connection, holder.token) is None
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert session.fresh


async def test_a_step_up_by_a_wrong_code_keeps_the_session_as_it_was(
    office: Office,
) -> None:
    holder = await office.enrolled()
    await office.later("10 minutes")
    refused = await sign_in.step_up(
        office.connection, office.secrets, holder.token, wrong(holder.seed)
    )
    assert isinstance(refused, FailedStep)
    session = await sessions.find(office.connection, holder.token)
    assert session is not None
    assert not session.fresh


async def test_a_passkey_signs_in_by_itself(office: Office) -> None:
    """ASVS 6.3.3."""
    account = str(uuid4())
    done = await sign_in.accept(
        office.connection, account, factor="passkey", device="Firefox"
    )
    assert isinstance(done, SignedIn)
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert (session.account, session.method, session.device) == (
        *(account, "passkey", "Firefox"),
    )


async def test_a_passkey_completes_the_session_of_its_account_only(
    office: Office,
) -> None:
    """ASVS 6.3.3, 7.2.4."""
    holder = await office.enrolled()
    half = await office.half_open()
    refused = await sign_in.accept(
        office.connection, str(uuid4()), factor="passkey", token=half
    )
    assert isinstance(refused, FailedStep)
    assert "another account" in refused.reason
    done = await sign_in.accept(
        office.connection, holder.account, factor="passkey", token=half
    )
    assert isinstance(done, SignedIn)
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert session.method == "password+passkey"
    again = await sign_in.accept(
        office.connection, holder.account, factor="passkey", token=half
    )
    assert isinstance(again, FailedStep)


async def test_a_passkey_renews_a_full_session(office: Office) -> None:
    """ASVS 7.2.4, 7.5.3."""
    holder = await office.enrolled()
    await office.later("10 minutes")
    done = await sign_in.accept(
        office.connection, holder.account, factor="passkey", token=holder.token
    )
    assert isinstance(done, SignedIn)
    assert await sessions.find(office.connection, holder.token) is None
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert (session.fresh, session.method) == (True, "password+totp")


async def test_an_invited_account_may_enrol_a_passkey_without_a_password(
    office: Office,
) -> None:
    """ASVS 6.4.6."""
    token = await office.invited(account := str(uuid4()))
    may = await sign_in.enrolling_session(office.connection, token)
    assert not isinstance(may, FailedStep)
    done = await sign_in.accept(
        office.connection, account, factor="passkey", token=token
    )
    assert isinstance(done, SignedIn)
    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert session.method == "passkey"


async def test_changing_the_password_needs_the_old_one_and_ends_other_sessions(
    office: Office,
) -> None:
    """ASVS 6.2.3, 7.4.3: two browsers."""
    holder = await office.enrolled()
    other = await office.signed_in(holder)
    refused = await change(office, holder.token, old=NEW)
    assert isinstance(refused, FailedStep)
    assert refused.reason == "the old password is wrong"
    assert await sessions.find(office.connection, other) is not None
    done = await change(office, holder.token)
    assert isinstance(done, SignedIn)
    assert await sessions.find(office.connection, other) is None
    assert await sessions.find(office.connection, holder.token) is None
    assert await sessions.find(office.connection, done.token) is not None
    assert isinstance(await office.password(), FailedStep)
    assert isinstance(await office.password(password=NEW), PartialSession)


async def test_changing_the_password_needs_a_fresh_factor(office: Office) -> None:
    """ASVS 7.5.1."""
    holder = await office.enrolled()
    await office.later("6 minutes")
    for refused in (
        await change(office, holder.token),
        await sign_in.begin_enrolment(
            office.connection, office.secrets, holder.token, issuer="x"
        ),
    ):
        assert isinstance(refused, FailedStep)
        assert "five minutes" in refused.reason
    assert isinstance(await office.password(), PartialSession)


async def test_a_new_password_follows_the_rules(office: Office) -> None:
    """ASVS 6.2.1, 6.2.4, 6.2.11."""
    holder = await office.enrolled()
    for weak in ("terlalu pendek", "passwordpassword", "siti.siti.siti.2021"):
        refused = await change(office, holder.token, new=weak)
        assert isinstance(refused, FailedStep), weak
    opened = await office.invited()
    refused = await office.set_password(opened, "budi.santoso", "budi.santoso.2021")
    assert isinstance(refused, FailedStep)
    assert isinstance(await office.password(), PartialSession)


async def test_two_changes_of_a_password_at_once_leave_one_of_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await office.enrolled()
    other = await office.signed_in(holder)
    real = passwords.hash_password

    async def meanwhile(password: str) -> str:
        monkeypatch.setattr(passwords, "hash_password", real)
        assert isinstance(await change(office, other, new=NEW), SignedIn)
        return await real(password)

    monkeypatch.setattr(passwords, "hash_password", meanwhile)
    refused = await change(office, holder.token, new=NEW + "!")
    assert isinstance(refused, FailedStep)
    assert isinstance(await office.password(password=NEW), PartialSession)


async def test_a_session_that_ends_during_a_change_keeps_the_password(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await office.enrolled()
    real = passwords.hash_password

    async def meanwhile(password: str) -> str:
        await sessions.end(office.connection, holder.token)
        return await real(password)

    monkeypatch.setattr(passwords, "hash_password", meanwhile)
    assert isinstance(await change(office, holder.token), FailedStep)
    monkeypatch.setattr(passwords, "hash_password", real)
    assert isinstance(await office.password(), PartialSession)


async def test_a_recovery_during_a_sign_in_rejects_the_password(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 6.4.4: the old password does not open the new enrolment."""
    holder = await office.enrolled()
    real = passwords.verify

    async def meanwhile(stored: str | None, password: str) -> bool:
        await invitations.recover(office.connection, holder.account)
        return await real(stored, password)

    monkeypatch.setattr(passwords, "verify", meanwhile)
    assert isinstance(await office.password(), FailedStep)
    assert await office.owner.fetchval("select count(*) from access.session") == 0


async def test_a_recovery_during_an_enrolment_keeps_the_password_unset(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 6.4.4: who holds the earlier link does not set the password."""
    token = await office.invited(account := str(uuid4()))
    real = passwords.hash_password

    async def meanwhile(password: str) -> str:
        await invitations.recover(office.connection, account)
        return await real(password)

    monkeypatch.setattr(passwords, "hash_password", meanwhile)
    assert isinstance(await office.set_password(token), FailedStep)
    found = await accounts.factors(office.connection, account)
    assert found == accounts.Factors()


async def test_every_step_that_verifies_a_code_is_delayed_after_failures(
    office: Office,
) -> None:
    """ASVS 6.3.1: a stolen session does not permit to guess either."""
    holder = await office.enrolled()
    half = await office.half_open()
    await office.begin_enrolment(holder.token)
    for _ in range(6):
        await sign_in.step_up(
            office.connection, office.secrets, holder.token, wrong(holder.seed)
        )
    await office.owner.execute(
        "update access.delay set until = now() + interval '1 minute' where failures > 4"
    )
    right = code(holder.seed)
    for step, token in (
        (sign_in.step_up, holder.token),
        (sign_in.confirm_enrolment, holder.token),
        (sign_in.verify_second_factor, half),
    ):
        delayed = await step(office.connection, office.secrets, token, right)
        assert isinstance(delayed, DelayedAttempt)
        assert 55 < delayed.seconds <= 60
    assert isinstance(await change(office, holder.token), DelayedAttempt)
    assert await sessions.find(office.connection, holder.token) is not None


async def test_a_program_proves_the_authenticator_of_its_account_once(
    office: Office,
) -> None:
    """ASVS 6.5.1: by an API key, too, a code is valid once, and guessing is delayed."""
    holder = await office.enrolled()

    async def prove(typed: str) -> FailedStep | DelayedAttempt | None:
        return await sign_in.verify_code(
            office.connection, office.secrets, holder.account, typed
        )

    assert isinstance(await prove(wrong(holder.seed)), FailedStep)
    assert await prove(code(holder.seed)) is None
    assert isinstance(await prove(code(holder.seed)), FailedStep)
    for _ in range(6):
        await prove(wrong(holder.seed))
    await office.owner.execute(
        "update access.delay set until = now() + interval '1 minute' where failures > 4"
    )
    await office.forget_codes()
    assert isinstance(await prove(code(holder.seed)), DelayedAttempt)


async def test_an_unknown_token_opens_no_step(office: Office) -> None:
    passkey = await sign_in.accept(
        office.connection, str(uuid4()), factor="passkey", token="x"
    )
    assert isinstance(passkey, FailedStep)
    for refused in (
        await sign_in.verify_second_factor(office.connection, office.secrets, "x", "1"),
        await sign_in.step_up(office.connection, office.secrets, "x", "1"),
        await sign_in.confirm_enrolment(office.connection, office.secrets, "x", "1"),
        await change(office, "x"),
        await office.set_password("x"),
    ):
        assert isinstance(refused, FailedStep)


async def test_signing_in_after_a_lost_factor_needs_the_new_enrolment(
    office: Office,
) -> None:
    """ASVS 6.4.4."""
    holder: Holder = await office.enrolled()
    token = await office.invited(holder.account)
    assert await office.set_password(token, "siti", NEW) is None
    seed = await office.begin_enrolment(token)
    for one, accepted in ((holder.seed, False), (seed, True)):
        done = await sign_in.confirm_enrolment(
            office.connection, office.secrets, token, code(one)
        )
        assert isinstance(done, SignedIn) == accepted
    found = await accounts.factors(office.connection, holder.account)
    assert (found.password, found.totp) == (True, True)


async def test_the_second_factor_survives_no_restart_of_the_sign_in(
    office: Office, connection: Plain
) -> None:
    """ASVS 7.2.4: completing a session ends the half-open one."""
    holder = await office.enrolled()
    half = await office.half_open()
    done = await sign_in.verify_second_factor(
        connection, office.secrets, half, code(holder.seed)
    )
    assert isinstance(done, SignedIn)
    await office.forget_codes()
    again = await sign_in.verify_second_factor(
        connection, office.secrets, half, code(holder.seed)
    )
    assert isinstance(again, FailedStep)
