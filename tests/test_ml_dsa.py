"""`iku-verify` verifies ML-DSA-44 as FIPS 204 and `cryptography` (OpenSSL) do.

Under a public key whose t1 is 0, anybody can sign: the challenge no longer matters. So
a test can make a signature that breaks one rule only, and whose hash is right.
"""

import hashlib
import random
from itertools import pairwise

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
)

import iku_verify
from iku_verify import BETA, GAMMA_1, GAMMA_2, OMEGA, Poly, Q
from tests.samples import examples

MESSAGE = b"a message"
OPEN_KEY = bytes(range(32)) + bytes(1_280)  # rho, and t1 = 0
NO_HINTS = bytes(OMEGA + 4)
Z = random.Random(1)


def accepted(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `iku_verify` accepts; OpenSSL must say the same."""
    ours = iku_verify.ml_dsa_verify(public, message, signature)
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
        theirs = True
    except (InvalidSignature, ValueError):
        theirs = False
    assert ours == theirs
    return ours


def response(**changed: int) -> list[Poly]:
    """A response z of small random coefficients; ``z2_17`` changes one of them."""
    z = [[Z.randrange(-99, 100) for _ in range(256)] for _ in range(4)]
    for name, value in changed.items():
        row, _, at = name[1:].partition("_")
        z[int(row)][int(at)] = value
    return z


def forged(z: list[Poly], hints: bytes = NO_HINTS) -> bytes:
    """A signature of `MESSAGE` under `OPEN_KEY`, whose hash is right.

    *hints* are written as they are given, and read without a check.
    """
    products = iku_verify.matrix_vector_ntt(
        [row[:4] for row in iku_verify.pk_decode(OPEN_KEY)],
        list(map(iku_verify.ntt, z)),
    )
    ends = [0, *hints[OMEGA:]]
    w1 = b"".join(
        iku_verify.w1_encode(
            iku_verify.use_hint(hints[first:end], iku_verify.inverse_ntt(product))
        )
        for (first, end), product in zip(pairwise(ends), products, strict=True)
    )
    mu = hashlib.shake_256(
        hashlib.shake_256(OPEN_KEY).digest(64) + b"\0\0" + MESSAGE
    ).digest(64)
    packed = b"".join(
        sum((GAMMA_1 - x) << 18 * at for at, x in enumerate(one)).to_bytes(
            576, "little"
        )
        for one in z
    )
    return hashlib.shake_256(mu + w1).digest(32) + packed + hints


def hints(places: bytes, *ends: int) -> bytes:
    """Hints as FIPS 204 packs them: the places, and where each polynomial's end."""
    return places.ljust(OMEGA, b"\0") + bytes(ends)


def test_what_openssl_signs_is_valid_and_another_message_is_not() -> None:
    for number in range(10):
        key = MLDSA44PrivateKey.generate()
        public, message = key.public_key().public_bytes_raw(), bytes(number * 97)
        signature = key.sign(message)
        assert accepted(public, message, signature)
        assert not accepted(public, message + b"x", signature)
        other = MLDSA44PrivateKey.generate().public_key().public_bytes_raw()
        assert not accepted(other, message, signature)


def test_a_signature_for_a_context_is_none_without_it() -> None:
    key = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    public = key.public_key().public_bytes_raw()
    assert not accepted(public, MESSAGE, key.sign(MESSAGE, b"context"))
    assert iku_verify.verify_internal(
        public, b"\0\7context" + MESSAGE, key.sign(MESSAGE, b"context")
    )


def test_a_forgery_under_a_key_without_a_secret_is_valid() -> None:
    assert accepted(OPEN_KEY, MESSAGE, forged(response()))
    assert accepted(
        OPEN_KEY, MESSAGE, forged(response(), hints(b"\1\2\2\3", 2, 2, 4, 4))
    )
    full = hints(bytes(range(OMEGA)), 20, 40, 60, OMEGA)
    assert accepted(OPEN_KEY, MESSAGE, forged(response(), full))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", ["z0_0", "z1_17", "z2_128", "z3_255"])
def test_a_response_reaches_up_to_the_norm_bound_and_no_further(
    place: str, sign: int
) -> None:
    bound = GAMMA_1 - BETA
    most = forged(response(**{place: sign * (bound - 1)}))
    assert accepted(OPEN_KEY, MESSAGE, most)
    for above in (bound, bound + 1, GAMMA_1 - 1):
        signature = forged(response(**{place: sign * above}))
        assert not accepted(OPEN_KEY, MESSAGE, signature)


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(hints(b"\1\2", 2, 1, 2, 2), id="the ends fall"),
        pytest.param(hints(b"\1\2", 2, 2, 2, 0), id="the last end falls"),
        pytest.param(
            hints(bytes(range(OMEGA)), *[OMEGA + 1] * 4), id="an end above 80"
        ),
        pytest.param(hints(b"", 0, 0, 0, OMEGA + 1), id="the last end is above 80"),
        pytest.param(hints(b"", 0, 0, 0, 255), id="the last end is 255"),
        pytest.param(hints(b"\2\1", 2, 2, 2, 2), id="the places fall"),
        pytest.param(hints(b"\1\1", 2, 2, 2, 2), id="a place stands twice"),
        pytest.param(hints(b"\1\2\4\3", 2, 2, 4, 4), id="they fall in a later row"),
        pytest.param(hints(b"\1\2\3", 2, 2, 2, 2), id="the padding begins with 3"),
        pytest.param(hints(b"\1".rjust(OMEGA, b"\0"), 0, 0, 0, 0), id="it ends with 1"),
    ],
)
def test_hints_in_another_encoding_are_refused(malformed: bytes) -> None:
    assert iku_verify.hint_bit_unpack(malformed) is None
    assert not accepted(OPEN_KEY, MESSAGE, forged(response(), malformed))


def test_a_signature_or_a_key_of_another_length_is_refused() -> None:
    signature = forged(response())
    assert accepted(OPEN_KEY, MESSAGE, signature)
    for wrong in (b"", signature[:-1], signature + b"\0", signature[1:], signature * 2):
        assert not accepted(OPEN_KEY, MESSAGE, wrong)
    key = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    public, signature = key.public_key().public_bytes_raw(), key.sign(MESSAGE)
    for shorter_or_longer in (b"", public[:-1], public + b"\0", public[1:]):
        assert not accepted(shorter_or_longer, MESSAGE, signature)


# FIPS 204, algorithms 36 and 40: a coefficient, its parts, and the high part by a hint.
EDGES = [
    (0, (0, 0), 43),
    (1, (0, 1), 1),
    (GAMMA_2, (0, GAMMA_2), 1),
    (GAMMA_2 + 1, (1, 1 - GAMMA_2), 0),
    (2 * GAMMA_2, (1, 0), 0),
    (Q - 1 - GAMMA_2, (43, GAMMA_2), 0),
    (Q - GAMMA_2, (0, -GAMMA_2), 43),
    (Q - 1, (0, -1), 43),
]


@pytest.mark.parametrize(("r", "parts", "hinted"), EDGES)
def test_a_coefficient_is_split_at_the_edges_as_fips_204_splits_it(
    r: int, parts: tuple[int, int], hinted: int
) -> None:
    assert iku_verify.decompose(r) == parts
    assert iku_verify.high_bits([r]) == [parts[0]]
    assert iku_verify.use_hint(b"\0", [r]) == [hinted]


def test_random_and_mutated_signatures_are_judged_as_openssl_judges_them() -> None:
    chance = random.Random(204)
    key = MLDSA44PrivateKey.from_seed_bytes(chance.randbytes(32))
    public = key.public_key().public_bytes_raw()
    signatures = [key.sign(MESSAGE) for _ in range(4)]
    verdicts = [accepted(public, MESSAGE, one) for one in signatures]
    for _ in range(examples(200, 60)):
        mutated = bytearray(chance.choice(signatures))
        start = chance.choice((0, 32, 32, 2_336, 2_336))  # challenge, response, hints
        mutated[chance.randrange(start, len(mutated))] ^= 1 << chance.randrange(8)
        verdicts.append(accepted(public, MESSAGE, bytes(mutated)))
    for _ in range(examples(20, 6)):
        verdicts.append(accepted(public, MESSAGE, chance.randbytes(2_420)))
        changed = bytearray(public)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        verdicts.append(accepted(bytes(changed), MESSAGE, signatures[0]))
    assert verdicts.count(True) == len(signatures)


def test_random_hints_are_judged_as_openssl_judges_them() -> None:
    chance = random.Random(80)
    verdicts = []
    for _ in range(examples(120, 40)):
        ends = sorted(chance.randrange(5) for _ in range(4))
        if chance.random() < 0.2:
            chance.shuffle(ends)
        places = bytes(chance.randrange(9) for _ in range(ends[-1]))
        padded = places + bytes([chance.random() < 0.1])
        signature = forged(response(), hints(padded, *ends))
        verdicts.append(accepted(OPEN_KEY, MESSAGE, signature))
    assert len(verdicts) / 6 < verdicts.count(True) < len(verdicts) * 5 / 6
