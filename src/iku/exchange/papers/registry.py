"""The papers by name: what each needs, who may make it, and the function that makes it.

Routes, commands and buttons are derived from `PAPERS`.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from iku.domain.access import Action
from iku.domain.question import UnknownReference
from iku.exchange.papers import (
    agreement,
    case_list,
    case_papers,
    changes,
    closing_minutes,
    evidence_pack,
    form_e81,
    indicator_list,
    metadata,
    open_data,
    organisations,
    performance,
    quarterly,
)
from iku.exchange.papers.document import Document
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.messages import Message, message

Make: TypeAlias = Callable[[Sources, PaperRequest], Awaitable[Document]]


class PaperScope(StrEnum):
    """What a paper is about."""

    PUBLICATION = "publication"
    COORDINATES = "coordinates"
    CASE = "case"


class Paper(Struct, frozen=True):
    """A kind of paper.

    Attributes:
        name: Its name in routes, commands and file names.
        label: What it is, on buttons and in lists.
        action: The right that making it requires.
        issued: Whether it may be issued; a paper with texts is only made on demand.
        participants: The fields of `Participants` that it prints.
    """

    name: str
    label: Message
    scope: PaperScope
    action: Action
    make: Make
    issued: bool = True
    participants: tuple[str, ...] = ()


_ALL = (
    Paper(
        performance.NAME,
        message("Performance measurement (LKjIP)"),
        PaperScope.PUBLICATION,
        Action.READ_FIGURES,
        performance.make,
    ),
    Paper(
        quarterly.NAME,
        message("Quarterly monitoring and evaluation"),
        PaperScope.PUBLICATION,
        Action.READ_FIGURES,
        quarterly.make,
    ),
    Paper(
        form_e81.NAME,
        message("Form E.81, evaluation of the yearly plan"),
        PaperScope.PUBLICATION,
        Action.READ_FIGURES,
        form_e81.make,
    ),
    Paper(
        changes.PUBLIC,
        message("Changes after publication, public edition"),
        PaperScope.PUBLICATION,
        Action.READ_HISTORY,
        changes.make_public,
    ),
    Paper(
        changes.INTERNAL,
        message("Changes after publication, internal edition"),
        PaperScope.PUBLICATION,
        Action.READ_TEXTS,
        changes.make_internal,
        issued=False,
    ),
    Paper(
        case_list.PUBLIC,
        message("Annex: list of cases, public edition"),
        PaperScope.PUBLICATION,
        Action.READ_HISTORY,
        case_list.make_public,
    ),
    Paper(
        case_list.INTERNAL,
        message("Annex: list of cases, internal edition"),
        PaperScope.PUBLICATION,
        Action.READ_TEXTS,
        case_list.make_internal,
        issued=False,
    ),
    Paper(
        closing_minutes.NAME,
        message("Minutes of the closing"),
        PaperScope.PUBLICATION,
        Action.READ_HISTORY,
        closing_minutes.make,
        issued=False,
        participants=("present", "place"),
    ),
    Paper(
        open_data.NAME,
        message("Open data"),
        PaperScope.PUBLICATION,
        Action.READ_FIGURES,
        open_data.make,
    ),
    Paper(
        agreement.NAME,
        message("Performance agreement, annex"),
        PaperScope.COORDINATES,
        Action.READ_FIGURES,
        agreement.make,
    ),
    Paper(
        agreement.REVISION,
        message("Revised performance agreement, annex"),
        PaperScope.COORDINATES,
        Action.READ_FIGURES,
        agreement.make_revision,
    ),
    Paper(
        indicator_list.NAME,
        message("Key performance indicators, annex of the decree"),
        PaperScope.COORDINATES,
        Action.READ_FIGURES,
        indicator_list.make,
    ),
    Paper(
        organisations.PUBLIC,
        message("Summary of organisations, public edition"),
        PaperScope.COORDINATES,
        Action.READ_HISTORY,
        organisations.make_public,
    ),
    Paper(
        organisations.INTERNAL,
        message("Summary of organisations, internal edition"),
        PaperScope.COORDINATES,
        Action.READ_TEXTS,
        organisations.make_internal,
        issued=False,
    ),
    Paper(
        metadata.NAME,
        message("Metadata of the indicators (MS-Ind)"),
        PaperScope.COORDINATES,
        Action.READ_FIGURES,
        metadata.make,
    ),
    Paper(
        case_papers.SHEET,
        message("Case sheet"),
        PaperScope.CASE,
        Action.READ_TEXTS,
        case_papers.make_sheet,
        issued=False,
    ),
    Paper(
        case_papers.SETTLEMENT,
        message("Minutes of a settlement"),
        PaperScope.CASE,
        Action.READ_TEXTS,
        case_papers.make_settlement,
        issued=False,
        participants=("mediator", "witnesses", "place"),
    ),
)
PAPERS: Mapping[str, Paper] = MappingProxyType({one.name: one for one in _ALL})


class PaperArchive(Struct, frozen=True):
    """A ZIP of files about a publication (as `Paper`)."""

    name: str
    label: Message
    action: Action
    pack: Callable[[Sources, PaperRequest], Awaitable[bytes]]


ARCHIVES: Mapping[str, PaperArchive] = MappingProxyType(
    {
        evidence_pack.NAME: PaperArchive(
            evidence_pack.NAME,
            message("Evidence for the evaluation (LKE)"),
            Action.READ_HISTORY,
            evidence_pack.pack,
        )
    }
)


async def pack(sources: Sources, name: str, request: PaperRequest) -> bytes:
    """The archive *name* of *request* (raises as `make`)."""
    if name not in ARCHIVES:
        raise UnknownReference(message("paper {paper} does not exist", paper=name))
    archive = ARCHIVES[name]
    sources.view.viewer.require_somewhere(archive.action)
    return await archive.pack(sources, request)


async def make(sources: Sources, name: str, request: PaperRequest) -> Document:
    """The paper *name* of *request*.

    Raises:
        UnknownReference: What the paper is about does not exist.
        Unauthenticated: The viewer has not signed in.
        Forbidden: The viewer may not make this paper.
    """
    paper = PAPERS[name]
    sources.view.viewer.require_somewhere(paper.action)
    return await paper.make(sources, request)
