"""The last day on which a fact moved a figure."""

from datetime import date

from iku.ledger.log import Reader


async def last_moved_on(reader: Reader, today: date) -> date | None:
    """The last day of valid time, up to *today*, on which a count moved.

    By present knowledge, under any definition. Expired certificates, which move neither
    count, and corrected or annulled movements are ignored. None if nothing counts.
    """
    found: date | None = await reader.fetchval(
        """
        select max(last.effective_on)
          from projection.definition d
         cross join lateral (
                select m.effective_on
                  from (select lower(c.valid) as effective_on,
                               c.numerator, c.denominator
                          from projection.contribution c
                         where c.definition = d.number
                           and c.superseded = 9223372036854775807
                           and lower(c.valid) <= $1
                         union all
                        select upper(c.valid), -c.numerator, -c.denominator
                          from projection.contribution c
                         where c.definition = d.number
                           and c.superseded = 9223372036854775807
                           and upper(c.valid) <= $1
                       ) m
                 group by m.effective_on
                having sum(m.numerator) <> 0
                    or sum(m.denominator) <> 0
                 order by m.effective_on desc
                 limit 1
               ) last
        """,
        today,
    )
    return found
