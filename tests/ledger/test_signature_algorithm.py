"""ML-DSA-44 cosignatures (C2SP tlog-cosignature, type 0x06), held by both programs.

The bytes are built here from the specification's structures, apart from the program.
"""

import struct
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

import iku_verify
from iku.ledger import checkpoint, note, policy
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import (
    Algorithm,
    Malformed,
    Note,
    Signature,
    SigningKey,
    Unverified,
    VerifierKey,
)
from tests.ledger.test_note import log_key, ml_dsa_key, witness_key
from tests.ledger.test_proof_building import ROOT

TIME = 1_700_000_000
SIGNED = Checkpoint("iku.test/log", 9, ROOT[9])
LOG, KEY = log_key(), ml_dsa_key()
KEPT = Path(__file__).with_name("ml_dsa_cosigned.note")


def cosigned_message(name: str, time: int, signed: Checkpoint, start: int = 0) -> bytes:
    """The specification's structure of this name."""
    cosigner, origin = name.encode(), signed.origin.encode()
    form = f">12sB{len(cosigner)}sQB{len(origin)}sQQ32s"
    return struct.pack(
        *(form, b"subtree/v1\n\0", len(cosigner), cosigner, time),
        *(len(origin), origin, start, signed.size, signed.root),
    )


def timestamped(key: SigningKey, time: int, message: bytes) -> Signature:
    """A signature line of *message*, which `cryptography` signs."""
    signed = MLDSA44PrivateKey.from_seed_bytes(key.seed).sign(message)
    payload = struct.pack(">Q2420s", time, signed)
    return Signature(key.name, key.verifier.key_id, payload)


def holds(key: VerifierKey, text: str, line: Signature) -> bool:
    """Whether this program accepts a cosignature; iku-verify must say the same."""
    whole = Note(text, (LOG.sign(text), line))
    try:
        [found] = note.verify(whole, [key])
        ours = found.signature == line
    except Unverified:
        ours = False
    trusted = iku_verify.read_policy(
        f"log {LOG.verifier}\nwitness W {key}\nquorum W\n".encode()
    )
    one = iku_verify.read_checkpoint(str(whole).encode(), "it")
    try:
        [cosignature] = trusted.check_signed(one, "it")
        theirs = cosignature.time == found.time
    except iku_verify.Finding:
        theirs = False
    assert ours == theirs
    return ours


def test_what_we_sign_is_the_message_of_the_specification() -> None:
    line = KEY.sign(SIGNED.text, TIME)
    time, signature = struct.unpack(">Q2420s", line.payload)
    assert time == TIME
    message = cosigned_message("saksi.test", TIME, SIGNED)
    public = MLDSA44PrivateKey.from_seed_bytes(KEY.seed).public_key()
    public.verify(signature, message)
    assert iku_verify.ml_dsa_verify(public.public_bytes_raw(), message, signature)


def test_what_the_specification_says_to_sign_is_accepted() -> None:
    message = cosigned_message("saksi.test", TIME, SIGNED)
    assert holds(KEY.verifier, SIGNED.text, timestamped(KEY, TIME, message))


@pytest.mark.parametrize(
    "message",
    [
        cosigned_message("saksi.tesu", TIME, SIGNED),
        cosigned_message("saksi.test", TIME + 1, SIGNED),
        cosigned_message("saksi.test", TIME, Checkpoint("iku.test/lok", 9, ROOT[9])),
        cosigned_message("saksi.test", TIME, Checkpoint("iku.test/log", 8, ROOT[9])),
        cosigned_message("saksi.test", TIME, Checkpoint("iku.test/log", 9, ROOT[8])),
        cosigned_message("saksi.test", TIME, SIGNED, start=1),
        cosigned_message("saksi.test", TIME, SIGNED)[1:],
        f"cosignature/v1\ntime {TIME}\n{SIGNED.text}".encode(),
        SIGNED.text.encode(),
    ],
)
def test_a_cosignature_covers_name_time_origin_size_and_root(message: bytes) -> None:
    assert not holds(KEY.verifier, SIGNED.text, timestamped(KEY, TIME, message))


def test_a_cosignature_of_another_length_is_wrong() -> None:
    right = KEY.sign(SIGNED.text, TIME)
    assert holds(KEY.verifier, SIGNED.text, right)
    for payload in (
        *(right.payload[:-1], right.payload + b"\0", right.payload[:8]),
        *(right.payload[:7], b"\0", witness_key().sign(SIGNED.text, TIME).payload),
    ):
        wrong = Signature(right.name, right.key_id, payload)
        assert not holds(KEY.verifier, SIGNED.text, wrong)


def test_signing_is_hedged_so_that_no_two_lines_are_alike() -> None:
    one, two = (KEY.sign(SIGNED.text, TIME) for _ in range(2))
    assert one.line != two.line
    assert one.key_id == two.key_id
    # Of two lines by one key, the first counts, however they differ.
    [found] = note.verify(Note(SIGNED.text, (one, two)), [KEY.verifier])
    assert found.signature == one


def test_a_key_has_the_text_form_and_the_id_of_the_specification() -> None:
    public = MLDSA44PrivateKey.from_seed_bytes(KEY.seed).public_key().public_bytes_raw()
    key_id = sha256(b"saksi.test\n\x06" + public).hexdigest()[:8]
    vkey = f"saksi.test+{key_id}+{b64encode(bytes([6]) + public).decode()}"
    assert str(KEY.verifier) == vkey
    assert note.parse_verifier(vkey) == KEY.verifier
    assert note.parse_signing(KEY.secret) == KEY
    assert b64decode(KEY.secret.rpartition("+")[2]) == bytes([6]) + KEY.seed
    for line in (KEY.sign(SIGNED.text, TIME).line, f"witness W {vkey}"):
        assert len(line.encode()) <= note.LONGEST_LINE == iku_verify.LINE


@pytest.mark.parametrize("length", [0, 31, 32, 33, 1_311, 1_313])
def test_a_public_key_of_another_length_is_refused(length: int) -> None:
    vkey = str(VerifierKey("w", Algorithm.COSIGNATURE_ML_DSA, bytes(length)))
    with pytest.raises(Malformed, match="has an unknown signature algorithm"):
        note.parse_verifier(vkey)
    with pytest.raises(iku_verify.Finding, match="has not the type of a "):
        iku_verify.read_policy(f"witness W {vkey}\nquorum W\n".encode())


def test_a_private_key_of_another_length_is_refused() -> None:
    for seed in (b"", KEY.seed[1:], KEY.seed + b"\0", KEY.verifier.public):
        spelt = b64encode(bytes([6]) + seed).decode()
        secret = f"PRIVATE+KEY+saksi.test+{KEY.verifier.key_id.hex()}+{spelt}"
        with pytest.raises(Malformed, match="has an unknown signature algorithm"):
            note.parse_signing(secret)


def test_no_log_signs_with_the_key_of_a_witness() -> None:
    for key in (KEY.verifier, witness_key().verifier):
        with pytest.raises(Malformed, match="has signature algorithm"):
            policy.parse(f"log {key}\nquorum none".encode())
        with pytest.raises(iku_verify.Finding, match="has not the type of a "):
            iku_verify.read_policy(f"log {key}\nquorum none\n".encode())


@pytest.mark.parametrize("length", [1, 255])
def test_a_name_has_up_to_255_bytes(length: int) -> None:
    key = ml_dsa_key("w" * length)
    assert holds(key.verifier, SIGNED.text, key.sign(SIGNED.text, TIME))
    accented = ml_dsa_key("\u00e9" * (length // 2) + "w")
    assert holds(accented.verifier, SIGNED.text, accented.sign(SIGNED.text, TIME))


def test_an_origin_of_more_than_255_bytes_cannot_be_cosigned() -> None:
    longest, longer = (Checkpoint("o" * n, 9, ROOT[9]) for n in (255, 256))
    log = log_key("o" * 255)
    text = longest.text
    read = note.parse(str(Note(text, (KEY.sign(text, TIME), log.sign(text)))).encode())
    assert note.verify(read, [KEY.verifier])
    one = iku_verify.read_checkpoint(str(read).encode(), "it")
    known = iku_verify.Key(KEY.name, 6, KEY.verifier.public)
    assert known.verifies(one, read.signatures[0].payload)
    with pytest.raises(Malformed, match="origin is longer than 255 bytes"):
        KEY.sign(longer.text, TIME)
    wrong = Note(longer.text, read.signatures)
    with pytest.raises(Unverified, match="is not valid"):
        note.verify(wrong, [KEY.verifier])
    one = iku_verify.read_checkpoint(str(wrong).encode(), "it")
    assert not known.verifies(one, read.signatures[0].payload)


def test_what_is_no_checkpoint_is_not_cosigned() -> None:
    with pytest.raises(Malformed, match="a checkpoint has three lines"):
        KEY.sign("a text\n", TIME)
    line = KEY.sign(SIGNED.text, TIME)
    with pytest.raises(Unverified, match="is not valid"):
        note.verify(Note("a text\n", (line,)), [KEY.verifier])


def test_extension_lines_are_not_covered() -> None:
    extended = Checkpoint("iku.test/log", 9, ROOT[9], ("more",))
    line = KEY.sign(SIGNED.text, TIME)
    assert note.verify(Note(extended.text, (line,)), [KEY.verifier])
    ed25519 = witness_key()
    covered = ed25519.sign(SIGNED.text, TIME)
    with pytest.raises(Unverified):
        note.verify(Note(extended.text, (covered,)), [ed25519.verifier])


def test_the_time_0_states_no_time_and_makes_no_quorum() -> None:
    spelt = f"log {LOG.verifier}\nwitness W {KEY.verifier}\nquorum W\n".encode()
    text = SIGNED.text
    for time, quorum in ((0, False), (1, True), (TIME, True)):
        whole = Note(text, (LOG.sign(text), KEY.sign(text, time)))
        judged = policy.judge(policy.parse(spelt), whole)
        assert (len(judged.cosigned), judged.quorum) == (1, quorum)
        trusted, report = iku_verify.read_policy(spelt), iku_verify.Report()
        one = iku_verify.read_checkpoint(str(whole).encode(), "it")
        iku_verify.check_trusted(one, trusted, report)
        assert bool(report.lacking) is not quorum
        assert (report.newest is None) is (time == 0)


def test_a_time_that_cannot_be_is_refused() -> None:
    for time in (2**63, 2**64 - 1):
        message = cosigned_message("saksi.test", time, SIGNED)
        assert not holds(KEY.verifier, SIGNED.text, timestamped(KEY, time, message))


def test_a_note_takes_the_cosignatures_of_16_witnesses() -> None:
    keys = [ml_dsa_key(f"{n:0255}", n) for n in range(16)]
    lines = [key.sign(SIGNED.text, TIME) for key in keys]
    whole = str(Note(SIGNED.text, (LOG.sign(SIGNED.text), *lines))).encode()
    read = note.parse(whole)
    assert len(note.verify(read, [key.verifier for key in keys])) == 16
    assert len(iku_verify.read_checkpoint(whole, "it").signatures) == 17


def test_a_cosignature_that_was_made_once_stays_valid() -> None:
    """The kept note was cosigned by `ml_dsa_key` in November 2026."""
    raw = KEPT.read_bytes()
    read = note.parse(raw)
    assert str(read).encode() == raw
    assert checkpoint.parse(read.text) == SIGNED
    assert holds(KEY.verifier, read.text, read.signatures[1])
