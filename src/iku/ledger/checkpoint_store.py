"""Signed checkpoints, log keys and alarms in the database.

A checkpoint is verified by the log's keys whenever it is read, and ignored if it does
not verify: the signer's login allows rows to be inserted, but not to be signed.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import asyncpg
from msgspec import Struct, structs

from iku.ledger import checkpoint, cosignature_store, note, policy
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.note import Malformed, Note, Unverified, VerifierKey
from iku.ledger.policy import Party, Policy

PAGE = 256
LAST = 2**63 - 1


class Coverage(StrEnum):
    """The strength of the signatures that cover a position of the log."""

    PENDING = "pending"  # no signature yet
    SIGNED = "signed"  # signed by the log's own key, which the agency holds
    WITNESSED = "witnessed"  # cosigned by a quorum of witnesses


class SignedCheckpoint(Struct, frozen=True):
    """A signed checkpoint and the cosignatures collected for it."""

    size: int
    root: bytes
    note: str
    signed_at: datetime
    cosignatures: tuple[str, ...]

    def __str__(self) -> str:
        """The note as published: the log's signatures, then the cosignatures."""
        return self.note + "".join(self.cosignatures)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, parsed from the note."""
        return checkpoint.parse(self.published_note.text)

    @property
    def published_note(self) -> Note:
        """The published note, parsed."""
        return note.parse(str(self).encode())


class LogKey(Struct, frozen=True):
    """A key of the log.

    Attributes:
        last_size: Size of the last checkpoint that it signed; None for the current key.
    """

    key: VerifierKey
    first_size: int
    last_size: int | None


class Assurance(Struct, frozen=True):
    """The coverage of the log by signatures, and the alarm if one is raised.

    Attributes:
        signed: Size of the last checkpoint; None if none is signed yet.
        witnessed: Size of the last checkpoint cosigned by a quorum; None without one.
        witnesses: Number of witnesses in the policy.
        alarm: The reason why the signer refuses to sign; None without an alarm.
        ignored: Stored cosignatures that do not count, one sentence each.
    """

    signed: int | None
    signed_at: datetime | None
    witnessed: int | None
    witnesses: int
    alarm: str | None
    ignored: list[str] = []

    def coverage_of(self, size: int) -> Coverage:
        """Whether the first *size* events are witnessed, only signed, or neither."""
        if self.witnessed is not None and size <= self.witnessed:
            return Coverage.WITNESSED
        if self.signed is not None and size <= self.signed:
            return Coverage.SIGNED
        return Coverage.PENDING


def published_policy(keys: Sequence[LogKey], witnesses: Policy) -> bytes:
    """The policy file that the log publishes: all its keys, and its witnesses.

    A verifier must obtain the keys from another source; the file says so in a comment.
    """
    comments = [
        "Handed out by the log itself, so it proves nothing: get your copy of these",
        "keys by another way, and compare.",
    ]
    comments += [
        f"The log key {one.key.key_id.hex()} signed up to size {one.last_size}."
        for one in keys
        if one.last_size is not None
    ]
    if not witnesses.witnesses:
        comments += ["", *UNWATCHED]
    logs = tuple(Party(one.key) for one in keys)
    return policy.encode(structs.replace(witnesses, logs=logs), comments)


UNWATCHED = (
    "WARNING: THIS LOG HAS NO WITNESS. Nobody outside the office cosigns it: the",
    "holder of its key can rewrite history and sign it again undetected.",
)


async def latest(connection: Reader) -> SignedCheckpoint | None:
    """The last checkpoint; None if none is signed yet."""
    before = LAST
    while rows := await connection.fetch(
        """
        select number, size, root, note, signed_at
          from ledger.checkpoint
         where number < $1
         order by number desc
         limit 16
        """,
        before,
    ):
        known = await _verifier_keys(connection)
        for row in rows:
            if is_signed(row["note"], row["size"], row["root"], known):
                return await _signed_checkpoint(connection, row)
        before = rows[-1]["number"]
    return None


async def covering_checkpoint(connection: Reader, size: int) -> SignedCheckpoint | None:
    """The first checkpoint of at least *size*; None if there is none yet."""
    async for found in _checkpoints(connection, size, LAST, page=16):
        return found
    return None


async def checkpoints_up_to(
    connection: Reader, size: int
) -> AsyncIterator[SignedCheckpoint]:
    """The last checkpoint of each signed size up to *size*, in ascending order."""
    async for found in _checkpoints(connection, 0, size):
        yield found


async def checkpoints_after(
    connection: Reader, size: int, most: int
) -> AsyncIterator[SignedCheckpoint]:
    """At most *most* checkpoints of more than *size*, in ascending order."""
    count = 0
    async for found in _checkpoints(connection, size + 1, LAST):
        yield found
        count += 1
        if count == most:
            return


async def _checkpoints(
    connection: Reader, least: int, most: int, page: int = PAGE
) -> AsyncIterator[SignedCheckpoint]:
    """The last checkpoint of each size from *least* to *most*, in ascending order."""
    known = await _verifier_keys(connection)
    size, number = least, -1
    found: asyncpg.Record | None = None
    while rows := await connection.fetch(
        """
        select number, size, root, note, signed_at
          from ledger.checkpoint
         where (size, number) > ($1, $2)
           and size <= $3
         order by size, number
         limit $4
        """,
        size,
        number,
        most,
        page,
    ):
        for row in rows:
            size, number = row["size"], row["number"]
            if not is_signed(row["note"], size, row["root"], known):
                continue
            if found is not None and found["size"] < size:
                yield await _signed_checkpoint(connection, found)
            found = row
    if found is not None:
        yield await _signed_checkpoint(connection, found)


def is_signed(raw: str, size: int, root: bytes, vkeys: tuple[str, ...]) -> bool:
    """Whether the note *raw* is a checkpoint of *size* and *root* signed by *vkeys*."""
    found = _verified_checkpoint(raw, vkeys)
    return found is not None and (found.size, found.root) == (size, root)


@lru_cache(maxsize=1024)
def _verified_checkpoint(raw: str, vkeys: tuple[str, ...]) -> Checkpoint | None:
    """The checkpoint in a note signed by one of the keys; None if it is not valid."""
    try:
        signed = note.parse(raw.encode())
        found = checkpoint.parse(signed.text)
        known = [note.parse_verifier(vkey) for vkey in vkeys]
        note.verify(signed, [key for key in known if key.name == found.origin])
    except (Malformed, Unverified):
        return None
    return found


async def _verifier_keys(connection: Reader) -> tuple[str, ...]:
    return tuple(str(one.key) for one in await log_keys(connection))


async def log_keys(connection: Reader) -> list[LogKey]:
    """The log's keys, oldest first; the last one is the current key."""
    rows = await connection.fetch(
        """
        select vkey, first_size,
               lead(first_size) over (order by number) as last_size
          from ledger.log_key
         order by number
        """
    )
    return [
        LogKey(key, row["first_size"], row["last_size"])
        for row in rows
        if (key := _parse_key(row["vkey"])) is not None
    ]


@lru_cache(maxsize=64)
def _parse_key(vkey: str) -> VerifierKey | None:
    """The verifier key in a row; None if it is malformed, so the row is ignored."""
    try:
        return note.parse_verifier(vkey)
    except Malformed:
        return None


async def publish(
    connection: Reader, found: Checkpoint, signed: Note, by: Sequence[VerifierKey]
) -> None:
    """Store a signed checkpoint and the keys that verify its signatures; idempotent."""
    for key in by:
        await connection.fetch(
            """
            insert into ledger.log_key (vkey, first_size)
            select $1, $2
             where not exists (select from ledger.log_key where vkey = $1)
            """,
            str(key),
            found.size,
        )
    await connection.fetch(
        """
        insert into ledger.checkpoint (size, root, note)
        select $1, $2, $3
         where not exists (select from ledger.checkpoint where size = $1 and note = $3)
        """,
        found.size,
        found.root,
        str(signed),
    )


async def assurance(connection: Reader, witnesses: Policy) -> Assurance:
    """The coverage of the log by the signer and these witnesses."""
    last = await latest(connection)
    most = last.size if last else -1
    return Assurance(
        last.size if last else None,
        last.signed_at if last else None,
        await cosignature_store.witnessed_size(connection, witnesses, most),
        len({key.name for key in witnesses.witness_keys}),
        await alarm(connection),
        await cosignature_store.ignored_cosignatures(connection, most),
    )


async def alarm(connection: Reader) -> str | None:
    """The reason why the signer refuses to sign; None without an alarm."""
    found = await connection.fetchval(
        """
        select case when raised then sentence end
          from ledger.alarm
         order by number desc
         limit 1
        """
    )
    return None if found is None else str(found)


async def record_alarm(connection: Reader, sentence: str, *, raised: bool) -> None:
    """Record that an alarm was raised or cleared; idempotent."""
    if (await alarm(connection)) != (sentence if raised else None):
        await connection.fetch(
            "insert into ledger.alarm (raised, sentence) values ($1, $2)",
            raised,
            sentence,
        )


async def _signed_checkpoint(
    connection: Reader, row: asyncpg.Record
) -> SignedCheckpoint:
    return SignedCheckpoint(
        row["size"],
        row["root"],
        row["note"],
        row["signed_at"],
        await cosignature_store.cosignature_lines(connection, row["size"], row["note"]),
    )
