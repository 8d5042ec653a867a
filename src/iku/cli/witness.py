"""`iku witness`: the witness, run by a third party on its own machine.

It needs no database. `cosign` works on files, without a network.
"""

from collections.abc import Collection
from pathlib import Path
from typing import IO

import click
from msgspec import Struct

from iku import messages
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.signer import key_message
from iku.cli.terminal_language import translated
from iku.ledger import policy
from iku.ledger.note import Algorithm
from iku.ledger.policy import Policy
from iku.ledger.witness import KEY_FILES, Witness, WitnessFolder
from iku.messages import message
from iku.settings import is_loopback

known = click.option(
    "--policy",
    "logs",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with a line `log VKEY` for each log [default: policy in "
    "IKU_WITNESS_HOME].",
)
new = click.option(
    "--new",
    is_flag=True,
    help="Treat a log whose stored state is missing or damaged as one that this key "
    "has never cosigned.",
)


@click.group(short_help="Cosign checkpoints of another institution's log.")
def witness() -> None:
    """Cosign checkpoints of a log, each only if it is consistent with the last one.

    Key and state are in the folder IKU_WITNESS_HOME. Run it on a machine to which the
    operator of the log has no access.
    """


KINDS = {
    "ed25519": Algorithm.COSIGNATURE,
    "ml-dsa-44": Algorithm.COSIGNATURE_ML_DSA,
}


class WitnessKeys(Struct, frozen=True):
    """The keys of a witness.

    Attributes:
        vkeys: The verifier keys, by kind.
        made: The kinds of the newly created keys.
        lines: The lines for the office's IKU_WITNESSES.
    """

    vkeys: dict[str, str]
    made: list[str]
    lines: list[str]


@witness.command(short_help="Create the keys.")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([*KINDS]),
    multiple=True,
    help="Kind of key to create, if missing; repeatable [default: both in a new "
    "folder, none in another].",
)
@terminal.as_json
def key(name: str, kinds: tuple[str, ...], *, json: bool) -> None:
    """Create the cosigning keys with this NAME, such as saksi.inspektorat.example.

    A witness has a key of each kind, and cosigns with both: ml-dsa-44 withstands
    quantum computers, ed25519 is the kind that every verifier knows. Existing keys are
    only shown.
    """
    home = WitnessFolder(terminal.settings().witness_home)
    found = _make_keys(home, name, kinds)
    if json:
        terminal.emit(found)
        return
    for kind in found.vkeys:
        file = home.folder / KEY_FILES[KINDS[kind]]
        tables.say(key_message(file, there=kind not in found.made))
    tables.say(
        message(
            "Lines for IKU_WITNESSES; replace URL by the address of the witness, or "
            "omit it if files are exchanged:"
        )
    )
    for line in found.lines:
        click.echo(line)


def _make_keys(home: WitnessFolder, name: str, kinds: Collection[str]) -> WitnessKeys:
    """Create the missing keys of these *kinds*; without any, of all in a new folder."""
    held = {one.algorithm for one in home.signing_keys()}
    wanted = kinds or ([] if held else KINDS)
    new = [kind for kind in KINDS if kind in wanted and KINDS[kind] not in held]
    for kind in new:
        home.make_key(name, KINDS[kind])
    names = {algorithm: kind for kind, algorithm in KINDS.items()}
    verifiers = [one.verifier for one in home.signing_keys()]
    vkeys = {names[one.algorithm]: str(one) for one in verifiers}
    return WitnessKeys(vkeys, new, policy.witness_lines(verifiers, "URL"))


@witness.command(short_help="Cosign a request file, without a network.")
@click.argument("file", type=click.File("rb"))
@known
@new
def cosign(file: IO[bytes], logs: Path | None, *, new: bool) -> None:
    """Print the cosignature for FILE, which `iku signer request` wrote.

    The exit code is 1 if the checkpoint is not consistent with the last one cosigned,
    or if that one is no longer known.
    """
    click.echo(_open_witness(logs, new=new).cosign(file.read()), nl=False)


@witness.command(short_help="Cosign over HTTP.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8001,
    show_default=True,
    help="Port; 0 selects a free port.",
)
@known
@new
def serve(host: str, port: int, logs: Path | None, *, new: bool) -> None:
    """Cosign checkpoints over HTTP (C2SP tlog-witness), until SIGINT or SIGTERM."""
    opened = _open_witness(logs, new=new)
    # Importing Litestar takes longer than most commands take to run.
    from iku.web import server  # noqa: PLC0415
    from iku.web.witness import create_witness  # noqa: PLC0415

    async def execute() -> None:
        try:
            app = create_witness(opened, local_only=is_loopback(host))
            await server.serve_app(app, host, port, _print_address)
        except OSError as error:
            raise CommandFailed(
                message(
                    "cannot listen on {host}, port {port}: {error}",
                    host=host,
                    port=port,
                    error=messages.error_message(error),
                )
            ) from error

    server.run(execute())


def _print_address(address: str) -> None:
    click.echo(translated(message("the witness serves at {address}", address=address)))


def _open_witness(logs: Path | None, *, new: bool) -> Witness:
    home = WitnessFolder(terminal.settings().witness_home)
    if home.folder.exists():
        home.refuse_insecure()
    keys = home.signing_keys()
    if not keys:
        raise CommandFailed(
            message(
                "{folder} contains no key; `iku witness key NAME` creates one",
                folder=home.folder,
            )
        )
    return Witness(home.folder, keys, _read_logs(logs or home.folder / "policy"), new)


def _read_logs(path: Path) -> Policy:
    if not path.exists():
        raise CommandFailed(
            message(
                "{path} does not exist; create it with a line `log VKEY` for each log",
                path=path,
            )
        )
    found = policy.parse(path.read_bytes(), complete=False)
    if not found.logs:
        raise CommandFailed(
            message(
                "{path} contains no log; add a line `log VKEY` for each log", path=path
            )
        )
    return found
