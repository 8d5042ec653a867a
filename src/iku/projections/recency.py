"""How far the register reaches: the last day on which a fact moved a figure."""

from datetime import date

from iku.ledger.log import Reader


async def last_moved_on(reader: Reader, today: date) -> date | None:
    """The last day of valid time, *today* at the latest, on which a count moved.

    By all that is known, under any definition. The expiry of a certificate, which moves
    neither numerator nor denominator by itself, and movements that were corrected or
    annulled do not matter. None where nothing counts.
    """
    found: date | None = await reader.fetchval(
        """
        select max(last.effective_on)
          from definition d
         cross join lateral (
                select p.effective_on
                  from posting p
                 where p.indicator = d.indicator
                   and p.definition = d.definition
                   and p.effective_on <= $1
                 group by p.effective_on
                having sum(p.numerator) <> 0
                    or sum(p.denominator) <> 0
                 order by p.effective_on desc
                 limit 1
               ) last
        """,
        today,
    )
    return found
