"""Signed checkpoints, cosignatures, log keys and alarms in the database."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import StrEnum

import asyncpg
from msgspec import Struct, structs

from iku.ledger import checkpoint, note, policy
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.note import Note, VerifiedSignature, VerifierKey
from iku.ledger.policy import NONE, Party, Policy

PAGE = 256


class Coverage(StrEnum):
    """How strongly a position of the log is covered by signatures."""

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
        """The note as published: cosignatures follow the log's signatures."""
        return self.note + "".join(self.cosignatures)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, parsed from the note."""
        return checkpoint.parse(self.published.text)

    @property
    def published(self) -> Note:
        """The published note, parsed."""
        return note.parse(str(self).encode())


class LogKey(Struct, frozen=True):
    """A key of the log.

    Attributes:
        last_size: Size of the last checkpoint it signed; None for the current key.
    """

    key: VerifierKey
    first_size: int
    last_size: int | None


class Assurance(Struct, frozen=True):
    """The coverage of the log by signatures, and the alarm if one is raised.

    Attributes:
        signed: Size of the last checkpoint; None if nothing was signed yet.
        witnessed: Size of the last checkpoint cosigned by a quorum; None without one.
        witnesses: Number of witnesses in the policy.
        alarm: Why the signer refuses to sign; None without an alarm.
    """

    signed: int | None
    signed_at: datetime | None
    witnessed: int | None
    witnesses: int
    alarm: str | None

    def of(self, size: int) -> Coverage:
        """The coverage of the log's first *size* events."""
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
    "WARNING: THIS LOG HAS NO WITNESS. Nobody outside the office vouches for it:",
    "whoever holds its key can rewrite history and sign it anew, unnoticed.",
)


async def latest(connection: Reader) -> SignedCheckpoint | None:
    """The last checkpoint; None if nothing was signed yet."""
    row = await connection.fetchrow(
        """
        select size, root, note, signed_at
          from ledger.checkpoint
         order by number desc
         limit 1
        """
    )
    return None if row is None else await _signed(connection, row)


async def covering(connection: Reader, size: int) -> SignedCheckpoint | None:
    """The first checkpoint of at least *size*; None if there is none yet."""
    row = await connection.fetchrow(
        """
        select size, root, note, signed_at
          from ledger.checkpoint
         where size >= $1
         order by size, number desc
         limit 1
        """,
        size,
    )
    return None if row is None else await _signed(connection, row)


async def checkpoints_up_to(
    connection: Reader, size: int
) -> AsyncIterator[SignedCheckpoint]:
    """The last checkpoint of each signed size up to *size*, in ascending order."""
    after = -1
    while True:
        rows = await connection.fetch(
            """
            select distinct on (size) size, root, note, signed_at
              from ledger.checkpoint
             where size > $1
               and size <= $2
             order by size, number desc
             limit $3
            """,
            after,
            size,
            PAGE,
        )
        for row in rows:
            yield await _signed(connection, row)
        if len(rows) < PAGE:
            return
        after = rows[-1]["size"]


async def keys(connection: Reader) -> list[LogKey]:
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
        LogKey(note.parse_verifier(row["vkey"]), row["first_size"], row["last_size"])
        for row in rows
    ]


async def publish(
    connection: Reader, found: Checkpoint, signed: Note, by: Sequence[VerifierKey]
) -> None:
    """Store a signed checkpoint and the keys that signed it; idempotent."""
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


async def add_cosignature(
    connection: Reader, size: int, verified_signature: VerifiedSignature
) -> None:
    """Store a witness's cosignature of a checkpoint; the first one is kept."""
    await connection.fetch(
        """
        insert into ledger.cosignature (size, vkey, line)
        values ($1, $2, $3)
            on conflict do nothing
        """,
        size,
        str(verified_signature.key),
        verified_signature.signature.line,
    )


async def cosigned_size(connection: Reader, key: VerifierKey) -> int:
    """The largest size that this witness has cosigned; 0 if none is stored."""
    found = await connection.fetchval(
        "select coalesce(max(size), 0) from ledger.cosignature where vkey = $1",
        str(key),
    )
    return int(found)


async def assurance(connection: Reader, witnesses: Policy) -> Assurance:
    """The coverage of the log by the signer and these witnesses."""
    last = await latest(connection)
    return Assurance(
        last.size if last else None,
        last.signed_at if last else None,
        await _witnessed(connection, witnesses),
        len(witnesses.witnesses),
        await alarm(connection),
    )


async def alarm(connection: Reader) -> str | None:
    """Why the signer refuses to sign; None without an alarm."""
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
    """Record that an alarm is raised or cleared; idempotent."""
    if (await alarm(connection)) != (sentence if raised else None):
        await connection.fetch(
            "insert into ledger.alarm (raised, sentence) values ($1, $2)",
            raised,
            sentence,
        )


async def _witnessed(connection: Reader, witnesses: Policy) -> int | None:
    """The largest size that a quorum of *witnesses* has cosigned; None without one."""
    if witnesses.quorum == NONE:
        return None
    known = {str(key): key for key in witnesses.witness_keys}
    before = None
    while True:
        rows = await connection.fetch(
            """
            select size, array_agg(vkey) as by
              from ledger.cosignature
             where vkey = any($1::text[])
               and ($2::bigint is null or size < $2)
             group by size
             order by size desc
             limit $3
            """,
            list(known),
            before,
            PAGE,
        )
        for row in rows:
            if witnesses.is_quorum([known[vkey] for vkey in row["by"]]):
                return int(row["size"])
        if len(rows) < PAGE:
            return None
        before = rows[-1]["size"]


async def _signed(connection: Reader, row: asyncpg.Record) -> SignedCheckpoint:
    lines = await connection.fetch(
        """
        select line
          from ledger.cosignature
         where size = $1
         order by vkey
        """,
        row["size"],
    )
    return SignedCheckpoint(
        row["size"],
        row["root"],
        row["note"],
        row["signed_at"],
        tuple(line["line"] for line in lines),
    )
