"""Flips random bits of a signed, witnessed bundle with texts, and verifies each time.

    python -m tests.flipping COUNT [SEED]

The bundle is made of the records and texts in tests/kept. A bit is flipped in any of
its files, in the texts or in the policy; in every second file of the bundle the
manifest is recomputed, as an attacker would. No flip may pass where
docs/ledger-format.md says that it cannot, end in a traceback, or take long.
"""

import argparse
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import iku_verify
from tests.exchange.forging import WITNESS, forge, policy
from tests.exchange.test_bundle import relist
from tests.kept import kept
from tests.ledger.test_note import log_key

LONGEST = 10.0  # seconds of processor time
EARLIER = (1, 256, 700, 1_026, 1_040)


class Flipped:
    """A bundle, texts and a policy in a folder; one bit at a time is flipped."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._bundle, self._random = folder / "bundle", Random(seed)
        records: list[Any] = [iku_verify.decode(raw.decode()) for raw in kept.records()]
        # The last record declares a loss that an import made up.
        forge(self._bundle, log_key(), records[:-1], earlier=EARLIER)
        self._texts, self._policy = folder / "texts", folder / "policy"
        self._texts.write_bytes(kept.unzipped("texts.jsonl.gz"))
        self._policy.write_text(policy(log_key()))
        inside = [path for path in self._bundle.rglob("*") if path.is_file()]
        self._files = sorted([*inside, self._texts, self._policy])
        self._manifest = (self._bundle / iku_verify.MANIFEST).read_bytes()

    def verify(self) -> int:
        """The exit code of `iku-verify` on what there is."""
        typed = ["bundle", self._bundle, "--policy", self._policy, "--all"]
        with redirect_stdout(StringIO()):
            return iku_verify.main([*map(str, typed), "--texts", str(self._texts)])

    def flip(self) -> int:
        """Flip a bit, verify, and flip it back; the exit code, or a complaint."""
        path = self._random.choice(self._files)
        sound = path.read_bytes()
        at, bit = self._random.randrange(len(sound)), 1 << self._random.randrange(8)
        path.write_bytes(sound[:at] + bytes([sound[at] ^ bit]) + sound[at + 1 :])
        name = path.relative_to(self._bundle.parent).as_posix().removeprefix("bundle/")
        redone = self._random.random() < 0.5 and self._bundle in path.parents
        if redone and name != iku_verify.MANIFEST:
            relist(self._bundle, name)
        began = time.process_time()
        code = self.verify()
        took = time.process_time() - began
        path.write_bytes(sound)
        (self._bundle / iku_verify.MANIFEST).write_bytes(self._manifest)
        where = f"bit {bit} of byte {at} of {name}, manifest redone: {redone}"
        if code == 0 and not (redone and may_pass(name, sound, at)):
            raise AssertionError(f"it passed: {where}")
        if code not in range(5) or took > LONGEST:
            raise AssertionError(f"exit {code} after {took:.1f} s: {where}")
        return code


def may_pass(name: str, sound: bytes, at: int) -> bool:
    """Whether a flip may pass if the manifest lists the changed file.

    The policy in the bundle is no evidence. A flipped cosignature of an earlier
    checkpoint may become one of an unknown key, which is ignored.
    """
    cosigned = sound.find(f"\u2014 {WITNESS.name} ".encode())
    of_witness = name.startswith("checkpoints/") and at >= cosigned
    return name == "policy.txt" or of_witness


def main() -> None:
    """Flip as many bits as were asked for, and print how often each code ended it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        flipped = Flipped(Path(folder), asked.seed)
        if code := flipped.verify():
            raise SystemExit(f"the sound bundle ends with {code}")
        codes = Counter(flipped.flip() for _ in range(asked.count))
    sys.stdout.write(f"{asked.count} flips, by exit code: {dict(codes)}\n")


if __name__ == "__main__":
    main()
