"""The whole history of a subject: what each event replaced, and what it moved."""

from datetime import date
from typing import Any

from iku.domain import conflict
from iku.domain.fact import Annulled
from iku.projections.histories import Movement, Replaced
from tests.projections.world import World

CASE = "K9001"
MARCH, MAY = date(2021, 3, 1), date(2021, 5, 5)


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
        (Replaced(3, "manner", "islah", "mediasi"),),
        (
            Replaced(3, "effective_on", "2021-05-05", None),
            Replaced(3, "manner", "mediasi", None),
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
    # Under the other definition, too, which counts this case as well.
    assert {m.definition for e in events for m in e.movements} == {1, 2}


async def test_the_movements_of_all_subjects_are_the_whole_journal(
    world: World,
) -> None:
    rows = await world.connection.fetch(
        "select split_part(stream, '-', 1), substr(stream, strpos(stream, '-') + 1) "
        "from ledger.stream where stream ~ '^(conflict|organisation)-'"
    )
    moved = {"numerator": 0, "denominator": 0, "expired": 0, "rows": 0}
    for category, subject in rows:
        for event in await world.history(category, subject):
            for movement in event.movements:
                moved["rows"] += 1
                for name in ("numerator", "denominator", "expired"):
                    moved[name] += getattr(movement, name)
    (journal,) = await world.connection.fetch(
        """
        select sum(numerator) as numerator, sum(denominator) as denominator,
               sum(expired) as expired, count(*) as rows
          from posting
        """
    )
    assert moved == dict(journal)


async def test_of_a_subject_that_is_unknown_there_is_no_history(world: World) -> None:
    assert await world.history("conflict", "X1") == ()
