"""How a form of the desk opens: with its draft, its usual values, or what was sent."""

from collections.abc import Mapping
from dataclasses import replace
from secrets import token_urlsafe
from typing import NamedTuple

from iku.access import drafts
from iku.domain.access import AGENCY_WIDE, Denied, may
from iku.domain.decider_registry import DECIDERS
from iku.messages import Message, message
from iku.postgres.pool import Connection
from iku.queries import subjects
from iku.queries.event_history import EventView
from iku.queries.view import View
from iku.web import resubmission
from iku.web.page_forms import KEY, Form
from iku.web.pages import entry_choices, entry_corrections, entry_fields
from iku.web.pages.entry_forms import OF_EVENTS, EntryForm, path_of
from iku.web.pages.form_state import EntrySubject, FormState, is_recorded
from iku.web.pages.page_context import PageContext


class FormAddress(NamedTuple):
    """The parameters in the address of a form.

    Attributes:
        subject: Identifier of the subject; empty for a new one.
        chosen: Values that are filled in at first.
        filled: The outcome of a form that was sent without a session.
    """

    form: EntryForm
    subject: str
    chosen: Mapping[str, str]
    filled: str


async def initial_form(
    frame: PageContext, connection: Connection, asked: FormAddress
) -> FormState:
    """The form as first shown: its draft, or default values and those of the address.

    Raises:
        Forbidden: The visitor may neither record nor propose the command.
        SubjectNotFound: The subject does not exist.
    """
    form, subject, chosen, filled = asked
    visitor, path = frame.visitor, path_of(form, subject)
    said = await resubmission.resume(visitor, connection, path, filled)
    account = resubmission.owner(visitor) or drafts.NOBODY
    secrets = visitor.means.secrets
    draft = await drafts.find(connection, secrets, account, path)
    notice = _notice(said)
    if draft is not None:
        nonce = dict(draft.fields).get(KEY, "")
        view = frame.app.view(connection, frame.viewer)
        if await is_recorded(view, nonce):
            await drafts.remove(connection, account, path)
            draft, notice = None, message("The draft of this form is recorded already.")
    if draft is not None and _is_about(draft.fields, chosen):
        form_state = await submitted_form(
            frame, connection, form, subject, Form(draft.fields)
        )
        return replace(form_state, notice=notice, saved_at=draft.saved_at)
    usual = {one.name: one.usual for one in form.fields if one.usual}
    if any(one.name == "effective_on" and one.required for one in form.fields):
        usual["effective_on"] = visitor.page.day(frame.time.today)
    pairs = {**usual, **chosen, KEY: token_urlsafe(12)}
    form_state = await submitted_form(
        frame, connection, form, subject, Form(tuple(pairs.items()))
    )
    return replace(form_state, notice=notice, version=form_state.subject.version)


def _is_about(kept: drafts.Fields, chosen: Mapping[str, str]) -> bool:
    """Whether the draft is about the event that the address names, if it names one."""
    values = dict(kept)
    named = [name for name in ("corrects", "annuls") if name in chosen]
    return all(values.get(name) == chosen[name] for name in named)


def _notice(said: str) -> Message | None:
    match said:
        case resubmission.ANOTHER:
            return message(
                "The saved form belongs to another account or has expired, so its "
                "values are not filled in here."
            )
        case resubmission.AGAIN:
            return message(
                "The form that was sent is not recorded yet: check it, and record it."
            )
        case _:
            return None


async def submitted_form(
    frame: PageContext,
    connection: Connection,
    form: EntryForm,
    subject: str,
    given: Form,
) -> FormState:
    """The form with the submitted values (raises as `initial_form`)."""
    view = frame.app.view(connection, frame.viewer)
    about, proposing = EntrySubject(), False
    events: tuple[EventView, ...] = ()
    if not form.creates_subject:
        about = await _subject(view, frame, form, subject)
        proposing = await _may_only_propose(view, form, subject)
    if form.event in {*OF_EVENTS, "participation_verified"}:
        page = await subjects.history(view, form.category, subject, None, 200)
        events = page.items
    form_state = FormState(
        frame,
        form,
        about,
        form.fields,
        given.values,
        given.text(KEY).partition(".")[0],
        _version(given.text("versi")),
        cleared=tuple(given.all(entry_fields.CLEARED)),
        proposing=proposing or given.text("usulan") == "ya",
        events=events,
    )
    return _about_event(
        replace(form_state, fields=entry_choices.with_choices(frame, form, events))
    )


async def _subject(
    view: View, frame: PageContext, form: EntryForm, subject: str
) -> EntrySubject:
    found = await subjects.state(view, form.category, subject, frame.time.moment)
    name = found.shown["title" if form.category == "conflict" else "name"]
    return EntrySubject(subject, found.shown["number"], name or "", found.version)


async def _may_only_propose(view: View, form: EntryForm, subject: str) -> bool:
    """Whether the visitor may propose the command, but not record it.

    Raises:
        Forbidden: The visitor may do neither.
    """
    actor = view.viewer.actor
    if actor is None:
        return False
    stream = DECIDERS[form.category].stream(subject)
    scope = (await view.scopes([stream])).get(stream, AGENCY_WIDE)
    decided = may(actor, form.action, scope)
    if isinstance(decided, Denied) and not decided.proposable:
        view.viewer.require(form.action, scope)
    return isinstance(decided, Denied)


def _version(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _about_event(form_state: FormState) -> FormState:
    """The form_state of a correction, with the fields of the event that it is about."""
    if not form_state.reference:
        return form_state
    events = entry_corrections.correctable(form_state.form, form_state.events)
    form_state = replace(form_state, events=events)
    if (event := form_state.chosen_event) is None:
        return replace(
            form_state, values={**form_state.values, form_state.reference: ""}
        )
    page = form_state.frame.visitor.page
    shown = entry_corrections.corrected_event(
        form_state.form, form_state.fields, event, page
    )
    return replace(form_state, fields=shown.fields, original=shown.original)
