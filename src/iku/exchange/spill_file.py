"""Spill file of an import, for subjects that do not fit into memory.

It is a temporary SQLite file without a name that is removed when closed. It may contain
texts of cases, so all of it is encrypted with a key that exists only in this object.
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
    """A temporary file that holds objects by name, and names without objects.

    Only this program writes objects; the encryption authenticates them.
    """

    def __init__(self) -> None:
        key = os.urandom(32)
        self._cipher = AESGCM(key)
        self._key = key
        # Any thread may collect this object and thereby close the file.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        finalize(self, self._file.close)
        self._file.execute("pragma synchronous = off")
        for table in ("put", "noted"):
            self._file.execute(
                f"create table {table} (name blob primary key, sealed blob)"
                " without rowid"
            )

    def begin_transaction(self) -> None:
        """Start a transaction."""
        self._file.execute("begin")

    def end_transaction(self, *, commit: bool) -> None:
        """Commit or roll back the transaction."""
        self._file.execute("commit" if commit else "rollback")

    def put(self, objects: Mapping[str, Any]) -> None:
        """Store *objects* by name; each replaces the object with its name."""
        rows = [(self._name(name), self._encrypt(one)) for name, one in objects.items()]
        self._file.executemany("insert or replace into put values (?, ?)", rows)

    def get(self, name: str) -> Any:
        """The object named *name*; None if there is none."""
        found = self._file.execute(
            "select sealed from put where name = ?", (self._name(name),)
        ).fetchone()
        if found is None:
            return None
        opened = self._cipher.decrypt(found[0][:NONCE], found[0][NONCE:], None)
        return pickle.loads(opened)  # noqa: S301 - authenticated data of this program

    def put_names(self, names: Iterable[str]) -> None:
        """Store *names*, without objects."""
        rows = [(self._name(name),) for name in names]
        self._file.executemany("insert or ignore into noted values (?, null)", rows)

    def has_name(self, name: str) -> bool:
        """Whether `put_names` stored *name*."""
        found = self._file.execute(
            "select 1 from noted where name = ?", (self._name(name),)
        )
        return found.fetchone() is not None

    def _name(self, name: str) -> bytes:
        return blake2b(name.encode(), key=self._key, digest_size=16).digest()

    def _encrypt(self, one: Any) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, pickle.dumps(one), None)
