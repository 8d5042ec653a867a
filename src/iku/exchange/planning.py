"""Deciding the rows of a journal one after the other, in memory.

Rows are held against the same rules as whatever is entered live. A row that is refused
leaves its subject in doubt: later rows on that subject are read, but not judged, and
the one refusal says how many they are.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from msgspec import structs

from iku import handling
from iku.domain.decider import Invalid, Refused, Turn, Unexplained, subject_number
from iku.domain.deciders import DECIDERS
from iku.domain.fact import Fact
from iku.exchange import cells
from iku.exchange.cells import Unfit
from iku.exchange.journals import Aim, Entry, Journal
from iku.exchange.reading import Digest
from iku.exchange.sheet import Fault
from iku.handling import OPENING, Command, History, Missing
from iku.ledger import log
from iku.ledger.log import Framed
from iku.ledger.record import Unrecordable


class Prospect:
    """The register as it will stand once what was planned is recorded.

    Attributes:
        recorded: Ids of commands that are recorded, or planned to be.
        histories: Subjects by stream; those that are new are missing.
        known: By stream, the latest day of knowledge.
    """

    def __init__(self) -> None:
        self.recorded: set[str] = set()
        self.histories: dict[str, History] = {}
        self.known: dict[str, date] = {}

    def copy(self) -> "Prospect":
        """Another that may go another way from here."""
        other = Prospect()
        other.recorded |= self.recorded
        other.histories |= self.histories
        other.known |= self.known
        return other

    def add(self, read: Mapping[str, History]) -> None:
        """Take in subjects as they were *read*."""
        self.histories |= read
        for stream, history in read.items():
            if history.last is not None:
                self.known[stream] = history.last.known_on

    def advance(self, framed: Framed, turn: Turn) -> None:
        """Take in what was just planned."""
        request = framed.request
        version = request.expected_version + len(request.drafts)
        last = self.histories.get(request.stream, History()).last
        self.histories[request.stream] = History(turn.after, version, last)
        self.recorded.add(request.command_id)
        if request.known_on is not None:
            self.known[request.stream] = request.known_on


class Plan:
    """What a journal's rows come to.

    Attributes:
        framed: The requests to append, in the order of the file.
        added: How many events those hold.
        repeated: Rows imported before.
        standing: Rows that the register said already.
    """

    def __init__(
        self,
        journal: Journal,
        prospect: Prospect,
        actor: str,
        areas: frozenset[str],
        digest: Digest,
    ) -> None:
        self.framed: list[Framed] = []
        self.added = 0
        self.repeated = 0
        self.standing = 0
        self.faults: list[Fault] = []
        self._layout = journal.layout
        self._prospect = prospect
        self._actor = actor
        self._areas = areas
        self._digest = digest
        self._doubtful: dict[str, int] = {}  # index of a subject's first fault
        self._unjudged: Counter[str] = Counter()
        self._later = _last_recorded(journal, prospect.recorded)

    def judge(self, entry: Entry) -> None:
        """Decide one row, the rows before it being decided."""
        if entry.command_id in self._prospect.recorded:
            self.repeated += 1
        elif entry.faults:
            self._refuse(entry, *entry.faults)
        elif doubtful := self._in_doubt(entry):
            self._unjudged[doubtful] += 1
        else:
            try:
                self._decide(entry)
            except (Refused, Missing, Unrecordable) as error:
                self._refuse(entry, self._fault(entry, error))

    def close(self) -> None:
        """Say beside each first refusal how many rows were not judged for it."""
        for subject, count in self._unjudged.items():
            index = self._doubtful[subject]
            fault = self.faults[index]
            rows = "row" if count == 1 else "rows"
            number = subject_number(subject)
            note = f"{count} later {rows} naming {number} not judged because of this"
            self.faults[index] = Fault(
                fault.row, fault.column, f"{fault.message} ({note})"
            )

    def sorted_faults(self) -> tuple[Fault, ...]:
        """All faults in the order of the file."""
        return tuple(sorted(self.faults, key=lambda fault: fault.row))

    def _in_doubt(self, entry: Entry) -> str | None:
        """The first subject the row is about whose course of events is in doubt."""
        for subject in (entry.subject, *entry.peers(self._layout.category)):
            if subject in self._doubtful:
                return subject
        return None

    def _decide(self, entry: Entry) -> None:
        prospect, command = self._prospect, self._command(entry)
        known = prospect.known.get(command.stream)
        if self._stood(entry, command):
            self.standing += 1
            return
        try:
            events = self._events(command, prospect.histories)
        except Unexplained:
            command = self._explained(entry, command)
            events = self._events(command, prospect.histories)
        if not events:
            self.standing += 1
            return
        if known is not None and entry.known_on < known:
            raise Invalid(
                "known_on",
                f"is {entry.known_on}, but {entry.subject} holds what was known on "
                f"{known}, and knowledge does not go back",
            )
        body = self._digest(command.content)
        request = handling.request(command, prospect.histories, events, body)
        framed = log.frame(request)
        self.framed.append(framed)
        self.added += len(events)
        prospect.advance(framed, request.attachment)

    def _command(self, entry: Entry) -> Command:
        category = self._layout.category
        stream = DECIDERS[category].stream(entry.subject)
        return Command(
            category=category,
            subject=entry.subject,
            proposed=self._proposed(entry, self._prospect.histories.get(stream)),
            actor=self._actor,
            command_id=entry.command_id,
            known_on=entry.known_on,
        )

    def _proposed(self, entry: Entry, history: History | None) -> Fact | None:
        if not isinstance(entry.fact, Aim):
            return entry.fact
        if history is None:
            number = subject_number(entry.subject)
            raise Missing(f"there is no {self._layout.category} {number}")
        return entry.fact.fact(history.state)

    def _events(self, command: Command, read: Mapping[str, History]) -> list[Any]:
        today = command.known_on or date.max
        return handling.decide(command, read, today=today, areas=self._areas)

    def _explained(self, entry: Entry, command: Command) -> Command:
        """The command with the row's remark as its reason, if there is one."""
        if entry.remark is None:
            return command
        try:
            reason = cells.reason(entry.remark)
        except Unfit as error:
            raise Invalid("reason", f"reason {error}") from error
        return replace(
            command, proposed=structs.replace(command.proposed, reason=reason)
        )

    def _stood(self, entry: Entry, command: Command) -> bool:
        """Whether the row had nothing to add when the file was first imported.

        A later row of the file on the same subject is recorded, so this one was
        decided before: if nothing was recorded for it, it stood then; and it must not
        come up again only because a later row has taken it back.
        """
        if entry.line > self._later.get(entry.subject, 0):
            return False
        history = self._prospect.histories[command.stream].state.history
        decider = DECIDERS[command.category]
        return any(
            self._adds_nothing(command, decider.fold(history[:version]))
            for version in range(1, len(history))
        )

    def _adds_nothing(self, command: Command, state: Any) -> bool:
        read = {**self._prospect.histories, command.stream: History(state)}
        try:
            return not self._events(command, read)
        except Refused:
            return False

    def _refuse(self, entry: Entry, *faults: Fault) -> None:
        if entry.subject and entry.subject not in self._doubtful:
            self._doubtful[entry.subject] = len(self.faults)
        self.faults.extend(faults)

    def _fault(self, entry: Entry, error: Exception) -> Fault:
        if isinstance(error, Invalid) and error.path in entry.columns:
            # The sentence names the field as programs do; the column stands beside it.
            message = str(error).removeprefix(f"{error.path} ")
            return Fault(entry.line, entry.columns[error.path], message)
        about_subject = isinstance(error, Missing) or isinstance(entry.fact, OPENING)
        column = self._layout.subject if about_subject else self._layout.event
        return Fault(entry.line, column, str(error))


def _last_recorded(journal: Journal, recorded: set[str]) -> dict[str, int]:
    """By subject, the line of its last row that was imported before."""
    return {
        entry.subject: entry.line
        for entry in journal.entries
        if entry.command_id in recorded
    }
