"""The parts of a figure by dimension or kind, and by district, at its coordinates."""

from typing import NamedTuple

from iku.domain.figure import Figure
from iku.ledger.log import Reader


class PartCounts(NamedTuple):
    """What a figure counts in one part and district.

    Attributes:
        part: Dimension of cases, or kind of organisations.
        district: Code of the district; empty if no area is known.
    """

    part: str
    district: str
    numerator: int
    denominator: int


async def counts_by_part(reader: Reader, figure: Figure) -> list[PartCounts]:
    """The counts by part and district, which add up to those of *figure*."""
    rows = await reader.fetch(
        """
        select c.part, c.district, sum(c.numerator)::int as numerator,
               sum(c.denominator)::int as denominator
          from projection.definition d
         cross join lateral projection.counting(
                 d.number, $3, daterange($4, $4, '[]'), daterange($5, $5, '[]'), $6) c
         where (d.indicator, d.version) = ($1, $2)
         group by c.part, c.district
        having sum(c.denominator) <> 0
         order by c.part, c.district
        """,
        figure.indicator,
        figure.definition,
        figure.period.start,
        figure.as_of,
        figure.known_on,
        figure.size,
    )
    return [PartCounts(*row) for row in rows]
