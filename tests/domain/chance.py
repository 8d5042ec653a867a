"""Hypothesis strategies: legal histories, definitions, questions and single facts."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st
from msgspec import Struct, convert, inspect

from iku.domain import conflict, indicator, organisation, period
from iku.domain.conflict import Category, Dimension, Level, Manner
from iku.domain.decider import Decider, DecisionContext, Refused
from iku.domain.fact import Annulled, dec_hook
from iku.domain.organisation import Activity, LegalBasis
from iku.domain.subject_kinds import KINDS
from tests.domain.story import assert_nothing_to_add

# Few days, many of them boundaries of periods, so that facts coincide on them.
DAYS = tuple(
    date.fromisoformat(day)
    for day in (
        *("2020-06-15", "2020-12-30", "2020-12-31", "2021-01-01", "2021-01-31"),
        *("2021-02-01", "2021-02-15", "2021-03-31", "2021-04-01", "2021-04-30"),
        *("2021-05-01", "2021-06-30", "2021-07-01", "2021-08-31", "2021-09-01"),
        *("2021-12-31", "2022-01-01", "2022-03-05"),
    )
)
days = st.sampled_from(DAYS)


def one_of(*weighted: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """A weighted choice of strategies (`st.one_of` has no weights)."""
    chosen = [strategy for weight, strategy in weighted for _ in range(weight)]
    return st.sampled_from(chosen).flatmap(lambda strategy: strategy)


versions = st.integers(1, 9)
AREAS = ("35.76.01.1001", "35.76.02.1002", "35.76.02.1003")
SURVIVORS: dict[str, Any] = {
    "conflict": conflict.NEVER_REPORTED,
    "organisation": organisation.NEVER_REGISTERED,
}


def here(category: str, survivor: Any = None) -> DecisionContext:
    """A context in which A01 can be merged into A97."""
    peers = {"A97": survivor or SURVIVORS[category], "A98": None}
    return DecisionContext(DAYS[-1], "A01", frozenset(AREAS), peers)


kinds = st.sampled_from(
    [(category, d) for category, of in conflict.DIMENSIONS.items() for d in of]
)
levels = st.sampled_from(Level)
manners = st.sampled_from([Manner.ISLAH, Manner.MEDIASI, Manner.DILIMPAHKAN])
early = st.sampled_from(DAYS[:9])


def corrected_case(version: int, **fields: Any) -> conflict.Corrected:
    return conflict.Corrected(corrects=version, reason="Salah catat", **fields)


def reported(
    day: date,
    before: int | None,
    kind: tuple[Category, Dimension],
    level: Level,
    area: str | None,
) -> conflict.Reported:
    return conflict.Reported(
        category=kind[0],
        dimension=kind[1],
        title="Perkara",
        effective_on=day,
        level=level,
        occurred_on=None if before is None else day - timedelta(days=before),
        area=area,
    )


reports = st.builds(
    reported,
    early,
    st.none() | st.sampled_from([0, 1, 40, 200]),
    kinds,
    levels,
    st.none() | st.sampled_from(AREAS),
)
case_corrections = st.one_of(
    st.builds(lambda v, d: corrected_case(v, effective_on=d), versions, days),
    st.builds(
        lambda v, k: corrected_case(v, category=k[0], dimension=k[1]), versions, kinds
    ),
    st.builds(lambda d: corrected_case(1, occurred_on=d), st.none() | days),
    st.builds(lambda x: corrected_case(1, level=x), levels),
    st.builds(lambda v, m: corrected_case(v, manner=m), versions, manners),
    st.builds(lambda a: corrected_case(1, area=a), st.none() | st.sampled_from(AREAS)),
    st.builds(lambda v: corrected_case(v, category=None, dimension=None), versions),
)
annulments = st.builds(Annulled, annuls=versions, reason=st.just("Keliru"))
resolutions = st.builds(conflict.Resolved, effective_on=days, manner=manners)
reopenings = st.builds(conflict.Reopened, effective_on=days)
reclassifications = st.builds(
    lambda d, k: conflict.Reclassified(effective_on=d, category=k[0], dimension=k[1]),
    days,
    kinds,
) | st.builds(conflict.Reclassified, effective_on=days, level=levels)
verifications = st.builds(conflict.Verified, effective_on=days)
referrals = st.builds(conflict.Referred, effective_on=days)
returns = st.builds(conflict.Returned, effective_on=days, missing=st.just("Surat"))
case_changes = one_of(
    (5, resolutions),
    (4, reopenings),
    (1, reclassifications),
    (1, verifications),
    (1, referrals),
    (1, returns),
)
case_revisions = st.one_of(case_corrections, annulments, case_changes)
case_endings = st.sampled_from(
    [
        conflict.Rejected(reason="Bukan konflik"),
        conflict.Merged(into="A97", reason="Sama"),
    ]
)


def registered(
    day: date,
    kind: organisation.OrganisationKind,
    valid_until: date | None,
    area: str | None = None,
) -> organisation.Registered:
    party = kind is organisation.OrganisationKind.PARPOL
    valid_until = None if party or valid_until is None else max(day, valid_until)
    basis = LegalBasis.SKT if valid_until else LegalBasis.BADAN_HUKUM
    return organisation.Registered(
        kind=kind,
        name="Perkumpulan",
        legal_basis=LegalBasis.PARPOL if party else basis,
        effective_on=day,
        valid_until=valid_until,
        area=area,
    )


def corrected_organisation(version: int, **fields: Any) -> organisation.Corrected:
    return organisation.Corrected(corrects=version, reason="Salah catat", **fields)


organisation_kinds = st.sampled_from(organisation.OrganisationKind)
last_days = st.sampled_from([*DAYS, date(2025, 1, 1)])
references = st.sampled_from(["P1", "P2", "P3", "P4"])
areas = st.none() | st.sampled_from(AREAS)
registrations = st.builds(
    registered, early, organisation_kinds, st.none() | last_days, areas
)
participations = st.builds(
    organisation.Participated,
    participation=references,
    activity=st.sampled_from(Activity),
    effective_on=days,
    verified=st.sampled_from([True, True, False]),
)
organisation_corrections = st.one_of(
    st.builds(lambda v, d: corrected_organisation(v, effective_on=d), versions, days),
    st.builds(lambda k: corrected_organisation(1, kind=k), organisation_kinds),
    st.builds(lambda a: corrected_organisation(1, area=a), areas),
    st.builds(
        lambda v, d: corrected_organisation(v, valid_until=d), versions, last_days
    ),
    st.builds(
        lambda d: corrected_organisation(
            1,
            valid_until=d,
            legal_basis=LegalBasis.SKT if d else LegalBasis.BADAN_HUKUM,
        ),
        st.none() | last_days,
    ),
    st.builds(
        lambda v, b: corrected_organisation(v, verified=b), versions, st.booleans()
    ),
)
renewals = st.builds(organisation.Renewed, effective_on=days, valid_until=last_days)
confirmations = st.builds(organisation.ParticipationVerified, participation=references)
suspensions = st.builds(organisation.Suspended, effective_on=days)
restorations = st.builds(organisation.Restored, effective_on=days)
organisation_changes = one_of(
    (6, participations),
    (1, confirmations),
    (1, renewals),
    (1, suspensions),
    (1, restorations),
)
departures = st.one_of(
    st.builds(organisation.Dissolved, effective_on=days),
    st.builds(organisation.Revoked, effective_on=days),
    st.builds(organisation.MovedOut, effective_on=days),
)
organisation_revisions = st.one_of(
    organisation_corrections, annulments, organisation_changes, departures
)
organisation_endings = st.sampled_from(
    [
        organisation.Rejected(reason="Salah daftar"),
        organisation.Merged(into="A97", reason="Sama"),
    ]
)


def allowed(decider: Decider[Any, Any], commands: Sequence[Any]) -> list[Any]:
    """The facts recorded by *commands*; each accepted command is tried twice."""
    history: list[Any] = []
    state, context = None, here(decider.category)
    for command in commands:
        try:
            events = decider.decision(command, state, context).events
        except Refused:
            continue
        state = decider.fold(events, state)
        assert_nothing_to_add(decider, state, command, context)
        history += events
    return history


def _in_order_of_day(commands: list[Any]) -> list[Any]:
    return sorted(commands, key=lambda c: getattr(c, "effective_on", None) or DAYS[-1])


def _told(
    decider: Decider[Any, Any],
    first: list[Any],
    live: list[Any],
    late: list[Any],
    end: list[Any],
) -> list[Any]:
    """A history: timely facts in order of day, then late facts and corrections."""
    return allowed(decider, [*first, *_in_order_of_day(live), *late, *end])


def _first(report: conflict.Reported, sure: int) -> list[Any]:
    verified = [conflict.Verified(effective_on=report.effective_on)] if sure else []
    return [report, *verified]


case_histories = st.builds(
    _told,
    st.just(conflict.decider),
    st.builds(_first, reports, st.integers(0, 9)),
    st.lists(case_changes, min_size=3, max_size=8),
    st.lists(case_revisions, max_size=6),
    one_of(
        (9, st.just([])), (1, st.tuples(case_endings, annulments, annulments).map(list))
    ),
)
single_organisation_histories = st.builds(
    _told,
    st.just(organisation.decider),
    registrations.map(lambda registration: [registration]),
    st.lists(organisation_changes, min_size=3, max_size=8),
    st.lists(organisation_revisions, max_size=6),
    one_of(
        (9, st.just([])),
        (1, st.tuples(organisation_endings, annulments, annulments).map(list)),
    ),
)


def _surviving(
    survivor: list[Any], merged: list[Any], after: list[Any], *, annulled: bool
) -> list[Any]:
    """The history of a merger's survivor: before, the merger, and *after* it.

    If *annulled*, the merger is annulled before *after*.
    """
    decider: Decider[Any, Any] = organisation.decider
    history = [*survivor]
    state = decider.fold(merged)
    merger = organisation.Merged(into="A97", reason="Sama")
    commands: list[Any] = [merger, Annulled(annuls=len(merged) + 1, reason="Keliru")]
    for command in commands[: 1 + annulled]:
        context = here("organisation", decider.fold(history))
        try:
            decision = decider.decision(command, state, context)
        except Refused:
            break
        history += decision.others.get("A97", [])
        state = decider.fold(decision.events, state)
    for command in after:
        try:
            context = here("organisation")
            history += decider.decision(command, decider.fold(history), context).events
        except Refused:
            continue
    return history


surviving_histories = st.builds(
    _surviving,
    single_organisation_histories,
    single_organisation_histories,
    st.lists(organisation_revisions, max_size=3),
    annulled=st.sampled_from([False, False, True]),
)
organisation_histories = one_of(
    (3, single_organisation_histories), (2, surviving_histories)
)

case_options = st.builds(
    indicator.ConflictOptions,
    category=st.sampled_from([Category.IPOLEKSOSBUD, Category.SARA]),
    minimum_level=st.sampled_from([*[Level.POTENSI] * 3, *Level]),
    date_basis=st.sampled_from(indicator.DateBasis),
    carry_over=st.sampled_from(indicator.CarryOver),
    reopening=st.sampled_from(indicator.Reopening),
    resolution_manners=st.sampled_from(
        [
            tuple(Manner),
            tuple(Manner)[:-1],
            (Manner.ISLAH,),
            (Manner.MEDIASI, Manner.DILIMPAHKAN),
        ]
    ),
)
organisation_options = st.builds(
    indicator.OrganisationOptions,
    kinds=st.sampled_from(
        [tuple(organisation.OrganisationKind)] * 3
        + [(organisation.OrganisationKind.LSM,)]
    ),
    expired_registration=st.sampled_from(indicator.ExpiredRegistration),
    participation_threshold=st.sampled_from([1, 1, 2, 3]),
    population=st.sampled_from(indicator.Population),
)


class Question(NamedTuple):
    start: date
    as_of: date


def question(day: date, later: int, kind: period.Kind) -> Question:
    as_of = day + timedelta(days=later)
    return Question(period.containing(as_of, kind).start, as_of)


questions = st.builds(
    question,
    one_of((4, st.sampled_from(DAYS[8:])), (1, days)),
    st.sampled_from([0, -1, 1, 17]),
    st.sampled_from(period.Kind),
)


# Single facts of any type, from the types of their fields.

LETTERS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=12,
)
BROAD = "e\u0301 \u0958 \u1100\u1161"
TEXTS = (
    "K01",
    "2021",
    "A/b.c-d_9",
    "80.00",
    "0.5",
    "Perkara é",
    BROAD,
    *("wasnas", "198501012010011001", "siti@example.go.id"),
    *("application/pdf", "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10", "0a" * 32),
)


def strings(info: inspect.StrType) -> st.SearchStrategy[str]:
    pattern = re.compile(info.pattern or "")
    fitting = st.sampled_from([text for text in TEXTS if pattern.search(text)])
    # Filtering random text by a narrow pattern would find nothing, after a long search.
    if not pattern.search(BROAD):
        return fitting
    return fitting | LETTERS.filter(lambda text: pattern.search(text) is not None)


def values(  # noqa: C901, PLR0911, PLR0912 - a case for each kind of type
    info: inspect.Type,
) -> st.SearchStrategy[Any]:
    """Values that msgspec converts to the type that *info* describes."""
    match info:
        case inspect.Metadata():
            return values(info.type)
        case inspect.UnionType():
            return st.one_of(*map(values, info.types))
        case inspect.NoneType():
            return st.none()
        case inspect.StrType():
            return strings(info)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(info.ge or 1, info.le or 9999)
        case inspect.DateType():
            return st.dates(date(1945, 8, 17), date(2999, 12, 31))
        case inspect.DecimalType():
            return st.decimals(0, 100, places=2).map(Decimal)
        case inspect.EnumType():
            return st.sampled_from(list(info.cls))
        case inspect.LiteralType():
            return st.sampled_from(list(info.values))
        case inspect.VarTupleType():
            low, high = info.min_length or 0, info.max_length or 3
            return st.lists(values(info.item_type), min_size=low, max_size=high)
        case inspect.StructType():
            return structs_of(info)
        case inspect.DictType():  # the fields of a proposed command
            plain = st.integers(1, 9) | st.sampled_from(TEXTS)
            return st.dictionaries(st.sampled_from(["level", "corrects"]), plain)
        case inspect.CustomType():  # the options of a definition
            each = [inspect.type_info(kind.options) for kind in KINDS]
            return st.one_of(*map(values, each))
        case _:
            raise AssertionError(info)


def structs_of(info: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    required = {f.encode_name: values(f.type) for f in info.fields if f.required}
    optional = {f.encode_name: values(f.type) for f in info.fields if not f.required}
    tag = {info.tag_field: st.just(info.tag)} if info.tag_field else {}
    return st.fixed_dictionaries({**required, **tag}, optional=optional)


def facts_of(event_type: type[Struct]) -> st.SearchStrategy[Any]:
    """Any fact of this type."""
    info = inspect.type_info(event_type)
    return values(info).map(
        lambda fields: convert(fields, event_type, dec_hook=dec_hook)
    )
