"""Whether a command was recorded, by its idempotency key."""

from iku.ledger import log
from iku.ledger.log import Receipt
from iku.queries.view import View


async def stream_of(view: View, command_id: str) -> str | None:
    """The stream in which the command was recorded; None if it never was."""
    found = await receipt(view, command_id)
    return None if found is None else found.stream


async def receipt(view: View, command_id: str) -> Receipt | None:
    """The receipt of the command; None if it is not recorded."""
    found = await log.find_command(view.reader, command_id)
    return None if found is None else found[1]
