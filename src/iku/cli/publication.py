"""`iku publication`: figures as they are printed, and what changed since."""

from collections.abc import Callable
from datetime import date
from typing import Any

import click

from iku.app import House
from iku.cli import asking, terminal
from iku.cli import printed as shown
from iku.cli.edge import Failed
from iku.commands.command import Command
from iku.domain import publication as printing
from iku.domain.fact import Line, Reason
from iku.domain.period import Kind
from iku.domain.publication import Draft, Identifier, NextStep, State, StepType, Take
from iku.queries import publications
from iku.queries.changes import PublicationChanges, read_page
from iku.queries.publications import Publications, ShownPublication

reason = click.option(
    "--reason",
    type=terminal.Words("text", Reason, 2000),
    required=True,
    help="Why; it stands in the record.",
)


@click.group(
    cls=terminal.InOrder, short_help="Print figures, and see what changed since."
)
def publication() -> None:
    """Publications: draft, close, review, publish; and what changed afterwards.

    Closing freezes the figures. Whoever publishes must not be who reviewed.
    """


def further(command: Callable[..., None]) -> Callable[..., None]:
    """Gives *command* what every step beyond the draft takes."""
    named = click.argument("identifier", metavar="ID")
    for option in (terminal.as_json, terminal.actor, reason, named):
        command = option(command)
    return command


@publication.command()
@click.option("--as-of", type=terminal.Day(), required=True, help="The day printed.")
@click.option(
    "--period",
    type=click.Choice([kind.value for kind in Kind]),
    default=Kind.YEAR.value,
    show_default=True,
    help="The period printed is the one the day lies in.",
)
@click.option(
    "--restates",
    metavar="ID",
    type=terminal.Words("id", Identifier, 20),
    help="The published edition that it is to stand beside.",
)
@click.option(
    "--title", type=terminal.Words("text", Line, 500), help="What it is printed under."
)
@reason
@terminal.actor
@terminal.as_json
def draft(period: str, *, actor: str, json: bool, **given: Any) -> None:
    """Begin the publication of a day's figures."""
    drafted = Draft(period=Kind(period), **given)

    async def work() -> ShownPublication:
        async with terminal.house(terminal.settings()) as house:
            return await _hand_in(house, drafted.publication, drafted, actor)

    _tell(terminal.run(work()), json=json)


@publication.command()
@click.option(
    "--known-on",
    type=terminal.Day(),
    help="Whose knowledge: that of the end of this day [default: all there is].",
)
@further
def close(
    identifier: str, reason: str, known_on: date | None, *, actor: str, json: bool
) -> None:
    """Freeze the figures of a draft."""
    step = NextStep(type=StepType.CLOSED, reason=reason, known_on=known_on)
    _take(identifier, step, actor, json=json)


@publication.command("return")
@further
def return_(identifier: str, reason: str, *, actor: str, json: bool) -> None:
    """Make a draft again of what was closed or reviewed."""
    step = NextStep(type=StepType.RETURNED, reason=reason)
    _take(identifier, step, actor, json=json)


@publication.command()
@further
def review(identifier: str, reason: str, *, actor: str, json: bool) -> None:
    """Say that the frozen figures were gone through."""
    step = NextStep(type=StepType.REVIEWED, reason=reason)
    _take(identifier, step, actor, json=json)


@publication.command()
@further
def publish(identifier: str, reason: str, *, actor: str, json: bool) -> None:
    """Publish what somebody else has reviewed."""
    step = NextStep(type=StepType.PUBLISHED, reason=reason)
    _take(identifier, step, actor, json=json)


@publication.command()
@further
def withdraw(identifier: str, reason: str, *, actor: str, json: bool) -> None:
    """Give up a draft."""
    step = NextStep(type=StepType.WITHDRAWN, reason=reason)
    _take(identifier, step, actor, json=json)


@publication.command("list")
@click.option(
    "--year", type=click.IntRange(1945, 9999), help="Only those of days of this year."
)
@click.option(
    "--state",
    type=click.Choice([state.value for state in State]),
    help="Only those that are this now.",
)
@terminal.as_json
def list_(year: int | None, state: str | None, *, json: bool) -> None:
    """List publications."""

    async def ask() -> Publications:
        async with terminal.viewing() as (_, view):
            now = State(state) if state else None
            return await publications.listing(view, year, now)

    found = terminal.run(ask())
    if json:
        terminal.emit(found)
    else:
        shown.show_list(found)


@publication.command()
@click.argument("identifier", metavar="ID")
@terminal.as_json
def show(identifier: str, *, json: bool) -> None:
    """Show a publication: figures, steps, editions."""

    async def ask() -> ShownPublication:
        async with terminal.house(terminal.settings()) as house:
            return await _show(house, identifier)

    _tell(terminal.run(ask()), json=json)


@publication.command()
@click.argument("identifier", metavar="ID")
@asking.pages
@terminal.as_json
def changes(identifier: str, *, limit: int, cursor: str | None, json: bool) -> None:
    """Show what changed after a publication was closed."""
    chosen = terminal.settings()

    async def ask() -> PublicationChanges:
        page = read_page(cursor, limit)
        async with terminal.viewing() as (house, view):
            return await publications.changed(
                view, house.figures, identifier, page, house.office.today()
            )

    found = terminal.run(ask())
    if json:
        terminal.emit(found)
    else:
        shown.show_changes(found, chosen.timezone)


def _take(identifier: str, step: NextStep, actor: str, *, json: bool) -> None:
    """Take the step, and tell what the publication is then."""

    async def work() -> ShownPublication:
        async with terminal.house(terminal.settings()) as house:
            async with house.pool.acquire() as connection:
                frozen = await publications.snapshot(
                    connection, house.figures, identifier, step, house.office.today()
                )
            taken = Take(identifier, step, frozen)
            return await _hand_in(house, identifier, taken, actor)

    _tell(terminal.run(work()), json=json)


async def _hand_in(
    house: House, identifier: str, proposed: Any, actor: str
) -> ShownPublication:
    category = printing.decider.category
    command = Command(category, printing.subject(identifier), proposed, actor)
    async with house.pool.acquire() as connection:
        outcome = await house.office.handle(connection, command)
    if not outcome.added:
        raise Failed(f"of {identifier} this was recorded already; nothing was added")
    return await _show(house, identifier)


async def _show(house: House, identifier: str) -> ShownPublication:
    async with house.pool.acquire() as connection:
        vouched = await house.assurance(connection)
        view = house.view(connection)
        return await publications.shown(
            view, house.figures, identifier, house.office.today(), vouched
        )


def _tell(found: ShownPublication, *, json: bool) -> None:
    if json:
        terminal.emit(found)
    else:
        shown.show(found)
