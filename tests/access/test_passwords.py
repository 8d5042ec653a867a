import asyncio
from collections.abc import Iterable

import pytest
from argon2 import PasswordHasher
from zxcvbn.frequency_lists import (  # type: ignore[import-untyped]
    FREQUENCY_LISTS,
)

from iku.access import passwords
from iku.access.sign_in import FailedStep
from tests.access.enrolling import Office
from tests.samples import examples

IN_USE = passwords.HASHER  # a fixture makes those of the tests cheap
AGENCY = passwords.words_of(
    "Badan Kesatuan Bangsa dan Politik", "Bakesbangpol", "Kota Mojokerto", "IKU"
)


def refused(password: str, words: Iterable[str] = AGENCY) -> str:
    return str(passwords.password_fault(password, words) or "")


@pytest.mark.parametrize(
    "password",
    [
        "kucing hitam lari pagi",
        "ёжик в тумане гуляет",
        "密码必须足够长才能保护账户安全",
        "   x7   k9   q2   m4   ",
        "\N{GRINNING FACE}" * 64,
        "".join(chr(0x1F600 + n) for n in range(64)),
        "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}" * 64,
        "benar kuda baterai staples",
        "zq4v8n1x7c3b9m2",
        "r4nd0m; drop table access.account; --",
        "vzqkxw jhmpbn dfgtly".upper(),
    ],
)
def test_any_characters_make_a_password(password: str) -> None:
    """ASVS 6.2.5, 6.2.9, 6.2.10: no rule of composition, 64 characters at least."""
    assert refused(password) == ""


@pytest.mark.parametrize(
    ("length", "accepted"), [(14, False), (15, True), (128, True), (129, False)]
)
def test_a_password_has_15_to_128_characters(length: int, *, accepted: bool) -> None:
    """ASVS 6.2.1, 6.2.9."""
    text = ("zq4v8n1x7c3b9m2" * 9)[: length - 5] + "Ω≈ç√∫"
    said = refused(text)
    assert said == (
        ""
        if accepted
        else f"the password has {length} characters, but must have 15 to 128"
    )


def test_an_emoji_counts_as_one_character_and_so_does_an_accented_letter() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    assert passwords.count_characters(family) == 1
    assert passwords.count_characters("\N{WAVING HAND SIGN}\U0001f3fd") == 1
    assert passwords.count_characters("e\N{COMBINING ACUTE ACCENT}") == 1
    assert passwords.count_characters("aku") == 3


def test_a_password_of_thousands_of_accents_is_refused() -> None:
    accents = "\N{COMBINING ACUTE ACCENT}" * 3_000
    assert "6000 bytes" in refused(accents)


def test_the_3000_most_common_passwords_are_refused() -> None:
    """ASVS 6.2.4."""
    common = FREQUENCY_LISTS["passwords"][:3_000]
    assert all(refused(one) for one in common)
    assert all(one in common for one in ("123456", "password", "qwerty"))


def test_common_passwords_made_long_are_refused_too() -> None:
    """ASVS 6.2.4: repeated, or followed by a year, until they are long enough."""
    for common in FREQUENCY_LISTS["passwords"][: examples(150, 50)]:
        repeated = common * (15 // len(common) + 1)
        assert "too easy" in refused(repeated), repeated
        with_year = f"{common}{common}2021".ljust(15, "1")
        assert "too easy" in refused(with_year), with_year


@pytest.mark.parametrize(
    "password",
    [
        "mojokerto2021!!!",
        "mojokerto2021mojokerto2021",
        "Kota Mojokerto 2021",
        "m.o.j.o.k.e.r.t.o.2021",
        "M0j0kert0-2021-2022",
        "bakesbangpolmojokerto",
        "Bakesbangpol#2026",
        "BadanKesatuanBangsa",
        "bakesbangpolbakesbangpol",
        "kesatuan bangsa & politik",
    ],
)
def test_words_of_the_agency_are_refused(password: str) -> None:
    """ASVS 6.2.11."""
    assert "too easy" in refused(password)


def test_a_word_of_the_agency_may_be_part_of_a_long_password() -> None:
    assert refused("mojokerto vzqkxw jhmpbn") == ""


def test_a_password_is_refused_for_the_accounts_own_name() -> None:
    """ASVS 6.2.11."""
    words = AGENCY | passwords.words_of("siti.rahmawati")
    assert "too easy" in refused("siti.rahmawati.2021", words)
    assert "too easy" in refused("budi4budi4.2026", passwords.words_of("budi4"))


def test_hashes_take_the_time_and_memory_that_owasp_demands() -> None:
    """At least 19 MiB, twice."""
    assert IN_USE.memory_cost >= 19 * 1024
    assert IN_USE.time_cost >= 2


async def test_a_hash_is_verified_by_its_password_only() -> None:
    """ASVS 11.4.2."""
    stored = await passwords.hash_password("kucing hitam lari pagi")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, "kucing hitam lari pagi")
    assert not await passwords.verify(stored, "kucing hitam lari pagi ")
    assert not await passwords.verify(stored, "Kucing hitam lari pagi")
    assert not await passwords.verify("not a hash", "kucing hitam lari pagi")
    assert not await passwords.verify(stored, "k" * 5_000)
    assert not await passwords.verify(None, "")


async def test_a_password_is_the_same_however_it_is_composed() -> None:
    """NFC: a letter with an accent, and the letter followed by the accent."""
    stored = await passwords.hash_password(
        "caf\N{LATIN SMALL LETTER E WITH ACUTE} lima belas"
    )
    assert await passwords.verify(stored, "cafe\N{COMBINING ACUTE ACCENT} lima belas")


async def test_every_character_of_a_password_counts() -> None:
    """ASVS 6.2.8: neither truncated nor changed in case."""
    long = "zq4v8n1x7c3b9m2" * 8
    stored = await passwords.hash_password(long)
    assert not await passwords.verify(stored, long[:-1])
    assert not await passwords.verify(stored, long[:-1] + "3")


async def test_an_unknown_account_takes_the_same_verification(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 6.3.8: equal answers, and one Argon2 verification of equal parameters."""
    await office.enrolled()
    verified: list[str] = []
    real = passwords.HASHER

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            verified.append(str(hash).rsplit("$", 2)[0])
            return bool(real.verify(hash, password))

    cheap = Counting(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", cheap)
    passwords._dummy_hash.cache_clear()
    answers = [
        await office.password(name, "salah salah salah", f"198.51.100.{number}")
        for number, name in enumerate(("siti", "nobody", "not a name!", "x" * 500))
    ]
    assert len(verified) == 4
    assert len(set(verified)) == 1
    reasons = {one.reason for one in answers if isinstance(one, FailedStep)}
    assert reasons == {"the login name or the password is wrong"}
    assert all(isinstance(one, FailedStep) for one in answers)


async def test_a_hash_of_earlier_parameters_is_replaced_at_the_next_sign_in(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await office.enrolled()
    _, before = await passwords.of_account(office.connection, holder.account)
    await office.half_open()
    assert await passwords.of_account(office.connection, holder.account) == (
        *("siti", before),
    )
    stronger = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", stronger)
    await office.half_open()
    _, after = await passwords.of_account(office.connection, holder.account)
    assert after is not None
    assert "m=128,t=2" in after
    await office.half_open()


async def test_a_hash_that_was_replaced_meanwhile_is_not_overwritten(
    office: Office,
) -> None:
    holder = await office.enrolled()
    _, stored = await passwords.of_account(office.connection, holder.account)
    results = [
        await passwords.replace(office.connection, holder.account, stored, new)
        for new in ("first", "second")
    ]
    assert results == [True, False]


async def test_the_event_loop_goes_on_while_a_password_is_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", hasher)
    stored = await passwords.hash_password("kucing hitam lari pagi")
    task = asyncio.ensure_future(passwords.verify(stored, "x"))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 5
    assert not task.result()
