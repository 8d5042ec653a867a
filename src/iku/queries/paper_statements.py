"""The statements about the agency, each with the event that states it.

Papers read `agency_data`; these are for the people who enter and audit the data.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, structs

from iku.domain import paper_data
from iku.domain.paper_data import (
    AnyStatement,
    OtherIndicatorSet,
    PaperData,
    StatementKind,
)
from iku.domain.question import refuse_size_beyond
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.queries import agency_data
from iku.queries.figure_parameters import Moment, MomentQuestion
from iku.queries.subjects import HistoryQuestion
from iku.queries.view import View

StatementSubject: TypeAlias = Annotated[
    str,
    Meta(
        description="Identifier of what is stated, such as signer.kepala-badan or "
        "narrative.IKU-1.2021.3."
    ),
]


class StatementsQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The parameters of the list of statements."""

    kind: Annotated[
        StatementKind | None, Meta(description="Only statements of this kind.")
    ] = None


class StatementHistoryQuestion(HistoryQuestion, frozen=True, kw_only=True):
    """The requested history of the statements about one thing."""

    statement_id: StatementSubject


class ShownStatement(Struct, frozen=True):
    """What is stated about one thing, in force on the day.

    Attributes:
        id: Identifier of what it is about.
        kind: Kind of the statement.
        version: Version of the last known event about it, for If-Match.
        stated: Version of the statement in force, which a correction names; null if
            none is in force on the day.
        corrected: Version of the correction that gives its present form; null if it was
            not corrected.
        known_on: The day on which the office knew its present form; null if none is in
            force.
        recorded_at: When its present form was recorded (UTC); null if none is in force.
        actor: Who recorded its present form; null if none is in force.
        statement: The statement in its present form; null if none is in force.
    """

    id: str
    kind: StatementKind
    version: int
    stated: int | None
    corrected: int | None
    known_on: date | None
    recorded_at: datetime | None
    actor: str | None
    statement: AnyStatement | None


class Statements(Struct, frozen=True):
    """The statements about the agency at the requested coordinates, by identifier."""

    statements: tuple[ShownStatement, ...]


class RequiredStatement(Struct, frozen=True):
    """A statement that the papers of a publication print.

    Attributes:
        key: The fields that identify what it is about.
        shown: What is stated; None if nothing is in force.
    """

    kind: StatementKind
    key: dict[str, str | int]
    shown: ShownStatement | None

    @property
    def id(self) -> str:
        """Identifier of what it is about."""
        return paper_data.subject_of(self.kind, *self.key.values())


async def listing(
    view: View, at: Moment, kind: StatementKind | None = None
) -> Statements:
    """What is stated about each thing that is known at the coordinates.

    Raises:
        InvalidQuestion: The requested size does not exist.
    """
    recorded = await _known(view, await agency_data.read(view.reader), at)
    found = tuple(one for one in _shown(recorded, at.as_of) if kind in {None, one.kind})
    return await view.reveal(Statements(found))


async def _known(
    view: View, recorded: Iterable[Recorded], at: Moment
) -> list[Recorded]:
    """The *recorded* events that are known at the coordinates.

    Raises:
        InvalidQuestion: The requested size does not exist.
    """
    if at.size is not None:
        refuse_size_beyond(at.size, (await log.head(view.reader)).size)
    return agency_data.known(recorded, at)


async def required(
    view: View, recorded: Iterable[Recorded], codes: Sequence[str], at: Moment
) -> tuple[RequiredStatement, ...]:
    """The statements that the papers of a publication of a day print, or lack.

    *recorded* are all events about statements (`agency_data.read`). Letterhead and
    signers are those of today; the others are those of the day. Papers do not print the
    reasons of statements, so these are not opened.
    """
    included = await _known(view, recorded, at)
    found = {one.id: one for one in _shown(included, at.as_of)}
    now = {one.id: one for one in _shown(included, max(at.as_of, view.today))}
    keys = [*_required_keys(codes, at.as_of)]
    keys += [
        (one.kind, {"code": one.statement.code, "year": one.statement.year})
        for one in found.values()
        if isinstance(one.statement, OtherIndicatorSet)
        and one.statement.year == at.as_of.year
    ]
    needs = [RequiredStatement(kind, key, None) for kind, key in keys]
    return tuple(
        structs.replace(one, shown=shown)
        if (shown := (now if one.kind in SIGNING else found).get(one.id))
        and shown.statement is not None
        else one
        for one in needs
    )


SIGNING = frozenset({StatementKind.LETTERHEAD, StatementKind.SIGNER})
OFFICES = ("kepala_badan", "wali_kota")


def _required_keys(
    codes: Sequence[str], as_of: date
) -> Iterator[tuple[StatementKind, dict[str, str | int]]]:
    quarter: dict[str, str | int]
    quarter = {"year": as_of.year, "quarter": (as_of.month - 1) // 3 + 1}
    yield StatementKind.LETTERHEAD, {}
    for office in OFFICES:
        yield StatementKind.SIGNER, {"office": office}
    yield StatementKind.PLAN, {}
    yield StatementKind.NARRATIVE, quarter
    for code in codes:
        about: dict[str, str | int] = {"indicator": code}
        yield StatementKind.NARRATIVE, about | quarter
        yield StatementKind.QUARTERLY_TARGETS, about | {"year": as_of.year}
        yield StatementKind.RESPONSIBLE, about
        yield StatementKind.BASELINE, about
        for before in (1, 2):
            yield StatementKind.ACTUAL, about | {"year": as_of.year - before}
        yield StatementKind.END_TARGET, about


def _shown(recorded: Iterable[Recorded], day: date) -> Iterator[ShownStatement]:
    by_subject: dict[str, list[Recorded]] = defaultdict(list)
    for one in recorded:
        by_subject[one.subject].append(one)
    folded = agency_data.fold(one for subject in by_subject.values() for one in subject)
    for subject, data in sorted(folded.items()):
        yield _shown_statement(subject, data, by_subject[subject], day)


def _shown_statement(
    subject: str, data: PaperData, recorded: Sequence[Recorded], day: date
) -> ShownStatement:
    shown = ShownStatement(
        id=subject,
        kind=paper_data.kind_of(subject),
        version=len(recorded),
        stated=None,
        corrected=None,
        known_on=None,
        recorded_at=None,
        actor=None,
        statement=None,
    )
    held = data.in_force(day)
    if held is None:
        return shown
    corrected = data.correction_of(held.version)
    by = recorded[(corrected or held.version) - 1]
    return structs.replace(
        shown,
        stated=held.version,
        corrected=corrected,
        known_on=by.known_on,
        recorded_at=by.recorded_at,
        actor=by.body().actor,
        statement=held.event,
    )
