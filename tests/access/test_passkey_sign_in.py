"""The steps with a passkey, over the database."""

from typing import Any

import pytest

from iku.access import (
    accounts,
    invitations,
    passkey_sign_in,
    passkeys,
    sessions,
    sign_in,
)
from iku.access.passkeys import Passkeys
from iku.access.sessions import Stage
from iku.access.sign_in import FailedStep, SignedIn
from tests.access.authenticator import ORIGIN, Authenticator, Json
from tests.access.enrolling import Holder, Office, code


class Browsers:
    """Browsers in front of an office's pages."""

    def __init__(self, office: Office) -> None:
        self.connection = office.connection
        self.site = Passkeys(ORIGIN, "Bakesbangpol")

    async def register(
        self, key: Authenticator, token: str, name: str = "Laptop"
    ) -> str:
        """The session's token after the registration."""
        asked = await passkey_sign_in.begin_registration(
            self.connection, self.site, token
        )
        assert not isinstance(asked, FailedStep), asked
        done = await passkey_sign_in.register(
            self.connection, self.site, token, key.create(asked), name
        )
        assert isinstance(done, SignedIn), done
        return done.token

    async def ask(self, token: str | None = None) -> Json:
        asked = await passkey_sign_in.begin(self.connection, self.site, token)
        assert not isinstance(asked, FailedStep), asked
        return asked

    async def start(self, key: Authenticator) -> SignedIn | FailedStep:
        answer = key.get(await self.ask())
        return await passkey_sign_in.start(
            self.connection, self.site, answer, device="Chromium"
        )

    async def prove(self, key: Authenticator, token: str) -> SignedIn | FailedStep:
        answer = key.get(await self.ask(token))
        return await passkey_sign_in.verify(self.connection, self.site, token, answer)


@pytest.fixture
def browsers(office: Office) -> Browsers:
    return Browsers(office)


def why(done: Any) -> str:
    assert isinstance(done, FailedStep), done
    return str(done.reason)


async def with_passkey(
    office: Office, browsers: Browsers
) -> tuple[Holder, Authenticator]:
    holder, key = await office.enrolled(), Authenticator()
    holder.token = await browsers.register(key, holder.token)
    return holder, key


async def test_a_passkey_alone_opens_a_full_session(
    office: Office, browsers: Browsers
) -> None:
    """It is two factors, because it verified its user (ASVS 6.3.3)."""
    holder, key = await with_passkey(office, browsers)
    done = await browsers.start(key)
    assert isinstance(done, SignedIn)
    session = await sessions.find(office.connection, done.token)

    assert session is not None
    assert (session.account, session.stage) == (holder.account, Stage.FULL)
    assert (session.method, session.device) == ("passkey", "Chromium")
    assert session.fresh
    assert session.has_second_factor


async def test_a_passkey_completes_a_half_open_session(
    office: Office, browsers: Browsers
) -> None:
    """The old token is dead (ASVS 7.2.4)."""
    holder, key = await with_passkey(office, browsers)
    token = await office.half_open()
    done = await browsers.prove(key, token)
    assert isinstance(done, SignedIn)

    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert (session.account, session.method) == (holder.account, "password+passkey")
    assert await sessions.find_partial(office.connection, token) is None


async def test_a_passkey_makes_a_session_fresh(
    office: Office, browsers: Browsers
) -> None:
    """ASVS 7.5.1, 7.5.3; the old token is dead (7.2.4)."""
    holder, key = await with_passkey(office, browsers)
    await office.later("6 minutes")
    session = await sessions.find(office.connection, holder.token)
    assert session is not None
    assert not session.fresh
    done = await browsers.prove(key, holder.token)
    assert isinstance(done, SignedIn)

    session = await sessions.find(office.connection, done.token)
    assert session is not None
    assert session.fresh
    assert await sessions.find(office.connection, holder.token) is None


async def test_the_passkey_of_another_account_proves_nothing(
    office: Office, browsers: Browsers
) -> None:
    holder, _ = await with_passkey(office, browsers)
    other, others = await office.enrolled("budi"), Authenticator()
    await browsers.register(others, other.token)

    said = "this passkey belongs to another account"
    assert why(await browsers.prove(others, holder.token)) == said
    assert why(await browsers.prove(others, await office.half_open())) == said
    assert await sessions.find(office.connection, holder.token) is not None


async def test_a_wrong_passkey_opens_nothing(
    office: Office, browsers: Browsers
) -> None:
    holder, key = await with_passkey(office, browsers)
    forger = Authenticator(counter=9)
    forger.user = key.user
    assert why(await browsers.start(forger)) == "this passkey is not registered here"
    forger.id = key.id
    assert "is not valid" in why(await browsers.start(forger))

    held = await sessions.of_account(office.connection, holder.account)
    assert len(held) == 1


async def test_a_session_that_ended_begins_and_proves_nothing(
    office: Office, browsers: Browsers
) -> None:
    holder, key = await with_passkey(office, browsers)
    asked, half = await browsers.ask(holder.token), await office.half_open()
    half_asked = await browsers.ask(half)
    await sessions.end_all(office.connection, holder.account)

    for token, options in ((holder.token, asked), (half, half_asked), ("x", asked)):
        begun = await passkey_sign_in.begin(office.connection, browsers.site, token)
        assert "has expired" in why(begun)
        done = await passkey_sign_in.verify(
            office.connection, browsers.site, token, key.get(options)
        )
        assert "has expired" in why(done)


@pytest.mark.parametrize("password", [True, False])
async def test_an_invitation_is_completed_by_a_passkey(
    office: Office, browsers: Browsers, password: bool
) -> None:
    token, key = await office.invited(), Authenticator()
    if password:
        assert await office.set_password(token) is None
    full = await browsers.register(key, token)

    session = await sessions.find(office.connection, full)
    assert session is not None
    assert session.method == "passkey"
    assert isinstance(await browsers.start(key), SignedIn)
    proved = await passkey_sign_in.begin(office.connection, browsers.site, token)
    assert "has expired" in why(proved)


async def test_an_invitation_proves_nothing_by_a_passkey(
    office: Office, browsers: Browsers
) -> None:
    begun = await passkey_sign_in.begin(
        office.connection, browsers.site, await office.invited()
    )
    assert "has expired" in why(begun)


async def test_a_password_alone_registers_no_passkey_where_a_factor_exists(
    office: Office, browsers: Browsers
) -> None:
    """ASVS 6.3.3."""
    await office.enrolled()
    token = await office.half_open()
    begun = await passkey_sign_in.begin_registration(
        office.connection, browsers.site, token
    )
    assert "sign in with it first" in why(begun)
    done = await passkey_sign_in.register(
        office.connection, browsers.site, token, {}, "Laptop"
    )
    assert "sign in with it first" in why(done)


async def test_a_passkey_is_registered_and_removed_with_a_fresh_factor_only(
    office: Office, browsers: Browsers
) -> None:
    """ASVS 7.5.1."""
    holder, key = await with_passkey(office, browsers)
    asked = await passkey_sign_in.begin_registration(
        office.connection, browsers.site, holder.token
    )
    assert not isinstance(asked, FailedStep)
    await office.later("6 minutes")

    done = await passkey_sign_in.register(
        office.connection,
        browsers.site,
        holder.token,
        Authenticator().create(asked),
        "Ponsel",
    )
    removed = await passkey_sign_in.remove(office.connection, holder.token, key.id)
    for answer in (done, removed):
        assert "in the last five minutes" in why(answer)
    found = await accounts.factors(office.connection, holder.account)
    assert found.passkeys == 1


async def test_a_refused_registration_stores_nothing_and_keeps_the_session(
    office: Office, browsers: Browsers
) -> None:
    holder, key = await with_passkey(office, browsers)
    asked = await passkey_sign_in.begin_registration(
        office.connection, browsers.site, holder.token
    )
    assert not isinstance(asked, FailedStep)
    for answer, said in (
        (key.create(asked), "is already registered"),
        (key.create(asked), "already answered"),
        ({}, "is not valid"),
    ):
        done = await passkey_sign_in.register(
            office.connection, browsers.site, holder.token, answer, "Ponsel"
        )
        assert said in why(done)
    assert await sessions.find(office.connection, holder.token) is not None


async def test_a_session_that_ends_during_a_registration_stores_nothing(
    office: Office, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the passkey, which would survive a recovery."""
    holder = await office.enrolled()

    async def ended(*_: Any) -> None:
        return None

    monkeypatch.setattr(sessions, "renew", ended)
    asked = await passkey_sign_in.begin_registration(
        office.connection, browsers.site, holder.token
    )
    assert not isinstance(asked, FailedStep)
    done = await passkey_sign_in.register(
        office.connection,
        browsers.site,
        holder.token,
        Authenticator().create(asked),
        "Laptop",
    )

    assert "has expired" in why(done)
    found = await accounts.factors(office.connection, holder.account)
    assert found.passkeys == 0


async def test_a_passkey_is_removed_unless_it_is_the_last_factor(
    office: Office, browsers: Browsers
) -> None:
    holder, key = await with_passkey(office, browsers)
    second = Authenticator()
    token = await browsers.register(second, holder.token, "Ponsel")
    missing = await passkey_sign_in.remove(office.connection, token, b"other")
    assert why(missing) == "the account has no such passkey"
    assert await passkey_sign_in.remove(office.connection, token, key.id) is None
    await office.owner.execute("delete from access.totp")

    refused = await passkey_sign_in.remove(office.connection, token, second.id)
    assert "is the last factor of the account" in why(refused)
    assert isinstance(await browsers.start(second), SignedIn)


async def test_an_account_with_all_its_passkeys_is_not_asked_for_another(
    office: Office, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, _ = await with_passkey(office, browsers)
    monkeypatch.setattr(passkeys, "MOST", 1)

    begun = await passkey_sign_in.begin_registration(
        office.connection, browsers.site, holder.token
    )
    assert "has 1 passkeys, but may have at most 1" in why(begun)


async def test_a_recovery_removes_the_passkeys(
    office: Office, browsers: Browsers
) -> None:
    """ASVS 6.4.4."""
    holder, key = await with_passkey(office, browsers)
    issued = await invitations.issue(office.connection, holder.account)
    assert await invitations.redeem(office.connection, issued.token) is not None

    assert why(await browsers.start(key)) == "this passkey is not registered here"


async def test_codes_and_passkeys_serve_one_account_alike(
    office: Office, browsers: Browsers
) -> None:
    holder, key = await with_passkey(office, browsers)
    await office.forget_codes()
    stepped = await sign_in.step_up(
        office.connection, office.secrets, holder.token, code(holder.seed)
    )
    assert isinstance(stepped, SignedIn)

    assert isinstance(await browsers.prove(key, stepped.token), SignedIn)


async def test_an_account_without_passkeys_is_told_so(
    office: Office, browsers: Browsers
) -> None:
    holder = await office.enrolled()
    begun = await passkey_sign_in.begin(office.connection, browsers.site, holder.token)
    assert why(begun) == "the account has no passkey"
