"""Indonesian words of values, as papers print them."""

from collections.abc import Mapping

from iku.language import Language, translate
from iku.messages import Message
from iku.queries.explanation import ExplainedSubject


def say(said: str) -> str:
    """A message in Indonesian, the language of all papers."""
    return translate(said, Language.INDONESIAN)


def word(labels: Mapping[str, Message], value: str | None) -> str | None:
    """The Indonesian label of *value*; None if there is no value."""
    if value is None:
        return None
    return say(labels[value])


def reasons(of: ExplainedSubject) -> str:
    """Why a subject counts or does not, in sentences."""
    said = (of.why_denominator.id, of.why_numerator.id)
    return "; ".join(dict.fromkeys(said))
