"""Build the append request for a decision.

The free text of an event is separated here: the record gets commitments, and the vault
gets the sealed texts.
"""

from collections.abc import Iterator

from msgspec import structs

from iku.commands.command import (
    Command,
    with_subject,
)
from iku.commands.decision import CommandDecision, SubjectChange
from iku.domain import (
    fact,
    subject_kinds,
)
from iku.domain.decider import (
    Transition,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.numbering import NumberSeries
from iku.ledger import uuid7
from iku.ledger.log import (
    AppendRequest,
    StreamPart,
    UnnumberedRequest,
)
from iku.ledger.record import Commitment, NewEvent
from iku.vault import sealing
from iku.vault.sealing import Secret, TextLocation


def request(command: Command, decided: CommandDecision, body: bytes) -> AppendRequest:
    """The request that appends the *decided* events."""
    before = decided.before
    own = SubjectChange(
        command.category, command.subject, decided.events, before, decided.after
    )
    approval = () if decided.approval is None else (decided.approval,)
    parts: list[StreamPart] = []
    turns: list[Transition] = []
    secrets: list[Secret] = []
    # The command's own subject comes last: its last event gets the receipt.
    for changed in (*approval, *decided.others, own):
        part, sealed = _stream_part(command, changed)
        parts.append(part)
        secrets += sealed
        turns += _transitions(changed)
    if command.file is not None:
        place = TextLocation(command.stream, before.version + 1, "file", command.stream)
        key = sealing.secret(place, command.file.key.hex())
        secrets.append(structs.replace(key, file=command.file.name))
    return AppendRequest(
        parts=tuple(parts),
        command_id=command.command_id or uuid7.uuid7(),
        body=body,
        actor=decided.actor,
        known_on=command.known_on,
        premises=decided.premises,
        conditions=decided.conditions,
        attachments=tuple(turns),
        secrets=tuple(secrets),
    )


def _stream_part(
    command: Command, changed: SubjectChange
) -> tuple[StreamPart, list[Secret]]:
    """The events to append to the stream of one subject, and their texts."""
    stream = DECIDERS[changed.category].stream(changed.subject)
    version = changed.before.version
    parted = [
        _split_texts(event, stream, place, fact.text_owner(event, command.stream))
        for place, event in enumerate(changed.events, version + 1)
    ]
    part = StreamPart(stream, version, tuple(draft for draft, _ in parted))
    return part, [secret for _, of in parted for secret in of.values()]


def _transitions(changed: SubjectChange) -> Iterator[Transition]:
    """The transition of the subject at each event, in order."""
    category, evolve = changed.category, DECIDERS[changed.category].evolve
    state = changed.before.state
    for event in changed.events[:-1]:
        state, before = evolve(state, event), state
        yield Transition(category, changed.subject, before, state)
    # The last state keeps the values that the decision derived from it.
    yield Transition(category, changed.subject, state, changed.after)


def unnumbered_request(
    command: Command, decided: CommandDecision, body: bytes, drawn: list[str]
) -> UnnumberedRequest:
    """The request that creates a subject under the next automatic number.

    Each number tried is added to *drawn*; the last one is the recorded number.
    """
    (opening,) = decided.events
    named_by = command.command_id or uuid7.uuid7()
    asked = structs.replace(command, command_id=named_by)

    def named(subject: str, number: str) -> AppendRequest:
        begun = with_subject(asked, subject, number)
        drawn.append(number)
        if begun.proposed is opening:
            return request(begun, decided, body)
        after = DECIDERS[command.category].fold([begun.proposed])
        changed = decided._replace(events=[begun.proposed], after=after)
        return request(begun, changed, body)

    return UnnumberedRequest(
        category=command.category,
        command_id=str(asked.command_id),
        series=NumberSeries(
            command.category,
            subject_kinds.counted_kind(command.category).letter,
            opening.effective_on.year,
        ),
        named=named,
        premises=decided.premises,
        conditions=decided.conditions,
    )


def _split_texts(
    event: fact.Fact, stream: str, version: int, owner: str
) -> tuple[NewEvent, dict[str, Secret]]:
    """The record content of *event*, and the texts that it holds as commitments.

    A text belongs to the person that it names, or else to *owner*.
    """
    written = fact.encode(event)
    secrets = {
        name: sealing.secret(
            TextLocation(stream, version, name, text.person or owner), text.plain
        )
        for name, text in written.text.items()
    }
    committed = {
        name: Commitment(secret.commitment, secret.place.subject)
        for name, secret in secrets.items()
    }
    draft = NewEvent(
        written.type, written.effective_on, written.data, committed, written.schema
    )
    return draft, secrets
