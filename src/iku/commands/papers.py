"""Papers: their bytes are stored before their issue, and signed copies are accepted."""

from hashlib import sha256

from msgspec import structs

from iku.commands import upload
from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain.paper import Issued, Signed
from iku.ledger.log import Reader
from iku.vault import papers


async def keep(
    commands: CommandHandler, reader: Reader, issued: Issued, compiled: bytes
) -> None:
    """Store the bytes of a paper that is about to be issued, or proposed.

    Raises:
        ReadOnlyReplica: The database is a replica.
    """
    commands.refuse_replica()
    await papers.keep(reader, issued.digest, compiled)


async def keep_proven(reader: Reader, issued: Issued, proven: bytes) -> None:
    """Store the issued paper with its proof, unless it is stored already."""
    await papers.keep_proven(reader, issued.digest, proven)


async def take_signed(
    commands: CommandHandler, reader: Reader, command: Command, content: bytes
) -> CommandResult:
    """Record the signed copy *content* of the paper of *command*, and keep it sealed.

    The proposed event of *command* is a `Signed` whose digest and length are filled in
    here. Whether the copy begins with the issued bytes is checked by the caller.
    """
    proposed: Signed = command.proposed
    signed = structs.replace(
        proposed, digest=sha256(content).hexdigest(), length=len(content)
    )
    return await upload.record_file(commands, reader, command, signed, content)
