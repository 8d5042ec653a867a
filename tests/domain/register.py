"""The fictional register of 2020 to 2022, and its expected figures.

A line has a number, the effective day, the event and its fields; `@` precedes the day
on which it became known, if that is another day. Lines are in the order of knowledge.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from iku.domain import conflict, organisation
from iku.domain.conflict import Conflict
from iku.domain.decider import DecisionContext
from iku.domain.fact import Annulled
from iku.domain.indicator import ConflictOptions, Options, OrganisationOptions
from iku.domain.organisation import Organisation
from tests.domain.story import assert_nothing_to_add

OPTIONS: dict[str, Options] = {
    "IKU-1": ConflictOptions(conflict.Category.IPOLEKSOSBUD),
    "IKU-2": OrganisationOptions(),
    "IKU-3": ConflictOptions(conflict.Category.SARA),
}


class Expected(NamedTuple):
    """An expected figure of the period 2021.

    The achievement is relative to the target in the example register.
    """

    indicator: str
    as_of: str
    known_on: str
    numerator: int
    denominator: int
    percentage: str | None
    achievement: str | None


FIGURES = [
    Expected("IKU-1", "2021-03-31", "2022-06-30", 3, 5, "60.00", "75.00"),
    Expected("IKU-1", "2021-06-30", "2022-06-30", 5, 6, "83.33", "104.17"),
    Expected("IKU-1", "2021-09-30", "2022-06-30", 5, 7, "71.43", "89.29"),
    Expected("IKU-1", "2021-12-31", "2022-06-30", 7, 9, "77.78", "97.22"),
    Expected("IKU-1", "2021-03-31", "2021-04-08", 2, 5, "40.00", "50.00"),
    Expected("IKU-1", "2021-12-31", "2022-01-15", 8, 9, "88.89", "111.11"),
    Expected("IKU-3", "2021-03-31", "2022-06-30", 0, 1, "0.00", "0.00"),
    Expected("IKU-3", "2021-06-30", "2022-06-30", 2, 3, "66.67", "74.07"),
    Expected("IKU-3", "2021-12-31", "2022-06-30", 3, 4, "75.00", "83.33"),
    Expected("IKU-3", "2021-06-30", "2021-07-03", 2, 2, "100.00", "111.11"),
    Expected("IKU-3", "2021-01-31", "2022-06-30", 0, 0, None, None),
    Expected("IKU-2", "2021-03-31", "2022-06-30", 26, 38, "68.42", "91.23"),
    Expected("IKU-2", "2021-06-30", "2022-06-30", 29, 39, "74.36", "99.15"),
    Expected("IKU-2", "2021-12-31", "2022-06-30", 33, 38, "86.84", "108.55"),
    Expected("IKU-2", "2021-12-31", "2022-01-15", 32, 38, "84.21", "105.26"),
]

CASES = """
K01 2020-11-10 reported ekonomi 35.76.02.1003
K01 2020-11-12 verified
K02 2020-12-05 reported politik 35.76.01.1006
K02 2020-12-07 verified
K03 2021-01-18 reported sosial 35.76.03.1001
K03 2021-01-20 verified
K04 2021-02-09 reported ekonomi 35.76.02.1009
K04 2021-02-10 verified
K01 2021-02-15 resolved
S01 2021-02-20 reported agama 35.76.02.1001
S01 2021-02-21 verified
K03 2021-03-01 resolved
K05 2021-03-15 reported budaya 35.76.01.1003
K05 2021-03-16 verified
K04 2021-03-28 resolved @2021-04-12
K07 2021-04-20 reported sosial 35.76.03.1003
K07 2021-04-21 verified
K06 2021-04-22 reported sosial 35.76.03.1003
K06 2021-04-23 verified
S01 2021-04-30 resolved
S02 2021-05-03 reported antargolongan 35.76.03.1005
S02 2021-05-04 verified
K05 2021-05-05 resolved
K08 2021-05-11 reported ideologi 35.76.02.1010
K08 2021-05-20 rejected
K06 2021-06-02 merged K07
S02 2021-06-10 resolved
K09 2021-06-14 reported ekonomi 35.76.01.1008
K09 2021-06-15 verified
K07 2021-06-25 resolved
K09 2021-06-14 reclassified_always agama @2021-07-05
K02 2021-07-20 resolved
K05 2021-08-10 reopened
K10 2021-08-30 reported politik 35.76.02.1008
K10 2021-09-01 verified
K09 2021-09-10 resolved
S03 2021-10-12 reported suku 35.76.01.1005
S03 2021-10-13 verified
K10 2021-10-15 resolved
K11 2021-11-02 reported sosial 35.76.03.1002
K11 2021-11-03 verified
K05 2021-11-30 resolved
K12 2021-12-18 reported ekonomi 35.76.02.1009
K11 2021-12-20 resolved
K12 2021-12-20 verified
K13 2022-01-05 reported sosial 35.76.01.1007
K13 2022-01-05 verified
K10 2021-10-15 resolution_annulled @2022-01-20
S03 2022-02-02 resolved
"""

PARTICIPATIONS = """
2021-02-14 O27
2021-02-25 O10 O11 O12 O13 O14 O15 O16 O17 O18 O19 O20 O21
2021-03-05 O40
2021-03-10 O01 O02 O03 O04 O05 O06 O07
2021-03-22 O29 O30 O31 O32 O33
2021-04-04 O38
2021-05-20 O25
2021-06-05 O26
2021-07-17 O22 O23
2021-08-19 O34
2021-09-12 O08
2021-10-02 O28
2021-11-05 O01 O02 O03 O10 O11 O12 O13 O14 O29
"""


class Known(NamedTuple):
    """A fact of the subject with this number, and the day it became known."""

    known_on: date
    number: str
    event: Any


def cases() -> Iterator[Known]:
    for line in CASES.split("\n")[1:-1]:
        known, (number, day, what, *fields) = date.min, line.split()
        if fields and fields[-1].startswith("@"):
            known = date.fromisoformat(fields.pop()[1:])
        held_from = date.fromisoformat(day)
        event = _of_case(what, held_from, fields)
        yield Known(max(known, held_from), number, event)


def _of_case(  # noqa: PLR0911 - a line each
    what: str, day: date, fields: list[str]
) -> conflict.Event:
    match what:
        case "reported":
            dimension = conflict.Dimension(fields[0])
            category = next(c for c, d in conflict.DIMENSIONS.items() if dimension in d)
            area = fields[1]
            return conflict.Reported(
                category=category,
                dimension=dimension,
                title="Perkara",
                effective_on=day,
                area=area,
            )
        case "verified":
            return conflict.Verified(effective_on=day)
        case "resolved":
            return conflict.Resolved(effective_on=day, manner=conflict.Manner.MEDIASI)
        case "reopened":
            return conflict.Reopened(effective_on=day)
        case "rejected":
            return conflict.Rejected(effective_on=day, reason="Kabar tidak terbukti")
        case "merged":
            return conflict.Merged(into=fields[0], reason="Peristiwa yang sama")
        case "reclassified_always":
            return conflict.Corrected(
                corrects=1,
                category=conflict.Category.SARA,
                dimension=conflict.Dimension(fields[0]),
                reason="Pokok perselisihan ternyata keagamaan",
            )
        case _:
            return Annulled(annuls=3, reason="Berita acara belum ditandatangani")


def organisations() -> Iterator[Known]:
    for number in (*range(1, 25), *range(26, 37), 38, 39, 40):
        yield _registered(number, "2019-03-01")
    yield _registered(25, "2021-04-10")
    yield _registered(37, "2021-11-20")
    for line in PARTICIPATIONS.split("\n")[1:-1]:
        day, *numbers = line.split()
        for number in numbers:
            yield _participated(number, day, day)
    yield _participated("O24", "2021-06-01", "2021-06-01", verified=False)
    yield _participated("O35", "2021-12-11", "2022-01-25")
    ended = date(2021, 8, 1)
    yield Known(ended, "O40", organisation.Dissolved(effective_on=ended))
    renewed = date(2021, 9, 15)
    longer = organisation.Renewed(effective_on=renewed, valid_until=date(2026, 9, 14))
    yield Known(renewed, "O28", longer)
    left = date(2021, 10, 1)
    yield Known(left, "O26", organisation.MovedOut(effective_on=left))


CERTIFICATES = {27: "2021-03-31", 28: "2021-06-30", 38: "2021-05-31", 39: "2020-12-31"}


def _registered(number: int, day: str) -> Known:
    kind, basis, until = (
        organisation.OrganisationKind.LSM,
        organisation.LegalBasis.SKT,
        None,
    )
    if number < 29:
        kind = organisation.OrganisationKind.ORMAS
    if number < 10:
        kind, basis = (
            organisation.OrganisationKind.PARPOL,
            organisation.LegalBasis.PARPOL,
        )
    elif number < 20 or 29 <= number < 34:
        basis = organisation.LegalBasis.BADAN_HUKUM
    else:
        until = date.fromisoformat(CERTIFICATES.get(number, "2024-02-29"))
    held_from = date.fromisoformat(day)
    event = organisation.Registered(
        kind=kind,
        name=f"Contoh {number}",
        legal_basis=basis,
        effective_on=held_from,
        valid_until=until,
    )
    return Known(held_from, f"O{number:02}", event)


def _participated(number: str, day: str, known: str, *, verified: bool = True) -> Known:
    event = organisation.Participated(
        participation=f"{number}-{day}",
        activity=organisation.Activity.MUSRENBANG,
        effective_on=date.fromisoformat(day),
        verified=verified,
    )
    return Known(date.fromisoformat(known), number, event)


def recorded() -> list[tuple[Known, Conflict | Organisation]]:
    """All facts in the order of knowledge, each with the subject's state after it."""
    rows = sorted((*cases(), *organisations()), key=lambda known: known.known_on)
    states: dict[str, Any] = {}
    story = []
    for row in rows:
        decider: Any = organisation if row.number.startswith("O") else conflict
        before = states.get(row.number)
        peers = {n: states.get(n) for n in ("K07",)}
        area = getattr(row.event, "area", None)
        context = DecisionContext(
            row.known_on, row.number, frozenset({area or ""}), peers
        )
        found = decider.decider.decision(row.event, before, context)
        assert found.events == [row.event]
        states[row.number] = after = decider.evolve(before, row.event)
        assert_nothing_to_add(decider.decider, after, row.event, context)
        story.append((row, after))
    return story
