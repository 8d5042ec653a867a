"""`iku signer request` and `accept`: cosignatures by file, without a network."""

from typing import IO, TypeAlias

import click

from iku.app import load_witnesses
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.terminal_language import formats
from iku.ledger import checkpoint, cosignature_store, note, witness_client
from iku.ledger.note import Note, VerifierKey
from iku.ledger.policy import Party, Policy
from iku.ledger.signer_folder import SignerFolder
from iku.messages import message
from iku.postgres.pool import Plain
from iku.settings import Settings

Keys: TypeAlias = list[VerifierKey]


@click.command(short_help="Write a request for a witness without a network.")
@click.option(
    "--witness",
    "name",
    help="Name in IKU_WITNESSES of the witness [default: the only one without a URL].",
)
@click.option(
    "--old",
    type=click.IntRange(0),
    help="Tree size that the witness cosigned last [default: as stored].",
)
def request(name: str | None, old: int | None) -> None:
    """Print the last checkpoint and its proof, for `iku witness cosign`."""
    chosen = terminal.settings()
    last = _last_checkpoint(chosen)
    keys = _keys_of_witness(load_witnesses(chosen), name)

    async def execute() -> str:
        async with terminal.signer_connection(chosen) as connection:
            size = checkpoint.parse(last.text).size
            known = await _known_size(connection, keys, size) if old is None else old
            if known > size:
                raise CommandFailed(
                    message(
                        "the last checkpoint has size {size}, not {old}",
                        size=size,
                        old=known,
                    )
                )
            return str(await witness_client.build_request(connection, known, last))

    click.echo(terminal.run(execute()), nl=False)


async def _known_size(connection: Plain, keys: Keys, most: int) -> int:
    """The size that a witness has cosigned last, with any of its keys."""
    sizes = [
        await cosignature_store.cosigned_size(connection, key, most) for key in keys
    ]
    return max(sizes, default=0)


def _keys_of_witness(witnesses: Policy, name: str | None) -> Keys:
    """The keys of the witness *name*; without a name, of the only witness."""
    parties = witnesses.witnesses
    by_name: dict[str, list[Party]] = {}
    for party in parties.values():
        by_name.setdefault(party.key.name, []).append(party)
    if name is not None and name in parties:
        return [party.key for party in by_name[parties[name].key.name]]
    offline = [
        all_ for all_ in by_name.values() if all(one.url is None for one in all_)
    ]
    several = offline or [*by_name.values()]
    if name is None and len(several) <= 1:
        return [party.key for party in several[0]] if several else []
    raise CommandFailed(
        message(
            "--witness is {name}, but must be one of the witnesses in IKU_WITNESSES: "
            "{known}",
            name=name or message("missing"),
            known=[*parties],
        )
    )


@click.command(short_help="Store a cosignature that a witness returned as a file.")
@click.argument("file", type=click.File("rb"))
def accept(file: IO[bytes]) -> None:
    """Store the cosignature in FILE, the output of `iku witness cosign`."""
    chosen = terminal.settings()
    answer = file.read()
    last = _last_checkpoint(chosen)
    keys = _signatories(load_witnesses(chosen), answer)

    async def execute() -> None:
        async with terminal.signer_connection(chosen) as connection:
            await witness_client.store_cosignatures(connection, keys, last, answer)

    terminal.run(execute())
    size = formats.number(checkpoint.parse(last.text).size)
    for name in dict.fromkeys(key.name for key in keys):
        tables.say(message("Cosigned by {name}: size {size}.", name=name, size=size))


def _signatories(witnesses: Policy, answer: bytes) -> Keys:
    """The keys of configured witnesses whose signatures *answer* contains."""
    text = note.parse(b"-\n\n" + answer)
    by = {(one.name, one.key_id) for one in text.signatures}
    keys = [key for key in witnesses.witness_keys if (key.name, key.key_id) in by]
    if not keys:
        raise CommandFailed(
            message(
                "the file does not contain a cosignature by a witness in IKU_WITNESSES"
            )
        )
    return keys


def _last_checkpoint(chosen: Settings) -> Note:
    """The last checkpoint, from the signer's state file."""
    state = SignerFolder(chosen.signer_home).state()
    if state is None or state.has_signed_nothing:
        raise CommandFailed(
            message("no checkpoint is signed yet; run `iku signer once`")
        )
    return note.parse(state.note.encode())
