"""From a command to its receipt: read the stream, decide, append.

What a command says in words is put apart here: the record is given commitments, the
vault the texts. A decision hears the texts of the streams it reads, as far as they can
be opened; it depends on them only where it asks whether something was said before.

Where somebody was faster the stream is read again and decided anew, unless the command
said which version it is about. A command under an id of its own is carried out once:
repeated, it gets the receipt it got before.

Whether a day lies in a closed period is known without reading: the publications of a
year, once read, are kept. That they are still so is a premise of the append.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from iku import texts
from iku.domain import (
    conflict,
    continuation,
    erasure,
    fact,
    indicator,
    naming,
    organisation,
    publication,
    scale,
)
from iku.domain.decider import (
    Context,
    Refused,
    Turn,
    Unexplained,
    refuse_hidden_characters,
)
from iku.domain.deciders import DECIDERS
from iku.domain.withheld import NONE, Texts
from iku.ledger import identifier, log
from iku.ledger.appender import Appender, Unavailable
from iku.ledger.log import Conflicted, Reader, Receipt, Request, Reused
from iku.ledger.record import Commitment, Draft, Recorded
from iku.numbering import Draw, Numbers
from iku.vault import sealing
from iku.vault.files import Filed
from iku.vault.sealing import Place, Secret
from iku.vault.store import Vault

ATTEMPTS = 5  # of one command against others that are faster
NUMBERINGS = 100  # numbers drawn until one is free

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
    def closings(self) -> tuple[str, ...]:
        """The stream that tells which periods of its year are closed.

        There is none where it gives a reason, or is not of any day.
        """
        return closings(self.category, self.proposed)


def closings(category: str, proposed: Any) -> tuple[str, ...]:
    """The stream, if any, that tells whether what is *proposed* needs a reason."""
    day = DECIDERS[category].unexplained(proposed)
    return () if day is None else (publication.decider.stream(f"{day.year:04}"),)


class Outcome(Struct, frozen=True):
    """What came of a command.

    Attributes:
        receipt: Of its last event; where nothing had to be added, of the stream's.
        added: Whether it recorded anything, now or when it was first sent.
        repeated: Whether it had been carried out before, under the same id.
    """

    subject: str
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
        closings: What was last read of the publications of a year, by stream.
        numbers: Where what is entered without a number of its own is given one.
        only_reads: Whether the log is a replica's, so that nothing can be recorded.
    """

    appender: Appender
    zone: ZoneInfo
    areas: frozenset[str]
    vault: Vault
    closings: dict[str, History] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)
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
        if not command.subject:
            return await _first(connection, command, body) or await self._number(
                connection, command, body
            )
        if isinstance(command.proposed, FIRST) and command.expected is None:
            # That the subject is new is found out by appending; so none is read.
            with suppress(Conflicted):
                return await _first(connection, command, body) or await self._append(
                    connection, command, {}, body
                )
        return await self._retry(connection, command, body)

    async def _number(
        self, connection: Reader, command: Command, body: bytes
    ) -> Outcome:
        """Carry it out under the next number that is free."""
        for _ in range(NUMBERINGS):
            # What is refused must not use up a number: auditors ask where those went.
            held, events = await self._decided(connection, command, {})
            number = await self.numbers.next(connection, self._draw(command, held))
            if number is None:
                await self._refresh(connection, command)
                continue
            named = replace(command, subject=number)
            with suppress(Conflicted):
                return await self._record(connection, named, held, events, body)
        raise Refused(f"{NUMBERINGS} numbers were drawn, but none was free: give one")

    async def _retry(
        self, connection: Reader, command: Command, body: bytes
    ) -> Outcome:
        """Read, decide and append, again while others are faster."""
        for _ in range(ATTEMPTS - 1):
            with suppress(Conflicted):
                return await self._attempt(connection, command, body)
        return await self._attempt(connection, command, body)

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
        held, events = await self._decided(connection, command, read)
        if not events:
            return _standing(command, read.get(command.stream, History()))
        return await self._record(connection, command, held, events, body)

    async def _record(
        self,
        connection: Reader,
        command: Command,
        held: Mapping[str, History],
        events: Sequence[Any],
        body: bytes,
    ) -> Outcome:
        """Append what was decided on what is *held*."""
        try:
            receipt = await self.appender.submit(request(command, held, events, body))
        except Conflicted as error:
            if error.stream in command.closings:
                await self._refresh(connection, command)
            raise
        # A repetition may have drawn another number than the first.
        subject = _subject(receipt)
        return Outcome(subject, receipt, added=True, repeated=receipt.repeated)

    async def foresee(self, connection: Reader, command: Command) -> list[Any]:
        """The facts that *command* would record now; none where they stand already.

        Raises:
            Refused: The rules do not allow it.
            Missing: There is no such subject.
            Outdated: It is about a version that is not the last.
        """
        streams = [command.stream, *command.peers]
        read = await read_histories(connection, self.vault, streams, command)
        _, events = await self._decided(connection, command, read)
        return events

    async def _decided(
        self, connection: Reader, command: Command, read: Mapping[str, History]
    ) -> tuple[Mapping[str, History], list[Any]]:
        """What the decision rests on, closed periods included, and its facts."""
        version = read.get(command.stream, History()).version
        if command.expected not in {None, version}:
            raise Outdated(version, command.expected or 0)
        held = {**read, **self._kept(command)}
        today = command.known_on or self.today()
        try:
            return held, decide(command, held, today=today, areas=self.areas)
        except Unexplained:
            # Somebody may have opened the period again since.
            held = {**read, **await self._refresh(connection, command)}
            return held, decide(command, held, today=today, areas=self.areas)

    def _draw(self, command: Command, held: Mapping[str, History]) -> Draw:
        """For what it is numbered: only as long as no period is closed or opened."""
        year = self.today().year
        for stream in command.closings:
            return Draw(command.category, year, stream, held[stream].version)
        return Draw(command.category, year)

    def _kept(self, command: Command) -> dict[str, History]:
        return {s: self.closings.get(s, History()) for s in command.closings}

    async def _refresh(
        self, connection: Reader, command: Command
    ) -> dict[str, History]:
        """The publications that *command* rests on, read anew and kept."""
        streams = command.closings
        read = await read_histories(connection, self.vault, streams, command)
        self.closings.update(read)
        return self._kept(command)


def decide(
    command: Command,
    read: Mapping[str, History],
    *,
    today: date,
    areas: frozenset[str],
) -> list[Any]:
    """The facts that *command* adds to what was *read*.

    Raises:
        Refused: The rules do not allow it, or a text holds hidden characters.
        Missing: There is no such subject.
    """
    decider = DECIDERS[command.category]
    refuse_hidden_characters(decider.asked(command.proposed))
    state = read.get(command.stream, History()).state
    if state is None and not isinstance(command.proposed, OPENING):
        raise Missing(naming.absent(command.category, command.subject))
    peers = {
        subject: read.get(decider.stream(subject), History()).state
        for subject in decider.peers(command.proposed)
    }
    context = Context(
        today=today,
        subject=command.subject,
        areas=areas,
        peers=peers,
        actor=command.actor,
        closures=tuple(
            closure
            for stream in command.closings
            if (year := read.get(stream, History()).state) is not None
            for closure in year.closures
        ),
    )
    return decider.decide(command.proposed, state, context)


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


def request(
    command: Command, read: Mapping[str, History], events: Sequence[Any], body: bytes
) -> Request:
    """The request that appends *events* to what was *read*."""
    before = read.get(command.stream, History())
    after = DECIDERS[command.category].fold(events, before.state)
    parted = [
        _parted(event, command.stream, version)
        for version, event in enumerate(events, before.version + 1)
    ]
    secrets = [secret for _, of in parted for secret in of.values()]
    if command.file is not None:
        place = Place(command.stream, before.version + 1, "file", command.stream)
        key = sealing.secret(place, command.file.key.hex())
        secrets.append(structs.replace(key, file=command.file.name))
    return Request(
        stream=command.stream,
        expected_version=before.version,
        command_id=command.command_id or identifier.fresh(),
        body=body,
        actor=command.actor,
        drafts=tuple(draft for draft, _ in parted),
        known_on=command.known_on,
        # What the decision read of others must still be so.
        premises=tuple(
            (stream, read.get(stream, History()).version)
            for stream in (*command.peers, *command.closings)
        ),
        attachment=Turn(command.category, command.subject, before.state, after),
        secrets=tuple(secrets),
    )


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
    draft = Draft(written.type, written.effective_on, written.data, committed)
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
    return Outcome(_subject(receipt), receipt, added=True, repeated=True)


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
    return Outcome(command.subject, receipt, added=False, repeated=False)
