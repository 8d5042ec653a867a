"""The page cursor of keyset pagination, opaque to clients.

A cursor holds the key of the last item of a page. It also pins the day and the size of
the log if the first question left them open, so that all pages belong to one answer
even while events are appended.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import date
from typing import Any, Protocol, TypeVar

from msgspec import Struct, structs

from iku.domain.question import InvalidQuestion
from iku.messages import message

_WORD = re.compile(
    r"([0-9]{1,16})\.([0-9]{8})([0-9]{8})?\.([a-z]{1,2})\.([A-Za-z0-9][\w.~-]{0,63})",
    re.ASCII,
)
STRANGE = message("cursor must be the value of next from an earlier page")


class PagedQuestion(Protocol):
    """A question with a paged answer; a coordinate that is not stated is None."""

    @property
    def as_of(self) -> date:
        """The as-of day."""

    @property
    def known_on(self) -> date | None:
        """The knowledge cut-off."""

    @property
    def size(self) -> int | None:
        """The size of the log prefix."""


Q = TypeVar("Q", bound=PagedQuestion)


class PageCursor(Struct, frozen=True):
    """The position of the last item of a page, and the coordinates that the page pins.

    Attributes:
        size: Size of the log prefix that the pages read.
        as_of: The day that the pages describe.
        part: One or two letters that name the listing and the section of it.
        key: Sort key of the last item within that section.
        known_on: The knowledge cut-off; None if the listing does not pin one.
    """

    size: int
    as_of: date
    part: str
    key: str
    known_on: date | None = None

    @property
    def cursor(self) -> str:
        """The cursor as one word of at most 138 characters."""
        days = f"{self.as_of}{self.known_on or ''}".replace("-", "")
        spelled = f"{self.size}.{days}.{self.part}.{self.key}"
        return urlsafe_b64encode(spelled.encode()).decode().rstrip("=")


def parse(cursor: str | None, parts: Iterable[str]) -> PageCursor | None:
    """The page cursor that *cursor* encodes, for one of these *parts*; None if empty.

    Raises:
        InvalidQuestion: *cursor* is not the cursor of such a page.
    """
    if not cursor:
        return None
    try:
        return _decode(cursor, frozenset(parts))
    except ValueError as error:
        raise InvalidQuestion("cursor", STRANGE) from error


def _decode(cursor: str, parts: frozenset[str]) -> PageCursor:
    spelled = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    found = _WORD.fullmatch(spelled)
    if found is None or found[4] not in parts:
        raise ValueError(spelled)
    size, as_of, known_on, part, key = found.groups()
    known = known_on and date.fromisoformat(known_on)
    return PageCursor(int(size), date.fromisoformat(as_of), part, key, known or None)


def resume(question: Q, place: PageCursor | None, today: date) -> Q:
    """*question* with the coordinates that the cursor *place* pins.

    Raises:
        InvalidQuestion: The cursor belongs to a page with other coordinates.
    """
    if place is None:
        return question
    if question.size not in {None, place.size}:
        refusal = message(
            "cursor belongs to a page at log size {pinned}, but size is {size}",
            pinned=place.size,
            size=question.size,
        )
        raise InvalidQuestion("cursor", refusal)
    if question.as_of not in {today, place.as_of}:
        refusal = message(
            "cursor belongs to a page as of {pinned}, but as_of is {as_of}",
            pinned=place.as_of,
            as_of=question.as_of,
        )
        raise InvalidQuestion("cursor", refusal)
    pinned = {"size": place.size, "as_of": place.as_of}
    if place.known_on is not None:
        if question.known_on not in {None, place.known_on}:
            refusal = message(
                "cursor belongs to a page as known on {pinned}, but known_on is "
                "{known_on}",
                pinned=place.known_on,
                known_on=question.known_on,
            )
            raise InvalidQuestion("cursor", refusal)
        pinned["known_on"] = place.known_on
    question_struct: Any = question  # a protocol cannot say that it is a Struct
    resumed: Q = structs.replace(question_struct, **pinned)
    return resumed
