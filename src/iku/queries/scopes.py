"""The scopes of subjects and indicators today, by which rights cover them.

A right follows the subject's division today, by all present knowledge, whatever
coordinates a question has.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import json

from iku.domain import access, conflict, organisation, subject_kinds
from iku.domain.access import AGENCY_WIDE, Scope
from iku.domain.access_policy import DivisionOwnership
from iku.domain.indicator import Options
from iku.ledger.log import Reader

# Of a subject without a state: only rights for the whole agency cover it.
UNKNOWN = Scope("")
# The kinds of each category, by which divisions own subjects.
KINDS: dict[str, tuple[str, ...]] = {
    "conflict": tuple(conflict.Category),
    "organisation": tuple(organisation.OrganisationKind),
}


class CoveredSubjects(NamedTuple):
    """The subjects of a category that scopes cover: a kind, and a district or None."""

    kinds: list[str]
    districts: list[str | None]


def covered_subjects(
    category: str, scopes: Iterable[Scope], divisions: Sequence[DivisionOwnership]
) -> CoveredSubjects | None:
    """The subjects of *category* that *scopes* cover; None if they cover all."""
    scopes = list(scopes)
    if AGENCY_WIDE in scopes:
        return None
    pairs = [
        (kind, scope.area)
        for kind in KINDS[category]
        for scope in scopes
        if access.owning_division(category, kind, divisions) in {None, scope.division}
    ]
    return CoveredSubjects(
        [kind for kind, _ in pairs], [district for _, district in pairs]
    )


async def of_subjects(
    reader: Reader,
    streams: Collection[str],
    divisions: Sequence[DivisionOwnership],
    today: date,
) -> dict[str, Scope]:
    """The scope of each case and organisation, as `access.scope_of` gives it.

    Streams that do not exist or are of another category are left out.
    """
    named = [
        (stream, *stream.split("-", 1))
        for stream in streams
        if stream.partition("-")[0] in subject_kinds.categories()
    ]
    if not named:
        return {}
    rows = await reader.fetch(
        """
        select u.stream, u.category, s.kind, s.area
          from unnest($1::text[], $2::text[], $3::text[])
               as u (stream, category, subject)
         cross join lateral (
                select s.kind, s.area
                  from projection.state s
                 where s.category = u.category
                   and s.subject = u.subject
                   and s.superseded = 9223372036854775807
                 order by s.valid @> $4::date desc, lower(s.valid)
                 limit 1
               ) s
        """,
        *map(list, zip(*named, strict=True)),
        today,
    )
    return {
        stream: Scope(access.owning_division(category, kind, divisions), area or None)
        for stream, category, kind, area in rows
    }


async def of_indicator(
    reader: Reader, code: str, divisions: Sequence[DivisionOwnership]
) -> Scope | None:
    """The scope of an indicator; None if the indicator is unknown."""
    options = await reader.fetchval(
        """
        select options
          from projection.definition
         where indicator = $1
         order by version desc
         limit 1
        """,
        code,
    )
    if options is None:
        return None
    return access.scope_of_indicator(Options.from_json(json.decode(options)), divisions)
