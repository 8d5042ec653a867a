"""The history of a subject: the fields that each event replaced, and its movements."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from iku import text_reading
from iku.domain import conflict
from iku.domain.fact import Annulled
from iku.domain.question import Question
from iku.ledger.record import Recorded
from iku.queries import event_history
from iku.queries.event_history import EventView, Movement, ReplacedValue
from tests.registers.world import World

CASE = "K9001"
MARCH, MAY = date(2021, 3, 1), date(2021, 5, 5)
PHASE = next(iter(conflict.Phase))


async def record(world: World, *facts: Any) -> None:
    for fact in facts:
        assert (await world.do("conflict", CASE, fact)).added


async def test_each_event_says_what_it_replaced_and_moved(world: World) -> None:
    await record(
        world,
        conflict.Reported(
            category=conflict.Category.SARA,
            dimension=conflict.Dimension.AGAMA,
            title="Perselisihan",
            effective_on=MARCH,
        ),
        conflict.Verified(effective_on=MARCH),
        conflict.Resolved(effective_on=MAY, manner=conflict.Manner.ISLAH),
        conflict.Corrected(
            corrects=3, manner=conflict.Manner.MEDIASI, reason="Salah catat"
        ),
        Annulled(annuls=3, reason="Belum ditandatangani"),
    )
    events = await world.history("conflict", CASE)
    assert [event.type for event in events] == [
        *("reported", "verified", "resolved", "corrected", "annulled")
    ]
    assert [event.replaced for event in events] == [
        *((), (), ()),
        (ReplacedValue(3, "manner", "islah", "mediasi"),),
        (
            ReplacedValue(3, "effective_on", "2021-05-05", None),
            ReplacedValue(3, "manner", "mediasi", None),
        ),
    ]
    first = [
        [m for m in event.movements if (m.indicator, m.definition) == ("IKU-3", 1)]
        for event in events
    ]
    is_open = Movement("IKU-3", 1, MARCH, None, "agama", "", 0, 1, 0)
    left = Movement("IKU-3", 1, MAY, None, "agama", "", 0, -1, 0)
    closed = Movement("IKU-3", 1, MAY, MAY, "agama", "", 1, 1, 0)
    back = Movement("IKU-3", 1, MAY, None, "agama", "", 0, 1, 0)
    reversed_ = Movement("IKU-3", 1, MAY, MAY, "agama", "", -1, -1, 0)
    assert first == [[], [is_open], [left, closed], [], [back, reversed_]]
    # Also under the other definition, which counts this case, too.
    assert {m.definition for e in events for m in e.movements} == {1, 2}


async def test_the_movements_of_all_subjects_make_the_figures(world: World) -> None:
    rows = await world.connection.fetch(
        "select split_part(stream, '-', 1), substr(stream, strpos(stream, '-') + 1) "
        "from ledger.stream where stream ~ '^(conflict|organisation)-'"
    )
    moved: Counter[tuple[str, int, str]] = Counter()
    for category, subject in rows:
        for event in await world.history(category, subject):
            for movement in event.movements:
                if movement.effective_on > date(2022, 12, 31):
                    continue
                if movement.since is None or movement.since >= date(2022, 1, 1):
                    of = (movement.indicator, movement.definition)
                    moved[*of, "numerator"] += movement.numerator
                    moved[*of, "denominator"] += movement.denominator
    for code, version in {(code, version) for code, version, _ in moved}:
        question = Question(code, date(2022, 12, 31), definition=version)
        figure = await world.figure(question)
        for name in ("numerator", "denominator"):
            assert moved[code, version, name] == getattr(figure, name)


async def test_of_a_subject_that_is_unknown_there_is_no_history(world: World) -> None:
    assert await world.history("conflict", "X1") == ()


async def pages(world: World, case: str, limit: int) -> tuple[EventView, ...]:
    """The history of *case* in pages; a page decrypts only the texts that it shows."""
    events: tuple[EventView, ...] = ()
    after: int | None = 0
    while after is not None:
        page = await event_history.page(
            world.view,
            "conflict",
            case,
            after=after,
            limit=limit,
        )
        assert 1 <= len(page.events) <= limit
        events += page.events
        after = page.next
    return events


async def test_the_pages_of_a_history_are_the_history(world: World) -> None:
    await record(
        world,
        conflict.Reported(
            category=conflict.Category.SARA,
            dimension=conflict.Dimension.AGAMA,
            title="Perselisihan",
            reference="LP/1",
            effective_on=MARCH,
        ),
        conflict.Verified(effective_on=MARCH, note="Hasil klarifikasi"),
        conflict.Corrected(corrects=1, title="Perselisihan warga", reason="Salah"),
        conflict.Resolved(effective_on=MAY, manner=conflict.Manner.ISLAH),
        conflict.Corrected(corrects=1, title="Perselisihan", reason="Benar"),
        Annulled(annuls=3, reason="Keliru"),
        Annulled(annuls=2, reason="Belum diverifikasi"),
    )
    whole = await world.history("conflict", CASE)
    assert [len(event.replaced) for event in whole] == [0, 0, 1, 0, 1, 0, 2]
    assert whole[2].replaced == (
        ReplacedValue(1, "title", "Perselisihan", "Perselisihan warga"),
    )
    for limit in (1, 2, 3, 6, 7, 8):
        assert await pages(world, CASE, limit) == whole


async def test_a_page_opens_only_the_texts_that_it_shows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(
        world,
        conflict.Reported(
            category=conflict.Category.SARA,
            dimension=conflict.Dimension.AGAMA,
            title="Perselisihan",
            effective_on=MARCH,
        ),
        *(
            conflict.Handled(effective_on=MARCH, phase=PHASE, note=f"Rapat ke-{n}")
            for n in range(6)
        ),
        conflict.Corrected(corrects=3, note="Rapat lain", reason="Salah catat"),
    )
    opened: list[int] = []
    read = text_reading.outcomes

    async def fates(
        reader: Any, vault: Any, recorded: Sequence[Recorded], fields: Any
    ) -> Any:
        opened.extend(one.version for one in recorded)
        return await read(reader, vault, recorded, fields)

    monkeypatch.setattr(text_reading, "outcomes", fates)
    page = await event_history.page(world.view, "conflict", CASE, after=6, limit=50)
    assert opened == [3, 7, 8]
    assert page.events[1].replaced == (
        ReplacedValue(3, "note", "Rapat ke-1", "Rapat lain"),
    )
