"""Days as people write them: ``31-12-2021``, ``31 Desember 2021``, ``kemarin``.

Forms take days as text, because the calendar of a browser is in the language of the
browser, where 4 March is shown as 03/04. The page repeats the day in words.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from iku.language import MONTHS
from iku.messages import message

_ENGLISH = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_RELATIVE = {
    "hari ini": 0,
    "today": 0,
    "kemarin": 1,
    "yesterday": 1,
    "kemarin lusa": 2,
}
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_DIGITS = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})", re.ASCII)
_WORDS = re.compile(r"(\d{1,2})[ .-]+([a-z]{3,9})\.?[ .-]+(\d{4})", re.ASCII)
MALFORMED = message(
    "is not a day: write day, month and year, such as 31-12-2021 or 31 Desember 2021"
)


class MalformedDay(ValueError):
    """The text is not a day; the message states the forms, without a subject."""


def parse(text: str, today: date) -> date:
    """The day that *text* names; *today* is the day of ``hari ini``.

    Day, month and year, with the month in digits or in words of either language, or ISO
    8601. Two digits are no year.

    Raises:
        MalformedDay: The text does not name a day of the calendar.
    """
    written = " ".join(text.casefold().split())
    if (back := _RELATIVE.get(written)) is not None:
        return today - timedelta(days=back)
    for year, month, day in _parts(written):
        try:
            return date(year, month, day)
        except ValueError:
            break
    raise MalformedDay(MALFORMED)


def _parts(written: str) -> Iterator[tuple[int, int, int]]:
    """Year, month and day of the form that *written* has."""
    if found := _ISO.fullmatch(written):
        year, month, day = map(int, found.groups())
        yield year, month, day
    elif found := _DIGITS.fullmatch(written):
        day, month, year = map(int, found.groups())
        yield year, month, day
    elif (found := _WORDS.fullmatch(written)) and (number := _month(found[2])):
        yield int(found[3]), number, int(found[1])


def _month(word: str) -> int | None:
    """The month that *word* names or abbreviates in either language."""
    for names in (MONTHS, _ENGLISH):
        found = [
            number
            for number, name in enumerate(names, start=1)
            if name.casefold().startswith(word)
        ]
        if len(found) == 1:
            return found[0]
    return 8 if word in {"agt", "ags"} else None
