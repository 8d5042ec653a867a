"""Subjects: the stored texts of a person or of a whole case, and their erasure."""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from iku.app import App
from iku.commands import text_erasure
from iku.connection import PooledReader
from iku.domain.access import Action
from iku.domain.decider import Refused
from iku.domain.erasure import Erased
from iku.domain.fact import Fact, Line
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.messages import message
from iku.queries import erasures
from iku.vault.store import StoredTextCount
from iku.web.authentication import Caller
from iku.web.commands import receipt_response
from iku.web.routes import get, post

TAGS = ["Subjects"]


class SubjectPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below a subject."""

    subject_id: Annotated[
        str,
        Meta(
            description="Identifier of a person, as a history gives it; or of the "
            "texts of a whole case or organisation, such as conflict-K14."
        ),
    ]


class Erasure(Fact, frozen=True):
    """The decision to erase all texts of a subject.

    Attributes:
        decision: Number of the decision. It is stored in clear text: do not name a
            person in it.
        legal_basis: Legal basis of the decision, such as an article of UU 27/2022.
        effective_on: Day of the decision.
    """

    decision: Line
    legal_basis: Line
    effective_on: date | None = None

    def to_event(self) -> Erased:
        """The event `Erased` to record."""
        return Erased(**{n: getattr(self, n) for n in Erased.__struct_fields__})


class ShownErasure(Struct, frozen=True):
    """An erasure decision that has been carried out.

    Attributes:
        position: Position of the event in the log; the texts recorded before it are
            erased.
    """

    decision: str
    legal_basis: str
    effective_on: date | None
    position: int
    recorded_at: datetime


class ErasableSubject(Struct, frozen=True):
    """An inventory of the stored texts of a subject, without the texts themselves.

    Attributes:
        texts: Number of texts.
        held: The number of texts in each stream and field.
        erasures: Erasure decisions that were carried out, oldest first.
    """

    id: str
    texts: int
    held: tuple[StoredTextCount, ...]
    erasures: tuple[ShownErasure, ...]


@get(
    "/subjects/{subject_id:str}",
    Action.ERASE,
    operation_id="getSubject",
    summary="Count the stored texts of a subject",
    tags=TAGS,
)
async def show(question: SubjectPath, app: App, caller: Caller) -> ErasableSubject:
    """The number of stored texts of the subject, by stream and field; not the texts."""
    view = app.view(PooledReader(app), caller.viewer)
    known = await erasures.stored_texts(view, question.subject_id)
    return ErasableSubject(
        id=question.subject_id,
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
    summary="Erase the texts of a subject",
    tags=TAGS,
)
async def erase(
    about: SubjectPath, command: Erasure, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Destroys every text of the subject, and its keys, permanently.

    No figure, history or proof changes. In place of an erased text, the decision is
    shown.
    """
    app, subject = command_gateway.app, about.subject_id
    proposed = command_gateway.command("subject", subject, command.to_event())
    outcome = await text_erasure.erase(app.commands, PooledReader(app), proposed)
    if not outcome.added:
        raise Refused(
            message(
                "decision {decision} was already carried out for {subject}",
                decision=command.decision,
                subject=subject,
            )
        )
    return receipt_response(outcome, receipt(outcome), f"/api/v1/subjects/{subject}")


HANDLERS: list[Any] = [show, erase]
