"""The state of a subject on a day, its history, and consistent pages."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict, organisation
from iku.domain.conflict import Category, Dimension
from iku.domain.decider import SubjectNotFound
from iku.domain.fact import Annulled
from iku.domain.organisation import LegalBasis, OrganisationKind
from iku.domain.question import InvalidQuestion
from iku.queries import lists, subjects
from iku.queries.figure_parameters import Moment
from iku.queries.list_questions import (
    ConflictsQuestion,
    ListQuestion,
    OrganisationsQuestion,
)
from tests.registers.world import World

# In a year without events in the filled register.
AS_OF = date(2001, 12, 31)
MARCH, MAY = date(2001, 3, 1), date(2001, 5, 3)
CASES = ConflictsQuestion(as_of=AS_OF, limit=1)


async def report(world: World, number: str) -> None:
    reported = conflict.Reported(
        category=Category.SARA,
        dimension=Dimension.SUKU,
        title=f"Sengketa {number}",
        effective_on=MARCH,
    )
    await world.do("conflict", number, reported)


@pytest.fixture
async def reported(world: World) -> World:
    for number in ("K01", "K03", "K05"):
        await report(world, number)
    return world


async def rest(
    world: World, asked: ListQuestion, cursor: str | None
) -> AsyncIterator[Any]:
    while cursor is not None:
        question = structs.replace(asked, cursor=cursor)
        page = await lists.listing(world.view, question, world.today)
        for item in page.items:
            yield item
        cursor = page.next


async def test_pages_of_a_list_are_parts_of_one_list_while_others_write(
    reported: World,
) -> None:
    first = await lists.listing(reported.view, CASES, reported.today)
    await report(reported, "K04")
    await reported.do("conflict", "K05", Annulled(annuls=1, reason="Keliru"))
    others = [one async for one in rest(reported, CASES, first.next)]
    assert [one["id"] for one in (*first.items, *others)] == ["K01", "K03", "K05"]
    assert [one["status"] for one in others] == ["open", "open"]


async def test_a_cursor_goes_on_in_its_own_list_only(reported: World) -> None:
    for number in ("O1", "O2"):
        registered = organisation.Registered(
            kind=OrganisationKind.LSM,
            name=f"LSM {number}",
            legal_basis=LegalBasis.NONE,
            effective_on=MARCH,
        )
        await reported.do("organisation", number, registered)
    view, today = reported.view, reported.today
    of_cases = (await lists.listing(view, CASES, today)).next
    everyone = OrganisationsQuestion(as_of=AS_OF, limit=1)
    of_organisations = (await lists.listing(view, everyone, today)).next
    await reported.do("conflict", "K01", conflict.Verified(effective_on=MAY))
    page = await subjects.history(view, "conflict", "K01", None, 1)
    assert len({of_cases, of_organisations, page.next}) == 3
    for cursor in (of_organisations, page.next):
        with pytest.raises(
            InvalidQuestion, match="must be the value of next from an earlier page"
        ):
            await lists.listing(view, structs.replace(CASES, cursor=cursor), today)
    for cursor in (of_cases, of_organisations):
        with pytest.raises(
            InvalidQuestion, match="must be the value of next from an earlier page"
        ):
            await subjects.history(view, "conflict", "K01", cursor, 1)
    asked = ConflictsQuestion(as_of=MAY, limit=1, cursor=of_cases)
    with pytest.raises(InvalidQuestion, match=f"as of {AS_OF}, but as_of is {MAY}"):
        await lists.listing(view, asked, today)


async def test_a_subject_is_shown_as_it_was_known(reported: World) -> None:
    size = await reported.size()
    await reported.do("conflict", "K01", conflict.Verified(effective_on=MAY))
    view = reported.view
    before = await subjects.state(view, "conflict", "K01", Moment(AS_OF, size=size))
    after = await subjects.state(view, "conflict", "K01", Moment(AS_OF))
    assert [(one.shown["verified"], one.version) for one in (before, after)] == [
        (False, 1),
        (True, 2),
    ]
    assert after.shown["title"] == "Sengketa K01"
    for asked, sentence in (
        (Moment(date(2001, 2, 28)), "case K01 did not exist yet on 2001-02-28"),
        (Moment(AS_OF, date(2001, 1, 1)), "case K01 is not known on 2001-01-01"),
    ):
        with pytest.raises(SubjectNotFound, match=sentence):
            await subjects.state(view, "conflict", "K01", asked)
    with pytest.raises(InvalidQuestion, match="but the log has only"):
        await subjects.state(view, "conflict", "K01", Moment(AS_OF, size=10**6))
