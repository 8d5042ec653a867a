"""Where a figure was asked for, and the number that carries all of it.

The number is printed beside the figure, read aloud and typed in again, so it has to
tell its own typing errors. It is one line of fields between points:

    IKU-1.1.T.20211231.20220115.145.5C

indicator, version of its definition, kind of period, as of, known on, size of the log,
and two characters to check the rest by.
"""

import re
from contextlib import suppress
from datetime import date
from operator import mul

from msgspec import Struct

from iku.domain import period
from iku.domain.period import Kind, Period
from iku.messages import message

LETTERS = {
    Kind.YEAR: "T",  # tahun
    Kind.HALF: "S",  # semester
    Kind.QUADRIMESTER: "C",  # caturwulan
    Kind.QUARTER: "W",  # triwulan
    Kind.MONTH: "B",  # bulan
}
EXAMPLE = "IKU-1.1.T.20211231.20220115.145.5C"
LARGEST = 2**53 - 1  # of a size: exact in every JSON reader
# A code leaves room, within 64 characters, for the largest version and size.
CODE = r"^(?=.{1,16}$)[A-Z0-9]+(-[A-Z0-9]+)*$(?!\n)"
_SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-"
_RADIX = 36
_MODULUS = 1259  # prime; two characters hold its remainders
_VALUES = bytes.maketrans(_SYMBOLS.encode(), bytes(range(len(_SYMBOLS))))
_WEIGHTS = tuple(pow(_RADIX, place, _MODULUS) for place in range(_MODULUS))


class Coordinates(Struct, frozen=True):
    """What a figure was asked for; with these it comes out the same for ever.

    Attributes:
        definition: Version of the indicator's definition.
        known_on: Whose knowledge: that of the end of this day.
        size: Of the log it was counted from.
    """

    indicator: str
    definition: int
    period: Period
    as_of: date
    known_on: date
    size: int

    @property
    def number(self) -> str:
        """The coordinates in one line, at most 64 characters; the last two check it."""
        line = ".".join(
            (
                self.indicator,
                str(self.definition),
                LETTERS[self.period.kind],
                _compact(self.as_of),
                _compact(self.known_on),
                str(self.size),
            )
        )
        return f"{line}.{check(line)}"


class MalformedNumber(ValueError):
    """That is no figure's number; the sentence says which part of it is wrong."""


def parse(number: str) -> Coordinates:
    """The coordinates that *number* carries; blanks and lower case do not matter.

    Raises:
        MalformedNumber: It was never printed beside any figure.
    """
    typed = "".join(number.split()).translate(_CAPITALS)
    _refuse_strange(typed)
    fields = typed.rsplit(".", 6)
    if len(fields) != 7:
        points = typed.count(".")
        raise MalformedNumber(
            message(
                "a figure's number has seven parts, separated by six points, as in "
                "{example}; this one has {points} points",
                example=EXAMPLE,
                points=points,
            )
        )
    *fields, last = fields
    at = _read(fields)
    if last != check(".".join(fields)):
        raise MalformedNumber(
            message(
                "the last part, {last!r}, does not match the parts before it: a "
                "character is mistyped, missing or in the wrong place",
                last=last,
            )
        )
    return at


def check(line: str) -> str:
    """Two characters that tell any one mistyped and any two swapped ones of a number.

    A number's characters count 0 to 37 (digits, letters, point, hyphen) and are
    weighted by their place with powers of 36, from the right; the whole number, its
    check with the point before it included, leaves 1 modulo 1259: a pure system as in
    ISO/IEC 7064. Of 64 places no two weigh the same, since 36 has order 629, and no
    difference of two characters is divisible by the prime; so either error changes
    the remainder. A character too many or too few passes once in 1,259 times, where
    the shape of the number does not tell it. (The standard's MOD 97-10 writes a letter
    in two digits: one typed for a digit moves all that stands before it, unnoticed
    once in 97. Its MOD 1271-36 is modulo 31 times 41, so that some swaps pass.)
    """
    values = f"{line}.00".encode().translate(_VALUES)
    remainder = sum(map(mul, reversed(values), _WEIGHTS)) % _MODULUS
    high, low = divmod((1 - remainder) % _MODULUS, _RADIX)
    return _SYMBOLS[high] + _SYMBOLS[low]


# Not str.upper, to which other alphabets' letters are ours: ı, ſ.
_CAPITALS = {ord(c.lower()): c for c in _SYMBOLS if c.isalpha()}


def _compact(day: date) -> str:
    return day.isoformat().replace("-", "")


def _refuse_strange(typed: str) -> None:
    for symbol in typed:
        if symbol not in _SYMBOLS:
            raise MalformedNumber(
                message(
                    "a figure's number holds letters, digits, points and hyphens "
                    "only, not {symbol!r}",
                    symbol=symbol,
                )
            )


_ORDINALS = {
    2: message("second"),
    4: message("fourth"),
    5: message("fifth"),
    6: message("sixth"),
}


def _read(fields: list[str]) -> Coordinates:
    code, definition, kind, as_of, known, size = fields
    if not re.fullmatch(CODE, code):
        raise MalformedNumber(
            message("the first part, {typed!r}, is not an indicator's code", typed=code)
        )
    day = _day(4, message("the day asked about"), as_of)
    return Coordinates(
        indicator=code,
        definition=_whole(2, message("a version of a definition"), definition, 1),
        period=period.containing(day, _kind(kind)),
        as_of=day,
        known_on=_day(5, message("the knowledge cut-off"), known),
        size=_whole(6, message("a size of the log"), size, 0),
    )


def _whole(place: int, what: str, typed: str, least: int) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,15}", typed) or not (
        least <= int(typed) <= LARGEST
    ):
        raise MalformedNumber(
            message(
                "the {place} part, {typed!r}, is not {what}",
                place=_ORDINALS[place],
                typed=typed,
                what=what,
            )
        )
    return int(typed)


def _kind(typed: str) -> Kind:
    for kind, letter in LETTERS.items():
        if letter == typed:
            return kind
    known = ", ".join(f"{letter} ({kind})" for kind, letter in LETTERS.items())
    raise MalformedNumber(
        message(
            "the third part, {typed!r}, is not a kind of period; the kinds are {kinds}",
            typed=typed,
            kinds=known,
        )
    )


def _day(place: int, what: str, typed: str) -> date:
    with suppress(ValueError):
        if re.fullmatch("[0-9]{8}", typed):
            return date(int(typed[:4]), int(typed[4:6]), int(typed[6:]))
    raise MalformedNumber(
        message(
            "the {place} part, {typed!r}, is not {what} in the form YYYYMMDD",
            place=_ORDINALS[place],
            typed=typed,
            what=what,
        )
    )
