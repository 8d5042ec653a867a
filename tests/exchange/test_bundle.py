"""A bundle is verified offline, and every change in it is detected."""

import errno
import json
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

import iku_verify
from iku.exchange import bundle
from iku.ledger import checkpoint_signing, checkpoint_store, log, witness_client
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import SigningKey
from iku.ledger.policy import Party, Policy
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.database import Database
from iku.postgres.pool import Plain, connect, connect_as_owner, connect_as_signer
from tests.conftest import numbers, within
from tests.ledger.conftest import ZONE, Ask
from tests.ledger.test_note import witness_key
from tests.samples import sample

ORIGIN = "iku.test/log"
SIZES = (3, 255, 256, 300, 520)
WITNESS = witness_key()
WATCHED = Policy(witnesses={"W": Party(WITNESS.verifier)}, quorum="W")


class Kept(NamedTuple):
    """A bundle, the policy to verify it, and the signing key."""

    folder: Path
    policy: Path
    key: SigningKey
    database: Database


async def cosign(signer: Plain) -> None:
    last = await checkpoint_store.latest(signer)
    assert last is not None
    line = WITNESS.sign(last.published_note.text, 1_700_000_000).line
    await witness_client.store_cosignatures(
        signer, [WITNESS.verifier], last.published_note, line.encode()
    )


async def grow(connection: Plain, size: int) -> None:
    """Append until the log has *size* records."""
    held = (await log.head(connection)).size
    ask = Ask()
    ask.asked = held
    request = ask(f"a-{size}", command=f"to-{size}", events=size - held)
    await log.append(connection, [request], zone=ZONE)


@pytest.fixture
def origin(template: str) -> str:
    """A template without events."""
    return template


@pytest.fixture(scope="module")
async def kept(
    server: Any, administrator: Plain, template: str, tmp_path_factory: Any
) -> AsyncIterator[Kept]:
    """A log of more than two full tiles, with several checkpoints; read only."""
    name = f"bundle_{next(numbers)}"
    await administrator.execute(f"create database {name} template {template}")
    database = within(server, name)
    place: Path = tmp_path_factory.mktemp("bundle")
    home = SignerFolder(place / "signer")
    key = home.make_key(ORIGIN)
    connection = await connect(database.application_dsn)
    assert database.signer_dsn is not None
    signer = await connect_as_signer(database.signer_dsn)
    for size in SIZES:
        await grow(connection, size)
        await checkpoint_signing.sign(signer, home, ORIGIN)
    await cosign(signer)
    await bundle.export(connection, WATCHED, place / "b", lambda *_: None)
    policy = place / "policy"
    policy.write_text(
        f"log {key.verifier}\nwitness W {WITNESS.verifier}\nquorum W\n", "utf-8"
    )
    yield Kept(place / "b", policy, key, database)
    await connection.close()
    await signer.close()
    await administrator.execute(f"drop database {name} with (force)")


Verify: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture
def verify(
    kept: Kept,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Verify:
    """The report of `iku-verify bundle` on a folder."""
    monkeypatch.chdir(tmp_path)

    def verify(folder: Path, *options: object, policy: Path | None = None) -> Any:
        typed = ["bundle", folder, "--json", "--policy", policy or kept.policy]
        code = iku_verify.main([str(one) for one in (*typed, *options)])
        report = json.loads(capsys.readouterr().out)
        assert report["exit"] == code
        return report

    return verify


@pytest.fixture
def copy(kept: Kept, tmp_path: Path) -> Path:
    """A copy of the bundle, for tests that damage it."""
    return Path(shutil.copytree(kept.folder, tmp_path / "copy"))


def test_a_sound_bundle_is_verified(kept: Kept, verify: Verify) -> None:
    report = verify(kept.folder)
    assert report["verdict"] == "verified"
    assert (report["origin"], report["size"]) == (ORIGIN, 520)
    assert report["witnesses"] == ["saksi.test"]
    assert report["checkpoints"] == len(SIZES)
    assert report["lacking"] == []


def test_it_is_laid_out_as_other_peoples_tools_read_it(kept: Kept) -> None:
    # Imported here, because it imports requests.
    from tlog_scales.backend import LocalBackend  # noqa: PLC0415
    from tlog_scales.reader import TilesReader  # noqa: PLC0415

    reader = TilesReader(LocalBackend(kept.folder))
    found = reader.get_checkpoint()
    assert reader.calculate_root_hash() == found.root_hash
    assert found.size == 520
    names = {
        path.relative_to(kept.folder).as_posix()
        for path in kept.folder.rglob("*")
        if path.is_file()
    }
    assert names == {
        *("checkpoint", "policy.txt", "manifest.json"),
        *(f"checkpoints/{size}" for size in SIZES),
        *("tile/0/000", "tile/0/001", "tile/0/002.p/8", "tile/1/000.p/2"),
        *("tile/entries/000", "tile/entries/001", "tile/entries/002.p/8"),
    }


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_one_flipped_bit_anywhere_is_never_verified(
    kept: Kept, copy: Path, verify: Verify
) -> None:
    chance = random.Random(20260101)
    for path in files(copy):
        sound = path.read_bytes()
        places = {0, 1, len(sound) // 2, len(sound) - 2, len(sound) - 1}
        places |= {chance.randrange(len(sound)) for _ in range(4)}
        for at in sample(sorted(places), 3):
            broken = bytearray(sound)
            broken[at] ^= 1 << chance.randrange(8)
            path.write_bytes(broken)
            assert verify(copy)["exit"] in {1, 2, 3, 4}, (path, at)
        path.write_bytes(sound)
    assert verify(copy)["exit"] == 0


def test_a_file_that_is_gone_cut_longer_or_new_is_found(
    copy: Path, verify: Verify
) -> None:
    for path in files(copy):
        sound = path.read_bytes()
        path.unlink()
        assert verify(copy)["exit"] in {1, 2}, path
        for changed in (b"", sound[:-1], sound[:-32], sound + b"\0", sound + b"\n"):
            path.write_bytes(changed)
            assert verify(copy)["exit"] in {1, 2}, path
        path.write_bytes(sound)
    (copy / "tile" / "more").touch()
    report = verify(copy)
    assert (report["exit"], report["finding"]) == (
        1,
        "tile/more is not in the manifest",
    )
    (copy / "tile" / "more").unlink()
    (copy / "tile" / "link").symlink_to(copy / "checkpoint")
    assert verify(copy)["exit"] == 1


def relist(folder: Path, *paths: str) -> None:
    """Recompute the manifest, as an attacker would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for listed in manifest["files"]:
        if listed["path"] in paths:
            raw = (folder / listed["path"]).read_bytes()
            listed["bytes"] = len(raw)
            listed["sha256"] = sha256(raw).hexdigest()
    (folder / "manifest.json").write_bytes(iku_verify.encode_manifest(manifest))


def test_the_first_bad_position_is_named(copy: Path, verify: Verify) -> None:
    path = copy / "tile/entries/001"
    raw = path.read_bytes()
    records = iku_verify.split_entries(raw, "")
    records[41] = records[41].replace(b'"n":', b'"m":')
    forged = b"".join(len(r).to_bytes(2, "big") + r for r in records)
    path.write_bytes(forged)
    relist(copy, "tile/entries/001")
    report = verify(copy)
    assert (report["exit"], report["position"]) == (1, 256 + 42)
    assert report["finding"] == "leaf hash"
    leaf = iku_verify.leaf_hash(records[41])
    assert report["found"] == leaf.hex() != report["expected"]

    # With the tile recomputed, the root does not verify.
    tile = copy / "tile/0/001"
    hashes = bytearray(tile.read_bytes())
    hashes[32 * 41 : 32 * 42] = leaf
    tile.write_bytes(hashes)
    relist(copy, "tile/0/001")
    report = verify(copy)
    assert (report["exit"], report["finding"]) == (
        1,
        "tile/1/000.p/2 has other hashes than the tiles below",
    )
    upper = iku_verify.Tree()
    for at in range(0, len(hashes), 32):
        upper.add(bytes(hashes[at : at + 32]))
    roots = (copy / "tile/1/000.p/2").read_bytes()
    (copy / "tile/1/000.p/2").write_bytes(roots[:32] + upper.root())
    relist(copy, "tile/1/000.p/2")
    report = verify(copy)
    # Size 256 still verifies: the change lies between it and 300.
    assert (report["exit"], report["finding"]) == (1, "root at size 300")


def test_a_log_that_nobody_watches_is_not_enough(
    kept: Kept, verify: Verify, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.write_text(f"log {kept.key.verifier}\nquorum none\n")
    report = verify(kept.folder, policy=alone)
    assert report["exit"] == 3
    assert "no quorum of witnesses" in report["finding"]
    accepted = verify(kept.folder, "--without-witness", policy=alone)
    assert accepted["exit"] == 0
    assert accepted["lacking"]
    other = tmp_path / "other"
    stranger = witness_key("other.test", 77).verifier
    other.write_text(f"log {kept.key.verifier}\nwitness O {stranger}\nquorum O\n")
    assert verify(kept.folder, policy=other)["exit"] == 3


def test_a_key_from_inside_the_bundle_is_not_enough(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ([], ["--without-witness"]):
        code = iku_verify.main(["bundle", str(kept.folder), *options])
        assert code == 3
        assert "the keys come from inside the bundle" in capsys.readouterr().out


def test_a_log_that_is_signed_by_somebody_else_is_not_believed(
    kept: Kept, verify: Verify, tmp_path: Path
) -> None:
    policy = tmp_path / "policy"
    other = SigningKey(ORIGIN, kept.key.algorithm, bytes(32)).verifier
    policy.write_text(f"log {other}\nwitness W {WITNESS.verifier}\nquorum W\n")
    assert verify(kept.folder, policy=policy)["exit"] == 3


def known(kept: Kept, folder: Path, size: int, root: bytes) -> Path:
    """A checkpoint with a valid signature of the log's key."""
    text = Checkpoint(ORIGIN, size, root).text
    path = folder / f"known-{size}"
    path.write_text(f"{text}\n{kept.key.sign(text).line}")
    return path


def test_a_checkpoint_that_was_kept_has_to_agree(
    kept: Kept, verify: Verify, tmp_path: Path
) -> None:
    for size in SIZES:
        report = verify(kept.folder, "--known", kept.folder / f"checkpoints/{size}")
        assert (report["exit"], report["known"]) == (0, 1)
    assert list(tmp_path.glob("evidence-*")) == []
    for size, says in ((300, "root at size 300"), (400, "root at size 400")):
        report = verify(kept.folder, "--known", known(kept, tmp_path, size, bytes(32)))
        assert (report["exit"], report["finding"]) == (4, says)
    longer = known(kept, tmp_path, 521, bytes(32))
    report = verify(kept.folder, "--known", longer)
    assert report["exit"] == 4
    assert "rolled back" in report["finding"]
    evidence = [json.loads(path.read_text()) for path in tmp_path.glob("evidence-*")]
    assert len(evidence) == 3
    assert all(len(one["notes"]) == 2 for one in evidence)


def test_what_was_kept_has_to_be_signed(
    kept: Kept, verify: Verify, tmp_path: Path
) -> None:
    path = known(kept, tmp_path, 300, bytes(32))
    path.write_text(path.read_text().replace("\n300\n", "\n301\n"))
    assert verify(kept.folder, "--known", path)["exit"] == 1
    path.write_text("no note")
    assert verify(kept.folder, "--known", path)["exit"] == 2
    assert verify(kept.folder, "--known", tmp_path / "nowhere")["exit"] == 2


def test_what_is_no_bundle_is_malformed(
    kept: Kept, verify: Verify, copy: Path, tmp_path: Path
) -> None:
    assert verify(tmp_path / "nowhere")["exit"] == 2
    manifest = copy / "manifest.json"
    sound = manifest.read_text()
    for broken in (
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        sound.replace("iku-bundle/1", "iku-bundle/2"),
        sound.replace('"filters":"none"', '"filters":"some"'),
        sound.replace('"path":"checkpoint"', '"path":"../checkpoint"'),
        sound.replace('"path":"checkpoint"', '"path":"/checkpoint"'),
        sound.replace(',"sha256"', ', "sha256"'),
    ):
        manifest.write_text(broken)
        assert verify(copy)["exit"] == 2, broken[:80]


async def test_an_empty_log_is_not_enough(
    database: Database, signer: Plain, connection: Plain, tmp_path: Path, verify: Verify
) -> None:
    home = SignerFolder(tmp_path / "signer")
    key = home.make_key(ORIGIN)
    await checkpoint_signing.sign(signer, home, ORIGIN)
    await cosign(signer)
    await bundle.export(connection, WATCHED, tmp_path / "b", lambda *_: None)
    policy = tmp_path / "policy"
    policy.write_text(f"log {key.verifier}\nwitness W {WITNESS.verifier}\nquorum W\n")
    report = verify(tmp_path / "b", policy=policy)
    assert report["exit"] == 3
    assert "the log is empty" in report["finding"]


@pytest.mark.parametrize("folder", ["new", "there"])
async def test_what_cannot_be_written_whole_leaves_nothing(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "there").mkdir()
    place, real = tmp_path / folder, Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "entries" in path.parts:
            (place / "of somebody else").write_text("")
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    owner = await connect_as_owner(kept.database.owner_dsn)
    with pytest.raises(OSError, match="No space left") as caught:
        await bundle.export(owner, WATCHED, place, lambda *_: None)
    assert caught.value.filename == str(place / "tile" / "entries" / "000")
    [left] = place.iterdir()
    assert left.name == "of somebody else"
    left.unlink()
    monkeypatch.undo()
    written = await bundle.export(owner, WATCHED, place, lambda *_: None)
    await owner.close()
    assert written.size == 520


async def test_a_bundle_is_not_written_over_another(
    kept: Kept, connection: Plain, tmp_path: Path
) -> None:
    with pytest.raises(bundle.BundleWriteError, match="no checkpoint is signed yet"):
        await bundle.export(connection, WATCHED, tmp_path / "b", lambda *_: None)
    owner = await connect_as_owner(kept.database.owner_dsn)
    with pytest.raises(bundle.BundleWriteError, match="is not empty"):
        await bundle.export(owner, WATCHED, kept.folder, lambda *_: None)
    told: list[tuple[int, int]] = []
    written = await bundle.export(
        owner, WATCHED, tmp_path / "b", lambda *far: told.append(far)
    )
    await owner.close()
    assert (written.size, written.checkpoints, written.files) == (520, 5, 15)
    assert told == [(256, 520), (512, 520), (520, 520)]
    assert [p.read_bytes() for p in files(tmp_path / "b")] == [
        p.read_bytes() for p in files(kept.folder)
    ]


def test_the_program_needs_nothing_of_ours(kept: Kept, tmp_path: Path) -> None:
    alone = tmp_path / "iku_verify.py"
    shutil.copy(iku_verify.__file__, alone)
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            alone,
            "bundle",
            kept.folder,
            "--policy",
            kept.policy,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("VERIFIED (exit 0)\n")
    assert "5 checkpoints of the bundle agree" in done.stdout
