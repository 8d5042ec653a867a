"""Data entry: a form for each command about conflicts and organisations.

The form is derived from the Struct that the API decodes (`entry_fields`). It is sent to
its own address: to record, to propose where a second person decides, or to preview the
effect on the figures. Every refusal shows the form again, with all typed values.

A form has a random name, which is part of its key. It is the idempotency key of what
the form records, and its draft keeps it, so that nothing is recorded twice.
"""

from typing import Any

from litestar import Response
from msgspec import field, structs

from iku import messages
from iku.access import drafts
from iku.commands import proposals
from iku.commands.authorisation import StepUpRequired
from iku.commands.command import CommandResult, StaleVersion
from iku.connection import PooledReader, acquire_connection
from iku.domain.access import Action, Forbidden, Unauthenticated
from iku.domain.decider import Invalid, Refused, subject_id, subject_number
from iku.gateway import CommandGateway
from iku.ledger.appender import Unavailable
from iku.ledger.log import KeyReused
from iku.messages import message
from iku.parsing import ParseError
from iku.queries import overtaken_entry, subject_lookup
from iku.queries.figure_parameters import MomentQuestion
from iku.web import confirmation, resubmission
from iku.web.confirmation import RECORDED, Confirmation
from iku.web.page_forms import Form
from iku.web.page_rendering import redirect
from iku.web.pages import entry_corrections, entry_fields, entry_opening, entry_values
from iku.web.pages.entry_forms import FORMS, EntryForm, path_of
from iku.web.pages.entry_opening import FormAddress
from iku.web.pages.entry_values import Typed
from iku.web.pages.form_state import FormState
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, sending
from iku.web.problems import NotFound
from iku.web.subject_paths import PATHS

FAULT, STALE, CONFLICT, FORBIDDEN, AWAY = 422, 412, 409, 403, 503
PREVIEW, PROPOSE = "pratinjau", "usulkan"  # what a form is sent for, unless to record
CHECKED = "diperiksa"  # the field with the similar cases that the officer has seen


class NewSubjectQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The parameters of the form for a new subject.

    Attributes:
        source: The source that is chosen at first.
        area: The area that is chosen at first.
        filled: The outcome of a form that was sent without a session.
    """

    source: str = ""
    area: str = ""
    filled: str = field(name=resubmission.SEALED, default="")


class EventFormQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The parameters of the form for an event of a subject.

    Attributes:
        event: Type of the event to record.
        about: Version of the event that a correction or annulment is about.
        filled: The outcome of a form that was sent without a session.
    """

    subject: str
    event: str
    about: int | None = field(name="peristiwa", default=None)
    filled: str = field(name=resubmission.SEALED, default="")


@present("/konflik/baru", Action.ENTER, NewSubjectQuestion)
async def show_report(frame: PageContext) -> Response[bytes]:
    """The form of a report."""
    return await _form_page(frame, FORMS["conflict", "reported"])


@sending("/konflik/baru", Action.ENTER, restores=True)
async def report(frame: PageContext, form: Form) -> Response[bytes]:
    """Report a conflict."""
    return await _submit(frame, form, FORMS["conflict", "reported"])


@present("/organisasi/baru", Action.REGISTER, NewSubjectQuestion)
async def show_registration(frame: PageContext) -> Response[bytes]:
    """The form of a registration."""
    return await _form_page(frame, FORMS["organisation", "registered"])


@sending("/organisasi/baru", Action.REGISTER, restores=True)
async def register(frame: PageContext, form: Form) -> Response[bytes]:
    """Register an organisation."""
    return await _submit(frame, form, FORMS["organisation", "registered"])


@present("/konflik/{subject:str}/catat/{event:str}", Action.ENTER, EventFormQuestion)
async def show_conflict_event(frame: PageContext) -> Response[bytes]:
    """The form of an event of a case."""
    return await _form_page(
        frame, _event_form("conflict", frame), frame.question.subject
    )


@sending("/konflik/{subject:str}/catat/{event:str}", Action.ENTER, restores=True)
async def record_conflict_event(frame: PageContext, form: Form) -> Response[bytes]:
    """Record an event of a case."""
    return await _submit(
        frame, form, _event_form("conflict", frame), frame.path["subject"]
    )


@present("/organisasi/{subject:str}/catat/{event:str}", Action.ENTER, EventFormQuestion)
async def show_organisation_event(frame: PageContext) -> Response[bytes]:
    """The form of an event of an organisation."""
    return await _form_page(
        frame, _event_form("organisation", frame), frame.question.subject
    )


@sending("/organisasi/{subject:str}/catat/{event:str}", Action.ENTER, restores=True)
async def record_organisation_event(frame: PageContext, form: Form) -> Response[bytes]:
    """Record an event of an organisation."""
    entry = _event_form("organisation", frame)
    return await _submit(frame, form, entry, frame.path["subject"])


def _event_form(category: str, frame: PageContext) -> EntryForm:
    event = frame.path["event"]
    form = FORMS.get((category, event))
    if form is None or form.creates_subject:
        raise NotFound(
            message("there is no form for events of the type {event}", event=event)
        )
    return form


async def _form_page(
    frame: PageContext, form: EntryForm, subject: str = ""
) -> Response[bytes]:
    """The empty form, or its draft."""
    question = frame.question
    if form.creates_subject:
        chosen = {"source": question.source, "area": question.area}
    else:
        reference = {"corrected": "corrects", "annulled": "annuls"}.get(form.event)
        chosen = {reference: str(question.about or "")} if reference else {}
    given = {name: value for name, value in chosen.items() if value}
    async with acquire_connection(frame.app) as connection:
        asked = FormAddress(form, subject_id(subject), given, question.filled)
        form_state = await entry_opening.initial_form(frame, connection, asked)
    return form_state.show()


async def _submit(
    frame: PageContext, form: Form, entry: EntryForm, subject: str = ""
) -> Response[bytes]:
    """Record the command in the form, or show the form again with the faults."""
    async with acquire_connection(frame.app) as connection:
        form_state = await entry_opening.submitted_form(
            frame, connection, entry, subject_id(subject), form
        )
    if form.text("aksi") == "ubah":
        return form_state.show()
    try:
        command = await _command(form_state)
    except ParseError as error:
        faults = {
            name: entry_fields.fault(entry.struct, name, said)
            for name, said in error.faults.items()
        }
        form_state = await form_state.with_similar()
        return form_state.with_faults(faults).show(FAULT)
    if form.text("aksi") == PREVIEW:
        return await _preview(form_state, form, command)
    form_state = await form_state.with_similar()
    # The most similar case is this one, if the form was recorded already.
    if (
        not form_state.similar_cases_acknowledged(form.text(CHECKED))
        and not await form_state.is_recorded()
    ):
        return form_state.show(CONFLICT)
    return await _record(form_state, form, command)


async def _command(form_state: FormState) -> Any:
    """The command in the values of the form.

    Raises:
        ParseError: Values are missing or invalid.
    """
    frame, entry = form_state.frame, form_state.form
    command = entry_fields.parse(
        entry.struct, form_state.values, form_state.cleared, frame.time.today
    )
    if entry.event == "corrected" and (event := form_state.chosen_event) is not None:
        command = entry_corrections.with_known_persons(command, event)
    into = getattr(command, "into", None)
    if not isinstance(into, str):
        return command
    # People know the number; the event holds the identifier.
    async with frame.view() as view:
        found = await subject_lookup.identify(view, into, [entry.category])
    if len(found) != 1:
        return command
    return structs.replace(command, into=subject_number(found[0].subject))


def _proposed(entry: EntryForm, command: Any) -> Any:
    return command.to_event() if entry.creates_subject else command


def _subject(entry: EntryForm, form_state: FormState, command: Any) -> str:
    return (
        subject_id(command.number or "")
        if entry.creates_subject
        else form_state.subject.id
    )


async def _preview(form_state: FormState, form: Form, command: Any) -> Response[bytes]:
    """The form with the effect that the entry would have."""
    form_state, entry = await form_state.with_similar(), form_state.form
    gateway = form_state.frame.gateway(form)
    try:
        effect = await gateway.effect(
            entry.category,
            _subject(entry, form_state, command),
            _proposed(entry, command),
        )
    except Unauthenticated:
        raise
    except Refused as refused:
        return form_state.with_refusal(refused).show(FAULT)
    return form_state.with_effect(effect).show()


async def _record(form_state: FormState, form: Form, command: Any) -> Response[bytes]:
    entry = form_state.form
    gateway = form_state.frame.gateway(form, form_state.version or None)
    proposing = form_state.proposing or form.text("aksi") == PROPOSE
    subject = _subject(entry, form_state, command)
    try:
        if proposing:
            because = form.text("because").strip() or command.reason or ""
            outcome = await _propose(form_state, gateway, subject, command, because)
        else:
            outcome = await gateway.handle(
                entry.category, subject, _proposed(entry, command)
            )
    except StaleVersion:
        return await _comparison_page(form_state)
    except KeyReused:
        return form_state.as_new_form(
            message(
                "this form was recorded already, with other values; check whether "
                "this is a further event before you record it"
            )
        ).show(CONFLICT)
    except (Unauthenticated, StepUpRequired):
        raise
    except Forbidden as error:
        return _forbidden_page(form_state, error)
    except Refused as refused:
        return form_state.with_refusal(refused).show(CONFLICT)
    except Unavailable as error:
        return form_state.with_faults({"": messages.error_message(error)}).show(AWAY)
    return await _confirmation_page(form_state, outcome, proposing=proposing)


async def _propose(
    form_state: FormState,
    gateway: CommandGateway,
    subject: str,
    command: Any,
    because: str,
) -> CommandResult:
    if not because:
        raise Invalid(
            "because",
            message("the reason for the proposal is missing; the approver needs it"),
        )
    asked = gateway.command(form_state.form.category, subject, command)
    reader = PooledReader(form_state.frame.app)
    return await proposals.propose(
        form_state.frame.app.commands, reader, asked, because
    )


def _forbidden_page(form_state: FormState, error: Forbidden) -> Response[bytes]:
    """The form with the refusal, and with a button to propose it where possible."""
    said = {"": messages.error_message(error)}
    if error.proposable and form_state.form.proposable:
        return form_state.with_faults(said).as_proposal().show(FORBIDDEN)
    return form_state.with_faults(said).show(FORBIDDEN)


async def _comparison_page(form_state: FormState) -> Response[bytes]:
    """The page that compares the values as shown, as they are now, and as typed."""
    async with form_state.frame.view() as view:
        found = await overtaken_entry.compare_with_present(
            view, form_state.form.category, form_state.subject.id, form_state.version
        )
    typed = Typed(form_state.values, form_state.frame.time.today)
    page = form_state.frame.visitor.page
    rows = entry_values.comparison(page, form_state.fields, typed, found)
    return form_state.show(STALE, template="overtaken.html", overtaken=found, rows=rows)


async def _confirmation_page(
    form_state: FormState, outcome: CommandResult, *, proposing: bool
) -> Response[bytes]:
    """The page that follows, with a confirmation; the draft is deleted."""
    frame, entry = form_state.frame, form_state.form
    account = resubmission.owner(frame.visitor) or drafts.NOBODY
    path = path_of(entry, form_state.subject.id)
    async with acquire_connection(frame.app) as connection:
        await drafts.remove(connection, account, path)
    receipt = outcome.receipt
    said = Confirmation(
        "proposal" if proposing else entry.category,
        "proposed" if proposing else entry.event,
        form_state.subject.number if proposing else outcome.number,
        receipt.version,
        receipt.position,
        receipt.leaf.hex(),
        repeated=outcome.repeated,
        again=_address_of_next_report(form_state) if entry.creates_subject else "",
        notes=tuple(map(frame.visitor.page.text, outcome.notes)),
    )
    shown = {RECORDED: confirmation.encode(frame.visitor, said)}
    under = "/usulan" if proposing else PATHS[entry.category]
    after = f"{under}/{outcome.subject}"
    return redirect(frame.visitor.address(after, **shown))


def _address_of_next_report(form_state: FormState) -> str:
    """The form for another report, with the source and the area of this one."""
    chosen = {n: v for n in ("source", "area") if (v := form_state.values.get(n, ""))}
    return form_state.frame.visitor.address(
        f"{PATHS[form_state.form.category]}/baru", **chosen
    )


HANDLERS: list[Any] = [
    *(show_report, report, show_registration, register),
    *(show_conflict_event, record_conflict_event),
    *(show_organisation_event, record_organisation_event),
]
