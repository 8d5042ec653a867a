"""Compiled papers that were asked for lately, in memory.

A paper is a function of what the compiler reads. The key of an entry is the digest of
all of it, so an entry cannot be out of date: other data are another key.
"""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock

# An annex of 500 cases has 0.9 million bytes, and most papers have 0.1 million.
LIMIT = 16 * 2**20


def key_of(*parts: bytes) -> bytes:
    """The SHA-256 of *parts*, each with its length before it."""
    found = sha256()
    for one in parts:
        found.update(len(one).to_bytes(8))
        found.update(one)
    return found.digest()


class RecentPapers:
    """Papers by key, up to *limit* bytes; the least recently used are dropped."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = Lock()
        self._papers: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: bytes) -> bytes | None:
        """The paper with this key; None if it is not kept."""
        with self._lock:
            found = self._papers.get(key)
            if found is not None:
                self._papers.move_to_end(key)
            return found

    def put(self, key: bytes, paper: bytes) -> None:
        """Keep *paper*, unless it alone exceeds the limit."""
        if len(paper) > self._limit:
            return
        with self._lock:
            self._bytes += len(paper) - len(self._papers.pop(key, b""))
            self._papers[key] = paper
            while self._bytes > self._limit:
                _, dropped = self._papers.popitem(last=False)
                self._bytes -= len(dropped)
