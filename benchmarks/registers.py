"""Generated registers of given sizes, loaded in batches.

`register(count)` opens a database with that many events, stored in ``var/benchmarks``
so that it is filled only once. Its years end with 2021; 20,000 events in twenty years
are a busy city (docs/scaling.md). Every case is resolved eventually, so a longer log
with the same activity has as many open cases in its last year.
"""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from itertools import count as numbers
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from iku.app import App, open_app
from iku.commands.command import Command
from iku.commands.decision import CommandDecision, request
from iku.domain import conflict, organisation
from iku.domain.conflict import DIMENSIONS, Category, Level, Manner
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Annulled
from iku.domain.organisation import Activity, LegalBasis, OrganisationKind
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection, Receipt
from iku.postgres import pool as pools
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease
from iku.settings import Settings
from iku.streams import FoldedStream

FOLDER = Path("var") / "benchmarks"
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
}
BEGIN, END, YEARS = date(2002, 1, 1), date(2021, 12, 31), 20
EVENTS_A_SUBJECT = 6  # on average, or a little more
BATCH = 2_000
AREAS = ("35.76.01.1003", "35.76.02.1009", "35.76.02.1001", "35.76.03.1001", None)


class GeneratedEvent(NamedTuple):
    """A command, ordered by the day it became known."""

    known_on: date
    order: int
    last: bool  # whether it is the last command of its subject
    command: Command


@asynccontextmanager
async def register(
    count: int,
    folder: Path = FOLDER,
    settings: Mapping[str, str] | None = None,
    years: int = YEARS,
) -> AsyncIterator[Database]:
    """A database with *count* events in *years* years, filled on first use.

    Its server has *settings* in addition to those of production. None selects the
    fastest settings for filling, which are not durable.
    """
    home = register_folder(count, folder, years)
    if settings is not None:
        async with register(count, folder, years=years):
            pass
    server = lease(home, FAST if settings is None else settings)
    held = await asyncio.to_thread(server.__enter__)
    try:
        database = Database(held.owner_dsn, held.application_dsn, held.signer_dsn)
        await migrate_database(database)
        await _fill(database, count, years)
        yield database
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


def register_folder(count: int, folder: Path = FOLDER, years: int = YEARS) -> Path:
    """The folder of the register of *count* events in *years* years."""
    return folder / (str(count) if years == YEARS else f"{count}-in-{years}-years")


@asynccontextmanager
async def open_register(database: Database) -> AsyncIterator[tuple[App, Connection]]:
    """The application over a database, and a connection to it."""
    async with (
        open_app(Settings(home=FOLDER), database) as app,
        app.pool.acquire() as connection,
    ):
        yield app, connection


async def _fill(database: Database, count: int, years: int) -> None:
    async with open_register(database) as (app, connection):
        size = (await log.head(connection)).size
        if size >= count:
            return
        if size > 4:
            raise SystemExit(
                f"{register_folder(count, years=years)} is half filled; delete it"
            )
        began = time.perf_counter()
        await load(app, connection, generate_events(count - size, years=years))
        took = time.perf_counter() - began
    owner = await pools.connect_as_owner(database.owner_dsn)
    await owner.execute("vacuum analyze")
    await owner.close()
    print(f"loaded {count:,} events in {took:.0f} s, {count / took:,.0f} a second")


async def load(
    app: App, connection: Connection, told: Iterator[GeneratedEvent]
) -> None:
    """Append facts that are known to be legal, without decisions; project them."""
    histories: dict[str, FoldedStream] = {}
    batch: list[log.AppendRequest] = []
    for one in told:
        command = one.command
        before = histories.get(command.stream, FoldedStream())
        after = DECIDERS[command.category].evolve(before.state, command.proposed)
        decided = CommandDecision([command.proposed], before, after, ())
        body = app.vault.keys.digest(command.content)
        drawn = request(command, decided, body)
        batch.append(drawn)
        if one.last:
            histories.pop(command.stream, None)
        else:
            histories[command.stream] = FoldedStream(after, before.version + 1)
        if len(batch) == BATCH:
            await _append(app, connection, batch)
            batch = []
    if batch:
        await _append(app, connection, batch)


async def _append(
    app: App, connection: Connection, batch: list[log.AppendRequest]
) -> None:
    async with connection.transaction():
        await connection.execute("set local statement_timeout = 0")
        zone = app.settings.timezone.key
        verdicts = await log.append(connection, batch, zone=zone)
        accepted = [
            AcceptedRequest(asked, verdict)
            for asked, verdict in zip(batch, verdicts, strict=True)
            if isinstance(verdict, Receipt)
        ]
        assert len(accepted) == len(batch), verdicts
        await app.append.project(connection, accepted)


def generate_events(
    count: int, seed: int = 2021, years: int = YEARS
) -> Iterator[GeneratedEvent]:
    """Exactly *count* legal commands in the order in which they became known."""
    random, order, told = Random(seed), numbers(), 0
    begin = date(END.year + 1 - years, 1, 1)
    days = (END - begin).days + 1
    pending: list[GeneratedEvent] = []
    subjects = count // EVENTS_A_SUBJECT + 1
    for number in range(10 * subjects):
        begins = begin + timedelta(days=min(number * days // subjects, days - 1))
        for one in _subject_events(random, number, begins, order):
            heapq.heappush(pending, one)
        while pending and pending[0].known_on <= begins:
            yield heapq.heappop(pending)
            told += 1
            if told == count:
                return


def _subject_events(
    random: Random, number: int, begins: date, order: Iterator[int]
) -> Iterator[GeneratedEvent]:
    """The commands of one subject, in the order in which they became known."""
    of_case = random.random() < 0.6
    category, letter = ("conflict", "K") if of_case else ("organisation", "O")
    subject = f"{letter}{number:07}"
    facts = list((_case if of_case else _organisation)(random, begins))
    known_on = begins
    for place, (day, proposed) in enumerate(facts, start=1):
        # Some facts are known on their day, others later.
        known_on = max(known_on, day + timedelta(days=random.choice((0, 0, 1, 3, 40))))
        command = Command(category, subject, proposed, "uji", known_on=known_on)
        yield GeneratedEvent(known_on, next(order), place == len(facts), command)


def _case(random: Random, day: date) -> Iterator[tuple[date, Any]]:
    category = random.choice(list(Category))
    yield (
        day,
        conflict.Reported(
            category=category,
            dimension=random.choice(DIMENSIONS[category]),
            title="Perselisihan",
            effective_on=day,
            level=random.choices(list(Level), [1, 6, 2, 1])[0],
            area=random.choice(AREAS),
        ),
    )
    yield day, conflict.Verified(effective_on=day)
    if random.random() < 0.2:
        yield (
            day,
            conflict.Corrected(corrects=1, level=Level.KEKERASAN, reason="Salah catat"),
        )
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        day = _random_later_day(random, day, 200)
        manner = random.choice(list(Manner))
        yield day, conflict.Resolved(effective_on=day, manner=manner)
        day = _random_later_day(random, day, 300)
        yield day, conflict.Reopened(effective_on=day)
    day = _random_later_day(random, day, 400 if random.random() < 0.8 else 2_000)
    yield day, conflict.Resolved(effective_on=day, manner=Manner.MEDIASI)


def _organisation(random: Random, day: date) -> Iterator[tuple[date, Any]]:
    kind = random.choice(list(OrganisationKind))
    party = kind is OrganisationKind.PARPOL
    yield (
        day,
        organisation.Registered(
            kind=kind,
            name="Perkumpulan",
            legal_basis=LegalBasis.PARPOL if party else LegalBasis.BADAN_HUKUM,
            effective_on=day,
        ),
    )
    last = random.randint(3, 10)
    for number in range(last):
        day = _random_later_day(random, day, 500)
        yield (
            day,
            organisation.Participated(
                participation=f"P{number}",
                activity=random.choice(list(Activity)),
                effective_on=day,
                verified=random.random() < 0.9,
            ),
        )
    if random.random() < 0.2:
        yield day, Annulled(annuls=random.randint(2, last), reason="Salah catat")
    if random.random() < 0.5:
        day = _random_later_day(random, day, 400)
        yield day, organisation.Dissolved(effective_on=day)


def _random_later_day(random: Random, day: date, most: int) -> date:
    return day + timedelta(days=random.randint(1, most))
