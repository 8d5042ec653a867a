"""Signing checkpoints, by which a later change of the log's history is provable.

The signer does not trust the database. It keeps the last checkpoint that it signed in a
file of its own, reads and hashes the *bytes* of the records itself, and signs only a
tree that is consistent with that checkpoint. Otherwise it raises an alarm and refuses
to sign until an operator has removed the alarm.

Each round reads the records since the last full tile. A *full* round reads all of them,
and so detects a change in an old record.

A signer that lost its state could contradict an earlier checkpoint. It therefore
requires a checkpoint from outside, and signs only if the log continues it. The same
holds for a new key on a log that another key signed. Checkpoints in the database must
be consistent as well, but are not sufficient: they can be deleted together with the
records.
"""

import contextlib
from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from iku.ledger import accepted_schema_shape, checkpoint_store, note, signed_tree
from iku.ledger.accepted_schema_shape import ShapeChanged, ShapeDigests
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.note import SigningKey
from iku.ledger.signed_tree import LogTampered
from iku.ledger.signer_folder import (
    AlarmRaised,
    SignerFolder,
    SignerNotReady,
    SignerState,
    signed_state,
)
from iku.messages import message


class SigningResult(Struct, frozen=True):
    """The result of one round of signing.

    Attributes:
        size: Size of the last checkpoint.
        signed: Whether this round signed it.
        read: Number of records that were read and hashed.
    """

    size: int
    signed: bool
    read: int
    note: str


async def sign(
    connection: Reader,
    home: SignerFolder,
    origin: str,
    *,
    full: bool = False,
    known: Sequence[Checkpoint] = (),
    shape: ShapeDigests | None = None,
) -> SigningResult:
    """Sign the log's current tree if it has grown; with *full*, reread every record.

    *known* are checkpoints from outside, with which the log must be consistent. *shape*
    is the schema's shape, which must be accepted; None if it is unknown.

    Raises:
        AlarmRaised: The log is not consistent with the last signed checkpoint, or with
            one of *known*. The alarm is written to a file and, if possible, to the
            database.
        SignerNotReady: The key or the state cannot be used, or the state is missing and
            *known* is empty.
        ShapeChanged: The schema's shape is not accepted.
        InsecurePermissions: Other users can use the folder or a file in it.
    """
    home.refuse_insecure()
    home.complete_rotation()
    home.refuse_if_alarmed()
    keys = [home.key()]
    return await _sign(
        connection, home, origin, keys, full=full, known=known, shape=shape
    )


async def rotate(
    connection: Reader,
    home: SignerFolder,
    origin: str,
    *,
    shape: ShapeDigests | None = None,
) -> SigningResult:
    """Rotate the key: both keys sign one checkpoint, then only the new one signs.

    Raises:
        AlarmRaised, InsecurePermissions, ShapeChanged: As in `sign`.
        SignerNotReady: As in `sign`, or no checkpoint is signed yet.
    """
    home.refuse_insecure()
    home.complete_rotation()
    home.refuse_if_alarmed()
    state = home.state()
    if state is None or state.has_signed_nothing:
        raise SignerNotReady(
            message("no checkpoint is signed yet, so the key cannot be rotated")
        )
    keys = [home.key(), home.next_key()]
    outcome = await _sign(connection, home, origin, keys, shape=shape)
    home.complete_rotation()
    return outcome


async def _sign(
    connection: Reader,
    home: SignerFolder,
    origin: str,
    keys: list[SigningKey],
    *,
    full: bool = False,
    known: Sequence[Checkpoint] = (),
    shape: ShapeDigests | None = None,
) -> SigningResult:
    state = home.state()
    _refuse_other_log(state, origin, keys[0])
    if state is None or state.has_signed_nothing:
        known = await _recovery_checkpoints(connection, home, origin, known)
    try:
        anchors = signed_tree.roots_by_size(known)
        whole = full or state is None or bool(anchors)
        frontier, read = await signed_tree.compute(
            connection, state, anchors, full=whole
        )
    except LogTampered as error:
        raise await raise_tamper_alarm(connection, home, str(error)) from error
    if shape is not None:
        await _check_shape(connection, home, shape)
    new = state is None or frontier.size > state.checkpoint.size or len(keys) > 1
    if new:
        state = signed_state(frontier, origin, keys)
        # Written before it is published: after a crash the state may name a checkpoint
        # that was not published, but a published one is never missing from the state.
        home.write_state(state)
    assert state is not None  # noqa: S101 - it is new otherwise
    await _publish(connection, state, keys)
    return SigningResult(state.checkpoint.size, new, read, state.note)


async def _check_shape(
    connection: Reader, home: SignerFolder, shape: ShapeDigests
) -> None:
    try:
        accepted_schema_shape.refuse_unaccepted_shape(home, shape)
    except ShapeChanged as error:
        # Without a file: the alarm ends with the first round under an accepted shape.
        with contextlib.suppress(asyncpg.PostgresError):
            await checkpoint_store.record_alarm(connection, str(error), raised=True)
        raise


async def _recovery_checkpoints(
    connection: Reader, home: SignerFolder, origin: str, known: Sequence[Checkpoint]
) -> Sequence[Checkpoint]:
    """The checkpoints for a signer without state: *known*, and those in the database.

    Raises:
        SignerNotReady: *known* is empty, although this log may have been signed.
    """
    stored = [
        one.checkpoint
        async for one in checkpoint_store.checkpoints_up_to(
            connection, checkpoint_store.LAST
        )
        if one.checkpoint.origin == origin and one.size > 0
    ]
    # A key that was made here has signed nothing; only another could have.
    lost = home.state() is None and await signed_tree.size_of_log(connection) > 0
    if not known and (stored or lost):
        raise SignerNotReady(
            message(
                "{folder} does not hold the last signed checkpoint, which a "
                "new one could contradict; provide the last checkpoint that "
                "an auditor or a witness holds: --known FILE",
                folder=home.folder,
            )
        )
    return [*known, *stored]


async def raise_tamper_alarm(
    connection: Reader, home: SignerFolder, sentence: str
) -> AlarmRaised:
    """Raise the alarm in the file and the database, and return the exception."""
    home.raise_alarm(sentence)
    # The file is authoritative; a database under attack may reject the row.
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await checkpoint_store.record_alarm(connection, sentence, raised=True)
    return AlarmRaised(sentence)


def _refuse_other_log(state: SignerState | None, origin: str, key: SigningKey) -> None:
    if key.name != origin:
        raise SignerNotReady(
            message(
                "the signing key belongs to log {name}, but IKU_ORIGIN is {origin}",
                name=key.name,
                origin=origin,
            )
        )
    if state is None:
        return
    if state.checkpoint.origin != origin:
        raise SignerNotReady(
            message(
                "the signer's state belongs to log {other}, not to this log, {origin}",
                other=state.checkpoint.origin,
                origin=origin,
            )
        )
    if state.vkey != str(key.verifier):
        raise SignerNotReady(
            message(
                "the last checkpoint was signed by {vkey}, which is not the current "
                "key; restore that key, then rotate it with `iku signer rotate`",
                vkey=state.vkey,
            )
        )


async def _publish(
    connection: Reader, state: SignerState, keys: list[SigningKey]
) -> None:
    by = [key.verifier for key in keys]
    signed = note.parse(state.note.encode())
    await checkpoint_store.publish(connection, state.checkpoint, signed, by)
    await checkpoint_store.record_alarm(connection, "all is well again", raised=False)
