"""Sentences for the reasons of `counting`, one for each rule, in both languages.

A sentence quotes the days and numbers that the rule compared. It ends with the
positions of the deciding events, so that they can be found in the log.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from msgspec import Struct

from iku.domain.counting import DecidingFact, Membership, Reason, Rule, Sentence


def explanation(member: Membership, positions: Sequence[int]) -> Sentence:
    """How a subject counts; *positions* are those of its events, in order."""
    rulings = [member.denominator]
    if member.denominator.holds:
        rulings.append(member.numerator)
    said = [sentence(ruling.reason(), positions) for ruling in rulings]
    return Sentence("; ".join(s.id for s in said), "; ".join(s.en for s in said))


def sentence(reason: Reason, positions: Sequence[int]) -> Sentence:
    """The reason as a sentence; *positions* are those of the subject's events."""
    indonesian, english = SENTENCES[reason.rule]
    return Sentence(
        indonesian.format_map(_format_values(reason.quoted, _indonesian))
        + _cited(reason.deciding, positions, INDONESIAN),
        english.format_map(_format_values(reason.quoted, _english))
        + _cited(reason.deciding, positions, ENGLISH),
    )


SENTENCES: dict[Rule, tuple[str, str]] = {
    Rule.NEW_IN_PERIOD: (
        "dihitung: {came} {day}, dalam periode",
        "counted: {came} {day}, in the period",
    ),
    Rule.OPEN_ON_EVE: (
        "dihitung: berjalan sejak {day} dan belum selesai menjelang {start}",
        "counted: pending since {day} and not resolved on the eve of {start}",
    ),
    Rule.REOPENED_IN_PERIOD: (
        "dihitung: dibuka kembali {day}, dalam periode",
        "counted: reopened on {day}, in the period",
    ),
    Rule.REGISTERED: (
        "dihitung: {came} {day}",
        "counted: {came} {day}",
    ),
    Rule.LEFT_IN_PERIOD: (
        "dihitung: masih ada dalam periode, sampai {last}; {gone} {day}",
        "counted: it was there in the period, until {last}; {gone} {day}",
    ),
    Rule.ANNULLED: (
        "tidak dihitung: {what} {day} dibatalkan",
        "not counted: the {what} of {day} was annulled",
    ),
    Rule.REJECTED: ("tidak dihitung: ditolak{along}", "not counted: rejected{along}"),
    Rule.MERGED: (
        "tidak dihitung: digabung ke {into}",
        "not counted: merged into {into}",
    ),
    Rule.NOT_VERIFIED: (
        "tidak dihitung: laporan {day} belum diverifikasi",
        "not counted: the report of {day} has not been verified",
    ),
    Rule.RETURNED: (
        (
            "tidak dihitung: laporan {day} dikembalikan {returned} untuk dilengkapi "
            "dan belum diverifikasi"
        ),
        (
            "not counted: the report of {day} was returned for completion on "
            "{returned} and has not been verified"
        ),
    ),
    Rule.VERIFICATION_ANNULLED: (
        "tidak dihitung: verifikasi {day} dibatalkan",
        "not counted: the verification of {day} was annulled",
    ),
    Rule.NOT_YET: (
        "tidak dihitung: baru {came} {day}, setelah {as_of}",
        "not counted: {came} {day}, after {as_of}",
    ),
    Rule.OTHER_CATEGORY: (
        "tidak dihitung: kategori per {as_of} ialah {category}, bukan {wanted}",
        "not counted: its category on {as_of} is {category}, not {wanted}",
    ),
    Rule.BELOW_LEVEL: (
        "tidak dihitung: tingkat per {as_of} ialah {level}, di bawah {minimum}",
        "not counted: its level on {as_of} is {level}, below {minimum}",
    ),
    Rule.NOT_NEW: (
        "tidak dihitung: {came} {day}, sebelum {start}",
        "not counted: {came} {day}, before {start}",
    ),
    Rule.RESOLVED_BEFORE: (
        (
            "tidak dihitung: selesai {day} ({manner}), sebelum {start}, "
            "dan tidak dibuka kembali sejak itu"
        ),
        (
            "not counted: resolved on {day} ({manner}), before {start}, "
            "and not reopened since"
        ),
    ),
    Rule.OTHER_KIND: (
        "tidak dihitung: jenisnya {kind}, bukan {wanted}",
        "not counted: its kind is {kind}, not {wanted}",
    ),
    Rule.DISSOLVED: (
        "tidak dihitung: {gone} {day}",
        "not counted: {gone} {day}",
    ),
    Rule.REVOKED: (
        "tidak dihitung: {gone} {day}",
        "not counted: {gone} {day}",
    ),
    Rule.MOVED_OUT: (
        "tidak dihitung: {gone} {day}",
        "not counted: {gone} {day}",
    ),
    Rule.EXPIRED: (
        "tidak dihitung: {gone} {day}",
        "not counted: {gone} {day}",
    ),
    Rule.GONE_BEFORE: (
        "tidak dihitung: {gone} {day}, sehingga tidak ada lagi sejak {start}",
        "not counted: {gone} {day}, so that it was gone by {start}",
    ),
    Rule.RESOLVED: (
        "selesai: ditutup {day} ({manner})",
        "resolved: closed on {day} ({manner})",
    ),
    Rule.FIRST_CLOSURE: (
        "selesai: penutupan pertama {day} ({manner}) tetap dihitung",
        "resolved: the first closing, on {day} ({manner}), counts for good",
    ),
    Rule.TAKES_PART: (
        (
            "berperan aktif: keikutsertaan terverifikasi ke-{number} "
            "dalam periode pada {day}"
        ),
        "takes part: verified participation no. {number} of the period was on {day}",
    ),
    Rule.STILL_OPEN: (
        "masih terbuka: {came} {day} dan belum ditutup",
        "still open: {came} {day} and not closed",
    ),
    Rule.CLOSED_LATER: (
        "masih terbuka per {as_of}: baru ditutup {day} ({manner})",
        "still open on {as_of}: closed only on {day} ({manner})",
    ),
    Rule.CLOSING_ANNULLED: (
        "masih terbuka: penutupan {day} dibatalkan",
        "still open: the closing of {day} was annulled",
    ),
    Rule.REOPENED: (
        "masih terbuka: dibuka kembali {day}",
        "still open: reopened on {day}",
    ),
    Rule.NO_RESOLUTION: (
        "belum selesai: ditutup {day} ({manner}), yang bukan penyelesaian",
        "not resolved: closed on {day} ({manner}), which is no resolution",
    ),
    Rule.SUSPENDED: (
        "tidak berperan aktif: dibekukan sejak {day}",
        "does not take part: suspended since {day}",
    ),
    Rule.TOO_FEW: (
        (
            "belum berperan aktif: {verified} dari {needed} keikutsertaan "
            "terverifikasi dalam periode ({unverified} belum diverifikasi, "
            "{annulled} dibatalkan)"
        ),
        (
            "does not take part: {verified} of {needed} verified participations in the "
            "period ({unverified} not verified, {annulled} annulled)"
        ),
    ),
}


class CitationWords(Struct, frozen=True):
    """The words that cite events."""

    event: str
    events: str
    corrected: str
    conjunction: str


INDONESIAN = CitationWords("peristiwa", "peristiwa", "dikoreksi peristiwa", "dan")
ENGLISH = CitationWords("event", "events", "corrected by event", "and")


def _format_values(
    quoted: Mapping[str, Any], write: Callable[[Any], str]
) -> dict[str, str]:
    return {name: write(value) for name, value in quoted.items()}


def _indonesian(value: Any) -> str:
    if isinstance(value, date):
        return f"{value.day:02}-{value.month:02}-{value.year:04}"
    return value.id if isinstance(value, Sentence) else _plain(value)


def _english(value: Any) -> str:
    return value.en if isinstance(value, Sentence) else _plain(value)


def _plain(value: Any) -> str:
    """*value* as stored; a member of an enumeration in words: ``putusan inkrah``."""
    if isinstance(value, tuple):
        return "/".join(map(_plain, value))
    return value.replace("_", " ") if isinstance(value, StrEnum) else str(value)


def _cited(
    deciding: Iterable[DecidingFact], positions: Sequence[int], words: CitationWords
) -> str:
    """``, peristiwa 12 (dikoreksi peristiwa 40) dan 45``; empty if there is none."""
    citations = [_citation(one, positions, words) for one in deciding]
    if not citations:
        return ""
    noun = words.event if len(citations) == 1 else words.events
    return f", {noun} {_conjoined(citations, words)}"


def _citation(one: DecidingFact, positions: Sequence[int], words: CitationWords) -> str:
    position = str(positions[one.version - 1])
    if not one.corrections:
        return position
    by = [str(positions[version - 1]) for version in one.corrections]
    return f"{position} ({words.corrected} {_conjoined(by, words)})"


def _conjoined(citations: Sequence[str], words: CitationWords) -> str:
    *first, last = citations
    return f"{', '.join(first)} {words.conjunction} {last}" if first else last
