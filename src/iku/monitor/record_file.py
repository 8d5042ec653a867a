"""A local file of the records that were read; each follows its length in two bytes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from iku.ledger import durable_files
from iku.ledger.tile import WIDTH
from iku.messages import message
from iku.monitor.finding import MonitorNotReady

_PREFIX = 2  # bytes of the length of a record


class RecordFile:
    """A file to which records are appended, and from which any tile can be read.

    Attributes:
        size: Number of records.
        length: Number of bytes of these records.
    """

    def __init__(self, path: Path) -> None:
        self.size = self.length = 0
        self._starts: list[int] = []  # offset of each record that begins a tile
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._file: IO[bytes] = os.fdopen(os.open(path, flags, 0o600), "r+b")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def load(self, length: int) -> Iterator[bytes]:
        """Read the first *length* bytes, and truncate what a crash left after them.

        Raises:
            MonitorNotReady: The bytes are not complete records.
        """
        if self._path.stat().st_size < length:
            raise self._damaged_error()
        while self.length < length:
            record = self._next(length)
            self._add(record)
            yield record
        self._truncate()

    def append(self, records: Sequence[bytes]) -> None:
        """Append records; they are durable after `synchronise`."""
        with durable_files.naming_file_in_errors(self._path):
            self._file.seek(self.length)
            for record in records:
                self._file.write(len(record).to_bytes(_PREFIX, "big") + record)
                self._add(record)
            self._file.flush()

    def synchronise(self) -> None:
        """Make the records durable."""
        with durable_files.naming_file_in_errors(self._path):
            os.fsync(self._file.fileno())

    def tile(self, number: int) -> list[bytes]:
        """The records of a level 0 tile; fewer than 256 at the end of the file."""
        return [*self._read(number, min(self.size - number * WIDTH, WIDTH))]

    def records_after(self, size: int) -> Iterator[bytes]:
        """The records after the first *size*."""
        number = size // WIDTH
        for at, record in enumerate(
            self._read(number, self.size - number * WIDTH), number * WIDTH
        ):
            if at >= size:
                yield record

    def truncate_to(self, size: int) -> None:
        """Remove all records after the first *size*."""
        kept = [*self._read(size // WIDTH, size % WIDTH)]
        if size < self.size:
            self._starts[size // WIDTH + 1 :] = []
            self.length = self._starts[size // WIDTH]
            if not kept:
                self._starts.pop()
            self.length += sum(_PREFIX + len(record) for record in kept)
            self.size = size
        self._truncate()

    def _read(self, number: int, count: int) -> Iterator[bytes]:
        if count <= 0:
            return
        at = self._starts[number]
        for _ in range(count):
            self._file.seek(at)
            record = self._read_record()
            at += _PREFIX + len(record)
            yield record

    def _next(self, length: int) -> bytes:
        """The record after the loaded ones, which must end within *length* bytes."""
        self._file.seek(self.length)
        record = self._read_record()
        if self.length + _PREFIX + len(record) > length:
            raise self._damaged_error()
        return record

    def _read_record(self) -> bytes:
        with durable_files.naming_file_in_errors(self._path):
            prefix = self._file.read(_PREFIX)
            return self._file.read(int.from_bytes(prefix, "big"))

    def _add(self, record: bytes) -> None:
        if self.size % WIDTH == 0:
            self._starts.append(self.length)
        self.size += 1
        self.length += _PREFIX + len(record)

    def _truncate(self) -> None:
        with durable_files.naming_file_in_errors(self._path):
            self._file.truncate(self.length)

    def _damaged_error(self) -> MonitorNotReady:
        return MonitorNotReady(
            message(
                "{path} does not hold the records that were verified: it is damaged; "
                "restore the folder, or follow the log in a new one",
                path=self._path,
            )
        )
