"""The audit trail of access: one JSON line for each sign-in, refusal and change.

A line states who, when, from where, how, and with which outcome. It never holds a
password, token, code or key, no text of the register and no name of a person: an
account is named by its identifier, and an address by its keyed hash. The lines go to
the logger ``iku.audit``, which `iku serve` writes to standard error.

Source: OWASP ASVS 5.0, 16.2 and 16.3.
"""

import logging
from collections import Counter
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock

import msgspec
from msgspec import Struct

from iku.access.secrets import Secrets

logger = logging.getLogger("iku.audit")


class Outcome(StrEnum):
    """The outcome of an audited action."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"
    CHANGED = "changed"


class AuditLine(Struct, frozen=True, omit_defaults=True):
    """One line of the trail.

    Attributes:
        at: The instant, in UTC.
        what: The audited action: ``sign-in``, or an action of the table of rights.
        account: Identifier of the account that acts; empty if there is none.
        address: Keyed hash of the caller's address, hexadecimal; empty if unknown.
        how: Means of a sign-in, or method and route of a request.
        about: The stream or account on which the action was taken.
        reason: Message id of the refusal: a sentence without values.
    """

    at: datetime
    outcome: Outcome
    what: str
    account: str = ""
    address: str = ""
    how: str = ""
    about: str = ""
    reason: str = ""


class CallSite(Struct, frozen=True):
    """The caller's address in clear text, and the method and route of the request."""

    address: str = ""
    how: str = ""


UNKNOWN = CallSite()
# Set for the task that handles a request.
call_site: ContextVar[CallSite] = ContextVar("call_site", default=UNKNOWN)


class AuditTrail:
    """The audit trail of one process, with a count of its lines by outcome.

    *secrets* gives the keyed hash of an address.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._counts: Counter[Outcome] = Counter()
        self._lock = Lock()

    def record(
        self,
        outcome: Outcome,
        what: str,
        *,
        account: str | None = None,
        how: str = "",
        about: str = "",
        reason: str = "",
    ) -> None:
        """Write a line, with the address and the route of the current `call_site`."""
        site = call_site.get()
        line = AuditLine(
            at=datetime.now(UTC),
            outcome=outcome,
            what=what,
            account=account or "",
            address=self._hashed_address(site.address),
            how=how or site.how,
            about=about,
            reason=reason,
        )
        with self._lock:
            self._counts[outcome] += 1
        logger.info("%s", msgspec.json.encode(line).decode())

    def count(self, outcome: Outcome) -> int:
        """Number of lines of *outcome* that this process has written."""
        return self._counts[outcome]

    def _hashed_address(self, address: str) -> str:
        if not address:
            return ""
        return self._secrets.digest("address", address).hex()[:16]
