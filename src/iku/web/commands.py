"""A command over HTTP: who sends it, under which key, about which version; its receipt.

A repetition under the same `Idempotency-Key` gets the receipt it got before.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias, TypeVar

from litestar import Response
from litestar.params import HeaderParameter
from litestar.status_codes import HTTP_201_CREATED
from msgspec import Struct

from iku.app import House
from iku.commands.command import Command, Outcome, Outdated
from iku.domain import naming
from iku.domain.decider import Invalid, Missing, Refused
from iku.domain.fact import stated
from iku.queries import identifying
from iku.web import wording
from iku.web.connection import Reading
from iku.web.problems import Malformed

_VERSION = re.compile(r'"([0-9]{1,10})"')

Actor: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name="Iku-Actor",
        max_length=100,
        pattern=wording.ACTOR,
        description="Who enters it: printable ASCII.",
    ),
]
Key: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        pattern=wording.KEY,
        description="Carried out once: whoever sends the same command again under the "
        "same key gets the first receipt again, with Idempotency-Replayed: true.",
    ),
]
IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        pattern=wording.IF_MATCH,
        description='The version it is about, as ETag gave it ("3"); answered 412 '
        "where that is no longer the last one. * stands for any.",
    ),
]


class Receipt(Struct, frozen=True, kw_only=True):
    """Proof of entry: durable, and in the log for good.

    Attributes:
        id: Identifier of the subject, as in its address.
        number: Its number in the register.
        version: Of its last event, which this receipt is about.
        position: Of that event in the log.
        size: Of the log once the event was in it.
        recorded_at: The database's clock, UTC.
        leaf: The event's leaf hash (RFC 6962, 2.1), lower-case hexadecimal.
    """

    id: str
    number: str
    version: int
    position: int
    size: int
    recorded_at: datetime
    leaf: str


R = TypeVar("R", bound=Receipt)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the commands of one request are handed in."""

    house: House
    actor: str
    command_id: str | None
    expected: int | None = None

    async def handle(self, category: str, subject: str, proposed: Any) -> Outcome:
        """Carry out what is *proposed* for that subject (see `Office.handle`).

        Raises:
            Refused: The rules do not allow it, or the register says so already: the
                receipt of another's event would pass for one of this request.
        """
        command = self.command(category, subject, proposed)
        try:
            with known(command):
                outcome = await self.house.office.handle(Reading(self.house), command)
        except Missing as error:
            raise Missing(f"{error}{await self._hint(command, subject)}") from error
        except Invalid as error:
            if error.path != "into":
                raise
            hint = await self._hint(command, stated(command.proposed, "into"))
            raise Invalid(error.path, f"{error}{hint}") from error
        if not outcome.added:
            raise Refused(
                f"{category} {outcome.subject} says just this already, "
                f"at version {outcome.receipt.version}; nothing was recorded"
            )
        return outcome

    async def _hint(self, command: Command, name: str) -> str:
        """Whose number it is that was given for an identifier."""
        view = self.house.view(Reading(self.house))
        return await identifying.hint(view, command.category, name)

    async def foresee(self, category: str, subject: str, proposed: Any) -> list[Any]:
        """What `handle` would record now; nothing is recorded.

        Raises:
            Refused: The rules do not allow it, or the register says so already.
        """
        command = self.command(category, subject, proposed)
        with known(command):
            facts = await self.house.office.foresee(Reading(self.house), command)
        if not facts:
            message = f"{category} {subject} says just this already; it adds nothing"
            raise Refused(message)
        return facts

    def command(self, category: str, subject: str, proposed: Any) -> Command:
        """What the request asks for, as a command."""
        return Command(
            category,
            subject,
            proposed,
            self.actor,
            command_id=self.command_id,
            expected=self.expected,
        )


@contextmanager
def known(command: Command) -> Iterator[None]:
    """Tell a version of nothing from one that is merely not the last."""
    try:
        yield
    except Outdated as error:
        if error.version == 0:
            missing = naming.absent(command.category, command.subject)
            raise Missing(missing) from error
        raise


def entering(house: House) -> Callable[[Actor, Key], Desk]:
    """What provides the desk of a request that enters something new."""

    def desk(actor: Actor = "lokal", idempotency_key: Key = None) -> Desk:
        return Desk(house, actor, idempotency_key)

    return desk


def changing(house: House) -> Callable[[Actor, Key, IfMatch], Desk]:
    """What provides the desk of a request that is about something known."""

    def desk(
        actor: Actor = "lokal", idempotency_key: Key = None, if_match: IfMatch = None
    ) -> Desk:
        return Desk(house, actor, idempotency_key, expected_version(if_match))

    return desk


def expected_version(if_match: str | None) -> int | None:
    """The version that an `If-Match` names; None: whichever is the last.

    Raises:
        Malformed: It names none.
    """
    if if_match is None or if_match == "*":
        return None
    named = _VERSION.fullmatch(if_match)
    if named is None:
        raise Malformed("If-Match", f'If-Match is {if_match}; write it as "3" or *')
    return int(named[1])


def receipt(outcome: Outcome) -> Receipt:
    """The receipt as the client gets it."""
    given = outcome.receipt
    return Receipt(
        id=outcome.subject,
        number=outcome.number,
        version=given.version,
        position=given.position,
        size=given.size,
        recorded_at=given.recorded_at,
        leaf=given.leaf.hex(),
    )


def answer(outcome: Outcome, shown: R, location: str) -> Response[R]:
    """The response that carries the receipt *shown*."""
    headers = {"Location": location, "ETag": f'"{shown.version}"'}
    if outcome.repeated:
        headers["Idempotency-Replayed"] = "true"
    return Response(shown, status_code=HTTP_201_CREATED, headers=headers)
