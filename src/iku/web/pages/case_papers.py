"""The papers of a case on its page: its sheet, and the minutes of a settlement."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NamedTuple

from litestar import Response
from msgspec import Meta

from iku.domain.access import Action
from iku.domain.question import UnknownReference
from iku.exchange.papers import case_papers, issuing, registry
from iku.exchange.papers.registry import Paper, PaperScope
from iku.exchange.papers.sources import PaperRequest
from iku.messages import Message, message
from iku.queries.figure_parameters import Moment
from iku.queries.subject_page import SubjectRecord
from iku.queries.subjects import ConflictQuestion
from iku.web import paper_files
from iku.web.page_forms import Form
from iku.web.pages.page_context import PageContext
from iku.web.pages.papers import participants
from iku.web.pages.routes import reading, sending

PAGE = "/konflik/{conflict_id:str}/dokumen"
NOT_RESOLVED = message("the case is not resolved")
FORMATS = {case_papers.SHEET: ("pdf", "xlsx", "csv")}  # minutes have no table


class CasePaperQuestion(ConflictQuestion, frozen=True, kw_only=True):
    """The file of a paper in the path, and the coordinates of the case."""

    file: Annotated[str, Meta(max_length=60)]


class OfferedCasePaper(NamedTuple):
    """A paper of a case, as its page offers it.

    Attributes:
        path: Its address without the format.
        formats: The suffixes of its files.
        participants: The fields of `Participants` that it prints.
        why: Why the visitor cannot have it; None if they can.
    """

    label: Message
    path: str
    formats: Sequence[str]
    participants: Sequence[str]
    why: str | None


@reading(f"{PAGE}/{{file:str}}", Action.READ_TEXTS, CasePaperQuestion)
async def download_case_paper(frame: PageContext) -> Response[bytes]:
    """A paper of the case as a file."""
    question: CasePaperQuestion = frame.question
    _kind(question.file.rpartition(".")[0])
    request = PaperRequest(
        moment=question.moment(frame.time.today), subject=question.conflict_id
    )
    async with frame.view() as view:
        return await paper_files.file(frame.app, view, question.file, request)


@sending(f"{PAGE}/{{file:str}}/isian", Action.READ_TEXTS)
async def print_settlement(frame: PageContext, form: Form) -> Response[bytes]:
    """A paper with the people and the place of the form, which are not stored.

    They are sent in a form, so that no address and no log contains names.
    """
    kind = _kind(frame.path["file"])
    request = PaperRequest(
        moment=Moment(frame.time.today),
        subject=frame.path["conflict_id"],
        participants=participants(kind, form),
    )
    async with frame.view() as view:
        return await paper_files.file(frame.app, view, f"{kind.name}.pdf", request)


def _kind(name: str) -> Paper:
    """The kind of paper of a case with this name.

    Raises:
        UnknownReference: No kind of paper of a case has this name.
    """
    kind = issuing.kind_of(name)
    if kind.scope is not PaperScope.CASE:
        raise UnknownReference(message("paper {paper} is not of a case", paper=name))
    return kind


def offered(frame: PageContext, record: SubjectRecord) -> Iterator[OfferedCasePaper]:
    """The papers of a case, each with the reason if the visitor cannot have it."""
    shown = record.seen.shown
    for kind in registry.PAPERS.values():
        if kind.scope is not PaperScope.CASE:
            continue
        why = frame.refusal(kind.action, record.scope)
        if why is None and kind.name == case_papers.SETTLEMENT:
            why = None if shown["resolved_on"] else NOT_RESOLVED
        yield OfferedCasePaper(
            kind.label,
            f"/konflik/{shown['id']}/dokumen/{kind.name}",
            FORMATS.get(kind.name, ("pdf",)),
            kind.participants,
            why,
        )


HANDLERS: list[Any] = [download_case_paper, print_settlement]
