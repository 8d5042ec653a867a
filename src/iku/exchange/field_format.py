"""Values of events' fields, and their effects on figures, in a reader's language."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from iku import labels
from iku.domain import written_number
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Person
from iku.domain.paper_data import STATEMENTS
from iku.exchange.formats import Formats
from iku.language import Language, translate
from iku.messages import message
from iku.queries.event_history import Movement

YES, NO = message("yes"), message("no")
# Statuses in which a case counts only if it is verified.
UNDECIDED = ("open", "returned", "resolved")
NO_AREAS: Mapping[str, str] = MappingProxyType({})
# Fields that contain a day, of any event or state.
DAYS = {
    field.name
    for decider in DECIDERS.values()
    for event in (get_args(decider.event_type) or (decider.event_type,))
    for field in msgspec.structs.fields(event)
    if date in (field.type, *get_args(field.type))
} | {"reported_on", "registered_on", "resolved_on"}


YEARS = {"year", "first_year", "last_year"}
# Fields that contain a decimal number as text.
NUMBERS = {
    name
    for kind in STATEMENTS.values()
    for name in (*kind.numbers, *kind.percentages, *kind.targets)
}


class FieldFormat:
    """Formats of fields in the language that *language* returns.

    *areas* are the names of areas by their codes; an area that is not among them is
    shown by its code.
    """

    def __init__(
        self, language: Callable[[], Language], areas: Mapping[str, str] = NO_AREAS
    ) -> None:
        self._language = language
        self._areas = areas
        self._formats = Formats(language)

    def label(self, name: str) -> str:
        """The label of a field; its name if it has none."""
        label = labels.FIELDS.get(name)
        return self._translated(label) if label else name

    def value(self, field: str, of: Any) -> str:
        """The value of *field* as text; a dash for None.

        Names of fields are replaced by labels. *of* is JSON, in which a day is a
        text of the form YYYY-MM-DD, or a value of a state.
        """
        match of:
            case None:
                shown = self._formats.NOTHING
            case bool():
                shown = self._translated(YES if of else NO)
            case int():
                shown = str(of) if field in YEARS else self._formats.number(of)
            case dict() | str() if field == "options":
                shown = _options(msgspec.json.decode(of) if isinstance(of, str) else of)
            case str():
                shown = self._text(field, of)
            case date():
                shown = self._formats.day(of)
            case Person(name=name):
                shown = name
            case tuple():
                shown = ", ".join(self.value(field, one) for one in of)
            case list():
                shown = ", ".join(map(self._item, of))
            case _:
                shown = _reference(of)
        return shown

    def movement(self, moved: Movement) -> str:
        """The effect of an event: ``IKU-1 (definition 1) since …: numerator +1``."""
        counts = {
            message("numerator"): moved.numerator,
            message("denominator"): moved.denominator,
            message("expired"): moved.expired,
        }
        told = ", ".join(
            f"{self._translated(name)} {self._formats.signed_number(count)}"
            for name, count in counts.items()
            if count
        )
        by = message(
            "{indicator} (definition {definition}) since {day}",
            indicator=moved.indicator,
            definition=moved.definition,
            day=self._formats.day(moved.effective_on),
        )
        if moved.since is None:
            return f"{self._translated(by)}: {told}"
        until = message(
            "in periods that begin on or before {day}",
            day=self._formats.day(moved.since),
        )
        return f"{self._translated(by)} {self._translated(until)}: {told}"

    def status(self, item: Mapping[str, Any]) -> str:
        """The status of an item of a list, with its detail.

        The detail is the survivor of a merger, the day of the resolution, or that the
        verification is missing: ``merged into K12``, ``resolved 2021-02-15``.
        """
        word = self._translated(labels.STATUSES[item["status"]])
        match item:
            case {"merged_into": str(into)}:
                return self._translated(
                    message("{status} into {number}", status=word, number=into)
                )
            case {"status": "resolved", "resolved_on": on}:
                word = f"{word} {self.value('resolved_on', on)}"
            case _:
                pass
        unsure = item["status"] in UNDECIDED and not item.get("verified", True)
        if not unsure:
            return word
        return self._translated(message("{word}, not yet verified", word=word))

    def legal_basis(self, item: Mapping[str, Any]) -> str:
        """The legal basis of an organisation, with the last day of its certificate."""
        said = self.value("legal_basis", item["legal_basis"])
        if item["valid_until"] is None:
            return said
        until = self.value("valid_until", item["valid_until"])
        if item["expired"]:
            return self._translated(
                message("{basis} until {day} (expired)", basis=said, day=until)
            )
        return self._translated(message("{basis} until {day}", basis=said, day=until))

    def _translated(self, said: str) -> str:
        return translate(said, self._language())

    def _item(self, one: Any) -> str:
        return self.label(one) if isinstance(one, str) else _reference(one)

    def _text(self, field: str, of: str) -> str:
        if field == "area" and of in self._areas:
            return f"{self._areas[of]} ({of})"
        if field in NUMBERS:
            return self._formats.number(_number(of))
        if field == "office":
            return of.replace("_", " ")
        if field in DAYS:
            return self._formats.day(date.fromisoformat(of))
        label = labels.value_label(field, of)
        return self._translated(label) if label else of


def _number(of: str) -> Decimal:
    """The number as it is recorded or, in a proposal, as it was written."""
    try:
        return Decimal(of)
    except InvalidOperation:
        return written_number.parse(of)


def _reference(of: Any) -> str:
    """The origin of a copy, or the reference of a participation."""
    match of:
        case {"stream": stream, "version": version}:
            return f"{stream}/{version}"
        case {"participation": participation}:
            return str(participation)
        case _:
            return str(of)


def _options(of: dict[str, Any]) -> str:
    """Options as typed: ``participation_threshold=2; kinds=lsm,ormas``."""
    texts = {k: ",".join(v) if isinstance(v, list) else v for k, v in of.items()}
    return "; ".join(f"{name}={one}" for name, one in texts.items())
