"""Checkpoints that are held outside, for a signer that lost its state.

The checkpoints come from files of an auditor or a witness, and from the witnesses
themselves. The signer checks that the log continues all of them.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from iku import messages
from iku.ledger import checkpoint, checkpoint_store, note, witness_client
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.note import Malformed, Unverified, VerifierKey
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder, SignerNotReady
from iku.ledger.witness_client import Get, WitnessUnavailable
from iku.messages import message


class KnownCheckpoints(Struct, frozen=True):
    """Signed checkpoints from auditors and witnesses.

    Attributes:
        unreachable: The witnesses that could not be asked, each with the reason.
    """

    checkpoints: tuple[Checkpoint, ...] = ()
    unreachable: tuple[str, ...] = ()


async def gather(
    connection: Reader,
    home: SignerFolder,
    witnesses: Policy,
    files: Sequence[bytes] = (),
    *,
    get: Get | None = None,
) -> KnownCheckpoints:
    """The checkpoints in *files* and, for a signer without state, from the witnesses.

    Raises:
        SignerNotReady: A file is not a checkpoint of this log signed by a known key.
    """
    keys = [*_file_keys(home, witnesses)]
    keys += [one.key for one in await checkpoint_store.log_keys(connection)]
    origin = home.key().name
    found = [_parse_checkpoint(raw, origin, keys) for raw in files]
    state = home.state()
    if state is not None and not state.has_signed_nothing:
        return KnownCheckpoints(tuple(found))
    unreachable = []
    for url, asked in witnesses.keys_by_url.items():
        try:
            by = [*asked.values()]
            last = await witness_client.last_cosigned(by, url, origin, get)
        except WitnessUnavailable as error:
            unreachable.append(f"{', '.join(asked)}: {error}")
            continue
        if last is not None:
            found.append(last)
    return KnownCheckpoints(tuple(found), tuple(unreachable))


def _file_keys(home: SignerFolder, witnesses: Policy) -> Iterable[VerifierKey]:
    yield from home.verifier_keys()
    yield from (party.key for party in witnesses.logs)
    yield from witnesses.witness_keys


def _parse_checkpoint(
    raw: bytes, origin: str, keys: Iterable[VerifierKey]
) -> Checkpoint:
    try:
        signed = note.parse(raw)
        found = checkpoint.parse(signed.text)
        note.verify(signed, {str(key): key for key in keys}.values())
    except (Malformed, Unverified) as error:
        raise SignerNotReady(
            message(
                "--known: the file is not a checkpoint signed by a known key: {error}",
                error=messages.error_message(error),
            )
        ) from error
    if found.origin != origin:
        raise SignerNotReady(
            message(
                "--known: the checkpoint is of log {name}, but the signer's key is of "
                "log {origin}",
                name=found.origin,
                origin=origin,
            )
        )
    return found
