"""`iku report`, `iku register` and `iku record`: the entries of officers.

The options are the fields of the Structs that the API decodes from request bodies. The
commands go through the same gateway as those of the API.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, BinaryIO, NamedTuple, TypeAlias, get_args

import click
from msgspec import Meta, Struct

from iku import parsing
from iku.app import App
from iku.cli import ambiguous_number, proposing, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.options import (
    Command,
    Pairs,
    flag,
    options,
    parse,
    text_options,
    usage_error,
)
from iku.cli.terminal_language import formats
from iku.commands.command import CommandResult
from iku.domain import conflict, organisation
from iku.domain.decider import subject_id, subject_number
from iku.domain.fact import Version
from iku.gateway import CommandGateway, receipt
from iku.messages import Term, message
from iku.parsing import Field, ParseError
from iku.queries.subject_lookup import SubjectMatch, identify

Kinds: TypeAlias = Mapping[str, type[Struct]]  # of an event, by category of subject
LATER = {"conflict": conflict.Later, "organisation": organisation.Later}


class SubmissionOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of every command that records an event."""

    idempotency_key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+$(?!\n)")]
        | None,
        Meta(
            description="Idempotency key: a command repeated with the same key is "
            "carried out once, and the first receipt is returned again."
        ),
    ] = None


class ChangeOptions(SubmissionOptions, frozen=True, kw_only=True):
    """Options of a command that records an event of an existing subject."""

    expected_version: Annotated[
        Version | None,
        Meta(
            description="Expected version: the last version in iku history on which "
            "the command is based; refused if there is a later one."
        ),
    ] = None


class CommandInput(NamedTuple):
    """A command as typed: its fields as texts, or its whole body as JSON.

    Attributes:
        cleared: Fields that a correction clears.
    """

    pairs: Pairs
    body: BinaryIO | None
    cleared: Collection[str] = ()

    def parse(self, kind: type[Struct]) -> Any:
        """The command parsed as *kind*.

        Raises:
            UsageError: The input is invalid, or has both fields and a body.
        """
        given = dict.fromkeys(self.cleared)
        if self.body is None:
            names = [*parsing.struct_fields(kind), *(name for name, _ in self.pairs)]
            flags = {name: flag(name) for name in names}
            return parse(kind, self.pairs, flags, given)
        if self.pairs or given:
            raise click.UsageError(
                message(
                    "--body already contains the complete command: do not add fields"
                )
            )
        try:
            return parsing.parse_json(kind, self.body.read())
        except ParseError as error:
            raise usage_error(error, {"": "--body"}) from error


BODY = click.option(
    "--body",
    type=click.File("rb"),
    help="File with the complete command as JSON, in the form of the API; - is "
    "standard input.",
)


def _entry_options(
    fields: Mapping[str, Field], submission: type[SubmissionOptions]
) -> Callable[[Command], Command]:
    """A decorator that gives a command the options of an entry."""

    def decorate(command: Command) -> Command:
        command = terminal.actor(terminal.as_json(command))
        command = options(submission, "submission")(BODY(command))
        return text_options(fields, "pairs")(command)

    return decorate


@click.command(short_help="Register a conflict case.")
@_entry_options(parsing.struct_fields(conflict.Report), SubmissionOptions)
def report(
    pairs: Pairs,
    submission: SubmissionOptions,
    body: BinaryIO | None,
    *,
    actor: str,
    json: bool,
) -> None:
    """Register a case. Without --number it receives the register's next number.

    Write a person as a name or, for a person already in the register, as JSON with name
    and subject.
    """
    parsed = CommandInput(pairs, body).parse(conflict.Report)
    _create_subject("conflict", parsed, submission, actor, json=json)


@click.command(short_help="Register an organisation.")
@_entry_options(parsing.struct_fields(organisation.Registration), SubmissionOptions)
def register(
    pairs: Pairs,
    submission: SubmissionOptions,
    body: BinaryIO | None,
    *,
    actor: str,
    json: bool,
) -> None:
    """Register an organisation.

    Without --number it receives the register's next number.
    """
    parsed = CommandInput(pairs, body).parse(organisation.Registration)
    _create_subject("organisation", parsed, submission, actor, json=json)


def _create_subject(
    category: str, parsed: Any, submission: SubmissionOptions, actor: str, *, json: bool
) -> None:
    async def execute() -> CommandResult:
        async with terminal.opened_app(terminal.settings()) as app:
            gateway = CommandGateway(
                app,
                actor,
                submission.idempotency_key,
                credentials=app.credentials,
            )
            return await gateway.handle(
                category, subject_id(parsed.number or ""), parsed.to_event()
            )

    report_entry(category, terminal.run(execute()), json=json)


@click.group(
    cls=terminal.OrderedGroup,
    short_help="Record what happened to a case or organisation.",
)
def record() -> None:
    """Record a dated change, a correction or an annulment.

    SUBJECT is the number or identifier of a case or organisation. An event that would
    not change the register is refused.
    """


def _event_command(event: str, kinds: Kinds) -> click.Command:
    """The command that records an *event* of subjects of these *kinds*."""
    fields = {
        n: f for kind in kinds.values() for n, f in parsing.struct_fields(kind).items()
    }

    @click.command(event, help=_help(kinds), short_help=_help(kinds).splitlines()[0])
    @click.argument("subject", metavar="SUBJECT", type=terminal.SubjectNumberType())
    @_entry_options(fields, ChangeOptions)
    def command(
        subject: str,
        pairs: Pairs,
        *,
        submission: ChangeOptions,
        body: BinaryIO | None,
        cleared: Sequence[str] = (),
        because: str | None = None,
        actor: str,
        json: bool,
    ) -> None:
        parsed = _parse_for_each_kind(CommandInput(pairs, body, cleared), kinds)

        async def execute() -> tuple[str, CommandResult]:
            async with terminal.opened_app(terminal.settings()) as app:
                subject_match = await _find_subject(app, subject)
                proposed = _event_for(parsed, subject_match, event)
                gateway = CommandGateway(
                    *(
                        app,
                        actor,
                        submission.idempotency_key,
                        submission.expected_version,
                    ),
                    credentials=app.credentials,
                )
                category, found = subject_match.category, subject_match.subject
                if because is None:
                    return category, await gateway.handle(category, found, proposed)
                asked = gateway.command(category, found, proposed)
                return category, await proposing.propose(app, asked, because)

        category, done = terminal.run(execute())
        if because is None:
            report_entry(category, done, json=json)
        else:
            proposing.report(done, json=json)

    if event in proposing.PROPOSABLE:
        command = proposing.option(command)
    if event == "corrected":
        clear = click.option(
            "--clear",
            "cleared",
            metavar="FIELD",
            multiple=True,
            help="Field whose recorded value is wrong and must be removed. Repeatable.",
        )
        return clear(command)
    return command


def _help(kinds: Kinds) -> str:
    """The help of an event: the distinct docstrings of its Structs."""
    said = [parsing.split_docstring(kind.__doc__ or "")[0] for kind in kinds.values()]
    plain = (_ASIDE.sub("", one).replace("*", "") for one in said)
    return "\n\n".join(dict.fromkeys(plain))


_ASIDE = re.compile(r" \(see [^)]*\)")


def _parse_for_each_kind(typed: CommandInput, kinds: Kinds) -> dict[str, Any]:
    """The event from the command line, parsed as each kind, by category.

    If a kind refuses the event, the value of that kind is the usage error.

    Raises:
        UsageError: Every kind refuses the event.
    """
    parsed: dict[str, Any] = {}
    for category, kind in kinds.items():
        try:
            parsed[category] = typed.parse(kind)
        except click.UsageError as error:
            parsed[category] = error
    faults = [one for one in parsed.values() if isinstance(one, click.UsageError)]
    if len(faults) == len(parsed):
        raise faults[0]
    return parsed


async def _find_subject(app: App, typed: str) -> SubjectMatch:
    """The subject with the number or identifier *typed*.

    Raises:
        CommandFailed: No subject matches, or several do.
    """
    async with app.pool.acquire() as connection:
        found = await identify(terminal.view(app, connection), typed, [*LATER])
    if not found:
        raise CommandFailed(
            message(
                "no case or organisation has the number {number}",
                number=subject_number(typed),
            )
        )
    ambiguous_number.refuse_ambiguous(found, typed, by_kind=False)
    return found[0]


def _event_for(
    parsed: Mapping[str, Any], subject_match: SubjectMatch, event: str
) -> Any:
    """The event as parsed for the category of *subject_match*.

    Raises:
        CommandFailed: The subject's category has no such event.
        UsageError: The event is invalid for that category.
    """
    if subject_match.category not in parsed:
        number, noun = (
            subject_number(subject_match.subject),
            ambiguous_number.kind_name(subject_match.category),
        )
        [other] = parsed
        raise CommandFailed(
            message(
                "{number} is {noun}, but {event} can only be recorded for {other}",
                number=number,
                noun=noun,
                event=event,
                other=ambiguous_number.kind_name(other),
            )
        )
    chosen = parsed[subject_match.category]
    if isinstance(chosen, click.UsageError):
        raise chosen
    return chosen


def report_entry(category: str, done: CommandResult, *, json: bool) -> None:
    """Print the receipt of an event."""
    shown = receipt(done)
    if json:
        terminal.emit(shown)
        return
    values = {
        "kind": Term("category", category),
        "number": shown.number,
        "version": formats.number(shown.version),
        "position": formats.number(shown.position),
    }
    tables.say(
        message(
            "Already recorded: {kind} {number}, version {version}, event {position}.",
            **values,
        )
        if done.repeated
        else message(
            "Recorded: {kind} {number}, version {version}, event {position}.", **values
        )
    )
    for note in shown.notes:
        tables.say(message("Note: {note}.", note=note))


def _event_types() -> dict[str, dict[str, type[Struct]]]:
    """For each event type, its Struct by category of subject."""
    found: dict[str, dict[str, type[Struct]]] = {}
    for category, later in LATER.items():
        for kind in get_args(later):
            tag = str(kind.__struct_config__.tag)
            found.setdefault(tag, {})[category] = kind
    return found


for _event, _kinds in _event_types().items():
    record.add_command(_event_command(_event, _kinds))
