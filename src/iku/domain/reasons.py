"""Sentences for the reasons of `counting`, one for each rule.

A sentence quotes the days and numbers that the rule compared. It ends with the
positions of the deciding events, so that they can be found in the log.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from iku.domain.counting import DecidingFact, Membership, Reason, Rule
from iku.messages import Message, join_sentences, message, plural, vocabulary


def explanation(member: Membership, positions: Sequence[int]) -> Message:
    """The reasons why a subject counts or not; *positions* are those of its events."""
    rulings = [member.denominator]
    if member.denominator.holds:
        rulings.append(member.numerator)
    return join_sentences(sentence(ruling.reason(), positions) for ruling in rulings)


def sentence(reason: Reason, positions: Sequence[int]) -> Message:
    """The reason as a sentence; *positions* are those of the subject's events."""
    quoted = {name: _format_value(value) for name, value in reason.quoted.items()}
    pattern = REJECTED_SURVIVOR if "merged" in quoted else SENTENCES[reason.rule]
    said = Message(pattern.id, quoted, context=pattern.context)
    return _with_citations(said, [_citation(one, positions) for one in reason.deciding])


SENTENCES = vocabulary(
    "reason",
    {
        Rule.NEW_IN_PERIOD: "counted: {came} {day:digits}, in the period",
        Rule.OPEN_ON_EVE: (
            "counted: pending since {day:digits} and not resolved before {start:digits}"
        ),
        Rule.REOPENED_IN_PERIOD: "counted: reopened on {day:digits}, in the period",
        Rule.REGISTERED: "counted: {came} {day:digits}",
        Rule.LEFT_IN_PERIOD: (
            "counted: existed in the period, until {last:digits}; {gone} {day:digits}"
        ),
        Rule.ANNULLED: "not counted: the {what} of {day:digits} was annulled",
        Rule.REJECTED: "not counted: rejected",
        Rule.MERGED: "not counted: merged into {into}",
        Rule.NOT_VERIFIED: (
            "not counted: the report of {day:digits} has not been verified"
        ),
        Rule.RETURNED: (
            "not counted: the report of {day:digits} was returned for completion "
            "on {returned:digits} and has not been verified"
        ),
        Rule.VERIFICATION_ANNULLED: (
            "not counted: the verification of {day:digits} was annulled"
        ),
        Rule.NOT_YET: "not counted: {came} {day:digits}, after {as_of:digits}",
        Rule.OTHER_CATEGORY: (
            "not counted: its category on {as_of:digits} is {category}, not {wanted}"
        ),
        Rule.BELOW_LEVEL: (
            "not counted: its level on {as_of:digits} is {level}, below {minimum}"
        ),
        Rule.NOT_NEW: "not counted: {came} {day:digits}, before {start:digits}",
        Rule.RESOLVED_BEFORE: (
            "not counted: resolved on {day:digits} ({manner}), before "
            "{start:digits}, and not reopened since"
        ),
        Rule.OTHER_KIND: "not counted: its kind is {kind}, not {wanted}",
        Rule.DISSOLVED: "not counted: {gone} {day:digits}",
        Rule.REVOKED: "not counted: {gone} {day:digits}",
        Rule.MOVED_OUT: "not counted: {gone} {day:digits}",
        Rule.EXPIRED: "not counted: {gone} {day:digits}",
        Rule.GONE_BEFORE: (
            "not counted: {gone} {day:digits}, so no longer existing on {start:digits}"
        ),
        Rule.RESOLVED: "resolved: closed on {day:digits} ({manner})",
        Rule.FIRST_CLOSURE: (
            "resolved: the first closing, on {day:digits} ({manner}), counts for good"
        ),
        Rule.TAKES_PART: (
            "takes part: verified participation no. {number} of the period was "
            "on {day:digits}"
        ),
        Rule.STILL_OPEN: "still open: {came} {day:digits} and not closed",
        Rule.CLOSED_LATER: (
            "still open on {as_of:digits}: closed only on {day:digits} ({manner})"
        ),
        Rule.CLOSING_ANNULLED: "still open: the closing of {day:digits} was annulled",
        Rule.REOPENED: "still open: reopened on {day:digits}",
        Rule.NO_RESOLUTION: (
            "not resolved: closed on {day:digits} ({manner}), which is no resolution"
        ),
        Rule.SUSPENDED: "does not take part: suspended since {day:digits}",
        Rule.TOO_FEW: (
            "does not take part: {verified} of {needed} verified participations "
            "in the period ({unverified} not verified, {annulled} annulled)"
        ),
    },
)


REJECTED_SURVIVOR = message(
    "not counted: rejected together with {merged}, merged into this subject", merged=()
)


def _format_value(value: Any) -> Any:
    """A day, message or list as it is; other values as `_enum_in_words` gives them."""
    return value if isinstance(value, date | Message | list) else _enum_in_words(value)


def _enum_in_words(value: Any) -> str:
    """A member of an enumeration in words: ``putusan inkrah``; others as stored."""
    if isinstance(value, tuple):
        return "/".join(map(_enum_in_words, value))
    return value.replace("_", " ") if isinstance(value, StrEnum) else str(value)


def _with_citations(said: Message, cited: Sequence[Message | int]) -> Message:
    """*said* with its cited events: ``…, events 12 (corrected by event 40) and 45``."""
    if not cited:
        return said
    return plural(
        "{reason}, event {cited}",
        "{reason}, events {cited}",
        count=len(cited),
        reason=said,
        cited=_join_with_and(cited),
    )


def _citation(one: DecidingFact, positions: Sequence[int]) -> Message | int:
    position = positions[one.version - 1]
    if not one.corrections:
        return position
    by = _join_with_and([positions[version - 1] for version in one.corrections])
    return message("{position} (corrected by event {by})", position=position, by=by)


def _join_with_and(cited: Iterable[Message | int]) -> Message | int:
    """The items as a list in words, such as ``12, 40 and 45``."""
    *first, last = cited
    if not first:
        return last
    return message("{items} and {last_item}", items=first, last_item=last)
