"""Publications: their steps, the actors who may take them, and the closed days."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from iku.domain import publication
from iku.domain.coordinates import Coordinates
from iku.domain.decider import DecisionContext, Invalid
from iku.domain.period import Kind, containing
from iku.domain.publication import (
    Closed,
    Draft,
    Drafted,
    FrozenValue,
    NextStep,
    PublicationState,
    PublicationYear,
    Published,
    Returned,
    Reviewed,
    Snapshot,
    StepType,
    TakeStep,
    decider,
)
from tests.domain.story import on, recorded, refused, step

TODAY = on("2022-02-01")
END, KNOWN = on("2021-12-31"), on("2022-01-15")
DRAFT = Draft(period=Kind.YEAR, as_of=END, reason="LKjIP 2021")


def by(actor: str, today: date = TODAY) -> DecisionContext:
    return DecisionContext(today=today, subject="2021", actor=actor)


def frozen(
    code: str, of: Draft = DRAFT, known_on: date = KNOWN, size: int = 145
) -> FrozenValue:
    number = Coordinates(
        code, 1, containing(of.as_of, of.period), of.as_of, known_on, size
    ).number
    return FrozenValue(
        indicator=code,
        definition=1,
        scale=1,
        numerator=8,
        denominator=9,
        expired=None,
        percentage=Decimal("88.89"),
        target=Decimal("80.00"),
        achievement=Decimal("111.11"),
        rating="Sangat Tinggi",
        number=number,
    )


SNAPSHOT = Snapshot(KNOWN, 145, (frozen("IKU-1"), frozen("IKU-3")))


def take(
    step: NextStep, of: str = "2021", snapshot: Snapshot | None = None
) -> TakeStep:
    if step.type is StepType.CLOSED and snapshot is None:
        snapshot = SNAPSHOT
    return TakeStep(of, step, snapshot)


CLOSE = take(step("closed", "Tutup buku"))
RETURN = take(step("returned", "Ada yang tertinggal"))
REVIEW = take(step("reviewed", "Sesuai berkas"))
RELEASE = take(step("published", "Disahkan"))
WITHDRAW = take(step("withdrawn", "Salah tanggal"))


def year(*commands: Any, actor: str = "ani", state: Any = None) -> PublicationYear:
    """The state of the year after *commands*, each of which is tried twice."""
    for command in commands:
        state = recorded(decider, state, command, by(actor))
    assert isinstance(state, PublicationYear)
    return state


def published() -> PublicationYear:
    reviewed = year(REVIEW, actor="siti", state=year(DRAFT, CLOSE))
    return year(RELEASE, actor="budi", state=reviewed)


def state(of: PublicationYear, identifier: str = "2021") -> PublicationState:
    return of.publications[identifier].state


# From the draft to the publication.


def test_a_publication_goes_from_draft_to_published_and_keeps_who_and_why() -> None:
    of = published().publications["2021"]
    assert of.state is PublicationState.PUBLISHED
    assert of.figures == SNAPSHOT.figures
    assert of.steps == (
        Drafted(
            publication="2021",
            effective_on=TODAY,
            reason="LKjIP 2021",
            period=Kind.YEAR,
            as_of=END,
            edition=1,
        ),
        Closed(
            publication="2021",
            effective_on=TODAY,
            reason="Tutup buku",
            known_on=KNOWN,
            size=145,
            figures=SNAPSHOT.figures,
        ),
        Reviewed(
            publication="2021", effective_on=TODAY, reason="Sesuai berkas", by="siti"
        ),
        Published(publication="2021", effective_on=TODAY, reason="Disahkan", by="budi"),
    )


def test_what_was_closed_or_reviewed_can_be_a_draft_again_and_frozen_anew() -> None:
    for before in (year(DRAFT, CLOSE), year(DRAFT, CLOSE, REVIEW)):
        returned = year(RETURN, state=before)
        of = returned.publications["2021"]
        assert (of.state, of.closing, of.figures) == (PublicationState.DRAFT, None, ())
        assert isinstance(of.last_step, Returned)
        other = Snapshot(TODAY, 160, (frozen("IKU-1", known_on=TODAY, size=160),))
        again = year(
            take(step("closed", "Kedua"), snapshot=other),
            state=returned,
        )
        assert again.publications["2021"].figures == other.figures


@pytest.mark.parametrize(
    ("before", "command", "told"),
    [
        (
            (DRAFT,),
            RETURN,
            "cannot be returned: it must be closed or reviewed first",
        ),
        (
            (DRAFT,),
            REVIEW,
            "2021 has been draft since 2022-02-01, so it cannot be reviewed",
        ),
        (
            (DRAFT,),
            RELEASE,
            "has been draft since 2022-02-01, so it cannot be published",
        ),
        (
            (DRAFT, CLOSE),
            RELEASE,
            "has been closed since 2022-02-01, so it cannot be published",
        ),
        ((DRAFT, CLOSE), WITHDRAW, "it cannot be withdrawn: it must be draft first"),
        ((DRAFT, CLOSE, REVIEW), CLOSE, "has been reviewed since"),
        ((DRAFT, WITHDRAW), CLOSE, "has been withdrawn since"),
        (
            (DRAFT, WITHDRAW),
            RETURN,
            "it cannot be returned: it must be closed or reviewed first",
        ),
    ],
)
def test_a_step_is_taken_only_where_it_is_due(
    before: tuple[Any, ...], command: Any, told: str
) -> None:
    refused(decider, year(*before), command, told, context=by("budi"))


@pytest.mark.parametrize("command", [CLOSE, RETURN, REVIEW, WITHDRAW])
def test_a_published_publication_takes_no_more_steps(command: Any) -> None:
    refused(
        decider,
        published(),
        command,
        "2021 has been published since 2022-02-01",
        "so it cannot be",
        context=by("ani"),
    )
    late = by("budi", on("2022-02-02"))
    refused(decider, published(), RELEASE, "has been published since", context=late)


@pytest.mark.parametrize("publisher", ["siti", "Siti", " SITI "])
def test_who_reviewed_does_not_publish(publisher: str) -> None:
    reviewed = year(REVIEW, actor="siti", state=year(DRAFT, CLOSE))
    refused(
        decider,
        reviewed,
        RELEASE,
        f"published by {publisher}",
        "reviewed by siti",
        context=by(publisher),
    )


def test_who_reviewed_may_publish_what_somebody_else_reviewed_later() -> None:
    reviewed = year(REVIEW, actor="siti", state=year(DRAFT, CLOSE))
    again = year(RETURN, CLOSE, state=reviewed)
    other = year(REVIEW, actor="budi", state=again)
    assert state(year(RELEASE, actor="siti", state=other)) is PublicationState.PUBLISHED


def test_no_step_is_taken_of_what_was_never_drafted() -> None:
    for before in (None, year(DRAFT)):
        refused(
            decider,
            before,
            take(step("reviewed"), of="2021-W1"),
            "publication 2021-W1 does not exist",
            context=by("ani"),
        )


# The draft.


def test_a_draft_of_a_day_that_has_not_come_is_refused() -> None:
    late = structs.replace(DRAFT, as_of=on("2022-02-02"))
    refused(decider, None, late, "2022-02-02", "2022-02-01", context=by("ani"))


def test_a_second_draft_of_the_same_day_is_refused_until_the_first_is_withdrawn() -> (
    None
):
    other = structs.replace(DRAFT, reason="Sekali lagi")
    drafted = year(DRAFT)
    refused(
        decider,
        drafted,
        other,
        "2021 was draft on 2022-02-01, so it cannot be drafted again",
        context=by("ani"),
    )
    anew = year(WITHDRAW, other, state=drafted)
    assert state(anew) is PublicationState.DRAFT
    assert [type(s).__name__ for s in anew.publications["2021"].steps] == [
        *("Drafted", "Withdrawn", "Drafted")
    ]


def test_what_is_published_is_restated_not_drafted_again() -> None:
    other = structs.replace(DRAFT, reason="Sekali lagi")
    refused(
        decider,
        published(),
        other,
        "2021 was published on 2022-02-01, so it cannot be drafted again: draft a new "
        "edition with restates 2021",
        context=by("ani"),
    )


def test_each_day_and_kind_of_period_has_a_publication_of_its_own() -> None:
    quarter = structs.replace(DRAFT, period=Kind.QUARTER)
    half_way = structs.replace(DRAFT, as_of=on("2021-06-30"))
    found = year(DRAFT, quarter, half_way).publications
    assert [*found] == ["2021", "2021-W4", "2021-sd0630"]


# Restatement.

AGAIN = structs.replace(DRAFT, restates="2021", reason="Penutupan K10 dibatalkan")


def test_a_restatement_is_the_next_edition_and_leaves_the_old_one_alone() -> None:
    before = published()
    after = year(AGAIN, state=before)
    assert after.publications["2021"] == before.publications["2021"]
    second = after.publications["2021.2"]
    assert (second.edition, second.restates, second.state) == (
        2,
        "2021",
        PublicationState.DRAFT,
    )
    of = "2021.2"
    closed = year(take(step("closed", "Tutup"), of=of), state=after)
    reviewed = year(
        take(step("reviewed"), of=of),
        actor="siti",
        state=closed,
    )
    both = year(
        take(step("published"), of=of),
        actor="budi",
        state=reviewed,
    )
    third = year(structs.replace(AGAIN, restates="2021.2"), state=both)
    assert third.publications["2021.3"].edition == 3
    assert state(third, "2021") is state(third, "2021.2") is PublicationState.PUBLISHED


def test_only_what_is_published_can_be_restated() -> None:
    refused(
        decider,
        year(DRAFT, CLOSE),
        AGAIN,
        "restates is 2021, but 2021 is closed, and only a published publication can "
        "be restated",
        context=by("ani"),
    )
    nothing = refused(
        decider,
        None,
        AGAIN,
        "restates is 2021, but publication 2021 does not exist",
        context=by("ani"),
    )
    assert isinstance(nothing, Invalid)
    assert nothing.path == "restates"


def test_a_restatement_is_of_the_same_period_and_day() -> None:
    for other in (
        structs.replace(AGAIN, period=Kind.QUARTER),
        structs.replace(AGAIN, as_of=on("2021-12-30")),
        structs.replace(AGAIN, restates="2020"),
    ):
        told = refused(
            decider,
            published(),
            other,
            "but the publication of this period and day is",
            context=by("ani"),
        )
        assert isinstance(told, Invalid)


def test_there_is_one_next_edition() -> None:
    drafted = year(AGAIN, state=published())
    other = structs.replace(AGAIN, reason="Lagi")
    refused(
        decider,
        drafted,
        other,
        "2021.2 was draft on 2022-02-01, so it cannot be drafted",
        context=by("ani"),
    )


# The frozen figures.


@pytest.mark.parametrize(
    "snapshot",
    [
        Snapshot(KNOWN, 145, ()),
        Snapshot(KNOWN, 145, (frozen("IKU-1"), frozen("IKU-1"))),
    ],
)
def test_each_indicator_is_frozen_once(snapshot: Snapshot) -> None:
    refused(
        decider,
        year(DRAFT),
        take(step("closed"), snapshot=snapshot),
        "2021 must freeze each indicator exactly once",
        context=by("ani"),
    )


@pytest.mark.parametrize(
    "other",
    [
        frozen("IKU-1", size=144),
        frozen("IKU-1", known_on=on("2022-01-16")),
        frozen("IKU-1", of=structs.replace(DRAFT, as_of=on("2021-12-30"))),
        frozen("IKU-1", of=structs.replace(DRAFT, period=Kind.HALF)),
        structs.replace(frozen("IKU-1"), definition=2),
        structs.replace(frozen("IKU-1"), indicator="IKU-2"),
    ],
)
def test_only_figures_of_the_draft_are_frozen(other: FrozenValue) -> None:
    refused(
        decider,
        year(DRAFT),
        take(
            step("closed"),
            snapshot=Snapshot(KNOWN, 145, (other,)),
        ),
        "2021 must freeze figure IKU-",
        f"freezes figure {other.number}",
        context=by("ani"),
    )


@pytest.mark.parametrize("known_on", ["2021-12-30", "2022-02-02"])
def test_what_is_known_of_a_day_is_known_from_that_day_until_today(
    known_on: str,
) -> None:
    day = on(known_on)
    snapshot = Snapshot(day, 145, (frozen("IKU-1", known_on=day),))
    told = refused(
        decider,
        year(DRAFT),
        take(step("closed"), snapshot=snapshot),
        *(known_on, "2021-12-31", "2022-02-01"),
        context=by("ani"),
    )
    assert isinstance(told, Invalid)
    assert told.path == "known_on"


@pytest.mark.parametrize("kind", [one for one in StepType if one != "closed"])
def test_only_a_closing_takes_a_day_of_knowledge(kind: StepType) -> None:
    told = refused(
        decider,
        year(DRAFT),
        take(NextStep(type=kind, reason="x", known_on=KNOWN)),
        f"known_on is only allowed in a closing, but the step is {kind}",
        context=by("ani"),
    )
    assert isinstance(told, Invalid)
    assert told.path == "known_on"


def test_a_closing_brings_its_figures_or_it_is_our_fault() -> None:
    with pytest.raises(AssertionError, match="brings the figures"):
        decider.decide(
            TakeStep("2021", step("closed")),
            year(DRAFT),
            by("ani"),
        )
    with pytest.raises(AssertionError, match="never drafted"):
        _ = decider.evolve(None, published().history[1]).publications


def test_a_repetition_shares_what_was_asked_for_and_not_what_came_out() -> None:
    other = structs.replace(CLOSE, snapshot=Snapshot(KNOWN, 146, ()))
    assert decider.asked(CLOSE) == decider.asked(other)
    assert decider.asked(CLOSE) != decider.asked(REVIEW)
    assert decider.asked(DRAFT) == DRAFT


def test_a_publication_names_no_other() -> None:
    for command in (DRAFT, AGAIN, CLOSE):
        assert decider.premises_of(command, "", None).related_subjects == ()


# Identifiers.


@pytest.mark.parametrize(
    ("kind", "day", "edition", "identifier"),
    [
        (Kind.YEAR, "2021-12-31", 1, "2021"),
        (Kind.YEAR, "2021-06-30", 1, "2021-sd0630"),
        (Kind.YEAR, "2021-12-31", 2, "2021.2"),
        (Kind.HALF, "2021-06-30", 1, "2021-S1"),
        (Kind.QUADRIMESTER, "2021-08-31", 12, "2021-C2.12"),
        (Kind.QUARTER, "2021-09-30", 1, "2021-W3"),
        (Kind.QUARTER, "2021-08-15", 2, "2021-W3-sd0815.2"),
        (Kind.MONTH, "2020-02-29", 1, "2020-B02"),
        (Kind.MONTH, "2020-02-28", 1, "2020-B02-sd0228"),
        (Kind.MONTH, "2021-12-31", 1, "2021-B12"),
    ],
)
def test_an_identifier_tells_period_day_and_edition(
    kind: Kind, day: str, edition: int, identifier: str
) -> None:
    assert publication.identifier(kind, on(day), edition) == identifier
    assert publication.edition_number(identifier) == edition
    assert publication.stream_year(identifier) == day[:4]


def test_no_two_publications_of_a_year_share_an_identifier() -> None:
    days = [date.fromordinal(on("2020-01-01").toordinal() + n) for n in range(366)]
    told = [publication.identifier(k, d, e) for k in Kind for d in days for e in (1, 2)]
    assert len(set(told)) == len(told)


# With accounts: three persons, and each division confirms.


def account(person: str) -> DecisionContext:
    """The context of an account; two accounts of a person share its first letter."""
    return structs.replace(
        by(person), accounts=True, person_of=lambda name: name[0], two_persons=True
    )


def confirm(code: str) -> TakeStep:
    return take(NextStep(type=StepType.CONFIRMED, reason="Sesuai", indicator=code))


def with_accounts(*steps: tuple[str, TakeStep | Draft]) -> PublicationYear:
    state = None
    for person, command in steps:
        state = recorded(decider, state, command, account(person))
    assert isinstance(state, PublicationYear)
    return state


CONFIRMED = (("a1", DRAFT), ("b1", confirm("IKU-1")), ("c1", confirm("IKU-3")))


def test_a_closing_waits_for_the_confirmation_of_each_indicator() -> None:
    half = with_accounts(*CONFIRMED[:2])
    refused(decider, half, CLOSE, "not confirmed IKU-3", context=account("b1"))
    closed = with_accounts(*CONFIRMED, ("b1", CLOSE)).publications["2021"]
    assert closed.confirmed == {"IKU-1": "b1", "IKU-3": "c1"}
    assert closed.closing is not None
    assert closed.closing.by == "b1"


def test_a_return_voids_the_confirmations() -> None:
    returned = with_accounts(*CONFIRMED, ("b1", CLOSE), ("d1", RETURN))
    assert returned.publications["2021"].confirmed == {}
    refused(decider, returned, CLOSE, "IKU-1, IKU-3", context=account("b1"))


def test_closer_reviewer_and_publisher_are_three_persons() -> None:
    """ASVS 2.3.5."""
    closed = with_accounts(*CONFIRMED, ("b1", CLOSE))
    # Another account of the same person.
    refused(decider, closed, REVIEW, "closed by b1", "b2", context=account("b2"))
    reviewed = with_accounts(*CONFIRMED, ("b1", CLOSE), ("e1", REVIEW))
    for person, words in (("b2", "closed by b1"), ("e2", "reviewed by e1")):
        refused(decider, reviewed, RELEASE, words, context=account(person))
    published = recorded(decider, reviewed, RELEASE, account("f1"))
    assert state(published) is PublicationState.PUBLISHED


def test_one_person_may_take_two_steps_where_the_policy_only_records_it() -> None:
    closed = with_accounts(*CONFIRMED, ("b1", CLOSE))
    alone = structs.replace(account("b1"), two_persons=False)
    reviewed = recorded(decider, closed, REVIEW, alone)
    assert state(recorded(decider, reviewed, RELEASE, alone)) is (
        PublicationState.PUBLISHED
    )


def test_where_nobody_names_an_actor_one_may_take_all_steps() -> None:
    of = year(DRAFT, CLOSE, REVIEW, RELEASE, actor="lokal")
    assert state(of) is PublicationState.PUBLISHED


def test_a_confirmation_names_its_indicator_and_no_other_step_does() -> None:
    nameless = take(NextStep(type=StepType.CONFIRMED, reason="Sesuai"))
    refused(decider, year(DRAFT), nameless, "indicator is missing")
    named = take(NextStep(type=StepType.REVIEWED, reason="x", indicator="IKU-1"))
    refused(decider, year(DRAFT, CLOSE), named, "indicator is only allowed")
