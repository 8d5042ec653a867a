"""Append requests of the ledger's tests, and a full check after each append."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date

import pytest

from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import AppendCondition, AppendRequest, StreamPart, Verdict
from iku.ledger.record import Commitment, NewEvent
from iku.postgres.pool import Plain
from tests import emptied as in_turn

ZONE = "Asia/Jakarta"
emptied_pool, emptied, database = (
    in_turn.emptied_pool,
    in_turn.emptied,
    in_turn.database,
)
connection, signer = in_turn.connection, in_turn.signer
owner, guarded = in_turn.owner, in_turn.guarded


@asynccontextmanager
async def rolled_back(connection: Plain) -> AsyncIterator[None]:
    """Undo in the end what is done within.

    A database whose schema was changed would be replaced by a new copy.
    """
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    yield
    await transaction.rollback()


def committed(note: str) -> Commitment:
    """A commitment to *note* as records have it; the ledger does not interpret it."""
    return Commitment(hashlib.sha256(note.encode()).hexdigest(), "conflict-K01")


def part(
    stream: str,
    expected: int = 0,
    *,
    events: int = 1,
    note: str = "Perselisihan — batas",
) -> StreamPart:
    """The part of a request that appends *events* events to a stream."""
    drafts = (
        NewEvent("Noted", date(2021, 2, 1), {"n": n}, {"note": committed(note)})
        for n in range(events)
    )
    return StreamPart(stream, expected, tuple(drafts))


class Ask:
    """Makes requests, each with a new command id unless one is given."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(
        self,
        stream: str,
        expected: int = 0,
        *,
        command: str | None = None,
        body: str = "",
        events: int = 1,
        known_on: date | None = None,
        premises: tuple[tuple[str, int] | AppendCondition, ...] = (),
        note: str = "Perselisihan — batas",
        attachment: object = None,
        after: tuple[StreamPart, ...] = (),
    ) -> AppendRequest:
        """A request; the parts in *after* precede the main part."""
        self.asked += 1
        command = command or f"command-{self.asked}"
        conditions = (p for p in premises if isinstance(p, AppendCondition))
        parts = (*after, part(stream, expected, events=events, note=note))
        return AppendRequest(
            parts=parts,
            command_id=command,
            body=hashlib.sha256((body or command).encode()).digest(),
            actor="u/siti",
            known_on=known_on,
            premises=tuple(p for p in premises if isinstance(p, tuple)),
            conditions=tuple(conditions),
            attachments=() if attachment is None else (attachment,) * events,
        )


@pytest.fixture
def ask() -> Ask:
    return Ask()


Append = Callable[..., Awaitable[list[Verdict]]]


@pytest.fixture
def append(connection: Plain) -> Append:
    """`log.append` in the application's role, followed by a full check."""

    async def append(*requests: AppendRequest) -> list[Verdict]:
        verdicts = await log.append(connection, requests, zone=ZONE)
        assert await check_ledger(connection) == []
        return verdicts

    return append
