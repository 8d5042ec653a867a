"""The notation of messages, numbers and days in the language of a page.

The formats are those of `exchange.formats`.
"""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from litestar import Request

from iku import labels, language
from iku.domain.period import Period
from iku.exchange.formats import Formats
from iku.language import Language, translate


class PageLanguage(NamedTuple):
    """The language of one page, with its sentences and formats."""

    language: Language

    @property
    def is_indonesian(self) -> bool:
        """Whether the page is Indonesian."""
        return self.language is Language.INDONESIAN

    def text(self, sentence: str) -> str:
        """*sentence*, translated if it is a message."""
        return translate(sentence, self.language)

    @property
    def formats(self) -> Formats:
        """The formats of numbers, days and periods in that language."""
        return _formats(self.language)

    def figure_label(self, name: str) -> str:
        """The heading of the value *name* of a figure."""
        return self.text(labels.FIGURE[name])

    def day(self, value: date) -> str:
        """A day: ``31-12-2021``; in English ``2021-12-31``."""
        return self.formats.day(value)

    def day_in_words(self, value: date) -> str:
        """A day: ``31 Desember 2021``; in English ``2021-12-31``."""
        return language.day(value, self.language)

    def number(self, value: Decimal | int) -> str:
        """A number: ``1.234,50``; in English ``1,234.50``."""
        return self.formats.number(value)

    def percent(self, value: Decimal | None) -> str:
        """A percentage: ``77,78%``; in English ``77.78%``; a dash for None."""
        return self.formats.percent(value)

    def period(self, value: Period) -> str:
        """A period: ``Triwulan IV 2021``; in English ``Quarter IV 2021``."""
        return self.formats.period(value)


@cache
def _formats(of: Language) -> Formats:
    return Formats(lambda: of)


def preferred(
    request: Request[Any, Any, Any], of_account: Language | None = None
) -> PageLanguage:
    """The language of the parameter `bahasa`; without it, *of_account* or Indonesian.

    `Accept-Language` is ignored: the browsers of an office are often set to English.
    """
    if (asked := request.query_params.get("bahasa")) in set(Language):
        return PageLanguage(Language(asked))
    return PageLanguage(of_account or Language.INDONESIAN)
