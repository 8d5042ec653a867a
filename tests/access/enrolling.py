"""People who redeem invitations and sign in, and a clock that tests move."""

import time
from dataclasses import dataclass
from uuid import uuid4

import pyotp

from iku.access import invitations, sign_in
from iku.access.attempts import DelayedAttempt
from iku.access.secrets import Secrets
from iku.access.sign_in import FailedStep, PartialSession, SignedIn
from iku.access.totp import Enrolment
from iku.postgres.pool import Plain

PASSWORD = "tiga kerbau minum di sungai"
ADDRESS = "203.0.113.7"
# The instants that a rule reads, by table.
INSTANTS = {
    "account": ("approve_after", "tasks_seen_at", "tasks_seen_before"),
    "session": ("created_at", "seen_at", "fresh_at", "expires_at"),
    "invitation": ("expires_at",),
    "flow": ("expires_at",),
    "api_key": ("expires_at", "last_used_at", "revoked_at"),
    "attempt": ("attempted_at",),
    "delay": ("last_at", "until", "succeeded_at"),
    "opened": ("opened_at", "hour"),
}


def code(seed: str, steps: int = 0) -> str:
    """The code of the authenticator, some steps of 30 seconds from now."""
    return pyotp.TOTP(seed).generate_otp(int(time.time()) // 30 + steps)


def wrong(seed: str) -> str:
    """A code of no step in reach."""
    near = {code(seed, steps) for steps in (-2, -1, 0, 1, 2)}
    return next(f"{n:06}" for n in range(10) if f"{n:06}" not in near)


@dataclass
class Holder:
    """An enrolled account's holder."""

    account: str
    name: str
    seed: str
    token: str


@dataclass
class Office:
    """An office: the application's connection, the owner's, and the keys."""

    connection: Plain
    owner: Plain
    secrets: Secrets

    async def invited(self, account: str | None = None) -> str:
        """The token of a session that may enrol."""
        link = await self.invitation(account or str(uuid4()))
        redeemed = await invitations.redeem(self.connection, link)
        assert redeemed is not None
        return redeemed.token

    async def invitation(self, account: str) -> str:
        """The token of a new invitation of the account."""
        return (await invitations.issue(self.connection, account)).token

    async def enrolled(self, name: str = "siti") -> Holder:
        """An account with a password and an authenticator, signed in."""
        token = await self.invited(account := str(uuid4()))
        assert await self.set_password(token, name) is None
        seed = await self.begin_enrolment(token)
        return Holder(account, name, seed, await self.confirm(token, seed))

    async def confirm(self, token: str, seed: str) -> str:
        """The token of the session that confirming an authenticator completes."""
        done = await sign_in.confirm_enrolment(
            self.connection, self.secrets, token, code(seed)
        )
        assert isinstance(done, SignedIn), done
        await self.forget_codes()
        return done.token

    async def set_password(
        self, token: str, name: str = "siti", password: str = PASSWORD
    ) -> FailedStep | None:
        return await sign_in.set_password(
            self.connection, token, login_name=name, password=password
        )

    async def begin_enrolment(self, token: str) -> str:
        """The seed of a new authenticator."""
        begun = await sign_in.begin_enrolment(
            self.connection, self.secrets, token, issuer="Bakesbangpol"
        )
        assert isinstance(begun, Enrolment), begun
        return begun.seed

    async def password(
        self, name: str = "siti", password: str = PASSWORD, address: str = ADDRESS
    ) -> PartialSession | FailedStep | DelayedAttempt:
        return await sign_in.start(
            self.connection,
            self.secrets,
            login_name=name,
            password=password,
            address=address,
        )

    async def half_open(self, name: str = "siti") -> str:
        """The token of a session opened by the password."""
        begun = await self.password(name)
        assert isinstance(begun, PartialSession), begun
        return begun.token

    async def signed_in(self, holder: Holder) -> str:
        """The token of a further full session."""
        await self.forget_codes()
        done = await sign_in.verify_second_factor(
            self.connection,
            self.secrets,
            await self.half_open(holder.name),
            code(holder.seed),
        )
        assert isinstance(done, SignedIn), done
        await self.forget_codes()
        return done.token

    async def forget_codes(self) -> None:
        """Let codes of the current step be used again, instead of waiting."""
        await self.owner.execute("update access.totp set last_step = 0")

    async def later(self, interval: str) -> None:
        """Move the instants of all rows into the past by an interval."""
        for table, instants in INSTANTS.items():
            moved = ", ".join(
                f"{one} = {one} - '{interval}'::interval" for one in instants
            )
            await self.owner.execute(f"update access.{table} set {moved}")
