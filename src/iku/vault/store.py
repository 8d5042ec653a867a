"""The vault's store: texts written in the append's transaction, read and erased.

A text is encrypted with the latest data key known to the process, and the database
verifies under the log's lock that it is the latest. A text is therefore never stored
under a key that another process has destroyed. Unwrapped keys are held in a bounded
in-memory cache.
"""

import os
from collections import OrderedDict
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct

from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection, Reader
from iku.ledger.record import Commitment, Recorded
from iku.messages import message
from iku.vault import sealing
from iku.vault.files import FileReference, Files
from iku.vault.keys import LENGTH, Keys, KeysError, read_key
from iku.vault.sealing import (
    DataKey,
    KeyOwner,
    Opened,
    Secret,
    TextDamaged,
    TextLocation,
)

CACHE = 4_096  # keys held in memory
REWRAPPED = 1_000  # keys rewrapped in one statement

Today: TypeAlias = Callable[[], date]
Progress: TypeAlias = Callable[[int, int], None]
K = TypeVar("K")
V = TypeVar("V")
Pair: TypeAlias = tuple[str, str]  # stream and subject


class VaultFault(StrEnum):
    """The reason why a text cannot be read."""

    LOCKED = "locked"
    DAMAGED = "damaged"
    MISSING = "missing"


class StoredTextCount(Struct, frozen=True):
    """The number of texts of a subject in one field of one stream."""

    stream: str
    field: str
    count: int


class FileUse(NamedTuple):
    """The event that attached a file; None for both fields if the file was erased."""

    stream: str | None
    version: int | None

    @property
    def erased(self) -> bool:
        """Whether a decision erased the file."""
        return self.stream is None


class WrapCounts(NamedTuple):
    """The number of data keys that the key of an epoch wraps.

    *locked* of them cannot be unwrapped with the key folder.
    """

    wraps: int
    locked: int


class _LatestKey(NamedTuple):
    """The latest data key of a stream and subject.

    *id* is None if the database has none; *key* is None if it cannot be unwrapped.
    """

    id: UUID | None
    key: DataKey | None


class _EncryptionKey(NamedTuple):
    """The data key that encrypts the new texts of a stream and subject.

    A new key has its *epoch* and its *wrapped* form; both are None if it is stored.
    """

    latest: UUID | None
    key: DataKey
    epoch: str | None
    wrapped: bytes | None

    @property
    def columns(self) -> tuple[UUID | None, UUID | None, str | None, bytes | None]:
        """The key in a row of `vault.used_key`."""
        new = None if self.epoch is None else self.key.id
        return self.latest, new, self.epoch, self.wrapped


class SealedTexts(NamedTuple):
    """Encrypted texts to be stored.

    Attributes:
        plan: By stream and subject, the data key that encrypts their texts.
        keys: Rows of `vault.used_key`.
        texts: Rows of `vault.sealed_text`.
    """

    plan: Mapping[Pair, _EncryptionKey]
    keys: Sequence[tuple[Any, ...]]
    texts: Sequence[tuple[Any, ...]]


class Vault:
    """The vault of one database, with the keys and files of one folder each."""

    def __init__(self, keys: Keys, files: Files, today: Today) -> None:
        self.keys = keys
        self.files = files
        self._today = today
        self._unwrapped: OrderedDict[UUID, DataKey] = OrderedDict()
        self._latest: OrderedDict[Pair, _LatestKey] = OrderedDict()

    async def store(
        self, connection: Connection, accepted: Sequence[AcceptedRequest]
    ) -> None:
        """Store the texts of the appended events, in the append's transaction."""
        while (planned := self.seal_texts(accepted)).plan:
            found = await connection.fetch(_PUT, planned.keys, planned.texts)
            if not found:
                break
            for row in found:
                self._cache_latest_key(row)
        self.cache_data_keys(planned)

    def seal_texts(self, accepted: Sequence[AcceptedRequest]) -> "SealedTexts":
        """The texts of *accepted*, encrypted with the latest known keys (optimistic).

        `vault.put` verifies that the keys are the latest.
        """
        firsts, secrets = _secrets(accepted)
        if not secrets:
            return SealedTexts({}, [], [])
        current = self.keys.current_epoch(self._today())
        plan = {pair: self._encryption_key(pair, current) for pair in firsts}
        keys = [(*pair, *plan[pair].columns, first) for pair, first in firsts.items()]
        return SealedTexts(plan, keys, [_sealed_row(one, plan) for one in secrets])

    def cache_data_keys(self, sealed: "SealedTexts") -> None:
        """Cache the data keys of texts that were stored."""
        for pair, encryption_key in sealed.plan.items():
            _cache_put(
                self._latest,
                pair,
                _LatestKey(encryption_key.key.id, encryption_key.key),
            )

    async def read(
        self,
        reader: Reader,
        recorded: Iterable[Recorded],
        fields: Collection[str] | None = None,
    ) -> dict[tuple[str, int], dict[str, Opened | VaultFault]]:
        """The texts of each event by field: each decrypted, or why it cannot be read.

        One query for all events. Events without texts are omitted. Only the texts of
        *fields* are decrypted; None means all.
        """
        texts = {(r.stream, r.version): _committed(r, fields) for r in recorded}
        asked = [event for event, committed in texts.items() if committed]
        if not asked:
            return {}
        streams, versions = zip(*asked, strict=True)
        rows = await reader.fetch(_READ, streams, versions)
        sealed = {(row["event"], row["version"], row["field"]): row for row in rows}
        return {
            (stream, version): {
                field: self._decrypt_row(
                    TextLocation(stream, version, field, committed.s),
                    committed.c,
                    sealed.get((stream, version, field)),
                )
                for field, committed in texts[stream, version].items()
            }
            for stream, version in asked
        }

    async def file(
        self, reader: Reader, recorded: Recorded
    ) -> FileReference | VaultFault:
        """The name and key of the file that an event attached, or the fault."""
        stream, version = recorded.stream, recorded.version
        rows = await reader.fetch(_READ, [stream], [version])
        row = next((row for row in rows if row["file"] is not None), None)
        if row is None:
            return VaultFault.MISSING
        place = TextLocation(stream, version, row["field"], row["subject"])
        opened = self._decrypt_row(place, None, row)
        if isinstance(opened, VaultFault):
            return opened
        return FileReference(row["file"], bytes.fromhex(opened.text))

    async def files_of_subject(self, reader: Reader, subject: str) -> set[UUID]:
        """Names of the files of a subject."""
        rows = await reader.fetch("select file from vault.filed($1)", subject)
        return {row["file"] for row in rows}

    async def file_uses(
        self, reader: Reader, names: Iterable[UUID]
    ) -> dict[UUID, FileUse]:
        """The use of each file, by name; files unknown to the database are omitted."""
        asked = list(names)
        rows = await reader.fetch(_FILES, asked) if asked else []
        return {row["file"]: FileUse(row["stream"], row["version"]) for row in rows}

    async def erase(self, connection: Connection, subject: str, position: int) -> int:
        """Delete the texts of *subject* recorded before *position*; return the number.

        Runs in the transaction that appends the erasure.
        """
        self.clear_key_cache()
        erased: int = await connection.fetchval(
            "select vault.erase($1, $2)", subject, position
        )
        return erased

    def clear_key_cache(self) -> None:
        """Clear the in-memory key cache."""
        self._unwrapped.clear()
        self._latest.clear()

    async def reconcile(self, connection: Connection) -> int:
        """Repeat the recorded erasures; return the number of deleted texts."""
        self.clear_key_cache()
        erased: int = await connection.fetchval("select vault.reconcile()")
        return erased

    async def count_texts(self, reader: Reader, subject: str) -> list[StoredTextCount]:
        """The number of stored texts of *subject*, by stream and field."""
        rows = await reader.fetch(
            "select stream, field, count from vault.held($1)", subject
        )
        return [StoredTextCount(*row) for row in rows]

    async def epochs(self, connection: Connection) -> dict[str, WrapCounts]:
        """For each epoch, the number of data keys its key wraps and cannot unwrap."""
        found: dict[str, WrapCounts] = {}
        async for rows in self._key_pages(connection):
            for row in rows:
                seen = found.get(row["epoch"], WrapCounts(0, 0))
                locked = self._unwrap(row) is None
                found[row["epoch"]] = WrapCounts(seen.wraps + 1, seen.locked + locked)
        return found

    async def find_lost_epochs(self, reader: Reader) -> list[str]:
        """The epochs whose key is lost (see `lost_epochs`)."""
        return await lost_epochs(reader, self.keys.folder)

    async def replace_lost_epoch(self, reader: Reader) -> None:
        """Start another epoch if the key of the current one is lost.

        A new key under the same name would prevent the lost key from being restored.
        """
        lost_epochs_found, today = await self.find_lost_epochs(reader), self._today()
        if self.keys.current_epoch_name(today) in lost_epochs_found:
            self.keys.start_epoch(today, lost_epochs_found)

    async def rotate(self, connection: Connection, progress: Progress) -> int:
        """Rewrap all data keys with the current epoch's key.

        Return the number of data keys that could not be unwrapped and were left as they
        are.
        """
        epoch, kek = self.keys.current_epoch(self._today())
        total: int = await connection.fetchval("select vault.count()")
        done = locked = 0
        async for rows in self._key_pages(connection):
            opened = {row["dek"]: (row, self._unwrap(row)) for row in rows}
            wrapped = {
                dek: sealing.wrap(
                    key, KeyOwner(row["stream"], row["subject"], epoch), kek
                )
                for dek, (row, key) in opened.items()
                if key is not None and row["epoch"] != epoch
            }
            await connection.execute(_REWRAP, [*wrapped], epoch, [*wrapped.values()])
            locked += sum(key is None for _, key in opened.values())
            done += len(rows)
            progress(done, total)
        self.clear_key_cache()
        return locked

    async def _key_pages(
        self, connection: Connection
    ) -> AsyncIterator[list[asyncpg.Record]]:
        """All data keys, in pages."""
        after = UUID(int=0)
        while rows := await connection.fetch(_KEYS, after, REWRAPPED):
            yield rows
            after = rows[-1]["dek"]

    async def destroy(self, connection: Connection, epoch: str) -> None:
        """Destroy the key of an old epoch, which must wrap no data key.

        Raises:
            KeysError: The key still wraps a data key, is the current key, or is
                missing.
        """
        if epoch not in self.keys.epochs():
            raise KeysError(
                message(
                    "the key of epoch {epoch} is not in the key folder {folder}",
                    epoch=epoch,
                    folder=self.keys.folder,
                )
            )
        if epoch == self.keys.current_epoch(self._today())[0]:
            raise KeysError(
                message(
                    "{epoch} is the current epoch, so its key cannot be destroyed: "
                    "run `iku keys rotate --new` first",
                    epoch=epoch,
                )
            )
        if not await connection.fetchval("select vault.retire($1)", epoch):
            raise KeysError(
                message(
                    "the key of epoch {epoch} still wraps data keys: run `iku keys "
                    "rotate` first",
                    epoch=epoch,
                )
            )
        self.keys.destroy(epoch)

    def _decrypt_row(
        self, place: TextLocation, committed: str | None, row: asyncpg.Record | None
    ) -> Opened | VaultFault:
        if row is None:
            return VaultFault.MISSING
        key = self._unwrap(row)
        if key is None:
            return VaultFault.LOCKED
        try:
            return sealing.unseal(place, committed, row["sealed"], key)
        except TextDamaged:
            return VaultFault.DAMAGED

    def _unwrap(self, row: asyncpg.Record) -> DataKey | None:
        """The data key of a row; None if no key in the folder unwraps it."""
        if (known := self._unwrapped.get(row["dek"])) is not None:
            return known
        kek = self.keys.key(row["epoch"])
        if kek is None:
            return None
        owner = KeyOwner(row["stream"], row["subject"], row["epoch"])
        try:
            key = sealing.unwrap(row["dek"], row["wrapped"], owner, kek)
        except TextDamaged:
            return None
        _cache_put(self._unwrapped, key.id, key)
        return key

    def _cache_latest_key(self, row: asyncpg.Record) -> None:
        key = None if row["dek"] is None else self._unwrap(row)
        pair = (row["stream"], row["subject"])
        _cache_put(self._latest, pair, _LatestKey(row["dek"], key))

    def _encryption_key(self, pair: Pair, current: tuple[str, bytes]) -> _EncryptionKey:
        """The data key to encrypt with: the latest known one, or a new one.

        A new data key is wrapped by the key of the *current* epoch.
        """
        latest = self._latest.get(pair, _LatestKey(None, None))
        if latest.key is not None:
            return _EncryptionKey(latest.id, latest.key, None, None)
        epoch, kek = current
        key = DataKey(uuid4(), os.urandom(LENGTH))
        wrapped = sealing.wrap(key, KeyOwner(*pair, epoch), kek)
        return _EncryptionKey(latest.id, key, epoch, wrapped)


async def lost_epochs(reader: Reader, folder: Path) -> list[str]:
    """The epochs with a data key that the key in *folder* does not unwrap.

    Tries only the oldest data key of each epoch; `Vault.epochs` tries all.
    """
    rows = await reader.fetch(_OLDEST)
    return [row["epoch"] for row in rows if not _can_unwrap(row, folder)]


def _can_unwrap(row: asyncpg.Record, folder: Path) -> bool:
    kek = read_key(folder, row["epoch"])
    owner = KeyOwner(row["stream"], row["subject"], row["epoch"])
    try:
        return kek is not None and bool(
            sealing.unwrap(row["dek"], row["wrapped"], owner, kek)
        )
    except TextDamaged:
        return False


def _committed(
    recorded: Recorded, fields: Collection[str] | None
) -> dict[str, Commitment]:
    """The commitments of an event to the texts of *fields*; None means all."""
    committed = recorded.body().text
    if fields is None:
        return committed
    return {n: c for n, c in committed.items() if n.partition(".")[0] in fields}


def _cache_put(kept: OrderedDict[K, V], name: K, value: V) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > CACHE:
        kept.popitem(last=False)


def _secrets(
    accepted: Sequence[AcceptedRequest],
) -> tuple[dict[Pair, int], list[Secret]]:
    """All texts to seal, and by stream and subject the position of the first one."""
    firsts: dict[Pair, int] = {}
    secrets: list[Secret] = []
    for one in accepted:
        offsets = one.position_offsets() if one.request.secrets else {}
        for secret in one.request.secrets:
            place = secret.place
            position = offsets[place.stream] + place.version
            firsts.setdefault((place.stream, place.subject), position)
        secrets += one.request.secrets
    return firsts, secrets


def _sealed_row(secret: Secret, plan: Mapping[Pair, _EncryptionKey]) -> tuple[Any, ...]:
    """The text, encrypted as planned, as a row of `vault.sealed_text`."""
    place = secret.place
    key = plan[place.stream, place.subject].key
    sealed = sealing.seal(secret, key)
    return place.stream, place.version, place.field, key.id, sealed, secret.file


_PUT = """
select stream, subject, dek, epoch, wrapped
  from vault.put($1, $2)
"""
_READ = """
select event, version, field, sealed, file, dek, stream, subject, epoch, wrapped
  from vault.read($1, $2)
"""
_FILES = "select file, stream, version from vault.files($1)"
_OLDEST = "select dek, stream, subject, epoch, wrapped from vault.oldest()"
_REWRAP = "select vault.rewrap($1, $2, $3)"
_KEYS = """
select dek, stream, subject, epoch, wrapped
  from vault.keys($1, $2)
"""
