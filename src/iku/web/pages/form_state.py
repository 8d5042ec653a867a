"""The state of one form that is being filled in, with all that its page shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from secrets import token_urlsafe
from typing import Any, NamedTuple

from litestar import Response

from iku import labels, messages
from iku.domain.conflict import Dimension
from iku.domain.decider import Invalid, Refused
from iku.gateway import EntryEffect
from iku.messages import Message, without_prefix
from iku.queries import recorded_commands, similar_cases
from iku.queries.event_history import EventView
from iku.queries.similar_cases import TypedReport
from iku.queries.view import View
from iku.web import resubmission
from iku.web.pages import entry_fields
from iku.web.pages.entry_fields import EntryField
from iku.web.pages.entry_forms import EntryForm, path_of
from iku.web.pages.page_context import PageContext
from iku.web.visitor import form_key


class EntrySubject(NamedTuple):
    """The subject that a form is about; empty for a new one.

    Attributes:
        title: Title or name, or the words in place of a withheld one.
    """

    id: str = ""
    number: str = ""
    title: str = ""
    version: int = 0


class Similar(NamedTuple):
    """A case that resembles the report."""

    id: str
    number: str
    title: str
    status: str
    reported_on: date


@dataclass(frozen=True, slots=True)
class FormState:
    """A form that is being filled in.

    Attributes:
        values: The typed values, by field.
        cleared: The fields that a correction clears.
        nonce: The random part of the form's key, which is kept until it is recorded.
        version: The version of the subject that the form showed.
        proposing: Whether the form makes a proposal.
        events: The events that a correction or annulment may be about.
        original: The values of the event that a correction is about, in words.
        saved_at: When the draft that was filled in was stored.
    """

    frame: PageContext
    form: EntryForm
    subject: EntrySubject
    fields: tuple[EntryField, ...]
    values: Mapping[str, str]
    nonce: str
    version: int
    cleared: tuple[str, ...] = ()
    proposing: bool = False
    events: tuple[EventView, ...] = ()
    original: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    effect: EntryEffect | None = None
    similar: tuple[Similar, ...] = ()
    notice: Message | None = None
    saved_at: datetime | None = None

    @property
    def path(self) -> str:
        """The path of the form, which names its draft."""
        return path_of(self.form, self.subject.id)

    @property
    def key(self) -> str:
        """The key of the form in this session."""
        return form_key(self.frame.visitor.token, self.nonce)

    @property
    def owner(self) -> str:
        """The account that fills in the form; empty without accounts."""
        return resubmission.owner(self.frame.visitor)

    @property
    def reference(self) -> str:
        """The field with the version of the event to correct or annul; may be empty."""
        names = {"corrected": "corrects", "annulled": "annuls"}
        return names.get(self.form.event, "")

    @property
    def chosen_event(self) -> EventView | None:
        """The event that the form corrects or annuls; None for other forms."""
        chosen = self.values.get(self.reference, "")
        return next((one for one in self.events if str(one.version) == chosen), None)

    @property
    def needs_event_choice(self) -> bool:
        """Whether the user has yet to choose the event to correct or annul."""
        return bool(self.reference) and not self.values.get(self.reference)

    @property
    def heading(self) -> Message:
        """The heading of the page."""
        return self.form.heading(self.subject.number)

    @property
    def requires_reason(self) -> bool:
        """Whether the form has a separate field for the reason of the proposal."""
        return self.proposing and not any(
            one.name == "reason" and one.required for one in self.fields
        )

    def day(self, name: str) -> date | None:
        """The day that a field states; None if it states no day."""
        return entry_fields.day(self.values, name, self.frame.time.today)

    def with_faults(self, faults: Mapping[str, str]) -> "FormState":
        """The form with the faults of its fields; an empty name is the whole form."""
        names = ["", *(one.name for one in self.fields)]
        ordered = {name: faults[name] for name in names if name in faults}
        return replace(self, faults={**ordered, **faults})

    def with_refusal(self, refused: Refused) -> "FormState":
        """The form with the refusal at the field that it names."""
        said = labels.with_labels(messages.error_message(refused))
        path = refused.path if isinstance(refused, Invalid) else ""
        path = entry_fields.top_level_field(path)
        if path not in {*(one.name for one in self.fields), "because"}:
            return self.with_faults({"": said})
        if path != "because" and said.startswith(f"{path} "):
            rule = without_prefix(path, said)
            said = entry_fields.fault(self.form.struct, path, rule)
        return self.with_faults({path: said})

    def as_new_form(self, why: Message) -> "FormState":
        """The form as a new form, with a new key."""
        return replace(self, nonce=token_urlsafe(12), faults={"": why})

    def as_proposal(self) -> "FormState":
        """The form as a proposal for approval by another person."""
        return replace(self, proposing=True)

    def with_effect(self, effect: EntryEffect) -> "FormState":
        """The form with the effect that the entry would have on figures."""
        return replace(self, effect=effect)

    async def with_similar(self) -> "FormState":
        """The form with the cases that resemble the report."""
        typed = self._typed_report()
        if typed is None:
            return self
        async with self.frame.view() as view:
            found = await similar_cases.similar_cases_of_report(view, typed)
        similar = tuple(
            Similar(
                one["id"],
                one["number"],
                one["title"],
                one["status"],
                date.fromisoformat(one["reported_on"]),
            )
            for one in found
        )
        return replace(self, similar=similar)

    async def is_recorded(self) -> bool:
        """Whether this form was recorded before."""
        async with self.frame.view() as view:
            return await is_recorded(view, self.nonce)

    def similar_cases_acknowledged(self, seen: str) -> bool:
        """Whether the user saw all similar cases; *seen* are their identifiers."""
        return {one.id for one in self.similar} <= set(seen.split())

    def _typed_report(self) -> TypedReport | None:
        dimension, day = self.values.get("dimension", ""), self.day("effective_on")
        title = self.values.get("title", "").strip()
        if self.form.event != "reported" or not title or day is None:
            return None
        if dimension not in set(Dimension):
            return None
        area = self.values.get("area", "")
        return TypedReport(title, Dimension(dimension), day, area)

    def show(
        self, status: int = 200, template: str = "entry.html", **more: Any
    ) -> Response[bytes]:
        """The page of the form."""
        return self.frame.show(
            template,
            status=status,
            form_state=self,
            faults=self.faults,
            values=self.values,
            **more,
        )


async def is_recorded(view: View, nonce: str) -> bool:
    """Whether the form whose key has that random part was recorded."""
    return await recorded_commands.stream_of(view, f"form-{nonce}") is not None
