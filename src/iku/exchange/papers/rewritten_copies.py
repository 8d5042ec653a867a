"""Copies of a paper that a program rewrote: whether the attachments are the same.

Some signing programs rewrite a PDF instead of appending to it. Nothing proves what the
pages of such a file show, so it is never accepted; its attachments say what it is.
"""

import zlib
from collections.abc import Iterator, Mapping

INFLATED = 1 << 27  # bytes of a file that are decompressed at most
_LINE_END = b"\r\n"


def missing_attachments(issued: Mapping[str, bytes], copy: bytes) -> list[str]:
    """The names of the attachments *issued* that no stream of the PDF *copy* holds.

    A stream is compared as it is stored and inflated, since a program that rewrites may
    compress what was not.
    """
    wanted = {name: content.rstrip(_LINE_END) for name, content in issued.items()}
    longest = max(map(len, wanted.values()), default=0) + len(_LINE_END)
    left = INFLATED
    for stored in _streams(copy):
        inflated = _inflate(stored, min(longest, left))
        left -= len(inflated)
        held = {stored.rstrip(_LINE_END), inflated.rstrip(_LINE_END)}
        wanted = {name: one for name, one in wanted.items() if one not in held}
        if not wanted or left <= 0:
            break
    return sorted(wanted)


def _streams(file: bytes) -> Iterator[bytes]:
    """The content of each stream of a PDF, as it is stored."""
    begin = file.find(b"stream")
    while begin >= 0 and (end := file.find(b"endstream", begin)) >= 0:
        yield file[begin + len(b"stream") : end].lstrip(_LINE_END)
        begin = file.find(b"stream", end + len(b"endstream"))


def _inflate(stored: bytes, most: int) -> bytes:
    """At most *most* bytes of the content; empty if it is not compressed."""
    try:
        return zlib.decompressobj().decompress(stored, most)
    except zlib.error:
        return b""
