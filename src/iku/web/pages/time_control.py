"""The time control: the coordinates at which a page shows the register.

Three parameters of the address select them: `per` (the as-of day), `diketahui` (the
knowledge cut-off) and `ukuran` (the log size). Every link, form and download of the
page contains the coordinates, and nothing else stores them: an address is a complete
question, and can be sent to a colleague. Without parameters a page shows today, as
known now.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from iku.domain.coordinates import LARGEST
from iku.domain.period import Kind, containing
from iku.domain.publication import Publication
from iku.exchange import written_day
from iku.exchange.written_day import MalformedDay
from iku.messages import Message, error_message, message
from iku.parsing import ParseError
from iku.queries.figure_parameters import Moment

AS_OF, KNOWN_ON, SIZE = "per", "diketahui", "ukuran"
NAMES = (AS_OF, KNOWN_ON, SIZE)
OF_API = {"as_of": AS_OF, "known_on": KNOWN_ON, "size": SIZE}
_SIZE = re.compile(r"[0-9]{1,16}", re.ASCII)


class PublishedMoment(NamedTuple):
    """The coordinates at which the figures of a publication were frozen."""

    publication: str
    as_of: date
    known_on: date
    size: int

    @classmethod
    def of(cls, edition: Publication) -> "PublishedMoment":
        """The coordinates of a published edition."""
        closing = edition.closing
        if closing is None:
            raise AssertionError("a published edition was closed")
        return cls(edition.id, edition.as_of, closing.known_on, closing.size)


class TimeControl(NamedTuple):
    """The requested coordinates; None means today, and all present knowledge.

    Attributes:
        published: The publications whose coordinates are offered as a choice.
        earlier: The last day before *as_of* on which a figure of the page moved.
        later: The next such day.
    """

    as_of: date | None
    known_on: date | None
    size: int | None
    today: date
    published: tuple[PublishedMoment, ...] = ()
    earlier: date | None = None
    later: date | None = None

    @property
    def day(self) -> date:
        """The as-of day; today without one."""
        return self.as_of or self.today

    @property
    def moment(self) -> Moment:
        """The coordinates of a question."""
        return Moment(self.day, self.known_on, self.size)

    @property
    def is_present(self) -> bool:
        """Whether the page shows today by all present knowledge."""
        return self.day == self.today and self.known_on is None and self.size is None

    @property
    def given(self) -> dict[str, date | int]:
        """The coordinates as parameters of questions (`MomentQuestion`)."""
        named = {"as_of": self.as_of, "known_on": self.known_on, "size": self.size}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that links carry."""
        values = (self.as_of, self.known_on, self.size)
        named = zip(NAMES, values, strict=True)
        return {name: str(value) for name, value in named if value is not None}

    @property
    def sentence(self) -> Message:
        """The coordinates of the page as a phrase that begins with a small letter."""
        values = {"as_of": self.day, "known_on": self.known_on, "size": self.size}
        match self.known_on, self.size:
            case None, None:
                return message("state of {as_of}, as known now", as_of=self.day)
            case date(), None:
                return message("state of {as_of}, as known on {known_on}", **values)
            case None, int():
                return message(
                    "state of {as_of}, as known now, from the first {size:,} events",
                    **values,
                )
            case _:
                return message(
                    "state of {as_of}, as known on {known_on}, from the first "
                    "{size:,} events",
                    **values,
                )

    @property
    def end_of_last_quarter(self) -> date:
        """The last day of the quarter before the one that contains today."""
        return containing(self.today, Kind.QUARTER).start - timedelta(days=1)

    @property
    def end_of_last_year(self) -> date:
        """The last day of the year before today's."""
        return date(self.today.year - 1, 12, 31)

    def at(self, as_of: date | None) -> dict[str, str | None]:
        """The parameters of the same page as of another day."""
        return {AS_OF: None if as_of is None else as_of.isoformat()}

    def as_published(self, one: PublishedMoment) -> dict[str, str]:
        """The parameters of the same page as it was when *one* was published."""
        values = (one.as_of, one.known_on, one.size)
        return dict(zip(NAMES, map(str, values), strict=True))


def parse(given: Mapping[str, str], today: date) -> TimeControl:
    """The coordinates that the parameters of an address select; empty ones are absent.

    Raises:
        ParseError: A parameter is not a day or size, or a day is after *today*.
    """
    faults: dict[str, str] = {}
    as_of, known_on = (_day(name, given, today, faults) for name in (AS_OF, KNOWN_ON))
    size = _size(given, faults)
    if faults:
        raise ParseError(faults)
    return TimeControl(as_of, known_on, size, today)


def _day(
    name: str, given: Mapping[str, str], today: date, faults: dict[str, str]
) -> date | None:
    if not (text := given.get(name, "").strip()):
        return None
    try:
        day = written_day.parse(text, today)
    except MalformedDay as error:
        faults[name] = error_message(error)
        return None
    if day > today:
        faults[name] = message(
            "is {day}, but must not be after today, {today}", day=day, today=today
        )
    return day


def _size(given: Mapping[str, str], faults: dict[str, str]) -> int | None:
    if not (text := given.get(SIZE, "").strip().replace(".", "")):
        return None
    if _SIZE.fullmatch(text) and int(text) <= LARGEST:
        return int(text)
    faults[SIZE] = message("is not a number of events, such as 140")
    return None
