"""The streams on which the decision on a command is based."""

from functools import partial

from iku import streams
from iku.commands.command import Command
from iku.domain import fact
from iku.domain.decider_registry import DECIDERS
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.streams import FoldedStream
from iku.vault.store import Vault


async def read(
    reader: Reader, vault: Vault, command: Command
) -> dict[str, FoldedStream]:
    """The streams on which the decision on *command* is based, its own first.

    The texts that *command* may need are decrypted, in the command's own stream only.
    """
    found = await streams.read(
        reader, vault, [command.stream], partial(_needs_texts, command)
    )
    decider, own = DECIDERS[command.category], found.get(command.stream, FoldedStream())
    grounds = decider.premises_of(command.proposed, command.subject, own.state)
    others = [*map(decider.stream, grounds.related_subjects), *grounds.streams]
    if others:
        found |= await streams.read(reader, vault, others, lambda _recorded: False)
    return found


def _needs_texts(command: Command, recorded: Recorded) -> bool:
    """Whether the decision on *command* needs the texts of event *recorded*.

    The texts are needed if the event may equal the proposed one, or if a merger copies
    them. Most commands need no text.
    """
    tag = command.proposed.__struct_config__.tag
    return isinstance(command.proposed, fact.Correction | fact.Merger) or tag in {
        None,
        False,
        recorded.type,
    }
