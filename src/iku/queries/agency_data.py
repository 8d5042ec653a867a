"""The data of the agency that papers print: what the register cannot count.

`agency_data` gives the statements of `domain/paper_data.py` that are in force at the
coordinates of a paper. What nobody stated is None, or missing from its mapping.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from msgspec import Struct, structs

from iku.domain import fact
from iku.domain.indicator import PER_CENT
from iku.domain.paper_data import (
    ActualSet,
    BaselineSet,
    EndTargetSet,
    LetterheadSet,
    NarrativeSet,
    OtherIndicatorSet,
    PaperData,
    PlanSet,
    QuarterlyTargetsSet,
    ResponsibleSet,
    SignerSet,
    decider,
)
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries.figure_parameters import Moment
from iku.queries.view import View


class Letterhead(Struct, frozen=True):
    """The head of a paper, and the place before the date of signing."""

    lines: tuple[str, ...]
    place: str
    address: str | None


class Signer(Struct, frozen=True):
    """The holder of an office, with the title of the office as printed."""

    office: str
    office_title: str
    name: str
    rank: str | None
    nip: str | None


class AgencyPlan(Struct, frozen=True):
    """The five-year plan (Renstra)."""

    document: str
    first_year: int
    last_year: int


class Baseline(Struct, frozen=True):
    """The baseline (kondisi awal) in per cent, measured at the end of *year*."""

    year: int
    baseline: Decimal


class QuarterlyTargets(Struct, frozen=True):
    """The targets of a year, in per cent, up to the end of each quarter."""

    first: Decimal | None
    second: Decimal | None
    third: Decimal | None
    fourth: Decimal | None

    def of_quarter(self, quarter: int) -> Decimal | None:
        """The target up to the end of the quarter, from 1 to 4."""
        return (self.first, self.second, self.third, self.fourth)[quarter - 1]


class Narrative(Struct, frozen=True):
    """The narrative of a quarter.

    Attributes:
        obstacles: Kendala.
        follow_up: Tindak lanjut in the next quarter.
        next_plan: Tindak lanjut in the next yearly plan (Renja).
        driving_factors: Faktor pendorong.
        hindering_factors: Faktor penghambat.
    """

    year: int
    quarter: int
    obstacles: str | None = None
    follow_up: str | None = None
    next_plan: str | None = None
    driving_factors: str | None = None
    hindering_factors: str | None = None


class IndicatorPlan(Struct, frozen=True):
    """What is stated about an indicator of the register.

    Attributes:
        end_target: Target of the last year of the plan, in per cent.
        actuals: Actuals of years before the register, in per cent, by year.
        quarterly_targets: By year.
        responsible_unit: Penanggung jawab.
        programme: Programme and activity under which it is budgeted.
        narratives: In the order of year and quarter.
    """

    baseline: Baseline | None = None
    end_target: Decimal | None = None
    actuals: Mapping[int, Decimal] = {}
    quarterly_targets: Mapping[int, QuarterlyTargets] = {}
    responsible_unit: str | None = None
    programme: str | None = None
    programme_code: str | None = None
    narratives: tuple[Narrative, ...] = ()

    def narrative(self, year: int, quarter: int) -> Narrative | None:
        """The narrative of the quarter, from 1 to 4; None if there is none."""
        return _of_quarter(self.narratives, year, quarter)


class OtherIndicator(Struct, frozen=True):
    """An indicator that the register does not count, in a year.

    Attributes:
        effective_on: The last day that the actual covers, if it is stated.
        measure: Unit of measurement (satuan).
        stated_achievement: Achievement in per cent as typed in; None if it follows
            from the actual and the target.
    """

    code: str
    year: int
    effective_on: date | None
    wording: str
    measure: str
    objective: str | None
    target: Decimal | None
    actual: Decimal | None
    stated_achievement: Decimal | None
    baseline: Decimal | None
    end_target: Decimal | None
    responsible_unit: str | None
    data_source: str | None

    @property
    def achievement(self) -> Fraction | None:
        """The exact achievement in per cent; None if it is unknown.

        It is not rounded, so that a mean of several can be rounded once.
        """
        if self.stated_achievement is not None:
            return Fraction(self.stated_achievement)
        if self.actual is None or not self.target:
            return None
        return Fraction(self.actual) / Fraction(self.target) * PER_CENT

    @property
    def plan_achievement(self) -> Fraction | None:
        """The exact share of the plan's end target in per cent; None if it is unknown.

        An achievement that was typed in may have another formula, so nothing follows
        from the actual then.
        """
        if self.stated_achievement is not None:
            return None
        if self.actual is None or not self.end_target:
            return None
        return Fraction(self.actual) / Fraction(self.end_target) * PER_CENT


class AgencyData(Struct, frozen=True):
    """The data of the agency at the coordinates of a paper.

    Attributes:
        moment: The coordinates: data in force on its day, known by its cut-offs.
        signed_on: The day for which letterhead and signers are given.
        size: Position in the log of the last statement that it rests on; 0 for none.
        letterhead: None if nobody stated it.
        signers: By office, such as ``kepala_badan`` and ``wali_kota``.
        plan: None if nobody stated it.
        indicators: By code of an indicator of the register.
        narratives: Of the whole agency, in the order of year and quarter.
        others: Indicators that the register does not count, by year and code.
    """

    moment: Moment
    signed_on: date
    size: int
    letterhead: Letterhead | None
    signers: Mapping[str, Signer]
    plan: AgencyPlan | None
    indicators: Mapping[str, IndicatorPlan]
    narratives: tuple[Narrative, ...]
    others: tuple[OtherIndicator, ...]

    def indicator(self, code: str) -> IndicatorPlan:
        """What is stated about an indicator; empty if nothing is."""
        return self.indicators.get(code, IndicatorPlan())

    def narrative(self, year: int, quarter: int) -> Narrative | None:
        """The narrative of the whole agency for a quarter; None if there is none."""
        return _of_quarter(self.narratives, year, quarter)

    def others_of(self, year: int) -> tuple[OtherIndicator, ...]:
        """The indicators of *year* that the register does not count, by code."""
        return tuple(one for one in self.others if one.year == year)

    def other(self, code: str, year: int) -> OtherIndicator | None:
        """The indicator *code* of *year* that the register does not count, if any."""
        found = (one for one in self.others_of(year) if one.code == code)
        return next(found, None)


async def agency_data(
    view: View, coordinates: Moment, signed_on: date | None = None
) -> AgencyData:
    """The data of the agency at *coordinates*.

    Letterhead and signers are those of *signed_on*, the day on which the paper is
    issued or, for a draft, today: who signs a paper about last year is in office now.
    """
    recorded = await read(view.reader)
    return of_recorded(recorded, coordinates, signed_on or view.today)


def of_recorded(
    recorded: Iterable[Recorded], coordinates: Moment, signed_on: date
) -> AgencyData:
    """The data of the agency from all *recorded* statements, as `agency_data`."""
    included = known(recorded, coordinates)
    found = _Statements(included, coordinates.as_of)
    signing = _Statements(included, signed_on)
    letterheads, plans = signing.of(LetterheadSet), found.of(PlanSet)
    return AgencyData(
        moment=coordinates,
        signed_on=signed_on,
        size=max((one.position for one in included), default=0),
        letterhead=_letterhead(letterheads[0]) if letterheads else None,
        signers={one.office: _signer(one) for one in signing.of(SignerSet)},
        plan=_plan(plans[0]) if plans else None,
        indicators={code: _of_indicator(found, code) for code in found.codes()},
        narratives=_narratives(found, None),
        others=_others(found.of(OtherIndicatorSet)),
    )


async def read(reader: Reader) -> list[Recorded]:
    """All statements, corrections and annulments, in the order of the log."""
    return await log.read_categories(reader, (decider.category,))


def known(recorded: Iterable[Recorded], at: Moment) -> list[Recorded]:
    """Those of *recorded* that the cut-offs of *at* include."""
    return [
        one
        for one in recorded
        if (at.size is None or one.position <= at.size)
        and (at.known_on is None or one.known_on <= at.known_on)
    ]


def fold(recorded: Iterable[Recorded]) -> dict[str, PaperData]:
    """The statements about each thing, by subject."""
    found: dict[str, PaperData] = {}
    for one in recorded:
        event = fact.decode_recorded(one, decider.event_type)
        found[one.subject] = decider.evolve(found.get(one.subject), event)
    return found


T = TypeVar("T")


class _Statements:
    """The statements of *recorded* that are in force on *day*."""

    def __init__(self, recorded: Sequence[Recorded], day: date) -> None:
        folded = sorted(fold(recorded).items())
        held = (data.in_force(day) for _, data in folded)
        self._found: list[Any] = [one.event for one in held if one is not None]

    def of(self, kind: type[T]) -> list[T]:
        """Those of one type."""
        return [one for one in self._found if isinstance(one, kind)]

    def about(self, kind: type[T], code: str | None) -> list[T]:
        """Those of one type about the indicator *code*; None: the whole agency."""
        return [one for one in self.of(kind) if getattr(one, "indicator", None) == code]

    def codes(self) -> list[str]:
        """The indicators that a statement is about."""
        named = (getattr(one, "indicator", None) for one in self._found)
        return sorted({code for code in named if code is not None})


def _of_indicator(found: _Statements, code: str) -> IndicatorPlan:
    return structs.replace(
        _responsible(found.about(ResponsibleSet, code)),
        baseline=next(
            (
                Baseline(one.year, Decimal(one.baseline))
                for one in found.about(BaselineSet, code)
            ),
            None,
        ),
        end_target=next(
            (Decimal(one.end_target) for one in found.about(EndTargetSet, code)), None
        ),
        actuals={one.year: Decimal(one.actual) for one in found.about(ActualSet, code)},
        quarterly_targets={
            one.year: QuarterlyTargets(
                *map(_decimal, (one.first, one.second, one.third, one.fourth))
            )
            for one in found.about(QuarterlyTargetsSet, code)
        },
        narratives=_narratives(found, code),
    )


def _responsible(stated: Iterable[ResponsibleSet]) -> IndicatorPlan:
    for one in stated:
        return IndicatorPlan(
            responsible_unit=one.responsible_unit,
            programme=one.programme,
            programme_code=one.programme_code,
        )
    return IndicatorPlan()


def _narratives(found: _Statements, code: str | None) -> tuple[Narrative, ...]:
    names = Narrative.__struct_fields__
    written = [
        Narrative(**{name: getattr(one, name) for name in names})
        for one in found.about(NarrativeSet, code)
    ]
    return tuple(sorted(written, key=lambda one: (one.year, one.quarter)))


def _of_quarter(
    narratives: Iterable[Narrative], year: int, quarter: int
) -> Narrative | None:
    of = (one for one in narratives if (one.year, one.quarter) == (year, quarter))
    return next(of, None)


def _letterhead(stated: LetterheadSet) -> Letterhead:
    return Letterhead(stated.lines, stated.place, stated.address)


def _signer(stated: SignerSet) -> Signer:
    return Signer(
        stated.office,
        stated.office_title,
        stated.signer_name,
        stated.signer_rank,
        stated.signer_nip,
    )


def _plan(stated: PlanSet) -> AgencyPlan:
    return AgencyPlan(stated.document, stated.first_year, stated.last_year)


def _others(stated: Iterable[OtherIndicatorSet]) -> tuple[OtherIndicator, ...]:
    found = [
        OtherIndicator(
            code=one.code,
            year=one.year,
            effective_on=one.effective_on,
            wording=one.wording,
            measure=one.measure,
            objective=one.objective,
            target=_decimal(one.target),
            actual=_decimal(one.actual),
            stated_achievement=_decimal(one.achievement),
            baseline=_decimal(one.baseline),
            end_target=_decimal(one.end_target),
            responsible_unit=one.responsible_unit,
            data_source=one.data_source,
        )
        for one in stated
    ]
    return tuple(sorted(found, key=lambda one: (one.year, one.code)))


def _decimal(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)
