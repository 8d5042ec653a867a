"""Forged bundles: the holder of a signing key can make one from any records."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import iku_verify
from iku.ledger import tile, tree
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import SigningKey
from tests.ledger.test_note import witness_key

ORIGIN = "iku.test/log"
WITNESS = witness_key()


def records(folder: Path) -> list[Any]:
    """The records of a bundle, decoded from JSON."""
    size = json.loads((folder / "manifest.json").read_bytes())["size"]
    paths = [one.entries_path() for one in tile.tiles(size) if one.level == 0]
    return [
        json.loads(raw)
        for path in paths
        for raw in iku_verify.split_entries((folder / path).read_bytes(), path)
    ]


def spell(record: Any) -> bytes:
    spelt = json.dumps(
        record, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return spelt.encode()


def policy(key: SigningKey) -> str:
    """A policy that trusts *key*."""
    return f"log {key.verifier}\nwitness W {WITNESS.verifier}\nquorum W\n"


def forge(
    folder: Path,
    key: SigningKey,
    forged: Sequence[Any],
    *,
    earlier: Sequence[int] = (),
    time: int = 1,
) -> Path:
    """Write a bundle whose tiles, root, signatures, copies and manifest agree.

    It has checkpoints at the sizes *earlier*; all are cosigned at *time*.
    """
    return write(folder, forged_files(key, forged, earlier, time))


def forged_files(
    key: SigningKey, forged: Sequence[Any], earlier: Sequence[int], time: int
) -> dict[str, bytes]:
    """The files of the bundle that `forge` writes, by path."""
    told = [spell(record) for record in forged]
    leaves = [tree.leaf_hash(raw) for raw in told]

    def signed(size: int) -> str:
        text = Checkpoint(ORIGIN, size, tree.root(leaves[:size])).text
        return f"{text}\n{key.sign(text).line}{WITNESS.sign(text, time).line}"

    files = {"checkpoint": signed(len(told)), "policy.txt": policy(key)}
    files |= {f"checkpoints/{size}": signed(size) for size in earlier}
    raw = {path: content.encode() for path, content in files.items()}
    raw |= dict(_tiles(told, leaves)) | _copies(told)
    listed = [
        {"bytes": len(content), "path": path, "sha256": sha256(content).hexdigest()}
        for path, content in raw.items()
    ]
    manifest = {
        "files": listed,
        "filters": "none",
        "format": iku_verify.FORMAT,
        "origin": ORIGIN,
        "root": tree.root(leaves).hex(),
        "size": len(told),
    }
    raw["manifest.json"] = iku_verify.encode_manifest(manifest)
    return raw


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write the files to a new folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def _tiles(told: list[bytes], leaves: list[bytes]) -> Iterator[tuple[str, bytes]]:
    rows = {0: leaves}
    for one in tile.tiles(len(told)):
        if one.level not in rows:
            below = rows[one.level - 1]
            full = range(0, len(below) - 255, tile.WIDTH)
            rows[one.level] = [tree.root(below[at : at + 256]) for at in full]
        begin = one.number * tile.WIDTH
        part = slice(begin, begin + one.width)
        yield one.path(), b"".join(rows[one.level][part])
        if one.level == 0:
            yield one.entries_path(), tile.entry_bundle(told[part])


def _copies(told: list[bytes]) -> dict[str, bytes]:
    """The copies that a merger of the records requires; none from invalid records."""
    register = iku_verify.Register()
    with suppress(iku_verify.Finding):
        for position, raw in enumerate(told, 1):
            register.add(position, json.loads(raw))
    found: dict[str, bytes] = register.copies()
    return found
