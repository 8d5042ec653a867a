"""Each signed checkpoint becomes one new file in a folder outside."""

from pathlib import Path

import pytest

from iku.ledger import checkpoint_copies, checkpoint_signing, note, policy
from iku.ledger.cosignature_store import add
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain
from tests.ledger.test_note import witness_key
from tests.ledger.test_tile_cache import fill

ORIGIN = "iku.test/log"
WITNESS = witness_key()


@pytest.fixture
def home(tmp_path: Path) -> SignerFolder:
    home = SignerFolder(tmp_path / "signer")
    home.make_key(ORIGIN)
    return home


@pytest.fixture
def share(tmp_path: Path) -> Path:
    share = tmp_path / "share"
    share.mkdir()
    (share / "notes of the office.checkpoint").touch()
    return share


async def sign(signer: Plain, owner: Plain, home: SignerFolder, size: int) -> str:
    """Fill the log up to *size*, and sign it."""
    held = await owner.fetchval("select count(*) from ledger.event")
    if size > held == 0:
        await fill(owner, size)
    elif size > held:
        await owner.execute(
            "insert into ledger.event select n, 'b-' || n, 1, 'Noted', null,"
            " '2021-01-01', false, '2021-01-01', 'x', sha256('\\x0078'::bytea)"
            f" from generate_series({held + 1}, {size}) n"
        )
    return (await checkpoint_signing.sign(signer, home, ORIGIN)).note


def copies(share: Path) -> list[Path]:
    return sorted(share.glob("0*.checkpoint"))


def names(share: Path) -> list[str]:
    return [path.name[:12] for path in copies(share)]


async def test_a_checkpoint_is_copied_once_with_its_cosignatures(
    signer: Plain, owner: Plain, home: SignerFolder, share: Path
) -> None:
    signed = await sign(signer, owner, home, 3)
    text = note.parse(signed.encode()).text
    line = WITNESS.sign(text, 1_700_000_000)
    found = note.VerifiedSignature(WITNESS.verifier, line, 1_700_000_000)
    await add(signer, 3, found)
    assert await checkpoint_copies.copy(signer, share, signed) == 1
    [copied] = copies(share)
    assert copied.stat().st_mode & 0o222 == 0
    known = f"log {home.key().verifier}\nwitness W {WITNESS.verifier}\nquorum W\n"
    judged = policy.judge(policy.parse(known.encode()), note.parse(copied.read_bytes()))
    assert judged.quorum
    copied.chmod(0o600)
    copied.write_text("marked")
    assert await checkpoint_copies.copy(signer, share, signed) == 0
    assert copied.read_text() == "marked"


async def test_what_was_missed_is_copied_later(
    signer: Plain,
    owner: Plain,
    home: SignerFolder,
    share: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint_copies, "MOST", 2)
    for size in (1, 2):
        signed = await sign(signer, owner, home, size)
    await checkpoint_copies.copy(signer, share, signed)
    assert names(share) == ["000000000002"]  # what was signed before there were copies
    for size in (3, 4, 5, 6):
        signed = await sign(signer, owner, home, size)
    # At most two are made up for in a round; the last one is always copied.
    assert await checkpoint_copies.copy(signer, share, signed) == 3
    assert names(share) == [f"{n:012}" for n in (2, 3, 4, 6)]


async def test_a_new_key_makes_a_copy_of_the_same_size(
    signer: Plain, owner: Plain, home: SignerFolder, share: Path
) -> None:
    await checkpoint_copies.copy(signer, share, await sign(signer, owner, home, 3))
    rotated = await checkpoint_signing.rotate(signer, home, ORIGIN)
    assert await checkpoint_copies.copy(signer, share, rotated.note) == 1
    assert names(share) == ["000000000003"] * 2


async def test_a_folder_that_is_away_is_an_error(
    signer: Plain, owner: Plain, home: SignerFolder, tmp_path: Path
) -> None:
    signed = await sign(signer, owner, home, 3)
    with pytest.raises(FileNotFoundError):
        await checkpoint_copies.copy(signer, tmp_path / "away", signed)
