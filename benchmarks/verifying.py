"""Verification of a bundle with `iku_verify.py`.

Compared, on the same files, with reading and decoding all records, and with that plus
SHA-256 over all bytes, which is the minimum for any verifier. Each runs in a separate
process without iku, so that its memory is its own.

    python -m benchmarks.verifying [COUNT]
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.domain.question import Question
from iku.exchange import bundle
from iku.ledger import checkpoint_signing
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Algorithm, SigningKey
from iku.ledger.policy import Policy
from iku.ledger.signature_algorithm import signed_message
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import connect_as_owner, connect_as_signer

PROGRAM = Path(__file__).parents[1] / "src" / "iku_verify.py"
ORIGIN = "iku.test/log"
ASKED = Question("IKU-2", date(2021, 12, 31))

# Seconds and peak memory (MiB) of one of three ways to read a bundle.
ALONE = r"""
import hashlib, json, pathlib, re, sys, time
sys.path.insert(0, sys.argv[1])
import iku_verify
way, folder, *options = sys.argv[2:]
began = time.perf_counter()
if way == "verify":
    if iku_verify.main(options):
        raise SystemExit("it is not verified")
else:
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            if way == "hash":
                hashlib.sha256(raw).digest()
            if "entries" in path.parts:
                for record in iku_verify.split_entries(raw, path.name):
                    json.loads(record)
                    if way == "hash":
                        hashlib.sha256(record).digest()
took = time.perf_counter() - began
status = pathlib.Path("/proc/self/status").read_text()
peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
print(json.dumps([took, peak]))
"""

# Processor time of one verification by a function of the program, in milliseconds.
SIGNATURE = r"""
import sys, time
sys.path.insert(0, sys.argv[1])
import iku_verify
verifies = getattr(iku_verify, sys.argv[2])
signed = [bytes.fromhex(word) for word in sys.argv[3:]]
if not verifies(*signed):  # the first one also computes what depends on the key alone
    raise SystemExit("it is not verified")
began = time.process_time()
for _ in range(50):
    verifies(*signed)
print((time.process_time() - began) / 50 * 1000)
"""


async def exported(count: int) -> tuple[Path, str]:
    """A bundle of *count* records, and the number of a countable figure."""
    home = registers.register_folder(count)
    folder, kept = home / "bundle", home / "bundle.number"
    if kept.exists():
        return folder, kept.read_text()
    shutil.rmtree(folder, ignore_errors=True)
    async with registers.register(count) as database:
        assert database.signer_dsn is not None
        signer = await connect_as_signer(database.signer_dsn)
        signs = SignerFolder(home / "signer")
        if not signs.folder.exists():
            signs.make_key(ORIGIN)
        await checkpoint_signing.sign(signer, signs, ORIGIN)
        await signer.close()
        owner = await connect_as_owner(database.owner_dsn)
        await bundle.export(owner, Policy(quorum="none"), folder, lambda *_: None)
        await owner.close()
        (home / "policy").write_text(f"log {signs.key().verifier}\nquorum none\n")
        async with registers.open_register(database) as (app, connection):
            [figure] = await app.figures.answer(connection, [ASKED], ASKED.as_of)
    kept.write_text(figure.number)
    return folder, figure.number


async def alone(way: str, folder: Path, options: Sequence[str] = ()) -> list[float]:
    """Seconds and peak MiB of one way, in a separate process."""
    words = [sys.executable, "-I", "-c", ALONE, str(PROGRAM.parent), way, str(folder)]
    done = await asyncio.to_thread(
        subprocess.run, [*words, *options], check=True, capture_output=True, text=True
    )
    told: list[float] = json.loads(done.stdout.splitlines()[-1])
    return told


async def signature(verifies: str, algorithm: Algorithm) -> float:
    """Milliseconds to verify one cosignature, in a separate process."""
    key = SigningKey("saksi.test", algorithm, bytes(32))
    text, time = Checkpoint(ORIGIN, 9, bytes(32)).text, 1_767_225_600
    message, signed = (
        signed_message(algorithm, key.name, text, time),
        key.sign(text, time),
    )
    words = [one.hex() for one in (key.verifier.public, message, signed.payload[8:])]
    line = [sys.executable, "-I", "-c", SIGNATURE, str(PROGRAM.parent), verifies]
    done = await asyncio.to_thread(
        subprocess.run, [*line, *words], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


async def measure(count: int, repeats: int) -> None:
    """Run all measurements, and report them."""
    folder, number = await exported(count)
    trust = ["--policy", str(folder.parent / "policy"), "--without-witness"]
    verify = ["bundle", str(folder), *trust]
    recount = ["figure", number, "--bundle", str(folder), *trust]
    peaks: dict[str, list[float]] = {}

    async def side(name: str, way: str, options: Sequence[str] = ()) -> float:
        seconds, peak = await alone(way, folder, options)
        peaks.setdefault(name, []).append(peak)
        return seconds

    verified, counted, decoded, hashed = await measuring.measure_alternately(
        [
            partial(side, "verified", "verify", verify),
            partial(side, "counted", "verify", recount),
            partial(side, "decoded", "decode"),
            partial(side, "hashed", "hash"),
        ],
        repeats,
    )
    ml_dsa, ed25519 = await measuring.measure_alternately(
        [
            partial(signature, "ml_dsa_verify", Algorithm.COSIGNATURE_ML_DSA),
            partial(signature, "ed25519_verifies", Algorithm.COSIGNATURE),
        ],
        repeats,
    )
    what = f"verify a bundle of {count:,} records"
    seconds = partial(Row, better="lower", unit="s")
    memory = partial(Row, better="lower", unit="MiB", peer="reading and decoding")
    least = "reading and decoding its records"
    rows = [
        seconds(what=what, samples=verified, peer=least, peer_samples=decoded),
        seconds(
            what=what,
            samples=verified,
            peer=f"{least}, SHA-256 of all bytes",
            peer_samples=hashed,
        ),
        seconds(
            what="the same, and recount a figure",
            samples=counted,
            peer=least,
            peer_samples=decoded,
        ),
        memory(
            what="peak memory of verifying",
            samples=peaks["verified"],
            peer_samples=peaks["decoded"],
        ),
        memory(
            what="peak memory of verifying and counting",
            samples=peaks["counted"],
            peer_samples=peaks["decoded"],
        ),
        Row(
            what="verify an ML-DSA-44 cosignature",
            better="lower",
            unit="ms",
            samples=ml_dsa,
            peer="an Ed25519 one",
            peer_samples=ed25519,
        ),
    ]
    measuring.report("verifying", f"iku_verify.py alone, {count:,} records", rows)


def main() -> None:
    """Measure a bundle of the requested size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--repeats", type=int, default=measuring.REPEATS)
    asked = parser.parse_args()
    asyncio.run(measure(asked.count, asked.repeats))


if __name__ == "__main__":
    main()
