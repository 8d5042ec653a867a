"""Where a page ended: one word by which the page after it is asked for.

It pins what the first page left open, the day and the log's size, so that all pages
are parts of one answer, whatever is recorded meanwhile.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date

from msgspec import Struct, structs

from iku.domain.question import Question, Unanswerable

_WORD = re.compile(
    r"([0-9]{1,16})\.([0-9]{8})\.([a-z])\.([A-Za-z0-9][\w.~-]{0,63})", re.ASCII
)
STRANGE = "cursor is none that a page gave as next"


class Place(Struct, frozen=True):
    """The last thing of a page.

    Attributes:
        size: Of the log that is asked.
        as_of: The day asked about.
        part: The letter of the part of the answer in which the page ended.
        key: What that part is ordered by.
    """

    size: int
    as_of: date
    part: str
    key: str

    @property
    def cursor(self) -> str:
        """The place in one word, at most 128 characters long."""
        day = self.as_of.isoformat().replace("-", "")
        told = f"{self.size}.{day}.{self.part}.{self.key}"
        return urlsafe_b64encode(told.encode()).decode().rstrip("=")


def read(cursor: str | None, parts: str) -> Place | None:
    """The place that *cursor* tells of, in one of these *parts*; None where none is.

    Raises:
        Unanswerable: No page gave this cursor.
    """
    if not cursor:
        return None
    try:
        return _read(cursor, parts)
    except ValueError as error:
        raise Unanswerable("cursor", STRANGE) from error


def _read(cursor: str, parts: str) -> Place:
    told = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    found = _WORD.fullmatch(told)
    if found is None or found[3] not in parts:
        raise ValueError(told)
    return Place(int(found[1]), date.fromisoformat(found[2]), found[3], found[4])


def resume(question: Question, place: Place | None, today: date) -> Question:
    """The question that the page which ended at *place* answered.

    Raises:
        Unanswerable: That page answered another question.
    """
    if place is None:
        return question
    if question.size not in {None, place.size}:
        message = f"cursor goes on at size {place.size}, but size is {question.size}"
        raise Unanswerable("cursor", message)
    if question.as_of not in {today, place.as_of}:
        message = f"cursor goes on as of {place.as_of}, but as_of is {question.as_of}"
        raise Unanswerable("cursor", message)
    return structs.replace(question, size=place.size, as_of=place.as_of)
