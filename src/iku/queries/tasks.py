"""The tasks of a person, derived from the log and never stored.

A task exists because of the state of a subject, so the list cannot disagree with the
register. A group of tasks is the viewer's own if the viewer may carry out its tasks;
the tasks of other groups wait for other persons.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct

from iku.domain import period, subject_kinds
from iku.domain.access import Action
from iku.domain.organisation import Participation
from iku.domain.period import Kind
from iku.domain.publication import PublicationState
from iku.queries import lists, publication_choices, publications, scopes, search
from iku.queries.publications import ListedPublication
from iku.queries.view import View

ONE_DAY = timedelta(days=1)
SHOWN = 20  # the most tasks of a group that are listed; all are counted
IDLE = timedelta(days=30)  # a case without an event for longer is idle
EXPIRES = timedelta(days=60)  # certificates that expire within this time are listed


class TaskKind(StrEnum):
    """The kind of a task."""

    VERIFICATION = "verification"
    COMPLETION = "completion"
    PARTICIPATION = "participation"
    IDLE = "idle"
    CERTIFICATE = "certificate"
    PUBLICATION = "publication"
    PERIOD = "period"


class Task(Struct, frozen=True):
    """A task.

    Attributes:
        category: Category of its subject.
        subject: Identifier of its subject; a day for a period.
        title: Title or name, as the viewer may read it; empty if it has none.
        since: The day since which it waits; for a certificate, the day it expires.
        arose_at: When its subject changed last, or when it became a task by the
            passage of time.
    """

    category: str
    subject: str
    number: str
    title: str
    since: date
    arose_at: datetime


class TaskGroup(Struct, frozen=True):
    """The tasks of one kind, the one that waits longest first.

    Attributes:
        own: Whether the viewer may carry out the tasks.
        total: Number of tasks, including those that are not listed.
        latest: When the latest of all its tasks arose.
    """

    kind: TaskKind
    own: bool
    total: int
    latest: datetime
    tasks: tuple[Task, ...]


# The category of the subjects, and the right that their tasks need.
OF_SUBJECTS: Mapping[TaskKind, tuple[str, Action]] = {
    TaskKind.VERIFICATION: ("conflict", Action.VERIFY),
    TaskKind.COMPLETION: ("conflict", Action.ENTER),
    TaskKind.PARTICIPATION: ("organisation", Action.VERIFY),
    TaskKind.IDLE: ("conflict", Action.ENTER),
    TaskKind.CERTIFICATE: ("organisation", Action.REGISTER),
}


async def task_groups(
    view: View,
    participations: Mapping[str, tuple[Participation, ...]],
    codes: list[str],
    today: date,
    zone: ZoneInfo,
) -> list[TaskGroup]:
    """The groups that have tasks; *today* is a day in the time zone *zone*.

    *participations* are the unverified ones by organisation, *codes* the indicators.
    """
    found = [
        await _subject_tasks(view, kind, participations, today, zone)
        for kind in OF_SUBJECTS
    ]
    found += await _publication_tasks(view, codes)
    found.append(await _period_tasks(view, today, zone))
    return [one for one in found if one is not None]


async def _subject_tasks(
    view: View,
    kind: TaskKind,
    participations: Mapping[str, tuple[Participation, ...]],
    today: date,
    zone: ZoneInfo,
) -> TaskGroup | None:
    category, action = OF_SUBJECTS[kind]
    own = view.viewer.covered(action)
    within = own or view.viewer.covered(Action.READ_REGISTER)
    if not within:
        return None
    rows = await view.reader.fetch(
        _SUBJECTS,
        category,
        kind.value,
        today,
        today - IDLE,
        today + EXPIRES,
        list(participations),
        *(
            scopes.covered_subjects(category, within, view.viewer.divisions)
            or (None, None)
        ),
        SHOWN,
        zone.key,
    )
    if not rows:
        return None
    (title,) = subject_kinds.counted_kind(category).texts[:1]
    states = [search.match_from_row(row).standing for row in rows]
    named = await lists.with_texts(view, category, states, (title,))
    return TaskGroup(
        kind,
        bool(own),
        rows[0]["total"],
        rows[0]["latest"],
        tuple(
            Task(
                category,
                row["subject"],
                row["number"],
                str(one[title]),
                row["since"],
                row["arose_at"],
            )
            for row, one in zip(rows, named, strict=True)
        ),
    )


_SUBJECTS = """
select s.*, w.since, w.arose_at, count(*) over () as total,
       max(w.arose_at) over () as latest
  from projection.state s
  join ledger.stream t on t.stream = s.category || '-' || s.subject
       -- The last event of each task, by index; not by a scan of the log.
 cross join lateral (
        select e.recorded_at
          from ledger.event e
         where e.stream = t.stream
           and e.version = t.version
        offset 0
      ) e
 cross join lateral (
        select case $2
                 when 'certificate' then lower(s.valid)
                 else t.known_on
               end as since,
               case $2
                 when 'certificate'
                   then (lower(s.valid) - ($5::date - $3::date))::timestamp
                        at time zone $10
                 when 'idle'
                   then (t.known_on + ($3::date - $4::date) + 1)::timestamp
                        at time zone $10
                 else e.recorded_at
               end as arose_at
      ) w
 where s.category = $1
   and s.superseded = 9223372036854775807
   and coalesce(upper(s.valid), 'infinity') > $3 -- by the index state_until
   and case $2
         when 'certificate'
           then lower(s.valid) > $3::date and lower(s.valid) <= $5::date
                and s.expired and s.status = 'active'
         else s.valid @> $3::date
              and case $2
                    when 'verification' then s.status = 'open' and not s.verified
                    when 'completion' then s.status = 'returned'
                    when 'idle'
                      then s.status = 'open' and s.verified and t.known_on < $4::date
                    when 'participation'
                      then s.status = 'active' and s.subject = any($6::text[])
                  end
       end
   and ($7::text[] is null
        or exists (
             select
               from unnest($7::text[], $8::text[]) as r (kind, district)
              where r.kind = s.kind
                and (r.district is null
                     or s.area = r.district
                     or starts_with(s.area, r.district || '.'))))
 order by w.since, s.number
 limit $9
"""


FINISHED = frozenset({PublicationState.PUBLISHED, PublicationState.WITHDRAWN})


async def _publication_tasks(view: View, codes: list[str]) -> list[TaskGroup]:
    """The publications in progress, grouped by the right to take the next step."""
    if not view.viewer.may(Action.READ_FIGURES):
        return []
    own: list[Task] = []
    others: list[Task] = []
    unfinished = [
        one
        for one in await publications.all_publications(view.reader)
        if one.publication.state not in FINISHED
    ]
    titles = await view.reveal([one.publication.title or "" for one in unfinished])
    for one, title in zip(unfinished, titles, strict=True):
        of, last = one.publication, one.steps[-1]
        choices = await publication_choices.step_choices(view, of, codes)
        mine = any(choice.why is None for choice in choices)
        since = of.last_step.effective_on
        task = Task("publication", of.id, of.id, title, since, last.recorded_at)
        (own if mine else others).append(task)
    return [
        TaskGroup(
            TaskKind.PUBLICATION,
            mine,
            len(tasks),
            max(one.arose_at for one in tasks),
            tuple(tasks[:SHOWN]),
        )
        for mine, tasks in ((True, own), (False, others))
        if tasks
    ]


async def _period_tasks(view: View, today: date, zone: ZoneInfo) -> TaskGroup | None:
    """The last quarter that has ended, if its figures have no publication."""
    covered = view.viewer.covered(Action.DRAFT_PUBLICATION)
    if not covered:
        return None
    ended = period.containing(today, Kind.QUARTER).start - timedelta(days=1)
    listed = (await publications.listing(view, ended.year)).publications
    if any(_is_of_year_up_to(one, ended) for one in listed):
        return None
    arose_at = datetime.combine(ended + ONE_DAY, time.min, zone)
    task = Task("period", ended.isoformat(), "", "", ended, arose_at)
    return TaskGroup(TaskKind.PERIOD, own=True, total=1, latest=arose_at, tasks=(task,))


def _is_of_year_up_to(one: ListedPublication, day: date) -> bool:
    withdrawn = one.state is PublicationState.WITHDRAWN
    return one.period.kind is Kind.YEAR and one.as_of == day and not withdrawn


def number_of_own(found: Collection[TaskGroup]) -> int:
    """The number of tasks that the viewer may carry out."""
    return sum(one.total for one in found if one.own)
