"""The dry run of a command: what it would change, without recording it.

It is evaluated as a proposal with a reason, so that a person sees the effect before
completing the form.
"""

from typing import NamedTuple

from msgspec import structs

from iku.commands import command_streams, decision
from iku.commands.command import Command
from iku.commands.handler import CommandHandler
from iku.domain import closed_periods
from iku.domain.closed_periods import Change
from iku.domain.figure_effect import StateChange
from iku.ledger.log import Reader


class DryRun(NamedTuple):
    """What a command would change.

    Attributes:
        changes: The states of the subjects that it changes.
        closed: The frozen figures that would differ from a count of today.
        notes: Further effects, in sentences.
    """

    changes: tuple[StateChange, ...]
    closed: tuple[Change, ...]
    notes: tuple[str, ...] = ()


async def dry_run(commands: CommandHandler, reader: Reader, command: Command) -> DryRun:
    """Compute what *command* would change now, without recording it.

    Raises:
        Forbidden: The actor may neither record nor propose it.
        Refused: A rule forbids it.
        SubjectNotFound: The subject does not exist.
    """
    command = structs.replace(command, proposing=True)
    read = await command_streams.read(reader, commands.vault, command)
    authority = await commands.authority(reader, command.actor, command.credentials)
    decided = decision.decide(
        command,
        read,
        today=commands.today(),
        areas=commands.areas,
        closed=None,
        authority=authority,
    )
    own = (command.subject, StateChange(decided.before.state, decided.after))
    others = [
        (one.subject, StateChange(one.before.state, one.after))
        for one in decided.others
    ]
    closed = await commands.closures.refresh(reader)
    changed = [own, *others] if decided.events else []
    return DryRun(
        tuple(change for _, change in changed),
        tuple(
            found
            for subject, change in changed
            for found in closed_periods.frozen_figure_changes(
                closed.value, subject, change.before, change.after
            )
        ),
        decided.notes,
    )
