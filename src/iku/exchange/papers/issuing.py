"""Printing and issuing papers: the draft, the issue, and the bytes that are served.

A paper that may be issued is printed as a draft, with what it lacks, until its issue is
recorded and a quorum of witnesses has cosigned it. From then on the same bytes are
served.
"""

import re
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from iku.commands import papers as paper_commands
from iku.domain import paper, publication
from iku.domain.decider import Refused
from iku.domain.paper import Issued, PaperCoordinates
from iku.domain.question import UnknownReference
from iku.exchange import qr_code
from iku.exchange.papers import (
    digest,
    missing,
    registry,
    subject_annex,
    typesetting,
)
from iku.exchange.papers import layout as layouts
from iku.exchange.papers.document import Document
from iku.exchange.papers.missing import Missing
from iku.exchange.papers.recent_papers import RecentPapers
from iku.exchange.papers.registry import Paper, PaperScope
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.typesetting import Attachment
from iku.ledger.policy import Policy
from iku.messages import message
from iku.queries import log_records, papers
from iku.queries.figure_parameters import Moment
from iku.queries.papers import PaperRecord

# Bytes of a paper that a verifier reads, without the room for its proof.
LARGEST = (32 << 20) - (512 << 10)
TEMPLATE = typesetting.TEMPLATES / layouts.TEMPLATE
_recent = RecentPapers()  # of the process: equal keys are equal papers
_encode = msgspec.json.Encoder(order="sorted").encode


class Site(NamedTuple):
    """The installation that prints.

    Attributes:
        url: Its public address; None if it has none.
        writes: Whether it can store papers; a replica cannot.
    """

    url: str | None
    witnesses: Policy
    writes: bool


class PrintedPaper(NamedTuple):
    """A paper as PDF.

    Attributes:
        issued: Whether it is the issued one, with its proof.
        missing: What it lacks; a paper that lacks something is marked as a draft.
    """

    content: bytes
    issued: bool
    missing: tuple[Missing, ...] = ()


class PreparedIssue(NamedTuple):
    """A paper that can be issued.

    Attributes:
        subject: Identifier of the paper.
        compiled: Its bytes, without a proof.
    """

    subject: str
    event: Issued
    compiled: bytes


def file_name(name: str, request: PaperRequest, suffix: str) -> str:
    """The name of the file of a paper, such as ``lkjip-2021.pdf``."""
    about = request.subject or request.publication
    if request.moment is not None and request.subject is None:
        about = request.moment.as_of.isoformat()
    return f"{name}-{about}.{suffix}"


def kind_of(name: str) -> Paper:
    """The kind of paper with this name.

    Raises:
        UnknownReference: No kind of paper has this name.
    """
    if name not in registry.PAPERS:
        raise UnknownReference(message("paper {paper} does not exist", paper=name))
    return registry.PAPERS[name]


async def print_paper(
    sources: Sources, name: str, request: PaperRequest, site: Site
) -> PrintedPaper:
    """The issued paper, or else its draft, marked as such with what it lacks.

    A paper that is never issued is no draft.

    Raises:
        UnknownReference: The paper, or what it is about, does not exist.
        Forbidden: The viewer may not make this paper.
    """
    kind = kind_of(name)
    sources.view.viewer.require_somewhere(kind.action)
    lacks = missing.ISSUE if kind.issued else None
    if (found := await find(sources, kind, request)) is not None:
        final = await final_bytes(sources, found, site)
        if final is not None:
            return PrintedPaper(final, issued=True)
        issued = found.paper.issued
        lacks = missing.proof(site.witnesses)
        request = request._replace(
            agency_size=issued.data_size, signed_on=issued.effective_on
        )
    made = await registry.make(sources, name, request)
    if lacks is not None:
        made = structs.replace(made, draft=(*made.draft, lacks))
    # Papers that are never issued have texts, which are not kept outside the vault.
    recent = _recent if kind.issued else None
    content = await _typeset(made, site, (), sources.today, recent)
    return PrintedPaper(content, issued=False, missing=made.draft)


async def find(
    sources: Sources, kind: Paper, request: PaperRequest
) -> PaperRecord | None:
    """The issued paper; None if it was never issued, or its coordinates are open."""
    subject = _subject(kind, request)
    return None if subject is None else await papers.find(sources.view, subject)


def _subject(kind: Paper, request: PaperRequest) -> str | None:
    match kind, request:
        case Paper(issued=False), _:
            return None
        case Paper(scope=PaperScope.PUBLICATION), PaperRequest(publication=str(of)):
            is_identifier = re.fullmatch(publication.IDENTIFIER, of) is not None
            return paper.identifier(kind.name, of) if is_identifier else None
        case _, PaperRequest(moment=Moment(as_of, date() as known_on, int(size))):
            at = PaperCoordinates(as_of, known_on, size)
            return paper.identifier(kind.name, None, at)
        case _:
            return None


async def final_bytes(sources: Sources, found: PaperRecord, site: Site) -> bytes | None:
    """The issued paper with its proof; None until a quorum has cosigned its issue.

    The first bytes with a proof are stored and served ever after.
    """
    view, issued = sources.view, found.paper.issued
    kept = await papers.stored(view, issued)
    if kept.proven is not None or not site.writes:
        return kept.proven
    evidence = await papers.evidence(view, found, site.witnesses)
    if evidence is None:
        return None
    proven = digest.embed_proof(kept.compiled, digest.encode_proof(evidence))
    await paper_commands.keep_proven(view.reader, issued, proven)
    return (await papers.stored(view, issued)).proven


async def prepare(
    sources: Sources, name: str, request: PaperRequest, site: Site
) -> PreparedIssue:
    """The paper as it is issued today, with the event of its issue.

    Raises:
        UnknownReference: The paper, or what it is about, does not exist.
        Refused: The paper is never issued, lacks something, such as its signer, or is
            larger than a verifier reads.
    """
    kind = kind_of(name)
    if not kind.issued:
        raise Refused(
            message("paper {paper} names people, so it is never issued", paper=name)
        )
    size = await log_records.size(sources.view.reader)
    request = _closed(request, sources.today, size)
    made = await registry.make(sources, name, request)
    if made.draft:
        raise Refused(
            message(
                "paper {paper} cannot be issued yet, because it lacks: {missing}",
                paper=name,
                missing=[one.what for one in made.draft],
            )
        )
    subject = _subject(kind, request)
    if subject is None:
        raise AssertionError(f"{name} has neither a publication nor coordinates")
    files = await _attachments(sources, request)
    compiled = await _typeset(made, site, files, sources.today)
    if len(compiled) > LARGEST:
        raise Refused(
            message(
                "paper {paper} cannot be issued: it has {size} MiB, more than the "
                "{most} MiB that a verifier reads",
                paper=name,
                size=f"{len(compiled) / 2**20:.1f}",
                most=f"{LARGEST / 2**20:.1f}",
            )
        )
    event = Issued(
        paper=name,
        effective_on=sources.today,
        digest=digest.digest(compiled),
        length=len(compiled),
        data_size=size,
        made_with=typesetting.toolchain(),
        url=site.url,
        publication=request.publication,
        **({} if request.publication else _coordinates(request.moment)),
    )
    return PreparedIssue(subject, event, compiled)


def _closed(request: PaperRequest, today: date, size: int) -> PaperRequest:
    """The request with its open coordinates set to those of the present."""
    issued = request._replace(agency_size=size, signed_on=today)
    if request.publication is not None:
        return issued
    at = request.moment or Moment(today)
    known_on = at.known_on or today
    return issued._replace(
        moment=Moment(at.as_of, known_on, size if at.size is None else at.size)
    )


async def _attachments(
    sources: Sources, request: PaperRequest
) -> tuple[Attachment, ...]:
    """The figures or coordinates, the place of the proof, and the counted subjects."""
    if request.publication is None:
        return (_figures(_coordinates(request.moment)), typesetting.PROOF)
    frozen = await papers.frozen_data(sources.view, request.publication)
    numbers = [one["number"] for one in frozen["figures"]]
    annex = await subject_annex.attachment(sources.view, numbers)
    return (_figures(frozen), typesetting.PROOF, annex)


def _figures(data: dict[str, Any]) -> Attachment:
    return Attachment("figur.json", _encode(data), "application/json", "angka")


def _coordinates(at: Moment | None) -> dict[str, Any]:
    return {} if at is None else structs.asdict(at)


async def _typeset(
    made: Document,
    site: Site,
    files: tuple[Attachment, ...],
    on: date,
    recent: RecentPapers | None = None,
) -> bytes:
    """The PDF of a document; *on* is the date in its bytes."""
    reference = None
    if site.url is not None:
        number = f"f/{made.figures[0]}" if made.figures else ""
        url = f"{site.url}/{number}"
        listed = tuple((one.name, one.description) for one in files)
        reference = layouts.Reference(url, qr_code.svg(url, url), listed)
    at = datetime.combine(on, time(), UTC)
    data = layouts.layout(made, reference)
    return await typesetting.typeset(TEMPLATE, data, files, at, recent)
