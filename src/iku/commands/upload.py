"""Attached files: encrypted in a folder, with a commitment in the log."""

import asyncio
from hashlib import sha256

from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain.attachment import Attached
from iku.domain.fact import Fact
from iku.ledger.log import Reader
from iku.text_reading import File
from iku.vault.files import FileReference


async def attach(
    commands: CommandHandler, reader: Reader, command: Command, file: File
) -> CommandResult:
    """Attach *file* to the subject of *command* (see `CommandHandler.handle`)."""
    attached = Attached(
        file_name=file.name,
        media_type=file.media_type,
        length=len(file.content),
        sha256=sha256(file.content).hexdigest(),
    )
    return await record_file(commands, reader, command, attached, file.content)


async def record_file(
    commands: CommandHandler,
    reader: Reader,
    command: Command,
    event: Fact,
    content: bytes,
) -> CommandResult:
    """Record *event*, which commits to *content*, and keep the content sealed."""
    filed = await asyncio.to_thread(commands.vault.files.put, content)
    kept = False
    try:
        command = command.with_file(event, filed)
        outcome = await commands.handle(reader, command)
        kept = outcome.added and not outcome.repeated
    finally:
        # If it is unknown whether the event was recorded, the file is kept. A later
        # start moves it to quarantine if no event names it.
        if not kept and not await _is_recorded(commands, reader, filed):
            commands.vault.files.remove([filed.name])
    return outcome


async def _is_recorded(
    commands: CommandHandler, reader: Reader, filed: FileReference
) -> bool:
    """Whether an event refers to the file; True if that cannot be determined."""
    try:
        return filed.name in await commands.vault.file_uses(reader, [filed.name])
    except Exception:  # noqa: BLE001 - the error in progress is more informative
        return True
