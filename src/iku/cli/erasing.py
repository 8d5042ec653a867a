"""`iku erase`: forget a subject, by a decision that stays."""

from datetime import datetime

import click
from msgspec import Struct

from iku import erasing
from iku.cli import tables, terminal
from iku.cli.edge import Failed
from iku.domain.decider import subject_id
from iku.domain.erasure import Erased
from iku.domain.fact import Line
from iku.exchange import formats
from iku.handling import Command

LINE = terminal.Words("text", Line, 500)


class Erasure(Struct, frozen=True):
    """What was erased, for programs."""

    subject: str
    texts: int
    decision: str
    legal_basis: str
    position: int
    recorded_at: datetime


@click.command(short_help="Erase all texts of a person or of a case.")
@click.argument("subject")
@click.option("--decision", type=LINE, required=True, help="Number of the decision.")
@click.option("--legal-basis", type=LINE, required=True, help="What it rests on.")
@click.option("--effective-on", type=terminal.Day(), help="Its day.")
@terminal.actor
@terminal.as_json
def erase(subject: str, actor: str, *, json: bool, **decided: object) -> None:
    """Erase all texts of SUBJECT, and their keys, for good.

    SUBJECT is a person's identifier, as a history gives it, or a whole case or
    organisation, such as conflict-K14. Decision and legal basis stay in clear.
    """
    subject = subject_id(subject)
    erased = Erased(**decided)  # type: ignore[arg-type] # click has read them

    async def work() -> Erasure:
        async with (
            terminal.house(terminal.settings()) as house,
            house.pool.acquire() as connection,
        ):
            known = await erasing.look(house.office, connection, subject)
            command = Command("subject", subject, erased, actor)
            outcome = await erasing.erase(house.office, connection, command)
        if not outcome.added:
            raise Failed(f"{erased.decision} was carried out for {subject} before")
        return Erasure(
            subject=subject,
            texts=sum(one.count for one in known.held),
            decision=erased.decision,
            legal_basis=erased.legal_basis,
            position=outcome.receipt.position,
            recorded_at=outcome.receipt.recorded_at,
        )

    done = terminal.run(work())
    if json:
        terminal.emit(done)
    else:
        tables.say(
            f"{subject}: {formats.number(done.texts)} teks dihapus menurut "
            f"{done.decision} ({done.legal_basis}); dicatat pada posisi "
            f"{formats.number(done.position)}."
        )
