"""`iku signer request` and `accept`: cosignatures by file, without a network."""

from typing import IO

import click

from iku.app import load_witnesses
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.terminal_language import formats
from iku.ledger import checkpoint, cosignature_store, note, witness_client
from iku.ledger.note import Note
from iku.ledger.policy import Party, Policy
from iku.ledger.signer_folder import SignerFolder
from iku.messages import message
from iku.postgres.pool import Plain
from iku.settings import Settings


@click.command(short_help="Write what a witness without a network is to read.")
@click.option(
    "--witness",
    "name",
    help="Name in IKU_WITNESSES of the witness [default: the only one without a URL].",
)
@click.option(
    "--old",
    type=click.IntRange(0),
    help="The size that the witness cosigned last [default: as stored].",
)
def request(name: str | None, old: int | None) -> None:
    """Print the last checkpoint and its proof, for `iku witness cosign`."""
    chosen = terminal.settings()
    last = _last(chosen)
    party = _asked(load_witnesses(chosen), name)

    async def work() -> str:
        async with terminal.signer(chosen) as connection:
            size = checkpoint.parse(last.text).size
            known = await _known_size(connection, party, size) if old is None else old
            if known > size:
                raise CommandFailed(
                    message(
                        "the last checkpoint is of size {size}, not {old}",
                        size=size,
                        old=known,
                    )
                )
            return str(await witness_client.build_request(connection, known, last))

    click.echo(terminal.run(work()), nl=False)


async def _known_size(connection: Plain, party: Party | None, most: int) -> int:
    if party is None:
        return 0
    return await cosignature_store.cosigned_size(connection, party.key, most)


def _asked(witnesses: Policy, name: str | None) -> Party | None:
    """The witness called *name*, or else the only one; None if there is none."""
    parties = witnesses.witnesses
    if name is not None and name in parties:
        return parties[name]
    offline = [party for party in parties.values() if party.url is None]
    several = offline or [*parties.values()]
    if name is None and len(several) <= 1:
        return several[0] if several else None
    raise CommandFailed(
        message(
            "--witness is {name}, but must be one of the witnesses in IKU_WITNESSES: "
            "{known}",
            name=name or message("missing"),
            known=[*parties],
        )
    )


@click.command(short_help="Take in what a witness answered by file.")
@click.argument("file", type=click.File("rb"))
def accept(file: IO[bytes]) -> None:
    """Store the cosignature in FILE, the output of `iku witness cosign`."""
    chosen = terminal.settings()
    answer = file.read()
    last = _last(chosen)

    async def work() -> str:
        async with terminal.signer(chosen) as connection:
            return await _accept(connection, load_witnesses(chosen), last, answer)

    name = terminal.run(work())
    size = checkpoint.parse(last.text).size
    tables.say(
        message(
            "Witnessed by {name}: size {size}.", name=name, size=formats.number(size)
        )
    )


async def _accept(
    connection: Plain, witnesses: Policy, last: Note, answer: bytes
) -> str:
    party = _signatory(witnesses, answer)
    await witness_client.store_cosignature(connection, party.key, last, answer)
    return party.key.name


def _signatory(witnesses: Policy, answer: bytes) -> Party:
    """The configured witness whose key made the signature in *answer*."""
    text = note.parse(b"-\n\n" + answer)
    by = {(one.name, one.key_id) for one in text.signatures}
    for party in witnesses.witnesses.values():
        if (party.key.name, party.key.key_id) in by:
            return party
    raise CommandFailed(
        message("the file holds no cosignature of a witness in IKU_WITNESSES")
    )


def _last(chosen: Settings) -> Note:
    """The last checkpoint, as the signer's own state has it."""
    state = SignerFolder(chosen.signer_home).state()
    if state is None or state.fresh:
        raise CommandFailed(message("nothing is signed yet; `iku signer once` signs"))
    return note.parse(state.note.encode())
