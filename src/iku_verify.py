"""Verifies a bundle of an iku log, in one file that needs only the standard library.

    iku-verify bundle FOLDER --policy POLICY [--known CHECKPOINT]... [--accept-loss]
               [--texts PATH] [--all-texts]
    iku-verify figure NUMBER --bundle FOLDER --policy POLICY [--known CHECKPOINT]...
    iku-verify proof FILE (--record FILE | --leaf HEX) --policy POLICY [--json]
    iku-verify compare CHECKPOINT CHECKPOINT --policy POLICY [--json]
    iku-verify paper FILE.pdf --policy POLICY [--original OUT] [--json]

POLICY names the keys that you trust (C2SP tlog-policy). Get it from another source than
the bundle. CHECKPOINT is one that you kept earlier or received from another party.
NUMBER is printed next to a figure. FILE.pdf is a paper that the register issued; OUT
receives it without the signatures that were appended. With --json, the report is JSON.

Exit codes:

    0  verified
    1  tampered: the files differ from what was signed, or a published figure differs
       from the records; the report names the first bad position, expected and found
    2  malformed: the files are not a bundle, or the command line is wrong
    3  not enough trust: no quorum of witnesses, keys only from the bundle, no records,
       or events lost in a restore, as the log itself declares; or bytes were
       appended to a paper
    4  diverged: valid in itself, but inconsistent with a checkpoint that you know

Reading guide. Read the file from top to bottom; a fault is raised as a `Finding`.
`Audit.verify` runs the steps of an audit, in the order of the letters.

Part one verifies the log:

     1  Findings: the finding and the report; the maximum size of every file
     2  The audit: the steps (a) to (m)
     3  The bundle: (b) the manifest names the checkpoint, (i) each file matches the
        manifest and there is no other
     4  Trusted keys: (a) a log and a quorum of witnesses signed the checkpoint
     5  Signed notes and checkpoints: (c) every earlier one is read, (h) its root is
        that of the records, and those that publications cite are signed, (j) every
        checkpoint that you know is consistent
     6  Ed25519: signature verification
     7  ML-DSA-44: signature verification
     8  Signature types: what a log and a witness sign
     9  The tree, its proofs and its tiles: (d) the leaf hash of each record is in its
        tile, each tile follows from those below it
    10  Records: (e) each is in canonical form and continues its stream
    11  Texts outside the log: (k) the texts you have match their commitments
    12  Lost events: (g) each loss is declared, and a trusted key signed what was lost
    13  A proof, and two checkpoints compared
    14  Commands

Part two counts the figures:

    15  Facts in the records: (f) each record has the fields of its type
    16  Counting: cases and organisations, whose history must be legal
    17  Formulas, targets, ratings: (f) only options that are known
    18  Figures and their numbers
    19  Publications: (f) each step is allowed after the previous one
    20  Recounting, and readable copies: (i) the copies agree with the records,
        (l) the two streams of a merger agree,
        (m) each published figure is recomputed and compared

Part three verifies the rights to record:

    21  The table of rights
    22  Roles and scopes: the accounts, their roles, and the scope of a subject
    23  Recorded rights: (n) each event was allowed to its actor, at its position
    24  Proposals and approvals

Part four verifies a paper from its own bytes and the policy:

    25  The layout of a paper
    26  The proof in a paper

What an auditor may skip: sections 6 and 7 are published algorithms, which test vectors
check better than reading does, and only keys of type 0x06 use 7. Only --texts uses 11,
only a report that names a loss 12, and no bundle 13. The rest of part one is read in an
hour. Without part two you know that no record was changed, added or removed; with it,
also that each published figure follows from the records; with part three, also that
each event was recorded by an actor who had the right to. Part four needs sections 1,
4 to 10 and 13 only.

docs/ledger-format.md specifies the bytes, docs/register.md the rules of counting.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import json
import os
import re
import sys
import time
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache, lru_cache
from io import StringIO
from itertools import pairwise
from operator import add, mul, sub
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO
from unicodedata import is_normalized

# ============================== Part one: the log ==============================


# ---------------------------------------------------------------- 1. Findings

VERDICTS = ("verified", "tampered", "malformed", "not enough trust", "diverged")


@dataclass
class Finding(Exception):
    """The reason for a failed verification; *code* is an index of `VERDICTS`."""

    sentence: str
    position: int | None = None
    expected: str | None = None
    found: str | None = None
    code: int = 1

    def __str__(self) -> str:
        """The finding on one line."""
        place = f"position {self.position}: " if self.position else ""
        sides = f": expected {self.expected}, found {self.found}"
        return f"{place}{self.sentence}{sides if self.expected is not None else ''}"


def malformed(sentence: str) -> Finding:
    """A finding that the input has an unknown or invalid format."""
    return Finding(sentence, code=2)


def untrusted(sentence: str, position: int | None = None) -> Finding:
    """A finding that the input may be correct, but no trusted key signed it."""
    return Finding(sentence, position, code=3)


# Sizes (docs/ledger-format.md, Sizes): bytes, and signatures of a note.
RECORD, NOTE, LINE, NAME, SIGNATURES = 65_535, 65_536, 4_096, 255, 100
POLICY, PROOF, LONG = 1 << 20, 1 << 17, 1 << 20  # LONG: a line of a file of texts
LATEST = LARGEST_SIZE = 2**63 - 1  # the last second that can be stated since 1970
LARGEST_FILES = (  # of a bundle, by the beginning of the path; the first that matches
    ("tile/entries/", 256 * (2 + RECORD)),
    ("tile/", 256 * 32),
    ("checkpoint", NOTE),
    ("policy.txt", POLICY),
    ("manifest.json", 1 << 28),
    ("", 1 << 26),
)


def printable(text: str) -> str:
    """The text, with escapes for control and invisible characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def read_file(path: Path, most: int) -> bytes:
    """The content of a file of at most *most* bytes."""
    length = path.stat().st_size  # 0 of a pipe
    with path.open("rb") as file:
        raw = file.read((length or most) + 1) if length <= most else b""
    if max(length, len(raw)) > most:
        raise malformed(f"{path} is longer than {most} bytes")
    return raw


def expect(
    what: str, expected: Any, found: Any, position: int | None = None, code: int = 1
) -> None:
    """Raise a finding if *found* differs from *expected*."""
    if found != expected:
        raise Finding(what, position, _shown(expected), _shown(found), code)


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@dataclass
class Report:
    """The result of a verification, and its limits."""

    verdict: str = VERDICTS[0]
    exit: int = 0
    finding: str | None = None
    position: int | None = None
    expected: str | None = None
    found: str | None = None
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    witnesses: list[str] = field(default_factory=list)
    trusted: int = 0  # witnesses of the policy
    newest: str | None = None  # time of the newest cosignature
    checkpoints: int = 0
    unchecked: int = 0  # checkpoints of which only the root was compared
    known: int = 0
    lost: list[str] = field(default_factory=list)  # declared losses of restores
    publications: int = 0  # publications whose figures were recomputed
    figures: int = 0
    differences: list[str] = field(default_factory=list)
    texts: dict[str, int] = field(default_factory=dict)
    rights: dict[str, Any] = field(default_factory=dict)  # who recorded the events
    figure: dict[str, Any] | None = None  # the requested figure
    paper: dict[str, Any] | None = None  # what a paper states
    lacking: list[str] = field(default_factory=list)  # missing conditions of trust

    def note(self, finding: Finding) -> None:
        """Record the finding and its verdict."""
        self.exit, self.verdict = finding.code, VERDICTS[finding.code]
        self.finding, self.position = finding.sentence, finding.position
        self.expected, self.found = finding.expected, finding.found

    def set_log(self, last: Checkpoint) -> None:
        """Record the identity of the log."""
        self.origin, self.size, self.root = last.origin, last.size, last.root.hex()


# ------------------------------------------------------------------------ 2. The audit


class Audit:
    """The verification of a bundle against a policy and known checkpoints."""

    def __init__(
        self, folder: Path, policy: Policy | None, texts: Texts, report: Report
    ) -> None:
        self.bundle, self.register = Bundle(folder), Register(texts)
        self.report, self.every = report, False
        self.last = read_checkpoint(self.bundle.read("checkpoint"), "checkpoint")
        report.set_log(self.last)
        self.policy = read_policy(self.bundle.read("policy.txt"))
        if policy is None:
            report.lacking.append("the keys come from inside the bundle; use --policy")
        self.policy = policy or self.policy
        self.earlier: list[Checkpoint] = []
        self.losses: list[Loss] = []
        self.roots = {0: Tree().root()}  # by size, for all checkpoints
        # By name of the log: its kept size, and the last position that it lost.
        self.ends: dict[str, tuple[int, int]] = {}

    def verify(self, known: list[Checkpoint]) -> Register:
        """Run every step and return the register; the report covers the steps run."""
        check_trusted(self.last, self.policy, self.report)  # (a)
        signed = (self.last.origin, self.last.size, self.last.root.hex())
        expect("checkpoint of the manifest", signed, self.bundle.names)  # (b)
        self._read_earlier()  # (c)
        sizes = {one.size for one in (*known, *self.earlier, self.last)}
        self._read_log(sizes)  # (d), (e), (f)
        self._check_losses()  # (g)
        self._check_earlier()  # (h)
        self._check_signatures()
        self._check_copies()  # (i)
        self.bundle.refuse_surplus()
        for one in known:
            self._check_known(one)  # (j)
            self.report.known += 1
        self.report.texts = self.register.texts.counts()  # (k)
        self.register.check_mergers()  # (l)
        recount_published(self.register, self.report)  # (m)
        self.register.rights.report_findings(self.report)  # (n)
        if self.last.size == 0:
            told = "the log is empty, so no record was verified"
            self.report.lacking.append(told)
        return self.register

    def _read_earlier(self) -> None:
        """Read the bundle's earlier checkpoints."""
        for path in self.bundle.files:
            if path.startswith("checkpoints/"):
                one = read_checkpoint(self.bundle.read(path), path)
                expect("path of an earlier checkpoint", f"checkpoints/{one.size}", path)
                self.earlier.append(one)
        self.report.checkpoints = len(self.earlier)

    def _read_log(self, asked: set[int]) -> None:
        """Read all records and tiles once, in order; keep the root at *asked* sizes."""
        tree, records = Tree(), Records()
        while tree.size < self.last.size:
            for leaf, raw in self._read_tile(tree.size):
                record = records.read(tree.size + 1, raw)
                self.register.add(tree.size + 1, record)
                if record["stream"] == "ledger-log":
                    self.losses.append(read_loss(record, tree))
                tree.add(leaf)
                if tree.size in asked:
                    self.roots[tree.size] = tree.root()
            for path, row in tree.pop_tiles(last=tree.size == self.last.size):
                if self.bundle.read(path) != row:
                    raise Finding(f"{path} has other hashes than the tiles below")

    def _read_tile(self, size: int) -> Iterable[tuple[bytes, bytes]]:
        """Leaf hashes and records of the level 0 tile after *size*, compared."""
        width = min(WIDTH, self.last.size - size)
        spot = tile_index(size // WIDTH, width)
        path, entries = f"tile/0/{spot}", f"tile/entries/{spot}"
        told, raw = self.bundle.peek(path), self.bundle.peek(entries)
        records = split_entries(raw, entries)
        leaves = [leaf_hash(record) for record in records]
        # Leaves are compared before file hashes, to name the first bad position.
        for at, leaf in enumerate(leaves):
            expect("leaf hash", told[32 * at : 32 * at + 32], leaf, size + at + 1)
        expect(f"number of records in {entries}", width, len(records))
        expect(f"number of bytes in {path}", 32 * width, len(told))
        self.bundle.check_file(path, told)
        self.bundle.check_file(entries, raw)
        return zip(leaves, records, strict=True)

    def _check_losses(self) -> None:
        """Check that a trusted key signed each loss, and that the log names follow."""
        names = [*(later.origin for later in self.losses[1:]), self.last.origin]
        for loss, name in zip(self.losses, names, strict=bool(self.losses)):
            at = f"the checkpoint at position {loss.position}"
            one = read_checkpoint(loss.signed.encode(), at)
            expect(f"log of {at}", loss.origin, one.origin)
            self.policy.check_signed(one, at)
            expect("last lost event", one.size, loss.lost_to, loss.position)
            if one.size <= loss.kept:
                raise Finding("the signed checkpoint has no lost event", loss.position)
            expect("name of the log", loss.successor, name, loss.position)
            self.ends[loss.origin] = loss.kept, loss.lost_to
            self.report.lost.append(str(loss))
        self.ends[self.last.origin] = self.last.size, self.last.size
        self.report.lacking += self.report.lost

    def _check_earlier(self) -> None:
        """Check that each earlier checkpoint has the computed root and is not lost."""
        for one in self.earlier:
            name = f"checkpoints/{one.size}"
            self._check_name(one, name)
            kept, _ = self.ends[one.origin]
            if one.size > kept:
                what = f"size of {name}, whose events must all be kept"
                raise Finding(what, None, f"at most {kept}", str(one.size))
        for one in sorted([*self.earlier, self.last], key=lambda one: one.size):
            expect(f"root at size {one.size}", one.root, self.roots[one.size])

    def _check_signatures(self) -> None:
        """Check the signatures of the earlier checkpoints that publications cite.

        A publication cites the first checkpoint that covers the records it counted.
        Every checkpoint has the root of the records, whether it is cited or not.
        """
        sizes = sorted(one.size for one in self.earlier)
        closed = self.register.closed_publications()
        cited = {bisect_left(sizes, one.size) for one in closed}
        checked = {sizes[at] for at in cited if at < len(sizes)} | {self.last.size}
        for one in self.earlier:
            if self.every or one.size in checked:
                self.policy.check_signed(one, f"checkpoints/{one.size}")
            else:
                self.report.unchecked += 1

    def _check_name(self, one: Checkpoint, name: str) -> None:
        if one.origin not in self.ends:
            expect(f"log of {name}", self.last.origin, one.origin)

    def _check_copies(self) -> None:
        """Check that the copies equal the records' content, in both directions."""
        due, folders = self.register.copies(), ("definitions/", "publications/")
        named = {path for path in self.bundle.files if path.startswith(folders)}
        for path in sorted(named ^ due.keys()):
            there = "in the manifest" if path in named else "in the records"
            raise Finding(f"{path} is only {there}")
        for path, spelt in sorted(due.items()):
            if self.bundle.read(path) != spelt:
                raise Finding(f"the content of {path} differs from the records")

    def _check_known(self, one: Checkpoint) -> None:
        """Check that the bundle is consistent with a checkpoint the auditor knows."""
        self._check_name(one, "the known checkpoint")
        self.policy.check_signed(one, "the known checkpoint")
        kept, most = self.ends[one.origin]
        if one.size > most:
            told = "the log was rolled back to before a known checkpoint: its size"
            raise Finding(told, None, f"at least {one.size}", str(most), code=4)
        # A checkpoint within the declared loss cannot be compared.
        if one.size <= kept:
            expect(f"root at size {one.size}", one.root, self.roots[one.size], code=4)


NO_QUORUM = (
    "no quorum of witnesses cosigned the last checkpoint, so the holder of the log's "
    "key alone could have rewritten the log"
)


def check_trusted(last: Checkpoint, trusted: Policy, report: Report) -> None:
    """Verify a checkpoint against the policy; a missing quorum is reported."""
    cosigned = trusted.check_signed(last, "checkpoint")
    report.witnesses = sorted({one.key.name for one in cosigned})
    report.trusted = len({key.name for key in trusted.witnesses.values()})
    if newest := max((one.time for one in cosigned), default=0):
        report.newest = format_time(newest)
    if not trusted.is_quorum(cosigned):
        report.lacking.append(NO_QUORUM)
    if trusted.since and not trusted.is_quorum(cosigned, trusted.since):
        since = format_time(trusted.since)
        report.lacking.append(f"no quorum cosigned the checkpoint since {since}")


def format_time(seconds: int) -> str:
    """A time since 1970 as a date and a time of day (UTC)."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


# ----------------------------------------------------------------------- 3. The bundle

FORMAT = "iku-bundle/1"
MANIFEST = "manifest.json"
MANIFEST_KEYS = {"files", "filters", "format", "origin", "root", "size"}


class Bundle:
    """A folder of files, each compared with the manifest when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names, self.files = read_manifest(self._bytes(MANIFEST))
        self._unread = set(self.files)

    def read(self, path: str) -> bytes:
        """A file that the manifest lists, compared with its hash."""
        raw = self.peek(path)
        self.check_file(path, raw)
        return raw

    def peek(self, path: str) -> bytes:
        """The content of a listed file, which is not yet compared with the manifest."""
        if path not in self.files:
            raise Finding(f"{path} is not in the manifest")
        return self._bytes(path)

    def check_file(self, path: str, raw: bytes) -> None:
        """Compare a file with its size and hash in the manifest."""
        size, digest = self.files[path]
        found = hashlib.sha256(raw).hexdigest()
        expect(f"{path} differs from the manifest", digest, found)
        expect(f"number of bytes in {path}", size, len(raw))
        self._unread.discard(path)

    def refuse_surplus(self) -> None:
        """Refuse files that the manifest does not list; check those not yet read."""
        listed, waiting = {MANIFEST, *self.files}, [str(self.folder)]
        while waiting:
            for entry in sorted(os.scandir(waiting.pop()), key=lambda one: one.name):
                name = Path(entry.path).relative_to(self.folder).as_posix()
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    raise Finding(f"{name} is not a regular file")
                elif name not in listed:
                    raise Finding(f"{name} is not in the manifest")
        for name in sorted(self._unread):
            self.read(name)

    def _bytes(self, path: str) -> bytes:
        place = self.folder / path
        if place.is_symlink() or not place.is_file():
            raise malformed(f"{self.folder} does not contain {path}")
        most = next(most for start, most in LARGEST_FILES if path.startswith(start))
        return read_file(place, most)


def read_manifest(raw: bytes) -> tuple[tuple[Any, ...], dict[str, tuple[int, str]]]:
    """Origin, size and root in the manifest; size and SHA-256 of each file, by path."""
    try:
        told = decode(raw.decode())
        files = dict(map(_read_listed, told["files"]))
        sound = told.keys() == MANIFEST_KEYS and len(files) == len(told["files"])
        sound = sound and encode_manifest(told) == raw
        names = told["origin"], natural(told["size"]), told["root"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise malformed(f"{MANIFEST} is not a manifest: {error}") from None
    if not sound:
        raise malformed(f"{MANIFEST} is not in the canonical form of a manifest")
    if told["format"] != FORMAT or told["filters"] != "none":
        raise malformed(f"{MANIFEST} is not of the format {FORMAT}")
    return names, files


def _read_listed(one: dict[str, Any]) -> tuple[str, tuple[int, str]]:
    """Path, size and SHA-256 of a file in the manifest."""
    path, digest = string(one["path"]), string(one["sha256"])
    if not re.fullmatch("[!-~]{1,255}", path) or len(one) != 3:
        raise ValueError(f"{path} is not a valid path")
    if {"", ".", ".."} & {*path.split("/")}:
        raise ValueError(f"{path} is outside the bundle")
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"{digest} is not a SHA-256 in hexadecimal")
    return path, (natural(one["bytes"]), digest)


def encode_manifest(told: dict[str, Any]) -> bytes:
    """A manifest in canonical form, with one file on each line."""
    listed = ",\n".join(map(to_json, told["files"]))
    rest = to_json({key: value for key, value in told.items() if key != "files"})
    return f'{{"files":[\n{listed}\n],{rest[1:]}\n'.encode()


# ---------------------------------------------- 4. Trusted keys (C2SP tlog-policy)

TOLERANCE = 3_600  # seconds by which two clocks may differ


class Cosignature(NamedTuple):
    """A verified cosignature, with its timestamp; 0 if it has none."""

    key: Key
    time: int


@dataclass
class Policy:
    """The trusted keys of logs and witnesses, and the required quorum."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str | None = None
    since: int = 0  # of --newer-than: the time from which cosignatures are new enough
    keys: dict[tuple[str, bytes], Key] = field(default_factory=dict)  # by name and id
    publics: set[bytes] = field(default_factory=set)

    def is_quorum(self, cosigned: Iterable[Cosignature], since: int = 1) -> bool:
        """Whether the cosignatures from *since* on form a quorum."""
        keys = {one.key for one in cosigned if one.time >= since}
        have = {name for name, key in self.witnesses.items() if key in keys}
        for name, (least, members) in self.groups.items():  # each after its members
            if sum(member in have for member in members) >= least:
                have.add(name)
        return self.quorum in have

    def check_signed(self, one: Checkpoint, name: str) -> list[Cosignature]:
        """The cosignatures of a checkpoint that a trusted key of its log signed.

        A wrong signature by any trusted key is a finding; unknown keys are ignored.
        """
        signed, seen, found = False, set[Key](), list[Cosignature]()
        for by, key_id, payload in one.signatures:
            key = self.keys.get((by, key_id))
            if key is None or key in seen:  # the first signature of a key counts
                continue
            seen.add(key)
            if SIGNATURE_TYPES[key.kind].signer == "witness":
                found.append(_cosignature(key, one, payload, name))
            elif key.name == one.origin:
                _check_signature(key, one, payload, name)
                signed = True
        if not signed:
            raise untrusted(f"no key of the policy signed {name}")
        return found


def _check_signature(key: Key, one: Checkpoint, payload: bytes, name: str) -> None:
    if not key.verifies(one, payload):
        raise Finding(f"{name}: the signature of {key.name} is wrong")


def _cosignature(key: Key, one: Checkpoint, payload: bytes, name: str) -> Cosignature:
    """The cosignature in a signature line; its timestamp must be possible."""
    _check_signature(key, one, payload, name)
    at, now = timestamp(payload), int(time.time())
    if at > LATEST:
        raise Finding(
            f"{name}: the signature of {key.name} has an impossible time, {at}"
        )
    if at > now + TOLERANCE:
        told = f"{key.name} cosigned {name} {at - now} seconds in the future"
        raise untrusted(f"{told}: one of the two clocks is wrong")
    return Cosignature(key, at)


def read_policy(raw: bytes) -> Policy:
    """Parse a policy file (C2SP tlog-policy)."""
    if re.search(rb"[^\t\n\x20-\x7e\x80-\xff]", raw):
        raise malformed("the policy contains control characters")
    if len(raw) > POLICY:
        raise malformed(f"the policy is longer than {POLICY} bytes")
    policy, free = Policy(), dict[str, bool]()
    for number, line in enumerate(raw.split(b"\n"), 1):
        if len(line) > LINE:
            raise malformed(f"line {number} of the policy is longer than {LINE} bytes")
        text = line.decode("utf-8", "surrogateescape")
        words = re.split("[ \t]+", text.strip(" \t"))
        if words != [""] and not words[0].startswith("#"):
            try:
                _read_line(policy, free, words)
            except ValueError as error:
                raise malformed(f"line {number} of the policy: {error}") from None
    if policy.quorum is None:
        raise malformed("the policy has no quorum line")
    return policy


def _read_line(policy: Policy, free: dict[str, bool], words: list[str]) -> None:
    """Add a line to the policy; *free*: whether each name so far is in no group."""
    match words:
        case ["log", vkey, *url] if len(url) < 2:
            policy.logs.append(_add_key(policy, vkey, "log"))
        case ["witness", name, vkey, *url] if len(url) < 2:
            _name(free, name)
            policy.witnesses[name] = _add_key(policy, vkey, "witness")
        case ["group", name, least, *members] if members:
            for member in members:
                if not free.get(member):
                    raise ValueError(f"{member} is not defined above, or in a group")
                free[member] = False
            _name(free, name)
            number = {"all": str(len(members)), "any": "1"}.get(least, least)
            if not re.fullmatch("[1-9][0-9]{0,5}", number):
                raise ValueError(f"{least!r} is not all, any or a number above 0")
            if int(number) > len(members):
                raise ValueError(f"{least} of {len(members)} members is too many")
            policy.groups[name] = int(number), members
        case ["quorum", name] if policy.quorum is None:
            if name not in {"none", *free}:
                raise ValueError(f"the quorum {name} is not defined above")
            policy.quorum = name
        case _:
            raise ValueError(f"{' '.join(words)[:40]!r} is not a line of a policy")


def _name(free: dict[str, bool], name: str) -> None:
    if name == "none" or name in free:
        raise ValueError(f"the name {name} is already defined")
    free[name] = True


def _add_key(policy: Policy, vkey: str, signer: str) -> Key:
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    decoded = base64.b64decode(encoded, validate=True)
    kind = SIGNATURE_TYPES.get(decoded[0] if decoded else 0)
    if kind is None or kind.signer != signer or len(decoded) != 1 + kind.length:
        raise ValueError(f"the key of {name} has not the type of a {signer} key")
    key = Key(name, decoded[0], decoded[1:])
    if not is_name(name) or key.key_id.hex() != key_id:
        raise ValueError(f"the key id of {name} does not match its key")
    if base64.b64encode(decoded).decode() != encoded or not kind.is_key(key.public):
        raise ValueError(f"the key of {name} is weak, or not in canonical encoding")
    if key.public in policy.publics:
        raise ValueError(f"the key of {name} is listed twice")
    policy.publics.add(key.public)
    policy.keys[name, key.key_id] = key
    return key


# ------------------------- 5. Signed notes and checkpoints (C2SP, RFC 4648 for base64)


@dataclass(frozen=True)
class Key:
    """A public key and its name; *kind* is one of `SIGNATURE_TYPES`."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of the hash of name, type and key (C2SP signed-note)."""
        named = self.name.encode("utf-8", "surrogateescape")
        kind = bytes([self.kind])
        return hashlib.sha256(named + b"\n" + kind + self.public).digest()[:4]

    def verifies(self, one: Checkpoint, payload: bytes) -> bool:
        """Whether *payload* is a valid signature of a checkpoint by this key."""
        return SIGNATURE_TYPES[self.kind].verifies(self, one, payload)


@dataclass(frozen=True)
class Checkpoint:
    """A signed checkpoint: origin, size and root hash of a log."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]  # name, key id, payload
    origin: str
    size: int
    root: bytes


def read_checkpoint(raw: bytes, name: str) -> Checkpoint:
    """Parse a checkpoint in a signed note (C2SP signed-note, tlog-checkpoint)."""
    try:
        note = raw.decode()
    except UnicodeDecodeError:
        raise malformed(f"{name} is not UTF-8") from None
    if any(char < " " and char != "\n" for char in note):
        raise malformed(f"{name} contains control characters")
    if len(raw) > NOTE or any(len(line) > LINE for line in raw.split(b"\n")):
        raise malformed(f"{name} is longer than {NOTE} bytes, or a line than {LINE}")
    head, blank, marks = note.rpartition("\n\n")
    if not blank or not marks.endswith("\n"):
        raise malformed(f"{name} is not a signed note")
    origin, *fields = head.split("\n")
    if len(fields) != 2 or not origin:
        raise malformed(f"{name} is not a checkpoint of three lines")
    root, size = decode_base64(fields[1], name, 32), read_size(fields[0], name)
    lines = marks[:-1].split("\n")
    if len(lines) > SIGNATURES:
        raise malformed(f"{name} has more than {SIGNATURES} signatures")
    signatures = [_read_signature(line, name) for line in lines]
    return Checkpoint(head + "\n", signatures, origin, size, root)


def _read_signature(line: str, name: str) -> tuple[str, bytes, bytes]:
    by, _, encoded = line.removeprefix("\u2014 ").partition(" ")
    if not line.startswith("\u2014 ") or not is_name(by):
        raise malformed(f"{name} has a line that is not a signature")
    payload = decode_base64(encoded, name)
    if len(payload) < 5:
        raise malformed(f"{name} has a signature that is too short")
    return by, payload[:4], payload[4:]


def is_name(name: str) -> bool:
    """Whether a key may have this name (C2SP signed-note)."""
    # In Python's patterns \s matches every Unicode space.
    short = len(name.encode("utf-8", "surrogateescape")) <= NAME
    return short and re.fullmatch(r"[^\s+]+", name) is not None


def read_size(text: str, name: str) -> int:
    """Parse a size or an index in decimal, without leading zeros."""
    if not re.fullmatch("0|[1-9][0-9]{0,18}", text) or int(text) > LARGEST_SIZE:
        raise malformed(f"{name} has the size {text[:40]!r}, which is no integer")
    return int(text)


def decode_base64(text: str, name: str, length: int | None = None) -> bytes:
    """Decode canonical base64 (RFC 4648)."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        value = b""
    if base64.b64encode(value).decode() != text or len(value) != (length or len(value)):
        raise malformed(f"{name} has {text[:60]!r}, which is not valid base64")
    return value


# ---------------------------------------------------------- 6. Ed25519 (RFC 8032, 5.1)
#
# Verification only: no input is secret, so no operation need take constant time.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T (5.1.4)
NEUTRAL: Point = (0, 1, 1, 0)


def _add(a: Point, b: Point) -> Point:
    """The sum of two points (RFC 8032, 5.1.4)."""
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def _combine(s: int, b: Point, k: int, a: Point) -> Point:
    """[s]b + [k]a by double-and-add, highest bit first."""
    summands = (NEUTRAL, b, a, _add(a, b))
    sum_ = NEUTRAL
    for bit in reversed(range(L.bit_length())):
        sum_ = _add(sum_, sum_)
        if which := (s >> bit & 1) + 2 * (k >> bit & 1):
            sum_ = _add(sum_, summands[which])
    return sum_


def _decode_point(encoded: bytes) -> Point:
    """Decode a point of 32 bytes (RFC 8032, 5.1.3); ValueError if it is invalid."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if y >= P or (v * x * x - u) % P or (x == 0 and sign):
        raise ValueError("not the encoding of a point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = _decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_ed25519_key(public: bytes) -> bool:
    """Whether a public key is a point in canonical encoding, and not of small order.

    Under a key of small order, some signatures verify for any message.
    """
    try:
        point = _decode_point(public)
    except ValueError:
        return False
    for _ in range(3):
        point = _add(point, point)
    return len(public) == 32 and point[0] != 0  # [8]A is not the neutral element


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether *signature* of *message* is valid under *public* (RFC 8032, 5.1.7)."""
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or len(public) != 32 or s >= L:
        return False
    try:
        a = _decode_point(public)
    except ValueError:
        return False
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(hashed, "little") % L
    # R = [S]B - [k]A, compared in its encoded form.
    x, y, z, _ = _combine(s, BASE, k, (P - a[0], a[1], a[2], P - a[3]))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# ------------------------------------------------------------- 7. ML-DSA-44 (FIPS 204)
#
# Verification only. Each function is named after its algorithm in FIPS 204. A
# polynomial is a list of its 256 coefficients. In NTT form, polynomials are multiplied
# coefficient by coefficient.

Q = 2**23 - 2**13 + 1
DROPPED = 13  # d: bits dropped from t
TAU, BETA, OMEGA = 39, 78, 80  # coefficients of c that are not 0; bound; most hints
GAMMA_1, GAMMA_2 = 2**17, (Q - 1) // 88
ROWS = COLUMNS = 4  # of the matrix A
CHALLENGE, ML_DSA_KEY, ML_DSA_SIGNATURE = 32, 1_312, 2_420  # bytes

Poly = list[int]

# zetas[k] = 1753^BitRev8(k) mod q. Pass i of the NTT takes zetas[2^i + b] in block b.
# Each pass joins coefficients p and p + 128, and puts the results at 2p and 2p + 1: all
# passes are then alike, p is in block p mod 2^i, and the result is in FIPS 204's order.
ZETAS = [pow(1753, int(f"{k:08b}"[::-1], 2), Q) for k in range(256)]
PASSES = [ZETAS[1 << i : 2 << i] * (128 >> i) for i in range(8)]
INVERSE_PASSES = [[pow(zeta, -1, Q) for zeta in one] for one in reversed(PASSES)]


def ml_dsa_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether *signature* of *message* is valid, without a context (algorithm 3)."""
    return verify_internal(public, b"\0\0" + message, signature)


def verify_internal(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether *signature* of the formatted *message* is valid (algorithm 8)."""
    if len(public) != ML_DSA_KEY or len(signature) != ML_DSA_SIGNATURE:
        return False
    challenge, z, hints = sig_decode(signature)
    if hints is None or max(abs(x) for one in z for x in one) >= GAMMA_1 - BETA:
        return False
    minus_c = [-x for x in sample_in_ball(challenge)]
    products = matrix_vector_ntt(pk_decode(public), [ntt(one) for one in (*z, minus_c)])
    w1 = b"".join(
        w1_encode(use_hint(places, inverse_ntt(product)))
        for places, product in zip(hints, products, strict=True)
    )
    mu = hashlib.shake_256(hashlib.shake_256(public).digest(64) + message).digest(64)
    return hashlib.shake_256(mu + w1).digest(CHALLENGE) == challenge


@lru_cache(maxsize=32)
def pk_decode(public: bytes) -> list[list[Poly]]:
    """The matrix A and, as its last column, t1 * 2^d, in NTT form (algorithm 23)."""
    packed = (public[at : at + 320] for at in range(32, ML_DSA_KEY, 320))
    t1 = ([x << DROPPED for x in simple_bit_unpack(one, 10)] for one in packed)
    rows = expand_a(public[:32])
    return [[*row, ntt(one)] for row, one in zip(rows, t1, strict=True)]


def sig_decode(signature: bytes) -> tuple[bytes, list[Poly], list[bytes] | None]:
    """Challenge, response and hints of a signature (algorithm 27)."""
    end = ML_DSA_SIGNATURE - OMEGA - ROWS
    packed = (signature[at : at + 576] for at in range(CHALLENGE, end, 576))
    z = [bit_unpack(one, GAMMA_1, 18) for one in packed]
    return signature[:CHALLENGE], z, hint_bit_unpack(signature[end:])


def hint_bit_unpack(y: bytes) -> list[bytes] | None:
    """The positions of the hints; None if they are malformed (algorithm 21)."""
    hints, first = [], 0
    for end in y[OMEGA:]:
        places = y[first:end]
        if not first <= end <= OMEGA or any(a >= b for a, b in pairwise(places)):
            return None
        hints.append(places)
        first = end
    return None if any(y[first:OMEGA]) else hints


def simple_bit_unpack(packed: bytes, bits: int) -> Poly:
    """Coefficients of *bits* bits each, little-endian (algorithm 18)."""
    eights = (packed[at : at + bits] for at in range(0, len(packed), bits))
    numbers = (int.from_bytes(eight, "little") for eight in eights)
    shifts, mask = range(0, 8 * bits, bits), (1 << bits) - 1
    return [number >> shift & mask for number in numbers for shift in shifts]


def bit_unpack(packed: bytes, most: int, bits: int) -> Poly:
    """Coefficients that are stored as *most* minus their value (algorithm 19)."""
    return [most - x for x in simple_bit_unpack(packed, bits)]


def w1_encode(w1: Poly) -> bytes:
    """Coefficients of six bits each, little-endian (algorithms 28 and 16)."""
    fours = zip(*(w1[at::4] for at in range(4)), strict=True)
    numbers = (a | b << 6 | c << 12 | d << 18 for a, b, c, d in fours)
    return b"".join(number.to_bytes(3, "little") for number in numbers)


def expand_a(rho: bytes) -> list[list[Poly]]:
    """The matrix A in NTT form, drawn from *rho* (algorithm 32)."""
    return [
        [rej_ntt_poly(rho + bytes([column, row])) for column in range(COLUMNS)]
        for row in range(ROWS)
    ]


def rej_ntt_poly(seed: bytes) -> Poly:
    """A polynomial drawn from *seed*; numbers from q on are skipped (algorithm 30).

    336 numbers are drawn at once: that more are needed has a chance of 2^-546.
    """
    drawn = hashlib.shake_128(seed).digest(3 * 336)
    threes = zip(drawn[::3], drawn[1::3], drawn[2::3], strict=True)
    return [n for x, y, z in threes if (n := x | y << 8 | (z & 127) << 16) < Q][:256]


def sample_in_ball(challenge: bytes) -> Poly:
    """The polynomial c, of -1, 0 and 1, drawn from the challenge (algorithm 29).

    272 bytes are drawn at once: that more are needed has a chance of 2^-575.
    """
    drawn = hashlib.shake_256(challenge).digest(272)
    signs, places, c = int.from_bytes(drawn[:8], "little"), iter(drawn[8:]), [0] * 256
    for i in range(256 - TAU, 256):
        j = next(j for j in places if j <= i)
        c[i], c[j] = c[j], 1 - 2 * (signs & 1)
        signs >>= 1
    return c


def decompose(r: int) -> tuple[int, int]:
    """The high and the low part of a coefficient (algorithm 36)."""
    r0 = r % (2 * GAMMA_2)
    r0 -= 2 * GAMMA_2 if r0 > GAMMA_2 else 0
    return (0, r0 - 1) if r - r0 == Q - 1 else ((r - r0) // (2 * GAMMA_2), r0)


def high_bits(r: Poly) -> Poly:
    """The high parts that `decompose` gives, of a polynomial (algorithm 37)."""
    return [(x + GAMMA_2 - 1) // (2 * GAMMA_2) % 44 for x in r]


def use_hint(places: bytes, r: Poly) -> Poly:
    """The high parts, corrected at the positions of the hints (algorithm 40)."""
    w1 = high_bits(r)
    for at in places:
        r1, r0 = decompose(r[at])
        w1[at] = (r1 + (1 if r0 > 0 else -1)) % 44  # (q - 1) / (2 * gamma_2)
    return w1


def ntt(w: Poly) -> Poly:
    """The NTT form of a polynomial, not reduced modulo q (algorithm 41)."""
    for zetas in PASSES:
        low, high = w[:128], [z * x % Q for z, x in zip(zetas, w[128:], strict=True)]
        w = [0] * 256
        w[::2], w[1::2] = map(add, low, high), map(sub, low, high)
    return w


def inverse_ntt(w: Poly) -> Poly:
    """The polynomial of an NTT form, reduced modulo q (algorithm 42)."""
    for zetas in INVERSE_PASSES:
        even, odd = w[::2], w[1::2]
        high = [z * x % Q for z, x in zip(zetas, map(sub, even, odd), strict=True)]
        w = [*map(add, even, odd), *high]
    return [x * 8_347_681 % Q for x in w]  # 256^-1 mod q


def matrix_vector_ntt(matrix: list[list[Poly]], vector: list[Poly]) -> list[Poly]:
    """The product of a matrix and a vector in NTT form (algorithms 44, 45 and 48)."""
    rows = (
        [map(mul, a, x) for a, x in zip(row, vector, strict=True)] for row in matrix
    )
    return [[sum(terms) % Q for terms in zip(*row, strict=True)] for row in rows]


# ----------------------------- 8. Signature types (C2SP signed-note, tlog-cosignature)


class SignatureType(NamedTuple):
    """A signature type: its signer, its length, and how it is verified."""

    signer: str
    length: int  # bytes of a public key
    is_key: Callable[[bytes], bool]
    verifies: Callable[[Key, Checkpoint, bytes], bool]


def _verify_signature(key: Key, one: Checkpoint, payload: bytes) -> bool:
    """Ed25519 over the text (C2SP signed-note)."""
    return ed25519_verifies(key.public, one.text.encode(), payload)


def _verify_cosignature(key: Key, one: Checkpoint, payload: bytes) -> bool:
    """Ed25519 over a time and the text (C2SP tlog-cosignature, cosignature/v1)."""
    head = f"cosignature/v1\ntime {timestamp(payload)}\n"
    return ed25519_verifies(key.public, f"{head}{one.text}".encode(), payload[8:])


def _verify_ml_dsa_cosignature(key: Key, one: Checkpoint, payload: bytes) -> bool:
    """ML-DSA-44 over witness, time and checkpoint (C2SP tlog-cosignature)."""
    name, origin = key.name.encode("utf-8", "surrogateescape"), one.origin.encode()
    if len(origin) > NAME:
        return False
    cosigner, log = bytes([len(name)]) + name, bytes([len(origin)]) + origin
    tree = bytes(8) + one.size.to_bytes(8, "big") + one.root  # from leaf 0 on
    message = b"subtree/v1\n\0" + cosigner + payload[:8] + log + tree
    return ml_dsa_verify(key.public, message, payload[8:])


SIGNATURE_TYPES = {
    0x01: SignatureType("log", 32, is_ed25519_key, _verify_signature),
    0x04: SignatureType("witness", 32, is_ed25519_key, _verify_cosignature),
    # Any bytes of this length are a key of ML-DSA-44.
    0x06: SignatureType("witness", 1_312, lambda _: True, _verify_ml_dsa_cosignature),
}


def timestamp(payload: bytes) -> int:
    """The timestamp of a cosignature, in seconds since 1970; 0 if it has none."""
    return int.from_bytes(payload[:8], "big")


# -------------- 9. The tree, its proofs and its tiles (RFC 9162, 2.1; C2SP tlog-tiles)

WIDTH = 256  # hashes in a tile


def leaf_hash(record: bytes) -> bytes:
    """The leaf hash of a record."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tile_index(number: int, width: int) -> str:
    """The index of a tile in its path: ``x001/067``; a partial one ``x001/067.p/3``."""
    number, last = divmod(number, 1000)
    spelt = f"{last:03}" + ("" if width == WIDTH else f".p/{width}")
    while number:
        number, group = divmod(number, 1000)
        spelt = f"x{group:03}/{spelt}"
    return spelt


class Tree:
    """A growing Merkle tree, stored as one hash for each set bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        self._rows: dict[int, bytes] = {}  # by level from 1: hashes of the next tile

    def add(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size, node, height = self.size, leaf, 0
        while size & 1:
            node, size = node_hash(self._peaks.pop(), node), size >> 1
            height += 1
            if height % 8 == 0:  # the root of a full tile, a hash of the next level
                self._rows[height // 8] = self._rows.get(height // 8, b"") + node
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root hash of the tree (RFC 6962, 2.1)."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        *others, node = self._peaks
        for peak in reversed(others):
            node = node_hash(peak, node)
        return node

    def pop_tiles(self, *, last: bool) -> Iterator[tuple[str, bytes]]:
        """Remove and return the full tiles above level 0; with *last*, partial ones."""
        for level, row in self._rows.items():
            if len(row) == 32 * WIDTH or (row and last):
                number = ((self.size >> 8 * level) - 1) // WIDTH
                yield f"tile/{level}/{tile_index(number, len(row) // 32)}", row
                self._rows[level] = b""


def check_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: list[bytes]
) -> None:
    """Verify an inclusion proof of *leaf* at *index* (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise Finding(f"leaf index {index} is outside the tree of size {size}")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise Finding(f"a proof of {len(proof)} hashes is too long for size {size}")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Finding(f"a proof of {len(proof)} hashes is too short for size {size}")
    expect("root hash computed from the proof", root, r)


def split_entries(raw: bytes, name: str) -> list[bytes]:
    """The records of an entry bundle; each follows its length in two bytes."""
    records, at = [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if not at + 2 <= end <= len(raw):
            raise Finding(f"{name} ends within a record")
        records.append(raw[at + 2 : end])
        at = end
    return records


# ------------------------------------------------- 10. Records (docs/ledger-format.md)
# The keys of a record in their order; the type of each value, with and without a day.
KEYS = (
    *("actor", "command", "data", "declared", "effective_on", "known_on"),
    *("recorded_at", "schema", "stream", "text", "type", "version"),
)
FIRST: tuple[type, ...] = (str, str, dict, bool)
LAST: tuple[type, ...] = (str, str, int, str, dict, str, int)
DATED, UNDATED = (*FIRST, str, *LAST), (*FIRST, type(None), *LAST)
CLOCK = re.compile(r"T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{6}Z")
HASH = re.compile("[0-9a-f]{64}")
# The canonical encoding: sorted keys, no space outside strings, no needless escape.
to_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True
).encode

CLEARED = "cleared"  # in the data of a correction: the fields that it clears
CORRECTABLE = ("conflict-", "organisation-")
LARGEST, DEEPEST = 2**53 - 1, 32  # largest integer; deepest nesting within `data`


def _refuse(spelt: str) -> NoReturn:
    raise ValueError(f"{spelt} is not an integer")


def _integer(spelt: str) -> int:
    value = int(spelt)
    return value if -LARGEST <= value <= LARGEST else _refuse(spelt)


decode = json.JSONDecoder(
    parse_int=_integer, parse_float=_refuse, parse_constant=_refuse
).decode


@cache
def day(spelt: str) -> date:
    """Parse a day (YYYY-MM-DD)."""
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", spelt):
        raise ValueError(f"{spelt[:40]!r} is not a day")
    return date.fromisoformat(spelt)


def is_deeper(value: Any, most: int) -> bool:
    """Whether objects and arrays are nested more than *most* levels deep."""
    if type(value) not in (dict, list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return most == 0 or any(is_deeper(one, most - 1) for one in inside)


def are_ascii(value: Any) -> bool:
    """Whether all keys are ASCII, at every level."""
    if isinstance(value, dict):
        return all(key.isascii() for key in value) and are_ascii([*value.values()])
    return not isinstance(value, list) or all(map(are_ascii, value))


def read_record(position: int, raw: bytes) -> dict[str, Any]:
    """Decode a record, which must be in canonical encoding."""
    try:
        text = raw.decode()
        record: dict[str, Any] = decode(text)
        # Duplicate keys, spaces and alternative spellings all fail here.
        sound = isinstance(record, dict) and to_json(record).encode() == raw
    except (ValueError, RecursionError):
        what = "the record is not JSON of strings and integers"
        raise Finding(what, position) from None
    if not sound:
        raise Finding("the record is not in canonical encoding", position)
    if tuple(record) != KEYS:
        due, found = to_json(KEYS), to_json([*record])
        raise Finding("the keys of the record", position, due, found)
    nul = r"\u0000" in text and r"\u0000" in text.replace(r"\\", "")
    if nul or not (text.isascii() or is_normalized("NFC", text)):
        raise Finding("the record contains text not in NFC, or with U+0000", position)
    if not (text.isascii() or are_ascii(record)):
        raise Finding("the record has a key that is not ASCII", position)
    many = raw.count(b"{") + raw.count(b"[") > DEEPEST
    if many and is_deeper(record["data"], DEEPEST + 1):
        raise Finding("the data are nested too deeply", position)
    return record


def check_profile(record: dict[str, Any], position: int) -> None:
    """Compare the types of a record's values with those of the record format."""
    number = record["schema"]
    if type(number) is not int or number not in {2, 3}:
        shown = to_json(number)[:40]
        raise untrusted(f"schema number {shown} is not known to this program", position)
    types = tuple(map(type, record.values()))  # in the order of their keys
    if types not in (DATED, UNDATED):
        wanted = UNDATED if record["effective_on"] is None else DATED
        for name, found, due in zip(KEYS, types, wanted, strict=True):
            expect(f"type of {name}", due.__name__, found.__name__, position)
    stream, corrects = record["stream"], record["type"] == "corrected"
    clears = corrects and CLEARED in record["data"] and stream.startswith(CORRECTABLE)
    expect("schema number", 3 if clears else 2, number, position)
    if not all(stream.partition("-")):
        raise Finding("the name of the stream lacks a category or a subject", position)
    for name, value in record["text"].items():
        if not _is_commitment(value):
            raise Finding(f"text.{name} is not a commitment", position)


def _is_commitment(value: Any) -> bool:
    if type(value) is not dict or tuple(value) != ("c", "s"):
        return False
    hashed, subject = value["c"], value["s"]
    strings = type(hashed) is str and type(subject) is str
    return strings and HASH.fullmatch(hashed) is not None


class Records:
    """The checks of each record that need no knowledge of its subject."""

    def __init__(self) -> None:
        self._heads: dict[str, tuple[int, date]] = {}  # version, known_on; by stream
        self._recorded_at, self._command = "", ""
        self._commands = [bytearray() for _ in range(4_096)]  # hashes of command ids

    def read(self, position: int, raw: bytes) -> dict[str, Any]:
        """Decode a record, and check its form and its version in its stream."""
        record = read_record(position, raw)
        check_profile(record, position)
        stream, recorded_at = record["stream"], record["recorded_at"]
        version, known_before = self._heads.get(stream, (0, date.min))
        if record["version"] != version + 1:
            expect(f"version of {stream}", version + 1, record["version"], position)
        try:
            known_on, _ = day(record["known_on"]), day(recorded_at[:10])
            sound = CLOCK.fullmatch(recorded_at, 10) is not None
            if record["effective_on"] is not None:
                day(record["effective_on"])
        except ValueError as error:
            raise Finding(f"the record has an invalid day: {error}", position) from None
        if not sound or recorded_at < self._recorded_at:
            due = f"{self._recorded_at or 'an instant'} or later"
            raise Finding("recorded_at", position, due, recorded_at)
        if known_on < known_before:
            due, found = f"{known_before} or later", str(known_on)
            raise Finding("known_on", position, due, found)
        if record["command"] != self._command:
            self._begin_command(record["command"], position)
        self._heads[stream], self._recorded_at = (version + 1, known_on), recorded_at
        return record

    def _begin_command(self, command: str, position: int) -> None:
        """Refuse the id of an earlier command: records of one are consecutive."""
        hashed = hash(command)  # 64 bits, of which Python keeps the key to itself
        spelt = hashed.to_bytes(8, "big", signed=True)
        before = self._commands[hashed % 4_096]
        if spelt in before:
            told = f"the command id {command} is that of an earlier command"
            raise Finding(told, position)
        before += spelt
        self._command = command


# -------------------------------------------------------- 11. Texts outside the log

GivenTexts = dict[tuple[str, str], tuple[bytes, str]]  # event, field: salt, text
TEXT_KEYS = ("event", "field", "salt", "text")


class Texts:
    """Commitments to texts, and whether each text is erased, opened or withheld."""

    def __init__(self, handed: GivenTexts, *, all_texts: bool = False) -> None:
        self._handed, self._all = handed, all_texts
        self._kept = Counter[str]()  # withheld so far, by subject
        self._first: dict[str, tuple[int, str]] = {}  # with --all-texts: the first one
        self._opened: dict[str, str] = {}  # the first one that was opened, by subject
        self._counts = {"commitments": 0, "erased": 0, "opened": 0}

    def add(self, position: int, record: dict[str, Any]) -> None:
        """Count the commitments of a record, or those that an erasure covers."""
        stream = record["stream"]
        if stream.startswith("subject-") and record["type"] == "erased":
            self._erase(stream.removeprefix("subject-"), record["data"])
        for name, told in record["text"].items():
            event, subject = f"{stream}/{record['version']}", sys.intern(told["s"])
            handed = self._handed.pop((event, name), None)
            self._counts["commitments"] += 1
            if handed is None:
                self._kept[subject] += 1
                if self._all:
                    self._first.setdefault(subject, (position, f"{name} of {event}"))
            else:
                self._counts["opened"] += 1
                self._opened.setdefault(subject, f"{name} of {event}")
                found = commitment(event, name, subject, *handed)
                expect(f"{name} of {event}", told["c"], found)

    def _erase(self, subject: str, data: dict[str, Any]) -> None:
        """Apply an erasure, which must name its decision."""
        for name in ("decision", "legal_basis"):
            if not string(data[name]).strip():
                raise ValueError(f"the {name} of an erasure is empty")
        if subject in self._opened:
            what = f"{self._opened[subject]} was opened, although a decision erased it"
            raise Finding(what)
        self._counts["erased"] += self._kept.pop(subject, 0)
        self._first.pop(subject, None)

    def counts(self) -> dict[str, int]:
        """The number of commitments, and of those erased, opened here and withheld."""
        for event, name in self._handed:
            raise Finding(f"the log has no commitment to {name} of {event}")
        for position, what in sorted(self._first.values()):
            raise Finding(f"{what} is withheld: no decision erased it", position)
        return {**self._counts, "withheld": sum(self._kept.values())}


SALT = 32  # bytes


def commitment(event: str, name: str, subject: str, salt: bytes, text: str) -> str:
    """The commitment to a text: a salted hash (docs/ledger-format.md, Texts)."""
    if len(salt) != SALT:  # else its end could pass for the beginning of the text
        raise ValueError(f"the salt has {len(salt)} bytes, but must have {SALT}")
    parts = (part.encode() for part in (event, name, subject))
    context = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    plain = to_json(text).encode()
    plain += b" " * (-len(plain) % 64)
    return hashlib.sha256(b"iku/text/v1\0" + context + salt + plain).hexdigest()


def read_texts(place: Path) -> GivenTexts:
    """Read texts, one JSON object on each line, from a file or a folder of files."""
    found: GivenTexts = {}
    inside = sorted(path for path in place.rglob("*") if path.is_file())
    for path in inside if place.is_dir() else [place]:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONG), b""), 1):
                try:
                    name, handed = read_text(line)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    told = f"line {number} of {path} is not a text with its salt"
                    raise malformed(f"{told}: {error}") from None
                if found.setdefault(name, handed) != handed:
                    told = f"{name[1]} of {name[0]} has two different texts"
                    raise Finding(told)
    return found


def read_text(line: bytes) -> tuple[tuple[str, str], tuple[bytes, str]]:
    """Parse the event and field of a text, its salt, and the text."""
    told = decode(line.decode())
    event, name, salt, text = (string(told[key]) for key in TEXT_KEYS)
    if len(told) != len(TEXT_KEYS) or f"{to_json(told)}\n".encode() != line:
        raise ValueError(f"not in canonical form with the keys {', '.join(TEXT_KEYS)}")
    if not re.fullmatch(f"[0-9a-f]{{{2 * SALT}}}", salt):
        raise ValueError(f"the salt is not {SALT} bytes in hexadecimal")
    return (event, name), (bytes.fromhex(salt), text)


# ---------------------------------------------- 12. Lost events
#
# A log never revokes a checkpoint. A log whose backup lost signed events continues
# under a new name, and the first event after the kept ones declares the loss.


class Loss(NamedTuple):
    """The declaration, at *position*, that the log *origin* lost events."""

    position: int
    origin: str
    successor: str
    kept: int
    root: str
    lost_to: int
    signed: str

    def __str__(self) -> str:
        """The loss as a sentence."""
        return (
            f"events {self.kept + 1} to {self.lost_to} of the log {self.origin} are "
            f"lost, as declared at position {self.position}"
        )


def read_loss(record: dict[str, Any], tree: Tree) -> Loss:
    """The loss that a record declares, compared with the tree before the record."""
    position, data = tree.size + 1, record["data"]
    try:
        kept, lost_to = natural(data["kept"]), natural(data["lost_to"])
        keys = ("origin", "successor", "root", "signed")
        origin, successor, root, signed = (string(data[key]) for key in keys)
    except (ValueError, TypeError, KeyError):
        raise Finding("the record does not declare a loss", position) from None
    computed = base64.b64encode(tree.root()).decode()
    due, found = f"{tree.size} {computed}", f"{kept} {root}"
    expect("number of kept events, and their root hash", due, found, position)
    return Loss(position, origin, successor, kept, root, lost_to, signed)


# ------------------------------------------- 13. A proof, and two checkpoints compared


def verify_proof(raw: bytes, leaf: bytes, policy: Policy, report: Report) -> None:
    """Verify a C2SP tlog-proof, version 1."""
    head, blank, signed = raw.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise malformed("the proof is not ASCII") from None
    if header != "c2sp.org/tlog-proof@v1" or not blank:
        raise malformed("the proof is not a tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    if not lines or not lines[0].startswith("index "):
        raise malformed("the proof has no index line")
    index = read_size(lines.pop(0).removeprefix("index "), "the proof")
    hashes = [decode_base64(line, "the proof", 32) for line in lines]
    last = read_checkpoint(signed, "the checkpoint")
    report.set_log(last)
    check_trusted(last, policy, report)
    report.position = index + 1
    check_inclusion(leaf, index, last.size, last.root, hashes)


def compare(one: Checkpoint, two: Checkpoint, policy: Policy, report: Report) -> None:
    """Compare two checkpoints of one log of the same size."""
    report.set_log(one)
    policy.check_signed(one, "the first checkpoint")
    expect("log of the second checkpoint", one.origin, two.origin)
    policy.check_signed(two, "the second checkpoint")
    if one.size != two.size:
        raise untrusted(
            f"checkpoints of different sizes, {one.size} and {two.size}, need the "
            "records for a comparison; use bundle --known"
        )
    expect(f"root at size {one.size}", one.root, two.root, code=4)


# ------------------------------------------------------------------------ 14. Commands


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return the exit code."""
    typed, report = _parser().parse_args(arguments), Report()
    try:
        typed.run(typed, report)
        for reason in _not_accepted(typed, report):
            raise untrusted(reason)
    except Finding as finding:
        report.note(finding)
        if finding.code == 4:
            _keep_evidence(typed, report)
    except OSError as error:
        report.note(malformed(f"{error.filename}: {error.strerror}"))
    except (MemoryError, RecursionError):
        report.note(malformed("the input exceeds the memory, or is nested too deeply"))
    told = json.dumps(asdict(report), sort_keys=True).replace("\x7f", r"\u007f")
    lines = [told] if typed.json else map(printable, _lines(report))
    _print(sys.stdout, "\n".join(lines))
    return report.exit


def _not_accepted(typed: argparse.Namespace, report: Report) -> list[str]:
    """The missing conditions of trust that no option of the command accepts."""
    accepted = {*report.lost} if typed.accept_loss else set()
    if typed.without_witness:
        accepted.add(NO_QUORUM)
    return [reason for reason in report.lacking if reason not in accepted]


def _print(stream: TextIO | None, text: str) -> None:
    """Print a text; if that fails, the exit code stays that of the verdict."""
    if stream is None:
        return
    try:
        encoding = stream.encoding or "utf-8"
        stream.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        # At its end Python would try again, and end with another exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout:
            _print(sys.stderr, "iku-verify: the report cannot be printed")


def _lines(report: Report) -> Iterator[str]:
    """The report as text."""
    yield f"{report.verdict.upper()} (exit {report.exit})"
    sides = report.expected, report.found
    texts = ", ".join(f"{count} {name}" for name, count in report.texts.items())
    figure = (
        f"{name} {value}" for name, value in (report.figure or {}).items() if value
    )
    agree = report.figures and not report.differences
    recounted = f"{report.figures} figures of {report.publications} publications"
    for told, line in (
        (report.finding, f"{Finding(str(report.finding), report.position, *sides)}"),
        (report.origin, f"log {report.origin}, size {report.size}, root {report.root}"),
        (report.origin, _witness_summary(report)),
        (report.checkpoints, f"{report.checkpoints} checkpoints of the bundle agree"),
        (report.unchecked, f"{report.unchecked} of them by root alone: {ROOTS_ALONE}"),
        (report.known, f"{report.known} checkpoints that you know agree"),
        (agree, f"{recounted} were recounted and agree"),
        *((True, f"differs: {difference}") for difference in report.differences[1:]),
        (report.texts.get("commitments"), f"texts: {texts}"),
        (report.rights, f"rights: {rights_in_words(report.rights)}"),
        (report.figure, f"figure: {', '.join(figure)}"),
        *((True, line) for line in paper_in_words(report.paper)),
        *((True, f"warning: {reason}") for reason in report.lacking),
    ):
        if told:
            yield f"  {line}"


ROOTS_ALONE = "--all checks their signatures"


def _witness_summary(report: Report) -> str:
    """The witnesses of the last checkpoint, and its age."""
    names = ", ".join(report.witnesses) or "none"
    told = f"witnessed by {len(report.witnesses)} of {report.trusted}: {names}"
    if report.newest is None:
        return f"{told}; its age is unknown"
    newest = datetime.fromisoformat(report.newest)
    days = (datetime.now(UTC) - newest).days
    return f"{told}; the newest on {newest:%d-%m-%Y %H.%M} UTC, {days} days ago"


def _keep_evidence(typed: argparse.Namespace, report: Report) -> None:
    """Write both checkpoints to one file, as signed evidence that the log diverged."""
    known = [typed.one, typed.two] if "one" in typed else typed.known
    own = [typed.folder / "checkpoint"] if "folder" in typed else []
    try:
        notes = [read_file(path, NOTE).decode() for path in (*own, *known)]
        told = {"notes": notes, **asdict(report)}
        name = hashlib.sha256("".join(notes).encode()).hexdigest()[:16]
        path = Path(f"evidence-{name}.json")
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
        said = f"both checkpoints are kept in {path}"
    except OSError as error:
        said = f"keep both checkpoints: {error.filename}: {error.strerror}"
    _print(sys.stderr, printable(f"iku-verify: {said}"))


def _policy(typed: argparse.Namespace) -> Policy:
    policy = read_policy(read_file(typed.policy, POLICY))
    if typed.newer_than:
        begins = datetime.combine(typed.newer_than, datetime.min.time(), UTC)
        policy.since = max(int(begins.timestamp()), 1)
    return policy


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file is in the folder or is one of its files, under any name."""
    own = [one for one in (folder, folder / "policy.txt") if one.exists()]
    places = [path, *path.resolve().parents]
    return any(one.samefile(place) for one in own for place in places)


def _checkpoint(path: Path) -> Checkpoint:
    return read_checkpoint(read_file(path, NOTE), str(path))


def _bundle(typed: argparse.Namespace, report: Report) -> Register:
    policy = _policy(typed) if typed.policy else None
    if policy and _is_inside(typed.policy, typed.folder):
        policy = None
    known = [_checkpoint(path) for path in typed.known]
    handed = read_texts(typed.texts) if typed.texts else {}
    texts = Texts(handed, all_texts=typed.all_texts)
    audit = Audit(typed.folder, policy, texts, report)
    audit.every = typed.all
    return audit.verify(known)


def _figure(typed: argparse.Namespace, report: Report) -> None:
    at = read_number(typed.number)
    report.figure = recount(_bundle(typed, report), at)


def _proof(typed: argparse.Namespace, report: Report) -> None:
    if typed.record:
        leaf = leaf_hash(read_file(typed.record, RECORD))
    elif re.fullmatch("[0-9a-fA-F]{64}", typed.leaf):
        leaf = bytes.fromhex(typed.leaf)
    else:
        raise malformed("--leaf is 64 hexadecimal digits")
    verify_proof(read_file(typed.file, PROOF), leaf, _policy(typed), report)


def _compare(typed: argparse.Namespace, report: Report) -> None:
    compare(_checkpoint(typed.one), _checkpoint(typed.two), _policy(typed), report)


def _paper(typed: argparse.Namespace, report: Report) -> None:
    raw = read_file(typed.file, PAPER)
    length = verify_paper(raw, _policy(typed), report)
    if typed.original and not _not_accepted(typed, report):
        with typed.original.open("xb") as file:
            file.write(raw[:length])
    elif length < len(raw):
        report.lacking.append(
            "the paper in it was issued by the register; "
            f"{len(raw) - length} bytes were appended, as an electronic signature "
            "does; what they show is not verified"
        )


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"iku-verify: {printable(message)}\n")


def _parser() -> argparse.ArgumentParser:
    told = str(__doc__).partition("Reading guide.")[0]
    form = argparse.RawTextHelpFormatter
    parser = _Parser("iku-verify", description=told, formatter_class=form)
    commands = parser.add_subparsers(required=True, parser_class=_Parser)
    for run, does, words in (
        (_bundle, "verify a bundle", ("folder",)),
        (_figure, "count the figure of a number", ("number",)),
        (_proof, "verify a tlog-proof", ("file",)),
        (_compare, "compare two checkpoints", ("one", "two")),
        (_paper, "verify a paper that the register issued", ("file",)),
    ):
        command = commands.add_parser(run.__name__[1:], help=does)
        command.set_defaults(run=run, accept_loss=False, newer_than=None)
        add = command.add_argument
        for word_ in words:
            add(word_, type=str if word_ == "number" else Path)
        alone = run in {_proof, _compare, _paper}
        add("--policy", type=Path, required=alone, help="the keys that you trust")
        add("--json", action="store_true", help="print the report as JSON")
        add("--without-witness", action="store_true", help="accept missing witnesses")
        if run is not _compare:
            help_ = "require cosignatures of that day or later"
            add("--newer-than", type=day, metavar="DATE", help=help_)
        if run is _figure:
            add("--bundle", type=Path, required=True, dest="folder", help="a folder")
        if run is _proof:
            what = command.add_mutually_exclusive_group(required=True)
            what.add_argument("--record", type=Path, help="file of the record's bytes")
            what.add_argument("--leaf", help="the leaf hash, as a receipt gives it")
        if run is _paper:
            help_ = "write the issued paper, without what was appended, to this file"
            add("--original", type=Path, metavar="OUT", help=help_)
        if not alone:
            add("--accept-loss", action="store_true", help="accept declared losses")
            add("--known", type=Path, action="append", default=[], help="one you have")
            add("--all", action="store_true", help="check all signatures")
            add("--texts", type=Path, help="texts that were opened")
            add("--all-texts", action="store_true", help="refuse withheld texts")
    return parser


# ============================ Part two: the figures ============================


# --------------------------------------- 15. Facts in the records
#
# From here to the bundle, the content of the records is interpreted. docs/register.md
# ("Counting") has the rules. Numbers are integers and exact fractions, never floats.

CASE, ORGANISATION = "conflict", "organisation"
LEVELS = ("potensi", "perseteruan", "kekerasan", "status_keadaan_konflik")


class Meaning(NamedTuple):
    """The effect of an event type on the case or organisation of its stream."""

    needs: tuple[str, ...] = ()  # required fields; "on": the day it holds from
    upon: tuple[str | None, ...] = ()  # allowed statuses on that day; None: not begun
    becomes: str | None = None  # the new status; None: unchanged
    sets: tuple[str, ...] = ()  # fields that hold from that day on


ANY, HERE = ("open", "resolved"), ("active", "suspended")
TAKEN_PART = ("participated", "participation_carried")
OF_ALL = {
    "rejected": Meaning(),
    "merged": Meaning(),
    "attached": Meaning(),
    "absorbed": Meaning(("origin",)),
    "corrected": Meaning(("corrects",)),
    "annulled": Meaning(("annuls",)),
}
MEANINGS: dict[str, dict[str, Meaning]] = {
    CASE: {
        "reported": Meaning(("on", "category"), (None,), "open", ("category", "level")),
        "returned": Meaning(("on",), ANY),
        "verified": Meaning(("on",), ANY),
        "handled": Meaning(("on",), ANY),
        "referred": Meaning(("on",), ANY),
        "reclassified": Meaning(("on",), ANY, None, ("category", "level")),
        "resolved": Meaning(("on", "manner"), ("open",), "resolved", ("manner",)),
        "reopened": Meaning(("on",), ("resolved",), "open"),
        **OF_ALL,
    },
    ORGANISATION: {
        "registered": Meaning(("on", "kind"), (None,), "active", ("valid_until",)),
        "renewed": Meaning(("on", "valid_until"), HERE, None, ("valid_until",)),
        "suspended": Meaning(("on",), ("active",), "suspended"),
        "restored": Meaning(("on",), ("suspended",), "active"),
        "dissolved": Meaning(("on",), HERE, "dissolved"),
        "revoked": Meaning(("on",), HERE, "revoked"),
        "moved_out": Meaning(("on",), HERE, "moved_out"),
        "participated": Meaning(("on", "participation"), HERE),
        "participation_carried": Meaning(("on", "participation", "origin"), HERE),
        "participation_verified": Meaning(("participation",)),
        **OF_ALL,
    },
}
NEEDS = {
    kind: meaning.needs for of in MEANINGS.values() for kind, meaning in of.items()
}


class Fact(NamedTuple):
    """The fields of a record that count, of a case or an organisation."""

    position: int
    known_on: date
    type: str
    on: date | None  # the day it holds from
    says: dict[str, Any]


def string(value: Any) -> str:
    """A string, interned, so that equal strings share their memory."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return sys.intern(value)


def natural(value: Any) -> int:
    """A non-negative integer."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a non-negative integer")
    return value


def fraction(value: Any) -> Fraction:
    """A decimal number, encoded as a string."""
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", string(value)):
        raise ValueError(f"{value[:40]!r} is not a decimal number")
    return Fraction(value)


def _parse_level(value: Any) -> str:
    if value not in LEVELS:
        raise ValueError(f"{value!r} is not a level")
    return string(value)


def _parse_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _parse_field_names(value: Any) -> tuple[str, ...]:
    names = tuple(map(string, value)) if isinstance(value, list) else ()
    if not names or list(names) != sorted(set(names)):
        raise ValueError(f"{value!r} is not a sorted list of distinct field names")
    return names


def _parse_origin(value: Any) -> tuple[str, int]:
    return string(value["stream"]), natural(value["version"])


FIELDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("category", "manner", "kind", "participation", "into"), string),
    "area": string,
    **dict.fromkeys(("occurred_on", "valid_until"), day),
    **dict.fromkeys(("corrects", "annuls"), natural),
    "level": _parse_level,
    "origin": _parse_origin,
    "verified": _parse_flag,
    CLEARED: _parse_field_names,
}


def read_fact(position: int, record: dict[str, Any], needed: Iterable[str]) -> Fact:
    """Read the fact in a record."""
    told = record["data"].items()
    says = {
        sys.intern(name): FIELDS[name](value)  # one string for all records
        for name, value in told
        if name in FIELDS and value is not None
    }
    on = None if record["effective_on"] is None else day(record["effective_on"])
    for name in needed:
        if name not in says and (name != "on" or on is None):
            raise KeyError(name)
    if CLEARED in says:
        stated = record["data"].keys() | {n.partition(".")[0] for n in record["text"]}
        for name in says[CLEARED]:
            if name in stated or (name == "effective_on" and on):
                raise ValueError(f"{name} is both set and cleared")
    for name in ("corrects", "annuls"):
        if name in says and not 0 < says[name] < record["version"]:
            raise ValueError(f"{name} is {says[name]}, which is not an earlier version")
    return Fact(position, day(record["known_on"]), string(record["type"]), on, says)


def effective_facts(history: Sequence[Fact]) -> list[Fact]:
    """The facts in effect after corrections and annulments, in order.

    An annulment or a correction may itself be annulled by a later annulment, so
    annulments apply from the last to the first.
    """
    never: set[int] = set()
    for version in range(len(history), 0, -1):
        fact = history[version - 1]
        if fact.type == "annulled" and version not in never:
            never.add(fact.says["annuls"])
    left = {v: fact for v, fact in enumerate(history, 1) if v not in never}
    for fact in [*left.values()]:
        wrong = left.get(fact.says["corrects"]) if fact.type == "corrected" else None
        if wrong is not None:
            left[fact.says["corrects"]] = _corrected(wrong, fact)
    return [f for f in left.values() if f.type not in {"corrected", "annulled"}]


def _corrected(wrong: Fact, by: Fact) -> Fact:
    """The fact with the values of its correction, without the cleared fields."""
    cleared = by.says.get(CLEARED, ())
    says = {n: v for n, v in {**wrong.says, **by.says}.items() if n not in cleared}
    on = None if "effective_on" in cleared else by.on or wrong.on
    for name in NEEDS[wrong.type]:
        if name not in says and (name != "on" or on is None):
            told = f"{wrong.type} is corrected so that it lacks {name}"
            raise Finding(told, by.position)
    return wrong._replace(on=on, says=says)


# --------------------------------------------------------------------- 16. Counting


class Counts(NamedTuple):
    """What one subject adds to a figure."""

    numerator: int
    denominator: int
    expired: int = 0


NOTHING = Counts(0, 0)


class State(NamedTuple):
    """The state of a subject at the end of a day: status, its first day, fields."""

    status: str | None  # None: not begun
    since: date
    says: dict[str, Any]


class History(NamedTuple):
    """The history of a counted subject: its opening, changes and states."""

    first: Fact  # the report or the registration
    begun: date  # its day
    changes: list[tuple[date, Fact]]  # by day; of participations, the verified ones
    states: dict[date, State]  # by the first day of each, ascending

    def on(self, when: date) -> State | None:
        """The state at the end of a day; None before the beginning."""
        found = None
        for since, state in self.states.items():
            if since > when:
                break
            found = state
        return found

    def of(self, *types: str) -> list[tuple[date, Fact]]:
        """The changes of these types."""
        return [one for one in self.changes if one[1].type in types]


def read_history(category: str, history: Sequence[Fact]) -> History | None:
    """The history that the facts form; None if the subject never counts."""
    facts, meanings = effective_facts(history), MEANINGS[category]
    dated = [(f.on, f) for f in facts if f.on and meanings[f.type].upon]
    begins = [one for one in dated if None in meanings[one[1].type].upon]
    if not begins:
        return None
    begun, first = begins[0]
    now = _next_state(State(None, begun, {}), begun, first, meanings[first.type])
    states = {begun: now}
    changes = [one for one in dated if one not in begins]
    changes.sort(key=lambda one: one[0])  # stable: within a day, in recorded order
    for on, fact in changes:
        if on < begun:
            raise _illegal_event(fact, f"the subject was {first.type} on {begun}")
        now = states[on] = _next_state(now, on, fact, meanings[fact.type])
    types = {fact.type for fact in facts}
    if types & {"rejected", "merged"} or (category == CASE and "verified" not in types):
        return None
    said = (f.says for f in facts if f.type == "participation_verified")
    sure = {says["participation"] for says in said}
    counted = [
        (on, fact)
        for on, fact in changes
        if fact.type not in TAKEN_PART
        or fact.says.get("verified")
        or fact.says["participation"] in sure
    ]
    return History(first, begun, counted, states)


def _next_state(now: State, on: date, fact: Fact, meaning: Meaning) -> State:
    """The state after a fact, which must be allowed in the state before it."""
    last_act = fact.type in TAKEN_PART and on == now.since
    if now.status not in meaning.upon and not last_act:
        was = str(now.status).replace("_", " ")
        raise _illegal_event(fact, f"the subject was {was} since {now.since}")
    says = {name: fact.says[name] for name in meaning.sets if name in fact.says}
    if meaning.becomes in {None, now.status}:
        return State(now.status, now.since, now.says | says)
    return State(meaning.becomes, on, now.says | says)


def _illegal_event(fact: Fact, why: str) -> Finding:
    return Finding(f"{fact.type} on {fact.on}, but {why}", fact.position)


class Criteria(NamedTuple):
    """The options of a definition, the first day of the period, and the as-of day."""

    options: dict[str, Any]
    start: date
    as_of: date

    def within(self, days: Iterable[date]) -> int:
        """Number of the days between the start of the period and the as-of day."""
        return sum(self.start <= on <= self.as_of for on in days)


def count_case(case: History, asked: Criteria) -> Counts:
    """What a case adds to IKU-1 or IKU-3."""
    options, as_of, entered = asked.options, asked.as_of, case.begun
    if options["date_basis"] == "occurred":
        entered = case.first.says.get("occurred_on", entered)
    # Before its report, a case has the category and level it was reported with.
    now = case.on(max(as_of, case.begun))
    if entered > as_of or now is None or now.says["category"] != options["category"]:
        return NOTHING
    level = now.says.get("level", "perseteruan")
    if LEVELS.index(level) < LEVELS.index(options["minimum_level"]):
        return NOTHING
    if entered < asked.start and not _carried_over(case, asked):
        return NOTHING
    manners = options["resolution_manners"]
    if options["reopening"] == "latest_state":
        return Counts(int(_manner(case, as_of) in manners), 1)
    closings = [f.says["manner"] for on, f in case.of("resolved") if on <= as_of]
    return Counts(int(any(manner in manners for manner in closings)), 1)


def _carried_over(case: History, asked: Criteria) -> bool:
    """Whether an older case counts: open on the eve of the period, or reopened."""
    if asked.options["carry_over"] == "exclude":
        return False
    on_eve = _manner(case, asked.start - timedelta(days=1))
    reopened = asked.within(on for on, _ in case.of("reopened"))
    return on_eve not in asked.options["resolution_manners"] or reopened > 0


def _manner(case: History, when: date) -> str | None:
    """The manner of the resolution in force on a day; None if the case is open."""
    state = case.on(when)
    return state.says["manner"] if state and state.status == "resolved" else None


def count_organisation(organisation: History, asked: Criteria) -> Counts:
    """What an organisation adds to IKU-2."""
    options, as_of = asked.options, asked.as_of
    last, then = _last_there(organisation, asked)
    since = asked.start if options["population"] == "any_time_in_period" else as_of
    kind = organisation.first.says["kind"]
    if kind not in options["kinds"] or then is None or last < since:
        return NOTHING
    taken = asked.within(on for on, _ in organisation.of(*TAKEN_PART))
    enough = taken >= options["participation_threshold"]
    expired = last == as_of and then.says.get("valid_until", as_of) < as_of
    return Counts(int(enough and then.status == "active"), 1, int(expired))


def _last_there(organisation: History, asked: Criteria) -> tuple[date, State | None]:
    """The last day up to the as-of day on which it existed, and its state then."""
    found: tuple[date, State | None] = date.min, None
    begins = [*organisation.states, date.max]
    for (since, state), after in zip(
        organisation.states.items(), begins[1:], strict=True
    ):
        last = min(asked.as_of, after - timedelta(days=1))
        if asked.options["expired_registration"] == "drop":
            last = min(last, state.says.get("valid_until", last))
        if state.status in HERE and since <= last:
            found = last, state
    return found


COUNTING: dict[str, tuple[str, Callable[[History, Criteria], Counts]]] = {
    CASE: ("conflicts", count_case),
    ORGANISATION: ("organisations", count_organisation),
}


# ------------------------------------------------------ 17. Formulas, targets, ratings

MANNERS = (
    *("islah", "kesepakatan_damai", "mediasi", "putusan_inkrah", "keputusan_adat"),
    *("penegakan_hukum", "reda_terverifikasi", "dilimpahkan"),
)
KINDS = ("ormas", "lsm", "parpol")
OF_BOTH: dict[str, tuple[Any, tuple[str, ...]]] = {
    "empty": ("undefined", ("undefined", "full", "zero")),
    "rounding": ("half_up_2", ("half_up_2",)),
}

# By what is counted: the default of each option, and its values. A default that is a
# tuple allows any subset of the values. A default of None makes the option required.
OPTIONS: dict[str, dict[str, tuple[Any, tuple[str, ...]]]] = {
    "conflicts": {
        "category": (None, ("ipoleksosbud", "sara")),
        "minimum_level": ("perseteruan", LEVELS),
        "date_basis": ("reported", ("reported", "occurred")),
        "carry_over": ("include", ("include", "exclude")),
        "reopening": ("latest_state", ("latest_state", "first_closure_counts")),
        "resolution_manners": (MANNERS[:-1], MANNERS),
        **OF_BOTH,
    },
    "organisations": {
        "kinds": (KINDS, KINDS),
        "expired_registration": ("keep", ("keep", "drop")),
        "participation_threshold": (1, ()),
        "population": ("stock_at_date", ("stock_at_date", "any_time_in_period")),
        **OF_BOTH,
    },
}


class Version(NamedTuple):
    """A version of a definition, a target or a scale, in force from a day on.

    Attributes:
        version: Number among those of its kind, from 1, by which a figure names it.
        event: Version of its event in the stream, by which later events name it.
    """

    version: int
    position: int
    known_on: date
    on: date | None
    says: dict[str, Any]
    event: int


def read_options(told: dict[str, Any]) -> dict[str, Any]:
    """The options of a definition, with defaults filled in."""
    known = OPTIONS[told["counts"]]
    strange = told.keys() - known.keys() - {"counts"}
    if strange:
        raise ValueError(f"the options {sorted(strange)} are unknown")
    read = {"counts": told["counts"]}
    for name, (default, values) in known.items():
        value = told.get(name, default)
        chosen = value if isinstance(default, tuple) else [value]
        if name == "participation_threshold":
            natural(value)
        elif not chosen or not set(chosen) <= set(values):
            raise ValueError(f"{name} is {value!r}, which is unknown")
        read[name] = value
    return read


def _read_targeted(data: dict[str, Any]) -> dict[str, Any]:
    return {"year": natural(data["year"]), **_read_target(data)}


def _read_target(data: dict[str, Any]) -> dict[str, Any]:
    target = fraction(data["target"])
    if target <= 0:
        raise ValueError(f"{target} is not a valid target")
    return {"target": target}


def _read_corrected(data: dict[str, Any]) -> dict[str, Any]:
    """The values that a correction restates, and the version that it corrects."""
    year = {"year": natural(data["year"])} if "year" in data else {}
    target = _read_target(data) if "target" in data else {}
    return {"corrects": natural(data["corrects"]), **year, **target}


def _read_scaled(data: dict[str, Any]) -> dict[str, Any]:
    bands = [(fraction(b["at_least"]), string(b["rating"])) for b in data["bands"]]
    if not bands:
        raise ValueError("a scale has no bands")
    return {"bands": bands}


VERSIONED: dict[str, dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "indicator": {
        "defined": lambda data: read_options(data["options"]),
        "targeted": _read_targeted,
        "corrected": _read_corrected,
        "annulled": lambda data: {"annuls": natural(data["annuls"])},
    },
    "scale": {"scaled": _read_scaled},
}
LOOKS_BACK = ("corrected", "annulled")
SCALE = "kinerja"  # the only scale; it rates performance


# ------------------------------------------------------- 18. Figures and their numbers

PERIODS = {  # letter and months
    "year": ("T", 12),
    "half": ("S", 6),
    "quadrimester": ("C", 4),
    "quarter": ("W", 3),
    "month": ("B", 1),
}
SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-"
NUMBER = re.compile(
    r"([A-Z0-9-]{1,16})\.([1-9][0-9]{0,15})\.([TSCWB])\.([0-9]{8})\.([0-9]{8})"
    r"\.(0|[1-9][0-9]{0,15})\.[0-9A-Z]{2}"
)


@dataclass(frozen=True)
class Coordinates:
    """The coordinates of a figure; equal coordinates give an equal figure."""

    indicator: str
    definition: int
    period: str
    as_of: date
    known_on: date
    size: int

    @property
    def start(self) -> date:
        """First day of the period."""
        months = PERIODS[self.period][1]
        first = (self.as_of.month - 1) // months * months + 1
        return self.as_of.replace(month=first, day=1)

    @property
    def number(self) -> str:
        """The figure number, which is printed next to the figure."""
        days = (str(one).replace("-", "") for one in (self.as_of, self.known_on))
        letter = PERIODS[self.period][0]
        fields = (self.indicator, str(self.definition), letter, *days, str(self.size))
        line, rest = ".".join(fields), 0
        for symbol in f"{line}.00":
            rest = (36 * rest + SYMBOLS.index(symbol)) % 1259
        # Check characters: the number in radix 36 leaves remainder 1 modulo 1259.
        high, low = divmod((1 - rest) % 1259, 36)
        return f"{line}.{SYMBOLS[high]}{SYMBOLS[low]}"

    def includes(self, one: Fact | Version) -> bool:
        """Whether the knowledge cut-off and the size include the fact or version."""
        return one.position <= self.size and one.known_on <= self.known_on


def read_number(typed: str) -> Coordinates:
    """Parse a figure number; spaces and case are ignored."""
    spelt = "".join(typed.split())
    spelt = spelt.upper() if spelt.isascii() else ""
    match = NUMBER.fullmatch(spelt)
    if match is None:
        raise malformed(f"{typed[:80]!r} is not a figure number")
    code, version, letter, *days, size = match.groups()
    [period] = [name for name, (known, _) in PERIODS.items() if known == letter]
    try:
        as_of, known = (day(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in days)
    except ValueError:
        raise malformed(f"{typed[:80]!r} has an invalid day") from None
    at = Coordinates(code, int(version), period, as_of, known, int(size))
    if at.number != spelt:
        raise malformed(f"{typed[:80]!r} does not match its check characters")
    return at


def rounded(value: Fraction) -> Fraction:
    """A non-negative value rounded half up to two decimals."""
    return Fraction((value * 100 + Fraction(1, 2)) // 1, 100)


def format_decimal(value: Fraction | None) -> str | None:
    """A value with two decimals and a decimal point."""
    if value is None:
        return None
    whole_part, hundredths = divmod(value * 100 // 1, 100)
    return f"{whole_part}.{hundredths:02}"


@dataclass
class RunningCount:
    """The counts of a figure while subjects are added."""

    at: Coordinates
    definition: Version
    target: Fraction | None
    scale: Version
    counts: Counts = NOTHING

    def figure(self) -> dict[str, Any]:
        """The figure, with the fields that a closing freezes; decimals are strings.

        Each value is rounded once, from the exact fraction.
        """
        numerator, denominator, expired = self.counts
        options, bands = self.definition.says, self.scale.says["bands"]
        empty = {"undefined": None, "full": Fraction(1), "zero": Fraction(0)}
        ratio = empty[options["empty"]]
        if denominator:
            ratio = Fraction(numerator, denominator)
        percentage = format_decimal(None if ratio is None else rounded(ratio * 100))
        achieved = rating = None
        if ratio is not None and self.target is not None:
            achieved = rounded(ratio * 100 / self.target * 100)
            # The first band that is reached; the last has no lower bound.
            reached = (name for least, name in bands if achieved >= least)
            rating = next(reached, bands[-1][1])
        return {
            "indicator": self.at.indicator,
            "definition": self.at.definition,
            "scale": self.scale.version,
            "numerator": numerator,
            "denominator": denominator,
            "expired": None if options["counts"] == "conflicts" else expired,
            "percentage": percentage,
            "target": format_decimal(self.target),
            "achievement": format_decimal(achieved),
            "rating": rating,
            "number": self.at.number,
        }


# -------------------------------------------------------------------- 19. Publications
# The steps that each step may follow; None: the publication did not exist.
FOLLOWS: dict[str, tuple[str | None, ...]] = {
    "drafted": (None, "withdrawn"),
    "confirmed": ("drafted", "returned"),
    "closed": ("drafted", "returned"),
    "returned": ("closed", "reviewed"),
    "reviewed": ("closed",),
    "published": ("reviewed",),
    "withdrawn": ("drafted", "returned"),
}


@dataclass
class Publication:
    """A publication after its recorded steps; *last* is the latest step."""

    id: str
    last: str | None = None
    period: str = "year"
    as_of: date = date.min
    closed: int = 0  # position of the closing in force; 0 if there is none
    known_on: date = date.min
    size: int = 0
    frozen: list[dict[str, Any]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)  # positions

    def coordinates(self, code: str, definition: int) -> Coordinates:
        """The coordinates of one of its figures."""
        days = self.as_of, self.known_on
        return Coordinates(code, definition, self.period, *days, self.size)


Publications = dict[str, Publication]


def apply_step(known: Publications, position: int, record: dict[str, Any]) -> None:
    """Apply a step of a publication, which must be allowed after the previous one."""
    data, step = record["data"], record["type"]
    name = string(data["publication"])
    if record["stream"] != f"publication-{name[:4]}":
        raise ValueError(f"{name} is of another year")
    one = known.setdefault(name, Publication(name))
    if one.last not in FOLLOWS[step]:
        raise ValueError(f"{name} is {step}, which cannot follow {one.last}")
    match step:
        case "drafted":
            _draft(known, one, data, day(record["effective_on"]))
        case "closed":
            _close(one, position, data, day(record["effective_on"]))
        case "returned":
            one.closed = 0
        case _:
            pass
    if step != "confirmed":
        one.last = step
    one.steps.append(position)


def _draft(
    known: Publications, one: Publication, data: dict[str, Any], today: date
) -> None:
    one.period, one.as_of = string(data["period"]), day(data["as_of"])
    edition, restates = natural(data["edition"]), data.get("restates")
    due = publication_identifier(one.period, one.as_of, edition)
    if one.id != due:
        raise ValueError(f"{one.id} should be named {due}")
    if one.as_of > today:
        raise ValueError(f"{one.id} is drafted on {today}, before its as-of day")
    before = publication_identifier(one.period, one.as_of, edition - 1)
    if restates != (before if edition > 1 else None):
        raise ValueError(f"{one.id} restates {restates}")
    if edition > 1 and known.get(before, Publication("")).last != "published":
        raise ValueError(f"{one.id} restates {before}, which is not published")


def _close(one: Publication, position: int, data: dict[str, Any], on: date) -> None:
    one.known_on, one.size = day(data["known_on"]), natural(data["size"])
    if not one.as_of <= one.known_on <= on:
        raise ValueError(f"{one.id} is closed on {on} as known on {one.known_on}")
    if one.size >= position:
        raise ValueError(f"{one.id} has size {one.size}, which the log had not reached")
    one.closed, one.frozen = position, data["figures"]
    codes = [string(frozen["indicator"]) for frozen in one.frozen]
    if not codes or len(set(codes)) < len(codes):
        raise ValueError(f"{one.id} does not freeze each indicator once: {codes}")


def publication_identifier(period: str, as_of: date, edition: int) -> str:
    """The identifier of a publication: ``2021``, ``2021-W3``, ``2021-sd0930``."""
    letter, months = PERIODS[period]
    ordinal = (as_of.month - 1) // months + 1
    spelt = f"{as_of.year:04}"
    if period != "year":
        spelt += f"-{letter}{ordinal:0{2 if period == 'month' else 1}}"
    # At the end of a month, the next day is a first; 9999-12-31 has no next day.
    last = (as_of.month, as_of.day) == (12, 31) or (as_of + timedelta(days=1)).day == 1
    ends = last and as_of.month == ordinal * months
    spelt += "" if ends else f"-sd{as_of:%m%d}"
    return spelt + (f".{edition}" if edition > 1 else "")


# ----------------------------------------------- 20. Recounting, and readable copies

UNDERSTOOD: dict[str, Container[str]] = {
    **MEANINGS,
    **VERSIONED,
    "publication": FOLLOWS,
}
COPIED = ("actor", "data", "effective_on", "known_on", "type", "version")
COPY = "A copy to be read. Only the records at these positions count."


class Register:
    """The recorded facts in compact form, from which any figure can be counted."""

    def __init__(self, texts: Texts | None = None) -> None:
        self.size = 0
        self.subjects: dict[str, dict[str, list[Fact]]] = {CASE: {}, ORGANISATION: {}}
        self.versions: dict[tuple[str, str], list[Version]] = {}
        self.publications: Publications = {}
        self.texts = texts or Texts({})
        self.rights = Rights(self.subjects, self.versions)
        self._copied: dict[str, list[dict[str, Any]]] = {}  # content of the copies
        self._pool: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}

    def add(self, position: int, record: dict[str, Any]) -> None:
        """Add a record, which must be valid in the state so far."""
        self.size = position
        self.rights.add(position, record)  # before it changes the subject
        try:
            self._add(position, record)
            self.texts.add(position, record)
        except Finding as finding:
            finding.position = position
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"{error} not found" if isinstance(error, KeyError) else str(error)
            raise Finding(f"the record cannot be counted: {told}", position) from None

    def _add(self, position: int, record: dict[str, Any]) -> None:
        category, _, subject = record["stream"].partition("-")
        kind = record["type"]
        if category in UNDERSTOOD and kind not in UNDERSTOOD[category]:
            raise untrusted(f"the event type {kind!r} is not known to this program")
        if category in MEANINGS:
            fact = read_fact(position, record, MEANINGS[category][kind].needs)
            if "participation" not in fact.says:  # equal contents share one object
                says = self._pool.setdefault(tuple(fact.says.items()), fact.says)
                fact = Fact(*fact[:-1], says)
            self.subjects[category].setdefault(subject, []).append(fact)
        elif category in UNDERSTOOD:
            if category in VERSIONED:
                self._add_version(position, subject, record)
            else:
                apply_step(self.publications, position, record)
            told = {"position": position, **{name: record[name] for name in COPIED}}
            self._copied.setdefault(record["stream"], []).append(told)

    def _add_version(self, position: int, subject: str, record: dict[str, Any]) -> None:
        category, kind = record["stream"].partition("-")[0], record["type"]
        versions = self.versions.setdefault((subject, kind), [])
        known, effective = day(record["known_on"]), record["effective_on"]
        # A correction may omit the day, and an annulment has none.
        on = None if kind in LOOKS_BACK and effective is None else day(effective)
        says = VERSIONED[category][kind](record["data"])
        number, version = len(versions) + 1, natural(record["version"])
        versions.append(Version(number, position, known, on, says, version))

    def check_mergers(self) -> None:
        """Check that mergers and absorptions correspond, in both directions.

        In an older log, a merger may have no absorption at all.
        """
        for category, subjects in self.subjects.items():
            for survivor, history in subjects.items():
                brought = [one for one in history if "origin" in one.says]
                left = effective_facts(history) if brought else []
                stand = {f.says["origin"] for f in left if f.type == "absorbed"}
                for one in brought:
                    origin = one.says["origin"]
                    what = f"{one.type} from {origin[0]}/{origin[1]}"
                    if one.type == "absorbed":
                        merges = self._merges(category, origin, survivor)
                        expect(f"{what} holds", merges, origin in stand, one.position)
                    elif (at := self._at(category, origin)) is None or (
                        at.type != "participated"
                    ):
                        raise Finding(f"{what}, which does not exist", one.position)

    def _at(self, category: str, origin: tuple[str, int]) -> Fact | None:
        """The fact at a stream and version; None if it is of another category."""
        of, _, subject = origin[0].partition("-")
        history = self.subjects[category].get(subject, []) if of == category else []
        return history[origin[1] - 1] if 0 < origin[1] <= len(history) else None

    def _merges(self, category: str, origin: tuple[str, int], survivor: str) -> bool:
        """Whether that fact is a merger in effect of its subject into *survivor*."""
        fact = self._at(category, origin)
        history = self.subjects[category].get(origin[0].partition("-")[2], [])
        return fact is not None and any(
            one.position == fact.position
            and one.type == "merged"
            and str(one.says.get("into")).replace("/", "~") == survivor
            for one in effective_facts(history)
        )

    def closed_publications(self) -> list[Publication]:
        """Publications with frozen figures, in the order of their closings."""
        found = [one for one in self.publications.values() if one.closed]
        return sorted(found, key=lambda one: one.closed)

    def copies(self) -> dict[str, bytes]:
        """Readable copies of definitions and closed publications, by path."""
        found = {
            f"definitions/{stream}.json": _encode_copy(stream, facts)
            for stream, facts in self._copied.items()
            if not stream.startswith("publication-")
        }
        for one in self.closed_publications():
            stream = f"publication-{one.id[:4]}"
            facts = [f for f in self._copied[stream] if f["position"] in one.steps]
            found[f"publications/{one.id}.json"] = _encode_copy(stream, facts)
        return found

    def in_force(
        self, key: tuple[str, str], at: Coordinates, when: date, year: int | None = None
    ) -> Version | None:
        """The version in force on a day, as known at *at*; for targets, of *year*."""
        begun = [
            one
            for one in self.effective(key, at)
            if one.on and one.on <= when and one.says.get("year") == year
        ]
        return max(begun, key=lambda one: (one.on, one.version), default=None)

    def effective(self, key: tuple[str, str], at: Coordinates) -> list[Version]:
        """The versions known at *at*, as corrected, without the annulled ones."""
        subject, kind = key

        def known(of: str) -> list[Version]:
            return [v for v in self.versions.get((subject, of), []) if at.includes(v)]

        void = set[int]()
        # A later annulment may annul an earlier one, so they apply from the last.
        for one in reversed(known("annulled")):
            if one.event not in void:
                void.add(one.says["annuls"])
        found = {one.event: one for one in known(kind) if one.event not in void}
        for one in known("corrected"):
            wrong = found.get(one.says["corrects"])
            if wrong is not None and one.event not in void:
                restated = {k: v for k, v in one.says.items() if k != "corrects"}
                says, on = {**wrong.says, **restated}, one.on or wrong.on
                found[wrong.event] = wrong._replace(says=says, on=on)
        return [*found.values()]

    def definition(self, at: Coordinates) -> Version:
        """The definition in force at the start of the period, as known at *at*.

        If none is in force, the first definition applies or, once that is annulled, the
        earliest of the others.
        """
        key = at.indicator, "defined"
        if key not in self.versions:
            raise Finding(f"the log has no indicator {at.indicator}")
        first, found = self.versions[key][0], self.effective(key, at)
        if in_force := self.in_force(key, at, at.start):
            return in_force
        if not found or first in found:
            return first
        return min(found, key=lambda one: (one.on, -one.version))

    def start_count(self, at: Coordinates) -> RunningCount:
        """A count of zero for a figure, under the definition that *at* names."""
        in_force = self.definition(at)  # a finding if the indicator is unknown
        versions = self.versions[at.indicator, "defined"]
        if not 0 < at.definition <= len(versions):
            expect("definition", in_force.version, at.definition)
        scales = self.versions.get((SCALE, "scaled"))
        if not scales:
            raise Finding("the log has no rating scale")
        target = self.in_force((at.indicator, "targeted"), at, at.as_of, at.as_of.year)
        return RunningCount(
            at,
            versions[at.definition - 1],
            target.says["target"] if target else None,
            self.in_force((SCALE, "scaled"), at, at.as_of) or scales[0],
        )

    def count(self, tallies: Sequence[RunningCount]) -> None:
        """Count the figures; the history of each subject is read once."""
        for category, (counted, count) in COUNTING.items():
            asked = [
                (one, Criteria(one.definition.says, one.at.start, one.at.as_of))
                for one in tallies
                if one.definition.says["counts"] == counted
            ]
            for history in self.subjects[category].values():
                courses = {0: None, len(history): read_history(category, history)}
                for tally, question in asked:
                    # Neither positions nor known_on decrease: a prefix is included.
                    size = len(history)
                    while size and not tally.at.includes(history[size - 1]):
                        size -= 1
                    if size not in courses:
                        courses[size] = read_history(category, history[:size])
                    if course := courses[size]:
                        added = zip(tally.counts, count(course, question), strict=True)
                        tally.counts = Counts(*map(sum, added))


def recount(register: Register, at: Coordinates) -> dict[str, Any]:
    """The figure at the coordinates *at*."""
    if at.size > register.size:
        raise untrusted(
            f"the figure has size {at.size}, but the bundle ends at {register.size}"
        )
    tally = register.start_count(at)
    register.count([tally])
    return tally.figure()


def recount_published(register: Register, report: Report) -> None:
    """Recount every frozen figure; *report* lists all differences."""
    closed, found = register.closed_publications(), list[Finding]()
    tallies: list[tuple[Publication, dict[str, Any], RunningCount]] = []
    for one in closed:
        codes = {frozen["indicator"] for frozen in one.frozen}
        for (code, kind), (first, *_) in register.versions.items():
            if kind == "defined" and first.position <= one.size and code not in codes:
                found.append(_figure_finding(one, code, "the closing has no figure"))
        for frozen in one.frozen:
            at = one.coordinates(frozen["indicator"], 1)
            try:
                at = replace(at, definition=register.definition(at).version)
                tallies.append((one, frozen, register.start_count(at)))
            except Finding as finding:
                found.append(_figure_finding(one, at.indicator, finding.sentence))
    register.count([tally for _, _, tally in tallies])
    for one, frozen, tally in tallies:
        counted = tally.figure()
        for name in sorted(counted.keys() | frozen.keys()):
            due, told = (to_json(where.get(name)) for where in (counted, frozen))
            if due != told or (name in frozen) != (name in counted):
                found.append(_figure_finding(one, tally.at.indicator, name, due, told))
    found.sort(key=lambda finding: finding.position or 0)
    report.publications, report.figures = len(closed), len(tallies)
    report.differences = [str(finding) for finding in found]
    if found:
        raise found[0]


def _figure_finding(one: Publication, code: str, what: str, *sides: str) -> Finding:
    expected, found = sides or (None, None)
    sentence = f"publication {one.id}, {code}: {what}"
    return Finding(sentence, one.closed, expected, found)


def _encode_copy(stream: str, facts: list[dict[str, Any]]) -> bytes:
    told = {"facts": facts, "note": COPY, "stream": stream}
    spelt = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True)
    return f"{spelt}\n".encode()


# ============================ Part three: the rights ============================


# ------------------------------------------------------------- 21. The table of rights
#
# docs/access.md shows it. For each action, by role: A for every subject, D for those of
# the role's division, P and Q the same, as a proposal that another person approves.

TABLE_VERSION = 2
RECOVERY_APPROVED_SINCE = 2  # version of the table; before, it was "administer"
ROLES = (
    *("petugas", "verifikator", "kepala_bidang", "kepala_badan", "perencana"),
    *("auditor", "admin"),
)
TABLE = {
    "read_figures": "AAAAAAA",
    "read_history": "DDDAAA-",
    "read_register": "DDDA-A-",
    "read_texts": "DDDA-A-",
    "enter": "DDD----",
    "register": "DDD----",
    "change_status": "-DD----",
    "verify": "-DD----",
    "correct": "QDD----",
    "correct_closed": "QQQ----",
    "approve_closed": "--DA---",
    "define": "----P--",
    "approve_definition": "---A---",
    "draft_publication": "----A--",
    "confirm_figure": "--D----",
    "close_publication": "--A----",
    "review_publication": "----A--",
    "publish": "---A---",
    "return_publication": "--AA---",
    "withdraw_publication": "----A--",
    "import": "QDD----",
    "allow_import": "PPP----",
    "approve_import": "--AA---",
    "agency_data": "---AP--",
    "approve_agency_data": "---A---",
    "set_two_persons": "------P",
    "approve_two_persons": "---A---",
    "erase": "--PA---",
    "read_log": "--AAAA-",
    "read_openings": "-----A-",
    "see_accounts": "-----AA",
    "administer": "------A",
    "grant_approving": "------P",
    "recover_approving": "------P",
    "approve_roles": "---A---",
}
# The action that an event is: its types, by category and action.
ACTIONS = {
    CASE: {
        "enter": "reported returned handled referred attached",
        "verify": "verified resolved reopened",
        "change_status": "reclassified",
        "correct": "rejected merged absorbed corrected annulled",
    },
    ORGANISATION: {
        "register": "registered renewed",
        "enter": "participated attached",
        "change_status": "suspended restored dissolved revoked moved_out",
        "verify": "participation_verified",
        "correct": "rejected merged absorbed corrected annulled participation_carried",
    },
    "indicator": {"define": "defined targeted corrected annulled redefined"},
    "scale": {"define": "scaled"},
    "publication": {
        "draft_publication": "drafted",
        "confirm_figure": "confirmed",
        "close_publication": "closed",
        "return_publication": "returned",
        "review_publication": "reviewed",
        "publish": "published",
        "withdraw_publication": "withdrawn",
    },
    "subject": {"erase": "erased"},
    "import": {"allow_import": "file_allowed"},
    "paper": {"agency_data": "issued signed"},
    "paper_data": {
        "agency_data": "letterhead_set signer_set plan_set baseline_set end_target_set "
        "actual_set quarterly_targets_set responsible_set narrative_set "
        "other_indicator_set annulled",
    },
    "ledger": {"administer": "continued"},
    "account": {"administer": "invited granted revoked suspended restored recovered"},
    "proposal": {"read_figures": "proposed approved declined withdrawn lapsed"},
    "access": {
        "administer": "demonstrated rights_set",
        "set_two_persons": "two_persons_set",
    },
}
# The actions whose right approves a proposal; of the others, the same right does.
APPROVED_BY = {
    "correct": ("correct", "approve_closed"),
    "change_status": ("change_status", "approve_closed"),
    "define": ("approve_definition",),
    "set_two_persons": ("approve_two_persons",),
    "grant_approving": ("approve_roles",),
    "recover_approving": ("approve_roles",),
    "allow_import": ("approve_import",),
    "agency_data": ("approve_agency_data",),
}
APPROVING = ("kepala_bidang", "kepala_badan", "auditor")  # roles that are approved
# What the program itself records while there are accounts.
BY_PROGRAM = {
    ("indicator", "defined"),
    ("scale", "scaled"),
    ("ledger", "continued"),
    ("access", "rights_set"),
    ("subject", "erased"),
}
NOBODY, PROGRAM = "lokal", "iku"  # actors without an account


def actions_of(category: str, kind: str, data: dict[str, Any]) -> tuple[str, ...]:
    """The action of recording an event, or of a proposed command; none if unknown.

    A recovery is treated as that of an account that approves.
    """
    if category == "account" and kind in {"granted", "invite"}:
        return ("grant_approving" if data.get("role") in APPROVING else "administer",)
    if category == "account" and kind == "recovered":
        return ("recover_approving",)
    # A verified participation that a merger carries over was verified before.
    if data.get("verified") is True and kind != "participation_carried":
        return ("verify",)
    known = ACTIONS.get(category, {}).items()
    return tuple(action for action, kinds in known if kind in kinds.split())


def approving_actions(actions: tuple[str, ...]) -> tuple[str, ...]:
    """The actions that approve a proposal of *actions*; the right to any suffices."""
    return tuple(one for a in actions for one in APPROVED_BY.get(a, (a,)))


# ---------------------------------------------------------------- 22. Roles and scopes


class Grant(NamedTuple):
    """A role of an account, with its division, its district and its last day."""

    role: str
    division: str | None
    district: str | None
    until: date | None


class Scope(NamedTuple):
    """The division and the area of a subject, by which rights cover it."""

    division: str | None = None
    area: str | None = None


@dataclass
class Account:
    """An account folded from its events; *grants* by the version of the event."""

    person: str
    grants: dict[int, Grant] = field(default_factory=dict)
    suspended: bool = False

    def on(self, when: date) -> list[Grant]:
        """The roles in force on a day."""
        held = [] if self.suspended else self.grants.values()
        return [one for one in held if one.until is None or when <= one.until]


def may(
    grants: Iterable[Grant], actions: Iterable[str], at: Scope, how: str = "AD"
) -> list[Grant]:
    """The roles that allow one of the actions in a scope, to the extent of *how*."""
    return [
        one
        for one in grants
        for extent in [TABLE[action][ROLES.index(one.role)] for action in actions]
        if extent in how and (extent in "AP" or _is_within(one, at))
    ]


def _is_within(grant: Grant, at: Scope) -> bool:
    if at.division not in {None, grant.division}:
        return False
    return grant.district is None or f"{at.area}.".startswith(f"{grant.district}.")


def scope_of(history: Sequence[Fact], divisions: Any, when: date) -> Scope:
    """The scope of a case or an organisation on a day."""
    left = effective_facts(history)
    opened = [f for f in left if f.type in {"reported", "registered"}]
    first = (opened or history)[0]
    part = "categories" if "category" in first.says else "kinds"
    value = first.says["category" if part == "categories" else "kind"]
    moves = [f for f in left if f.type == "reclassified" and f.on and f.on <= when]
    for one in sorted(moves, key=lambda f: f.on or when) if opened else ():
        value = one.says.get("category", value)
    return Scope(_owner(divisions, part, value), first.says.get("area"))


def _owner(divisions: Any, part: str, value: str) -> str | None:
    """The division that owns a category or a kind."""
    owners = (one["code"] for one in divisions if value in one.get(part, ()))
    return next(owners, None)


# ------------------------------------------------------------------ 23. Recorded rights

Step = tuple[int, dict[str, Any]]  # a record and its position
Broken = Iterator[tuple[int, str]]  # the position of a record, and the rule it breaks


class Rights:
    """Verifies that each event was allowed to its actor, by the state before it.

    Before the first account everything is allowed. It cannot judge what the log does
    not hold: whether a second factor was fresh, to which roles an API key was limited,
    and whether a correction changes a figure of a closed period.
    """

    def __init__(
        self,
        subjects: dict[str, dict[str, list[Fact]]],
        definitions: dict[tuple[str, str], list[Version]],
    ) -> None:
        self.accounts: dict[str, Account] = {}
        self.table, self.divisions = 0, list[dict[str, Any]]()
        self.demonstration, self.two_persons = False, True
        self.findings: list[Finding] = []
        self.events, self.actors, self.unjudged = 0, set[str](), 0
        self._subjects, self._definitions = subjects, definitions
        self.imports = False  # whether the import of any file was allowed
        self._command: list[Step] = []  # the records of the present command
        self._scopes: dict[str, list[Scope]] = {}  # by stream, before and after it
        self.versions: dict[str, int] = {}
        self._entered: dict[tuple[str, str], str] = {}  # actor, by stream and entry
        self.proposals: dict[str, Proposal] = {}
        # By publication: the actors of its steps since the draft, and what is confirmed
        self._steps: dict[str, list[tuple[str, str]]] = {}
        self._confirmed: dict[str, set[str]] = {}

    def add(self, position: int, record: dict[str, Any]) -> None:
        """Add a record before the register does; verify the command before it."""
        if self._command and self._command[0][1]["command"] != record["command"]:
            self.finish()
        stream = record["stream"]
        if (self.accounts or self.demonstration) and stream not in self._scopes:
            self._scopes[stream] = self.scopes(stream, day(record["known_on"]))
        self._command.append((position, record))

    def finish(self) -> None:
        """Verify the last command, which is in the register, and apply it."""
        command, self._command = self._command, []
        if not command:
            return
        try:
            for stream in self._scopes:
                when = day(command[-1][1]["known_on"])
                self._scopes[stream] += self.scopes(stream, when)
            if self.table > TABLE_VERSION:
                self.unjudged = self.unjudged or command[0][0]
            else:
                self._judge(command)
            for _, record in command:
                self._apply(record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"the rights of the command cannot be verified: {error!r}"
            raise Finding(told, command[-1][0]) from None
        self._scopes = {}

    def _judge(self, command: list[Step]) -> None:
        if (actor := command[0][1]["actor"]) in self.accounts:
            self.events += len(command)
            self.actors.add(actor)
        for position, rule in self._broken(command, actor):
            record = dict(command)[position]
            told = f"{record['type']} of {record['stream']} by {record['actor']}"
            self.findings.append(Finding(f"{told} was not allowed: {rule}", position))

    def report_findings(self, report: Report) -> None:
        """Report the rights, and raise the first finding."""
        self.finish()
        mode = "accounts" if self.accounts else "local"
        report.rights = {
            "mode": "demonstration" if self.demonstration else mode,
            "events": self.events,
            "accounts": len(self.actors),
            "refused": len(self.findings),
        }
        if self.unjudged:
            report.lacking.append(
                f"rights are not verified from position {self.unjudged} on: version "
                f"{self.table} of the table of rights is not known to this program"
            )
        if self.findings:
            raise self.findings[0]

    def history(self, stream: str) -> list[Fact]:
        """The facts of a case or an organisation; empty for other streams."""
        category, _, subject = stream.partition("-")
        return self._subjects.get(category, {}).get(subject, [])

    def scopes(self, stream: str, when: date) -> list[Scope]:
        """The scope of the subject of a stream; empty if it has no events."""
        history = self.history(stream)
        return [scope_of(history, self.divisions, when)] if history else []

    def person(self, actor: str) -> str:
        """The person behind an actor, in the form in which persons are compared."""
        account = self.accounts.get(actor)
        return (account.person if account else actor).strip().casefold()

    def _broken(self, command: list[Step], actor: str) -> Broken:
        for position, record in command:
            by = None
            if record["stream"].startswith(("publication-", "proposal-")):
                by = record["data"].get("by")
            if record["actor"] != actor or by not in {None, actor}:
                yield position, f"the event states another actor, {by or actor}"
        if not self.accounts and not self.demonstration:
            yield from self._first_account(command)
        elif not self.demonstration or actor not in {NOBODY, PROGRAM}:
            yield from self._by_rights(command, actor)
        for position, record in command:
            if record["stream"].startswith("publication-"):
                yield from self._publication_step(position, record)

    def _first_account(self, command: list[Step]) -> Broken:
        if _granted_role(command) != "admin":
            for position, record in command:
                if record["stream"].startswith("account-"):
                    yield position, "the first account must be that of an administrator"

    def _by_rights(self, command: list[Step], actor: str) -> Broken:
        account = self.accounts.get(actor)
        for position, record in command:
            today = _day_of_roles(record)
            if actor == PROGRAM:
                yield from self._by_program(command, position, record, today)
            elif account is None:
                yield position, f"account {actor} did not exist"
            elif account.suspended:
                yield position, f"account {actor} was suspended"
            elif record["stream"].startswith("proposal-"):
                held = account.on(today)
                yield from judge_proposal(self, command, position, record, held)
            else:
                yield from self._event(command, position, record, account.on(today))

    def _by_program(
        self, command: list[Step], position: int, record: dict[str, Any], today: date
    ) -> Broken:
        """The violations of the program: it may record only certain events."""
        category, kind = record["stream"].partition("-")[0], record["type"]
        role = _granted_role(command) if category == "account" else None
        if (category, kind) in BY_PROGRAM:
            return
        if role not in {"admin", "kepala_badan"}:
            yield position, "the program itself never records an event of this type"
        elif any(role == g.role for a in self.accounts.values() for g in a.on(today)):
            yield position, f"an account held the role {role} already"

    def _event(
        self,
        command: list[Step],
        position: int,
        record: dict[str, Any],
        grants: list[Grant],
    ) -> Broken:
        stream, kind, data = record["stream"], record["type"], record["data"]
        category = stream.partition("-")[0]
        if kind == "invited":
            kind, data = "granted", {"role": _granted_role(command)}
        yield from self._unconditional_rules(command, position, record)
        actions, covered = actions_of(category, kind, data), set[str | None]()
        approved = [r for _, r in command if _is_approval(r)]
        if approved and approved[0]["stream"] in self.proposals:
            actions = approving_actions(actions)
            covered = self.proposals[approved[0]["stream"]].covered
        elif actions == ("recover_approving",) and not self._approves(record):
            actions = ("administer",)
        scopes = self._scopes.get(stream) or [Scope()]
        if kind == "confirmed":
            scopes = [self._scope_of_figure(data["indicator"])]
        for at in scopes:
            if at.division not in (covered - {None}) and not may(grants, actions, at):
                yield position, _denial(actions, at, grants)
                return
        allowed = record["declared"] and self.imports  # by another person
        if actions == ("verify",) and not allowed and self._is_own(record):
            held = [may(grants, actions, at) for at in scopes]
            if any(all(g.role == "verifikator" for g in by) for by in held):
                yield position, "a verifier cannot verify what the same person entered"

    def _approves(self, record: dict[str, Any]) -> bool:
        """Whether the account approves, if the table has an action for its recovery."""
        account = self.accounts.get(record["stream"].partition("-")[2])
        if account is None or self.table < RECOVERY_APPROVED_SINCE:
            return False
        held, today = account.grants.values(), _day_of_roles(record)
        return any(
            one.role in APPROVING and (one.until is None or today <= one.until)
            for one in held
        )

    def _unconditional_rules(
        self, command: list[Step], position: int, record: dict[str, Any]
    ) -> Broken:
        """The violations of rules that no role overrides."""
        if record["type"] == "demonstrated":
            yield position, "a register with accounts cannot become a demonstration"
        if self._is_own_account(command, record["stream"]):
            yield position, "a person must not change an account of their own"
        recorded = record["recorded_at"][:10]
        if record["declared"] and record["known_on"] < recorded and not self.imports:
            yield position, "no import of a file with earlier days was allowed"

    def _is_own_account(self, command: list[Step], stream: str) -> bool:
        """Whether the changed account belongs to the actor's person."""
        category, _, name = stream.partition("-")
        person = self.person(name)
        for _, one in command:
            if one["type"] == "invited" and one["stream"] == stream:
                person = one["text"]["holder"]["s"].casefold()
        same = person == self.person(command[0][1]["actor"])
        return bool(category == "account" and same)

    def _scope_of_figure(self, code: str) -> Scope:
        """The scope of an indicator: the division whose subjects it counts."""
        defined = self._definitions.get((code, "defined"))
        if not defined:
            return Scope()
        options = defined[-1].says
        if options["counts"] == "conflicts":
            return Scope(_owner(self.divisions, "categories", options["category"]))
        return Scope(_owner(self.divisions, "kinds", options["kinds"][0]))

    def _is_own(self, record: dict[str, Any]) -> bool:
        """Whether the actor's person entered what the record verifies."""
        if record["type"] == "participated":
            return True
        stream, entry = record["stream"], record["data"].get("participation", "")
        entered = self._entered.get((stream, entry)) or self._entered[stream, ""]
        return self.person(entered) == self.person(record["actor"])

    def _publication_step(self, position: int, record: dict[str, Any]) -> Broken:
        """The violations: a person took two steps, or a closing is not confirmed."""
        data, kind, actor = record["data"], record["type"], record["actor"]
        name = data["publication"]
        if kind == "closed" and actor in self.accounts:
            frozen = {one["indicator"] for one in data["figures"]}
            missing = sorted(frozen - self._confirmed.get(name, set()))
            if missing or data.get("by") is None:
                yield position, f"not confirmed: {', '.join(missing) or 'the closing'}"
        if kind in {"reviewed", "published"} and self.two_persons:
            for before, by in self._steps.get(name, []):
                if self.person(by) == self.person(actor) != NOBODY:
                    yield position, f"the same person also took the step {before}"

    # What each record states, for those after its command.

    def _apply(self, record: dict[str, Any]) -> None:
        stream, kind, data = record["stream"], record["type"], record["data"]
        category, _, subject = stream.partition("-")
        self.versions[stream] = record["version"]
        if category in MEANINGS:
            self._entered.setdefault((stream, ""), record["actor"])
            if kind == "participated":
                self._entered[stream, data["participation"]] = record["actor"]
        elif category == "account":
            self._apply_account(subject, record)
        elif category == "proposal":
            apply_proposal(self.proposals, record)
        elif category == "publication":
            self._apply_step(record)
        elif kind == "file_allowed":
            self.imports = True
        elif kind == "demonstrated":
            self.demonstration = True
        elif kind == "rights_set":
            self.table, self.divisions = natural(data["table"]), data["divisions"]
        elif kind == "two_persons_set":
            self.two_persons = data["value"] == "required"

    def _apply_account(self, name: str, record: dict[str, Any]) -> None:
        kind, data = record["type"], record["data"]
        if kind == "invited":
            self.accounts[name] = Account(string(record["text"]["holder"]["s"]))
            return
        account = self.accounts.get(name)
        if account is None:
            return
        if kind == "granted":
            if data["role"] not in ROLES:
                raise ValueError(f"{data['role']} is not a role")
            until = day(data["until"]) if "until" in data else None
            account.grants[record["version"]] = Grant(
                data["role"], data.get("division"), data.get("district"), until
            )
        elif kind == "revoked":
            account.grants.pop(data["grant"], None)
        elif kind in {"suspended", "restored"}:
            account.suspended = kind == "suspended"

    def _apply_step(self, record: dict[str, Any]) -> None:
        name, kind = record["data"]["publication"], record["type"]
        steps = self._steps.setdefault(name, [])
        if kind in {"drafted", "returned"}:
            steps.clear()
            self._confirmed[name] = set()
        elif kind == "confirmed":
            confirmed = self._confirmed.setdefault(name, set())
            confirmed.add(record["data"]["indicator"])
        elif record["data"].get("by") is not None:
            steps.append((kind, record["actor"]))


def _day_of_roles(record: dict[str, Any]) -> date:
    """The day of a record on which roles must be in force."""
    declared = record["declared"]
    return day(record["recorded_at"][:10] if declared else record["known_on"])


def _granted_role(command: list[Step]) -> str | None:
    """The role that the command grants; None if it grants none."""
    told = (r for _, r in command if r["stream"].startswith("account-"))
    return next((r["data"]["role"] for r in told if r["type"] == "granted"), None)


def _denial(actions: tuple[str, ...], at: Scope, grants: list[Grant]) -> str:
    """The rule that the roles break by any of the actions."""
    held = ", ".join(f"{g.role} {g.division or ''}".strip() for g in grants) or "none"
    where = f" in division {at.division}" if at.division else ""
    return f"{' or '.join(actions) or 'this'}{where} needs another role than {held}"


def rights_in_words(rights: dict[str, Any]) -> str:
    """The rights section of a report, as text."""
    if rights.get("mode") == "local":
        return "local: no accounts"
    told = "{mode}: {events} events by {accounts} accounts, {refused} not allowed"
    if not rights.get("refused"):
        told = told.replace("{refused} not", "all")
    return told.format(**rights) if rights else ""


# ---------------------------------------------------------- 24. Proposals and approvals


@dataclass
class Proposal:
    """A proposal, with the command that its approval records."""

    by: str
    target: tuple[str, int]  # stream, and its version as the proposer saw it
    kind: str
    data: dict[str, Any]
    on: str | None
    open: bool = True
    approved_by: list[str] = field(default_factory=list)
    covered: set[str | None] = field(default_factory=set)  # divisions that approved


def _is_approval(record: dict[str, Any]) -> bool:
    proposal = str(record["stream"]).startswith("proposal-")
    return proposal and record["type"] == "approved"


def apply_proposal(proposals: dict[str, Proposal], record: dict[str, Any]) -> None:
    """Apply an event of a proposal."""
    stream, kind, data = record["stream"], record["type"], record["data"]
    if kind == "proposed":
        target, told = data["target"], data["command"]
        about = string(target["stream"]), natural(target["version"])
        on, kind = told.get("effective_on"), string(told["name"])
        proposals[stream] = Proposal(record["actor"], about, kind, told["data"], on)
        return
    held = proposals.get(stream)
    if held is None:
        return
    if kind == "approved":
        held.approved_by.append(record["actor"])
        held.covered |= {*data.get("divisions", ())}
    held.open = kind == "approved" and data.get("recorded") is None


def judge_proposal(
    rights: Rights,
    command: list[Step],
    position: int,
    record: dict[str, Any],
    grants: list[Grant],
) -> Broken:
    """The rules that an event of a proposal breaks."""
    held, kind = rights.proposals.get(record["stream"]), record["type"]
    if kind == "proposed":
        if held is not None:
            yield position, "the proposal had already been recorded"
        if told := _not_proposable(rights, record, grants):
            yield position, told
        return
    if held is None or not held.open:
        yield position, "the proposal did not exist, or was no longer open"
        return
    if kind == "lapsed":
        stream, seen = held.target
        if rights.versions.get(stream, 0) == seen or not grants:
            yield position, "the subject was still at the version of the proposal"
        return
    same = rights.person(held.by) == rights.person(record["actor"])
    if kind == "withdrawn" and not same:
        yield position, f"only the proposer, {held.by}, may withdraw the proposal"
    if kind != "withdrawn":
        yield from _decision(rights, command, (position, record), held, grants)


def _decision(
    rights: Rights, command: list[Step], step: Step, held: Proposal, grants: list[Grant]
) -> Broken:
    """The rules that an approval or a decline breaks."""
    position, record = step
    same = rights.person(held.by) == rights.person(record["actor"])
    if same and rights.two_persons:
        yield position, "the person who made a proposal cannot decide on it"
    category = held.target[0].partition("-")[0]
    actions = approving_actions(actions_of(category, held.kind, held.data))
    if record["type"] == "approved":
        yield from _approval(rights, command, step, held, grants)
    elif {TABLE[a][ROLES.index(g.role)] for a in actions for g in grants} <= {"-"}:
        yield position, _denial(actions, Scope(), grants)


def _not_proposable(
    rights: Rights, record: dict[str, Any], grants: list[Grant]
) -> str | None:
    """The reason why the actor may propose it for none of the subjects, or None."""
    data = record["data"]
    stream, command = data["target"]["stream"], data["command"]
    category = stream.partition("-")[0]
    actions = actions_of(category, command["name"], command["data"])
    linked = _linked(stream, [command["data"]])
    if not linked:
        linked = _linked(stream, [fact.says for fact in rights.history(stream)])
    today = day(record["known_on"])
    scopes = [at for one in (stream, *linked) for at in rights.scopes(one, today)]
    scopes = scopes or [Scope()]
    if any(may(grants, actions, at, "ADPQ") for at in scopes):
        return None
    return _denial(actions, scopes[0], grants)


def _linked(stream: str, told: Iterable[dict[str, Any]]) -> list[str]:
    """The streams of the other subjects that mergers and absorptions name."""
    found = []
    for says in told:
        if "into" in says:
            into = str(says["into"]).replace("/", "~")
            found.append(f"{stream.partition('-')[0]}-{into}")
        elif "origin" in says:
            found.append(str(says["origin"][0]))
    return found


def _approval(
    rights: Rights, command: list[Step], step: Step, held: Proposal, grants: list[Grant]
) -> Broken:
    """The violations of an approval: its actor, its divisions and its command."""
    position, record = step
    stream, seen = held.target
    category = stream.partition("-")[0]
    actions = approving_actions(actions_of(category, held.kind, held.data))
    data, actor = record["data"], rights.person(record["actor"])
    if actor in map(rights.person, held.approved_by):
        yield position, "the same person had already approved the proposal"
    for division in data.get("divisions", ()):
        if not may(grants, actions, Scope(division)):
            yield position, _denial(actions, Scope(division), grants)
    if data.get("recorded") is None:
        if len(command) > 1 or not data.get("divisions"):
            yield position, "an approval of a division must be its command's only event"
        return
    # The version before the command: versions are applied after it was judged.
    found = rights.versions.get(stream, 0)
    if seen not in {0, found}:
        yield position, f"proposed for version {seen} of {stream}, not for {found}"
    if not _is_proposed(command, held, data["recorded"]):
        yield position, "the recorded command differs from the proposed command"


def _is_proposed(command: list[Step], held: Proposal, recorded: Any) -> bool:
    """Whether *command* recorded the proposed event, and none that it may not add."""
    last, stream = command[-1][1], held.target[0]
    others = {"absorbed", "participation_carried", "annulled"}
    for _, one in command[:-1]:
        own = _is_approval(one) or one["stream"] == stream
        if not own and one["type"] not in others:
            return False
    proposed_at = recorded["stream"], recorded["version"]
    if not proposed_at == (last["stream"], last["version"]) == (stream, proposed_at[1]):
        return False
    if stream.startswith("indicator-"):  # a definition is recorded as a whole
        return True
    kind, on = held.kind, held.on
    if kind == "invite":  # it grants a role
        kind = "granted"
    if stream.startswith(("account-", "access-")):  # rights hold from the approval on
        on = last["effective_on"]
    found = last["type"], last["data"], last["effective_on"]
    return bool((kind, held.data, on) == found)


# ============================ Part four: the papers ============================


# ------------------------------------------------------------ 25. The layout of a paper
#
# What typst 0.15 writes, and no other layout of PDF (docs/ledger-format.md, "Papers").
# The digest in the log covers every byte but the content of bukti.json, so the reader
# need not understand pages, fonts or images: it finds the attachments and their bytes.

PAPER, EVIDENCE = 1 << 25, 1 << 19  # bytes
FIGURES, ANNEX = 1 << 20, 1 << 26  # bytes when inflated
REQUIRED = {b"bukti.json", b"figur.json"}  # attachments of every paper
PERMITTED = REQUIRED | {b"bidang.json", b"lampiran.csv"}
HEADER = b"%PDF-1.7\n%\x80\x80\x80\x80\n\n"
FREE, ENTRY = b"0000000000 65535 f\r\n", 20  # of the table of offsets
IDENTIFIER = rb"\([A-Za-z0-9+/]{22}==\)"
FOOT = re.compile(
    rb"(trailer\n<</Size ([1-9][0-9]{0,5})/Root ([1-9][0-9]{0,5}) 0 R"
    rb"/Info [1-9][0-9]{0,5} 0 R/ID\["
    + IDENTIFIER * 2
    + rb"\]>>\n)startxref\n([1-9][0-9]{0,8})\n%%EOF"
)
ATTACHED = rb"\(([a-z]{1,20}\.[a-z]{1,4})\)([1-9][0-9]{0,5}) 0 R"
NAME_TREE = re.compile(
    rb"/Names<</EmbeddedFiles<</Names\[((?:" + ATTACHED + rb")+)\]>>>>"
)
FILE_SPECIFICATION = re.compile(
    rb"<</Type/Filespec/F\(([a-z.]+)\)/UF\(\1\)/EF<</F ([1-9][0-9]{0,5}) 0 R"
    rb"/UF \2 0 R>>/AFRelationship/Data/Desc[^\n]*>>"
)
EMBEDDED_FILE = re.compile(
    rb"<</Length ([1-9][0-9]{0,8})/Type/EmbeddedFile(/Filter/FlateDecode)?"
    rb"/Subtype/([a-z#0-9A-F]{1,40})/Params<</Size ([1-9][0-9]{0,8})"
    rb"/ModDate\((D:[0-9]{14}Z)\)>>>>\nstream\n(.*)\nendstream",
    re.DOTALL,
)


class Embedded(NamedTuple):
    """A file within a paper."""

    number: int  # of its object
    deflated: bool
    subtype: bytes
    modified: bytes
    size: int  # of its content
    stored: bytes


class Paper(NamedTuple):
    """The objects of a paper, and its trailer with the number of the catalog."""

    objects: list[bytes]
    trailer: bytes
    catalog: int

    def encoded(self) -> bytes:
        """The one layout of these objects."""
        table, at = [FREE], len(HEADER)
        for content in self.objects:
            table.append(b"%010d 00000 n\r\n" % at)
            at += len(content)
        begin, end = b"xref\n0 %d\n" % len(table), b"startxref\n%d\n%%%%EOF" % at
        return b"".join([HEADER, *self.objects, begin, *table, self.trailer, end])

    def body(self, number: int) -> bytes:
        """The content of an object."""
        if not 0 < number <= len(self.objects):
            raise malformed(f"the paper has no object {number}")
        begin, end = b"%d 0 obj\n" % number, b"\nendobj\n"
        return self.objects[number - 1].removeprefix(begin).removesuffix(end)

    def attachments(self) -> dict[bytes, int]:
        """The number of the description of each attachment, by its name."""
        trees = NAME_TREE.findall(self.body(self.catalog))
        listed = re.findall(ATTACHED, trees[0][0]) if len(trees) == 1 else []
        names = [name for name, _ in listed]
        if names != sorted(set(names)) or not REQUIRED <= {*names} <= PERMITTED:
            said = b", ".join(names[:9]).decode() or "none"
            raise malformed(f"the attachments are not those of a paper: {said}")
        return {name: int(number) for name, number in listed}

    def attached(self, name: bytes) -> Embedded:
        """The attachment *name*."""
        numbers = self.attachments()
        if name not in numbers:
            raise malformed(f"the paper has no attachment {name.decode()}")
        told = self.body(numbers[name])
        named = FILE_SPECIFICATION.fullmatch(told)
        if named is None or named[1] != name:
            raise malformed(f"the attachment {name.decode()} is not described as such")
        number = int(named[2])
        held = EMBEDDED_FILE.fullmatch(self.body(number))
        if held is None or int(held[1]) != len(held[6]):
            raise malformed(f"{name.decode()} is not stored as an attachment")
        return Embedded(number, bool(held[2]), held[3], held[5], int(held[4]), held[6])


def read_paper(raw: bytes) -> tuple[Paper, int]:
    """The paper at the beginning of a file, and its length in bytes."""
    for foot in FOOT.finditer(raw):
        count, catalog, start = int(foot[2]), int(foot[3]), int(foot[4])
        table = start + len(b"xref\n0 %d\n" % count) + ENTRY
        if table + ENTRY * (count - 1) == foot.start(1):
            break
    else:
        raise malformed("it is not laid out as a paper of the register")
    try:
        offsets = [int(raw[at : at + 10]) for at in range(table, foot.start(1), ENTRY)]
    except ValueError:
        raise malformed("the table of the paper has an entry without offset") from None
    spans = [*pairwise([*offsets, start])]
    if any(end <= begin for begin, end in spans):
        raise malformed("the objects of the paper are not in order")
    objects = [raw[begin:end] for begin, end in spans]
    for number, content in enumerate(objects, 1):
        if not content.startswith(b"%d 0 obj\n" % number):
            raise malformed(f"object {number} of the paper is not at its offset")
        if not content.endswith(b"\nendobj\n"):
            raise malformed(f"object {number} of the paper has no end")
    paper = Paper(objects, foot[1], catalog)
    if paper.encoded() != raw[: foot.end()]:
        raise malformed("it is not laid out as a paper of the register")
    return paper, foot.end()


def paper_digest(paper: Paper, proof: Embedded) -> str:
    """The SHA-256 of the paper with an empty object in place of its proof."""
    blank = (
        b"%d 0 obj\n<</Length 2/Type/EmbeddedFile/Subtype/%b/Params<</Size 2/ModDate"
        b"(%b)>>>>\nstream\n{}\nendstream\nendobj\n"
    ) % (proof.number, proof.subtype, proof.modified)
    others = paper.objects[: proof.number - 1], paper.objects[proof.number :]
    emptied = paper._replace(objects=[*others[0], blank, *others[1]])
    return sha256_hex(emptied.encoded())


def sha256_hex(content: bytes) -> str:
    """The SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def inflate(stored: Embedded, most: int) -> bytes:
    """The content of an attachment of at most *most* bytes."""
    if stored.size > most:
        raise malformed(f"an attachment is longer than {most} bytes")
    content = stored.stored
    if stored.deflated:
        try:
            stream = zlib.decompressobj()
            content = stream.decompress(stored.stored, stored.size + 1)
        except zlib.error:
            raise malformed("an attachment cannot be decompressed") from None
    if len(content) != stored.size:
        raise malformed("an attachment has another length than stated")
    return content


# ------------------------------------------------------------- 26. The proof in a paper

PROOF_FORMAT = "iku-paper/1"
FROZEN = ("figures", "known_on", "publication", "size")  # of a closing
AT = ("as_of", "known_on", "size")  # coordinates of a paper without a publication


def verify_paper(raw: bytes, policy: Policy, report: Report) -> int:
    """Verify the paper at the beginning of a file, and return its length."""
    paper, length = read_paper(raw)
    held = paper.attached(b"bukti.json")
    if held.deflated:
        raise malformed("bukti.json is compressed")
    try:
        note, proven = read_evidence(inflate(held, EVIDENCE))
        records = [_read_proven(*one) for one in proven]
        told, due = read_issue(records, paper_digest(paper, held))
        figures = inflate(paper.attached(b"figur.json"), FIGURES)
        if figures != to_json(due).encode():
            raise Finding("figur.json is not what the record says")
        if b"lampiran.csv" in paper.attachments():
            annex = inflate(paper.attached(b"lampiran.csv"), ANNEX)
            check_annex(annex.decode(), due.get("figures", []))
        last = read_checkpoint(note.encode(), "the checkpoint")
        report.set_log(last)
        check_trusted(last, policy, report)
        for index, hashes, record in proven:
            path = [decode_base64(one, "the proof", 32) for one in hashes]
            leaf = leaf_hash(record.encode())
            check_inclusion(leaf, index, last.size, last.root, path)
        report.position = proven[-1][0] + 1
        report.paper = {**told, "figures": [*map(_told_figure, due.get("figures", []))]}
    except (ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        what = "the proof in the paper, or a record in it, is not complete"
        raise malformed(f"{what}: {error}") from None
    return length


def read_evidence(raw: bytes) -> tuple[str, list[tuple[int, list[str], str]]]:
    """The note in `bukti.json`, and index, proof and bytes of each record."""
    told = decode(raw.decode())
    if to_json(told).encode() != raw:
        raise ValueError("bukti.json is not in canonical form")
    check = told.pop("check")
    if told.keys() != {"checkpoint", "format", "records"}:
        raise ValueError("bukti.json has an unknown key, or lacks one")
    # Otherwise a changed signature would be one of an unknown key, which is ignored.
    expect("the hash in bukti.json", check, sha256_hex(to_json(told).encode()))
    if told["format"] != PROOF_FORMAT:
        raise untrusted(f"the format of the paper is not {PROOF_FORMAT}")
    found = []
    for one in told["records"]:
        if one.keys() != {"hashes", "index", "record"}:
            raise ValueError("bukti.json has an unknown key, or lacks one")
        hashes = [*map(string, one["hashes"])]
        found.append((natural(one["index"]), hashes, string(one["record"])))
    places = [index for index, _, _ in found]
    if not found or places != sorted(set(places)):
        raise ValueError("the records are not in the order of the log")
    return string(told["checkpoint"]), found


def _read_proven(index: int, _hashes: list[str], record: str) -> dict[str, Any]:
    """A record of the proof."""
    found = read_record(index + 1, record.encode())
    check_profile(found, index + 1)
    return found


def read_issue(
    records: list[dict[str, Any]], digest: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the record of the issue states, and what `figur.json` must therefore be."""
    *steps, issued = records
    if not issued["stream"].startswith("paper-") or issued["type"] != "issued":
        raise Finding("the last record is not the issue of a paper")
    data = issued["data"]
    expect("the digest of the paper", string(data["digest"]), digest)
    told = {"paper": string(data["paper"]), "issued_on": string(issued["effective_on"])}
    name = data.get("publication")
    if name is None:
        if steps:
            raise Finding("a paper without a publication has records of one")
        at = {key: data[key] for key in AT}
        return {**told, **at}, at
    stream = f"publication-{string(name)[:4]}"
    for record, kind in zip(steps, ("closed", "published"), strict=True):
        found = record["stream"], record["type"], record["data"]["publication"]
        if found != (stream, kind, name):
            raise Finding(f"{record['type']} is not the step {kind} of {name}")
    frozen = {key: steps[0]["data"][key] for key in FROZEN}
    edition = name.partition(".")[2] or "1"
    return {**told, "publication": name, "edition": edition}, frozen


def check_annex(annex: str, figures: list[dict[str, Any]]) -> None:
    """Compare the subjects that `lampiran.csv` lists with the counts of the figures."""
    rows = csv.reader(StringIO(annex, newline=""), strict=True)
    if next(rows, [])[:3] != ["nomor_angka", "nomor", "pembilang"]:
        raise ValueError("lampiran.csv has other columns")
    listed: Counter[str] = Counter()
    positive: Counter[str] = Counter()
    for row in rows:
        listed[row[0]] += 1
        positive[row[0]] += row[2] == "ya"
    for one in figures:
        number, counts = one["number"], (one["numerator"], one["denominator"])
        found = positive[number], listed.pop(number, 0)
        expect(f"the counts of {number} in lampiran.csv", counts, found)
    if listed:
        raise Finding("lampiran.csv has subjects of a figure that is not in the paper")


def _told_figure(frozen: dict[str, Any]) -> dict[str, Any]:
    """A figure of a paper with the day that its number states."""
    at = read_number(frozen["number"])
    names = ("indicator", "numerator", "denominator", "number")
    told = {name: frozen[name] for name in names}
    percentage = frozen.get("percentage")
    return {**told, "percentage": percentage, "as_of": at.as_of.isoformat()}


def paper_in_words(paper: dict[str, Any] | None) -> Iterator[str]:
    """What a verified paper states, in lines."""
    if paper is None:
        return
    on = f"{day(paper['issued_on']):%d-%m-%Y}"
    if "publication" not in paper:
        as_of, known = day(paper["as_of"]), day(paper["known_on"])
        days = f"per {as_of:%d-%m-%Y}, known on {known:%d-%m-%Y}"
        yield f"paper {paper['paper']}, issued on {on}, {days}, size {paper['size']}"
        return
    yield f"paper {paper['paper']} of {paper['publication']}, issued on {on}"
    for one in paper["figures"]:
        value = str(one["percentage"] or "undefined").replace(".", ",")
        counts = f"{one['numerator']}/{one['denominator']}"
        at = f"per {day(one['as_of']):%d-%m-%Y}, edition {paper['edition']}"
        yield f"{one['indicator']}: {value} % = {counts}, {at}"


if __name__ == "__main__":
    sys.exit(main())
