"""A paper that a log in memory issued, with its proof, for the verifier."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from iku.domain.coordinates import Coordinates
from iku.domain.period import Kind, containing
from iku.exchange.papers import digest, subject_annex, typesetting
from iku.exchange.papers.typesetting import Attachment
from iku.ledger import proof_building, tree
from iku.ledger.checkpoint import Checkpoint
from iku.queries.papers import PaperEvidence, ProvenRecord
from tests.exchange.forging import ORIGIN, WITNESS, spell
from tests.ledger.test_note import log_key
from tests.ledger.test_proof_building import Memory

TEMPLATE = Path(__file__).with_name("paper.typ")
ISSUED_AT = datetime(2022, 1, 17, tzinfo=UTC)
SIZE = 5  # of the log that the closing counted
NUMBER = Coordinates(
    indicator="IKU-1",
    definition=1,
    period=containing(ISSUED_AT.date().replace(year=2021, month=12, day=31), Kind.YEAR),
    as_of=ISSUED_AT.date().replace(year=2021, month=12, day=31),
    known_on=ISSUED_AT.date().replace(day=15),
    size=SIZE,
).number
FIGURE = {
    "achievement": "97.22",
    "definition": 1,
    "denominator": 9,
    "expired": None,
    "indicator": "IKU-1",
    "number": NUMBER,
    "numerator": 7,
    "percentage": "77.78",
    "rating": "Sangat Tinggi",
    "scale": 1,
    "target": "80",
}
FROZEN = {
    "figures": [FIGURE],
    "known_on": "2022-01-15",
    "publication": "2021",
    "size": SIZE,
}


HEAD = ",".join(subject_annex.HEADINGS)
ANNEX = [
    HEAD,
    *(
        f"{NUMBER},K{n},{'ya' if n < 8 else 'tidak'},reported,1,resolved,2"
        for n in range(1, 10)
    ),
]


def attach(name: str, content: bytes) -> Attachment:
    return Attachment(name, content, "application/json", "Lampiran")


def typeset(
    text: str, figures: Any, annex: Sequence[str] | None = ANNEX, *more: Attachment
) -> bytes:
    """A paper without its proof, with this text on its page."""
    files = [attach("figur.json", spell(figures)), typesetting.PROOF, *more]
    if annex is not None:
        lines = "".join(f"{line}\r\n" for line in annex)
        files.append(attach("lampiran.csv", lines.encode()))
    data = {"title": "Kertas", "text": text}
    made = typesetting.typeset(TEMPLATE, data, tuple(files), ISSUED_AT)
    return asyncio.run(made)


def record(
    stream: str, version: int, kind: str, data: Mapping[str, Any], **other: Any
) -> dict[str, Any]:
    """A record in the form of the log."""
    return {
        "actor": "lokal",
        "command": f"c-{stream}-{version}",
        "data": dict(data),
        "declared": False,
        "effective_on": "2022-01-17",
        "known_on": "2022-01-17",
        "recorded_at": "2022-01-17T03:04:05.123456Z",
        "schema": 2,
        "stream": stream,
        "text": {},
        "type": kind,
        "version": version,
        **other,
    }


def publication_log(issued: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A log in which publication 2021 is published and *issued* as a paper."""
    step = {"publication": "2021"}
    return [
        *(record(f"toy-{n}", 1, "noted", {}) for n in range(SIZE)),
        record("publication-2021", 1, "closed", FROZEN),
        record("publication-2021", 2, "published", step | {"by": "budi"}),
        record("paper-lkjip.2021", 1, "issued", issued),
        record("toy-later", 1, "noted", {}),
    ]


def issue_data(compiled: bytes, **other: Any) -> dict[str, Any]:
    """The data of the event that issues *compiled*."""
    return {
        "digest": sha256(compiled).hexdigest(),
        "paper": "lkjip",
        "publication": "2021",
        **other,
    }


def note(leaves: Sequence[bytes], *, witnessed: bool = True) -> str:
    """The signed checkpoint over all *leaves*."""
    text = Checkpoint(ORIGIN, len(leaves), tree.root(leaves)).text
    cosigned = WITNESS.sign(text, 1_767_225_600).line if witnessed else ""
    return f"{text}\n{log_key().sign(text).line}{cosigned}"


def proof(
    records: Sequence[Mapping[str, Any]],
    proven: Sequence[int],
    *,
    witnessed: bool = True,
) -> bytes:
    """The content of `bukti.json` for the records at the indexes *proven*."""
    raw = [spell(one) for one in records]
    leaves = [tree.leaf_hash(one) for one in raw]
    hashes = Memory(leaves)
    found = [
        ProvenRecord(
            index,
            tuple(asyncio.run(proof_building.inclusion(hashes, index, len(leaves)))),
            raw[index],
        )
        for index in proven
    ]
    signed = note(leaves, witnessed=witnessed)
    return digest.encode_proof(PaperEvidence(signed, tuple(found)))


def paper(text: str = "77,78%", *, witnessed: bool = True) -> bytes:
    """An issued paper of publication 2021, with its proof."""
    compiled = typeset(text, FROZEN)
    records = publication_log(issue_data(compiled))
    evidence = proof(records, (SIZE, SIZE + 1, SIZE + 2), witnessed=witnessed)
    return digest.embed_proof(compiled, evidence)


def repeated(evidence: bytes, **changes: Any) -> bytes:
    """The evidence with other values, and the hash that belongs to them."""
    told = {**json.loads(evidence), **changes}
    del told["check"]
    return spell({**told, "check": sha256(spell(told)).hexdigest()})
