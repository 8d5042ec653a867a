"""`iku target`: set, correct or annul a target, after a preview of its effect."""

from typing import Any

import click

from iku.cli import revision, terminal
from iku.commands.command import Command
from iku.domain.fact import Line, Reason
from iku.domain.indicator import Percent, Targeted
from iku.messages import message


@click.command(short_help="Set, correct or annul a target.")
@click.argument("code", metavar="CODE")
@click.option("--year", type=click.IntRange(1945, 9999), help="Year of the target.")
@click.option(
    "--target",
    type=terminal.LineType("percent", Percent, 7),
    help="Target in per cent, with a decimal point and at most two decimals; above "
    "100 a reason is required.",
)
@click.option(
    "--effective-on",
    type=terminal.DayType(),
    help="First day in force: the target applies to figures as of this day or later.",
)
@click.option(
    "--basis",
    type=terminal.LineType("text", Line, 500),
    help="Performance agreement that sets the target.",
)
@click.option("--reason", type=terminal.LineType("text", Reason, 2000), help="Reason.")
@revision.revision_options
@revision.preview_options
@terminal.actor
@terminal.as_json
def target(
    code: str,
    reason: str | None,
    *,
    corrects: int | None,
    annuls: int | None,
    preview: bool,
    yes: bool,
    because: str | None,
    actor: str,
    json: bool,
    **given: Any,
) -> None:
    """Set the target of a year for the indicator CODE, after a preview of its effect.

    With --corrects, a wrongly recorded target is corrected; with --annuls, it is
    annulled. Both options take the version that `iku history CODE` shows, and require
    --reason.
    """
    revised = corrects is not None or annuls is not None
    needed = {"reason": reason} if revised else given
    for name, value in needed.items():
        if value is None:
            raise click.UsageError(
                message("Missing option {name!r}.", name=f"--{name.replace('_', '-')}")
            )
    proposed = (
        revision.build_revision(corrects, annuls, reason or "", given)
        if revised
        else Targeted(**given, reason=reason)
    )
    command = Command("indicator", code, proposed, actor)
    revision.revise(command, because, preview=preview, yes=yes, json=json)
