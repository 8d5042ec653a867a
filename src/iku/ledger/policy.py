"""Trust policy of a verifier (C2SP tlog-policy): logs, witnesses and a quorum.

A policy is the verifier's own file and must come from a source other than the log: a
policy that the log itself publishes proves nothing.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from iku import messages
from iku.ledger import checkpoint, note
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Algorithm, Malformed, Note, VerifiedSignature, VerifierKey
from iku.ledger.tree import EMPTY_ROOT
from iku.messages import message

NONE = "none"
ANY_WITNESS = (
    "any-witness"  # name of the implied group where a file only lists witnesses
)
ALL_KINDS = "all:"  # begins the name of the implied group of one witness's keys
LONGEST = 1 << 20  # bytes of a policy
_FOREIGN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")


class Party(Struct, frozen=True):
    """A log or a witness of the policy: its key and, if known, its URL."""

    key: VerifierKey
    url: str | None = None


class Group(Struct, frozen=True):
    """A threshold group: satisfied if at least *threshold* of its members are."""

    threshold: int
    members: tuple[str, ...]


class Policy(Struct, frozen=True):
    """The signatures that a checkpoint needs: of one of *logs*, and of a *quorum*.

    Attributes:
        witnesses: By the names that groups and the quorum refer to.
        quorum: Name of a witness or a group; ``none`` requires no cosignature.
    """

    logs: tuple[Party, ...] = ()
    witnesses: dict[str, Party] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = NONE

    @property
    def witness_keys(self) -> list[VerifierKey]:
        """The keys of all witnesses."""
        return [party.key for party in self.witnesses.values()]

    @property
    def keys_by_url(self) -> dict[str, dict[str, VerifierKey]]:
        """For each URL of a witness, its keys by the names of the witnesses."""
        found: dict[str, dict[str, VerifierKey]] = {}
        for name, party in self.witnesses.items():
            if party.url is not None:
                found.setdefault(party.url, {})[name] = party.key
        return found

    def is_quorum(self, keys: Collection[VerifierKey]) -> bool:
        """Whether cosignatures by *keys* satisfy the quorum."""
        found, have = set(keys), {NONE}
        have |= {name for name, one in self.witnesses.items() if one.key in found}
        for name, group in self.groups.items():  # each after its members
            if sum(member in have for member in group.members) >= group.threshold:
                have.add(name)
        return self.quorum in have


class Judgement(Struct, frozen=True):
    """The verdict on a checkpoint that the policy accepts.

    Attributes:
        cosigned: Verified cosignatures by witnesses of the policy.
        quorum: Whether they satisfy the quorum.
    """

    checkpoint: Checkpoint
    cosigned: tuple[VerifiedSignature, ...]
    quorum: bool


def judge(policy: Policy, signed: Note) -> Judgement:
    """Verify a signed checkpoint against *policy*.

    Raises:
        Malformed: The note is not a checkpoint.
        Unverified: The log named as origin is not in the policy or did not sign, or a
            signature by a key of the policy is wrong.
    """
    found = checkpoint.parse(signed.text)
    if found.size == 0 and found.root != EMPTY_ROOT:
        raise Malformed(
            message(
                "the root hash of an empty log must be the SHA-256 of the empty string"
            )
        )
    logs = [party.key for party in policy.logs if party.key.name == found.origin]
    note.verify(signed, logs)
    cosigned = note.verified_signatures(signed, policy.witness_keys)
    # A timestamp of 0 means no time, so such a cosignature does not count.
    quorum = policy.is_quorum([one.key for one in cosigned if one.time])
    return Judgement(found, tuple(cosigned), quorum)


def parse(raw: bytes, *, complete: bool = True) -> Policy:
    """Parse a policy file.

    If *complete* is false, the quorum line may be missing; any group, and any witness
    outside a group, is then a quorum. A witness that is listed with a key of each
    algorithm under one name counts once, and must sign with both keys.

    Raises:
        Malformed: A line is invalid; the message has its number.
    """
    if len(raw) > LONGEST:
        raise Malformed(message("the policy is longer than {most} bytes", most=LONGEST))
    if _FOREIGN.search(raw):
        raise Malformed(
            message(
                "a policy must not contain control characters other than tabs and "
                "line feeds"
            )
        )
    reading = _PolicyLines()
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            reading.parse_line(line)
        except Malformed as error:
            raise Malformed(
                message(
                    "line {number} of the policy: {error}",
                    number=number,
                    error=messages.error_message(error),
                )
            ) from error
    return reading.policy(complete=complete)


def encode(found: Policy, comments: Iterable[str] = ()) -> bytes:
    """The policy as a file: comments first, each group after its members."""
    lines = [f"# {comment}" for comment in comments]
    lines += [" ".join(["log", *_encode_party(party)]) for party in found.logs]
    lines += [
        " ".join(["witness", name, *_encode_party(party)])
        for name, party in found.witnesses.items()
    ]
    lines += [
        " ".join(["group", name, _encode_threshold(group), *group.members])
        for name, group in found.groups.items()
    ]
    lines.append(f"quorum {found.quorum}")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


_ENDINGS = {Algorithm.COSIGNATURE: "-ed", Algorithm.COSIGNATURE_ML_DSA: "-pq"}


def witness_lines(keys: Sequence[VerifierKey], url: str) -> list[str]:
    """The policy lines of one witness; two *keys* form a group that counts once."""
    name = keys[0].name
    if len(keys) == 1:
        return [f"witness {name} {keys[0]} {url}"]
    members = {name + _ENDINGS[key.algorithm]: key for key in keys}
    lines = [f"witness {member} {key} {url}" for member, key in members.items()]
    return [*lines, f"group {name} all {' '.join(members)}"]


def _encode_threshold(group: Group) -> str:
    words = {len(group.members): "all", 1: "any"}
    return words.get(group.threshold, str(group.threshold))


def _encode_party(party: Party) -> list[str]:
    return [str(party.key), *([party.url] if party.url else [])]


Words: TypeAlias = list[str]


class _PolicyLines:
    """The policy that the lines read so far define."""

    def __init__(self) -> None:
        self._logs: list[Party] = []
        self._witnesses: dict[str, Party] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._public: set[bytes] = set()
        self._quorum: str | None = None

    def parse_line(self, line: bytes) -> None:
        if len(line) > note.LONGEST_LINE:
            raise Malformed(
                message("the line is longer than {most} bytes", most=note.LONGEST_LINE)
            )
        # Names are arbitrary bytes in this format; surrogateescape preserves them.
        text = line.decode("utf-8", "surrogateescape")
        words = re.split("[ \t]+", text.strip(" \t"))
        if words != [""] and not words[0].startswith("#"):
            self._parse_words(words)

    def _parse_words(self, words: Words) -> None:
        match words:
            case ["log", vkey, *url] if len(url) < 2:
                self._logs.append(self._party(vkey, url, cosigns=False))
            case ["witness", name, vkey, *url] if len(url) < 2:
                self._refuse_duplicate_name(name)
                party = self._party(vkey, url, cosigns=True)
                self._witnesses[name] = party
            case ["group", name, least, *members] if members:
                self._refuse_duplicate_name(name)
                self._groups[name] = self._group(least, members)
            case ["quorum", name]:
                self._set_quorum(name)
            case _:
                raise Malformed(
                    message(
                        "{words!r} is not a policy line: expected log, witness, group "
                        "or quorum",
                        words=" ".join(words),
                    )
                )

    def policy(self, *, complete: bool) -> Policy:
        quorum = self._quorum
        if quorum is None and complete:
            raise Malformed(
                message("the policy must have one quorum line, but has none")
            )
        if quorum is None and self._witnesses:
            quorum = ANY_WITNESS
            self._refuse_duplicate_name(quorum)
            self._group_keys_of_one_witness()
            named = (*self._witnesses, *self._groups)
            free = tuple(name for name in named if name not in self._members)
            self._groups[quorum] = Group(1, free)
        return Policy(tuple(self._logs), self._witnesses, self._groups, quorum or NONE)

    def _group_keys_of_one_witness(self) -> None:
        """Group the witnesses of one name whose keys have different algorithms."""
        alike: dict[str, dict[str, Algorithm]] = {}
        for name, party in self._witnesses.items():
            if name not in self._members:
                alike.setdefault(party.key.name, {})[name] = party.key.algorithm
        for name, kinds in alike.items():
            if len(kinds) == len(set(kinds.values())) > 1:
                group = ALL_KINDS + name
                self._refuse_duplicate_name(group)
                self._members |= kinds.keys()
                self._groups[group] = Group(len(kinds), tuple(kinds))

    def _refuse_duplicate_name(self, name: str) -> None:
        if name == NONE or name in self._witnesses or name in self._groups:
            raise Malformed(
                message(
                    "the name {name} is already defined on an earlier line", name=name
                )
            )

    def _refuse_unknown_name(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise Malformed(
                message(
                    "no witness or group named {name} is defined on an earlier line",
                    name=name,
                )
            )

    def _group(self, least: str, members: Words) -> Group:
        for member in members:
            self._refuse_unknown_name(member)
            if member in self._members:
                raise Malformed(
                    message("{member} already belongs to a group", member=member)
                )
            self._members.add(member)
        return Group(_parse_threshold(least, len(members)), tuple(members))

    def _party(self, vkey: str, url: Words, *, cosigns: bool) -> Party:
        """The log or witness on a line; refuses a key that another line has."""
        key = note.parse_verifier(vkey)
        if key.algorithm.cosigns is not cosigns:
            raise Malformed(
                message(
                    "the key of {name} has signature algorithm {found}, but a witness "
                    "line requires an algorithm of cosignatures",
                    name=key.name,
                    found=key.algorithm.value,
                )
                if cosigns
                else message(
                    "the key of {name} has signature algorithm {found}, but a log line "
                    "requires algorithm {wanted}",
                    name=key.name,
                    found=key.algorithm.value,
                    wanted=Algorithm.NOTE.value,
                )
            )
        if key.public in self._public:
            raise Malformed(
                message("the key of {name} is listed more than once", name=key.name)
            )
        self._public.add(key.public)
        return Party(key, *url)

    def _set_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise Malformed(message("the policy has more than one quorum line"))
        if name != NONE:
            self._refuse_unknown_name(name)
        self._quorum = name


def _parse_threshold(text: str, count: int) -> int:
    number = {"all": str(count), "any": "1"}.get(text, text)
    if re.fullmatch("[1-9][0-9]{0,5}", number) and int(number) <= count:
        return int(number)
    raise Malformed(
        message(
            "{text!r} is not all, any, or a number from 1 to {count}",
            text=text,
            count=count,
        )
    )
