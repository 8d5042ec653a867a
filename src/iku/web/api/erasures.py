"""Subjects: what is held of a person or of a case's narrative, and its erasure."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, SkipValidation
from msgspec import Struct

from iku.app import House
from iku.commands import erasing
from iku.domain.decider import Refused
from iku.domain.erasure import Erased
from iku.domain.fact import Fact, Line
from iku.queries import erasures
from iku.vault.store import Lasting
from iku.web.commands import Desk, Receipt, answer, receipt
from iku.web.connection import Reading

TAGS = ["Subjects"]

SubjectId: TypeAlias = Annotated[
    str,
    PathParameter(
        description="Identifier of a person, as a history gives it; or of the texts of "
        "a whole case or organisation, such as conflict-K14."
    ),
]


class Erasure(Fact, frozen=True):
    """The decision to erase all texts of a subject.

    Attributes:
        decision: Its number. It stays in clear: name nobody.
        legal_basis: What it rests on, such as an article of UU 27/2022.
        effective_on: Its day.
    """

    decision: Line
    legal_basis: Line
    effective_on: date | None = None

    def fact(self) -> Erased:
        """The fact to be recorded."""
        return Erased(**{n: getattr(self, n) for n in Erased.__struct_fields__})


class ShownErasure(Struct, frozen=True):
    """A decision that was carried out.

    Attributes:
        position: In the log; it erased what was recorded before.
    """

    decision: str
    legal_basis: str
    effective_on: date | None
    position: int
    recorded_at: datetime


class Subject(Struct, frozen=True):
    """What is held of a subject, without any of its texts.

    Attributes:
        texts: How many texts.
        held: Where they are and of what kind.
        erasures: Decisions that were carried out, the first first.
    """

    id: str
    texts: int
    held: tuple[Lasting, ...]
    erasures: tuple[ShownErasure, ...]


@get(
    "/subjects/{subject_id:str}",
    operation_id="getSubject",
    summary="See what is held of a subject",
    tags=TAGS,
)
async def show(
    subject_id: SubjectId, house: NamedDependency[SkipValidation[House]]
) -> Subject:
    """In which histories texts of the subject are, and how many; never the texts."""
    known = await erasures.look(house.view(Reading(house)), subject_id)
    return Subject(
        id=subject_id,
        texts=sum(one.count for one in known.held),
        held=tuple(known.held),
        erasures=tuple(
            ShownErasure(
                decision=erased.decision,
                legal_basis=erased.legal_basis,
                effective_on=erased.effective_on,
                position=recorded.position,
                recorded_at=recorded.recorded_at,
            )
            for recorded, erased in known.erasures
        ),
    )


@post(
    "/subjects/{subject_id:str}/erasure",
    operation_id="eraseSubject",
    summary="Erase a subject",
    tags=TAGS,
)
async def erase(
    subject_id: SubjectId,
    data: JSONBody[Erasure],
    change: NamedDependency[SkipValidation[Desk]],
) -> Response[Receipt]:
    """Destroys every text of the subject, and its keys, for good.

    No figure, history or proof changes: where a text was, the decision is named.
    """
    house = change.house
    command = change.command("subject", subject_id, data.fact())
    outcome = await erasing.erase(house.office, Reading(house), command)
    if not outcome.added:
        raise Refused(f"{data.decision} was carried out for {subject_id} before")
    return answer(outcome, receipt(outcome), f"/api/v1/subjects/{subject_id}")


HANDLERS: list[Any] = [show, erase]
