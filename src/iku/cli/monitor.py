"""`iku monitor`: follows the log of another office, without a database."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

import click

from iku import messages
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed, message_for
from iku.cli.terminal_language import formats, translated
from iku.ledger import policy
from iku.ledger.durable_files import FolderInUse, InsecurePermissions
from iku.ledger.note import Malformed
from iku.ledger.policy import Policy
from iku.messages import message
from iku.monitor.checkpoint_check import CheckpointRequirements
from iku.monitor.finding import (
    CANNOT_READ,
    FINDING,
    FINE,
    LABELS,
    USAGE,
    MonitorNotReady,
)
from iku.monitor.follower import Follower, MonitorRound, open_follower
from iku.monitor.log_client import InvalidLogAddress, LogClient, read_key

DAY_S = 86_400
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LONGEST_WAIT_S = 900  # between two attempts to read a log that cannot be read
HOURS = click.IntRange(1, 24 * 366)


@click.command(short_help="Follow the log of another office.")
@click.argument("url")
@click.option(
    "--policy",
    "trusted",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File with the trusted keys, from another source than the log.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with an API key that may read the log, readable by you only.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the state, one for each log [default: IKU_MONITOR_HOME].",
)
@click.option(
    "--once", is_flag=True, help="Run one round, and exit with its exit code."
)
@click.option("--full", is_flag=True, help="With --once: read all records again.")
@click.option(
    "--every",
    type=click.IntRange(1, DAY_S),
    default=60,
    show_default=True,
    help="Seconds between two rounds.",
)
@click.option(
    "--full-every",
    type=HOURS,
    default=24,
    show_default=True,
    help="Hours between two full rounds; the first round is one.",
)
@click.option(
    "--max-age",
    type=HOURS,
    help="Maximum age, in hours, of the cosignatures of a quorum of witnesses.",
)
@click.option("--without-witness", is_flag=True, help="Accept missing witnesses.")
@click.option(
    "--keep-going",
    is_flag=True,
    help="Continue after a finding, and treat findings on figures as acknowledged.",
)
@terminal.as_json
def monitor(
    url: str,
    *,
    trusted: Path,
    key: Path | None,
    folder: Path | None,
    once: bool,
    full: bool,
    every: int,
    full_every: int,
    max_age: int | None,
    without_witness: bool,
    keep_going: bool,
    json: bool,
) -> None:
    """Verify new records of the log at URL, and recount its published figures.

    Exit codes: 0 nothing was found, 1 a finding, 2 usage error, 3 not enough to judge
    (no quorum of witnesses, stale, unknown key), 4 the log or the folder cannot be
    read. Without --once it runs until a signal, or until a finding.
    """
    log = _open_client(url, key)
    age = None if max_age is None else max_age * 3600
    demands = CheckpointRequirements(_read_policy(trusted), age, without_witness)
    home = folder or terminal.settings().monitor_home
    with (
        _folder_errors(),
        open_follower(log, demands, home, keep_going=keep_going) as follower,
    ):
        if once:
            code = _report(follower.round(full=full), json=json).exit
        else:
            with _interruptible():
                pace = RoundIntervals(every, full_every * 3600)
                code = _run(follower, pace, keep_going=keep_going, json=json)
    if code != FINE:
        raise click.exceptions.Exit(code)


class RoundIntervals(NamedTuple):
    """Seconds between two rounds, and between two full rounds."""

    every_s: int
    full_every_s: int

    def wait_s(self, failures: int) -> int:
        """Seconds to wait before the next round, after *failures* in succession."""
        longer = min(self.every_s << min(failures, 10), LONGEST_WAIT_S)
        return max(self.every_s, longer)


def _run(
    follower: Follower, pace: RoundIntervals, *, keep_going: bool, json: bool
) -> int:
    """Run rounds until a signal; the exit code is 1 if there was a finding."""
    seen, failures, read_all = FINE, 0, float("-inf")
    before: MonitorRound | None = None
    try:
        while True:
            full = time.monotonic() - read_all >= pace.full_every_s
            found = follower.round(full=full)
            if json or _has_news(found, before):
                with _uninterrupted():
                    _report(found, json=json)
            seen = FINDING if FINDING in {seen, found.exit} else FINE
            if seen == FINDING and not keep_going:
                break
            failures = failures + 1 if found.exit == CANNOT_READ else 0
            if full and not failures:
                read_all = time.monotonic()
            before = found
            time.sleep(pace.wait_s(failures))
    except KeyboardInterrupt:
        pass
    return seen


def _has_news(found: MonitorRound, before: MonitorRound | None) -> bool:
    """Whether a round has something to report after the one before."""
    return before is None or found.new > 0 or found.findings != before.findings


def _report(found: MonitorRound, *, json: bool) -> MonitorRound:
    if json:
        terminal.emit(found)
        return found
    clock = formats.instant(found.at, terminal.settings().timezone)
    if found.origin is not None:
        tables.say(f"{clock} {translated(_verified_message(found))}")
    for one in found.findings:
        label, sentence = translated(LABELS[one.kind]), translated(one.sentence)
        tables.say(f"{clock} {label}: {sentence}")
        if one.evidence is not None:
            kept = message("both checkpoints are kept in {path}", path=one.evidence)
            tables.say(f"{clock} {translated(kept)}")
    return found


def _verified_message(found: MonitorRound) -> str:
    said = [
        message(
            "{origin}: {size} records verified, {new} of them new",
            origin=found.origin,
            size=formats.number(found.size),
            new=formats.number(found.new),
        )
    ]
    if found.figures and not found.exit:
        said.append(
            message(
                "{figures} figures of {publications} publications were recounted and "
                "agree",
                figures=formats.number(found.figures),
                publications=formats.number(found.publications),
            )
        )
    said.append(_cosigned_message(found))
    return messages.join_sentences(said)


def _cosigned_message(found: MonitorRound) -> messages.Message:
    if not found.witnesses:
        return message("no witness has cosigned the checkpoint")
    names = ", ".join(found.witnesses)
    if found.newest is None:
        return message(
            "cosigned by {names}; time of the cosignatures unknown", names=names
        )
    newest = datetime.fromtimestamp(found.newest, UTC)
    when = formats.instant(newest, terminal.settings().timezone)
    return message("cosigned by {names}, last on {time}", names=names, time=when)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Handle SIGTERM as SIGINT: the round ends, and its files stay consistent."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - as `signal` calls it
        raise KeyboardInterrupt

    before = [(n, signal.signal(n, interrupt)) for n in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Defer signals: an interrupted write would be repeated when the stream closes."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _folder_errors() -> Iterator[None]:
    try:
        yield
    except (MonitorNotReady, FolderInUse, InsecurePermissions, OSError) as error:
        raise CommandFailed(message_for(error), CANNOT_READ) from error


def _open_client(url: str, key: Path | None) -> LogClient:
    try:
        return LogClient(url, None if key is None else read_key(key))
    except (InvalidLogAddress, InsecurePermissions, OSError) as error:
        raise CommandFailed(message_for(error), USAGE) from error


def _read_policy(path: Path) -> Policy:
    try:
        with path.open("rb") as file:
            return policy.parse(file.read(policy.LONGEST + 1))
    except (Malformed, OSError) as error:
        raise CommandFailed(message_for(error), USAGE) from error
