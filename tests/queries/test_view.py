"""All texts shown to users pass through the view of the reader."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from msgspec import json

from iku.domain import conflict, fact
from iku.domain.conflict import Category, Dimension
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Person
from iku.domain.question import Question
from iku.domain.withheld_text import Withheld, WithheldReason
from iku.language import Language
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.queries import (
    definition_comparison,
    event_history,
    explanation,
    figure_difference,
    lists,
    search,
    subjects,
    text_check,
)
from iku.queries.comparison_questions import ComparisonRequest
from iku.queries.explanation import SubjectFilter
from iku.queries.figure_difference import ComparedQuestions
from iku.queries.figure_parameters import Moment
from iku.queries.list_questions import ConflictsQuestion
from iku.queries.search import Search
from iku.queries.text_check import TextScope
from iku.queries.view import LOCAL, View, Viewer
from iku.text_reading import Event, Fate
from iku.vault import sealing
from iku.vault.sealing import TextLocation
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
    self: View, recorded: Sequence[Recorded], _fields: object = None
) -> Mapping[Event, Mapping[str, Fate]]:
    """A reader of texts that withholds all, as for a viewer without privileges."""
    return {
        (one.stream, one.version): dict.fromkeys(
            one.body().text, Withheld(WithheldReason.LOCKED)
        )
        for one in recorded
        if self.viewer.name == LOCAL.name
    }


async def answers(world: World) -> dict[str, Any]:
    """The answers of each query that shows texts."""
    view, figures, today = world.view, world.app.figures, world.today
    tried = ComparisonRequest(ASKED, (1,), None, None, 50)
    earlier = Question("IKU-1", date(2020, 12, 31))
    found = lists.listing(view, ConflictsQuestion(as_of=AS_OF), today)
    size = await world.size()
    return {
        "list": await found,
        "sought": await search.page(
            view, Search(category="conflict", as_of=AS_OF, text="rahasia")
        ),
        "case": await subjects.state(view, "conflict", "K01", Moment(AS_OF)),
        "history": await event_history.history(view, "conflict", "K01"),
        "explanation": await explanation.page(view, ASKED, SubjectFilter()),
        "difference": await figure_difference.compute_difference(
            view, figures, ComparedQuestions(ASKED, earlier), today
        ),
        "comparison": await definition_comparison.compare(view, tried, today),
        "opened": [
            (one.field, str(one.outcome))
            async for one in text_check.check_texts(
                view, TextScope(size), lambda *_: None
            )
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
    monkeypatch.setattr(View, "outcomes", masked)
    hidden = await answers(world)
    for name, one in hidden.items():
        assert TITLE.encode() not in json.encode(one), name
        assert b"Siti" not in json.encode(one), name
    assert not hidden["sought"].items
    assert hidden["list"].items[0]["title"] == "terkunci"


async def test_events_that_were_read_are_not_read_again_for_their_texts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.do("conflict", "K01", REPORTED)
    recorded = await log.read_stream(world.view.reader, "conflict-K01")
    [reported] = recorded
    sealed = fact.decode_recorded(reported, DECIDERS["conflict"].event_type).title
    assert await world.view.reveal((sealed,)) == (TITLE,)

    async def refuse(_reader: object, events: Iterable[object]) -> list[Recorded]:
        assert not [*events]
        return []

    monkeypatch.setattr(log, "read_events", refuse)
    assert await world.view.reveal((sealed,), recorded) == (TITLE,)


async def test_a_list_decrypts_only_the_texts_that_it_shows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.do("conflict", "K01", REPORTED)
    opened, unseal = list[str](), sealing.unseal

    def counted(place: TextLocation, *sealed: Any) -> Any:
        opened.append(place.field)
        return unseal(place, *sealed)

    monkeypatch.setattr(sealing, "unseal", counted)
    question = ConflictsQuestion(as_of=AS_OF, number="K01")
    found = await lists.listing(world.view, question, AS_OF, ("title",))
    assert found.items[0]["title"] == TITLE
    assert opened == ["title"]  # not the reporter


async def test_who_asks_is_the_local_user_while_there_are_no_accounts(
    world: World,
) -> None:
    assert world.view.viewer == LOCAL
    assert LOCAL.name == "lokal"


async def test_the_words_in_place_of_a_text_are_in_the_viewers_language(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.do("conflict", "K01", REPORTED)
    monkeypatch.setattr(View, "outcomes", masked)
    english = world.view._replace(viewer=Viewer("lokal", Language.ENGLISH))
    for view, word in ((world.view, "terkunci"), (english, "locked")):
        seen = await subjects.state(view, "conflict", "K01", Moment(AS_OF))
        history = await event_history.history(view, "conflict", "K01")
        found = await explanation.page(view, ASKED, SubjectFilter())
        assert seen.shown["title"] == word
        assert history[0].text["title"] == word
        assert found.items[0].title == word
