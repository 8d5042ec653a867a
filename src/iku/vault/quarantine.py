"""The quarantine: attached files that no event names, kept until a user decides.

A database restored from an older dump has no event for the files attached since. Only
the server moves files to the quarantine, when it starts, and only a user's command
deletes them. A file that a decision erased is deleted in either folder.

Each folder is read once, in pages, with one query for each page.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct

from iku.ledger.log import Reader
from iku.vault.files import StoredFile
from iku.vault.store import FileUse, Vault


class SweepResult(Struct, frozen=True):
    """The number of files moved to quarantine, restored, and deleted as erased."""

    quarantined: int = 0
    restored: int = 0
    destroyed: int = 0


class QuarantinedFile(Struct, frozen=True):
    """A file in quarantine.

    Attributes:
        name: Name of the file on the disk, without the suffix.
        bytes: Size of the encrypted file.
        written: When it was stored.
        stream: The stream whose event attached it; null if no event names it.
        version: Version of that event.
        erased: Whether a decision erased it.
    """

    name: UUID
    bytes: int
    written: datetime
    stream: str | None
    version: int | None
    erased: bool

    @property
    def known(self) -> bool:
        """Whether an event in the database names the file."""
        return self.stream is not None


async def sweep(vault: Vault, reader: Reader) -> SweepResult:
    """Move files that no event names to quarantine, and restore those that one names.

    Recent files stay in place, since another process may be about to append their
    events.

    Raises:
        FilesError: A folder cannot be used.
    """
    counts: Counter[str] = Counter()
    async for page in _pages(vault.files.list_quarantined()):
        uses = await _file_uses(vault, reader, page)
        counts["restored"] += await _restore(vault, _attached_names(page, uses))
        counts["destroyed"] += await _delete_erased(vault, uses)
    async for page in _pages(vault.files.list_stored()):
        uses = await _file_uses(vault, reader, page)
        unknown = [one.name for one in page if one.is_stale and one.name not in uses]
        counts["quarantined"] += await asyncio.to_thread(
            vault.files.move_to_quarantine, unknown
        )
        counts["destroyed"] += await _delete_erased(vault, uses)
    return SweepResult(**counts)


async def destroy_erased(vault: Vault, reader: Reader) -> int:
    """Delete every erased file; return the number deleted.

    No other file is changed.
    """
    destroyed = 0
    for pages in (vault.files.list_quarantined(), vault.files.list_stored()):
        async for page in _pages(pages):
            destroyed += await _delete_erased(
                vault, await _file_uses(vault, reader, page)
            )
    return destroyed


async def list_files(
    vault: Vault, reader: Reader
) -> AsyncIterator[list[QuarantinedFile]]:
    """The files in quarantine, in pages."""
    async for page in _pages(vault.files.list_quarantined()):
        yield await _quarantined_files(vault, reader, page)


async def find(
    vault: Vault, reader: Reader, names: Iterable[UUID]
) -> list[QuarantinedFile]:
    """The named files that are in quarantine."""
    found = await asyncio.to_thread(vault.files.find, list(dict.fromkeys(names)))
    return await _quarantined_files(vault, reader, found)


async def restore(vault: Vault, found: Iterable[QuarantinedFile]) -> int:
    """Move the files that were not erased back to the folder; return the number."""
    return await _restore(vault, [one.name for one in found if not one.erased])


async def remove(vault: Vault, found: Iterable[QuarantinedFile]) -> int:
    """Delete the files that no event names; return the number deleted."""
    names = [one.name for one in found if not one.known]
    return await asyncio.to_thread(vault.files.delete_quarantined, names)


async def _pages(pages: Iterator[list[StoredFile]]) -> AsyncIterator[list[StoredFile]]:
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        yield page


async def _file_uses(
    vault: Vault, reader: Reader, page: Iterable[StoredFile]
) -> dict[UUID, FileUse]:
    return await vault.file_uses(reader, [one.name for one in page])


def _attached_names(
    page: Iterable[StoredFile], uses: Mapping[UUID, FileUse]
) -> list[UUID]:
    """Names of the files that an event names."""
    return [one.name for one in page if one.name in uses and not uses[one.name].erased]


async def _restore(vault: Vault, names: list[UUID]) -> int:
    return await asyncio.to_thread(vault.files.restore, names)


async def _delete_erased(vault: Vault, uses: Mapping[UUID, FileUse]) -> int:
    erased = [name for name, use in uses.items() if use.erased]
    return await asyncio.to_thread(vault.files.remove, erased)


async def _quarantined_files(
    vault: Vault, reader: Reader, page: Iterable[StoredFile]
) -> list[QuarantinedFile]:
    uses = await _file_uses(vault, reader, page)
    nothing = FileUse(None, None)
    return [
        QuarantinedFile(
            name=one.name,
            bytes=one.bytes,
            written=datetime.fromtimestamp(one.written, UTC),
            stream=uses.get(one.name, nothing).stream,
            version=uses.get(one.name, nothing).version,
            erased=one.name in uses and uses[one.name].erased,
        )
        for one in page
    ]
