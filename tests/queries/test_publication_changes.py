"""Changes after publication, for all categories of events."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct

import iku_verify
from iku.commands.command import Command
from iku.domain import (
    access_policy,
    account,
    conflict,
    continuation,
    erasure,
    import_permission,
    indicator,
    organisation,
    paper,
    paper_data,
    proposal,
    scale,
    subject_kinds,
)
from iku.domain.cause import Cause
from iku.domain.decider import Decider, DecisionContext
from iku.domain.decider_registry import DECIDERS, OTHERS
from iku.domain.fact import Annulled, Fact, Line, Person, TargetStream
from iku.domain.indicator import Redefinition, Revision, Targeted
from iku.domain.period import Kind
from iku.domain.publication import Draft, Drafted
from iku.domain.question import SCALE, Question
from iku.exchange import bundle
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.projections.rebuild import rebuild
from iku.queries import event_history, explanation, figure_difference
from iku.queries.figure_difference import ComparedQuestions
from iku.queries.series import SeriesRange, series
from tests.queries.test_publications import changed, publish
from tests.registers.filled import owner_of
from tests.registers.world import CODES, World

INSIDE = date(2021, 8, 17)
YEAR_END = date(2021, 12, 31)
PERSON = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"


class Opened(Fact, frozen=True, tag="opened"):
    """An event of a new category."""

    effective_on: date
    note: Line


class Toy(Struct, frozen=True):
    """The state of a toy subject."""

    history: tuple[Opened, ...]


def _evolve(toys: Toy | None, event: Opened) -> Toy:
    return Toy((*(toys.history if toys else ()), event))


def _decide(command: Opened, _toys: Toy | None, _at: DecisionContext) -> list[Opened]:
    return [command]


toy: Decider[Toy, Opened] = Decider(
    "toy", Opened, _decide, _evolve, moves_figures=False
)

# An event of each category, dated within the closed year.
EVENTS: dict[str, tuple[str, Any]] = {
    "conflict": (
        "K900",
        conflict.Reported(
            category=conflict.Category.SARA,
            dimension=conflict.Dimension.AGAMA,
            title="Terlambat",
            effective_on=INSIDE,
        ),
    ),
    "organisation": (
        "O900",
        organisation.Registered(
            kind=organisation.OrganisationKind.LSM,
            name="Terlambat",
            legal_basis=organisation.LegalBasis.BADAN_HUKUM,
            effective_on=INSIDE,
        ),
    ),
    "indicator": (
        "IKU-2",
        indicator.Targeted(year=2021, target="77", effective_on=INSIDE, basis="PK"),
    ),
    "scale": (
        SCALE,
        scale.Scaled(
            effective_on=INSIDE,
            basis="Perubahan",
            bands=(scale.Band(at_least=Decimal(50), rating="Baik"),),
        ),
    ),
    "publication": (
        "2021",
        Drafted(
            publication="2021-W2",
            effective_on=INSIDE,
            reason="Uji",
            period=Kind.QUARTER,
            as_of=date(2021, 6, 30),
            edition=1,
        ),
    ),
    "ledger": (
        continuation.SUBJECT,
        continuation.Continued(
            effective_on=INSIDE,
            origin="log",
            successor="log/2",
            kept=1,
            root="AAAA",
            lost_to=2,
            signed="log\n2\nAAAA\n",
            approver="Inspektorat",
            reason="Dipulihkan",
        ),
    ),
    "subject": (
        "conflict-K01",
        erasure.Erased(
            decision="1/2021", legal_basis="UU 27/2022", effective_on=INSIDE
        ),
    ),
    "toy": ("ani", Opened(effective_on=INSIDE, note="Dibuka")),
    "proposal": (
        PERSON,
        proposal.Proposed(
            effective_on=INSIDE,
            by="uji",
            target=TargetStream("conflict-K01", 1),
            command=proposal.ProposedCommand("annulled", {"annuls": 1}),
            because="Uji",
        ),
    ),
    "import": ("a" * 64, import_permission.FileAllowed(effective_on=INSIDE)),
    "paper": (
        "lkjip.2021",
        paper.Issued(
            paper="lkjip",
            effective_on=INSIDE,
            digest="a" * 64,
            length=1,
            data_size=1,
            made_with=paper.Toolchain("1", "0.15.2", "b" * 64, "c" * 64),
            publication="2021",
        ),
    ),
    "paper_data": (
        "responsible.IKU-1",
        paper_data.ResponsibleSet(
            effective_on=INSIDE, indicator="IKU-1", responsible_unit="Bidang"
        ),
    ),
    "access": (
        access_policy.SUBJECT,
        access_policy.RightsTableChanged(effective_on=INSIDE, table=1, divisions=()),
    ),
    "account": (
        PERSON,
        account.Invited(
            effective_on=INSIDE, holder=Person("Ani", PERSON), basis="SK/1"
        ),
    ),
}


async def enter(world: World, category: str) -> None:
    """Append the category's event without a decision."""
    subject, event = EVENTS[category]
    command = Command(category, subject, event, "uji")
    # The subject that it is appended to, and the publication that closes the period.
    for stream in (DECIDERS[category].stream(subject), "publication-2021"):
        recorded = await log.read_stream(world.connection, stream)
        if recorded:
            world.continue_from(recorded)
    await world.load([command])


async def test_an_event_of_any_category_may_be_dated_inside_a_closed_period(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OTHERS, toy.category, toy)
    assert EVENTS.keys() == DECIDERS.keys()
    draft = Draft(period=Kind.YEAR, as_of=YEAR_END, reason="Uji")
    of = await publish(world, draft)
    closed, size = await changed(world, of), await world.size()
    for category in EVENTS:
        await enter(world, category)
    page, items = await changed(world, of)
    added = [item for item in items if item.event.position > size]
    moving = {name for name, one in DECIDERS.items() if one.moves_figures}
    assert {item.category for item in added} == moving
    assert moving == {"conflict", "organisation", "indicator", "scale"}
    assert [one.published for one in page.figures] == [
        one.published for one in closed[0].figures
    ]
    await everything_answers(world, size)


async def everything_answers(world: World, size: int) -> None:
    """Run every other reader of the log over these events."""
    connection, figures = world.connection, world.app.figures
    for code in CODES:
        question = Question(code, YEAR_END)
        figure = await world.figure(question)
        assert figure == await world.recount(question)
        earlier = Question(code, YEAR_END, size=size)
        await figure_difference.compute_difference(
            world.view, figures, ComparedQuestions(question, earlier), world.today
        )
        asked = explanation.pin_coordinates(question, figure)
        page = await explanation.page(world.view, asked, explanation.SubjectFilter())
        assert page.counts.denominator <= figure.denominator
        span = SeriesRange(date(2021, 1, 1), YEAR_END)
        found = await series(connection, figures, question, span, world.today)
        assert found.figures[-1] == figure
    for category, (subject, event) in EVENTS.items():
        told = await event_history.history(world.view, category, subject)
        assert told[-1].type == event.__struct_config__.tag
    copies = [
        path async for path, _ in bundle.readable_copies(connection, await world.size())
    ]
    assert "publications/2021.json" in copies
    assert await check_ledger(connection) == []
    register, records = iku_verify.Register(), iku_verify.Records()
    async for one in log.read_log(connection):
        register.add(one.position, records.read(one.position, one.record))
    owner = await owner_of(world.app.database)
    assert await rebuild(owner, lambda _done, _of: None) == []
    await owner.close()


async def redefine(world: World, day: date, threshold: int) -> int:
    """The version in the indicator's stream of a new definition of IKU-2."""
    changed = Redefinition(
        effective_on=day,
        basis="SK",
        reason="Uji",
        participation_threshold=threshold,
    )
    return (await world.do("indicator", "IKU-2", changed)).receipt.version


async def annul(world: World, version: int) -> None:
    gone = Annulled(annuls=version, reason="Salah catat")
    await world.do("indicator", "IKU-2", gone)


async def test_the_definition_in_force_by_now_stands_beside_the_published_one(
    world: World,
) -> None:
    """The effective day is irrelevant; an annulment has none."""
    draft = Draft(period=Kind.QUARTER, as_of=YEAR_END, reason="Uji")
    of = await publish(world, draft)
    page, before = await changed(world, of)
    assert [one.in_force for one in page.figures] == [None, None, None]
    earlier = await redefine(world, date(2021, 8, 1), 1)
    page, items = await changed(world, of)
    assert [one.in_force is None for one in page.figures] == [True, False, True]
    figure = page.figures[1]
    now = figure.in_force
    assert now is not None
    assert (now.cause, now.definition, figure.definition) == (Cause.DEFINITION, 3, 2)
    assert figure.present.numerator == figure.published.numerator
    live = await world.figure(Question("IKU-2", YEAR_END, period=Kind.QUARTER))
    assert (now.number, now.percentage) == (live.number, live.percentage)
    assert now.numerator > figure.present.numerator
    assert now.difference.numerator == now.numerator - figure.present.numerator
    await annul(world, earlier)
    page, items = await changed(world, of)
    assert page.figures[1].in_force is None
    added = items[len(before) :]
    assert [(one.cause, one.event.type) for one in added] == [
        (Cause.DEFINITION, "defined"),
        (Cause.DEFINITION, "annulled"),
    ]
    # A version of a later period does not concern this publication.
    await redefine(world, date(2022, 7, 1), 12)
    assert len((await changed(world, of))[1]) == len(items)


async def test_what_corrects_or_annuls_a_target_is_a_change_of_the_target(
    world: World,
) -> None:
    of = await publish(world, Draft(period=Kind.YEAR, as_of=YEAR_END, reason="Uji"))
    before = len((await changed(world, of))[1])
    early = Targeted(
        year=2021, target="57", effective_on=date(2021, 1, 2), basis="PK", reason="Uji"
    )
    done = await world.do("indicator", "IKU-2", early)
    version = done.receipt.version
    fixed = Revision(corrects=version, target="75", reason="Salah ketik")
    await world.do("indicator", "IKU-2", fixed)
    await annul(world, version)
    page, items = await changed(world, of)
    assert [(one.cause, one.event.type) for one in items[before:]] == [
        (Cause.TARGET, "targeted"),
        (Cause.TARGET, "corrected"),
        (Cause.TARGET, "annulled"),
    ]
    assert page.figures[1].present.target is page.figures[1].published.target is None


def test_all_that_moves_figures_counts_or_says_how_it_is_counted() -> None:
    """Counted kinds name their causes; `changes` names those of other categories."""
    moving = {name for name, one in DECIDERS.items() if one.moves_figures}
    assert moving == {*subject_kinds.categories(), "indicator", "scale"}
