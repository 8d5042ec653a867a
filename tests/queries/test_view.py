"""Every text that people read comes from one place, by the view of whoever asks."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from msgspec import json

from iku.domain import conflict
from iku.domain.conflict import Category, Dimension
from iku.domain.fact import Person
from iku.domain.question import Question
from iku.domain.withheld import Why, Withheld
from iku.ledger.record import Recorded
from iku.queries import (
    comparing,
    differences,
    explanation,
    histories,
    lists,
    opening,
    search,
    subjects,
)
from iku.queries.differences import Compared
from iku.queries.explanation import Wanted
from iku.queries.opening import Scope
from iku.queries.parameters import At
from iku.queries.registers import ConflictsQuestion
from iku.queries.search import Search
from iku.queries.tried import Tried
from iku.queries.view import LOCAL, View
from iku.texts import Event, Fate
from tests.registers.world import World

TITLE = "Sengketa rahasia"
AS_OF = date(2021, 12, 31)
ASKED = Question("IKU-1", AS_OF)
REPORTED = conflict.Reported(
    category=Category.IPOLEKSOSBUD,
    dimension=Dimension.SOSIAL,
    title=TITLE,
    reporter=Person("Siti"),
    effective_on=date(2021, 3, 1),
)


async def masked(
    self: View, recorded: Sequence[Recorded]
) -> Mapping[Event, Mapping[str, Fate]]:
    """No text of any event, as a viewer without the right to read them has it."""
    return {
        (one.stream, one.version): dict.fromkeys(one.body().text, Withheld(Why.LOCKED))
        for one in recorded
        if self.viewer == LOCAL
    }


async def answers(world: World) -> dict[str, Any]:
    """What each query that shows texts answers."""
    view, figures, today = world.view, world.house.figures, world.today
    tried = Tried(ASKED, (1,), None, None, 50)
    earlier = Question("IKU-1", date(2020, 12, 31))
    found = lists.listing(view, ConflictsQuestion(as_of=AS_OF), today)
    size = await world.size()
    return {
        "list": await found,
        "sought": await search.page(
            view, Search(category="conflict", as_of=AS_OF, text="rahasia")
        ),
        "case": await subjects.standing(view, "conflict", "K01", At(AS_OF)),
        "history": await histories.history(view, "conflict", "K01"),
        "explanation": await explanation.page(view, ASKED, Wanted()),
        "difference": await differences.answer(
            view, figures, Compared(ASKED, earlier), today
        ),
        "comparison": await comparing.compare(view, tried, today),
        "opened": [
            (one.field, str(one.fate))
            async for one in opening.held_texts(view, Scope(size), lambda *_: None)
        ],
    }


async def test_a_text_that_the_view_masks_is_in_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.do("conflict", "K01", REPORTED)
    await world.do("conflict", "K01", conflict.Verified(effective_on=AS_OF))
    plain = await answers(world)
    shown = {n for n, one in plain.items() if TITLE.encode() in json.encode(one)}
    assert shown == {"list", "case", "history", "explanation", "difference", "opened"}
    assert plain["sought"].items
    monkeypatch.setattr(View, "fates", masked)
    hidden = await answers(world)
    for name, one in hidden.items():
        assert TITLE.encode() not in json.encode(one), name
        assert b"Siti" not in json.encode(one), name
    assert not hidden["sought"].items
    assert hidden["list"].items[0]["title"] == Why.LOCKED.word


async def test_who_asks_is_the_local_user_while_there_are_no_accounts(
    world: World,
) -> None:
    assert world.view.viewer == LOCAL
    assert LOCAL.name == "lokal"
