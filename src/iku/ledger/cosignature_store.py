"""Witnesses' cosignatures in the database, each verified whenever it is read.

A row proves nothing: the signer's login allows any row to be inserted. It counts only
if its line is a signature by its key over a checkpoint of its size, and its size is at
most that of the last checkpoint. Other rows are ignored and reported. A witness may
have any number of rows of one size, so that an invalid row does not replace a valid
one.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from iku.ledger import checkpoint, note
from iku.ledger.log import Reader
from iku.ledger.note import (
    Malformed,
    Note,
    Unverified,
    VerifiedSignature,
    VerifierKey,
)
from iku.ledger.policy import NONE, Policy
from iku.messages import message

PAGE = 16  # sizes that are read at a time
REPORTED = 10  # rows of a size beyond the log that are reported


async def add(connection: Reader, size: int, found: VerifiedSignature) -> None:
    """Store a witness's cosignature of a checkpoint; idempotent."""
    await connection.fetch(
        """
        insert into ledger.cosignature (size, vkey, line)
        select $1, $2, $3
         where not exists (
               select
                 from ledger.cosignature
                where size = $1 and vkey = $2 and line = $3)
        """,
        size,
        str(found.key),
        found.signature.line,
    )


async def cosignature_lines(
    connection: Reader, size: int, signed: str
) -> tuple[str, ...]:
    """The valid cosignature lines of a checkpoint of *size*, one of each key.

    Their number is limited, so that the note with these lines stays within its limits.
    """
    rows = await connection.fetch(
        "select vkey, line from ledger.cosignature where size = $1 order by number",
        size,
    )
    text, found = _note_text(signed), dict[str, str]()
    for row in rows:
        if _verified_timestamp(text, row["vkey"], row["line"]) is not None:
            found.setdefault(row["vkey"], row["line"])
    return tuple(_within_limits(signed, found.values()))


def _within_limits(signed: str, lines: Iterable[str]) -> Iterator[str]:
    room = note.LONGEST - len(signed.encode())
    for line in islice(lines, note.MOST_SIGNATURES // 2):
        room -= len(line.encode())
        if room < 0:
            return
        yield line


async def cosigned_size(connection: Reader, key: VerifierKey, most: int) -> int:
    """The largest size up to *most* that a witness's key cosigned; 0 without one."""
    async for size, _ in _cosigners_by_size(connection, [key], most):
        return size
    return 0


async def witnessed_size(
    connection: Reader, witnesses: Policy, most: int
) -> int | None:
    """The largest size up to *most* that a quorum cosigned; None without one."""
    if witnesses.quorum == NONE:
        return None
    async for size, by in _cosigners_by_size(connection, witnesses.witness_keys, most):
        # A timestamp of 0 means no time, so such a cosignature does not count.
        if witnesses.is_quorum([key for key, time in by.items() if time]):
            return size
    return None


async def ignored_cosignatures(connection: Reader, most: int) -> list[str]:
    """A sentence for each ignored cosignature among the latest ones.

    The latest cosignatures are those of sizes beyond *most*, and of the last sizes up
    to *most*.
    """
    rows = await connection.fetch(
        """
        (select size, vkey, line, array[]::text[] as notes
           from ledger.cosignature
          where size > $1
          order by size desc, number
          limit $2)
         union all
        (select c.size, c.vkey, c.line,
                array(select k.note from ledger.checkpoint k where k.size = c.size)
           from (select distinct size
                   from ledger.cosignature
                  where size <= $1
                  order by size desc
                  limit $3) s
           join ledger.cosignature c on c.size = s.size
          order by c.size desc, c.number)
        """,
        most,
        REPORTED,
        PAGE,
    )
    return [
        found
        for row in rows
        if (found := cosignature_finding(*row, beyond=row["size"] > most))
    ]


async def cosignature_findings(connection: Reader, most: int) -> AsyncIterator[str]:
    """A sentence for every stored cosignature that is ignored."""
    after = 0
    while rows := await connection.fetch(
        """
        select c.number, c.size, c.vkey, c.line,
               array(select k.note from ledger.checkpoint k where k.size = c.size)
                 as notes
          from ledger.cosignature c
         where c.number > $1
         order by c.number
         limit 1000
        """,
        after,
    ):
        for number, size, *rest in rows:
            after = number
            if found := cosignature_finding(size, *rest, beyond=size > most):
                yield found


def cosignature_finding(
    size: int, vkey: str, line: str, notes: Sequence[str], *, beyond: bool
) -> str | None:
    """The reason why a stored cosignature is ignored; None if it verifies."""
    name = vkey.partition("+")[0]
    if beyond:
        return message(
            "cosignature of {name} at size {size} ignored: no checkpoint of that size "
            "is signed",
            name=name,
            size=size,
        )
    texts = _checkpoint_texts(size, notes)
    if all(_verified_timestamp(text, vkey, line) is None for text in texts):
        return message(
            "cosignature of {name} at size {size} ignored: it does not verify",
            name=name,
            size=size,
        )
    return None


async def _cosigners_by_size(
    connection: Reader, keys: Iterable[VerifierKey], most: int
) -> AsyncIterator[tuple[int, dict[VerifierKey, int]]]:
    """The sizes up to *most*, largest first, each with its cosigners and times."""
    known = {str(key): key for key in keys}
    while True:
        rows = await connection.fetch(
            """
            select c.size, array_agg(c.vkey order by c.number) as vkeys,
                   array_agg(c.line order by c.number) as lines,
                   array(select k.note from ledger.checkpoint k where k.size = c.size)
                     as notes
              from ledger.cosignature c
             where c.vkey = any($1::text[])
               and c.size <= $2
             group by c.size
             order by c.size desc
             limit $3
            """,
            list(known),
            most,
            PAGE,
        )
        for size, vkeys, given, notes in rows:
            texts = _checkpoint_texts(size, notes)
            by = {
                known[vkey]: time
                for vkey, line in zip(vkeys, given, strict=True)
                for text in texts
                if (time := _verified_timestamp(text, vkey, line)) is not None
            }
            if by:
                yield size, by
        if len(rows) < PAGE:
            return
        most = rows[-1]["size"] - 1


def _checkpoint_texts(size: int, notes: Iterable[str]) -> list[str]:
    """The texts of those *notes* that are checkpoints of *size*."""
    return [
        text for text in map(_note_text, set(notes)) if _checkpoint_size(text) == size
    ]


@lru_cache(maxsize=1024)
def _note_text(signed: str) -> str:
    try:
        return note.parse(signed.encode()).text
    except Malformed:
        return ""


def _checkpoint_size(text: str) -> int | None:
    try:
        return checkpoint.parse(text).size
    except Malformed:
        return None


@lru_cache(maxsize=4096)
def _verified_timestamp(text: str, vkey: str, line: str) -> int | None:
    """The timestamp of a cosignature of *text* by *vkey*; None if it is not valid."""
    try:
        key = note.parse_verifier(vkey)
        signature = note.parse_signature(line.removesuffix("\n"))
        [verified] = note.verify(Note(text, (signature,)), [key])
    except (Malformed, Unverified):
        return None
    return verified.time if signature.line == line else None
