"""The names of subjects: the numbers in use, their holders, and the next free number.

Each current or former name of a case or organisation is a row: its identifier, its
number, and the numbers it had before a correction. Rows are written in the append's
transaction, like all projections; `assign_numbers` reads them under the log's lock,
before the append. A number is therefore assigned once, by any number of processes, and
automatic numbers have no gaps: a refused, repeated or conflicting request takes none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

from msgspec.structs import replace

from iku.domain import fact, numbering
from iku.domain.decider import Transition, subject_number
from iku.domain.numbering import IdentifierTaken, NumberSeries, NumberTaken
from iku.domain.subject import Subject
from iku.ledger import log
from iku.ledger.log import (
    AppendRequest,
    Connection,
    EncodedRequest,
    Reader,
    UnnumberedRequest,
)
from iku.ledger.record import Unrecordable


class NumberKey(NamedTuple):
    """The key of a row: a name in folded case, and the subject that has or had it."""

    category: str
    folded: str
    subject: str


class NumberUse(NamedTuple):
    """The columns of a row other than its key.

    Attributes:
        held: Whether it is the current number of a subject that is not annulled.
        year: Year in the subject's number, if that has the form of an automatic one.
        serial: Serial number in the subject's number; None if it has another form.
    """

    held: bool = False
    year: int | None = None
    serial: int | None = None


Names = dict[NumberKey, NumberUse]


def changed_rows(transition: Transition) -> Names:
    """The rows that an event adds or changes."""
    if transition.before is None:
        return _name_rows(transition, transition.after)
    if _is_number_unchanged(transition):
        return {}
    before, after = (
        _name_rows(transition, state) for state in (transition.before, transition.after)
    )
    left = {name: NumberUse() for name in before.keys() - after.keys()}
    return left | {n: use for n, use in after.items() if before.get(n) != use}


def _is_number_unchanged(transition: Transition) -> bool:
    """Whether the event leaves the number unchanged, as most types of events do."""
    before, after = transition.before, transition.after
    if isinstance(before, Subject) and isinstance(after, Subject):
        added = after.history[len(before.history) :]
        if not fact.retroactive_events(added):
            return True
    return numbering.current_number(
        transition.subject, transition.before
    ) == numbering.current_number(transition.subject, transition.after)


def _name_rows(transition: Transition, state: Any) -> Names:
    numbered = numbering.current_number(transition.subject, state)
    if numbered is None:
        return {}

    def name(number: str) -> NumberKey:
        return NumberKey(
            transition.category, numbering.casefold(number), transition.subject
        )

    serial = numbering.parse_serial(state.LETTER, numbered.number) or (None, None)
    own = {name(subject_number(transition.subject)): NumberUse()}
    return own | {name(numbered.number): NumberUse(numbered.held, *serial)}


async def assign_numbers(
    connection: Connection,
    asked: Sequence[EncodedRequest | UnnumberedRequest],
    *,
    together: bool = False,
) -> list[EncodedRequest | Exception]:
    """Each request with its number assigned, or the error by which it is refused.

    If they are appended *together*, all or none, a request may use a number that an
    earlier one frees; otherwise not, since the earlier one may still fail.

    If a request begins a subject or changes a number, this takes the log's lock, which
    is held until the transaction ends. Requests without a number get the next automatic
    ones. A request recorded before is left to the append, which repeats its receipt.
    """
    claims = [_required_numbers(one) for one in asked]
    if not any(claims):
        return [one for one in asked if isinstance(one, EncodedRequest)]
    register = await _read_state(connection, asked, claims)
    return register.assign_all(asked, claims, together=together)


class SerialCache:
    """The last serial numbers that were assigned, as known to this process.

    It numbers requests before the log is locked (optimistic concurrency), assuming that
    no other process has assigned a number since and that every claimed number is free.
    `projection.are_free` verifies this under the lock.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}

    def add_new_subjects(self, transitions: Iterable[Any]) -> None:
        """Update the cache with the numbers of new subjects."""
        for transition in transitions:
            if not isinstance(transition, Transition) or transition.before is not None:
                continue
            for use in changed_rows(transition).values():
                if use.year is not None and use.serial is not None:
                    key = _series_key(
                        NumberSeries(
                            transition.category, transition.after.LETTER, use.year
                        )
                    )
                    self._last[key] = use.serial

    def assign_numbers(
        self, asked: Sequence[EncodedRequest | UnnumberedRequest]
    ) -> "NumberedRequests | None":
        """The requests, numbered from the cache; None if the cache does not suffice."""
        claims = [_required_numbers(one) for one in asked]
        names, series = _names_claimed(claims), _series_sizes(claims)
        if not all(_series_key(one) in self._last for one in series):
            return None
        lasts = [self._last[_series_key(one)] for one in series]
        register = _NumberState(last=dict(self._last))
        framed = [
            one
            for one in register.assign_all(asked, claims)
            if isinstance(one, EncodedRequest)
        ]
        if len(framed) < len(asked):
            return None
        return NumberedRequests(
            framed, [*_query_arguments(names, series), lasts], register.last
        )

    def confirm_appended(self, named: "NumberedRequests") -> None:
        """Update the cache after these requests were appended."""
        self._last = named.last


class NumberedRequests(NamedTuple):
    """Requests numbered optimistically: their numbers are assumed to be free.

    Attributes:
        arguments: The arguments of `projection.are_free`.
        last: By category and folded prefix, the last serial number after the append.
    """

    framed: list[EncodedRequest]
    arguments: list[Sequence[Any]]
    last: dict[tuple[str, str], int]


class NumberClaim(NamedTuple):
    """A number that a request assigns to a subject; *new* for a new subject."""

    category: str
    subject: str
    number: str
    new: bool


def _required_numbers(
    asked: EncodedRequest | UnnumberedRequest,
) -> list[NumberClaim | NumberSeries]:
    if isinstance(asked, UnnumberedRequest):
        return [asked.series]
    return [*number_claims(asked.request)]


def number_claims(request: AppendRequest) -> Iterator[NumberClaim]:
    """The numbers that a request assigns and that its subjects do not have yet."""
    transitions: dict[tuple[str, str], Transition] = {}
    for transition in request.attachments:
        if isinstance(transition, Transition):
            key = transition.category, transition.subject
            first = transitions.get(key)
            transitions[key] = (
                transition
                if first is None
                else replace(transition, before=first.before)
            )
    for transition in transitions.values():
        if (claimed := _number_claim(transition)) is not None:
            yield claimed


def _number_claim(transition: Transition) -> NumberClaim | None:
    """The number that an event assigns to its subject; None if it assigns none."""
    if _is_number_unchanged(transition):
        return None
    after = numbering.current_number(transition.subject, transition.after)
    if after is None or not after.held:
        return None
    before = numbering.current_number(transition.subject, transition.before)
    if before and before.held and _is_same_name(before.number, after.number):
        return None
    return NumberClaim(
        transition.category, transition.subject, after.number, before is None
    )


def _is_same_name(one: str, other: str) -> bool:
    return numbering.casefold(one) == numbering.casefold(other)


async def _read_state(
    connection: Connection,
    asked: Sequence[EncodedRequest | UnnumberedRequest],
    claims: Sequence[Sequence[NumberClaim | NumberSeries]],
) -> "_NumberState":
    """Read the rows of the claimed names; from here on, the log is locked."""
    rows = await connection.fetch(
        """
        select what, category, name, subject, held, last
          from names($1, $2, $3, $4, $5, $6, $7)
        """,
        [_command_id(one) for one in asked],
        *_query_arguments(_names_claimed(claims), _series_sizes(claims)),
    )
    register = _NumberState()
    for row in rows:
        match row["what"]:
            case "command":
                register.recorded.add(row["name"])
            case "series":
                register.last[row["category"], row["name"]] = row["last"]
            case _:
                key = row["category"], row["name"]
                register.add_name(*key, row["subject"], held=row["held"])
    return register


def _names_claimed(
    claims: Sequence[Sequence[NumberClaim | NumberSeries]],
) -> list[tuple[str, str]]:
    """The case-folded numbers and identifiers that the claims need to be free."""
    return [
        (claim.category, numbering.casefold(name))
        for claim in chain.from_iterable(claims)
        if isinstance(claim, NumberClaim)
        for name in {claim.number, subject_number(claim.subject)}
    ]


def _series_sizes(
    claims: Sequence[Sequence[NumberClaim | NumberSeries]],
) -> Counter[NumberSeries]:
    """The number of serial numbers to assign in each series."""
    drawn = chain.from_iterable(claims)
    return Counter(claim for claim in drawn if isinstance(claim, NumberSeries))


def _query_arguments(
    names: Sequence[tuple[str, str]], series: Mapping[NumberSeries, int]
) -> list[Sequence[Any]]:
    """Names and series as arguments of `projection.names`."""
    return [
        [category for category, _ in names],
        [folded for _, folded in names],
        [one.category for one in series],
        [one.year for one in series],
        [numbering.casefold(one.prefix) for one in series],
        [*series.values()],
    ]


def _series_key(series: NumberSeries) -> tuple[str, str]:
    """The key of a series in the rows of `projection.names`: category and prefix."""
    return series.category, numbering.casefold(series.prefix)


def _command_id(asked: EncodedRequest | UnnumberedRequest) -> str:
    return (
        asked.command_id
        if isinstance(asked, UnnumberedRequest)
        else asked.request.command_id
    )


@dataclass(slots=True)
class _NumberState:
    """The names and series that a batch of requests depends on.

    Attributes:
        recorded: Ids of commands that were recorded before.
        last: By category and folded prefix, the last serial number assigned.
    """

    recorded: set[str] = field(default_factory=set)
    last: dict[tuple[str, str], int] = field(default_factory=dict)
    _holders: dict[tuple[str, str], str] = field(default_factory=dict)
    _identifiers: dict[str, dict[str, str]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add_name(self, category: str, folded: str, subject: str, *, held: bool) -> None:
        """Record that *subject* has (*held*) or had the name *folded*."""
        if held:
            self._holders.setdefault((category, folded), subject)
        identifier = numbering.casefold(subject)
        self._identifiers[category].setdefault(identifier, subject)

    def assign_all(
        self,
        asked: Sequence[EncodedRequest | UnnumberedRequest],
        claims: Sequence[Sequence[NumberClaim | NumberSeries]],
        *,
        together: bool = False,
    ) -> list[EncodedRequest | Exception]:
        """The requests with their numbers, or the errors that refuse them."""
        admitted: list[EncodedRequest | Exception] = []
        for one, wanted in zip(asked, claims, strict=True):
            admitted.append(self.assign(one, wanted))
            if together and isinstance(one, EncodedRequest):
                self.release_names(one)
        return admitted

    def assign(
        self,
        asked: EncodedRequest | UnnumberedRequest,
        wanted: Sequence[NumberClaim | NumberSeries],
    ) -> EncodedRequest | Exception:
        """The request *asked* with its number, or the error that refuses it."""
        if isinstance(asked, UnnumberedRequest):
            return self._assign_number(asked)
        if asked.request.command_id in self.recorded:
            return asked
        numbers = [one for one in wanted if isinstance(one, NumberClaim)]
        for refusal in filter(None, map(self._claim_refusal, numbers)):
            return refusal
        for one in numbers:
            folded = numbering.casefold(one.number)
            self.add_name(one.category, folded, one.subject, held=True)
        return asked

    def release_names(self, asked: EncodedRequest) -> None:
        """Record the names that become free when the request is appended."""
        transitions = (
            t for t in asked.request.attachments if isinstance(t, Transition)
        )
        for transition in transitions:
            for name, use in changed_rows(transition).items():
                key = name.category, name.folded
                if not use.held and self._holders.get(key) == name.subject:
                    del self._holders[key]

    def _claim_refusal(
        self, claim: NumberClaim
    ) -> NumberTaken | IdentifierTaken | None:
        category, number = claim.category, claim.number
        holder = self._holders.get((category, numbering.casefold(number)))
        if holder not in {None, claim.subject}:
            return NumberTaken(category, number, str(holder))
        used = self._identifiers[category]
        other = used.get(numbering.casefold(claim.subject))
        if claim.new and other is not None:
            return IdentifierTaken(
                number, other, numbering.free_identifier(number, used)
            )
        return None

    def _assign_number(self, asked: UnnumberedRequest) -> EncodedRequest | Exception:
        """The request with the next number, assigned only if it can be encoded."""
        series: NumberSeries = asked.series
        key = _series_key(series)
        if asked.command_id in self.recorded:
            # The append repeats the first receipt, independent of the number here.
            return log.encode(asked.named(series.number(0), series.number(0)))
        number = series.number(self.last[key] + 1)
        used = self._identifiers[series.category]
        identifier = numbering.free_identifier(number, used)
        try:
            framed = log.encode(asked.named(str(identifier), number))
        except Unrecordable as error:
            return error
        self.last[key] += 1
        self.add_name(
            series.category, numbering.casefold(number), str(identifier), held=True
        )
        return framed


async def find(
    connection: Reader, category: str, names: Iterable[str]
) -> Mapping[str, list[tuple[str, bool]]]:
    """By case-folded name, the subjects that have or had it, and which still do."""
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    wanted = {numbering.casefold(name) for name in names}
    for name, held in await rows_with_prefix(connection, category, wanted):
        if name.folded in wanted:
            found[name.folded].append((name.subject, held))
    return found


async def rows_with_prefix(
    connection: Reader, category: str, names: Iterable[str]
) -> list[tuple[NumberKey, bool]]:
    """The rows of *names* and of numbered variants of them, such as K14.2 of K14."""
    rows = await connection.fetch(
        """
        select distinct n.folded, n.subject, n.held
          from unnest($2::text[]) as w (folded)
         cross join lateral (
                 select folded, subject, held
                   from number
                  where (category, folded) >= ($1, w.folded)
                    and (category, folded) < ($1, w.folded || '/')
                 offset 0 -- a probe of the key for each name
               ) n
         order by n.folded, n.subject
        """,
        category,
        [*{numbering.casefold(name) for name in names}],
    )
    return [
        (NumberKey(category, row["folded"], row["subject"]), row["held"])
        for row in rows
    ]


async def numbers_at(
    reader: Reader,
    category: str,
    subjects: Iterable[str],
    *,
    size: int | None,
    known_on: date | None,
) -> dict[str, str]:
    """The number of each subject as known at the cut-offs, by identifier."""
    rows = await reader.fetch(
        """
        select u.subject, n.number
          from unnest($2::text[]) as u (subject)
         cross join lateral (
                select s.number
                  from projection.state s
                 where s.category = $1
                   and s.subject = u.subject
                   and s.position <= coalesce($3::bigint, 9223372036854775806)
                   and s.known_from <= coalesce($4::date, 'infinity')
                   and (s.superseded > coalesce($3::bigint, 9223372036854775806)
                        or s.known_to > coalesce($4::date, 'infinity'))
                 limit 1 -- it has one number, whatever the day
               ) n
        """,
        category,
        [*subjects],
        size,
        known_on,
    )
    return {row["subject"]: row["number"] for row in rows}
