"""Where an import puts aside what it has no room for in memory.

A temporary file of SQLite's, which has no name for others and is gone in the end. It
may hold texts of cases, so nothing stands in it in clear: all is sealed under a key
that only this object has.
"""

import os
import pickle
import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any
from weakref import finalize

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12  # bytes


class SpillFile:
    """Objects by name, and names that are only noted.

    Objects are those of this program itself: what was sealed is what comes back.
    """

    def __init__(self) -> None:
        key = os.urandom(32)
        self._cipher = AESGCM(key)
        self._key = key
        # Any thread may be the one that collects this object, and so closes the file.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        finalize(self, self._file.close)
        self._file.execute("pragma synchronous = off")
        for table in ("put", "noted"):
            self._file.execute(
                f"create table {table} (name blob primary key, sealed blob)"
                " without rowid"
            )

    def begin(self) -> None:
        """What comes now can be undone."""
        self._file.execute("begin")

    def end(self, *, kept: bool) -> None:
        """Keep what came since `begin`, or undo it."""
        self._file.execute("commit" if kept else "rollback")

    def put(self, objects: Mapping[str, Any]) -> None:
        """Put objects aside, in place of those of the same name."""
        rows = [(self._name(name), self._seal(one)) for name, one in objects.items()]
        self._file.executemany("insert or replace into put values (?, ?)", rows)

    def get(self, name: str) -> Any:
        """The object of that name; None where there is none."""
        found = self._file.execute(
            "select sealed from put where name = ?", (self._name(name),)
        ).fetchone()
        if found is None:
            return None
        opened = self._cipher.decrypt(found[0][:NONCE], found[0][NONCE:], None)
        return pickle.loads(opened)  # noqa: S301 - authenticated, and ours

    def note(self, names: Iterable[str]) -> None:
        """Note names."""
        rows = [(self._name(name),) for name in names]
        self._file.executemany("insert or ignore into noted values (?, null)", rows)

    def noted(self, name: str) -> bool:
        """Whether that name was noted."""
        found = self._file.execute(
            "select 1 from noted where name = ?", (self._name(name),)
        )
        return found.fetchone() is not None

    def _name(self, name: str) -> bytes:
        return blake2b(name.encode(), key=self._key, digest_size=16).digest()

    def _seal(self, one: Any) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, pickle.dumps(one), None)
