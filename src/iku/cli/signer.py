"""`iku signer`: signed checkpoints of the log, made by a separate process."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import asyncpg
import click
from msgspec import Struct

from iku.app import load_witnesses
from iku.cli import signer_requests, standard_streams, tables, terminal
from iku.cli.errors import CommandFailed, message_for
from iku.cli.terminal_language import formats, translated
from iku.commands import log_continuation
from iku.ledger import (
    accepted_schema_shape,
    checkpoint_copies,
    checkpoint_signing,
    checkpoint_store,
    durable_files,
    known_checkpoints,
    log,
    witness_client,
)
from iku.ledger.accepted_schema_shape import ShapeDigests
from iku.ledger.checkpoint_signing import SigningResult
from iku.ledger.checkpoint_store import Assurance
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder
from iku.messages import Message, message, plural
from iku.postgres import schema_shape
from iku.postgres.pool import Plain
from iku.settings import Settings

DAY_S = 86_400
ALONE = message(
    "NO WITNESS: no witness outside the office is configured (IKU_WITNESSES); the "
    "holder of the key can rewrite history undetected"
)


class SignerRound(Struct, frozen=True):
    """The outcome of one round of the signer.

    Attributes:
        size: Size of the last checkpoint.
        signed: Whether that checkpoint is new.
        read: Number of records that were read and hashed.
        witnessed: The largest size that a quorum of witnesses has cosigned.
        witnesses: Number of configured witnesses.
        unhelpful: The witnesses that did not cosign, each with the reason (named so in
            the JSON output).
        ignored: Stored cosignatures that do not count, one sentence each.
        uncopied: The reason why the checkpoint was not copied to IKU_CHECKPOINT_COPIES;
            None if it was copied, or no folder is set.
        checkpoint: The signed note.
    """

    size: int
    signed: bool
    read: int
    witnessed: int | None
    witnesses: int
    unhelpful: list[str]
    ignored: list[str]
    uncopied: str | None
    checkpoint: str


@click.group(short_help="Sign checkpoints of the log.")
def signer() -> None:
    """Sign checkpoints of the log, with a key that is kept outside the database.

    Key, state and alarm are in the folder IKU_SIGNER_HOME. docs/cli.md describes them.
    """


@signer.command(short_help="Create the key.")
@terminal.as_json
def key(*, json: bool) -> None:
    """Create the signing key if none exists, and show its verifier key."""
    chosen = terminal.settings()
    home = SignerFolder(chosen.signer_home)
    with durable_files.exclusive_lock(home.folder):
        there = (home.folder / "key").exists()
        held = home.key() if there else home.make_key(chosen.origin)
    if json:
        terminal.emit({"vkey": str(held.verifier), "made": not there})
    else:
        tables.say(key_message(home.folder / "key", there=there))
        given = message("Public key of the log, for auditors: {key}", key=held.verifier)
        click.echo(translated(given))


def key_message(file: Path, *, there: bool) -> str:
    """A message: the key was created in *file*, or already existed there."""
    if there:
        return message("The key already exists in {file}.", file=file)
    return message("The key was created in {file}.", file=file)


known = click.option(
    "--known",
    "files",
    type=click.File("rb"),
    multiple=True,
    help="Checkpoint that an auditor or a witness holds; repeatable. Needed if the "
    "folder does not hold the last signed checkpoint.",
)


@signer.command(short_help="Sign a checkpoint of the log.")
@click.option("--full", is_flag=True, help="Read and hash all records again.")
@known
@terminal.as_json
def once(*, full: bool, files: tuple[IO[bytes], ...], json: bool) -> None:
    """Sign a checkpoint if the log has grown, and collect cosignatures.

    If the log is inconsistent with the last checkpoint, nothing is signed and the exit
    code is 1. The same applies if the folder does not hold the last checkpoint, unless
    a witness or --known provides one from outside.
    """
    chosen = terminal.settings()
    given = [file.read() for file in files]
    with durable_files.exclusive_lock(chosen.signer_home):
        work = _run_round(chosen, load_witnesses(chosen), given, full=full)
        found = terminal.run(work)
    _report(found, json=json)


@signer.command(short_help="Rotate the signing key.")
@terminal.as_json
def rotate(*, json: bool) -> None:
    """Create a new key, and sign a checkpoint with both the old and the new key."""
    chosen = terminal.settings()

    async def execute() -> SignerRound:
        async with terminal.signer_connection(chosen) as connection:
            await _refuse_abandoned_origin(connection, chosen)
            home = SignerFolder(chosen.signer_home)
            outcome = await checkpoint_signing.rotate(
                connection, home, chosen.origin, shape=await _shape_digests(connection)
            )
            return await _with_cosignatures(
                connection, chosen, load_witnesses(chosen), outcome
            )

    with durable_files.exclusive_lock(chosen.signer_home):
        found = terminal.run(execute())
        new = SignerFolder(chosen.signer_home).key().verifier
    _report(found, json=json)
    if not json:
        said = message(
            "New public key of the log, for auditors and witnesses: {key}", key=new
        )
        click.echo(translated(said))


@signer.command(short_help="Sign at regular intervals, until interrupted.")
@click.option(
    "--every",
    type=click.IntRange(1, DAY_S),
    default=60,
    show_default=True,
    help="Seconds between two rounds.",
)
@click.option(
    "--full-every",
    type=click.IntRange(1, 24 * 366),
    default=24,
    show_default=True,
    help="Hours between two full rounds; the first round is one.",
)
@known
def run(every: int, full_every: int, files: tuple[IO[bytes], ...]) -> None:
    """Sign a checkpoint in each round in which the log has grown.

    Full rounds read and hash every record. If the log was tampered with, the command
    ends with exit code 1, and does so on every start until the file ALARM is removed.
    """
    chosen = terminal.settings()
    witnesses = load_witnesses(chosen)
    given = [file.read() for file in files]
    with durable_files.exclusive_lock(chosen.signer_home):
        terminal.run(_run(chosen, witnesses, given, every, full_every * 3600))


@signer.command("accept-shape", short_help="Accept a changed schema.")
@click.argument("digest")
def accept_shape(digest: str) -> None:
    """Accept the shape of the schema with this DIGEST, which the signer has refused.

    First find out who changed the schema and why; `iku status` lists what differs from
    the release. The digest must be that of the database.
    """
    chosen = terminal.settings()
    home = SignerFolder(chosen.signer_home)

    async def execute() -> str:
        async with terminal.signer_connection(chosen) as connection:
            return (await schema_shape.read(connection)).digest

    with durable_files.exclusive_lock(home.folder):
        home.refuse_insecure()
        found = terminal.run(execute())
        if found != digest:
            raise CommandFailed(
                message(
                    "the schema has the shape {found}, not {digest}",
                    found=found,
                    digest=digest,
                )
            )
        accepted_schema_shape.accept(home, digest)
    tables.say(
        message("The signer accepts the schema with shape {digest}.", digest=digest)
    )


signer.add_command(signer_requests.request)
signer.add_command(signer_requests.accept)


async def _run_round(
    chosen: Settings, witnesses: Policy, given: Sequence[bytes], *, full: bool
) -> SignerRound:
    async with terminal.signer_connection(chosen) as connection:
        await _refuse_abandoned_origin(connection, chosen)
        home, origin = SignerFolder(chosen.signer_home), chosen.origin
        home.refuse_insecure()
        outside = await known_checkpoints.gather(connection, home, witnesses, given)
        for line in outside.unreachable:
            standard_streams.say(
                translated(
                    message(
                        "no checkpoint from witness {name_and_reason}",
                        name_and_reason=line,
                    )
                )
            )
        outcome = await checkpoint_signing.sign(
            connection,
            home,
            origin,
            full=full,
            known=outside.checkpoints,
            shape=await _shape_digests(connection),
        )
        return await _with_cosignatures(connection, chosen, witnesses, outcome)


async def _shape_digests(connection: Plain) -> ShapeDigests:
    found = await schema_shape.read(connection)
    return ShapeDigests(found.digest, schema_shape.expected().digest)


async def _refuse_abandoned_origin(connection: Plain, chosen: Settings) -> None:
    """Refuse to sign under an origin from before the continuation of the log.

    After a continuation, that origin names a log that is longer than this one.
    """
    name = await log_continuation.origin(connection)
    if name not in {None, chosen.origin}:
        raise CommandFailed(
            message(
                "the log was continued under the name {name}, but IKU_ORIGIN is "
                "{origin}; set IKU_ORIGIN to {name}",
                name=name,
                origin=chosen.origin,
            )
        )


async def _with_cosignatures(
    connection: Plain, chosen: Settings, witnesses: Policy, outcome: SigningResult
) -> SignerRound:
    home = SignerFolder(chosen.signer_home)
    unhelpful = await witness_client.collect_cosignatures(connection, home, witnesses)
    assurance = await checkpoint_store.assurance(connection, witnesses)
    return SignerRound(
        outcome.size,
        outcome.signed,
        outcome.read,
        assurance.witnessed,
        assurance.witnesses,
        unhelpful,
        assurance.ignored,
        await _copy_checkpoint(connection, chosen, outcome),
        outcome.note,
    )


async def _copy_checkpoint(
    connection: Plain, chosen: Settings, outcome: SigningResult
) -> str | None:
    """Copy the checkpoint to IKU_CHECKPOINT_COPIES; return the error if it fails."""
    if chosen.checkpoint_copies is None:
        return None
    try:
        await checkpoint_copies.copy(connection, chosen.checkpoint_copies, outcome.note)
    except OSError as error:
        return message(
            "the checkpoint was not copied: {error}", error=message_for(error)
        )
    return None


async def _run(
    chosen: Settings,
    witnesses: Policy,
    given: Sequence[bytes],
    every: int,
    full_every: int,
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if not witnesses.witnesses:
        standard_streams.say(translated(ALONE))
    read_all = float("-inf")
    while not stop.is_set():
        full = loop.time() - read_all >= full_every
        if await _attempt(chosen, witnesses, given, full=full) and full:
            read_all = loop.time()
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            continue


async def _attempt(
    chosen: Settings, witnesses: Policy, given: Sequence[bytes], *, full: bool
) -> bool:
    """Run a round; return False if the database is unavailable."""
    try:
        found = await _run_round(chosen, witnesses, given, full=full)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not log.is_unavailable(error, None):
            raise
        retried = message(
            "{error}; the signer tries again at the next interval",
            error=message_for(error),
        )
        standard_streams.say(f"{_timestamp(chosen)} {translated(retried)}")
        return False
    if found.signed:
        tables.say(f"{_timestamp(chosen)} {translated(_outcome_message(found))}")
    for line in found.unhelpful:
        said = message(
            "no cosignature from witness {name_and_reason}", name_and_reason=line
        )
        standard_streams.say(f"{_timestamp(chosen)} {translated(said)}")
    for line in _warnings(found):
        standard_streams.say(f"{_timestamp(chosen)} {translated(line)}")
    return True


def _timestamp(chosen: Settings) -> str:
    return formats.instant(datetime.now(chosen.timezone), chosen.timezone)


def _report(found: SignerRound, *, json: bool) -> None:
    if json:
        terminal.emit(found)
        return
    tables.say(
        message(
            "{signing_outcome}; {count} records read.",
            signing_outcome=_outcome_message(found),
            count=formats.number(found.read),
        )
    )
    if found.witnessed is not None:
        size = formats.number(found.witnessed)
        tables.say(message("Witness quorum reached up to size {size}.", size=size))
    for line in found.unhelpful:
        tables.say(
            message(
                "No cosignature from witness {name_and_reason}", name_and_reason=line
            )
        )
    for line in _warnings(found):
        tables.say(line)
    if not found.witnesses:
        tables.say(ALONE)


def _warnings(found: SignerRound) -> list[str]:
    return [*found.ignored, *([found.uncopied] if found.uncopied else [])]


def _outcome_message(found: SignerRound) -> str:
    size = formats.number(found.size)
    if found.signed:
        return message("Signed: a checkpoint of size {size}", size=size)
    return message("Nothing new: the last checkpoint has size {size}", size=size)


def status_lines(found: Assurance) -> list[tuple[str, str]]:
    """The lines of `iku status` on the log's signatures and cosignatures."""
    never = message("never (iku signer once)")
    shown: list[tuple[str, str]] = [
        (message("Signed by the log"), _size_message(found.signed, never))
    ]
    if not found.witnesses:
        shown.append((message("Witnesses"), ALONE))
    else:
        witnessed = plural(
            "{count} witness; cosigned by a quorum: {up_to_size}",
            "{count} witnesses; cosigned by a quorum: {up_to_size}",
            count=found.witnesses,
            up_to_size=_size_message(found.witnessed, message("none yet")),
        )
        shown.append((message("Witnesses"), witnessed))
    shown += [(message("Ignored cosignature"), line) for line in found.ignored]
    if found.alarm:
        shown.append(("ALARM", found.alarm))
    return shown


def _size_message(size: int | None, never: Message) -> Message:
    if size is None:
        return never
    return message("up to size {size}", size=formats.number(size))
