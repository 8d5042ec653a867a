"""The forms for conflicts and organisations: one for each command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from msgspec import Struct

from iku.domain import conflict, organisation, proposal
from iku.domain.access import ACTIONS, Action
from iku.messages import Message, message
from iku.web.pages import entry_fields
from iku.web.pages.entry_fields import EntryField
from iku.web.subject_paths import CATEGORIES, PATHS

OF_EVENTS = ("corrected", "annulled")  # these need an event that they are about


@dataclass(frozen=True, slots=True)
class EntryForm:
    """The form of a command.

    Attributes:
        category: Category of the subject.
        event: Type of the event; for a new subject, that of its first event.
        struct: The command, as the API decodes it.
        title: Heading, in which ``{number}`` is the number of the subject.
    """

    category: str
    event: str
    struct: type[Struct]
    title: str

    @property
    def creates_subject(self) -> bool:
        """Whether the form creates a subject."""
        return self.event in {"reported", "registered"}

    @property
    def fields(self) -> tuple[EntryField, ...]:
        """The fields, in order."""
        return entry_fields.of_struct(self.struct)

    @property
    def action(self) -> Action:
        """The right that the command needs."""
        return ACTIONS[self.category][self.event]

    @property
    def proposable(self) -> bool:
        """Whether the command may be proposed for approval by another person."""
        kinds = get_args(proposal.COMMANDS[self.category])
        return self.struct in kinds

    def heading(self, number: str) -> Message:
        """The heading of the form for the subject with that number."""
        return Message(
            self.title, {"number": number} if not self.creates_subject else {}
        )


_TITLES: Mapping[str, Mapping[str, Message]] = {
    "conflict": {
        "reported": message("Report a conflict"),
        "returned": message("Return {number} for completion", number=""),
        "verified": message("Verify {number}", number=""),
        "rejected": message("Reject {number}", number=""),
        "handled": message("Record the handling of {number}", number=""),
        "referred": message("Refer {number} to another body", number=""),
        "resolved": message("Resolve {number}", number=""),
        "reopened": message("Reopen {number}", number=""),
        "reclassified": message("Reclassify {number}", number=""),
        "merged": message("Merge {number} into another case", number=""),
        "corrected": message("Correct an event of {number}", number=""),
        "annulled": message("Annul an event of {number}", number=""),
    },
    "organisation": {
        "registered": message("Register an organisation"),
        "renewed": message("Renew the certificate of {number}", number=""),
        "suspended": message("Suspend {number}", number=""),
        "restored": message("End the suspension of {number}", number=""),
        "dissolved": message("Record the dissolution of {number}", number=""),
        "revoked": message("Revoke the registration of {number}", number=""),
        "moved_out": message("Record that {number} moved out", number=""),
        "merged": message("Merge {number} into another organisation", number=""),
        "rejected": message("Reject {number}", number=""),
        "participated": message("Record a participation of {number}", number=""),
        "participation_verified": message(
            "Verify a participation of {number}", number=""
        ),
        "corrected": message("Correct an event of {number}", number=""),
        "annulled": message("Annul an event of {number}", number=""),
    },
}


def _forms(category: str, opening: type[Struct], tag: str, later: Any) -> list[Any]:
    found = {tag: opening}
    found |= {str(kind.__struct_config__.tag): kind for kind in get_args(later)}
    titles = _TITLES[category]
    return [EntryForm(category, e, kind, titles[e].id) for e, kind in found.items()]


FORMS: Mapping[tuple[str, str], EntryForm] = {
    (one.category, one.event): one
    for one in (
        *_forms("conflict", conflict.Report, "reported", conflict.Later),
        *_forms(
            "organisation", organisation.Registration, "registered", organisation.Later
        ),
    )
}


def path_of(form: EntryForm, subject: str) -> str:
    """The path of a form."""
    under = PATHS[form.category]
    return (
        f"{under}/baru"
        if form.creates_subject
        else f"{under}/{subject}/catat/{form.event}"
    )


def of_path(path: str) -> tuple[EntryForm, str] | None:
    """The form at a path, and the subject in it; None if there is none."""
    parts = path.split("/")
    if len(parts) < 3 or (category := CATEGORIES.get(f"/{parts[1]}")) is None:
        return None
    match parts[2:]:
        case ["baru"]:
            tag = "reported" if category == "conflict" else "registered"
            return FORMS[category, tag], ""
        case [subject, "catat", event] if (category, event) in FORMS:
            form = FORMS[category, event]
            return None if form.creates_subject or not subject else (form, subject)
        case _:
            return None
