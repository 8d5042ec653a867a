"""Notes are parsed strictly by C2SP signed-note."""

import pytest

from iku.ledger import note
from iku.ledger.note import Algorithm, Malformed, Note, SigningKey, Unverified

# golang.org/x/mod/sumdb/note, the package's own example.
SECRET = (
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
)
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv"
    "qfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SIGNED = (TEXT + "\n" + LINE).encode()
PETER = note.parse_verifier(VKEY)


def log_key(name: str = "iku.test/log", seed: int = 1) -> SigningKey:
    return SigningKey(name, Algorithm.NOTE, bytes([seed]) * 32)


def witness_key(name: str = "saksi.test", seed: int = 2) -> SigningKey:
    return SigningKey(name, Algorithm.COSIGNATURE, bytes([seed]) * 32)


def test_the_published_example_is_read_and_written() -> None:
    read = note.parse(SIGNED)
    assert str(read).encode() == SIGNED
    [vouched] = note.verify(read, [PETER])
    assert (vouched.key, vouched.time) == (PETER, None)
    signing = note.parse_signing(SECRET)
    assert signing.verifier == PETER
    assert str(signing.verifier) == VKEY
    assert signing.secret == SECRET
    assert signing.sign(TEXT).line == LINE


def test_no_private_key_is_shown() -> None:
    shown = repr(note.parse_signing(SECRET))
    assert "AYEKFALVFGyNhPJEMzD1QIDr" not in shown
    assert VKEY in shown


def test_a_flipped_bit_anywhere_is_found() -> None:
    for at in range(len(SIGNED)):
        for bit in range(8):
            broken = bytearray(SIGNED)
            broken[at] ^= 1 << bit
            with pytest.raises((Malformed, Unverified)):
                note.verify(note.parse(bytes(broken)), [PETER])


def test_signatures_of_others_are_passed_over() -> None:
    key, other = log_key(), log_key("other.test")
    signed = Note(TEXT, (other.sign(TEXT + "x"), key.sign(TEXT)))
    [vouched] = note.verify(signed, [key.verifier])
    assert vouched.signature == key.sign(TEXT)
    with pytest.raises(Unverified, match="the signature of other"):
        note.verify(signed, [key.verifier, other.verifier])


def test_of_two_signatures_by_one_key_the_first_counts() -> None:
    key = log_key()
    good, bad = key.sign(TEXT), key.sign(TEXT + "x")
    assert len(note.verify(Note(TEXT, (good, bad)), [key.verifier])) == 1
    with pytest.raises(Unverified, match="is wrong"):
        note.verify(Note(TEXT, (bad, good)), [key.verifier])


def test_a_key_of_the_same_name_is_another_key() -> None:
    signed = Note(TEXT, (log_key().sign(TEXT),))
    with pytest.raises(Unverified, match="not signed by any of: iku"):
        note.verify(signed, [log_key(seed=9).verifier])
    with pytest.raises(Unverified, match="no key"):
        note.verify(signed, [])
    assert note.verified_signatures(signed, []) == []


def test_a_witness_vouches_for_a_time() -> None:
    key = witness_key()
    signed = Note(TEXT, (key.sign(TEXT, 1_700_000_000),))
    read = note.parse(str(signed).encode())
    [vouched] = note.verify(read, [key.verifier])
    assert vouched.time == 1_700_000_000
    assert len(read.signatures[0].payload) == 72
    later = note.Signature(
        key.name,
        key.verifier.key_id,
        (1_700_000_001).to_bytes(8, "big") + read.signatures[0].payload[8:],
    )
    with pytest.raises(Unverified):
        note.verify(Note(TEXT, (later,)), [key.verifier])


def test_a_signature_of_another_length_is_wrong() -> None:
    for key in (log_key(), witness_key()):
        right = key.sign(TEXT)
        for payload in (right.payload[:-1], right.payload + b"\0", b"\0", b"\0" * 8):
            wrong = note.Signature(key.name, right.key_id, payload)
            with pytest.raises(Unverified):
                note.verify(Note(TEXT, (wrong,)), [key.verifier])


def test_the_signatures_follow_the_last_blank_line() -> None:
    key = log_key()
    text = "one\n\n— two three\n\nfour\n"
    read = note.parse(str(Note(text, (key.sign(text),))).encode())
    assert read.text == text
    assert note.verify(read, [key.verifier])


def test_a_line_separator_of_unicode_ends_no_line() -> None:
    key = log_key()
    text = "one\u2028two\u0085three\n"
    read = note.parse(str(Note(text, (key.sign(text),))).encode())
    assert read.text == text


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no blank line"),
        (b"text\n" + LINE.encode(), "no blank line"),
        (b"text\n\n", "does not end with a signature"),
        (SIGNED[:-1], "does not end with a signature"),
        (b"text\xff\n\n" + LINE.encode(), "not UTF-8"),
        (b"te\txt\n\n" + LINE.encode(), "control characters"),
        (b"te\rxt\n\n" + LINE.encode(), "control characters"),
        (b"text\n\n" + LINE.encode() + b"more\n", "is no signature line"),
        (b"text\n\n" + LINE.encode() + b"\n", "does not end with a signature"),
        ("text\n\n— a\n".encode(), "is no signature line"),
        ("text\n\n—  AAAAAAA=\n".encode(), "is no name of a key"),
        ("text\n\n— a+b AAAAAAA=\n".encode(), "is no name of a key"),
        ("text\n\n— a\u00a0b AAAAAAA=\n".encode(), "is no name of a key"),
        ("text\n\n— a AAAA=\n".encode(), "base64"),
        ("text\n\n— a AAAAAA==\n".encode(), "is too short"),
        ("text\n\n— a AAAAAAB=\n".encode(), "not spelt as base64"),
        ("text\n\n— a AAAA AAA=\n".encode(), "base64"),
        ("text\n\n— a AAAAAAA\n".encode(), "base64"),
        (b"text\n\n- a AAAAAAA=\n", "is no signature line"),
        (b"text\n\n" + LINE.encode() * 101, "more than 100"),
        (b"x" * (1 << 20) + SIGNED, "longer than"),
    ],
)
def test_what_is_no_note_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        note.parse(raw)


@pytest.mark.parametrize(
    "vkey",
    [
        *("", "a", "a+b", "a+c74f20a3", VKEY + "=", VKEY[:-1], " " + VKEY),
        VKEY.replace("c74f20a3", "C74F20A3"),
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("Peter", "Petra"),
        VKEY.replace("PeterNeumann", ""),
        VKEY.replace("+AR", "+Ag"),
        VKEY.replace("TW", "TX"),
        SECRET,
    ],
)
def test_what_is_no_public_key_is_refused(vkey: str) -> None:
    with pytest.raises(Malformed):
        note.parse_verifier(vkey)


@pytest.mark.parametrize(
    "secret",
    [
        VKEY,
        SECRET[:-1],
        SECRET.replace("c74f20a3", "c74f20a4"),
        "PRIVATE+KEY+",
        SECRET * 2,
    ],
)
def test_what_is_no_private_key_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(Malformed) as caught:
        note.parse_signing(secret)
    assert "AYEKFALVFGyNhPJEMzD1QIDr" not in str(caught.value)


def test_a_new_key_has_a_seed_of_its_own() -> None:
    one, two = (note.generate("iku.test/log", Algorithm.NOTE) for _ in range(2))
    assert one.seed != two.seed
    assert note.parse_signing(one.secret) == one
    with pytest.raises(Malformed):
        note.generate("a name", Algorithm.NOTE)
