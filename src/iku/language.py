"""The two languages of the program: translation, and the format of numbers and dates.

The Indonesian sentences are the gettext catalog `locale/id/LC_MESSAGES/iku.po`, which
is read in its compiled form. The English sentences are the message ids.
"""

import gettext
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from iku import labels
from iku.messages import DIGITS, Message, Term, format_pattern, in_english
from iku.messages import Language as Language

MONTHS = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus"),
    *("September", "Oktober", "November", "Desember"),
)
_SWAPPED = str.maketrans(",.", ".,")


def negotiate(accepted: str, usual: Language) -> Language:
    """The language that `Accept-Language` prefers (RFC 9110, section 12.5.4).

    The result is *usual* if the header is empty, names neither language or prefers both
    equally. Otherwise the language with the greater weight is the result. Region and
    script are ignored: ``id-ID`` is Indonesian.
    """
    weights: dict[Language, float] = {}
    other = 0.0
    for one in accepted.split(","):
        tag, *options = (part.strip().lower() for part in one.split(";"))
        named = _TAGS.get(tag.partition("-")[0])
        if tag == "*":
            other = _weight(options)
        elif named is not None:
            weights[named] = max(weights.get(named, 0.0), _weight(options))
    for left in (usual, *Language):
        weights.setdefault(left, other)
    best = max(weights.values())
    preferred = (one for one, weight in weights.items() if weight == best)
    return next(preferred) if best else usual


def _weight(options: Iterable[str]) -> float:
    """The quality value in *options*; 1 if it is absent or malformed."""
    for option in options:
        if found := _QUALITY.fullmatch(option):
            return float(found[1])
    return 1.0


_QUALITY = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
# `in` was the code of Indonesian until 1989; old Java programs still send it.
_TAGS = {"id": Language.INDONESIAN, "in": Language.INDONESIAN, "en": Language.ENGLISH}


def translate(said: str, language: Language) -> str:
    """*said* in *language*; a `str` that is no `Message` or `Term` stays as it is."""
    if language is Language.ENGLISH or not isinstance(said, Message | Term):
        return str(said)
    return _format_indonesian(said)


def translate_sentence(
    sentence: str, values: Mapping[str, Any], language: Language
) -> str:
    """The text of `Message(sentence, values)` in *language*.

    Templates translate hundreds of sentences a page, each once, so no message with its
    English text is made of them.
    """
    if language is Language.ENGLISH:
        return format_pattern(sentence, values, in_english)
    return format_pattern(_translated(sentence), values, _format_indonesian)


def day(of: date, language: Language) -> str:
    """A day in words: ``31 Desember 2021``; in English ``2021-12-31``."""
    if language is Language.ENGLISH:
        return f"{of:%Y-%m-%d}" if of.year > 999 else of.isoformat()[:10]
    return f"{of.day} {MONTHS[of.month - 1]} {of.year}"


def day_in_digits(of: date, language: Language) -> str:
    """A day in digits: ``31-12-2021``; in English ``2021-12-31``."""
    if language is Language.ENGLISH:
        return f"{of.year:04}-{of:%m-%d}"
    return f"{of.day:02}-{of.month:02}-{of.year:04}"


def number(of: Decimal | float, language: Language, places: int | None = None) -> str:
    """A number in the format of *language*: ``1.234,50``; in English ``1,234.50``.

    A number is rounded only if it has more decimals than *places*; None means that it
    keeps all of them.
    """
    text = f"{of:,}" if places is None else f"{of:,.{places}f}"
    return text if language is Language.ENGLISH else text.translate(_SWAPPED)


def _format_indonesian(value: Any, specification: str = "") -> str:
    if type(value) is str:
        return format(value, specification)
    match value:
        case Message():
            text = format_pattern(
                _translated_pattern(value), value.values, _format_indonesian
            )
        case Term():
            text = _format_indonesian(labels.term_label(value))
        case list() | tuple() if type(value) in {list, tuple}:
            text = ", ".join(map(_format_indonesian, value))
        case date() if not isinstance(value, datetime):
            written = day_in_digits if specification == DIGITS else day
            text = written(value, Language.INDONESIAN)
        case Decimal() | float():
            text = format(value, specification).translate(_SWAPPED)
        case int() if specification == ",":
            text = number(value, Language.INDONESIAN)
        case _:
            text = format(value, specification)
    return text


def _translated_pattern(of: Message) -> str:
    """The translated pattern of a message."""
    if of.many is not None and of.context is None:
        return _catalog().ngettext(of.id, of.many, of.values["count"])
    return _translated(of.id, of.context)


@lru_cache(4096)  # gettext looks a sentence with a context up by a text that it joins
def _translated(sentence: str, context: str | None = None) -> str:
    """The translation of a sentence of the code."""
    if context is None:
        return _catalog().gettext(sentence)
    return _catalog().pgettext(context, sentence)


@cache
def _catalog() -> gettext.NullTranslations:
    compiled = resources.files("iku") / "locale" / "id" / "LC_MESSAGES" / "iku.mo"
    with compiled.open("rb") as file:
        return gettext.GNUTranslations(file)
