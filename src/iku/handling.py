"""From a command to its receipt: read the stream, decide, append.

What a command says in words is put apart here: the record is given commitments, the
vault the texts. A decision hears the texts of the streams it reads, as far as they can
be opened; it depends on them only where it asks whether something was said before.

Where somebody was faster the stream is read again and decided anew, unless the command
said which version it is about. A command under an id of its own is carried out once:
repeated, it gets the receipt it got before.

Whether a command would change a figure of a closed period is known without reading:
publications and definitions, once read, are kept (`closures`). That no further one was
recorded is a condition of the append.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from iku import texts
from iku.closures import Closures, Known
from iku.domain import (
    closed_periods,
    conflict,
    continuation,
    correcting,
    erasure,
    fact,
    indicator,
    naming,
    numbering,
    organisation,
    publication,
    scale,
)
from iku.domain.closed_periods import ClosedPeriods, Unexplained
from iku.domain.decider import (
    Context,
    Refused,
    Repeated,
    Turn,
    refuse_hidden_characters,
    subject_number,
)
from iku.domain.deciders import DECIDERS
from iku.domain.figure import Counts, Figure
from iku.domain.numbering import Occupied, Series, Taken
from iku.domain.question import Question
from iku.domain.withheld import NONE, Texts
from iku.ledger import identifier, log
from iku.ledger.appender import Appender, Unavailable
from iku.ledger.log import (
    Condition,
    Conflicted,
    Overtaken,
    Part,
    Reader,
    Receipt,
    Request,
    Reused,
    Unnamed,
)
from iku.ledger.record import Commitment, Draft, Recorded
from iku.vault import sealing
from iku.vault.files import Filed
from iku.vault.sealing import Place, Secret
from iku.vault.store import Vault

ATTEMPTS = 5  # of one command against others that are faster

# What is said of a subject first, and only then.
FIRST = (
    conflict.Reported,
    organisation.Registered,
    indicator.Defined,
    scale.Scaled,
    continuation.Continued,
    erasure.Erased,
)
# What may begin a subject, so that nothing need have been said of it before.
OPENING = (*FIRST, publication.Draft)
_encode = msgspec.json.Encoder(order="sorted").encode

# Figures as they are counted now, on that day.
Answer: TypeAlias = Callable[
    [Reader, Sequence[Question], date], Awaitable[Sequence[Figure]]
]


class Missing(LookupError):
    """There is no such case, organisation or indicator."""


class Outdated(Exception):
    """The command was about a version that is no longer the last one."""

    def __init__(self, version: int, expected: int) -> None:
        super().__init__(f"the version is {version}, but the command is for {expected}")
        self.version = version


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asks for.

    Attributes:
        category: Kind of the subject; names its decider.
        subject: Identifier of the subject; empty where it is to be given a number.
        proposed: The fact to be recorded, or what its decider makes a fact of.
        command_id: The id under which a repetition is told; None: there is none.
        known_on: The day the office knew, declared; None: today.
        expected: The version it is about; None: whichever is the last.
        file: What was put away for it, and has to be told of where it is recorded.
    """

    category: str
    subject: str
    proposed: Any
    actor: str
    command_id: str | None = None
    known_on: date | None = None
    expected: int | None = None
    file: Filed | None = None

    def with_file(self, proposed: Any, file: Filed) -> "Command":
        """The command that proposes so, and brings that file."""
        return replace(self, proposed=proposed, file=file)

    @property
    def content(self) -> bytes:
        """All that a repetition must share with the first.

        Clear text: what is stored of it is a hash under a key of the vault's folder,
        or whoever guesses what was asked could make sure of it.
        """
        proposed = DECIDERS[self.category].asked(self.proposed)
        return _encode((self.category, self.subject, proposed, self.known_on))

    @property
    def stream(self) -> str:
        """The stream it is to be recorded in."""
        return DECIDERS[self.category].stream(self.subject)

    @property
    def peers(self) -> tuple[str, ...]:
        """The streams of the other subjects it names."""
        decider = DECIDERS[self.category]
        return tuple(map(decider.stream, decider.peers(self.proposed)))

    @property
    def rests_on_closures(self) -> bool:
        """Whether it may be recorded only if it changes no figure that is frozen."""
        moves = DECIDERS[self.category].moves_figures
        return moves and not closed_periods.explained(self.proposed)


class Changed(NamedTuple):
    """What a command adds to one subject.

    Attributes:
        before: The subject as it was read.
        after: The subject once the events are recorded.
    """

    subject: str
    events: list[Any]
    before: "History"
    after: Any


class Decided(NamedTuple):
    """What a command adds to the log, and what that rests on.

    Attributes:
        events: The facts to record of its own subject; none if they stand already.
        before: The subject as it was read.
        after: The subject once they are recorded.
        premises: Other streams that it rests on, at the version read.
        condition: What else it rests on; None: nothing.
        others: What it adds to other subjects, in the same append.
    """

    events: list[Any]
    before: "History"
    after: Any
    premises: tuple[tuple[str, int], ...] = ()
    condition: Condition | None = None
    others: tuple[Changed, ...] = ()


class Outcome(Struct, frozen=True):
    """What came of a command.

    Attributes:
        number: Of the subject in the register, once the receipt's event was recorded.
        receipt: Of its last event; where nothing had to be added, of the stream's.
        added: Whether it recorded anything, now or when it was first sent.
        repeated: Whether it had been carried out before, under the same id.
    """

    subject: str
    number: str
    receipt: Receipt
    added: bool
    repeated: bool


class OnlyReads(Unavailable):
    """The database is a replica, or was when the program started: nothing is recorded.

    One that has become the primary is looked after by the next start, as any that may
    have lost events: so the program does not go on by itself.
    """

    def __init__(self) -> None:
        super().__init__(
            "the database is a replica, which only reads; enter it at the primary, and "
            "if this has become the primary, start iku again first"
        )


class History(Struct, frozen=True):
    """A subject as it was read: its state and where its stream stood."""

    state: Any = None
    version: int = 0
    last: Recorded | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """Where commands are carried out: the log, the calendar and what exists.

    Attributes:
        closures: The closed periods, as they were read last.
        figures: Counts what a refusal says; None: it says what was frozen.
        only_reads: Whether the log is a replica's, so that nothing can be recorded.
    """

    appender: Appender
    zone: ZoneInfo
    areas: frozenset[str]
    vault: Vault
    closures: Closures = field(default_factory=Closures)
    figures: Answer | None = None
    only_reads: bool = False

    def today(self) -> date:
        """The agency's date."""
        return datetime.now(self.zone).date()

    def refuse_replica(self) -> None:
        """Refuse what changes log, vault or keys, where all of it is a replica's.

        Raises:
            OnlyReads: It is.
        """
        if self.only_reads:
            raise OnlyReads

    async def handle(self, connection: Reader, command: Command) -> Outcome:
        """Carry out *command*; *connection* serves reading only.

        Raises:
            Refused: The rules do not allow it.
            Missing: There is no such subject.
            Outdated: It is about a version that is not the last.
            Reused: Its id was given to another command.
            Conflicted: Others were faster, time and again.
            Unavailable: The database is away, or a replica (OnlyReads).
        """
        self.refuse_replica()
        body = self.vault.keys.digest(command.content)
        proposed = fact.identified(command.proposed, lambda: str(uuid4()))
        command = replace(command, proposed=proposed)
        first = isinstance(proposed, FIRST) and command.expected is None
        if first and command.category in numbering.LETTERS:
            return await _first(connection, command, body) or await self._begin(
                connection, command, body
            )
        if first:
            # That the subject is new is found out by appending; so none is read.
            with suppress(Conflicted):
                return await _first(connection, command, body) or await self._append(
                    connection, command, {}, body
                )
        return await self._retry(connection, command, body)

    async def _begin(
        self, connection: Reader, command: Command, body: bytes
    ) -> Outcome:
        """Record the opening of a case or organisation, by its number or the next."""
        named = command
        for attempt in range(1, ATTEMPTS + 1):
            decided = await self._decided(connection, named, {})
            try:
                return await self._record(connection, named, decided, body)
            except Conflicted:  # a period was closed, or opened again
                if attempt == ATTEMPTS:
                    raise
            except (Taken, Occupied) as error:
                await self._refuse_holder(connection, command, error)
                named = _elsewhere(command, error)
        raise Conflicted(command.stream, 0, 1)

    async def _refuse_holder(
        self, connection: Reader, command: Command, error: Taken | Occupied
    ) -> None:
        """Refuse an opening whose number is another's, unless it is so no more.

        Raises:
            Repeated: The other was begun by the very same opening.
            Refused: The number belongs to the other.
        """
        about, before, number = await self._holder(connection, command, error)
        try:
            await self._decided(connection, about, {about.stream: before})
        except Repeated:
            raise
        except Refused as refused:
            if number is not None:
                raise Refused(_belongs(about, before, number)) from refused

    async def _holder(
        self, connection: Reader, command: Command, error: Taken | Occupied
    ) -> tuple[Command, History, str | None]:
        """*command* put to the other subject; that subject, and its number.

        The number is None where it is not the one that was asked for.
        """
        about = replace(command, subject=error.holder)
        read = await read_histories(connection, self.vault, [about.stream], about)
        before = read[about.stream]
        its = numbering.numbered(error.holder, before.state)
        same = its is not None and its.goes_by(error.number)
        return about, before, its.number if its and same else None

    async def _retry(
        self, connection: Reader, command: Command, body: bytes
    ) -> Outcome:
        """Read, decide and append, again while others are faster."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._attempt(connection, command, body)
            except Conflicted:
                if attempt == ATTEMPTS:
                    raise
            except Taken as error:
                about, before, number = await self._holder(connection, command, error)
                if number is not None:
                    raise Refused(_belongs(about, before, number)) from error
        raise Conflicted(command.stream, 0, 1)

    async def _attempt(
        self, connection: Reader, command: Command, body: bytes
    ) -> Outcome:
        streams = [command.stream, *command.peers]
        read = await read_histories(connection, self.vault, streams, command)
        # Looked for after reading: what was read may hold what a twin of this command,
        # sent at the same moment, has just recorded.
        return await _first(connection, command, body) or await self._append(
            connection, command, read, body
        )

    async def _append(
        self,
        connection: Reader,
        command: Command,
        read: Mapping[str, History],
        body: bytes,
    ) -> Outcome:
        decided = await self._decided(connection, command, read)
        if not decided.events:
            return _standing(command, decided.before)
        return await self._record(connection, command, decided, body)

    async def _record(
        self, connection: Reader, command: Command, decided: Decided, body: bytes
    ) -> Outcome:
        """Append what was *decided*; without a number, by the next one."""
        drawn: list[str] = []
        asked = (
            request(command, decided, body)
            if command.subject
            else _unnamed(command, decided, body, drawn)
        )
        try:
            receipt = await self.appender.submit(asked)
        except Overtaken:
            await self.closures.refresh(connection)
            raise
        if command.category in closed_periods.CATEGORIES:
            self.closures.expire()
        # A repetition gets the receipt of the first, which has its number.
        if receipt.repeated:
            return await _again(connection, receipt)
        subject = _subject(receipt)
        number = drawn[-1] if drawn else numbering.number(subject, decided.after)
        return Outcome(subject, number, receipt, added=True, repeated=False)

    async def foresee(self, connection: Reader, command: Command) -> list[Any]:
        """The facts that *command* would record now; none where they stand already.

        Raises:
            Refused: The rules do not allow it.
            Missing: There is no such subject.
            Outdated: It is about a version that is not the last.
        """
        streams = [command.stream, *command.peers]
        read = await read_histories(connection, self.vault, streams, command)
        # Nothing is appended that would tell whether a period was closed since.
        self.closures.expire()
        return (await self._decided(connection, command, read)).events

    async def _decided(
        self, connection: Reader, command: Command, read: Mapping[str, History]
    ) -> Decided:
        """What is decided on what was *read*, and on the closed periods."""
        version = read.get(command.stream, History()).version
        if command.expected not in {None, version}:
            raise Outdated(version, command.expected or 0)
        today = command.known_on or self.today()

        def decided(closed: Known) -> Decided:
            found = decide(
                command, read, today=today, areas=self.areas, closed=closed.periods
            )
            return found._replace(condition=closed.condition)

        if not command.rests_on_closures:
            return decide(command, read, today=today, areas=self.areas, closed=None)
        with suppress(Unexplained):
            return decided(await self.closures.known(connection))
        # Somebody may have opened the period again since.
        closed = await self.closures.refresh(connection)
        try:
            return decided(closed)
        except Unexplained as error:
            [counted] = await self.counted(connection, [error])
            raise counted from error

    async def counted(
        self, connection: Reader, refusals: Sequence[Unexplained]
    ) -> list[Unexplained]:
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
            Unexplained(one.change, counts[question])
            for one, question in zip(refusals, questions, strict=True)
        ]


def decide(
    command: Command,
    read: Mapping[str, History],
    *,
    today: date,
    areas: frozenset[str],
    closed: ClosedPeriods | None,
) -> Decided:
    """The facts that *command* adds to what was *read*, and what they rest on.

    Where *closed* is None, they need no reason, whatever they change.

    Raises:
        Unexplained: It changes a figure of a closed period, and gives no reason.
        Refused: The rules do not allow it, or a text holds hidden characters.
        Missing: There is no such subject.
    """
    decider = DECIDERS[command.category]
    proposed = decider.asked(command.proposed)
    # Of a publication's step the sender's own part, whose fields are those of the body.
    refuse_hidden_characters(getattr(proposed, "asked", proposed))
    before = read.get(command.stream, History())
    state = before.state
    if state is None and not isinstance(command.proposed, OPENING):
        raise Missing(naming.absent(command.category, command.subject))
    peers = {
        subject: read.get(decider.stream(subject), History())
        for subject in decider.peers(command.proposed)
    }
    context = Context(
        today=today,
        subject=command.subject,
        areas=areas,
        peers={subject: peer.state for subject, peer in peers.items()},
        actor=command.actor,
    )
    decision = decider.decision(command.proposed, state, context)
    after = decider.fold(decision.events, state)
    others = tuple(
        Changed(subject, events, peer, decider.fold(events, peer.state))
        for subject, events in decision.others.items()
        for peer in [peers.pop(subject)]
    )
    # What the decision read of others must still be so.
    premises = tuple(
        (decider.stream(subject), peer.version) for subject, peer in peers.items()
    )
    if closed is not None:
        own = Changed(command.subject, decision.events, before, after)
        for one in (own, *others):
            closed_periods.refuse_unexplained(
                closed, command.proposed, one.subject, one.before.state, one.after
            )
    return Decided(decision.events, before, after, premises, others=others)


async def read_histories(
    connection: Reader,
    vault: Vault,
    streams: Sequence[str],
    command: Command | None = None,
) -> dict[str, History]:
    """Each stream's subject as it stands; those that are new are left out.

    Texts are opened as far as deciding *command* may ask for them; None: all.
    """
    found = await log.read_streams(connection, list(dict.fromkeys(streams)))
    heard = [
        one
        for recorded in found.values()
        for one in recorded
        if command is None or _repeats(command, one)
    ]
    opened = await texts.read(connection, vault, heard)
    return {
        stream: history(recorded, opened)
        for stream, recorded in found.items()
        if recorded
    }


def _repeats(command: Command, recorded: Recorded) -> bool:
    """Whether *command* may say just what was recorded, as its texts would tell.

    Nothing else that is decided depends on texts; most commands need none opened.
    """
    tag = command.proposed.__struct_config__.tag
    return recorded.stream == command.stream and (
        isinstance(command.proposed, fact.Correction)
        or tag in {None, False, recorded.type}
    )


def history(
    recorded: Sequence[Recorded],
    opened: Mapping[texts.Event, Texts] = MappingProxyType({}),
) -> History:
    """The subject of a stream, from all its events and what was *opened* of them."""
    decider = DECIDERS[recorded[0].category]
    events = (
        fact.of(
            one,
            decider.event_type,
            opened.get((one.stream, one.version), NONE).plain,
        )
        for one in recorded
    )
    return History(decider.fold(events), len(recorded), recorded[-1])


def request(command: Command, decided: Decided, body: bytes) -> Request:
    """The request that appends what was *decided*."""
    before = decided.before
    own = Changed(command.subject, decided.events, before, decided.after)
    parts: list[Part] = []
    turns: list[Turn] = []
    secrets: list[Secret] = []
    for changed in (*decided.others, own):  # the command's own subject last
        part, sealed = _part(command.category, changed)
        parts.append(part)
        secrets += sealed
        turns += _turns(command.category, changed)
    if command.file is not None:
        place = Place(command.stream, before.version + 1, "file", command.stream)
        key = sealing.secret(place, command.file.key.hex())
        secrets.append(structs.replace(key, file=command.file.name))
    return Request(
        parts=tuple(parts),
        command_id=command.command_id or identifier.fresh(),
        body=body,
        actor=command.actor,
        known_on=command.known_on,
        premises=decided.premises,
        condition=decided.condition,
        attachments=tuple(turns),
        secrets=tuple(secrets),
    )


def _part(category: str, changed: Changed) -> tuple[Part, list[Secret]]:
    """What is appended to the stream of one subject, and the texts to be kept."""
    stream, version = DECIDERS[category].stream(changed.subject), changed.before.version
    parted = [
        _parted(event, stream, place)
        for place, event in enumerate(changed.events, version + 1)
    ]
    part = Part(stream, version, tuple(draft for draft, _ in parted))
    return part, [secret for _, of in parted for secret in of.values()]


def _turns(category: str, changed: Changed) -> Iterator[Turn]:
    """What each event does to the subject, one after the other."""
    state, evolve = changed.before.state, DECIDERS[category].evolve
    for event in changed.events[:-1]:
        state, before = evolve(state, event), state
        yield Turn(category, changed.subject, before, state)
    # The last state is at hand, with what was worked out of it when it was decided.
    yield Turn(category, changed.subject, state, changed.after)


def _unnamed(
    command: Command, decided: Decided, body: bytes, drawn: list[str]
) -> Unnamed:
    """The request that appends an opening under the next automatic number.

    The number goes to *drawn*; the last one there is the one it is recorded under.
    """
    (opening,) = decided.events
    asked = replace(command, command_id=command.command_id or identifier.fresh())

    def named(subject: str, number: str) -> Request:
        begun = under(asked, subject, number)
        drawn.append(number)
        if begun.proposed is opening:
            return request(begun, decided, body)
        after = DECIDERS[command.category].fold([begun.proposed])
        changed = decided._replace(events=[begun.proposed], after=after)
        return request(begun, changed, body)

    return Unnamed(
        category=command.category,
        command_id=str(asked.command_id),
        series=Series(command.category, opening.effective_on.year),
        named=named,
        premises=decided.premises,
        condition=decided.condition,
    )


def _belongs(holder: Command, read: History, number: str) -> str:
    """That the number belongs to another subject, and since when."""
    opening = read.state.opening
    return (
        f"number {number} belongs to {holder.category} {holder.subject}, "
        f"{correcting.name(opening)} on {opening.effective_on}"
    )


def _elsewhere(command: Command, error: Taken | Occupied) -> Command:
    """The opening under an identifier that is free, after *error*."""
    if isinstance(error, Taken):
        return command  # freed since
    if error.free is None:
        raise Refused(
            f"number {error.number} is the identifier of {command.category} "
            f"{error.holder}, and too long for an identifier of its own: "
            f"{error.number}.2 has more than {numbering.LONGEST} characters"
        )
    return under(command, error.free, error.number)


def under(command: Command, subject: str, number: str) -> Command:
    """The opening under that identifier; it says its number where that is another."""
    proposed = command.proposed
    if subject_number(subject) != number:
        proposed = structs.replace(proposed, number=number)
    return replace(command, subject=subject, proposed=proposed)


def _parted(
    event: fact.Fact, stream: str, version: int
) -> tuple[Draft, dict[str, Secret]]:
    """What the record of *event* says, and the texts it says in commitments only."""
    written = fact.write(event)
    secrets = {
        name: sealing.secret(
            Place(stream, version, name, text.person or stream), text.plain
        )
        for name, text in written.text.items()
    }
    committed = {
        name: Commitment(secret.commitment, secret.place.subject)
        for name, secret in secrets.items()
    }
    draft = Draft(
        written.type, written.effective_on, written.data, committed, written.schema
    )
    return draft, secrets


async def _first(connection: Reader, command: Command, asked: bytes) -> Outcome | None:
    """What came of *command* when it was first sent; None if it never was.

    Raises:
        Reused: Its id was given to another command.
    """
    if command.command_id is None:
        return None
    found = await log.find(connection, command.command_id)
    if found is None:
        return None
    body, receipt = found
    if body != asked:
        raise Reused(command.command_id)
    return await _again(connection, receipt)


async def _again(connection: Reader, receipt: Receipt) -> Outcome:
    """What came of a command that was carried out before, as it was answered then."""
    recorded = await log.read_stream(connection, receipt.stream, size=receipt.position)
    subject = _subject(receipt)
    number = numbering.number(subject, history(recorded).state)
    return Outcome(subject, number, receipt, added=True, repeated=True)


def _subject(receipt: Receipt) -> str:
    return receipt.stream.partition("-")[2]


def _standing(command: Command, before: History) -> Outcome:
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
    return Outcome(command.subject, number, receipt, added=False, repeated=False)
