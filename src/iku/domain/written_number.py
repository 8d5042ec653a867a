"""Numbers as people write them, in Indonesian or plain spelling.

A comma is the decimal sign: ``141,92``, ``1.234,5``. Without a comma, a point is the
decimal sign (``141.92``), and several points separate thousands (``1.234.567``). One
point before three digits could be either (``1.234``), so it is refused.
"""

import re
from decimal import Decimal

from iku.messages import message

MOST_DIGITS = 12  # before the decimal sign
MOST_DECIMALS = 4

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_COMMA = re.compile(r"(-?)([0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),([0-9]+)")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(\.[0-9]{3}){2,}")
_AMBIGUOUS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")


class MalformedWrittenNumber(ValueError):
    """The text does not spell one number; the message says why."""


def parse(text: str) -> Decimal:
    """The number that *text* spells, with the decimals that it has.

    Raises:
        MalformedWrittenNumber: The text spells none, or could be read as two numbers.
    """
    if _AMBIGUOUS.fullmatch(text):
        raise MalformedWrittenNumber(_ambiguous_message(text))
    number = Decimal(_plain(text))
    _refuse_length(text, number)
    return abs(number) if number == 0 else number


def _plain(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if found := _COMMA.fullmatch(text):
        sign, whole, decimals = found.groups()
        return f"{sign}{whole.replace('.', '')}.{decimals}"
    if _THOUSANDS.fullmatch(text):
        return text.replace(".", "")
    raise MalformedWrittenNumber(
        message(
            "{text!r} is not a number: write digits with a decimal comma, such as "
            "141,92 or 1.234,5, or with a decimal point, such as 141.92",
            text=text,
        )
    )


def _ambiguous_message(text: str) -> str:
    whole, _, decimals = text.partition(".")
    return message(
        "{text} can be read as {large} or as {small}: write one of these instead",
        text=text,
        large=f"{whole}{decimals}",
        small=f"{whole},{decimals}",
    )


def _refuse_length(text: str, number: Decimal) -> None:
    _, digits, exponent = number.as_tuple()
    decimals = -int(exponent)
    if decimals > MOST_DECIMALS:
        raise MalformedWrittenNumber(
            message(
                "{text} has {decimals} decimals, but at most {most} are recorded",
                text=text,
                decimals=decimals,
                most=MOST_DECIMALS,
            )
        )
    if len(digits) - decimals > MOST_DIGITS:
        raise MalformedWrittenNumber(
            message(
                "{text} has more than {most} digits before the decimal sign",
                text=text,
                most=MOST_DIGITS,
            )
        )
