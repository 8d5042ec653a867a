"""The form for a new version of a definition, or a target of a year.

With accounts both are proposals, which the head of the agency approves; a register
without accounts records them at once. A field that stays empty keeps its value.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from litestar import Response
from msgspec import Struct, to_builtins

from iku import labels, parsing
from iku.commands import proposals
from iku.commands.command import CommandResult
from iku.connection import PooledReader
from iku.domain import indicator
from iku.domain.access import Action
from iku.domain.comparison import LISTS
from iku.domain.decider import Invalid, Refused
from iku.domain.indicator import Options, Redefinition, Targeted
from iku.domain.question import UnknownReference
from iku.messages import Message, message
from iku.parsing import ParseError
from iku.web.page_failures import form_faults
from iku.web.page_forms import Form, iso_day
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, sending

PATH = "/indikator/{code:str}/definisi/usul"
TEXTS = ("wording", "formula", "owner", "objective")
TARGET_FIELDS = ("year", "target", "effective_on", "basis", "reason")
FIXED = {"counts", "category", "rounding"}  # these belong to the indicator
BECAUSE = "because"


class AmendmentQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The indicator in the path."""

    code: str


class ChangeableOption(NamedTuple):
    """An option that a new version can change.

    Attributes:
        choices: The values, by stored value; empty for a number.
        now: The values in force, in words.
        several: Whether it has several values.
    """

    name: str
    label: Message
    choices: dict[str, Message]
    now: str
    several: bool


@present(PATH, Action.READ_FIGURES, AmendmentQuestion)
async def show_amendment(frame: PageContext) -> Response[bytes]:
    """The forms for a target, and for a version of the definition."""
    return await _page(frame, frame.question.code, {}, {})


@sending(PATH, Action.READ_FIGURES)
async def amend(frame: PageContext, form: Form) -> Response[bytes]:
    """Propose a target or a new version of the definition.

    A register without accounts records it directly.
    """
    code = frame.path["code"]
    try:
        outcome = await _carry_out(frame, form, code, _command(frame, form))
    except (ParseError, Refused) as error:
        return await _page(frame, code, form.values, form_faults(error), status=422)
    if outcome.receipt.stream.startswith("proposal-"):
        return redirect(frame.address(f"/usulan/{outcome.subject}"))
    return redirect(frame.address(f"/indikator/{code}/definisi"))


async def _carry_out(
    frame: PageContext, form: Form, code: str, command: Any
) -> CommandResult:
    gateway = frame.gateway(form)
    if frame.credentials is None:
        return await gateway.handle(indicator.decider.category, code, command)
    because = form.text(BECAUSE).strip()
    if not because:
        raise Invalid(BECAUSE, message("is required"))
    asked = gateway.command(indicator.decider.category, code, command)
    reader = PooledReader(frame.app)
    return await proposals.propose(frame.app.commands, reader, asked, because)


def _command(frame: PageContext, form: Form) -> Any:
    """The command in the fields of a form.

    Raises:
        ParseError: A field is missing or malformed.
    """
    if form.text("form") == "target-":
        return parsing.parse_texts(Targeted, _pairs(frame, form, TARGET_FIELDS))
    names = [one for one in parsing.struct_fields(Redefinition) if one != "sources"]
    return parsing.parse_texts(Redefinition, _pairs(frame, form, names))


def _pairs(
    frame: PageContext, form: Form, names: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """The fields that were filled in, as the parser of the command expects them.

    Raises:
        ParseError: A day is malformed.
    """
    for name, text in form.filled(names):
        match name:
            case "effective_on":
                yield name, iso_day(name, text, frame.time.today)
            case "target":
                yield name, text.replace(",", ".").removesuffix("%").strip()
            case _:
                yield name, text


async def _page(
    frame: PageContext,
    code: str,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    status: int = 200,
) -> Response[bytes]:
    async with frame.view() as view:
        known = (await frame.app.figures.indicators(view.reader)).get(code)
    if known is None:
        raise UnknownReference(
            message("indicator {indicator} does not exist", indicator=code)
        )
    options = known.definitions[-1].defined.options
    return frame.show(
        "amendment.html",
        status=status,
        code=code,
        values=values,
        faults=faults,
        options=list(_changeable(frame, options)),
        texts=TEXTS,
        labels=labels.FIELDS,
        proposing=frame.credentials is not None,
        why=frame.refusal(Action.DEFINE),
    )


def _changeable(frame: PageContext, options: Options) -> Iterator[ChangeableOption]:
    page = frame.visitor.page
    for name, value in to_builtins(options).items():
        if name in FIXED or name not in labels.OPTIONS:
            continue
        choices = dict(labels.OPTION_VALUES.get(name, {}))
        held = value if isinstance(value, list | tuple) else [value]
        words = [page.text(choices[one]) if choices else str(one) for one in held]
        several = name in LISTS
        yield ChangeableOption(
            name, labels.OPTIONS[name], choices, ", ".join(words), several
        )


HANDLERS: list[Any] = [show_amendment, amend]
