"""A process that records while periods close: ``recording.py DATABASE HOME NAME``.

It prints a line, and then several clients record facts of random days without a reason
until standard input is closed. Half of the facts that are refused for lack of a reason
are sent again with one. At the end the process prints the numbers of facts recorded
without a reason, refused, and recorded with a reason.
"""

import asyncio
import random
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from iku.app import App, open_app
from iku.commands.command import Command
from iku.domain import conflict, organisation
from iku.domain.closed_periods import ReasonRequired
from iku.domain.decider import Refused
from iku.ledger.log import VersionConflict
from iku.postgres.database import Database
from iku.settings import Settings

CLIENTS = 4
FIRST = date(2019, 1, 1)
DAYS = 4 * 365


def chosen(chance: random.Random, name: str, number: int) -> tuple[str, str, Any]:
    """A random fact: category, subject and the fact."""
    day = FIRST + timedelta(days=chance.randrange(DAYS))
    new = f"{name}-{number}"
    old = f"{name}-{chance.randrange(max(number, 1))}"
    kind = chance.choice(["register", "report", "take part", "verify", "resolve"])
    match kind:
        case "register":
            fact: Any = organisation.Registered(
                kind=organisation.OrganisationKind.LSM,
                name="LSM Contoh",
                legal_basis=organisation.LegalBasis.BADAN_HUKUM,
                effective_on=day,
            )
            return "organisation", f"O{new}", fact
        case "report":
            fact = conflict.Reported(
                category=conflict.Category.SARA,
                dimension=conflict.Dimension.SUKU,
                title="Perselisihan",
                effective_on=day,
            )
            return "conflict", f"K{new}", fact
        case "take part":
            fact = organisation.Participated(
                participation=f"P{number}",
                activity=organisation.Activity.MUSRENBANG,
                effective_on=day,
                verified=True,
            )
            return "organisation", f"O{old}", fact
        case "verify":
            return "conflict", f"K{old}", conflict.Verified(effective_on=day)
        case _:
            manner = conflict.Manner.ISLAH
            fact = conflict.Resolved(effective_on=day, manner=manner)
            return "conflict", f"K{old}", fact


async def client(app: App, ended: asyncio.Event, name: str) -> Counter[str]:
    """Record facts one after the other, all of subjects that only this client uses."""
    chance, done = random.Random(name), Counter[str]()
    number = 0
    while not ended.is_set():
        number += 1
        category, subject, fact = chosen(chance, name, number)
        for proposed in (fact, structs.replace(fact, reason="Laporan baru diterima")):
            try:
                async with app.pool.acquire() as connection:
                    await app.commands.handle(
                        connection, Command(category, subject, proposed, name)
                    )
            except ReasonRequired:
                done["refused"] += 1
                if chance.random() < 0.5:
                    continue
            except (Refused, LookupError, VersionConflict):
                pass
            else:
                done["late" if proposed.reason else "recorded"] += 1
            break
    return done


async def main(database: Database, home: Path, name: str) -> None:
    """Run all clients concurrently, then print the numbers."""
    ended = asyncio.Event()
    async with open_app(Settings(home=home), database) as app:
        clients = asyncio.gather(
            *(client(app, ended, f"{name}.{n}") for n in range(CLIENTS))
        )
        sys.stdout.write("recording\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        ended.set()
        done = await clients
    total = sum(done, Counter[str]())
    sys.stdout.write(f"{total['recorded']} {total['refused']} {total['late']}\n")


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Database)
    asyncio.run(main(given, Path(sys.argv[2]), sys.argv[3]))
