"""Data of the agency, Data instansi: what papers print and the register cannot count.

The list and the history obey the coordinates; the forms are of today. Who may state the
data records them at once, and who may propose them proposes them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from litestar import Response
from msgspec import Meta, Struct, structs

from iku import labels, parsing
from iku.commands import proposals
from iku.commands.command import CommandResult
from iku.connection import PooledReader
from iku.domain import paper_data
from iku.domain.access import Action
from iku.domain.decider import Invalid, Refused, SubjectNotFound
from iku.domain.fact import Annulled
from iku.domain.paper_data import STATEMENTS, Statement, StatementKind
from iku.ledger.record import Recorded
from iku.messages import Message, message
from iku.parsing import Field, ParseError
from iku.queries import actor_names, event_history, paper_statements
from iku.queries.event_history import EventView
from iku.queries.figure_parameters import Moment, MomentQuestion
from iku.queries.paper_statements import RequiredStatement, ShownStatement
from iku.queries.publications import ShownPublication
from iku.queries.view import View
from iku.web import subject_titles
from iku.web.page_failures import form_faults
from iku.web.page_forms import Form, iso_day
from iku.web.page_language import PageLanguage
from iku.web.page_rendering import redirect
from iku.web.pages import timeline
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, reading, sending

CATEGORY = paper_data.decider.category
PATH = "/data-instansi"
BECAUSE = "because"
# Fields that say which statement it is, and not what it states.
ABOUT = frozenset({"effective_on", "reason", "corrects"})
AREA = 1000  # characters; a field for a longer text has several lines


class StatementPageQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The statement in the path."""

    statement_id: str


class StatementFormQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The form of a kind of statement, and what fills it in.

    Attributes:
        id: The statement whose present form fills in the form.
        corrects: Version of the statement to correct; None for a change.
        ke: The page that follows.
    """

    kind: StatementKind
    id: Annotated[str, Meta(max_length=64)] | None = None
    corrects: Annotated[int, Meta(ge=1, le=2_147_483_647)] | None = None
    indicator: Annotated[str, Meta(max_length=16)] | None = None
    year: Annotated[int, Meta(ge=1945, le=9999)] | None = None
    quarter: Annotated[int, Meta(ge=1, le=4)] | None = None
    office: Annotated[str, Meta(max_length=90)] | None = None
    effective_on: Annotated[str, Meta(max_length=30)] | None = None
    ke: Annotated[str, Meta(max_length=200)] | None = None


class FormField(NamedTuple):
    """A field of the form of a statement.

    Attributes:
        kind: ``line``, ``area`` or ``hidden``.
    """

    name: str
    label: str
    hint: str
    kind: str
    required: bool


class ListedStatement(NamedTuple):
    """A statement in the list, with what it states in words."""

    shown: ShownStatement
    content: tuple[tuple[str, str], ...]


@reading(PATH, Action.READ_FIGURES)
async def show_statements(frame: PageContext) -> Response[bytes]:
    """The data of the agency at the coordinates, by kind."""
    async with frame.view() as view:
        found = await paper_statements.listing(view, frame.time.moment)
    by_kind = {
        kind: [_listed(frame, one) for one in found.statements if one.kind is kind]
        for kind in StatementKind
    }
    return frame.show(
        "paper_data.html",
        by_kind=by_kind,
        names=labels.STATEMENTS,
        why=frame.refusal(Action.AGENCY_DATA),
    )


def _listed(frame: PageContext, one: ShownStatement) -> ListedStatement:
    return ListedStatement(one, tuple(_content(frame, one.statement)))


def _content(frame: PageContext, stated: Statement | None) -> Iterator[tuple[str, str]]:
    """The fields that have a value and are not in the identifier, in words."""
    if stated is None:
        return
    for name, value in structs.asdict(stated).items():
        if value is not None and name not in {*ABOUT, *stated.key}:
            yield frame.field_format.label(name), frame.field_format.value(name, value)


@reading(f"{PATH}/{{statement_id:str}}", Action.READ_FIGURES, StatementPageQuestion)
async def show_statement(frame: PageContext) -> Response[bytes]:
    """What is stated about one thing, and its history."""
    return await _statement_page(frame, frame.question.statement_id, {}, {})


@sending(f"{PATH}/{{statement_id:str}}", Action.AGENCY_DATA)
async def annul(frame: PageContext, form: Form) -> Response[bytes]:
    """Annul an event of the history."""
    identifier = frame.path["statement_id"]
    try:
        command = parsing.parse_texts(Annulled, form.filled(("annuls", "reason")))
        outcome = await _carry_out(frame, form, identifier, command)
    except (ParseError, Refused) as error:
        faults = form_faults(error)
        return await _statement_page(frame, identifier, form.values, faults, 422)
    return redirect(_next_page(frame, form, outcome))


async def _statement_page(
    frame: PageContext,
    identifier: str,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    status: int = 200,
) -> Response[bytes]:
    moment = frame.time.moment
    async with frame.view() as view:
        found = await paper_statements.listing(view, moment)
        known = [one for one in found.statements if one.id == identifier]
        if not known:
            raise SubjectNotFound(
                message(
                    "no data are entered about {subject} at these coordinates",
                    subject=identifier[:100],
                )
            )
        events = (await event_history.history(view, CATEGORY, identifier))[
            : known[0].version
        ]
        register = frame.visitor.register
        actors = await actor_names.names(view, register, {e.actor for e in events})
    return frame.show(
        "paper_statement.html",
        status=status,
        one=_listed(frame, known[0]),
        entries=timeline.entries(frame, events, _annulments(events), actors),
        values=values,
        faults=faults,
        proposing=_is_proposing(frame),
        why=frame.refusal(Action.AGENCY_DATA),
    )


def _annulments(events: tuple[EventView, ...]) -> dict[int, int]:
    """The version of the annulment in effect of each annulled event."""
    found: dict[int, int] = {}
    for one in reversed(events):
        if one.type == "annulled" and one.version not in found:
            found[int(one.data["annuls"])] = one.version
    return found


@present(f"{PATH}/baru/{{kind:str}}", Action.AGENCY_DATA, StatementFormQuestion)
async def show_statement_form(frame: PageContext) -> Response[bytes]:
    """The form of a kind of statement, filled in as the address says."""
    question: StatementFormQuestion = frame.question
    usual: dict[str, str] = {}
    if question.id is not None:
        async with frame.view() as view:
            moment = Moment(frame.time.today)
            found = await paper_statements.listing(view, moment, question.kind)
        known = [one.statement for one in found.statements if one.id == question.id]
        usual = _values(known[0], frame.visitor.page) if known and known[0] else {}
        if question.corrects is None:
            usual.pop("effective_on", None)  # a change has its own day
    given = {
        name: str(value)
        for name, value in structs.asdict(question).items()
        if value is not None and name not in {"as_of", "known_on", "size", "kind", "id"}
    }
    return _form(frame, question.kind, {**usual, **given}, {})


def _values(stated: Statement, page: PageLanguage) -> dict[str, str]:
    """The texts of the fields of a statement, as a form shows them."""
    numbers = {*stated.numbers, *stated.percentages, *stated.targets}
    found: dict[str, str] = {}
    for name, value in structs.asdict(stated).items():
        match value:
            case None:
                continue
            case tuple():
                found[name] = "\n".join(value)
            case str() if name in numbers:
                found[name] = value.replace(".", ",")
            case date():
                found[name] = page.day(value)
            case _ if name in ABOUT:
                continue
            case _:
                found[name] = str(value)
    return found


@sending(f"{PATH}/baru/{{kind:str}}", Action.AGENCY_DATA)
async def state(frame: PageContext, form: Form) -> Response[bytes]:
    """State, correct or propose a datum."""
    kind = _kind(frame.path["kind"])
    try:
        command = parsing.parse_texts(
            STATEMENTS[kind], _pairs(frame, form, STATEMENTS[kind])
        )
        outcome = await _carry_out(frame, form, command.subject, command)
    except (ParseError, Refused) as error:
        return _form(frame, kind, form.values, form_faults(error), status=422)
    return redirect(_next_page(frame, form, outcome))


def _kind(name: str) -> StatementKind:
    try:
        return StatementKind(name)
    except ValueError as error:
        raise SubjectNotFound(
            message("statement kind {kind} does not exist", kind=name[:100])
        ) from error


def _pairs(
    frame: PageContext, form: Form, kind: type[Struct]
) -> Iterator[tuple[str, str]]:
    """The fields that were filled in, as the parser of the command expects them.

    Raises:
        ParseError: A day is malformed.
    """
    for name, text in form.filled(parsing.struct_fields(kind)):
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        if name == "effective_on":
            yield name, iso_day(name, text, frame.time.today)
        elif name == "lines":
            yield from ((name, one.strip()) for one in lines.split("\n") if one.strip())
        else:
            yield name, lines


async def _carry_out(
    frame: PageContext, form: Form, subject: str, command: Any
) -> CommandResult:
    """Record *command*, or propose it if the visitor may only do that."""
    gateway = frame.gateway(form)
    if not _is_proposing(frame):
        return await gateway.handle(CATEGORY, subject, command)
    because = form.text(BECAUSE).strip()
    if not because:
        raise Invalid(BECAUSE, message("is required"))
    asked = gateway.command(CATEGORY, subject, command)
    reader = PooledReader(frame.app)
    return await proposals.propose(frame.app.commands, reader, asked, because)


def _is_proposing(frame: PageContext) -> bool:
    """Whether the visitor proposes data, which another person approves."""
    return not frame.visitor.viewer.may(Action.AGENCY_DATA)


def _next_page(frame: PageContext, form: Form, outcome: CommandResult) -> str:
    if outcome.receipt.stream.startswith("proposal-"):
        return frame.address(f"/usulan/{outcome.subject}")
    return form.next_page or frame.address(f"{PATH}/{outcome.subject}")


def _form(
    frame: PageContext,
    kind: StatementKind,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    status: int = 200,
) -> Response[bytes]:
    return frame.show(
        "paper_statement_form.html",
        status=status,
        kind=kind,
        name=labels.STATEMENTS[kind],
        form_fields=form_fields(frame, kind),
        values=values,
        faults=faults,
        proposing=_is_proposing(frame),
    )


def form_fields(frame: PageContext, kind: StatementKind) -> list[FormField]:
    """The fields of the form of a kind, those that identify the statement first."""
    struct = STATEMENTS[kind]
    known = parsing.struct_fields(struct)
    order = [*struct.key, *(name for name in known if name not in struct.key)]
    return [_form_field(frame, known[name]) for name in order]


def _form_field(frame: PageContext, one: Field) -> FormField:
    page = frame.visitor.page
    kind = "area" if one.schema.get("maxLength", 0) > AREA else "line"
    if one.name == "corrects":
        kind = "hidden"
    elif one.is_repeatable:
        kind = "area"
    elif one.name == "reason":
        kind = "line"
    hint = _HINTS.get(one.name) or Message(one.description)
    label = frame.field_format.label(one.name)
    return FormField(
        one.name, f"{label[:1].upper()}{label[1:]}", page.text(hint), kind, one.required
    )


_HINTS: Mapping[str, Message] = {
    "effective_on": message(
        "Effective day, such as 4-3-2022; empty: the usual day of the kind"
    ),
    "reason": message("Required by a correction, and by a target above 100 per cent"),
    "lines": message("One line of the letterhead on each line"),
    "year": message("Such as 2021"),
}


class PublicationDatum(NamedTuple):
    """A statement that the papers of a publication print.

    Attributes:
        content: What it states in words; empty if nothing is in force.
        address: Address of its page, or of the form by which it is stated first.
    """

    title: str
    content: tuple[tuple[str, str], ...]
    address: str


class PublicationData(NamedTuple):
    """The data of the agency that the papers of a publication print.

    Attributes:
        narrative: The fields of the form of a narrative, without its quarter.
        why: Why the visitor can state none; None if they can.
    """

    data: tuple[PublicationDatum, ...]
    narrative: tuple[FormField, ...]
    year: int
    quarter: int
    proposing: bool
    why: str | None

    @property
    def open_cells(self) -> int:
        """The number of data that nobody has stated."""
        return sum(not one.content for one in self.data)


async def of_publication(
    frame: PageContext,
    view: View,
    of: ShownPublication,
    codes: Sequence[str],
    recorded: Iterable[Recorded],
) -> PublicationData:
    """The data that the papers of the publication print, given or not.

    *recorded* are all events about statements.
    """
    at = structs.replace(frame.time.moment, as_of=of.as_of)
    needs = await paper_statements.required(view, recorded, codes, at)
    fields = form_fields(frame, StatementKind.NARRATIVE)
    key = STATEMENTS[StatementKind.NARRATIVE].key
    return PublicationData(
        tuple(_publication_datum(frame, of, one) for one in needs),
        tuple(one for one in fields if one.name not in {*key, *ABOUT}),
        of.as_of.year,
        (of.as_of.month - 1) // 3 + 1,
        _is_proposing(frame),
        frame.refusal(Action.AGENCY_DATA),
    )


def _publication_datum(
    frame: PageContext, of: ShownPublication, one: RequiredStatement
) -> PublicationDatum:
    page = frame.visitor.page
    title = subject_titles.statement_title(page, one.id)
    if one.shown is not None:
        said = tuple(_content(frame, one.shown.statement))
        return PublicationDatum(title, said, frame.address(f"{PATH}/{one.id}"))
    given = {name: str(value) for name, value in one.key.items()}
    if one.kind in FROM_THE_PERIOD:
        given["effective_on"] = page.day(of.period.start)
    form = f"{PATH}/baru/{one.kind}"
    address = frame.address(form, **given, ke=f"/publikasi/{of.id}")
    return PublicationDatum(title, (), address)


# What would otherwise hold from today, which is after the day of the publication.
FROM_THE_PERIOD = frozenset({StatementKind.END_TARGET, StatementKind.RESPONSIBLE})


HANDLERS: list[Any] = [
    *(show_statements, show_statement, annul),
    *(show_statement_form, state),
]
