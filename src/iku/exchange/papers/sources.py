"""What papers are made from: the viewer's queries, the agency, and the request."""

from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from iku.agency import AgencyProfile
from iku.exchange.papers.document import day_in_words
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import log_records
from iku.queries.figure_parameters import Moment
from iku.queries.figures import Figures
from iku.queries.view import View


class Sources(NamedTuple):
    """The sources of a paper.

    Attributes:
        view: The read access of the person who makes the paper.
        profile: The agency, as the program knows it without entered data.
        zone: The time zone of the agency.
    """

    view: View
    figures: Figures
    profile: AgencyProfile
    today: date
    zone: ZoneInfo


class Participants(NamedTuple):
    """Who takes part in what minutes record, as given for one print; nothing is stored.

    What is not given stays a line to be filled in by hand.

    Attributes:
        present: Names of those who are present.
        place: Where the minutes are signed.
    """

    present: tuple[str, ...] = ()
    mediator: str | None = None
    witnesses: tuple[str, ...] = ()
    place: str | None = None


NOBODY = Participants()


class PaperRequest(NamedTuple):
    """What a paper is about; each paper needs some of these (`registry.Scope`).

    Attributes:
        publication: Identifier of a publication.
        moment: As-of day and cut-offs of a paper without a publication.
        subject: Identifier or number of a case.
        agency_size: Size of the log up to which data of the agency count; None means
            all of it.
        signed_on: The day on which the paper is issued; None for a draft.
        participants: Of minutes only.
    """

    publication: str | None = None
    moment: Moment | None = None
    subject: str | None = None
    agency_size: int | None = None
    signed_on: date | None = None
    participants: Participants = NOBODY


def coordinates_in_words(as_of: date, known_on: date, size: int) -> str:
    """The line of coordinates that every page of a paper has."""
    return say(
        message(
            "as of {as_of}, as known on {known_on}, log size {size}",
            as_of=day_in_words(as_of),
            known_on=day_in_words(known_on),
            size=size,
        )
    )


def moment_of(sources: Sources, request: PaperRequest) -> Moment:
    """The coordinates of a paper without a publication; without any, today's."""
    return request.moment or Moment(sources.today)


async def moment_words(sources: Sources, at: Moment) -> str:
    """The coordinates of *at* in words; open ones are those of the present."""
    size = await log_records.size(sources.view.reader)
    known_on = at.known_on or max(sources.today, at.as_of)
    return coordinates_in_words(
        at.as_of, known_on, size if at.size is None else at.size
    )
