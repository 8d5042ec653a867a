"""The coordinates of a figure, as every command that is about one takes them."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any

import click
from msgspec import Struct

from iku.cli import terminal
from iku.domain.difference import Against
from iku.domain.period import Kind
from iku.domain.question import Question, refuse_future

LARGEST = 2**53 - 1
AS_OF = click.option(
    "--as-of", type=terminal.Day(), help="The day asked about [default: today]."
)
OF_EVERY_DAY = (
    click.option(
        "--known-on",
        type=terminal.Day(),
        help="Whose knowledge: that of the end of this day [default: all there is].",
    ),
    click.option(
        "--size",
        type=click.IntRange(0, LARGEST),
        help="Count the log's first so many events only [default: all].",
    ),
    click.option(
        "--period",
        type=click.Choice([kind.value for kind in Kind]),
        default=Kind.YEAR.value,
        show_default=True,
        help="The period counted is the one the day lies in.",
    ),
    click.option(
        "--definition",
        type=click.IntRange(1, 2**31 - 1),
        help="Version of the definition [default: the one in force].",
    ),
)
AGAINST_OPTIONS = (
    click.option("--against-as-of", type=terminal.Day(), help="The day compared with."),
    click.option(
        "--against-known-on",
        type=terminal.Day(),
        help="Whose knowledge is compared with.",
    ),
    click.option(
        "--against-size",
        type=click.IntRange(0, LARGEST),
        help="Compare with the log's first so many events.",
    ),
    click.option(
        "--against-period",
        type=click.Choice([kind.value for kind in Kind]),
        help="The period compared with.",
    ),
    click.option(
        "--against-definition",
        type=click.IntRange(1, 2**31 - 1),
        help="Version of the definition compared with.",
    ),
)
PAGE_OPTIONS = (
    click.option(
        "--limit",
        type=click.IntRange(1, 200),
        default=200,
        show_default=True,
        help="The most items of one page.",
    ),
    click.option("--cursor", help="Go on where a page ended that gave this."),
)


class Asked(Struct, frozen=True):
    """Coordinates as they were typed; what was left out is None."""

    as_of: date | None = None
    known_on: date | None = None
    size: int | None = None
    period: Kind = Kind.YEAR
    definition: int | None = None

    def of(self, code: str, today: date) -> Question:
        """The question they ask about that indicator.

        Raises:
            Unanswerable: A day has not come yet.
        """
        refuse_future(self.as_of, today, self.known_on)
        return Question(
            code,
            self.as_of or today,
            known_on=self.known_on,
            size=self.size,
            period=self.period,
            definition=self.definition,
        )


def coordinates(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* the options above, gathered in its argument *asked*."""
    return _gathered(command, AS_OF, *OF_EVERY_DAY)


def of_every_day(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that is about several days: without ``--as-of``."""
    return _gathered(command, *OF_EVERY_DAY)


def day_and_knowledge(command: Callable[..., None]) -> Callable[..., None]:
    """The same without the definition."""
    return _gathered(command, AS_OF, *OF_EVERY_DAY[:-1])


def _gathered(
    command: Callable[..., None], *options: Callable[..., Any]
) -> Callable[..., None]:
    @wraps(command)
    def gathered(**given: Any) -> None:
        own = {name: given.pop(name, None) for name in Asked.__struct_fields__}
        own["period"] = Kind(own["period"])
        command(asked=Asked(**own), **given)

    for option in reversed(options):
        gathered = option(gathered)
    return gathered


def compared_with(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* the options --against-…, gathered in its argument *against*."""

    @wraps(command)
    def gathered(**given: Any) -> None:
        names = Against.__struct_fields__
        own = {name: given.pop(f"against_{name}") for name in names}
        own["period"] = own["period"] and Kind(own["period"])
        command(against=Against(**own), **given)

    for option in reversed(AGAINST_OPTIONS):
        gathered = option(gathered)
    return gathered


def pages(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* the options of what is read page by page."""
    for option in reversed(PAGE_OPTIONS):
        command = option(command)
    return command


def tried_out(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* the option --option, gathered by name in its argument *tried*."""

    @wraps(command)
    def gathered(**given: Any) -> None:
        told: dict[str, list[str]] = {}
        for name, value in given.pop("named"):
            told.setdefault(name, []).append(value)
        command(tried=told, **given)

    return click.option(
        "--option",
        "named",
        type=Named(),
        multiple=True,
        help="An option of the definition that changes; repeatable.",
    )(gathered)


class Named(click.ParamType[tuple[str, str]]):
    """An option and its value, written name=value."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """*value* as a name and a value, or a usage error."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not written name=value", param, ctx)
        return name.strip(), text.strip()
