"""The page of an organisation: validity, participations, timeline and next steps."""

from typing import Any

from litestar import Response

from iku.domain.access import Action
from iku.domain.organisation import LegalBasis
from iku.messages import Message, Term, message
from iku.queries.subject_page import SubjectRecord
from iku.queries.subjects import OrganisationQuestion
from iku.web.pages import subject_page
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import reading
from iku.web.pages.subject_page import SubjectLayout

PATH = "/organisasi/{organisation_id:str}"


def sentence(record: SubjectRecord, frame: PageContext) -> Message:
    """The state of the organisation in a sentence."""
    shown = record.seen.shown
    match shown["status"]:
        case "rejected":
            return message("Rejected: the entry should not have been made.")
        case "annulled":
            return message("Annulled: the registration was an error.")
        case "merged":
            into = shown["merged_into"]
            return message("Merged into {number}, which counts for both.", number=into)
        case status:
            segment = record.seen.state.state_on(frame.time.day)
            return message(
                "{status} since {since}; {certificate}.",
                status=Term("status", status),
                since=segment.since,
                certificate=_certificate(shown),
            )


def _certificate(shown: dict[str, Any]) -> Message:
    until = shown["valid_until"]
    if shown["legal_basis"] is not LegalBasis.SKT or until is None:
        return message("its legal basis does not expire")
    if shown["expired"]:
        return message("its certificate (SKT) expired on {day}", day=until)
    return message("its certificate (SKT) is valid until {day}", day=until)


ORGANISATION = SubjectLayout(
    category="organisation",
    path="/organisasi",
    title="name",
    sentence=sentence,
    files="/api/v1/organisations",
)


@reading(PATH, Action.READ_REGISTER, OrganisationQuestion)
async def show_organisation(frame: PageContext) -> Response[bytes]:
    """The organisation with that number or identifier."""
    typed = frame.question.organisation_id
    return await subject_page.show(frame, ORGANISATION, typed)


@reading(f"{PATH}/berkas", Action.READ_REGISTER, OrganisationQuestion)
async def print_organisation(frame: PageContext) -> Response[bytes]:
    """The file of the organisation: everything about it, for printing."""
    typed = frame.question.organisation_id
    return await subject_page.show(frame, ORGANISATION, typed, printed=True)


HANDLERS: list[Any] = [show_organisation, print_organisation]
