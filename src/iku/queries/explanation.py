"""Explanations: the membership of each subject in a figure, with rule and events.

Like `recount` it reads only the log, subject by subject in the order of identifiers. A
page examines a bounded number of subjects, so its duration does not depend on the
length of the log. All pages together contain every subject, and their counts add up to
the figure.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Struct, structs

from iku.domain import fact, numbering, page_cursor, reasons, subject_kinds
from iku.domain.access import AGENCY_WIDE, Action
from iku.domain.counting import Membership, Reason, Rule
from iku.domain.decider import Decider, subject_id
from iku.domain.figure import Counts, Figure
from iku.domain.indicator import Options
from iku.domain.page_cursor import PageCursor
from iku.domain.question import Question
from iku.language import Language, translate
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries import recount
from iku.queries.figure_parameters import DistrictCode, IndicatorQuestion
from iku.queries.figures import Figures
from iku.queries.view import View

PART = "e"  # marks a cursor of an explanation
EXAMINED = 2_000  # maximum number of subjects examined for a page
EVENTS = 8  # read for each subject of a page, to begin with

Counted: TypeAlias = Literal["numerator", "denominator", "open", "none"]


class SubjectFilter(Struct, frozen=True):
    """A filter of subjects; None means no restriction.

    Attributes:
        counted: The place of the subjects: numerator; denominator; open (in the
            denominator only); none (in neither).
        rule: Only those decided by this rule, in the numerator or the denominator.
        part: Only those of this dimension of a case, or kind of an organisation.
        district: Code of a district; empty means without a known area.
        subject: Identifier of a single subject.
    """

    counted: Counted | None = None
    rule: Rule | None = None
    part: str | None = None
    district: str | None = None
    subject: str | None = None


# Dimensions of cases, kinds of organisations.
Part: TypeAlias = Literal[
    "ideologi",
    "politik",
    "ekonomi",
    "sosial",
    "budaya",
    "suku",
    "agama",
    "ras",
    "antargolongan",
    "ormas",
    "lsm",
    "parpol",
]


class ExplanationQuestion(IndicatorQuestion, frozen=True, kw_only=True):
    """The figure to explain, and a filter of its subjects."""

    counted: Annotated[
        Counted | None,
        Meta(
            description="Only those in the numerator; in the denominator; in the "
            "denominator but not the numerator (open); in neither (none)."
        ),
    ] = None
    rule: Annotated[
        Rule | None, Meta(description="Only those whose counting this rule decides.")
    ] = None
    part: Annotated[
        Part | None, Meta(description="Only those of this dimension or kind.")
    ] = None
    district: Annotated[
        DistrictCode | None,
        Meta(
            description="Only those in the district with this code; empty: those "
            "without a known area."
        ),
    ] = None
    subject: Annotated[
        Annotated[
            str,
            Meta(
                max_length=64,
                pattern=r"^[A-Za-z0-9][A-Za-z0-9._~/-]*$(?!\n)",
                extra_json_schema={
                    "x-expects": "the number of a case or organisation: letters, "
                    "digits and . _ - /, of which the first is a letter "
                    "or digit"
                },
            ),
        ]
        | None,
        Meta(
            description="Only the case or organisation with this number in the "
            "register."
        ),
    ] = None

    @property
    def subject_filter(self) -> SubjectFilter:
        """The parameters that select subjects, as a `SubjectFilter`."""
        one = None if self.subject is None else subject_id(self.subject)
        return SubjectFilter(self.counted, self.rule, self.part, self.district, one)


class CitedEvent(Struct, frozen=True):
    """An event that a reason cites.

    Attributes:
        position: Position in the log, from 1.
        version: Version in the stream of its subject, from 1.
        effective_on: The day from which it holds; None if it has none.
        known_on: The day on which the office knew it.
    """

    position: int
    version: int
    type: str
    effective_on: date | None
    known_on: date


class ReasonView(Struct, frozen=True):
    """The reason why a subject counts or does not count: rule, events and sentence.

    Attributes:
        rule: The rule that decided.
        events: The events that decided, in the order of the log.
        id: The reason in an Indonesian sentence.
        en: The reason in an English sentence.
    """

    rule: Rule
    events: tuple[CitedEvent, ...]
    id: str
    en: str


class ExplainedSubject(Struct, frozen=True):
    """The membership of a case or organisation in a figure, with reasons.

    Attributes:
        title: Title of the case, name of the organisation.
        part: Dimension of the case on the day, or kind of the organisation.
        district: Code of its district; empty if no area is known.
        denominator: Whether the subject is in the denominator.
        numerator: Whether the subject is in the numerator.
        expired: Whether the subject is an organisation in the denominator whose
            certificate has expired.
        why_denominator: Why the subject is in the denominator or not.
        why_numerator: Why the subject is in the numerator or not; outside the
            denominator, the reason of *why_denominator*.
    """

    id: str
    number: str
    title: str
    part: str
    district: str
    denominator: bool
    numerator: bool
    expired: bool
    why_denominator: ReasonView
    why_numerator: ReasonView


class ExplanationPage(Struct, frozen=True):
    """A page of an explanation.

    Attributes:
        items: Matching subjects, in the order of identifiers.
        examined: Number of subjects examined.
        counts: Sum of the contributions of all examined subjects, matching or not.
        next: Last examined identifier; None on the last page.
    """

    items: tuple[ExplainedSubject, ...]
    examined: int
    counts: Counts
    next: str | None


class PinnedFigure(NamedTuple):
    """A figure to be explained, and the page of its explanation.

    Attributes:
        question: The question of the figure with all coordinates (`pin_coordinates`).
        after: Identifier after which the page begins.
    """

    figure: Figure
    question: Question
    after: str

    def cursor(self, found: ExplanationPage) -> str | None:
        """The cursor of the page after *found*; None on the last page."""
        if found.next is None:
            return None
        at = self.figure
        return PageCursor(at.size, at.as_of, PART, found.next, at.known_on).cursor


async def pinned_figure(
    view: View, figures: Figures, question: Question, cursor: str | None, today: date
) -> PinnedFigure:
    """The figure of *question*, or of the page that *cursor* refers to.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: A coordinate does not exist, or the cursor is invalid.
        Forbidden: The indicator counts subjects of another division.
    """
    await view.require_indicator(Action.READ_HISTORY, question.indicator)
    ended = page_cursor.parse(cursor, PART)
    question = page_cursor.resume(question, ended, today)
    (figure,) = await figures.answer(view.reader, [question], today)
    return PinnedFigure(
        figure, pin_coordinates(question, figure), ended.key if ended else ""
    )


def pin_coordinates(question: Question, figure: Figure) -> Question:
    """*question* with all coordinates of the *figure* that answered it.

    All pages requested with it describe that figure; later events do not change it.
    """
    return structs.replace(
        question,
        size=figure.size,
        known_on=figure.known_on,
        definition=figure.definition,
    )


async def page(
    view: View,
    question: Question,
    wanted: SubjectFilter,
    *,
    after: str = "",
    limit: int = EXAMINED,
) -> ExplanationPage:
    """At most *limit* matching subjects after the identifier *after*.

    Subjects of another division are left out if they do not count.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: The requested version of the definition does not exist.
    """
    read: list[Recorded] = []
    found = await _examine_page(view.reader, question, wanted, after, limit, read=read)
    shown = await _without_other_divisions(view, question, found)
    return await view.reveal(shown, read)


async def _without_other_divisions(
    view: View, question: Question, found: ExplanationPage
) -> ExplanationPage:
    """The page without subjects of another division that the figure does not count."""
    if AGENCY_WIDE in view.viewer.covered(Action.READ_HISTORY):
        return found
    by = await recount.figure_basis(view.reader, question)
    stream = _decider(by.definition.defined.options).stream
    idle = [stream(one.id) for one in found.items if not one.denominator]
    foreign = await view.inaccessible_streams(Action.READ_HISTORY, idle)
    items = [one for one in found.items if stream(one.id) not in foreign]
    return structs.replace(found, items=tuple(items))


async def _examine_page(
    connection: Reader,
    question: Question,
    wanted: SubjectFilter,
    after: str,
    limit: int,
    *,
    read: list[Recorded],
) -> ExplanationPage:
    """The page with placeholders; the events of its subjects are added to *read*."""
    by = await recount.figure_basis(connection, question)
    options = by.definition.defined.options
    items: list[ExplainedSubject] = []
    examined, counts, last = 0, Counts(), after
    streams = _streams(
        connection,
        question,
        options,
        wanted.subject,
        after=after,
        first=min(EVENTS * limit, log.PAGE),
    )
    async with aclosing(streams):
        async for recorded in streams:
            if examined == EXAMINED or len(items) == limit:
                return ExplanationPage(tuple(items), examined, counts, last)
            found = examine(recorded, question, options)
            examined, counts = examined + 1, counts + found.membership.counts
            last = recorded[0].subject
            if matches_filter(found.membership, wanted):
                items.append(found.item)
                read += recorded
    return ExplanationPage(tuple(items), examined, counts, None)


def _decider(options: Options) -> Decider[Any, Any]:
    return subject_kinds.kind_counted_by(options).decider


async def _streams(
    connection: Reader,
    question: Question,
    options: Options,
    subject: str | None,
    *,
    after: str,
    first: int,
) -> AsyncGenerator[list[Recorded], None]:
    """The stream of each subject, or of one, as known at the coordinates.

    *first* is the number of events that are read at first.
    """
    decider = _decider(options)
    cut_off: Any = {"size": question.size, "known_on": question.known_on}
    if subject is not None:
        alone = await log.read_stream(connection, decider.stream(subject), **cut_off)
        if alone and subject > after:
            yield alone
        return
    subjects = log.read_subjects(
        connection,
        decider.category,
        after=decider.stream(after),
        first=first,
        **cut_off,
    )
    async with aclosing(subjects):
        async for recorded in subjects:
            yield recorded


def fold_state(recorded: Sequence[Recorded], decider: Decider[Any, Any]) -> Any:
    """The state of the subject of the events *recorded*."""
    return decider.fold(
        fact.decode_recorded(one, decider.event_type) for one in recorded
    )


class ExaminedSubject(NamedTuple):
    """A subject with its events and how it counts."""

    recorded: Sequence[Recorded]
    state: Any
    membership: Membership

    @property
    def item(self) -> ExplainedSubject:
        """How the subject counts, and why."""
        return _explained_subject(self.recorded, self.state, self.membership)


def examine(
    recorded: Sequence[Recorded], question: Question, options: Options
) -> ExaminedSubject:
    """How the subject of the events *recorded* counts in the figure of *question*."""
    state = fold_state(recorded, _decider(options))
    return examine_state(recorded, state, question, options)


def examine_state(
    recorded: Sequence[Recorded], state: Any, question: Question, options: Options
) -> ExaminedSubject:
    """`examine` for a subject whose events were folded to *state*."""
    found = subject_kinds.membership(state, options, question.start, question.as_of)
    return ExaminedSubject(recorded, state, found)


async def examine_all(
    reader: Reader, question: Question, options: Options, category: str
) -> AsyncGenerator[ExaminedSubject, None]:
    """How each subject of *category* counts, in the order of identifiers."""
    streams = log.read_subjects(
        reader, category, size=question.size, known_on=question.known_on
    )
    async with aclosing(streams):
        async for recorded in streams:
            yield examine(recorded, question, options)


def untitled(of: ExplainedSubject) -> ExplainedSubject:
    """*of* without its title, which is a text."""
    return structs.replace(of, title="")


def matches_filter(found: Membership, wanted: SubjectFilter) -> bool:
    """Whether a subject with this membership passes the filter."""
    counts = found.counts
    counted = {
        None: True,
        "numerator": counts.numerator,
        "denominator": counts.denominator,
        "open": counts.denominator > counts.numerator,
        "none": not counts.denominator,
    }
    return (
        bool(counted[wanted.counted])
        and (wanted.rule is None or wanted.rule in _deciding_rules(found))
        and wanted.part in (None, found.part)
        and wanted.district in (None, found.district)
    )


def _deciding_rules(found: Membership) -> tuple[Rule, Rule]:
    return found.denominator.reason().rule, found.numerator.reason().rule


def _explained_subject(
    recorded: Sequence[Recorded], state: Any, found: Membership
) -> ExplainedSubject:
    subject = recorded[0].subject
    why = _reason_view(recorded, found.denominator.reason())
    same = found.numerator is found.denominator
    return ExplainedSubject(
        id=subject,
        number=numbering.number(subject, state),
        title=state.title,
        part=found.part,
        district=found.district,
        denominator=bool(found.counts.denominator),
        numerator=bool(found.counts.numerator),
        expired=bool(found.counts.expired),
        why_denominator=why,
        why_numerator=why if same else _reason_view(recorded, found.numerator.reason()),
    )


def _reason_view(recorded: Sequence[Recorded], reason: Reason) -> ReasonView:
    said = reasons.sentence(reason, [one.position for one in recorded])
    cited = (recorded[version - 1] for version in reason.versions)
    events = (
        CitedEvent(one.position, one.version, one.type, one.effective_on, one.known_on)
        for one in cited
    )
    indonesian = translate(said, Language.INDONESIAN)
    return ReasonView(reason.rule, tuple(events), indonesian, str(said))
