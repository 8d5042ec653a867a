"""Export of the log as a folder that an auditor verifies independently.

The folder contains the complete log up to the last checkpoint in the layout of C2SP
tlog-tiles, every checkpoint, a manifest, and readable copies of the definitions and
closed publications. `iku_verify.py` verifies the folder. The export writes page by page
in bounded memory.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from iku.domain import fact, indicator, publication, scale
from iku.ledger import checkpoint_store, durable_files, log, tile
from iku.ledger.checkpoint_store import SignedCheckpoint
from iku.ledger.log import Reader
from iku.ledger.policy import Policy
from iku.ledger.record import Recorded
from iku.ledger.tile import Tile
from iku.ledger.tile_cache import Tiles
from iku.messages import message

FORMAT = "iku-bundle/1"
MANIFEST = "manifest.json"
COPY = "A copy to be read. Only the records at these positions count."

Tell = Callable[[int, int], None]


class BundleWriteError(Exception):
    """The bundle cannot be written; the message states why."""


class BundleFile(Struct, frozen=True):
    """A file of the bundle, as listed in the manifest."""

    bytes: int
    path: str
    sha256: str


class Bundle(Struct, frozen=True):
    """The written bundle.

    Attributes:
        size: Number of records; the last checkpoint's size.
        checkpoints: Number of signed checkpoints, the last one of each size.
    """

    folder: str
    origin: str
    size: int
    root: str
    checkpoints: int
    files: int


async def export(
    connection: Reader, witnesses: Policy, folder: Path, tell: Tell
) -> Bundle:
    """Write the log up to its last checkpoint to *folder*; *tell* gets the progress.

    Raises:
        BundleWriteError: Nothing was signed yet, or the folder is not empty.
        OSError: A file cannot be written. After a failure written files are removed.
    """
    last = await checkpoint_store.latest(connection)
    if last is None:
        raise BundleWriteError(
            message("no checkpoint is signed yet; run `iku signer once`")
        )
    writing = _BundleWriter(folder, last)
    try:
        async for path, content in _files(connection, witnesses, last, tell):
            writing.add(path, content)
        return writing.finish()
    except BaseException:
        writing.remove_written_files()
        raise


async def _files(
    connection: Reader, witnesses: Policy, last: SignedCheckpoint, tell: Tell
) -> AsyncIterator[tuple[str, bytes]]:
    yield "checkpoint", str(last).encode()
    keys = await checkpoint_store.log_keys(connection)
    yield "policy.txt", checkpoint_store.published_policy(keys, witnesses)
    async for signed in checkpoint_store.checkpoints_up_to(connection, last.size):
        yield f"checkpoints/{signed.size}", str(signed).encode()
    for asked in tile.tiles(last.size):
        # A reader caches what it reads; a new one for each tile bounds memory.
        yield asked.path(), await Tiles(connection).tile(asked)
        if asked.level == 0:
            yield asked.entries_path(), await entries(connection, asked)
            tell(asked.required_size, last.size)
    async for path, content in readable_copies(connection, last.size):
        yield path, content


async def readable_copies(
    connection: Reader, size: int
) -> AsyncIterator[tuple[str, bytes]]:
    """Readable copies of definitions and closed publications."""
    for category in (indicator.decider.category, scale.decider.category):
        async for history in log.read_subjects(connection, category, size=size):
            yield f"definitions/{history[0].stream}.json", _readable_copy(history)
    of_years = publication.decider
    async for history in log.read_subjects(connection, of_years.category, size=size):
        facts = [fact.decode_recorded(one, of_years.event_type) for one in history]
        year = of_years.fold(facts)
        for one in year.publications.values() if year else ():
            if one.closing is not None:
                steps = [
                    step
                    for step, event in zip(history, facts, strict=True)
                    if event.publication == one.id
                ]
                yield f"publications/{one.id}.json", _readable_copy(steps)


def _readable_copy(history: Sequence[Recorded]) -> bytes:
    facts = []
    for one in history:
        body = one.body()
        facts.append(
            {
                "actor": body.actor,
                "data": body.data,
                "effective_on": one.effective_on,
                "known_on": one.known_on,
                "position": one.position,
                "type": one.type,
                "version": one.version,
            }
        )
    copy = {"facts": facts, "note": COPY, "stream": history[0].stream}
    spelt = msgspec.json.encode(copy, order="sorted")
    return msgspec.json.format(spelt, indent=1) + b"\n"


async def entries(connection: Reader, asked: Tile) -> bytes:
    """The records under a tile of level 0, as an entry bundle."""
    after = asked.number * tile.WIDTH
    records = [
        one.record
        async for one in log.read_log(connection, after=after, size=after + asked.width)
    ]
    return tile.entry_bundle(records)


class _BundleWriter:
    """A bundle being written; it is complete when the manifest is in place."""

    def __init__(self, folder: Path, last: SignedCheckpoint) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise BundleWriteError(
                message("the folder {folder} is not empty", folder=folder)
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._found = last.checkpoint
        self._part = folder / f"{MANIFEST}.part"
        self._manifest = self._part.open("xb")  # refuses a second writer
        self._written = [self._part]
        self._checkpoints = 0

    def add(self, path: str, content: bytes) -> None:
        place = self._folder / path
        self._written.append(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        with durable_files.naming_file_in_errors(place):
            place.write_bytes(content)
        listed = BundleFile(len(content), path, sha256(content).hexdigest())
        # Written line by line, to bound memory.
        with durable_files.naming_file_in_errors(self._part):
            first = len(self._written) == 2  # the manifest was opened first
            self._manifest.write(b'{"files":[\n' if first else b",\n")
            self._manifest.write(msgspec.json.encode(listed, order="sorted"))
        self._checkpoints += path.startswith("checkpoints/")

    def remove_written_files(self) -> None:
        """Remove the files written so far and no others, so that a retry works."""
        # Report the original error, not errors of the clean-up.
        with suppress(OSError):
            self._manifest.close()
        folders = set[Path]()
        for place in (*self._written, self._folder / MANIFEST):
            folders.update(place.relative_to(self._folder).parents[:-1])
            with suppress(OSError):
                place.unlink(missing_ok=True)
        for folder in sorted(folders, reverse=True):  # children first
            with suppress(OSError):
                (self._folder / folder).rmdir()

    def finish(self) -> Bundle:
        found = self._found
        rest = {
            "filters": "none",
            "format": FORMAT,
            "origin": found.origin,
            "root": found.root.hex(),
            "size": found.size,
        }
        tail = msgspec.json.encode(rest, order="sorted")[1:]
        with durable_files.naming_file_in_errors(self._part), self._manifest:
            self._manifest.write(b"\n]," + tail + b"\n")
        durable_files.rename(self._part, self._folder / MANIFEST)
        return Bundle(
            str(self._folder),
            found.origin,
            found.size,
            found.root.hex(),
            self._checkpoints,
            len(self._written),
        )
