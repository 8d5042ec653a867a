"""From a command to its receipt: read the streams, decide, append.

Where another writer was faster the streams are read again and the command is decided
again, unless it names the version it is about. A command under an id of its own is
carried out once: repeated, it gets the receipt it got before.

Whether a command would change a figure of a closed period is known without reading:
publications and definitions, once read, are kept (`closures`). That no further one was
recorded is a condition of the append.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

from msgspec import structs

from iku import streams
from iku.commands import decision
from iku.commands.append_request import request, unnamed
from iku.commands.closed_period_cache import ClosedPeriodsCache, ClosedPeriodsSnapshot
from iku.commands.command import (
    Command,
    CommandResult,
    ReadOnlyReplica,
    StaleVersion,
    is_first,
    with_subject,
)
from iku.commands.decision import CommandDecision, decide
from iku.domain import (
    closed_periods,
    fact,
    merger,
    numbering,
    subject_kinds,
    subject_rules,
)
from iku.domain.closed_periods import ReasonRequired
from iku.domain.decider import (
    AlreadyRecorded,
    Refused,
    Transition,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.figure import Counts, Figure
from iku.domain.numbering import IdentifierTaken, NumberTaken
from iku.domain.question import Question
from iku.ledger import log
from iku.ledger.appender import Appender
from iku.ledger.log import (
    ConditionFailed,
    KeyReused,
    Reader,
    Receipt,
    UnnumberedRequest,
    VersionConflict,
)
from iku.ledger.record import Recorded
from iku.messages import Term, message
from iku.streams import FoldedStream
from iku.vault.store import Vault

ATTEMPTS = 5  # of one command against others that are faster


# Figures as they are counted now, on that day.
Answer: TypeAlias = Callable[
    [Reader, Sequence[Question], date], Awaitable[Sequence[Figure]]
]

# What is done before a command's events are appended, and while they are.
Prepare: TypeAlias = Callable[[Sequence[Transition]], AbstractAsyncContextManager[None]]


def _unprepared(_turns: Sequence[Transition]) -> AbstractAsyncContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Where commands are carried out: the log, the calendar and what exists.

    Attributes:
        closures: The closed periods, as they were read last.
        figures: Counts what a refusal says; None: it says what was frozen.
        only_reads: Whether the log is a replica's, so that nothing can be recorded.
        prepare: Counts a register by a new definition, before it is recorded.
    """

    appender: Appender
    zone: ZoneInfo
    areas: frozenset[str]
    vault: Vault
    closures: ClosedPeriodsCache = field(default_factory=ClosedPeriodsCache)
    figures: Answer | None = None
    only_reads: bool = False
    prepare: Prepare = _unprepared

    def today(self) -> date:
        """The agency's date."""
        return datetime.now(self.zone).date()

    def refuse_replica(self) -> None:
        """Refuse what changes log, vault or keys, where all of it is a replica's.

        Raises:
            ReadOnlyReplica: It is.
        """
        if self.only_reads:
            raise ReadOnlyReplica

    async def handle(self, connection: Reader, command: Command) -> CommandResult:
        """Carry out *command*; *connection* serves reading only.

        Raises:
            Refused: The rules do not allow it.
            SubjectNotFound: There is no such subject.
            StaleVersion: It is about a version that is not the last.
            KeyReused: Its id was given to another command.
            VersionConflict: Others were faster, time and again.
            Unavailable: The database is away, or a replica (OnlyReads).
        """
        self.refuse_replica()
        body = self.vault.keys.digest(command.content)
        proposed = fact.identified(command.proposed, lambda: str(uuid4()))
        command = structs.replace(command, proposed=proposed)
        first = is_first(proposed) and command.expected is None
        if first and command.category in subject_kinds.categories():
            return await _first(connection, command, body) or await self._begin(
                connection, command, body
            )
        if first:
            # That the subject is new is found out by appending; so none is read.
            with suppress(VersionConflict):
                return await _first(connection, command, body) or await self._append(
                    connection, command, {}, body
                )
        return await self._retry(connection, command, body)

    async def _begin(
        self, connection: Reader, command: Command, body: bytes
    ) -> CommandResult:
        """Record the opening of a case or organisation, by its number or the next."""
        named = command
        for attempt in range(1, ATTEMPTS + 1):
            decided = await self._decided(connection, named, {})
            try:
                return await self._record(connection, named, decided, body)
            except VersionConflict:  # a period was closed, or opened again
                if attempt == ATTEMPTS:
                    raise
            except (NumberTaken, IdentifierTaken) as error:
                await self._refuse_holder(connection, command, error)
                named = _elsewhere(command, error)
        raise VersionConflict(command.stream, 0, 1)

    async def _refuse_holder(
        self, connection: Reader, command: Command, error: NumberTaken | IdentifierTaken
    ) -> None:
        """Refuse an opening whose number is another's, unless it is so no more.

        Raises:
            AlreadyRecorded: The other was begun by the very same opening.
            Refused: The number belongs to the other.
        """
        about, before, number = await self._holder(connection, command, error)
        try:
            await self._decided(connection, about, {about.stream: before})
        except AlreadyRecorded:
            raise
        except Refused as refused:
            if number is not None:
                raise Refused(_belongs(about, before, number)) from refused

    async def _holder(
        self, connection: Reader, command: Command, error: NumberTaken | IdentifierTaken
    ) -> tuple[Command, FoldedStream, str | None]:
        """*command* put to the other subject; that subject, and its number.

        The number is None where it is not the one that was asked for.
        """
        about = structs.replace(command, subject=error.holder)
        read = await decision.read(connection, self.vault, about)
        before = read[about.stream]
        its = numbering.numbered(error.holder, before.state)
        same = its is not None and its.goes_by(error.number)
        return about, before, its.number if its and same else None

    async def _retry(
        self, connection: Reader, command: Command, body: bytes
    ) -> CommandResult:
        """Read, decide and append, again while others are faster."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._attempt(connection, command, body)
            except VersionConflict:
                if attempt == ATTEMPTS:
                    raise
            except NumberTaken as error:
                about, before, number = await self._holder(connection, command, error)
                if number is not None:
                    raise Refused(_belongs(about, before, number)) from error
        raise VersionConflict(command.stream, 0, 1)

    async def _attempt(
        self, connection: Reader, command: Command, body: bytes
    ) -> CommandResult:
        read = await decision.read(connection, self.vault, command)
        # Looked for after reading: what was read may hold what a twin of this command,
        # sent at the same moment, has just recorded.
        return await _first(connection, command, body) or await self._append(
            connection, command, read, body
        )

    async def _append(
        self,
        connection: Reader,
        command: Command,
        read: Mapping[str, FoldedStream],
        body: bytes,
    ) -> CommandResult:
        decided = await self._decided(connection, command, read)
        if not decided.events:
            return _standing(command, decided.before)
        return await self._record(connection, command, decided, body)

    async def _record(
        self,
        connection: Reader,
        command: Command,
        decided: CommandDecision,
        body: bytes,
    ) -> CommandResult:
        """Append what was *decided*; without a number, by the next one."""
        drawn: list[str] = []
        asked = (
            request(command, decided, body)
            if command.subject
            else unnamed(command, decided, body, drawn)
        )
        turns = () if isinstance(asked, UnnumberedRequest) else asked.attachments
        try:
            async with self.prepare(turns):
                receipt = await self.appender.submit(asked)
        except ConditionFailed:
            await self.closures.refresh(connection)
            raise
        if command.category in closed_periods.CATEGORIES:
            self.closures.expire()
        # A repetition gets the receipt of the first, which has its number.
        if receipt.repeated:
            return await _again(connection, receipt)
        subject = _subject(receipt)
        number = drawn[-1] if drawn else numbering.number(subject, decided.after)
        return CommandResult(
            *(subject, number, receipt),
            added=True,
            repeated=False,
            notes=decided.notes,
        )

    async def preview(self, connection: Reader, command: Command) -> list[Any]:
        """The facts that *command* would record now; none where they stand already.

        Raises:
            Refused: The rules do not allow it.
            SubjectNotFound: There is no such subject.
            StaleVersion: It is about a version that is not the last.
        """
        read = await decision.read(connection, self.vault, command)
        # Nothing is appended that would tell whether a period was closed since.
        self.closures.expire()
        return (await self._decided(connection, command, read)).events

    async def _decided(
        self, connection: Reader, command: Command, read: Mapping[str, FoldedStream]
    ) -> CommandDecision:
        """What is decided on what was *read*, and on the closed periods."""
        version = read.get(command.stream, FoldedStream()).version
        if command.expected not in {None, version}:
            raise StaleVersion(version, command.expected or 0)
        today = command.known_on or self.today()

        def decided(closed: ClosedPeriodsSnapshot) -> CommandDecision:
            return decide(command, read, today=today, areas=self.areas, closed=closed)

        with suppress(ReasonRequired):
            return decided(await self.closures.known(connection))
        # Somebody may have opened the period again since.
        closed = await self.closures.refresh(connection)
        try:
            return decided(closed)
        except ReasonRequired as error:
            [counted] = await self.counted(connection, [error])
            raise counted from error

    async def counted(
        self, connection: Reader, refusals: Sequence[ReasonRequired]
    ) -> list[ReasonRequired]:
        """*refusals*, saying from what the figures would change, as counted now.

        Only what they say is read from the projections; nothing is decided by it.
        """
        if self.figures is None or not refusals:
            return [*refusals]
        questions = [closed_periods.question(one.change) for one in refusals]
        asked = list(dict.fromkeys(questions))
        found = await self.figures(connection, asked, self.today())
        counts = {
            question: Counts(of.numerator, of.denominator, of.expired or 0)
            for question, of in zip(asked, found, strict=True)
        }
        return [
            ReasonRequired(one.change, counts[question])
            for one, question in zip(refusals, questions, strict=True)
        ]


def _belongs(holder: Command, read: FoldedStream, number: str) -> str:
    """That the number belongs to another subject, and since when."""
    opening = read.state.opening
    return message(
        "number {number} belongs to {category} {subject}, {event}",
        number=number,
        category=Term("category", holder.category),
        subject=holder.subject,
        event=subject_rules.said(opening),
    )


def _elsewhere(command: Command, error: NumberTaken | IdentifierTaken) -> Command:
    """The opening under an identifier that is free, after *error*."""
    if isinstance(error, NumberTaken):
        return command  # freed since
    if error.free is None:
        raise Refused(
            message(
                "number {number} is the identifier of {category} {holder}, and too "
                "long for an identifier of its own: {number}.2 has more than "
                "{longest} characters",
                number=error.number,
                category=Term("category", command.category),
                holder=error.holder,
                longest=numbering.LONGEST,
            )
        )
    return with_subject(command, error.free, error.number)


async def _first(
    connection: Reader, command: Command, asked: bytes
) -> CommandResult | None:
    """What came of *command* when it was first sent; None if it never was.

    Raises:
        KeyReused: Its id was given to another command.
    """
    if command.command_id is None:
        return None
    found = await log.find(connection, command.command_id)
    if found is None:
        return None
    body, receipt = found
    if body != asked:
        raise KeyReused(command.command_id)
    return await _again(connection, receipt)


async def _again(connection: Reader, receipt: Receipt) -> CommandResult:
    """What came of a command that was carried out before, as it was answered then."""
    recorded = await log.read_stream(connection, receipt.stream, size=receipt.position)
    subject, state = _subject(receipt), streams.fold(recorded).state
    number = numbering.number(subject, state)
    notes = await _notes(connection, receipt, recorded)
    return CommandResult(
        *(subject, number, receipt), added=True, repeated=True, notes=notes
    )


async def _notes(
    connection: Reader, receipt: Receipt, recorded: Sequence[Recorded]
) -> tuple[str, ...]:
    """What the answer said besides the receipt of an event, the last *recorded*."""
    decider = DECIDERS[recorded[-1].category]
    before = decider.fold(fact.of(one, decider.event_type) for one in recorded[:-1])
    event = fact.of(recorded[-1], decider.event_type)
    others = {}
    for subject in decider.rests_on(event, _subject(receipt), before).peers:
        stream, size = decider.stream(subject), receipt.position
        others[subject] = [
            fact.of(one, decider.event_type)
            for one in await log.read_stream(connection, stream, size=size)
            if one.position > size - receipt.count
        ]
    return merger.notes(event, before, others)


def _subject(receipt: Receipt) -> str:
    return receipt.stream.partition("-")[2]


def _standing(command: Command, before: FoldedStream) -> CommandResult:
    """The answer where nothing had to be recorded: it was said before."""
    last = before.last
    if last is None:
        raise AssertionError("only what stands already needs no event")
    receipt = Receipt(
        stream=last.stream,
        version=last.version,
        position=last.position,
        count=0,
        size=last.position,
        recorded_at=last.recorded_at,
        known_on=last.known_on,
        leaf=last.leaf,
        repeated=True,
    )
    number = numbering.number(command.subject, before.state)
    return CommandResult(command.subject, number, receipt, added=False, repeated=False)
