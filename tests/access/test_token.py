from iku.access import token


def test_a_token_has_256_random_bits() -> None:
    """ASVS 7.2.3."""
    made = {token.generate() for _ in range(1_000)}
    assert len(made) == 1_000
    assert {len(one) for one in made} == {43}


def test_a_token_matches_its_own_digest_only() -> None:
    one, other = token.generate(), token.generate()
    assert token.matches(one, token.digest(one))
    assert not token.matches(other, token.digest(one))
    assert one.encode() not in token.digest(one)
