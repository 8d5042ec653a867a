"""A text decrypts only at its own place, with its own key."""

import json
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from iku.vault import sealing
from iku.vault.files import FileReference, Files
from iku.vault.sealing import DataKey, KeyOwner, TextDamaged, TextLocation

PLACE = TextLocation("conflict-K01", 1, "title", "conflict-K01")
KEY = DataKey(UUID(int=7), b"k" * 32)
OWNER = KeyOwner("conflict-K01", "conflict-K01", "2026-11")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(texts)
def test_what_was_sealed_opens_to_the_same_text(text: str) -> None:
    kept = sealing.secret(PLACE, text)
    sealed = sealing.seal(kept, KEY)
    assert sealing.unseal(PLACE, kept.commitment, sealed, KEY) == (text, kept.salt)
    assert text.encode() not in sealed or len(text) < 8


@given(texts, texts)
def test_of_its_length_a_sealed_text_tells_only_whole_blocks(a: str, b: str) -> None:
    sizes = [len(sealing.seal(sealing.secret(PLACE, t), KEY)) for t in (a, b)]
    blocks = [-(-len(json.dumps(t, ensure_ascii=False).encode()) // 64) for t in (a, b)]
    if blocks[0] == blocks[1]:
        assert len(sealing.encode_padded(a)) == len(sealing.encode_padded(b))
        assert sizes[0] == sizes[1]
    assert all(len(sealing.encode_padded(t)) % 64 == 0 for t in (a, b))


def test_the_same_text_is_never_committed_to_or_sealed_alike() -> None:
    kept = [sealing.secret(PLACE, "Budi") for _ in range(50)]
    assert len({one.commitment for one in kept}) == 50
    assert len({sealing.seal(kept[0], KEY) for _ in range(50)}) == 50


@pytest.mark.parametrize("length", [0, 31, 33, 40])
def test_a_commitment_to_a_second_text_is_refused_by_the_length_of_the_salt(
    length: int,
) -> None:
    kept = sealing.secret(PLACE, "Budi Santoso")
    both = kept.salt + kept.plain
    with pytest.raises(
        TextDamaged, match=f"the salt has {length} bytes, but must have 32"
    ):
        sealing.commitment(PLACE, both[:length], both[length:])


@pytest.mark.parametrize(
    "other",
    [
        PLACE._replace(stream="conflict-K02"),
        PLACE._replace(version=2),
        PLACE._replace(field="note"),
        PLACE._replace(subject="conflict-K02"),
    ],
)
def test_a_text_that_was_moved_does_not_open(other: TextLocation) -> None:
    kept = sealing.secret(PLACE, "Budi")
    sealed = sealing.seal(kept, KEY)
    with pytest.raises(TextDamaged):
        sealing.unseal(other, kept.commitment, sealed, KEY)
    # Not even with a commitment recomputed for the other place.
    moved = sealing.commitment(other, kept.salt, kept.plain)
    assert moved != kept.commitment
    with pytest.raises(TextDamaged):
        sealing.unseal(other, moved, sealed, KEY)


def test_another_text_sealed_at_the_place_is_not_what_was_committed_to() -> None:
    kept, other = sealing.secret(PLACE, "Budi"), sealing.secret(PLACE, "Siti")
    with pytest.raises(TextDamaged, match="does not match its commitment"):
        sealing.unseal(PLACE, kept.commitment, sealing.seal(other, KEY), KEY)


@pytest.mark.parametrize(
    "key", [DataKey(UUID(int=8), KEY.bytes), DataKey(KEY.id, b"x" * 32)]
)
def test_another_key_does_not_open_it(key: DataKey) -> None:
    kept = sealing.secret(PLACE, "Budi")
    with pytest.raises(TextDamaged):
        sealing.unseal(PLACE, kept.commitment, sealing.seal(kept, KEY), key)


def test_one_flipped_bit_anywhere_is_found() -> None:
    kept = sealing.secret(PLACE, "Budi")
    sealed = sealing.seal(kept, KEY)
    for place in range(len(sealed)):
        other = bytearray(sealed)
        other[place] ^= 1
        with pytest.raises(TextDamaged):
            sealing.unseal(PLACE, kept.commitment, bytes(other), KEY)
    for short in (b"", sealed[:5], sealed[:-1]):
        with pytest.raises(TextDamaged):
            sealing.unseal(PLACE, kept.commitment, short, KEY)


@pytest.mark.parametrize(
    ("owner", "outer", "key_id"),
    [
        (OWNER._replace(stream="conflict-K02"), b"o" * 32, KEY.id),
        (OWNER._replace(subject="somebody"), b"o" * 32, KEY.id),
        (OWNER._replace(epoch="2026-12"), b"o" * 32, KEY.id),
        (OWNER, b"p" * 32, KEY.id),
        (OWNER, b"o" * 32, UUID(int=8)),
    ],
)
def test_a_wrapped_key_is_bound_to_whose_it_is(
    owner: KeyOwner, outer: bytes, key_id: UUID
) -> None:
    wrapped = sealing.wrap(KEY, OWNER, b"o" * 32)
    assert len(wrapped) == 60
    assert sealing.unwrap(KEY.id, wrapped, OWNER, b"o" * 32) == KEY
    with pytest.raises(TextDamaged):
        sealing.unwrap(key_id, wrapped, owner, outer)


def test_no_two_lists_of_parts_have_one_context() -> None:
    assert sealing.context(b"l", "ab", "c") != sealing.context(b"l", "a", "bc")
    assert sealing.context(b"l", "ab") != sealing.context(b"l", "ab", "")
    assert sealing.context(b"l\0", "é") == b"l\0\x00\x02\xc3\xa9"


# The documented vectors, computed independently of the program.

PAGE = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text("utf-8")


def vector() -> dict[str, Any]:
    [block] = re.findall(r"```json sealing\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = json.loads(block)
    return found


def _context(label: str, *parts: str) -> bytes:
    made = label.encode() + b"\0"
    for part in parts:
        made += len(part.encode()).to_bytes(2, "big") + part.encode()
    return made


def test_a_stranger_computes_the_documented_vectors_from_the_page_alone() -> None:
    v = vector()
    padded = json.dumps(v["text"], ensure_ascii=False).encode()
    padded += b" " * (-len(padded) % 64)
    salt, dek = bytes.fromhex(v["salt"]), bytes.fromhex(v["dek_bytes"])
    at = (v["event"], v["field"], v["subject"])
    made = sha256(_context("iku/text/v1", *at) + salt + padded)
    assert made.hexdigest() == v["commitment"]
    nonce = bytes.fromhex(v["nonce"])
    bound = _context("iku/seal/v1", *at, v["dek"])
    sealed = nonce + AESGCM(dek).encrypt(nonce, salt + padded, bound)
    assert sealed.hex() == v["sealed"]
    bound = _context("iku/dek/v1", v["epoch"], v["stream"], v["subject"], v["dek"])
    kek = bytes.fromhex(v["kek_bytes"])
    assert (nonce + AESGCM(kek).encrypt(nonce, dek, bound)).hex() == v["wrapped"]
    key, content = bytes.fromhex(v["file_key"]), bytes.fromhex(v["file_content"])
    bound = _context("iku/file/v1", v["file"])
    filed = nonce + AESGCM(key).encrypt(nonce, content, bound)
    assert filed.hex() == v["file_sealed"]


def test_the_program_opens_the_documented_file(tmp_path: Path) -> None:
    v = vector()
    path = tmp_path / f"{v['file']}.sealed"
    path.write_bytes(bytes.fromhex(v["file_sealed"]))
    filed = FileReference(UUID(v["file"]), bytes.fromhex(v["file_key"]))
    assert Files(tmp_path).get(filed) == bytes.fromhex(v["file_content"])


def test_the_program_agrees_with_the_documented_vectors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    v = vector()
    stream, _, version = v["event"].rpartition("/")
    place = TextLocation(stream, int(version), v["field"], v["subject"])
    drawn = {32: bytes.fromhex(v["salt"]), 12: bytes.fromhex(v["nonce"])}
    monkeypatch.setattr(os, "urandom", drawn.__getitem__)
    kept = sealing.secret(place, v["text"])
    key = DataKey(UUID(v["dek"]), bytes.fromhex(v["dek_bytes"]))
    assert kept.commitment == v["commitment"]
    assert sealing.seal(kept, key).hex() == v["sealed"]
    owner = KeyOwner(v["stream"], v["subject"], v["epoch"])
    assert sealing.wrap(key, owner, bytes.fromhex(v["kek_bytes"])).hex() == v["wrapped"]
