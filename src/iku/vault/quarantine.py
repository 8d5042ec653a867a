"""The quarantine: attached files that no event names, kept until somebody decides.

A database that was restored from an older dump does not know the files attached since.
Only the server moves files, when it starts, and only commands typed for it remove any.
What a decision erased is no evidence any more: it is destroyed wherever it is found.

Folders are gone through once, page by page, with one query a page.
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
    """How many files were moved to quarantine, put back, and destroyed as erased."""

    quarantined: int = 0
    restored: int = 0
    destroyed: int = 0


class Quarantined(Struct, frozen=True):
    """A file in quarantine.

    Attributes:
        name: Its name on the disk, without the ending.
        bytes: Its length, sealed.
        written: When it was put away.
        stream: The history whose event attached it; null where the database knows of
            none.
        version: Of that event.
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
        """Whether an event of the database names it."""
        return self.stream is not None


async def sweep(vault: Vault, reader: Reader) -> SweepResult:
    """Put back what the database knows, move to quarantine what it does not.

    An upload under way may be another process's: young files stay where they are.

    Raises:
        FilesError: The folders cannot be used.
    """
    counts: Counter[str] = Counter()
    async for page in _pages(vault.files.quarantined()):
        uses = await _uses(vault, reader, page)
        counts["restored"] += await _put_back(vault, _named(page, uses))
        counts["destroyed"] += await _destroy(vault, uses)
    async for page in _pages(vault.files.stored()):
        uses = await _uses(vault, reader, page)
        unknown = [one.name for one in page if one.stale and one.name not in uses]
        counts["quarantined"] += await asyncio.to_thread(vault.files.set_aside, unknown)
        counts["destroyed"] += await _destroy(vault, uses)
    return SweepResult(**counts)


async def destroy_erased(vault: Vault, reader: Reader) -> int:
    """Destroy every file that a decision erased; how many there were.

    Nothing else is touched.
    """
    destroyed = 0
    for pages in (vault.files.quarantined(), vault.files.stored()):
        async for page in _pages(pages):
            destroyed += await _destroy(vault, await _uses(vault, reader, page))
    return destroyed


async def listed(vault: Vault, reader: Reader) -> AsyncIterator[list[Quarantined]]:
    """What lies in quarantine, a page at a time."""
    async for page in _pages(vault.files.quarantined()):
        yield await _looked_up(vault, reader, page)


async def find(
    vault: Vault, reader: Reader, names: Iterable[UUID]
) -> list[Quarantined]:
    """Those of the named files that lie in quarantine."""
    found = await asyncio.to_thread(vault.files.find, list(dict.fromkeys(names)))
    return await _looked_up(vault, reader, found)


async def restore(vault: Vault, found: Iterable[Quarantined]) -> int:
    """Put those back that no decision erased; how many were moved."""
    return await _put_back(vault, [one.name for one in found if not one.erased])


async def remove(vault: Vault, found: Iterable[Quarantined]) -> int:
    """Destroy those that no event names, for good; how many there were."""
    names = [one.name for one in found if not one.known]
    return await asyncio.to_thread(vault.files.discard, names)


async def _pages(pages: Iterator[list[StoredFile]]) -> AsyncIterator[list[StoredFile]]:
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        yield page


async def _uses(
    vault: Vault, reader: Reader, page: Iterable[StoredFile]
) -> dict[UUID, FileUse]:
    return await vault.uses(reader, [one.name for one in page])


def _named(page: Iterable[StoredFile], uses: Mapping[UUID, FileUse]) -> list[UUID]:
    """Names of those that an event names."""
    return [one.name for one in page if one.name in uses and not uses[one.name].erased]


async def _put_back(vault: Vault, names: list[UUID]) -> int:
    return await asyncio.to_thread(vault.files.put_back, names)


async def _destroy(vault: Vault, uses: Mapping[UUID, FileUse]) -> int:
    erased = [name for name, use in uses.items() if use.erased]
    return await asyncio.to_thread(vault.files.remove, erased)


async def _looked_up(
    vault: Vault, reader: Reader, page: Iterable[StoredFile]
) -> list[Quarantined]:
    uses = await _uses(vault, reader, page)
    nothing = FileUse(None, None)
    return [
        Quarantined(
            name=one.name,
            bytes=one.bytes,
            written=datetime.fromtimestamp(one.written, UTC),
            stream=uses.get(one.name, nothing).stream,
            version=uses.get(one.name, nothing).version,
            erased=one.name in uses and uses[one.name].erased,
        )
        for one in page
    ]
