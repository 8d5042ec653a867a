"""The statement of a search among states, with only the conditions that it needs.

PostgreSQL plans each condition of a statement, and evaluates it for each state, even
one that restricts nothing. Without the conditions that are not needed, the list of a
day takes half of the time. The text depends on which conditions there are, not on their
values, so that a connection prepares few statements.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

KEYS = {
    "id": "''",
    "number": "lower(s.number)",
    "entered": "s.entered_on",
    "status": "s.status",
    "level": "s.level",
    "title": "''",  # sealed: the caller orders by the texts that it opens
}
# The conditions of a search, each with the name of the value that it needs.
FILTERS = {
    "statuses": "status = any(%(statuses)s)",
    "kinds": "kind = any(%(kinds)s)",
    "dimensions": "dimension = any(%(dimensions)s)",
    "sources": "source = any(%(sources)s)",
    "levels": "level = any(%(levels)s)",
    "verified": "verified = %(verified)s",
    "expired": "expired = %(expired)s",
    "area": "starts_with(area, %(area)s)",
    "first": "entered_on >= %(first)s",
    "last": "entered_on <= %(last)s",
    "number": "lower(number) = %(number)s",
    "subjects": "subject = any(%(subjects)s)",
}
# States in force are found by the index state_until. Superseded ones are searched only
# if the log has more events than the question asks about, or later knowledge. All
# columns are read of the subjects of the page only.
_STATES = """
  with known as not materialized (
    select s.*, {key} as key
      from (select *
              from projection.state
             where superseded = 9223372036854775807
            {superseded}) s
     where s.category = %(category)s
       and s.valid @> %(as_of)s::date
       and coalesce(upper(s.valid), 'infinity') > %(as_of)s
       {known}
  ),
  last as ({last}),
  matching as materialized (
    select key, subject, position, valid, status
      from known
     where {filters}
  ),
  counted as (
    select json_object_agg(status, number) as statuses
      from (select status, count(*) as number from matching group by status) m
  ),
  page as (
    select m.subject, m.position, m.valid, row_number() over () as place
      from (select *
              from matching
             where {after}
             order by key {direction}, subject {direction}
             limit %(limit)s) m
  )
select c.statuses, l.subject as last, h.size as log_size, s.*
  from counted c
 cross join ledger.head h
  left join last l on true
  left join page p on true
  left join projection.state s
    on (s.category, s.subject, s.position, s.valid)
       = (%(category)s, p.subject, p.position, p.valid)
 order by p.place
"""
_SUPERSEDED = """
            union all
            select *
              from projection.state
             where superseded < 9223372036854775807
               and ({ended_later})
               and (select {has_later} from ledger.head h)
"""
# What the viewer may see, by the present state.
_COVERED = """
       exists (
         select
           from (select s.kind, s.area
                  where s.superseded = 9223372036854775807
                    and s.valid @> %(today)s::date
                 union all
                 select t.kind, t.area
                   from projection.state t
                  where t.category = s.category
                    and t.subject = s.subject
                    and t.superseded = 9223372036854775807
                    and t.valid @> %(today)s::date
                    and not (s.superseded = 9223372036854775807
                             and s.valid @> %(today)s::date)) now
           join unnest(%(covered_kinds)s::text[], %(covered_districts)s::text[])
                as r (kind, district)
             on r.kind = now.kind
            and (r.district is null
                 or now.area = r.district
                 or starts_with(now.area, r.district || '.')))
"""
_LAST = "select key, subject from known where subject = %(after)s"
_NO_LAST = "select null as subject"
_AFTER = "(key, subject) {beyond} (select key, subject from last)"


class SqlStatement(NamedTuple):
    """A statement, and the values of its parameters in order."""

    text: str
    arguments: tuple[Any, ...]


class _NumberedText(NamedTuple):
    """The text of a statement, and the names of its parameters in order."""

    text: str
    names: tuple[str, ...]


class _Parameters(dict[str, str]):
    """The parameters by their names, numbered in the order of their first use."""

    def __missing__(self, name: str) -> str:
        self[name] = f"${len(self) + 1}"
        return self[name]


def build(values: Mapping[str, Any], key: str, *, descending: bool) -> SqlStatement:
    """The statement that selects the states of `values["category"]`.

    The other *values* are `as_of` and `limit`, and those that restrict the search, by
    the names in the texts above. The states are ordered by *key*, one of `KEYS`, and by
    subject.

    Each row has the number of all matches by status (JSON), the size of the log, and
    the subject `after` which the page begins, which is null if it is not visible at the
    coordinates. A page without matches has one row.
    """
    numbered = _numbered_text(frozenset(values), key, descending=descending)
    return SqlStatement(numbered.text, tuple(values[name] for name in numbered.names))


@lru_cache(256)
def _numbered_text(
    given: frozenset[str], key: str, *, descending: bool
) -> _NumberedText:
    """The text for the values that are *given*."""
    beyond = "<" if descending else ">"
    known, ended, head = [], [], []
    if "size" in given:
        known.append("s.position <= %(size)s")
        ended.append("superseded > %(size)s")
        head.append("h.size > %(size)s")
    if "known_on" in given:
        known.append("s.known_from <= %(known_on)s")
        ended.append("known_to > %(known_on)s")
        head.append("h.known_on > %(known_on)s")
    if "covered_kinds" in given:
        known.append(_COVERED)
    superseded = _SUPERSEDED.format(
        ended_later=" or ".join(ended), has_later=" or ".join(head)
    )
    filters = [condition for name, condition in FILTERS.items() if name in given]
    text = _STATES.format(
        key=KEYS[key],
        superseded=superseded if ended else "",
        known="".join(f"and {one}\n" for one in known),
        last=_LAST if "after" in given else _NO_LAST,
        filters=" and ".join(filters) or "true",
        after=_AFTER.format(beyond=beyond) if "after" in given else "true",
        direction="desc" if descending else "asc",
    )
    parameters = _Parameters()
    return _NumberedText(text % parameters, tuple(parameters))
