"""Command handling: read the streams, decide, append, and return the receipt.

After a version conflict the streams are read and the command is decided again, unless
the command states an expected version (optimistic concurrency). A command id is an
idempotency key: a retry gets the receipt of the first attempt.

The closed periods are cached (`closures`), so that a decision on them needs no read. An
append condition ensures that no further publication or definition was recorded.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

from msgspec import structs

from iku import streams
from iku.commands import authorisation, command_streams
from iku.commands.authorisation import Authority
from iku.commands.category_cache import Cached, CategoryCache, closed_period_cache
from iku.commands.command import (
    Command,
    CommandResult,
    ReadOnlyReplica,
    StaleVersion,
    must_create_subject,
    with_subject,
)
from iku.commands.decision import (
    CommandDecision,
    decide,
    request,
    unnumbered_request,
)
from iku.domain import (
    closed_periods,
    fact,
    merger,
    numbering,
    subject_kinds,
    subject_rules,
)
from iku.domain.access import AccessRegister, Credentials
from iku.domain.closed_periods import ClosedPeriods, ReasonRequired
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

ATTEMPTS = 5  # of one command after version conflicts
AUDITED = frozenset({*authorisation.CATEGORIES, "proposal"})
STALE_S = 1.0  # after which the mode is read again for a caller without an account


# Counts figures as of now; the date is today.
Answer: TypeAlias = Callable[
    [Reader, Sequence[Question], date], Awaitable[Sequence[Figure]]
]

# A context manager around the append of the events.
Prepare: TypeAlias = Callable[[Sequence[Transition]], AbstractAsyncContextManager[None]]


def _prepare_nothing(_turns: Sequence[Transition]) -> AbstractAsyncContextManager[None]:
    return nullcontext()


def _ignore(_command: Command, _result: CommandResult) -> None:
    pass


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Carries out commands.

    Attributes:
        closures: Cache of the closed periods.
        access: Cache of the accounts and the policy of access.
        figures: Counts the present figures that a refusal quotes; None means that it
            quotes the frozen figures.
        is_read_only: Whether the database is a replica, which cannot record anything.
        changed: Called after an event of an account, of the policy or of a proposal
            was recorded, with its command.
        prepare: Backfills the projections for a new definition before it is recorded.
    """

    appender: Appender
    zone: ZoneInfo
    areas: frozenset[str]
    vault: Vault
    closures: CategoryCache[ClosedPeriods] = field(default_factory=closed_period_cache)
    access: CategoryCache[AccessRegister] = field(
        default_factory=authorisation.access_cache
    )
    figures: Answer | None = None
    is_read_only: bool = False
    changed: Callable[[Command, CommandResult], None] = _ignore
    prepare: Prepare = _prepare_nothing

    def today(self) -> date:
        """Today's date in the agency's time zone."""
        return datetime.now(self.zone).date()

    def refuse_replica(self) -> None:
        """Refuse to change the log, the vault or the keys of a replica.

        Raises:
            ReadOnlyReplica: The database is a replica.
        """
        if self.is_read_only:
            raise ReadOnlyReplica

    async def handle(self, connection: Reader, command: Command) -> CommandResult:
        """Carry out *command*; *connection* is used for reading only.

        Raises:
            Refused: A rule forbids it.
            SubjectNotFound: The subject does not exist.
            StaleVersion: The expected version is not the last one.
            KeyReused: The command id was used for another command.
            VersionConflict: Every attempt met a version conflict.
            Unavailable: The database is not available, or is a replica
                (`ReadOnlyReplica`).
        """
        self.refuse_replica()
        body = self.vault.keys.digest(command.content)
        proposed = fact.with_person_ids(command.proposed, lambda: str(uuid4()))
        command = structs.replace(command, proposed=proposed)
        first = must_create_subject(proposed) and command.expected is None
        if first and command.category in subject_kinds.categories():
            return await self._first_attempt(
                connection, command, body
            ) or await self._create_subject(connection, command, body)
        if first:
            # The append checks that the subject is new, so no stream is read.
            with suppress(VersionConflict):
                return await self._first_attempt(
                    connection, command, body
                ) or await self._append(connection, command, {}, body)
        return await self._retry(connection, command, body)

    async def _create_subject(
        self, connection: Reader, command: Command, body: bytes
    ) -> CommandResult:
        """Create a subject under its own number, or under the next automatic one."""
        named = command
        for attempt in range(1, ATTEMPTS + 1):
            decided = await self.decide(connection, named, {})
            try:
                return await self._record(connection, named, decided, body)
            except VersionConflict:  # a period was closed or reopened
                if attempt == ATTEMPTS:
                    raise
            except (NumberTaken, IdentifierTaken) as error:
                await self._refuse_holder(connection, command, error)
                named = _with_free_identifier(command, error)
        raise VersionConflict(command.stream, 0, 1)

    async def _refuse_holder(
        self, connection: Reader, command: Command, error: NumberTaken | IdentifierTaken
    ) -> None:
        """Refuse to create a subject under a number that another subject still has.

        Raises:
            AlreadyRecorded: The other subject was created by an equal event.
            Refused: The number belongs to the other subject.
        """
        about, before, number = await self._number_holder(connection, command, error)
        try:
            await self.decide(connection, about, {about.stream: before})
        except AlreadyRecorded:
            raise
        except Refused as refused:
            if number is not None:
                raise Refused(_number_taken_message(about, before, number)) from refused

    async def _number_holder(
        self, connection: Reader, command: Command, error: NumberTaken | IdentifierTaken
    ) -> tuple[Command, FoldedStream, str | None]:
        """*command* for the holder of the number, the holder's stream, and its number.

        That number is None if it is another than the requested one.
        """
        about = structs.replace(command, subject=error.holder)
        read = await command_streams.read(connection, self.vault, about)
        before = read[about.stream]
        its = numbering.current_number(error.holder, before.state)
        same = its is not None and its.has_number(error.number)
        return about, before, its.number if its and same else None

    async def _retry(
        self, connection: Reader, command: Command, body: bytes
    ) -> CommandResult:
        """Read, decide and append; retry after a version conflict."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._decide_and_append(connection, command, body)
            except VersionConflict:
                if attempt == ATTEMPTS:
                    raise
            except NumberTaken as error:
                about, before, number = await self._number_holder(
                    connection, command, error
                )
                if number is not None:
                    raise Refused(
                        _number_taken_message(about, before, number)
                    ) from error
        raise VersionConflict(command.stream, 0, 1)

    async def _decide_and_append(
        self, connection: Reader, command: Command, body: bytes
    ) -> CommandResult:
        read = await command_streams.read(connection, self.vault, command)
        # After the read, because a concurrent request with the same command id may have
        # recorded the events that were read.
        return await self._first_attempt(
            connection, command, body
        ) or await self._append(connection, command, read, body)

    async def _append(
        self,
        connection: Reader,
        command: Command,
        read: Mapping[str, FoldedStream],
        body: bytes,
    ) -> CommandResult:
        decided = await self.decide(connection, command, read)
        if not decided.events:
            return _already_recorded(command, decided.before)
        return await self._record(connection, command, decided, body)

    async def _record(
        self,
        connection: Reader,
        command: Command,
        decided: CommandDecision,
        body: bytes,
    ) -> CommandResult:
        """Append the events of *decided*; a subject without a number gets the next."""
        drawn: list[str] = []
        asked = (
            request(command, decided, body)
            if command.subject
            else unnumbered_request(command, decided, body, drawn)
        )
        turns = () if isinstance(asked, UnnumberedRequest) else asked.attachments
        try:
            async with self.prepare(turns):
                receipt = await self.appender.submit(asked)
        except VersionConflict as error:
            if isinstance(error, ConditionFailed):
                await self.closures.refresh(connection)
            self.access.expire()
            raise
        if command.category in closed_periods.CATEGORIES:
            self.closures.expire()
        if command.category in authorisation.CATEGORIES:
            self.access.expire()
        # A retry gets the receipt of the first attempt, which has its own number.
        if receipt.repeated:
            return await self._repeated_result(connection, command, receipt)
        subject = _subject_of_receipt(receipt)
        number = drawn[-1] if drawn else numbering.number(subject, decided.after)
        result = CommandResult(
            *(subject, number, receipt),
            added=True,
            repeated=False,
            notes=decided.notes,
        )
        if command.category in AUDITED or command.approval is not None:
            self.changed(command, result)
        return result

    async def _first_attempt(
        self, connection: Reader, command: Command, asked: bytes
    ) -> CommandResult | None:
        """The result of the first attempt of *command*; None if there was none.

        Raises:
            KeyReused: The command id was used for another command, or by another
                account.
            Unauthenticated: The register has accounts, and there are no credentials.
        """
        if command.command_id is None:
            return None
        found = await log.find_command(connection, command.command_id)
        if found is None:
            return None
        body, receipt = found
        if body != asked:
            raise KeyReused(command.command_id)
        return await self._repeated_result(connection, command, receipt)

    async def _repeated_result(
        self, connection: Reader, command: Command, receipt: Receipt
    ) -> CommandResult:
        """The result of a repeated command, which is that of its first execution.

        Raises:
            KeyReused: The command was carried out by another account.
            Unauthenticated: The register has accounts, and there are no credentials.
        """
        by = await self.authority(connection, command.actor, command.credentials)
        size = receipt.position
        recorded = await log.read_stream(connection, receipt.stream, size=size)
        if by.actor is not None and recorded[-1].body().actor != by.name:
            raise KeyReused(command.command_id or "")
        subject, state = _subject_of_receipt(receipt), streams.fold(recorded).state
        number = numbering.number(subject, state)
        notes = await _notes(connection, receipt, recorded)
        return CommandResult(
            *(subject, number, receipt), added=True, repeated=True, notes=notes
        )

    async def preview(self, connection: Reader, command: Command) -> list[Any]:
        """The events that *command* would record now; empty if already recorded.

        Raises:
            Refused: A rule forbids it.
            SubjectNotFound: The subject does not exist.
            StaleVersion: The expected version is not the last one.
        """
        read = await command_streams.read(connection, self.vault, command)
        # No append checks whether the cached periods are current.
        self.closures.expire()
        return (await self.decide(connection, command, read)).events

    async def decide(
        self, connection: Reader, command: Command, read: Mapping[str, FoldedStream]
    ) -> CommandDecision:
        """The decision on the streams *read* and on the closed periods."""
        version = read.get(command.stream, FoldedStream()).version
        if command.expected not in {None, version}:
            raise StaleVersion(version, command.expected or 0)
        today = command.known_on or self.today()

        authority = await self.authority(connection, command.actor, command.credentials)
        if command.approval is not None:
            authority = authority._replace(covered=command.approval.covered)

        def decide_with(
            closed: Cached[ClosedPeriods],
        ) -> CommandDecision:
            return decide(
                command,
                read,
                today=today,
                areas=self.areas,
                closed=closed,
                authority=authority,
            )

        await self._refuse_own_entry(connection, command, read, authority)
        with suppress(ReasonRequired):
            return decide_with(await self.closures.cached(connection))
        # The period may have been reopened since it was read.
        closed = await self.closures.refresh(connection)
        try:
            return decide_with(closed)
        except ReasonRequired as error:
            [counted] = await self.with_present_figures(connection, [error])
            raise counted from error

    async def _refuse_own_entry(
        self,
        connection: Reader,
        command: Command,
        read: Mapping[str, FoldedStream],
        authority: Authority,
    ) -> None:
        """Refuse a verifier's verification of an entry by the same person.

        The actor of an event is not part of a folded state, so the event is read.
        """
        before = read.get(command.stream)
        if authority.actor is None or before is None:
            return
        version = authorisation.entry_to_verify(command, before.state)
        if version is None:
            return
        authorisation.authorise(command, [before.state], authority, self.today())
        entered_by = authority.name
        if version:
            [entry] = await log.read_events(connection, {(command.stream, version)})
            entered_by = entry.body().actor
        authorisation.refuse_own_entry(
            authority, entered_by, [before.state], self.today()
        )

    async def authority(
        self, connection: Reader, name: str, credentials: Credentials | None
    ) -> Authority:
        """The authority under which *name* acts (see `authorisation.authority`)."""
        known = await self._current_access(connection, credentials)
        return authorisation.authority(known, name, credentials, self.today())

    async def access_register(
        self, connection: Reader, credentials: Credentials | None
    ) -> AccessRegister:
        """The accounts and the policy, for a query.

        A query has no append condition, so they may be stale. They are read again if
        they lack events of the signed-in caller's account, or, without a session, once
        they are older than `STALE_S`.
        """
        recent = self.cached_access_register(credentials)
        if recent is not None:
            return recent
        return (await self.access.refresh(connection)).value

    def cached_access_register(
        self, credentials: Credentials | None
    ) -> AccessRegister | None:
        """The cached accounts and policy; None if they must be read again."""
        if credentials is None:
            known = self.access.recent(STALE_S)
            return None if known is None else known.value
        known = self.access.recent(math.inf)
        if known is None or not _is_current_for(known.value, credentials):
            return None
        return known.value

    async def _current_access(
        self, connection: Reader, credentials: Credentials | None
    ) -> Cached[AccessRegister]:
        known = await self.access.cached(connection)
        if credentials is not None and not _is_current_for(known.value, credentials):
            known = await self.access.refresh(connection)
        return known

    async def with_present_figures(
        self, connection: Reader, refusals: Sequence[ReasonRequired]
    ) -> list[ReasonRequired]:
        """*refusals*, with the changed figures as counted now.

        The projections are read for the message only; no decision rests on them.
        """
        if self.figures is None or not refusals:
            return [*refusals]
        questions = [closed_periods.question_of_change(one.change) for one in refusals]
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


def _number_taken_message(holder: Command, read: FoldedStream, number: str) -> str:
    """The message that the number belongs to another subject, and since when."""
    opening = read.state.creation_event
    return message(
        "number {number} is already used by {category} {subject}, {event}",
        number=number,
        category=Term("category", holder.category),
        subject=holder.subject,
        event=subject_rules.event_in_words(opening),
    )


def _with_free_identifier(
    command: Command, error: NumberTaken | IdentifierTaken
) -> Command:
    """*command* under a free identifier, after the *error* that its own is taken."""
    if isinstance(error, NumberTaken):
        return command  # the number has become free
    if error.free is None:
        raise Refused(
            message(
                "number {number} is already the identifier of {category} {holder}, "
                "and the next free identifier, {number}.2, would have more than "
                "{longest} characters",
                number=error.number,
                category=Term("category", command.category),
                holder=error.holder,
                longest=numbering.LONGEST,
            )
        )
    return with_subject(command, error.free, error.number)


async def _notes(
    connection: Reader, receipt: Receipt, recorded: Sequence[Recorded]
) -> tuple[str, ...]:
    """The remarks for the command that recorded the last event of *recorded*."""
    decider = DECIDERS[recorded[-1].category]
    before = decider.fold(
        fact.decode_recorded(one, decider.event_type) for one in recorded[:-1]
    )
    event = fact.decode_recorded(recorded[-1], decider.event_type)
    others = {}
    for subject in decider.premises_of(
        event, _subject_of_receipt(receipt), before
    ).related_subjects:
        stream, size = decider.stream(subject), receipt.position
        others[subject] = [
            fact.decode_recorded(one, decider.event_type)
            for one in await log.read_stream(connection, stream, size=size)
            if one.position > size - receipt.count
        ]
    return merger.notes(event, before, others)


def _subject_of_receipt(receipt: Receipt) -> str:
    return receipt.stream.partition("-")[2]


def _already_recorded(command: Command, before: FoldedStream) -> CommandResult:
    """The result of a command whose events are already recorded."""
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


def _is_current_for(register: AccessRegister, credentials: Credentials) -> bool:
    """Whether *register* has all events of the account that were known at sign-in."""
    account = register.accounts.get(credentials.account)
    return account is not None and account.version >= credentials.version
