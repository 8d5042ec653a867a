"""The choices that the register and the agency offer: areas, participations."""

from collections.abc import Iterator, Sequence

from iku import labels
from iku.queries.event_history import EventView
from iku.web.page_language import PageLanguage
from iku.web.pages.entry_fields import EntryField, FieldKind, Option
from iku.web.pages.entry_forms import EntryForm
from iku.web.pages.page_context import PageContext


def with_choices(
    frame: PageContext, form: EntryForm, events: Sequence[EventView]
) -> tuple[EntryField, ...]:
    """The fields of the form, with the choices for a subject with these *events*."""
    offered: dict[str, list[Option]] = {"area": _areas(frame)}
    if form.event == "participation_verified":
        unverified = _unverified_participations(events, frame.visitor.page)
        offered["participation"] = list(unverified)
    return tuple(_with_options(one, offered.get(one.name, [])) for one in form.fields)


def _with_options(one: EntryField, options: list[Option]) -> EntryField:
    if not options:
        return one
    return one._replace(kind=FieldKind.SELECT, options=tuple(options))


def _areas(frame: PageContext) -> list[Option]:
    """The areas of the agency, by district."""
    areas = frame.app.agency.areas
    names = {area.code: area.name for area in areas}
    return [Option(one.code, one.name, names.get(one.code[:8], "")) for one in areas]


def _unverified_participations(
    events: Sequence[EventView], page: PageLanguage
) -> Iterator[Option]:
    """The participations that are not verified yet."""
    verified = {
        one.data.get("participation")
        for one in events
        if one.type == "participation_verified" or one.data.get("verified")
    }
    for one in events:
        reference = one.data.get("participation")
        if one.type.startswith("participat") and reference not in verified:
            activity = labels.value_label("activity", one.data.get("activity")) or ""
            day = page.day(one.effective_on) if one.effective_on else ""
            said = f"{reference}: {page.text(activity)}, {day}"
            yield Option(str(reference), said)
