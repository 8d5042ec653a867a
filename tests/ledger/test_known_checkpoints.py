"""Checkpoints from outside, of files and of witnesses, are verified."""

from collections.abc import Callable
from pathlib import Path

import pytest

from iku.ledger import checkpoint_signing, known_checkpoints, policy
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Note, SigningKey
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder, SignerNotReady
from iku.postgres.pool import Plain
from tests.ledger.test_note import log_key, witness_key
from tests.ledger.test_tile_cache import fill

ORIGIN = "iku.test/log"
WITNESS = witness_key()
FOUND = Checkpoint(ORIGIN, 7, bytes(32))
WATCHED = policy.parse(
    f"witness W {WITNESS.verifier} http://w/".encode(), complete=False
)


@pytest.fixture
def home(tmp_path: Path) -> SignerFolder:
    home = SignerFolder(tmp_path / "signer")
    home.make_key(ORIGIN)
    return home


def signed(key: SigningKey, found: Checkpoint = FOUND) -> bytes:
    return str(Note(found.text, (key.sign(found.text, 1),))).encode()


def answering(status: int, body: bytes) -> Callable[[str], tuple[int, bytes]]:
    return lambda _: (status, body)


async def test_a_file_is_taken_if_a_known_key_signed_it(
    signer: Plain, home: SignerFolder
) -> None:
    for key in (home.key(), WITNESS):
        found = await known_checkpoints.gather(
            signer, home, WATCHED, [signed(key)], get=answering(404, b"")
        )
        assert found.checkpoints == (FOUND,)


async def test_a_key_of_the_log_that_was_replaced_is_known(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 3)
    await checkpoint_signing.sign(signer, home, ORIGIN)
    old = home.key()
    await checkpoint_signing.rotate(signer, home, ORIGIN)
    found = await known_checkpoints.gather(signer, home, Policy(), [signed(old)])
    assert found.checkpoints == (FOUND,)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "the file is not a checkpoint signed by a known key: "),
        (
            signed(log_key(ORIGIN, 9)),
            "the file is not a checkpoint signed by a known key: ",
        ),
        (
            signed(WITNESS, Checkpoint("other.test/log", 7, bytes(32))),
            "the checkpoint is of log other.test/log, but the signer",
        ),
    ],
)
async def test_a_file_that_proves_nothing_is_refused(
    signer: Plain, home: SignerFolder, raw: bytes, says: str
) -> None:
    with pytest.raises(SignerNotReady, match=says):
        await known_checkpoints.gather(
            signer, home, WATCHED, [raw], get=answering(404, b"")
        )


async def test_a_witness_is_asked_only_where_the_folder_knows_of_no_checkpoint(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    answer = answering(200, signed(WITNESS))
    found = await known_checkpoints.gather(signer, home, WATCHED, get=answer)
    assert found.checkpoints == (FOUND,)
    (home.folder / "state").unlink()
    found = await known_checkpoints.gather(signer, home, WATCHED, get=answer)
    assert found.checkpoints == (FOUND,)
    offline = policy.parse(f"witness W {WITNESS.verifier}".encode(), complete=False)
    found = await known_checkpoints.gather(signer, home, offline, get=answer)
    assert found == known_checkpoints.KnownCheckpoints()
    await checkpoint_signing.sign(signer, home, ORIGIN)
    await fill(owner, 3)
    await checkpoint_signing.sign(signer, home, ORIGIN)
    found = await known_checkpoints.gather(signer, home, WATCHED, get=answer)
    assert found == known_checkpoints.KnownCheckpoints()


async def test_a_witness_that_does_not_help_is_named(
    signer: Plain, home: SignerFolder
) -> None:
    found = await known_checkpoints.gather(
        signer, home, WATCHED, get=answering(500, b"oh")
    )
    assert found.checkpoints == ()
    assert found.unreachable == ("W: the witness responded with status 500: oh",)
