"""The log of an earlier version of the program, and that version's answers.

Rules change, but records made under older rules remain. The log is therefore kept byte
for byte, with every type of event and with entries that are refused today: numbers that
differ only in case, a certificate without an expiry date, a party based on a
certificate, a repeated target, an indicator whose category was redefined, late entries
without a reason. `load` writes the records into an empty ledger, as restoring a copy
does. Texts are not included, so all answers withhold them.

The answers to 2,000 questions, drawn by `tests/kept/drawing.py`, are those of the
program that recorded the log.
"""

import gzip
import json
import lzma
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from iku.ledger import tree
from iku.postgres.pool import Plain
from tests.web.conftest import Client

HOME = Path(__file__).parent / "2026-11"
RECORDED_ON = date(2026, 11, 27)  # the knowledge cut-off of questions without one


def unzipped(name: str) -> bytes:
    """The decompressed content of a kept file."""
    return gzip.decompress((HOME / name).read_bytes())


def records() -> list[bytes]:
    """Every record, in log order."""
    return unzipped("records.ndjson.gz").split(b"\n")[:-1]


def answers() -> dict[str, Any]:
    """The kept answers, by path and query; None for Not Found."""
    # Explanations repeat each other at distances beyond the window of gzip.
    raw = lzma.decompress((HOME / "answers.json.xz").read_bytes())
    found: dict[str, Any] = json.loads(raw)
    return found


async def load(owner: Plain, kept: list[bytes]) -> None:
    """Write the records into an empty ledger; the projections remain empty.

    *owner* is a connection in the owner's role, with event triggers disabled.
    """
    events: list[tuple[Any, ...]] = []
    streams: dict[str, tuple[str, int, date]] = {}
    commands: dict[str, tuple[Any, ...]] = {}
    for position, raw in enumerate(kept, start=1):
        one = json.loads(raw)
        stream, version, effective = one["stream"], one["version"], one["effective_on"]
        known_on = date.fromisoformat(one["known_on"])
        events.append(
            (
                *(position, stream, version, one["type"]),
                date.fromisoformat(effective) if effective else None,
                *(known_on, one["declared"]),
                datetime.fromisoformat(one["recorded_at"]),
                *(raw, tree.leaf_hash(raw)),
            )
        )
        streams[stream] = (stream, version, known_on)
        # The request bodies are not kept, so a repeated request is not recognised.
        *_, count, _ = commands.get(one["command"], (0, 0))
        asked = sha256(one["command"].encode()).digest()
        place = (stream, version, position, count + 1, position)
        commands[one["command"]] = (one["command"], asked, *place)
    await owner.executemany(
        """
        insert into ledger.event (position, stream, version, type, effective_on,
               known_on, declared, recorded_at, record, leaf)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        events,
    )
    await owner.executemany(
        "insert into ledger.stream (stream, version, known_on) values ($1, $2, $3)",
        list(streams.values()),
    )
    await owner.executemany(
        """
        insert into ledger.command
               (command_id, body, stream, version, position, count, size)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        list(commands.values()),
    )
    await owner.execute(
        "update ledger.head set size = $1, recorded_at = $2, known_on = $3",
        len(events),
        events[-1][7],
        max(event[5] for event in events),
    )


async def ask(client: Client, addresses: Iterable[str]) -> dict[str, Any]:
    """The present answers, by path and query.

    NDJSON is decoded to a list of its lines, and Not Found to None.
    """
    found: dict[str, Any] = {}
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code in {200, 404}, f"{address}: {answer.text}"
        if answer.status_code == 404:
            found[address] = None
        elif "ndjson" in answer.headers["Content-Type"]:
            found[address] = [json.loads(line) for line in answer.text.splitlines()]
        else:
            found[address] = answer.json()
    return found


# Terms of the reasons that were replaced since; the facts are the same.
REWORDED = (
    ("not resolved on the eve of", "not resolved before"),
    ("belum selesai menjelang", "belum selesai sebelum"),
    ("so that it was gone by", "so no longer existing on"),
    ("counted: it was there in the period", "counted: existed in the period"),
    ("berperan aktif: keikutsertaan", "berpartisipasi aktif: partisipasi"),
    ("berperan aktif", "berpartisipasi aktif"),
    ("keikutsertaan terverifikasi", "partisipasi terverifikasi"),
)


def differences(was: Any, now: Any, where: str) -> list[str]:
    """The paths at which *now* differs from *was*; fields added since are ignored."""
    if was == now or (isinstance(was, str) and _reworded(was) == now):
        return []
    if isinstance(was, list) and isinstance(now, dict):
        now = now["items"]  # histories were one list before they had pages
    if isinstance(was, dict) and isinstance(now, dict):
        gone = [f"{where}.{key} is gone" for key in was.keys() - now.keys()]
        return gone + [
            found
            for key in was.keys() & now.keys()
            for found in differences(was[key], now[key], f"{where}.{key}")
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [
            found
            for index, (one, other) in enumerate(zip(was, now, strict=True))
            for found in differences(one, other, f"{where}[{index}]")
        ]
    return [f"{where} was {was!r} and is {now!r}"]


def _reworded(was: str) -> str:
    for old, new in REWORDED:
        was = was.replace(old, new)
    return was
