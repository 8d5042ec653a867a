"""`iku-verify` and the program, which share no code, count the same figures."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from string import ascii_uppercase, digits
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs, to_builtins

import iku_verify
from iku.app import open_app
from iku.domain import (
    conflict,
    coordinates,
    fact,
    figure,
    indicator,
    organisation,
    period,
    scale,
)
from iku.domain.attachment import Attached
from iku.domain.conflict import Category, Conflict, Dimension, Level
from iku.domain.coordinates import MalformedNumber
from iku.domain.fact import Annulled, EventId
from iku.domain.indicator import EmptyRatio
from iku.domain.organisation import Organisation
from iku.domain.publication import identifier
from iku.domain.question import from_number
from iku.ledger import log
from iku.postgres.database import Database
from iku.settings import Settings
from tests.domain import chance, story
from tests.registers.chronicle import fill
from tests.registers.world import CODES, Chance, World
from tests.samples import examples

LATE = date(2022, 6, 1)


def record(event: Any, version: int = 1, **more: Any) -> dict[str, Any]:
    """The record of an event, as the log would have it."""
    written = fact.encode(event)
    told = {
        "actor": "uji",
        "command": f"c{version}",
        "data": written.data,
        "effective_on": written.effective_on and written.effective_on.isoformat(),
        "known_on": LATE.isoformat(),
        "stream": "conflict-K01",
        # A record has a commitment to each text, which does not depend on its content.
        "text": {n: {"c": 32 * "ab", "s": "conflict-K01"} for n in written.text},
        "type": written.type,
        "version": version,
        **more,
    }
    read: dict[str, Any] = json.loads(json.dumps(told))
    return read


def history(category: str, events: Sequence[Any]) -> list[iku_verify.Fact]:
    return [
        iku_verify.read_fact(
            version,
            record(event, version),
            iku_verify.MEANINGS[category][tag(event)].needs,
        )
        for version, event in enumerate(events, 1)
    ]


def tag(event: Any) -> str:
    return str(event.__struct_config__.tag)


def options_of(options: Any) -> dict[str, Any]:
    read: dict[str, Any] = iku_verify.read_options(to_builtins(options))
    return read


def ours(subject: Any, options: Any, asked: chance.Question) -> tuple[int, ...]:
    member = story.membership(subject, options, *asked)
    if member is None:
        return 0, 0, 0
    counts = member.counts
    return counts.numerator, counts.denominator, counts.expired


@settings(max_examples=examples(100, 25), deadline=None)
@given(
    chance.case_histories,
    st.lists(st.tuples(chance.case_options, chance.questions), min_size=8, max_size=8),
)
def test_a_case_counts_as_we_count_it(told: list[Any], asked: list[Any]) -> None:
    case = iku_verify.read_history("conflict", history("conflict", told))
    for options, question in asked:
        spelt = iku_verify.Criteria(options_of(options), *question)
        found = case and iku_verify.count_case(case, spelt)
        assert (found or (0, 0, 0)) == ours(Conflict(tuple(told)), options, question)


@settings(max_examples=examples(100, 25), deadline=None)
@given(
    chance.organisation_histories,
    st.lists(
        st.tuples(chance.organisation_options, chance.questions),
        min_size=8,
        max_size=8,
    ),
)
def test_an_organisation_counts_as_we_count_it(
    told: list[Any], asked: list[Any]
) -> None:
    found = iku_verify.read_history("organisation", history("organisation", told))
    for options, question in asked:
        spelt = iku_verify.Criteria(options_of(options), *question)
        counted = found and iku_verify.count_organisation(found, spelt)
        assert (counted or (0, 0, 0)) == ours(
            Organisation(tuple(told)), options, question
        )


ORIGIN = EventId("organisation-O1", 3)
CARRIED = organisation.ParticipationCarried(
    participation="P1",
    activity=organisation.Activity.MUSRENBANG,
    effective_on=date(2021, 3, 1),
    verified=True,
    origin=EventId("organisation-O1", 2),
)
TWO_STREAMS: dict[str, list[Any]] = {
    "O2": [organisation.Absorbed(origin=ORIGIN), CARRIED],
    "O1": [organisation.Merged(into="O2", reason="Sama")],
}


def merger(changes: dict[str, list[Any]]) -> iku_verify.Register:
    """A register with a merger, whose records are replaced by *changes*."""
    register, versions = iku_verify.Register(), Counter[str]()
    told = [("O1", REGISTERED), ("O1", participated(NEXT)), ("O2", REGISTERED)]
    told += [(s, e) for s, of in (TWO_STREAMS | changes).items() for e in of]
    for position, (subject, event) in enumerate(told, 1):
        versions[subject] += 1
        stream = f"organisation-{subject}"
        register.add(position, record(event, versions[subject], stream=stream))
    return register


def test_a_merger_that_stands_in_both_streams_is_sound_to_an_auditor() -> None:
    merger({}).check_mergers()
    undone = [Annulled(annuls=v, reason="Keliru") for v in (2, 3)]
    both = {
        "O2": [*TWO_STREAMS["O2"], *undone],
        "O1": [*TWO_STREAMS["O1"], Annulled(annuls=3, reason="Keliru")],
    }
    merger(both).check_mergers()
    merger({"O2": []}).check_mergers()  # as in an older log


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"O1": [*TWO_STREAMS["O1"], Annulled(annuls=3, reason="Keliru")]},
            "absorbed from organisation-O1/3 holds",
        ),
        (
            {"O2": [*TWO_STREAMS["O2"], Annulled(annuls=2, reason="Keliru")]},
            "absorbed from organisation-O1/3 holds",
        ),
        ({"O1": [organisation.Merged(into="O3", reason="Sama")]}, "absorbed from"),
        ({"O1": []}, "absorbed from organisation-O1/3 holds"),
        (
            {"O2": [structs.replace(CARRIED, origin=EventId("organisation-O1", 1))]},
            "participation_carried from organisation-O1/1, which does not exist",
        ),
        (
            {"O2": [structs.replace(CARRIED, origin=EventId("conflict-O1", 2))]},
            "participation_carried from conflict-O1/2, which does not exist",
        ),
    ],
)
def test_a_merger_of_which_one_half_is_missing_is_found(
    changes: dict[str, list[Any]], says: str
) -> None:
    with pytest.raises(iku_verify.Finding, match=says) as caught:
        merger(changes).check_mergers()
    assert caught.value.position == 4


def test_a_participation_that_was_carried_counts_where_it_was_carried_to() -> None:
    asked = iku_verify.Criteria(
        iku_verify.read_options({"counts": "organisations"}),
        date(2021, 1, 1),
        date(2021, 12, 31),
    )
    found = iku_verify.read_history(
        "organisation", history("organisation", [REGISTERED, *TWO_STREAMS["O2"]])
    )
    assert found is not None
    assert iku_verify.count_organisation(found, asked) == (1, 1, 0)


DAY, NEXT = date(2021, 2, 1), date(2021, 3, 1)
REPORTED = chance.reported(
    DAY, None, (Category.SARA, Dimension.AGAMA), Level.POTENSI, None
)
REGISTERED = chance.registered(DAY, organisation.OrganisationKind.LSM, None)


def resolved(on: date) -> conflict.Resolved:
    return conflict.Resolved(effective_on=on, manner=conflict.Manner.ISLAH)


def participated(on: date) -> organisation.Participated:
    activity = organisation.Activity.MUSRENBANG
    return organisation.Participated(
        participation="P1", activity=activity, effective_on=on
    )


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (
            [REPORTED, conflict.Verified(effective_on=date(2021, 1, 1))],
            "was reported on",
        ),
        ([REPORTED, resolved(DAY), resolved(NEXT)], "the subject was resolved since"),
        (
            [REPORTED, conflict.Reopened(effective_on=NEXT)],
            "the subject was open since",
        ),
        ([REGISTERED, participated(date(2021, 1, 1))], "the subject was registered on"),
        (
            [REGISTERED, organisation.Restored(effective_on=NEXT)],
            "the subject was active since",
        ),
        (
            [REGISTERED, *[organisation.Suspended(effective_on=NEXT)] * 2],
            "the subject was suspended since",
        ),
        (
            [REGISTERED, organisation.MovedOut(effective_on=DAY), participated(NEXT)],
            "moved out since 2021-02-01",
        ),
    ],
)
def test_a_course_that_the_register_refuses_is_none_to_an_auditor(
    told: list[Any], says: str
) -> None:
    category = "organisation" if told[0] is REGISTERED else "conflict"
    for length in range(1, len(told)):
        iku_verify.read_history(category, history(category, told[:length]))
    with pytest.raises(iku_verify.Finding, match=says) as caught:
        iku_verify.read_history(category, history(category, told))
    assert caught.value.position == len(told)


def test_a_cleared_field_counts_as_never_stated() -> None:
    skt = chance.registered(DAY, organisation.OrganisationKind.LSM, NEXT)
    right = organisation.Corrected(
        corrects=1,
        reason="Salah catat",
        valid_until=None,
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
    )
    told = history("organisation", [skt, right])
    before, after = (iku_verify.effective_facts(told[:n])[0] for n in (1, 2))
    assert before.says["valid_until"] == NEXT
    assert "valid_until" not in after.says
    undated = organisation.Rejected(reason="Keliru", effective_on=NEXT)
    undo = organisation.Corrected(corrects=2, reason="Salah", effective_on=None)
    recorded = history("organisation", [skt, undated, undo])
    _, rejected = iku_verify.effective_facts(recorded)
    assert rejected.on is None


def test_the_seat_and_the_files_of_an_organisation_do_not_change_what_it_counts() -> (
    None
):
    seated = chance.registered(
        DAY, organisation.OrganisationKind.LSM, None, "35.76.02.1003"
    )
    moved = organisation.Corrected(corrects=1, reason="Alamat", area=None)
    file = Attached(
        file_name="skt.pdf", media_type="application/pdf", length=1, sha256="0" * 64
    )
    told = history("organisation", [seated, moved, file])
    plain = history("organisation", [REGISTERED])
    found = [iku_verify.read_history("organisation", told[:n]) for n in (1, 2, 3)]
    [expected] = [iku_verify.read_history("organisation", plain)]
    assert expected is not None
    for course in found:
        assert course is not None
        assert (course.begun, course.states) == (expected.begun, expected.states)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"corrects": 1, "cleared": []}, "is not a sorted list"),
        ({"corrects": 1, "cleared": ["b", "a"]}, "is not a sorted list"),
        ({"corrects": 1, "cleared": "area"}, "is not a sorted list"),
        ({"corrects": 1, "cleared": [1]}, "1 is not a string"),
        ({"corrects": 1, "cleared": ["level"], "level": "potensi"}, "level is both"),
        ({"corrects": 1, "cleared": ["reason"]}, "reason is both set and cleared"),
    ],
)
def test_cleared_fields_of_no_form_that_counts_are_named(
    data: dict[str, Any], says: str
) -> None:
    fact_ = conflict.Corrected(corrects=1, reason="Salah", level=Level.KEKERASAN)
    told = record(fact_, 2) | {"data": data}
    with pytest.raises(iku_verify.Finding, match=says):
        iku_verify.Register().add(2, told)


def test_a_number_counts_for_nothing_before_an_auditor() -> None:
    numbered = structs.replace(REPORTED, number="K14")
    right = conflict.Corrected(corrects=1, number="K15", reason="Salah tulis")
    plain, told = ([one] for one in (REPORTED, numbered))
    seen = iku_verify.read_history("conflict", history("conflict", [*told, right]))
    assert seen == iku_verify.read_history("conflict", history("conflict", plain))


def test_what_a_fact_must_have_is_not_cleared_before_an_auditor() -> None:
    wrong = conflict.Corrected(corrects=1, reason="Salah", category=None)
    with pytest.raises(iku_verify.Finding, match="it lacks category") as caught:
        iku_verify.read_history("conflict", history("conflict", [REPORTED, wrong]))
    assert caught.value.position == 2


def test_a_returned_report_does_not_count_and_counts_once_it_is_verified() -> None:
    returned = conflict.Returned(effective_on=NEXT, missing="Surat")
    told = [REPORTED, returned, conflict.Verified(effective_on=NEXT)]
    assert iku_verify.read_history("conflict", history("conflict", told[:2])) is None
    assert iku_verify.read_history("conflict", history("conflict", told)) is not None


def test_the_last_act_may_be_of_the_last_day() -> None:
    told = [REGISTERED, organisation.Dissolved(effective_on=NEXT), participated(NEXT)]
    assert iku_verify.read_history("organisation", history("organisation", told))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"effective_on": None}, "'on' not found"),
        ({"effective_on": "2021-2-1"}, "is not a day"),
        ({"effective_on": 3}, "cannot be counted"),
        ({"known_on": "2021-02-30"}, "cannot be counted"),
        ({"data": []}, "cannot be counted"),
        ({"data": {"level": "potensi"}}, "'category' not found"),
        ({"data": {"category": "sara", "level": "far"}}, "'far' is not a level"),
        ({"data": {"category": 3}}, "3 is not a string"),
        ({"data": {"category": "sara", "verified": 1}}, "neither true nor false"),
        (
            {"type": "annulled", "data": {"annuls": 1}},
            "which is not an earlier version",
        ),
        (
            {"type": "corrected", "data": {"corrects": 0}},
            "which is not an earlier version",
        ),
        (
            {"type": "annulled", "data": {"annuls": True}},
            "is not a non-negative integer",
        ),
        ({"type": "annulled", "data": {}}, "'annuls' not found"),
        ({"text": {"title": {"c": "0"}}}, "'s' not found"),
        ({"text": {"title": 3}}, "cannot be counted"),
    ],
)
def test_a_record_of_no_form_that_counts_is_named(
    changes: dict[str, Any], says: str
) -> None:
    register = iku_verify.Register()
    register.add(1, record(REPORTED))
    with pytest.raises(iku_verify.Finding, match=says) as caught:
        iku_verify.Register().add(7, record(REPORTED) | changes)
    assert (caught.value.position, caught.value.code) == (7, 1)


@pytest.mark.parametrize(
    ("stream", "type_", "data", "says"),
    [
        (
            "indicator-X",
            "targeted",
            {"year": 2021, "target": "0"},
            "is not a valid target",
        ),
        (
            "indicator-X",
            "targeted",
            {"year": 2021, "target": "1e9"},
            "is not a decimal number",
        ),
        ("indicator-X", "targeted", {"target": "9"}, "'year' not found"),
        ("scale-kinerja", "scaled", {"bands": []}, "has no bands"),
        ("scale-kinerja", "scaled", {"bands": [{"at_least": "9"}]}, "not found"),
    ],
)
def test_a_target_or_scale_of_no_form_is_named(
    stream: str, type_: str, data: dict[str, Any], says: str
) -> None:
    told = record(REPORTED) | {"stream": stream, "type": type_, "data": data}
    with pytest.raises(iku_verify.Finding, match=says):
        iku_verify.Register().add(1, told)


def test_what_is_of_another_subject_matter_is_not_counted() -> None:
    register = iku_verify.Register()
    register.add(1, record(REPORTED) | {"stream": "ledger-continued", "type": "x"})
    assert register.subjects == {"conflict": {}, "organisation": {}}
    with pytest.raises(iku_verify.Finding) as caught:
        register.add(2, record(REPORTED) | {"type": "x"})
    assert caught.value.code == 3


BANDS = (("91", "A"), ("76", "B"), ("66", "C"), ("51", "D"), ("0", "E"))
SCALE = scale.Scaled(
    effective_on=date(2021, 1, 1),
    basis="Uji",
    bands=tuple(scale.Band(Decimal(least), name) for least, name in BANDS),
)


@settings(max_examples=examples(100, 25), deadline=None)
@given(
    st.integers(0, 400),
    st.integers(0, 400),
    st.none() | st.integers(1, 12_000).map(lambda n: f"{n // 100}.{n % 100:02}"),
    st.sampled_from(EmptyRatio),
    st.booleans(),
)
def test_a_figure_is_rounded_and_rated_as_ours_is(
    one: int, other: int, target: str | None, empty: EmptyRatio, of_cases: bool
) -> None:
    options: indicator.Options = indicator.OrganisationOptions(empty=empty)
    if of_cases:
        options = indicator.ConflictOptions(Category.SARA, empty=empty)
    counts = figure.Counts(min(one, other), max(one, other), 3)
    at = coordinates.Coordinates(
        "IKU-1", 1, period.containing(LATE, period.Kind.YEAR), LATE, LATE, 9
    )
    defined = indicator.Definition(1, define(options))
    by = figure.Basis(defined, Decimal(target) if target else None, SCALE)
    due = to_builtins(figure.figure(at, counts, by))

    says = options_of(options)
    bands = [(Fraction(least), name) for least, name in BANDS]
    tally = iku_verify.RunningCount(
        iku_verify.Coordinates("IKU-1", 1, "year", LATE, LATE, 9),
        iku_verify.Version(1, 1, LATE, LATE, says, 1),
        Fraction(target) if target else None,
        iku_verify.Version(1, 1, LATE, LATE, {"bands": bands}, 1),
    )
    tally.counts = iku_verify.Counts(counts.numerator, counts.denominator, 3)
    counted = tally.figure()
    assert {name: due[name] for name in counted if name != "scale"} == {
        name: value for name, value in counted.items() if name != "scale"
    }


def define(options: indicator.Options) -> indicator.Defined:
    return indicator.Defined(
        effective_on=date(2021, 1, 1),
        wording="Uji",
        formula="Uji",
        sources=("Uji",),
        owner="Uji",
        objective="Uji",
        basis="Uji",
        options=options,
    )


days = st.dates(date(1945, 8, 17), date(2999, 12, 31))


# Words between hyphens, at most 16 characters. Generating them from the pattern takes
# a hundred times as long, because most of the results are too long.
words = st.text(ascii_uppercase + digits, min_size=1, max_size=7)
codes = st.lists(words, min_size=1, max_size=2).map("-".join)


places = st.builds(
    coordinates.Coordinates,
    indicator=codes,
    definition=st.integers(1, 99),
    period=st.builds(period.containing, days, st.sampled_from(period.Kind)),
    as_of=days,
    known_on=days,
    size=st.integers(0, 10**9),
).map(
    lambda at: structs.replace(at, period=period.containing(at.as_of, at.period.kind))
)


@settings(max_examples=examples(100, 25), deadline=None)
@given(places, st.randoms(use_true_random=False))
def test_a_number_is_spelt_and_read_as_ours_is(
    due: coordinates.Coordinates, random: Random
) -> None:
    kind, as_of = due.period.kind, due.as_of
    theirs = iku_verify.Coordinates(
        due.indicator, due.definition, str(kind), as_of, due.known_on, due.size
    )
    assert theirs.number == due.number
    assert theirs.start == due.period.start
    assert iku_verify.read_number(" ".join(due.number.lower())) == theirs
    for number in (1, 2, 10):
        spelt = iku_verify.publication_identifier(str(kind), as_of, number)
        assert spelt == identifier(kind, as_of, number)
    broken = [*due.number]
    broken[random.randrange(len(broken))] = random.choice("0123456789ABCXYZ.-~é")
    if (typed := "".join(broken)) != due.number:
        with pytest.raises(iku_verify.Finding) as caught:
            iku_verify.read_number(typed)
        assert caught.value.code == 2
        with pytest.raises(MalformedNumber):
            coordinates.parse(typed)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with (
        open_app(Settings(), database) as app,
        app.pool.acquire() as connection,
    ):
        yield World(app, connection)


async def read(world: World) -> iku_verify.Register:
    """The register that `iku-verify` reads from all records."""
    register, records = iku_verify.Register(), iku_verify.Records()
    async for one in log.read_log(world.connection):
        register.add(one.position, records.read(one.position, one.record))
    return register


def counted(register: iku_verify.Register, number: str) -> dict[str, Any]:
    """A figure in the form that a closing freezes, without the version of the scale."""
    found = iku_verify.recount(register, iku_verify.read_number(number))
    return {name: value for name, value in found.items() if name != "scale"}


@pytest.mark.parametrize("seed", range(examples(2, 1)))
async def test_the_log_alone_gives_both_the_same_figure(
    world: World, seed: int
) -> None:
    random = Random(seed)
    luck = Chance(random)
    await fill(world, seed, 300)
    for known_on in (date(2022, 2, 1) + timedelta(days=15 * n) for n in range(25)):
        code, redefinition = luck.redefinition()
        empty = random.choice([None, *EmptyRatio])
        redefinition = structs.replace(redefinition, empty=empty)
        asked = ("indicator", code, redefinition, known_on)
        await world.try_to(*asked)
        await world.try_to("indicator", *luck.target(), known_on)
        for _ in range(4):
            await world.try_to("indicator", *luck.revision(), known_on)
    register = await read(world)
    register.check_mergers()
    told = register.versions
    definitions = {code: len(told[code, "defined"]) for code in CODES}
    assert sum(definitions.values()) > 15
    revised = [len(told.get((c, k), [])) for c in CODES for k in iku_verify.LOOKS_BACK]
    assert sum(revised) > 10
    size, known = register.size, set()
    for _ in range(150):
        question = structs.replace(luck.question(size, definitions), breakdown=None)
        due = await world.recount(question)
        found, answered = counted(register, due.number), to_builtins(due)
        assert found == {name: answered[name] for name in found}
        # Without a definition, iku-verify selects the one that the program applied.
        at = iku_verify.read_number(due.number)
        if question.definition is None:
            assert register.definition(at).version == due.definition
        assert from_number(due.number).definition == due.definition
        known.add((due.denominator > 0, due.target is None, due.expired is None))
    assert len(known) > 4
