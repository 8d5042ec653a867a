"""A register in a separate database, and a generator of random facts for it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import date, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

from iku import streams
from iku.app import App, open_app
from iku.commands.command import Command, CommandResult
from iku.commands.decision import CommandDecision, request
from iku.domain import conflict, organisation
from iku.domain.conflict import DIMENSIONS, Category, Level, Manner
from iku.domain.decider import Refused, SubjectNotFound
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Annulled
from iku.domain.figure import Figure
from iku.domain.indicator import (
    CarryOver,
    DateBasis,
    ExpiredRegistration,
    Population,
    Redefinition,
    Reopening,
    Revision,
    Targeted,
)
from iku.domain.organisation import Activity, LegalBasis, OrganisationKind
from iku.domain.period import Kind as PeriodKind
from iku.domain.question import Question
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection, KnownOnDecreased, Receipt
from iku.ledger.record import Recorded
from iku.postgres.database import Database
from iku.queries import event_history, search
from iku.queries.event_history import EventView
from iku.queries.recount import recount
from iku.queries.search import ListedMatches, Search
from iku.queries.view import View
from iku.streams import FoldedStream
from tests.conftest import SETTINGS

FIRST = date(2020, 11, 1)
SPAN = 800  # days; includes boundaries of every kind of period
CASES = [f"K{n:02}" for n in range(12)]
ORGANISATIONS = [f"O{n:02}" for n in range(8)]
CODES = ("IKU-1", "IKU-2", "IKU-3")
AREAS = ("35.76.01.1003", "35.76.02.1009", "35.76.02.1001", None)

T = TypeVar("T")


class World:
    """An application, a connection to its database, and shorthands."""

    def __init__(self, app: App, connection: Connection) -> None:
        self.app = app
        self.connection = connection
        self.today = app.commands.today()
        self._loaded: dict[str, FoldedStream] = {}

    @property
    def view(self) -> View:
        return self.app.view(self.connection)

    async def do(
        self,
        category: str,
        subject: str,
        proposed: Any,
        known_on: date | None = None,
        command_id: str | None = None,
    ) -> CommandResult:
        command = Command(
            category, subject, proposed, "uji", command_id, known_on=known_on
        )
        return await self.app.commands.handle(self.connection, command)

    async def try_to(self, *args: Any, **named: Any) -> CommandResult | None:
        """The result of a command; None if it is refused."""
        try:
            return await self.do(*args, **named)
        except (Refused, SubjectNotFound, KnownOnDecreased):
            return None

    async def figure(self, question: Question) -> Figure:
        [answer] = await self.app.figures.answer(
            self.connection, [question], self.today
        )
        return answer

    async def recount(self, question: Question) -> Figure:
        return await recount(self.connection, question, self.today)

    async def size(self) -> int:
        return (await log.head(self.connection)).size

    def _body(self, command: Command) -> bytes:
        return self.app.vault.keys.digest(command.content)

    async def search(self, asked: Search) -> ListedMatches:
        return await search.page(self.view, asked)

    async def history(self, category: str, subject: str) -> Sequence[EventView]:
        return await event_history.history(self.view, category, subject)

    def continue_from(self, recorded: Sequence[Recorded]) -> None:
        """Enable `load` to append to a stream that it did not begin."""
        self._loaded[recorded[0].stream] = streams.fold(recorded)

    async def load(self, sent: Sequence[Command], batch: int = 500) -> None:
        """Append many commands without decisions; they must be legal.

        No other writer may append to the streams of their subjects.
        """
        histories = self._loaded
        requests = []
        for command in sent:
            before = histories.get(command.stream, FoldedStream())
            after = DECIDERS[command.category].evolve(before.state, command.proposed)
            decided = CommandDecision([command.proposed], before, after, ())
            requests.append(request(command, decided, self._body(command)))
            histories[command.stream] = FoldedStream(after, before.version + 1)
        zone = self.app.settings.timezone.key
        for start in range(0, len(requests), batch):
            part = requests[start : start + batch]
            async with self.connection.transaction():
                verdicts = await log.append(self.connection, part, zone=zone)
                accepted = [
                    AcceptedRequest(asked, verdict)
                    for asked, verdict in zip(part, verdicts, strict=True)
                    if isinstance(verdict, Receipt)
                ]
                assert len(accepted) == len(part)
                await self.app.append.project(self.connection, accepted)


class Running:
    """A world for tests that are not coroutines, with its own event loop."""

    def __init__(self, database: Database) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.world = self._runner.run(self._open(database))

    async def _open(self, database: Database) -> World:
        app = await self._stack.enter_async_context(open_app(SETTINGS, database))
        connection = await self._stack.enter_async_context(app.pool.acquire())
        return World(app, connection)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()


class Chance:
    """Random facts, days and questions, weighted towards likely ones."""

    def __init__(
        self,
        random: Random,
        cases: Sequence[str] = CASES,
        organisations: Sequence[str] = ORGANISATIONS,
    ) -> None:
        self.random = random
        self.cases = cases
        self.organisations = organisations

    def day(self) -> date:
        day = FIRST + timedelta(days=self.random.randrange(SPAN))
        if self.random.random() < 0.3:  # the boundary of a month
            day = day.replace(day=1) - timedelta(days=self.random.randrange(2))
        return max(day, FIRST)

    def case(self) -> tuple[str, Any]:
        r = self.random
        number = r.choice(self.cases)
        makers: list[Callable[[], Any]] = [
            self.reported,
            lambda: conflict.Verified(effective_on=self.day()),
            lambda: conflict.Returned(effective_on=self.day(), missing="Surat"),
            lambda: conflict.Resolved(
                effective_on=self.day(), manner=r.choice(list(Manner))
            ),
            lambda: conflict.Reopened(effective_on=self.day()),
            self._reclassified,
            self._corrected,
            lambda: Annulled(annuls=r.randint(1, 9), reason="Salah catat"),
            lambda: conflict.Merged(into=r.choice(self.cases), reason="Sama"),
            lambda: conflict.Rejected(reason="Bukan konflik"),
        ]
        [made] = r.choices(makers, [4, 4, 1, 6, 4, 3, 4, 3, 1, 1])
        return number, made()

    def _kind(self) -> dict[str, Any]:
        # The third category counts in no figure.
        [category] = self.random.choices(list(Category), [6, 6, 1])
        return {
            "category": category,
            "dimension": self.random.choice(DIMENSIONS[category]),
        }

    def reported(self, title: str = "Perselisihan") -> conflict.Reported:
        day = self.day()
        return conflict.Reported(
            **self._kind(),
            title=title,
            effective_on=day,
            occurred_on=day - timedelta(days=self.random.choice([0, 3, 40])),
            level=self.random.choice(list(Level)),
            area=self.random.choice(AREAS),
        )

    def _reclassified(self) -> Any:
        return conflict.Reclassified(effective_on=self.day(), **self._kind())

    def _corrected(self) -> Any:
        restated = self.random.choice(
            [
                {"effective_on": self.day()},
                self._kind(),
                {"level": self.random.choice(list(Level))},
                {"area": "35.76.03.1001"},
                {"area": None},
                {"occurred_on": None},
                {"manner": self.random.choice(list(Manner))},
            ]
        )
        return conflict.Corrected(
            corrects=self.random.randint(1, 6), reason="Salah catat", **restated
        )

    def organisation(self) -> tuple[str, Any]:
        r = self.random
        number = r.choice(self.organisations)
        participation = f"{number}-P{r.randrange(12)}"
        makers: list[Callable[[], Any]] = [
            self.registered,
            lambda: organisation.Participated(
                participation=participation,
                activity=r.choice(list(Activity)),
                effective_on=self.day(),
                verified=r.random() < 0.6,
            ),
            lambda: organisation.ParticipationVerified(participation=participation),
            lambda: organisation.Renewed(
                effective_on=(day := self.day()),
                valid_until=day + timedelta(days=r.choice([0, 60, 400])),
            ),
            lambda: organisation.Suspended(effective_on=self.day()),
            lambda: organisation.Restored(effective_on=self.day()),
            lambda: organisation.Dissolved(effective_on=self.day()),
            lambda: organisation.Merged(
                into=r.choice(self.organisations), reason="Sama"
            ),
            lambda: organisation.Corrected(
                corrects=r.randint(1, 5),
                reason="Salah catat",
                **self._restated(),
            ),
            lambda: Annulled(annuls=r.randint(1, 9), reason="Salah catat"),
        ]
        [made] = r.choices(makers, [4, 8, 2, 2, 2, 2, 1, 1, 3, 3])
        return number, made()

    def _restated(self) -> dict[str, Any]:
        if self.random.random() < 0.3:
            return {"area": self.random.choice(AREAS)}
        return {"effective_on": self.day()}

    def registered(self) -> Any:
        day, kind = self.day(), self.random.choice(list(OrganisationKind))
        fit = [b for b in LegalBasis if (b == "parpol") == (kind == "parpol")]
        basis = self.random.choice(fit)
        skt = basis is LegalBasis.SKT
        return organisation.Registered(
            kind=kind,
            name="Organisasi",
            legal_basis=basis,
            effective_on=day,
            valid_until=day + timedelta(days=200) if skt else None,
            area=self.random.choice(AREAS),
        )

    def redefinition(self) -> tuple[str, Redefinition]:
        r = self.random
        code = r.choice(CODES)
        options: dict[str, list[Any]] = {
            "minimum_level": list(Level),
            "date_basis": list(DateBasis),
            "carry_over": list(CarryOver),
            "reopening": list(Reopening),
            "resolution_manners": [tuple(r.sample(list(Manner), 3)), tuple(Manner)],
        }
        if code == "IKU-2":
            options = {
                "kinds": [(OrganisationKind.ORMAS,), tuple(OrganisationKind)],
                "expired_registration": list(ExpiredRegistration),
                "participation_threshold": [1, 2, 3],
                "population": list(Population),
            }
        chosen = r.sample(sorted(options), r.randint(1, 3))
        return code, Redefinition(
            effective_on=self.day(),
            basis="SK",
            reason="Uji",
            **{name: r.choice(options[name]) for name in chosen},
        )

    def target(self) -> tuple[str, Targeted]:
        day = self.day()
        return self.random.choice(CODES), Targeted(
            year=day.year,
            target=str(self.random.randint(50, 100)),
            effective_on=day,
            basis="PK",
        )

    def revision(self) -> tuple[str, Revision | Annulled]:
        """A correction or annulment of an event that the indicator may have."""
        r = self.random
        code, version, reason = r.choice(CODES), r.randint(1, 8), "Salah catat"
        option: dict[str, Any] = {"minimum_level": r.choice(list(Level))}
        if code == "IKU-2":
            option = {"participation_threshold": r.randint(1, 3)}
        fields: list[dict[str, Any]] = [
            {"effective_on": self.day()},
            option,
            {**option, "effective_on": self.day()},
            {"target": str(r.randint(50, 110))},
            {"year": r.choice([2020, 2021, 2022]), "target": str(r.randint(50, 99))},
        ]
        if r.random() < 0.4:
            return code, Annulled(annuls=version, reason=reason)
        return code, Revision(corrects=version, reason=reason, **r.choice(fields))

    def question(self, size: int, definitions: dict[str, int]) -> Question:
        r = self.random
        code = r.choice(CODES)
        return Question(
            indicator=code,
            as_of=self.day(),
            known_on=r.choice([None, self.day()]),
            size=r.choice([None, r.randint(0, size)]),
            period=r.choice(list(PeriodKind)),
            definition=r.choice([None, r.randint(1, definitions[code])]),
            breakdown=r.choice([None, "part", "district"]),
        )

    def filler(self, count: int) -> Iterator[Command]:
        """Participations of unrelated organisations, to make the log longer."""
        for n in range(count // 50):
            subject = f"F{uuid4().hex[:8]}-{n}"
            facts: list[Any] = [
                organisation.Registered(
                    kind=OrganisationKind.LSM,
                    name="Pengisi",
                    legal_basis=LegalBasis.BADAN_HUKUM,
                    effective_on=FIRST,
                )
            ]
            facts += [
                organisation.Participated(
                    participation=f"P{k}",
                    activity=Activity.MUSRENBANG,
                    effective_on=self.day(),
                    verified=True,
                )
                for k in range(49)
            ]
            known = FIRST + timedelta(days=SPAN)
            for new in facts:
                yield Command("organisation", subject, new, "uji", known_on=known)
