"""The coordinates of a figure, and the figure number that encodes them.

The number is printed with the figure, read aloud and typed in again, so it must detect
typing errors. It is one line of fields separated by points:

    IKU-1.1.T.20211231.20220115.145.5C

The fields are the indicator, the version of its definition, the kind of period, the day
(`as_of`), the knowledge cut-off (`known_on`), the size of the log, and two check
characters.
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
LARGEST = 2**53 - 1  # the largest size; exact in every JSON reader
# A code leaves room, within 64 characters, for the largest version and size.
CODE = r"^(?=.{1,16}$)[A-Z0-9]+(-[A-Z0-9]+)*$(?!\n)"
_SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-"
_RADIX = 36
_MODULUS = 1259  # prime; two characters hold its remainders
_VALUES = bytes.maketrans(_SYMBOLS.encode(), bytes(range(len(_SYMBOLS))))
_WEIGHTS = tuple(pow(_RADIX, place, _MODULUS) for place in range(_MODULUS))


class Coordinates(Struct, frozen=True):
    """The coordinates that identify a figure; equal coordinates give an equal figure.

    Attributes:
        definition: Version of the indicator's definition.
        known_on: Knowledge cut-off: only facts known by the end of this day are
            counted.
        size: Size of the log that was counted.
    """

    indicator: str
    definition: int
    period: Period
    as_of: date
    known_on: date
    size: int

    @property
    def number(self) -> str:
        """The figure number: one line of at most 64 characters, with its check last."""
        line = ".".join(
            (
                self.indicator,
                str(self.definition),
                LETTERS[self.period.kind],
                _format_day(self.as_of),
                _format_day(self.known_on),
                str(self.size),
            )
        )
        return f"{line}.{check_characters(line)}"


class MalformedNumber(ValueError):
    """The text is not a figure number; the message names the part that is wrong."""


def parse(number: str) -> Coordinates:
    """The coordinates encoded in *number*; white space and case are ignored.

    Raises:
        MalformedNumber: *number* has a wrong form or a wrong check.
    """
    typed = "".join(number.split()).translate(_CAPITALS)
    _refuse_invalid_characters(typed)
    fields = typed.rsplit(".", 6)
    if len(fields) != 7:
        points = typed.count(".")
        raise MalformedNumber(
            message(
                "a figure number has seven parts separated by six points, as in "
                "{example}; this number has {points} points",
                example=EXAMPLE,
                points=points,
            )
        )
    *fields, last = fields
    at = _parse_fields(fields)
    if last != check_characters(".".join(fields)):
        raise MalformedNumber(
            message(
                "the last part of the figure number, {last!r}, does not match the "
                "other parts: a character is mistyped, missing or in the wrong place",
                last=last,
            )
        )
    return at


def check_characters(line: str) -> str:
    """The two check characters of a figure number without its check.

    They detect every single wrong character and every swap of two characters. A
    character has a value from 0 to 37 (digits, letters, point, hyphen), weighted by a
    power of 36 that depends on its place, from the right. The complete number, check
    included, leaves the remainder 1 modulo 1259: a pure system as in ISO/IEC 7064. No
    two of 64 places have equal weights, because 36 has order 629, and the prime 1259
    divides no difference of two values; so both kinds of error change the remainder. A
    missing or an added character passes once in 1,259 times, unless the form of the
    number reveals it. The standard's MOD 97-10 writes a letter as two digits: a letter
    typed for a digit shifts everything before it and passes once in 97 times. Its MOD
    1271-36 works modulo 31 times 41, so some swaps pass.
    """
    values = f"{line}.00".encode().translate(_VALUES)
    remainder = sum(map(mul, reversed(values), _WEIGHTS)) % _MODULUS
    high, low = divmod((1 - remainder) % _MODULUS, _RADIX)
    return _SYMBOLS[high] + _SYMBOLS[low]


# Not str.upper: it maps letters of other alphabets (ı, ſ) to ASCII capitals.
_CAPITALS = {ord(c.lower()): c for c in _SYMBOLS if c.isalpha()}


def _format_day(day: date) -> str:
    return day.isoformat().replace("-", "")


def _refuse_invalid_characters(typed: str) -> None:
    for symbol in typed:
        if symbol not in _SYMBOLS:
            raise MalformedNumber(
                message(
                    "a figure number contains only letters, digits, points and "
                    "hyphens, not {symbol!r}",
                    symbol=symbol,
                )
            )


_PARTS = {
    2: message("second part"),
    4: message("fourth part"),
    5: message("fifth part"),
    6: message("sixth part"),
}


def _parse_fields(fields: list[str]) -> Coordinates:
    code, definition, kind, as_of, known, size = fields
    if not re.fullmatch(CODE, code):
        raise MalformedNumber(
            message(
                "the first part of a figure number must be the code of an indicator, "
                "not {typed!r}",
                typed=code,
            )
        )
    day = _parse_day(4, message("the as-of day"), as_of)
    return Coordinates(
        indicator=code,
        definition=_parse_integer(
            2, message("a version of a definition"), definition, 1
        ),
        period=period.containing(day, _parse_kind(kind)),
        as_of=day,
        known_on=_parse_day(5, message("the knowledge cut-off"), known),
        size=_parse_integer(6, message("a log size"), size, 0),
    )


def _parse_integer(place: int, what: str, typed: str, least: int) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,15}", typed) or not (
        least <= int(typed) <= LARGEST
    ):
        raise MalformedNumber(
            message(
                "the {part} of a figure number must be {what}, not {typed!r}",
                part=_PARTS[place],
                typed=typed,
                what=what,
            )
        )
    return int(typed)


def _parse_kind(typed: str) -> Kind:
    for kind, letter in LETTERS.items():
        if letter == typed:
            return kind
    known = ", ".join(f"{letter} ({kind})" for kind, letter in LETTERS.items())
    raise MalformedNumber(
        message(
            "the third part of a figure number must be a kind of period, one of "
            "{kinds}, not {typed!r}",
            typed=typed,
            kinds=known,
        )
    )


def _parse_day(place: int, what: str, typed: str) -> date:
    with suppress(ValueError):
        if re.fullmatch("[0-9]{8}", typed):
            return date(int(typed[:4]), int(typed[4:6]), int(typed[6:]))
    raise MalformedNumber(
        message(
            "the {part} of a figure number must be {what} in the form YYYYMMDD, not "
            "{typed!r}",
            part=_PARTS[place],
            typed=typed,
            what=what,
        )
    )
