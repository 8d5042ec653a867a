"""The page of an indicator's definitions and targets, with a preview of options."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, NamedTuple

from litestar import Response
from msgspec import structs, to_builtins

from iku import labels
from iku.domain.access import Action
from iku.domain.comparison import LISTS, Comparison
from iku.domain.indicator import ConflictOptions, Options
from iku.messages import Message, message
from iku.queries import definition_comparison, indicators
from iku.queries.comparison_questions import ComparisonRequest, TrialQuestion
from iku.queries.indicators import ShownDefinition
from iku.queries.view import View
from iku.web.pages.page_context import PART, PageContext
from iku.web.pages.routes import reading

PATH = "/indikator/{code:str}/definisi"
TEXTS = ("wording", "formula", "sources", "owner", "objective")
# The category belongs to the indicator, and there is one way of rounding.
FIXED = {"counts", "category", "rounding"}


class Change(NamedTuple):
    """A field in which a definition differs from the one before it."""

    label: Message
    before: str
    after: str


# Subjects that a workbook reads at a time: each time the whole log is read.
COMPARED = 10_000


class Trial(NamedTuple):
    """An option whose effect can be previewed.

    Attributes:
        choices: The values, by stored value; empty for a number.
        now: The stored values in force.
        asked: The stored values in the preview.
        several: Whether it has several values.
    """

    name: str
    label: Message
    choices: dict[str, Message]
    now: Sequence[str]
    asked: Sequence[str]
    several: bool


@reading(PATH, Action.READ_FIGURES, TrialQuestion)
async def show_definition(frame: PageContext) -> Response[bytes]:
    """The versions of a definition, the targets, and a preview of other options."""
    today = frame.time.today
    tried = frame.question.comparison_request(today)
    if frame.visitor.asks_workbook:
        tried = structs.replace(tried, limit=COMPARED)
    may_try = frame.refusal(Action.READ_HISTORY)
    async with frame.view() as view:
        known = await indicators.known_indicator(
            view, frame.app.figures, tried.question
        )
        compared = await _comparison(frame, view, tried)
    first = compared
    if compared is not None and frame.visitor.asks_workbook:
        first = structs.replace(compared, items=compared.items[:PART])
    definitions = known.shown.definitions if known else ()
    in_force = definitions[known.in_force - 1] if known else None
    return frame.show(
        "definition.html",
        code=tried.question.indicator,
        known=known,
        in_force=in_force,
        changes=dict(_changes(frame, definitions)),
        options=lambda one: _options(frame, one.options),
        trials=[*_trials(frame, in_force.options)] if in_force else [],
        may_try=may_try,
        tried=tried,
        compared=first,
        column_label=definition_label,
        labels=labels.FIELDS,
        proposes=frame.refusal(Action.DEFINE),
        register=_register_path(in_force),
        reads_register=frame.refusal(Action.READ_REGISTER) is None,
        rest={"trial_rows.html": _later_items(frame, compared)},
    )


async def _later_items(
    frame: PageContext, compared: Comparison | None
) -> AsyncGenerator[dict[str, Comparison], None]:
    """The subjects after the first `PART` that differ, in parts."""
    begin, today = PART, frame.time.today
    while compared is not None:
        for start in range(begin, len(compared.items), PART):
            items = compared.items[start : start + PART]
            yield {"compared": structs.replace(compared, items=items)}
        if compared.next is None:
            return
        asked = structs.replace(frame.question, cursor=compared.next)
        tried = structs.replace(asked.comparison_request(today), limit=COMPARED)
        async with frame.view() as view:
            compared = await _comparison(frame, view, tried)
        begin = 0


async def _comparison(
    frame: PageContext, view: View, tried: ComparisonRequest
) -> Comparison | None:
    """The figure under each definition of the address; None if it names none."""
    if tried.amendment is None and not tried.definitions:
        return None
    return await definition_comparison.compare(view, tried, frame.time.today)


def _changes(
    frame: PageContext, definitions: Sequence[ShownDefinition]
) -> Iterator[tuple[int, list[Change]]]:
    """The number of each definition, with its changes from the one before it."""
    before: ShownDefinition | None = None
    for one in definitions:
        yield (
            one.definition,
            [] if before is None else [*_differences(frame, before, one)],
        )
        before = one


def _differences(
    frame: PageContext, before: ShownDefinition, after: ShownDefinition
) -> Iterator[Change]:
    for name in TEXTS:
        was, now = (_join_values(getattr(one, name)) for one in (before, after))
        if was != now:
            yield Change(labels.FIELDS[name], was, now)
    known = dict(_options(frame, before.options))
    for label, now in _options(frame, after.options):
        if known.get(label) != now:
            yield Change(label, known.get(label, ""), now)


def _join_values(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else "; ".join(value)


def _options(frame: PageContext, options: Options) -> list[tuple[Message, str]]:
    """The label and the value in words of each option."""
    return [
        (labels.OPTIONS[name], _option_in_words(frame, name, value))
        for name, value in to_builtins(options).items()
        if name in labels.OPTIONS
    ]


def _option_in_words(frame: PageContext, name: str, value: Any) -> str:
    page, known = frame.visitor.page, labels.OPTION_VALUES.get(name, {})
    if isinstance(value, int):
        return page.number(value)
    values = [value] if isinstance(value, str) else value
    return ", ".join(page.text(known[one]) for one in values)


def _trials(frame: PageContext, options: Options) -> Iterator[Trial]:
    """The options of the indicator whose effect can be previewed."""
    for name, value in to_builtins(options).items():
        if name not in FIXED:
            asked = to_builtins(getattr(frame.question, name))
            yield Trial(
                name=name,
                label=labels.OPTIONS[name],
                choices=dict(labels.OPTION_VALUES.get(name, {})),
                now=_option_values(value),
                asked=[] if asked is None else _option_values(asked),
                several=name in LISTS,
            )


def _option_values(of: Any) -> list[str]:
    return [str(one) for one in of] if isinstance(of, list | tuple) else [str(of)]


def _register_path(one: ShownDefinition | None) -> str:
    """The path of the list of the subjects that a definition counts."""
    counts_cases = one is None or isinstance(one.options, ConflictOptions)
    return "konflik" if counts_cases else "organisasi"


def definition_label(version: int | None) -> Message:
    """The heading of a column of a comparison."""
    if version is None:
        return message("trial")
    return message("definition {version}", version=version)


HANDLERS: list[Any] = [show_definition]
