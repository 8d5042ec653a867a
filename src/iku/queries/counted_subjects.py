"""Pages of constant cost of the subjects that a figure counts, each explained.

The projections find the subjects of a page, and the literal rules explain them from the
log, as `explanation` does, which examines every subject instead.
"""

from iku.domain import subject_kinds
from iku.domain.figure import Counts, Figure
from iku.ledger import log
from iku.ledger.log import Reader
from iku.queries import explanation
from iku.queries.explanation import ExplanationPage, PinnedFigure, SubjectFilter
from iku.queries.recount import figure_basis
from iku.queries.view import View


async def page(
    view: View, begun: PinnedFigure, wanted: SubjectFilter, limit: int
) -> ExplanationPage:
    """At most *limit* subjects of the denominator that match *wanted*.

    The page begins after the last subject of the previous page. The filter by rule is
    applied after a page is read, so the page may have fewer items although another page
    follows.
    """
    reader, question = view.reader, begun.question
    options = (await figure_basis(reader, question)).definition.defined.options
    subjects = await _subjects(reader, begun.figure, wanted, begun.after, limit + 1)
    shown, more = subjects[:limit], len(subjects) > limit
    stream = subject_kinds.kind_counted_by(options).decider.stream
    read = await log.read_streams(
        reader,
        [stream(subject) for subject in shown],
        size=question.size,
        known_on=question.known_on,
    )
    examined = [
        explanation.examine(recorded, question, options) for recorded in read.values()
    ]
    found = ExplanationPage(
        items=tuple(
            one.item
            for one in examined
            if explanation.matches_filter(one.membership, wanted)
        ),
        examined=len(shown),
        counts=sum((one.membership.counts for one in examined), Counts()),
        next=shown[-1] if more else None,
    )
    return await view.reveal(found)


async def _subjects(
    reader: Reader, figure: Figure, wanted: SubjectFilter, after: str, limit: int
) -> list[str]:
    """The first identifiers after *after* of subjects that *figure* counts."""
    rows = await reader.fetch(
        """
        select c.subject
          from projection.definition d
         cross join lateral projection.counting(
                 d.number, $3, daterange($4, $4, '[]'), daterange($5, $5, '[]'), $6) c
         where (d.indicator, d.version) = ($1, $2)
           and c.subject > $7
           and (c.part = $8 or $8::text is null)
           and (c.district = $9 or $9::text is null)
           and (c.subject = $10 or $10::text is null)
         group by c.subject
        having sum(c.denominator) <> 0
           and case $11
                 when 'numerator' then sum(c.numerator) <> 0
                 when 'open' then sum(c.numerator) = 0
                 else true
               end
         order by c.subject
         limit $12
        """,
        figure.indicator,
        figure.definition,
        figure.period.start,
        figure.as_of,
        figure.known_on,
        figure.size,
        after,
        wanted.part,
        wanted.district,
        wanted.subject,
        wanted.counted,
        limit,
    )
    return [row["subject"] for row in rows]
