"""Policies in the format of C2SP tlog-policy, and the quorums that they require."""

import itertools
from functools import cache
from hashlib import sha256
from time import process_time

import pytest

import iku_verify
from iku.ledger import policy
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import (
    Algorithm,
    Malformed,
    Note,
    SigningKey,
    Unverified,
    VerifierKey,
)
from iku.ledger.policy import Group
from tests.ledger.test_note import log_key, ml_dsa_key, vkey, weak_keys, witness_key
from tests.ledger.test_proof_building import ROOT

LOG = log_key()
TEXT = Checkpoint("iku.test/log", 9, ROOT[9]).text
X = [witness_key(f"x{number}.test", 10 + number) for number in range(3)]
Y = [witness_key(f"y{number}.test", 20 + number) for number in range(2)]
# The example of the specification, with two witnesses fewer.
EXAMPLE = f"""
# two organisations
log {LOG.verifier} https://iku.test/log

witness\tX1 {X[0].verifier}  https://x.test/1
 witness X2 {X[1].verifier}
witness X3 {X[2].verifier}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y[0].verifier}
witness Y2 {Y[1].verifier}
group Y-witnesses any Y1 Y2

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def signed(*witnesses: SigningKey, text: str = TEXT, log: SigningKey = LOG) -> Note:
    cosigned = [key.sign(text, 1_700_000_000) for key in witnesses]
    return Note(text, (log.sign(text), *cosigned))


def test_the_quorum_of_two_organisations_is_what_it_says() -> None:
    read = policy.parse(EXAMPLE.encode())
    assert read.logs[0].url == "https://iku.test/log"
    assert read.witnesses["X1"].url == "https://x.test/1"
    for chosen in itertools.product([False, True], repeat=5):
        keys = [key for key, some in zip(X + Y, chosen, strict=True) if some]
        enough = sum(chosen[:3]) >= 2 and any(chosen[3:])
        found = policy.judge(read, signed(*keys))
        assert found.quorum is enough
        assert {vouched.key.name for vouched in found.cosigned} == {
            key.name for key in keys
        }
        assert found.checkpoint.size == 9


def test_a_strangers_word_counts_for_nothing() -> None:
    read = policy.parse(f"log {LOG.verifier}\nquorum none\n".encode())
    assert policy.judge(read, signed(X[0])).quorum
    assert policy.judge(read, signed(X[0])).cosigned == ()
    stranger = log_key(seed=99)
    with pytest.raises(Unverified):
        policy.judge(read, signed(log=stranger))
    elsewhere = Checkpoint("other.test/log", 9, ROOT[9]).text
    with pytest.raises(Unverified):
        policy.judge(read, signed(text=elsewhere))


def test_a_wrong_cosignature_spoils_the_note() -> None:
    read = policy.parse(EXAMPLE.encode())
    wrong = X[0].sign(TEXT + "x", 1)
    note = Note(TEXT, (*signed(*X, *Y[:1]).signatures[:1], wrong))
    with pytest.raises(Unverified, match="the signature by x0"):
        policy.judge(read, note)


def test_an_empty_log_has_the_root_of_nothing() -> None:
    read = policy.parse(f"log {LOG.verifier}\nquorum none\n".encode())
    nothing = Checkpoint("iku.test/log", 0, ROOT[0]).text
    assert policy.judge(read, signed(text=nothing)).checkpoint.size == 0
    wrong = Checkpoint("iku.test/log", 0, ROOT[9]).text
    with pytest.raises(Malformed, match="SHA-256 of the empty string"):
        policy.judge(read, signed(text=wrong))


def test_a_single_witness_may_be_the_quorum() -> None:
    spelt = f"log {LOG.verifier}\nwitness W {X[0].verifier}\nquorum W"
    read = policy.parse(spelt.encode())
    assert policy.judge(read, signed(X[0])).quorum
    assert not policy.judge(read, signed(X[1])).quorum


def test_a_list_of_witnesses_asks_for_any_of_them() -> None:
    spelt = f"witness A {X[0].verifier}\nwitness B {X[1].verifier}\n".encode()
    with pytest.raises(Malformed, match="must have one quorum line"):
        policy.parse(spelt)
    read = policy.parse(spelt, complete=False)
    assert read.is_quorum([X[1].verifier])
    assert not read.is_quorum([])
    assert policy.parse(b"", complete=False).is_quorum([])


PAIR = (
    f"witness w1-ed {X[0].verifier}\nwitness w1-pq {ml_dsa_key('x0.test').verifier}\n"
)
BOTH_KINDS = (X[0], ml_dsa_key("x0.test"))


def test_a_witness_with_both_kinds_of_keys_counts_once_and_signs_with_both() -> None:
    other = f"witness B {X[1].verifier}\n"
    grouped = f"{PAIR}group w1 all w1-ed w1-pq\n"
    for listed, group in ((PAIR, "all:x0.test"), (grouped, "w1")):
        read = policy.parse(f"{listed}{other}".encode(), complete=False)
        one, two = (key.verifier for key in BOTH_KINDS)
        assert not read.is_quorum([one])
        assert not read.is_quorum([two])
        assert read.is_quorum([one, two])
        assert read.is_quorum([X[1].verifier])
        spelt = policy.encode(read).decode()
        assert f"group {group} all w1-ed w1-pq\n" in spelt
        assert policy.parse(spelt.encode()) == read
        assert iku_verify.read_policy(spelt.encode()).quorum == "any-witness"


def test_two_of_three_witnesses_are_not_the_two_kinds_of_one() -> None:
    listed = (
        f"log {LOG.verifier}\n{PAIR}group w1 all w1-ed w1-pq\n"
        f"witness B {X[1].verifier}\nwitness C {X[2].verifier}\n"
        "group two 2 w1 B C\nquorum two\n"
    ).encode()
    read, theirs = policy.parse(listed), iku_verify.read_policy(listed)
    for keys, enough in (
        (BOTH_KINDS, False),
        ((X[0], X[1]), False),
        ((*BOTH_KINDS, X[1]), True),
        (X[1:], True),
    ):
        whole = signed(*keys)
        assert policy.judge(read, whole).quorum is enough
        one = iku_verify.read_checkpoint(str(whole).encode(), "it")
        assert theirs.is_quorum(theirs.check_signed(one, "it")) is enough


def test_two_keys_of_one_kind_and_name_are_an_old_and_a_new_one() -> None:
    new = witness_key("x0.test", 77)
    spelt = f"witness old {X[0].verifier}\nwitness new {new.verifier}\n".encode()
    read = policy.parse(spelt, complete=False)
    assert read.is_quorum([X[0].verifier])
    assert read.is_quorum([new.verifier])


def test_a_policy_is_written_and_read() -> None:
    listed = (
        f"witness A {X[0].verifier}\nwitness B {X[1].verifier} https://b\n".encode()
    )
    odd = f"witness \u212a {X[0].verifier}\nquorum \u212a".encode()
    latin = odd.replace("\u212a".encode(), b"\xe9")
    for read in (
        policy.parse(EXAMPLE.encode()),
        policy.parse(listed, complete=False),
        policy.parse(odd),
        policy.parse(latin),
        policy.parse(b"", complete=False),
    ):
        spelt = policy.encode(read, ["a comment", ""])
        assert policy.parse(spelt) == read
        assert spelt.startswith(b"# a comment\n# \n")
    assert b"group any-witness any A B\n" in policy.encode(
        policy.parse(listed, complete=False)
    )


def test_names_are_bytes() -> None:
    spelt = f"witness \u212a {X[0].verifier}\nquorum K\n"
    with pytest.raises(
        Malformed, match="no witness or group named K is defined on an earlier line"
    ):
        policy.parse(spelt.encode())
    policy.parse(spelt.replace("quorum K", "quorum \u212a").encode())
    policy.parse(b"# \xff\nquorum none")


V = X[0].verifier
W = X[1].verifier
BOTH = VerifierKey("both.test", Algorithm.COSIGNATURE, LOG.verifier.public)
WEAK = weak_keys().values()


@pytest.mark.parametrize(
    ("spelt", "says"),
    [
        ("", "must have one quorum line, but has none"),
        ("quorum none\nquorum none", "line 2 .* more than one quorum line"),
        ("quorum all", "no witness or group named all is defined on an earlier line"),
        (f"quorum A\nwitness A {V}", "line 1 .* no witness or group named A"),
        ("frobnicate", "is not a policy line"),
        ("quorum", "is not a policy line"),
        (f"log {LOG.verifier} a b", "is not a policy line"),
        (f"log {V}", "has signature algorithm"),
        (f"witness A {LOG.verifier}", "has signature algorithm"),
        (f"log {LOG.verifier}\nlog {LOG.verifier}", "is listed more than once"),
        (f"witness A {V}\nwitness B {V}", "is listed more than once"),
        (
            f"witness A {V}\nwitness A {W}",
            "the name A is already defined on an earlier line",
        ),
        (f"witness none {V}", "the name none is already defined on an earlier line"),
        (
            f"witness A {V}\ngroup A any A",
            "the name A is already defined on an earlier line",
        ),
        ("group none any A", "the name none is already defined on an earlier line"),
        (
            "group G any none",
            "no witness or group named none is defined on an earlier line",
        ),
        (f"witness A {V}\ngroup G any A A", "A already belongs to a group"),
        (
            f"witness A {V}\ngroup G any A\ngroup H any A",
            "line 3 .* A already belongs to a group",
        ),
        (f"witness A {V}\ngroup G any", "is not a policy line"),
        ("group G any G", "no witness or group named G is defined on an earlier line"),
        (f"witness A {V}\ngroup G 2 A", "a number from 1 to 1"),
        (f"witness A {V}\ngroup G 0 A", "a number from 1 to 1"),
        (f"witness A {V}\ngroup G 01 A", "a number from 1 to 1"),
        (f"witness A {V}\ngroup G some A", "a number from 1 to 1"),
        ("witness A x+y", "line 1"),
        ("quorum none\r\n", "must not contain control characters"),
        ("quorum none\x7f", "must not contain control characters"),
        (f"log {LOG.verifier}\nwitness A {BOTH}", "line 2 .* is listed more than once"),
        (f"witness A {BOTH}\nlog {LOG.verifier}", "line 2 .* is listed more than once"),
        (f"# {'x' * 4_096}\nquorum none", "line 1 .* longer than 4096 bytes"),
        ("#\n" * (1 << 19) + "quorum none", "the policy is longer than 1048576 bytes"),
        *(
            (f"log {vkey(k, Algorithm.NOTE)}", "not a canonically encoded")
            for k in WEAK
        ),
        *(
            (f"witness A {vkey(k, Algorithm.COSIGNATURE)}", "not a canonically encoded")
            for k in WEAK
        ),
    ],
)
def test_what_is_no_policy_is_refused_by_its_line(spelt: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        policy.parse(spelt.encode())


def test_a_key_may_be_named_by_bytes_that_are_no_text() -> None:
    vkey = str(X[0].verifier).encode().replace(b"x0.test", b"\xff")
    with pytest.raises(Malformed, match=r"line 1 .* key id of"):
        policy.parse(b"witness A " + vkey + b"\nquorum A")


def nested_groups(depth: int) -> str:
    """A policy with a group in a group, *depth* deep."""
    groups = "".join(f"group G{n + 1} any G{n}\n" for n in range(depth))
    return (
        f"log {LOG.verifier}\nwitness W {V}\ngroup G0 any W\n{groups}quorum G{depth}\n"
    )


def test_groups_may_be_nested_as_deeply_as_a_policy_is_long() -> None:
    read = policy.parse(nested_groups(5_000).encode())
    assert policy.judge(read, signed(X[0])).quorum
    assert not policy.judge(read, signed(X[1])).quorum


@cache
def many_witnesses(count: int) -> bytes:
    """The longest policy that there may be has some 9,000 witnesses."""
    lines = [f"log {LOG.verifier}\n"]
    for number in range(count):
        seed = sha256(str(number).encode()).digest()
        key = SigningKey("w", Algorithm.COSIGNATURE, seed).verifier
        lines.append(f"witness W{number} {key}\n")
    return f"{''.join(lines)}quorum W0\n".encode()


def test_a_long_policy_takes_time_in_proportion() -> None:
    def took(count: int) -> float:
        raw = many_witnesses(count)
        began = process_time()
        read = policy.parse(raw)
        assert len(read.witnesses) == count
        return process_time() - began

    few, many = min(took(250) for _ in range(3)), took(4_000)
    assert many < 16 * few * 6  # 256 times, if each line looked at all before it


def test_a_cosignature_that_states_no_time_is_not_counted() -> None:
    read = policy.parse(f"log {LOG.verifier}\nwitness W {V}\nquorum W".encode())
    timeless = Note(TEXT, (LOG.sign(TEXT), X[0].sign(TEXT, 0)))
    judged = policy.judge(read, timeless)
    assert (len(judged.cosigned), judged.quorum) == (1, False)


def test_the_name_of_an_implied_group_is_not_given_twice() -> None:
    spelt = f"{PAIR}witness all:x0.test {X[1].verifier}\n".encode()
    with pytest.raises(Malformed, match=r"the name all:x0\.test is already defined"):
        policy.parse(spelt, complete=False)


def test_the_lines_of_a_witness_are_those_of_a_policy() -> None:
    both = [key.verifier for key in BOTH_KINDS]
    for keys, group in ((both[:1], None), (both[1:], None), (both, Group(2, MEMBERS))):
        lines = policy.witness_lines(keys, "https://x0.test")
        spelt = "\n".join([*lines, "quorum x0.test"]).encode()
        read, theirs = policy.parse(spelt), iku_verify.read_policy(spelt)
        assert read.witness_keys == keys
        assert read.groups.get("x0.test") == group
        assert list(read.keys_by_url) == ["https://x0.test"]
        assert len(theirs.witnesses) == len(keys)
        assert read.is_quorum(keys)
        assert not read.is_quorum(keys[1:])


MEMBERS = ("x0.test-ed", "x0.test-pq")
