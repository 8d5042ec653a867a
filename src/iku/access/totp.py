"""Time-based one-time passwords (RFC 6238): six digits, 30 seconds, SHA-1.

Every authenticator app supports these, including the one that civil servants use for
SSO ASN. A code is accepted one step early or late, and only once: the database stores
the last used step.

The SQL functions of schema access, in the order of the functions here: `add_totp`,
`confirm_totp`, `use_totp` (both after `totp`), `remove_totp`.
"""

import base64
import hmac
import os
import re
from uuid import uuid4

import asyncpg
import pyotp
from msgspec import Struct

from iku.access.secrets import Sealed, Secrets
from iku.postgres.pool import Connection

SEED = 20  # bytes, as RFC 4226, section 4 recommends
WINDOW = (0, -1, 1)  # steps from the current one
CODE = re.compile(r"[0-9]{6}")


class Enrolment(Struct, frozen=True):
    """An authenticator that is not yet confirmed; shown once.

    Attributes:
        seed: In base32, for typing.
        uri: The otpauth URI, for a QR code.
    """

    seed: str
    uri: str


async def enrol(
    connection: Connection, secrets: Secrets, account: str, *, name: str, issuer: str
) -> Enrolment:
    """Start the enrolment of an authenticator; the confirmed one stays valid.

    The app shows *name*, the login name, and *issuer*, the agency.
    """
    totp, seed = str(uuid4()), os.urandom(SEED)
    sealed = secrets.seal(totp, seed)
    await connection.execute(
        "select access.add_totp($1, $2, $3, $4)",
        totp,
        account,
        sealed.epoch,
        sealed.bytes,
    )
    spelt = base64.b32encode(seed).decode()
    uri = pyotp.TOTP(spelt).provisioning_uri(name=name, issuer_name=issuer)
    return Enrolment(spelt, uri)


async def confirm(
    connection: Connection, secrets: Secrets, account: str, code: str
) -> bool:
    """Confirm the enrolment by a code; an earlier authenticator is replaced."""
    return await _use_code(
        connection,
        secrets,
        await _totp_row(connection, account, confirmed=False),
        code,
        "select access.confirm_totp($1, $2)",
    )


async def verify(
    connection: Connection, secrets: Secrets, account: str, code: str
) -> bool:
    """Whether the code is valid and was not used before; it cannot be used again."""
    return await _use_code(
        connection,
        secrets,
        await _totp_row(connection, account, confirmed=True),
        code,
        "select access.use_totp($1, $2)",
    )


async def remove(connection: Connection, account: str) -> bool:
    """Remove the account's authenticator, and return whether there was one.

    Call it within `factor_removal.protect_last_factor`.
    """
    removed: bool = await connection.fetchval("select access.remove_totp($1)", account)
    return removed


async def _totp_row(
    connection: Connection, account: str, *, confirmed: bool
) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "select * from access.totp($1, $2)", account, confirmed
    )


async def _use_code(
    connection: Connection,
    secrets: Secrets,
    authenticator: asyncpg.Record | None,
    code: str,
    statement: str,
) -> bool:
    if authenticator is None:
        return False
    totp, epoch, sealed, now = authenticator
    step = _step(secrets.unseal(str(totp), Sealed(epoch, sealed)), code, now)
    if step is None:
        return False
    used: bool = await connection.fetchval(statement, totp, step)
    return used


def _step(seed: bytes, code: str, now: int) -> int | None:
    """The time step whose code is *code*; None if no step of the window has it."""
    digits = "".join(code.split())
    if not CODE.fullmatch(digits):
        return None
    totp = pyotp.TOTP(base64.b32encode(seed).decode())
    # All steps are compared, so that the time does not reveal which one matched.
    found = [
        now + offset
        for offset in WINDOW
        if hmac.compare_digest(totp.generate_otp(now + offset), digits)
    ]
    return found[0] if found else None
