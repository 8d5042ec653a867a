"""Verifies a bundle of an iku log: one file, the standard library, nothing of ours.

    iku-verify bundle FOLDER --policy POLICY [--known CHECKPOINT]... [--accept-loss]
               [--texts FOLDER]
    iku-verify figure NUMBER --bundle FOLDER --policy POLICY [--known CHECKPOINT]...
    iku-verify proof FILE (--record FILE | --leaf HEX) --policy POLICY [--json]
    iku-verify compare CHECKPOINT CHECKPOINT --policy POLICY [--json]

POLICY says whose signatures you believe (C2SP tlog-policy). Get it by another way than
the bundle. CHECKPOINT is one that you kept earlier, or were given by somebody else.
NUMBER stands beside a printed figure. With --json any of them answers a program.

Exit codes:

    0  verified
    1  tampered: what was signed is not what is here, or a published figure is not what
       the records give; the first bad position is named, what is expected and found
    2  malformed: these are not the files of a bundle, or the command is wrong
    3  not enough trust: no witness, a key only from inside the bundle, no records,
       or events that a restore lost, as the log itself declares
    4  diverged: valid in itself, but it contradicts a checkpoint that you know

To be read from top to bottom: Ed25519, notes and policies, the tree, the records; what
counts, figures, publications, recounting; the bundle, the commands.
docs/ledger-format.md specifies the bytes, docs/register.md what counts.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

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


# -------------------------------------------- what the records say, as far as it counts
#
# From here to the bundle the records are understood, not only hashed. What counts is
# told in docs/register.md ("Counting"). Numbers are integers and fractions, no floats.

CASE, ORGANISATION = "conflict", "organisation"
LEVELS = ("potensi", "perseteruan", "kekerasan", "status_keadaan_konflik")

# The fields that a fact of that type must have, "on" being the day it holds from.
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    CASE: {
        "reported": ("on", "category"),
        "verified": ("on",),
        "handled": ("on",),
        "referred": ("on",),
        "resolved": ("on", "manner"),
        "reopened": ("on",),
        "reclassified": ("on",),
        "rejected": (),
        "merged": (),
        "attached": (),
        "corrected": ("corrects",),
        "annulled": ("annuls",),
    },
    ORGANISATION: {
        "registered": ("on", "kind"),
        "renewed": ("on", "valid_until"),
        "suspended": ("on",),
        "restored": ("on",),
        "dissolved": ("on",),
        "revoked": ("on",),
        "moved_out": ("on",),
        "participated": ("on", "participation"),
        "participation_verified": ("participation",),
        "rejected": (),
        "merged": (),
        "corrected": ("corrects",),
        "annulled": ("annuls",),
    },
}


class Fact(NamedTuple):
    """What a record says of a case or an organisation, as far as it is counted."""

    position: int
    known_on: date
    type: str
    on: date | None  # the day it holds from
    says: dict[str, Any]


@cache
def day(spelt: str) -> date:
    """A day as a record spells it."""
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", spelt):
        raise ValueError(f"{spelt[:40]!r} is no day")
    return date.fromisoformat(spelt)


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no word")
    return sys.intern(value)


def _level(value: Any) -> str:
    if value not in LEVELS:
        raise ValueError(f"{value!r} is no level")
    return _word(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no whole number")
    return value


FIELDS: dict[str, Callable[[Any], Any]] = {
    "category": _word,
    "level": _level,
    "occurred_on": day,
    "manner": _word,
    "kind": _word,
    "valid_until": day,
    "participation": _word,
    "verified": _flag,
    "corrects": _whole,
    "annuls": _whole,
}


def read_fact(position: int, record: dict[str, Any], needed: Iterable[str]) -> Fact:
    """The fact that a record is."""
    data = record["data"]
    says = {
        name: read(data[name])
        for name, read in FIELDS.items()
        if data.get(name) is not None
    }
    on = None if record["effective_on"] is None else day(record["effective_on"])
    for name in needed:
        if name not in says and (name != "on" or on is None):
            raise KeyError(name)
    for name in ("corrects", "annuls"):
        if name in says and not 0 < says[name] < record["version"]:
            raise ValueError(f"{name} is {says[name]}, which is no earlier version")
    return Fact(position, day(record["known_on"]), _word(record["type"]), on, says)


def standing(history: Sequence[Fact]) -> list[Fact]:
    """The facts that are left after corrections and annulments, in order.

    An annulment may be annulled, and so may a correction; so the last are heard first.
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
            says = {**wrong.says, **fact.says}
            on = fact.on or wrong.on
            left[fact.says["corrects"]] = wrong._replace(on=on, says=says)
    revisions = {"corrected", "annulled"}
    return [fact for fact in left.values() if fact.type not in revisions]


def dated(facts: Iterable[Fact], types: Container[str]) -> list[tuple[date, Fact]]:
    """Facts of those types in the order of their days, of one day in that recorded."""
    found = [(f.on, f) for f in facts if f.type in types and f.on is not None]
    return sorted(found, key=lambda one: one[0])


def _unlawful(fact: Fact, why: str) -> Finding:
    """What the register would have refused, had it been asked."""
    return Finding(f"{fact.type} on {fact.on}, but {why}", fact.position)


# ----------------------------------------------------------------- what counts: cases


class Counts(NamedTuple):
    """What one subject adds to a figure."""

    numerator: int
    denominator: int
    expired: int = 0


NOTHING = Counts(0, 0)


class CaseOn(NamedTuple):
    """What a case is at the end of a day; *closed_by* is None while it is open."""

    category: str
    level: str
    closed_by: str | None


@dataclass(frozen=True)
class Case:
    """A case that is verified, and neither rejected nor merged."""

    reported: date
    occurred: date
    states: dict[date, CaseOn]  # from that day on, in order of days
    closings: list[tuple[date, str]]
    reopenings: list[date]

    def on(self, when: date) -> CaseOn | None:
        """What it was at the end of that day; None before it was reported."""
        found = None
        for since, state in self.states.items():
            if since > when:
                break
            found = state
        return found

    def closed_by(self, when: date) -> str | None:
        """The manner of the closing in force on that day."""
        state = self.on(when)
        return state.closed_by if state else None


CASE_CHANGES = {
    *("verified", "handled", "referred", "resolved", "reopened", "reclassified"),
}


def read_case(history: Sequence[Fact]) -> Case | None:
    """The case that these facts tell of; None: it does not count, on no day."""
    facts = standing(history)
    report = next((fact for fact in facts if fact.type == "reported"), None)
    if report is None or report.on is None:
        return None
    changes = dated(facts, CASE_CHANGES)
    states = _course_of_case(report, report.on, changes)
    types = {fact.type for fact in facts}
    if "verified" not in types or types & {"rejected", "merged"}:
        return None
    return Case(
        report.on,
        report.says.get("occurred_on", report.on),
        states,
        [(on, f.says["manner"]) for on, f in changes if f.type == "resolved"],
        [on for on, fact in changes if fact.type == "reopened"],
    )


def _course_of_case(
    report: Fact, reported: date, changes: list[tuple[date, Fact]]
) -> dict[date, CaseOn]:
    level = report.says.get("level", "perseteruan")
    now = CaseOn(report.says["category"], level, None)
    states = {reported: now}
    for on, fact in changes:
        if on < reported:
            raise _unlawful(fact, f"reported only on {reported}")
        now = _turn_case(now, fact)
        states[on] = now  # of two changes on one day the later one ends the day
    return states


def _turn_case(now: CaseOn, fact: Fact) -> CaseOn:
    if fact.type == "resolved":
        if now.closed_by is not None:
            raise _unlawful(fact, "it was resolved before")
        return now._replace(closed_by=fact.says["manner"])
    if fact.type == "reopened":
        if now.closed_by is None:
            raise _unlawful(fact, "it was open")
        return now._replace(closed_by=None)
    if fact.type == "reclassified":
        category = fact.says.get("category", now.category)
        return now._replace(category=category, level=fact.says.get("level", now.level))
    return now


def count_case(case: Case, options: dict[str, Any], start: date, as_of: date) -> Counts:
    """What a case adds to IKU-1 or IKU-3 as of a day, in the period from *start*."""
    entered = case.reported
    if options["date_basis"] == "occurred":
        entered = case.occurred
    # Before its report a case was what it was reported as.
    now = case.on(max(as_of, case.reported))
    if entered > as_of or now is None or now.category != options["category"]:
        return NOTHING
    if LEVELS.index(now.level) < LEVELS.index(options["minimum_level"]):
        return NOTHING
    if entered < start and not _carried_over(case, options, start, as_of):
        return NOTHING
    manners = options["resolution_manners"]
    resolved = case.closed_by(as_of) in manners
    if options["reopening"] == "first_closure_counts":
        resolved = any(on <= as_of and how in manners for on, how in case.closings)
    return Counts(int(resolved), 1)


def _carried_over(
    case: Case, options: dict[str, Any], start: date, as_of: date
) -> bool:
    """Whether an older case is one of this period: open on its eve, or reopened."""
    if options["carry_over"] == "exclude":
        return False
    eve = start - timedelta(days=1)
    if case.closed_by(eve) not in options["resolution_manners"]:
        return True
    return any(start <= on <= as_of for on in case.reopenings)


# --------------------------------------------------------- what counts: organisations


class OrganisationOn(NamedTuple):
    """What an organisation is at the end of a day."""

    status: str
    valid_until: date | None  # of its certificate; None: none expires


EXISTS = {"active", "suspended"}


@dataclass(frozen=True)
class Organisation:
    """An organisation that is neither rejected nor merged."""

    kind: str
    states: dict[date, OrganisationOn]  # from that day on, in order of days
    participations: list[date]  # those that are verified

    def last_there(
        self, as_of: date, *, drop: bool
    ) -> tuple[date, OrganisationOn] | None:
        """The last day up to *as_of* on which it existed, and what it was then.

        With *drop* it does not exist while its certificate has expired.
        """
        found = None
        ends = [*self.states][1:]
        for index, (since, state) in enumerate(self.states.items()):
            if since > as_of or state.status not in EXISTS:
                continue
            last = as_of
            if index < len(ends):
                last = min(last, ends[index] - timedelta(days=1))
            if drop and state.valid_until is not None:
                last = min(last, state.valid_until)
            if last >= since:
                found = last, state
        return found


ENDS = {"dissolved", "revoked", "moved_out"}
ORGANISATION_CHANGES = {*ENDS, "renewed", "suspended", "restored", "participated"}


def read_organisation(history: Sequence[Fact]) -> Organisation | None:
    """The organisation that these facts tell of; None: it does not count at all."""
    facts = standing(history)
    first = next((fact for fact in facts if fact.type == "registered"), None)
    if first is None or first.on is None:
        return None
    changes = dated(facts, ORGANISATION_CHANGES)
    states = _course_of_organisation(first, first.on, changes)
    if {fact.type for fact in facts} & {"rejected", "merged"}:
        return None
    confirmed = {
        fact.says["participation"]
        for fact in facts
        if fact.type == "participation_verified"
    }
    return Organisation(
        first.says["kind"],
        states,
        [
            on
            for on, fact in changes
            if fact.type == "participated"
            if fact.says.get("verified") or fact.says["participation"] in confirmed
        ],
    )


def _course_of_organisation(
    first: Fact, registered: date, changes: list[tuple[date, Fact]]
) -> dict[date, OrganisationOn]:
    now = OrganisationOn("active", first.says.get("valid_until"))
    states, since = {registered: now}, registered
    for on, fact in changes:
        if on < registered:
            raise _unlawful(fact, f"registered only on {registered}")
        last_act = fact.type == "participated" and on == since
        if now.status not in EXISTS and not last_act:
            raise _unlawful(fact, f"{now.status.replace('_', ' ')} on {since}")
        after = _turn_organisation(now, fact)
        since = on if after.status != now.status else since
        now = states[on] = after
    return states


def _turn_organisation(now: OrganisationOn, fact: Fact) -> OrganisationOn:
    if fact.type == "renewed":
        return now._replace(valid_until=fact.says["valid_until"])
    if fact.type in {"suspended", "restored"}:
        was, becomes = ("active", "suspended")[:: 1 if fact.type == "suspended" else -1]
        if now.status != was:
            raise _unlawful(fact, f"it was {now.status}")
        return now._replace(status=becomes)
    return now._replace(status=fact.type) if fact.type in ENDS else now


def count_organisation(
    organisation: Organisation, options: dict[str, Any], start: date, as_of: date
) -> Counts:
    """What an organisation adds to IKU-2 as of a day, in the period from *start*."""
    drop = options["expired_registration"] == "drop"
    there = organisation.last_there(as_of, drop=drop)
    whole_period = options["population"] == "any_time_in_period"
    if organisation.kind not in options["kinds"] or there is None:
        return NOTHING
    last, then = there
    if last < (start if whole_period else as_of):
        return NOTHING
    taken = sum(start <= on <= as_of for on in organisation.participations)
    enough = taken >= options["participation_threshold"]
    out_of_date = then.valid_until is not None and then.valid_until < as_of
    return Counts(
        int(enough and then.status == "active"), 1, int(last == as_of and out_of_date)
    )


# ------------------------------------------ what a figure is made with: formula, target

MANNERS = (
    *("islah", "kesepakatan_damai", "mediasi", "putusan_inkrah", "keputusan_adat"),
    *("penegakan_hukum", "reda_terverifikasi", "dilimpahkan"),
)
KINDS = ("ormas", "lsm", "parpol")
EMPTY = ("undefined", "full", "zero")

# By what is counted: each option's default and its other values. A default that is a
# tuple stands for any choice of the values. None: it has to be said.
OPTIONS: dict[str, dict[str, tuple[Any, tuple[str, ...]]]] = {
    "conflicts": {
        "category": (None, ("ipoleksosbud", "sara")),
        "minimum_level": ("perseteruan", LEVELS),
        "date_basis": ("reported", ("reported", "occurred")),
        "carry_over": ("include", ("include", "exclude")),
        "reopening": ("latest_state", ("latest_state", "first_closure_counts")),
        "resolution_manners": (MANNERS[:-1], MANNERS),
        "empty": ("undefined", EMPTY),
        "rounding": ("half_up_2", ("half_up_2",)),
    },
    "organisations": {
        "kinds": (KINDS, KINDS),
        "expired_registration": ("keep", ("keep", "drop")),
        "participation_threshold": (1, ()),
        "population": ("stock_at_date", ("stock_at_date", "any_time_in_period")),
        "empty": ("undefined", EMPTY),
        "rounding": ("half_up_2", ("half_up_2",)),
    },
}


class Version(NamedTuple):
    """A definition, a target or a scale: what it says from a day on."""

    version: int
    position: int
    known_on: date
    on: date
    says: dict[str, Any]


def read_options(told: dict[str, Any]) -> dict[str, Any]:
    """The options of a definition, all of them said."""
    known = OPTIONS[told["counts"]]
    strange = told.keys() - known.keys() - {"counts"}
    if strange:
        raise ValueError(f"the options {sorted(strange)} are not known")
    read = {"counts": told["counts"]}
    for name, (default, values) in known.items():
        value = told.get(name, default)
        chosen = value if isinstance(default, tuple) else [value]
        if name == "participation_threshold":
            _whole(value)
        elif not chosen or not set(chosen) <= set(values):
            raise ValueError(f"{name} is {value!r}, which is not known")
        read[name] = value
    return read


def _decimal(spelt: Any) -> Fraction:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", _word(spelt)):
        raise ValueError(f"{spelt[:40]!r} is no decimal")
    return Fraction(spelt)


def _read_defined(data: dict[str, Any]) -> dict[str, Any]:
    return read_options(data["options"])


def _read_targeted(data: dict[str, Any]) -> dict[str, Any]:
    target = _decimal(data["target"])
    if target <= 0:
        raise ValueError(f"{target} is no target")
    return {"year": _whole(data["year"]), "target": target}


def _read_scaled(data: dict[str, Any]) -> dict[str, Any]:
    bands = [(_decimal(b["at_least"]), _word(b["rating"])) for b in data["bands"]]
    if not bands:
        raise ValueError("a scale has no bands")
    return {"bands": bands}


VERSIONED: dict[str, dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "indicator": {"defined": _read_defined, "targeted": _read_targeted},
    "scale": {"scaled": _read_scaled},
}
SCALE = "kinerja"  # the one scale there is: it rates performance


# -------------------------------------------------------------- figures, their numbers

PERIODS = {
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
    """Where a figure was counted; with these it comes out the same for ever."""

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
        """The number that is printed beside the figure."""
        days = (
            f"{d.isoformat()}".replace("-", "") for d in (self.as_of, self.known_on)
        )
        letter = PERIODS[self.period][0]
        fields = (self.indicator, str(self.definition), letter, *days, str(self.size))
        line = ".".join(fields)
        return f"{line}.{check_characters(line)}"

    def heard(self, one: Fact | Version) -> bool:
        """Whether it belongs to the knowledge that is asked for."""
        return one.position <= self.size and one.known_on <= self.known_on


def check_characters(line: str) -> str:
    """The two characters that make the whole number leave 1 modulo 1259, radix 36."""
    rest = 0
    for symbol in f"{line}.00":
        rest = (36 * rest + SYMBOLS.index(symbol)) % 1259
    high, low = divmod((1 - rest) % 1259, 36)
    return SYMBOLS[high] + SYMBOLS[low]


def read_number(typed: str) -> Coordinates:
    """The coordinates that a figure's number carries; blanks and case do not matter."""
    spelt = "".join(typed.split())
    spelt = spelt.upper() if spelt.isascii() else ""
    match = NUMBER.fullmatch(spelt)
    if match is None:
        raise malformed(f"{typed[:80]!r} is no figure's number")
    code, version, letter, *days, size = match.groups()
    [period] = [name for name, (known, _) in PERIODS.items() if known == letter]
    try:
        as_of, known = (date(int(d[:4]), int(d[4:6]), int(d[6:])) for d in days)
    except ValueError:
        raise malformed(f"{typed[:80]!r} has a day that there is not") from None
    at = Coordinates(code, int(version), period, as_of, known, int(size))
    if at.number != spelt:
        raise malformed(f"{typed[:80]!r} is mistyped: its last two characters say so")
    return at


@dataclass(frozen=True)
class Figure:
    """A figure, in the fields in which a closing freezes one. Decimals are text."""

    indicator: str
    definition: int
    scale: int
    numerator: int
    denominator: int
    expired: int | None
    percentage: str | None
    target: str | None
    achievement: str | None
    rating: str | None
    number: str


def rounded(value: Fraction) -> Fraction:
    """A value that is not negative, to two decimals, a half rounded up."""
    return Fraction((value * 100 + Fraction(1, 2)) // 1, 100)


def spell_decimal(value: Fraction | None) -> str | None:
    """A value of two decimals, with a point."""
    if value is None:
        return None
    whole, hundredths = divmod(value * 100 // 1, 100)
    return f"{whole}.{hundredths:02}"


class Tally:
    """A figure that is being counted."""

    def __init__(
        self,
        at: Coordinates,
        definition: Version,
        target: Fraction | None,
        scale: Version,
    ) -> None:
        self.at, self.target, self.scale = at, target, scale
        self.start, self.options = at.start, definition.says
        self._sums = [0, 0, 0]

    def add(self, counts: Counts) -> None:
        """Add what one subject counts."""
        self._sums = [one + more for one, more in zip(self._sums, counts, strict=True)]

    def figure(self) -> Figure:
        """The figure, everything counted. Rounded once, from the exact fraction."""
        numerator, denominator, expired = self._sums
        ratio = {"undefined": None, "full": Fraction(1), "zero": Fraction(0)}[
            self.options["empty"]
        ]
        if denominator:
            ratio = Fraction(numerator, denominator)
        achieved = None
        if ratio is not None and self.target is not None:
            achieved = rounded(ratio * 100 / self.target * 100)
        return Figure(
            indicator=self.at.indicator,
            definition=self.at.definition,
            scale=self.scale.version,
            numerator=numerator,
            denominator=denominator,
            expired=None if self.options["counts"] == "conflicts" else expired,
            percentage=None if ratio is None else spell_decimal(rounded(ratio * 100)),
            target=spell_decimal(self.target),
            achievement=spell_decimal(achieved),
            rating=None if achieved is None else self._rating(achieved),
            number=self.at.number,
        )

    def _rating(self, achieved: Fraction) -> str:
        """The first band that is reached; the last has no lower bound."""
        bands: list[tuple[Fraction, str]] = self.scale.says["bands"]
        return next((name for least, name in bands if achieved >= least), bands[-1][1])


# ------------------------------------------------------------------------ publications

# What each step may follow upon; None: there was nothing of that name before.
FOLLOWS: dict[str, tuple[str | None, ...]] = {
    "drafted": (None, "withdrawn"),
    "closed": ("drafted", "returned"),
    "returned": ("closed", "reviewed"),
    "reviewed": ("closed",),
    "published": ("reviewed",),
    "withdrawn": ("drafted", "returned"),
}


@dataclass
class Publication:
    """A publication as its steps tell it, the last of them *last*."""

    id: str
    last: str | None = None
    period: str = "year"
    as_of: date = date.min
    reviewer: str = ""
    closed: int = 0  # position of the closing in force; 0: there is none
    known_on: date = date.min
    size: int = 0
    frozen: list[dict[str, Any]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)  # positions

    def coordinates(self, code: str, definition: int) -> Coordinates:
        """Where a figure of it was counted."""
        return Coordinates(
            code, definition, self.period, self.as_of, self.known_on, self.size
        )


class Publications:
    """All publications, each step held against those before it."""

    def __init__(self) -> None:
        self.by_id: dict[str, Publication] = {}

    def add(self, position: int, record: dict[str, Any]) -> None:
        """Take a step."""
        data, step = record["data"], record["type"]
        identifier = _word(data["publication"])
        if record["stream"] != f"publication-{identifier[:4]}":
            raise ValueError(f"{identifier} is of another year")
        one = self.by_id.setdefault(identifier, Publication(identifier))
        if one.last not in FOLLOWS[step]:
            raise ValueError(
                f"{identifier} is {step}, which does not follow upon {one.last}"
            )
        match step:
            case "drafted":
                self._draft(one, data, day(record["effective_on"]))
            case "closed":
                _close(one, position, data, day(record["effective_on"]))
            case "returned":
                one.closed = 0
            case "reviewed":
                one.reviewer = _who(record)
            case "published" if _who(record) == one.reviewer:
                raise ValueError(
                    f"{identifier} was reviewed and published by {one.reviewer}"
                )
        one.last = step
        one.steps.append(position)

    def _draft(self, one: Publication, data: dict[str, Any], today: date) -> None:
        one.period, one.as_of = _word(data["period"]), day(data["as_of"])
        edition, restates = _whole(data["edition"]), data.get("restates")
        due = spell_identifier(one.period, one.as_of, edition)
        if one.id != due:
            raise ValueError(f"{one.id} should be called {due}")
        if one.as_of > today:
            raise ValueError(f"{one.id} is drafted on {today}, before its day")
        before = spell_identifier(one.period, one.as_of, edition - 1)
        if restates != (before if edition > 1 else None):
            raise ValueError(f"{one.id} restates {restates}")
        if edition > 1 and self.by_id.get(before, Publication("")).last != "published":
            raise ValueError(f"{one.id} restates {before}, which is not published")

    def closed(self) -> list[Publication]:
        """Those whose figures are frozen, in the order of their closings."""
        found = [one for one in self.by_id.values() if one.closed]
        return sorted(found, key=lambda one: one.closed)


def _who(record: dict[str, Any]) -> str:
    """Who took a step, as names are compared."""
    actor, by = _word(record["actor"]), {**record["text"], **record["data"]}.get("by")
    if isinstance(by, str) and by != actor:
        raise ValueError(f"it says that {by} did it, but {actor} did")
    return actor.strip().casefold()


def _close(one: Publication, position: int, data: dict[str, Any], on: date) -> None:
    one.known_on, one.size = day(data["known_on"]), _whole(data["size"])
    if not one.as_of <= one.known_on <= on:
        raise ValueError(f"{one.id} is closed on {on} as known on {one.known_on}")
    if one.size >= position:
        raise ValueError(f"{one.id} is of size {one.size}, which was not there yet")
    one.closed, one.frozen = position, data["figures"]
    codes = [_word(frozen["indicator"]) for frozen in one.frozen]
    if not codes or len(set(codes)) < len(codes):
        raise ValueError(f"{one.id} does not freeze each indicator once: {codes}")


def spell_identifier(period: str, as_of: date, edition: int) -> str:
    """``2021``, ``2021-W3``, ``2021-B07.2``, ``2021-sd0930``."""
    letter, months = PERIODS[period]
    ordinal = (as_of.month - 1) // months + 1
    spelt = f"{as_of.year:04}"
    if period != "year":
        spelt += f"-{letter}{ordinal:0{2 if period == 'month' else 1}}"
    tomorrow = as_of.toordinal() + 1
    ends = (as_of.month, as_of.day) == (12, 31) or (
        as_of.month == ordinal * months
        and date.fromordinal(tomorrow).month != as_of.month
    )
    spelt += "" if ends else f"-sd{as_of.month:02}{as_of.day:02}"
    return spelt + (f".{edition}" if edition > 1 else "")


# ------------------------------------------------------------- texts apart from the log


class Texts:
    """Commitments to texts, and what has become of the texts."""

    def __init__(self, opened: dict[tuple[str, str], tuple[bytes, str]]) -> None:
        self._opened = opened
        self._kept: dict[str, int] = {}  # by subject, not erased until now
        self.commitments = self.erased = self.opened = 0

    def add(self, record: dict[str, Any]) -> None:
        """Count the commitments of a record, or what an erasure covers."""
        stream = record["stream"]
        if stream.startswith("subject-") and record["type"] == "erased":
            self.erased += self._kept.pop(stream.removeprefix("subject-"), 0)
        for name, told in record["text"].items():
            if not isinstance(told, str):
                self._commit(f"{stream}/{record['version']}", name, told)

    def _commit(self, event: str, name: str, told: dict[str, str]) -> None:
        subject, committed = _word(told["s"]), _word(told["c"])
        self.commitments += 1
        handed = self._opened.pop((event, name), None)
        if handed is None:
            self._kept[subject] = self._kept.get(subject, 0) + 1
            return
        self.opened += 1
        found = commitment(event, name, subject, *handed)
        if found != committed:
            raise Finding(f"{name} of {event}", None, committed, found)

    def tell(self) -> dict[str, int]:
        """How many there are, erased by a decision, opened here, and neither."""
        for event, name in self._opened:
            raise tampered(f"the log is not committed to {name} of {event}")
        return {
            "commitments": self.commitments,
            "erased": self.erased,
            "opened": self.opened,
            "withheld": self.commitments - self.erased - self.opened,
        }


def commitment(event: str, name: str, subject: str, salt: bytes, text: str) -> str:
    """What a record holds of a text (docs/ledger-format.md, Texts)."""
    parts = (part.encode() for part in (event, name, subject))
    context = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    plain = json.dumps(text, ensure_ascii=False).encode()
    plain += b" " * (-len(plain) % 64)
    return hashlib.sha256(b"iku/text/v1\0" + context + salt + plain).hexdigest()


def read_texts(folder: Path) -> dict[tuple[str, str], tuple[bytes, str]]:
    """Texts that were handed over: in each file a JSON object a line."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            for line in path.read_text("utf-8").strip().split("\n"):
                told = json.loads(line)
                salt = bytes.fromhex(told["salt"])
                found[told["event"], told["field"]] = salt, str(told["text"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise malformed(f"{path} holds no texts that were opened") from None
    return found


# --------------------------------------------------------------------------- recounting


class Register:
    """All that was recorded, kept small, to count from as often as one likes."""

    def __init__(self, texts: Texts | None = None) -> None:
        self.size = 0
        self.subjects: dict[str, dict[str, list[Fact]]] = {CASE: {}, ORGANISATION: {}}
        self.versions: dict[tuple[str, str], list[Version]] = {}
        self.publications = Publications()
        self.texts = texts or Texts({})
        self.copied: dict[str, list[dict[str, Any]]] = {}  # what copies are made of
        self._pool: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}

    def add(self, position: int, record: dict[str, Any]) -> None:
        """Take in a record.

        Raises:
            Finding: It cannot be what the register recorded.
        """
        self.size = position
        try:
            self._add(position, record)
            self.texts.add(record)
        except Finding as finding:
            finding.position = position
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise Finding(f"the record cannot be counted: {told}", position) from None

    def _add(self, position: int, record: dict[str, Any]) -> None:
        category, _, subject = record["stream"].partition("-")
        kind = record["type"]
        for known in (NEEDED, VERSIONED, {"publication": FOLLOWS}):
            if category in known and kind not in known[category]:
                raise untrusted(
                    f"what {kind!r} counts for is not known to this program"
                )
        if category in NEEDED:
            fact = read_fact(position, record, NEEDED[category][kind])
            self.subjects[category].setdefault(subject, []).append(self._small(fact))
        elif category in VERSIONED:
            self._version(position, record, (subject, kind), VERSIONED[category][kind])
            self._copy(position, record)
        elif category == "publication":
            self.publications.add(position, record)
            self._copy(position, record)

    def _small(self, fact: Fact) -> Fact:
        """The fact; what many facts say alike is kept once."""
        if "participation" in fact.says:
            return fact
        says = self._pool.setdefault(tuple(fact.says.items()), fact.says)
        return fact._replace(says=says)

    def _version(
        self,
        position: int,
        record: dict[str, Any],
        key: tuple[str, str],
        read: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> None:
        versions = self.versions.setdefault(key, [])
        known, on = day(record["known_on"]), day(record["effective_on"])
        number = len(versions) + 1
        versions.append(Version(number, position, known, on, read(record["data"])))

    def _copy(self, position: int, record: dict[str, Any]) -> None:
        names = ("actor", "data", "effective_on", "known_on", "type", "version")
        told = {"position": position, **{name: record[name] for name in names}}
        self.copied.setdefault(record["stream"], []).append(told)

    def in_force(
        self, key: tuple[str, str], at: Coordinates, when: date, year: int | None = None
    ) -> Version | None:
        """The version in force on a day, by what was known; for targets of a year."""
        begun = [
            one
            for one in self.versions.get(key, [])
            if at.heard(one) and one.on <= when and one.says.get("year") == year
        ]
        return max(begun, key=lambda one: (one.on, one.version), default=None)

    def definition(self, at: Coordinates) -> Version:
        """The definition in force at the start; the first serves earlier knowledge."""
        key = at.indicator, "defined"
        if key not in self.versions:
            raise tampered(f"the log knows no indicator {at.indicator}")
        return self.in_force(key, at, at.start) or self.versions[key][0]

    def tally(self, at: Coordinates) -> Tally:
        """A figure to be counted, under the definition that it names."""
        in_force = self.definition(at)  # also tells whether there is such an indicator
        versions = self.versions[at.indicator, "defined"]
        if not 0 < at.definition <= len(versions):
            raise tampered("definition", in_force.version, at.definition)
        scales = self.versions.get((SCALE, "scaled"))
        if not scales:
            raise tampered("the log knows no rating scale")
        target = self.in_force((at.indicator, "targeted"), at, at.as_of, at.as_of.year)
        return Tally(
            at,
            versions[at.definition - 1],
            target.says["target"] if target else None,
            self.in_force((SCALE, "scaled"), at, at.as_of) or scales[0],
        )

    def count(self, tallies: Sequence[Tally]) -> None:
        """Count figures, all of them from one reading of each subject.

        Raises:
            Finding: What is told of a subject could not have happened so.
        """
        of_cases = [one for one in tallies if one.options["counts"] == "conflicts"]
        others = [one for one in tallies if one.options["counts"] == "organisations"]
        for history in self.subjects[CASE].values():
            _count(history, of_cases, read_case, count_case)
        for history in self.subjects[ORGANISATION].values():
            _count(history, others, read_organisation, count_organisation)


Subject = TypeVar("Subject")


def _count(
    history: list[Fact],
    tallies: list[Tally],
    read: Callable[[Sequence[Fact]], Subject | None],
    count: Callable[[Subject, dict[str, Any], date, date], Counts],
) -> None:
    """Add what one subject counts to each figure, by what that figure hears of it."""
    folded = {0: None, len(history): read(history)}
    for tally in tallies:
        # Positions and days known never fall in a stream: what is heard is its head.
        heard = len(history)
        while heard and not tally.at.heard(history[heard - 1]):
            heard -= 1
        if heard not in folded:
            folded[heard] = read(history[:heard])
        subject = folded[heard]
        if subject is not None:
            tally.add(count(subject, tally.options, tally.start, tally.at.as_of))


def recount(register: Register, at: Coordinates) -> Figure:
    """The figure at any coordinates."""
    if at.size > register.size:
        raise untrusted(
            f"the figure is of size {at.size}, but the bundle ends at {register.size}"
        )
    tally = register.tally(at)
    register.count([tally])
    return tally.figure()


def recount_published(register: Register, report: "Report") -> None:
    """Count every frozen figure again.

    Raises:
        Finding: The first that comes out otherwise; *report* tells them all.
    """
    tallies: list[tuple[Publication, dict[str, Any], Tally]] = []
    found = []
    for one in register.publications.closed():
        found += list(_hold_completeness(register, one))
        for frozen in one.frozen:
            code = frozen["indicator"]
            try:
                due = register.definition(one.coordinates(code, 1)).version
                tally = register.tally(one.coordinates(code, due))
            except Finding as finding:
                found.append(_in(one, code, finding.sentence, None, None))
                continue
            tallies.append((one, frozen, tally))
    register.count([tally for _, _, tally in tallies])
    for one, frozen, tally in tallies:
        found += list(_differences(one, frozen, asdict(tally.figure())))
    report.publications = len(register.publications.closed())
    report.figures = len(tallies)
    found.sort(key=lambda finding: finding.position or 0)
    report.differences = [str(finding) for finding in found]
    if found:
        raise found[0]


def _in(
    one: Publication, code: str, what: str, expected: str | None, found: str | None
) -> Finding:
    sentence = f"publication {one.id}, {code}: {what}"
    return Finding(sentence, one.closed, expected, found)


def _hold_completeness(register: Register, one: Publication) -> Iterator[Finding]:
    """An indicator that was there already and that the closing leaves out."""
    frozen = {told["indicator"] for told in one.frozen}
    for (code, kind), (first, *_) in register.versions.items():
        if kind == "defined" and first.position <= one.size and code not in frozen:
            yield _in(one, code, "the closing leaves it out", None, None)


def _differences(
    one: Publication, frozen: dict[str, Any], counted: dict[str, Any]
) -> Iterator[Finding]:
    for name in sorted(counted.keys() | frozen.keys()):
        due, told = (_spell(where.get(name)) for where in (counted, frozen))
        if due != told or (name in frozen) != (name in counted):
            yield _in(one, counted["indicator"], name, due, told)


# ------------------------------------------------------- copies of records, to be read

COPY = "A copy to be read. Only the records at these positions count."


def copies(register: Register) -> dict[str, bytes]:
    """The files with copies of definitions and of closed publications, by path."""
    found = {}
    for stream, facts in register.copied.items():
        if not stream.startswith("publication-"):
            found[f"definitions/{stream}.json"] = _spell_copy(stream, facts)
    for one in register.publications.closed():
        stream = f"publication-{one.id[:4]}"
        facts = [f for f in register.copied[stream] if f["position"] in one.steps]
        found[f"publications/{one.id}.json"] = _spell_copy(stream, facts)
    return found


def _spell_copy(stream: str, facts: list[dict[str, Any]]) -> bytes:
    told = {"facts": facts, "note": COPY, "stream": stream}
    spelt = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True)
    return f"{spelt}\n".encode()


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
    publications: int = 0  # whose figures were counted again
    figures: int = 0
    differences: list[str] = field(default_factory=list)
    texts: dict[str, int] = field(default_factory=dict)
    figure: dict[str, Any] | None = None  # the one that was asked for
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
    folder: Path,
    policy: Policy | None,
    known: list[Checkpoint],
    report: Report,
    texts: Texts | None = None,
) -> Register:
    """Verify the whole bundle; *report* tells how far one came. What was recorded.

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
    register = Register(texts)
    roots, losses = _read_records(bundle, last, asked, register)
    _hold_losses(losses, trusted, last, report)
    _hold_names(losses, last, earlier)
    _hold_roots(roots, last, earlier)
    _hold_copies(bundle, register)
    bundle.refuse_surplus()
    for one in known:
        _hold_known(trusted, last, one, losses, roots)
        report.known += 1
    report.texts = register.texts.tell()
    recount_published(register, report)
    if last.size == 0:
        report.lacking.append("the log is empty: there is nothing to be verified")
    return register


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
    bundle: Bundle, last: Checkpoint, asked: set[int], register: Register
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
            register.add(tree.size + 1, record)
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


def _hold_copies(bundle: Bundle, register: Register) -> None:
    """Hold what the manifest names against what the records say, both ways."""
    due = copies(register)
    folders = ("definitions/", "publications/")
    named = {path for path in bundle.manifest.files if path.startswith(folders)}
    for path in sorted(named ^ due.keys()):
        there = "in the manifest" if path in named else "in the records"
        raise tampered(f"{path} stands only {there}")
    for path, spelt in sorted(due.items()):
        if bundle.read(path) != spelt:
            raise tampered(f"{path} is not what the records say")


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
    lines += _tell_counted(report)
    lines += [f"  mind: {reason}" for reason in report.lacking]
    sys.stdout.write("\n".join(lines) + "\n")


def _tell_counted(report: Report) -> Iterator[str]:
    if report.figures and not report.differences:
        yield (
            f"  {report.figures} figures of {report.publications} publications were "
            "counted again and agree"
        )
    yield from (f"  differs: {difference}" for difference in report.differences[1:])
    if report.texts.get("commitments"):
        told = ", ".join(f"{count} {name}" for name, count in report.texts.items())
        yield f"  texts: {told}"
    if report.figure:
        shown = (f"{name} {value}" for name, value in report.figure.items() if value)
        yield f"  figure: {', '.join(shown)}"


def _keep_evidence(typed: argparse.Namespace, report: Report) -> None:
    """Both notes in one file: whoever has it can show that the log lied."""
    notes = [path.read_text("utf-8") for path in typed.notes(typed)]
    told = {"notes": notes, **asdict(report)}
    name = hashlib.sha256("".join(notes).encode()).hexdigest()[:16]
    path = Path(f"evidence-{name}.json")
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    sys.stderr.write(f"iku-verify: both checkpoints are kept in {path}\n")


def _bundle(typed: argparse.Namespace, report: Report) -> None:
    _verify(typed, report)


def _verify(typed: argparse.Namespace, report: Report) -> Register:
    policy = read_policy(typed.policy.read_bytes()) if typed.policy else None
    known = [read_checkpoint(path.read_bytes(), str(path)) for path in typed.known]
    texts = Texts(read_texts(typed.texts)) if typed.texts else None
    return verify_bundle(typed.folder, policy, known, report, texts)


def _figure(typed: argparse.Namespace, report: Report) -> None:
    at = read_number(typed.number)
    report.figure = asdict(recount(_verify(typed, report), at))


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
    _add_trust(bundle)
    figure = _command(commands, "figure", _figure, "count the figure of a number")
    figure.add_argument("number")
    figure.add_argument(
        "--bundle", type=Path, required=True, dest="folder", help="verified as well"
    )
    _add_trust(figure)
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


def _add_trust(command: argparse.ArgumentParser) -> None:
    """What a bundle is verified with."""
    command.add_argument("--policy", type=Path, help="whom you believe")
    command.add_argument(
        "--known", type=Path, action="append", default=[], help="one that you kept"
    )
    command.add_argument("--texts", type=Path, help="folder of texts that were opened")
    command.set_defaults(
        notes=lambda typed: [typed.folder / "checkpoint", *typed.known]
    )


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
