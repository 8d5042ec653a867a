"""Verifies a bundle of an iku log: one file, the standard library, nothing of ours.

    iku-verify bundle FOLDER --policy POLICY [--known CHECKPOINT]... [--accept-loss]
    iku-verify proof FILE (--record FILE | --leaf HEX) --policy POLICY [--json]
    iku-verify compare CHECKPOINT CHECKPOINT --policy POLICY [--json]

POLICY says whose signatures you believe (C2SP tlog-policy). Get it by another way than
the bundle. CHECKPOINT is one that you kept earlier, or were given by somebody else.

Exit codes:

    0  verified
    1  tampered: what was signed is not what is here; the first bad position is named
    2  malformed: these are not the files of a bundle, or the command is wrong
    3  not enough trust: no witness, a key only from inside the bundle, no records,
       or events that a restore lost, as the log itself declares
    4  diverged: valid in itself, but it contradicts a checkpoint that you know

To be read from top to bottom: Ed25519, notes and policies, the tree, the records, the
bundle, the commands. docs/ledger-format.md specifies all of it.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

# ------------------------------------------------------------------ what can be found


@dataclass
class Finding(Exception):
    """Why a bundle is not verified. *code* is the exit code."""

    sentence: str
    position: int | None = None
    expected: str | None = None
    found: str | None = None
    code: int = 1

    def __str__(self) -> str:
        """The finding on one line."""
        place = f"position {self.position}: " if self.position else ""
        told = f"{place}{self.sentence}"
        if self.expected is None:
            return told
        return f"{told}: expected {self.expected}, found {self.found}"


def tampered(sentence: str, expected: Any = None, found: Any = None) -> Finding:
    """What is here is not what was signed."""
    shown = None if expected is None else (str(expected), str(found))
    return Finding(sentence, None, *(shown or ()))


def malformed(sentence: str) -> Finding:
    """What is here is of no form that is known."""
    return Finding(sentence, code=2)


def untrusted(sentence: str) -> Finding:
    """It may be right, but nobody whom you believe says so."""
    return Finding(sentence, code=3)


def diverged(sentence: str, expected: str, found: str) -> Finding:
    """It contradicts what you know."""
    return Finding(sentence, None, expected, found, code=4)


VERDICTS = ("verified", "tampered", "malformed", "not enough trust", "diverged")


# ---------------------------------------------------------- Ed25519 (RFC 8032, 5.1)
#
# Verification only, so nothing here is secret and nothing need take constant time.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T (5.1.4)
NEUTRAL: Point = (0, 1, 1, 0)


def _add(a: Point, b: Point) -> Point:
    """RFC 8032, 5.1.4."""
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    product = NEUTRAL
    while scalar:
        if scalar & 1:
            product = _add(product, point)
        point = _add(point, point)
        scalar >>= 1
    return product


def _decode_point(encoded: bytes) -> Point | None:
    """The point of 32 bytes; None where there is none (RFC 8032, 5.1.3)."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (v * x * x - u) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _encode_point(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base() -> Point:
    y = 4 * pow(5, P - 2, P) % P
    found = _decode_point(y.to_bytes(32, "little"))
    if found is None:
        raise ArithmeticError("the base point is on the curve")
    return found


BASE = _base()


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether *signature* is that of *message* by *public* (RFC 8032, 5.1.7)."""
    if len(signature) != 64 or len(public) != 32:
        return False
    a, s = _decode_point(public), int.from_bytes(signature[32:], "little")
    if a is None or s >= L:
        return False
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(hashed, "little") % L
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    # R = [S]B - [k]A, held against R as it is spelt.
    r = _add(_multiply(s, BASE), _multiply(k, minus_a))
    return _encode_point(r) == signature[:32]


# ------------------------------------------- signed notes, checkpoints (C2SP, 2.2-2.4)

LOG, WITNESS = 1, 4  # what a key signs: a note; a note and the time


@dataclass(frozen=True)
class Key:
    """A public key and the name it goes by."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Tells the keys of one name apart."""
        named = self.name.encode("utf-8", "surrogateescape")
        kind = bytes([self.kind])
        return hashlib.sha256(named + b"\n" + kind + self.public).digest()[:4]

    def verifies(self, text: str, payload: bytes) -> bool:
        """Whether *payload* is this key's signature of *text*."""
        if self.kind == LOG:
            return ed25519_verifies(self.public, text.encode(), payload)
        time = int.from_bytes(payload[:8], "big")
        message = f"cosignature/v1\ntime {time}\n{text}".encode()
        return ed25519_verifies(self.public, message, payload[8:])


@dataclass(frozen=True)
class Checkpoint:
    """A signed checkpoint: origin, size and root of a log."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]  # name, key id, payload
    origin: str
    size: int
    root: bytes

    def signed_by(self, keys: Iterable[Key]) -> list[Key]:
        """Those of *keys* that signed it; a wrong signature by one is tampering."""
        known, found = {(key.name, key.key_id): key for key in keys}, []
        for name, key_id, payload in self.signatures:
            key = known.pop((name, key_id), None)  # the first of each counts
            if key is None:
                continue
            if not key.verifies(self.text, payload):
                raise tampered(f"the signature of {name} is wrong")
            found.append(key)
        return found


def read_checkpoint(raw: bytes, name: str) -> Checkpoint:
    """The checkpoint that a note is (C2SP signed-note, tlog-checkpoint)."""
    try:
        note = raw.decode()
    except UnicodeDecodeError:
        raise malformed(f"{name} is not UTF-8") from None
    if any(char < " " and char != "\n" for char in note):
        raise malformed(f"{name} holds control characters")
    head, blank, marks = note.rpartition("\n\n")
    if not blank or not marks.endswith("\n"):
        raise malformed(f"{name} is no signed note")
    text, lines = head + "\n", marks[:-1].split("\n")
    fields = text[:-1].split("\n")
    if len(fields) != 3 or not fields[0]:
        raise malformed(f"{name} is no checkpoint of three lines")
    signatures = tuple(_read_signature(line, name) for line in lines)
    root = _decode_base64(fields[2], name, 32)
    return Checkpoint(text, signatures, fields[0], _read_size(fields[1], name), root)


def _read_signature(line: str, name: str) -> tuple[str, bytes, bytes]:
    # In Python's patterns \s is any space of Unicode's.
    match = re.fullmatch(r"\u2014 ([^\s+]+) ([^\s]+)", line)
    if match is None:
        raise malformed(f"{name} has a line that is no signature")
    payload = _decode_base64(match[2], name)
    if len(payload) < 5:
        raise malformed(f"{name} has a signature that is too short")
    return match[1], payload[:4], payload[4:]


def _read_size(text: str, name: str) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,17}", text):
        raise malformed(f"{name} has {text[:40]!r} for a size")
    return int(text)


def _decode_base64(text: str, name: str, length: int | None = None) -> bytes:
    """The bytes, if they are spelt in the one way there is."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise malformed(f"{name} has {text[:60]!r} for base64") from None
    if base64.b64encode(value).decode() != text or len(value) != (length or len(value)):
        raise malformed(f"{name} has {text[:60]!r} for base64")
    return value


# -------------------------------------------------- whom you believe (C2SP tlog-policy)


@dataclass
class Policy:
    """Keys of logs and witnesses, and which witnesses are enough."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str | None = None

    def is_quorum(self, keys: list[Key]) -> bool:
        """Whether cosignatures by *keys* are enough. With no witness they never are."""
        return self.quorum not in {None, "none"} and self._has(str(self.quorum), keys)

    def _has(self, name: str, keys: list[Key]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name] in keys
        least, members = self.groups[name]
        return sum(self._has(member, keys) for member in members) >= least


def read_policy(raw: bytes) -> Policy:
    """The policy that a file holds."""
    if re.search(rb"[^\t\n\x20-\x7e\x80-\xff]", raw):
        raise malformed("the policy holds control characters")
    policy, grouped = Policy(), set[str]()
    for number, line in enumerate(
        raw.decode("utf-8", "surrogateescape").split("\n"), 1
    ):
        words = re.split("[ \t]+", line.strip(" \t"))
        if words != [""] and not words[0].startswith("#"):
            try:
                _read_line(policy, grouped, words)
            except (ValueError, KeyError) as error:
                raise malformed(f"line {number} of the policy: {error}") from None
    if policy.quorum is None:
        raise malformed("the policy has no line of its quorum")
    return policy


def _read_line(policy: Policy, grouped: set[str], words: list[str]) -> None:
    match words:
        case ["log", vkey, *url] if len(url) < 2:
            policy.logs.append(_read_key(vkey, LOG, policy.logs))
        case ["witness", name, vkey, *url] if len(url) < 2 and _is_free(policy, name):
            others = policy.witnesses.values()
            policy.witnesses[name] = _read_key(vkey, WITNESS, others)
        case ["group", name, least, *members] if members and _is_free(policy, name):
            for member in members:
                if member in grouped or not _is_known(policy, member):
                    raise ValueError(f"{member} cannot be a member")
                grouped.add(member)
            policy.groups[name] = _read_least(least, len(members)), members
        case ["quorum", name] if policy.quorum is None:
            if name != "none" and not _is_known(policy, name):
                raise ValueError(f"nothing above is called {name}")
            policy.quorum = name
        case _:
            raise ValueError("it says nothing that a policy may say there")


def _is_known(policy: Policy, name: str) -> bool:
    return name in policy.witnesses or name in policy.groups


def _is_free(policy: Policy, name: str) -> bool:
    return name != "none" and not _is_known(policy, name)


def _read_least(text: str, count: int) -> int:
    number = {"all": str(count), "any": "1"}.get(text, text)
    if not re.fullmatch("[1-9][0-9]{0,5}", number) or int(number) > count:
        raise ValueError(f"{text!r} is not all, any, or a number up to {count}")
    return int(number)


def _read_key(vkey: str, kind: int, others: Iterable[Key]) -> Key:
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    decoded = base64.b64decode(encoded, validate=True)
    if len(decoded) != 33 or decoded[0] != kind:
        raise ValueError(f"the key of {name} is of another kind")
    key = Key(name, kind, decoded[1:])
    if not name or key.key_id.hex() != key_id:
        raise ValueError(f"the key id of {name} does not belong to its key")
    if key.public in {other.public for other in others}:
        raise ValueError(f"the key of {name} is there twice")
    return key


# -------------------------------------------------- the tree (RFC 6962, RFC 9162, 2.1)


def leaf_hash(record: bytes) -> bytes:
    """The leaf of a record."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf: one hash for each bit that its size has set."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Grow by one leaf."""
        size, node = self.size, leaf
        while size & 1:
            node, size = node_hash(self._peaks.pop(), node), size >> 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the tree (RFC 6962, 2.1)."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        *others, node = self._peaks
        for peak in reversed(others):
            node = node_hash(peak, node)
        return node


def check_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: list[bytes]
) -> None:
    """Check that *leaf* stands at *index* under *root* (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise tampered(f"there is no leaf {index} in a tree of {size}")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise tampered("the proof has surplus hashes")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise tampered("the proof lacks hashes")
    if r != root:
        raise tampered("the proof leads to another root", root.hex(), r.hex())


# ---------------------------------------- tiles and entry bundles (C2SP tlog-tiles)

WIDTH = 256


def place(number: int, width: int) -> str:
    """Where a tile lies: ``x001/067``, a partial one ``x001/067.p/3``."""
    number, last = divmod(number, 1000)
    spelt = f"{last:03}" + ("" if width == WIDTH else f".p/{width}")
    while number:
        number, group = divmod(number, 1000)
        spelt = f"x{group:03}/{spelt}"
    return spelt


def tiles(size: int, level: int) -> Iterator[tuple[int, int]]:
    """Number and width of each tile of a level, in a log of that size."""
    full, rest = divmod(size >> (8 * level), WIDTH)
    yield from ((number, WIDTH) for number in range(full))
    if rest:
        yield full, rest


def split_entries(raw: bytes, name: str) -> list[bytes]:
    """The records of an entry bundle, each after its length in two bytes."""
    records, at = [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2], "big")
        record = raw[at + 2 : at + 2 + length]
        if at + 2 > len(raw) or len(record) != length:
            raise tampered(f"{name} is cut off")
        records.append(record)
        at += 2 + length
    return records


# -------------------------------------------------- records, by docs/ledger-format.md

_INSTANT = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{6}Z")


class Records:
    """Holds each record against the rules that need no knowledge of its subject."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._days: dict[str, str] = {}
        self._recorded_at = ""

    def read(self, position: int, raw: bytes) -> dict[str, Any]:
        """The record, its form and its place in its stream checked."""
        record = self._decode(position, raw)
        stream, version = str(record.get("stream")), record.get("version")
        due = self._versions.get(stream, 0) + 1
        if version != due:
            raise Finding(f"version of {stream}", position, str(due), str(version))
        self._versions[stream] = due
        self._hold_clock(position, record)
        self._hold_knowledge(position, stream, str(record.get("known_on")))
        return record

    def _hold_clock(self, position: int, record: dict[str, Any]) -> None:
        instant = str(record.get("recorded_at"))
        if not _INSTANT.fullmatch(instant) or instant < self._recorded_at:
            due = f"{self._recorded_at or 'an instant'} or later"
            raise Finding("recorded_at", position, due, instant)
        self._recorded_at = instant

    def _hold_knowledge(self, position: int, stream: str, day: str) -> None:
        due = self._days.get(stream, "")
        if day < due:
            raise Finding("known_on", position, f"{due} or later", day)
        self._days[stream] = day

    def _decode(self, position: int, raw: bytes) -> dict[str, Any]:
        try:
            record = json.loads(raw.decode())
            # Twin keys, spaces, fractions, other spellings: all of them fail here.
            spelt = json.dumps(
                record, ensure_ascii=False, separators=(",", ":"), sort_keys=True
            ).encode()
        except (ValueError, RecursionError):
            raise Finding("the record is no JSON", position) from None
        if not isinstance(record, dict) or spelt != raw:
            raise Finding("the record is not spelt in the one way there is", position)
        return record


# --------------------------------------------------------------------- the bundle

FORMAT = "iku-bundle/1"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What the folder says that it holds."""

    origin: str
    size: int
    root: str
    files: dict[str, tuple[int, str]]  # bytes and SHA-256 by path


@dataclass
class Report:
    """What was verified, and how far that goes."""

    verdict: str = "verified"
    exit: int = 0
    finding: str | None = None
    position: int | None = None
    expected: str | None = None
    found: str | None = None
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    witnesses: list[str] = field(default_factory=list)
    checkpoints: int = 0
    known: int = 0
    lost: list[str] = field(default_factory=list)  # what restores lost, as declared
    lacking: list[str] = field(default_factory=list)  # reasons to trust it less


class Bundle:
    """A folder that is read file by file, each held against the manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(self._bytes(MANIFEST))
        self.unread = set(self.manifest.files)

    def read(self, path: str) -> bytes:
        """A file that the manifest lists, as it was written."""
        raw = self.peek(path)
        self.hold(path, raw)
        return raw

    def peek(self, path: str) -> bytes:
        """A file as it is, to be held against the manifest later."""
        if path not in self.manifest.files:
            raise tampered(f"{path} is not in the manifest")
        return self._bytes(path)

    def hold(self, path: str, raw: bytes) -> None:
        """Hold a file against what the manifest lists."""
        size, digest = self.manifest.files[path]
        found = hashlib.sha256(raw).hexdigest()
        if (len(raw), found) != (size, digest):
            raise tampered(f"{path} is not what the manifest lists", digest, found)
        self.unread.discard(path)

    def refuse_surplus(self) -> None:
        """Refuse a file that the manifest does not list, and look at those unread."""
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise tampered(f"{name} is no file")
            if path.is_file() and name not in {MANIFEST, *self.manifest.files}:
                raise tampered(f"{name} is not in the manifest")
        for name in sorted(self.unread):
            self.read(name)

    def _bytes(self, path: str) -> bytes:
        place = self.folder / path
        if place.is_symlink() or not place.is_file():
            raise malformed(f"there is no {path} in {self.folder}")
        return place.read_bytes()


def _read_manifest(raw: bytes) -> Manifest:
    try:
        told = json.loads(raw.decode())
        files = {
            str(one["path"]): (one["bytes"], one["sha256"]) for one in told["files"]
        }
        manifest = Manifest(told["origin"], told["size"], told["root"], files)
        known = told["format"] == FORMAT and told["filters"] == "none"
        spelt = _spell_manifest(told)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise malformed(f"{MANIFEST} is no manifest") from None
    if not known:
        raise malformed(f"{MANIFEST} is not of the format {FORMAT}")
    if spelt != raw or len(files) != len(told["files"]):
        raise malformed(f"{MANIFEST} is not spelt as a manifest is")
    for path in files:
        if path.startswith("/") or ".." in path.split("/"):
            raise malformed(f"{MANIFEST} names a file elsewhere: {path}")
    return manifest


def _spell_manifest(told: dict[str, Any]) -> bytes:
    """A manifest in the one way it is spelt: a file a line."""
    listed = ",\n".join(map(_spell, told["files"]))
    rest = _spell({key: value for key, value in told.items() if key != "files"})
    return f'{{"files":[\n{listed}\n],{rest[1:]}\n'.encode()


def _spell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Loss:
    """What the record at *position* says: the log *origin* lost events."""

    position: int
    origin: str
    successor: str
    kept: int
    root: str
    lost_to: int
    signed: str

    def __str__(self) -> str:
        """The loss, in a sentence."""
        return (
            f"events {self.kept + 1} to {self.lost_to} of the log {self.origin} are "
            f"lost, as declared at position {self.position}"
        )


def verify_bundle(
    folder: Path, policy: Policy | None, known: list[Checkpoint], report: Report
) -> None:
    """Verify the whole bundle; *report* tells how far one came.

    Raises:
        Finding: It is not verified.
    """
    bundle = Bundle(folder)
    last = read_checkpoint(bundle.read("checkpoint"), "checkpoint")
    report.origin, report.size, report.root = last.origin, last.size, last.root.hex()
    inside = read_policy(bundle.read("policy.txt"))
    trusted = _trust(last, policy, inside, report)
    _hold_manifest(bundle.manifest, last)
    earlier = _read_checkpoints(bundle, trusted)
    report.checkpoints = len(earlier)
    asked = {c.size for c in [*known, *earlier]} | {last.size}
    roots, losses = _read_records(bundle, last, asked)
    _hold_losses(losses, trusted, last, report)
    _hold_names(losses, last, earlier)
    _hold_roots(roots, last, earlier)
    bundle.refuse_surplus()
    for one in known:
        _hold_known(trusted, last, one, losses, roots)
        report.known += 1
    if last.size == 0:
        report.lacking.append("the log is empty: there is nothing to be verified")


def _trust(
    last: Checkpoint, policy: Policy | None, inside: Policy, report: Report
) -> Policy:
    """The policy to go by; what is lacking is written down."""
    trusted = policy or inside
    if policy is None:
        report.lacking.append("the keys come from inside the bundle; use --policy")
    logs = [key for key in trusted.logs if key.name == last.origin]
    if not last.signed_by(logs):
        raise untrusted(f"no key of the policy signed the log {last.origin}")
    witnesses = last.signed_by(trusted.witnesses.values())
    report.witnesses = sorted(key.name for key in witnesses)
    if not trusted.is_quorum(witnesses):
        report.lacking.append(
            "no quorum of witnesses vouches for it: whoever holds the log's key could "
            "have rewritten history"
        )
    return trusted


def _hold_manifest(manifest: Manifest, last: Checkpoint) -> None:
    told = (manifest.origin, manifest.size, manifest.root)
    signed = (last.origin, last.size, last.root.hex())
    if told != signed:
        raise tampered("the manifest is of another checkpoint", signed, told)


def _read_checkpoints(bundle: Bundle, trusted: Policy) -> list[Checkpoint]:
    """The earlier checkpoints in the bundle, each signed by a key of its log."""
    found = []
    for path in bundle.manifest.files:
        if not path.startswith("checkpoints/"):
            continue
        one = read_checkpoint(bundle.read(path), path)
        if path != f"checkpoints/{one.size}":
            raise tampered("the name of a checkpoint", f"checkpoints/{one.size}", path)
        _hold_signed(one, trusted, one.origin, path)
        found.append(one)
    return found


def _hold_signed(one: Checkpoint, trusted: Policy, origin: str, name: str) -> None:
    if one.origin != origin:
        raise tampered(f"{name} is of another log", origin, one.origin)
    logs = [key for key in trusted.logs if key.name == origin]
    if not one.signed_by(logs):
        raise untrusted(f"no key of the policy signed {name}")


def _read_records(
    bundle: Bundle, last: Checkpoint, asked: set[int]
) -> tuple[dict[int, bytes], list[Loss]]:
    """Read all records, hold every tile against them.

    The roots at the sizes *asked*, and what the log says that it lost.
    """
    tree, records, upper = Tree(), Records(), _Upper(bundle)
    losses: list[Loss] = []
    roots = {0: tree.root()}
    for number, width in tiles(last.size, 0):
        leaves, found = _read_tile(bundle, number, width)
        for raw in found:
            record = records.read(tree.size + 1, raw)
            if record.get("stream") == "ledger-log":
                losses.append(_read_loss(record, tree))
            tree.add(leaf_hash(raw))
            if tree.size in asked:
                roots[tree.size] = tree.root()
        if width == WIDTH:
            upper.add(1, leaves)
    upper.finish(last.size)
    return roots, losses


def _read_tile(bundle: Bundle, number: int, width: int) -> tuple[bytes, list[bytes]]:
    """The leaf hashes of a tile of level 0 and its records, each the other's."""
    path = f"tile/0/{place(number, width)}"
    entries = f"tile/entries/{place(number, width)}"
    leaves, raw = bundle.peek(path), bundle.peek(entries)
    records = split_entries(raw, entries)
    # Leaf by leaf before file by file: so that the first bad position is named.
    for at, record in enumerate(records):
        told, leaf = leaves[32 * at : 32 * at + 32], leaf_hash(record)
        if leaf != told:
            position = number * WIDTH + at + 1
            raise Finding("leaf hash", position, told.hex(), leaf.hex())
    if (len(records), len(leaves)) != (width, 32 * width):
        raise tampered(f"how many records {entries} holds", width, len(records))
    bundle.hold(path, leaves)
    bundle.hold(entries, raw)
    return leaves, records


class _Upper:
    """The tiles above level 0, made from those below and held against the files."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._rows: dict[int, bytes] = {}
        self._numbers: dict[int, int] = {}

    def add(self, level: int, below: bytes) -> None:
        tree = Tree()
        for at in range(0, len(below), 32):
            tree.add(below[at : at + 32])
        row = self._rows.get(level, b"") + tree.root()
        self._rows[level] = row
        if len(row) == 32 * WIDTH:
            self._hold(level, row)
            self._numbers[level] = self._numbers.get(level, 0) + 1
            self._rows[level] = b""
            self.add(level + 1, row)

    def finish(self, size: int) -> None:
        for level, row in self._rows.items():
            if len(row) != 32 * ((size >> 8 * level) % WIDTH):
                raise ArithmeticError("tiles are counted wrongly")
            if row:
                self._hold(level, row)

    def _hold(self, level: int, row: bytes) -> None:
        number = self._numbers.get(level, 0)
        path = f"tile/{level}/{place(number, len(row) // 32)}"
        if self._bundle.read(path) != row:
            raise tampered(f"{path} is not made of the tiles below it")


def _hold_roots(
    roots: dict[int, bytes], last: Checkpoint, earlier: list[Checkpoint]
) -> None:
    for one in sorted([*earlier, last], key=lambda c: c.size):
        if one.size > last.size:
            raise tampered("a checkpoint is larger than the last", last.size, one.size)
        found = roots[one.size]
        if found != one.root:
            raise tampered(f"root at size {one.size}", one.root.hex(), found.hex())


def _hold_known(
    trusted: Policy,
    last: Checkpoint,
    one: Checkpoint,
    losses: list[Loss],
    roots: dict[int, bytes],
) -> None:
    """Hold the bundle against a checkpoint that the auditor has kept."""
    lost = next((loss for loss in losses if loss.origin == one.origin), None)
    _hold_signed(
        one, trusted, lost.origin if lost else last.origin, "the known checkpoint"
    )
    if lost is not None and lost.kept < one.size <= lost.lost_to:
        return  # within what is declared lost: there is nothing to hold it against
    most = lost.lost_to if lost else last.size
    if one.size > most:
        raise diverged(
            "the log is shorter than the one you know: it was rolled back",
            f"at least {one.size} records",
            f"{most}",
        )
    if roots[one.size] != one.root:
        raise diverged(
            f"root at size {one.size}", one.root.hex(), roots[one.size].hex()
        )


# ------------------------------------------------- restores that lost what was signed
#
# A log never takes back what it signed. One whose backup lost signed events goes on
# under another name, and its first event after those that were kept says what is lost.


def _read_loss(record: dict[str, Any], tree: Tree) -> Loss:
    """The loss that a record declares, held against the tree before it."""
    position, found = tree.size + 1, record.get("data")
    try:
        told = Loss(position, **{k: found[k] for k in LOSS_KEYS})  # type: ignore[index]
    except (TypeError, KeyError):
        raise Finding("the record tells of no loss", position) from None
    root = base64.b64encode(tree.root()).decode()
    if (told.kept, told.root) != (tree.size, root):
        held, due = f"{told.kept} {told.root}", f"{tree.size} {root}"
        raise Finding("events kept, and their root", position, due, held)
    return told


LOSS_KEYS = ("origin", "successor", "kept", "root", "lost_to", "signed")


def _hold_losses(
    losses: list[Loss], trusted: Policy, last: Checkpoint, report: Report
) -> None:
    """Each loss is what somebody outside held as signed; each name follows the last."""
    names = [*(later.origin for later in losses[1:]), last.origin]
    for loss, name in zip(losses, names[: len(losses)], strict=True):
        at = f"the checkpoint at position {loss.position}"
        one = read_checkpoint(str(loss.signed).encode(), at)
        _hold_signed(one, trusted, str(loss.origin), at)
        if one.size != loss.lost_to or one.size <= loss.kept:
            raise Finding(
                "events lost", loss.position, str(one.size), f"{loss.lost_to}"
            )
        if loss.successor != name:
            raise Finding("name of the log", loss.position, str(loss.successor), name)
        report.lost.append(str(loss))
        report.lacking.append(str(loss))


def _hold_names(
    losses: list[Loss], last: Checkpoint, earlier: list[Checkpoint]
) -> None:
    """A checkpoint under an earlier name is of events that were kept."""
    ends = {loss.origin: loss.kept for loss in losses} | {last.origin: last.size}
    for one in earlier:
        name = f"checkpoints/{one.size}"
        if one.origin not in ends:
            raise tampered(f"{name} is of another log", last.origin, one.origin)
        if one.size > ends[one.origin]:
            told = f"at most {ends[one.origin]}"
            raise tampered(f"{name} is beyond what was kept", told, one.size)


# ----------------------------------------------------- recounting published figures
#
# Figures are not recounted here; what counts them reads the records that `Records.read`
# gives, in order, and nothing above depends on it.


# ------------------------------------------------------------------------- a proof


def verify_proof(raw: bytes, leaf: bytes, policy: Policy, report: Report) -> None:
    """Verify a C2SP tlog-proof, version 1.

    Raises:
        Finding: It is not verified.
    """
    head, blank, signed = raw.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise malformed("the proof is not ASCII") from None
    if header != "c2sp.org/tlog-proof@v1" or not blank:
        raise malformed("this is no tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    if not lines or not lines[0].startswith("index "):
        raise malformed("the proof has no line of its index")
    index = _read_size(lines.pop(0).removeprefix("index "), "the proof")
    hashes = [_decode_base64(line, "the proof", 32) for line in lines]
    last = read_checkpoint(signed, "the checkpoint")
    report.origin, report.size, report.root = last.origin, last.size, last.root.hex()
    _trust(last, policy, policy, report)
    report.position = index + 1
    check_inclusion(leaf, index, last.size, last.root, hashes)


def compare(one: Checkpoint, two: Checkpoint, policy: Policy, report: Report) -> None:
    """Compare two checkpoints of one log.

    Raises:
        Finding: They contradict each other, or cannot be compared by themselves.
    """
    report.origin, report.size, report.root = one.origin, one.size, one.root.hex()
    for name, signed in (("the first", one), ("the second", two)):
        _hold_signed(signed, policy, one.origin, f"{name} checkpoint")
    if one.size != two.size:
        raise untrusted(
            f"sizes {one.size} and {two.size} cannot be compared by themselves; use "
            "bundle --known"
        )
    if one.root != two.root:
        raise diverged(f"root at size {one.size}", one.root.hex(), two.root.hex())


# ----------------------------------------------------------------------- commands


def main(arguments: list[str] | None = None) -> int:
    """Run what was typed; the exit code."""
    typed = _parser().parse_args(arguments)
    report = Report()
    try:
        typed.run(typed, report)
        for reason in _unaccepted(typed, report):
            raise untrusted(reason)
    except Finding as finding:
        _note(report, finding)
        if finding.code == 4:
            _keep_evidence(typed, report)
    except OSError as error:
        _note(report, malformed(f"{error.filename}: {error.strerror}"))
    _tell(report, as_json=typed.json)
    return report.exit


def _unaccepted(typed: argparse.Namespace, report: Report) -> list[str]:
    """What is lacking and was not said to be accepted."""
    return [
        reason
        for reason in report.lacking
        if not (typed.without_witness and reason.startswith("no quorum"))
        if not (typed.accept_loss and reason in report.lost)
    ]


def _note(report: Report, finding: Finding) -> None:
    report.exit, report.verdict = finding.code, VERDICTS[finding.code]
    report.finding, report.position = finding.sentence, finding.position
    report.expected, report.found = finding.expected, finding.found


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(asdict(report), sort_keys=True) + "\n")
        return
    lines = [f"{report.verdict.upper()} (exit {report.exit})"]
    if report.finding:
        shown = Finding(
            report.finding, report.position, report.expected, report.found, report.exit
        )
        lines.append(f"  {shown}")
    if report.origin:
        lines.append(f"  log {report.origin}, size {report.size}, root {report.root}")
    if report.witnesses:
        lines.append(f"  witnesses: {', '.join(report.witnesses)}")
    if report.checkpoints:
        lines.append(f"  {report.checkpoints} checkpoints of the bundle agree")
    if report.known:
        lines.append(f"  {report.known} checkpoints that you know agree")
    lines += [f"  mind: {reason}" for reason in report.lacking]
    sys.stdout.write("\n".join(lines) + "\n")


def _keep_evidence(typed: argparse.Namespace, report: Report) -> None:
    """Both notes in one file: whoever has it can show that the log lied."""
    notes = [path.read_text("utf-8") for path in typed.notes(typed)]
    told = {"notes": notes, **asdict(report)}
    name = hashlib.sha256("".join(notes).encode()).hexdigest()[:16]
    path = Path(f"evidence-{name}.json")
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    sys.stderr.write(f"iku-verify: both checkpoints are kept in {path}\n")


def _bundle(typed: argparse.Namespace, report: Report) -> None:
    policy = read_policy(typed.policy.read_bytes()) if typed.policy else None
    known = [read_checkpoint(path.read_bytes(), str(path)) for path in typed.known]
    verify_bundle(typed.folder, policy, known, report)


def _proof(typed: argparse.Namespace, report: Report) -> None:
    if typed.record:
        leaf = leaf_hash(typed.record.read_bytes())
    elif re.fullmatch("[0-9a-fA-F]{64}", typed.leaf):
        leaf = bytes.fromhex(typed.leaf)
    else:
        raise malformed("--leaf is 64 hexadecimal digits")
    policy = read_policy(typed.policy.read_bytes())
    verify_proof(typed.file.read_bytes(), leaf, policy, report)


def _compare(typed: argparse.Namespace, report: Report) -> None:
    one, two = (
        read_checkpoint(path.read_bytes(), str(path)) for path in (typed.one, typed.two)
    )
    compare(one, two, read_policy(typed.policy.read_bytes()), report)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"iku-verify: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "iku-verify", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True, parser_class=_Parser)
    bundle = _command(commands, "bundle", _bundle, "verify a bundle")
    bundle.add_argument("folder", type=Path)
    bundle.add_argument("--policy", type=Path, help="whom you believe")
    bundle.add_argument(
        "--known", type=Path, action="append", default=[], help="one that you kept"
    )
    bundle.set_defaults(notes=lambda typed: [typed.folder / "checkpoint", *typed.known])
    proof = _command(commands, "proof", _proof, "verify a tlog-proof")
    proof.add_argument("file", type=Path)
    proof.add_argument("--policy", type=Path, required=True, help="whom you believe")
    what = proof.add_mutually_exclusive_group(required=True)
    what.add_argument("--record", type=Path, help="file with the record's bytes")
    what.add_argument("--leaf", help="the leaf hash, as a receipt gives it")
    both = _command(commands, "compare", _compare, "compare two checkpoints")
    both.add_argument("one", type=Path)
    both.add_argument("two", type=Path)
    both.add_argument("--policy", type=Path, required=True, help="whom you believe")
    both.set_defaults(notes=lambda typed: [typed.one, typed.two])
    return parser


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace, Report], None],
    told: str,
) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=told)
    added.add_argument("--json", action="store_true", help="for programs")
    added.add_argument(
        "--without-witness",
        action="store_true",
        help="accept a log that nobody outside vouches for",
    )
    added.add_argument(
        "--accept-loss",
        action="store_true",
        help="accept a log that lost events, if it declares them",
    )
    added.set_defaults(run=run)
    return added


if __name__ == "__main__":
    sys.exit(main())
