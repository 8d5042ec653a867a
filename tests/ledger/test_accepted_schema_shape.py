"""The signer signs only under a shape of the schema that it accepts."""

from pathlib import Path

import pytest

from iku.ledger import accepted_schema_shape, checkpoint_signing, checkpoint_store, note
from iku.ledger.accepted_schema_shape import ShapeChanged, ShapeDigests
from iku.ledger.note import Note
from iku.ledger.signer_folder import SignerFolder, SignerNotReady
from iku.postgres.pool import Plain
from tests.ledger.test_tile_cache import fill

ORIGIN = "iku.test/log"
OURS, OTHER = "a" * 64, "b" * 64
AS_EXPECTED = ShapeDigests(OURS, OURS)
CHANGED = ShapeDigests(OTHER, OURS)


@pytest.fixture
def home(tmp_path: Path) -> SignerFolder:
    home = SignerFolder(tmp_path / "signer")
    home.make_key(ORIGIN)
    return home


def test_the_shape_that_the_release_expects_is_accepted_by_itself(
    home: SignerFolder,
) -> None:
    assert accepted_schema_shape.read_digest(home) is None
    accepted_schema_shape.refuse_unaccepted_shape(home, AS_EXPECTED)
    assert accepted_schema_shape.read_digest(home) == OURS
    # A newer release expects another shape, which its migrations have made.
    accepted_schema_shape.refuse_unaccepted_shape(home, ShapeDigests(OTHER, OTHER))
    assert accepted_schema_shape.read_digest(home) == OTHER


def test_another_shape_is_refused_until_it_is_accepted(home: SignerFolder) -> None:
    for _ in range(2):
        with pytest.raises(ShapeChanged, match=f"iku signer accept-shape {OTHER}"):
            accepted_schema_shape.refuse_unaccepted_shape(home, CHANGED)
        assert accepted_schema_shape.read_digest(home) is None
    accepted_schema_shape.accept(home, OTHER)
    accepted_schema_shape.refuse_unaccepted_shape(home, CHANGED)
    with pytest.raises(ShapeChanged):
        accepted_schema_shape.refuse_unaccepted_shape(
            home, ShapeDigests("c" * 64, OURS)
        )


def test_what_is_accepted_is_signed_and_survives_a_new_key(
    home: SignerFolder,
) -> None:
    accepted_schema_shape.accept(home, OURS)
    signed = note.parse((home.folder / "shape").read_bytes())
    assert note.verify(signed, [home.key().verifier])
    (home.folder / "key").rename(home.folder / "key.retired-1")
    SignerFolder(home.folder).make_key(ORIGIN)
    assert accepted_schema_shape.read_digest(home) == OURS


def forged(home: SignerFolder, text: str) -> bytes:
    return str(Note(text, (home.key().sign(text),))).encode()


def test_a_file_that_says_something_else_is_not_taken_for_an_accepted_shape(
    home: SignerFolder, tmp_path: Path
) -> None:
    other = SignerFolder(tmp_path / "other")
    other.make_key("other.test/log")
    accepted_schema_shape.accept(other, OURS)
    title = "iku: accepted shape of the schema"
    for content in (
        b"",
        b"x\n\n",
        (other.folder / "shape").read_bytes(),
        forged(home, "x\n"),
        forged(home, f"{title}\nother.test/log\n{OURS}\n"),
        forged(home, f"{title}\n{ORIGIN}\n{OURS[1:]}\n"),
        forged(home, f"title\n{ORIGIN}\n{OURS}\n"),
    ):
        (home.folder / "shape").touch(0o600)
        (home.folder / "shape").write_bytes(content)
        with pytest.raises(SignerNotReady, match="shape is damaged: "):
            accepted_schema_shape.refuse_unaccepted_shape(home, AS_EXPECTED)


async def test_nothing_is_signed_under_another_shape_and_the_database_says_why(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 3)
    with pytest.raises(ShapeChanged):
        await checkpoint_signing.sign(signer, home, ORIGIN, shape=CHANGED)
    assert await checkpoint_store.latest(owner) is None
    assert OTHER in (await checkpoint_store.alarm(owner) or "")
    accepted_schema_shape.accept(home, OTHER)
    done = await checkpoint_signing.sign(signer, home, ORIGIN, shape=CHANGED)
    assert done.size == 3
    assert await checkpoint_store.alarm(owner) is None
    with pytest.raises(ShapeChanged):
        await checkpoint_signing.rotate(
            signer, home, ORIGIN, shape=ShapeDigests("c" * 64, OURS)
        )
