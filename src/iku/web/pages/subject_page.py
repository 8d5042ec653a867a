"""The page of one case or organisation: state, events, files and next steps."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from litestar import Response

from iku import messages
from iku.commands import authorisation
from iku.commands.authorisation import Authority
from iku.domain import access, organisation
from iku.domain.access import Forbidden
from iku.domain.decider import SubjectNotFound, subject_id
from iku.exchange import list_table
from iku.messages import Message, message, vocabulary
from iku.queries import actor_names, subject_lookup, subject_page, subjects
from iku.queries.figure_parameters import Moment
from iku.queries.subject_page import SubjectRecord
from iku.queries.view import View
from iku.web.pages import case_papers, timeline
from iku.web.pages.page_context import PageContext
from iku.web.pages.timeline import ShownField
from iku.web.subject_paths import PATHS

# The type of event that a subject waits for, if it is admitted.
MAIN = {"conflict": ("verified", "resolved"), "organisation": ("participated",)}
MORE = {"conflict": ("reporter", "parties"), "organisation": ()}


class SubjectLayout(NamedTuple):
    """The layout of a page: the parts in which cases and organisations differ.

    Attributes:
        path: The path of the list, below which the page is.
        sentence: The state in a sentence.
        files: The path of its files in the API.
    """

    category: str
    path: str
    title: str
    sentence: Callable[[SubjectRecord, PageContext], Message]
    files: str


class EventStep(NamedTuple):
    """A type of event that can be recorded next, or the reason why it cannot.

    Attributes:
        main: Whether it is the step for which the subject waits.
    """

    tag: str
    label: Message
    path: str
    why: str | None
    main: bool = False


class ShownFile(NamedTuple):
    """A file of the subject; without *path* if its name is withheld."""

    name: str
    media_type: str
    length: int
    version: int
    path: str


async def show(
    frame: PageContext, layout: SubjectLayout, typed: str, *, printed: bool = False
) -> Response[bytes]:
    """The page of the subject with that number or identifier, or of all of them."""
    asked = frame.question.moment(frame.time.today)
    async with frame.view() as view:
        found = await subject_page.resolve_subject(
            view, layout.category, subject_id(typed)
        )
        if len(found) > 1:
            return await _choice_page(frame, layout, view, found, asked)
        subject = found[0] if found else subject_id(typed)
        try:
            record = await subject_page.record(
                view, layout.category, subject, asked, present=frame.time.is_present
            )
        except SubjectNotFound as error:
            return await _not_found_page(
                frame, layout, view, typed, messages.error_message(error)
            )
        actors = {one.actor for one in record.events}
        known = await actor_names.names(view, frame.visitor.register, actors)
    return _page(frame, layout, record, known, printed=printed)


def _page(
    frame: PageContext,
    layout: SubjectLayout,
    record: SubjectRecord,
    actors: dict[str, str],
    *,
    printed: bool,
) -> Response[bytes]:
    state, shown = record.seen.state, record.seen.shown
    return _with_changes(frame, record).show(
        "subject.html",
        layout=layout,
        subject=shown,
        version=record.seen.version,
        said=layout.sentence(record, frame),
        facts=[*_facts(frame, layout, shown)],
        withheld=shown["withheld"],
        entries=timeline.entries(frame, record.events, record.annulments, actors),
        files=[*_files(layout, record)],
        absorbed=[*_absorbed_subjects(record)],
        steps=_steps(frame, layout, record),
        participations=[
            one
            for one in getattr(state, "participations", ())
            if one.on <= frame.time.day
        ],
        fields=frame.field_format,
        papers=[*case_papers.offered(frame, record)]
        if layout.category == "conflict"
        else [],
        printed=printed,
    )


def _with_changes(frame: PageContext, record: SubjectRecord) -> PageContext:
    """The context with links to the nearest days on which a figure changed."""
    days = {moved.effective_on for one in record.events for moved in one.movements}
    shown, today = frame.time.day, frame.time.today
    return frame.with_time(
        earlier=max((day for day in days if day < shown), default=None),
        later=min((day for day in days if shown < day <= today), default=None),
    )


def _facts(
    frame: PageContext, layout: SubjectLayout, shown: dict[str, Any]
) -> Iterator[ShownField]:
    """Each field that has a value."""
    fields = frame.field_format
    hidden = {name.partition(".")[0] for name in shown["withheld"]}
    for name in (*list_table.FIELDS[layout.category], *MORE[layout.category]):
        given = shown[name]
        if given is None:
            continue
        value, path = fields.value(name, given), ""
        if name == "merged_into":
            path = f"{layout.path}/{subject_id(given)}"
        yield ShownField(fields.label(name), value, path, name in hidden)


def _files(layout: SubjectLayout, record: SubjectRecord) -> Iterator[ShownFile]:
    """The files whose events are in effect."""
    for one in record.events:
        if one.type != "attached" or one.version in record.annulments:
            continue
        subject = record.seen.shown["id"]
        path = f"{layout.files}/{subject}/attachments/{one.version}"
        yield ShownFile(
            one.text["file_name"],
            one.data["media_type"],
            one.data["length"],
            one.version,
            "" if one.withheld else path,
        )


def _absorbed_subjects(record: SubjectRecord) -> Iterator[str]:
    """The subjects that were merged into this one."""
    for one in record.events:
        if one.type == "absorbed" and one.version not in record.annulments:
            yield one.data["origin"]["stream"].partition("-")[2]


def _steps(
    frame: PageContext, layout: SubjectLayout, record: SubjectRecord
) -> list[EventStep]:
    """The types of events, each with its form or the reason for its refusal."""
    actions = access.ACTIONS[layout.category]
    base = f"{layout.path}/{record.seen.shown['id']}/catat"
    found = [
        EventStep(
            tag,
            STEPS[tag],
            f"{base}/{tag}",
            frame.refusal(actions[tag], record.scope)
            or why
            or _own_entry_refusal(frame, record, tag),
        )
        for tag, why in record.refusals.items()
    ]
    possible = [one for one in found if one.why is None]
    if waiting := [one for one in possible if one.tag in MAIN[layout.category]]:
        place = possible.index(waiting[0])
        possible[place] = possible[place]._replace(main=True)
    return possible + [one for one in found if one.why is not None]


def _own_entry_refusal(
    frame: PageContext, record: SubjectRecord, tag: str
) -> str | None:
    """The reason why the visitor cannot verify their own entry; None if they can."""
    actor, state = frame.viewer.actor, record.seen.state
    if actor is None or tag not in {"verified", "participation_verified"}:
        return None
    entered = [1]
    if tag == "participation_verified":
        unsure = {one.reference for one in state.participations if not one.verified}
        facts = state.effective_facts(organisation.Participated)
        entered = [v for v, one in facts if one.participation in unsure]
    authority = Authority(frame.visitor.register, actor, actor.account)
    refused = None
    for version in entered:
        by = record.events[version - 1].actor
        try:
            authorisation.refuse_own_entry(authority, by, [state], frame.time.today)
        except Forbidden as error:
            refused = messages.error_message(error)
        else:
            return None
    return refused


async def _choice_page(
    frame: PageContext,
    layout: SubjectLayout,
    view: View,
    found: list[str],
    asked: Moment,
) -> Response[bytes]:
    """The page that lists the subjects with one number."""
    shown = []
    for subject in found:
        try:
            seen = await subjects.state(view, layout.category, subject, asked)
        except SubjectNotFound:
            continue
        shown.append(seen.shown)
    return frame.show(
        "subjects.html",
        layout=layout,
        subjects=shown,
        fields=frame.field_format,
    )


async def _not_found_page(
    frame: PageContext, layout: SubjectLayout, view: View, typed: str, said: str
) -> Response[bytes]:
    """The page for a subject that is not found, with links to similar identifiers."""
    others = [
        f"{PATHS[one.category]}/{one.subject}"
        for one in await subject_lookup.identify(view, subject_id(typed))
        if one.category != layout.category
    ]
    return frame.show(
        "subject_missing.html", status=404, layout=layout, said=said, others=others
    )


# The acts by which events are recorded, by type.
STEPS = vocabulary(
    "act",
    {
        "verified": "Verify",
        "returned": "Return for completion",
        "handled": "Record handling",
        "referred": "Record a referral",
        "resolved": "Record the resolution",
        "reopened": "Reopen",
        "reclassified": "Reclassify",
        "attached": "Attach a file",
        "corrected": "Correct",
        "annulled": "Annul an event",
        "merged": "Merge into another",
        "rejected": "Reject",
        "participated": "Record a participation",
        "participation_verified": "Verify a participation",
        "renewed": "Renew the certificate",
        "suspended": "Suspend",
        "restored": "End the suspension",
        "dissolved": "Record the dissolution",
        "revoked": "Revoke the registration",
        "moved_out": "Record that it moved away",
    },
)
NOT_VERIFIED = message("not verified yet")
