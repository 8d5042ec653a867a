"""Notes are parsed strictly by C2SP signed-note."""

import pytest

from iku.ledger import note, signature_algorithm
from iku.ledger.note import (
    Algorithm,
    Malformed,
    Note,
    SigningKey,
    Unverified,
    VerifierKey,
)

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


def ml_dsa_key(name: str = "saksi.test", seed: int = 3) -> SigningKey:
    return SigningKey(name, Algorithm.COSIGNATURE_ML_DSA, bytes([seed]) * 32)


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
    with pytest.raises(Unverified, match="the signature by other"):
        note.verify(signed, [key.verifier, other.verifier])


def test_of_two_signatures_by_one_key_the_first_counts() -> None:
    key = log_key()
    good, bad = key.sign(TEXT), key.sign(TEXT + "x")
    assert len(note.verify(Note(TEXT, (good, bad)), [key.verifier])) == 1
    with pytest.raises(Unverified, match="is not valid"):
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
        (b"text\n\n" + LINE.encode() + b"more\n", "is not a signature line"),
        (b"text\n\n" + LINE.encode() + b"\n", "does not end with a signature"),
        ("text\n\n— a\n".encode(), "is not a signature line"),
        ("text\n\n—  AAAAAAA=\n".encode(), "is not a key name"),
        ("text\n\n— a+b AAAAAAA=\n".encode(), "is not a key name"),
        ("text\n\n— a\u00a0b AAAAAAA=\n".encode(), "is not a key name"),
        ("text\n\n— a AAAA=\n".encode(), "base64"),
        ("text\n\n— a AAAAAA==\n".encode(), "must have more than 4"),
        ("text\n\n— a AAAAAAB=\n".encode(), "not canonical base64"),
        ("text\n\n— a AAAA AAA=\n".encode(), "base64"),
        ("text\n\n— a AAAAAAA\n".encode(), "base64"),
        (b"text\n\n- a AAAAAAA=\n", "is not a signature line"),
        (b"text\n\n" + LINE.encode() * 101, "more than 100"),
        (
            b"text\n\n" + LINE.encode().replace(b"x08", b"A" * 4_096),
            "a line of the note",
        ),
        (
            b"text\n\n" + LINE.encode().replace(b"Neu", b"e" * 250),
            "name of a key is lon",
        ),
        (b"x\n" * (1 << 15) + SIGNED, "the note is longer than 65536 bytes"),
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


P = 2**255 - 19
# The y-coordinates of points whose order divides 8, as published with RFC 7748's curve.
ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
Y_8 = int.from_bytes(bytes.fromhex(ORDER_8), "little")


def weak_keys() -> dict[str, bytes]:
    """Public keys: no points, not in their one encoding, or of small order."""
    found = {}
    for name, y in (("1", 1), ("2", P - 1), ("4", 0), ("8", Y_8), ("8'", P - Y_8)):
        for sign in (0, 1):
            encoded = (y | sign << 255).to_bytes(32, "little")
            found[f"order {name}, sign {sign}"] = encoded
    for y in range(19):  # of these, no y and y + p are in range but those below 19
        for sign in (0, 1):
            encoded = (y + P | sign << 255).to_bytes(32, "little")
            found[f"y = {y} + p, sign {sign}"] = encoded
    found["not on the curve"] = (2).to_bytes(32, "little")
    return found


def vkey(public: bytes, algorithm: Algorithm, name: str = "weak.test") -> str:
    return str(VerifierKey(name, algorithm, public))


@pytest.mark.parametrize("public", weak_keys().values(), ids=weak_keys())
def test_a_weak_public_key_is_refused(public: bytes) -> None:
    for algorithm in (Algorithm.NOTE, Algorithm.COSIGNATURE):
        with pytest.raises(
            Malformed, match="not a canonically encoded Ed25519 point, or has small"
        ):
            note.parse_verifier(vkey(public, algorithm))


def test_a_key_that_somebody_made_is_not_weak() -> None:
    for seed in range(50):
        assert signature_algorithm.is_sound_point(log_key(seed=seed).verifier.public)


def test_a_time_that_cannot_be_is_refused() -> None:
    key = witness_key()
    for time, sound in ((2**63 - 1, True), (2**63, False), (2**64 - 1, False)):
        signed = Note(TEXT, (key.sign(TEXT, time),))
        if sound:
            [vouched] = note.verify(signed, [key.verifier])
            assert vouched.time == time
        else:
            with pytest.raises(Unverified, match="must be at most"):
                note.verify(signed, [key.verifier])


def test_a_new_key_has_a_seed_of_its_own() -> None:
    one, two = (
        note.generate_signing_key("iku.test/log", Algorithm.NOTE) for _ in range(2)
    )
    assert one.seed != two.seed
    assert note.parse_signing(one.secret) == one
    with pytest.raises(Malformed):
        note.generate_signing_key("a name", Algorithm.NOTE)
