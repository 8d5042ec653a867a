"""Verification of inclusion and consistency proofs, by the algorithms of RFC 9162.

It shares no code with `proof_building`, so that the same error cannot be in both.
"""

from collections.abc import Sequence
from hashlib import sha256

from iku.messages import message

LENGTH = 32  # bytes of a hash
EMPTY = sha256(b"").digest()


class InvalidProof(Exception):
    """The proof does not verify; the message states the difference."""


def check_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that the leaf hash is at *index* in the tree of *size* with *root*.

    RFC 9162, section 2.1.3.2.

    Raises:
        InvalidProof: The proof fails, is too short or is too long.
    """
    if not 0 <= index < size:  # 1; checked first: the loop accepts any index
        raise InvalidProof(
            message(
                "leaf index {index} is outside the tree of size {size}",
                index=index,
                size=size,
            )
        )
    _refuse_bad_length([leaf, root, *proof])
    fn, sn = index, size - 1  # 2
    r = leaf  # 3
    for p in proof:  # 4
        if sn == 0:
            raise _too_long_error(proof)
        if fn & 1 or fn == sn:
            r = _node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = _node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:  # 5
        raise _too_short_error(proof)
    _check_equal("root", root, r)


def _too_long_error(proof: Sequence[bytes]) -> InvalidProof:
    return InvalidProof(
        message(
            "the proof has {found} hashes, which is more than its tree sizes require",
            found=len(proof),
        )
    )


def _too_short_error(proof: Sequence[bytes]) -> InvalidProof:
    return InvalidProof(
        message(
            "the proof has {found} hashes, which is fewer than its tree sizes require",
            found=len(proof),
        )
    )


def check_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that the tree of *old* leaves is a prefix of the tree of *new* leaves.

    RFC 9162, section 2.1.4.2, which requires 0 < old < new. If *old* is 0 or equals
    *new*, the proof must be empty.

    Raises:
        InvalidProof: The proof fails, is too short or is too long.
    """
    if not 0 <= old <= new:
        raise InvalidProof(
            message(
                "a tree of {new} leaves cannot be consistent with an older tree of "
                "{old} leaves",
                new=new,
                old=old,
            )
        )
    _refuse_bad_length([old_root, new_root, *proof])
    if old in {0, new}:
        _check_trivial(old, old_root, new, new_root, proof)
    else:
        _check_growth(old, old_root, new, new_root, proof)


def _check_trivial(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise _too_long_error(proof)
    if old == 0:
        _check_equal("old root", EMPTY, old_root)
    if old == new:
        _check_equal("root", old_root, new_root)


def _check_growth(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if not proof:  # 1
        raise _too_short_error(proof)
    path = list(proof) if old & (old - 1) else [old_root, *proof]  # 2
    fn, sn = old - 1, new - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]  # 5
    for c in path[1:]:  # 6
        if sn == 0:
            raise _too_long_error(proof)
        if fn & 1 or fn == sn:
            fr, sr = _node_hash(c, fr), _node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn:  # 7
        raise _too_short_error(proof)
    _check_equal("old root", old_root, fr)
    _check_equal("new root", new_root, sr)


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _check_equal(name: str, expected: bytes, found: bytes) -> None:
    if expected != found:
        raise InvalidProof(
            message(
                "{name}: expected {expected}, found {found}",
                name=name,
                expected=expected.hex(),
                found=found.hex(),
            )
        )


def _refuse_bad_length(hashes: Sequence[bytes]) -> None:
    for one in hashes:
        if len(one) != LENGTH:
            raise InvalidProof(
                message(
                    "the hash has {found} bytes, but must have {length}",
                    found=len(one),
                    length=LENGTH,
                )
            )
