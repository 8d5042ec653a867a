"""The register's next numbers: K2026-00014, O2026-00003.

Whoever enters something at the same moment draws together, in one query: each alone
would take a connection for it, and keep others from theirs.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from iku.ledger.log import Condition, Reader

LETTERS = {"conflict": "K", "organisation": "O"}


class Draw(NamedTuple):
    """What a number is drawn for.

    Attributes:
        condition: What must still hold, or none is drawn; None: nothing.
    """

    category: str
    year: int
    condition: Condition | None = None


class _Waiting(NamedTuple):
    draw: Draw
    reader: Reader
    drawn: "asyncio.Future[str | None]"


class Numbers:
    """Where the numbers of one process are drawn."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._drawing: asyncio.Task[None] | None = None

    async def next(self, reader: Reader, draw: Draw) -> str | None:
        """The next number; None, and none is used up, where its condition is broken.

        Raises what *reader* does, or that of somebody who draws at the same moment.
        """
        drawn: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(draw, reader, drawn))
        if self._drawing is None:
            # A task of its own: whoever came first may leave, and the others wait on.
            self._drawing = asyncio.create_task(self._run())
        return await drawn

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # whoever was woken together draws together
            waiting, self._waiting = self._waiting, []
            await _settle(waiting)
        self._drawing = None


async def _settle(waiting: Sequence[_Waiting]) -> None:
    # Who has left since uses up no number.
    waiting = [one for one in waiting if not one.drawn.done()]
    if not waiting:
        return
    try:
        numbers = await numbers_for(waiting[0].reader, [one.draw for one in waiting])
    except Exception as error:  # noqa: BLE001 - handed to those who asked
        for one in waiting:
            if not one.drawn.done():
                one.drawn.set_exception(error)
        return
    for one, number in zip(waiting, numbers, strict=True):
        if not one.drawn.done():
            one.drawn.set_result(number)


async def numbers_for(reader: Reader, draws: Sequence[Draw]) -> list[str | None]:
    """The next number for each of *draws*; None where its condition is broken."""
    rests = [
        (place, category, draw.condition.after)
        for place, draw in enumerate(draws, start=1)
        if draw.condition is not None
        for category in draw.condition.categories
    ]
    rows = await reader.fetch(
        """
        select d.place - 1 as place, nextval(('numbering.' || d.category)::regclass)
          from (select u.category, u.place
                  from unnest($1::text[]) with ordinality as u (category, place)
                 where not exists (
                         select
                           from unnest($2::bigint[], $3::text[], $4::bigint[])
                                as c (place, category, after)
                          where c.place = u.place
                            and exists (
                                  select
                                    from ledger.event e
                                   where split_part(e.stream, '-', 1) = c.category
                                     and e.position > c.after
                                  offset 0
                                )
                       )
                 order by u.place -- who came first gets the lower one
               ) d
        """,
        [draw.category for draw in draws],
        [place for place, _, _ in rests],
        [category for _, category, _ in rests],
        [after for _, _, after in rests],
    )
    drawn: dict[int, int] = {row["place"]: row["nextval"] for row in rows}
    return [
        f"{LETTERS[draw.category]}{draw.year}-{drawn[place]:05}"
        if place in drawn
        else None
        for place, draw in enumerate(draws)
    ]
