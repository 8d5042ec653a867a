"""The flow of cases in a period, and the age of those that are open on a day.

Both come from the states of the cases (`projection.state`), as lists do, so each number
is that of a list with the same filters.
"""

from datetime import date
from typing import NamedTuple

from iku.domain.conflict import Level
from iku.domain.figure import Figure
from iku.domain.indicator import ConflictOptions
from iku.domain.subject_states import RANKS
from iku.ledger.log import Reader

# The most days since the report, for each age but the last.
AGES = (30, 90, 180)


class AgeOfCases(NamedTuple):
    """The open cases of an age range.

    Attributes:
        least: The least age in days.
        most: The greatest age in days; None for the last range.
        first: The first day of report; None for the last range.
        last: The last day of report.
    """

    least: int
    most: int | None
    first: date | None
    last: date
    cases: int


class CaseFlow(NamedTuple):
    """Cases of the category and level that an indicator counts.

    Attributes:
        reported: Reported in the period, except rejected, merged and annulled cases.
        verified: The verified ones among *reported*.
        resolved: Closings in the period.
        reopened: Reopenings in the period.
        ages: The verified cases that are open on the day, by age.
    """

    reported: int
    verified: int
    resolved: int
    reopened: int
    ages: tuple[AgeOfCases, ...]


def counted_levels(options: ConflictOptions) -> list[Level]:
    """The levels of the cases that are counted."""
    return [level for level in Level if level.reaches(options.minimum_level)]


# As in the statement of a list (`search`), states in force are found by an index.
_FLOW = """
        with known as materialized (
          select s.subject, s.status, s.verified, s.entered_on, s.valid,
                 case s.status when 'resolved'
                   then (s.shown::json ->> 'resolved_on')::date
                 end as resolved_on
            from (select *
                    from projection.state
                   where superseded = 9223372036854775807
                  union all
                  select *
                    from projection.state
                   where superseded < 9223372036854775807
                     and (superseded > $5 or known_to > $6)
                     and (select h.size > $5 or h.known_on > $6
                            from ledger.head h)) s
           where s.category = 'conflict'
             and s.kind = $1
             and s.level >= $2
             and s.position <= $5
             and s.known_from <= $6
             and coalesce(upper(s.valid), 'infinity') > $3
             and (s.valid @> $4::date and (s.entered_on >= $3 or s.status = 'open')
                  or lower(s.valid) between $3 and $4)
        ),
        today as (
          select count(*) filter (where entered_on >= $3) as reported,
                 count(*) filter (where entered_on >= $3 and verified) as verified,
                 array_agg(width_bucket($4 - entered_on, $7::int[]))
                   filter (where verified and status = 'open') as ages
            from known
           where valid @> $4::date
             and entered_on <= $4
             and status not in ('rejected', 'merged', 'annulled')
        )
      select t.reported, t.verified, coalesce(t.ages, '{}') as ages,
             (select count(distinct (k.subject, k.resolved_on))
                from known k
               where k.resolved_on >= $3
                 and lower(k.valid) between $3 and $4) as resolved,
             (select count(*)
                from known k
               where k.status in ('open', 'returned')
                 and lower(k.valid) between $3 and $4
                 and k.entered_on < lower(k.valid)
                 and exists (
                       select
                         from projection.state p
                        where p.category = 'conflict'
                          and p.subject = k.subject
                          and p.status = 'resolved'
                          and upper(p.valid) = lower(k.valid)
                          and p.position <= $5
                          and p.known_from <= $6
                          and (p.superseded > $5 or p.known_to > $6))) as reopened
        from today t
"""


async def case_flow_of_figure(
    reader: Reader, figure: Figure, options: ConflictOptions
) -> CaseFlow:
    """The flow of cases in the period of *figure*, at its coordinates."""
    row = await reader.fetchrow(
        _FLOW,
        options.category.value,
        RANKS[options.minimum_level],
        figure.period.start,
        figure.as_of,
        figure.size,
        figure.known_on,
        [most + 1 for most in AGES],
    )
    if row is None:
        raise AssertionError("an aggregate has one row")
    return CaseFlow(
        row["reported"],
        row["verified"],
        row["resolved"],
        row["reopened"],
        _ages(row["ages"], figure.as_of),
    )


def _ages(found: list[int], as_of: date) -> tuple[AgeOfCases, ...]:
    """The open cases by age range."""
    ranges = zip((0, *(most + 1 for most in AGES)), (*AGES, None), strict=True)
    return tuple(
        AgeOfCases(
            least,
            most,
            None if most is None else _days_before(as_of, most),
            _days_before(as_of, least),
            found.count(place),
        )
        for place, (least, most) in enumerate(ranges)
    )


def _days_before(day: date, days: int) -> date:
    return date.fromordinal(max(day.toordinal() - days, 1))
