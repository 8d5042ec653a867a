"""The gateway of commands from HTTP and the command line, with their receipts.

All commands pass through it, so both interfaces refuse the same commands with the same
messages.
"""

from datetime import date, datetime
from typing import Any

from msgspec import Struct

from iku import messages
from iku.app import App
from iku.commands import dry_run
from iku.commands.command import Command, CommandResult, StaleVersion
from iku.connection import PooledReader
from iku.domain import closed_periods, figure_effect, subject_kinds, subject_name
from iku.domain.access import Credentials
from iku.domain.decider import Invalid, Refused, SubjectNotFound
from iku.domain.fact import field_value
from iku.domain.figure import Counts, Figure
from iku.domain.figure_effect import FigureEffect
from iku.domain.indicator import Indicator
from iku.domain.question import Question
from iku.language import Language, translate
from iku.messages import Message, Term, message
from iku.queries import subject_lookup


class EntryReceipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Receipt of an event: it is durable and part of the log.

    Attributes:
        id: Identifier of the subject, as in its URL.
        number: Number of the subject in the register.
        version: Version of the subject's last recorded event.
        position: Position of that event in the log.
        size: Size of the log with the event.
        recorded_at: The instant of the append by the database's clock, in UTC.
        leaf: The event's leaf hash (RFC 6962, section 2.1), in lower-case hexadecimal.
        notes: Further effects: participations that a merger does not take over and why,
            subjects that a rejection excludes as well. Absent if there are none.
    """

    id: str
    number: str
    version: int
    position: int
    size: int
    recorded_at: datetime
    leaf: str
    notes: tuple[str, ...] = ()


class EntryEffect(Struct, frozen=True):
    """The effect of a command on figures, before it is recorded.

    Attributes:
        figures: The figures that count subjects of its kind, of today and, if the event
            is of an earlier year, of the end of that year.
        published: The changes of figures of closed periods, in sentences.
        notes: Further effects, in sentences.
    """

    figures: tuple[FigureEffect, ...]
    published: tuple[Message, ...]
    notes: tuple[str, ...]


class CommandGateway(Struct, frozen=True):
    """The gateway for the commands of one request."""

    app: App
    actor: str
    command_id: str | None
    expected: int | None = None
    language: Language = Language.ENGLISH
    credentials: Credentials | None = None

    async def handle(self, category: str, subject: str, proposed: Any) -> CommandResult:
        """Carry out the *proposed* event of *subject* (see `CommandHandler.handle`).

        Raises:
            Refused: A rule forbids the event, or it is recorded already: an earlier
                receipt must not be returned for this request.
        """
        command = self.command(category, subject, proposed)
        try:
            with MissingAsNotFound(command):
                outcome = await self.app.commands.handle(
                    PooledReader(self.app), command
                )
        except SubjectNotFound as error:
            holders = await self._holders_message(command, subject)
            raise SubjectNotFound(_with_holders(error, holders)) from error
        except Invalid as error:
            if error.path != "into":
                raise
            into = field_value(command.proposed, "into")
            holders = await self._holders_message(command, into)
            raise Invalid(error.path, _with_holders(error, holders)) from error
        if not outcome.added:
            raise Refused(
                message(
                    "{category} {subject} already has this event at version "
                    "{version}; nothing was recorded",
                    category=Term("category", category),
                    subject=outcome.subject,
                    version=outcome.receipt.version,
                )
            )
        return outcome

    async def _holders_message(self, command: Command, name: str) -> Message | None:
        """The message that names the subjects with the number *name*, or None."""
        reader = PooledReader(self.app)
        viewer = await self.app.viewer(reader, self.credentials)
        view = self.app.view(reader, viewer)
        return await subject_lookup.holders_message(view, command.category, name)

    async def preview(self, category: str, subject: str, proposed: Any) -> list[Any]:
        """The events that `handle` would record now; nothing is recorded.

        Raises:
            Refused: A rule forbids the event, or it is recorded already.
        """
        command = self.command(category, subject, proposed)
        with MissingAsNotFound(command):
            facts = await self.app.commands.preview(PooledReader(self.app), command)
        if not facts:
            raise Refused(
                message(
                    "{category} {subject} already has this event; nothing would be "
                    "recorded",
                    category=Term("category", category),
                    subject=subject,
                )
            )
        return facts

    async def effect(self, category: str, subject: str, proposed: Any) -> EntryEffect:
        """The effect on figures that `handle` would have now; nothing is recorded.

        Raises:
            Refused: A rule forbids the event, or the actor may neither record nor
                propose it.
            SubjectNotFound: The subject does not exist.
        """
        app, reader = self.app, PooledReader(self.app)
        command = self.command(category, subject, proposed)
        found = await dry_run.dry_run(app.commands, reader, command)
        today, indicators = app.commands.today(), await app.figures.indicators(reader)
        counting = [
            code for code, one in indicators.items() if _is_counted_by(one, category)
        ]
        days = _days_of_effect(proposed, today)
        questions = [Question(code, day) for day in days for code in sorted(counting)]
        closed = [closed_periods.question_of_change(one) for one in found.closed]
        answers = await app.figures.answer(reader, [*questions, *closed], today)
        figures, counted = answers[: len(questions)], answers[len(questions) :]
        return EntryEffect(
            tuple(
                figure_effect.effect(
                    one,
                    indicators[one.indicator]
                    .definitions[one.definition - 1]
                    .defined.options,
                    found.changes,
                )
                for one in figures
            ),
            tuple(
                closed_periods.change_message(change, _counts_of(one))
                for change, one in zip(found.closed, counted, strict=True)
            ),
            found.notes,
        )

    def command(self, category: str, subject: str, proposed: Any) -> Command:
        """The command that the request proposes."""
        return Command(
            category,
            subject,
            proposed,
            self.actor,
            command_id=self.command_id,
            expected=self.expected,
            credentials=self.credentials,
        )


def _days_of_effect(proposed: Any, today: date) -> list[date]:
    """Today, and 31 December of the event's year if that year is over."""
    day = field_value(proposed, "effective_on")
    if not isinstance(day, date) or day.year >= today.year:
        return [today]
    return [today, date(day.year, 12, 31)]


def _is_counted_by(indicator: Indicator, category: str) -> bool:
    """Whether the indicator counts subjects of the category."""
    options = indicator.definitions[-1].defined.options
    return subject_kinds.kind_counted_by(options).category == category


def _with_holders(error: Exception, holders: Message | None) -> str:
    """The message of *error*, followed by that of the holders of the number."""
    said = messages.error_message(error)
    return said if holders is None else messages.join_sentences([said, holders])


def _counts_of(figure: Figure) -> Counts:
    return Counts(figure.numerator, figure.denominator, figure.expired or 0)


class MissingAsNotFound(Struct, frozen=True):
    """Context manager: a `StaleVersion` of a missing subject as `SubjectNotFound`.

    Not a generator, which takes several times as long: every command passes through.
    """

    command: Command

    def __enter__(self) -> None:
        """Begin to handle the command."""

    def __exit__(
        self, _kind: object, error: BaseException | None, _traceback: object
    ) -> None:
        """Raise `SubjectNotFound` in place of the error of a missing subject."""
        if isinstance(error, StaleVersion) and error.version == 0:
            about = self.command
            missing = subject_name.not_found_message(about.category, about.subject)
            raise SubjectNotFound(missing) from error


def receipt(
    outcome: CommandResult, language: Language = Language.ENGLISH
) -> EntryReceipt:
    """The receipt for the client, with its notes in *language*."""
    given = outcome.receipt
    return EntryReceipt(
        id=outcome.subject,
        number=outcome.number,
        version=given.version,
        position=given.position,
        size=given.size,
        recorded_at=given.recorded_at,
        leaf=given.leaf.hex(),
        notes=tuple(translate(note, language) for note in outcome.notes),
    )
