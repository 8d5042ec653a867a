"""The digest of a paper, and the proof that is laid into it.

A paper is compiled once, with an empty `bukti.json`. The SHA-256 of these bytes is the
digest that the log records. The proof of that record is then stored in `bukti.json`,
uncompressed, and every other byte stays as compiled, except for the two lengths of the
attachment and the offsets behind it. A verifier puts the empty object back and
compares the digest (docs/ledger-format.md, "Papers").
"""

import re
import zlib
from hashlib import sha256
from itertools import pairwise

import msgspec

from iku.ledger.checkpoint import encode_hash
from iku.queries.papers import PaperEvidence

FORMAT = "iku-paper/1"
EMPTY = b"{}"  # the content of `bukti.json` before the proof
_HELD = re.compile(
    rb"<</Length 2(/Type/EmbeddedFile/Subtype/application#2Fjson/Params<</Size )2"
    rb"(/ModDate\(D:[0-9]{14}Z\)>>>>\nstream\n)\{\}(?=\nendstream\nendobj\n)"
)
_START = re.compile(rb"startxref\n([0-9]+)\n%%EOF\Z")
_ENTRY = re.compile(rb"([0-9]{10}) 00000 n\r\n")
_ATTACHED = re.compile(
    rb"<</Type/Filespec/F\(([a-z.]+)\)/UF\([a-z.]+\)/EF<</F ([0-9]+) 0 R"
)


_encode = msgspec.json.Encoder(order="sorted").encode


def digest(compiled: bytes) -> str:
    """The digest of a *compiled* paper, which has no proof yet."""
    _proof_location(compiled)
    return sha256(compiled).hexdigest()


def embed_proof(compiled: bytes, proof: bytes) -> bytes:
    """The *compiled* paper with *proof* as the content of `bukti.json`.

    Raises:
        ValueError: The paper has no empty `bukti.json`, or another layout.
    """
    held, start = _proof_location(compiled)
    length = b"%d" % len(proof)
    stored = b"<</Length %b%b%b%b%b" % (length, held[1], length, held[2], proof)
    longer = len(stored) - len(held[0])

    def moved(entry: re.Match[bytes]) -> bytes:
        offset = int(entry[1])
        if offset > held.start():
            offset += longer
        return b"%010d 00000 n\r\n" % offset

    head = compiled[: held.start()] + stored + compiled[held.end() : start]
    table, _, _ = compiled[start:].rpartition(b"startxref\n")
    table = _ENTRY.sub(moved, table)
    return b"%b%bstartxref\n%d\n%%%%EOF" % (head, table, start + longer)


def _proof_location(compiled: bytes) -> tuple[re.Match[bytes], int]:
    """The object of the empty `bukti.json`, and the offset of the table."""
    found, end = [*_HELD.finditer(compiled)], _START.search(compiled)
    if len(found) != 1 or end is None:
        raise ValueError(f"{len(found)} attachments could hold the proof")
    start = int(end[1])
    if not compiled.startswith(b"xref\n", start):
        raise ValueError("the table of the paper is not at its offset")
    return found[0], start


def encode_proof(evidence: PaperEvidence) -> bytes:
    """The content of `bukti.json`: records in the order of the log, and the checkpoint.

    The hash in it covers the signatures by keys that a verifier does not know.
    """
    told = {
        "checkpoint": evidence.note,
        "format": FORMAT,
        "records": [
            {
                "hashes": [encode_hash(one) for one in of.hashes],
                "index": of.index,
                "record": of.record.decode(),
            }
            for of in sorted(evidence.records, key=lambda one: one.index)
        ],
    }
    return _encode({**told, "check": sha256(_encode(told)).hexdigest()})


def objects(paper: bytes) -> dict[int, bytes]:
    """The content of each object of a paper, by number."""
    found = _START.search(paper)
    if found is None:
        raise ValueError("the paper has no table of objects")
    start = int(found[1])
    offsets = [int(one) for one in _ENTRY.findall(paper[start:])]
    spans = pairwise([*offsets, start])
    return {
        number: paper[begin:end].partition(b" obj\n")[2].removesuffix(b"\nendobj\n")
        for number, (begin, end) in enumerate(spans, start=1)
    }


def attachments(paper: bytes) -> dict[str, bytes]:
    """The content of each attachment of a paper, by its name."""
    held, found = objects(paper), dict[str, bytes]()
    for content in held.values():
        if named := _ATTACHED.match(content):
            head, _, body = held[int(named[2])].partition(b"\nstream\n")
            body = body.removesuffix(b"\nendstream")
            is_deflated = b"/Filter/FlateDecode" in head
            found[named[1].decode()] = zlib.decompress(body) if is_deflated else body
    return found
