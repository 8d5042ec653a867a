"""The page of a case, Kasus: its state, timeline, files and next steps."""

from typing import Any

from litestar import Response

from iku import labels
from iku.domain.access import Action
from iku.domain.conflict import Conflict, Verified
from iku.messages import Message, message
from iku.queries.subject_page import SubjectRecord
from iku.queries.subjects import ConflictQuestion
from iku.web.pages import subject_page
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import reading
from iku.web.pages.subject_page import SubjectLayout

PATH = "/konflik/{conflict_id:str}"


def sentence(record: SubjectRecord, frame: PageContext) -> Message:
    """The state of the case in a sentence."""
    case, shown = record.seen.state, record.seen.shown
    match shown["status"]:
        case "rejected":
            return message("Rejected: it was not a conflict, and it never counts.")
        case "annulled":
            return message("Annulled: the report was an error, and it never counts.")
        case "merged":
            into = shown["merged_into"]
            return message("Merged into {number}, which counts for both.", number=into)
        case "returned":
            return message(
                "Reported on {reported}, returned for completion on {returned}; not "
                "verified yet.",
                reported=shown["reported_on"],
                returned=case.open_return.event.effective_on,
            )
        case "resolved":
            return message(
                "Resolved on {resolved} ({manner}); reported on {reported}, "
                "{verification}.",
                resolved=shown["resolved_on"],
                manner=labels.MANNERS[shown["manner"]],
                reported=shown["reported_on"],
                verification=_verification(case),
            )
        case _:
            return _open_case_sentence(case, frame)


def _open_case_sentence(case: Conflict, frame: PageContext) -> Message:
    segment = case.state_on(frame.time.day)
    opened = None if segment is None else segment.opened_on
    values = {"opened": opened, "verification": _verification(case)}
    if case.report is not None and opened != case.report.effective_on:
        return message(
            "Reopened on {opened}, {verification}; not resolved yet.", **values
        )
    return message("Open since {opened}, {verification}; not resolved yet.", **values)


def _verification(case: Conflict) -> Message:
    """The day of the verification of the case, or that it is not verified."""
    for event in case.events_of(Verified):
        return message("verified on {day}", day=event.effective_on)
    return subject_page.NOT_VERIFIED


CASE = SubjectLayout(
    category="conflict",
    path="/konflik",
    title="title",
    sentence=sentence,
    files="/api/v1/conflicts",
)


@reading(PATH, Action.READ_REGISTER, ConflictQuestion)
async def show_conflict(frame: PageContext) -> Response[bytes]:
    """The case with that number or identifier."""
    return await subject_page.show(frame, CASE, frame.question.conflict_id)


@reading(f"{PATH}/berkas", Action.READ_REGISTER, ConflictQuestion)
async def print_conflict(frame: PageContext) -> Response[bytes]:
    """The case file: everything about the case, for printing."""
    typed = frame.question.conflict_id
    return await subject_page.show(frame, CASE, typed, printed=True)


HANDLERS: list[Any] = [show_conflict, print_conflict]
