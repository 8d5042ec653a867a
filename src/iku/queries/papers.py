"""Issued papers: their issues and signed copies, their bytes, and their proofs."""

from hashlib import sha256
from typing import Any

from msgspec import Struct

from iku.domain import fact, paper
from iku.domain.access import Action
from iku.domain.decider import SubjectNotFound
from iku.domain.paper import Issued, IssuedPaper
from iku.domain.publication import Published
from iku.domain.question import UnknownReference
from iku.ledger import checkpoint_store, log, proof_building
from iku.ledger.checkpoint_store import Assurance, Coverage
from iku.ledger.policy import Policy
from iku.ledger.record import Recorded
from iku.ledger.tile_cache import Tiles
from iku.messages import message
from iku.queries import publications
from iku.queries.view import View
from iku.vault import papers
from iku.vault.papers import StoredPaper

FROZEN = ("figures", "known_on", "publication", "size")  # fields of a closing


class PaperRecord(Struct, frozen=True):
    """An issued paper and its records.

    Attributes:
        steps: The record of each issue and of each signed copy, in order.
    """

    subject: str
    paper: IssuedPaper
    steps: tuple[Recorded, ...]

    @property
    def issue(self) -> Recorded:
        """The record of the issue in force."""
        return self.steps[self.paper.issues[-1][0] - 1]


class ProvenRecord(Struct, frozen=True):
    """A record of the log, by its leaf index, with its inclusion proof."""

    index: int
    hashes: tuple[bytes, ...]
    record: bytes


class PaperEvidence(Struct, frozen=True):
    """The proof of an issue.

    Attributes:
        note: The checkpoint with its cosignatures, as published.
        records: The records that it proves.
    """

    note: str
    records: tuple[ProvenRecord, ...]


async def find(view: View, subject: str) -> PaperRecord | None:
    """The paper with the identifier *subject*; None if it was never issued."""
    stream = paper.decider.stream(subject)
    steps = await log.read_stream(view.reader, stream)
    events = [fact.decode_recorded(one, paper.decider.event_type) for one in steps]
    state = paper.decider.fold(events)
    if state is None:
        return None
    return PaperRecord(subject, state, tuple(steps))


async def issued_papers(view: View, publication: str) -> dict[str, PaperRecord]:
    """The issued papers of a publication, by name."""
    rows = await view.reader.fetch(
        "select stream from ledger.stream where stream like 'paper-%' order by stream"
    )
    streams = [row["stream"] for row in rows]
    found: dict[str, PaperRecord] = {}
    for stream in streams:
        name, _, of = stream.removeprefix("paper-").partition(".")
        if of == publication:
            record = await find(view, f"{name}.{of}")
            if record is not None:
                found[name] = record
    return found


async def frozen_data(view: View, publication: str) -> dict[str, Any]:
    """What the closing of a publication froze, in the form of its record."""
    found = await publications.find(view.reader, publication)
    of = found.publication
    taken = zip(found.steps, of.steps, strict=True)
    closings = [recorded for recorded, step in taken if step is of.closing]
    if not closings:
        raise UnknownReference(
            message("publication {publication} is not closed", publication=publication)
        )
    data = closings[-1].body().data
    return {name: data[name] for name in FROZEN}


async def stored(view: View, issued: Issued) -> StoredPaper:
    """The bytes of an issue.

    Raises:
        SubjectNotFound: The bytes are not stored.
    """
    kept = await papers.read(view.reader, issued.digest)
    if kept is None:
        raise SubjectNotFound(
            message(
                "the bytes of paper {paper} with the digest {digest} are not stored",
                paper=issued.paper,
                digest=issued.digest,
            )
        )
    return kept


async def is_proven(view: View, of: PaperRecord, assurance: Assurance) -> bool:
    """Whether the issue in force has its proof, or gets it when it is next printed."""
    covered = assurance.coverage_of(of.issue.position) is Coverage.WITNESSED
    return covered or await papers.has_proof(view.reader, of.paper.issued.digest)


async def evidence(
    view: View, of: PaperRecord, witnesses: Policy
) -> PaperEvidence | None:
    """The proof of the issue in force; None until a quorum of witnesses cosigned it.

    It has the record of the issue and, for a paper of a publication, those that froze
    and published its figures.
    """
    assurance = await checkpoint_store.assurance(view.reader, witnesses)
    size = assurance.witnessed
    if size is None or assurance.coverage_of(of.issue.position) is not (
        Coverage.WITNESSED
    ):
        return None
    signed = await checkpoint_store.covering_checkpoint(view.reader, size)
    if signed is None:
        return None
    proven = []
    for one in (*await _publication_steps(view, of.paper.issued), of.issue):
        index = one.position - 1
        hashes = await proof_building.inclusion(Tiles(view.reader), index, signed.size)
        proven.append(ProvenRecord(index, tuple(hashes), one.record))
    return PaperEvidence(str(signed), tuple(proven))


async def _publication_steps(view: View, issued: Issued) -> list[Recorded]:
    """The records that froze and published the figures of the paper."""
    if issued.publication is None:
        return []
    found = await publications.find(view.reader, issued.publication)
    of = found.publication
    taken = zip(found.steps, of.steps, strict=True)
    return [
        recorded
        for recorded, step in taken
        if step is of.closing or isinstance(step, Published)
    ]


async def read_signed(view: View, of: PaperRecord) -> bytes:
    """The last signed copy of the issue in force.

    Raises:
        SubjectNotFound: There is no signed copy.
    """
    copies = of.paper.signed
    if not copies:
        raise SubjectNotFound(
            message("paper {paper} has no signed copy", paper=of.subject)
        )
    view.viewer.require(Action.READ_FIGURES)
    version, copy = copies[-1]
    content = await view.file(of.steps[version - 1])
    if not isinstance(content, bytes) or sha256(content).hexdigest() != copy.digest:
        raise SubjectNotFound(
            message(
                "the signed copy of paper {paper} is not available",
                paper=of.subject,
            )
        )
    return content
